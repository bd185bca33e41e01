"""The `Node`: a name for a receiver, a publisher, or both."""

from __future__ import annotations

import logging
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, TypeVar

from hermes import _star_import
from hermes._arguments import addresses_text
from hermes._component import AsyncContext
from hermes._queue.send import Progress
from hermes._typing import NodeStats
from hermes.publisher import Publisher
from hermes.receiver import Receiver
from hermes.structs import Envelope

if TYPE_CHECKING:
    __all__ = ["Node"]
else:
    __getattr__ = _star_import.getter(__name__, ["Node"], "Envelope log logging")

log = logging.getLogger(__name__)

_Self = TypeVar("_Self", bound="Node")

# The channel that run() publishes on, and how many envelopes it takes at once.
_RELAYED = "RAW"
_MOST = 256

# How long run() waits for an envelope before it checks whether it is to stop, and how long it
# sleeps, at first and at most, if a facility returns without waiting; in seconds.
_WAIT = 0.2
_SLEEP = (0.001, 0.05)


class Node(AsyncContext):
    """The smallest unit of a cluster: a name, and facilities to receive and to publish.

    A facility is a `Receiver`, a `Publisher`, or any object with ``start()``, ``stop()``, and
    ``recv(block, timeout)`` or ``publish(envelope)``. ``with node:`` starts and stops them all.
    Derive from this class; as it is, `run` publishes again what it receives.

    Examples
    --------
    >>> receiver = hermes.Receiver("tcp://127.0.0.1:6001", "relay", topics="in/")
    >>> publisher = hermes.Publisher("tcp://127.0.0.1:6000", "relay")
    >>> with hermes.Node("relay", receiver, publisher) as node:
    ...     node.run()
    """

    def __init__(self, name: str, receiver: Any = None, publisher: Any = None) -> None:
        """Name the facilities; `start` starts them.

        Parameters
        ----------
        name
            The origin of what the node publishes, and a part of its topics.
        receiver
            The facility to receive with, or None.
        publisher
            The facility to publish with, or None.
        """
        self.name = name
        self.receiver = receiver
        self.publisher = publisher
        self._facilities = [receiver, publisher]
        self._running = False

    @property
    def facilities(self) -> list[str]:
        """The names of the facilities that are not None."""
        return [facility.name for facility in self._facilities if facility is not None]

    def start(self) -> None:
        """Start all facilities. An exception of one of them is logged and raised."""
        log.info("Starting node..")
        self._start_facilities()
        log.info("..done.")

    def stop(self) -> None:
        """Stop all facilities. An exception of one of them is logged and raised."""
        log.info("Stopping node..")
        self._stop_facilities()
        log.info("..done.")

    def _start_facilities(self) -> None:
        """Start each facility that is true; ``with node:`` calls only this."""
        self._running = True
        self._hermes_connect_stats()
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

    def _hermes_connect_stats(self) -> None:
        """Let a receiver that publishes its own state do so where the publisher connects to."""
        receiver, publisher = self.receiver, self.publisher
        if not (isinstance(receiver, Receiver) and isinstance(publisher, Publisher)):
            return
        addresses = addresses_text(publisher.pub_addr).decode().split(",")
        connects = ",".join(one for one in addresses if not one.startswith("@"))
        if connects and "stats.interval" in receiver._hermes_options:
            receiver._hermes_options.setdefault("stats.address", connects)

    def _stop_facilities(self) -> None:
        """Stop each facility that is true; the end of ``with node:`` calls only this."""
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
        """Stop the facilities. In a forked child, which has none to stop, do nothing."""
        ours = [one for one in self._facilities if isinstance(one, (Receiver, Publisher))]
        if not any(one._hermes_is_orphan() for one in ours):
            self._stop_facilities()

    def publish(self, channel: str, data: Any) -> bool:
        """Publish ``data`` under the topic ``channel/name``, with the name as its origin.

        Parameters
        ----------
        channel
            The first part of the topic.
        data
            What to publish. Of an envelope, which `run` passes on, the data is published.

        Returns
        -------
        bool
            What the publisher returns: whether it was queued.

        Raises
        ------
        NotImplementedError
            The node has no publisher, or that has no method ``publish``.
        """
        envelope = Envelope(channel + "/" + self.name, self.name, _unwrapped(data))
        try:
            taken: bool = self.publisher.publish(envelope)
        except AttributeError as error:
            raise self._hermes_inability(self.publisher, "publish", error) from error
        return taken

    def recv(self, block: bool = False, timeout: float | None = None) -> Any:
        """Take the oldest envelope that the receiver has received; see `Receiver.recv`.

        Returns
        -------
        Envelope or None
            None if there is no envelope in time.

        Raises
        ------
        NotImplementedError
            The node has no receiver, or that has no method ``recv``.
        """
        try:
            return self.receiver.recv(block, timeout)
        except AttributeError as error:
            raise self._hermes_inability(self.receiver, "recv", error) from error

    async def apublish(self, channel: str, data: Any) -> bool:
        """Publish as `publish` does, for asyncio; see `Publisher.apublish`."""
        publish = self._hermes_ability(self.publisher, "apublish")
        envelope = Envelope(channel + "/" + self.name, self.name, _unwrapped(data))
        taken: bool = await publish(envelope)
        return taken

    async def arecv(self, timeout: float | None = None) -> Any:
        """Receive as `recv` does, for asyncio; see `Receiver.arecv`."""
        return await self._hermes_ability(self.receiver, "arecv")(timeout)

    def run(self) -> None:
        """Publish what is received on the channel ``RAW``, until the node is stopped.

        It calls `recv` and `publish` of this node. Override them, or this, in a subclass.
        """
        pause = _SLEEP[0]
        while self._running:
            before = time.monotonic()
            ours = self._hermes_is_ours()
            if self._hermes_relay_many() if ours else self._hermes_relay_one():
                pause = _SLEEP[0]
            elif self._running and time.monotonic() - before < _WAIT / 2:
                # The facility did not wait, or has stopped: this loop must not spin.
                time.sleep(pause)
                pause = min(2 * pause, _SLEEP[1])

    def stats(self) -> NodeStats:
        """Return the counters of the facilities; empty for one that has none."""
        return {
            "name": self.name,
            "kind": "node",
            "receiver": _stats(self.receiver),
            "publisher": _stats(self.publisher),
        }

    def _hermes_relay_one(self) -> bool:
        """Pass on one envelope; tell whether there was one."""
        # A receiver of the program is called as in 1.x: it may take no arguments.
        ours = _unchanged(self, Node, "recv") and _unchanged(self.receiver, Receiver, "recv")
        received = self.recv(True, _WAIT) if ours else self.recv()
        if not received:
            return False
        self.publish(_RELAYED, received)
        return True

    def _hermes_relay_many(self) -> bool:
        """Pass on many envelopes at once; tell whether there were any."""
        receiver, publisher = self.receiver, self.publisher
        received: list[Envelope] = []
        progress = Progress()
        # What Ctrl-C keeps from being published is put back.
        try:
            receiver._hermes_take_into(received, _MOST, _WAIT)
            topic = f"{_RELAYED}/{self.name}"
            envelopes = [Envelope(topic, self.name, envelope.data) for envelope in received]
            while envelopes:
                before = progress.count
                taken = publisher._hermes_publish_many(envelopes, progress)
                if taken < len(envelopes) and progress.count - before == taken:
                    progress.add_one()  # the envelope after those was refused
                del envelopes[: progress.count - before]
        except BaseException:
            receiver._hermes_give_back(received[progress.count :])
            raise
        return bool(received)

    def _hermes_is_ours(self) -> bool:
        """Tell whether receiver, publisher and this node are used as they are in this package."""
        return (
            type(self.receiver) is Receiver
            and type(self.publisher) is Publisher
            and _unchanged(self, Node, "recv", "publish")
            and _unchanged(self.receiver, Receiver, "recv", "recv_many")
            and _unchanged(self.publisher, Publisher, "publish", "publish_many")
        )

    def _hermes_ability(self, facility: Any, name: str) -> Callable[..., Any]:
        """Return the method of a facility, or raise if either is missing."""
        method: Callable[..., Any] | None = getattr(facility, name, None)
        if method is None:
            raise self._hermes_inability(facility, name)
        return method

    def _hermes_inability(
        self, facility: Any, name: str, error: AttributeError | None = None
    ) -> NotImplementedError:
        """Make the error that 1.x raised for a facility that is missing or lacks a method.

        1.x raised it for any AttributeError, also for one from inside the facility.
        """
        lack = str(error) if error and hasattr(facility, name) else _lack(facility, name)
        return NotImplementedError(f"node {self.name} cannot {name}: {lack}")


