"""What is sent: `Envelope`, and `Message` for structured data.

An envelope on the wire is four frames of JSON: topic, origin, data, time. An array that begins
with the name of a class becomes an instance of it on arrival, if the class allows it:
`_registry` is the only place where names from the wire are looked up.

Nothing here uses the network or the native library. No lock is held: each change of `_registry`
and `_unknown_names` is one operation on a dictionary or set.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Callable, TypeVar

from hermes import _star_import
from hermes._json.integers import parse_integer
from hermes._ratelimit import RateLimit

if TYPE_CHECKING:
    __all__ = ["Envelope", "Message", "register"]
else:
    __getattr__ = _star_import.getter(
        __name__, ["Envelope", "Message", "register"], "json log logging reduce sys time"
    )

log = logging.getLogger(__name__)

_Self = TypeVar("_Self", bound="Message")
_Kind = TypeVar("_Kind", bound="type[Message]")

# The classes that become instances on arrival, by dtype.
_registry: dict[str, type[Message]] = {}
_log_limit = RateLimit(1.0)


class Envelope:
    """Data with its topic, its origin and the time at which it was sent.

    Attributes
    ----------
    topic, origin, data, ts
        As they were given, or received. ``ts`` is in seconds since the Unix epoch.
    lost
        How many envelopes of the same topic and sender are missing directly before this one.
    traceparent
        The trace context that it was published with, in the form of W3C Trace Context, or None.

    Examples
    --------
    >>> hermes.Envelope("ticks/BTCUSD", "exchange", {"price": 1.5}, ts=12.5)
    Envelope(topic='ticks/BTCUSD', origin='exchange', data={'price': 1.5}, ts=12.5)
    """

    __slots__ = ["topic", "origin", "data", "ts"]

    topic: str
    origin: str
    data: Any
    ts: float

    #: How many envelopes of the same topic and sender are missing directly before this one.
    lost: int = 0

    #: The trace context that a received envelope carries; see `Publisher.publish`.
    traceparent: str | None = None

    def __init__(self, topic_tree: str, origin: str, data: Any, ts: float | None = None) -> None:
        """Put ``data`` into an envelope.

        Parameters
        ----------
        topic_tree
            The topic, by custom a path such as ``"ticks/BTCUSD"``; receivers subscribe to
            prefixes of it.
        origin
            The name of the sender.
        data
            Anything that `json.dumps` takes, a `Message`, or an object with a method
            ``serialize(encoding)`` that returns JSON as bytes.
        ts
            Seconds since the Unix epoch; now if not given. Publishing replaces it by the time
            of sending.
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
        """Read an envelope from the four frames that a ZeroMQ socket has received.

        Data that is an array beginning with the name of a registered `Message` becomes an
        instance of it; see `register`.

        Parameters
        ----------
        frames
            JSON texts: topic, origin, data, time.
        encoding
            That of the texts; UTF-8 if not given.

        Raises
        ------
        ValueError
            There are not four frames, or one of them is not JSON.
        """
        texts = [_decoded(frame, encoding or "utf-8") for frame in frames]
        if len(texts) != 4:
            raise ValueError(f"an envelope has four frames, not {len(texts)}")
        return from_row([parse(text) for text in texts])

    def convert_to_frames(self, encoding: str | None = None) -> tuple[bytes, bytes, bytes, bytes]:
        """Stamp the envelope with the current time, and write it as four frames of JSON.

        Parameters
        ----------
        encoding
            That of the texts; UTF-8 if not given.

        Returns
        -------
        tuple of bytes
            Topic, origin, data, time.

        Raises
        ------
        TypeError
            The data cannot be written as JSON.
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
    """Return the text of a frame; raise AttributeError, as in 1.x, if it is a str already."""
    if not isinstance(frame, (bytes, bytearray, str)):
        frame = bytes(frame)
    text: str = frame.decode(encoding)
    return text


class Message:
    """A record of named fields, sent as a compact JSON array.

    Derive from it and list your fields in ``__slots__``. A received array whose first element
    is the name of your class (its ``__qualname__``) becomes an instance again if the class
    allows it: it has a static or class method ``empty()`` that makes an instance to be filled,
    or it was passed to `register`.

    Attributes
    ----------
    dtype
        The name that it is sent under.
    ts
        Seconds since the Unix epoch.

    Examples
    --------
    >>> @hermes.register
    ... class Tick(hermes.Message):
    ...     __slots__ = ["symbol", "price"]
    """

    __slots__ = ["dtype", "ts"]

    dtype: str
    ts: float

    def __init__(self, ts: float | None = None) -> None:
        """Make a message.

        Parameters
        ----------
        ts
            Seconds since the Unix epoch; now if not given.
        """
        self.ts = ts or time.time()
        self.dtype = self._class_to_string()

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        _unknown_names.clear()  # a name that was unknown may be that of this class
        if _has_hook(cls):
            _registry[cls.__qualname__] = cls

    def load(self: _Self, data: Iterable[Any]) -> _Self:
        """Set the fields in the order of their slots, and return the message.

        Parameters
        ----------
        data
            What `serialize` wrote, as values, or another message.
        """
        for value, field in zip(data, self._slots()):
            setattr(self, field, value)
        return self

    def serialize(self, encoding: str | None = None) -> bytes:
        """Return the fields as a JSON array, in the order of their slots."""
        return write([getattr(self, field) for field in self._slots()]).encode(encoding or "utf-8")

    def _slots(self) -> list[str]:
        """Return the names of all fields, those of base classes first.

        A class without ``__slots__`` of its own repeats those that it inherits.
        """
        return slots_of(type(self))

    def _class_to_string(self) -> str:
        """Return the name that the message is sent under."""
        return self.__class__.__qualname__

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name, '(unset)')}" for name in self._slots())
        return f"{self._class_to_string()}({fields})"

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the values of the fields, in the order of their slots."""
        for field in self._slots():
            yield getattr(self, field)

    def __getitem__(self, field: Any) -> Any:
        """Return the value of a field, given by its name or its index."""
        if not isinstance(field, str):
            return list(self)[field]
        if field not in self._slots():
            raise KeyError(field)
        return getattr(self, field)


