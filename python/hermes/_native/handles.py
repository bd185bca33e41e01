"""Objects that own what the library gave: handles, and memory.

There is one Python method for one C function; codes become exceptions. An object of this
module is closed when its last reference goes. An exception, which is what Ctrl-C is, may come
between any two instructions, so the library writes handles and pointers straight into memory
that an object owns already (`Core._number`, `Fetched`): nothing is lost between the call and
its assignment.

`Core` and its subclasses may be used by any thread, apart from `ReceiverCore.fetch`, which
one thread may call at a time.
"""

from __future__ import annotations

import functools
import json
import math
import operator
import sys
import time
from collections.abc import Iterator
from typing import Any, Callable

from hermes import _greenlets, _system
from hermes._native.abi import (
    EBADHANDLE,
    ERANGE,
    ESTATE,
    ESTOPPED,
    ETIMEOUT,
    OK,
    failure,
    option_text,
    option_value,
    quick,
)
from hermes._native.load import Orphaned, library, track
from hermes._native.wait import (
    SLICE,
    deadline,
    elsewhere,
    in_main_thread,
    in_slices,
    milliseconds,
    remaining,
)
from hermes._typing import Event

# How long the main thread waits for room before a helper thread waits in its place, in seconds.
_ROOM_WAIT = 0.05

# Not json.loads, which a program may patch.
_parsed: Callable[[str], Any] = json.JSONDecoder().decode


class Core:
    """A native object and its handle; closed when its last reference goes."""

    kind = ""

    def __init__(self, *arguments: bytes | None) -> None:
        import ctypes

        self._lib: Any = library()
        self._handle = 0
        # Owned here before the library writes to it, so that no exception can lose it.
        self._number = ctypes.c_uint64()
        new = getattr(self._lib, f"hermes_{self.kind}_new")
        self.check(new(*arguments, ctypes.byref(self._number)))
        self._handle = self._number.value
        track(self)

    # Bound here: at exit the names of this module may be gone before its objects.
    def __del__(self, _at_exit: Callable[[], bool] = sys.is_finalizing) -> None:
        if not _at_exit():
            self.close()

    def check(self, code: int) -> None:
        """Raise the exception for a code, if it is an error."""
        if code < 0:
            raise failure(self._lib, code)

    def orphan(self) -> None:
        """Detach the object from its handle, which is the parent process's."""
        self._lib = Orphaned()
        self._handle = self._number.value = 0

    @property
    def orphaned(self) -> bool:
        """Whether the object belongs to the process that this one was forked from."""
        return isinstance(self._lib, Orphaned)

    def set(self, key: str, value: str) -> None:
        """Set an option."""
        key_text, value_text = option_text(key), option_value(key, value)
        self.check(self._lib.hermes_set(self._handle, key_text, value_text))

    def get(self, key: str) -> str:
        """Read an option or a fact."""
        import ctypes

        text, size = option_text(key), 4096
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
        elif _greenlets.active() is not None or (timeout > SLICE and in_main_thread()):
            elsewhere(lambda: self.check(lib.hermes_stop(handle, ms)))
        else:
            self.check(lib.hermes_stop(handle, ms))

    def close(self) -> None:
        """Free the object; the handle is invalid from then on."""
        number = getattr(self, "_number", None)
        if number:
            handle = number.value
            self._handle = number.value = 0
            self._lib.hermes_close(handle)

    def wait_ready(self, timeout: float | None) -> bool:
        """Wait until the object can do its work; False when the time is up or it has stopped."""
        lib, handle = self._lib, self._handle
        code = in_slices(lambda ms: int(lib.hermes_wait_ready(handle, ms)), deadline(timeout))
        if code in (ETIMEOUT, ESTOPPED, ESTATE):
            return False
        self.check(code)
        return True

    def descriptor(self) -> int:
        """Return the descriptor that is readable while there is an envelope, or room for one."""
        descriptor: int = self._lib.hermes_fd(self._handle)
        self.check(descriptor)
        return descriptor

    def stats(self) -> Any:
        """Return the counters."""
        code, text = self._text(self._lib.hermes_stats, self._handle)
        self.check(code)
        return _parsed(text)

    def next_event(self, timeout: float | None) -> Event | None:
        """Wait for the next event; None when the object has stopped or the time is up."""
        end = deadline(timeout)
        while True:
            code, text = self._next(end)
            if code == OK:
                event: Event = _parsed(text)
                return event
            if code in (ESTOPPED, EBADHANDLE) or (code == ETIMEOUT and end is not None):
                return None
            if code != ETIMEOUT:
                self.check(code)

    def _next(self, end: float | None) -> tuple[int, str]:
        """Return OK and the next event's JSON, or the code that says why there is none."""
        green = _greenlets.active()
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
        """Call a function that returns a text in memory of the library."""
        import ctypes

        types = ctypes.c_void_p, ctypes.c_size_t, ctypes.byref
        fetched = Fetched(self._lib.hermes_free, types, None)
        try:
            code = function(*arguments, *fetched.outs)
            return code, fetched.text().decode("utf-8", "surrogatepass")
        finally:
            fetched.free()


