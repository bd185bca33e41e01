"""The attributes ``q`` of receivers and publishers, and the threads that serve Python's queues.

As a rule nothing goes through a queue of Python's: the library has queues of its own, and
:mod:`hermes._inbox` and :mod:`hermes._outbox` take and give without a detour. ``q`` shows them
as a :class:`queue.Queue`. As soon as a program uses what only a real queue has (its mutex, its
deque, ``task_done``, a sentinel that is put, a method that is replaced), or puts a queue of
its own there, that queue is used from then on: a thread, the pump, moves envelopes between it
and the library, one by one and in order, as the thread of 1.x did.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
import time
import weakref
from collections.abc import Container
from typing import TYPE_CHECKING, Any, Callable

from hermes import _green
from hermes._codec import Codec
from hermes._inbox import Inbox
from hermes._native import SLICE, PublisherCore, deadline, module_lock, remaining
from hermes._once import Once
from hermes._outbox import send
from hermes._pace import Pace
from hermes.structs import Envelope

if TYPE_CHECKING:
    _Queue = queue.Queue[Any]
else:
    # gevent puts one of its own there, which has other parts.
    _Queue = _green.original("queue", "Queue")

# How many may wait in our own queue before the pump leaves more to the library's bounds.
_MOST = 1_000_000
# How long a pump rests that has to ask again and again, in seconds.
_REST = 0.01

# What a real queue has besides its methods; it is made when it is asked for.
_PARTS = frozenset(
    {"mutex", "not_empty", "not_full", "all_tasks_done", "unfinished_tasks", "queue", "is_shutdown"}
)


class LazyQueue(_Queue):
    """A queue that has nothing of a :class:`queue.Queue` until that is asked for."""

    maxsize = 0  # until it is set

    def __getattr__(self, name: str) -> Any:
        if name not in _PARTS or name in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        self.hermes_become_plain()
        return object.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        # What is made already a real queue changes itself.
        if not name.startswith("_hermes_") and not (name in _PARTS and name in self.__dict__):
            self.hermes_become_plain()
        object.__setattr__(self, name, value)

    def hermes_become_plain(self) -> None:
        """Be a real queue from now on. May be called any number of times."""
        raise NotImplementedError

    def hermes_make(self) -> None:
        """Make what a real queue has, once.

        Without a lock, which an exception could leave locked: the first of each name stays.
        """
        if "unfinished_tasks" not in self.__dict__:  # which comes last
            for name, part in self.__dict__.setdefault("_hermes_made", vars(_Queue())).items():
                self.__dict__.setdefault(name, part)

    def task_done(self) -> None:
        """As :meth:`queue.Queue.task_done`."""
        self.hermes_become_plain()
        super().task_done()

    def join(self) -> None:
        """As :meth:`queue.Queue.join`."""
        self.hermes_become_plain()
        super().join()

    def shutdown(self, immediate: bool = False) -> None:
        """As :meth:`queue.Queue.shutdown`, which Python has since 3.13."""
        self.hermes_become_plain()
        super().shutdown(immediate)  # type: ignore[misc,unused-ignore]

    def get_nowait(self) -> Any:
        """As :meth:`queue.Queue.get_nowait`."""
        return self.get(block=False)

    def put_nowait(self, item: Any) -> None:
        """As :meth:`queue.Queue.put_nowait`."""
        self.put(item, block=False)


_making = module_lock()


# ---- Receivers ---------------------------------------------------------------


class ReceivedQueue(LazyQueue):
    """The attribute ``q`` of a receiver: what has been received and not taken yet."""

    def __init__(self, inbox: Inbox, become_plain: Callable[[], None]) -> None:
        self._hermes_inbox = inbox
        # Bound weakly, or the receiver would be part of a cycle and live on.
        self._hermes_plain = weakref.WeakMethod(become_plain)

    def hermes_become_plain(self) -> None:
        self.hermes_make()
        become_plain = self._hermes_plain()
        if become_plain is not None:
            become_plain()
        else:  # the receiver is gone, and its queue goes on as a queue
            self._hermes_inbox.plain = True
            self._hermes_inbox.tell()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """The oldest envelope; raises :class:`queue.Empty` where there is none in time.

        Without a timeout it waits for one, even if the receiver has stopped meanwhile: one
        may be :meth:`put`.
        """
        if block and timeout is not None and timeout < 0:
            raise ValueError("'timeout' must be a non-negative number")
        end = deadline(timeout) if block else 0.0
        inbox = self._hermes_inbox
        while not inbox.plain:
            left = remaining(end) if end else end
            envelope = inbox.take(left)
            if envelope is not None:
                return envelope
            if inbox.plain:
                break
            if end == 0.0 or (end is not None and time.monotonic() >= end):
                raise queue.Empty
        if end == 0.0:
            return super().get(False)
        return super().get(True, remaining(end))

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Add something behind what has arrived."""
        self.hermes_become_plain()
        super().put(item, block, timeout)
        self._hermes_inbox.ring()

    def qsize(self) -> int:
        """How many envelopes can be taken now."""
        inbox = self._hermes_inbox
        # What the pump has not fetched yet comes behind what is put now.
        return super().qsize() if inbox.plain else inbox.waiting()

    def empty(self) -> bool:
        """Whether nothing can be taken now."""
        inbox = self._hermes_inbox
        if not inbox.plain:
            return not inbox.fetch(1)
        return super().qsize() == 0

    def full(self) -> bool:
        """Whether it has as many as ``maxsize`` allows."""
        return self._hermes_inbox.plain and super().full()

    def hermes_held(self) -> int:
        """How many are in the real queue."""
        return len(self.__dict__["queue"]) if "queue" in self.__dict__ else 0

    def hermes_give_back(self, taken: list[Any]) -> None:
        """Put to the front again what was taken and could not be handed to the caller."""
        with self.mutex:
            self.queue.extendleft(reversed(taken))
            self.not_empty.notify(len(taken))


