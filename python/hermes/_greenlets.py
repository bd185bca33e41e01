"""Waiting under gevent and eventlet, where the threads of Python are greenlets.

Their monkey-patching turns every thread of Python into a greenlet of one real thread. A call
of the native library that blocks would block all of them, so none is made: the library is
polled, and in between the greenlet waits as its framework does, for a descriptor of the library
or for a short time. Calls that can only block run on a real thread.
"""

from __future__ import annotations

import importlib
import sys
import time
from typing import Any, Callable

# How long a greenlet sleeps between two polls, in seconds: at first and at most.
_SLEEP = (0.0005, 0.02)


class Framework:
    """How to wait, and how to start a real thread, in one of the two frameworks."""

    def __init__(
        self,
        sleep: Callable[[float], Any],
        select: Callable[..., Any],
        start_thread: Callable[..., Any],
    ) -> None:
        self.sleep = sleep
        self._select = select
        self._start_thread = start_thread

    def readable(self, descriptor: int, timeout: float) -> bool:
        """Wait until a descriptor is readable, while other greenlets run; tell whether it is."""
        return bool(self._select([descriptor], [], [], timeout)[0])

    def repeat(
        self,
        call: Callable[[int], int],
        again: int,
        end: float | None,
        descriptor: Callable[[], int] | None = None,
    ) -> int:
        """Repeat ``call(0)`` until it does not return ``again``, or the time is up."""
        pause = _SLEEP[0]
        while True:
            code = call(0)
            left = None if end is None else end - time.monotonic()
            if code != again or (left is not None and left <= 0):
                return code
            if descriptor is not None:
                self.readable(descriptor(), _SLEEP[1] if left is None else min(left, _SLEEP[1]))
                continue
            self.sleep(pause if left is None else min(pause, left))
            pause = min(2 * pause, _SLEEP[1])

    def elsewhere(self, call: Callable[[], Any], end: float | None = None) -> bool:
        """Run a call on a real thread, and wait for it; tell whether it is done by ``end``.

        The call must not use locks, queues or logs: they belong to the greenlets.
        """
        done: list[bool] = []

        def work() -> None:
            try:
                call()
            finally:
                done.append(True)

        self._start_thread(work, ())
        pause = _SLEEP[0]
        while not done and (end is None or time.monotonic() < end):
            self.sleep(pause)
            pause = min(2 * pause, _SLEEP[1])
        return bool(done)


_known: dict[str, Framework] = {}


def active() -> Framework | None:
    """Return how to wait if threads have been patched; None if they are real."""
    modules = sys.modules
    monkey = modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("threading"):
        return _known.get("gevent") or _gevent(monkey)
    patcher = modules.get("eventlet.patcher")
    if patcher is not None and patcher.is_monkey_patched("thread"):
        return _known.get("eventlet") or _eventlet(patcher)
    return None


def original(module: str, name: str) -> Any:
    """Return an attribute of a module of Python as it was before gevent patched it."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None:
        return monkey.get_original(module, name)
    return getattr(importlib.import_module(module), name)


def _gevent(monkey: Any) -> Framework:
    gevent = importlib.import_module("gevent")
    select = importlib.import_module("gevent.select").select
    start = monkey.get_original("_thread", "start_new_thread")
    return _known.setdefault("gevent", Framework(gevent.sleep, select, start))


def _eventlet(patcher: Any) -> Framework:
    eventlet = importlib.import_module("eventlet")
    select = importlib.import_module("eventlet.green.select").select
    start = patcher.original("_thread").start_new_thread
    return _known.setdefault("eventlet", Framework(eventlet.sleep, select, start))
