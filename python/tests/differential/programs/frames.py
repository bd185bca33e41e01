"""Envelope to frames and back, without a network."""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import json
import uuid
from typing import Any

from kit import attempt, kind_of_error, program, ruled, say

from hermes import Envelope, Message


class Still(Envelope):
    """Keeps the time that it was given."""

    def update_ts(self) -> None:
        """Do nothing."""


def three(data: Any, topic: Any = "t", origin: Any = "o") -> Any:
    """Topic, origin and data as frames."""
    return Still(topic, origin, data, 1.5).convert_to_frames()


def loaded(*frames: str) -> Any:
    """Load an envelope from texts."""
    return Envelope.load_from_frames([frame.encode() for frame in frames])


class Color(enum.IntEnum):
    RED = 1


@program
def data_of_every_kind_of_json() -> None:
    for data in ("text", [1, 2], {"a": {"b": [None]}}, 1, -1.5, True, False, None, [], {}, ""):
        say(three(data))


@program
def floats_as_python_writes_them() -> None:
    for data in (0.1, 1e100, 1e-7, -0.0, 1.0, 123456789.123456789, 5e-324, 1e16, 1e22):
        say(three(data)[2])


@program
def floats_beyond_json() -> None:
    for data in (float("nan"), float("inf"), float("-inf"), [float("nan")]):
        say(three(data)[2])


@program
def integers_of_any_size() -> None:
    for data in (0, -1, 2**31, 2**53 + 1, 2**64, -(10**40)):
        say(three(data)[2])


@program
def text_beyond_ascii() -> None:
    for data in ("é", "\u20ac", "\U0001f680", "\u2028", "\x7f", "\x00", "</script>", '"\\/'):
        say(three(data)[2], three(1, topic=data)[0], three(1, origin=data)[1])


@program
def lone_surrogates() -> None:
    say(three("\ud800")[2], three(1, topic="\udfff")[0])


@program
def tuples_are_lists() -> None:
    say(three((1, (2, 3)))[2], three(collections.namedtuple("P", "x y")(1, 2))[2])


@program
def keys_that_are_no_strings() -> None:
    say(three({1: "a", 2.5: "b", None: "c", False: "d"})[2])
    attempt(three, {(1, 2): "a"})


@program
def order_of_keys_is_kept() -> None:
    say(three({"z": 1, "a": 2, "m": 3})[2])
    say(three(collections.OrderedDict([("b", 1), ("a", 2)]))[2])


@program
def what_json_refuses() -> None:
    for data in (b"bytes", {1}, object, 1j, datetime.date(2020, 1, 1)):
        attempt(three, data)


@program
def what_json_refuses_of_other_libraries() -> None:
    for data in (decimal.Decimal("1.5"), uuid.UUID(int=1)):
        attempt(three, data)


@program
def what_json_refuses_deep_inside() -> None:
    attempt(three, [{"a": [{1}]}])


@program
def enums_are_their_values() -> None:
    say(three(Color.RED)[2], three([Color.RED])[2])


@program
def subclasses_of_built_in_types() -> None:
    class Text(str):
        pass

    class Number(int):
        pass

    class Row(list):  # type: ignore[type-arg]
        pass

    for data in (Text("a"), Number(5), Row([1]), collections.Counter("aab")):
        say(three(data)[2])


@program
def data_that_contains_itself() -> None:
    data: list[Any] = []
    data.append(data)
    attempt(three, data)


@program
def topic_and_origin_that_are_no_strings() -> None:
    for value in (None, 5, 1.5, ["a", 1], {"a": 1}, True):
        say(three(1, topic=value)[0], three(1, origin=value)[1])


@program
def topic_that_is_no_json() -> None:
    attempt(three, 1, topic=b"bytes")
    attempt(three, 1, origin={1})


@program
def frames_are_a_tuple_of_bytes() -> None:
    frames = three(1)
    say(type(frames).__name__, [type(frame).__name__ for frame in frames], len(frames))


@program
def encodings() -> None:
    for encoding in (None, "utf-8", "latin-1", "ascii", "utf-16-le", ""):
        say(Still("é", "o", "\u20ac", 1).convert_to_frames(encoding))


@program
def encoding_by_keyword() -> None:
    say(Still("a", "o", 1, 1).convert_to_frames(encoding="utf-16-be"))


@program
def unknown_encoding() -> None:
    attempt(Still("a", "o", 1, 1).convert_to_frames, "no-such")
    attempt(Envelope.load_from_frames, [b'"a"', b'"b"', b"[1]", b"1"], "no-such")


