"""Types of the public interface: options, events, and the counters that ``stats()`` returns."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Callable, TypedDict, Union

#: A value that an option may be given as.
OptionValue = Union[str, bool, int, float, timedelta]
#: From when on history is wanted: see `Receiver`.
Since = Union[str, datetime, timedelta, float]


class Event(TypedDict, total=False):
    """What happened to a component; the guide lists the kinds.

    Every event has ``kind``, ``level``, ``text`` and ``ts``; the other keys depend on the kind.

    Attributes
    ----------
    kind
        For programs, such as ``"connected"``.
    level
        ``"info"``, ``"warning"`` or ``"error"``.
    text
        For people.
    ts
        Seconds since the Unix epoch.
    address
        Of the endpoint or peer.
    peer
        The number of the connection.
    count
        How many occurrences this event stands for; of ``"lost"``, how many envelopes.
    topic, origin
        Those of the envelope concerned.
    """

    kind: str
    level: str
    text: str
    ts: float
    address: str
    peer: int
    count: int
    topic: str
    origin: str


#: A function that is called with every event of a component.
OnEvent = Callable[[Event], Any]


class Peer(TypedDict, total=False):
    """One connection. With the engine libzmq the counts stay 0.

    Attributes
    ----------
    id
        The number of the connection.
    role
        ``"publisher"``, ``"subscriber"`` or ``"debug"``.
    address
        Of the peer.
    type
        Its ZeroMQ socket type, if that is known.
    key
        Its public key, if it has proved one (CURVE; of TLS the fingerprint).
    uid, gid
        The user and the group that it runs as, over ``ipc``.
    user
        Which user of the policy it is, if there is one.
    age
        Seconds since it has connected.
    subscriptions
        How many it has.
    queue_messages, queue_bytes
        What waits to be sent to it.
    sent, received, dropped
        Messages; dropped are those that its full queue had no room for.
    throttled_seconds, throttled_by
        Of a publisher at a post office: for how long it was held back, and the ``id`` of the
        subscriber for which it last was, if it ever was.
    instance
        That of the component at the other end, if it has said so.
    sent_system, received_system
        The parts of ``sent`` and ``received`` whose topics begin with ``$``.
    denied, filtered
        The parts of ``received`` to which it had no right, and that match no subscription.
    """

    id: int
    role: str
    address: str
    type: str
    key: str
    uid: int
    gid: int
    user: str
    age: float
    subscriptions: int
    queue_messages: int
    queue_bytes: int
    sent: int
    received: int
    dropped: int
    throttled_seconds: float
    throttled_by: int
    instance: str
    sent_system: int
    received_system: int
    denied: int
    filtered: int


class Ended(TypedDict):
    """What went over connections to one component that have ended; see `Peer`.

    Attributes
    ----------
    role, instance
        Of the component at the other end; empty for all that have not said theirs.
    connections
        How many there were.
    sent, received, sent_system, received_system, denied, filtered, dropped
        As those of a peer.
    unsent
        What waited to be sent when they ended.
    """

    role: str
    instance: str
    connections: int
    sent: int
    received: int
    sent_system: int
    received_system: int
    denied: int
    filtered: int
    dropped: int
    unsent: int


class ComponentStats(TypedDict, total=False):
    """What the counters of every component contain.

    Attributes
    ----------
    kind, name, state, stop_reason
        As `get_option` gives them.
    problem
        What is wrong with its connections, for people; empty if nothing is known.
    handshakes_refused
        Connections that failed because one end refused the other.
    dropped_denied, subscriptions_denied
        Messages that peers had no right to publish, and subscriptions that they had no right to.
    events_dropped
        Events that the native library has dropped because they were not taken.
    instance
        A random text, which tells components of the same name apart.
    stats_skipped
        Envelopes about its own state that were not published, because there was no room.
    ready
        Whether it is connected; of a publisher, whether it has a subscriber.
    """

    kind: str
    name: str
    state: str
    stop_reason: str
    problem: str
    handshakes_refused: int
    dropped_denied: int
    subscriptions_denied: int
    events_dropped: int
    instance: str
    stats_skipped: int
    ready: bool


class PublisherStats(ComponentStats, total=False):
    """The counters of a publisher, in envelopes unless the name says bytes.

    ``accepted`` is the sum of ``sent``, ``queued``, ``unwanted`` and all that are dropped.

    Attributes
    ----------
    accepted
        Published without an error, or dropped later.
    sent, sent_bytes
        Handed to a connection.
    unwanted
        No peer was subscribed to them.
    dropped_no_peer
        There was no connection, or it broke before they were written.
    dropped_full, dropped_old, dropped_conflated
        The queue was full, and they were the new ones, the oldest ones, or replaced by newer
        ones of the same topic.
    dropped_stop
        Not sent when the time of a stop was up.
    retained, resent, unconfirmed
        Envelopes of durable topics, all of them in ``sent``: not confirmed by the post office
        yet; sent again over another connection; not confirmed when the time of a stop was up.
    queued, queued_bytes
        Accepted, and neither sent nor dropped yet.
    """

    accepted: int
    sent: int
    sent_bytes: int
    unwanted: int
    dropped_no_peer: int
    dropped_full: int
    dropped_old: int
    dropped_conflated: int
    dropped_stop: int
    retained: int
    resent: int
    unconfirmed: int
    queued: int
    queued_bytes: int
    peers: list[Peer]
    ended: list[Ended]


class ReceiverStats(ComponentStats, total=False):
    """The counters of a receiver, in envelopes unless the name says bytes.

    Attributes
    ----------
    arrived
        All messages that have arrived.
    delivered
        Taken by the program.
    dropped_origin, dropped_stale, dropped_malformed
        Of an origin that is not accepted; too old on arrival; not valid envelopes.
    dropped_overflow, dropped_old, dropped_conflated
        The queue was full, and they were the new ones, the oldest ones, or replaced by newer
        ones of the same topic.
    dropped_duplicate
        Copies of envelopes that came over another path.
    from_future, cached
        Dated in the future; sent by a post office's cache. Both are counted elsewhere as well.
    held
        Waiting for earlier ones that may come over another path.
    lost, duplicates
        Missing, or seen before, as their sequence numbers tell.
    lag, lag_max
        Seconds: the age of the newest envelope on arrival, and the greatest since the start.
    queued, queued_bytes
        Arrived and not taken yet.
    """

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
    lag: float
    lag_max: float
    queued: int
    queued_bytes: int
    peers: list[Peer]
    ended: list[Ended]


class PostOfficeStats(ComponentStats, total=False):
    """The counters of a post office, in messages unless the name says bytes.

    Attributes
    ----------
    in_messages, in_bytes
        Received from publishers.
    out_messages, out_bytes
        Sent to at least one subscriber.
    unwanted
        No subscriber was subscribed to them.
    dropped
        Some had subscribed to them, and the queues of all of these were full.
    dropped_old, dropped_conflated
        Removed from a subscriber's queue for newer ones, or for a newer one of the topic.
    own_messages, own_unwanted, own_dropped
        Envelopes about its own state; of these, those that no subscriber wanted, and those for
        which no subscriber had room.
    throttled_seconds
        For which publishers were held back, summed over all.
    cache_topics, cache_messages, cache_bytes
        What the cache of last values holds.
    cache_evicted, cache_sent, cache_dropped
        What it has evicted, has sent to new subscribers, and could not send.
    history_messages, history_incomplete, history_subscribers
        Sent from history, how often a subscriber was told that it does not get all, and the
        subscribers that read history now.
    """

    in_messages: int
    in_bytes: int
    out_messages: int
    out_bytes: int
    unwanted: int
    dropped: int
    dropped_old: int
    dropped_conflated: int
    own_messages: int
    own_unwanted: int
    own_dropped: int
    throttled_seconds: float
    cache_topics: int
    cache_messages: int
    cache_bytes: int
    cache_evicted: int
    cache_sent: int
    cache_dropped: int
    history_messages: int
    history_incomplete: int
    history_subscribers: int
    publishers: list[Peer]
    subscribers: list[Peer]
    ended: list[Ended]


class NodeStats(TypedDict):
    """The counters of a node's facilities; empty for a facility that has none."""

    name: str
    kind: str
    receiver: Any
    publisher: Any
