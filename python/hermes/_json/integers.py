"""Integers of any number of digits, read in less than quadratic time."""

from __future__ import annotations

# ``int`` always reads this many digits: its limit cannot be set lower than 640.
_READABLE = 512


def parse_integer(digits: str) -> int:
    """Return an integer of any size, which ``int`` may refuse to read.

    ``int`` takes quadratic time. Halves that are joined by a multiplication take far less, so
    that a long number from the network cannot stop a receiver.
    """
    if len(digits) <= _READABLE:
        return int(digits)
    if digits[0] == "-":
        return -parse_integer(digits[1:])
    # powers[i] is ten to the (_READABLE << i).
    powers = [10**_READABLE]
    while _READABLE << len(powers) < len(digits):
        powers.append(powers[-1] ** 2)
    return _joined(digits, powers, len(powers) - 1)


def _joined(digits: str, powers: list[int], level: int) -> int:
    """Return the number of the digits, which are at most _READABLE << (level + 1)."""
    if len(digits) <= _READABLE:
        return int(digits)
    at = len(digits) - (_READABLE << level)
    if at <= 0:
        return _joined(digits, powers, level - 1)
    high = _joined(digits[:at], powers, level - 1)
    return high * powers[level] + _joined(digits[at:], powers, level - 1)
