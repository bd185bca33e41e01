"""The attributes ``q`` of receivers and publishers, which look like a `queue.Queue`.

As a rule nothing goes through a queue of Python: the library has queues of its own, and
`hermes._queue.recv` and `hermes._queue.send` use those directly; ``q`` only shows them. A
program that uses what only a real queue has (its mutex, its deque, ``task_done``, a sentinel
that is put, a method that is replaced), or that assigns a queue of its own, gets a real queue
from then on: `hermes._queue.pumps` moves the envelopes between it and the library, one by one
and in order, as the thread of 1.x did.

No lock of this module is held while q becomes a real queue, as an exception could leave it
locked: ``dict.setdefault`` decides, the first value of each name stays.
"""

from __future__ import annotations

import queue
import time
import weakref
from typing import TYPE_CHECKING, Any, Callable

from hermes import _greenlets
from hermes._codec.codec import Codec
from hermes._native.handles import PublisherCore
from hermes._native.wait import SLICE, deadline, remaining
from hermes._queue.recv import ReceiveQueue
from hermes._queue.send import send_item

if TYPE_CHECKING:
    Base = queue.Queue[Any]
else:
    # gevent replaces queue.Queue by a class that has other attributes.
    Base = _greenlets.original("queue", "Queue")

# How often a queue that cannot be waited for is polled, in seconds.
_POLL = 0.01

# The attributes of a real queue, which are created by the first access.
_REAL = frozenset(
    {"mutex", "not_empty", "not_full", "all_tasks_done", "unfinished_tasks", "queue", "is_shutdown"}
)


class LazyQueue(Base):
    """A `queue.Queue` whose lock and deque are created by the first access."""

    maxsize = 0  # until a program sets it

    def __getattr__(self, name: str) -> Any:
        if name not in _REAL or name in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        self.hermes_become_real()
        return object.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        # Attributes of a real queue that exist are changed by its methods.
        if not name.startswith("_hermes_") and not (name in _REAL and name in self.__dict__):
            self.hermes_become_real()
        object.__setattr__(self, name, value)

    def hermes_become_real(self) -> None:
        """Be a real queue from now on; may be called repeatedly."""
        raise NotImplementedError

    def hermes_make(self) -> None:
        """Create the attributes of a real queue, once.

        There is no lock, which an exception could leave locked; the first value of each name
        stays.
        """
        if "_hermes_whole" not in self.__dict__:
            for name, value in self.__dict__.setdefault("_hermes_made", vars(Base())).items():
                self.__dict__.setdefault(name, value)
            self.__dict__["_hermes_whole"] = True

    def task_done(self) -> None:
        """Do what `queue.Queue.task_done` does."""
        self.hermes_become_real()
        super().task_done()

    def join(self) -> None:
        """Do what `queue.Queue.join` does."""
        self.hermes_become_real()
        super().join()

    def shutdown(self, immediate: bool = False) -> None:
        """Do what `queue.Queue.shutdown` does, which Python has since 3.13."""
        self.hermes_become_real()
        super().shutdown(immediate)  # type: ignore[misc,unused-ignore]

    def get_nowait(self) -> Any:
        """Do what `queue.Queue.get_nowait` does."""
        return self.get(block=False)

    def put_nowait(self, item: Any) -> None:
        """Do what `queue.Queue.put_nowait` does."""
        self.put(item, block=False)


# ---- Receivers ---------------------------------------------------------------


