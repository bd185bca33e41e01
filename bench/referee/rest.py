"""The lines that are not about speed: rest, memory, and the first moments."""

from __future__ import annotations

import contextlib
import subprocess
import time

from referee import teams as t
from referee.figures import Figure
from referee.heat import PATIENCE, Cast, check, run
from referee.process import Process
from referee.race import Race, progress
from referee.teams import Team

FLAT = 1.10  # how much memory may grow after the warm-up and still count as flat


def _resting(team: Team, command: list[str], seconds: float) -> float:
    """The share of one core that an office and a node take with nothing to do."""
    with contextlib.ExitStack() as stack:
        cast = Cast(team, stack)
        node = cast.start([*command, "node", *cast.addresses()])
        node.line(time.monotonic() + PATIENCE)
        time.sleep(1)
        before = cast.broker.cpu() + node.cpu()
        time.sleep(seconds)
        return (cast.broker.cpu() + node.cpu() - before) / seconds


def idle(race: Race) -> None:
    """What it costs to wait."""
    progress("Idle")
    seconds = 8 * race.seconds
    ours = race.guard(lambda: _resting(t.HERMES_C_ONE, t.HERMES_C_ONE.publish[:1], seconds))
    old = race.guard(lambda: _resting(t.OLD, t.OLD.publish[:-1], seconds / 4))
    figure = "failed" if ours is None else f"{ours:.2%} of a core"
    if old is not None:
        figure += f"; hermes-zmq 1.3.0: {old:.0%}"
    met = ours is not None and ours < 0.005
    race.add("idle: PostOffice, Publisher, Receiver and Node loop", figure, "< 0.5 %", met)


def memory(race: Race) -> None:
    """Many envelopes through all parts, at a rate that leaves the queues short."""
    progress("Memory")
    team = t.HERMES_C_BATCH
    # A third of what goes through at most, so that queues stay short.
    probe = race.guard(lambda: run(team, race.count(team)))
    if probe is None:
        race.add("memory", "failed", "flat", False)
        return
    rate = int(probe.rate / 3)
    count = 50_000_000 if race.long else int(15 * race.seconds * rate)
    samples = race.guard(lambda: _sampled(team, count, rate))
    if not samples:
        race.add("memory", "failed", "flat", False)
        return
    race.memory = samples
    fifth = max(len(samples) // 5, 1)
    early, late = (
        Figure.of([sum(s.values()) for _, s in part]).median / 2**20
        for part in (samples[fifth : 2 * fifth] or samples, samples[-fifth:])
    )
    figure = f"{early:.0f} MiB after the warm-up, {late:.0f} MiB at the end"
    what = f"memory of all parts together, {count / 1e6:.3g} million envelopes"
    race.add(what, figure, "flat", late <= FLAT * early)
    _allocations(race)


def _sampled(team: Team, count: int, rate: int) -> list[tuple[float, dict[str, int]]]:
    """How much each process holds as time goes by."""
    samples = []
    with contextlib.ExitStack() as stack:
        cast = Cast(team, stack)
        cast.subscribe(count=count)
        cast.publish(count=count, rate=rate)
        cast.go()
        start = time.monotonic()
        while not cast.subscribers[0].has_line(0.1):
            samples.append((time.monotonic() - start, cast.sizes()))
        deadline = time.monotonic() + PATIENCE
        check(team, cast.subscribers[0].result(deadline), count)
        cast.publishers[0].result(deadline)
    return samples


def _allocations(race: Race) -> None:
    """What Go allocates for one envelope, in all three parts."""
    team = t.HERMES_GO_INSIDE
    count = int(2_000_000 * race.seconds)
    heat = race.guard(lambda: run(team, count))
    what, goal = "Go allocations per envelope: publisher, post office, receiver", "0"
    if heat is None:
        race.add(what, "failed", goal, False)
        return
    each = [who["allocations"] / count for who in (heat.publisher, heat.broker, heat.subscriber)]
    # What is left is per batch and per program, not per envelope.
    race.add(what, ", ".join(f"{x:.4f}" for x in each), goal, max(each) < 0.05)


def first_moments(race: Race) -> None:
    """From nothing to the first node."""
    progress("First moments")
    imports, ups = [], []
    with contextlib.ExitStack() as stack:
        cast = Cast(t.HERMES_PYTHON, stack)
        for _ in range(2 * race.rounds + 1):
            command = [t.PYTHON, str(t.SIDES / "first_moments.py"), "node", *cast.addresses()]
            process = Process(command, t.HERMES_PYTHON.environment)
            stack.callback(process.end)
            result = process.result(time.monotonic() + PATIENCE)
            process.end()
            imports.append(result["import"])
            ups.append(result["up"])
    # The first one warms the caches of the disk.
    for what, values, goal in (
        ("import hermes", imports[1:], 50),
        ("first node up, import included", ups[1:], 100),
    ):
        figure = Figure.of(values)
        race.add(what, f"{figure.text('{:.0f}')} ms", f"< {goal} ms", figure.median < goal)


def machine() -> list[str]:
    """What all this ran on."""
    with open("/proc/cpuinfo") as file:
        models = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    kernel = subprocess.run(["uname", "-sr"], capture_output=True, text=True, check=True).stdout
    return [f"{len(models)} × {models[0] if models else 'unknown'}", kernel.strip()]
