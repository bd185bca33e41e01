"""What envelopes cost where they are few."""

from __future__ import annotations

from referee import teams as t
from referee.figures import Figure
from referee.heat import Heat
from referee.lines import SIDES, cost
from referee.race import Race, Table, progress

RATES = (1, 20, 100, 1000)  # envelopes a second
SETTLE = 1  # seconds; before the start probes are sent every 5 ms
GOAL = 1.0  # of libzmq's processor time


def few(race: Race) -> None:
    """Processor time and switches of threads, at rates at which all programs mostly sleep."""
    rows = []
    for rate in RATES:
        progress(f"Few envelopes: {rate}/s")
        count = max(int(8 * race.seconds * rate), 1) + int(SETTLE * rate)
        teams = [t.LIBZMQ, t.HERMES_C_ONE]
        rounds = max(race.rounds // 2, 1)
        out = race.compete(teams, lambda _: count, rounds, rate=rate, timed=1, settle=SETTLE)  # noqa: B023
        ratio = out.ratio(t.HERMES_C_ONE, t.LIBZMQ, cost)
        what = f"CPU an envelope at {rate:,}/s, hermes, C, hermes_recv, to libzmq"
        if ratio is None:
            race.add(what, "failed", f"≤ {GOAL} ×", False)
            continue
        ours, theirs = (out.median(team, cost) for team in (t.HERMES_C_ONE, t.LIBZMQ))
        figure = f"{ratio.text()} ×: {ours:.0f} µs to {theirs:.0f} µs"
        race.add(what, figure, f"≤ {GOAL} ×", ratio.median <= GOAL)
        for team in teams:
            heats = out.heats[team.name]
            rows.append([f"{rate:,}/s, {team.name}", *_cells(heats)])
    header = ["publisher + broker + subscriber", "CPU, µs an envelope", "switches", "p50, µs"]
    race.tables.append(Table("few", header, rows))


def _cells(heats: list[Heat]) -> list[str]:
    cpu = [Figure.of([h.cpu[side] for h in heats]).median for side in SIDES]
    switches = [Figure.of([h.switches[side] for h in heats]).median for side in SIDES]
    delay = Figure.of([h.delays["p50"] for h in heats])
    return [
        " + ".join(map("{:.0f}".format, cpu)),
        " + ".join(map("{:.1f}".format, switches)),
        delay.text("{:.0f}"),
    ]
