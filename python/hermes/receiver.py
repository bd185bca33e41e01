"""The `Receiver`: subscribes to topics, and queues what arrives."""

from __future__ import annotations

import logging
import sys
import weakref
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from hermes import _star_import, errors
from hermes._arguments import (
    addresses,
    addresses_text,
    as_list,
    constant_origins,
    duration,
    name_text,
    names,
    receiver_options,
    topic_prefix,
)
from hermes._attributes import ReplaceableProperty, Socket
from hermes._codec import decode
from hermes._codec.codec import choose
from hermes._component import Component
from hermes._exit_fork import FLUSH, living
from hermes._native.handles import ReceiverCore
from hermes._native.wait import deadline
from hermes._queue.agecheck import AgeCheck
from hermes._queue.origins import AcceptedOrigins
from hermes._queue.pumps import ReceivePump
from hermes._queue.q import ReceiverQ, give_back, take_from
from hermes._queue.recv import ReceiveQueue, ReceiverIterator
from hermes._typing import OnEvent, OptionValue, ReceiverStats, Since
from hermes._zmq_context import Context
from hermes.structs import Envelope

if TYPE_CHECKING:
    __all__ = ["Receiver"]
else:
    __getattr__ = _star_import.getter(
        __name__, ["Receiver"], "Empty Envelope Event Queue Thread log logging time zmq"
    )

log = logging.getLogger(__name__)

_NEVER = duration(float("inf"))  # an age that no envelope exceeds
_NOTHING = "nothing arrives"  # what a warning says about taking before the start

if TYPE_CHECKING:
    _Component = Component[ReceiverCore]
else:
    _Component = Component


