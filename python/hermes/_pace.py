"""Not more than once a while."""

from __future__ import annotations

import time


class Pace:
    """Says when something may be done again, so that a log is not flooded."""

    __slots__ = ("_held_back", "_next", "_pause")

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._next = 0.0
        self._held_back = 0

    def due(self) -> bool:
        """Whether ``pause`` seconds have gone by since this was last true."""
        now = time.monotonic()
        if now < self._next:
            self._held_back += 1
            return False
        self._next = now + self._pause
        return True

    def take_held_back(self) -> int:
        """How often :meth:`due` has said no since this was last asked."""
        count, self._held_back = self._held_back, 0
        return count