class ReceivePump:
    """Moves envelopes from a receiver's inbox into its queue, in a thread."""

    def __init__(self, receiver: Any, inbox: Inbox, filters: bool) -> None:
        self._receiver = weakref.ref(receiver)
        # Whether what has arrived by now is asked for its origin, as what comes later is.
        self._filters = filters
        self._inbox = inbox
        self._ready = threading.Event()
        self._pipe: tuple[int, int] | None = None
        self._threads = Once(self._run, "hermes-pump")
        self._complaints = Pace(1.0)

    def start(self) -> None:
        """Start, unless it has, and return when what had arrived is in the queue."""
        self._threads.start()
        if not self._threads.is_current():
            self._ready.wait()

    def fileno(self) -> int:
        """A descriptor that polls readable while there is something in the queue, or at the end.

        That of the library knows only what the pump has not fetched yet.
        """
        receiver = self._receiver()
        with _making:
            if self._pipe is None:
                pipe = os.pipe()
                for end in pipe:
                    os.set_blocking(end, False)
                if receiver is not None:
                    weakref.finalize(receiver, _close, pipe)
                self._pipe = pipe
        self.show()
        return self._pipe[0]

    def show(self) -> None:
        """Let the descriptor, if there is one, say whether there is something to take."""
        receiver = self._receiver()
        if self._pipe is None or receiver is None:
            return
        if receiver.q.empty() and not self._inbox.over:
            try:
                while os.read(self._pipe[0], 4096):
                    pass
            except BlockingIOError:
                pass
        # What was put meanwhile is seen here, what is put from now on is shown by who puts it.
        if not receiver.q.empty() or self._inbox.over:
            with contextlib.suppress(BlockingIOError):  # it is readable
                os.write(self._pipe[1], b"x")

    def join(self, timeout: float | None) -> None:
        """Wait until all is in the queue, once the receiver has stopped."""
        self._threads.join(timeout)

    def _run(self) -> None:
        inbox = self._inbox
        found = 0
        try:
            for plain in (False, True):
                inbox.plain = plain
                inbox.tell()
                # The second time what a thread has fetched that did not know yet.
                envelopes = inbox.draw_now()
                found += len(envelopes)
                # What had arrived before q was replaced was in the one from before.
                self._pass_on(envelopes, into_ours=not self._filters)
        finally:
            # What others took meanwhile, and before, is as unfinished as what comes from q.
            self._filters = True
            self._count_unfinished(inbox.delivered() - found)
            self._ready.set()
        while True:
            drawn = inbox.draw()
            if drawn is None:
                break
            self._pass_on(drawn)
        inbox.ring()
        self.show()

    def _count_unfinished(self, taken: int) -> None:
        receiver = self._receiver()
        if receiver is not None:  # others who put, or count, wait until the pump is ready
            receiver._hermes_q.__dict__["unfinished_tasks"] += taken

    def _pass_on(self, envelopes: list[Envelope], into_ours: bool = False) -> None:
        receiver = self._receiver()
        if receiver is None or not envelopes:
            return
        for envelope in envelopes:
            try:
                wanted: Container[Any] = receiver._exchanges if self._filters else ()
                check = self._inbox.age_check if self._filters else None
                if wanted and not _accepts(wanted, envelope.origin):
                    self._inbox.refused += 1
                    continue
                if wanted and check is None:
                    check = receiver._hermes_first_check(envelope, wanted)
                if check is not None and not check.passes(envelope):
                    continue
                target = receiver._hermes_q if into_ours else receiver.q
                if type(target) is ReceivedQueue:
                    self._wait_for_room(target)
                _put(target, envelope)
            except Exception:
                if self._complaints.due():
                    receiver._hermes_log.exception(
                        "Receiver %s: an envelope of %r cannot be put into its queue",
                        receiver.name,
                        getattr(envelope, "topic", None),
                    )
        self._inbox.ring()
        self.show()

    def _wait_for_room(self, target: ReceivedQueue) -> None:
        while target.hermes_held() >= _MOST and not self._inbox.over:
            time.sleep(_REST)


