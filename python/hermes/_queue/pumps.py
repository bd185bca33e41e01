"""Threads that move envelopes between the library and a real queue in the attribute ``q``.

A pump runs only where a program uses ``q`` as a real queue; see `hermes._queue.q`. Each has
one thread, which holds its owner weakly. `_making` guards the creation of the flag for
``fileno()``; everything else belongs to the thread, or is a single assignment.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
import weakref
from collections.abc import Container
from typing import Any

from hermes import _system
from hermes._codec.codec import Codec
from hermes._native.handles import PublisherCore
from hermes._native.wait import SLICE, remaining
from hermes._queue.q import Base, PublisherQ, ReceiverQ
from hermes._queue.recv import ReceiveQueue
from hermes._queue.send import send_item
from hermes._ratelimit import RateLimit
from hermes._threads import OnceThread, module_lock
from hermes.structs import Envelope

# How many envelopes may wait in our real queue; more stay in the library, which has bounds.
_MOST = 1_000_000

# How often a queue that cannot be waited for is polled, in seconds.
_POLL = 0.01
_making = module_lock()


class ReceivePump:
    """A thread that moves envelopes from a receive queue into the receiver's ``q``."""

    def __init__(self, receiver: Any, received: ReceiveQueue, filters: bool) -> None:
        self._receiver = weakref.ref(receiver)
        # Whether origin and age of what has arrived by now are checked, as those of later ones.
        self._filters = filters
        self._received = received
        self._ready = threading.Event()
        self._flag: _system.Flag | None = None
        self._threads = OnceThread(self._run, "hermes-pump")
        self._log_limit = RateLimit(1.0)

    def start(self) -> None:
        """Start unless it has, and return when what had arrived is in the queue."""
        self._threads.start()
        if not self._threads.is_current():
            self._ready.wait()

    def fileno(self) -> int:
        """Return a descriptor that is readable while something is in the queue, or at the end.

        That of the library shows only what the pump has not fetched yet.
        """
        receiver = self._receiver()
        with _making:
            if self._flag is None:
                flag = _system.Flag()
                if receiver is not None:
                    weakref.finalize(receiver, flag.close)
                self._flag = flag
        self.show()
        return self._flag.fileno()

    def show(self) -> None:
        """Make the descriptor, if there is one, show whether there is something to take."""
        receiver = self._receiver()
        if self._flag is None or receiver is None:
            return
        if receiver.q.empty() and not self._received.over:
            self._flag.clear()
        # Sees what was put meanwhile; each later put shows itself.
        if not receiver.q.empty() or self._received.over:
            self._flag.set()

    def join(self, timeout: float | None) -> None:
        """Wait until everything is in the queue, after the receiver has stopped."""
        self._threads.join(timeout)

    def _run(self) -> None:
        received = self._received
        found = 0
        try:
            for pumped in (False, True):
                received.pumped = pumped
                received.wake_all()
                # The second time it takes what a thread was fetching meanwhile.
                envelopes = received.draw_now()
                found += len(envelopes)
                # What had arrived before q was replaced belongs into the earlier q.
                self._pass_on(envelopes, into_ours=not self._filters)
        finally:
            # What other threads have taken is as unfinished as what is taken from q.
            self._filters = True
            self._count_unfinished(received.delivered() - found)
            self._ready.set()
        while True:
            drawn = received.draw()
            if drawn is None:
                break
            self._pass_on(drawn)
        received.wake_tasks()
        self.show()

    def _count_unfinished(self, taken: int) -> None:
        receiver = self._receiver()
        if receiver is not None:  # threads that put or count wait until the pump is ready
            receiver._hermes_q.__dict__["unfinished_tasks"] += taken

    def _pass_on(self, envelopes: list[Envelope], into_ours: bool = False) -> None:
        receiver = self._receiver()
        if receiver is None or not envelopes:
            return
        for envelope in envelopes:
            try:
                wanted: Container[Any] = receiver._exchanges if self._filters else ()
                check = self._received.age_check if self._filters else None
                if wanted and not _accepts(wanted, envelope.origin):
                    self._received.refused += 1
                    continue
                if wanted and check is None:
                    check = receiver._hermes_origins.first_check(receiver, envelope, wanted)
                if check is not None and not check.passes(envelope):
                    continue
                target = receiver._hermes_q if into_ours else receiver.q
                if type(target) is ReceiverQ:
                    self._wait_for_room(target)
                _put(target, envelope)
            except Exception:
                if self._log_limit.due():
                    receiver._hermes_log.exception(
                        "Receiver %s: an envelope of %r cannot be put into its queue",
                        receiver.name,
                        getattr(envelope, "topic", None),
                    )
        self._received.wake_tasks()
        self.show()

    def _wait_for_room(self, target: ReceiverQ) -> None:
        while target.hermes_held() >= _MOST and not self._received.over:
            time.sleep(_POLL)


