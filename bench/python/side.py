"""What the contestants in Python have in common.

Arguments (``PROGRAM ROLE key=value ...``), the ticks that are sent, the checks on what
arrives, and the talk with the referee over stdin and stdout; see bench/README.md.
"""

from __future__ import annotations

import asyncio
import json
import mmap
import select
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

ROLE = sys.argv[1] if len(sys.argv) > 1 else ""
SETTINGS = dict(pair.split("=", 1) for pair in sys.argv[2:])

COUNT = int(SETTINGS.get("count", 100_000))
ORIGIN = SETTINGS.get("origin", "p000")
TOPICS = [f"ticks/{i:06d}" for i in range(int(SETTINGS.get("topics", 10)))]
IN, OUT = SETTINGS.get("in", ""), SETTINGS.get("out", "")

#: How long a subscriber waits in silence, in seconds.
SILENCE = 20.0

FIRST = 1_000_000_000


def tick(number: int) -> list[Any]:
    """The tick of that number; everything about it follows from the number."""
    return [
        "Tick",
        1763800000 + number % 1_000_000 / 1e6,
        "BTCUSD",
        42000.0 + number % 100 + number % 4 / 4,
        FIRST + number,
    ]


PROBE = ["Probe", 1763800000.0, "BTCUSD", 42000.0, FIRST]


def say(**result: Any) -> None:
    """Print a line to the referee."""
    print(json.dumps(result), flush=True)


def told_to_go(seconds: float) -> bool:
    """Wait at most so long for the word to start."""
    if not select.select([0], [], [], seconds)[0]:
        return False
    if not sys.stdin.buffer.read1(1):
        sys.exit(0)  # called off
    return True


def wait_for_end() -> None:
    """Wait until the referee has closed our stdin."""
    while sys.stdin.buffer.read1(64):
        pass


def publish_all(send: Callable[[str, list[Any]], Any]) -> None:
    """Send probes until the referee starts it, then all ticks, and print when it began."""
    while not told_to_go(0.005):
        send(TOPICS[0], PROBE)
    topics, many = TOPICS, len(TOPICS)
    start = time.monotonic_ns()
    for i in range(COUNT):
        send(topics[i % many], tick(i))
    say(start=start, end=time.monotonic_ns())


async def publish_all_in_loop(send: Callable[[str, list[Any]], Awaitable[Any]]) -> None:
    """publish_all for coroutines."""
    while not told_to_go(0.005):
        await send(TOPICS[0], PROBE)
    topics, many = TOPICS, len(TOPICS)
    start = time.monotonic_ns()
    for i in range(COUNT):
        await send(topics[i % many], tick(i))
    say(start=start, end=time.monotonic_ns())


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """asyncio.run, with the event loop of uvloop if uvloop=1."""
    if SETTINGS.get("uvloop") == "1":
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main)
        return
    asyncio.run(main)


class Check:
    """Looks at what one subscriber gets."""

    def __init__(self) -> None:
        self.taken = self.wrong = 0
        self.first = self.last = 0
        self.complaint = ""
        self.ready = False

    def take(self, topic: str, origin: str, data: Any) -> bool:
        """One envelope; true when all are there."""
        number = self.taken
        if data != tick(number) or topic != TOPICS[number % len(TOPICS)] or origin != ORIGIN:
            if data == PROBE:
                self._probed()
                return False
            if not self.wrong:
                self.complaint = f"{topic} {origin} {data} instead of number {number}"
            self.wrong += 1
        if not number:
            self.first = time.monotonic_ns()
        self.taken = number + 1
        if self.taken < COUNT:
            return False
        self.last = time.monotonic_ns()
        return True

    def _probed(self) -> None:
        if not self.ready:
            self.ready = True
            print("ready", flush=True)

    def print(self) -> None:
        """Report the result to the referee."""
        say(
            count=self.taken,
            wrong=self.wrong,
            first=self.first,
            last=self.last or time.monotonic_ns(),
            complaint=self.complaint,
        )


class Window:
    """How far the subscriber is, in a file that both sides have mapped.

    For a contestant that loses what comes too fast: its publisher never is more than
    ``window=`` envelopes ahead of its subscriber.
    """

    def __init__(self, path: str) -> None:
        with open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), 8)
        self._cells = memoryview(self._map).cast("Q")
        self._width = int(SETTINGS.get("window", 500))

    def note(self, taken: int) -> None:
        """The subscriber has got so many."""
        self._cells[0] = taken

    def wait(self, number: int) -> None:
        """Wait until the tick of that number may be sent."""
        while number - self._cells[0] >= self._width:
            time.sleep(0.0001)
