"""The counters of publishers, receivers and post offices, for prometheus_client.

The names of post offices are those that ``hermes postoffice --http`` gives at ``/metrics``; those
of publishers and receivers are formed alike. prometheus_client is not a dependency of hermes: it
is imported when a `Collector` collects.

Each metric is a row of a table: its name, its type, the counters that it has, and its help.
`Collector._lock` guards what is added up from scrape to scrape.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Callable

from hermes import _exit_fork

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from hermes._component import Component

Stats = Mapping[str, Any]
Value = Callable[[Stats], Mapping[str, float]]


class Collector:
    """A collector for a registry of prometheus_client.

    Parameters
    ----------
    components
        Publishers, receivers and post offices, or nodes, whose counters are collected; none: all
        that are in the process at the time of each scrape.

    Each scrape takes the counters of each component once. The label ``name`` is that of the
    component: of several of one kind with the same name only the first is collected.
    """

    def __init__(self, *components: Any) -> None:
        self._components = components
        self._lock = threading.Lock()
        # By name of the post office: what was dropped for each receiver, and for all until now.
        self._dropped: dict[str, tuple[dict[int, int], int]] = {}

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics with their values."""
        from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

        taken = _by_kind(self._components or _exit_fork.living())
        for office, stats in taken["postoffice"].items():
            taken["postoffice"][office] = {**stats, "receiver_dropped": self._sum_up(office, stats)}
        for kind, rows in _TABLES.items():
            if not taken[kind]:
                continue
            for name, counts, label, value, text in rows:
                labels = ["name", label] if label else ["name"]
                family = (CounterMetricFamily if counts else GaugeMetricFamily)(
                    f"hermes_{kind}_{name}", text, labels=labels
                )
                for component, stats in taken[kind].items():
                    for which, number in value(stats).items():
                        family.add_metric([component, which] if label else [component], number)
                yield family

    def _sum_up(self, office: str, stats: Stats) -> int:
        """Return what has been dropped for single receivers, those that are gone included.

        What was dropped for one between the last scrape and its end is missing.
        """
        with self._lock:
            before, total = self._dropped.get(office, ({}, 0))
            now: dict[int, int] = {
                p["id"]: max(p["dropped"], before.get(p["id"], 0)) for p in stats["subscribers"]
            }
            total += sum(n - before.get(peer, 0) for peer, n in now.items())
            self._dropped[office] = (now, total)
            return total

    def describe(self) -> Iterable[Metric]:
        """Name nothing: which metrics there are depends on the components."""
        return []


def _by_kind(components: Iterable[Component[Any]]) -> dict[str, dict[str, Stats]]:
    """Return the counters of components that have any, by their kinds and names."""
    found: dict[str, dict[str, Stats]] = {kind: {} for kind in _TABLES}
    for component in components:
        stats = component.stats()
        parts = [stats[part] for part in ("publisher", "receiver") if part in stats]
        for part in parts or [stats]:
            kind = str(part.get("kind", "")).replace(" ", "")
            if kind in found:
                found[kind].setdefault(part["name"], part)
    return found


def _one(key: str) -> Value:
    return lambda stats: {"": float(stats[key])}


def _labelled(**keys: str) -> Value:
    return lambda stats: {label: float(stats[key]) for label, key in keys.items()}


def _peers(stats: Stats) -> dict[str, float]:
    roles = [peer["role"] for peer in stats["subscribers"]]
    return {
        "publisher": float(len(stats["publishers"])),
        "subscriber": float(roles.count("subscriber")),
        "debug": float(roles.count("debug")),
    }


def _queues(key: str, how: Callable[[list[float]], float]) -> Value:
    """Return what makes one number of the queues of all receivers."""
    return lambda stats: {"": float(how([peer[key] for peer in stats["subscribers"]]))}


def _longest(numbers: list[float]) -> float:
    return max(numbers, default=0)


# Name, whether it only grows (then prometheus_client writes _total behind it), label, value, help.
_Row = tuple[str, bool, str, Value, str]

_COMMON: list[_Row] = [
    ("ready", False, "", _one("ready"), "Whether it can do its work now."),
    (
        "handshakes_refused",
        True,
        "",
        _one("handshakes_refused"),
        "Connections that failed because one end refused the other.",
    ),
    (
        "events_dropped",
        True,
        "",
        _one("events_dropped"),
        "Events that were not read and had to make room.",
    ),
]

