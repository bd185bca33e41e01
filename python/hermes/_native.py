"""The native library, as it is: one Python method for one C function.

This layer finds and loads ``libhermes``, knows the prototypes of ``hermes.h``, turns
codes into exceptions, keeps handles from being used in the wrong process, and cuts
long waits of the main thread into slices, so that Ctrl-C works. What the rest of the
package makes of it is not its business.

Nothing happens at import: the library is loaded when the first object starts.
"""

from __future__ import annotations

import functools
import json
import math
import operator
import os
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Callable, NoReturn, TypeVar

from hermes import _green, errors

if TYPE_CHECKING:
    import ctypes

_R = TypeVar("_R")

OK = 0
EFULL = -9
ETIMEOUT = -10
EJSON = -8
EINVAL = -1
ESTOPPED = -11
ESTATE = -3
ERANGE = -15
EBADHANDLE = -2

#: The HERMES_ABI_VERSION that this package is written for.
ABI_VERSION = 2

#: How long the main thread may be out of Python's reach, in seconds.
SLICE = 0.2

# How long the main thread waits for room by itself before another one waits in its place.
_GLANCE = 0.05

# Not json.loads, which a program may patch.
_parsed: Callable[[str], dict[str, Any]] = json.JSONDecoder().decode

_LONGEST_WAIT_MS = 24 * 3600 * 1000


def module_lock() -> Any:
    """Make a lock for a module, which is free in a forked child, whoever held it."""
    lock = threading.Lock()
    os.register_at_fork(after_in_child=lock._at_fork_reinit)  # type: ignore[attr-defined]
    return lock


_lock = threading.Lock()
_library: ctypes.CDLL | None = None
_path: str | None = None
_hooked = False
_touched = False  # this process, or one that it was forked from, began to load the library
_inherited = False  # this process was forked after that
_cores: weakref.WeakSet[Core] = weakref.WeakSet()


# ---- Loading -----------------------------------------------------------------


def library() -> ctypes.CDLL:
    """The native library, loaded by the first call in this process."""
    global _library
    if _library is None:
        with _lock:
            if _library is None:
                _library = _load()
    return _library


def version() -> str:
    """The version of the native library."""
    text: bytes = library().hermes_version_string()
    return text.decode()


def _load() -> ctypes.CDLL:
    global _hooked, _path, _touched
    if not _hooked:
        os.register_at_fork(after_in_child=_after_fork_in_child)
        _hooked = True
    _touched = True
    tried = []
    for path in [_path] if _path else _candidates():
        try:
            loaded = _open_private_copy(path) if _inherited else _open(path)
        except OSError as error:
            tried.append(str(error) if path in str(error) else f"{path}: {error}")
        else:
            _path = path
            return loaded
    advice = "; a forked process needs a copy of its own: if it cannot have one, use the start "
    advice += "method spawn or forkserver, or fork before the first use"
    text = "the native library cannot be loaded; tried " + "; ".join(tried)
    raise errors.make(errors.LibraryError, text + (advice if _inherited else ""))


def _candidates() -> Iterator[str]:
    """Where the library may be, most wanted first."""
    chosen = os.environ.get("HERMES_LIBRARY")
    if chosen:
        yield chosen
        return
    # Not __file__, which a program that was frozen into one file does not have.
    for folder in sys.modules["hermes"].__path__:
        package = os.path.abspath(folder)
        yield os.path.join(package, "_lib", "libhermes.so.2")
        yield os.path.normpath(os.path.join(package, "..", "..", "build", "libhermes.so.2"))
    yield "libhermes.so.2"


def _open(path: str) -> ctypes.CDLL:
    """Load the library from a path and declare its functions."""
    import ctypes

    loaded = ctypes.CDLL(path)
    try:
        found = loaded.hermes_abi_version()
    except AttributeError:
        raise OSError(f"{path}: not a hermes library") from None
    if found < ABI_VERSION:
        raise OSError(f"{path}: too old (interface {found}, at least {ABI_VERSION} is needed)")
    _declare(loaded)
    _wake(loaded)
    return loaded


