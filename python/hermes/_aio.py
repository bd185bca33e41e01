"""Waiting in asyncio: on the descriptors of the native library, without threads.

Whoever finds nothing to take, or no room, waits as a task for one of two things: the
descriptor of the native object polls readable, or somebody rings, because he has brought
what no descriptor tells of. Then all who wait look again, and those who are not served
wait again: so nothing is handed to a task that may have been cancelled meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Callable, TypeVar

from hermes import _native
from hermes._inbox import PAUSE
from hermes._outbox import FOR_TEXT, offer
from hermes._queues import take_from
from hermes._rows import written

if TYPE_CHECKING:
    from hermes._codec import Codec
    from hermes._inbox import Inbox
    from hermes._native import PublisherCore
    from hermes.structs import Envelope

_R = TypeVar("_R")

#: How many envelopes a task may publish before the other tasks have a turn.
_TURN = 256

#: How many envelopes a task takes at once, for the other tasks wait meanwhile.
_MOST_AT_ONCE = 4096


class Bell:
    """Who waits for an object, in however many event loops."""

    def __init__(self) -> None:
        self._watches: dict[asyncio.AbstractEventLoop, _Watch] = {}

    def ring(self) -> None:
        """Let all who wait look again. From any thread."""
        for watch in list(self._watches.values()):
            watch.ring()

    def watch(self, loop: asyncio.AbstractEventLoop) -> _Watch:
        """Those who wait in this loop."""
        watch = self._watches.get(loop)
        if watch is None:
            for known in list(self._watches):
                if known.is_closed():
                    self._watches.pop(known, None)
            watch = self._watches[loop] = _Watch(loop)
        return watch


class _Watch:
    """Who waits for an object in one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: set[asyncio.Future[None]] = set()
        self._made_in = os.getpid()
        # A duplicate, so that somebody else in this loop can watch the original. There is
        # one while the loop looks at it.
        self._descriptor = -1

    # Bound here: at exit the names of this module may be gone before its objects.
    def __del__(self, _close: Callable[[int], None] = os.close) -> None:
        # The loop, which would hold a watch that it looks at, is no more.
        if self._descriptor >= 0:
            _close(self._descriptor)

    @contextlib.contextmanager
    def waiter(self, timeout: float | None) -> Iterator[asyncio.Future[None]]:
        """A future that is done when it is time to look again."""
        waiter: asyncio.Future[None] = self._loop.create_future()
        timer = None if timeout is None else self._loop.call_later(timeout, _wake, waiter)
        self._waiting.add(waiter)
        try:
            yield waiter
        finally:
            self._waiting.discard(waiter)
            if timer is not None:
                timer.cancel()

    def look_at(self, descriptor: int) -> None:
        """Wake all who wait when this descriptor polls readable."""
        if self._descriptor < 0:
            self._descriptor = os.dup(descriptor)
            self._loop.add_reader(self._descriptor, self._readable)

    def ring(self) -> None:
        """Wake all who wait. From any thread."""
        if self._waiting and self._made_in == os.getpid():
            with contextlib.suppress(RuntimeError):  # the loop was closed
                self._loop.call_soon_threadsafe(self._wake_all)

    def _wake_all(self) -> None:
        for waiter in self._waiting:
            _wake(waiter)
        self._waiting.clear()

    def _readable(self) -> None:
        """Wake all; with nobody to wake, stop looking, as the loop would be told for ever."""
        if self._waiting:
            self._wake_all()
            return
        descriptor, self._descriptor = self._descriptor, -1
        self._loop.remove_reader(descriptor)
        os.close(descriptor)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


# ---- Receiving ---------------------------------------------------------------


async def pause() -> None:
    """Let the other tasks have a turn.

    Awaited where nothing has been taken or queued: a task that is cancelled loses nothing.
    """
    await asyncio.sleep(0)


