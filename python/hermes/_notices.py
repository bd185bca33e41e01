"""What has happened to a part: a queue of notices, for whoever wants to know."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

from hermes._native import deadline, remaining

#: How many notices are kept; the oldest goes first, as in the native library.
KEPT = 256


class Notices:
    """Notices of one part: written by its thread, taken by any other."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew, as in a forked process, where nobody else waits."""
        self._kept: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._changed = threading.Condition()
        self._ended = False

    def add(self, notice: dict[str, Any]) -> None:
        """Keep a notice, and wake who waits for one."""
        with self._changed:
            self._kept.append(notice)
            self._changed.notify()

    def end(self) -> None:
        """Say that nothing more will come."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def take(self, timeout: float | None) -> Iterator[dict[str, Any]]:
        """Take one by one, until none has come for ``timeout`` seconds, or none will."""
        while True:
            end = deadline(timeout)
            with self._changed:
                while not self._kept:
                    left = remaining(end)
                    if self._ended or left == 0.0:
                        return
                    self._changed.wait(left)
                notice = self._kept.popleft()
            yield notice
