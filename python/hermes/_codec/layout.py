"""Values of messages that `hermes.Message.serialize` would write, read without calling it.

A message may be read so only while its class, its bases and the instance are as `Message`
made them; whatever a program changes is seen here, and then the message writes itself.
"""

from __future__ import annotations

import copy
import functools
import operator
import weakref
from typing import Any, Callable

from hermes.structs import Message, slots_of

_SERIALIZE = Message.serialize
_SLOTS = Message._slots
_SLOTS_OF_ALL = list(Message.__slots__)


class _Layout:
    """How to read the fields of one class, as long as its slots stay the same."""

    __slots__ = ["alive", "bases", "is_open", "own", "read", "slots"]

    own: Any
    bases: tuple[type, ...]

    def __init__(self, cls: type[Message]) -> None:
        # Removes the layout with its class, as another class may get the same id().
        self.alive = weakref.ref(cls, functools.partial(_forget, id(cls)))
        self.own = copy.copy(cls.__slots__)
        self.bases = cls.__mro__[1:-1]
        self.slots = copy.deepcopy(_slots_of_each(self.bases))
        fields = slots_of(cls)
        self.read: Callable[[Any], tuple[Any, ...]] | None = None
        if len(fields) > 1 and not any("." in field for field in fields):
            self.read = operator.attrgetter(*fields)
        #: Whether an instance may have a ``serialize`` of its own.
        self.is_open = cls.__dictoffset__ != 0


def _slots_of_each(bases: tuple[type, ...]) -> list[Any]:
    """Return the ``__slots__`` of each class; None if it has none."""
    return [getattr(base, "__slots__", None) for base in bases]


_layouts: dict[int, _Layout] = {}


def _forget(number: int, _: Any) -> None:
    _layouts.pop(number, None)


def plain_values(message: Any) -> tuple[Any, ...] | None:
    """Return the values that `Message.serialize` would write; None if the data writes itself."""
    kind = message.__class__
    layout = _layouts.get(id(kind))
    if layout is None:
        if not isinstance(message, Message):
            return None
        layout = _layouts[id(kind)] = _Layout(kind)
    if (
        layout.read is None
        or kind.serialize is not _SERIALIZE
        or kind._slots is not _SLOTS
        or kind.__getattribute__ is not object.__getattribute__
    ):
        return None
    bases = kind.__mro__[1:-1]
    if (
        kind.__slots__ != layout.own
        or Message.__slots__ != _SLOTS_OF_ALL
        or bases != layout.bases
        or (len(bases) > 1 and _slots_of_each(bases) != layout.slots)
    ):
        _layouts.pop(id(kind), None)  # the slots were changed; later messages get a new layout
        return None
    if layout.is_open and not message.__dict__.keys().isdisjoint(("serialize", "_slots")):
        return None
    return layout.read(message)
