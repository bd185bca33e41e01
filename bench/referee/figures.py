"""Numbers as people read them: medians with their spread, ratios, rates."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A median, and the least and the most of what it is the median of."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure:
        """From single values."""
        return cls(statistics.median(values), min(values), max(values))

    @classmethod
    def ratio(cls, ours: Sequence[float], theirs: Sequence[float]) -> Figure:
        """Of runs that were taken in turn."""
        return cls.of([a / b for a, b in zip(ours, theirs)])

    def text(self, form: str = "{:.2f}") -> str:
        """Median and spread."""
        low, high = form.format(self.low), form.format(self.high)
        return f"{form.format(self.median)} ({low} to {high})"


def rate(value: float) -> str:
    """Envelopes a second, in three digits: 2.31 M, 48.2 k, 141."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{three(value / size)} {unit}"
    return three(value)


def three(value: float) -> str:
    """Three digits that count, at least."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"
