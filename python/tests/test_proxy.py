"""The post office, on its own and with bare ZeroMQ peers."""

from __future__ import annotations

import errno
import threading
from contextlib import ExitStack
from typing import Any

import pytest
import support
import zmq
from support import ANYWHERE, PATIENCE, Sockets, eventually

import hermes
from hermes import PostOffice


def through(publisher: Any, subscriber: Any, wire: list[bytes]) -> list[bytes]:
    """Send until it comes out at the other end: a bare PUB knows of no subscription."""

    def came() -> bool:
        publisher.send_multipart(wire)
        return bool(subscriber.poll(20))

    eventually(came)
    got: list[bytes] = subscriber.recv_multipart()
    return got


@pytest.mark.item("postoffice-thread")
def test_it_binds_both_sides_and_stops(sockets: Sockets) -> None:
    office = PostOffice(support.free_address(), support.free_address())
    assert isinstance(office, threading.Thread)
    office.start()
    assert office.is_alive()
    publisher = sockets.make(zmq.PUB, connect=office.xsub_url)
    subscriber = sockets.make(zmq.SUB, connect=office.xpub_url)
    subscriber.subscribe(b"")
    assert through(publisher, subscriber, [b"a", b"b"]) == [b"a", b"b"]
    office.stop(timeout=PATIENCE)
    assert not office.is_alive()
    with pytest.raises(RuntimeError):
        office.start()


@pytest.mark.item("postoffice-thread")
def test_run_can_be_called_in_a_thread_of_ones_own() -> None:
    office = PostOffice(ANYWHERE, ANYWHERE)
    thread = threading.Thread(target=office.run)
    thread.start()
    eventually(lambda: office.stats())
    assert office.wait_ready(PATIENCE)
    office._running.clear()
    thread.join(PATIENCE)
    assert not thread.is_alive()


@pytest.mark.item("postoffice-thread")
def test_a_subclass_may_replace_run_and_bind_by_itself() -> None:
    class Own(PostOffice):
        def run(self) -> None:
            context = zmq.Context()
            side = context.socket(zmq.XPUB)
            side.bind(self.xpub_url)
            self.bound = True
            self.done.wait(PATIENCE)
            side.close()
            context.term()

    office = Own(support.free_address(), support.free_address())
    office.bound, office.done = False, threading.Event()
    office.start()
    eventually(lambda: office.bound)
    office.done.set()
    office.stop()
    assert not office.running


@pytest.mark.item("postoffice-attributes")
def test_its_attributes_are_those_of_1_x() -> None:
    office = PostOffice("tcp://127.0.0.1:1", "tcp://127.0.0.1:2", "tcp://127.0.0.1:3")
    assert office.xsub_url == "tcp://127.0.0.1:1"
    assert office.xpub_url == "tcp://127.0.0.1:2"
    assert office.debug_addr == office._debug_addr == "tcp://127.0.0.1:3"
    assert PostOffice("tcp://127.0.0.1:1", "tcp://127.0.0.1:2").debug_addr is None
    with pytest.raises(AttributeError):
        office.debug_addr = "x"  # type: ignore[misc]


@pytest.mark.item("postoffice-attributes")
def test_running_says_whether_it_does(life: ExitStack) -> None:
    office = PostOffice(ANYWHERE, ANYWHERE)
    assert office.running is False
    life.enter_context(office)
    assert office.running is True
    office.stop()
    assert office.running is False


@pytest.mark.item("postoffice-any-peer")
@pytest.mark.parametrize(
    "wire",
    [
        [b""],
        [b"one"],
        [b"", b"", b""],
        [b"\x00\xff" * 3, b"", b"x" * 100_000],
        [b"f%d" % number for number in range(20)],
    ],
    ids=["empty", "one", "three empty", "binary", "twenty"],
)
def test_frames_pass_untouched(office: PostOffice, sockets: Sockets, wire: list[bytes]) -> None:
    publisher = sockets.make(zmq.PUB, connect=office.xsub_url)
    subscriber = sockets.make(zmq.SUB, connect=office.xpub_url)
    subscriber.subscribe(b"")
    assert through(publisher, subscriber, wire) == wire


