"""fork: a child works with a library of its own, and what it inherited stays the parent's."""

from __future__ import annotations

import pytest
import support
from support import take

import hermes

# Every program makes its children at once and waits for each with a deadline; a child
# that fails says so by its exit code.
COMMON = """
import os, signal, sys, threading, time
import hermes
from hermes import Envelope, HermesError, Publisher, Receiver, PostOffice, Node

def office():
    made = PostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
    made.start()
    return made

def round_trip(made, count=50):
    "Through an office in either process, with a publisher and a receiver of this one."
    receiver = Receiver(made["out"], "r", "%d" % os.getpid())
    receiver.timeout = 600
    publisher = Publisher(made["in"], "p")
    with receiver, publisher:
        end = time.monotonic() + 20
        while receiver.recv(True, 0.05) is None:   # the office has yet to hear of us
            assert time.monotonic() < end, "nothing arrives"
            publisher.publish(Envelope("%d" % os.getpid(), "o", -1))
        for number in range(count):
            assert publisher.publish(Envelope("%d" % os.getpid(), "o", number))
        got = []
        while len(got) < count:
            envelope = receiver.recv(True, 20)
            assert envelope is not None, got
            if envelope.data >= 0:
                got.append(envelope.data)
        assert got == list(range(count)), got

def child(work, *arguments):
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work(*arguments)
        code = 0
    except BaseException:
        import traceback
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)

def join(pid):
    end = time.monotonic() + 40
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            assert status == 0, "child ended with %r" % status
            return
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise AssertionError("the child hung")
"""


