"""Measures the costs, with 1 to 8 post offices on this machine: `python -m scale --calibrate`.

Each cost is the difference between two runs that differ in one thing, over the number of things.
Processor time is what the kernel says of the process of one post office, so that what else runs on
the machine matters little; memory is what the process occupies.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import platform
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import date
from typing import Any, Callable

import hermes
from referee.process import Process

from scale.costs import FILE, Costs, write
from scale.crowd import Crowd

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERMES, NATS = ROOT / "build/hermes", ROOT / "build/nats-server"
SITES = 8
RATE = 20_000  # messages a second
BURST = 0.001  # seconds between two calls that publish
TOPICS = 100
COPIES = 3  # of each message to receivers that take one topic
SECONDS = 4  # of a measurement
ROUNDS = 3  # of those that are compared
PATIENCE = 120
RECEIVERS = 2_000
SUBSCRIPTIONS = 100  # of each
INTERESTS = 50_000


class Office(Process):
    """A post office in a process of its own."""

    def __init__(self, *flags: str) -> None:
        """Start it, at ports that the system chooses."""
        anywhere = "tcp://127.0.0.1:*"
        more = ["--stats", "250ms", "--set", f"limit.connections={2 * RECEIVERS}"]
        command = [str(HERMES), "postoffice", "--in", anywhere, "--out", anywhere]
        super().__init__([*command, *more, *flags], by_signal=True)
        self.endpoints = self.result(time.monotonic() + PATIENCE)
        self.counters: dict[str, Any] = {}
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with contextlib.suppress(Exception):  # it has been ended
            while True:
                self.counters = self.result(time.monotonic() + PATIENCE)

    def sockets(self) -> int:
        """How many sockets it has."""
        links = pathlib.Path(f"/proc/{self.pid}/fd").iterdir()
        return sum(str(os.readlink(link)).startswith("socket:") for link in links)

    def written(self) -> int:
        """Bytes that it has written, to files and sockets."""
        text = pathlib.Path(f"/proc/{self.pid}/io").read_text()
        return int(dict(line.split(": ") for line in text.splitlines())["wchar"])


class Sites:
    """Post offices that join each other."""

    def __init__(self, count: int, *join: str) -> None:
        """Start them, each with a server inside, or all at those of `join`."""
        self.offices: list[Office] = []
        for number in range(count):
            way = [*join] or ["--listen", "127.0.0.1:*"]
            if self.offices and not join:
                way += ["--route", self.offices[0].endpoints["backbone"]]
            self.offices.append(Office("--site", f"site-{number}", *way))
        for office in self.offices:
            until(lambda office=office: backbone(office).get("sites") == count - 1)

    def end(self) -> None:
        """End them."""
        for office in self.offices:
            office.end()


def backbone(office: Office) -> dict[str, Any]:
    """Return the counters of a post office's backbone."""
    return office.counters.get("backbone", {})