def _wake(loaded: ctypes.CDLL) -> None:
    """Make the call that starts the library's threads, deaf to Python's signals.

    Threads inherit what their maker has blocked. A handler of Python's must not run on
    theirs: before 3.10 it has no stack of its own, and those are small.
    """
    import signal

    theirs = {signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGPIPE, signal.SIGPROF}
    theirs |= {signal.SIGSEGV, signal.SIGTRAP, signal.SIGURG}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - theirs)
    try:
        loaded.hermes_close(0)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _open_private_copy(path: str) -> ctypes.CDLL:
    """Load a second copy of the library, with threads and memory of its own.

    The one that a forked process inherits has lost its threads. The dynamic linker
    knows loaded files by name and inode, so the copy must differ in both.
    """
    import shutil

    file = _file_behind(path)
    descriptor = os.memfd_create("libhermes", os.MFD_CLOEXEC)
    try:
        with open(file, "rb") as original, open(descriptor, "wb", closefd=False) as copy:
            shutil.copyfileobj(original, copy)
        return _open(f"/proc/{os.getpid()}/fd/{descriptor}")
    finally:
        os.close(descriptor)


def _file_behind(path: str) -> str:
    """The file behind the name that the library was loaded by."""
    if os.path.exists(path):
        return path
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        for line in maps:
            file = line.rstrip("\n").partition("/")[2]
            if os.path.basename(file).startswith("libhermes.so"):
                return "/" + file
    return path


def _quick(name: str) -> Callable[..., int]:
    """A function of the library, called in the quickest way that ctypes has.

    It must never wait, so it can keep the lock of Python's interpreter, which others would be
    quick to take. Its arguments are not converted: they must be what ctypes takes for the
    types of C, such as a c_uint64, bytes, and an int for an int32_t, which is cut off.
    """
    import ctypes

    function: Callable[..., int] = getattr(ctypes.PyDLL("", handle=library()._handle), name)
    return function


def _declare(loaded: ctypes.CDLL) -> None:
    """Tell ctypes the prototypes of ``hermes.h``."""
    from ctypes import POINTER, c_char_p, c_int, c_int32, c_size_t, c_uint64, c_void_p

    handle, wait, text = c_uint64, c_int32, c_char_p
    out_handle, out_size, out_text = POINTER(c_uint64), POINTER(c_size_t), POINTER(c_void_p)
    prototypes: dict[str, tuple[Any, list[Any]]] = {
        "version_string": (c_char_p, []),
        "strerror": (c_char_p, [c_int]),
        "last_error": (c_size_t, [c_char_p, c_size_t]),
        "publisher_new": (c_int, [text, text, out_handle]),
        "receiver_new": (c_int, [text, text, out_handle]),
        "postoffice_new": (c_int, [text, text, text, out_handle]),
        "set": (c_int, [handle, text, text]),
        "get": (c_int, [handle, text, c_char_p, c_size_t]),
        "start": (c_int, [handle]),
        "stop": (c_int, [handle, wait]),
        "close": (c_int, [handle]),
        "wait_ready": (c_int, [handle, wait]),
        "stats": (c_int, [handle, out_text, out_size]),
        "next_event": (c_int, [handle, wait, out_text, out_size]),
        "fd": (c_int, [handle]),
        "publish": (c_int, [handle, text, c_size_t, text, c_size_t, text, c_size_t]),
        "publish_batch": (c_int, [handle, text, c_size_t, out_size]),
        "receiver_subscribe": (c_int, [handle, text, c_size_t]),
        "receiver_unsubscribe": (c_int, [handle, text, c_size_t]),
        "receiver_accept": (c_int, [handle, text, c_size_t]),
        "recv_json": (c_int, [handle, c_size_t, wait, out_text, out_size, out_size]),
        "recv_marshal": (c_int, [handle, c_size_t, wait, out_text, out_size]),
        "free": (None, [c_void_p]),
    }
    for name, (result, arguments) in prototypes.items():
        function = getattr(loaded, "hermes_" + name)
        function.restype = result
        function.argtypes = arguments


