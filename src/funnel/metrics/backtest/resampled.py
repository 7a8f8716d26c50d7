"""How sure a figure is: the same figure for people drawn again and again from those there are.

People are drawn, never rows: all days of a person come along. Beyond some number of people they are put into groups at
random, and groups are drawn: the sums of groups are as independent of each other as those of people, so the spread is
the same, and the work does not grow with the number of people. Where a score has very many values, neighbouring
ones are put together for the spread alone; the figure itself is of the scores as they are.

Source: B. Efron and R. J. Tibshirani, An Introduction to the Bootstrap (1993), chapters 6 and 13; of groups:
K. M. Wolter, Introduction to Variance Estimation (2007), chapter 2.
"""

from __future__ import annotations

import attrs
import numpy as np

from funnel.metrics.backtest.figures import Flags, Floats, Places, counted, ranked

GROUPS = 400
"""Up to so many people each is drawn; beyond, so many groups."""

DRAWS = 400
"""How often people are drawn."""

BINS = 128
"""Of how many scores the spread is worked out."""


@attrs.frozen(eq=False)
class Draws:
    """People drawn again and again.

    Attributes:
        group: The group of each person.
        weights: How often each group was drawn, a row a draw; the first row is everyone once.
    """

    group: Places
    weights: Floats

    @classmethod
    def of(cls, people: int, seed: int) -> Draws:
        """Draw from so many people; the same seed draws the same."""
        chance = np.random.default_rng(seed)
        groups = max(1, min(people, GROUPS))
        group = chance.permutation(people) % groups
        drawn = chance.multinomial(groups, np.full(groups, 1 / groups), size=DRAWS)
        return cls(group, np.vstack([np.ones(groups), drawn]).astype(np.float64))

    def summed(self, group: Places, values: Floats | None = None) -> Floats:
        """A sum over rows, for every draw; a count where there are no values."""
        by_group = np.bincount(group, values, minlength=self.weights.shape[1])
        summed: Floats = self.weights @ by_group.astype(np.float64)
        return summed

    def by_tier(self, group: Places, places: Places, bought: Flags, width: int) -> tuple[Floats, Floats]:
        """How many people of each group have each score, and how many of them bought: a row a group."""
        groups = self.weights.shape[1]
        people, buyers = counted(group * width + places, bought, groups * width)
        return people.reshape(groups, width), buyers.reshape(groups, width)

    def ranked(self, group: Places, places: Places, bought: Flags, people: Floats) -> Floats:
        """What the order of the scores is worth, for every draw; `people` is how many have each score."""
        bins = binned(people)
        width = int(bins[-1]) + 1 if len(bins) else 0
        each, buyers = self.by_tier(group, bins[places], bought, width)
        return ranked(self.weights @ each, self.weights @ buyers)


def binned(people: Floats) -> Places:
    """The bin of each score: of its own where there are few, else of about as many people as the others."""
    if len(people) <= BINS:
        return np.arange(len(people))
    middle = people.cumsum() - people / 2
    bins: Places = (middle * BINS / people.sum()).astype(np.intp)
    return bins


def spread(draws: Floats, value: float, level: float) -> tuple[float, float] | None:
    """The interval of a figure from what it was for each draw, the first of which is everyone.

    None where it could not be told for one draw in twenty or more.
    """
    others = draws[1:][~np.isnan(draws[1:])]
    if len(others) * 20 <= 19 * (len(draws) - 1):
        return None
    away = (1 - level) / 2
    low, high = np.quantile(others, [away, 1 - away]) - draws[0]
    return value + float(low), value + float(high)
