"""Runs the race, or a part of it."""

from __future__ import annotations

import argparse
import os
import sys
import time

from referee import crowd, few, growth, lines, report, rest
from referee.race import Race, progress
from referee.teams import ROOT

SECTIONS = [
    lines.native,
    lines.cpp,
    lines.rust,
    lines.golang,
    lines.relay,
    lines.curve,
    lines.tls,
    lines.fan_out,
    lines.flood,
    lines.latency,
    lines.loaded,
    lines.python,
    lines.asyncio,
    lines.java,
    lines.node,
    lines.call,
    few.few,
    rest.idle,
    rest.memory,
    rest.first_moments,
    growth.payload,
    growth.topics,
    growth.subscriptions,
    growth.receivers,
    growth.publishers,
    crowd.crowd,
]


def main() -> int:
    """Return 0 unless a program crashed or an envelope was wrong; a missed goal is no error."""
    options = _options()
    race = Race(rounds=options.rounds, seconds=options.seconds, long=options.long)
    names = {section.__name__: section for section in SECTIONS}
    load = os.getloadavg()[0]  # of other processes: no program of the race runs yet
    began = time.monotonic()
    for name in options.sections or names:
        names[name](race)
    took = time.monotonic() - began
    where = "; ".join(rest.machine())
    circumstances = (
        f"Measured on {where}: {race.rounds} rounds, "
        f"heats of about {race.seconds:g} s, {took / 60:.1f} minutes in all. "
        f"Load of the machine before: {load:.1f}" + _caution(load) + "."
    )
    for table in report.tables(race):
        progress(f"\n{report.plain(table)}")
    progress(f"\n{circumstances}")
    for fault in race.faults:
        progress(f"FAULT: {fault}")
    if options.write:
        from referee import plots  # needs matplotlib, which is slow to load

        docs = ROOT / "docs"
        plots.draw(race, docs / "performance")
        report.write(race, circumstances, docs / "performance.md")
        progress("written: docs/performance.md, docs/performance/*.svg")
    return 1 if race.faults else 0


def _caution(load: float) -> str:
    """What to say of figures from a machine that has other things to do."""
    if load < 0.5:
        return ""
    return ", so others ran beside the race: spreads are wide, and latencies mean little"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    names = ", ".join(section.__name__ for section in SECTIONS)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"only some of {names}")
    parser.add_argument("--long", action="store_true", help="more and longer heats; 50 million")
    parser.add_argument("--quick", action="store_true", help="only see whether everything works")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    options = parser.parse_args()
    for name in options.sections:
        if name not in names.split(", "):
            parser.error(f"no section {name}; there are {names}")
    if options.write and options.sections:
        parser.error("only a whole race is written")
    options.rounds, options.seconds = 5, 0.6
    if options.long:
        options.rounds, options.seconds = 9, 2.0
    if options.quick:
        options.rounds, options.seconds = 1, 0.05
    return options


if __name__ == "__main__":
    sys.exit(main())
