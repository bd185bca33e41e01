"""The queue of events of one component, which ``events()`` takes from."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator

from hermes._native.wait import deadline, remaining
from hermes._typing import Event

#: How many events are kept; the oldest is dropped first, as in the native library.
CAPACITY = 256


class EventQueue:
    """Events of one component: added by its thread, taken by any other.

    The condition `_changed` guards everything.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start again, empty and with a new lock, in a forked process."""
        self._events: deque[Event] = deque(maxlen=CAPACITY)
        self._changed = threading.Condition()
        self._ended = False

    def add(self, event: Event) -> None:
        """Add an event, and wake one thread that waits for it."""
        with self._changed:
            self._events.append(event)
            self._changed.notify()

    def end(self) -> None:
        """End all iterations once the queue is empty: no more events will be added."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def take(self, timeout: float | None) -> Iterator[Event]:
        """Yield events until none has been added for ``timeout`` seconds, or none will be."""
        while True:
            end = deadline(timeout)
            with self._changed:
                while not self._events:
                    left = remaining(end)
                    if self._ended or left == 0.0:
                        return
                    self._changed.wait(left)
                event = self._events.popleft()
            yield event
