"""The :class:`Node`: a name for a receiver, a publisher, or both."""

from __future__ import annotations

import logging
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, TypeVar

from hermes import _star
from hermes._outbox import Progress
from hermes.publisher import Publisher
from hermes.receiver import Receiver
from hermes.structs import Envelope

if TYPE_CHECKING:
    __all__ = ["Node"]
else:
    __getattr__ = _star.getter(__name__, ["Node"], "Envelope log logging")

log = logging.getLogger(__name__)

_Self = TypeVar("_Self", bound="Node")

# What run() publishes on, and how much it takes at once.
_RELAYED = "RAW"
_MOST = 256

# How long run() waits for something to come before it looks whether it is to stop, and
# how long it rests, at least and at most, when a facility answers without waiting.
_WAIT = 0.2
_REST = (0.001, 0.05)


class Node:
    """The smallest unit of a cluster: a name, and facilities to receive and to publish.

    Derive from it to build your own; as it is, it publishes again whatever it receives.
    A facility is a :class:`~hermes.Receiver`, a :class:`~hermes.Publisher`, or any object
    with ``start()``, ``stop()``, and ``recv(block, timeout)`` or ``publish(envelope)``.
    ``with node:`` starts and stops all of them.
    """

    def __init__(self, name: str, receiver: Any = None, publisher: Any = None) -> None:
        """Name the facilities; they are started by :meth:`start`."""
        self.name = name
        self.receiver = receiver
        self.publisher = publisher
        self._facilities = [receiver, publisher]
        self._running = False

    @property
    def facilities(self) -> list[str]:
        """The names of the facilities that there are."""
        return [facility.name for facility in self._facilities if facility is not None]

    def start(self) -> None:
        """Start all facilities. What one of them raises is logged and raised."""
        log.info("Starting node..")
        self._start_facilities()
        log.info("..done.")

    def stop(self) -> None:
        """Stop all facilities. What one of them raises is logged and raised."""
        log.info("Stopping node..")
        self._stop_facilities()
        log.info("..done.")

    def _start_facilities(self) -> None:
        """Start whatever facility evaluates true; all that ``with node:`` does."""
        self._running = True
        log.debug("Starting facilities (%r total)", len(self._facilities))
        for facility in self._facilities:
            if facility:
                try:
                    facility.start()
                except Exception as error:
                    log.exception(error)
                    log.error("Could not start all facilities!")
                    raise
        log.debug("All facilities started successfully.")

    def _stop_facilities(self) -> None:
        """Stop whatever facility evaluates true; all that the end of ``with node:`` does."""
        self._running = False
        log.debug("Stopping facilities (%r total)", len(self._facilities))
        for facility in self._facilities:
            if facility:
                try:
                    facility.stop()
                except Exception as error:
                    log.exception(error)
                    log.error("Could not stop all facilities!")
                    raise
        log.debug("All facilities stopped successfully.")

    def __enter__(self: _Self) -> _Self:
        """Start the facilities."""
        self._start_facilities()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the facilities; in a forked child, which has none to stop, do nothing."""
        ours = [part for part in self._facilities if isinstance(part, (Receiver, Publisher))]
        if not any(part._hermes_is_orphan() for part in ours):
            self._stop_facilities()

    async def __aenter__(self: _Self) -> _Self:
        """Start, while other tasks of the event loop go on."""
        from hermes import _aio

        await _aio.start(self)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop, while other tasks go on."""
        from hermes import _aio

        await _aio.elsewhere(self.stop)

    def publish(self, channel: str, data: Any) -> bool:
        """Publish ``data`` under the topic ``channel/name``, with the name as its origin.

        Of an envelope, which :meth:`run` passes on, only the data is published. Returns
        what the publisher does: whether it was taken. Raises :class:`NotImplementedError`
        where the node has nothing to publish with.
        """
        envelope = Envelope(channel + "/" + self.name, self.name, _unwrapped(data))
        try:
            taken: bool = self.publisher.publish(envelope)
        except AttributeError as error:
            raise self._hermes_inability(self.publisher, "publish", error) from error
        return taken

    def recv(self, block: bool = False, timeout: float | None = None) -> Any:
        """Take what the receiver has received, or None; see :meth:`hermes.Receiver.recv`.

        Raises :class:`NotImplementedError` where the node has nothing to receive with.
        """
        try:
            return self.receiver.recv(block, timeout)
        except AttributeError as error:
            raise self._hermes_inability(self.receiver, "recv", error) from error

    async def apublish(self, channel: str, data: Any) -> bool:
        """:meth:`publish` for asyncio; see :meth:`hermes.Publisher.apublish`."""
        publish = self._hermes_ability(self.publisher, "apublish")
        envelope = Envelope(channel + "/" + self.name, self.name, _unwrapped(data))
        taken: bool = await publish(envelope)
        return taken

    async def arecv(self, timeout: float | None = None) -> Any:
        """:meth:`recv` for asyncio; see :meth:`hermes.Receiver.arecv`."""
        return await self._hermes_ability(self.receiver, "arecv")(timeout)

    def run(self) -> None:
        """Publish whatever is received on the channel ``RAW``, until stopped.

        It calls :meth:`recv` and :meth:`publish` of this node. Override them, or this, to
        make something better of it.
        """
        rest = _REST[0]
        while self._running:
            before = time.monotonic()
            plain = self._hermes_is_plain()
            if self._hermes_relay_many() if plain else self._hermes_relay_one():
                rest = _REST[0]
            elif self._running and time.monotonic() - before < _WAIT / 2:
                # It does not wait, or has stopped: this loop must not spin.
                time.sleep(rest)
                rest = min(2 * rest, _REST[1])

    def stats(self) -> dict[str, Any]:
        """The counters of the facilities that have any."""
        return {
            "name": self.name,
            "kind": "node",
            "receiver": _stats(self.receiver),
            "publisher": _stats(self.publisher),
        }

    def _hermes_relay_one(self) -> bool:
        """Pass on one envelope; whether there was one."""
        # One that is not ours is called as 1.x did, and may take no arguments.
        ours = _whole(self, Node, "recv") and _whole(self.receiver, Receiver, "recv")
        received = self.recv(True, _WAIT) if ours else self.recv()
        if not received:
            return False
        self.publish(_RELAYED, received)
        return True

    def _hermes_relay_many(self) -> bool:
        """The same for many at once; whether there were any."""
        receiver, publisher = self.receiver, self.publisher
        received: list[Envelope] = []
        progress = Progress()
        # What Ctrl-C keeps from being published can be received again.
        try:
            receiver._hermes_take_into(received, _MOST, _WAIT)
            topic = f"{_RELAYED}/{self.name}"
            envelopes = [Envelope(topic, self.name, envelope.data) for envelope in received]
            while envelopes:
                before = progress.count
                taken = publisher._hermes_publish_many(envelopes, progress)
                if taken < len(envelopes) and progress.count - before == taken:
                    progress.add_one()  # behind what was taken is one that was refused
                del envelopes[: progress.count - before]
        except BaseException:
            receiver._hermes_give_back(received[progress.count :])
            raise
        return bool(received)

    def _hermes_is_plain(self) -> bool:
        """Whether nobody has put anything of their own between receiver and publisher."""
        return (
            type(self.receiver) is Receiver
            and type(self.publisher) is Publisher
            and _whole(self, Node, "recv", "publish")
            and _whole(self.receiver, Receiver, "recv", "recv_many")
            and _whole(self.publisher, Publisher, "publish", "publish_many")
        )

    def _hermes_ability(self, facility: Any, name: str) -> Callable[..., Any]:
        """The method of a facility, if both exist."""
        method: Callable[..., Any] | None = getattr(facility, name, None)
        if method is None:
            raise self._hermes_inability(facility, name)
        return method

    def _hermes_inability(
        self, facility: Any, name: str, error: AttributeError | None = None
    ) -> NotImplementedError:
        """What 1.x raised for a facility that is missing or lacks something.

        It did so for any AttributeError, so that one from inside the facility is one too.
        """
        lack = str(error) if error and hasattr(facility, name) else _lack(facility, name)
        return NotImplementedError(f"node {self.name} cannot {name}: {lack}")


