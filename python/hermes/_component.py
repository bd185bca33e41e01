"""What publisher, receiver and post office have in common: a thread over a native object.

The native library does the work on threads of its own. The Python thread exists because these
classes were threads in 1.x: it starts with the native object, waits for events of the library,
logs them, and ends with it.

`_hermes_starting` is held during a start. The native object (`_hermes_core`) is set once, and
any thread may use it. Attributes begin with ``_hermes_``, as subclasses of programs may use any
other name.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from hermes import _exit_fork, _zmq_context, errors
from hermes._arguments import duration, option_text, seconds
from hermes._attributes import ReplaceableProperty, RunFlag
from hermes._events import EventQueue
from hermes._exit_fork import FLUSH
from hermes._native.handles import Core
from hermes._ratelimit import RateLimit
from hermes._typing import Event, OnEvent, OptionValue

_C = TypeVar("_C", bound=Core)
_S = TypeVar("_S", bound="AsyncContext")
_Self = TypeVar("_Self", bound="Component[Any]")

# How often a `_running` that a program has assigned is polled, in seconds.
_POLL = 0.02
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

if TYPE_CHECKING:

    class _Thread(threading.Thread, Generic[_C]):
        pass

else:
    # A subclass of a program may have Generic itself among its bases, anywhere.
    _Thread = {_C: threading.Thread}


class AsyncContext:
    """What ``async with`` does with components and nodes."""

    async def __aenter__(self: _S) -> _S:
        """Start, while other tasks of the event loop run."""
        from hermes._queue import aio

        await aio.start(self)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop, while other tasks of the event loop run."""
        from hermes._queue import aio

        await aio.stop(self)


