"""Leaving: a forgotten stop(), what is flushed on the way out, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import Any

import pytest
import support
import zmq
from support import PATIENCE, Sockets, eventually

import hermes

FORGETFUL = """
import sys, threading
import hermes

office = hermes.PostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
office.daemon = True
office.start()
receiver = hermes.Receiver(office.endpoints["out"], "r")
receiver.start()
publisher = hermes.Publisher(office.endpoints["in"], "p")
publisher.start()
node = hermes.Node("n", receiver, publisher)
node._running = True
threading.Thread(target=node.run, daemon=True).start()
publisher.publish(hermes.Envelope("t", "o", 1))
print("leaving")
"""


@pytest.mark.item("publisher-forgotten")
@pytest.mark.parametrize(
    ("last", "code"), [("", 0), ("sys.exit(3)", 3), ("raise SystemExit", 0), ("1/0", 1)]
)
def test_a_process_that_forgets_stop_exits(last: str, code: int) -> None:
    done = support.run(FORGETFUL + last, check=False)
    assert (done.stdout, done.returncode) == ("leaving\n", code)
    if code == 0:
        assert done.stderr == ""


@pytest.mark.item("publisher-forgotten")
def test_a_process_whose_post_office_is_down_exits() -> None:
    code = """
import hermes, sys, time
publishers = [hermes.Publisher(sys.argv[1], f"p{n}") for n in range(5)]
for publisher in publishers:
    publisher.start()
    publisher.publish(hermes.Envelope("t", "o", 1))
"""
    begin = time.monotonic()
    support.run(code, support.free_address())
    assert time.monotonic() - begin < PATIENCE


def test_what_was_published_is_sent_on_the_way_out(office: hermes.PostOffice) -> None:
    code = """
import hermes, sys
publisher = hermes.Publisher(sys.argv[1], "p")
publisher.start()
assert publisher.publish_many(hermes.Envelope("t", "o", n) for n in range(20_000)) == 20_000
"""
    with hermes.Receiver(office.xpub_url, "reader") as receiver:
        receiver.timeout = 600
        assert receiver.wait_ready(PATIENCE)
        support.run(code, office.xsub_url)
        got = [envelope.data for envelope in support.take(receiver, 20_000)]
    assert got == list(range(20_000))


def test_a_post_office_passes_on_what_it_has_before_it_goes(sockets: Sockets) -> None:
    taker = sockets.make(zmq.SUB, bind=support.ANYWHERE)
    taker.subscribe(b"")
    code = """
import hermes, sys
office = hermes.PostOffice("tcp://127.0.0.1:*", ">" + sys.argv[1])
office.daemon = True
office.start()
publisher = hermes.Publisher(office.endpoints["in"], "p")
publisher.start()
for number in range(100):
    assert publisher.publish(hermes.Envelope("t", "o", number))
print("done", flush=True)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code, support.endpoint(taker)],
        env=support.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    got = [int(taker.recv_multipart()[2]) for _ in range(100)]
    assert got == list(range(100))
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0


@pytest.mark.parametrize("level", ["CRITICAL", "DEBUG"])
def test_exits_racing_with_traffic_are_clean(office: hermes.PostOffice, level: str) -> None:
    code = """
import hermes, logging, sys
logging.basicConfig(level=sys.argv[4])
receiver = hermes.Receiver(sys.argv[2], "r")
receiver.start()
publisher = hermes.Publisher(sys.argv[1], "p")
publisher.start()
publisher.publish_many(hermes.Envelope("t", "o", n) for n in range(int(sys.argv[3])))
receiver.recv()
"""
    addresses = office.xsub_url, office.xpub_url
    for count in range(0, 2000, 200):
        done = support.run(code, *addresses, str(count), level, check=False)
        assert done.returncode == 0
        assert "Fatal" not in done.stderr
        assert "Traceback" not in done.stderr
        assert level == "DEBUG" or done.stderr == ""


# ---- Ctrl-C --------------------------------------------------------------------------

WAITS = {
    "publish on a full queue": "while True: full.publish(envelope)",
    "publish_many on a full queue": "while True: full.publish_many([envelope] * 9)",
    "q.put on a full queue": """
while True:
    try:
        full.q.put(envelope)
    except queue.Full:
        pass
""",
    "publish what only text can say": "envelope.data = 1 << 99; full.publish_many([envelope] * 9)",
    "recv": "receiver.recv(block=True)",
    "recv with a timeout": "receiver.recv(True, 1000)",
    "recv_many": "receiver.recv_many(10, None)",
    "iteration": "next(iter(receiver))",
    "q.get": "receiver.q.get()",
    "wait_ready": "publisher.wait_ready()",
    "stop": "publisher.publish(hermes.Envelope('t', 'o', 1)); publisher.stop(1000)",
    "office.join": "office.join()",
    "node.run": "node.run()",
    "recv before the start": "hermes.Receiver('tcp://127.0.0.1:1', 'x').recv(block=True)",
    "behind another thread": """
import threading
threading.Thread(target=receiver.recv, args=(True,), daemon=True).start()
time.sleep(0.3)
receiver.recv(block=True)
""",
}

