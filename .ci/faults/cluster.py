"""Three post offices on hosts of their own, joined by NATS, with traffic from one to all."""

from __future__ import annotations

import time

from harness import HERMES, Office, Process, eventually, traffic
from network import Network

A, B, C = range(3)
NAMES = "ABC"
TOPICS = 10
QUICKLY = ["set.reconnect.min=20ms", "set.reconnect.max=100ms"]
SERVER = HERMES.parent / "nats-server"

#: What the counters of a backbone come to: the sum of the first is the sum of the second.
BOOKS = [
    (
        "given",
        "out_messages waiting_messages unwanted dropped_queue_full dropped_disconnected"
        " dropped_too_long dropped_denied dropped_stopped",
    ),
    (
        "arrived",
        "in_messages waiting_in duplicates dropped_denied_in dropped_slow_messages"
        " dropped_redundant dropped_stopped_in",
    ),
    (
        "durable_given durable_resumed",
        "durable_out durable_waiting durable_dropped_queue_full durable_dropped_backlog_full"
        " durable_dropped_error durable_dropped_damaged durable_dropped_too_long",
    ),
]


class Cluster:
    """The three, with what publishes at A and follows at all.

    The servers of NATS are inside the post offices, or with ``outside`` processes of their own,
    one on each host. In ``flags`` {path} is a directory of the site, in which ``disk`` is a disk
    of the size ``disks``. Where topics are durable, what follows asks for history: what its site
    has delivered while it was not connected has passed for others.
    """

    def __init__(self, path, *flags: str, outside: bool = False, disks: str = "") -> None:
        self.path = path
        self.network = Network(3)
        if disks:
            for name, host in zip(NAMES, self.network.hosts, strict=True):
                host.disk(path / name / "disk", disks)
        self.servers = [self._server(n) for n in range(3)] if outside else []
        self.sites = [self._site(n, flags, outside) for n in range(3)]
        since = ["set.since=all"] if "--durable" in flags else []
        self.sinks = [self._traffic(n, f"out={self.sites[n].outward}", *since) for n in range(3)]
        self.source: Process | None = None

    def _server(self, n: int) -> Process:
        host = self.network.hosts[n]
        routes = ",".join(f"nats://{h.address}:6222" for h in self.network.hosts if h is not host)
        words = ["-n", f"server{n}", "-a", host.address, "-p", "4222", "--cluster_name", "faults"]
        words += ["--cluster", f"nats://{host.address}:6222", "--routes", routes]
        return Process(*host.prefix, SERVER, *words, "-js", "-sd", self.path / f"server{n}")

    def _site(self, n: int, flags, outside: bool) -> Office:
        host = self.network.hosts[n]
        words = ["--cluster", "faults", "--site", NAMES[n]]
        if outside:
            near_first = sorted(self.network.hosts, key=lambda h: h is not host)
            words += ["--join", ",".join(f"nats://{h.address}:4222" for h in near_first)]
        else:
            words += ["--listen", f"{host.address}:6222"]
            for other in self.network.hosts:
                words += ["--route", f"nats://{other.address}:6222"] if other is not host else []
        words += [flag.format(path=self.path / NAMES[n]) for flag in flags]
        return Office(host=host.address, prefix=host.prefix, flags=words)

    def _traffic(self, n: int, *words: str) -> Process:
        return traffic(*words, f"topics={TOPICS}", *QUICKLY, prefix=self.network.hosts[n].prefix)

    def publish(self) -> None:
        """Begin, as soon as every site knows of the others and of what they want."""
        for site in self.sites:
            site.wait(lambda line: counters(line).get("sites") == 2, "the sites do not meet")
            site.wait(lambda line: counters(line)["interest_remote"], "no interest arrives")
        self.source = self._traffic(A, f"in={self.sites[A].inward}", "rate=5000")
        self.all_flows()

    def flowing(self, sink: Process) -> None:
        """Wait until what is sent from now on arrives."""
        before = sink.fresh()["got"]
        sink.wait(lambda line: line["got"] > before + TOPICS, "it does not flow")

    def all_flows(self) -> None:
        for sink in self.sinks:
            self.flowing(sink)

    def finish(self) -> list[dict]:
        """Let the source end, wait until nothing more arrives, and return what the sinks saw."""
        self.source.rest()
        quiet(self.sinks)
        self.source.finish()  # it publishes once more to each topic: what was lost before shows
        quiet(self.sinks)
        self._balanced()
        return [sink.fresh() for sink in self.sinks]

    def complete(self, may_lose: bool = False) -> None:
        """End, and expect that all arrives, but what is counted, once and in order."""
        self.source.rest()
        last = self.source.finish()
        sent = last["sent"]
        dropped = [n for n in BOOKS[2][1].split() if n.startswith("durable_dropped")]
        if may_lose:  # elsewhere all is confirmed, or the source would not have ended
            self.sites[A].wait(lambda line: line["in_messages"] >= sent, "the source is held back")
        lost = sum(counters(self.sites[A].fresh())[name] for name in dropped)
        assert may_lose or not lost, self.sites[A].last
        for sink in self.sinks:
            expected = lost if sink is not self.sinks[A] else 0
            complaint = f"not all has come of {last}, through {self.sites[A].last}"
            sink.wait(lambda line, n=sent - expected: line["got"] >= n, complaint)
            line = sink.fresh()
            assert line["got"] == sent - expected, line
            assert line["missing"] == expected, line
            assert line["backward"] == 0, line
        self._balanced()

    def _balanced(self) -> None:
        """Expect that the books of all sites balance."""
        for site in self.sites:
            site.wait(balanced, "the books do not balance")

    def close(self) -> None:
        source = [self.source] if self.source else []
        for part in [*source, *self.sinks, *self.sites, *self.servers]:
            part.close()
        self.network.close()


def counters(line: dict) -> dict:
    """Those of the backbone in a line of statistics; the first line has only addresses."""
    found = line.get("backbone")
    return found if isinstance(found, dict) else {}


def balanced(line: dict) -> bool:
    """Tell whether nothing is under way, and every message is counted once."""
    book = counters(line)
    sums = [[sum(book[name] for name in side.split()) for side in sides] for sides in BOOKS]
    return all(left == right for left, right in sums)


def quiet(sinks: list[Process]) -> None:
    """Wait until nothing has arrived for two seconds."""
    state = {"got": None, "since": time.monotonic()}

    def silent() -> bool:
        got = [sink.fresh()["got"] for sink in sinks]
        if got != state["got"]:
            state.update(got=got, since=time.monotonic())
        return time.monotonic() - state["since"] > 2

    eventually(silent, "it does not end")


def counted(lines: list[dict]) -> None:
    """Expect that every loss is counted, and that nothing came twice or in another order."""
    for line in lines:
        assert line["backward"] == 0, line
        assert line["missing"] == line["receiver"]["lost"], line
