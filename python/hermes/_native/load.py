"""Finds and loads ``libhermes``, and gives a forked process a copy of its own.

The library is loaded by the first call of `library` in a process, never at import. Its
threads do not survive a fork: in the child, objects of the parent raise
`hermes.errors.ForkedError`, and the next use loads a second copy of the file.

`_lock` guards the loading. The other globals change under it, or in the forked child, which
has one thread.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from hermes import errors
from hermes._native.abi import ABI_VERSION, declare

if TYPE_CHECKING:
    import ctypes
_lock = threading.Lock()
_library: ctypes.CDLL | None = None
_path: str | None = None
_hooked = False
_touched = False  # this process, or an ancestor, has begun to load the library
_inherited = False  # this process was forked after that
# The native objects of this process, which a forked child must not use.
_objects: weakref.WeakSet[Any] = weakref.WeakSet()


def library() -> ctypes.CDLL:
    """Return the native library; the first call in a process loads it."""
    global _library
    if _library is None:
        with _lock:
            if _library is None:
                _library = _load()
    return _library


def version() -> str:
    """Return the version of the native library."""
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
    """Yield the paths at which the library may be, in order of preference."""
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
    declare(loaded)
    _start_threads(loaded)
    return loaded


def _start_threads(loaded: ctypes.CDLL) -> None:
    """Make the call that starts the library's threads, with Python's signals blocked.

    Threads inherit the signal mask of their creator. A signal handler of Python must not run
    on them: before 3.10 it has no stack of its own, and theirs are small.
    """
    import signal

    native = {signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGPIPE, signal.SIGPROF}
    native |= {signal.SIGSEGV, signal.SIGTRAP, signal.SIGURG}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - native)
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
    """Return the path of the file that was loaded by a name."""
    if os.path.exists(path):
        return path
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        for line in maps:
            file = line.rstrip("\n").partition("/")[2]
            if os.path.basename(file).startswith("libhermes.so"):
                return "/" + file
    return path


def track(native_object: Any) -> None:
    """Have ``orphan()`` of an object called in forked children; held weakly."""
    _objects.add(native_object)


class Orphaned:
    """Takes the place of the library in an object that was inherited over a fork."""

    def __getattr__(self, name: str) -> Any:
        self.refuse()

    def refuse(self, *_: Any) -> NoReturn:
        """Raise the error that explains it."""
        raise errors.ForkedError(
            "this object belongs to the process that this one was forked from; "
            "make a new one here, or use the start method spawn or forkserver"
        )


def _after_fork_in_child() -> None:
    """Forget the library; the next use loads a copy for this process."""
    global _objects, _inherited, _library, _lock
    _lock = threading.Lock()
    _inherited = _touched
    _library = None
    for core in list(_objects):
        core.orphan()
    _objects = weakref.WeakSet()
