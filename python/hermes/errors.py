"""The exceptions of this package.

Each is a `HermesError`, and also the built-in exception that a Python program would catch in
that place: an address in use is an `OSError` with ``errno.EADDRINUSE``, data that cannot be
written as JSON is a `TypeError`, and so on.

    HermesError
    ├── AccessDeniedError    PermissionError: the peer does not let this end in
    ├── AddressError         OSError, ValueError: not an address, or it cannot be used
    ├── AddressInUseError    OSError: another socket is bound to the address
    ├── ArgumentError        ValueError
    ├── AuthenticationError  PermissionError: the peer is not the one expected
    ├── ClosedError          RuntimeError
    ├── DataError            TypeError, ValueError: data cannot be written as JSON
    ├── EncodingError        ValueError: text cannot be written as UTF-8
    ├── ForkedError          RuntimeError: the object belongs to the parent process
    ├── HermesOSError        OSError
    ├── HermesTimeoutError   TimeoutError
    ├── InternalError        RuntimeError
    ├── LibraryError         OSError: the native library cannot be loaded
    ├── NotSupportedError    NotImplementedError
    ├── OptionError          ValueError
    ├── OutOfMemoryError     MemoryError
    ├── PlatformError        ImportError: the library cannot be on this platform
    ├── QueueFullError       BufferError
    ├── StateError           RuntimeError: not started yet, or started already
    ├── StoppedError         RuntimeError
    └── TooLargeError        ValueError: larger than the option message.bytes
"""

from __future__ import annotations

import errno

__all__ = [
    "AccessDeniedError",
    "AddressError",
    "AddressInUseError",
    "ArgumentError",
    "AuthenticationError",
    "ClosedError",
    "DataError",
    "EncodingError",
    "ForkedError",
    "HermesError",
    "HermesOSError",
    "HermesTimeoutError",
    "InternalError",
    "LibraryError",
    "NotSupportedError",
    "OptionError",
    "OutOfMemoryError",
    "PlatformError",
    "QueueFullError",
    "StateError",
    "StoppedError",
    "TooLargeError",
]


class HermesError(Exception):
    """The base of all errors of this package.

    Attributes
    ----------
    code : int
        The error code of the native library, one of ``HERMES_E...`` in ``hermes.h``, or 0 if the
        error does not come from there.
    """

    code: int = 0


class ArgumentError(HermesError, ValueError):
    """An argument is missing or out of range."""

    code = -1


class ClosedError(HermesError, RuntimeError):
    """The native object has been closed, or is of another kind."""

    code = -2


class StateError(HermesError, RuntimeError):
    """The object has not been started yet, or has been started already."""

    code = -3


class AddressError(HermesError, OSError, ValueError):
    """It is not an address, or it cannot be used; ``errno`` is ``EINVAL``."""

    code = -4


class AddressInUseError(HermesError, OSError):
    """Another socket is bound to the address; ``errno`` is ``EADDRINUSE``."""

    code = -5


class OptionError(HermesError, ValueError):
    """There is no such option, or the value is not valid."""

    code = -6


class EncodingError(HermesError, ValueError):
    """A text cannot be written as UTF-8."""

    code = -7


class DataError(HermesError, TypeError, ValueError):
    """The data cannot be written as JSON."""

    code = -8


class QueueFullError(HermesError, BufferError):
    """A queue has had no room in time."""

    code = -9


class HermesTimeoutError(HermesError, TimeoutError):
    """The time is up."""

    code = -10


class StoppedError(HermesError, RuntimeError):
    """The object has stopped, and everything is taken."""

    code = -11


class ForkedError(HermesError, RuntimeError):
    """The object belongs to the process that this one was forked from."""

    code = -12


class InternalError(HermesError, RuntimeError):
    """There is a fault in the native library; the object has failed."""

    code = -13


class OutOfMemoryError(HermesError, MemoryError):
    """The native library could not get memory."""

    code = -14


class TooLargeError(HermesError, ValueError):
    """An envelope is larger than the option ``message.bytes`` allows."""

    code = -16


class NotSupportedError(HermesError, NotImplementedError):
    """This kind of object cannot do that."""

    code = -17


class HermesOSError(HermesError, OSError):
    """A call of the operating system has failed; the text says which."""

    code = -18


class AccessDeniedError(HermesError, PermissionError):
    """The peer does not let this object in: its key is not known, or has no rights there."""

    code = -19


class AuthenticationError(HermesError, PermissionError):
    """The peer has not proved that it is the one expected."""

    code = -20


class LibraryError(HermesError, OSError):
    """The native library cannot be found or loaded."""


class PlatformError(HermesError, ImportError):
    """The native library cannot be on this platform; raised by ``import hermes``."""


_BY_CODE: dict[int, type[HermesError]] = {
    kind.code: kind
    for kind in (
        ArgumentError,
        ClosedError,
        StateError,
        AddressError,
        AddressInUseError,
        OptionError,
        EncodingError,
        DataError,
        QueueFullError,
        HermesTimeoutError,
        StoppedError,
        ForkedError,
        InternalError,
        OutOfMemoryError,
        TooLargeError,
        NotSupportedError,
        HermesOSError,
        AccessDeniedError,
        AuthenticationError,
    )
}

_ERRNO: dict[type[HermesError], int] = {
    AddressError: errno.EINVAL,
    AddressInUseError: errno.EADDRINUSE,
    HermesTimeoutError: errno.ETIMEDOUT,
    HermesOSError: errno.EIO,
    AccessDeniedError: errno.EACCES,
    AuthenticationError: errno.EPERM,
    LibraryError: errno.ENOENT,
}


def make(kind: type[HermesError], text: str) -> HermesError:
    """Make an error of a kind, with its ``errno``."""
    number = _ERRNO.get(kind)
    return kind(text) if number is None else kind(number, text)


def from_code(code: int, text: str) -> HermesError:
    """Make the exception for a code of the native library."""
    error = make(_BY_CODE.get(code, HermesError), text)
    error.code = code
    return error
