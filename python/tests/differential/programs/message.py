"""Message: slots, serialising, loading, repr, and everything that can be overridden."""

from __future__ import annotations

import copy
import json
import pickle
import time
from typing import Any

from kit import attempt, kind_of_error, program, ruled, say

from hermes import Envelope, Message


class Tick(Message):
    """As the documentation of 1.x shows it."""

    __slots__ = ["symbol", "price"]

    def __init__(self, symbol: Any = None, price: Any = None, ts: Any = None) -> None:
        super().__init__(ts)
        self.symbol = symbol
        self.price = price


class Quote(Tick):
    """A second generation."""

    __slots__ = ["size"]

    def __init__(self, *arguments: Any, size: Any = None, ts: Any = None) -> None:
        super().__init__(*arguments, ts=ts)
        self.size = size


@program
def base_message() -> None:
    message = Message(5)
    say(message.dtype, message.ts, message._slots(), message.serialize(), repr(message))


@program
def ts_that_is_false_is_now() -> None:
    for ts in (None, 0, "", []):
        say(abs(Message(ts).ts - time.time()) < 60)  # type: ignore[arg-type]


@program
def ts_is_kept() -> None:
    for ts in (1, "text", [1], True):
        say(Message(ts).ts)  # type: ignore[arg-type]


@program
def slots_of_the_base_class_come_first() -> None:
    say(Tick()._slots(), Quote()._slots())


@program
def slots_are_a_fresh_list() -> None:
    tick = Tick()
    slots = tick._slots()
    slots.append("more")
    say(type(slots).__name__, tick._slots())


@program
def serialize_in_order() -> None:
    say(Quote("X", 1.5, size=3, ts=9).serialize())


@program
def serialize_in_an_encoding() -> None:
    for encoding in (None, "", "latin-1", "utf-16-le"):
        say(Tick("é", 1, ts=9).serialize(encoding))


@program
def serialize_by_keyword() -> None:
    say(Tick("é", 1, ts=9).serialize(encoding="ascii"))


@program
def load_in_order() -> None:
    quote = Quote().load(["Quote", 5, "Y", 2.5, 7])
    say(quote, quote.dtype, quote.ts)


@program
def load_returns_the_instance() -> None:
    tick = Tick()
    say(tick.load(["Tick", 5, "Y", 2.5]) is tick)


@program
def load_too_little_and_too_much() -> None:
    say(Tick("a", 1, ts=9).load(["T", 5]))
    say(Tick("a", 1, ts=9).load(["T", 5, "b", 2, "more", "still"]))
    say(Tick("a", 1, ts=9).load([]))


@program
def load_from_any_iterable() -> None:
    say(Tick().load(iter(("T", 5, "b", 2))), Tick().load("abcd"))
    say(Tick().load({"T": 0, 5: 0, "b": 0, 2: 0}))


@program
def load_from_nothing_iterable() -> None:
    attempt(Tick().load, 5)
    attempt(Tick().load, None)


@program
def repr_of_subclasses() -> None:
    say(repr(Tick("a", 1.5, ts=9)), repr(Quote("a", 1.5, size=None, ts=9)))


@program
def repr_uses_str_of_values() -> None:
    class Loud:
        def __str__(self) -> str:
            return "STR"

        def __repr__(self) -> str:
            return "REPR"

    say(repr(Tick(Loud(), "text", ts=9)), str(Tick([Loud()], {}, ts=9)))


@program
def repr_of_values_with_formats() -> None:
    import datetime

    class Money(float):
        def __format__(self, how: str) -> str:
            return "money" + how

    say(repr(Tick(Money(5), datetime.date(2020, 1, 2), ts=9)))
    attempt(repr, Tick(None, (1,), ts=9))


@program
def repr_of_a_nested_class() -> None:
    class Inner(Message):
        __slots__ = ["x"]

    inner = Inner(1)
    inner.x = 5  # type: ignore[attr-defined]
    say(repr(inner), inner.dtype)


@program
def an_unset_slot_in_serialize() -> None:
    class Part(Message):
        __slots__ = ["x"]

    attempt(Part(1).serialize)


