"""Receiving, publishing, starting and stopping in asyncio, without blocking the event loop.

A task that finds nothing to take, or no room, waits on the descriptors of the native library;
see `hermes._queue.waiters`. No thread is used, except to start and stop.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from hermes._native.abi import ETIMEOUT
from hermes._queue.q import take_from
from hermes._queue.recv import PAUSE
from hermes._queue.waiters import Waiters

if TYPE_CHECKING:
    from hermes._native.handles import PublisherCore
    from hermes._queue.recv import ReceiveQueue


# How many envelopes a task may publish before other tasks run.
_TURN = 256

# How many envelopes a task takes at once at most, as other tasks wait meanwhile.
_MOST_AT_ONCE = 4096

# ---- Receiving ---------------------------------------------------------------


async def pause() -> None:
    """Let other tasks run.

    Awaited only where nothing has been taken or queued, so that a cancelled task loses nothing.
    """
    await asyncio.sleep(0)


async def take(received: ReceiveQueue, target: Any, timeout: float | None, wanted: int = 1) -> Any:
    """Take the oldest envelope; None if the time is up or nothing will come.

    ``target`` is the receiver's ``q``, which counts while ``received`` is pumped.
    """
    loop = asyncio.get_running_loop()
    end = None if timeout is None else loop.time() + timeout
    waited = False
    rested = False  # other tasks have run
    while True:
        envelope = _here(received, target, rested)
        if envelope is not None:
            return envelope
        if _ready(received, target, wanted):
            if not waited:
                # Other tasks run between two fetches.
                await pause()
            rested = True
            continue
        if received.over:
            # So that a loop around this lets other tasks run.
            await asyncio.sleep(PAUSE if timeout is None else min(PAUSE, timeout))
            return _here(received, target, True)
        left = None if end is None else end - loop.time()
        if left is not None and left <= 0:
            if not waited:
                await pause()  # for a loop that polls
            return None
        waited = await _arrival(received, target, loop, left, wanted)
        if not waited:
            await pause()  # an envelope has just come, and the next one may come as fast
        rested = True


async def take_many(
    received: ReceiveQueue, target: Any, most: int, timeout: float | None
) -> list[Any]:
    """Take up to ``most`` envelopes; wait for the first one only."""
    first = await take(received, target, timeout, most)
    if first is None:
        return []
    most = min(most, _MOST_AT_ONCE)
    taken = [first]
    if not received.pumped:
        received.take_into(taken, most, 0.0)
        return taken
    while len(taken) < most:
        envelope = _here(received, target, True)
        if envelope is None:
            break
        taken.append(envelope)
    return taken


def _here(received: ReceiveQueue, target: Any, rested: bool) -> Any:
    """Take the oldest envelope that is here already, or None.

    For a real queue this is also None now and then, unless other tasks have just run: the
    caller then lets them run, as it does when it fetches.
    """
    if not received.pumped:
        return received.here()
    return (
        take_from(target, received, False, 0.0) if rested or not received.is_turn_over() else None
    )


def _ready(received: ReceiveQueue, target: Any, wanted: int) -> bool:
    """Tell whether something can be taken without waiting."""
    return not target.empty() if received.pumped else received.fetch(wanted)


async def _arrival(
    received: ReceiveQueue,
    target: Any,
    loop: asyncio.AbstractEventLoop,
    timeout: float | None,
    wanted: int,
) -> bool:
    """Wait until there may be something to take; False if there is now, without a wait."""
    if received.pumped:  # a program may put into that queue, which wakes no task
        timeout = PAUSE if timeout is None else min(PAUSE, timeout)
    waiters = received.waiters.of(loop)
    with waiters.waiter(timeout) as waiter:
        descriptor = received.descriptor()
        if descriptor is not None:
            waiters.watch(descriptor)
        # What came before this waiter existed has not woken it.
        if _ready(received, target, wanted) or received.over:
            return False
        await waiter
        return True


# ---- Publishing --------------------------------------------------------------


class Room:
    """What the tasks that publish with one publisher share."""

    def __init__(self, core: PublisherCore) -> None:
        self._core = core
        self._waiters = Waiters()
        self._published = 0

    #: Lets other tasks run.
    pause = staticmethod(pause)

    def is_turn_over(self) -> bool:
        """Tell whether a task that publishes should let other tasks run first."""
        self._published += 1
        return self._published % _TURN == 0

    async def publish(self, row: bytes) -> int:
        """Queue an envelope, written as text, as soon as there is room; return the code."""
        while True:
            code = self._core.post(row)
            if code != ETIMEOUT:
                return code
            loop = asyncio.get_running_loop()
            waiters = self._waiters.of(loop)
            with waiters.waiter(None) as waiter:
                # It is not readable after that attempt, unless there is room again.
                waiters.watch(self._core.descriptor())
                await waiter


# ---- Life --------------------------------------------------------------------


async def start(component: Any) -> None:
    """Start a component or a node in the loop's executor; stop it if the task is cancelled."""
    starting = asyncio.get_running_loop().run_in_executor(None, component.start)
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        starting.add_done_callback(lambda done: _undo(component, done))
        raise


async def stop(component: Any) -> None:
    """Stop a component or a node in the loop's executor; it goes on if the task is cancelled."""
    await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, component.stop))


def _undo(component: Any, started: asyncio.Future[None]) -> None:
    if not started.cancelled() and started.exception() is None:
        asyncio.get_running_loop().run_in_executor(None, component.stop)
