"""From how many people have each score, and how many of them bought, to sums of which every figure is a quotient.

Sums of several days are added: what is compared is always people of one day. Ties are in no order: of people with one
score, any part holds as many buyers as the whole, and two of them are half in the right order.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]
Places: TypeAlias = npt.NDArray[np.intp]
Whole: TypeAlias = npt.NDArray[np.int64]

TOP = 10
"""One person in so many is in the top."""

_CLOSE = 1 << 16
"""Whole numbers that lie within this are counted at their places, without sorting them."""


def tiers(scores: Whole) -> tuple[Whole, Places]:
    """The scores that anybody has, from the lowest, and the place of everyone's score among them."""
    if not len(scores):
        return scores, np.empty(0, np.intp)
    low, high = int(scores.min()), int(scores.max())
    if high - low >= _CLOSE:
        found, places = np.unique(scores, return_inverse=True)
        return found, places
    near = scores - low
    there = np.bincount(near) > 0
    return np.flatnonzero(there) + low, (np.cumsum(there) - 1)[near]


def counted(places: Places, bought: Flags, width: int) -> tuple[Floats, Floats]:
    """How many people have each score, and how many of them bought."""
    people = np.bincount(places, minlength=width).astype(np.float64)
    return people, np.bincount(places[bought], minlength=width).astype(np.float64)


def ranked(people: Floats, bought: Floats) -> Floats:
    """What the order of the scores, from the lowest, is worth, as four sums in the last axis.

    How many are in the top, how many of those bought, how many pairs of one who bought and one who did not have the
    buyer above, and how many such pairs there are.
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
    """One over the other; not a number where there is nothing to divide by."""
    nothing: Any = np.full(np.broadcast_shapes(over.shape, under.shape), np.nan)
    divided: Floats = np.divide(over, under, out=nothing, where=under > 0)
    return divided