def _lack(facility: Any, name: str) -> str:
    """Why a facility has not the method that is needed."""
    role = "receiver" if "recv" in name else "publisher"
    if facility is None:
        return f"it has no {role}"
    return f"its {role} is a {type(facility).__name__}, which has no {name}()"


def _stats(facility: Any) -> dict[str, Any]:
    """The counters of a facility; empty where it has none."""
    stats = getattr(facility, "stats", None)
    counters: dict[str, Any] = stats() if callable(stats) else {}
    return counters


def _unwrapped(data: Any) -> Any:
    """The data of an envelope, or what is none as it is."""
    is_envelope = hasattr(data, "convert_to_frames") and hasattr(data, "data")
    return data.data if is_envelope else data


# The methods as they were written here.
_OURS = {
    (kind, name): getattr(kind, name)
    for kind, names in {
        Node: ("recv", "publish"),
        Receiver: ("recv", "recv_many"),
        Publisher: ("publish", "publish_many"),
    }.items()
    for name in names
}


def _whole(thing: Any, kind: type, *names: str) -> bool:
    """Whether the methods of an object are those of ``kind``, and nobody has replaced them."""
    own = getattr(thing, "__dict__", {})
    return all(
        getattr(type(thing), name, None) is _OURS[kind, name] and name not in own for name in names
    )
