"""What travels: :class:`Envelope`, and :class:`Message` for structured data.

Nothing in here touches the network or the native library.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import json
import logging
import operator
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Callable, TypeVar

from hermes import _star
from hermes._pace import Pace

if TYPE_CHECKING:
    __all__ = ["Envelope", "Message", "register"]
else:
    __getattr__ = _star.getter(
        __name__, ["Envelope", "Message", "register"], "json log logging reduce sys time"
    )

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
        texts = [_decoded(frame, encoding or "utf-8") for frame in frames]
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


def _decoded(frame: Any, encoding: str) -> str:
    """The text of a frame; AttributeError, as in 1.x, for what is a text already."""
    if not isinstance(frame, (bytes, bytearray, str)):
        frame = bytes(frame)
    text: str = frame.decode(encoding)
    return text


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

    def __init__(self, ts: float | None = None) -> None:
        """Make a message with the time ``ts`` in seconds since the epoch, or now."""
        self.ts = ts or time.time()
        self.dtype = self._class_to_string()

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        _strange.clear()  # what was the name of none may be that of this one
        if _has_hook(cls):
            _registry[cls.__qualname__] = cls

    def load(self: _Self, data: Iterable[Any]) -> _Self:
        """Set the fields, in the order of :meth:`_slots`, and return the message.

        ``data`` is what :meth:`serialize` wrote, read again, or another message.
        """
        for value, field in zip(data, self._slots()):
            setattr(self, field, value)
        return self

    def serialize(self, encoding: str | None = None) -> bytes:
        """The fields as a JSON array."""
        return write([getattr(self, field) for field in self._slots()]).encode(encoding or "utf-8")

    def _slots(self) -> list[str]:
        """The names of all fields, those of base classes first.

        A class without ``__slots__`` of its own repeats those that it inherits.
        """
        return slots_of(type(self))

    def _class_to_string(self) -> str:
        """The name that the message travels under."""
        return self.__class__.__qualname__

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name, '(unset)')}" for name in self._slots())
        return f"{self._class_to_string()}({fields})"

    def __iter__(self) -> Iterator[Any]:
        """The values of the fields, in the order of :meth:`_slots`."""
        for field in self._slots():
            yield getattr(self, field)

    def __getitem__(self, field: Any) -> Any:
        """The value of a field, given by its name or its place."""
        if not isinstance(field, str):
            return list(self)[field]
        if field not in self._slots():
            raise KeyError(field)
        return getattr(self, field)


def slots_of(cls: type) -> list[str]:
    """The slots of a class and its bases, base classes first."""
    fields: list[str] = []
    for base in reversed(cls.__mro__[:-1]):
        slots = getattr(base, "__slots__", ())
        fields.extend([slots] if isinstance(slots, str) else slots)
    return fields


# ---- Messages that write themselves as all do --------------------------------

_SERIALIZE = Message.serialize
_SLOTS = Message._slots
_SLOTS_OF_ALL = list(Message.__slots__)


class _Layout:
    """How the values of the fields of one class are read, as long as its slots stay the same."""

    __slots__ = ["alive", "bases", "is_open", "own", "read", "slots"]

    own: Any
    bases: tuple[type, ...]

    def __init__(self, cls: type[Message]) -> None:
        # A class may die, and another have its address: then it takes this along.
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
    """The ``__slots__`` of each class, where it has them."""
    return [getattr(base, "__slots__", None) for base in bases]


_layouts: dict[int, _Layout] = {}


def _forget(number: int, _: Any) -> None:
    _layouts.pop(number, None)


def plain_values(message: Any) -> tuple[Any, ...] | None:
    """The values of a message that is written by :meth:`Message.serialize` as it stands here.

    None for everything else, which has to write itself.
    """
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
        _layouts.pop(id(kind), None)  # they were changed; those to come have a new one
        return None
    if layout.is_open and not message.__dict__.keys().isdisjoint(("serialize", "_slots")):
        return None
    return layout.read(message)


# ---- Names on the wire -------------------------------------------------------


def register(cls: _Kind) -> _Kind:
    """Let received arrays that name ``cls`` become instances of it; a class decorator.

    The instance is made by ``cls.empty()`` where there is one, and otherwise without
    calling ``__init__``; then :meth:`Message.load` fills it. Of two classes with one
    name the later counts.
    """
    if not (isinstance(cls, type) and issubclass(cls, Message)):
        raise TypeError(f"only subclasses of Message can be registered, not {cls!r}")
    for name in _names(cls):
        _registry[name] = cls
    return cls


def _names(cls: type[Message]) -> set[str]:
    """What a message of this class may call itself on the wire."""
    names = {cls.__qualname__}
    if cls._class_to_string is not _CLASS_TO_STRING:
        with contextlib.suppress(Exception):  # it may need more than there is yet
            names.add(cls._class_to_string(cls.__new__(cls)))
    return names


_CLASS_TO_STRING = Message._class_to_string

# Names that no class has asked for; data is full of texts that are no names.
_strange: set[str] = set()
_MOST_STRANGE = 1000
_LONGEST_NAME = 200
_searches = Pace(0.01)


def _search(name: str) -> type[Message] | None:
    """Look for a class that did not say when it was made that it asks for its name.

    So it is where a class beside Message has an ``__init_subclass__`` that tells no other,
    or where the name is not that of the class.
    """
    if len(name) > _LONGEST_NAME:
        return None
    if len(_strange) >= _MOST_STRANGE:
        if not _searches.due():
            return None  # each text is another one, and a search for each would be too much
        _strange.clear()
    for cls in _subclasses(Message):
        if _has_hook(cls) and name in _names(cls):
            _registry[name] = cls
            return cls
    _strange.add(name)
    return None


def _subclasses(cls: type[Message]) -> Iterator[type[Message]]:
    """All classes derived from this one."""
    for derived in cls.__subclasses__():
        yield derived
        yield from _subclasses(derived)


# ---- JSON --------------------------------------------------------------------


def write(data: Any) -> str:
    """Data as Python's own json writes it, however deep it is."""
    try:
        return json.dumps(data)
    except RecursionError:
        from hermes import _deep

        return _deep.dumps(data)


