"""What publisher, receiver and post office have in common: a thread over a native object.

The native library does the work on threads of its own. The Python thread is there
because in 1.x these classes were threads: it begins with the native object, sleeps
until the library has something to tell, writes that to the log, and ends with it.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import logging
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, ClassVar, Generic, TypeVar, Union

from hermes import _context, _native, errors
from hermes._notices import Notices
from hermes._pace import Pace

_C = TypeVar("_C", bound=_native.Core)
_Self = TypeVar("_Self", bound="Part[Any]")

#: What an option may be given as.
OptionValue = Union[str, bool, int, float, timedelta]

#: Who is told what happens to a part.
OnEvent = Callable[["dict[str, Any]"], Any]

#: How long a publisher that is stopped without a timeout may flush, in seconds. All
#: publishers together have as long when the interpreter exits.
FLUSH = 1.0

# How often a `_running` that is not ours is looked at, in seconds.
_GLANCE = 0.02
# How long the threads that have been stopped at exit may take to end, in seconds.
_FAREWELL = 0.5

_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

# Whatever has a native object, by its id().
_parts: weakref.WeakValueDictionary[int, Part[Any]] = weakref.WeakValueDictionary()
_forgets_after_fork = False
_flushes_at_exit = False


if TYPE_CHECKING:
    Fact = property

    class _Thread(threading.Thread, Generic[_C]):
        pass

else:
    # A subclass of a program may have Generic itself among its bases, anywhere.
    _Thread = {_C: threading.Thread}

    class Fact:
        """A property that a subclass may replace on its instances, as it may any other attribute.

        A real property cannot be assigned to, and these names are new: a program for 1.x may
        use them for something of its own.
        """

        def __init__(self, read: Callable[[Any], Any]) -> None:
            self.__doc__ = read.__doc__
            self._read = read

        def __get__(self, part: Any, kind: Any = None) -> Any:
            return self if part is None else self._read(part)


class RunFlag(threading.Event):
    """The event ``_running`` of 1.x, where clearing it ended the thread; it still does."""

    def __init__(self, stop: Callable[[], None]) -> None:
        super().__init__()
        # Bound weakly, or the owner would be part of a cycle and live on.
        self._hermes_stop_owner = weakref.WeakMethod(stop)

    def clear(self) -> None:
        """Clear the flag, and stop the object that it belongs to."""
        was_set = self.is_set()
        self.lower()
        stop = self._hermes_stop_owner()
        if was_set and stop is not None:
            stop()

    def lower(self) -> None:
        """Only clear the flag."""
        super().clear()


class Socket:
    """What the attribute ``sock`` holds while a publisher or receiver runs.

    It is no ZeroMQ socket: there is nothing to send or receive with. It is true, can be
    closed, which stops its owner, and for a receiver it can be waited on with
    :mod:`select` and its like.
    """

    __slots__ = ("_core", "_fileno")

    def __init__(
        self, core: _native.Core, fileno: weakref.WeakMethod[Callable[[], int]] | None = None
    ) -> None:
        self._core = core
        self._fileno = fileno  # of a receiver

    @property
    def closed(self) -> bool:
        """Whether the native object is no longer running."""
        return self._core.get("state") != "running"

    def close(self, linger: int | None = None) -> None:
        """Stop the native object; what a publisher has queued is sent for ``linger`` ms."""
        self._core.stop((linger or 0) / 1000)

    def fileno(self) -> int:
        """A descriptor that polls readable while there is an envelope to take."""
        fileno = None if self._fileno is None else self._fileno()
        if fileno is None:
            raise errors.NotSupportedError("only a receiver can be waited on")
        return fileno()


class Part(_Thread[_C]):
    """A thread over one native object."""

    #: Where the notices of the native object are logged.
    _hermes_log: logging.Logger
    #: Who is stopped first when the interpreter exits: the lowest.
    _hermes_exit_rank: int
    #: Whether the process lives on while this runs, though its main thread has ended.
    _hermes_keeps_alive = False
    #: The attributes whose assignment :meth:`_hermes_assigned` is told of.
    _hermes_watched: ClassVar[frozenset[str]] = frozenset({"_running", "daemon"})
    #: The attribute with the event that is set while it runs.
    _hermes_flag: ClassVar[str] = "_running"

    def __init__(
        self,
        name: str | None,
        options: Mapping[str, OptionValue] | None,
        on_event: OnEvent | None = None,
    ) -> None:
        # As in 1.x what has a `run` of its own keeps the process alive, as a post office does;
        # None: as the thread that makes it.
        forgettable = self._hermes_opens_at_start() and not self._hermes_keeps_alive
        super().__init__(name=name, daemon=True if forgettable else None)
        self._hermes_options = dict(options or {})
        self._hermes_on_event = on_event
        self._hermes_notices = Notices()
        setattr(self, self._hermes_flag, RunFlag(self._hermes_stop_native))
        self._hermes_core: _C | None = None
        self._hermes_starting = threading.Lock()
        self._hermes_made_in = os.getpid()
        self._hermes_reminders = Pace(60.0)

    # ---- What a kind of part adds --------------------------------------------

    def _hermes_create(self) -> _C:
        """Make the native object, ready to be started."""
        raise NotImplementedError

    def _hermes_opened(self, core: _C) -> None:
        """Take notice that the native object has started."""

    def _hermes_ended(self) -> None:
        """Take notice that the thread is about to end."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "timeout" and name in self._hermes_watched:
            duration(value)  # raises for what is none
        super().__setattr__(name, value)
        if name in self._hermes_watched:
            self._hermes_assigned(name, value)

    def _hermes_assigned(self, name: str, value: Any) -> None:
        """Take notice that an attribute has been assigned to, perhaps before ``__init__``."""
        if name == "daemon":
            self.__dict__["_hermes_daemon_chosen"] = True
        elif name == "_running" and self.__dict__.get("_hermes_core") is not None:
            self._hermes_follow(value)

    def _hermes_follow(self, running: Any) -> None:
        """Stop when an event that is not ours, perhaps shared by several, is cleared."""
        if isinstance(running, RunFlag):
            return
        part = weakref.ref(self)

        def follow() -> None:
            while running.is_set():
                time.sleep(_GLANCE)
                owner = part()
                if owner is None or owner._hermes_running_flag() is not running:
                    return
                del owner
            owner = part()
            if owner is not None and not owner._hermes_is_orphan():
                owner._hermes_stop_native()

        threading.Thread(target=follow, name="hermes-running", daemon=True).start()

    def _hermes_running_flag(self) -> Any:
        """The event that is set while it runs; clearing it stops."""
        return getattr(self, self._hermes_flag)

    def _hermes_lower(self) -> None:
        """Clear ``_running``, and do no more."""
        running = self._hermes_running_flag()
        if isinstance(running, RunFlag):
            running.lower()
        else:
            running.clear()

    def _hermes_end_context(self) -> None:
        """End the context of pyzmq that was made for this part, once its thread has ended."""
        if "_hermes_context" in self.__dict__ and not self.is_alive():
            _context.close(self, FLUSH)

    def _hermes_opens_at_start(self) -> bool:
        """Whether start() makes the native object, or run() in its thread.

        A subclass with a ``run`` of its own may bind the address itself, as one could in
        1.x, so what is native waits until it calls ours.
        """
        return getattr(self.run, "__func__", None) is Part.run

    # ---- Life ----------------------------------------------------------------

    def start(self) -> None:
        """Bind or connect, then start the thread.

        Raises :class:`OSError` where that fails (``EADDRINUSE``: somebody else is bound
        to the address), and :class:`RuntimeError` when it was started before.
        """
        with self._hermes_starting:
            self._hermes_refuse_orphan()
            if self.ident is not None:
                raise RuntimeError("threads can only be started once")
            if self._hermes_made_in != os.getpid():
                # CPython 3.13 does not start a thread made before a fork (its gh-134381).
                threading.Thread.__init__(self, name=self.name, daemon=self.daemon)
            if not self._hermes_opens_at_start() and "_hermes_daemon_chosen" not in self.__dict__:
                # A `run` that was put into the instance after it was made.
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
        """Tell those who wait that a ``run`` of the program's own has returned."""
        threading.Thread.join(self)
        self._hermes_ended()

    def run(self) -> None:
        """Log what the native object reports, until it stops. Runs in the thread."""
        core = self._hermes_core or self._hermes_open()
        try:
            self._hermes_watch(core)
        except BaseException:  # a handler of the log, say: nothing would end it any more
            self._hermes_stop_native()
            raise
        finally:
            self._hermes_lower()
            self._hermes_ended()
            self._hermes_notices.end()

    def join(self, timeout: float | None = None) -> None:
        """Wait for the thread to end, which ``on_event`` runs in: there it returns at once.

        In the thread of another part it waits for a second unless it is told otherwise, as
        two that stop each other would wait for ever.
        """
        this = threading.current_thread()
        if this is self:
            return
        if timeout is None and isinstance(this, Part):
            timeout = FLUSH
        super().join(timeout)

    def wait_ready(self, timeout: float | None = None) -> bool:
        """Wait until it can do its work: connected, and for a publisher wanted by a receiver.

        Returns False when ``timeout`` seconds (None: no limit) went by without.
        """
        return self._hermes_started_core().wait_ready(timeout)

    def __enter__(self: _Self) -> _Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop; in a forked child, which has nothing to stop, do nothing."""
        if not self._hermes_is_orphan():
            self.stop()

    async def __aenter__(self: _Self) -> _Self:
        """Start, while other tasks of the event loop go on."""
        from hermes import _aio

        await _aio.start(self)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop, while other tasks go on."""
        from hermes import _aio

        await _aio.elsewhere(self.stop)

    def stop(self, timeout: float | None = None) -> None:
        """Stop, and wait for the thread to end, at most ``timeout`` seconds."""
        raise NotImplementedError

    # ---- What happens --------------------------------------------------------

    def events(self, timeout: float | None = None) -> Iterator[dict[str, Any]]:
        """Take the notices of what happens to this object, oldest first.

        A notice is a dictionary: ``kind`` (such as ``"connected"``), ``level`` and ``text``
        for people, ``ts``, and more by kind; the guide lists the kinds. The iteration waits
        for the next one at most ``timeout`` seconds (None: no limit), and ends when the
        object has stopped. The newest 256 are kept for it, from the start on; each is taken
        once. The log has them as well.
        """
        return self._hermes_notices.take(timeout)

    @Fact
    def stop_reason(self) -> str:
        """Why it stopped, such as ``"stop"`` or ``"slow: ..."``; empty before it has."""
        return self._hermes_stop_reason()

    def _hermes_stop_reason(self) -> str:
        return "" if self._hermes_core is None else self._hermes_core.get("stop_reason")

    # ---- Options and counters ------------------------------------------------

    def stats(self) -> dict[str, Any]:
        """The counters of this object, by name; empty before the start."""
        return {} if self._hermes_core is None else self._hermes_core.stats()

    def get_option(self, key: str) -> str:
        """The value of an option of the native library, or a fact such as ``"state"``."""
        return self._hermes_started_core().get(key)

    def set_option(self, key: str, value: OptionValue) -> None:
        """Set an option of the native library; most can be set only before the start."""
        if self._hermes_core is not None:
            self._hermes_core.set(key, option_text(value))
        self._hermes_options[key] = value

    # ---- Inside --------------------------------------------------------------

    def _hermes_open(self) -> _C:
        """Make and start the native object."""
        _install_hooks()
        core = self._hermes_create()
        engine = os.environ.get("HERMES_ENGINE")
        if engine:
            core.set("engine", engine)
        for key, value in self._hermes_options.items():
            core.set(key, option_text(value))
        core.start()
        self._hermes_core = core
        _parts[id(self)] = self
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
        """Log, once a minute, that something was asked for that needs a start."""
        if self.ident is None and self._hermes_reminders.due():
            self._hermes_log.warning(
                "%s %s has not been started, so %s: call start(), or use it in a with statement",
                type(self).__name__,
                self.name,
                consequence,
            )

    def _hermes_is_orphan(self) -> bool:
        """Whether its native object belongs to the process that this one was forked from."""
        return self._hermes_core is not None and self._hermes_core.orphaned

    def _hermes_refuse_orphan(self) -> None:
        if self._hermes_core is not None and self._hermes_core.orphaned:
            self._hermes_core.get("state")  # says why this cannot be

    def _hermes_stop_native(self, timeout: float = FLUSH) -> None:
        """Stop the native object."""
        if self._hermes_core is not None:
            # What could not be sent in time is in its last notice, and so in the log.
            with contextlib.suppress(errors.HermesTimeoutError):
                self._hermes_core.stop(timeout)

    def _hermes_forked(self) -> None:
        """What runs, runs in the parent: in this process it has stopped."""
        before, after = self._hermes_running_flag(), RunFlag(self._hermes_stop_native)
        for name in (self._hermes_flag, "_running"):
            if self.__dict__.get(name) is before:
                setattr(self, name, after)
        self._hermes_starting = threading.Lock()
        self._hermes_notices.reset()
        self._hermes_notices.end()
        self._hermes_ended()

    def _hermes_watch(self, core: _C) -> None:
        pace = Pace(1.0)
        while True:
            event = core.next_event(None)
            if event is None:
                return
            self._hermes_notice(event)
            text = event.get("text", event["kind"])
            if event["kind"] == "malformed":
                if not pace.due():
                    continue
                held_back = pace.take_held_back()
                if held_back:
                    text += f" (and {held_back} more since the last notice)"
            level = _LEVELS.get(event.get("level", "info"), logging.INFO)
            self._hermes_log.log(level, "%s", text)

    def _hermes_notice(self, event: dict[str, Any]) -> None:
        """Keep a notice for :meth:`events`, and give it to ``on_event``."""
        self._hermes_notices.add(event)
        if self._hermes_on_event is not None:
            self._hermes_tell(event)

    def _hermes_tell(self, event: dict[str, Any]) -> None:
        """Call ``on_event``; nothing that it raises ends this thread, not even SystemExit."""
        try:
            self._hermes_on_event(dict(event))  # type: ignore[misc]
        except BaseException:
            self._hermes_log.exception("on_event failed for %s", event["kind"])


