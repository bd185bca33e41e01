"""How loops watch descriptors: what an interrupt leaves, and the thread of loops that cannot."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from hermes import _system
from hermes._queue.waiters import LoopWaiters

PATIENCE = 60.0


class Faulty(asyncio.SelectorEventLoop):
    """A loop that has added a reader, or removed one, when an interrupt comes."""

    interrupt = ""

    def add_reader(self, *args: Any) -> None:
        super().add_reader(*args)
        self._come("add")

    def remove_reader(self, *args: Any) -> bool:
        removed = super().remove_reader(*args)
        if removed:
            self._come("remove")
        return removed

    def _come(self, name: str) -> None:
        if self.interrupt == name:
            self.interrupt = ""
            raise KeyboardInterrupt


class WithoutReaders(asyncio.SelectorEventLoop):
    """A loop that cannot watch descriptors."""

    def add_reader(self, *_: Any) -> None:
        raise NotImplementedError

    def remove_reader(self, *_: Any) -> bool:
        raise NotImplementedError


@pytest.fixture
def readable() -> Iterator[int]:
    """A descriptor that is readable."""
    reader, writer = _sockets()
    writer.send(b"x")
    yield reader.fileno()
    reader.close()
    writer.close()


def _sockets() -> tuple[Any, Any]:
    import socket

    return socket.socketpair()


async def _woken(waiters: LoopWaiters, descriptor: int) -> None:
    with waiters.waiter(None) as waiter:
        waiters.watch(descriptor)
        await asyncio.wait_for(waiter, PATIENCE)


@pytest.mark.parametrize("where", ["add", "remove"])
def test_an_interrupt_leaves_a_watch_that_works(where: str, readable: int) -> None:
    loop = Faulty()
    waiters = LoopWaiters(loop)
    loop.interrupt = where

    async def woken_and_idle() -> None:  # it is removed when no task waits
        await _woken(waiters, readable)
        await asyncio.sleep(PATIENCE)

    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(woken_and_idle())
    for _ in range(3):
        loop.run_until_complete(_woken(waiters, readable))
    loop.run_until_complete(asyncio.sleep(0.1))
    assert waiters._watch is None, "it stops, as no task waits"
    loop.close()


def test_an_interrupt_in_a_callback_leaves_the_thread_at_work(
    readable: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = WithoutReaders()
    waiters = LoopWaiters(loop)

    def interrupted() -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(waiters, "_wake_all", interrupted)
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(_woken(waiters, readable))
    loop.run_until_complete(_woken(waiters, readable))
    loop.close()


def test_the_end_of_a_thread_is_no_fault(readable: int) -> None:
    loop = WithoutReaders()
    faults: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: faults.append(context))
    waiters = LoopWaiters(loop)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for _ in range(100):  # each ends as no task waits
            loop.run_until_complete(_woken(waiters, readable))
            while waiters._watch is not None:
                loop.run_until_complete(asyncio.sleep(0.001))
    finally:
        sys.setswitchinterval(interval)
        loop.close()
    assert not faults


def test_an_interrupt_does_not_leave_signals_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    real = signal.pthread_sigmask

    def blocked_and_interrupted(how: int, mask: Any) -> Any:
        before = real(how, mask)
        if how == signal.SIG_BLOCK and mask:
            raise KeyboardInterrupt
        return before

    monkeypatch.setattr(signal, "pthread_sigmask", blocked_and_interrupted)
    with pytest.raises(KeyboardInterrupt), _system.signals_blocked():
        pass
    assert signal.SIGINT not in real(signal.SIG_BLOCK, ())