def dump(data: Any, encoding: str = "utf-8", dumps: Callable[[Any], str | bytes] = write) -> bytes:
    """Data as JSON: written by its own ``serialize`` if it has one."""
    serialize = getattr(data, "serialize", None)
    written: bytes | str
    if serialize is None:
        written = dumps(data)
    else:
        try:
            written = serialize(encoding)
        except AttributeError as error:
            # It cannot serialise itself, and may still be something that JSON can hold.
            try:
                written = dumps(data)
            except TypeError:
                kind = type(data).__qualname__
                raise TypeError(f"{kind} cannot be serialised: {error}") from error
    return written.encode(encoding) if isinstance(written, str) else written


def parse(text: str) -> Any:
    """JSON as Python's own parser reads it, with integers of any size.

    Raises :class:`ValueError` alone.
    """
    try:
        try:
            return json.loads(text)
        except ValueError:
            return json.loads(text, parse_int=_integer)
    except RecursionError:
        from hermes import _deep

        return _deep.loads(text, _integer)


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


_ENVELOPE = Envelope
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
    if _registry or Message.__subclasses__():
        data = list(map(_revived, data))
    return list(map(Envelope, topics, origins, data, times))


def tell_lost(envelopes: list[Envelope], lost: Iterable[tuple[int, int]]) -> None:
    """Let some of the envelopes, given by index, know how many are missing before."""
    for index, number in lost:
        envelopes[index] = _after_gap(envelopes[index], number)


def _after_gap(envelope: Envelope, lost: int) -> Envelope:
    """The same envelope, that knows how many are missing before."""
    if envelope.__class__ is not _ENVELOPE:  # somebody has put another class in its place
        with contextlib.suppress(AttributeError):
            envelope.lost = lost  # type: ignore[misc]
        return envelope
    after = _AfterGap(envelope.topic, envelope.origin, envelope.data, envelope.ts)
    after.lost = lost
    return after


def _revived(data: Any) -> Any:
    """What data stands for: itself, or a message."""
    if data.__class__ is list and data and data[0].__class__ is str:
        name = data[0]
        kind = _registry.get(name)
        if kind is None and name not in _strange:
            kind = _search(name)
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


def _has_hook(cls: type[Message]) -> bool:
    """Whether ``empty()`` can make an instance of just this class."""
    own = cls.__dict__.get("empty")
    if own is not None:
        return isinstance(own, (staticmethod, classmethod))
    # A class method that is inherited knows which class to make; a static one does not.
    return any(isinstance(base.__dict__.get("empty"), classmethod) for base in cls.__mro__)