def option_text(value: OptionValue) -> str:
    """The value of an option as the native library reads it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, timedelta):
        return duration(value.total_seconds())
    return str(value)


def duration(seconds: float) -> str:
    """Seconds as the native library reads them; what is beyond its range is a century."""
    century = 100 * 365 * 24 * 3600.0
    seconds = float(seconds)
    if not seconds <= century:  # so that NaN, which no delay exceeds, is one too
        seconds = century
    return f"{max(0, round(seconds * 1e6))}us"


def collected(address: str | Iterable[str]) -> Any:
    """One address as it is, and several in a form that can be read twice."""
    if isinstance(address, (str, bytes, bytearray)) or not isinstance(address, Iterable):
        return address
    return tuple(address)


def native_address(address: Any) -> bytes:
    """One address or several, as a C string."""
    if not isinstance(address, tuple):
        return native_address_text(address, "the address")
    return b",".join(native_address_text(one, "an address") for one in address)


def native_address_text(address: Any, what: str) -> bytes:
    """An address as a C string; like pyzmq, it takes bytes as well."""
    if isinstance(address, (bytes, bytearray)):
        try:
            address = address.decode()
        except UnicodeDecodeError as error:
            raise errors.EncodingError(f"{what} {address!r} is not UTF-8: {error}") from error
    return native_text(address, what)


def native_text(text: str, what: str) -> bytes:
    """A name as a C string."""
    if not isinstance(text, str):
        raise TypeError(f"{what} must be a str, not {type(text).__name__}")
    try:
        encoded = text.encode()
    except UnicodeEncodeError as error:
        raise errors.EncodingError(f"{what} {text!r} is not Unicode text: {error}") from error
    if b"\0" in encoded:
        raise errors.ArgumentError(f"{what} {text!r} contains a NUL")
    return encoded


# ---- Exit and fork -----------------------------------------------------------


def _install_hooks() -> None:
    """See to it that exits flush, and that forked children forget. Once a process."""
    global _flushes_at_exit, _forgets_after_fork
    if not _forgets_after_fork:
        _forgets_after_fork = True
        os.register_at_fork(after_in_child=_after_fork_in_child)
    if not _flushes_at_exit:
        _flushes_at_exit = True
        atexit.register(flush_all)
        # Before Python waits for the threads that are no daemons, which a traceback would end.
        register = getattr(threading, "_register_atexit", None)
        if register is not None:
            with contextlib.suppress(RuntimeError):  # too late
                register(stay)
        # A process of multiprocessing may leave by another door.
        util = sys.modules.get("multiprocessing.util")
        if util is not None:
            util.Finalize(None, leave, exitpriority=100)


def stay() -> None:
    """See to it that Ctrl-C ends the parts that keep the process alive, and flushes them.

    Python calls this when the main thread is about to end, and then waits itself for threads
    that are no daemons; a KeyboardInterrupt there would show a traceback and flush nothing. So
    the handler of the signal does the work. Ctrl-C that has ended the main thread already
    counts: it is asked for only once.
    """
    if _was_interrupted():
        _end_all()
    elif threading.current_thread() is threading.main_thread():
        handler = signal.getsignal(signal.SIGINT)
        if callable(handler):
            signal.signal(signal.SIGINT, functools.partial(_interrupted, handler))


def _was_interrupted() -> bool:
    """Whether Ctrl-C has ended the main thread.

    At a prompt it ends only what was typed, or the program before the prompt of ``python -i``.
    """
    return getattr(sys, "last_type", None) is KeyboardInterrupt and not hasattr(sys, "ps1")


def _interrupted(handler: Callable[[int, Any], Any], number: int, frame: Any) -> None:
    """Do what the handler of the program does, and end everything if that is to interrupt."""
    signal.signal(number, handler)
    try:
        handler(number, frame)
    except KeyboardInterrupt:
        _end_all()


def _end_all() -> None:
    with contextlib.suppress(KeyboardInterrupt):  # who cannot wait gets what is left
        flush_all()


def leave() -> None:
    """What a process of multiprocessing does at its end."""
    try:
        while True:
            staying = [part for part in living() if part.is_alive() and not part.daemon]
            if not staying:
                break
            threading.Thread.join(staying[0], _native.SLICE)
    except KeyboardInterrupt:
        pass
    _end_all()


def flush_all(timeout: float = FLUSH) -> None:
    """Stop everything that still runs: publishers first, then what relays for them."""
    end = time.monotonic() + timeout
    parts = living()
    running = [part for part in parts if part._hermes_running_flag().is_set()]
    running.sort(key=lambda part: part._hermes_exit_rank)
    for index, part in enumerate(running):
        part._hermes_lower()
        # A fair share, so that one whose peer is gone does not take it all.
        part._hermes_stop_native(max(0.0, end - time.monotonic()) / (len(running) - index))
    # A thread that writes to a log while the interpreter goes down can bring it down.
    end = time.monotonic() + _FAREWELL
    for part in parts:
        if part.is_alive():
            threading.Thread.join(part, max(0.0, end - time.monotonic()))


def living() -> list[Part[Any]]:
    """Whatever has a native object, even while other threads make more."""
    parts = [reference() for reference in _parts.valuerefs()]
    return [part for part in parts if part is not None]


def _after_fork_in_child() -> None:
    """Tell everything that runs in the parent that this is another process."""
    global _flushes_at_exit, _parts
    _flushes_at_exit = False
    atexit.unregister(flush_all)
    for part in living():
        part._hermes_forked()
    _parts = weakref.WeakValueDictionary()
