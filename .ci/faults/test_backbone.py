"""Three post offices on hosts of their own, joined by NATS, of which something fails.

One of them, a server, a disk, a clock or the network fails while envelopes cross. What is lost is
counted; of durable topics nothing is lost.
"""

from __future__ import annotations

import os
import time

import pytest
from clock import Clock
from cluster import A, B, C, Cluster, counted, counters
from harness import closing

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "2"))
#: Seconds that a host is cut off for; a minute in a long run.
PARTITION = float(os.environ.get("FAULT_PARTITION", "3"))
HOUR = 3600
DURABLE = ["--durable", "traffic/", "--backlog", "{path}/backlog"]
#: Each message is on all three servers.
REPLICATED = ["--durable", "traffic/,replicas=3", "--backlog", "{path}/backlog"]


@pytest.fixture
def cluster(tmp_path, request):
    """Make a cluster with the flags, and the keywords, that a test has as its parameter."""
    flags, more = request.param
    made = Cluster(tmp_path, *flags, **more)
    with closing(made):
        yield made


def with_cluster(*flags: str, **more):
    """Say which cluster a test has."""
    return pytest.mark.parametrize("cluster", [(flags, more)], indirect=True, ids=[""])


plain = with_cluster()
durable = with_cluster(*DURABLE, "--store", "{path}/store")
plain_outside = with_cluster(outside=True)
durable_outside = with_cluster(*DURABLE, outside=True)
replicated_outside = with_cluster(*REPLICATED, outside=True)


@plain
def test_nothing_is_lost_without_a_fault(cluster):
    cluster.publish()
    lines = cluster.finish()
    counted(lines)
    assert [line["missing"] for line in lines] == [0, 0, 0], lines


def kill_and_start(processes) -> None:
    """Kill all of them, and start them again."""
    for process in processes:
        process.kill()
    for process in processes:
        process.start()


@plain
@pytest.mark.parametrize("victims", [[B], [A], [A, B, C]], ids=["one", "publisher", "all"])
def test_kill_9_of_post_offices(cluster, victims):
    cluster.publish()
    for _ in range(ROUNDS):
        kill_and_start([cluster.sites[n] for n in victims])
        cluster.all_flows()
    counted(cluster.finish())


@durable
def test_durable_topics_survive_kill_9_of_another_site(cluster):
    cluster.publish()
    for _ in range(ROUNDS):
        cluster.sites[B].kill()
        time.sleep(1)  # what B's receivers are to get later
        cluster.sites[B].start()
        cluster.flowing(cluster.sinks[B])
    cluster.complete()


@durable
def test_durable_topics_survive_kill_9_of_the_publishers_site(cluster):
    """What the publisher sends again arrives once, also at A, whose receiver asks for history."""
    cluster.publish()
    for _ in range(ROUNDS):
        kill_and_start([cluster.sites[A]])
        cluster.all_flows()
    cluster.complete()


@plain_outside
@pytest.mark.parametrize("victims", [[A], [A, B, C]], ids=["one", "all"])
def test_kill_9_of_nats_servers(cluster, victims):
    cluster.publish()
    for _ in range(ROUNDS):
        kill_and_start([cluster.servers[n] for n in victims])
        cluster.all_flows()
    counted(cluster.finish())


@durable_outside
@pytest.mark.parametrize("victims", [[A], [A, B, C]], ids=["one", "all"])
def test_durable_topics_survive_kill_9_of_nats_servers(cluster, victims):
    cluster.publish()
    for _ in range(ROUNDS):
        kill_and_start([cluster.servers[n] for n in victims])
        cluster.all_flows()
    cluster.complete()


@replicated_outside
def test_replicated_topics_survive_kill_9_of_a_nats_server(cluster):
    cluster.publish()
    for n in range(ROUNDS):
        kill_and_start([cluster.servers[n % 3]])
        cluster.all_flows()
    cluster.complete()


@plain
def test_a_site_is_cut_off(cluster):
    cluster.publish()
    for _ in range(ROUNDS):
        cluster.network.cut(B)
        cluster.flowing(cluster.sinks[C])
        time.sleep(PARTITION)
        cluster.network.restore(B)
        cluster.flowing(cluster.sinks[B])
    counted(cluster.finish())


@durable
def test_durable_topics_survive_a_partition(cluster):
    cluster.publish()
    for victim in (A, B) * ROUNDS:
        cluster.network.cut(victim)
        time.sleep(PARTITION)
        cluster.network.restore(victim)
        cluster.flowing(cluster.sinks[B])
    cluster.complete()


def test_what_a_full_disk_costs_is_counted(tmp_path):
    """What has no room on the disk waits in memory, and at publishers that are confirmed to."""
    disk = ["--durable", "traffic/", "--backlog", "{path}/disk/backlog"]
    cluster = Cluster(tmp_path, *disk, outside=True, disks="1m")
    with closing(cluster):
        cluster.publish()
        source = cluster.sites[A]
        for _ in range(ROUNDS):
            before = unwritten(source.fresh())
            for server in cluster.servers:
                server.kill()
            source.wait(
                lambda line, n=before: unwritten(line) > n + 1000,
                "the disk does not become full",
            )
            for server in cluster.servers:
                server.start()
            cluster.all_flows()
        cluster.complete(may_lose=True)


def unwritten(line: dict) -> int:
    """Count the messages that are not in the backlog."""
    return counters(line)["durable_given"] - counters(line)["durable_appended"]


def step_clocks(cluster) -> None:
    """Set the clocks of one host after the other an hour ahead, behind, and right again."""
    hosts = [[site, sink] for site, sink in zip(cluster.sites, cluster.sinks, strict=True)]
    hosts[A].append(cluster.source)
    clocks = [[Clock(process) for process in host] for host in hosts]
    for n in range(ROUNDS + 1):
        for seconds in (HOUR, -HOUR, 0):
            for clock in clocks[n % 3]:
                clock.step(seconds)
            cluster.all_flows()


@plain
def test_clocks_are_set(cluster):
    cluster.publish()
    step_clocks(cluster)
    lines = cluster.finish()
    counted(lines)
    assert [line["missing"] for line in lines] == [0, 0, 0], lines


@durable
def test_clocks_are_set_while_durable_topics_flow(cluster):
    cluster.publish()
    step_clocks(cluster)
    cluster.complete()
