"""JSON that is nested more deeply than the interpreter may recurse.

Python's json recurses, and fails at about a thousand levels, fewer if the caller is deep
already. These functions do not recurse. They are slow, and only for what json has refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Callable

from hermes import errors

#: How deeply the library lets arrays and objects nest.
DEEPEST = 1024

_space = re.compile(r"[ \t\n\r]*").match


def loads(text: str, parse_int: Callable[[str], Any] = int) -> Any:
    """Return the value of a JSON text; raise ValueError if it is not JSON."""
    return _Reader(text, parse_int).read()


class _Reader:
    """The position in a text, and the arrays and objects that are open there."""

    def __init__(self, text: str, parse_int: Callable[[str], Any]) -> None:
        self._text = text
        decoder: Any = json.JSONDecoder(parse_int=parse_int)
        self._scan = decoder.scan_once
        self._at = 0
        self._open: list[Any] = []
        self._keys: list[str] = []

    def read(self) -> Any:
        while True:
            value, whole = self._begin()
            while whole:
                following = self._following()
                if not self._open:
                    if following:
                        raise self._error("the end")
                    return value
                value, whole = self._add(value, following)

    def _begin(self) -> tuple[Any, bool]:
        """Return the value that begins here, and whether it is complete."""
        opening = self._following()
        if opening not in ("[", "{"):
            return self._scalar(), True
        self._at += 1
        value: Any = [] if opening == "[" else {}
        if self._following() == chr(ord(opening) + 2):  # "]" and "}" are two code points later
            self._at += 1
            return value, True
        if len(self._open) == DEEPEST:
            raise ValueError(f"nested more than {DEEPEST} deep")
        self._open.append(value)
        if opening == "{":
            self._key()
        return value, False

    def _add(self, value: Any, following: str) -> tuple[Any, bool]:
        """Add a value to the innermost container; return that, and True, if it is complete now."""
        container = self._open[-1]
        is_object = isinstance(container, dict)
        if is_object:
            container[self._keys.pop()] = value
        else:
            container.append(value)
        if following == ("}" if is_object else "]"):
            self._at += 1
            return self._open.pop(), True
        if following != ",":
            raise self._error("a comma")
        self._at += 1
        if is_object:
            self._key()
        return None, False

    def _key(self) -> None:
        if self._following() != '"':
            raise self._error("a name")
        self._keys.append(self._scalar())
        if self._following() != ":":
            raise self._error("a colon")
        self._at += 1

    def _scalar(self) -> Any:
        try:
            value, self._at = self._scan(self._text, self._at)
        except StopIteration:
            raise self._error("a value") from None
        return value

    def _following(self) -> str:
        """Return the next character that is not white space; empty at the end."""
        self._at = _space(self._text, self._at).end()  # type: ignore[union-attr]
        return self._text[self._at : self._at + 1]

    def _error(self, wanted: str) -> json.JSONDecodeError:
        return json.JSONDecodeError(f"Expecting {wanted}", self._text, self._at)


def dumps(data: Any) -> str:
    """Write data as `json.dumps` does; raise what that would raise."""
    written: list[str] = []
    # For each open array or object: an iterator over the rest of it, and what closes it.
    stack: list[tuple[Iterator[Any], str]] = []
    value = data
    while True:
        opened = _opened(value)
        if opened is None:
            written.append(json.dumps(value))
        else:
            if len(stack) == DEEPEST:
                raise errors.DataError(f"data nested more than {DEEPEST} deep cannot be sent")
            written.append("[" if opened[1] == "]" else "{")
            stack.append(opened)
        while True:
            if not stack:
                return "".join(written)
            rest, closing = stack[-1]
            item = next(rest, stack)  # the stack itself marks the end
            if item is not stack:
                break
            stack.pop()
            written.append(closing)
        if written[-1] not in ("[", "{"):  # a string has quotation marks
            written.append(", ")
        if closing == "}":
            key, value = item
            written.append(_name(key) + ": ")
        else:
            value = item


def _opened(value: Any) -> tuple[Iterator[Any], str] | None:
    """Return the elements of an array or object and what closes it; None for other values."""
    if isinstance(value, dict):
        return iter(value.items()), "}"
    if isinstance(value, (list, tuple)):
        return iter(value), "]"
    return None


def _name(key: Any) -> str:
    """Return a key as json writes it: numbers and constants become strings."""
    return json.dumps({key: 0})[1 : -len(": 0}")]