def slots_of(cls: type) -> list[str]:
    """Return the slots of a class and its bases, base classes first."""
    fields: list[str] = []
    for base in reversed(cls.__mro__[:-1]):
        slots = getattr(base, "__slots__", ())
        fields.extend([slots] if isinstance(slots, str) else slots)
    return fields


# ---- Names on the wire -------------------------------------------------------


def register(cls: _Kind) -> _Kind:
    """Let received arrays that begin with the name of ``cls`` become instances of it.

    The instance is made by ``cls.empty()`` if that exists, otherwise without calling
    ``__init__``; then `Message.load` fills it. Of two classes with one name the one that was
    registered last counts.

    Parameters
    ----------
    cls
        A subclass of `Message`.

    Returns
    -------
    type
        ``cls``, so that this can be used as a decorator.

    Raises
    ------
    TypeError
        ``cls`` is not a subclass of `Message`.
    """
    if not (isinstance(cls, type) and issubclass(cls, Message)):
        raise TypeError(f"only subclasses of Message can be registered, not {cls!r}")
    for name in _names(cls):
        _registry[name] = cls
    return cls


def _names(cls: type[Message]) -> set[str]:
    """Return the names that messages of this class may have on the wire."""
    names = {cls.__qualname__}
    if cls._class_to_string is not _CLASS_TO_STRING:
        with contextlib.suppress(Exception):  # it may need fields that are not set yet
            names.add(cls._class_to_string(cls.__new__(cls)))
    return names


_CLASS_TO_STRING = Message._class_to_string

# Names that are not those of a class; most data that begins with a string is not a message.
_unknown_names: set[str] = set()
_MOST_UNKNOWN = 1000
_LONGEST_NAME = 200
_searches = RateLimit(0.01)


def _search(name: str) -> type[Message] | None:
    """Look for a class that was not registered when it was created.

    That happens if another base class has an ``__init_subclass__`` that does not call super(),
    or if the messages have another name than the class.
    """
    if len(name) > _LONGEST_NAME:
        return None
    if len(_unknown_names) >= _MOST_UNKNOWN:
        if not _searches.due():
            return None  # a search for each of very many strings would take too long
        _unknown_names.clear()
    for cls in _subclasses(Message):
        if _has_hook(cls) and name in _names(cls):
            _registry[name] = cls
            return cls
    _unknown_names.add(name)
    return None


def _subclasses(cls: type[Message]) -> Iterator[type[Message]]:
    """Yield all classes that are derived from this one."""
    for derived in cls.__subclasses__():
        yield derived
        yield from _subclasses(derived)


# ---- JSON --------------------------------------------------------------------


def write(data: Any) -> str:
    """Write data as Python's json does, however deeply it is nested."""
    try:
        return json.dumps(data)
    except RecursionError:
        from hermes._json import deep

        return deep.dumps(data)


