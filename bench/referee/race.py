"""The whole race: what was found, and how teams take turns."""

from __future__ import annotations

import functools
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from referee import heat
from referee.figures import Figure
from referee.heat import Heat
from referee.process import Failure
from referee.teams import Team


@dataclass
class Line:
    """One line of the main table."""

    what: str
    figure: str
    goal: str = ""
    met: bool | None = None


@dataclass
class Table:
    """More numbers, for docs/performance.md."""

    name: str
    header: list[str]
    rows: list[list[str]]


@dataclass
class Series:
    """How the rates of teams change with something that grows."""

    name: str
    label: str  # of what grows
    values: list[int]
    rates: dict[str, list[Figure | None]]  # by team; None where it failed
    ratio: list[Figure | None]  # of the first team to the second


@dataclass
class Race:
    """How much is run, and what was found."""

    rounds: int = 5
    seconds: float = 0.6  # that one heat at full speed should take, roughly
    long: bool = False
    lines: list[Line] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    series: list[Series] = field(default_factory=list)
    memory: list[tuple[float, dict[str, int]]] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @property
    def few(self) -> int:
        """How often teams run that take long to start."""
        return self.rounds if self.long else min(self.rounds, 3)

    def add(self, what: str, figure: str, goal: str = "", met: bool | None = None) -> None:
        """Add a line, and show it at once."""
        line = Line(what, figure, goal, met)
        self.lines.append(line)
        verdict = {None: "", True: "met", False: "missed"}[met]
        progress(f"  {what}: {figure}" + (f"  [goal {goal}: {verdict}]" if goal else ""))

    def note_missing(self, team: Team) -> bool:
        """Whether the team cannot take part; then that is remembered."""
        reason = team.missing()
        if reason is not None and team.name not in self.missing:
            self.missing[team.name] = reason
            progress(f"  {team.name}: missing: {reason}")
        return reason is not None

    def guard(self, work: Callable[[], Any]) -> Any:
        """What work gives; None if a contestant failed, which is remembered."""
        try:
            return work()
        except Failure as failure:
            self.faults.append(str(failure))
            progress(f"  FAULT: {failure}")
            return None

    def compete(
        self,
        teams: Sequence[Team],
        count: Callable[[Team], int],
        rounds: int | None = None,
        of_team: Callable[[Team], dict[str, Any]] = lambda _: {},
        **settings: Any,
    ) -> Outcome:
        """Heats of the teams in turn: A B C, A B C, ... One that fails is out.

        What ``of_team`` gives are settings of one team, besides those of all.
        """
        outcome = Outcome({team.name: [] for team in teams if not self.note_missing(team)})
        for _ in range(rounds or self.rounds):
            for team in teams:
                if team.name in outcome.heats:
                    work = functools.partial(
                        heat.run, team, count(team), **settings, **of_team(team)
                    )
                    done = self.guard(work)
                    if done is None:
                        del outcome.heats[team.name]
                    else:
                        outcome.heats[team.name].append(done)
        return outcome

    def count(self, team: Team) -> int:
        """How many envelopes a heat of the team at full speed has."""
        return max(int(team.speed * self.seconds), 1000)


@dataclass
class Outcome:
    """The heats of several teams, by the team's name."""

    heats: dict[str, list[Heat]]

    def has(self, *teams: Team) -> bool:
        """Whether all of them finished."""
        return all(team.name in self.heats for team in teams)

    def values(self, team: Team, of: Callable[[Heat], float]) -> list[float]:
        """One value of each heat."""
        return [of(h) for h in self.heats[team.name]]

    def median(self, team: Team, of: Callable[[Heat], float]) -> float:
        """Their median."""
        return statistics.median(self.values(team, of))

    def ratio(self, ours: Team, theirs: Team, of: Callable[[Heat], float]) -> Figure | None:
        """Of two teams; None if one of them did not finish."""
        if not self.has(ours, theirs):
            return None
        return Figure.ratio(self.values(ours, of), self.values(theirs, of))


def progress(text: str) -> None:
    """Say what is going on."""
    print(text, flush=True, file=sys.stdout)
