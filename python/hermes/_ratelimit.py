"""A limit for how often something is done, such as writing to a log."""

from __future__ import annotations

import time


class RateLimit:
    """Allows something once in ``interval`` seconds.

    There is no lock: two threads may be allowed at the same time.
    """

    __slots__ = ("_interval", "_next", "_suppressed")

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._next = 0.0
        self._suppressed = 0

    def due(self) -> bool:
        """Return True if ``interval`` seconds have passed since this last returned True."""
        now = time.monotonic()
        if now < self._next:
            self._suppressed += 1
            return False
        self._next = now + self._interval
        return True

    def take_suppressed(self) -> int:
        """Return how often `due` has returned False since the last call of this."""
        count, self._suppressed = self._suppressed, 0
        return count