class Receiver(_Component):
    """Receives envelopes from a post office, or directly from a publisher.

    Between `start` and `stop` it connects, reconnects, and queues what arrives; `recv` takes
    the oldest envelope. It is a thread, a context manager, and an iterator over what arrives
    until it stops. All methods are thread-safe.

    An envelope that is more than ``timeout`` seconds old on arrival shows that the receiver
    cannot keep up: it logs an error and stops, unless ``on_slow`` says otherwise.

    Examples
    --------
    >>> with hermes.Receiver("tcp://127.0.0.1:6001", "screen", topics="ticks/") as receiver:
    ...     for envelope in receiver:
    ...         print(envelope.topic, envelope.data)
    """

    _hermes_log = log
    _hermes_exit_rank = 2
    _hermes_watched = frozenset({*Component._hermes_watched, "timeout", "q", "_exchanges"})

    #: A ``zmq.Context``, created by the first access; the receiver does not use it.
    zmq_context = Context()

    def __init__(
        self,
        sub_addr: str | Iterable[str],
        name: str,
        topics: str | Iterable[str] | None = None,
        exchanges: str | Iterable[str] | None = None,
        *,
        on_slow: str | None = None,
        since: Since | None = None,
        options: Mapping[str, OptionValue] | None = None,
        on_event: OnEvent | None = None,
        codec: Any = None,
    ) -> None:
        """Describe a receiver; nothing happens before `start`.

        Parameters
        ----------
        sub_addr
            The post office's outgoing address, or those of several that forward the same
            envelopes: then each envelope is received once.
        name
            Names the receiver, and its thread.
        topics
            One prefix of the topics to subscribe to, or several; every topic if not given.
        exchanges
            One origin, or several, whose envelopes are accepted; every origin if not given.
        on_slow
            What to do with an envelope that is too old: ``"stop"`` (the default, as in 1.x),
            ``"drop"`` it, ``"warn"`` in the log, or ``"ignore"``.
        since
            From when on to receive what was sent before the start, if the post office keeps it:
            ``"all"``, a timedelta, a datetime, seconds since 1970, or a text such as ``"10m"``.
        options
            Options of the native library; the configuration page lists them.
        on_event
            Called in the receiver's thread with every event; see `events`.
        codec
            Reads the data: ``"json"`` (Python's, the default), ``"orjson"``, or an object with
            ``loads`` and ``dumps``.
        """
        super().__init__(name, options, on_event)
        self._hermes_options.update(receiver_options(on_slow, since))
        self.sub_addr = addresses(sub_addr)
        #: A true value while it runs; see `hermes._attributes.Socket`.
        self.sock: Any = None
        self._hermes_received = ReceiveQueue(choose(codec))
        self._hermes_pump: ReceivePump | None = None
        #: A `queue.Queue` with what has arrived and was not taken yet.
        self.q = self._hermes_q = ReceiverQ(self._hermes_received, self._hermes_pump_into_q)
        self._topics = names(topics, "topics")
        self._exchanges = names(exchanges, "exchanges")
        self._hermes_received.first_check = AgeCheck(self)
        self._hermes_origins = AcceptedOrigins()
        #: How old an envelope may be on arrival, in seconds; may be set at any time.
        self.timeout: float = 1

    # ---- Taking --------------------------------------------------------------

    def recv(self, block: bool = False, timeout: float | None = None) -> Envelope | None:
        """Take the oldest envelope.

        What has arrived before the stop can still be taken. When that is gone, a blocking call
        returns None after 0.05 seconds, or ``timeout`` if that is shorter, so that a loop does
        not use a whole core. Thread-safe.

        Parameters
        ----------
        block
            Whether to wait for an envelope. Before the start this waits for the start too, and
            logs a warning.
        timeout
            The longest wait in seconds; None: until the receiver stops.

        Returns
        -------
        Envelope or None
            None if there is no envelope in time.

        Raises
        ------
        ForkedError
            The receiver belongs to the process that this one was forked from.
        """
        if self._hermes_core is None:
            self._hermes_remind_of_start(_NOTHING)
        received = self._hermes_received
        if not received.pumped:
            envelope = received.take(timeout if block else 0.0)
            if envelope is not None or not received.pumped:
                return envelope
        end = deadline(timeout) if block else 0.0
        taken: Envelope | None = take_from(self.q, received, block, end, timeout)
        if self._hermes_pump is not None:
            self._hermes_pump.show()
        return taken

    def recv_many(self, max: int = 256, timeout: float | None = 0.0) -> list[Envelope]:
        """Take up to ``max`` envelopes at once; faster than `recv`. Thread-safe.

        Parameters
        ----------
        max
            The largest number of envelopes to take, at least 1.
        timeout
            How long to wait for the first one, in seconds; None: until the receiver stops.

        Returns
        -------
        list of Envelope
            Oldest first; empty if there was none in time.

        Raises
        ------
        ValueError
            ``max`` is less than 1.
        """
        if max < 1:
            raise ValueError(f"max must be at least 1, not {max}")
        taken: list[Envelope] = []
        # What was taken must not be lost if Ctrl-C comes before the end.
        try:
            self._hermes_take_into(taken, max, timeout)
            return taken
        except BaseException:
            self._hermes_give_back(taken)
            raise

    def _hermes_take_into(self, taken: list[Envelope], most: int, timeout: float | None) -> None:
        """Append up to ``most`` envelopes to a list, which keeps them after an exception."""
        if self._hermes_core is None:
            self._hermes_remind_of_start(_NOTHING)
        received = self._hermes_received
        if not received.pumped:
            received.take_into(taken, most, timeout)
            if not received.pumped:
                return
        end = deadline(timeout)
        while received.pumped and len(taken) < most:
            envelope = take_from(self.q, received, not taken, end)
            if envelope is None:
                break
            taken.append(envelope)
        if self._hermes_pump is not None:
            self._hermes_pump.show()

    def __iter__(self) -> Iterator[Envelope]:
        """Iterate over the envelopes that arrive until the receiver stops."""
        return ReceiverIterator(self)

    async def arecv(self, timeout: float | None = None) -> Envelope | None:
        """Wait for the oldest envelope, and take it: `recv` for asyncio.

        A task that is cancelled while it waits takes nothing.

        Parameters
        ----------
        timeout
            The longest wait in seconds; None: no limit.

        Returns
        -------
        Envelope or None
            None if the time is up, or the receiver has stopped and everything is taken.
        """
        from hermes._queue import aio

        if self._hermes_core is None:
            self._hermes_remind_of_start(_NOTHING)
        envelope: Envelope | None = await aio.take(self._hermes_received, self.q, timeout)
        return envelope

    async def arecv_many(self, max: int = 256, timeout: float | None = None) -> list[Envelope]:
        """Take up to ``max`` envelopes at once: `recv_many` for asyncio.

        Parameters
        ----------
        max
            The largest number of envelopes to take, at least 1. More than 4,096 are never
            taken, so that other tasks can run.
        timeout
            How long to wait for the first one, in seconds; None: no limit.

        Returns
        -------
        list of Envelope
            Oldest first; empty if the time is up, or it has stopped and everything is taken.

        Raises
        ------
        ValueError
            ``max`` is less than 1.
        """
        from hermes._queue import aio

        if max < 1:
            raise ValueError(f"max must be at least 1, not {max}")
        if self._hermes_core is None:
            self._hermes_remind_of_start(_NOTHING)
        return await aio.take_many(self._hermes_received, self.q, max, timeout)

    def __aiter__(self) -> Receiver:
        """Iterate over the envelopes that arrive until the receiver stops."""
        return self

    async def __anext__(self) -> Envelope:
        """Wait for the next envelope."""
        envelope: Envelope | None = self._hermes_received.here()
        if envelope is None:
            envelope = await self.arecv()
            if envelope is None:
                raise StopAsyncIteration
        return envelope

    # ---- What to receive -----------------------------------------------------

    def subscribe(self, topic: str) -> None:
        """Subscribe to the topics that begin with ``topic``, before or after the start.

        The first subscription replaces "every topic".

        Parameters
        ----------
        topic
            A prefix. One that begins with a quotation mark is compared with the topic's frame
            on the wire, which is JSON.

        Raises
        ------
        TypeError
            ``topic`` is not a str.
        """
        if self._hermes_core is not None:
            self._hermes_core.subscribe(topic_prefix(topic))
        else:
            topic_prefix(topic)
            self._topics = [*as_list(self._topics), topic]

    def unsubscribe(self, topic: str) -> None:
        """Undo one `subscribe`.

        Parameters
        ----------
        topic
            The prefix as it was given to `subscribe` or the constructor.

        Raises
        ------
        ValueError
            The receiver is not subscribed to it.
        """
        if self._hermes_core is not None:
            self._hermes_core.unsubscribe(topic_prefix(topic))
            return
        topics = as_list(self._topics)
        if topic not in topics:
            raise errors.ArgumentError(f"not subscribed to {topic!r}")
        topics.remove(topic)
        self._topics = topics

    # ---- Life ----------------------------------------------------------------

    def stop(self, timeout: float | None = None) -> None:
        """Stop receiving, and wait for the thread to end. What has arrived can still be taken.

        Parameters
        ----------
        timeout
            The longest wait for the thread, in seconds; None: no limit.
        """
        log.info("Stopping Receiver instance..")
        self.join(timeout)
        log.info("..done.")

    def join(self, timeout: float | None = None) -> None:
        """Do what `stop` does, as in 1.x, without a line in the log."""
        self._hermes_lower()
        self._hermes_stop_native(timeout)
        self._hermes_received.end()
        super().join(timeout)
        if self._hermes_pump is not None:
            self._hermes_pump.join(FLUSH if timeout is None else timeout)
        self._hermes_end_context()

    def fileno(self) -> int:
        """Return a descriptor that is readable while there is an envelope, and after the end.

        It is for `select`, `asyncio` and their like; do not read from it. Ask for it before the
        first envelope is taken. From then on nothing is fetched ahead, which the descriptor
        would not show, and `recv_many` is much faster than `recv`.

        Raises
        ------
        StateError
            The receiver has not been started.
        """
        return self._hermes_fileno()

    def _hermes_fileno(self) -> int:
        core = self._hermes_started_core()
        return core.fileno() if self._hermes_pump is None else self._hermes_pump.fileno()

    @ReplaceableProperty
    def stop_reason(self) -> str:
        """Why it has stopped, such as ``"stop"`` or ``"slow: ..."``; empty while it has not."""
        return self._hermes_received.stop_reason or self._hermes_stop_reason()

    def stats(self) -> ReceiverStats:
        """Return the counters of this receiver by name; empty before the start."""
        if self._hermes_core is None:
            return {}
        return self._hermes_received.correct(self._hermes_core, self._hermes_q.hermes_held())

    # ---- Inside --------------------------------------------------------------

    def _hermes_create(self) -> ReceiverCore:
        core = ReceiverCore(
            addresses_text(self.sub_addr), name_text(self.name or "nameless", "the name")
        )
        for topic in as_list(self._topics):
            core.subscribe(topic_prefix(topic))
        core.set("timeout", duration(self.timeout))
        exchanges = self._exchanges
        if decode.loader() is not None:
            # With no origin accepted the library checks neither origin nor age.
            core.set("origins.filter", "age")
            self._hermes_received.age_check = AgeCheck(self)
            return core
        self._hermes_received.loader_found = weakref.WeakMethod(self._hermes_follow_loader)
        for origin in constant_origins(exchanges):
            core.accept(name_text(origin, "an exchange"))
        if exchanges and not constant_origins(exchanges):
            self._hermes_origins.replace(core, self)
        return core

    def _hermes_opened(self, core: ReceiverCore) -> None:
        self._hermes_received.open(core)
        if self._hermes_received.pumped or self._hermes_needs_pump():
            self._hermes_pump_into_q(from_the_start=True)
        self.sock = Socket(core, weakref.WeakMethod(self._hermes_fileno))

    def _hermes_needs_pump(self) -> bool:
        """Tell whether each envelope must go through a pump on its arrival."""
        exchanges = self._exchanges
        return (
            self.q is not self._hermes_q
            or self._hermes_received.age_check is not None
            or bool(exchanges and not constant_origins(exchanges))
        )

    def _hermes_pump_into_q(self, from_the_start: bool = False) -> None:
        """Have a pump put what arrives into ``q`` from now on; may be called repeatedly.

        With ``from_the_start``, the pump also filters what has arrived by now.
        """
        received = self._hermes_received
        if self._hermes_core is None:
            received.pumped = True
            received.wake_all()
            return
        if self._hermes_pump is None:
            self._hermes_q.hermes_make()
            # Without a lock, which an exception could leave locked; the first pump stays.
            made = ReceivePump(self, received, from_the_start)
            self._hermes_pump = self.__dict__.setdefault("_hermes_pump_made", made)
        self._hermes_pump.start()

    def _hermes_follow_loader(self) -> None:
        """Check origin and age in the pump, as a program has replaced ``load_from_frames``.

        Called after the start; the library has checked what has arrived by then.
        """
        received, core = self._hermes_received, self._hermes_core
        if core is None or received.loader_found is None:
            return
        received.age_check = AgeCheck(self)
        received.loader_found = None
        # The pump filters first, then the library stops: nothing passes in between.
        self._hermes_pump_into_q()
        core.set("origins.filter", "age")
        core.set("timeout", _NEVER)  # for the origins that it was told of

    def _hermes_assigned(self, name: str, value: Any) -> None:
        super()._hermes_assigned(name, value)
        core = self.__dict__.get("_hermes_core")
        if name == "timeout" and core is not None and self._hermes_received.age_check is None:
            core.set("timeout", duration(self.timeout))
        elif name == "q" and "_hermes_q" in self.__dict__:
            if isinstance(value, ReceiverQ) and value is not self._hermes_q:
                value.hermes_become_real()  # it is that of another receiver
            if core is not None or value is not self._hermes_q:
                self._hermes_pump_into_q()
        elif name == "_exchanges" and core is not None:
            self._hermes_origins.expect(self)
            self._hermes_pump_into_q()
            if self._hermes_received.age_check is None:
                self._hermes_origins.replace(core, self)

    def _hermes_give_back(self, taken: list[Envelope]) -> None:
        give_back(self.q, self._hermes_received, taken)

    def _hermes_ended(self) -> None:
        self.sock = None
        self._hermes_received.end()

    def _hermes_forked(self) -> None:
        super()._hermes_forked()
        self._hermes_pump = None  # its thread runs in the parent
        self._hermes_origins.reset_lock()
        self.__dict__.pop("_hermes_pump_made", None)
        self._hermes_received.reset()


def _follow_loaders() -> None:
    """Have every running receiver use a ``load_from_frames`` that a program has assigned."""
    for component in living():
        if isinstance(component, Receiver):
            component._hermes_follow_loader()


decode.follow_envelope_of(sys.modules[__name__], _follow_loaders)