@pytest.mark.item("postoffice-any-peer")
@pytest.mark.parametrize("sender", [zmq.PUB, zmq.XPUB])
@pytest.mark.parametrize("taker", [zmq.SUB, zmq.XSUB])
def test_every_kind_of_peer_may_connect(
    office: PostOffice, sockets: Sockets, sender: int, taker: int
) -> None:
    publisher = sockets.make(sender, connect=office.xsub_url)
    subscriber = sockets.make(taker, connect=office.xpub_url)
    if taker == zmq.SUB:
        subscriber.subscribe(b"t")
    else:
        subscriber.send(b"\x01t")
    through(publisher, subscriber, [b"t/first"])
    publisher.send_multipart([b"other"])
    publisher.send_multipart([b"t/x", b"wanted"])
    got = subscriber.recv_multipart()
    while got == [b"t/first"]:
        got = subscriber.recv_multipart()
    assert got == [b"t/x", b"wanted"]


@pytest.mark.item("postoffice-debug")
def test_the_debug_address_has_a_copy_of_everything(life: ExitStack, sockets: Sockets) -> None:
    office = support.start_office(life, debug=True)
    assert office.debug_addr
    watcher = sockets.make(zmq.SUB, connect=office.debug_addr)
    watcher.subscribe(b"")
    publisher, receiver = support.pair(life, office)

    def seen() -> bool:
        publisher.publish(hermes.Envelope("warm", "up", None))
        return bool(watcher.poll(20))

    eventually(seen)
    for number in range(100):
        publisher.publish(hermes.Envelope("t", "o", number))
    copies = []
    while len(copies) < 100:
        wire = watcher.recv_multipart()
        if wire[0] == b'"t"':
            copies.append(int(wire[2]))
    assert copies == list(range(100))
    assert support.take_data(receiver, "t", 100) == list(range(100))


@pytest.mark.item("postoffice-stop")
@pytest.mark.parametrize("debug", [False, True])
def test_it_stops_cleanly(life: ExitStack, debug: bool, caplog: pytest.LogCaptureFixture) -> None:
    office = support.start_office(life, debug)
    failures: list[Any] = []
    before, threading.excepthook = threading.excepthook, failures.append
    try:
        office.stop()
    finally:
        threading.excepthook = before
    assert failures == []
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
    office.stop()


@pytest.mark.item("postoffice-stop")
def test_its_addresses_are_free_again(sockets: Sockets) -> None:
    addresses = support.free_address(), support.free_address()
    for _ in range(10):
        office = PostOffice(*addresses)
        office.start()
        office.stop()
    sockets.make(zmq.PUB, bind=addresses[0])


@pytest.mark.item("postoffice-in-use")
@pytest.mark.parametrize("side", ["in", "out", "debug"])
def test_an_address_in_use_raises_at_the_start(sockets: Sockets, side: str) -> None:
    taken = support.endpoint(sockets.make(zmq.PUB, bind=ANYWHERE))
    addresses = {"in": ANYWHERE, "out": ANYWHERE, "debug": ANYWHERE, side: taken}
    office = PostOffice(*addresses.values())
    with pytest.raises(OSError, match=taken) as caught:
        office.start()
    assert caught.value.errno == errno.EADDRINUSE
    assert isinstance(caught.value, hermes.HermesError)
    assert not office.is_alive()


@pytest.mark.item("postoffice-in-use")
def test_it_may_be_started_again_once_the_address_is_free(sockets: Sockets) -> None:
    blocker = sockets.make(zmq.PUB, bind=ANYWHERE)
    office = PostOffice(support.endpoint(blocker), ANYWHERE)
    with pytest.raises(OSError, match="tcp://"):
        office.start()
    blocker.close()

    def starts() -> bool:
        try:
            office.start()
        except OSError:
            return False
        return True

    eventually(starts)
    assert office.is_alive()
    office.stop()


def test_its_counters_add_up(life: ExitStack, office: PostOffice) -> None:
    publisher, receiver = support.pair(life, office)
    for number in range(50):
        publisher.publish(hermes.Envelope("t", "o", number))
    support.take(receiver, 50)
    eventually(lambda: office.stats()["in_messages"] >= 50)
    counters = office.stats()
    assert (counters["in_messages"], counters["out_messages"]) == (50, 50)
    assert counters["in_bytes"] == counters["out_bytes"] > 50 * 20
    assert counters["dropped"] == 0
    assert PostOffice(ANYWHERE, ANYWHERE).stats() == {}
