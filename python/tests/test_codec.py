"""How data is written and read: exactly as by Python's json, or by a custom codec."""

from __future__ import annotations

import json
import math
import threading
from contextlib import ExitStack
from decimal import Decimal
from enum import IntEnum
from typing import Any

import hypothesis.strategies as st
import pytest
import support
import zmq
from hypothesis import given
from support import Sockets, take

import hermes
from hermes import Envelope, Message, Publisher, Receiver
from hermes._codec import codec as codecs

pytestmark = pytest.mark.one_engine

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
)
texts = st.text(st.characters())  # lone surrogates too


@given(texts, texts, anything)
def test_a_row_is_what_json_writes(topic: str, origin: str, data: Any) -> None:
    wanted = json.dumps([topic, origin, data])
    codec = codecs.choose(None)
    assert codec.row(topic, origin, data).decode() == wanted
    assert codec.rows([(topic, origin, data)]).decode() == f"[{wanted}]"


class Colour(IntEnum):
    RED = 1


class Text(str):
    """A subclass of str."""


@pytest.mark.parametrize(
    "data",
    [
        *([float("nan")], [math.inf, -math.inf], 10**400, {1: 2, None: 3, False: 4, 1.5: 5}),
        *((1, (2,)), Colour.RED, [Text("x")], {Text("k"): Colour.RED}, "\ud800é\0", -0.0, 1e-7),
    ],
    ids=repr,
)
def test_the_frame_of_data_is_that_of_json_dumps(
    sockets: Sockets, life: ExitStack, data: Any
) -> None:
    peer = sockets.make(zmq.SUB, bind=support.ANYWHERE)
    peer.subscribe(b"")
    publisher = life.enter_context(
        Publisher(support.endpoint(peer), "mint", options={"ready.hold": "30s"})
    )
    assert publisher.publish(Envelope("t", "o", data))
    assert publisher.publish_many([Envelope("t", "o", data)]) == 1
    for _ in range(2):
        assert peer.recv_multipart()[2] == json.dumps(data).encode()