@ruled("accepts-more", "returns Part(dtype=Part, ts=1, x=(unset))\n")
def an_unset_slot_in_repr() -> None:
    class Part(Message):
        __slots__ = ["x"]
        __qualname__ = "Part"

    attempt(repr, Part(1))


@program
def class_to_string() -> None:
    say(Message(1)._class_to_string(), Tick()._class_to_string())


@program
def class_to_string_overridden_is_the_dtype() -> None:
    class Named(Message):
        __slots__ = ["x"]

        def _class_to_string(self) -> str:
            return "mod.Named"

    named = Named(1)
    named.x = 2  # type: ignore[attr-defined]
    say(named.dtype, named.serialize(), repr(named))


@program
def class_to_string_patched() -> None:
    from unittest import mock

    with mock.patch.object(Message, "_class_to_string", lambda self: "Patched"):  # noqa: PT008
        tick = Tick("a", 1, ts=9)
        say(tick.dtype, repr(tick))
    say(repr(tick), tick.serialize())


@program
def slots_overridden_change_everything() -> None:
    class Short(Tick):
        __slots__: list[str] = []

        def _slots(self) -> list[str]:
            return ["symbol", "dtype"]

    short = Short("a", 1, ts=9)
    say(short.serialize(), repr(short).replace(Short.__qualname__, "Short"))
    short.load(["b", "T"])
    say(short.symbol, short.dtype, short.price)


@program
def slots_overridden_by_a_generator() -> None:
    class Lazy(Tick):
        __slots__: list[str] = []

        def _slots(self) -> Any:
            yield "price"
            yield "symbol"

    say(Lazy("a", 1, ts=9).serialize(), Lazy("a", 1, ts=9).load([2, "b"]).symbol)


@program
def slots_patched_on_the_class() -> None:
    from unittest import mock

    with mock.patch.object(Tick, "_slots", lambda self: ["price"]):  # noqa: PT008
        say(Tick("a", 1, ts=9).serialize(), repr(Quote("a", 1, ts=9)))
    say(Tick("a", 1, ts=9).serialize())


@program
def slots_extended_by_super() -> None:
    class Extra(Tick):
        __slots__ = ["note"]

        def _slots(self) -> list[str]:
            return [slot for slot in super()._slots() if slot != "note"]

    extra = Extra("a", 1, ts=9)
    extra.note = "secret"  # type: ignore[attr-defined]
    say(extra.serialize())


@program
def slots_changed_after_the_class_was_made() -> None:
    class Growing(Message):
        __slots__ = ["x", "y"]

    growing = Growing(9)
    growing.x, growing.y = 1, 2  # type: ignore[attr-defined]
    Growing.__slots__ = ["y"]
    say(growing._slots(), growing.serialize())
    Growing.__slots__.append("x")
    say(growing._slots(), growing.serialize())


@program
def slots_repeated_in_a_subclass() -> None:
    class Again(Tick):
        __slots__ = ["price"]

    again = Again("a", 1, ts=9)
    say(again._slots(), again.serialize())
    say(again.load(["A", 5, "b", 2, 3]).price)


@program
def slots_as_a_tuple() -> None:
    class Pair(Message):
        __slots__ = ("x", "y")

    pair = Pair(9)
    pair.x, pair.y = 1, 2  # type: ignore[attr-defined]
    say(pair._slots(), pair.serialize())


@program
def slots_as_a_dict() -> None:
    class Pair(Message):
        __slots__ = {"x": "the first", "y": "the second"}

    pair = Pair(9)
    pair.x, pair.y = 1, 2  # type: ignore[attr-defined]
    say(pair._slots(), pair.serialize())


@program
def slots_as_one_letter() -> None:
    class One(Message):
        __slots__ = "x"

    one = One(9)
    one.x = 1  # type: ignore[attr-defined]
    say(one._slots(), one.serialize())


@program
def a_subclass_without_slots_repeats_its_base() -> None:
    class Bare(Message):
        pass

    bare = Bare(9)
    say(bare._slots(), bare.serialize())