WAITING = """
import logging
import queue
import time
import hermes

logging.getLogger("hermes").setLevel("ERROR")  # that nothing listens there is meant
office = hermes.PostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
office.daemon = True
office.start()
receiver = hermes.Receiver(office.endpoints["out"], "r", "nothing")
publisher = hermes.Publisher(
    "tcp://127.0.0.1:1", "p", options={"ready.hold": "1h", "linger": "1ms"}
)
node = hermes.Node("n", receiver, publisher)
node.start()
full = hermes.Publisher("tcp://127.0.0.1:1", "full", options={
    "ready.hold": "1h", "linger": "1ms", "queue.messages": 3, "queue.block": "1h"})
full.start()
envelope = hermes.Envelope("t", "o", "x" * 1000)
print("waiting", flush=True)
try:
    %s
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.item("node-run", "receiver-block")
@pytest.mark.parametrize("wait", WAITS)
def test_ctrl_c_interrupts_every_wait(wait: str) -> None:
    code = WAITING % WAITS[wait].strip().replace("\n", "\n    ")
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=support.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        assert process.stdout.readline() == "waiting\n"
        time.sleep(0.6)  # so that it does wait
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        output, complaint = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert (output, complaint, process.returncode) == ("interrupted\n", "", 0)


STAYING = """
import logging, os, signal, sys, threading, time
import hermes

office = hermes.PostOffice("tcp://127.0.0.1:*", ">" + sys.argv[1])
office.start()
publisher = hermes.Publisher(office.endpoints["in"], "p")
publisher.start()
%s
for number in range(100):
    assert publisher.publish(hermes.Envelope("t", "o", number))
print("ready", flush=True)
%s
"""


@pytest.mark.item("postoffice-stays")
@pytest.mark.parametrize(
    ("last", "code", "tells"),
    [("", 0, False), ("time.sleep(1000)", -signal.SIGINT, True), ("sys.exit(3)", 3, False)],
)
def test_a_post_office_stays_until_one_ctrl_c_and_flushes(
    sockets: Sockets, last: str, code: int, tells: bool
) -> None:
    taker = sockets.make(zmq.SUB, bind=support.ANYWHERE)
    taker.subscribe(b"")
    with subprocess.Popen(
        [sys.executable, "-c", STAYING % ("", last), support.endpoint(taker)],
        env=support.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            assert [int(taker.recv_multipart()[2]) for _ in range(100)] == list(range(100))
            time.sleep(0.5)  # time in which it must not end
            assert process.poll() is None
            process.send_signal(signal.SIGINT)
            _, complaint = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert process.returncode == code
    assert "hermes" not in complaint.replace("KeyboardInterrupt", "")
    assert bool(complaint) == tells  # only the traceback of the main program


@pytest.mark.item("postoffice-stays")
@pytest.mark.parametrize("before", [True, False])
def test_ctrl_c_at_a_prompt_does_not_end_a_post_office(before: bool) -> None:
    start = "import hermes; o = hermes.PostOffice('tcp://127.0.0.1:*', 'tcp://127.0.0.1:*')"
    script = f"{start}\no.start()\n" + ("raise KeyboardInterrupt" if before else "")
    typed = "" if before else "raise KeyboardInterrupt\n"
    with subprocess.Popen(
        [sys.executable, "-q", "-i", "-c", script],
        env=support.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdin
            assert process.stdout
            process.stdin.write(typed + "print(o.is_alive())\n")
            process.stdin.close()
            assert process.stdout.readline() == "True\n"
            time.sleep(0.5)  # time in which it must not end
            assert process.poll() is None
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)
            assert "hermes" not in process.stderr.read()  # type: ignore[union-attr]
        finally:
            process.kill()


@pytest.mark.item("postoffice-stays")
def test_a_component_with_a_run_of_its_own_keeps_the_process_alive() -> None:
    code = """
import hermes, os, time

class Own(hermes.Receiver):
    def run(self):
        time.sleep(0.5)
        os.write(1, b"ended\\n")  # at once, as two may do it

one, two = Own("tcp://127.0.0.1:1", "r"), hermes.Receiver("tcp://127.0.0.1:1", "r")
two.run = one.run
assert not one.daemon
one.start()
two.start()
assert not two.daemon
"""
    assert support.run(code).stdout == "ended\n" * 2


HOOKED = """
import logging, sys, warnings
import hermes