class ReceiverQ(LazyQueue):
    """The attribute ``q`` of a receiver: what has arrived and was not taken yet."""

    def __init__(self, received: ReceiveQueue, become_real: Callable[[], None]) -> None:
        self._hermes_received = received
        # Held weakly: the receiver must not be part of a reference cycle.
        self._hermes_pump_into_q = weakref.WeakMethod(become_real)

    def hermes_become_real(self) -> None:
        self.hermes_make()
        become_real = self._hermes_pump_into_q()
        if become_real is not None:
            become_real()
        else:  # the receiver is gone, its queue is used alone
            self._hermes_received.pumped = True
            self._hermes_received.wake_all()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take the oldest envelope; raise `queue.Empty` if there is none in time.

        Without a timeout this waits even if the receiver has stopped, as a program may `put`
        something.
        """
        if block and timeout is not None and timeout < 0:
            raise ValueError("'timeout' must be a non-negative number")
        end = deadline(timeout) if block else 0.0
        received = self._hermes_received
        while not received.pumped:
            left = remaining(end) if end else end
            envelope = received.take(left)
            if envelope is not None:
                return envelope
            if received.pumped:
                break
            if end == 0.0 or (end is not None and time.monotonic() >= end):
                raise queue.Empty
        if end == 0.0:
            return super().get(False)
        return super().get(True, remaining(end))

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Add an item after what has arrived."""
        self.hermes_become_real()
        super().put(item, block, timeout)
        self._hermes_received.wake_tasks()

    def qsize(self) -> int:
        """Return how many envelopes can be taken now."""
        received = self._hermes_received
        # What the pump has not fetched yet comes after what a program puts now.
        return super().qsize() if received.pumped else received.waiting()

    def empty(self) -> bool:
        """Tell whether nothing can be taken now."""
        received = self._hermes_received
        if not received.pumped:
            return not received.fetch(1)
        return super().qsize() == 0

    def full(self) -> bool:
        """Tell whether it has as many items as ``maxsize`` allows."""
        return self._hermes_received.pumped and super().full()

    def hermes_held(self) -> int:
        """Return how many items are in the real queue."""
        return len(self.__dict__["queue"]) if "queue" in self.__dict__ else 0

    def hermes_give_back(self, taken: list[Any]) -> None:
        """Put back to the front what was taken and did not reach the caller."""
        with self.mutex:
            self.queue.extendleft(reversed(taken))
            self.not_empty.notify(len(taken))


def take_from(
    target: Any,
    received: ReceiveQueue,
    block: bool,
    end: float | None,
    timeout: float | None = None,
) -> Any:
    """Take the oldest item of a real queue, or None, as `hermes.Receiver.recv` does.

    A queue of the program is called as in 1.x, with ``block`` and ``timeout`` as given.
    """
    began = time.monotonic()
    if type(target) is not ReceiverQ and not target.empty():
        return target.get(block, timeout)
    while True:
        try:
            if not block or end == 0.0:
                return None if target.empty() else target.get(False, None)
            left = remaining(end)
            if isinstance(target, (queue.Queue, queue.SimpleQueue)):
                return target.get(True, SLICE if left is None else min(SLICE, left))
            if not target.empty():
                return target.get(block, timeout)
            time.sleep(_POLL if left is None else min(_POLL, left))
            raise queue.Empty
        except queue.Empty:
            if not block or remaining(end) == 0.0:
                return None
            if received.over and target.empty():
                received.pause(began, remaining(end))
                return None if target.empty() else target.get(False, None)


def give_back(target: Any, received: ReceiveQueue, taken: list[Any]) -> None:
    """Put back to the front what was taken and did not reach the caller."""
    if not received.pumped:
        received.give_back(taken)
    elif isinstance(target, ReceiverQ):
        target.hermes_give_back(taken)
    else:  # it has no front
        for envelope in taken:
            target.put(envelope)


# ---- Publishers --------------------------------------------------------------


class PublisherQ(LazyQueue):
    """The attribute ``q`` of a publisher: what is put into it is sent.

    What is put before the start is sent at the start.
    """

    def __init__(self, codec: Codec) -> None:
        self._hermes_codec = codec
        self._hermes_core: PublisherCore | None = None
        self._hermes_pumped = False
        self._hermes_pump: weakref.WeakMethod[Callable[[], None]] | None = None

    def hermes_open(self, core: PublisherCore) -> None:
        """Send on this native publisher from now on."""
        self._hermes_core = core
        while self.__dict__.get("queue"):
            send_item(core, self._hermes_codec, super().get(False))

    def hermes_become_real(self) -> None:
        self.hermes_make()
        self._hermes_pumped = True
        pump = None if self._hermes_pump is None else self._hermes_pump()
        if pump is not None:
            pump()

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Send an envelope; before the start and after the end, keep it."""
        core = self._hermes_core
        if core is not None and not self._hermes_pumped:
            if send_item(core, self._hermes_codec, item):
                return
            if core.get("state") == "running":
                raise queue.Full
        self.hermes_make()
        super().put(item, block, timeout)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take the oldest envelope that was not sent yet, as `queue.Queue.get` does."""
        core = self._hermes_core
        if core is not None and core.get("state") == "running":
            self.hermes_become_real()
        self.hermes_make()
        return super().get(block, timeout)

    def qsize(self) -> int:
        """Return how many envelopes are still to be sent."""
        waiting = len(self.__dict__.get("queue", ()))
        core = self._hermes_core
        return waiting if core is None else waiting + int(core.stats()["queued"])

    def empty(self) -> bool:
        """Tell whether nothing is still to be sent."""
        return self.qsize() == 0

    def full(self) -> bool:
        """Tell whether it has as many items as ``maxsize`` allows."""
        return "queue" in self.__dict__ and super().full()
