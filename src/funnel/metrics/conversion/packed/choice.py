"""Which attempts count: each person's first, their deepest, or every one that begins when the one before is over."""

from __future__ import annotations

import attrs
import numpy as np

from funnel._packed import Flags, Places, Whole, starts_of
from funnel.metrics.conversion.packed.path import Paths
from funnel.metrics.conversion.packed.tries import Look
from funnel.metrics.conversion.packed.worth import Worth
from funnel.metrics.conversion.plan import DROPPED, PENDING

_DEEPER = 1 << 40
"""More than any person has rows."""

_OVER = 1 << 46
"""More than any number of steps counts."""


def firsts(paths: Paths, begun: Places) -> Places:
    """Of the places at which attempts begin, the earliest of each person."""
    return begun[_best(paths.who[paths.path(begun)], -paths.standing(begun))]


def chosen(look: Look, judged: Worth) -> tuple[Places, Worth]:
    """The attempts that count, by their numbers, and all of them as they count."""
    match look.plan.entry:
        case "first":
            return np.flatnonzero(~judged.removed), judged
        case "any":
            return _deepest(look.paths, judged)
        case _:
            return np.flatnonzero(_walked(look, judged) & ~judged.removed), judged


def _best(who: Places, score: Whole) -> Places:
    """The number of each person's best; people stand together, and no person has two of one score."""
    starts = starts_of(who)[:-1]
    if not len(starts):
        return starts
    most = np.maximum.reduceat(score, starts)
    return np.flatnonzero(score == np.repeat(most, np.diff(starts, append=len(who))))


def _deepest(paths: Paths, judged: Worth) -> tuple[Places, Worth]:
    """The deepest of each person's attempts whose window is over, or else of all; of equals the earliest.

    A person none of whose windows is over is pending, not dropped, while one of the attempts is still open.
    """
    kept = np.flatnonzero(~judged.removed)
    who = paths.who[judged.tries.path[kept]]
    depth = judged.settled[kept] * _OVER + judged.reached[kept] * _DEEPER - paths.standing(judged.tries.begun[kept])
    best = kept[_best(who, depth)]
    if not len(best):
        return best, judged
    still = np.logical_or.reduceat(judged.state[kept] == PENDING, starts_of(who)[:-1])
    state = judged.state.copy()
    state[best[still & ~judged.settled[best] & (state[best] == DROPPED)]] = PENDING
    return best, attrs.evolve(judged, state=state)


def _walked(look: Look, judged: Worth) -> Flags:
    """Whether each attempt begins after those before it on its path that count; all paths walk at once."""
    counts = np.zeros(len(judged.reached), np.bool_)
    over = np.searchsorted(judged.tries.begun, judged.tries.ends)
    following = _next(look, judged, over)
    here = starts_of(judged.tries.ends)[:-1]
    while len(here):
        counts[here] = True
        here = following[here[following[here] < over[here]]]
    return counts


def _next(look: Look, judged: Worth, over: Places) -> Places:
    """For each attempt the first that begins after it ended: after its exit, or after its window."""
    begun, start = judged.tries.begun, judged.tries.start
    low, high = np.arange(1, len(begun) + 1), over.copy()
    while (low < high).any():
        middle = (low + high) // 2
        inside = (low < high) & (start[np.minimum(middle, len(begun) - 1)] - start <= look.plan.within)
        high = np.where(inside, high, np.minimum(middle, high))
        low = np.where(inside, middle + 1, low)
    exited = judged.exits < look.paths.none
    return np.where(exited, np.searchsorted(begun, judged.exits, side="right"), low)