# ---- fork --------------------------------------------------------------------


class _Orphaned:
    """What stands in for the library in an object that came over a fork."""

    def __getattr__(self, name: str) -> Any:
        self.refuse()

    def refuse(self, *_: Any) -> NoReturn:
        """Say why nothing can be done."""
        raise errors.ForkedError(
            "this object belongs to the process that this one was forked from; "
            "make a new one here, or use the start method spawn or forkserver"
        )


def _after_fork_in_child() -> None:
    """Forget the library: the next use loads a copy of this process's own."""
    global _cores, _inherited, _library, _lock
    _lock = threading.Lock()
    _inherited = _touched
    _library = None
    for core in list(_cores):
        core.orphan()
    _cores = weakref.WeakSet()


# ---- Errors and time ---------------------------------------------------------


def _option_text(text: str) -> bytes:
    """An option's key or value for C, which would see the end of the text at a NUL."""
    if "\0" in text:
        raise errors.OptionError(f"there is a NUL in the option's text {text!r}")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise errors.OptionError(f"the option's text {text!r} is not Unicode: {error}") from error


def failure(lib: Any, code: int) -> errors.HermesError:
    """The exception for what just failed in this thread."""
    import ctypes

    buffer = ctypes.create_string_buffer(1024)
    length = lib.hermes_last_error(buffer, len(buffer))
    text = buffer.value if length else lib.hermes_strerror(code)
    return errors.from_code(code, text.decode("utf-8", "replace"))


def milliseconds(timeout: float | None) -> int:
    """A wait in seconds, None for ever, as the C functions take it."""
    if timeout is None or timeout * 1000 > _LONGEST_WAIT_MS:
        return _LONGEST_WAIT_MS
    return max(0, math.ceil(timeout * 1000))


def in_main_thread() -> bool:
    """Whether this is the thread that must look out for signals."""
    return threading.get_ident() == threading.main_thread().ident


def deadline(timeout: float | None) -> float | None:
    """When a wait that begins now ends; None is never."""
    return None if timeout is None else time.monotonic() + max(0.0, timeout)


def remaining(end: float | None) -> float | None:
    """How much is left until a deadline, in seconds."""
    return None if end is None else max(0.0, end - time.monotonic())


def in_slices(
    call: Callable[[int], int],
    end: float | None,
    longest: float | None = None,
    descriptor: Callable[[], int] | None = None,
) -> int:
    """Repeat ``call(milliseconds)`` until it is not ETIMEOUT, or the time is up.

    A slice lasts as long as is left, at most ``longest`` seconds; in the main thread at
    most :data:`SLICE`, because Python handles signals between calls only. Where threads are
    greenlets nothing waits in a call, but for the descriptor, if there is one.
    """
    green = _green.active()
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


# ---- Objects -----------------------------------------------------------------


