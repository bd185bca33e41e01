"""Writes vectors.jsonl: what CPython's json and marshal make of values.

    python vectors.py           writes the file
    python vectors.py --check   compares it with what this Python makes

One JSON array a line:

    ["json", TEXT, VALID]                        whether json.loads accepts a text
    ["row", HEX, TOPIC, ORIGIN, DATA]            marshal.dumps([(topic, origin, data)], 2), and
                                                 json.dumps of each of the three
    ["entry", TEXT, TOPIC, ORIGIN, DATA]         json.dumps([topic, origin, data]), with or without
                                                 ensure_ascii; json.dumps of topic and origin
                                                 with it; and data as it is in TEXT

The tests of Go and of C in this package, and a test of Python, read the same file.
"""

from __future__ import annotations

import json
import marshal
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("vectors.jsonl")


class Random:
    """Numbers that are the same with every Python: G. Marsaglia, "Xorshift RNGs", 2003."""

    def __init__(self) -> None:
        """Begin."""
        self._state = 88172645463325252

    def bits(self) -> int:
        """64 of them."""
        s = self._state
        s ^= s << 13 & 0xFFFFFFFFFFFFFFFF
        s ^= s >> 7
        s ^= s << 17 & 0xFFFFFFFFFFFFFFFF
        self._state = s
        return s

    def below(self, n: int) -> int:
        """A number from 0 on."""
        return (self.bits() >> 16) % n


TICK = ["Tick", 1763800000.000042, "BTCUSD", 42010.5, 1000000042]
TEXTS = [
    "",
    "a",
    "ticks/BTCUSD",
    'quo"te',
    "back\\slash",
    "tab\t",
    "nul\0",
    "\x7f",
    "é",
    "😀",
    "/",
    "x" * 300,
]
NUMBERS = [
    0,
    -1,
    1,
    2**31 - 1,
    2**31,
    -(2**31),
    2**63 - 1,
    -(2**63),
    2**64 - 1,
    0.0,
    -0.0,
    0.1,
    1.5,
    -2.25,
]
NUMBERS += [
    0.1 + 0.2,
    1e15,
    1e16,
    9999999999999998.0,
    1e-4,
    1e-5,
    5e-324,
    1.5e300,
    123456789.125,
    1e22,
]
VALUES = [None, True, False, TICK, [], {}, [[]], {"": {}}, *TEXTS, *NUMBERS]
VALUES += [
    {"price": 42000, "side": "buy"},
    {"é": [1, {"b": None}]},
    (1, (2, "three")),
    [[[[[[1]]]]]],
]

VALID = [
    "0",
    "-0",
    "1.50",
    "1e5",
    "-1.5E-7",
    " [ 1 , 2 ] ",
    '"\\u00e9"',
    '"é"',
    '"\\ud800"',
    "[1,\n2]",
    '{"a":1,"a":2}',
]
VALID += [
    "1" * 400,
    "[" * 80 + "]" * 80,
    '{"a" : [ ] }',
    '"' + "x" * 200 + '"',
    '["' + "ab " * 40 + '"]',
]
INVALID = [
    "",
    " ",
    "01",
    "-",
    "1.",
    ".5",
    "+1",
    "1e",
    "-01",
    "00",
    "[1,]",
    "[,1]",
    "[1 2]",
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    "{1:2}",
]
INVALID += [
    "tru",
    "nul",
    "True",
    "NaN",
    "Infinity",
    "-Infinity",
    "'a'",
    '"a',
    '"\t"',
    '"\n"',
    '"\\x"',
    '"\\u12"',
    "[1",
    "1]",
    "[}",
    '{"a":1]',
]
INVALID += [
    "0x1",
    "1_0",
    "[0123456789012345]",
    '["Tick",042010.50,17638000]',
    '"a" "b"',
    "\ufeff1",
    "[1]\0",
    "// 1\n1",
]