_POST_OFFICE: list[_Row] = [
    *_COMMON,
    ("in_messages", True, "", _one("in_messages"), "Messages that arrived from publishers."),
    ("in_bytes", True, "", _one("in_bytes"), "Bytes that arrived from publishers."),
    (
        "out_messages",
        True,
        "",
        _one("out_messages"),
        "Messages that were sent to at least one receiver; each counts once.",
    ),
    (
        "out_bytes",
        True,
        "",
        _one("out_bytes"),
        "Bytes that were sent to at least one receiver; each message counts once.",
    ),
    (
        "unwanted_messages",
        True,
        "",
        _one("unwanted"),
        "Messages to which no receiver had subscribed.",
    ),
    (
        "dropped_messages",
        True,
        "reason",
        _labelled(
            queue_full="dropped",
            old="dropped_old",
            conflated="dropped_conflated",
            denied="dropped_denied",
            cache="cache_dropped",
        ),
        "Messages that were dropped.",
    ),
    (
        "receiver_dropped_messages",
        True,
        "",
        _one("receiver_dropped"),
        "Messages that were dropped for single receivers that did not keep up.",
    ),
    ("peers", False, "role", _peers, "Connected peers: publisher, subscriber, or debug."),
    ("subscriptions", False, "", _queues("subscriptions", sum), "Subscriptions of all receivers."),
    (
        "queue_messages",
        False,
        "",
        _queues("queue_messages", sum),
        "Messages that wait for receivers, summed over all queues.",
    ),
    (
        "queue_bytes",
        False,
        "",
        _queues("queue_bytes", sum),
        "Bytes that wait for receivers, summed over all queues.",
    ),
    (
        "longest_queue_messages",
        False,
        "",
        _queues("queue_messages", _longest),
        "Messages that wait for the receiver for which most wait.",
    ),
    (
        "throttled_seconds",
        True,
        "",
        _one("throttled_seconds"),
        "Time for which publishers were held back, summed over all of them.",
    ),
    (
        "denied_subscriptions",
        True,
        "",
        _one("subscriptions_denied"),
        "Subscriptions that peers had no right to.",
    ),
    ("cache_topics", False, "", _one("cache_topics"), "Topics in the cache of last values."),
    ("cache_messages", False, "", _one("cache_messages"), "Messages in the cache of last values."),
    ("cache_bytes", False, "", _one("cache_bytes"), "Size of the cache of last values."),
    (
        "cache_evicted_topics",
        True,
        "",
        _one("cache_evicted"),
        "Topics that were evicted from the cache.",
    ),
    (
        "cache_sent_messages",
        True,
        "",
        _one("cache_sent"),
        "Cached messages that were sent, one for each receiver.",
    ),
    (
        "history_sent_messages",
        True,
        "",
        _one("history_messages"),
        "Messages that were sent from history, one for each receiver.",
    ),
    (
        "history_incomplete",
        True,
        "",
        _one("history_incomplete"),
        "How often a receiver was told that it does not get all history.",
    ),
    (
        "history_subscribers",
        False,
        "",
        _one("history_subscribers"),
        "Receivers that read history now.",
    ),
]

_PUBLISHER: list[_Row] = [
    *_COMMON,
    ("accepted_messages", True, "", _one("accepted"), "Envelopes that were published."),
    ("sent_messages", True, "", _one("sent"), "Envelopes that were written to the network."),
    ("sent_bytes", True, "", _one("sent_bytes"), "Bytes that were written to the network."),
    ("queue_messages", False, "", _one("queued"), "Envelopes that wait to be sent."),
    ("queue_bytes", False, "", _one("queued_bytes"), "Bytes that wait to be sent."),
    ("unwanted_messages", True, "", _one("unwanted"), "Envelopes that no subscription matched."),
    (
        "dropped_messages",
        True,
        "reason",
        _labelled(
            no_peer="dropped_no_peer",
            queue_full="dropped_full",
            old="dropped_old",
            conflated="dropped_conflated",
            stop="dropped_stop",
        ),
        "Envelopes that were dropped.",
    ),
]

_RECEIVER: list[_Row] = [
    *_COMMON,
    ("arrived_messages", True, "", _one("arrived"), "Messages that arrived."),
    ("delivered_messages", True, "", _one("delivered"), "Envelopes that the program has taken."),
    ("queue_messages", False, "", _one("queued"), "Envelopes that wait for the program."),
    ("queue_bytes", False, "", _one("queued_bytes"), "Bytes that wait for the program."),
    ("held_messages", False, "", _one("held"), "Envelopes that wait for earlier ones."),
    (
        "dropped_messages",
        True,
        "reason",
        _labelled(
            origin="dropped_origin",
            stale="dropped_stale",
            malformed="dropped_malformed",
            overflow="dropped_overflow",
            old="dropped_old",
            conflated="dropped_conflated",
            duplicate="dropped_duplicate",
        ),
        "Messages that were dropped.",
    ),
    ("lost_messages", True, "", _one("lost"), "Envelopes that never arrived, by their numbers."),
    ("duplicate_messages", True, "", _one("duplicates"), "Envelopes that were seen before."),
    ("cached_messages", True, "", _one("cached"), "Envelopes from a cache or from history."),
    ("lag_seconds", False, "", _one("lag"), "Age of the newest envelope on arrival."),
    ("lag_max_seconds", False, "", _one("lag_max"), "The greatest age since the start."),
]

_TABLES = {"postoffice": _POST_OFFICE, "publisher": _PUBLISHER, "receiver": _RECEIVER}