@program
def a_subclass_without_slots_of_a_subclass() -> None:
    class Bare(Tick):
        pass

    bare = Bare("a", 1, ts=9)
    bare.more = 5  # type: ignore[attr-defined]
    say(bare._slots(), bare.serialize(), bare.more)  # type: ignore[attr-defined]


@ruled("accepts-more", "returns ['dtype', 'ts', 'x']\n")
def a_mixin_without_slots() -> None:
    class Mixin:
        def shout(self) -> str:
            return "!"

    class Mixed(Mixin, Message):
        __slots__ = ["x"]

    kind_of_error(Mixed(9)._slots)


@program
def a_mixin_with_slots() -> None:
    class Mixin:
        __slots__ = ["m"]

    class Mixed(Message, Mixin):
        __slots__ = ["x"]

    mixed = Mixed(9)
    mixed.m, mixed.x = 1, 2
    say(mixed._slots(), mixed.serialize())


@program
def a_mixin_before_the_message() -> None:
    class Mixin:
        __slots__: list[str] = []

        def serialize(self, encoding: Any = None) -> bytes:
            return b"[" + super().serialize(encoding) + b"]"  # type: ignore[misc, no-any-return]

    class Mixed(Mixin, Tick):
        __slots__: list[str] = []

    say(Mixed("a", 1, ts=9).serialize(), Envelope("t", "o", Mixed(), 1).convert_to_frames()[0])


@program
def a_mixin_whose_init_subclass_calls_nobody() -> None:
    class Mixin:
        __slots__: list[str] = []

        def __init_subclass__(cls, **keywords: Any) -> None:
            pass

    class Mixed(Mixin, Message):
        __slots__ = ["x"]

    mixed = Mixed(9)
    mixed.x = 2  # type: ignore[attr-defined]
    say(mixed._slots(), mixed.serialize(), mixed.load(["M", 1, 3]).x)


@program
def a_slot_called_fields() -> None:
    class Odd(Message):
        __slots__ = ["_fields", "fields"]

    odd = Odd(9)
    odd._fields, odd.fields = 1, 2  # type: ignore[attr-defined]
    say(odd._slots(), odd.serialize(), odd.load(["O", 1, 3, 4])._fields)


@program
def slots_with_private_names() -> None:
    class Odd(Message):
        __slots__ = ["_registry", "_cache", "_kind", "_hermes"]

    odd = Odd(9)
    say(odd.load(["O", 1, 2, 3, 4, 5]).serialize())


@program
def a_slot_with_two_underscores() -> None:
    class Odd(Message):
        __slots__ = ["__secret"]

        def __init__(self) -> None:
            super().__init__(9)
            self.__secret = 5

    kind_of_error(Odd().serialize)


@program
def a_slot_for_dict() -> None:
    class Open(Message):
        __slots__ = ["x", "__dict__"]

    opened = Open(9)
    opened.x = 1  # type: ignore[attr-defined]
    opened.free = 2  # type: ignore[attr-defined]
    say(opened._slots(), opened.serialize())


@program
def a_property_that_computes() -> None:
    class Computed(Tick):
        __slots__: list[str] = []

        @property
        def dtype(self) -> str:  # type: ignore[override]
            return "computed"

        @dtype.setter
        def dtype(self, value: str) -> None:
            pass

    say(Computed("a", 1, ts=9).serialize())


@program
def getattribute_overridden() -> None:
    class Watched(Tick):
        __slots__: list[str] = []

        def __getattribute__(self, name: str) -> Any:
            if name == "price":
                return "watched"
            return super().__getattribute__(name)

    say(Watched("a", 1, ts=9).serialize())


@program
def setattr_overridden() -> None:
    class Watched(Tick):
        __slots__: list[str] = []

        def __setattr__(self, name: str, value: Any) -> None:
            say("set", name)
            super().__setattr__(name, value)

    Watched("a", 1, ts=9).load(["W", 1, "b", 2])


@program
def serialize_overridden() -> None:
    class Own(Tick):
        __slots__: list[str] = []

        def serialize(self, encoding: Any = None) -> bytes:
            return json.dumps({"price": self.price}).encode(encoding or "utf-8")

    class Still(Envelope):
        def update_ts(self) -> None:
            pass

    say(Still("t", "o", Own("a", 1, ts=9), 1).convert_to_frames())


