"""Sums of the figures of a table over days, for every bootstrap draw of people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import attrs
import numpy as np

from funnel.backtest._figures import Draws, Flags, Floats, Indices, binned
from funnel.backtest._scores import FigureSettings
from funnel.backtest._table_result import BacktestRow, Question

QUANTILES = {"earliest": 0.1, "likely": 0.5, "latest": 0.9}
"""The three times of a window, and the share of purchases that each promises."""
_STEPS = 1000
"""Chances are grouped by permille before they are put into bins."""
_BINS = 10
"""Bins of the calibration error: the convention of reliability diagrams."""
_PER_DAY = 86_400_000_000


Key: TypeAlias = tuple[Question, str, str]
"""The question, the subject and the name of a figure."""


@attrs.define(eq=False)
class _Quotient:
    """Numerator and denominator for every draw, and the people who bought."""

    over: Floats
    under: Floats
    bought: Flags


@attrs.define(eq=False)
class _Levels:
    """People, expected and actual buyers by group of people and by permille of chance."""

    people: Floats
    expected: Floats
    bought: Floats
    buyers: Flags

    def error(self, draws: Draws) -> tuple[Floats, Floats]:
        """Return the sum of the differences of expected and actual buyers by bin, and the people, for every draw."""
        there = self.people.sum(0) > 0
        bins = binned(self.people.sum(0)[there], _BINS)
        _, bins = np.unique(bins, return_inverse=True)
        each = np.eye(int(bins.max(initial=-1)) + 1)[bins.reshape(-1)]
        people, expected, bought = (
            draws.weights @ (one[:, there] @ each) for one in (self.people, self.expected, self.bought)
        )
        return np.abs(expected - bought).sum(1), people.sum(1)


@attrs.define(eq=False)
class TableSums:
    """All sums of a table.

    Attributes:
        people: Number of people.
        draws: Bootstrap draws of people.
    """

    people: int
    draws: Draws
    _quotients: dict[Key, _Quotient] = attrs.field(factory=dict[Key, _Quotient], init=False)
    _levels: dict[str, _Levels] = attrs.field(factory=dict[str, _Levels], init=False)

    def add(self, key: Key, persons: Indices, over: Floats | Flags, under: Floats | Flags, bought: Flags) -> None:
        """Add one day to a figure.

        Args:
            key: The question, the subject and the name of the figure.
            persons: Number of each person.
            over: The part of the numerator of each person.
            under: The part of the denominator.
            bought: Whether each person bought.
        """
        nothing = np.zeros(len(self.draws.weights))
        sums = self._quotients.setdefault(key, _Quotient(nothing, nothing, np.zeros(self.people, np.bool_)))
        group = self.draws.group[persons]
        sums.over = sums.over + self.draws.summed(group, over.astype(np.float64))
        sums.under = sums.under + self.draws.summed(group, under.astype(np.float64))
        sums.bought[persons[bought]] = True

    def add_chances(self, subject: str, persons: Indices, chance: Floats, bought: Flags) -> None:
        """Add the chances of one day."""
        everyone = np.ones(len(persons))
        self.add(("chance", subject, "brier"), persons, (chance - bought) ** 2, everyone, bought)
        self.add(("chance", subject, "expected_per_buyer"), persons, chance, bought, bought)
        shape = self.draws.weights.shape[1], _STEPS + 1
        levels = self._levels.setdefault(
            subject, _Levels(np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(self.people, np.bool_))
        )
        level = self.draws.group[persons] * shape[1] + np.rint(chance * _STEPS).astype(np.intp)
        size = shape[0] * shape[1]
        levels.people += np.bincount(level, minlength=size).reshape(shape)
        levels.expected += np.bincount(level, chance, size).reshape(shape)
        levels.bought += np.bincount(level[bought], minlength=size).reshape(shape)
        levels.buyers[persons[bought]] = True

    def add_windows(self, subject: str, persons: Indices, times: Floats, actual: Floats) -> None:
        """Add the windows of one day.

        Args:
            subject: Whose windows they are.
            persons: Number of each person with a window and a next occasion.
            times: Earliest, likely and latest time of each person, in microseconds, one row each.
            actual: The time until the next occasion.
        """
        everyone = np.ones(len(persons))
        bought = np.ones(len(persons), np.bool_)
        inside = (times[0] <= actual) & (actual <= times[2])
        self.add(("window", subject, "coverage"), persons, inside, everyone, bought)
        self.add(("window", subject, "before_likely"), persons, actual < times[1], everyone, bought)
        for (name, share), time in zip(QUANTILES.items(), times, strict=True):
            error = (actual - time) / _PER_DAY
            loss = np.maximum(share * error, (share - 1) * error)
            self.add(("window", subject, f"{name}_loss"), persons, loss, everyone, bought)

    def rows(self, settings: FigureSettings) -> Iterator[BacktestRow]:
        """Yield the rows, in the order in which they were first added; the calibration error follows the chances."""
        for key, one in self._quotients.items():
            yield _row(key, one.over, one.under, one.bought, settings)
            if key[2] == "expected_per_buyer":
                levels = self._levels[key[1]]
                yield _row((*key[:2], "calibration_error"), *levels.error(self.draws), levels.buyers, settings)


def _row(key: Key, over: Floats, under: Floats, bought: Flags, settings: FigureSettings) -> BacktestRow:
    parts = (float(over[0]), over), (float(under[0]), under)
    return BacktestRow(*key, settings.quotient_figure(*parts, int(bought.sum())))
