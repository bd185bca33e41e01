"""Types of the public interface: options, events, and the counters that ``stats()`` returns."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Callable, TypedDict, Union

#: A value that an option may be given as.
OptionValue = Union[str, bool, int, float, timedelta]


class Event(TypedDict, total=False):
    """What happened to a component; the guide lists the kinds.

    Every event has ``kind``, ``level``, ``text`` and ``ts``, the other keys depend on the kind.
    """

    kind: str  # such as "connected", for programs
    level: str  # "info", "warning" or "error"
    text: str  # for people
    ts: float  # seconds since the Unix epoch
    address: str  # of the endpoint or peer
    peer: int  # number of the connection
    count: int  # of occurrences that were put together; of envelopes for "lost"
    topic: str
    origin: str


#: A function that is called with every event of a component.
OnEvent = Callable[[Event], Any]


class Peer(TypedDict, total=False):
    """One connection. With the engine libzmq the counts stay 0."""

    id: int  # number of the connection
    role: str  # "publisher", "subscriber" or "debug"
    address: str
    type: str  # ZeroMQ socket type, where it is known
    age: float  # seconds
    subscriptions: int
    queue_messages: int
    queue_bytes: int
    sent: int
    received: int
    dropped: int


class _ComponentStats(TypedDict, total=False):
    kind: str
    name: str
    state: str
    stop_reason: str
    problem: str  # of its connections; empty where none is known
    events_dropped: int
    ready: bool


class PublisherStats(_ComponentStats, total=False):
    """The counters of a publisher, in envelopes unless the name says bytes."""

    accepted: int
    sent: int
    sent_bytes: int
    unwanted: int
    dropped_no_peer: int
    dropped_full: int
    dropped_old: int
    dropped_conflated: int
    dropped_stop: int
    queued: int
    queued_bytes: int
    peers: list[Peer]


class ReceiverStats(_ComponentStats, total=False):
    """The counters of a receiver, in envelopes unless the name says bytes."""

    arrived: int
    delivered: int
    dropped_origin: int
    dropped_stale: int
    dropped_malformed: int
    dropped_overflow: int
    dropped_old: int
    dropped_conflated: int
    dropped_duplicate: int
    from_future: int
    cached: int
    held: int
    lost: int
    duplicates: int
    lag: float  # seconds
    lag_max: float  # seconds
    queued: int
    queued_bytes: int
    peers: list[Peer]


class PostOfficeStats(_ComponentStats, total=False):
    """The counters of a post office, in messages unless the name says bytes."""

    in_messages: int
    in_bytes: int
    out_messages: int
    out_bytes: int
    unwanted: int
    dropped: int
    cache_topics: int
    cache_messages: int
    cache_bytes: int
    cache_evicted: int
    cache_sent: int
    cache_dropped: int
    publishers: list[Peer]
    subscribers: list[Peer]


class NodeStats(TypedDict):
    """The counters of a node's facilities; empty where a facility has none."""

    name: str
    kind: str
    receiver: Any
    publisher: Any
