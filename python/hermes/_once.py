"""A thread that runs once, however often its start is tried, and interrupted.

There is no lock in here, which an exception between two instructions could leave locked: of
several threads that have been started, the first one runs, and the others end at once.
"""

from __future__ import annotations

import threading
from typing import Callable


class Once:
    """A daemon thread that calls a function, once. Any thread may use it."""

    def __init__(self, run: Callable[[], None], name: str) -> None:
        self._run = run
        self._name = name
        self._threads: list[threading.Thread] = []
        self._begun = threading.Event()

    def start(self) -> None:
        """Start it, unless it runs or has run; it does when this returns."""
        if not self._threads:
            threading.Thread(target=self._run_first, name=self._name, daemon=True).start()
            self._begun.wait()

    def is_current(self) -> bool:
        """Whether the caller is this thread."""
        return threading.current_thread() in self._threads

    def join(self, timeout: float | None) -> None:
        """Wait for its end, if it has begun and is not the caller."""
        if self._threads and not self.is_current():
            self._threads[0].join(timeout)

    def _run_first(self) -> None:
        this = threading.current_thread()
        self._threads.append(this)
        self._begun.set()
        if self._threads[0] is this:
            self._run()
