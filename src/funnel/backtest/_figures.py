"""Sums of a ranking, from the number of people and buyers of each score; every figure is a quotient of two sums.

Sums of several days are added, so only people of one day are compared. Ties have no order: any part of the people with
one score has the same share of buyers, and a tied pair counts half.
"""

from __future__ import annotations

from typing import Any, TypeAlias

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