class Core:
    """A native object and its handle. Closed when nobody refers to it any more."""

    kind = ""

    def __init__(self, *arguments: bytes | None) -> None:
        import ctypes

        self._lib: Any = library()
        self._handle = 0
        # Known here before the library writes it, so that no exception loses it.
        self._number = ctypes.c_uint64()
        new = getattr(self._lib, f"hermes_{self.kind}_new")
        self.check(new(*arguments, ctypes.byref(self._number)))
        self._handle = self._number.value
        _cores.add(self)

    # Bound here: at exit the names of this module may be gone before its objects.
    def __del__(self, _at_exit: Callable[[], bool] = sys.is_finalizing) -> None:
        if not _at_exit():
            self.close()

    def check(self, code: int) -> None:
        """Raise what a code stands for."""
        if code < 0:
            raise failure(self._lib, code)

    def orphan(self) -> None:
        """Cut the object off: this process is a child of the one that it lives in."""
        self._lib = _Orphaned()
        self._handle = self._number.value = 0

    @property
    def orphaned(self) -> bool:
        """Whether the object lives in the process that this one was forked from."""
        return isinstance(self._lib, _Orphaned)

    def set(self, key: str, value: str) -> None:
        """Set an option."""
        key_text, value_text = _option_text(key), _option_text(value)
        self.check(self._lib.hermes_set(self._handle, key_text, value_text))

    def get(self, key: str) -> str:
        """Read an option or a fact."""
        import ctypes

        text, size = _option_text(key), 4096
        while True:
            buffer = ctypes.create_string_buffer(size)
            code = self._lib.hermes_get(self._handle, text, buffer, size)
            if code != ERANGE:
                self.check(code)
                return buffer.value.decode("utf-8", "replace")
            size *= 2

    def start(self) -> None:
        """Bind, or begin to connect."""
        self.check(self._lib.hermes_start(self._handle))

    def stop(self, timeout: float) -> None:
        """Stop; a publisher sends what it has queued first, for at most ``timeout``."""
        lib, handle, ms = self._lib, self._handle, milliseconds(timeout)
        if sys.is_finalizing():
            self.check(lib.hermes_stop(handle, ms))
        elif _green.active() is not None or (timeout > SLICE and in_main_thread()):
            elsewhere(lambda: self.check(lib.hermes_stop(handle, ms)))
        else:
            self.check(lib.hermes_stop(handle, ms))

    def close(self) -> None:
        """Free the object; the handle is dead from then on."""
        number = getattr(self, "_number", None)
        if number:
            handle = number.value
            self._handle = number.value = 0
            self._lib.hermes_close(handle)

    def wait_ready(self, timeout: float | None) -> bool:
        """Whether the object could do its work before the time was up."""
        lib, handle = self._lib, self._handle
        code = in_slices(lambda ms: int(lib.hermes_wait_ready(handle, ms)), deadline(timeout))
        if code in (ETIMEOUT, ESTOPPED, ESTATE):
            return False
        self.check(code)
        return True

    def descriptor(self) -> int:
        """It polls readable while there is something to take, or room for what is published."""
        descriptor: int = self._lib.hermes_fd(self._handle)
        self.check(descriptor)
        return descriptor

    def stats(self) -> dict[str, Any]:
        """The counters."""
        code, text = self._text(self._lib.hermes_stats, self._handle)
        self.check(code)
        return _parsed(text)

    def next_event(self, timeout: float | None) -> dict[str, Any] | None:
        """The next notice of what happened; None when the object has stopped."""
        end = deadline(timeout)
        while True:
            code, text = self._next(end)
            if code == OK:
                return _parsed(text)
            if code in (ESTOPPED, EBADHANDLE) or (code == ETIMEOUT and end is not None):
                return None
            if code != ETIMEOUT:
                self.check(code)

    def _next(self, end: float | None) -> tuple[int, str]:
        """The next notice as a text, or the code that says why there is none."""
        green = _green.active()
        found = ETIMEOUT, ""

        def call(ms: int) -> int:
            nonlocal found
            found = self._text(self._lib.hermes_next_event, self._handle, ms)
            return found[0]

        if green is None:
            call(milliseconds(remaining(end)))
        else:
            green.repeat(call, ETIMEOUT, end)
        return found

    def _text(self, function: Callable[..., int], *arguments: Any) -> tuple[int, str]:
        """Call a function that hands out a text."""
        import ctypes

        types = ctypes.c_void_p, ctypes.c_size_t, ctypes.byref
        handout = Handout(self._lib.hermes_free, types, None)
        try:
            code = function(*arguments, *handout.outs)
            return code, handout.text().decode("utf-8", "surrogatepass")
        finally:
            handout.free()


