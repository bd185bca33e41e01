"""What travels: :class:`Envelope`, and :class:`Message` for structured data.

Nothing in here touches the network or the native library.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Sequence
from typing import Any, Callable, ClassVar, TypeVar

from hermes._pace import Pace

__all__ = ["Envelope", "Message", "register"]

log = logging.getLogger(__name__)

_Self = TypeVar("_Self", bound="Message")
_Kind = TypeVar("_Kind", bound="type[Message]")

# Who becomes an instance on arrival: dtype to class. Names from the wire are looked
# up here and nowhere else.
_registry: dict[str, type[Message]] = {}
_complaints = Pace(1.0)


class Envelope:
    """Data on its way, with its topic, its origin and the time it was sent.

    ``data`` is anything that :func:`json.dumps` takes, a :class:`Message`, or any
    object with a method ``serialize(encoding)`` that returns JSON as bytes.
    """

    __slots__ = ["topic", "origin", "data", "ts"]

    topic: str
    origin: str
    data: Any
    ts: float

    #: How many envelopes of the same topic and sender went missing right before this one.
    lost: int = 0

    def __init__(self, topic_tree: str, origin: str, data: Any, ts: float | None = None) -> None:
        """Put ``data`` into an envelope.

        ``topic_tree`` is the topic, by custom a path such as ``"ticks/BTCUSD"``;
        receivers subscribe to prefixes of it. ``origin`` names the sender. ``ts`` is
        in seconds since the epoch, and now unless given.
        """
        self.topic = topic_tree
        self.origin = origin
        self.data = data
        self.ts = ts or time.time()

    def __repr__(self) -> str:
        return (
            f"Envelope(topic={self.topic!r}, origin={self.origin!r}, "
            f"data={self.data!r}, ts={self.ts!r})"
        )

    @staticmethod
    def load_from_frames(
        frames: Iterable[bytes | bytearray | memoryview], encoding: str | None = None
    ) -> Envelope:
        """The envelope in the four frames that a ZeroMQ socket received.

        Raises :class:`ValueError` for anything but four frames of JSON text. Data that
        is an array beginning with the name of a registered :class:`Message` becomes
        an instance of it; see :func:`register`.
        """
        texts = [bytes(frame).decode(encoding or "utf-8") for frame in frames]
        if len(texts) != 4:
            raise ValueError(f"an envelope has four frames, not {len(texts)}")
        return from_row([parse(text) for text in texts])

    def convert_to_frames(self, encoding: str | None = None) -> tuple[bytes, bytes, bytes, bytes]:
        """The envelope as four frames of JSON: topic, origin, data, time.

        Stamps the envelope with the current time first. Raises :class:`TypeError` for
        data that has no form in JSON.
        """
        encoding = encoding or "utf-8"
        self.update_ts()
        return (
            json.dumps(self.topic).encode(encoding),
            json.dumps(self.origin).encode(encoding),
            dump(self.data, encoding),
            json.dumps(self.ts).encode(encoding),
        )

    def update_ts(self) -> None:
        """Stamp the envelope with the current time."""
        self.ts = time.time()


class Message:
    """A record of named fields, sent as a compact JSON array.

    Derive from it and list your fields in ``__slots__``. A received array whose first
    element is the name of your class (its ``__qualname__``) becomes an instance again
    if the class asks for it: either it has a static or class method ``empty()`` that
    makes an instance to be filled, or you pass it to :func:`register`. ::

        @hermes.register
        class Tick(hermes.Message):
            __slots__ = ["symbol", "price"]
    """

    __slots__ = ["dtype", "ts"]

    dtype: str
    ts: float

    _hermes_fields: ClassVar[tuple[str, ...]] = ("dtype", "ts")

    def __init__(self, ts: float | None = None) -> None:
        """Make a message with the time ``ts`` in seconds since the epoch, or now."""
        self.ts = ts or time.time()
        self.dtype = type(self).__qualname__

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        cls._hermes_fields = _fields_of(cls)
        if _has_hook(cls):
            _registry[cls.__qualname__] = cls

    def load(self: _Self, data: Iterable[Any]) -> _Self:
        """Set the fields, in the order of :meth:`_slots`, and return the message."""
        for field, value in zip(self._hermes_fields, data):
            setattr(self, field, value)
        return self

    def serialize(self, encoding: str | None = None) -> bytes:
        """The fields as a JSON array."""
        return json.dumps([getattr(self, field) for field in self._hermes_fields]).encode(
            encoding or "utf-8"
        )

    def _slots(self) -> list[str]:
        """The names of all fields, those of base classes first."""
        return list(self._hermes_fields)

    def __repr__(self) -> str:
        fields = ", ".join(
            f"{name}={getattr(self, name, '(unset)')}" for name in self._hermes_fields
        )
        return f"{type(self).__qualname__}({fields})"


def register(cls: _Kind) -> _Kind:
    """Let received arrays that name ``cls`` become instances of it; a class decorator.

    The instance is made by ``cls.empty()`` where there is one, and otherwise without
    calling ``__init__``; then :meth:`Message.load` fills it. Of two classes with one
    name the later counts.
    """
    if not (isinstance(cls, type) and issubclass(cls, Message)):
        raise TypeError(f"only subclasses of Message can be registered, not {cls!r}")
    _registry[cls.__qualname__] = cls
    return cls


def dump(
    data: Any, encoding: str = "utf-8", dumps: Callable[[Any], str | bytes] = json.dumps
) -> bytes:
    """Data as JSON: written by its own ``serialize`` if it has one."""
    serialize = getattr(data, "serialize", None)
    written: bytes | str
    if serialize is None:
        written = dumps(data)
    else:
        try:
            written = serialize(encoding)
        except AttributeError as error:
            raise TypeError(f"{type(data).__qualname__} cannot be serialised: {error}") from error
    return written.encode(encoding) if isinstance(written, str) else written


def parse(text: str) -> Any:
    """JSON as Python's own parser reads it, with integers of any size.

    Raises :class:`ValueError` alone, for what is nested too deeply as well.
    """
    try:
        try:
            return json.loads(text)
        except ValueError:
            return json.loads(text, parse_int=_integer)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


# How many digits ``int`` reads everywhere; the least that its limit can be set to is more.
_READABLE = 512


def _integer(digits: str) -> int:
    """An integer of any size: ``int`` refuses to read long ones.

    It would take time with the square of their length. Halves that are put together by a
    multiplication take far less, so that nobody can stop a receiver by a long number.
    """
    if len(digits) <= _READABLE:
        return int(digits)
    if digits[0] == "-":
        return -_integer(digits[1:])
    # powers[i] is ten to the (_READABLE << i).
    powers = [10**_READABLE]
    while _READABLE << len(powers) < len(digits):
        powers.append(powers[-1] ** 2)
    return _joined(digits, powers, len(powers) - 1)


def _joined(digits: str, powers: list[int], level: int) -> int:
    """The number that the digits make, of which there are at most _READABLE << (level + 1)."""
    if len(digits) <= _READABLE:
        return int(digits)
    at = len(digits) - (_READABLE << level)
    if at <= 0:
        return _joined(digits, powers, level - 1)
    high = _joined(digits[:at], powers, level - 1)
    return high * powers[level] + _joined(digits[at:], powers, level - 1)


class _AfterGap(Envelope):
    """An envelope that others are missing before; it shows no other difference.

    Envelopes have the slots of 1.x and no more, so this one slot is in a class of its own.
    What is pickled or copied is a plain envelope.
    """

    __slots__ = ["lost"]

    lost: int

    def __reduce__(self) -> Any:
        return Envelope, (self.topic, self.origin, self.data, self.ts)


_AfterGap.__name__ = _AfterGap.__qualname__ = "Envelope"


def from_row(row: Sequence[Any]) -> Envelope:
    """The envelope for parsed JSON: topic, origin, data, time, and perhaps the lost ones."""
    try:
        topic, origin, data, ts = row
    except ValueError:
        *plain, lost = row
        return _after_gap(from_row(plain), lost)
    return Envelope(topic, origin, _revived(data), ts)


def from_columns(
    topics: list[str], origins: list[str], data: list[Any], times: list[float]
) -> list[Envelope]:
    """Many envelopes, quicker than one by one."""
    if _registry:
        data = list(map(_revived, data))
    return list(map(Envelope, topics, origins, data, times))


def tell_lost(envelopes: list[Envelope], lost: Iterable[tuple[int, int]]) -> None:
    """Let some of the envelopes, given by index, know how many are missing before."""
    for index, number in lost:
        envelopes[index] = _after_gap(envelopes[index], number)


def _after_gap(envelope: Envelope, lost: int) -> Envelope:
    """The same envelope, that knows how many are missing before."""
    after = _AfterGap(envelope.topic, envelope.origin, envelope.data, envelope.ts)
    after.lost = lost
    return after


def _revived(data: Any) -> Any:
    """What data stands for: itself, or a message."""
    if data.__class__ is list and data and data[0].__class__ is str:
        kind = _registry.get(data[0])
        if kind is not None:
            return _revive(kind, data)
    return data


def _revive(kind: type[Message], data: list[Any]) -> Any:
    """An instance of ``kind`` with the fields in ``data``, or ``data`` where it fails."""
    try:
        empty: Callable[[], Message] | None = getattr(kind, "empty", None)
        return (kind.__new__(kind) if empty is None else empty()).load(data)
    except Exception as error:
        # The wire must not be able to stop its reader.
        if _complaints.due():
            log.warning("Cannot load %s from %r: %s", kind.__qualname__, data, error)
        return data


def _fields_of(cls: type[Message]) -> tuple[str, ...]:
    """The slots of a class and its bases, base classes first, each once."""
    fields: dict[str, None] = {}
    for base in reversed(cls.__mro__):
        slots = base.__dict__.get("__slots__", ())
        fields.update(dict.fromkeys([slots] if isinstance(slots, str) else slots))
    return tuple(field for field in fields if field not in ("__dict__", "__weakref__"))


def _has_hook(cls: type[Message]) -> bool:
    """Whether ``empty()`` can make an instance of just this class."""
    own = cls.__dict__.get("empty")
    if own is not None:
        return isinstance(own, (staticmethod, classmethod))
    # A class method that is inherited knows which class to make; a static one does not.
    return any(isinstance(base.__dict__.get("empty"), classmethod) for base in cls.__mro__)