def _close(pipe: tuple[int, int]) -> None:
    for end in pipe:
        os.close(end)


def _put(target: Any, item: Any) -> None:
    """Put into a queue, which must not ask for a pump if it is ours: this is the pump."""
    if type(target) is ReceivedQueue and "put" not in target.__dict__:
        target.hermes_make()
        _Queue.put(target, item)
    else:
        target.put(item)


def _accepts(wanted: Container[Any], origin: Any) -> bool:
    """Whether envelopes of an origin are wanted; a single string is one origin."""
    return origin == wanted if isinstance(wanted, str) else origin in wanted


def take_from(
    target: Any, inbox: Inbox, block: bool, end: float | None, timeout: float | None = None
) -> Any:
    """The oldest of what is in a queue of Python's, or None: :meth:`hermes.Receiver.recv`.

    One that is not ours is asked as 1.x did, with ``block`` and ``timeout`` as they were given.
    """
    began = time.monotonic()
    if type(target) is not ReceivedQueue and not target.empty():
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
            time.sleep(_REST if left is None else min(_REST, left))
            raise queue.Empty
        except queue.Empty:
            if not block or remaining(end) == 0.0:
                return None
            if inbox.over and target.empty():
                inbox.pause(began, remaining(end))
                return None if target.empty() else target.get(False, None)


# ---- Publishers --------------------------------------------------------------


