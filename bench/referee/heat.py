"""One heat: publishers, broker and subscribers of one team, started, checked, measured."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from referee.process import Failure, Process
from referee.teams import Team

#: How long a heat may take, in seconds; it fails if it takes longer.
PATIENCE = 120.0


@dataclass
class Heat:
    """What came out of one."""

    rate: float  # envelopes a second, from the word to start to the last arrival
    cpu: dict[str, float]  # microseconds of processor time an envelope, by side
    switches: dict[str, float]  # switches of threads for an envelope, by side
    memory: dict[str, int]  # bytes that each process held at the end
    most_memory: dict[str, int]  # bytes that each process has held at most
    publisher: dict[str, Any]  # what the first of each reported
    broker: dict[str, Any]
    subscriber: dict[str, Any]
    delays: dict[str, float] = field(default_factory=dict)  # microseconds


def free_ports(count: int) -> list[int]:
    """Return free ports."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def wait_for_port(port: int, broker: Process) -> None:
    """Wait until a program listens there."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and broker.alive():
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.005)
    raise broker.failure("does not listen")


class Cast:
    """The processes of one heat."""

    def __init__(self, team: Team, stack: contextlib.ExitStack) -> None:
        self.team = team
        self._stack = stack
        self.publishers: list[Process] = []
        self.subscribers: list[Process] = []
        self._in, self._out = free_ports(2)
        if team.broker.one_port:
            self._out = self._in
        self._common: list[str] = []
        if team.window:
            file = stack.enter_context(tempfile.NamedTemporaryFile())  # noqa: SIM115 (as it says)
            file.write(bytes(8))
            file.flush()
            self._common = [f"progress={file.name}"]
        self.broker = self.start(
            team.broker.command(self._in, self._out), by_signal=team.broker.by_signal
        )
        for port in {self._in, self._out}:
            wait_for_port(port, self.broker)

    def start(self, command: list[str], by_signal: bool = False) -> Process:
        """Start a program that ends with this cast."""
        process = Process(command, self.team.environment, by_signal)
        self._stack.callback(process.end)
        return process

    def subscribe(self, **settings: Any) -> None:
        """Add a subscriber."""
        words = [*self.team.receive, self.addresses()[1], *_words(settings), *self._common]
        self.subscribers.append(self.start(words))

    def publish(self, role: str | None = None, **settings: Any) -> None:
        """Add a publisher; with another role of its program, if one is given."""
        words = [*self.team.publish, self.addresses()[0], *_words(settings), *self._common]
        if role is not None:
            words[words.index("publish")] = role
        self.publishers.append(self.start(words))

    def addresses(self) -> list[str]:
        """Where both sides of the broker are, as arguments of a program."""
        form = self.team.broker.address
        return ["in=" + form.format(self._in), "out=" + form.format(self._out)]

    def sides(self) -> dict[str, list[Process]]:
        """All processes."""
        return {
            "publisher": self.publishers,
            "broker": [self.broker],
            "subscriber": self.subscribers,
        }

    def cpu(self) -> dict[str, float]:
        """Seconds of processor time so far, of each side."""
        return {name: sum(p.cpu() for p in side) for name, side in self.sides().items()}

    def switches(self) -> dict[str, int]:
        """Switches of threads so far, of each side."""
        return {name: sum(p.switches() for p in side) for name, side in self.sides().items()}

    def firsts(self) -> dict[str, Process]:
        """The broker, and the first of each other side."""
        return {
            "publisher": self.publishers[0],
            "broker": self.broker,
            "subscriber": self.subscribers[0],
        }

    def sizes(self) -> dict[str, int]:
        """The memory that these hold, in bytes."""
        return {name: process.memory() for name, process in self.firsts().items()}

    def go(self) -> None:
        """Wait until all ways are open, and give the word."""
        deadline = time.monotonic() + PATIENCE
        for subscriber in self.subscribers:
            line = subscriber.line(deadline)
            if line != "ready":
                raise subscriber.failure(f"printed {line!r}")
        for publisher in self.publishers:
            publisher.go()


def _words(settings: dict[str, Any]) -> Iterator[str]:
    return (f"{key}={value}" for key, value in settings.items())


def run(
    team: Team,
    count: int,
    *,
    publishers: int = 1,
    subscribers: int = 1,
    subscriptions: int = 0,
    role: str | None = None,
    settle: float = 0,
    **settings: Any,
) -> Heat:
    """One heat, in which each publisher sends ``count`` envelopes to every subscriber.

    Processor time and switches are counted ``settle`` seconds after the start, where that is
    not 0: for programs with a rate, once they have got into it.
    """
    with contextlib.ExitStack() as stack:
        cast = Cast(team, stack)
        for _ in range(subscribers):
            cast.subscribe(
                count=count * publishers,
                publishers=publishers,
                subscriptions=subscriptions,
                **settings,
            )
        for number in range(publishers):
            cast.publish(role, origin=f"p{number:03d}", count=count, **settings)
        cast.go()
        time.sleep(settle)
        before, switched = cast.cpu(), cast.switches()
        deadline = time.monotonic() + PATIENCE
        sent = [p.result(deadline) for p in cast.publishers]
        taken = [s.result(deadline) for s in cast.subscribers]
        after = cast.cpu()
        switched = {side: n - switched[side] for side, n in cast.switches().items()}
        memory = cast.sizes()
        most = {name: process.most_memory() for name, process in cast.firsts().items()}
        told = {}
        if team.broker.tells:
            cast.broker.release()
            told = cast.broker.result(deadline)
    for result in taken:
        check(team, result, count * publishers)
    seconds = (max(r["last"] for r in taken) - min(r["start"] for r in sent)) / 1e9
    delays = {k: taken[0][k] / 1e3 for k in ("p50", "p99", "p999") if k in taken[0]}
    total = count * publishers
    counted = total - int(settle * settings.get("rate", 0)) * publishers
    cpu = {side: (after[side] - before[side]) * 1e6 / counted for side in after}
    switches = {side: n / counted for side, n in switched.items()}
    return Heat(total / seconds, cpu, switches, memory, most, sent[0], told, taken[0], delays)


def check(team: Team, result: dict[str, Any], count: int) -> None:
    """Count, order and content."""
    if result["count"] != count:
        raise Failure(f"{team.name}: {result['count']} of {count} envelopes arrived")
    if result["wrong"]:
        raise Failure(f"{team.name}: {result['wrong']} wrong; the first: {result['complaint']}")
