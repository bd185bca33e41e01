"""From what the library has received to envelopes.

As a rule Python's marshal or json makes values of a whole batch at once. A codec of the
user's own, and a ``load_from_frames`` that is not ours, are called for each envelope; what
they raise concerns that envelope alone.
"""

from __future__ import annotations

import json
import logging
import marshal
import re
import sys
from typing import Any, Callable

from hermes import structs
from hermes._codec import Codec
from hermes._pace import Pace
from hermes.structs import from_columns, from_row, parse, tell_lost

log = logging.getLogger("hermes.receiver")

_LOADS = json.loads
_DECODER: Any = json._default_decoder  # type: ignore[attr-defined]
_json: Any = json
_structs: Any = structs  # with the json that it imports, which may be replaced there
_PLAIN = structs.Envelope.load_from_frames
_complaints = Pace(1.0)
_space = re.compile(r"[ \t\n\r]*").match
# Where a value ends is all that is asked, so numbers need not be read.
_decoder: Any = json.JSONDecoder(parse_int=str, parse_float=str)
_scan = _decoder.scan_once
_TUPLE = b"("  # what the values that marshal reads begin with

Loader = Callable[[list[bytes]], Any]


def loader() -> Loader | None:
    """The ``load_from_frames`` that somebody has put in place of ours; None: ours.

    As in 1.x it is that of ``hermes.receiver.Envelope``, whatever that name stands for now.
    """
    load: Loader = sys.modules["hermes.receiver"].Envelope.load_from_frames
    return None if load is _PLAIN else load


def _reads_as_ever() -> bool:
    """Whether nobody has changed how Python's json reads."""
    return _structs.json.loads is _LOADS and _json._default_decoder is _DECODER


def by_marshal(codec: Codec) -> bool:
    """Whether to ask the library for values that marshal reads, and not for text."""
    return codec.marshals and loader() is None and _reads_as_ever()


def decode(fetched: bytes, codec: Codec) -> tuple[list[Any], int]:
    """The envelopes in what the library gave, and how many of them cannot be read."""
    if fetched[:1] == _TUPLE:
        return _from_values(fetched)
    text = fetched.decode("utf-8", "surrogatepass")
    load = loader()
    if codec.is_pythons and load is None and _reads_as_ever():
        try:
            return list(map(from_row, _LOADS(text))), 0
        except Exception:  # so envelope by envelope
            pass
    envelopes = []
    rows = elements(text)
    for row in rows:
        try:
            envelopes.append(_from_text(row, codec, load))
        except Exception as error:
            _complain(row, error)
    return envelopes, len(rows) - len(envelopes)


def _from_values(values: bytes) -> tuple[list[Any], int]:
    """The same for what hermes_recv_marshal gives."""
    *columns, texts, lost = marshal.loads(values)
    bad = []
    for index, text in texts:
        try:
            row = parse(text.decode())
        except ValueError as error:
            _complain(text.decode(), error)
            bad.append(index)
        else:
            for column, value in zip(columns, row):
                column[index] = value
    envelopes = from_columns(*columns)
    tell_lost(envelopes, lost)
    for index in reversed(bad):
        del envelopes[index]
    return envelopes, len(bad)


def _from_text(row: str, codec: Codec, load: Loader | None) -> Any:
    """One envelope: the JSON text of topic, origin, data, ts, and perhaps the lost ones."""
    *frames, lost = [*elements(row), "0"][:5]
    if load is not None:
        envelope = load([frame.encode("utf-8", "surrogatepass") for frame in frames])
    else:
        topic, origin, data, ts = frames
        envelope = from_row([parse(topic), parse(origin), codec.loads(data), parse(ts)])
    envelopes = [envelope]
    if lost != "0":
        tell_lost(envelopes, [(0, int(lost))])
    return envelopes[0]


def _complain(row: str, error: Exception) -> None:
    if _complaints.due():
        topic = (elements(row) or [row])[0]
        log.error(
            "Skipped an envelope on %.80s that cannot be read: %s: %s",
            topic,
            type(error).__name__,
            error,
        )


def elements(text: str) -> list[str]:
    """The elements of a JSON array, as they are written, with the white space around them."""
    try:
        return _scanned(text)
    except (StopIteration, ValueError, RecursionError):
        return split(text)


def _scanned(text: str) -> list[str]:
    parts: list[str] = []
    begin = 1
    value = _space(text, begin).end()  # type: ignore[union-attr]
    while text[value] != "]":
        end = _space(text, _scan(text, value)[1]).end()  # type: ignore[union-attr]
        parts.append(text[begin:end])
        if text[end] == "]":
            break
        begin = end + 1
        value = _space(text, begin).end()  # type: ignore[union-attr]
    return parts


def split(text: str) -> list[str]:
    """The same without recursion, for what is very deep."""
    parts, depth, begin, inside = [], 0, 1, False
    position = 0
    while position < len(text):
        character = text[position]
        if inside:
            if character == "\\":
                position += 1
            elif character == '"':
                inside = False
        elif character == '"':
            inside = True
        elif character in "[{":
            depth += 1
        elif character in "]}":
            depth -= 1
        elif character == "," and depth == 1:
            parts.append(text[begin:position])
            begin = position + 1
        position += 1
    last = text[begin : text.rindex("]")]
    return [*parts, last] if last.strip() else parts