class PostOfficeCore(Core):
    """A native post office."""

    kind = "postoffice"


class PublisherCore(Core):
    """A native publisher."""

    kind = "publisher"

    def __init__(self, address: bytes, name: bytes) -> None:
        super().__init__(address, name)
        #: Queues an envelope, given as the JSON array [topic, origin, data], and returns the
        #: code: ETIMEOUT where there is no room.
        self.post: Callable[[bytes], int] = functools.partial(
            _quick("hermes_publish_try"), self._number
        )
        #: The same for what marshal has written of a list of tuples, given with its size
        #: and None, or a reference to a size_t for the number of those that were queued.
        self.offer: Callable[[bytes, int, Any], int] = functools.partial(
            _quick("hermes_publish_marshal"), self._number
        )

    def orphan(self) -> None:
        super().orphan()
        self.post = self.offer = self._lib.refuse

    def offer_many(self, values: bytes, count: Any) -> int:
        """:attr:`offer` for several; ``count`` is a size_t for how many were queued."""
        import ctypes

        return self.offer(values, len(values), ctypes.byref(count))

    def must_look_up(self) -> bool:
        """Whether the calling thread must not wait in the library for long.

        Signals wait for the main thread, and all greenlets for the one that is in a call.
        """
        return in_main_thread() or _green.active() is not None

    def publish_patiently(self, row: bytes) -> int:
        """Queue an envelope as :attr:`post` does, and wait for room; the code.

        Where the wait is interrupted, the envelope may still be queued if room comes in time.
        """
        text = b"[%b]" % row
        count = self.size()
        if not self.must_look_up():
            return self.publish_batch(text, count)
        end = time.monotonic() + _GLANCE
        while True:
            self._await_room(end - time.monotonic())
            code = self.post(row)
            if code != ETIMEOUT:
                return code
            if time.monotonic() >= end:
                # The library waits as long as it should, and counts what it refuses.
                return elsewhere(lambda: self.publish_batch(text, count))

    def _await_room(self, timeout: float) -> bool:
        """Wait until there may be room, in a way that signals end."""
        import select

        descriptor, timeout = self.descriptor(), max(0.0, timeout)
        green = _green.active()
        if green is not None:
            return green.readable(descriptor, timeout)
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(math.ceil(timeout * 1000)))

    def publish_batch(self, text: bytes, count: Any) -> int:
        """Queue the envelopes of a JSON array; ``count`` is as for :meth:`offer_many`."""
        import ctypes

        code: int
        code = self._lib.hermes_publish_batch(self._handle, text, len(text), ctypes.byref(count))
        return code

    def size(self) -> Any:
        """Make a size_t, which the library can write a number to."""
        import ctypes

        return ctypes.c_size_t()


