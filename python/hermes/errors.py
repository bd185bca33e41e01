"""What can go wrong.

Everything the package raises on its own account is a :class:`HermesError`, and also
the built-in exception that a Python program would catch in that place: an address in
use is an :class:`OSError` with ``errno.EADDRINUSE``, data that is no JSON is a
:class:`TypeError`, and so on.
"""

from __future__ import annotations

import errno

__all__ = [
    "AddressError",
    "AddressInUseError",
    "ArgumentError",
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
    "QueueFullError",
    "StateError",
    "StoppedError",
    "TooLargeError",
]


class HermesError(Exception):
    """The root of all errors of this package.

    ``code`` is the number that the native library gave, one of ``HERMES_E...`` in
    ``hermes.h``, or 0 where the error did not come from there.
    """

    code: int = 0


class ArgumentError(HermesError, ValueError):
    """An argument is missing or out of range."""

    code = -1


class ClosedError(HermesError, RuntimeError):
    """The object behind a handle is gone, or is of another kind."""

    code = -2


class StateError(HermesError, RuntimeError):
    """Not started yet, or started already."""

    code = -3


class AddressError(HermesError, OSError, ValueError):
    """Not an address, or one that cannot be served; ``errno`` is ``EINVAL``."""

    code = -4


class AddressInUseError(HermesError, OSError):
    """Somebody else is bound to the address; ``errno`` is ``EADDRINUSE``."""

    code = -5


class OptionError(HermesError, ValueError):
    """No such option, or not a value of it."""

    code = -6


class EncodingError(HermesError, ValueError):
    """Text that cannot be written as UTF-8."""

    code = -7


class DataError(HermesError, TypeError, ValueError):
    """Data that cannot be written as JSON."""

    code = -8


class QueueFullError(HermesError, BufferError):
    """A queue had no room in time."""

    code = -9


class HermesTimeoutError(HermesError, TimeoutError):
    """The time is up."""

    code = -10


class StoppedError(HermesError, RuntimeError):
    """The object has stopped, and nothing is left to take."""

    code = -11


class ForkedError(HermesError, RuntimeError):
    """The object belongs to the process that this one was forked from."""

    code = -12


class InternalError(HermesError, RuntimeError):
    """A fault inside the native library; the object has failed."""

    code = -13


class OutOfMemoryError(HermesError, MemoryError):
    """The native library could not get memory."""

    code = -14


class TooLargeError(HermesError, ValueError):
    """An envelope above the limit of the option ``message.bytes``."""

    code = -16


class NotSupportedError(HermesError, NotImplementedError):
    """Not for this kind of object."""

    code = -17


class HermesOSError(HermesError, OSError):
    """The operating system refused; the text says what."""

    code = -18


class LibraryError(HermesError, OSError):
    """The native library cannot be found or used."""


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
    )
}

_ERRNO: dict[type[HermesError], int] = {
    AddressError: errno.EINVAL,
    AddressInUseError: errno.EADDRINUSE,
    HermesTimeoutError: errno.ETIMEDOUT,
    HermesOSError: errno.EIO,
    LibraryError: errno.ENOENT,
}


def make(kind: type[HermesError], text: str) -> HermesError:
    """An error of a kind, with the ``errno`` that belongs to it."""
    number = _ERRNO.get(kind)
    return kind(text) if number is None else kind(number, text)


def from_code(code: int, text: str) -> HermesError:
    """The exception for a code of the native library."""
    error = make(_BY_CODE.get(code, HermesError), text)
    error.code = code
    return error