def _lack(facility: Any, name: str) -> str:
    """Say why a facility does not have the method that is needed."""
    role = "receiver" if "recv" in name else "publisher"
    if facility is None:
        return f"it has no {role}"
    return f"its {role} is a {type(facility).__name__}, which has no {name}()"


def _stats(facility: Any) -> dict[str, Any]:
    """Return the counters of a facility; empty if it has none."""
    stats = getattr(facility, "stats", None)
    counters: dict[str, Any] = stats() if callable(stats) else {}
    return counters


def _unwrapped(data: Any) -> Any:
    """Return the data of an envelope, and other values as they are."""
    is_envelope = hasattr(data, "convert_to_frames") and hasattr(data, "data")
    return data.data if is_envelope else data


# The methods as they are defined in this package.
_OURS = {
    (kind, name): getattr(kind, name)
    for kind, names in {
        Node: ("recv", "publish"),
        Receiver: ("recv", "recv_many"),
        Publisher: ("publish", "publish_many"),
    }.items()
    for name in names
}


def _unchanged(thing: Any, kind: type, *names: str) -> bool:
    """Tell whether the methods of an object are those of ``kind`` and have not been replaced."""
    own = getattr(thing, "__dict__", {})
    return all(
        getattr(type(thing), name, None) is _OURS[kind, name] and name not in own for name in names
    )
