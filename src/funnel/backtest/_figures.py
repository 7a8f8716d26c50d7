"""Sums of a ranking, from the number of people and buyers of each score; every figure is a quotient of two sums.

Sums of several days are added, so only people of one day are compared. Ties have no order: any part of the people with
one score has the same share of buyers, and a tied pair counts half.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]
Indices: TypeAlias = npt.NDArray[np.intp]
Whole: TypeAlias = npt.NDArray[np.int64]

TOP = 10
"""The top is one person in this many."""

_CLOSE = 1 << 16
"""Whole numbers within this range are counted by index, without sorting."""


def tiers(scores: Whole) -> tuple[Whole, Indices]:
    """Return the distinct scores, ascending, and the index of each person's score."""
    if not len(scores):
        return scores, np.empty(0, np.intp)
    low, high = int(scores.min()), int(scores.max())
    if high - low >= _CLOSE:
        distinct, indexes = np.unique(scores, return_inverse=True)
        return distinct, indexes
    near = scores - low
    there = np.bincount(near) > 0
    return np.flatnonzero(there) + low, (np.cumsum(there) - 1)[near]


def counts_by_score(indexes: Indices, bought: Flags, width: int) -> tuple[Floats, Floats]:
    """Count the people and buyers of each score."""
    people = np.bincount(indexes, minlength=width).astype(np.float64)
    return people, np.bincount(indexes[bought], minlength=width).astype(np.float64)


def ranked(people: Floats, bought: Floats) -> Floats:
    """Return the four sums of a ranking of ascending scores, in the last axis.

    The sums: people in the top, buyers in the top, pairs of a buyer and another person with the buyer ranked higher,
    and all such pairs.
    """
    missed = people - bought
    above = (bought * (missed.cumsum(-1) - missed / 2)).sum(-1)
    pairs = bought.sum(-1) * missed.sum(-1)
    top = people.sum(-1) / TOP
    falling, buyers = people[..., ::-1], bought[..., ::-1]
    before = falling.cumsum(-1) - falling
    inside = np.clip(top[..., None] - before, 0, falling)
    share = np.divide(buyers, falling, out=np.zeros_like(falling), where=falling > 0)
    return np.stack([top, (inside * share).sum(-1), above, pairs], axis=-1)


def quotient(over: Floats, under: Floats) -> Floats:
    """Divide; NaN if the divisor is zero."""
    nothing: Any = np.full(np.broadcast_shapes(over.shape, under.shape), np.nan)
    divided: Floats = np.divide(over, under, out=nothing, where=under > 0)
    return divided


# ---- bootstrap intervals: each figure computed again for resampled people --------------------------------------------

# People are resampled, not rows: all days of a person stay together. Above a number of people, they are put into random
# groups, and groups are resampled. Sums of groups are as independent of each other as sums of people, so the spread is
# the same, and the work does not grow with the number of people. If a score has very many values, neighbouring values
# are merged for the spread only. The figure itself uses the exact scores.
#
# Source: B. Efron and R. J. Tibshirani, An Introduction to the Bootstrap (1993), chapters 6 and 13. Groups: K. M.
# Wolter, Introduction to Variance Estimation (2007), chapter 2.


GROUPS = 400
"""Number of groups: up to this number of people, each person is a group."""

DRAWS = 400
"""Number of bootstrap draws."""

BINS = 128
"""Maximum number of distinct scores for the spread."""


@attrs.frozen(eq=False)
class Draws:
    """Bootstrap draws of people.

    Attributes:
        group: Group of each person.
        weights: How often each group was drawn, one row per draw. The first row is every group once.
    """

    group: Indices
    weights: Floats

    @classmethod
    def of(cls, people: int, seed: int) -> Draws:
        """Draw from a number of people; the same seed gives the same draws."""
        chance = np.random.default_rng(seed)
        groups = max(1, min(people, GROUPS))
        group = chance.permutation(people) % groups
        counts = chance.multinomial(groups, np.full(groups, 1 / groups), size=DRAWS)
        return cls(group, np.vstack([np.ones(groups), counts]).astype(np.float64))

    def summed(self, group: Indices, values: Floats | None = None) -> Floats:
        """Return the sum over rows for every draw; the row count without values."""
        by_group = np.bincount(group, values, minlength=self.weights.shape[1])
        summed: Floats = self.weights @ by_group.astype(np.float64)
        return summed

    def by_tier(self, group: Indices, indexes: Indices, bought: Flags, width: int) -> tuple[Floats, Floats]:
        """Count people and buyers of each score, one row per group."""
        groups = self.weights.shape[1]
        people, buyers = counts_by_score(group * width + indexes, bought, groups * width)
        return people.reshape(groups, width), buyers.reshape(groups, width)

    def ranked(self, group: Indices, indexes: Indices, bought: Flags, people: Floats) -> Floats:
        """Return the ranking sums of every draw; `people` is the count of each score."""
        bins = binned(people)
        width = int(bins[-1]) + 1 if len(bins) else 0
        each, buyers = self.by_tier(group, bins[indexes], bought, width)
        return ranked(self.weights @ each, self.weights @ buyers)


def binned(people: Floats, most: int = BINS) -> Indices:
    """Return the bin of each score: one per score if few, else bins of similar size."""
    if len(people) <= most:
        return np.arange(len(people))
    middle = people.cumsum() - people / 2
    bins: Indices = (middle * most / people.sum()).astype(np.intp)
    return bins


def spread(draws: Floats, value: float, confidence_level: float) -> tuple[float, float] | None:
    """Return the interval of a figure from its values per draw.

    The first draw is everyone.

    None if the figure is undefined in at least one draw in twenty.
    """
    others = draws[1:][~np.isnan(draws[1:])]
    if len(others) * 20 <= 19 * (len(draws) - 1):
        return None
    away = (1 - confidence_level) / 2
    low, high = np.quantile(others, [away, 1 - away]) - draws[0]
    return value + float(low), value + float(high)