async def take(inbox: Inbox, target: Any, timeout: float | None, wanted: int = 1) -> Any:
    """The oldest envelope, or None when the time is up or nothing will come.

    ``target`` is the receiver's queue, where the inbox is plain.
    """
    loop = asyncio.get_running_loop()
    end = None if timeout is None else loop.time() + timeout
    waited = False
    rested = False  # the other tasks have had a turn
    while True:
        envelope = _here(inbox, target, rested)
        if envelope is not None:
            return envelope
        if _ready(inbox, target, wanted):
            if not waited:
                # Where one fetch follows the other, the other tasks have a turn between.
                await pause()
            rested = True
            continue
        if inbox.over:
            # So that a loop that asks again and again lets others have a turn.
            await asyncio.sleep(PAUSE if timeout is None else min(PAUSE, timeout))
            return _here(inbox, target, True)
        left = None if end is None else end - loop.time()
        if left is not None and left <= 0:
            if not waited:
                await pause()  # for who polls
            return None
        waited = await _arrival(inbox, target, loop, left, wanted)
        if not waited:
            await pause()  # for it has come just now, and so may the next one
        rested = True


async def take_many(inbox: Inbox, target: Any, most: int, timeout: float | None) -> list[Any]:
    """Up to ``most`` envelopes; waits for the first one only."""
    first = await take(inbox, target, timeout, most)
    if first is None:
        return []
    most = min(most, _MOST_AT_ONCE)
    taken = [first]
    if not inbox.plain:
        inbox.take_into(taken, most, 0.0)
        return taken
    while len(taken) < most:
        envelope = _here(inbox, target, True)
        if envelope is None:
            break
        taken.append(envelope)
    return taken


def _here(inbox: Inbox, target: Any, rested: bool) -> Any:
    """The oldest envelope of those that are at hand, or None.

    Also None now and then where a queue of Python's has some, unless the task has rested: it
    lets the other tasks have a turn then, as it does where it fetches.
    """
    if not inbox.plain:
        return inbox.here()
    return take_from(target, inbox, False, 0.0) if rested or not inbox.is_turn_over() else None


def _ready(inbox: Inbox, target: Any, wanted: int) -> bool:
    """Whether something can be taken without waiting."""
    return not target.empty() if inbox.plain else inbox.fetch(wanted)


async def _arrival(
    inbox: Inbox,
    target: Any,
    loop: asyncio.AbstractEventLoop,
    timeout: float | None,
    wanted: int,
) -> bool:
    """Wait until there may be something to take; False where there is, without a wait."""
    if inbox.plain:  # others may put into that queue, and do not ring
        timeout = PAUSE if timeout is None else min(PAUSE, timeout)
    watch = inbox.bell.watch(loop)
    with watch.waiter(timeout) as waiter:
        descriptor = inbox.descriptor()
        if descriptor is not None:
            watch.look_at(descriptor)
        # What came before we began to wait has rung for nobody.
        if _ready(inbox, target, wanted) or inbox.over:
            return False
        await waiter
        return True


# ---- Publishing --------------------------------------------------------------


class Room:
    """What the tasks that publish with one publisher share."""

    def __init__(self, core: PublisherCore) -> None:
        self._core = core
        self._bell = Bell()
        self._published = 0

    async def publish(self, codec: Codec, envelope: Envelope) -> int:
        """Queue an envelope, once there is room; the code."""
        self._published += 1
        if self._published % _TURN == 0:
            await asyncio.sleep(0)
        code = offer(self._core, codec, envelope)
        if code not in FOR_TEXT:
            return code
        row = written(codec, envelope)
        while True:
            code = self._core.post(row)
            if code != _native.ETIMEOUT:
                return code
            loop = asyncio.get_running_loop()
            watch = self._bell.watch(loop)
            with watch.waiter(None) as waiter:
                # It has been unreadable since that attempt, unless there is room again.
                watch.look_at(self._core.descriptor())
                await waiter


# ---- Life --------------------------------------------------------------------


async def start(part: Any) -> None:
    """Start a part or a node in the loop's executor; stop it if we are cancelled meanwhile."""
    starting = asyncio.get_running_loop().run_in_executor(None, part.start)
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        starting.add_done_callback(lambda done: _undo(part, done))
        raise


def _undo(part: Any, started: asyncio.Future[None]) -> None:
    if not started.cancelled() and started.exception() is None:
        asyncio.get_running_loop().run_in_executor(None, part.stop)


async def elsewhere(call: Callable[[], _R]) -> _R:
    """Call something that blocks in the loop's executor; it goes on if we are cancelled."""
    return await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, call))
