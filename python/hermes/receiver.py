"""The :class:`Receiver`: follows topics, and hands out what arrives."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import threading
import types
import weakref
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from hermes import _codec, _native, _star, errors
from hermes._agecheck import AgeCheck
from hermes._context import Context
from hermes._decode import loader
from hermes._inbox import Inbox
from hermes._native import deadline
from hermes._part import (
    FLUSH,
    Fact,
    OnEvent,
    OptionValue,
    Part,
    Socket,
    collected,
    duration,
    living,
    native_address,
    native_text,
)
from hermes._queues import ReceivedQueue, ReceivePump, take_from
from hermes.structs import Envelope

if TYPE_CHECKING:
    __all__ = ["Receiver"]
else:
    __getattr__ = _star.getter(
        __name__, ["Receiver"], "Empty Envelope Event Queue Thread log logging time zmq"
    )

log = logging.getLogger(__name__)

_NEVER = duration(float("inf"))  # as the greatest age

# What comes of taking from a receiver that has not been started.
_NOTHING = "nothing arrives"


if TYPE_CHECKING:
    _Part = Part[_native.ReceiverCore]
else:
    _Part = Part


class Receiver(_Part):
    """Receives envelopes from a post office, or from any publisher.

    Between :meth:`start` and :meth:`stop` it connects, reconnects, and queues what
    arrives; :meth:`recv` takes the oldest. It is a thread, a context manager, and an
    iterator over what it receives until it stops.

    An envelope that is more than ``timeout`` seconds old on arrival shows that the
    receiver cannot keep up; it then logs an error and stops, unless ``on_slow`` says
    otherwise.
    """

    _hermes_log = log
    _hermes_exit_rank = 2
    _hermes_watched = frozenset({*Part._hermes_watched, "timeout", "q", "_exchanges"})

    #: A ``zmq.Context``, made when it is asked for; the receiver does not use it.
    zmq_context = Context()

    def __init__(
        self,
        sub_addr: str | Iterable[str],
        name: str,
        topics: str | Iterable[str] | None = None,
        exchanges: str | Iterable[str] | None = None,
        *,
        on_slow: str | None = None,
        options: Mapping[str, OptionValue] | None = None,
        on_event: OnEvent | None = None,
        codec: Any = None,
    ) -> None:
        """Describe a receiver; nothing happens before :meth:`start`.

        ``sub_addr`` is the post office's outgoing address, or those of several that pass on
        the same: then each envelope is received once. ``topics`` is one prefix of
        the topics to follow, or several; every topic without. ``exchanges`` is one
        origin, or several, whose envelopes are kept; those of others are dropped.
        ``on_slow`` is what to do with an envelope that is too old: ``"stop"`` (what 1.x
        did), ``"drop"`` it, ``"warn"`` in the log, or ``"ignore"``. ``options`` are for
        the native library; the configuration document lists them. ``on_event`` is called
        in the receiver's thread with every notice, as :meth:`events` gives it.
        ``codec`` reads what arrives: ``"json"``, which is Python's, ``"orjson"``, or an
        object with ``loads``.
        """
        super().__init__(name, options, on_event)
        if on_slow is not None:
            self._hermes_options["on_slow"] = on_slow
        self.sub_addr = collected(sub_addr)
        #: True while it runs; see :class:`hermes._part.Socket`.
        self.sock: Any = None
        #: What has been received and not taken yet.
        self._hermes_inbox = Inbox(_codec.codec(codec))
        self._hermes_pump: ReceivePump | None = None
        self.q = self._hermes_q = ReceivedQueue(self._hermes_inbox, self._hermes_pump_into_q)
        self._topics = _collected(topics, "topics")
        self._exchanges = _collected(exchanges, "exchanges")
        self._hermes_inbox.first_check = AgeCheck(self)
        self._hermes_judged: set[str] = set()  # origins whose age the library judges, as JSON
        self._hermes_judging = threading.Lock()  # held while that, or the library's, changes
        #: How old an envelope may be on arrival, in seconds. At any time.
        self.timeout: float = 1

    # ---- Taking --------------------------------------------------------------

    def recv(self, block: bool = False, timeout: float | None = None) -> Envelope | None:
        """Take the oldest envelope; None if there is none.

        With ``block``, wait for one, until ``timeout`` seconds have gone by (None: no
        limit) or the receiver has stopped. What it had received before it stopped can
        still be taken; when that is gone a blocking call returns None after a pause of
        0.05 seconds, or ``timeout`` if that is shorter, so that a loop does not spin.
        Before the start it waits for that too, and a warning in the log says so.
        """
        if self._hermes_core is None:
            self._hermes_remind_of_start(_NOTHING)
        inbox = self._hermes_inbox
        if not inbox.plain:
            envelope = inbox.take(timeout if block else 0.0)
            if envelope is not None or not inbox.plain:
                return envelope
        end = deadline(timeout) if block else 0.0
        taken: Envelope | None = take_from(self.q, inbox, block, end, timeout)
        if self._hermes_pump is not None:
            self._hermes_pump.show()
        return taken

    def recv_many(self, max: int = 256, timeout: float | None = 0.0) -> list[Envelope]:
        """Take up to ``max`` envelopes at once.

        Waits for the first one only, at most ``timeout`` seconds (None: no limit).
        """
        if max < 1:
            raise ValueError(f"max must be at least 1, not {max}")
        taken: list[Envelope] = []
        # What is taken one by one here must not be lost if Ctrl-C comes before the end.
        try:
            self._hermes_take_into(taken, max, timeout)
            return taken
        except BaseException:
            self._hermes_give_back(taken)
            raise

    def _hermes_take_into(self, taken: list[Envelope], most: int, timeout: float | None) -> None:
        """Add up to ``most`` envelopes to a list, which has them after an exception too."""
        if self._hermes_core is None:
            self._hermes_remind_of_start(_NOTHING)
        inbox = self._hermes_inbox
        if not inbox.plain:
            inbox.take_into(taken, most, timeout)
            if not inbox.plain:
                return
        end = deadline(timeout)
        while inbox.plain and len(taken) < most:
            envelope = take_from(self.q, inbox, not taken, end)
            if envelope is None:
                break
            taken.append(envelope)
        if self._hermes_pump is not None:
            self._hermes_pump.show()

    def __iter__(self) -> Iterator[Envelope]:
        """Take one envelope after the other until the receiver stops."""
        return _Taking(self)

    async def arecv(self, timeout: float | None = None) -> Envelope | None:
        """Wait for the oldest envelope, and take it: :meth:`recv` for asyncio.

        None when ``timeout`` seconds have gone by (None: no limit), or the receiver has
        stopped and all is taken. A task that is cancelled takes nothing.
        """
        from hermes import _aio

        if self._hermes_core is None:
            self._hermes_remind_of_start(_NOTHING)
        envelope: Envelope | None = await _aio.take(self._hermes_inbox, self.q, timeout)
        return envelope

    async def arecv_many(self, max: int = 256, timeout: float | None = None) -> list[Envelope]:
        """Take up to ``max`` envelopes at once: :meth:`recv_many` for asyncio.

        Waits for the first one only, at most ``timeout`` seconds (None: no limit). Empty
        when that has gone by, or the receiver has stopped and all is taken. Never more than
        4,096, so that the event loop goes on.
        """
        from hermes import _aio

        if max < 1:
            raise ValueError(f"max must be at least 1, not {max}")
        if self._hermes_core is None:
            self._hermes_remind_of_start(_NOTHING)
        return await _aio.take_many(self._hermes_inbox, self.q, max, timeout)

    def __aiter__(self) -> Receiver:
        """Take one envelope after the other until the receiver stops."""
        return self

    async def __anext__(self) -> Envelope:
        """Take the next one."""
        envelope: Envelope | None = self._hermes_inbox.here()
        if envelope is None:
            envelope = await self.arecv()
            if envelope is None:
                raise StopAsyncIteration
        return envelope

    # ---- What to receive -----------------------------------------------------

    def subscribe(self, topic: str) -> None:
        """Follow the topics that begin with ``topic``, at any time.

        The first subscription replaces "every topic". A topic that begins with a
        quotation mark is a raw prefix of the topic's frame on the wire.
        """
        if self._hermes_core is not None:
            self._hermes_core.subscribe(_prefix(topic))
        else:
            _prefix(topic)
            self._topics = [*_listed(self._topics), topic]

    def unsubscribe(self, topic: str) -> None:
        """Undo one :meth:`subscribe`; raises :class:`ValueError` where there was none."""
        if self._hermes_core is not None:
            self._hermes_core.unsubscribe(_prefix(topic))
            return
        topics = _listed(self._topics)
        if topic not in topics:
            raise errors.ArgumentError(f"not subscribed to {topic!r}")
        topics.remove(topic)
        self._topics = topics

    # ---- Life ----------------------------------------------------------------

    def stop(self, timeout: float | None = None) -> None:
        """Stop, and wait for the thread to end, at most ``timeout`` seconds."""
        log.info("Stopping Receiver instance..")
        self.join(timeout)
        log.info("..done.")

    def join(self, timeout: float | None = None) -> None:
        """Stop, and wait for the thread to end; as in 1.x the same as :meth:`stop`."""
        self._hermes_lower()
        self._hermes_stop_native(FLUSH if timeout is None else timeout)
        self._hermes_inbox.end()
        super().join(timeout)
        if self._hermes_pump is not None:
            self._hermes_pump.join(FLUSH if timeout is None else timeout)
        self._hermes_end_context()

    def fileno(self) -> int:
        """A descriptor that polls readable while there is something to take, or at the end.

        For :mod:`select`, :mod:`asyncio` and their like; only wait on it. Ask for it before
        the first envelope is taken: from then on nothing is fetched ahead, which the
        descriptor would not know of. ``recv_many`` is then much faster than ``recv``.
        """
        return self._hermes_fileno()

    def _hermes_fileno(self) -> int:
        core = self._hermes_started_core()
        return core.fileno() if self._hermes_pump is None else self._hermes_pump.fileno()

    @Fact
    def stop_reason(self) -> str:
        """Why it stopped, such as ``"stop"`` or ``"slow: ..."``; empty before it has."""
        checks = (self._hermes_inbox.age_check, self._hermes_inbox.first_check)
        reasons = [check.reason for check in checks if check is not None and check.reason]
        return reasons[0] if reasons else self._hermes_stop_reason()

    def stats(self) -> dict[str, Any]:
        """The counters of this receiver, by name; empty before the start."""
        if self._hermes_core is None:
            return {}
        return self._hermes_inbox.correct(self._hermes_core, self._hermes_q.hermes_held())

    # ---- Inside --------------------------------------------------------------

    def _hermes_create(self) -> _native.ReceiverCore:
        core = _native.ReceiverCore(
            native_address(self.sub_addr), native_text(self.name or "nameless", "the name")
        )
        for topic in _listed(self._topics):
            core.subscribe(_prefix(topic))
        core.set("timeout", duration(self.timeout))
        exchanges = self._exchanges
        if loader() is not None:
            # With no origin accepted the library judges neither origin nor age.
            core.set("origins.filter", "age")
            self._hermes_inbox.age_check = AgeCheck(self)
            return core
        self._hermes_inbox.loader_found = weakref.WeakMethod(self._hermes_follow_loader)
        for origin in _fixed(exchanges):
            core.accept(native_text(origin, "an exchange"))
        if exchanges and not _fixed(exchanges):
            self._hermes_judge_all(core)
        return core

    def _hermes_opened(self, core: _native.ReceiverCore) -> None:
        self._hermes_inbox.open(core)
        if self._hermes_inbox.plain or self._hermes_needs_pump():
            self._hermes_pump_into_q(from_the_start=True)
        self.sock = Socket(core, weakref.WeakMethod(self._hermes_fileno))

    def _hermes_needs_pump(self) -> bool:
        """Whether what arrives must go through Python, one by one, on its arrival."""
        exchanges = self._exchanges
        return (
            self.q is not self._hermes_q
            or self._hermes_inbox.age_check is not None
            or bool(exchanges and not _fixed(exchanges))
        )

    def _hermes_pump_into_q(self, from_the_start: bool = False) -> None:
        """Have what arrives put into ``q`` by a thread, from now on. Any number of times.

        Unless that is so ``from_the_start``, what has arrived by now was let in already.
        """
        inbox = self._hermes_inbox
        if self._hermes_core is None:
            inbox.plain = True
            inbox.tell()
            return
        if self._hermes_pump is None:
            self._hermes_q.hermes_make()
            # Without a lock, which an exception could leave locked: the first one stays.
            made = ReceivePump(self, inbox, from_the_start)
            self._hermes_pump = self.__dict__.setdefault("_hermes_pump_made", made)
        self._hermes_pump.start()

    def _hermes_judge_all(self, core: _native.ReceiverCore) -> None:
        """Leave it to the pump what to keep, and have the library judge the age of that."""
        with self._hermes_judging:
            exchanges = self._exchanges
            core.set("origins.filter", "age" if exchanges else "off")
            self._hermes_judged.clear()
            given = [exchanges] if isinstance(exchanges, str) else exchanges
            if exchanges and isinstance(given, (list, set, frozenset, tuple, dict)):
                for origin in list(given):
                    self._hermes_judge(core, origin)

    def _hermes_judge(self, core: _native.ReceiverCore, origin: Any) -> bool:
        """Have the library judge the age of an origin's envelopes; False if it did already."""
        try:
            text = origin if isinstance(origin, str) else json.dumps(origin)
        except (TypeError, ValueError):  # none that comes on the wire
            return False
        if text in self._hermes_judged:
            return False
        self._hermes_judged.add(text)
        with contextlib.suppress(errors.HermesError):
            core.accept(native_text(text, "an exchange"))
        return True

    def _hermes_first_check(self, envelope: Any, wanted: Container[Any]) -> AgeCheck | None:
        """Who judges the age of an envelope of a wanted origin; None if the library has.

        It has not if the origin was added to ``_exchanges`` meanwhile; it is told now.
        """
        core, check = self._hermes_core, self._hermes_inbox.first_check
        if core is None or check is None or check.over:
            return check
        with self._hermes_judging:
            if wanted is not self._exchanges or not self._hermes_judge(core, envelope.origin):
                return None
        is_number = isinstance(envelope.ts, (int, float))
        return check if is_number and not core.stats()["cached"] else None  # replayed ones are old

    def _hermes_follow_loader(self) -> None:
        """Leave origin and age to the ``load_from_frames`` that a program has put in place.

        Called after the start; what has arrived by then has been judged.
        """
        inbox, core = self._hermes_inbox, self._hermes_core
        if core is None or inbox.loader_found is None:
            return
        core.set("origins.filter", "age")
        core.set("timeout", _NEVER)  # for the origins that are accepted by now
        inbox.age_check = AgeCheck(self)
        inbox.loader_found = None
        self._hermes_pump_into_q()

    def _hermes_assigned(self, name: str, value: Any) -> None:
        super()._hermes_assigned(name, value)
        core = self.__dict__.get("_hermes_core")
        if name == "timeout" and core is not None:
            if self._hermes_inbox.age_check is None:
                core.set("timeout", duration(self.timeout))
        elif name == "q" and "_hermes_q" in self.__dict__:
            if isinstance(value, ReceivedQueue) and value is not self._hermes_q:
                value.hermes_become_plain()  # that of another receiver
            if core is not None or value is not self._hermes_q:
                self._hermes_pump_into_q()
        elif name == "_exchanges" and core is not None:
            if self._hermes_inbox.age_check is None:
                self._hermes_judge_all(core)
            self._hermes_pump_into_q()

    def _hermes_give_back(self, taken: list[Envelope]) -> None:
        if not self._hermes_inbox.plain:
            self._hermes_inbox.give_back(taken)
        elif isinstance(self.q, ReceivedQueue):
            self.q.hermes_give_back(taken)
        else:
            for envelope in taken:
                self.q.put(envelope)

    def _hermes_ended(self) -> None:
        self.sock = None
        self._hermes_inbox.end()

    def _hermes_forked(self) -> None:
        super()._hermes_forked()
        self._hermes_pump = None  # its thread is the parent's
        self._hermes_judging = threading.Lock()
        self.__dict__.pop("_hermes_pump_made", None)
        self._hermes_inbox.reset()


