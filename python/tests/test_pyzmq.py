"""pyzmq as the independent peer: in every role, it must notice nothing."""

from __future__ import annotations

import json
import threading
import time
from contextlib import ExitStack
from typing import Any

import pytest
import support
import zmq
from support import ANYWHERE, PATIENCE, Sockets, endpoint, eventually, frames, take, take_data
from test_structs import VECTORS, same

import hermes
from hermes import Envelope, Publisher, Receiver


def test_sub_behind_our_post_office(
    office: hermes.PostOffice, sockets: Sockets, life: ExitStack
) -> None:
    subscriber = sockets.make(zmq.SUB, connect=office.xpub_url)
    subscriber.subscribe(b'"ticks/')
    publisher = life.enter_context(Publisher(office.xsub_url, "mint"))
    assert publisher.wait_ready(PATIENCE)
    for number in range(500):
        publisher.publish(Envelope("ticks/x", "mint", number))
        publisher.publish(Envelope("tocks/x", "mint", number))
    got = [subscriber.recv_multipart() for _ in range(500)]
    assert {len(wire) for wire in got} == {4}
    assert Envelope.load_from_frames(got[7]).data == 7
    assert {(wire[0], wire[1]) for wire in got} == {(b'"ticks/x"', b'"mint"')}
    assert [json.loads(wire[2]) for wire in got] == list(range(500))
    assert all(abs(json.loads(wire[3]) - time.time()) < 600 for wire in got)


def test_pub_into_our_post_office(
    office: hermes.PostOffice, sockets: Sockets, life: ExitStack
) -> None:
    receiver = life.enter_context(Receiver(office.xpub_url, "reader", "ticks/"))
    receiver.timeout = 600
    sender = sockets.make(zmq.PUB, connect=office.xsub_url)

    def arrives() -> Any:
        sender.send_multipart(frames("ticks/warm", "pyzmq", "up"))
        return receiver.recv(True, 0.05)

    eventually(arrives)
    for number in range(500):
        sender.send_multipart(frames("tocks/x", "pyzmq", number))
        sender.send_multipart(frames("ticks/x", "pyzmq", number))
    assert take_data(receiver, "ticks/x", 500) == list(range(500))


@pytest.fixture
def proxy() -> Any:
    """libzmq's own proxy between two bound sockets; their addresses."""
    context = zmq.Context()
    inside, outside = context.socket(zmq.XSUB), context.socket(zmq.XPUB)
    inside.set_hwm(0)
    outside.set_hwm(0)
    inside.bind(ANYWHERE)
    outside.bind(ANYWHERE)
    addresses = endpoint(inside), endpoint(outside)

    def work() -> None:
        try:
            zmq.proxy(inside, outside)
        except zmq.ContextTerminated:
            pass
        finally:
            inside.close(linger=0)
            outside.close(linger=0)

    thread = threading.Thread(target=work)
    thread.start()
    yield addresses
    context.term()
    thread.join(PATIENCE)


def test_libzmqs_proxy_between_our_nodes(proxy: tuple[str, str], life: ExitStack) -> None:
    receiver = life.enter_context(Receiver(proxy[1], "reader", ["ticks/"]))
    receiver.timeout = 600
    publisher = life.enter_context(Publisher(proxy[0], "mint"))
    assert publisher.wait_ready(PATIENCE)
    for number in range(2000):
        publisher.publish(Envelope("tocks/x", "mint", number))
        publisher.publish(Envelope("ticks/x", "mint", [number]))
    assert [envelope.data for envelope in take(receiver, 2000)] == [[n] for n in range(2000)]
    assert publisher.stats()["unwanted"] == 2000
    assert receiver.stats()["lost"] == 0


@pytest.mark.parametrize("kind", [zmq.PUB, zmq.XPUB], ids=["PUB", "XPUB"])
def test_our_receiver_at_a_bound_sender(kind: int, sockets: Sockets, life: ExitStack) -> None:
    sender = sockets.make(kind, bind=ANYWHERE)
    receiver = life.enter_context(Receiver(endpoint(sender), "reader", "t/"))
    receiver.timeout = 600
    if kind == zmq.XPUB:
        assert sender.recv() == b'\x01"t/'

    def arrives() -> Any:
        sender.send_multipart(frames("t/x", "o", "hello"))
        return receiver.recv(True, 0.05)

    assert eventually(arrives).data == "hello"
    receiver.stop()
    if kind == zmq.XPUB:
        assert sender.recv() == b'\x00"t/'


@pytest.mark.parametrize("kind", [zmq.SUB, zmq.XSUB], ids=["SUB", "XSUB"])
def test_our_publisher_at_a_bound_taker(kind: int, sockets: Sockets, life: ExitStack) -> None:
    taker = sockets.make(kind, bind=ANYWHERE)
    publisher = life.enter_context(Publisher(endpoint(taker), "mint"))
    if kind == zmq.SUB:
        taker.subscribe(b'"t/')
    else:
        eventually(lambda: publisher.stats()["peers"])
        taker.send(b'\x01"t/')
    eventually(lambda: taker.poll(5) or publisher.wait_ready(0))
    publisher.publish(Envelope("u/x", "mint", 1))
    publisher.publish(Envelope("t/x", "mint", 2))
    assert taker.recv_multipart()[:3] == [b'"t/x"', b'"mint"', b"2"]


def test_ours_at_both_ends_without_a_post_office(life: ExitStack) -> None:
    address = support.free_address()
    receiver = life.enter_context(Receiver("@" + address, "reader"))
    publisher = life.enter_context(Publisher(address, "mint"))
    publisher.publish(Envelope("t", "mint", 1))
    assert take(receiver, 1)[0].data == 1


