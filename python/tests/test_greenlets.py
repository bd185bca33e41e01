"""gevent and eventlet with monkey-patching, where the threads of Python are greenlets."""

from __future__ import annotations

import pytest
import support

PATCHES = {
    "gevent": "from gevent import monkey; monkey.patch_all()",
    "eventlet": """
import warnings
warnings.simplefilter("ignore")
import eventlet; eventlet.monkey_patch()
""",
}

PROGRAM = """
import logging, threading, time
import hermes

logging.disable(logging.CRITICAL)  # of a publisher that cannot connect

def envelopes(*data):
    return [hermes.Envelope("t", "o", value) for value in data]

ticks, done = [], []

def tick():
    while not done:
        ticks.append(1)
        time.sleep(0.01)

def goes_on(call):
    # Whether other greenlets run while this one waits.
    before = len(ticks)
    value = call()
    assert len(ticks) - before >= 3, call
    return value

def publish_later(publisher):
    enough = len(ticks) + 5
    while len(ticks) < enough:
        time.sleep(0.01)
    publisher.publish(*envelopes("later"))

office = hermes.PostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
with office:
    threading.Thread(target=tick).start()
    receiver = hermes.Receiver(office.endpoints["out"], "r")
    publisher = hermes.Publisher(office.endpoints["in"], "p")
    with receiver, publisher:
        receiver.timeout = 600
        assert receiver.wait_ready(20) and publisher.wait_ready(20)
        for envelope in envelopes(*range(500)):
            assert publisher.publish(envelope)
        assert [receiver.recv(True, 20).data for _ in range(500)] == list(range(500))
        assert goes_on(lambda: receiver.recv(True, 0.5)) is None
        assert publisher.publish_many(envelopes(*range(500))) == 500
        got = []
        while len(got) < 500:
            got += receiver.recv_many(100, 20)
        assert [envelope.data for envelope in got] == list(range(500))
        later = threading.Thread(target=publish_later, args=(publisher,))
        assert goes_on(lambda: later.start() or next(iter(receiver))).data == "later"
        later.join()
        receiver.q.put("sentinel")
        assert receiver.q.get() == "sentinel"

full = hermes.Publisher("tcp://127.0.0.1:1", "full", options={
    "queue.messages": 1, "queue.block": "500ms", "linger": "400ms", "ready.hold": "1h"})
full.start()
assert full.publish(*envelopes(1))
assert goes_on(lambda: full.publish(*envelopes(2))) is False
goes_on(full.stop)
done.append(1)
print("done")
"""


@pytest.mark.parametrize("framework", PATCHES)
def test_parts_work_where_threads_are_greenlets(framework: str) -> None:
    done = support.run(PATCHES[framework] + "\n" + PROGRAM, check=False)
    assert (done.stdout, done.stderr) == ("done\n", "")
    assert done.returncode == 0


@pytest.mark.parametrize("framework", PATCHES)
def test_a_program_that_forgets_stop_ends(framework: str) -> None:
    code = """
import hermes
receiver = hermes.Receiver("tcp://127.0.0.1:1", "r")
receiver.start()
print("done")
"""
    assert support.run(PATCHES[framework] + "\n" + code).stdout == "done\n"
