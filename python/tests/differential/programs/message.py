"""Message: slots, serialising, loading, repr, and everything that can be overridden."""

from __future__ import annotations

import time
from typing import Any

from kit import attempt, program, ruled, say

from hermes import Message


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