def run(code: str) -> None:
    # Python itself warns of fork in a process with threads, from 3.12 on.
    environment = support.environment(PYTHONWARNINGS="ignore::DeprecationWarning")
    done = support.run(COMMON + code, check=False, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_child_forked_before_the_first_use_just_works() -> None:
    run("""
def alone():
    made = office()
    round_trip(made.endpoints)
    made.stop()
    assert "memfd" not in open("/proc/self/maps").read()

for pid in [child(alone) for _ in range(3)]:
    join(pid)
alone()
""")


def test_a_child_forked_after_the_first_use_works_as_well() -> None:
    run("""
made = office()
round_trip(made.endpoints)
where = made.endpoints

def work():
    round_trip(where)             # with the parent's office
    own = office()                # and with one of its own
    round_trip(own.endpoints)
    own.stop()
    assert "memfd" in open("/proc/self/maps").read()

for _ in range(5):
    join(child(work))
    round_trip(where)
made.stop()
""")


def test_a_grandchild_works_as_well() -> None:
    run("""
made = office()
where = made.endpoints

def grandchild():
    round_trip(where)

def work():
    join(child(grandchild))       # a child that has not used the library
    round_trip(where)
    join(child(grandchild))       # and one that has
    round_trip(where)

join(child(work))
round_trip(where)
made.stop()
""")


def test_what_a_child_inherits_says_that_it_is_the_parents() -> None:
    run("""
made = office()
where = made.endpoints
receiver = Receiver(where["out"], "r")
publisher = Publisher(where["in"], "p")
node = Node("n", receiver, publisher)
node.start()
receiver.timeout = 600
assert publisher.wait_ready(20)
for number in range(20):
    publisher.publish(Envelope("t", "o", number))
while receiver.stats()["arrived"] < 20:
    time.sleep(0.01)
assert receiver.recv().data == 0   # the others have been fetched ahead

def refused(call, *arguments):
    try:
        result = call(*arguments)
    except HermesError as error:
        assert isinstance(error, RuntimeError)
        assert "forked" in str(error), error
    else:
        raise AssertionError("%r gave %r" % (call, result))

def work():
    for component in (receiver, publisher, made):
        assert not component.is_alive()
        assert not component._running.is_set()
        refused(component.start)
        refused(component.stats)
        refused(component.stop)
        refused(component.wait_ready, 0)
        refused(component.get_option, "state")
    refused(receiver.recv)
    refused(receiver.recv, True, 5)
    refused(receiver.recv_many)
    refused(list, receiver)
    refused(receiver.q.get)
    refused(receiver.subscribe, "x")
    refused(publisher.publish, Envelope("t", "o", "from the child"))
    refused(publisher.publish_many, [Envelope("t", "o", "from the child")])
    refused(node.recv)
    refused(node.publish, "c", 1)
    round_trip(where)

join(child(work))
assert [receiver.recv(True, 20).data for _ in range(19)] == list(range(1, 20))
publisher.publish(Envelope("t", "o", "last"))
while True:
    envelope = receiver.recv(True, 20)
    if envelope.topic == "t":
        break
assert envelope.data == "last"
node.stop()
made.stop()
""")


def test_what_was_not_started_can_be_started_in_the_child() -> None:
    run("""
made = office()
receiver = Receiver(made.endpoints["out"], "r")
publisher = Publisher(made.endpoints["in"], "p")

def work():
    with receiver, publisher:
        publisher.publish(Envelope("t", "o", 1))
        assert receiver.recv(True, 20).data == 1

join(child(work))
work()
made.stop()
""")


def test_a_fork_while_another_thread_fetches() -> None:
    """What it was fetching may be freed memory by the time of the fork."""
    run("""
made = office()
receiver = Receiver(made.endpoints["out"], "r")
receiver.start()
fetched = receiver._hermes_core.new_fetch(None)
receiver._hermes_received._last_fetch = fetched
fetched._text.value = 1   # as if in the midst of it

def work():
    try:
        receiver.recv()
    except HermesError as error:
        assert "forked" in str(error), error
    else:
        raise AssertionError("something was received")

join(child(work))
fetched.forget()
receiver.stop()
made.stop()
""")


def test_an_inherited_receiver_with_a_real_queue_says_that_it_is_the_parents() -> None:
    run("""
made = office()
receiver = Receiver(made.endpoints["out"], "r", exchanges=["a"])
receiver.start()
receiver.q.queue

def work():
    for take in (receiver.recv, lambda: receiver.recv(True), receiver.q.get):
        try:
            take()
        except HermesError as error:
            assert "forked" in str(error), error
        else:
            raise AssertionError("something was received")

join(child(work))
receiver.stop()
made.stop()
""")


def test_a_fork_while_other_threads_use_the_library() -> None:
    run("""
made = office()
where = made.endpoints
receiver = Receiver(where["out"], "r", "busy")
publisher = Publisher(where["in"], "p")
receiver.timeout = 600
receiver.start()
publisher.start()
threading.Thread(target=lambda: list(receiver), daemon=True).start()
over = threading.Event()

def busy():
    while not over.is_set():
        publisher.publish(Envelope("busy", "o", 1))
        receiver.recv()
        time.sleep(0.0001)

busybody = threading.Thread(target=busy, daemon=True)
busybody.start()

def work():
    try:
        receiver.recv(True, 1)
    except HermesError:
        pass
    round_trip(where)

for _ in range(10):
    join(child(work))
over.set()
busybody.join()
publisher.stop()
receiver.stop()
made.stop()
""")


def test_a_child_that_ends_as_python_does_flushes() -> None:
    run("""
made = office()
where = made.endpoints
receiver = Receiver(where["out"], "r")
receiver.timeout = 600
receiver.start()
assert receiver.wait_ready(20)
pid = os.fork()
if pid == 0:
    publisher = Publisher(where["in"], "p")
    publisher.start()
    publisher.publish_many(Envelope("t", "o", number) for number in range(1000))
    sys.exit(0)
assert [receiver.recv(True, 20).data for _ in range(1000)] == list(range(1000))
join(pid)
receiver.stop()
made.stop()
""")


# ---- multiprocessing -----------------------------------------------------------------


def publish(address: str, topic: str, count: int) -> None:
    """Runs in a child, which ends without stopping its publisher."""
    publisher = hermes.Publisher(address, topic)
    publisher.start()
    assert publisher.wait_ready(support.PATIENCE)
    assert (
        publisher.publish_many(hermes.Envelope(topic, topic, number) for number in range(count))
        == count
    )


@pytest.mark.parametrize("used_before", [True, False])
@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_multiprocessing(office: hermes.PostOffice, method: str, used_before: bool) -> None:
    code = """
import multiprocessing, sys, warnings
sys.path.insert(0, sys.argv[1])
import hermes, support, test_fork

def main(method, used_before, inside, outside):
    warnings.simplefilter("ignore")  # Python's own about fork and threads
    context = multiprocessing.get_context(method)
    arguments = [(inside, "child/%d" % number, 1000) for number in range(3)]
    children = [context.Process(target=test_fork.publish, args=a) for a in arguments]
    if not used_before:
        for child in children:
            child.start()
    own = hermes.PostOffice(support.ANYWHERE, support.ANYWHERE)
    with own, hermes.Receiver(outside, "r", "child/") as receiver:
        receiver.timeout = 600
        assert receiver.wait_ready(support.PATIENCE)
        if used_before:
            for child in children:
                child.start()
        got = {}
        for _ in range(3000):
            envelope = receiver.recv(True, support.PATIENCE)
            assert envelope is not None, {k: len(v) for k, v in got.items()}
            got.setdefault(envelope.topic, []).append(envelope.data)
        assert got == {"child/%d" % number: list(range(1000)) for number in range(3)}
        for child in children:
            child.join(support.PATIENCE)
            assert child.exitcode == 0, child.exitcode

if __name__ == "__main__":
    main(sys.argv[2], sys.argv[3] == "True", *sys.argv[4:])
"""
    # The post office that they meet at is in neither of them, so that it is there in time.
    where = office.xsub_url, office.xpub_url
    done = support.run(code, str(support.HERE), method, str(used_before), *where, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_inherited_pair_in_a_pool(office: hermes.PostOffice) -> None:
    """A library that was used, then a pool of forked workers that each publish."""
    code = """
import multiprocessing, sys, warnings
sys.path.insert(0, sys.argv[1])
import hermes, support, test_fork
warnings.simplefilter("ignore")
at = hermes.PostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
at.daemon = True
at.start()
with multiprocessing.get_context("fork").Pool(2) as pool:
    pool.starmap(test_fork.publish, [(sys.argv[2], "pool", 1)] * 6)
    pool.close()
    pool.join()
"""
    with hermes.Receiver(office.xpub_url, "r", "pool") as receiver:
        receiver.timeout = 600
        assert receiver.wait_ready(support.PATIENCE)
        done = support.run(code, str(support.HERE), office.xsub_url, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert [envelope.data for envelope in take(receiver, 6)] == [0] * 6


def test_a_child_may_leave_the_block_that_it_was_forked_in() -> None:
    run("""
at = PostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
at.start()
node = Node("n", Receiver(at.endpoints["out"], "r"), Publisher(at.endpoints["in"], "p"))
with Receiver(at.endpoints["out"], "other") as other, node:
    if os.fork() == 0:
        sys.exit(7)
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 7
    assert node.publisher.wait_ready(20)
    assert node.publisher.publish(Envelope("t", "p", 1))
    assert other.recv(True, 20).data == 1
at.stop()
""")


@pytest.mark.parametrize("engine", support.ENGINES)
def test_a_child_that_lives_on_keeps_no_address_in_use(engine: str) -> None:
    run(f"""
os.environ["HERMES_ENGINE"] = "{engine}"
made = office()
where = made.endpoints
round_trip(where)
reading, writing = os.pipe()
waiting, telling = os.pipe()
pid = os.fork()
if pid == 0:
    os.close(writing)
    os.write(telling, b"x")
    os.read(reading, 1)                # until the parent is done
    os._exit(0)
os.read(waiting, 1)
made.stop()
again = PostOffice(where["in"], where["out"])
again.start()                          # though the child has been there all the time
round_trip(where)
again.stop()
assert os.waitpid(pid, os.WNOHANG) == (0, 0)
os.close(writing)
join(pid)
""")


def test_a_child_has_no_descriptors_of_the_parents_library() -> None:
    run("""
def sockets():
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            what = os.readlink("/proc/self/fd/" + name)
        except FileNotFoundError:       # that of the directory itself
            continue
        if what.startswith("socket:"):
            found.add(what)
    return found

made = office()
where = made.endpoints
receiver = Receiver(where["out"], "r", "t")
publisher = Publisher(where["in"], "p")
with receiver, publisher:
    publisher.wait_ready(20)
    receiver.fileno()
    assert sockets()

    def work():
        assert not sockets(), sockets()
        round_trip(where)               # with a library of its own
        join(child(lambda: exit(bool(sockets()))))

    def exit(code):
        assert not code

    join(child(work))
    publisher.publish(Envelope("t", "o", 1))
    assert receiver.recv(True, 20).data == 1
made.stop()
""")


def test_siblings_number_their_envelopes_apart(office: hermes.PostOffice) -> None:
    # The kernel gave them the same random bytes, so all of one topic and origin tells them apart.
    code = """
import os, sys
sys.path.insert(0, sys.argv[1])
import hermes, support

inside, outside = sys.argv[2:]
with hermes.Receiver(outside, "r", "same") as receiver:
    receiver.timeout = 600
    assert receiver.wait_ready(support.PATIENCE)
    for _ in range(3):
        child = os.fork()
        if not child:
            publisher = hermes.Publisher(inside, "same")
            publisher.start()
            assert publisher.wait_ready(support.PATIENCE)
            publisher.publish_many(hermes.Envelope("same", "same", n) for n in range(100))
            publisher.stop()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    got = [receiver.recv(True, support.PATIENCE).data for _ in range(300)]
    assert got == 3 * list(range(100)), got
    assert receiver.stats()["duplicates"] == 0, receiver.stats()
"""
    support.run(code, str(support.HERE), office.xsub_url, office.xpub_url)