def dump(data: Any, encoding: str = "utf-8", dumps: Callable[[Any], str | bytes] = write) -> bytes:
    """Write data as JSON, by its own ``serialize`` if it has one."""
    serialize = getattr(data, "serialize", None)
    written: bytes | str
    if serialize is None:
        written = dumps(data)
    else:
        try:
            written = serialize(encoding)
        except AttributeError as error:
            # It cannot serialise itself, and may still be something that JSON can express.
            try:
                written = dumps(data)
            except TypeError:
                kind = type(data).__qualname__
                raise TypeError(f"{kind} cannot be serialised: {error}") from error
    return written.encode(encoding) if isinstance(written, str) else written


def parse(text: str) -> Any:
    """Read JSON as Python's parser does, with integers of any size.

    Raises ValueError only.
    """
    try:
        try:
            return json.loads(text)
        except ValueError:
            return json.loads(text, parse_int=parse_integer)
    except RecursionError:
        from hermes._json import deep

        return deep.loads(text, parse_integer)


class _WithMore(Envelope):
    """An envelope after a gap, or with a trace context; it looks like an `Envelope`.

    Envelopes have exactly the slots of 1.x, so these slots need a class of their own. A pickled
    or copied one is an `Envelope`.
    """

    __slots__ = ["lost", "traceparent"]

    lost: int
    traceparent: str | None

    def __reduce__(self) -> Any:
        return Envelope, (self.topic, self.origin, self.data, self.ts)


_ENVELOPE = Envelope
_WithMore.__name__ = _WithMore.__qualname__ = "Envelope"


def from_row(row: Sequence[Any]) -> Envelope:
    """Return the envelope for parsed JSON: topic, origin, data, time, and perhaps lost."""
    try:
        topic, origin, data, ts = row
    except ValueError:
        *plain, lost = row
        return _with_more(from_row(plain), "lost", lost)
    return Envelope(topic, origin, _revived(data), ts)


def from_columns(
    topics: list[str], origins: list[str], data: list[Any], times: list[float]
) -> list[Envelope]:
    """Return many envelopes, faster than one by one."""
    if _registry or Message.__subclasses__():
        data = list(map(_revived, data))
    return list(map(Envelope, topics, origins, data, times))


def set_lost(envelopes: list[Envelope], lost: Iterable[tuple[int, int]]) -> None:
    """Set ``lost`` of the envelopes at some indexes."""
    for index, number in lost:
        envelopes[index] = _with_more(envelopes[index], "lost", number)


def set_contexts(envelopes: list[Envelope], contexts: Iterable[tuple[int, str]]) -> None:
    """Set ``traceparent`` of the envelopes at some indexes."""
    for index, context in contexts:
        envelopes[index] = _with_more(envelopes[index], "traceparent", context)


def _with_more(envelope: Envelope, name: str, value: Any) -> Envelope:
    """Return the envelope with an attribute that only few have."""
    if envelope.__class__ is _ENVELOPE:
        more = _WithMore(envelope.topic, envelope.origin, envelope.data, envelope.ts)
        more.lost, more.traceparent = 0, None
        envelope = more
    with contextlib.suppress(AttributeError):  # a program may have replaced the class
        setattr(envelope, name, value)
    return envelope


def _revived(data: Any) -> Any:
    """Return the message that data stands for, or data itself."""
    if data.__class__ is list and data and data[0].__class__ is str:
        name = data[0]
        kind = _registry.get(name)
        if kind is None and name not in _unknown_names:
            kind = _search(name)
        if kind is not None:
            return _revive(kind, data)
    return data


def _revive(kind: type[Message], data: list[Any]) -> Any:
    """Return an instance of ``kind`` with the fields in ``data``, or ``data`` if that fails."""
    try:
        empty: Callable[[], Message] | None = getattr(kind, "empty", None)
        return (kind.__new__(kind) if empty is None else empty()).load(data)
    except Exception as error:
        # Data from the network must not stop its reader.
        if _log_limit.due():
            log.warning("Cannot load %s from %r: %s", kind.__qualname__, data, error)
        return data


def _has_hook(cls: type[Message]) -> bool:
    """Tell whether ``empty()`` can make an instance of just this class."""
    own = cls.__dict__.get("empty")
    if own is not None:
        return isinstance(own, (staticmethod, classmethod))
    # An inherited class method gets this class; an inherited static method does not.
    return any(isinstance(base.__dict__.get("empty"), classmethod) for base in cls.__mro__)