class PostOfficeCore(Core):
    """A native post office."""

    kind = "postoffice"


class PublisherCore(Core):
    """A native publisher."""

    kind = "publisher"

    def __init__(self, address: bytes, name: bytes) -> None:
        super().__init__(address, name)
        #: Queues an envelope, given as the JSON array [topic, origin, data], and returns the
        #: code; ETIMEOUT if there is no room.
        self.post: Callable[[bytes], int] = functools.partial(
            quick(self._lib, "hermes_publish_try"), self._number
        )
        #: The same for a list of tuples in marshal's format. Arguments: the bytes, their
        #: number, and None or a reference to a size_t for how many were queued.
        self.offer: Callable[[bytes, int, Any], int] = functools.partial(
            quick(self._lib, "hermes_publish_marshal"), self._number
        )

    def orphan(self) -> None:
        super().orphan()
        self.post = self.offer = self._lib.refuse

    def offer_many(self, values: bytes, count: Any) -> int:
        """Queue several envelopes; ``count`` is a size_t for how many were queued."""
        import ctypes

        return self.offer(values, len(values), ctypes.byref(count))

    def must_not_block(self) -> bool:
        """Whether the calling thread must not block in the library for long.

        It is the main thread, which handles signals, or a greenlet, which blocks all others.
        """
        return in_main_thread() or _greenlets.active() is not None

    def publish_blocking(self, row: bytes) -> int:
        """Queue an envelope as `post` does, and wait for room; return the code.

        If the wait is interrupted, the envelope may still be queued once there is room.
        """
        text = b"[%b]" % row
        count = self.size()
        if not self.must_not_block():
            return self.publish_batch(text, count)
        end = time.monotonic() + _ROOM_WAIT
        while True:
            self._await_room(end - time.monotonic())
            code = self.post(row)
            if code != ETIMEOUT:
                return code
            if time.monotonic() >= end:
                # The library waits for queue.block, and counts what it refuses.
                return elsewhere(lambda: self.publish_batch(text, count))

    def _await_room(self, timeout: float) -> bool:
        """Wait until there may be room; a signal ends the wait."""
        descriptor, timeout = self.descriptor(), max(0.0, timeout)
        green = _greenlets.active()
        if green is not None:
            return green.readable(descriptor, timeout)
        return _system.readable(math.ceil(timeout * 1000), descriptor)

    def publish_batch(self, text: bytes, count: Any) -> int:
        """Queue the envelopes of a JSON array; ``count`` is as for `offer_many`."""
        import ctypes

        code: int
        code = self._lib.hermes_publish_batch(self._handle, text, len(text), ctypes.byref(count))
        return code

    def size(self) -> Any:
        """Make a size_t for the library to write to."""
        import ctypes

        return ctypes.c_size_t()


