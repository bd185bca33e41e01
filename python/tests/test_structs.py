"""Envelopes and messages, without a network."""

from __future__ import annotations

import contextlib
import json
import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import HERE

import hermes
from hermes import Envelope, Message, structs
from hermes._json.integers import parse_integer

pytestmark = pytest.mark.one_engine

VECTORS = json.loads((HERE / "data" / "vectors.json").read_text())["vectors"]


class Tick(Message):
    """Opts in as 1.x meant it: by a method that makes an empty one."""

    __slots__ = ["symbol", "price"]

    def __init__(self, symbol: Any = None, price: Any = None, ts: Any = None) -> None:
        super().__init__(ts)
        self.symbol, self.price = symbol, price

    @staticmethod
    def empty() -> Tick:
        return Tick()


class Quiet(Message):
    """Does not opt in."""

    __slots__ = ["value"]


@hermes.register
class Listed(Message):
    """Opts in by registration; its __init__ needs more than nothing."""

    __slots__ = ["value"]

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


def same(left: Any, right: Any) -> bool:
    """Equal as JSON values, where NaN equals itself and an int is no float."""
    return json.dumps(left) == json.dumps(right)


def frames(data: Any) -> list[bytes]:
    return [json.dumps(part).encode() for part in ("topic", "origin", data, 12.5)]


# ---- Envelope ------------------------------------------------------------------------


@pytest.mark.item("envelope-slots")
def test_envelope_holds_four_things_and_no_more() -> None:
    envelope = Envelope("ticks/x", "me", [1], 5.0)
    assert (envelope.topic, envelope.origin, envelope.data, envelope.ts) == (
        "ticks/x",
        "me",
        [1],
        5.0,
    )
    assert list(Envelope.__slots__) == ["topic", "origin", "data", "ts"]
    with pytest.raises(AttributeError):
        envelope.more = 1  # type: ignore[attr-defined]


@pytest.mark.item("envelope-slots")
@pytest.mark.parametrize("missing", [None, 0, 0.0])
def test_envelope_is_stamped_now_where_the_time_is_falsy(missing: Any) -> None:
    before = time.time()
    envelope = Envelope("t", "o", 1, missing)
    assert before <= envelope.ts <= time.time()


@pytest.mark.item("envelope-repr")
def test_envelope_shows_the_repr_of_each_value() -> None:
    assert (
        repr(Envelope("a'b", "o", {"k": "v"}, 1.5))
        == """Envelope(topic="a'b", origin='o', data={'k': 'v'}, ts=1.5)"""
    )


@pytest.mark.item("envelope-to-frames")
def test_envelope_becomes_four_frames_with_the_time_of_now() -> None:
    envelope = Envelope("tópic", "o", {"a": [1, None]}, 1.0)
    before = time.time()
    made = envelope.convert_to_frames()
    assert isinstance(made, tuple)
    assert all(type(frame) is bytes for frame in made)
    assert made[:3] == (b'"t\\u00f3pic"', b'"o"', b'{"a": [1, null]}')
    assert before <= json.loads(made[3]) == envelope.ts <= time.time()


@pytest.mark.item("envelope-to-frames", "envelope-from-frames")
def test_frames_can_have_any_encoding() -> None:
    made = Envelope("tópic", "o", "dáta").convert_to_frames("utf-16")
    assert made[0].decode("utf-16") == '"t\\u00f3pic"'
    assert Envelope.load_from_frames(made, "utf-16").data == "dáta"


@pytest.mark.item("envelope-to-frames")
def test_data_without_a_form_in_json_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        Envelope("t", "o", {1, 2}).convert_to_frames()


@pytest.mark.item("envelope-serialize")
def test_data_that_can_serialize_writes_itself() -> None:
    class Own:
        def serialize(self, encoding: str) -> bytes:
            return f'["{encoding}"]'.encode(encoding)

    assert Envelope("t", "o", Own()).convert_to_frames()[2] == b'["utf-8"]'
    assert Envelope("t", "o", Own()).convert_to_frames("ascii")[2] == b'["ascii"]'


@pytest.mark.item("envelope-from-frames")
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_load_takes_whatever_buffers_a_socket_gives(kind: Any) -> None:
    envelope = Envelope.load_from_frames([kind(frame) for frame in frames({"a": 1})])
    assert (envelope.topic, envelope.origin, envelope.data, envelope.ts) == (
        "topic",
        "origin",
        {"a": 1},
        12.5,
    )


