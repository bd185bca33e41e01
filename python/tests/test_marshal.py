"""Values in marshal's format go to and from the library, and nothing else changes."""

from __future__ import annotations

import array
import json
import math
import random
import struct
from contextlib import ExitStack
from typing import Any

import hypothesis.strategies as st
import pytest
import support
import zmq
from hypothesis import HealthCheck, given, settings
from support import Sockets, take

import hermes
from hermes import Envelope, Publisher, Receiver
from hermes._codec.codec import Codec

pytestmark = pytest.mark.one_engine

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(st.characters()) | st.integers(), inner)
    ),
)
each_way = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def wire(sockets: Sockets, life: ExitStack) -> tuple[Publisher, Any]:
    """A publisher, and a socket that gets the frames."""
    peer = sockets.make(zmq.SUB, bind=support.ANYWHERE)
    peer.subscribe(b"")
    publisher = Publisher(support.endpoint(peer), "mint", options={"ready.hold": "30s"})
    return life.enter_context(publisher), peer


@pytest.fixture
def feed(sockets: Sockets, life: ExitStack) -> tuple[Any, Receiver]:
    """A socket, and a receiver of what it sends."""
    socket = sockets.make(zmq.XPUB, bind=support.ANYWHERE)
    receiver = Receiver(support.endpoint(socket), "reader", on_slow="ignore")
    life.enter_context(receiver)
    socket.recv()
    return socket, receiver


def check_frames(wire: tuple[Publisher, Any], topic: str, origin: str, data: list[Any]) -> None:
    """Whether all of it goes out as json writes it, one by one and many at a time."""
    publisher, peer = wire
    for value in data:
        assert publisher.publish(Envelope(topic, origin, value))
    assert publisher.publish_many(Envelope(topic, origin, value) for value in data) == len(data)
    for value in data + data:
        frames = peer.recv_multipart()
        assert frames[:3] == [json.dumps(text).encode() for text in (topic, origin, value)]


def check_arrivals(feed: tuple[Any, Receiver], texts: list[str]) -> None:
    """Whether all of it arrives as json reads it."""
    socket, receiver = feed
    for text in texts:
        socket.send_multipart([b'"t"', b'"o"', text.encode(), b"1.5"])
    for text, envelope in zip(texts, take(receiver, len(texts))):
        assert repr(envelope) == repr(Envelope("t", "o", json.loads(text), 1.5))


def test_this_python_has_the_marshal_that_is_known() -> None:
    assert Codec.marshals


@each_way
@given(st.text(st.characters()), st.text(st.characters()), values)
def test_anything_goes_out(wire: tuple[Publisher, Any], topic: str, origin: str, data: Any) -> None:
    check_frames(wire, topic, origin, [data])


@each_way
@given(values)
def test_anything_comes_in(feed: tuple[Any, Receiver], data: Any) -> None:
    check_arrivals(feed, [json.dumps(data), json.dumps(data, ensure_ascii=True, indent=1)])


def numbers() -> list[float]:
    """Of all sizes, and such as people write, and those next to them."""
    dice = random.Random(5)
    drawn = [struct.unpack("<d", dice.randbytes(8))[0] for _ in range(1000)]
    for _ in range(1000):
        common = dice.randrange(10 ** dice.randrange(1, 18)) / 10 ** dice.randrange(20)
        drawn += [common, -common, common * (1 + 2**-52)]
    return drawn + [10.0**power for power in range(-25, 25)] + [2.0**n for n in range(-80, 80)]


def test_numbers_go_out(wire: tuple[Publisher, Any]) -> None:
    check_frames(wire, "t", "o", numbers())


def test_numbers_come_in(feed: tuple[Any, Receiver]) -> None:
    check_arrivals(feed, [json.dumps(number) for number in numbers()])


def test_integers_of_all_sizes(wire: tuple[Publisher, Any], feed: tuple[Any, Receiver]) -> None:
    near = [
        sign * 2**power + step for power in range(70) for sign in (1, -1) for step in (-1, 0, 1)
    ]
    check_frames(wire, "t", "o", near)
    check_arrivals(feed, [json.dumps(number) for number in near])


