"""Message: mixins, slots with odd names, and what else a class may do."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

from kit import attempt, kind_of_error, program, ruled, say

from hermes import Envelope, Message
from programs.message import Quote, Tick


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
