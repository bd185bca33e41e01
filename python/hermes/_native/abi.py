"""What ``hermes.h`` declares: codes, the interface's version, prototypes, and error texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from hermes import errors

if TYPE_CHECKING:
    import ctypes

#: The HERMES_ABI_VERSION that this package is written for.
ABI_VERSION = 2
OK = 0
EINVAL = -1
EBADHANDLE = -2
ESTATE = -3
EJSON = -8
EFULL = -9
ETIMEOUT = -10
ESTOPPED = -11
ERANGE = -15


def declare(loaded: ctypes.CDLL) -> None:
    """Declare the prototypes of ``hermes.h`` to ctypes."""
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


def quick(library: ctypes.CDLL, name: str) -> Callable[..., int]:
    """Return a function of the library that is called with the least overhead ctypes has.

    The call keeps the interpreter lock, so the function must never block. Arguments are not
    converted: they must be what ctypes takes for the C types, such as a c_uint64, bytes, and
    an int for an int32_t, which is truncated.
    """
    import ctypes

    function: Callable[..., int]
    if not hasattr(ctypes, "PyDLL"):  # PyPy, which always gives the lock up, and wants the types
        text, reference = ctypes.c_char_p, ctypes.c_void_p
        arguments = [ctypes.c_uint64, text, ctypes.c_size_t, reference]
        if name != "hermes_publish_marshal":
            arguments = arguments[:2]
        function = ctypes.CFUNCTYPE(ctypes.c_int, *arguments)((name, library))
        return function
    function = getattr(ctypes.PyDLL("", handle=library._handle), name)
    return function


def failure(lib: Any, code: int) -> errors.HermesError:
    """Return the exception for the call that just failed in this thread."""
    import ctypes

    buffer = ctypes.create_string_buffer(1024)
    length = lib.hermes_last_error(buffer, len(buffer))
    text = buffer.value if length else lib.hermes_strerror(code)
    return errors.from_code(code, text.decode("utf-8", "replace"))


def option_text(text: str) -> bytes:
    """Encode the name of an option for C, where a NUL would end the text."""
    return _encoded(text, f"the name of the option {text!r}")


def option_value(key: str, text: str) -> bytes:
    """Encode the value of an option; errors do not show it, as it may be a secret key."""
    return _encoded(text, f"the value of the option {key!r}")


def _encoded(text: str, what: str) -> bytes:
    if "\0" in text:
        raise errors.OptionError(f"{what} contains a NUL")
    try:
        return text.encode()
    except UnicodeEncodeError as error:  # which has the whole text, and is not to be chained
        reason = f"{error.reason} at position {error.start}"
    raise errors.OptionError(f"{what} is not Unicode text: {reason}")
