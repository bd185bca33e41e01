"""A thread that is started at most once, and locks that survive a fork."""

from __future__ import annotations

import threading
from typing import Any, Callable

from hermes import _system


def module_lock() -> Any:
    """Make a lock for a module; in a forked child it is free, even if it was held."""
    lock = threading.Lock()
    _system.after_fork_in_child(lock._at_fork_reinit)  # type: ignore[attr-defined]
    return lock


class OnceThread:
    """A daemon thread that calls a function once. Any thread may use it.

    There is no lock, which an exception between two instructions could leave locked. Several
    threads may be started; the first that runs calls the function, the others end at once.
    """

    def __init__(self, run: Callable[[], None], name: str) -> None:
        self._run = run
        self._name = name
        self._threads: list[threading.Thread] = []
        self._started = threading.Event()

    def start(self) -> None:
        """Start the thread unless it runs or has run; return when it runs."""
        if not self._threads:
            threading.Thread(target=self._run_first, name=self._name, daemon=True).start()
            self._started.wait()

    def is_current(self) -> bool:
        """Tell whether the caller is this thread."""
        return threading.current_thread() in self._threads

    def join(self, timeout: float | None) -> None:
        """Wait until the thread has ended, if it has started and is not the caller."""
        if self._threads and not self.is_current():
            self._threads[0].join(timeout)

    def _run_first(self) -> None:
        this = threading.current_thread()
        self._threads.append(this)
        self._started.set()
        if self._threads[0] is this:
            self._run()