def test_a_patched_encoder_counts(
    office: hermes.PostOffice, life: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some teach json new types by replacing JSONEncoder.default, and 1.x followed."""
    monkeypatch.setattr(json.JSONEncoder, "default", lambda self, value: f"<{value}>")
    publisher, receiver = support.pair(life, office)
    publisher.publish(Envelope("t", "o", [Decimal("1.5")]))
    publisher.publish_many([Envelope("t", "o", Decimal(2))])
    assert [envelope.data for envelope in take(receiver, 2)] == [["<1.5>"], "<2>"]


def test_without_the_accelerator_the_result_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("json.encoder.c_make_encoder", None)
    monkeypatch.setattr(codecs, "_encode", codecs._make_encode())
    assert codecs.choose("json").row("t", "é", [1, None]) == b'["t", "\\u00e9", [1, null]]'


def test_a_failure_leaves_nothing_behind_in_any_thread() -> None:
    """json's own encoder would take what it has seen before an exception for a circle."""
    data = {"a": [1, {2, 3}]}
    codec = codecs.choose(None)
    problems: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(200):
                with pytest.raises(TypeError):
                    codec.row("t", "o", data)
                good = {"a": data["a"][0]}
                assert json.loads(codec.row("t", "o", good)) == ["t", "o", good]
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


# ---- orjson ------------------------------------------------------------------


@pytest.fixture
def quick(office: hermes.PostOffice, life: ExitStack) -> tuple[Publisher, Receiver]:
    """A publisher and a receiver with orjson."""
    receiver = Receiver(office.xpub_url, "r", codec="orjson", on_slow="ignore")
    life.enter_context(receiver)
    assert receiver.wait_ready(support.PATIENCE)
    publisher = life.enter_context(Publisher(office.xsub_url, "p", codec="orjson"))
    assert publisher.wait_ready(support.PATIENCE)
    return publisher, receiver


def send_both_ways(publisher: Publisher, data: list[Any]) -> None:
    for value in data:
        assert publisher.publish(Envelope("té/ics", "o", value))
    assert publisher.publish_many([Envelope("té/ics", "o", value) for value in data]) == len(data)


class Quote(Message):
    __slots__ = ["price"]

    @staticmethod
    def empty() -> Quote:
        return Quote()


def test_orjson_carries_what_json_carries(quick: tuple[Publisher, Receiver]) -> None:
    publisher, receiver = quick
    data = [None, True, 1, -1.5, "é\0\U0001f600", [], {"a": [1]}, [[["x"]]], 2**63, 1e300]
    send_both_ways(publisher, data)
    got = take(receiver, 2 * len(data))
    assert [envelope.data for envelope in got] == 2 * data
    assert {(envelope.topic, envelope.origin) for envelope in got} == {("té/ics", "o")}
    assert all(type(envelope.ts) is float for envelope in got)


def test_what_orjson_refuses_json_does(quick: tuple[Publisher, Receiver]) -> None:
    publisher, receiver = quick
    data = [{1: 2}, "\ud800", [math.inf][:0], {"deep": Text("x")}]
    send_both_ways(publisher, data)
    got = [envelope.data for envelope in take(receiver, 2 * len(data))]
    assert got == 2 * [{"1": 2}, "\ud800", [], {"deep": "x"}]


def test_what_orjson_does_otherwise(quick: tuple[Publisher, Receiver]) -> None:
    """The guide says so: NaN and infinities go out as null, and big integers come in as floats."""
    publisher, receiver = quick
    send_both_ways(publisher, [[math.nan, math.inf], 10**30])
    got = [envelope.data for envelope in take(receiver, 4)]
    assert got == 2 * [[None, None], 1e30]


def test_orjson_reads_the_nan_of_others(office: hermes.PostOffice, life: ExitStack) -> None:
    publisher, _ = support.pair(life, office)
    receiver = life.enter_context(Receiver(office.xpub_url, "r", "n", codec="orjson"))
    receiver.timeout = 600
    support.eventually(
        lambda: publisher.publish(Envelope("n/0", "o", 0)) and receiver.recv(True, 0.05)
    )
    publisher.publish_many([Envelope("n/1", "o", value) for value in (1, math.inf, "\ud800", 2)])
    assert support.take_data(receiver, "n/1", 4) == [1, math.inf, "\ud800", 2]
    assert receiver.stats()["dropped_malformed"] == 0


def test_messages_travel_through_orjson(quick: tuple[Publisher, Receiver]) -> None:
    publisher, receiver = quick
    quote = Quote()
    quote.price = 5
    send_both_ways(publisher, [quote])
    for envelope in take(receiver, 2):
        assert (type(envelope.data), envelope.data.price, envelope.data.ts) == (Quote, 5, quote.ts)


@pytest.mark.parametrize("data", [{1, 2}, b"bytes", object()], ids=lambda data: type(data).__name__)
def test_what_nobody_can_write_is_a_type_error(
    quick: tuple[Publisher, Receiver], data: Any
) -> None:
    publisher, receiver = quick
    with pytest.raises(TypeError):
        publisher.publish(Envelope("t", "o", data))
    with pytest.raises(TypeError):
        publisher.publish_many([Envelope("t", "o", 1), Envelope("t", "o", data)])
    assert take(receiver, 1)[0].data == 1


# ---- Custom codecs -----------------------------------------------------------


class Exact:
    """Reads numbers as decimals, and writes those."""

    dumps = staticmethod(lambda data: json.dumps(data, default=str))
    loads = staticmethod(lambda text: json.loads(text, parse_float=Decimal))


def test_a_codec_of_ones_own(office: hermes.PostOffice, life: ExitStack) -> None:
    receiver = life.enter_context(Receiver(office.xpub_url, "r", codec=Exact))
    receiver.timeout = 600
    assert receiver.wait_ready(support.PATIENCE)
    publisher = life.enter_context(Publisher(office.xsub_url, "p", codec=Exact()))
    send_both_ways(publisher, [[1.1], Decimal("2.2")])
    got = take(receiver, 4)
    assert [envelope.data for envelope in got] == 2 * [[Decimal("1.1")], "2.2"]
    assert all(type(envelope.ts) is float for envelope in got)


class Broken:
    """A codec that is not valid."""

    def __init__(self, written: Any) -> None:
        self.written = written

    def dumps(self, data: Any) -> Any:
        return self.written

    def loads(self, text: bytes) -> Any:
        raise KeyError(text)


@pytest.mark.parametrize("written", [b"1]\0", "1],", b"", None, b"1,2"])
def test_what_is_no_json_does_not_get_onto_the_wire(
    office: hermes.PostOffice, life: ExitStack, written: Any
) -> None:
    publisher = life.enter_context(Publisher(office.xsub_url, "p", codec=Broken(written)))
    with pytest.raises((TypeError, ValueError)):
        publisher.publish(Envelope("t", "o", 1))
    with pytest.raises((TypeError, ValueError)):
        publisher.publish_many([Envelope("t", "o", 1)])
    assert publisher.stats()["accepted"] == 0


class Choosy:
    """A codec that refuses some data, and remembers what it was given."""

    dumps = staticmethod(json.dumps)

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    def loads(self, text: bytes) -> Any:
        self.seen.append(text)
        if b"bad" in text:
            raise LookupError("not for me")
        return json.loads(text)


def test_what_a_codec_cannot_read_concerns_that_envelope_alone(
    office: hermes.PostOffice, life: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    codec = Choosy()
    receiver = life.enter_context(Receiver(office.xpub_url, "r", codec=codec))
    receiver.timeout = 600
    assert receiver.wait_ready(support.PATIENCE)
    publisher = life.enter_context(Publisher(office.xsub_url, "p"))
    data = [1, ["bad"], [2, {"a": "é,]"}], "bad", 3]
    publisher.publish_many([Envelope("t", "o", value) for value in data])
    assert [envelope.data for envelope in take(receiver, 3)] == [1, [2, {"a": "é,]"}], 3]
    assert [json.loads(text) for text in codec.seen] == data
    assert receiver.stats()["dropped_malformed"] == 2
    assert receiver.stats()["delivered"] == 3
    assert "not for me" in caplog.text


def test_a_codec_reads_what_is_very_deep_or_very_long(
    office: hermes.PostOffice, life: ExitStack
) -> None:
    texts: list[bytes] = []

    class Raw:
        dumps = staticmethod(json.dumps)
        loads = staticmethod(texts.append)

    receiver = life.enter_context(Receiver(office.xpub_url, "r", codec=Raw))
    receiver.timeout = 600
    assert receiver.wait_ready(support.PATIENCE)
    publisher = life.enter_context(Publisher(office.xsub_url, "p"))
    data = [support.nested(1000), 10**4000, " \"'\\,]"]
    publisher.publish_many([Envelope("t", "o", value) for value in data])
    assert [envelope.data for envelope in take(receiver, 3)] == [None] * 3
    assert texts[1] == b"1" + b"0" * 4000
    assert json.loads(texts[2]) == data[2]
    assert texts[0].count(b"[") == 1000


@pytest.mark.parametrize("wrong", ["msgpack", 5, object(), json.dumps])
def test_a_codec_must_be_one(wrong: Any) -> None:
    with pytest.raises(TypeError, match="codec"):
        Publisher("tcp://127.0.0.1:1", "p", codec=wrong)
    with pytest.raises(TypeError, match="codec"):
        Receiver("tcp://127.0.0.1:1", "r", codec=wrong)
