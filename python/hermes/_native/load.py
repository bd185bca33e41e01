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

from hermes import _system, errors
from hermes._native.abi import ABI_VERSION, declare
from hermes._native.copies import open_private_copy

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
        _system.after_fork_in_child(_after_fork_in_child)
        _hooked = True
    _touched = True
    tried = []
    for path in [_path] if _path else _candidates():
        try:
            loaded = open_private_copy(path, _open) if _inherited else _open(path)
        except OSError as error:
            tried.append(str(error) if path in str(error) else f"{path}: {error}")
        else:
            _path = path
            return loaded
    advice = "; a forked process needs a copy of its own: if it cannot have one, use the start "
    advice += "method spawn or forkserver, or fork before the first use"
    text = "the native library cannot be loaded; tried " + "; ".join(tried)
    text += f"; this is {_system.description()}: a wheel for it brings the library along, "
    text += "`make build` in a checkout makes one, and HERMES_LIBRARY may name its file"
    raise errors.make(errors.LibraryError, text + (advice if _inherited else ""))


def check_platform() -> None:
    """Raise where no library can be loaded, unless the environment names one."""
    reason = _system.refusal(_system.bits(), _system.libc())
    if reason is not None and not os.environ.get("HERMES_LIBRARY"):
        raise errors.PlatformError(f"hermes cannot run on {_system.description()}: {reason}")


def _candidates() -> Iterator[str]:
    """Yield the paths at which the library may be, in order of preference."""
    chosen = os.environ.get("HERMES_LIBRARY")
    if chosen:
        yield chosen
        return
    name = _system.library_name()
    # Not __file__, which a program that was frozen into one file does not have.
    for folder in sys.modules["hermes"].__path__:
        package = os.path.abspath(folder)
        yield os.path.join(package, "_lib", name)
        yield os.path.normpath(os.path.join(package, "..", "..", "build", name))
    yield name


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
    """Make the call that starts the library's threads, with Python's signals blocked."""
    with _system.signals_blocked():
        loaded.hermes_close(0)


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