def text(random: Random) -> str:
    """A short one, of common and uncommon characters."""
    alphabet = 'abcXYZ /._-0123456789"\\\n\x00\x1f\x7féß漢😀'
    common = random.below(3) > 0
    return "".join(
        alphabet[random.below(22 if common else len(alphabet))] for _ in range(random.below(24))
    )


def number(random: Random) -> float:
    """One that programs send, its neighbour, or any."""
    if random.below(4) == 0:
        any_one = struct.unpack("<d", random.bits().to_bytes(8, "little"))[0]
        return any_one if any_one == any_one and abs(any_one) != float("inf") else 0.5
    common = (random.bits() >> random.below(40) + 13) / 10 ** random.below(16)
    return common * (1 + 2**-52) if random.below(4) == 0 else common


def value(random: Random, depth: int = 0) -> Any:
    """Any JSON value."""
    kind = random.below(7 if depth < 4 else 5)
    if kind == 0:
        return [None, True, False][random.below(3)]
    if kind == 1:
        return (random.bits() >> random.below(64)) * (1 - 2 * random.below(2))
    if kind == 2:
        return number(random)
    if kind in (3, 4):
        return text(random)
    if kind == 5:
        return [value(random, depth + 1) for _ in range(random.below(5))]
    return {text(random): value(random, depth + 1) for _ in range(random.below(4))}


def damaged(random: Random) -> str:
    """A JSON text in which a few characters are others."""
    letters = list(json.dumps(value(random)))
    for _ in range(random.below(3)):
        letters[random.below(len(letters))] = '0123456789-+.eE"\\,:[]{} truefalsn'[random.below(32)]
    return "".join(letters)


def is_valid(candidate: str) -> bool:
    """Whether json.loads accepts it; NaN and Infinity too."""
    try:
        json.loads(candidate)
    except ValueError:
        return False
    return True


def row(topic: str, origin: str, data: Any) -> list[str]:
    """A line about marshal."""
    values = marshal.dumps([(topic, origin, data)], 2).hex()
    return ["row", values, json.dumps(topic), json.dumps(origin), json.dumps(data)]


def entry(topic: str, origin: str, data: Any, **settings: Any) -> list[str]:
    """A line about entries."""
    names = [json.dumps(topic), json.dumps(origin)]
    text = json.dumps([topic, origin, data], **settings)
    return ["entry", text, *names, json.dumps(data, **settings)]


def vectors() -> Iterator[list[Any]]:
    """All lines."""
    random = Random()
    for candidate in [*VALID, *INVALID, *(damaged(random) for _ in range(400))]:
        yield ["json", candidate, is_valid(candidate)]
    compact = {"separators": (",", ":"), "ensure_ascii": False}
    for data in VALUES:
        yield row("t", "o", data)
        yield entry("t", "o", data)
        yield entry("t", "o", data, **compact)
    yield ["entry", '["t", "o", \t0 \n]', '"t"', '"o"', "0"]
    yield ["entry", ' [ "t" , "o" , [ 1 ] ] ', '"t"', '"o"', "[ 1 ]"]
    for words in TEXTS:
        yield row(words, words, 1)
        yield entry(words, words, 1)
        yield entry(words, words, 1, **compact)
    for _ in range(400):
        topic, origin, data = text(random), text(random), value(random)
        yield row(topic, origin, data)
        yield entry(topic, origin, data, **(compact if random.below(2) else {}))


def lines() -> str:
    """The file."""
    return "".join(json.dumps(vector) + "\n" for vector in vectors())


def main() -> int:
    """0, or 1 if --check finds a difference."""
    if sys.argv[1:] == ["--check"]:
        if FILE.read_text() == lines():
            return 0
        print(f"{FILE} is not what {sys.argv[0]} writes", file=sys.stderr)
        return 1
    FILE.write_text(lines())
    return 0


if __name__ == "__main__":
    sys.exit(main())