class Handout:
    """What one call of the library has handed out: its one owner, until it is given back.

    An exception may come between any two instructions of what handles it. So the library
    writes where this object is, and nothing is known of the memory but here.
    """

    __slots__ = ("_before", "_free", "_length", "_parsed", "_text", "outs", "tried")

    def __init__(
        self, free: Callable[[Any], None], types: tuple[Any, ...], last: Handout | None
    ) -> None:
        pointer, size, reference = types
        self._free = free
        self._text = pointer()
        self._length = size()
        #: Where the library is to write.
        self.outs = reference(self._text), reference(self._length)
        #: Whether a thread has begun to parse it.
        self.tried = False
        # What was in it, how many that was, and how many more could not be read; once known.
        self._parsed: dict[str, tuple[Iterator[Any], int, int]] = {}
        self._before = (0, 0) if last is None else last.counted()

    @property
    def holds(self) -> bool:
        """Whether there is memory to give back."""
        return bool(self._text)

    def text(self) -> bytes:
        """What the library wrote: for marshal, or a JSON array of rows."""
        import ctypes

        text: int | None = self._text.value
        return ctypes.string_at(text, self._length.value) if text else b""

    def parsed(self, rows: list[Any], bad: int) -> None:
        """Take what is in it, and how much could not be read; only the first time counts."""
        self._parsed.setdefault("", (iter(rows), len(rows), bad))

    @property
    def rows(self) -> Iterator[Any] | None:
        """What was in it, each of which comes out once; None until it is parsed."""
        parsed = self._parsed.get("")
        return None if parsed is None else parsed[0]

    def counted(self) -> tuple[int, int]:
        """How many rows have come out of this one and those before, and how many were bad."""
        good, bad = self._before
        parsed = self._parsed.get("")
        if parsed is not None:
            rows, count, own_bad = parsed
            good += count - operator.length_hint(rows)
            bad += own_bad
        return good, bad

    def free(self) -> None:
        """Give the memory back, once."""
        text, self._text = self._text, None
        if text:
            self._free(text)

    def forget(self) -> None:
        """Leave the memory alone: after a fork it is another process's."""
        self._text = None


class ReceiverCore(Core):
    """A native receiver. ``fetch`` must not be called by two threads at once."""

    kind = "receiver"

    def __init__(self, address: bytes, name: bytes) -> None:
        import ctypes

        super().__init__(address, name)
        self.set("json.lost", "on")
        #: Whether somebody waits on the descriptor, which knows nothing of what was
        #: fetched ahead: then no more must be fetched than is taken.
        self.watched = False
        self._last: Handout | None = None  # which may hold something at the end
        self._c_types = ctypes.c_void_p, ctypes.c_size_t, ctypes.byref

    def orphan(self) -> None:
        super().orphan()
        # A fork may have come while another thread was fetching: what is held may have been
        # freed, and is the parent's anyway.
        if self._last is not None:
            self._last.forget()

    def handout(self, last: Handout | None) -> Handout:
        """Where the next ``fetch`` puts what it brings; it counts on from the last one."""
        self._last = Handout(self._lib.hermes_free, self._c_types, last)
        return self._last

    def close(self) -> None:
        super().close()
        last = getattr(self, "_last", None)
        if last is not None:
            last.free()

    def fetch(self, handout: Handout, most: int, ms: int, marshal: bool) -> int:
        """Wait for envelopes; where that is OK, the handout holds them."""
        code: int
        if marshal:
            code = self._lib.hermes_recv_marshal(self._handle, most, ms, *handout.outs)
        else:
            code = self._lib.hermes_recv_json(self._handle, most, ms, *handout.outs, None)
        return code

    def subscribe(self, prefix: bytes) -> None:
        """Follow the topics that begin with ``prefix``."""
        self.check(self._lib.hermes_receiver_subscribe(self._handle, prefix, len(prefix)))

    def unsubscribe(self, prefix: bytes) -> None:
        """Undo one ``subscribe``."""
        self.check(self._lib.hermes_receiver_unsubscribe(self._handle, prefix, len(prefix)))

    def accept(self, origin: bytes) -> None:
        """Accept envelopes of this origin."""
        self.check(self._lib.hermes_receiver_accept(self._handle, origin, len(origin)))

    def fileno(self) -> int:
        """The descriptor, for somebody who knows nothing of what was fetched ahead."""
        descriptor = self.descriptor()
        self.watched = True
        return descriptor


def elsewhere(call: Callable[[], _R]) -> _R:
    """Run a call that cannot be cut into slices on a real thread, and wait for it.

    Waiting in Python leaves the main thread open to signals, and greenlets to each other.
    Where the wait is interrupted the call goes on.
    """
    results: list[_R] = []
    problems: list[BaseException] = []

    def work() -> None:
        try:
            results.append(call())
        except BaseException as error:
            problems.append(error)

    green = _green.active()
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