class _Module(types.ModuleType):
    """This module: another ``Envelope`` that is put in here counts for what arrives next."""

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "Envelope" and loader() is not None:
            for part in living():
                if isinstance(part, Receiver):
                    part._hermes_follow_loader()


sys.modules[__name__].__class__ = _Module


class _Taking:
    """Iterates over a receiver. An exception while it waits does not end it."""

    __slots__ = ("_receiver",)

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def __iter__(self) -> _Taking:
        return self

    def __next__(self) -> Envelope:
        envelope = self._receiver.recv(block=True)
        if envelope is None:
            raise StopIteration
        return envelope


def _fixed(exchanges: Any) -> list[str]:
    """The origins in ``exchanges`` where they cannot change unnoticed, for the library."""
    if type(exchanges) is str:
        return [exchanges] if exchanges else []
    if type(exchanges) not in (tuple, frozenset):
        return []
    return list(exchanges) if all(type(origin) is str for origin in exchanges) else []


def _collected(given: Any, what: str) -> Any:
    """What was given, in a form that can be read twice."""
    if not given:
        return ""
    if not isinstance(given, Iterable) and not hasattr(given, "__contains__"):
        raise TypeError(f"{what} must be a str, or several, not {type(given).__name__}")
    return given if isinstance(given, Container) else list(given)


def _listed(given: str | Iterable[str] | None) -> list[str]:
    """One string or several as a list."""
    if not given:
        return []
    return [given] if isinstance(given, str) else list(given)


def _prefix(topic: str) -> bytes:
    """A topic as the native library takes it."""
    if not isinstance(topic, str):
        raise TypeError(f"a topic must be a str, not {type(topic).__name__}")
    try:
        return topic.encode()
    except UnicodeEncodeError:
        # Not Unicode text, but it has a form on the wire, and that can be asked for.
        return json.dumps(topic)[:-1].encode()