@program
def load_with_an_encoding() -> None:
    frames = [json.dumps(one).encode("utf-16") for one in ("é", "o", ["\u20ac"], 5)]
    say(Envelope.load_from_frames(frames, "utf-16"))
    say(Envelope.load_from_frames(frames, encoding="utf-16"))


@program
def there_and_back_in_an_encoding() -> None:
    frames = Still("é", "o", ["\u20ac"], 1.5).convert_to_frames("utf-32")
    say(Envelope.load_from_frames(frames, "utf-32"))


@program
def convert_stamps_the_envelope() -> None:
    envelope = Envelope("a", "b", 1, 5)
    frames = envelope.convert_to_frames()
    say(envelope.ts != 5, json.loads(frames[3]) == envelope.ts)


@program
def convert_stamps_even_where_it_fails() -> None:
    envelope = Envelope("a", "b", {1}, 5)
    kind_of_error(envelope.convert_to_frames)
    say(envelope.ts != 5)


@program
def ts_frame_of_odd_times() -> None:
    for ts in ("text", [1], 10**30, 1e-9):
        say(Still("a", "b", 1, ts).convert_to_frames()[3])  # type: ignore[arg-type]


@program
def load_lists() -> None:
    for data in ("[1, 2]", '["a", 1]', "[[1], 2]", "[null]", "[{}, 1]"):
        attempt(loaded, '"t"', '"o"', data, "1.5")


@program
def load_text() -> None:
    for data in ('"text"', '"a.b"', '"\\u20ac"', '"Envelope"'):
        attempt(loaded, '"t"', '"o"', data, "1.5")


@ruled(
    "envelope-any-data",
    """
    returns Envelope(topic='t', origin='o', data={'a': 1}, ts=1)
    returns Envelope(topic='t', origin='o', data={}, ts=1)
    returns Envelope(topic='t', origin='o', data=5, ts=1)
    returns Envelope(topic='t', origin='o', data=1.5, ts=1)
    returns Envelope(topic='t', origin='o', data=True, ts=1)
    returns Envelope(topic='t', origin='o', data=None, ts=1)
    returns Envelope(topic='t', origin='o', data=[], ts=1)
    returns Envelope(topic='t', origin='o', data='', ts=1)
    """,
)
def load_what_1x_could_not() -> None:
    for data in ('{"a": 1}', "{}", "5", "1.5", "true", "null", "[]", '""'):
        attempt(loaded, '"t"', '"o"', data, "1")


@program
def load_without_a_time() -> None:
    say(loaded('"t"', '"o"', '["a"]', "null").ts > 1e9, loaded('"t"', '"o"', '["a"]', "0").ts > 1e9)


@program
def load_topic_and_origin_that_are_no_strings() -> None:
    for value in ("null", "5", "[1, 2]", '{"a": 1}', "true"):
        attempt(loaded, value, value, '["a"]', "1")


@program
def load_odd_times() -> None:
    for value in ('"5"', "[1]", "1e400", "-5"):
        attempt(loaded, '"t"', '"o"', '["a"]', value)


@program
def load_what_python_writes() -> None:
    attempt(loaded, '"t"', '"o"', '["x", NaN, Infinity, -Infinity]', "1")


@program
def load_white_space() -> None:
    attempt(loaded, ' "t" ', '"o"\n', '\t["x"]', "1 \t\r\n")


@program
def load_what_is_no_json() -> None:
    for bad in ("", "{", "'a'", "nul", '"a', "[1,]", "01"):
        kind_of_error(loaded, bad, '"o"', '["a"]', "1")


@program
def load_text_of_the_json_error() -> None:
    attempt(loaded, "{", '"o"', '["a"]', "1")


@program
def load_bytes_that_are_no_text() -> None:
    attempt(Envelope.load_from_frames, [b"\xff", b'"o"', b'["a"]', b"1"])


@program
def load_a_wrong_number_of_frames() -> None:
    for count in (0, 1, 3, 5):
        kind_of_error(Envelope.load_from_frames, [b'"a"'] * count)


@program
def load_from_a_generator_and_a_tuple() -> None:
    frames = (b'"t"', b'"o"', b'["a"]', b"1")
    say(Envelope.load_from_frames(frames), Envelope.load_from_frames(iter(frames)))


