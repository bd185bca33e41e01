"""Codecs: how the data of envelopes is written as JSON and read from it."""

from __future__ import annotations

import functools
import json
import json.encoder
import marshal
from collections.abc import Iterable, Sequence
from typing import Any, Callable

from hermes.structs import parse, write

#: The types of most data, none of which has a method ``serialize``.
SIMPLE = frozenset({list, dict, tuple, str, int, float, bool, type(None)})


def _knows_marshal() -> bool:
    """Tell whether this Python's marshal has the format that the library writes and reads.

    Python does not promise that the format stays, though it has since before Python 3.
    """
    values = [("k", 1, {"u": [-(1 << 40), 0.5, None, True, False]})]
    written = (
        b"[\1\0\0\0(\3\0\0\0u\1\0\0\0ki\1\0\0\0{u\1\0\0\0u[\5\0\0\0"
        b"l\xfd\xff\xff\xff\0\0\0\0\0\4g\0\0\0\0\0\0\xe0?NTF0"
    )
    others = b"(\2\0\0\0z\1as\1\0\0\0b"
    try:
        return (
            marshal.dumps(values, 2) == written
            and marshal.loads(written) == values
            and marshal.loads(others) == ("a", b"b")
        )
    except Exception:
        return False


class Codec:
    """Python's own json: what `json.dumps` and `json.loads` do without options."""

    #: Whether the library may convert between JSON and marshal's format instead, where the
    #: result is the same.
    marshals = _knows_marshal()
    #: Whether Python's json reads what arrives.
    is_pythons = True

    def row(self, topic: str, origin: str, data: Any) -> bytes:
        """Return the JSON array [topic, origin, data]; raise if only `dumps` can write it."""
        return "".join(_encode([topic, origin, data], 0)).encode()

    def rows(self, rows: Sequence[tuple[str, str, Any]]) -> bytes:
        """Return an array of such arrays."""
        return "".join(_encode(rows, 0)).encode()

    def dumps(self, data: Any) -> str | bytes:
        """Write data as JSON."""
        return write(data)

    def loads(self, text: str) -> Any:
        """Read the data of one envelope from its JSON text."""
        return parse(text)


class CustomCodec(Codec):
    """A codec of the program: two functions like those of json, for the data of envelopes.

    The output of ``trusted`` functions is not checked: they write nothing but JSON.
    """

    marshals = False
    is_pythons = False

    def __init__(
        self,
        dumps: Callable[[Any], str | bytes],
        loads: Callable[[bytes], Any],
        trusted: bool = False,
    ) -> None:
        self._dumps = dumps
        self._loads = loads
        self._trusted = trusted

    def row(self, topic: str, origin: str, data: Any) -> bytes:
        written = self._dumps(data)
        if isinstance(written, str):
            written = written.encode()
        if b"\0" in written:
            raise ValueError("a NUL")  # C would see the end of the text there
        known = len(topic) + len(origin) < _LONGEST_CACHED
        head = _head(topic, origin) if known else _write_head(topic, origin)
        # A row has at most five elements, so data that is two values by mistake is refused.
        return (b"%b%b]" if self._trusted else b"%b%b,null,null]") % (head, written)

    def rows(self, rows: Sequence[tuple[str, str, Any]]) -> bytes:
        if not self._trusted:
            raise TypeError("each envelope must be checked alone")
        return b"[%b]" % b",".join([self.row(*row) for row in rows])

    def dumps(self, data: Any) -> str | bytes:
        return self._dumps(data)

    def loads(self, text: str) -> Any:
        return self._loads(text.encode())


def choose(codec: Any) -> Codec:
    """Return the codec for the argument ``codec``: None, "json", "orjson", or an object."""
    if codec is None or codec == "json":
        return _PYTHON_JSON
    if codec == "orjson":
        return _orjson()
    dumps, loads = getattr(codec, "dumps", None), getattr(codec, "loads", None)
    if not (callable(dumps) and callable(loads)):
        raise TypeError(
            f'codec must be "json", "orjson" or an object with dumps and loads, not {codec!r}'
        )
    return CustomCodec(dumps, loads)


def _orjson() -> Codec:
    """Return a codec by orjson; what orjson refuses, Python's json writes or reads."""
    import orjson

    def dumps(data: Any, write: Callable[[Any], bytes] = orjson.dumps) -> str | bytes:
        try:
            return write(data)
        except TypeError:
            return json.dumps(data)

    def loads(text: bytes, read: Callable[[bytes], Any] = orjson.loads) -> Any:
        try:
            return read(text)
        except ValueError:
            return parse(text.decode())

    return CustomCodec(dumps, loads, trusted=True)


def _write_head(topic: str, origin: str) -> bytes:
    """Return the beginning of a row."""
    return f"[{_quote(topic)},{_quote(origin)},".encode()


# Heads up to this length are cached, as the same ones are needed again and again.
_LONGEST_CACHED = 256
_head = functools.lru_cache(1024)(_write_head)


def _make_encode() -> Callable[[Any, int], Iterable[str]]:
    """Make the encoder that ``json.dumps`` makes for every call, if this Python has it.

    It does not detect circular references, for which it would need a state that is wrong
    after an exception or in two threads; it ends at the recursion limit. After an exception
    the caller uses ``json.dumps``, which raises the right one.
    """
    encoder = json.JSONEncoder()
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    settings = (": ", ", ", False, False, True)
    try:
        encode: Callable[[Any, int], Iterable[str]]
        encode = make(None, encoder.default, json.encoder.encode_basestring_ascii, None, *settings)
    except TypeError:  # there is none, or its arguments differ
        return lambda data, _: [json.dumps(data)]
    return encode


_quote = json.encoder.encode_basestring_ascii
_encode = _make_encode()
_PYTHON_JSON = Codec()
