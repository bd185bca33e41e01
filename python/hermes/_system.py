"""What differs between operating systems: names, descriptors, signals, processes.

This is the only module that uses what not every system has. Functions that choose by the system
take its name, as `sys.platform` has it, so that a test on one of them sees the choice of all.
Modules that few programs need are imported where they are used.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Callable, NoReturn

if TYPE_CHECKING:
    import subprocess

#: Whether this is Windows, where descriptors of the library are sockets and no process forks.
WINDOWS = sys.platform == "win32"

# ---- Names and kinds of system --------------------------------------------------------


def library_name(system: str = sys.platform) -> str:
    """Return the name of the library's file."""
    return {"darwin": "libhermes.2.dylib", "win32": "hermes.dll"}.get(system, "libhermes.so.2")


def command_name(system: str = sys.platform) -> str:
    """Return the name of the command's file."""
    return "hermes.exe" if system == "win32" else "hermes"


def bits() -> int:
    """Return the size of this interpreter's addresses, which need not be the machine's."""
    return 64 if sys.maxsize > 2**32 else 32


def libc(system: str = sys.platform) -> str:
    """Return the C library of this interpreter: glibc, musl, or "" where a system has one only."""
    if not system.startswith("linux"):
        return ""
    try:
        name = os.confstr("CS_GNU_LIBC_VERSION")
    except (AttributeError, OSError, ValueError):
        name = None
    if name and name.startswith("glibc"):
        return "glibc"
    import sysconfig

    host = sysconfig.get_config_var("HOST_GNU_TYPE") or sysconfig.get_config_var("MULTIARCH") or ""
    return "musl" if "musl" in str(host) or _has_musl_loader() else "glibc"


def _has_musl_loader() -> bool:
    with contextlib.suppress(OSError):
        return any(name.startswith("ld-musl-") for name in os.listdir("/lib"))
    return False


def description() -> str:
    """Describe this platform for messages: system, machine, C library, interpreter."""
    import platform

    parts = [sys.platform, platform.machine() or "unknown machine", f"{bits()} bits", libc()]
    version = ".".join(map(str, sys.version_info[:3]))
    return " ".join(part for part in parts if part) + f", {sys.implementation.name} {version}"


def refusal(address_bits: int, c_library: str) -> str | None:
    """Return why the library cannot be on a platform, and what to do; None if it may be."""
    if address_bits != 64:
        return (
            "it needs a 64-bit interpreter; install one, which a 64-bit system runs beside the "
            "32-bit one, or use hermes-zmq 1.x, which is pure Python and speaks to this version"
        )
    if c_library == "musl":
        return (
            "its library cannot be loaded into a running program of musl (golang/go issue 54805); "
            "use an image with glibc (Debian, Ubuntu, RHEL), or start the interpreter with "
            "LD_PRELOAD and HERMES_LIBRARY naming a libhermes.so.2 built for musl "
            "(docs/design/musl.md), or use hermes-zmq 1.x, which is pure Python and speaks to this "
            "version"
        )
    return None


# ---- Processes ----------------------------------------------------------------------


def after_fork_in_child(function: Callable[[], Any]) -> None:
    """Have a function called in forked children, on systems that fork."""
    register = getattr(os, "register_at_fork", None)
    if register is not None:
        register(after_in_child=function)


def replace_process(path: str, arguments: list[str]) -> NoReturn:
    """Run a program in place of this one. Windows has no such call, so this one waits there."""
    if WINDOWS:
        import subprocess

        sys.exit(subprocess.run([path, *arguments[1:]]).returncode)
    os.execv(path, arguments)


def apart(system: str = sys.platform) -> dict[str, Any]:
    """Return arguments of Popen for a process that Ctrl-C leaves alone, and `interrupt` ends."""
    if system == "win32":
        return {"creationflags": 0x200}  # CREATE_NEW_PROCESS_GROUP
    return {"start_new_session": True}


def interrupt(process: subprocess.Popen[Any], system: str = sys.platform) -> None:
    """Ask a program to end as Ctrl-C does."""
    # CTRL_BREAK_EVENT: Ctrl-C itself is switched off in a new group.
    process.send_signal(1 if system == "win32" else signal.SIGINT)


@contextlib.contextmanager
def signals_blocked() -> Iterator[None]:
    """Block the signals that Python handles, while threads of the library start.

    Threads inherit the signal mask of their creator. A signal handler of Python must not run
    on them: before 3.10 it has no stack of its own, and theirs are small. Windows has no mask,
    and runs handlers on a thread of its own.
    """
    if sys.platform == "win32":
        yield
        return
    native = {signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGPIPE, signal.SIGPROF}
    native |= {signal.SIGSEGV, signal.SIGTRAP, signal.SIGURG}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:  # an interrupt may come with the signals blocked already
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - native)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# ---- Descriptors ------------------------------------------------------------------------
#
# On Windows the descriptor of a native object is a socket, which only functions for sockets take.


def duplicate(descriptor: int) -> int:
    """Duplicate a descriptor of the library."""
    if not WINDOWS:
        return os.dup(descriptor)
    import socket

    dup: Callable[[int], int] = socket.dup
    return dup(descriptor)


def closer() -> Callable[[int], None]:
    """Return the function that closes what `duplicate` returned."""
    if not WINDOWS:
        return os.close
    import socket

    return socket.close


def readable(milliseconds: int, *descriptors: int) -> bool:
    """Wait until one of the descriptors is readable; a signal may end the wait."""
    import select

    poll = getattr(select, "poll", None)
    if poll is None:  # on Windows, where select takes sockets of any number
        return bool(select.select(descriptors, [], [], milliseconds / 1000)[0])
    polled = poll()
    for descriptor in descriptors:
        polled.register(descriptor, select.POLLIN)
    return bool(polled.poll(milliseconds))


class Flag:
    """A descriptor that is readable while it is set. Any thread may use it."""

    def __init__(self) -> None:
        import socket

        # Sockets, as Windows can wait for nothing else together with the library's.
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._reader.fileno()

    def set(self) -> None:
        """Make it readable."""
        with contextlib.suppress(BlockingIOError):  # it is
            self._writer.send(b"x")

    def clear(self) -> None:
        """Make it not readable."""
        with contextlib.suppress(BlockingIOError):
            while self._reader.recv(4096):
                pass

    def close(self) -> None:
        """Close the descriptor."""
        self._reader.close()
        self._writer.close()
