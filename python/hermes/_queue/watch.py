"""How an event loop watches a descriptor of the library: by itself, or with a thread.

Most loops have a function called while a descriptor is readable (``add_reader``). The standard loop
of Windows, asyncio's ``ProactorEventLoop``, cannot; for such a loop a thread waits for the
descriptor.

An interrupt may come at any instruction. So a watch is stored by its owner before it begins,
and what was interrupted is done by the next call: `begin` and `end` may be repeated.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Callable

from hermes import _system

# How often a thread looks whether its loop was closed, in milliseconds.
_LOOK = 500


def watch(loop: asyncio.AbstractEventLoop, descriptor: int) -> Watch:
    """Return what can watch a descriptor in this loop. Must be called in it."""
    watched = Watch(loop, descriptor)
    try:
        loop.remove_reader(watched.descriptor)  # which none is, if the loop can have any
    except NotImplementedError:
        return ThreadWatch(loop, descriptor)
    return watched


class Watch:
    """A duplicate of a descriptor, which is closed with this object, and a loop that watches it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
        self._close = _system.closer()
        self.descriptor = -1
        self._loop = loop
        self._begun = False
        self.descriptor = _system.duplicate(descriptor)

    # The loop refers to it, by its callback, while it watches; so the loop is gone, too.
    def __del__(self) -> None:
        self.close()

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.descriptor < 0

    def begin(self, readable: Callable[[], None]) -> None:
        """Have ``readable`` called while the descriptor is readable. Must be called in the loop."""
        if not self._begun:
            self._loop.add_reader(self.descriptor, readable)
            self._begun = True

    def end(self) -> None:
        """Stop watching. Must be called in the loop."""
        self._begun = False
        if not self.over:
            self._loop.remove_reader(self.descriptor)
            self.close()

    def close(self) -> None:
        """Close the descriptor, once."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            self._close(descriptor)


class ThreadWatch(Watch):
    """A thread that waits for a descriptor, and calls back in a loop that cannot.

    The thread waits for the end of one call before it waits for the next: the descriptor stays
    readable until something is taken. `_flag` ends its wait, and so does the end of the loop,
    for which it looks once in `_LOOK` milliseconds. The thread closes what it has waited for.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
        super().__init__(loop, descriptor)
        self._flag = _system.Flag()
        self._called = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="hermes-watch", daemon=True)

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._ended

    def begin(self, readable: Callable[[], None]) -> None:
        """Have ``readable`` called while the descriptor is readable. Must be called in the loop."""
        if not self._begun:
            self._readable = readable
            if self._thread.ident is None:
                self._thread.start()
            self._begun = True

    def end(self) -> None:
        """Stop watching. Must be called in the loop."""
        self._ended = True
        self._called.set()
        with contextlib.suppress(OSError):  # the thread has closed it
            self._flag.set()

    def _run(self) -> None:
        descriptors = self.descriptor, self._flag.fileno()
        with contextlib.suppress(RuntimeError):  # the loop was closed
            while not self._is_over():
                if not _system.readable(_LOOK, *descriptors) or self._ended:
                    continue
                self._called.clear()
                self._loop.call_soon_threadsafe(self._call)
                while not self._called.wait(_LOOK / 1000) and not self._is_over():
                    pass
        self.close()
        self._flag.close()

    def _is_over(self) -> bool:
        return self._ended or self._loop.is_closed()

    def _call(self) -> None:
        try:
            if not self._ended:
                self._readable()
        finally:
            self._called.set()
