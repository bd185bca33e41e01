"""The plots of docs/performance, as SVG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
# The same numbers make the same file.
matplotlib.rcParams["svg.hashsalt"] = "hermes"
matplotlib.rcParams["svg.fonttype"] = "none"
matplotlib.rcParams["font.family"] = "sans-serif"

from matplotlib import pyplot  # noqa: E402 (after the settings)
from matplotlib.ticker import FuncFormatter  # noqa: E402

from referee.race import Race, Series  # noqa: E402

COLOURS = ["#0b6e4f", "#c1440e", "#3d5a80", "#8d6a9f"]


def draw(race: Race, folder: Path) -> None:
    """All of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for series in race.series:
        _growth(series, folder / f"{series.name}.svg")
    if race.memory:
        _memory(race, folder / "memory.svg")


def _growth(series: Series, file: Path) -> None:
    """Speeds above, with their spread; our lead below."""
    figure, (speeds, lead) = pyplot.subplots(
        2, 1, sharex=True, figsize=(7, 5.2), height_ratios=(3, 1.4), layout="constrained"
    )
    for (team, rates), colour in zip(series.rates.items(), COLOURS):
        known = [(x, r) for x, r in zip(series.values, rates) if r is not None]
        xs = [x for x, _ in known]
        medians = [r.median for _, r in known]
        spread = [[r.median - r.low for _, r in known], [r.high - r.median for _, r in known]]
        speeds.errorbar(xs, medians, spread, label=team, color=colour, marker="o", ms=4, capsize=3)
    leads = [(x, r.median) for x, r in zip(series.values, series.ratio) if r is not None]
    lead.plot(*zip(*leads), color="black", marker="o", ms=4)
    lead.axhline(1, color="grey", lw=0.8)
    speeds.set(yscale="log", ylabel="envelopes/s")
    lead.set(xscale="log", xlabel=series.label, ylabel="ratio", ylim=(0, None))
    lead.set_xticks(series.values, [_short(x) for x in series.values])
    lead.minorticks_off()
    speeds.yaxis.set_major_formatter(FuncFormatter(lambda y, _: _short(y)))
    speeds.legend(frameon=False)
    for axes in (speeds, lead):
        _tidy(axes)
    _save(figure, file)


def _memory(race: Race, file: Path) -> None:
    figure, axes = pyplot.subplots(figsize=(7, 3), layout="constrained")
    times = [at for at, _ in race.memory]
    for name, colour in zip(race.memory[0][1], COLOURS):
        axes.plot(
            times, [sizes[name] / 2**20 for _, sizes in race.memory], label=name, color=colour
        )
    axes.set(xlabel="seconds", ylabel="resident MiB", ylim=(0, None))
    axes.legend(frameon=False)
    _tidy(axes)
    _save(figure, file)


def _short(value: float) -> str:
    """1 k for 1000 and 64 Ki for 65536."""
    for unit, size in (("Mi", 1 << 20), ("Ki", 1 << 10)):
        if value == size or (value > 4000 and value % size == 0):
            return f"{value / size:g} {unit}"
    for unit, size in (("M", 1_000_000), ("k", 1000)):
        if value >= size:
            return f"{value / size:g} {unit}"
    return f"{value:g}"


def _tidy(axes: Any) -> None:
    axes.grid(True, which="major", lw=0.4, alpha=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def _save(figure: Any, file: Path) -> None:
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)
