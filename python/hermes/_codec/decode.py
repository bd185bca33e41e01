"""Converts what the library has received to envelopes.

As a rule Python's marshal or json reads a whole batch at once. A codec of the program, or a
``load_from_frames`` that it has replaced, is called for each envelope; an exception in it
skips that envelope alone.
"""

from __future__ import annotations

import json
import logging
import marshal
import re
import types
from typing import Any, Callable

from hermes import structs
from hermes._codec import tracecontext
from hermes._codec.codec import Codec
from hermes._ratelimit import RateLimit
from hermes.structs import from_columns, from_row, parse, set_contexts, set_lost

log = logging.getLogger("hermes.receiver")

_LOADS = json.loads
_DECODER: Any = json._default_decoder  # type: ignore[attr-defined]
_json: Any = json
_structs: Any = structs  # its global json may be replaced by a program
_OURS = structs.Envelope.load_from_frames
_log_limit = RateLimit(1.0)
_space = re.compile(r"[ \t\n\r]*").match
# It only finds where a value ends, so numbers are not converted.
_decoder: Any = json.JSONDecoder(parse_int=str, parse_float=str)
_scan = _decoder.scan_once
_TUPLE = b"("  # the first byte of a tuple in marshal's format

Loader = Callable[[list[bytes]], Any]


# The names of the module whose ``Envelope`` counts: hermes.receiver, as in 1.x.
_namespace: dict[str, Any] = {"Envelope": structs.Envelope}


def follow_envelope_of(module: types.ModuleType, changed: Callable[[], None]) -> None:
    """Use the ``Envelope`` of a module from now on.

    ``changed`` is called when a class with another ``load_from_frames`` is assigned to it.
    """
    global _namespace
    _namespace = vars(module)

    class Module(types.ModuleType):
        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value)
            if name == "Envelope" and loader() is not None:
                changed()

    module.__class__ = Module


def loader() -> Loader | None:
    """Return the ``load_from_frames`` that a program has put in place; None: it is ours."""
    load: Loader = _namespace["Envelope"].load_from_frames
    return None if load is _OURS else load


def _json_is_original() -> bool:
    """Tell whether Python's json reads as it did when it was imported."""
    return _structs.json.loads is _LOADS and _json._default_decoder is _DECODER


def by_marshal(codec: Codec) -> bool:
    """Tell whether to ask the library for values in marshal's format, and not for text."""
    return codec.marshals and loader() is None and _json_is_original()


def decode(fetched: bytes, codec: Codec) -> tuple[list[Any], int]:
    """Return the envelopes in what the library gave, and how many cannot be read."""
    if fetched[:1] == _TUPLE:
        return _from_values(fetched)
    text = fetched.decode("utf-8", "surrogatepass")
    load = loader()
    contexts = tracecontext.maybe(text)
    if codec.is_pythons and load is None and not contexts and _json_is_original():
        try:
            return list(map(from_row, _LOADS(text))), 0
        except Exception:  # one of them; read each alone
            pass
    envelopes = []
    rows = elements(text)
    for row in rows:
        try:
            envelopes.append(_from_text(row, codec, load))
        except Exception as error:
            _log_skipped(row, error)
    return envelopes, len(rows) - len(envelopes)


def _from_values(values: bytes) -> tuple[list[Any], int]:
    """Do what `decode` does, for what hermes_recv_marshal gives."""
    *columns, texts, lost = marshal.loads(values)
    bad = []
    contexts = []
    for index, encoded in texts:
        text = encoded.decode()
        try:
            row = parse(text)
        except ValueError as error:
            _log_skipped(text, error)
            bad.append(index)
            continue
        for column, value in zip(columns, row):
            column[index] = value
        if tracecontext.maybe(text):
            context = tracecontext.context_of(elements(text)[3])
            if context is not None:
                contexts.append((index, context))
    envelopes = from_columns(*columns)
    set_lost(envelopes, lost)
    set_contexts(envelopes, contexts)
    for index in reversed(bad):
        del envelopes[index]
    return envelopes, len(bad)


def _from_text(row: str, codec: Codec, load: Loader | None) -> Any:
    """Return one envelope from a JSON array: topic, origin, data, ts, and perhaps lost."""
    *frames, lost = [*elements(row), "0"][:5]
    if load is not None:
        envelope = load([frame.encode("utf-8", "surrogatepass") for frame in frames])
    else:
        topic, origin, data, ts = frames
        envelope = from_row([parse(topic), parse(origin), codec.loads(data), parse(ts)])
    envelopes = [envelope]
    if lost != "0":
        set_lost(envelopes, [(0, int(lost))])
    context = tracecontext.context_of(frames[3])
    if context is not None:
        set_contexts(envelopes, [(0, context)])
    return envelopes[0]


def _log_skipped(row: str, error: Exception) -> None:
    if _log_limit.due():
        topic = (elements(row) or [row])[0]
        log.error(
            "Skipped an envelope on %.80s that cannot be read: %s: %s",
            topic,
            type(error).__name__,
            error,
        )


def elements(text: str) -> list[str]:
    """Return the texts of the elements of a JSON array, with the white space around them."""
    try:
        return _scanned(text)
    except (StopIteration, ValueError, RecursionError):
        return split(text)


def _scanned(text: str) -> list[str]:
    found: list[str] = []
    begin = 1
    value = _space(text, begin).end()  # type: ignore[union-attr]
    while text[value] != "]":
        end = _space(text, _scan(text, value)[1]).end()  # type: ignore[union-attr]
        found.append(text[begin:end])
        if text[end] == "]":
            break
        begin = end + 1
        value = _space(text, begin).end()  # type: ignore[union-attr]
    return found


def split(text: str) -> list[str]:
    """Do what `elements` does without recursion, for deeply nested data."""
    found, depth, begin, inside = [], 0, 1, False
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
            found.append(text[begin:position])
            begin = position + 1
        position += 1
    last = text[begin : text.rindex("]")]
    return [*found, last] if last.strip() else found