@program
def init_without_super() -> None:
    class Loose(Message):
        __slots__ = ["x"]

        def __init__(self) -> None:
            self.x = 1

    attempt(Loose().serialize)


@program
def slots_of_values_that_json_refuses() -> None:
    attempt(Tick({1}, 1, ts=9).serialize)


@program
def a_message_in_a_message() -> None:
    attempt(Tick(Tick("a", 1, ts=8), 1, ts=9).serialize)


@program
def slots_as_listed_on_the_class() -> None:
    say(Message.__slots__, Tick.__slots__, Quote.__slots__)


@program
def has_no_dict_and_takes_no_other_attribute() -> None:
    say(hasattr(Tick(), "__dict__"))
    try:
        Tick().color = 1  # type: ignore[attr-defined]
    except AttributeError as error:
        say(str(error))


@program
def compares_by_identity() -> None:
    one, other = Tick("a", 1, ts=9), Tick("a", 1, ts=9)
    say(one == other, one == one, len({one, other}))


@program
def copies_and_pickles() -> None:
    tick = Tick("a", [1], ts=9)
    twins = copy.copy(tick), copy.deepcopy(tick), pickle.loads(pickle.dumps(tick))
    for twin in twins:
        say(twin, type(twin) is Tick, twin.price is tick.price)


@program
def dtype_can_be_set() -> None:
    tick = Tick("a", 1, ts=9)
    tick.dtype = "Other"
    say(tick.serialize(), repr(tick))


@program
def class_attributes() -> None:
    say(sorted(name for name in vars(Message) if not name.startswith("__") and name != "_fields"))


@program
def a_subclass_of_many() -> None:
    class Left(Message):
        __slots__: list[str] = []

        def serialize(self, encoding: Any = None) -> bytes:
            return b'"left"'

    class Right(Message):
        __slots__ = ["r"]

    class Both(Left, Right):
        __slots__ = ["b"]

    both = Both(9)
    say(both._slots(), both.serialize(), [kind.__name__ for kind in Both.__mro__])


@program
def metaclass_of_a_subclass() -> None:
    class Meta(type):
        def __new__(cls, name: str, bases: Any, body: Any) -> Any:
            body["__slots__"] = ["from_meta"]
            return super().__new__(cls, name, bases, body)

    class Made(Message, metaclass=Meta):
        pass

    made = Made(9)
    made.from_meta = 5  # type: ignore[attr-defined]
    say(made._slots(), made.serialize())


@program
def made_by_type() -> None:
    made = type("Dynamic", (Message,), {"__slots__": ["x"]})(9)
    made.x = 3
    say(repr(made), made.serialize())


@program
def empty_is_no_method_of_message() -> None:
    say(hasattr(Message, "empty"), hasattr(Tick, "empty"))


@program
def a_class_with_empty_does_not_revive_outside_the_module() -> None:
    class Plain(Message):
        __slots__ = ["x"]

    frames = [b'"t"', b'"o"', json.dumps([Plain.__qualname__, 1, 2]).encode(), b"5"]
    say(type(Envelope.load_from_frames(frames).data).__name__)


@program
def a_class_put_into_the_module_revives() -> None:
    import hermes.structs

    class Homed(Message):
        __slots__ = ["x"]
        __qualname__ = "Homed"

        @classmethod
        def empty(cls) -> Homed:
            return cls()

    hermes.structs.Homed = Homed  # type: ignore[attr-defined]
    data = Envelope.load_from_frames([b'"t"', b'"o"', b'["Homed", 1, 2]', b"5"]).data
    say(type(data).__name__, data)


@ruled("message-opt-in", "Asked Asked(dtype=Asked, ts=1, x=2)\n")
def a_class_with_empty_revives() -> None:
    class Asked(Message):
        __slots__ = ["x"]
        __qualname__ = "Asked"

        @classmethod
        def empty(cls) -> Asked:
            return cls()

    data = Envelope.load_from_frames([b'"t"', b'"o"', b'["Asked", 1, 2]', b"5"]).data
    say(type(data).__name__, data)
