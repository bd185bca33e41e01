"""Three post offices on hosts of their own, joined by the servers of NATS that they run.

One of them, or the network, fails while envelopes cross. What is lost is counted by the
receivers; of durable topics nothing is lost.
"""

from __future__ import annotations

import os
import time

import pytest
from harness import Office, closing, eventually, traffic
from network import Network

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "2"))
#: Seconds that a host is cut off for; a minute in a long run.
PARTITION = float(os.environ.get("FAULT_PARTITION", "3"))
QUICKLY = ["set.reconnect.min=20ms", "set.reconnect.max=100ms"]
A, B, C = range(3)
TOPICS = 10


class Cluster:
    """The three, with what publishes at A and follows at all."""

    def __init__(self, path, *flags: str) -> None:
        self.network = Network(3)
        self.sites = [self._site(n, path, flags) for n in range(3)]
        self.sinks = [self._traffic(n, f"out={self.sites[n].outward}") for n in range(3)]
        self.source = None

    def _site(self, n: int, path, flags) -> Office:
        host = self.network.hosts[n]
        others = [h for h in self.network.hosts if h is not host]
        words = ["--cluster", "faults", "--site", "ABC"[n], "--listen", f"{host.address}:6222"]
        for other in others:
            words += ["--route", f"nats://{other.address}:6222"]
        words += [flag.format(path=path / "ABC"[n]) for flag in flags]
        return Office(host=host.address, prefix=host.prefix, flags=words)

    def _traffic(self, n: int, *words: str):
        return traffic(*words, f"topics={TOPICS}", *QUICKLY, prefix=self.network.hosts[n].prefix)

    def publish(self) -> None:
        """Begin, as soon as every site knows of the others and of what they want."""
        for site in self.sites:
            site.wait(lambda line: counters(line).get("sites") == 2, "the sites do not meet")
            site.wait(lambda line: counters(line)["interest_remote"], "no interest arrives")
        self.source = self._traffic(A, f"in={self.sites[A].inward}", "rate=5000")
        for sink in self.sinks:
            self.flowing(sink)

    def flowing(self, sink) -> None:
        """Wait until what is sent from now on arrives."""
        before = sink.fresh()["got"]
        sink.wait(lambda line: line["got"] > before + TOPICS, "it does not flow")

    def finish(self) -> list[dict]:
        """Let the source end, wait until nothing more arrives, and return what the sinks saw."""
        self.source.rest()
        for sink in self.sinks:
            quiet(sink)
        self.source.finish()  # it publishes once more to each topic: what was lost before shows
        for sink in self.sinks:
            quiet(sink)
        return [sink.fresh() for sink in self.sinks]

    def close(self) -> None:
        for part in [*([self.source] if self.source else []), *self.sinks, *self.sites]:
            part.close()
        self.network.close()


def counters(line: dict) -> dict:
    """Those of the backbone in a line of statistics; the first line has only addresses."""
    return line["backbone"] if isinstance(line["backbone"], dict) else {}


def quiet(sink) -> None:
    """Wait until nothing has arrived for two seconds."""
    state = {"got": -1, "since": time.monotonic()}

    def silent() -> bool:
        got = sink.fresh()["got"]
        if got != state["got"]:
            state.update(got=got, since=time.monotonic())
        return time.monotonic() - state["since"] > 2

    eventually(silent, "it does not end")


@pytest.fixture
def plain(tmp_path):
    made = Cluster(tmp_path)
    with closing(made):
        yield made


@pytest.fixture
def durable(tmp_path):
    made = Cluster(
        tmp_path, "--durable", "traffic/", "--backlog", "{path}/backlog", "--store", "{path}/store"
    )
    with closing(made):
        yield made


def counted(lines: list[dict]) -> None:
    """Expect that every loss is counted, and that nothing came twice or in another order."""
    for line in lines:
        assert line["backward"] == 0, line
        assert line["missing"] == line["receiver"]["lost"], line


def complete(cluster: Cluster) -> None:
    """End, and expect that everything arrives everywhere, once and in order."""
    cluster.source.rest()
    sent = cluster.source.finish()["sent"]
    for sink in cluster.sinks:
        sink.wait(lambda line: line["got"] + line["missing"] >= sent, "not all has come")
        line = sink.fresh()
        assert line["backward"] == line["missing"] == 0, line
        assert line["got"] == sent, line


def test_nothing_is_lost_without_a_fault(plain):
    plain.publish()
    lines = plain.finish()
    counted(lines)
    assert [line["missing"] for line in lines] == [0, 0, 0], lines


@pytest.mark.parametrize("victims", [[B], [A], [A, B, C]], ids=["one", "publisher", "all"])
def test_kill_9_of_post_offices(plain, victims):
    plain.publish()
    for _ in range(ROUNDS):
        for n in victims:
            plain.sites[n].kill()
        for n in victims:
            plain.sites[n].start()
        for sink in plain.sinks:
            plain.flowing(sink)
    counted(plain.finish())


def test_a_site_is_cut_off(plain):
    plain.publish()
    for _ in range(ROUNDS):
        plain.network.cut(B)
        plain.flowing(plain.sinks[C])
        time.sleep(PARTITION)
        plain.network.restore(B)
        plain.flowing(plain.sinks[B])
    counted(plain.finish())


def test_durable_topics_survive_kill_9_of_another_site(durable):
    durable.publish()
    for _ in range(ROUNDS):
        durable.sites[B].kill()
        time.sleep(1)  # what B's receivers are to get later
        durable.sites[B].start()
        durable.flowing(durable.sinks[B])
    complete(durable)


def test_durable_topics_survive_a_partition(durable):
    durable.publish()
    for victim in (A, B) * ROUNDS:
        durable.network.cut(victim)
        time.sleep(PARTITION)
        durable.network.restore(victim)
        durable.flowing(durable.sinks[B])
    complete(durable)