def _put(target: Any, item: Any) -> None:
    """Put into a queue, without starting a pump if it is ours: this is the pump."""
    if type(target) is ReceiverQ and "put" not in target.__dict__:
        target.hermes_make()
        Base.put(target, item)
    else:
        target.put(item)


def _accepts(wanted: Container[Any], origin: Any) -> bool:
    """Tell whether envelopes of an origin are wanted; a single string is one origin."""
    return origin == wanted if isinstance(wanted, str) else origin in wanted


class SendPump:
    """A thread that sends what is put into a publisher's ``q``."""

    def __init__(self, publisher: Any, core: PublisherCore, codec: Codec) -> None:
        self._publisher = weakref.ref(publisher)
        self._core = core
        self._codec = codec
        self._end: float | None = None
        self._stopping = False
        self._sending = False  # whether the thread has taken an envelope that is not sent yet
        self._reported = False
        self._threads = OnceThread(self._run, "hermes-pump")

    def start(self) -> None:
        """Start unless it has."""
        self._threads.start()

    def stop(self, timeout: float) -> None:
        """Send what is in the queue, for at most ``timeout`` seconds, and end."""
        self._end = time.monotonic() + timeout
        self._stopping = True
        self._threads.join(timeout + SLICE)
        self._report_rest()

    def _report_rest(self) -> None:
        """Log what was not taken from the queue in time, once."""
        publisher = self._publisher()
        if publisher is None or self._reported:
            return
        rest = int(self._sending)
        with contextlib.suppress(Exception):  # it need not have a size
            rest += publisher.q.qsize()
        if rest > 0:
            self._reported = True
            publisher._hermes_log.warning(
                "Publisher %s stopped with %d envelopes in its own queue, which were not sent; "
                "its option linger is how long it sends at the end",
                publisher.name,
                rest,
            )

    def _run(self) -> None:
        while True:
            publisher = self._publisher()
            if publisher is None:
                return
            target = publisher.q
            del publisher
            if self._stopping and (not _holds(target) or remaining(self._end) == 0.0):
                return
            if self._core.get("state") != "running":  # what is put now stays in q
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
        """Send one envelope, and try again while there is no room."""
        self._sending = True
        while not send_item(self._core, self._codec, item):
            if self._core.get("state") != "running" or (
                self._stopping and remaining(self._end) == 0.0
            ):
                return
            time.sleep(_POLL)
        self._sending = False


def _holds(target: Any) -> bool:
    if isinstance(target, PublisherQ):
        return bool(target.__dict__.get("queue"))
    return not target.empty()


def _take(target: Any) -> Any:
    """Take the next item of a queue; raise `queue.Empty` if there is none for a moment."""
    if isinstance(target, PublisherQ):
        target.hermes_make()
    if _is_ours(target):
        return Base.get(target, True, SLICE)
    if isinstance(target, queue.Queue):
        return target.get(True, SLICE)
    if target.empty():
        time.sleep(_POLL)
        raise queue.Empty
    return target.get(block=False)


def _is_ours(target: Any) -> bool:
    return type(target) is PublisherQ and "get" not in target.__dict__
