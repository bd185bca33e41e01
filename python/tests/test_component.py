"""How components of 1.x programs end: by a run that returns, at exit with their own queue."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
import support

from hermes import Envelope, PostOffice, Publisher, Receiver, _zmq_context


def test_a_run_that_returns_ends_what_waits() -> None:
    class Brief(Receiver):
        def run(self) -> None:
            self.q.put(1)

    brief = Brief(support.free_address(), "brief")
    brief.start()
    assert [brief.recv(True, support.PATIENCE) for _ in range(2)] == [1, None]
    assert list(brief) == []
    brief.stop()


def test_a_subclass_may_use_the_name_fileno() -> None:
    class Own(Receiver):
        def __init__(self, address: str) -> None:
            super().__init__(address, "own")
            self.fileno: Any = 7

    own = Own(support.free_address())
    own.start()
    assert own.sock.fileno() > 2
    own.stop()


FORGETFUL = """
import queue, sys
import hermes

publisher = hermes.Publisher(sys.argv[1], "p", options={"ready.hold": "1h", "linger": "1m"})
publisher.q = queue.Queue()
publisher.start()
assert publisher.wait_ready(60)
for number in range(20000):
    publisher.publish(hermes.Envelope("t", "o", number))
"""


def test_what_is_in_a_queue_of_ones_own_is_sent_at_exit(office: PostOffice) -> None:
    receiver = Receiver(office.xpub_url, "r", on_slow="ignore")
    with receiver:
        assert receiver.wait_ready(support.PATIENCE)
        support.run(FORGETFUL, office.xsub_url)
        last = None
        while last is None or last.data != 19999:
            last = receiver.recv(True, support.PATIENCE)
            assert last is not None


LINGERING = """
import sys
import hermes

publisher = hermes.Publisher(sys.argv[1], "p", options={"ready.hold": "1h", "linger": "1m"})
publisher.start()
publisher.publish(hermes.Envelope("t", "o", 1))
print("ends", flush=True)
"""


@pytest.mark.parametrize("how", ["", "publisher.stop()"], ids=["exit", "stop"])
def test_the_option_linger_is_how_long_the_end_may_take(how: str) -> None:
    address = support.free_address()
    words = [sys.executable, "-c", LINGERING + how, address]
    with subprocess.Popen(
        words, env=support.environment(), stdout=subprocess.PIPE, text=True
    ) as sender:
        assert sender.stdout is not None
        assert sender.stdout.readline() == "ends\n"
        time.sleep(1.5)  # longer than the default of linger
        with Receiver("@" + address, "r", on_slow="ignore") as receiver:
            envelope = receiver.recv(True, support.PATIENCE)
            assert envelope is not None
            assert envelope.data == 1
        assert sender.wait(support.PATIENCE) == 0


def test_what_is_left_in_a_queue_of_ones_own_is_told(caplog: pytest.LogCaptureFixture) -> None:
    options: Any = {"queue.messages": 2, "queue.block": "0", "ready.hold": "1h", "linger": "0"}
    publisher = Publisher(support.free_address(), "p", options=options)
    publisher.q = queue.Queue()
    publisher.start()
    for number in range(10):
        publisher.q.put(Envelope("t", "o", number))
    support.eventually(lambda: publisher.stats()["queued"] == 2 and publisher.q.qsize() == 7)
    publisher.stop()
    publisher.stop()
    told = [text for text in caplog.messages if "in its own queue" in text]
    assert len(told) == 1
    assert "8 envelopes" in told[0]


def test_a_queue_of_ones_own_waits_for_room() -> None:
    address = support.free_address()
    options: Any = {"queue.messages": 10, "queue.block": "10ms", "ready.hold": "1h"}
    publisher = Publisher(address, "p", options=options)
    publisher.q = queue.Queue()
    publisher.start()
    for number in range(1000):
        publisher.q.put(Envelope("t", "o", number))
    with Receiver("@" + address, "r", on_slow="ignore") as receiver:
        for number in range(1000):
            envelope = receiver.recv(True, support.PATIENCE)
            assert envelope is not None
            assert envelope.data == number
    publisher.stop()


def test_a_lock_that_another_thread_held_is_free_in_a_child() -> None:
    holding, done = threading.Event(), threading.Event()

    def hold() -> None:
        with _zmq_context._making:
            holding.set()
            done.wait(support.PATIENCE)

    thread = threading.Thread(target=hold)
    thread.start()
    holding.wait()
    child = os.fork()
    if child == 0:
        os._exit(0 if _zmq_context._making.acquire(timeout=support.PATIENCE) else 1)
    done.set()
    thread.join()
    end = time.monotonic() + support.PATIENCE
    status = (0, 0)
    while status[0] == 0 and time.monotonic() < end:
        status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.01)
    assert status == (child, 0)
