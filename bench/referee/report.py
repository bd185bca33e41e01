"""The tables of docs/performance.md, and the one at the end of a run."""

from __future__ import annotations

import re
from pathlib import Path

from referee.figures import rate
from referee.race import Race, Series, Table

VERDICTS = {None: "", True: "met", False: "**missed**"}


def main_table(race: Race) -> Table:
    """Every line, with its goal beside it."""
    rows = [[line.what, line.figure, line.goal, VERDICTS[line.met]] for line in race.lines]
    rows += [[team, "missing: " + why, "", ""] for team, why in race.missing.items()]
    return Table("race", ["line", "figure", "goal", ""], rows)


def growth_table(series: Series) -> Table:
    """One series in numbers."""
    names = list(series.rates)
    rows = []
    for i, value in enumerate(series.values):
        cells = [series.rates[name][i] for name in names]
        ratio = series.ratio[i]
        rows.append(
            [
                f"{value:,}",
                *(rate(c.median) if c else "failed" for c in cells),
                ratio.text() if ratio else "",
            ]
        )
    return Table(series.name, [series.label, *names, "ratio"], rows)


def markdown(table: Table) -> str:
    """As Markdown."""
    lines = [table.header, ["---"] * len(table.header), *table.rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def plain(table: Table) -> str:
    """For a terminal."""
    rows = [[cell.replace("*", "") for cell in row] for row in [table.header, *table.rows]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows
    )


def tables(race: Race) -> list[Table]:
    """All of them."""
    return [main_table(race), *race.tables, *map(growth_table, race.series)]


def write(race: Race, circumstances: str, document: Path) -> None:
    """Put the tables between the marks of the document that have their names."""
    text = document.read_text()
    without = []
    parts = {table.name: markdown(table) for table in tables(race)}
    parts["circumstances"] = circumstances
    for name, content in parts.items():
        begin, end = f"<!-- begin: {name} -->", "<!-- end -->"
        pattern = re.compile(re.escape(begin) + r".*?" + re.escape(end), re.DOTALL)
        text, found = pattern.subn(lambda _: f"{begin}\n\n{content}\n\n{end}", text)  # noqa: B023
        if found != 1:
            without.append(name)
    document.write_text(text)
    if without:  # the others are not lost
        raise ValueError(f"{document.name} has no single place for {', '.join(without)}")
