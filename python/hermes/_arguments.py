"""Converts arguments of the public classes to what the native library takes."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

from hermes import errors
from hermes._typing import OptionValue

# The longest duration that the native library reads, in seconds.
_CENTURY = 100 * 365 * 24 * 3600.0

# The units of its durations, in seconds.
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}


def option_text(value: OptionValue) -> str:
    """Convert the value of an option."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, timedelta):
        return duration(value.total_seconds())
    return str(value)


def duration(seconds: float) -> str:
    """Convert seconds; more than a century becomes a century, and so does NaN."""
    seconds = float(seconds)
    if not seconds <= _CENTURY:
        seconds = _CENTURY
    return f"{max(0, round(seconds * 1e6))}us"


def receiver_options(on_slow: str | None, since: Any) -> dict[str, str]:
    """Return the options that arguments of a receiver stand for, if they were given."""
    options = {} if on_slow is None else {"on_slow": on_slow}
    if since is not None:
        options["since"] = since_text(since)
    return options


def since_text(since: Any) -> str:
    """Convert the time from which on history is wanted; a datetime without a zone is local time."""
    if isinstance(since, str):
        return since
    if isinstance(since, datetime):
        return since.astimezone(timezone.utc).isoformat()
    if isinstance(since, timedelta):
        return f"{round(since.total_seconds() * 1e6)}us"
    if isinstance(since, (int, float)) and not isinstance(since, bool):
        return f"{since:.6f}"
    raise TypeError(
        f"since must be a str, a datetime, a timedelta or a number, not {type(since).__name__}"
    )


def seconds(duration: str) -> float:
    """Convert a duration as the native library writes it, such as ``1m30s``."""
    return sum(float(n) * _UNITS[unit] for n, unit in re.findall(r"([\d.]+)([^\d.]+)", duration))


def name_text(text: str, what: str) -> bytes:
    """Convert a name to a C string; ``what`` names the argument in error texts."""
    if not isinstance(text, str):
        raise TypeError(f"{what} must be a str, not {type(text).__name__}")
    try:
        encoded = text.encode()
    except UnicodeEncodeError as error:
        raise errors.EncodingError(f"{what} {text!r} is not Unicode text: {error}") from error
    if b"\0" in encoded:
        raise errors.ArgumentError(f"{what} {text!r} contains a NUL")
    return encoded


def address_text(address: Any, what: str) -> bytes:
    """Convert an address to a C string; as with pyzmq, it may be bytes."""
    if isinstance(address, (bytes, bytearray)):
        try:
            address = address.decode()
        except UnicodeDecodeError as error:
            raise errors.EncodingError(f"{what} {address!r} is not UTF-8: {error}") from error
    return name_text(address, what)


def addresses_text(address: Any) -> bytes:
    """Convert one address, or a tuple of several, to a C string."""
    if not isinstance(address, tuple):
        return address_text(address, "the address")
    return b",".join(address_text(one, "an address") for one in address)


def addresses(given: str | Iterable[str]) -> Any:
    """Return one address as it is, and several as a tuple, as an iterator can be read once."""
    if isinstance(given, (str, bytes, bytearray)) or not isinstance(given, Iterable):
        return given
    return tuple(given)


def names(given: Any, what: str) -> Any:
    """Return topics or exchanges as they were given, or as a list if they can be read once."""
    if not given:
        return ""
    if not isinstance(given, Iterable) and not hasattr(given, "__contains__"):
        raise TypeError(f"{what} must be a str, or several, not {type(given).__name__}")
    return given if isinstance(given, Container) else list(given)


def as_list(given: str | Iterable[str] | None) -> list[str]:
    """Return one string, or several, as a list."""
    if not given:
        return []
    return [given] if isinstance(given, str) else list(given)


def constant_origins(exchanges: Any) -> list[str]:
    """Return the origins in ``exchanges`` if its type cannot change in place; else nothing."""
    if type(exchanges) is str:
        return [exchanges] if exchanges else []
    if type(exchanges) not in (tuple, frozenset):
        return []
    return list(exchanges) if all(type(origin) is str for origin in exchanges) else []


def topic_prefix(topic: str) -> bytes:
    """Convert a topic prefix to bytes."""
    if not isinstance(topic, str):
        raise TypeError(f"a topic must be a str, not {type(topic).__name__}")
    try:
        return topic.encode()
    except UnicodeEncodeError:
        # It is not Unicode text; the frame on the wire is JSON, whose prefix can be followed.
        return json.dumps(topic)[:-1].encode()
