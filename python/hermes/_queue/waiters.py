"""The tasks that wait for one object, in any number of event loops.

A task waits for two things: a descriptor of the native object becomes readable, or a thread
calls `Waiters.wake`, because something came that no descriptor shows. Then all tasks that wait
look again, and those that find nothing wait again. So nothing is assigned to a task, which may
have been cancelled meanwhile.

How a loop watches a descriptor is in `hermes._queue.watch`.

There is no lock. Each `LoopWaiters` belongs to its event loop; only `wake` is called by other
threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator

from hermes._queue.watch import Watch, watch


class Waiters:
    """The tasks that wait for an object, in all event loops."""

    def __init__(self) -> None:
        self._loops: dict[asyncio.AbstractEventLoop, LoopWaiters] = {}

    def wake(self) -> None:
        """Have all tasks that wait look again. Any thread may call this."""
        for waiters in list(self._loops.values()):
            waiters.wake()

    def of(self, loop: asyncio.AbstractEventLoop) -> LoopWaiters:
        """Return those of one event loop. Must be called in that loop."""
        waiters = self._loops.get(loop)
        if waiters is None:
            for known in list(self._loops):
                if known.is_closed():
                    self._loops.pop(known, None)
            waiters = self._loops[loop] = LoopWaiters(loop)
        return waiters


class LoopWaiters:
    """The tasks of one event loop that wait for an object."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: set[asyncio.Future[None]] = set()
        self._made_in = os.getpid()
        # Watches a duplicate of the object's descriptor, as a program may add that one to the
        # same loop; None while nothing does.
        self._watch: Watch | None = None

    @contextlib.contextmanager
    def waiter(self, timeout: float | None) -> Iterator[asyncio.Future[None]]:
        """Make a future that is done when it is time to look again."""
        waiter: asyncio.Future[None] = self._loop.create_future()
        timer = None if timeout is None else self._loop.call_later(timeout, _finish, waiter)
        self._waiting.add(waiter)
        try:
            yield waiter
        finally:
            self._waiting.discard(waiter)
            if timer is not None:
                timer.cancel()

    def watch(self, descriptor: int) -> None:
        """Wake all tasks that wait when this descriptor is readable."""
        if self._watch is None or self._watch.over:
            self._watch = watch(self._loop, descriptor)
        self._watch.begin(self._readable)

    def wake(self) -> None:
        """Wake all tasks that wait. Any thread may call this."""
        if self._waiting and self._made_in == os.getpid():
            with contextlib.suppress(RuntimeError):  # the loop was closed
                self._loop.call_soon_threadsafe(self._wake_all)

    def _wake_all(self) -> None:
        for waiter in self._waiting:
            _finish(waiter)
        self._waiting.clear()

    def _readable(self) -> None:
        """Wake all; if no task waits, stop watching, as the loop would call this for ever."""
        if self._waiting:
            self._wake_all()
            return
        if self._watch is not None:
            self._watch.end()
            self._watch = None


def _finish(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
