"""The :class:`Publisher`: hands envelopes to a post office."""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from hermes import _codec, _native, _star
from hermes._context import Context
from hermes._outbox import Progress, send, send_many, settled
from hermes._part import (
    FLUSH,
    OnEvent,
    OptionValue,
    Part,
    Socket,
    collected,
    native_address,
    native_text,
)
from hermes._queues import SendPump, SendQueue
from hermes.structs import Envelope

if TYPE_CHECKING:
    from hermes._aio import Room

if TYPE_CHECKING:
    __all__ = ["Publisher"]
else:
    __getattr__ = _star.getter(__name__, ["Publisher"], "Event Queue Thread log logging zmq")

log = logging.getLogger(__name__)


if TYPE_CHECKING:
    _Part = Part[_native.PublisherCore]
else:
    _Part = Part


class Publisher(_Part):
    """Publishes envelopes to a post office, which forwards them to receivers.

    Between :meth:`start` and :meth:`stop` it connects and reconnects, and sends what
    :meth:`publish` has queued. It is a thread and a context manager.
    """

    _hermes_log = log
    _hermes_exit_rank = 0
    _hermes_watched = frozenset({*Part._hermes_watched, "q"})

    #: What was given, or a ``zmq.Context``, made when it is asked for; the publisher does not
    #: use it.
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
        """Describe a publisher; nothing happens before :meth:`start`.

        ``pub_addr`` is the post office's incoming address, or those of several, each of
        which gets everything. ``ctx`` is accepted because
        1.x had it, and not used: a context of pyzmq cannot be shared. ``options`` are
        for the native library; the configuration document lists them. ``on_event`` is
        called in the publisher's thread with every notice, as :meth:`events` gives it.
        ``codec`` writes the data: ``"json"``, which is Python's, ``"orjson"``, or an
        object with ``dumps``.
        """
        super().__init__(name, options, on_event)
        self.pub_addr = collected(pub_addr)
        if ctx is not None:
            self.ctx = ctx
        #: True while it runs; see :class:`hermes._part.Socket`.
        self.sock: Any = None
        #: What is still to be sent.
        self._hermes_codec = _codec.codec(codec)
        self._hermes_pump: SendPump | None = None
        self._hermes_plain = False  # whether what is published goes through q
        self.q: Any = SendQueue(self._hermes_codec)
        self._hermes_q = self.q
        self._hermes_room: Room | None = None  # who waits in event loops, once somebody does

    def publish(self, envelope: Envelope) -> bool:
        """Queue an envelope to be sent, stamped with the current time. Thread-safe.

        Returns True; False when the publisher has not been started, which is a warning in
        the log, or has stopped, or its queue is full and its option ``queue.full`` says
        that this one is refused: by default, once ``queue.block`` has passed. Raises
        :class:`TypeError` for what is no envelope, or holds data that cannot be written
        as JSON.
        """
        if self.sock is None:
            if self._hermes_core is not None:
                self._hermes_refuse_orphan()
            else:
                self._hermes_remind_of_start("what is published is dropped")
            return False
        if self._hermes_core is None or self._hermes_plain:
            self.q.put(envelope)  # a subclass sends on a socket of its own, or a pump does
            return True
        return send(self._hermes_core, self._hermes_codec, envelope)

    async def apublish(self, envelope: Envelope) -> bool:
        """Queue an envelope: :meth:`publish` for asyncio.

        Where the queue is full, this task waits for room, without a limit, and the other
        tasks go on; one that is cancelled while it waits has published nothing. Returns
        True; False when the publisher is not running, or its option ``queue.full`` says
        that this envelope is refused. Raises as :meth:`publish` does.
        """
        core = self._hermes_core
        if self.sock is None or core is None or not self._hermes_is_direct():
            published = self.publish(envelope)
            if not published:
                from hermes import _aio

                await _aio.pause()  # for who tries again until it is
            return published
        if self._hermes_room is None:
            from hermes._aio import Room

            self._hermes_room = Room(core)
        return settled(core, await self._hermes_room.publish(self._hermes_codec, envelope))

    def publish_many(self, envelopes: Iterable[Envelope]) -> int:
        """Queue many envelopes in order, faster than one by one.

        Returns how many were taken: all of them, unless the publisher is not running or
        its queue stayed full. Where one cannot be written as JSON, :class:`TypeError` is
        raised, and those before it have been queued.
        """
        return self._hermes_publish_many(envelopes, Progress())

    def _hermes_publish_many(self, envelopes: Iterable[Envelope], progress: Progress) -> int:
        """:meth:`publish_many`, and how far it got if it was interrupted."""
        if self._hermes_is_direct() and self.sock is not None and self._hermes_core:
            return send_many(self._hermes_core, self._hermes_codec, envelopes, progress)
        count = 0
        for envelope in envelopes:
            progress.add_one()
            if not self.publish(envelope):
                break
            count += 1
        return count

    def stop(self, timeout: float | None = None) -> None:
        """Send what is queued, for at most ``timeout`` seconds (None: one), and stop.

        What could not be sent is reported in the log and counted in :meth:`stats`.
        """
        log.info("Stopping Publisher instance..")
        self.join(timeout)
        log.info("..done.")

    def join(self, timeout: float | None = None) -> None:
        """Stop, and wait for the thread to end; as in 1.x the same as :meth:`stop`."""
        end = time.monotonic() + (FLUSH if timeout is None else timeout)
        self._hermes_lower()
        if self._hermes_core is not None:
            self.sock = None
        self._hermes_stop_native(max(0.0, end - time.monotonic()))
        super().join(timeout)
        self._hermes_end_context()

    def _hermes_stop_native(self, timeout: float = FLUSH) -> None:
        end = time.monotonic() + timeout
        if self._hermes_pump is not None and not self._hermes_is_orphan():
            self._hermes_pump.stop(timeout)
        super()._hermes_stop_native(max(0.0, end - time.monotonic()))

    def _hermes_is_direct(self) -> bool:
        """Whether what is published need not go through ``publish`` or ``q``."""
        return self._hermes_publishes() and not self._hermes_plain

    def _hermes_send_from_q(self) -> None:
        """Have what is in ``q`` sent by a thread, from now on. Any number of times."""
        core = self._hermes_core
        if core is None:
            return
        if self._hermes_pump is None:
            # Without a lock, which an exception could leave locked: the first one stays.
            made = SendPump(self, core, self._hermes_codec)
            self._hermes_pump = self.__dict__.setdefault("_hermes_pump_made", made)
        self._hermes_pump.start()
        self._hermes_plain = True

    def _hermes_assigned(self, name: str, value: Any) -> None:
        super()._hermes_assigned(name, value)
        if name == "q" and "_hermes_q" in self.__dict__ and self._hermes_core is not None:
            self._hermes_send_from_q()

    def _hermes_publishes(self) -> bool:
        """Whether ``publish`` is ours, here and in the class."""
        return type(self).publish is _PUBLISH and "publish" not in self.__dict__

    def _hermes_create(self) -> _native.PublisherCore:
        core = _native.PublisherCore(
            native_address(self.pub_addr), native_text(self.name or "nameless", "the name")
        )
        core.set("times", "any")  # what a hook writes goes out as it is
        return core

    def _hermes_opened(self, core: _native.PublisherCore) -> None:
        q = self._hermes_q
        if self.q is q and not q._hermes_plain:
            q._hermes_pump = weakref.WeakMethod(self._hermes_send_from_q)
            q.hermes_open(core)
        else:
            self._hermes_send_from_q()
        self.sock = Socket(core)

    def _hermes_ended(self) -> None:
        self.sock = None


_PUBLISH = Publisher.publish