@pytest.mark.item("envelope-from-frames")
@pytest.mark.parametrize(
    "bad",
    [
        [],
        frames(1)[:3],
        [*frames(1), b"1"],
        [b"x", b'"o"', b"1", b"1"],
        [b"\xff", b'"o"', b"1", b"1"],
        [b"", b"", b"", b""],
        [b'"t"', b'"o"', b"[" * 100_000 + b"]" * 100_000, b"1"],
    ],
)
def test_load_raises_value_error_for_what_is_no_envelope(bad: list[bytes]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        Envelope.load_from_frames(bad)


@pytest.mark.item("envelope-update-ts")
def test_update_ts_stamps_the_time_of_now() -> None:
    envelope = Envelope("t", "o", 1, 5.0)
    before = time.time()
    envelope.update_ts()
    assert before <= envelope.ts <= time.time()


@pytest.mark.item("envelope-any-data")
@pytest.mark.parametrize(
    "data", [{}, {"0": 1}, 0, 7, 1.5, True, False, None, [], [[]], [{}], [None], [1], "", "x"]
)
def test_every_kind_of_data_loads(data: Any) -> None:
    assert same(Envelope.load_from_frames(frames(data)).data, data)


@pytest.mark.item("envelope-any-data")
def test_integers_have_no_greatest() -> None:
    digits = "1" + "0" * 5000
    envelope = Envelope.load_from_frames([b'"t"', b'"o"', digits.encode(), b"1.0"])
    assert envelope.data == 10**5000


@pytest.mark.parametrize("digits", [1, 511, 512, 513, 1024, 1025, 4300, 4301, 100_000])
def test_integers_of_any_size_are_read_exactly(digits: int) -> None:
    for value in (10 ** (digits - 1), 10**digits - 1, 10**digits // 7):
        assert parse_integer(_decimal(value)) == value
        assert parse_integer("-" + _decimal(value)) == -value


def _decimal(value: int) -> str:
    """The digits of an integer, however many: ``str`` refuses to write long ones."""
    parts = []
    while value >= 10**512:
        value, part = divmod(value, 10**512)
        parts.append(f"{part:0512d}")
    return str(value) + "".join(reversed(parts))


def test_a_million_digits_do_not_stop_a_receiver() -> None:
    began = time.process_time()
    assert structs.parse("9" * 1_000_000) == 10**1_000_000 - 1
    # Reading them digit by digit takes the best part of a minute, this a second.
    assert time.process_time() - began < 30


@pytest.mark.item("envelope-no-lookup")
@pytest.mark.parametrize(
    "name", ["Envelope", "Message", "log", "json.dumps", "time.time", "sys", "Quiet", "__class__"]
)
def test_names_on_the_wire_are_not_looked_up(name: str) -> None:
    assert Envelope.load_from_frames(frames([name, 1.0])).data == [name, 1.0]


@pytest.mark.item("wire-vectors")
@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_golden_frames_load_and_are_written_the_same(vector: dict[str, Any]) -> None:
    wire = [bytes.fromhex(frame) for frame in vector["frames_hex"]]
    envelope = Envelope.load_from_frames(wire)
    assert (envelope.topic, envelope.origin) == (vector["topic"], vector["origin"])
    assert same(envelope.data, json.loads(vector["data_json"]))
    assert envelope.ts == vector["ts"]
    assert list(envelope.convert_to_frames()[:3]) == wire[:3]


# ---- Message -------------------------------------------------------------------------


@pytest.mark.item("message-slots")
def test_message_knows_its_class_and_its_time() -> None:
    before = time.time()
    message = Message()
    assert (message.dtype, list(Message.__slots__)) == ("Message", ["dtype", "ts"])
    assert before <= message.ts <= time.time()
    assert Message(3.5).ts == 3.5
    assert Tick().dtype == "Tick"

    class Inner(Message):
        __slots__ = ()

    assert Inner().dtype.endswith("<locals>.Inner")


@pytest.mark.item("message-slot-order")
def test_slots_are_listed_base_class_first() -> None:
    class Base(Message):
        __slots__ = ["zulu", "alpha"]

    class Plain(Base):  # without __slots__
        pass

    class Top(Plain):
        __slots__ = "single"

    assert Message()._slots() == ["dtype", "ts"]
    assert Base()._slots() == ["dtype", "ts", "zulu", "alpha"]
    # As in 1.x, on whose wire they stand twice as well.
    assert Plain()._slots() == ["dtype", "ts", "zulu", "alpha", "zulu", "alpha"]
    assert Top()._slots() == [*Plain()._slots(), "single"]


@pytest.mark.item("message-serialize")
def test_serialize_writes_the_slots_in_order() -> None:
    tick = Tick("BTCUSD", 6543.21, ts=1.5)
    assert tick.serialize() == b'["Tick", 1.5, "BTCUSD", 6543.21]'
    assert tick.serialize("utf-16").decode("utf-16") == '["Tick", 1.5, "BTCUSD", 6543.21]'
    assert Envelope("t", "o", tick).convert_to_frames()[2] == tick.serialize()


@pytest.mark.item("message-load")
def test_load_sets_the_slots_in_order_and_returns_the_instance() -> None:
    tick = Tick()
    assert tick.load(iter(["Other", 2.5, "ETHUSD", 1])) is tick
    assert (tick.dtype, tick.ts, tick.symbol, tick.price) == ("Other", 2.5, "ETHUSD", 1)
    assert tick.load(["Tick"]).symbol == "ETHUSD"


@pytest.mark.item("message-repr")
def test_message_shows_the_str_of_each_value() -> None:
    assert (
        repr(Tick("BTCUSD", None, ts=1.5)) == "Tick(dtype=Tick, ts=1.5, symbol=BTCUSD, price=None)"
    )


def test_showing_a_message_never_fails() -> None:
    assert repr(Quiet(1.5)) == "Quiet(dtype=Quiet, ts=1.5, value=(unset))"


@pytest.mark.item("message-opt-in")
def test_a_class_with_empty_comes_back_as_itself() -> None:
    sent = Tick("BTCUSD", 6543.21, ts=1.5)
    got = Envelope.load_from_frames(Envelope("t", "o", sent).convert_to_frames()).data
    assert type(got) is Tick
    assert repr(got) == repr(sent)


@pytest.mark.item("message-opt-in")
def test_a_registered_class_comes_back_without_its_init() -> None:
    sent = Listed(17)
    got = Envelope.load_from_frames(Envelope("t", "o", sent).convert_to_frames()).data
    assert type(got) is Listed
    assert (got.value, got.ts) == (17, sent.ts)


@pytest.mark.item("message-opt-in")
def test_a_class_that_did_not_opt_in_stays_a_list() -> None:
    quiet = Quiet(1.5).load(["Quiet", 1.5, 3])
    assert Envelope.load_from_frames(Envelope("t", "o", quiet).convert_to_frames()).data == [
        "Quiet",
        1.5,
        3,
    ]


@pytest.mark.item("message-opt-in")
def test_empty_is_inherited_where_it_knows_the_class() -> None:
    class WithClass(Message):
        __slots__ = ["x"]

        @classmethod
        def empty(cls) -> Any:
            return cls()

    class Heir(WithClass):
        __slots__ = ["y"]

    class HeirOfStatic(Tick):
        __slots__ = ["z"]

    for kind, opted_in in ((WithClass, True), (Heir, True), (HeirOfStatic, False)):
        got = Envelope.load_from_frames(frames([kind.__qualname__, 1.0, 2])).data
        assert (type(got) is kind) is opted_in


@pytest.mark.item("message-opt-in")
def test_a_class_that_fails_to_load_leaves_the_list(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Message):
        __slots__ = ()

        @staticmethod
        def empty() -> Any:
            raise RuntimeError("no")

    data = [Broken.__qualname__, 1.0]
    structs._log_limit = structs.RateLimit(1.0)
    for _ in range(5):
        assert Envelope.load_from_frames(frames(data)).data == data
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.parametrize("wrong", [int, "Tick", Tick(), None])
def test_only_messages_can_be_registered(wrong: Any) -> None:
    with pytest.raises(TypeError):
        hermes.register(wrong)


# ---- Properties ----------------------------------------------------------------------

text = st.text(st.characters())  # lone surrogates and all
leaf = st.none() | st.booleans() | st.integers() | st.floats() | text
json_values = st.recursive(
    leaf, lambda inner: st.lists(inner) | st.dictionaries(text, inner), max_leaves=20
)


@given(topic=text, origin=text, data=json_values)
def test_any_envelope_survives_its_frames(topic: str, origin: str, data: Any) -> None:
    envelope = Envelope(topic, origin, data)
    back = Envelope.load_from_frames(envelope.convert_to_frames())
    assert (back.topic, back.origin, back.ts) == (topic, origin, envelope.ts)
    assert same(back.data, data)


@given(symbol=json_values, price=json_values, ts=st.floats(min_value=0.001, allow_nan=False))
def test_any_message_survives_its_envelope(symbol: Any, price: Any, ts: float) -> None:
    back = Envelope.load_from_frames(
        Envelope("t", "o", Tick(symbol, price, ts)).convert_to_frames()
    ).data
    assert type(back) is Tick
    assert same([back.symbol, back.price, back.ts], [symbol, price, ts])


@given(st.lists(st.binary(), max_size=6))
def test_any_bytes_are_an_envelope_or_a_value_error(wire: list[bytes]) -> None:
    with contextlib.suppress(ValueError):
        Envelope.load_from_frames(wire)


def test_not_a_number_is_kept() -> None:
    data = Envelope.load_from_frames(
        Envelope("t", "o", [math.nan, math.inf, -math.inf]).convert_to_frames()
    ).data
    assert math.isnan(data[0])
    assert data[1:] == [math.inf, -math.inf]
