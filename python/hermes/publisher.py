"""The `Publisher`: sends envelopes to a post office."""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from hermes import _star_import
from hermes._arguments import addresses, addresses_text, name_text
from hermes._attributes import Socket
from hermes._codec import tracecontext
from hermes._codec.codec import choose
from hermes._codec.encode import traced, written
from hermes._component import Component
from hermes._native.abi import OK
from hermes._native.handles import PublisherCore
from hermes._queue.pumps import SendPump
from hermes._queue.q import PublisherQ
from hermes._queue.send import FOR_TEXT, Progress, offer, send, send_many, send_traced, settled
from hermes._typing import OnEvent, OptionValue, PublisherStats
from hermes._zmq_context import Context
from hermes.structs import Envelope

if TYPE_CHECKING:
    from hermes._queue.aio import Room

if TYPE_CHECKING:
    __all__ = ["Publisher"]
else:
    __getattr__ = _star_import.getter(__name__, ["Publisher"], "Event Queue Thread log logging zmq")

log = logging.getLogger(__name__)


if TYPE_CHECKING:
    _Component = Component[PublisherCore]
else:
    _Component = Component


class Publisher(_Component):
    """Publishes envelopes to a post office, which forwards them to receivers.

    Between `start` and `stop` it connects, reconnects, and sends what `publish` has queued. It
    is a thread and a context manager. All methods are thread-safe.

    Examples
    --------
    >>> with hermes.Publisher("tcp://127.0.0.1:6000", "sensor") as publisher:
    ...     publisher.publish(hermes.Envelope("room/7", "sensor", {"celsius": 21.5}))
    True
    """

    _hermes_log = log
    _hermes_exit_rank = 0
    _hermes_watched = frozenset({*Component._hermes_watched, "q"})

    #: What was given, or a ``zmq.Context``, created by the first access; the publisher does
    #: not use it.
    ctx: Any = Context()

    def __init__(
        self,
        pub_addr: str | Iterable[str],
        name: str,
        ctx: Any = None,
        *,
        options: Mapping[str, OptionValue] | None = None,
        on_event: OnEvent | None = None,
        codec: Any = None,
    ) -> None:
        """Describe a publisher; nothing happens before `start`.

        Parameters
        ----------
        pub_addr
            The post office's incoming address, or those of several, each of which gets
            every envelope.
        name
            Names the publisher, and its thread.
        ctx
            Kept in the attribute ``ctx``, as in 1.x, and not used: the native library cannot
            share a context of pyzmq.
        options
            Options of the native library; the configuration page lists them.
        on_event
            Called in the publisher's thread with every event; see `events`.
        codec
            Writes the data: ``"json"`` (Python's, the default), ``"orjson"``, or an object with
            ``dumps`` and ``loads``.
        """
        super().__init__(name, options, on_event)
        self.pub_addr = addresses(pub_addr)
        if ctx is not None:
            self.ctx = ctx
        #: A true value while it runs; see `hermes._attributes.Socket`.
        self.sock: Any = None
        self._hermes_codec = choose(codec)
        self._hermes_pump: SendPump | None = None
        self._hermes_pumped = False  # whether what is published goes through q
        #: A `queue.Queue` with what is still to be sent.
        self.q: Any = PublisherQ(self._hermes_codec)
        self._hermes_q = self.q
        self._hermes_room: Room | None = None  # made by the first task that waits

    def publish(self, envelope: Envelope, *, traceparent: str | None = None) -> bool:
        """Queue an envelope to be sent, stamped with the current time. Thread-safe.

        Parameters
        ----------
        envelope
            What to send. An object with a method ``convert_to_frames`` is accepted too.
        traceparent
            A trace context in the form of W3C Trace Context, which receivers find in the
            attribute of this name if it is sampled. It does not go through a queue ``q`` that a
            program has put in place.

        Returns
        -------
        bool
            True if it was queued. False if the publisher has not been started (a warning in the
            log says so) or has stopped, or if its queue is full and the option ``queue.full``
            refuses the envelope: by default after waiting for ``queue.block``.

        Raises
        ------
        TypeError
            It is not an envelope, or its data cannot be written as JSON.
        ValueError
            ``traceparent`` is not one.
        TooLargeError
            It is larger than the option ``message.bytes`` allows.
        """
        if traceparent is not None and not tracecontext.sampled(traceparent):
            traceparent = None
        if self.sock is None:
            if self._hermes_core is not None:
                self._hermes_refuse_orphan()
            else:
                self._hermes_remind_of_start("what is published is dropped")
            return False
        if self._hermes_core is None or self._hermes_pumped:
            self.q.put(envelope)  # a subclass sends it on a socket of its own, or a pump does
            return True
        if traceparent is not None:
            return send_traced(self._hermes_core, self._hermes_codec, envelope, traceparent)
        return send(self._hermes_core, self._hermes_codec, envelope)

    async def apublish(self, envelope: Envelope, *, traceparent: str | None = None) -> bool:
        """Queue an envelope: `publish` for asyncio.

        While the queue is full, the task waits for room without a limit, and other tasks run.
        A task that is cancelled while it waits has published nothing.

        Returns
        -------
        bool
            True if it was queued; False if the publisher is not running, or its option
            ``queue.full`` refuses the envelope.

        Raises
        ------
        TypeError, ValueError, TooLargeError
            As `publish` does.
        """
        if traceparent is not None and not tracecontext.sampled(traceparent):
            traceparent = None
        core = self._hermes_core
        if self.sock is None or core is None or not self._hermes_is_direct():
            more = {} if traceparent is None else {"traceparent": traceparent}
            published = self.publish(envelope, **more)  # which may be that of a subclass
            if not published:
                from hermes._queue import aio

                await aio.pause()  # for a loop that tries again
            return published
        room = self._hermes_room
        if room is None:
            from hermes._queue.aio import Room

            room = self._hermes_room = Room(core)
        if room.is_turn_over():
            await room.pause()
        codec = self._hermes_codec
        if traceparent is not None:
            return settled(core, await room.publish(traced(codec, envelope, traceparent)))
        code = offer(core, codec, envelope)
        if code == OK:
            return True
        if code in FOR_TEXT:
            code = await room.publish(written(codec, envelope))
        return settled(core, code)

    def publish_many(self, envelopes: Iterable[Envelope]) -> int:
        """Queue many envelopes in order, faster than one by one. Thread-safe.

        Returns
        -------
        int
            How many were queued: all, unless the publisher is not running or its queue stayed
            full.

        Raises
        ------
        TypeError
            One of them cannot be written as JSON; those before it have been queued.
        """
        return self._hermes_publish_many(envelopes, Progress())

    def _hermes_publish_many(self, envelopes: Iterable[Envelope], progress: Progress) -> int:
        """Do what `publish_many` does; ``progress`` is correct after an exception too."""
        if self._hermes_is_direct() and self.sock is not None and self._hermes_core:
            return send_many(self._hermes_core, self._hermes_codec, envelopes, progress)
        count = 0
        for envelope in envelopes:
            progress.add_one()
            if not self.publish(envelope):
                break
            count += 1
        return count

    def stats(self) -> PublisherStats:
        """Return the counters by name; empty before the start."""
        counters: PublisherStats = self._hermes_counters()
        return counters

    def stop(self, timeout: float | None = None) -> None:
        """Send what is queued, and stop. What could not be sent is logged, and counted in `stats`.

        Parameters
        ----------
        timeout
            How long to send, in seconds; None: as long as the option ``linger`` says, which is
            one second by default.
        """
        log.info("Stopping Publisher instance..")
        self.join(timeout)
        log.info("..done.")

    def join(self, timeout: float | None = None) -> None:
        """Do what `stop` does, as in 1.x, without a line in the log."""
        end = time.monotonic() + (self._hermes_linger() if timeout is None else timeout)
        self._hermes_lower()
        if self._hermes_core is not None:
            self.sock = None
        self._hermes_stop_native(max(0.0, end - time.monotonic()))
        super().join(timeout)
        self._hermes_end_context()

    def _hermes_stop_native(self, timeout: float | None = None) -> None:
        if timeout is None:
            timeout = self._hermes_linger()
        end = time.monotonic() + timeout
        if self._hermes_pump is not None and not self._hermes_is_orphan():
            self._hermes_pump.stop(timeout)
        super()._hermes_stop_native(max(0.0, end - time.monotonic()))

    def _hermes_is_direct(self) -> bool:
        """Tell whether envelopes may be sent without calling ``publish`` or using ``q``."""
        return self._hermes_publishes() and not self._hermes_pumped

    def _hermes_send_from_q(self) -> None:
        """Have a pump send what is in ``q`` from now on; may be called repeatedly."""
        core = self._hermes_core
        if core is None:
            return
        if self._hermes_pump is None:
            # Without a lock, which an exception could leave locked; the first pump stays.
            made = SendPump(self, core, self._hermes_codec)
            self._hermes_pump = self.__dict__.setdefault("_hermes_pump_made", made)
        self._hermes_pump.start()
        self._hermes_pumped = True

    def _hermes_assigned(self, name: str, value: Any) -> None:
        super()._hermes_assigned(name, value)
        if name == "q" and "_hermes_q" in self.__dict__ and self._hermes_core is not None:
            self._hermes_send_from_q()

    def _hermes_publishes(self) -> bool:
        """Tell whether ``publish`` is the one of this class."""
        return type(self).publish is _PUBLISH and "publish" not in self.__dict__

    def _hermes_create(self) -> PublisherCore:
        core = PublisherCore(
            addresses_text(self.pub_addr), name_text(self.name or "nameless", "the name")
        )
        core.set("times", "any")  # the time that a hook writes is sent as it is
        return core

    def _hermes_opened(self, core: PublisherCore) -> None:
        q = self._hermes_q
        if self.q is q and not q._hermes_pumped:
            q._hermes_pump = weakref.WeakMethod(self._hermes_send_from_q)
            q.hermes_open(core)
        else:
            self._hermes_send_from_q()
        self.sock = Socket(core)

    def _hermes_ended(self) -> None:
        self.sock = None


_PUBLISH = Publisher.publish
