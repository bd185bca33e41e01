"""The publisher, with a post office and receivers or with a bare ZeroMQ peer."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from contextlib import ExitStack
from typing import Any

import pytest
import support
import zmq
from support import PATIENCE, Sockets, take

import hermes
from hermes import Envelope, Message, Publisher


@pytest.fixture
def peer(sockets: Sockets) -> Any:
    """A bound SUB socket that follows everything: what a publisher may connect to."""
    bound = sockets.make(zmq.SUB, bind=support.ANYWHERE)
    bound.subscribe(b"")
    return bound


@pytest.fixture
def publisher(life: ExitStack, peer: Any) -> Publisher:
    made = life.enter_context(Publisher(support.endpoint(peer), "mint"))
    # A socket of libzmq subscribes when its owner next calls into it.
    support.eventually(lambda: peer.poll(5) or made.wait_ready(0))
    return made


@pytest.mark.item("publisher-connects")
def test_it_connects_to_the_address_given(publisher: Publisher, peer: Any) -> None:
    publisher.publish(Envelope("a/b", "mint", [1, 2]))
    got = peer.recv_multipart()
    assert got[:3] == [b'"a/b"', b'"mint"', b"[1, 2]"]
    assert abs(json.loads(got[3]) - time.time()) < 60


@pytest.mark.item("publisher-publish")
def test_publish_is_false_before_the_start_and_after_the_stop(
    office: hermes.PostOffice,
) -> None:
    publisher = Publisher(office.xsub_url, "mint")
    assert publisher.publish(Envelope("t", "o", 1)) is False
    publisher.start()
    assert publisher.publish(Envelope("t", "o", 1)) is True
    publisher.stop(0.1)
    assert publisher.publish(Envelope("t", "o", 1)) is False


@pytest.mark.item("publisher-publish")
def test_many_threads_may_publish_at_once(publisher: Publisher, peer: Any) -> None:
    def work(number: int) -> None:
        for count in range(200):
            assert publisher.publish(Envelope(f"t/{number}", "o", count)) is True

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    got: dict[bytes, list[int]] = {}
    for _ in range(800):
        topic, _origin, data, _ts = peer.recv_multipart()
        got.setdefault(topic, []).append(int(data))
    for thread in threads:
        thread.join()
    assert got == {b'"t/%d"' % number: list(range(200)) for number in range(4)}


@pytest.mark.item("publisher-publish")
def test_publish_stamps_the_envelope(publisher: Publisher) -> None:
    envelope = Envelope("t", "o", 1, 5.0)
    before = time.time()
    publisher.publish(envelope)
    assert before <= envelope.ts <= time.time()


@pytest.mark.item("publisher-life")
def test_its_attributes_are_those_of_1_x(publisher: Publisher, peer: Any) -> None:
    assert publisher.pub_addr == support.endpoint(peer)
    assert publisher.name == "mint"
    assert publisher.sock
    assert isinstance(publisher.ctx, zmq.Context)
    assert isinstance(publisher._running, threading.Event)
    assert publisher._running.is_set()
    support.eventually(publisher.q.empty)
    assert publisher.q.qsize() == 0


@pytest.mark.item("publisher-life")
@pytest.mark.parametrize("how", ["stop", "join"])
def test_stop_and_join_both_end_it(publisher: Publisher, how: str) -> None:
    assert publisher.is_alive()
    getattr(publisher, how)(PATIENCE)
    assert not publisher.is_alive()
    assert not publisher._running.is_set()
    assert publisher.sock is None
    getattr(publisher, how)(PATIENCE)


@pytest.mark.item("publisher-life")
def test_it_starts_once(publisher: Publisher) -> None:
    with pytest.raises(RuntimeError):
        publisher.start()
    publisher.stop()
    with pytest.raises(RuntimeError):
        publisher.start()


@pytest.mark.item("publisher-life")
def test_it_cannot_be_joined_before_it_starts() -> None:
    with pytest.raises(RuntimeError):
        Publisher("tcp://127.0.0.1:1", "mint").stop()


@pytest.mark.item("publisher-life")
def test_clearing_running_ends_it(publisher: Publisher) -> None:
    publisher._running.clear()
    support.eventually(lambda: not publisher.is_alive())
    assert publisher.publish(Envelope("t", "o", 1)) is False


@pytest.mark.item("publisher-life")
def test_run_can_be_called_in_a_thread_of_ones_own(peer: Any) -> None:
    publisher = Publisher(support.endpoint(peer), "mint")
    thread = threading.Thread(target=publisher.run)
    thread.start()
    support.eventually(lambda: publisher.publish(Envelope("t", "o", 1)))
    assert peer.recv_multipart()[2] == b"1"
    publisher._running.clear()
    thread.join(PATIENCE)
    assert not thread.is_alive()


@pytest.mark.item("publisher-life")
def test_what_is_put_into_q_is_sent(peer: Any, life: ExitStack) -> None:
    publisher = Publisher(support.endpoint(peer), "mint")
    publisher.q.put(Envelope("t", "o", "before"))
    assert publisher.q.qsize() == 1
    life.enter_context(publisher)
    publisher.q.put(Envelope("t", "o", "after"))
    assert [peer.recv_multipart()[2] for _ in range(2)] == [b'"before"', b'"after"']


@pytest.mark.item("publisher-life")
def test_a_subclass_may_add_to_run_and_publish(peer: Any, life: ExitStack) -> None:
    class Loud(Publisher):
        seen = ""

        def run(self) -> None:
            self.seen += "<"
            super().run()
            self.seen += ">"

        def publish(self, envelope: Envelope) -> bool:
            envelope.data = str(envelope.data).upper()
            return super().publish(envelope)

    publisher = life.enter_context(Loud(support.endpoint(peer), "mint"))
    support.eventually(lambda: publisher.publish(Envelope("t", "o", "hello")))
    assert publisher.publish_many([Envelope("t", "o", "you")]) == 1
    assert [peer.recv_multipart()[2] for _ in range(2)] == [b'"HELLO"', b'"YOU"']
    publisher.stop()
    assert publisher.seen == "<>"


@pytest.mark.item("publisher-life")
def test_a_subclass_may_replace_run_and_send_by_itself(peer: Any, life: ExitStack) -> None:
    class Own(Publisher):
        def run(self) -> None:
            context = zmq.Context()
            self._running.set()
            self.sock = context.socket(zmq.PUB)
            self.sock.connect(self.pub_addr)
            while self._running.is_set():
                if not self.q.empty():
                    self.sock.send_multipart(self.q.get(block=False).convert_to_frames())
            self.sock.close()
            context.term()

    publisher = life.enter_context(Own(support.endpoint(peer), "mint"))
    support.eventually(lambda: publisher.sock)

    def arrives() -> bool:
        assert publisher.publish(Envelope("t", "o", "mine"))
        return bool(peer.poll(20))

    support.eventually(arrives)
    assert peer.recv_multipart()[2] == b'"mine"'
    publisher.stop()
    assert not publisher.is_alive()


@pytest.mark.item("publisher-ctx")
def test_a_context_is_accepted(peer: Any, sockets: Sockets) -> None:
    publisher = Publisher(support.endpoint(peer), "mint", sockets.context)
    assert publisher.ctx is sockets.context
    with publisher:
        publisher.publish(Envelope("t", "o", 1))
        assert peer.recv_multipart()[2] == b"1"
    assert not sockets.context.closed


@pytest.mark.item("publisher-start")
@pytest.mark.parametrize("attempt", range(10))
def test_what_is_published_right_after_the_start_arrives(
    office: hermes.PostOffice, life: ExitStack, attempt: int
) -> None:
    receiver = life.enter_context(hermes.Receiver(office.xpub_url, "reader"))
    assert receiver.wait_ready(PATIENCE)
    publisher = life.enter_context(Publisher(office.xsub_url, "mint"))
    assert publisher.publish(Envelope("t", "o", attempt)) is True
    assert take(receiver, 1)[0].data == attempt


@pytest.mark.item("publisher-start")
@pytest.mark.parametrize("address", ["nonsense", "tcp://", "quux://127.0.0.1:1", "tcp://x:y", ""])
def test_start_raises_for_what_is_no_address(address: str) -> None:
    publisher = Publisher(address, "mint")
    with pytest.raises(ValueError, match=address or "address"):
        publisher.start()
    assert not publisher.is_alive()


@pytest.mark.item("publisher-flush")
def test_stop_sends_what_is_queued(office: hermes.PostOffice, life: ExitStack) -> None:
    publisher, receiver = support.pair(life, office)
    for count in range(20_000):
        publisher.publish(Envelope("t", "o", count))
    publisher.stop(PATIENCE)
    assert [envelope.data for envelope in take(receiver, 20_000)] == list(range(20_000))
    counters = publisher.stats()
    assert (counters["accepted"], counters["sent"]) == (20_000, 20_000)


@pytest.mark.item("publisher-flush")
def test_stop_reports_what_it_could_not_send(caplog: pytest.LogCaptureFixture) -> None:
    publisher = Publisher(
        support.free_address(), "mint", options={"ready.hold": "1h", "linger": "10ms"}
    )
    publisher.start()
    for count in range(7):
        assert publisher.publish(Envelope("t", "o", count))
    with caplog.at_level(logging.WARNING, "hermes.publisher"):
        publisher.stop(0.05)
    assert not publisher.is_alive()
    (record,) = caplog.records
    assert "7 envelopes not sent" in record.getMessage()
    counters = publisher.stats()
    assert counters["accepted"] == 7
    assert counters["dropped_stop"] + counters["dropped_no_peer"] == 7


class Circle(list):  # type: ignore[type-arg]
    """A list that contains itself."""

    def __init__(self) -> None:
        super().__init__()
        self.append(self)


class Unset(Message):
    """A message whose field was never set."""

    __slots__ = ["missing"]


class Mute:
    """Writes what is no JSON."""

    def serialize(self, encoding: str) -> bytes:
        return b"{not json"


@pytest.mark.item("publisher-type-error")
@pytest.mark.parametrize(
    "data",
    [{1, 2}, object(), b"bytes", {"a": {(1,): 2}}, Circle(), Unset(), Mute()],
    ids=lambda data: type(data).__name__,
)
def test_publish_raises_type_error_and_goes_on(publisher: Publisher, peer: Any, data: Any) -> None:
    with pytest.raises(TypeError):
        publisher.publish(Envelope("t", "o", data))
    assert publisher.is_alive()
    assert publisher.publish(Envelope("t", "o", "good"))
    assert peer.recv_multipart()[2] == b'"good"'


@pytest.mark.item("publisher-type-error")
@pytest.mark.parametrize("wrong", ["text", None, 5, {"t": 1}, Envelope({1}, "o", 1)])  # type: ignore[arg-type]
def test_publish_says_what_it_takes(publisher: Publisher, wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"Envelope\(topic, origin, data\)|JSON"):
        publisher.publish(wrong)
    assert publisher.is_alive()


def test_data_may_write_itself(publisher: Publisher, peer: Any) -> None:
    class Own:
        def __init__(self, written: Any) -> None:
            self.written = written

        def serialize(self, encoding: str) -> Any:
            assert encoding == "utf-8"
            return self.written

    class OwnFrames(Envelope):
        def convert_to_frames(self, encoding: Any = None) -> Any:
            return (b'"own"', b'"frames"', b"[3]", b"1")

    publisher.publish(Envelope("t", "o", Own(b"[1]")))
    publisher.publish(Envelope("t", "o", Own("[2]")))
    publisher.publish(OwnFrames("t", "o", None))
    publisher.publish_many([OwnFrames("t", "o", None), Envelope("t", "o", Own(b"[4]"))])
    got = [peer.recv_multipart() for _ in range(5)]
    assert [frames[2] for frames in got] == [b"[1]", b"[2]", b"[3]", b"[3]", b"[4]"]
    assert got[2][:2] == [b'"own"', b'"frames"']


def test_lone_surrogates_go_out_as_json_writes_them(publisher: Publisher, peer: Any) -> None:
    publisher.publish(Envelope("t/\ud800", "o\udfff", "\udc00"))
    publisher.publish_many([Envelope("t/\ud800", "o\udfff", "\udc00")])
    for _ in range(2):
        topic, origin, data, _ts = peer.recv_multipart()
        assert (topic, origin) == (b'"t/\\ud800"', b'"o\\udfff"')
        assert json.loads(data) == "\udc00"


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 1000])
def test_publish_many_sends_all_in_order(publisher: Publisher, peer: Any, count: int) -> None:
    assert publisher.publish_many(Envelope("t", "o", number) for number in range(count)) == count
    assert [int(peer.recv_multipart()[2]) for _ in range(count)] == list(range(count))


def test_publish_many_stops_where_one_is_wrong(publisher: Publisher, peer: Any) -> None:
    envelopes = [Envelope("t", "o", number) for number in range(300)]
    envelopes[280].data = {1, 2}
    with pytest.raises(TypeError):
        publisher.publish_many(envelopes)
    assert [int(peer.recv_multipart()[2]) for _ in range(280)] == list(range(280))
    publisher.publish(Envelope("t", "o", "next"))
    assert peer.recv_multipart()[2] == b'"next"'


def test_publish_many_before_the_start_takes_nothing() -> None:
    assert Publisher("tcp://127.0.0.1:1", "x").publish_many([Envelope("t", "o", 1)]) == 0


def test_a_full_queue_says_false() -> None:
    options = {"queue.messages": 3, "queue.block": "1ms", "ready.hold": "1h", "linger": "1ms"}
    with Publisher(support.free_address(), "mint", options=options) as publisher:
        answers = [publisher.publish(Envelope("t", "o", count)) for count in range(5)]
        assert answers == [True, True, True, False, False]
        assert publisher.publish_many([Envelope("t", "o", 1)]) == 0
        assert publisher.stats()["dropped_full"] == 3


def test_an_envelope_above_the_limit_is_a_value_error(peer: Any) -> None:
    with (
        Publisher(support.endpoint(peer), "mint", options={"message.bytes": 1000}) as publisher,
        pytest.raises(ValueError, match="1000"),
    ):
        publisher.publish(Envelope("t", "o", "x" * 2000))


def test_stats_add_up(publisher: Publisher, peer: Any) -> None:
    for count in range(10):
        publisher.publish(Envelope("t", "o", count))
        peer.recv_multipart()
    counters = publisher.stats()
    assert (counters["kind"], counters["name"]) == ("publisher", "mint")
    dropped = sum(value for key, value in counters.items() if key.startswith("dropped_"))
    assert counters["accepted"] == 10
    assert counters["accepted"] == (
        counters["sent"] + counters["queued"] + counters["unwanted"] + dropped
    )


def test_wait_ready_says_whether_somebody_listens() -> None:
    publisher = Publisher(support.free_address(), "mint")
    with pytest.raises(RuntimeError):
        publisher.wait_ready(0)
    with publisher:
        assert publisher.wait_ready(0.05) is False


def stalled_subscriber(listener: socket.socket) -> socket.socket:
    """A listener that greets and subscribes to each peer as ZMTP 3.0 does, and reads nothing."""
    connection, _ = listener.accept()
    connection.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32))
    ready = b"\x05READY\x0bSocket-Type\x00\x00\x00\x03SUB"
    connection.sendall(bytes([4, len(ready)]) + ready)
    # libzmq refuses a peer that subscribes before it has sent READY itself.
    greeting_and_command = connection.recv(66, socket.MSG_WAITALL)
    connection.recv(greeting_and_command[-1], socket.MSG_WAITALL)
    connection.sendall(b"\x00\x01\x01")
    return connection


def test_a_peer_that_does_not_read_holds_up_no_other_thread(life: ExitStack) -> None:
    """A publish keeps the interpreter's lock only where it cannot have to wait."""
    listener = life.enter_context(socket.create_server(("127.0.0.1", 0)))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    options = {"queue.messages": 1000, "queue.block": "500ms", "linger": "0"}
    address = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    publisher = Publisher(address, "p", options={**options, "heartbeat.interval": "0"})
    publisher.start()
    peer = life.enter_context(stalled_subscriber(listener))
    assert publisher.wait_ready(PATIENCE)
    ticks, over = 0, threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not over.wait(0.002):
            ticks += 1

    ticking = threading.Thread(target=tick)
    ticking.start()
    envelope = Envelope("t", "o", "x" * 10_000)
    try:
        while True:
            before = ticks
            if not publisher.publish(envelope):
                break
        assert ticks - before > 5
        assert publisher.stats()["dropped_full"] == 1
    finally:
        over.set()
        ticking.join()
        peer.close()
        publisher.stop(0)