class Component(AsyncContext, _Thread[_C]):
    """A thread over one native object."""

    #: The logger for the events of the native object.
    _hermes_log: logging.Logger
    #: The order of stopping at exit, lowest first.
    _hermes_exit_rank: int
    #: Whether the process stays alive while this runs, after its main thread has ended.
    _hermes_keeps_alive = False
    #: The attributes whose assignment calls `_hermes_assigned`.
    _hermes_watched: ClassVar[frozenset[str]] = frozenset({"_running", "daemon"})
    #: The name of the attribute with the event that is set while it runs.
    _hermes_flag: ClassVar[str] = "_running"

    def __init__(
        self,
        name: str | None,
        options: Mapping[str, OptionValue] | None,
        on_event: OnEvent | None = None,
    ) -> None:
        # As in 1.x, a subclass with a `run` of its own keeps the process alive, and so does a
        # post office. None: as the thread that creates it.
        daemon = self._hermes_opens_at_start() and not self._hermes_keeps_alive
        super().__init__(name=name, daemon=True if daemon else None)
        self._hermes_options = dict(options or {})
        self._hermes_on_event = on_event
        self._hermes_events = EventQueue()
        setattr(self, self._hermes_flag, RunFlag(self._hermes_stop_native))
        self._hermes_core: _C | None = None
        self._hermes_starting = threading.Lock()
        self._hermes_made_in = os.getpid()
        self._hermes_reminders = RateLimit(60.0)

    # ---- What a subclass adds ------------------------------------------------

    def _hermes_create(self) -> _C:
        """Create the native object, ready to be started."""
        raise NotImplementedError

    def _hermes_opened(self, core: _C) -> None:
        """Called when the native object has started."""

    def _hermes_ended(self) -> None:
        """Called when the thread is about to end."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "timeout" and name in self._hermes_watched:
            duration(value)  # raises if it is not a number
        super().__setattr__(name, value)
        if name in self._hermes_watched:
            self._hermes_assigned(name, value)

    def _hermes_assigned(self, name: str, value: Any) -> None:
        """Called when a watched attribute was assigned, perhaps before ``__init__``."""
        if name == "daemon":
            self.__dict__["_hermes_daemon_chosen"] = True
        elif name == "_running" and self.__dict__.get("_hermes_core") is not None:
            self._hermes_follow(value)

    def _hermes_follow(self, running: Any) -> None:
        """Stop when an event of the program, perhaps shared by several objects, is cleared."""
        if isinstance(running, RunFlag):
            return
        reference = weakref.ref(self)

        def follow() -> None:
            while running.is_set():
                time.sleep(_POLL)
                owner = reference()
                if owner is None or owner._hermes_running_flag() is not running:
                    return
                del owner
            owner = reference()
            if owner is not None and not owner._hermes_is_orphan():
                owner._hermes_stop_native()

        threading.Thread(target=follow, name="hermes-running", daemon=True).start()

    def _hermes_running_flag(self) -> Any:
        """Return the event that is set while it runs; clearing it stops."""
        return getattr(self, self._hermes_flag)

    def _hermes_lower(self) -> None:
        """Clear ``_running`` without stopping."""
        running = self._hermes_running_flag()
        if isinstance(running, RunFlag):
            running.lower()
        else:
            running.clear()

    def _hermes_end_context(self) -> None:
        """Close the pyzmq context that was made for this object, once its thread has ended."""
        if "_hermes_context" in self.__dict__ and not self.is_alive():
            _zmq_context.close(self, FLUSH)

    def _hermes_opens_at_start(self) -> bool:
        """Tell whether start() creates the native object, or run() in its thread.

        A subclass with a ``run`` of its own may bind the address itself, as in 1.x, so the
        native object is not created before it calls this class's ``run``.
        """
        return getattr(self.run, "__func__", None) is Component.run

    # ---- Life ----------------------------------------------------------------

    def start(self) -> None:
        """Bind or connect, then start the thread.

        Raises
        ------
        OSError
            It cannot bind or connect; ``errno`` is ``EADDRINUSE`` if another socket is bound to
            the address.
        RuntimeError
            It has been started before.
        ValueError
            An address, an option or the name is not valid.
        ForkedError
            It belongs to the process that this one was forked from.
        """
        with self._hermes_starting:
            self._hermes_refuse_orphan()
            if self.ident is not None:
                raise RuntimeError("threads can only be started once")
            if self._hermes_made_in != os.getpid():
                # CPython 3.13 does not start a thread made before a fork (its gh-134381).
                threading.Thread.__init__(self, name=self.name, daemon=self.daemon)
            if not self._hermes_opens_at_start() and "_hermes_daemon_chosen" not in self.__dict__:
                # A `run` was assigned to the instance after it was created.
                self._daemonic = threading.current_thread().daemon
            if self._hermes_opens_at_start():
                self._hermes_open()
            try:
                super().start()
            except RuntimeError:  # no more threads
                self._hermes_running_flag().clear()
                self._hermes_ended()
                raise
            if not self._hermes_opens_at_start():
                threading.Thread(
                    target=self._hermes_end_with_run, name="hermes-run", daemon=True
                ).start()

    def _hermes_end_with_run(self) -> None:
        """End this object when a ``run`` of the program has returned."""
        threading.Thread.join(self)
        self._hermes_ended()

    def run(self) -> None:
        """Log the events of the native object until it stops; the thread calls this."""
        core = self._hermes_core or self._hermes_open()
        try:
            self._hermes_log_events(core)
        except BaseException:  # of a log handler, say; the native object must not go on alone
            self._hermes_stop_native()
            raise
        finally:
            self._hermes_lower()
            self._hermes_ended()
            self._hermes_events.end()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the thread has ended.

        In its own thread, where ``on_event`` is called, this returns at once. In the thread of
        another component it waits for one second unless ``timeout`` is given, as two components
        that stop each other would wait for ever.

        Parameters
        ----------
        timeout
            The longest wait in seconds; None: no limit.
        """
        this = threading.current_thread()
        if this is self:
            return
        if timeout is None and isinstance(this, Component):
            timeout = FLUSH
        super().join(timeout)

    def wait_ready(self, timeout: float | None = None) -> bool:
        """Wait until it is connected; a publisher also waits for a subscriber.

        Parameters
        ----------
        timeout
            The longest wait in seconds; None: no limit.

        Returns
        -------
        bool
            False if the time was up before, or it has stopped.

        Raises
        ------
        StateError
            It has not been started.
        """
        return self._hermes_started_core().wait_ready(timeout)

    def __enter__(self: _Self) -> _Self:
        """Start, and return this object."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop. In a forked child, which has nothing to stop, do nothing."""
        if not self._hermes_is_orphan():
            self.stop()

    def stop(self, timeout: float | None = None) -> None:
        """Stop, and wait at most ``timeout`` seconds (None: no limit) for the thread to end."""
        raise NotImplementedError

    # ---- Events --------------------------------------------------------------

    def events(self, timeout: float | None = None) -> Iterator[Event]:
        """Take the events of this object, oldest first.

        An event is a dictionary with ``kind`` (such as ``"connected"``), ``level``, ``text`` and
        ``ts``, and more keys by kind; the guide lists the kinds. The newest 256 events are kept,
        from the start on, and each is taken once. They are logged as well.

        Parameters
        ----------
        timeout
            How long to wait for the next event, in seconds; None: no limit.

        Yields
        ------
        Event
            The next event. The iteration ends when the time is up or the object has stopped.

        Examples
        --------
        >>> for event in receiver.events(timeout=5):
        ...     print(event["kind"])
        """
        return self._hermes_events.take(timeout)

    @ReplaceableProperty
    def stop_reason(self) -> str:
        """Why it has stopped, such as ``"stop"`` or ``"slow: ..."``; empty while it has not."""
        return self._hermes_stop_reason()

    def _hermes_stop_reason(self) -> str:
        return "" if self._hermes_core is None else self._hermes_core.get("stop_reason")

    # ---- Options and counters ------------------------------------------------

    def stats(self) -> Mapping[str, Any]:
        """Return the counters of this object by name; empty before the start."""
        counters: Mapping[str, Any] = self._hermes_counters()
        return counters

    def _hermes_counters(self) -> Any:
        return {} if self._hermes_core is None else self._hermes_core.stats()

    def get_option(self, key: str) -> str:
        """Return the value of an option of the native library.

        Parameters
        ----------
        key
            The name of an option, or of a fact such as ``"state"``; the configuration page lists
            them.

        Raises
        ------
        StateError
            It has not been started.
        OptionError
            There is no option or fact of this name.
        """
        return self._hermes_started_core().get(key)

    def set_option(self, key: str, value: OptionValue) -> None:
        """Set an option of the native library; most can be set only before the start.

        Parameters
        ----------
        key
            The name of the option; the configuration page lists them.
        value
            Its value. A `datetime.timedelta` is a duration.

        Raises
        ------
        OptionError
            There is no such option, or the value is not valid. Before the start, only
            `start` checks this.
        StateError
            The option cannot be set after the start.
        """
        if self._hermes_core is not None:
            self._hermes_core.set(key, option_text(value))
        self._hermes_options[key] = value

    # ---- Inside --------------------------------------------------------------

    def _hermes_open(self) -> _C:
        """Create and start the native object."""
        _exit_fork.install_hooks()
        core = self._hermes_create()
        engine = os.environ.get("HERMES_ENGINE")
        if engine:
            core.set("engine", engine)
        for key, value in self._hermes_options.items():
            core.set(key, option_text(value))
        core.start()
        self._hermes_core = core
        _exit_fork.register(self)
        running = self._hermes_running_flag()
        running.set()
        self._hermes_follow(running)
        self._hermes_opened(core)
        return core

    def _hermes_started_core(self) -> _C:
        if self._hermes_core is None:
            raise errors.StateError(f"{type(self).__name__} {self.name} has not been started")
        return self._hermes_core

    def _hermes_remind_of_start(self, consequence: str) -> None:
        """Log at most once a minute that a call had no effect before the start."""
        if self.ident is None and self._hermes_reminders.due():
            self._hermes_log.warning(
                "%s %s has not been started, so %s: call start(), or use it in a with statement",
                type(self).__name__,
                self.name,
                consequence,
            )

    def _hermes_is_orphan(self) -> bool:
        """Tell whether its native object belongs to the process that this one was forked from."""
        return self._hermes_core is not None and self._hermes_core.orphaned

    def _hermes_refuse_orphan(self) -> None:
        if self._hermes_core is not None and self._hermes_core.orphaned:
            self._hermes_core.get("state")  # raises ForkedError

    def _hermes_linger(self) -> float:
        """Return for how many seconds it flushes when it is stopped without a timeout."""
        core = self._hermes_core
        return FLUSH if core is None or core.orphaned else seconds(core.get("linger"))

    def _hermes_stop_native(self, timeout: float | None = None) -> None:
        """Stop the native object; a publisher flushes for at most ``timeout`` seconds."""
        if self._hermes_core is not None:
            # Its last event, which is logged, tells what could not be sent in time.
            with contextlib.suppress(errors.HermesTimeoutError):
                self._hermes_core.stop(self._hermes_linger() if timeout is None else timeout)

    def _hermes_forked(self) -> None:
        """Become a stopped object: the native object runs in the parent process."""
        before, after = self._hermes_running_flag(), RunFlag(self._hermes_stop_native)
        for name in (self._hermes_flag, "_running"):
            if self.__dict__.get(name) is before:
                setattr(self, name, after)
        self._hermes_starting = threading.Lock()
        self._hermes_events.reset()
        self._hermes_events.end()
        self._hermes_ended()

    def _hermes_log_events(self, core: _C) -> None:
        limit = RateLimit(1.0)
        while True:
            event = core.next_event(None)
            if event is None:
                return
            self._hermes_report(event)
            text = event.get("text", event["kind"])
            if event["kind"] == "malformed":
                if not limit.due():
                    continue
                suppressed = limit.take_suppressed()
                if suppressed:
                    text += f" (and {suppressed} more since the last one)"
            level = _LEVELS.get(event.get("level", "info"), logging.INFO)
            self._hermes_log.log(level, "%s", text)

    def _hermes_report(self, event: Event) -> None:
        """Queue an event for `events`, and call ``on_event`` with it."""
        self._hermes_events.add(event)
        if self._hermes_on_event is not None:
            self._hermes_call_on_event(event)

    def _hermes_call_on_event(self, event: Event) -> None:
        """Call ``on_event``; nothing that it raises ends this thread, not even SystemExit."""
        try:
            self._hermes_on_event(event.copy())  # type: ignore[misc]
        except BaseException:
            self._hermes_log.exception("on_event failed for %s", event["kind"])