def test_over_ipc(tmp_path: Any, life: ExitStack, sockets: Sockets) -> None:
    office = hermes.PostOffice(f"ipc://{tmp_path}/in", f"ipc://{tmp_path}/out")
    life.enter_context(office)
    subscriber = sockets.make(zmq.SUB, connect=office.xpub_url)
    subscriber.subscribe(b"")
    publisher = life.enter_context(Publisher(office.xsub_url, "mint"))
    publisher.publish(Envelope("t", "mint", 1))
    assert subscriber.recv_multipart()[2] == b"1"


def test_load_takes_frames_that_were_not_copied(sockets: Sockets) -> None:
    sender = sockets.make(zmq.PAIR, bind=ANYWHERE)
    taker = sockets.make(zmq.PAIR, connect=endpoint(sender))
    sender.send_multipart(Envelope("t", "o", {"a": 1}).convert_to_frames())
    assert Envelope.load_from_frames(taker.recv_multipart(copy=False)).data == {"a": 1}


# ---- Two libzmqs in one process ------------------------------------------------------

#: Ours through libzmq, and pyzmq with the one that it brings, busy at the same time and with
#: each other; in the end, which files were loaded.
BOTH = """
import json
from concurrent.futures import ThreadPoolExecutor

def ours():
    with hermes.PostOffice(ANYWHERE, ANYWHERE, options=ENGINE) as office:
        receiver = hermes.Receiver(office.endpoints["out"], "r", options=ENGINE)
        receiver.timeout = 600
        publisher = hermes.Publisher(office.endpoints["in"], "p", options=ENGINE)
        foreign = context.socket(zmq.SUB)
        foreign.connect(office.endpoints["out"])
        foreign.subscribe(b"")
        with receiver, publisher:
            assert publisher.wait_ready(60), office.stats()
            while not foreign.poll(20):
                publisher.publish(hermes.Envelope("warm", "p", None))
            for number in range(COUNT):
                assert publisher.publish(hermes.Envelope("t", "p", number))
            got = []
            while len(got) < COUNT:
                envelope = receiver.recv(True, 60)
                assert envelope, [component.stats() for component in (publisher, office, receiver)]
                if envelope.topic == "t":
                    got.append(envelope.data)
            seen = []
            while len(seen) < COUNT:
                assert foreign.poll(60000), office.stats()
                wire = foreign.recv_multipart()
                if wire[0] == b'"t"':
                    seen.append(json.loads(wire[2]))
        foreign.close(linger=0)
        assert got == seen == list(range(COUNT))
    print("ours")

def theirs():
    left, right = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    left.connect("tcp://127.0.0.1:%d" % right.bind_to_random_port("tcp://127.0.0.1"))
    for number in range(COUNT):
        left.send(b"%d" % number)
        assert right.poll(60000)
        assert right.recv() == b"%d" % number
    left.close(linger=0)
    right.close(linger=0)
    print("theirs")

ANYWHERE, ENGINE, COUNT = "tcp://127.0.0.1:*", {"engine": "libzmq"}, 1000
context = zmq.Context()
with ThreadPoolExecutor() as pool:
    for work in [pool.submit(ours), pool.submit(theirs)]:
        work.result()
context.term()
# That of hermes is a file too, or part of libhermes.
loaded = {line.split()[-1] for line in open("/proc/self/maps") if "/libzmq" in line}
assert len([path for path in loaded if "pyzmq.libs" in path]) == 1, loaded
"""


@pytest.mark.libzmq
@pytest.mark.parametrize("first", ["import zmq, hermes", "import hermes, zmq"])
def test_beside_a_pyzmq_with_its_own_libzmq(first: str) -> None:
    load = "" if first.startswith("import zmq") else "import hermes._native as n; n.library()\n"
    printed = support.run(load + first + BOTH).stdout
    assert sorted(printed.split()) == ["ours", "theirs"]


# ---- The golden vectors on a real wire -----------------------------------------------


@pytest.mark.item("wire-vectors")
def test_our_frames_are_the_golden_ones(
    office: hermes.PostOffice, sockets: Sockets, life: ExitStack
) -> None:
    subscriber = sockets.make(zmq.SUB, connect=office.xpub_url)
    subscriber.subscribe(b"")
    publisher = life.enter_context(Publisher(office.xsub_url, "mint"))
    assert publisher.wait_ready(PATIENCE)
    envelopes = [
        Envelope(vector["topic"], vector["origin"], json.loads(vector["data_json"]))
        for vector in VECTORS
    ]
    for envelope in envelopes:
        publisher.publish(envelope)
    publisher.publish_many(envelopes)
    for vector in VECTORS * 2:
        wire = subscriber.recv_multipart()
        golden = [bytes.fromhex(frame) for frame in vector["frames_hex"]]
        assert wire[:2] == golden[:2], vector["name"]
        assert same(json.loads(wire[2]), json.loads(golden[2])), vector["name"]


@pytest.mark.item("wire-vectors")
def test_the_golden_frames_are_received(sockets: Sockets, life: ExitStack) -> None:
    sender = sockets.make(zmq.XPUB, bind=ANYWHERE)
    receiver = life.enter_context(Receiver(endpoint(sender), "reader"))
    receiver.timeout = float("inf")
    sender.recv()
    for vector in VECTORS:
        sender.send_multipart([bytes.fromhex(frame) for frame in vector["frames_hex"]])
    for vector, envelope in zip(VECTORS, take(receiver, len(VECTORS))):
        assert (envelope.topic, envelope.origin) == (vector["topic"], vector["origin"])
        assert same(envelope.data, json.loads(vector["data_json"])), vector["name"]
        assert envelope.ts == vector["ts"]
    assert receiver.stats()["dropped_malformed"] == 0
