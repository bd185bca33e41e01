"""How envelopes become JSON, and JSON envelopes: by Python's json, or by one's own choice."""

from __future__ import annotations

import functools
import json
import json.encoder
import marshal
from collections.abc import Iterable, Sequence
from typing import Any, Callable

from hermes.structs import parse, write

#: Types of which most data is, and which have no method ``serialize``.
SIMPLE = frozenset({list, dict, tuple, str, int, float, bool, type(None)})


def _knows_marshal() -> bool:
    """Whether the marshal of this Python is the one that the library knows.

    Its format is not promised to stay, though it has since long before Python 3.
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
    """Python's own json: what :func:`json.dumps` and :func:`json.loads` do without options."""

    #: Whether the library may write and read the JSON, and take and give values as
    #: Python's marshal has them, where that comes to the same.
    marshals = _knows_marshal()
    #: Whether Python's own json reads what arrives.
    is_pythons = True

    def row(self, topic: str, origin: str, data: Any) -> bytes:
        """The JSON array [topic, origin, data]; an exception where only :meth:`dumps` can."""
        return "".join(_encode([topic, origin, data], 0)).encode()

    def rows(self, rows: Sequence[tuple[str, str, Any]]) -> bytes:
        """Several such arrays in one."""
        return "".join(_encode(rows, 0)).encode()

    def dumps(self, data: Any) -> str | bytes:
        """Data as JSON."""
        return write(data)

    def loads(self, text: str) -> Any:
        """The data of one envelope, from its JSON text."""
        return parse(text)


class Chosen(Codec):
    """What the user would rather have: two functions like json's, for the data of envelopes.

    ``trusted`` ones write JSON and nothing else, so nobody has to look.
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
            raise ValueError("a NUL")  # it would end the text
        known = len(topic) + len(origin) < _MOST_KEPT
        head = _head(topic, origin) if known else _write_head(topic, origin)
        # With four elements there is no room for one more, which would be no JSON in data.
        return (b"%b%b]" if self._trusted else b"%b%b,null]") % (head, written)

    def rows(self, rows: Sequence[tuple[str, str, Any]]) -> bytes:
        if not self._trusted:
            raise TypeError("each envelope has to be looked at alone")
        return b"[%b]" % b",".join([self.row(*row) for row in rows])

    def dumps(self, data: Any) -> str | bytes:
        return self._dumps(data)

    def loads(self, text: str) -> Any:
        return self._loads(text.encode())


def codec(chosen: Any) -> Codec:
    """The codec for what a user gave as ``codec``: None, "json", "orjson", or an object."""
    if chosen is None or chosen == "json":
        return _PYTHONS
    if chosen == "orjson":
        return _orjson()
    dumps, loads = getattr(chosen, "dumps", None), getattr(chosen, "loads", None)
    if not (callable(dumps) and callable(loads)):
        raise TypeError(
            f'codec must be "json", "orjson" or an object with dumps and loads, not {chosen!r}'
        )
    return Chosen(dumps, loads)


def _orjson() -> Codec:
    """The package orjson. What it refuses to write or read, Python's json does."""
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

    return Chosen(dumps, loads, trusted=True)


def _write_head(topic: str, origin: str) -> bytes:
    """What a row begins with."""
    return f"[{_quote(topic)},{_quote(origin)},".encode()


#: Heads are kept, for they come again and again, unless they are longer than this.
_MOST_KEPT = 256
_head = functools.lru_cache(1024)(_write_head)


def _make_encode() -> Callable[[Any, int], Iterable[str]]:
    """What ``json.dumps`` makes anew for every call, where this Python has it; else the same.

    It does not look out for circles, for which it would need a memory that is no good
    after an exception or in two threads: it ends at the limit of recursion. Whoever gets an
    exception asks ``json.dumps``, which knows what to say.
    """
    encoder = json.JSONEncoder()
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    settings = (": ", ", ", False, False, True)
    try:
        encode: Callable[[Any, int], Iterable[str]]
        encode = make(None, encoder.default, json.encoder.encode_basestring_ascii, None, *settings)
    except TypeError:  # there is none, or it is made in another way
        return lambda data, _: [json.dumps(data)]
    return encode


_quote = json.encoder.encode_basestring_ascii
_encode = _make_encode()
_PYTHONS = Codec()