@program
def load_from_bytearrays() -> None:
    say(Envelope.load_from_frames([bytearray(b'"t"'), bytearray(b'"o"'), b'["a"]', b"1"]))


@program
def load_from_strings() -> None:
    kind_of_error(Envelope.load_from_frames, ['"t"', '"o"', '["a"]', "1"])


@program
def load_from_an_instance_and_a_subclass() -> None:
    frames = [b'"t"', b'"o"', b'["a"]', b"1"]
    say(Envelope("x", "y", 1).load_from_frames(frames))
    say(type(Still.load_from_frames(frames)).__name__)


@program
def load_data_that_names_a_module() -> None:
    for name in ("log", "json", "time", "sys.path", "Envelope", "Message", "no.such", ""):
        attempt(loaded, '"t"', '"o"', json.dumps([name, 1]), "1")


@program
def load_data_with_repeated_keys() -> None:
    attempt(loaded, '"t"', '"o"', '["a", {"k": 1, "k": 2}]', "1")


@program
def load_a_long_number() -> None:
    envelope = loaded('"t"', '"o"', '["a", ' + "9" * 4000 + "]", "1")
    say(envelope.data[1] == 10**4000 - 1)


@program
def load_as_deep_as_1x_took() -> None:
    depth = 900
    data = loaded('"t"', '"o"', '["a", ' + "[" * depth + "]" * depth + "]", "1").data
    count = 0
    data = data[1]
    while data:
        count, data = count + 1, data[0]
    say(count)


@program
def convert_as_deep_as_1x_took() -> None:
    data: list[Any] = []
    for _ in range(900):
        data = [data]
    say(len(three(data)[2]))


@program
def data_with_serialize_writes_itself() -> None:
    class Own:
        def serialize(self, encoding: str) -> bytes:
            say("asked for", encoding)
            return b'"own"'

    say(three(Own())[2])
    say(Still("t", "o", Own(), 1).convert_to_frames("latin-1")[2])


@program
def a_serialize_attribute_that_cannot_be_called() -> None:
    class Own:
        serialize = None

    kind_of_error(three, Own())


@program
def serialize_without_parameters() -> None:
    class Own:
        def serialize(self) -> bytes:
            return b"1"

    kind_of_error(three, Own())


@program
def serialize_that_raises() -> None:
    class Own:
        def serialize(self, encoding: str) -> bytes:
            raise LookupError("no way")

    attempt(three, Own())


@program
def serialize_that_raises_attribute_error() -> None:
    class Own:
        def serialize(self, encoding: str) -> bytes:
            raise AttributeError("inside")

    kind_of_error(three, Own())


@program
def a_dict_with_serialize_that_raises_attribute_error_is_a_dict() -> None:
    class Own(dict):  # type: ignore[type-arg]
        def serialize(self, encoding: str) -> bytes:
            raise AttributeError("inside")

    say(three(Own(a=1))[2])


@ruled("accepts-more", "returns b'a text'\n")
def serialize_that_returns_a_text() -> None:
    class Own:
        def serialize(self, encoding: str) -> Any:
            return "a text"

    attempt(lambda: three(Own())[2])


@program
def serialize_by_getattr() -> None:
    class Proxy:
        def __getattr__(self, name: str) -> Any:
            say("looked up", name)
            return lambda encoding: b'"through"'

    say(three(Proxy())[2])


@program
def serialize_on_the_instance() -> None:
    class Thing:
        pass

    thing = Thing()
    thing.serialize = lambda encoding: b"7"  # type: ignore[attr-defined]
    say(three(thing)[2])


@program
def a_message_as_data() -> None:
    message = Message(1.5)
    say(three(message)[2])


@program
def a_message_inside_a_list_is_refused() -> None:
    attempt(three, [Message(1)])


@program
def json_dumps_can_be_patched() -> None:
    from unittest import mock

    with mock.patch("json.dumps", lambda value, **_: f"<{value}>"):
        say(three("x"))


@program
def frames_of_a_subclass_go_through_super() -> None:
    class Signed(Still):
        def convert_to_frames(self, encoding: Any = None) -> Any:
            return (*super().convert_to_frames(encoding), b'"signed"')

    say(Signed("a", "b", 1, 2).convert_to_frames())


@program
def load_uses_an_envelope_of_the_module() -> None:
    from unittest import mock

    with mock.patch("hermes.structs.Envelope", Still):
        say(type(Envelope.load_from_frames([b'"t"', b'"o"', b'["a"]', b"1"])).__name__)
