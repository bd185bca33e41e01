"""What happens to running components at exit and in a forked child.

At exit publishers are stopped first, then post offices, then receivers. All of them together
may flush for as long as the longest of their options ``linger``. In a child of a fork nothing
is flushed: the native objects belong to the parent.

`_components` holds every component that has a native object, weakly. No lock guards it: each
operation on it is one call on a dictionary.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import signal
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any, Callable, Protocol

from hermes import _system
from hermes._native.wait import SLICE

if TYPE_CHECKING:

    class Running(Protocol):
        """What this module uses of a component, which is a thread as well."""

        _hermes_exit_rank: int

        def _hermes_running_flag(self) -> Any: ...
        def _hermes_lower(self) -> None: ...
        def _hermes_linger(self) -> float: ...
        def _hermes_stop_native(self, timeout: float | None = ...) -> None: ...
        def _hermes_forked(self) -> None: ...


#: How long what has no option ``linger`` of its own may take to end, in seconds.
FLUSH = 1.0

# How long the threads of stopped components may take to end at exit, in seconds.
_JOIN = 0.5

# By id(), as components may be equal to each other or not hashable.
_components: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
_has_fork_hook = False
_has_exit_hook = False


def install_hooks() -> None:
    """Install the hooks for exit and fork, once in a process."""
    global _has_exit_hook, _has_fork_hook
    if not _has_fork_hook:
        _has_fork_hook = True
        _system.after_fork_in_child(_after_fork_in_child)
    if not _has_exit_hook:
        _has_exit_hook = True
        atexit.register(flush_all)
        # Runs before Python waits for the threads that are not daemons.
        register = getattr(threading, "_register_atexit", None)
        if register is not None:
            with contextlib.suppress(RuntimeError):  # too late
                register(prepare_interrupt)
        # A process of multiprocessing ends without atexit.
        util = sys.modules.get("multiprocessing.util")
        if util is not None:
            util.Finalize(None, end_worker, exitpriority=100)


def register(component: Running) -> None:
    """Have a component stopped at exit, and told of a fork."""
    _components[id(component)] = component


def living() -> list[Any]:
    """Return all registered components; other threads may register more meanwhile."""
    found = [reference() for reference in _components.valuerefs()]
    return [component for component in found if component is not None]


def prepare_interrupt() -> None:
    """Let Ctrl-C stop and flush the components that keep the process alive.

    Python calls this when the main thread is about to end, and then waits for threads that are
    not daemons. A KeyboardInterrupt during that wait would show a traceback and flush nothing,
    so the signal handler does the work. A Ctrl-C that has already ended the main thread counts.
    """
    if _was_interrupted():
        _end_all()
    elif threading.current_thread() is threading.main_thread():
        handler = signal.getsignal(signal.SIGINT)
        if callable(handler):
            signal.signal(signal.SIGINT, functools.partial(_interrupted, handler))


def _was_interrupted() -> bool:
    """Tell whether Ctrl-C has ended the main thread.

    At a prompt it ends only what was typed, or the program before the prompt of ``python -i``.
    """
    return getattr(sys, "last_type", None) is KeyboardInterrupt and not hasattr(sys, "ps1")


def _interrupted(handler: Callable[[int, Any], Any], number: int, frame: Any) -> None:
    """Call the program's handler; stop all components if it raises KeyboardInterrupt."""
    signal.signal(number, handler)
    try:
        handler(number, frame)
    except KeyboardInterrupt:
        _end_all()


def _end_all() -> None:
    with contextlib.suppress(KeyboardInterrupt):  # a second Ctrl-C ends the flushing
        flush_all()


def end_worker() -> None:
    """End a process of multiprocessing: wait for components that keep it alive, then flush."""
    try:
        while True:
            staying = [one for one in living() if one.is_alive() and not one.daemon]
            if not staying:
                break
            threading.Thread.join(staying[0], SLICE)
    except KeyboardInterrupt:
        pass
    _end_all()


def flush_all() -> None:
    """Stop all running components, those of the lowest rank first."""
    components = living()
    running = [one for one in components if one._hermes_running_flag().is_set()]
    running.sort(key=lambda one: one._hermes_exit_rank)
    lingers = [one._hermes_linger() for one in running]
    end = time.monotonic() + max(lingers, default=0.0)
    for index, component in enumerate(running):
        component._hermes_lower()
        # An equal share of the time, so that one without a peer does not use all of it.
        share = max(0.0, end - time.monotonic()) / (len(running) - index)
        component._hermes_stop_native(min(share, lingers[index]))
    # A thread that logs while the interpreter shuts down can crash it.
    end = time.monotonic() + _JOIN
    for component in components:
        if component.is_alive():
            threading.Thread.join(component, max(0.0, end - time.monotonic()))


def _after_fork_in_child() -> None:
    """Tell the components of the parent that this is another process, and forget them."""
    global _components, _has_exit_hook
    _has_exit_hook = False
    atexit.unregister(flush_all)
    for component in living():
        component._hermes_forked()
    _components = weakref.WeakValueDictionary()
