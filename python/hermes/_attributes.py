"""What the public attributes of 1.x hold: ``_running``, ``sock``, and replaceable properties."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any, Callable

from hermes import errors

if TYPE_CHECKING:
    from hermes._native.handles import Core

    ReplaceableProperty = property
else:

    class ReplaceableProperty:
        """A property that can be replaced on an instance, like any other attribute.

        A real property cannot be assigned to. These names are new in 2.0, and a program that
        was written for 1.x may use them for something else.
        """

        def __init__(self, read: Callable[[Any], Any]) -> None:
            self.__doc__ = read.__doc__
            self._read = read

        def __get__(self, owner: Any, kind: Any = None) -> Any:
            return self if owner is None else self._read(owner)


class RunFlag(threading.Event):
    """The event ``_running`` of 1.x: clearing it stops the object that it belongs to."""

    def __init__(self, stop: Callable[[], None]) -> None:
        super().__init__()
        # Held weakly: the owner must not be part of a reference cycle.
        self._hermes_stop_owner = weakref.WeakMethod(stop)

    def clear(self) -> None:
        """Clear the flag, and stop the object that it belongs to."""
        was_set = self.is_set()
        self.lower()
        stop = self._hermes_stop_owner()
        if was_set and stop is not None:
            stop()

    def lower(self) -> None:
        """Clear the flag without stopping anything."""
        super().clear()


class Socket:
    """What the attribute ``sock`` holds while a publisher or receiver runs.

    It is not a ZeroMQ socket: it cannot send or receive. It is true, it can be closed, which
    stops its owner, and that of a receiver can be waited on with `select` and its like.
    """

    __slots__ = ("_core", "_fileno")

    def __init__(
        self, core: Core, fileno: weakref.WeakMethod[Callable[[], int]] | None = None
    ) -> None:
        self._core = core
        self._fileno = fileno  # of a receiver

    @property
    def closed(self) -> bool:
        """Whether the native object is no longer running."""
        return self._core.get("state") != "running"

    def close(self, linger: int | None = None) -> None:
        """Stop the native object; a publisher sends what is queued for ``linger`` ms."""
        self._core.stop((linger or 0) / 1000)

    def fileno(self) -> int:
        """Return a descriptor that is readable while there is an envelope to take."""
        fileno = None if self._fileno is None else self._fileno()
        if fileno is None:
            raise errors.NotSupportedError("only a receiver can be waited on")
        return fileno()