def nested(depth: int) -> Any:
    data: Any = 1
    for _ in range(depth):
        data = {"deeper": [data]}
    return data


def test_what_marshal_would_write_otherwise(wire: tuple[Publisher, Any]) -> None:
    publisher, peer = wire
    shared = ["x"] * 3
    data = [[shared, shared], (1, (2,)), {1: 2, None: 3}, nested(150), "\ud800", 10**400]
    check_frames(wire, "té\ud83d", "", data)
    for wrong in (b"bytes", {1}, 1j, ..., array.array("d", [1.0]), memoryview(b"x"), [b"x"]):
        with pytest.raises(TypeError):
            publisher.publish(Envelope("t", "o", wrong))
        with pytest.raises(TypeError):
            publisher.publish_many([Envelope("t", "o", 7), Envelope("t", "o", wrong)])
        assert peer.recv_multipart()[2] == b"7"
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(ValueError, match="Circular"):
        publisher.publish(Envelope("t", "o", circle))


def test_what_only_json_reads(feed: tuple[Any, Receiver]) -> None:
    odd = [str(10**400), '"\\ud800"', json.dumps(nested(150)), '{"a": 1, "a": "\\udc00"}']
    plain = ["1e999", "-1e999", "NaN", "-0", "-0.0", '{"a": 1, "b": 2, "a": 3}', '"\\u00e9\\/"']
    texts = [text for pair in zip(odd * 10, plain * 10) for text in pair]
    check_arrivals(feed, texts)


def test_odd_topics_origins_and_times(feed: tuple[Any, Receiver]) -> None:
    socket, receiver = feed
    sent = [("t", "o", 1.5), ("\ud800", "o", 2.5), ("t", "\udc00", 3), ("t", "o", 2**70)]
    for topic, origin, ts in sent:
        socket.send_multipart(support.frames(topic, origin, [], ts))
    got = take(receiver, len(sent))
    assert repr(got) == repr([Envelope(topic, origin, [], ts) for topic, origin, ts in sent])


@pytest.mark.parametrize("full", ["block", "error", "drop_new", "drop_old", "latest_per_topic"])
def test_the_counters_of_a_full_queue(monkeypatch: pytest.MonkeyPatch, full: str) -> None:
    """What is tried twice, as values and as a text, must not be counted twice."""
    counted = []
    for marshals in (True, False):
        monkeypatch.setattr(Codec, "marshals", marshals)
        options = {"queue.messages": "10", "queue.full": full, "queue.block": "10ms"}
        options |= {"ready.hold": "1h", "linger": "0"}
        with Publisher("tcp://127.0.0.1:9", "p", options=options) as publisher:
            many = [Envelope("t", "o", number) for number in range(30)]
            done = publisher.publish_many(many), publisher.publish(many[0])
            counters = publisher.stats()
            publisher.stop(0)
        counted.append([done, *(counters[key] for key in ("accepted", "queued", "dropped_full"))])
    assert counted[0] == counted[1]
    assert counted[0][0] == ((30, True) if full[0] in "dl" else (10, False))


@pytest.mark.parametrize("marshals", [(True, False), (False, True), (False, False)])
def test_without_marshal_nothing_is_different(
    office: hermes.PostOffice,
    life: ExitStack,
    monkeypatch: pytest.MonkeyPatch,
    marshals: tuple[bool, bool],
) -> None:
    publisher, receiver = support.pair(life, office)
    writer, reader = Codec(), Codec()
    writer.marshals, reader.marshals = marshals
    monkeypatch.setattr(publisher, "_hermes_codec", writer)
    monkeypatch.setattr(receiver._hermes_received, "codec", reader)
    data = [None, True, -1, 0.1, math.inf, "é", "\ud800", 10**30, [(1,)], {"a": {}}, nested(100)]
    envelopes = [Envelope("t", "o", value) for value in data]
    assert publisher.publish_many(envelopes) == len(data)
    assert all(map(publisher.publish, envelopes))
    got = [envelope.data for envelope in take(receiver, 2 * len(data))]
    assert repr(got) == repr(json.loads(json.dumps(data + data)))