class Fetched:
    """Memory that one call of the library has allocated, with its only owner.

    The library writes pointer and size into this object, so that an exception between any two
    instructions of the caller cannot leak the memory or free it twice.
    """

    __slots__ = ("_before", "_free", "_length", "_parsed", "_text", "outs", "tried")

    def __init__(
        self, free: Callable[[Any], None], types: tuple[Any, ...], last: Fetched | None
    ) -> None:
        pointer, size, reference = types
        self._free = free
        self._text = pointer()
        self._length = size()
        #: References to pointer and size, for the library to write to.
        self.outs = reference(self._text), reference(self._length)
        #: Whether a thread has begun to parse it.
        self.tried = False
        # The rows in it, their number, and how many more could not be read; once parsed.
        self._parsed: dict[str, tuple[Iterator[Any], int, int]] = {}
        self._before = (0, 0) if last is None else last.counted()

    @property
    def holds(self) -> bool:
        """Whether there is memory to free."""
        return bool(self._text)

    def text(self) -> bytes:
        """Copy what the library wrote: marshal's format, or a JSON array of rows."""
        import ctypes

        text: int | None = self._text.value
        return ctypes.string_at(text, self._length.value) if text else b""

    def parsed(self, rows: list[Any], bad: int) -> None:
        """Keep the parsed rows, and how many could not be read; only the first call counts."""
        self._parsed.setdefault("", (iter(rows), len(rows), bad))

    @property
    def rows(self) -> Iterator[Any] | None:
        """The parsed rows, each of which comes out once; None before that."""
        parsed = self._parsed.get("")
        return None if parsed is None else parsed[0]

    def counted(self) -> tuple[int, int]:
        """Return how many rows of this and earlier fetches have come out, and how many were bad."""
        good, bad = self._before
        parsed = self._parsed.get("")
        if parsed is not None:
            rows, count, own_bad = parsed
            good += count - operator.length_hint(rows)
            bad += own_bad
        return good, bad

    def free(self) -> None:
        """Free the memory, once."""
        text, self._text = self._text, None
        if text:
            self._free(text)

    def forget(self) -> None:
        """Give up the memory without freeing it: after a fork it is another process's."""
        self._text = None


class ReceiverCore(Core):
    """A native receiver. ``fetch`` must not be called by two threads at once."""

    kind = "receiver"

    def __init__(self, address: bytes, name: bytes) -> None:
        import ctypes

        super().__init__(address, name)
        self.set("json.lost", "on")
        #: Whether a program polls the descriptor, which does not show envelopes that were
        #: fetched ahead; then no more are fetched than are taken.
        self.watched = False
        self._last: Fetched | None = None  # its memory is freed with this object
        self._c_types = ctypes.c_void_p, ctypes.c_size_t, ctypes.byref

    def orphan(self) -> None:
        super().orphan()
        # Another thread may have been fetching when the process was forked: the memory may
        # have been freed, and is the parent's anyway.
        if self._last is not None:
            self._last.forget()

    def new_fetch(self, last: Fetched | None) -> Fetched:
        """Make what the next ``fetch`` writes to; it continues the counts of the last one."""
        self._last = Fetched(self._lib.hermes_free, self._c_types, last)
        return self._last

    def close(self) -> None:
        super().close()
        last = getattr(self, "_last", None)
        if last is not None:
            last.free()

    def fetch(self, into: Fetched, most: int, ms: int, marshal: bool) -> int:
        """Wait for envelopes; ``into`` holds them if the code is OK."""
        code: int
        if marshal:
            code = self._lib.hermes_recv_marshal(self._handle, most, ms, *into.outs)
        else:
            code = self._lib.hermes_recv_json(self._handle, most, ms, *into.outs, None)
        return code

    def subscribe(self, prefix: bytes) -> None:
        """Subscribe to the topics that begin with ``prefix``."""
        self.check(self._lib.hermes_receiver_subscribe(self._handle, prefix, len(prefix)))

    def unsubscribe(self, prefix: bytes) -> None:
        """Undo one ``subscribe``."""
        self.check(self._lib.hermes_receiver_unsubscribe(self._handle, prefix, len(prefix)))

    def accept(self, origin: bytes) -> None:
        """Accept envelopes of this origin."""
        self.check(self._lib.hermes_receiver_accept(self._handle, origin, len(origin)))

    def fileno(self) -> int:
        """Return the descriptor for a program to poll, and stop fetching ahead."""
        descriptor = self.descriptor()
        self.watched = True
        return descriptor
