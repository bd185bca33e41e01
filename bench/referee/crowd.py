"""Thousands of receivers: how long until the last one has an envelope, and what each takes."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass

from referee import teams as t
from referee.figures import Figure
from referee.heat import PATIENCE, free_ports, wait_for_port
from referee.process import Process
from referee.race import Race, Table, progress
from referee.teams import Broker, Team


@dataclass
class Crowd:
    """What came out of one."""

    p50: float  # microseconds from a publication to its arrival at the last receiver
    p90: float
    cpu: float  # microseconds of the broker's processor time, for each receiver of an envelope
    memory: float  # bytes of the broker, for each connection


#: The brokers, each by a team that has it, with its name, what it speaks, and what its command
#: needs besides. The default of limit.connections is 4,096.
BROKERS: list[tuple[Team, str, str, list[str]]] = [
    (t.HERMES_C_BATCH, "PostOffice", "zmtp", ["--set", "limit.connections=20000"]),
    (t.LIBZMQ, "zmq_proxy", "zmtp", []),
    (t.NATS_GO, "nats-server", "nats", []),
]


def crowd(race: Race) -> None:
    """1,000 and 9,000 receivers; in a long race only."""
    if not race.long:
        return
    progress("Thousands of receivers")
    rows = []
    for receivers in (1000, 9000):
        takers = [broker for broker in BROKERS if not race.note_missing(broker[0])]
        found: dict[str, list[Crowd]] = {name: [] for _, name, _, _ in takers}
        for _ in range(race.rounds):
            for team, name, speaks, more in takers:
                done = race.guard(lambda: _run(team, speaks, more, receivers))  # noqa: B023
                if done:
                    found[name].append(done)
        for name, runs in found.items():
            if runs:
                rows.append([f"{receivers:,}", name, *_cells(runs)])
                progress("  " + ", ".join(rows[-1]))
    header = ["receivers", "broker", "p50, ms", "p90, ms", "CPU, µs a receiver", "KiB a connection"]
    race.tables.append(Table("crowd", header, rows))


def _cells(runs: list[Crowd]) -> list[str]:
    columns = (
        [x.p50 / 1e3 for x in runs],
        [x.p90 / 1e3 for x in runs],
        [x.cpu for x in runs],
        [x.memory / 1024 for x in runs],
    )
    return [Figure.of(column).text("{:.1f}") for column in columns]


def _run(team: Team, speaks: str, more: list[str], receivers: int) -> Crowd:
    rounds = 100_000 // receivers
    broker: Broker = team.broker
    with contextlib.ExitStack() as stack:
        into, out = free_ports(2)
        if broker.one_port:
            out = into
        process = Process([*broker.command(into, out), *more], team.environment, broker.by_signal)
        stack.callback(process.end)
        for port in {into, out}:
            wait_for_port(port, process)
        before = process.memory()
        addresses = ["in=" + broker.address.format(into), "out=" + broker.address.format(out)]
        words = [f"speaks={speaks}", f"receivers={receivers}", f"rounds={rounds}"]
        peers = Process([str(t.BENCH / "crowd"), "publish", *addresses, *words])
        stack.callback(peers.end)
        deadline = time.monotonic() + PATIENCE
        if peers.line(deadline) != "ready":
            raise peers.failure("is not ready")
        began = process.cpu()
        peers.go()
        result = peers.result(deadline)
        cpu = (process.cpu() - began) * 1e6 / (rounds * receivers)
        memory = (process.memory() - before) / receivers
    return Crowd(result["p50"] / 1e3, result["p90"] / 1e3, cpu, memory)
