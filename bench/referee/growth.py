"""How speed changes with what grows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from referee import teams as t
from referee.figures import Figure
from referee.race import Race, Series, progress
from referee.teams import Team

OURS, THEIRS = t.HERMES_C_BATCH, t.LIBZMQ
TEAMS = [OURS, THEIRS]

#: What a heat costs with n of something, as so many plain envelopes.
Cost = Callable[[int], float]


def _grow(
    race: Race,
    name: str,
    label: str,
    values: list[int],
    settings: Callable[[int], dict[str, Any]],
    cost: Cost = lambda _: 1.0,
    least: Cost = lambda _: 100,
) -> None:
    progress(f"Growth: {label}")
    rates: dict[str, list[Figure | None]] = {team.name: [] for team in TEAMS}
    ratios: list[Figure | None] = []
    for value in values:

        def count(team: Team, value: int = value) -> int:
            return int(max(race.count(team) / 2 / cost(value), least(value)))

        out = race.compete(TEAMS, count, **settings(value))
        for team in TEAMS:
            heats = out.heats.get(team.name)
            rates[team.name].append(Figure.of([h.rate for h in heats]) if heats else None)
        ratio = out.ratio(OURS, THEIRS, lambda h: h.rate)
        ratios.append(ratio)
        progress(f"  {value}: {ratio.text() if ratio else 'failed'} ×")
    race.series.append(Series(name, label, values, rates, ratios))


def payload(race: Race) -> None:
    """16 bytes to 1 MiB of data."""
    _grow(
        race,
        "payload",
        "bytes of data in an envelope",
        [16, 256, 4096, 65536, 1 << 20],
        lambda n: {"payload": n},
        cost=lambda n: 1 + n / 500,
        least=lambda _: 200,
    )


def topics(race: Race) -> None:
    """1 to 100,000 topics, a million in a long race, each envelope on the next."""
    values = [1, 10, 100, 1000, 10_000, 100_000] + [1_000_000] * race.long
    _grow(race, "topics", "topics", values, lambda n: {"topics": n}, least=lambda n: 2 * n)


def subscriptions(race: Race) -> None:
    """1 to 10,000 subscriptions, of which the last matches."""
    values = [1, 10, 100, 1000, 10_000]
    label = "subscriptions of the receiver"
    _grow(race, "subscriptions", label, values, lambda n: {"subscriptions": n})


def receivers(race: Race) -> None:
    """1 to 32 receivers of everything."""
    values = [1, 2, 4, 8, 16, 32]
    _grow(race, "receivers", "receivers", values, lambda n: {"subscribers": n}, cost=lambda n: n)


def publishers(race: Race) -> None:
    """1 to 32 publishers."""
    values = [1, 2, 4, 8, 16, 32]
    _grow(race, "publishers", "publishers", values, lambda n: {"publishers": n}, cost=lambda n: n)
