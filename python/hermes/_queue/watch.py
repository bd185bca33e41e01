"""How an event loop watches a descriptor of the library: by itself, or with a thread.

`watch` has a function called in the loop while the descriptor is readable, until `end` is
called. Most loops do that by ``add_reader``. The standard loop of Windows, asyncio's
``ProactorEventLoop``, cannot; for such a loop a thread waits for the descriptor.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Callable

from hermes import _system

# How often a thread looks whether its loop was closed, in milliseconds.
_LOOK = 500


def watch(
    loop: asyncio.AbstractEventLoop, descriptor: int, readable: Callable[[], None]
) -> Watch | ThreadWatch:
    """Call ``readable`` in a loop while a descriptor is readable. Must be called in that loop."""
    watched = Watch(loop, descriptor)
    try:
        loop.add_reader(watched.descriptor, readable)
    except NotImplementedError:
        return ThreadWatch(loop, watched, readable)
    return watched


class Watch:
    """A duplicate of a descriptor, which is closed with this object."""

    def __init__(self, loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
        self._close = _system.closer()
        self.descriptor = -1
        self._loop = loop
        self.descriptor = _system.duplicate(descriptor)

    # The loop refers to it, by its callback, while it watches; so the loop is gone, too.
    def __del__(self) -> None:
        self.close()

    def end(self) -> None:
        """Stop watching. Must be called in the loop."""
        self._loop.remove_reader(self.descriptor)
        self.close()

    def close(self) -> None:
        """Close the descriptor, once."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            self._close(descriptor)


class ThreadWatch:
    """A thread that waits for a descriptor, and calls back in a loop that cannot.

    The thread waits for the end of one call before it waits for the next: the descriptor stays
    readable until something is taken. `_flag` ends its wait, and so does the end of the loop,
    for which it looks once in `_LOOK` milliseconds.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, watched: Watch, readable: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._watched = watched
        self._readable = readable
        self._flag = _system.Flag()
        self._called = threading.Event()
        self._ended = False
        threading.Thread(target=self._run, name="hermes-watch", daemon=True).start()

    def end(self) -> None:
        """Stop watching. Must be called in the loop."""
        self._ended = True
        self._called.set()
        self._flag.set()

    def _run(self) -> None:
        descriptors = self._watched.descriptor, self._flag.fileno()
        with contextlib.suppress(RuntimeError):  # the loop was closed
            while not self._is_over():
                if not _system.readable(_LOOK, *descriptors) or self._ended:
                    continue
                self._called.clear()
                self._loop.call_soon_threadsafe(self._call)
                while not self._called.wait(_LOOK / 1000) and not self._is_over():
                    pass
        self._watched.close()
        self._flag.close()

    def _is_over(self) -> bool:
        return self._ended or self._loop.is_closed()

    def _call(self) -> None:
        if not self._ended:
            self._readable()
        self._called.set()