class SendQueue(LazyQueue):
    """The attribute ``q`` of a publisher: what is put into it is sent.

    Before the publisher starts it keeps what is put, and sends it then.
    """

    def __init__(self, codec: Codec) -> None:
        self._hermes_codec = codec
        self._hermes_core: PublisherCore | None = None
        self._hermes_plain = False
        self._hermes_pump: weakref.WeakMethod[Callable[[], None]] | None = None

    def hermes_open(self, core: PublisherCore) -> None:
        """Send on this native publisher from now on, without a detour."""
        self._hermes_core = core
        while self.__dict__.get("queue"):
            _send(core, self._hermes_codec, super().get(False))

    def hermes_become_plain(self) -> None:
        self.hermes_make()
        self._hermes_plain = True
        pump = None if self._hermes_pump is None else self._hermes_pump()
        if pump is not None:
            pump()

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Send an envelope, or keep it: until the publisher starts, and after its end."""
        core = self._hermes_core
        if core is not None and not self._hermes_plain:
            if _send(core, self._hermes_codec, item):
                return
            if core.get("state") == "running":
                raise queue.Full
        self.hermes_make()
        super().put(item, block, timeout)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """The oldest envelope that was not sent yet, as :meth:`queue.Queue.get`."""
        core = self._hermes_core
        if core is not None and core.get("state") == "running":
            self.hermes_become_plain()
        self.hermes_make()
        return super().get(block, timeout)

    def qsize(self) -> int:
        """How many envelopes are still to be sent."""
        waiting = len(self.__dict__.get("queue", ()))
        core = self._hermes_core
        return waiting if core is None else waiting + int(core.stats()["queued"])

    def empty(self) -> bool:
        """Whether nothing is still to be sent."""
        return self.qsize() == 0

    def full(self) -> bool:
        """Whether it has as many as ``maxsize`` allows."""
        return "queue" in self.__dict__ and super().full()


def _send(core: PublisherCore, codec: Codec, item: Any) -> bool:
    """Send what was in a queue; what cannot be sent is in the log, for who put it is gone."""
    try:
        return send(core, codec, item)
    except (TypeError, ValueError) as error:
        if core.get("state") != "running":
            return False  # nothing is sent any more, whatever it is
        log = logging.getLogger("hermes.publisher")
        log.error("What was put into q cannot be sent: %s", error)
        return True


class SendPump:
    """Sends what is in a publisher's queue, in a thread."""

    def __init__(self, publisher: Any, core: PublisherCore, codec: Codec) -> None:
        self._publisher = weakref.ref(publisher)
        self._core = core
        self._codec = codec
        self._end: float | None = None
        self._stopping = False
        self._threads = Once(self._run, "hermes-pump")

    def start(self) -> None:
        """Start, unless it has."""
        self._threads.start()

    def stop(self, timeout: float) -> None:
        """Send what is in the queue, for at most so long, and end."""
        self._end = time.monotonic() + timeout
        self._stopping = True
        self._threads.join(timeout + SLICE)

    def _run(self) -> None:
        while True:
            publisher = self._publisher()
            if publisher is None:
                return
            target = publisher.q
            del publisher
            if self._stopping and (not _holds(target) or remaining(self._end) == 0.0):
                return
            if self._core.get("state") != "running":  # what is put now stays
                return
            try:
                item = _take(target)
            except queue.Empty:
                continue
            except Exception:
                logging.getLogger("hermes.publisher").exception("q of a publisher cannot be read")
                return
            self._send(item)

    def _send(self, item: Any) -> None:
        """Send one, and try for as long as it is only refused for want of room."""
        while not _send(self._core, self._codec, item):
            if self._core.get("state") != "running" or (
                self._stopping and remaining(self._end) == 0.0
            ):
                return
            time.sleep(_REST)


def _holds(target: Any) -> bool:
    if isinstance(target, SendQueue):
        return bool(target.__dict__.get("queue"))
    return not target.empty()


def _take(target: Any) -> Any:
    """The next of a queue; :class:`queue.Empty` if there is none for a moment."""
    if isinstance(target, SendQueue):
        target.hermes_make()
    if _is_ours(target):
        return _Queue.get(target, True, SLICE)
    if isinstance(target, queue.Queue):
        return target.get(True, SLICE)
    if target.empty():
        time.sleep(_REST)
        raise queue.Empty
    return target.get(block=False)


def _is_ours(target: Any) -> bool:
    return type(target) is SendQueue and "get" not in target.__dict__
