"""What a cluster needs of each of its machines, and what runs out first. Pure arithmetic.

A cluster has `sites` post offices, each with a NATS server inside that is connected with all
others; or, with `servers`, they join so many NATS servers that run elsewhere. `rate` messages a
second are published in the whole of it, evenly on `topics` topics and at all sites. Its receivers
are spread evenly over the sites, and each has `prefixes` subscriptions, each to one topic; of
topics ranked by popularity, number k is chosen with a weight of 1/k**skew.

1.  A site wants a topic if one of its receivers does: with n = receivers / sites * prefixes
    subscriptions of which one chooses the topic with probability q, that is 1 - (1 - q)**n.
2.  `wanted` is the mean of that over all topics: the share of all messages that a site takes.
3.  A site publishes rate / sites messages a second and sends each to (sites - 1) * wanted others.
4.  It takes rate * (sites - 1) / sites * wanted messages a second from others.
5.  It gives receivers / sites * prefixes * rate / topics copies a second to its receivers.
6.  A NATS server elsewhere takes rate / servers messages a second from sites, gives each to all
    other servers, and gives sites / servers of the sites what they want of all messages.
7.  Where prefixes of other sites are kept, each takes interest_bytes: inside a post office with a
    server those of all other sites, in one without at most MOST_INTEREST, in a server elsewhere
    those of its sites, and those of each other server once.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Callable

from scale.costs import Costs

#: More sites than these are not heard (internal/sites).
MOST_SITES = 4096

#: Beyond so many filters a site asks for everything (internal/interest).
MOST_FILTERS = 100_000

#: A post office keeps so many prefixes of other sites, at most. NATS servers have no such bound.
MOST_INTEREST = 1_000_000

#: What a message has on the connection to a receiver beside its own bytes: four frames' heads.
FRAMING = 8


@dataclasses.dataclass(frozen=True)
class Cluster:
    """What a cluster has to do."""

    sites: int
    receivers: int
    rate: float = 100_000  # messages a second, published in the whole cluster
    size: float = 120  # bytes of a message
    topics: int = 100_000
    prefixes: int = 10  # subscriptions of a receiver
    servers: int = 0  # NATS servers elsewhere; 0: one inside each post office
    skew: float = 0  # 0: all topics are equally popular; 1: as words are


@dataclasses.dataclass(frozen=True)
class Machine:
    """What each site has."""

    processors: float = 4
    memory: float = 16 * 2**30  # bytes
    sockets: float = 65_536
    line: float = 10e9 / 8  # bytes a second, each way


@dataclasses.dataclass(frozen=True)
class Traffic:
    """What one site does in a second, and what it knows."""

    published: float
    sent: float  # copies to other sites
    taken: float  # from other sites
    given: float  # copies to receivers
    receivers: float
    subscriptions: float
    filters: float  # different topics that its receivers want


def traffic(cluster: Cluster) -> Traffic:
    """Return what one site of a cluster does."""
    others = cluster.sites - 1
    subscriptions = cluster.receivers * cluster.prefixes / cluster.sites
    wanted = share_wanted(cluster.topics, subscriptions, cluster.skew)
    published = cluster.rate / cluster.sites
    filters = wanted * cluster.topics
    crossing = 1.0 if filters > MOST_FILTERS else wanted
    return Traffic(
        published=published,
        sent=published * others * crossing,
        taken=published * others * crossing,
        given=subscriptions * cluster.rate / cluster.topics,
        receivers=cluster.receivers / cluster.sites,
        subscriptions=subscriptions,
        filters=min(filters, MOST_FILTERS),
    )


def share_wanted(topics: int, subscriptions: float, skew: float) -> float:
    """Return the share of all topics that at least one of the subscriptions chooses."""
    if skew == 0:
        return missed_by_none(1 / topics, subscriptions)
    weights = [rank**-skew for rank in range(1, topics + 1)]
    total = math.fsum(weights)
    return math.fsum(missed_by_none(w / total, subscriptions) for w in weights) / topics


def missed_by_none(chance: float, tries: float) -> float:
    """Return the probability that one of some tries succeeds, each with the same chance."""
    return 1.0 if chance >= 1 else -math.expm1(tries * math.log1p(-chance))


def needs(cluster: Cluster, costs: Costs, machine: Machine) -> dict[str, float]:
    """Return for each resource which share of it a site needs; above 1 it does not suffice."""
    t, others = traffic(cluster), cluster.sites - 1
    inside = cluster.servers == 0
    idle = others * costs.site_us
    busy = (
        t.published * (costs.in_us + (costs.send_us if t.sent else 0))
        + (t.sent * costs.route_us if inside else 0)
        + t.taken * costs.receive_us
        + t.given * costs.out_us
    )
    interest = others * t.filters
    if not inside:
        interest = min(interest, MOST_INTEREST)
    memory = (
        costs.base_bytes
        + t.receivers * costs.receiver_bytes
        + t.subscriptions * costs.subscription_bytes
        + others * costs.site_bytes
        + interest * costs.interest_bytes
    )
    sockets = costs.base_sockets + t.receivers + (others * costs.site_sockets if inside else 0)
    crossing = cluster.size + costs.overhead_bytes
    out = (t.sent if inside else min(t.sent, t.published)) * crossing + t.given * (
        cluster.size + FRAMING
    )
    into = t.taken * crossing + t.published * (cluster.size + FRAMING)
    shares = {
        "processors": (idle + busy) / 1e6 / machine.processors,
        "memory": memory / machine.memory,
        "sockets": sockets / machine.sockets,
        "line": max(out, into) / machine.line,
        "sites": cluster.sites / MOST_SITES,
    }
    if not inside:
        shares["servers"] = server_needs(cluster, t, costs, machine)
    return shares


def server_needs(cluster: Cluster, t: Traffic, costs: Costs, machine: Machine) -> float:
    """Return which share of its processors or its memory a NATS server elsewhere needs."""
    servers = cluster.servers
    from_sites = t.published * cluster.sites / servers if t.sent else 0
    from_servers = from_sites * (servers - 1)
    copies = from_sites * (servers - 1) + t.taken * cluster.sites / servers
    busy = (from_sites + from_servers) * costs.server_in_us + copies * costs.server_out_us
    here = t.filters * cluster.sites / servers
    kept = here + (servers - 1) * min(cluster.topics, here)
    return max(busy / 1e6 / machine.processors, kept * costs.interest_bytes / machine.memory)


def first_to_break(shares: dict[str, float]) -> str:
    """Return the resource of which most is needed."""
    return max(shares, key=shares.__getitem__)


def most(fits: Callable[[int], bool], bound: int) -> int:
    """Return the greatest number up to a bound that fits, where all smaller ones fit as well."""
    low, high = 0, bound + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def most_receivers(cluster: Cluster, costs: Costs, machine: Machine) -> int:
    """Return how many receivers such a cluster can have."""

    def fits(receivers: int) -> bool:
        grown = dataclasses.replace(cluster, receivers=receivers)
        return max(needs(grown, costs, machine).values()) <= 1

    return most(fits, 10**9)