def until(true: Callable[[], Any]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > end:
            raise TimeoutError("the post offices do not get ready")
        time.sleep(0.05)


def settled(read: Callable[[], int]) -> int:
    """Return a figure once it has stayed within a hundredth for a second."""
    last, since = read(), time.monotonic()
    while time.monotonic() - since < 1:
        time.sleep(0.1)
        now = read()
        if abs(now - last) > last / 100:
            last, since = now, time.monotonic()
    return last


@contextlib.contextmanager
def publishing(office: Office) -> Iterator[hermes.Publisher]:
    """Publish at a rate meanwhile, on many topics in turn."""
    data = ["Tick", 1763800000.000042, "BTCUSD", 42010.5, 1000000042]
    envelopes = [hermes.Envelope(f"ticks/{n}/", "exchange", data) for n in range(TOPICS)]
    end = threading.Event()
    with hermes.Publisher(office.endpoints["in"], "exchange") as publisher:
        assert publisher.wait_ready(PATIENCE)

        def publish() -> None:
            begun, number = time.monotonic(), 0
            while not end.wait(BURST):
                due = int((time.monotonic() - begun) * RATE)
                while number < due:
                    publisher.publish(envelopes[number % TOPICS])
                    number += 1

        thread = threading.Thread(target=publish)
        thread.start()
        try:
            yield publisher
        finally:
            end.set()
            thread.join()


def running(publisher: hermes.Publisher, processes: list[Process]) -> list[float]:
    """Return the microseconds of each process for one message that is published."""
    time.sleep(1)
    sent, before = publisher.stats()["sent"], [process.cpu() for process in processes]
    time.sleep(SECONDS)
    count = publisher.stats()["sent"] - sent
    return [1e6 * (p.cpu() - was) / count for p, was in zip(processes, before)]


def of_receivers() -> dict[str, float]:
    """Measure what receivers of a post office cost, and a message from a publisher."""
    sites = Sites(1)
    (office,) = sites.offices
    costs = {"base_bytes": float(settled(office.memory)), "base_sockets": float(office.sockets())}
    used = []
    with Crowd() as crowd:
        crowd.add(office.endpoints["out"], [""])
        for copies in (0, COPIES):
            for n in range(copies * TOPICS):  # each takes one topic, and so has writes of its own
                crowd.add(office.endpoints["out"], [f"ticks/{n % TOPICS}/"])
            with publishing(office) as publisher:
                used += running(publisher, [office])
    costs["in_us"] = used[0]  # with one receiver, which has whole batches
    costs["out_us"] = (used[1] - used[0]) / COPIES
    before = settled(office.memory)
    with Crowd() as crowd:
        made = [crowd.add(office.endpoints["out"], [f"r/{n}"]) for n in range(RECEIVERS)]
        between = settled(office.memory)
        for n, one in enumerate(made):
            crowd.subscribe(one, (f"r/{n}/{k}" for k in range(SUBSCRIPTIONS)))
        after = settled(office.memory)
    sites.end()
    costs["receiver_bytes"] = (between - before) / RECEIVERS
    costs["subscription_bytes"] = (after - between) / RECEIVERS / SUBSCRIPTIONS
    return costs


def of_sites(local: dict[str, float]) -> dict[str, float]:
    """Measure what other sites cost, and messages to and from them."""
    idle = {}
    for count in (1, SITES):
        sites = Sites(count)
        first, others = sites.offices[0], sites.offices[1:]
        memory, begun = settled(first.memory), first.cpu()
        time.sleep(2 * SECONDS)
        idle[count] = (1e6 * (first.cpu() - begun) / 2 / SECONDS, memory, first.sockets())
        if others:
            one, all_of_them = of_crossing(first, others)
            interest = of_interest(first, others[0])
        sites.end()
    few, many = SITES - 1, one
    costs = {
        "site_us": (idle[SITES][0] - idle[1][0]) / few,
        "site_bytes": (idle[SITES][1] - idle[1][1]) / few,
        "site_sockets": (idle[SITES][2] - idle[1][2]) / few,
        "interest_bytes": interest,
        "route_us": (all_of_them[0] - many[0]) / (few - 1),
        "receive_us": many[1],  # with one receiver, which has whole batches
        "overhead_bytes": many[2],
    }
    costs["send_us"] = many[0] - local["in_us"] - costs["route_us"]
    return costs


def of_crossing(first: Office, others: list[Office]) -> list[tuple[float, ...]]:
    """Publish at the first site for receivers at one other, then at all others, and again.

    Return for each the microseconds at the first, those at the second, and the bytes that the
    first has written for a message beside its own.
    """
    found: list[list[tuple[float, ...]]] = [[], []]
    for _ in range(ROUNDS):
        for offices, figures in zip((others[:1], others), found):
            with Crowd() as crowd:
                for one in offices:
                    crowd.add(one.endpoints["out"], [""])
                with publishing(first) as publisher:
                    stats, written = publisher.stats(), first.written()
                    used = running(publisher, [first, others[0]])
                    now = publisher.stats()
                    count = now["sent"] - stats["sent"]
                    size = (now["sent_bytes"] - stats["sent_bytes"]) / count
                    figures.append((*used, (first.written() - written) / count - size))
    return [tuple(sum(column) / ROUNDS for column in zip(*figures)) for figures in found]


def of_interest(first: Office, other: Office) -> float:
    """Return the bytes at the first site for a prefix that is wanted at the other."""
    before = settled(first.memory)
    with Crowd() as crowd:
        crowd.add(other.endpoints["out"], (f"i/{n}/" for n in range(INTERESTS)))
        until(lambda: backbone(first).get("interest_remote", 0) >= INTERESTS)
        return (settled(first.memory) - before) / INTERESTS


def of_servers() -> dict[str, float]:
    """Measure what a message costs a NATS server that runs elsewhere."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    server = Process([str(NATS), "-a", "127.0.0.1", "-p", port], by_signal=True)
    until(lambda: socket.socket().connect_ex(("127.0.0.1", int(port))) == 0)
    sites = Sites(SITES, "--join", f"nats://127.0.0.1:{port}")
    first, others = sites.offices[0], sites.offices[1:]
    used: list[list[float]] = [[], []]
    for _ in range(ROUNDS):
        for offices, figures in zip((others[:1], others), used):
            with Crowd() as crowd:
                for one in offices:
                    crowd.add(one.endpoints["out"], [""])
                with publishing(first) as publisher:
                    figures += running(publisher, [server])
    one, more = (sum(figures) / ROUNDS for figures in used)
    sites.end()
    server.end()
    out = (more - one) / (SITES - 2)
    return {"server_in_us": one - out, "server_out_us": out}


def main() -> None:
    """Measure all, and write it."""
    local = of_receivers()
    measured = {**local, **of_sites(local), **of_servers()}
    # The server inside does for a route what one elsewhere does for a client. Where processors are
    # short, that disappears behind the larger runs in which messages are sent then.
    measured["route_us"] = max(measured["route_us"], measured["server_out_us"])
    model = next(
        line.split(":")[1].strip()
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    )
    told = subprocess.run([HERMES, "version"], stdout=subprocess.PIPE, text=True, check=True)
    machine = f"{model}, {os.cpu_count()} processors, Linux {platform.machine()}"
    about = {"date": date.today().isoformat(), "machine": machine, "version": told.stdout.strip()}
    write(Costs(**{name: max(value, 0.0) for name, value in measured.items()}), about)
    print(FILE.read_text(), end="")