logging.disable(logging.CRITICAL)  # of components that cannot connect

receiver = hermes.Receiver("tcp://127.0.0.1:1", "r")
receiver.start()
publisher = hermes.Publisher("tcp://127.0.0.1:1", "p", options={"linger": "1ms"})
publisher.start()
publisher.publish(hermes.Envelope("t", "o", 1))
receiver.recv()

cores = receiver._hermes_core, publisher._hermes_core

def hook(*arguments, kept=(receiver, publisher, *cores)):
    sys.__excepthook__(*arguments)

sys.excepthook = sys.unraisablehook = warnings.showwarning = hook
sys.keep = hook
"""


def test_objects_that_outlive_the_modules_say_nothing_at_exit() -> None:
    assert support.run(HOOKED).stderr == ""


def test_a_native_object_is_deleted_without_the_names_of_its_module() -> None:
    code = """
import logging
import hermes
from hermes import _native
logging.disable(logging.CRITICAL)  # of a receiver that cannot connect
receiver = hermes.Receiver("tcp://127.0.0.1:1", "r")
receiver.start()
receiver.stop()
core, library = receiver._hermes_core, _native.library()
handle = core._handle
del receiver
for module in (_native, _native.abi, _native.handles, _native.load, _native.wait):
    for name in list(vars(module)):
        if not name.startswith("__"):
            setattr(module, name, None)
del core
assert library.hermes_stop(handle, 0) == -2
"""
    assert support.run(code).stderr == ""


def test_signals_are_left_to_pythons_threads() -> None:
    code = """
import os, signal, threading
import hermes
mine = {thread.native_id for thread in threading.enumerate()}
blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
office = hermes.PostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
office.daemon = True
office.start()
assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == blocked
mine.add(office.native_id)
others = 0
for task in os.listdir("/proc/self/task"):
    if int(task) not in mine:
        others += 1
        for line in open("/proc/self/task/%s/status" % task):
            if line.startswith("SigBlk"):
                assert int(line.split()[1], 16) & 1 << signal.SIGINT - 1, task
assert others >= 3
"""
    support.run(code)


# ---- What running leaves behind ------------------------------------------------------


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def threads() -> int:
    """Threads of the whole process, the library's own among them."""
    return len(os.listdir("/proc/self/task"))


def cycle() -> None:
    with ExitStack() as life:
        own = support.start_office(life)
        publisher, receiver = support.pair(life, own)
        publisher.publish(hermes.Envelope("t", "o", 1))
        assert support.take(receiver, 1)[0].data == 1


def test_200_cycles_leave_nothing_behind() -> None:
    for _ in range(10):
        cycle()
    before = descriptors(), threads()
    for _ in range(200):
        cycle()

    def settled() -> bool:
        # The Go runtime keeps its threads, and a busy machine makes it start a few more.
        return descriptors() <= before[0] and threads() <= before[1] + 20

    eventually(settled, f"before: {before}, now: {descriptors(), threads()}")


def test_what_nobody_refers_to_is_closed() -> None:
    from hermes import _native

    library = _native.library()
    publisher: Any = hermes.Publisher(support.free_address(), "p")
    receiver: Any = hermes.Receiver(support.free_address(), "r")
    office: Any = hermes.PostOffice(support.ANYWHERE, support.ANYWHERE)
    handles = []
    for component in (publisher, receiver, office):
        component.start()
        handles.append(component._hermes_core._handle)
        component.stop(0.1)
    assert [library.hermes_stop(handle, 0) for handle in handles] == [0, 0, 0]
    del component, publisher, receiver, office
    assert [library.hermes_stop(handle, 0) for handle in handles] == [-2, -2, -2]


# ---- Idleness ------------------------------------------------------------------------

IDLE = """
import resource, threading, time
import hermes

office = hermes.PostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
office.daemon = True
office.start()
node = hermes.Node(
    "n",
    hermes.Receiver(office.endpoints["out"], "n", "in/"),
    hermes.Publisher(office.endpoints["in"], "n"),
)
with node:
    assert node.receiver.wait_ready(20)
    threading.Thread(target=node.run, daemon=True).start()
    time.sleep(1)
    waits = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
    begin = time.process_time()
    time.sleep(4)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - waits, time.process_time() - begin)
"""


@pytest.mark.item("publisher-idle", "node-idle")
def test_idle_programs_sleep() -> None:
    waits, seconds = support.run(IDLE).stdout.split()
    assert int(waits) < 4 * 50  # of all threads together
    assert float(seconds) < 4 * 0.1  # 4 * 0.002, where nothing else runs
