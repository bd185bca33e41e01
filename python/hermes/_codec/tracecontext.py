"""The trace context of W3C that an envelope may carry: a text, and white space on the wire.

It stands in front of the time, as 100 characters of two bits; see docs/wire.md.
"""

from __future__ import annotations

import re
from typing import Any

_SIZE = 100
_FORM = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_DIGITS = {ord(space): digit for space, digit in zip(" \t\n\r", "0123")}
# Whether a JSON text may have one somewhere.
maybe = re.compile(r",[ \t\n\r]{100}").search


def sampled(traceparent: Any) -> bool:
    """Tell whether a context travels; raise ValueError if it is not one."""
    if not isinstance(traceparent, str):
        raise TypeError(f"traceparent must be a str, not {type(traceparent).__name__}")
    if not _FORM.fullmatch(traceparent):
        raise ValueError(
            f"{traceparent[:80]!r} is not a traceparent of W3C Trace Context, version 00:"
            ' "00-", 32 hexadecimal digits in lower case, "-", 16, "-", 2, and neither of the'
            " first two numbers is 0"
        )
    return int(traceparent[-2:], 16) & 1 == 1


def context_of(time: str) -> str | None:
    """Return the context in front of the JSON text of a time, if there is one."""
    if len(time) <= _SIZE or not time[:_SIZE].isspace():
        return None
    digits = time[:_SIZE].translate(_DIGITS)
    if not digits.isdigit():
        return None
    text = int(digits, 4).to_bytes(_SIZE // 4, "big").hex()
    traceparent = f"00-{text[:32]}-{text[32:48]}-{text[48:]}"
    return traceparent if _FORM.fullmatch(traceparent) and int(text[-2:], 16) & 1 else None
