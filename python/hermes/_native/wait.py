"""Blocking calls that can be interrupted: in slices, or on another thread.

Python runs signal handlers in the main thread, between calls only. A long call into the
library would keep Ctrl-C waiting, so the main thread calls again and again for at most
`SLICE` seconds. What cannot be cut into slices runs on a helper thread. Under gevent and
eventlet no call blocks at all; see `hermes._greenlets`.
"""

from __future__ import annotations

import math
import threading
import time
from typing import Callable, TypeVar

from hermes import _greenlets
from hermes._native.abi import ETIMEOUT

_R = TypeVar("_R")

#: The longest call into the library in the main thread, in seconds.
SLICE = 0.2
# The longest wait that one call of the library is asked for.
_LONGEST_WAIT_MS = 24 * 3600 * 1000


def milliseconds(timeout: float | None) -> int:
    """Convert a timeout in seconds (None: no limit) to what the C functions take."""
    if timeout is None or timeout * 1000 > _LONGEST_WAIT_MS:
        return _LONGEST_WAIT_MS
    return max(0, math.ceil(timeout * 1000))


def in_main_thread() -> bool:
    """Tell whether the caller is the thread in which Python handles signals."""
    return threading.get_ident() == threading.main_thread().ident


def deadline(timeout: float | None) -> float | None:
    """Return the monotonic time at which a wait that starts now ends; None: never."""
    return None if timeout is None else time.monotonic() + max(0.0, timeout)


def remaining(end: float | None) -> float | None:
    """Return the seconds that are left until a deadline; None: no limit."""
    return None if end is None else max(0.0, end - time.monotonic())


def in_slices(
    call: Callable[[int], int],
    end: float | None,
    longest: float | None = None,
    descriptor: Callable[[], int] | None = None,
) -> int:
    """Repeat ``call(milliseconds)`` until it is not ETIMEOUT, or the time is up.

    A slice is at most ``longest`` seconds; in the main thread at most `SLICE`, because Python
    handles signals between calls only. Where threads are greenlets no call blocks; the greenlet
    waits for ``descriptor`` to become readable, if there is one, and sleeps otherwise.
    """
    green = _greenlets.active()
    if green is not None:
        return green.repeat(call, ETIMEOUT, end, descriptor)
    if longest is None and in_main_thread():
        longest = SLICE
    while True:
        left = remaining(end)
        sliced = longest is not None and (left is None or left > longest)
        code = call(milliseconds(longest if sliced else left))
        if code != ETIMEOUT:
            return code
        if left is not None and not sliced and left < _LONGEST_WAIT_MS / 1000:
            return code


def elsewhere(call: Callable[[], _R]) -> _R:
    """Run a call that cannot be cut into slices on another thread, and wait for it.

    Waiting in Python lets the main thread handle signals and greenlets switch. An exception
    that interrupts the wait does not interrupt the call.
    """
    results: list[_R] = []
    problems: list[BaseException] = []

    def work() -> None:
        try:
            results.append(call())
        except BaseException as error:
            problems.append(error)

    green = _greenlets.active()
    if green is not None:
        green.elsewhere(work)
    else:
        try:
            thread = threading.Thread(target=work, name="hermes-wait", daemon=True)
            thread.start()
        except RuntimeError:  # no new threads while the interpreter shuts down
            return call()
        thread.join()
    if problems:
        raise problems[0]
    return results[0]
