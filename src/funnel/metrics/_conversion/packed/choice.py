"""Select attempts: each person's first, each person's deepest, or every attempt."""

from __future__ import annotations

import attrs
import numpy as np

from funnel._dataframes.packed.rows import Flags, Places, Whole, starts_of
from funnel.metrics._conversion.label_events import DROPPED, PENDING
from funnel.metrics._conversion.packed.attempts import Look
from funnel.metrics._conversion.packed.lookahead import Paths
from funnel.metrics._conversion.packed.outcomes import Outcomes

_DEEPER = 1 << 40
"""More than the number of rows of any person."""

_OVER = 1 << 46
"""More than any number of steps."""


def firsts(paths: Paths, begun: Places) -> Places:
    """Return each person's earliest index at which an attempt starts."""
    return begun[_best(paths.who[paths.path(begun)], -paths.standing(begun))]


def chosen(look: Look, judged: Outcomes) -> tuple[Places, Outcomes]:
    """Return the numbers of the selected attempts, and all attempts with their final outcomes."""
    match look.plan.attempts:
        case "first":
            return np.flatnonzero(~judged.removed), judged
        case "any":
            return _deepest(look.paths, judged)
        case _:
            return np.flatnonzero(_walked(look, judged) & ~judged.removed), judged


def _best(who: Places, score: Whole) -> Places:
    """Return the number of each person's best attempt.

    Rows of a person are adjacent, with unique scores.
    """
    starts = starts_of(who)[:-1]
    if not len(starts):
        return starts
    most = np.maximum.reduceat(score, starts)
    return np.flatnonzero(score == np.repeat(most, np.diff(starts, append=len(who))))


def _deepest(paths: Paths, judged: Outcomes) -> tuple[Places, Outcomes]:
    """Return each person's deepest attempt.

    Only attempts with a closed window compete, if there are any.

    The earliest of equally deep attempts wins. If none of a person's windows is closed, the person is pending, not
    dropped, while an attempt is still open.
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


def _walked(look: Look, judged: Outcomes) -> Flags:
    """Return whether each attempt is selected on its path; all paths run in parallel."""
    counts = np.zeros(len(judged.reached), np.bool_)
    over = np.searchsorted(judged.tries.begun, judged.tries.ends)
    following = _next(look, judged, over)
    here = starts_of(judged.tries.ends)[:-1]
    while len(here):
        counts[here] = True
        here = following[here[following[here] < over[here]]]
    return counts


def _next(look: Look, judged: Outcomes, over: Places) -> Places:
    """Return, for each attempt, the first that starts after it ended: after its exit, or after its window."""
    begun, start = judged.tries.begun, judged.tries.start
    low, high = np.arange(1, len(begun) + 1), over.copy()
    while (low < high).any():
        middle = (low + high) // 2
        inside = (low < high) & (start[np.minimum(middle, len(begun) - 1)] - start <= look.plan.within)
        high = np.where(inside, high, np.minimum(middle, high))
        low = np.where(inside, middle + 1, low)
    exited = judged.exits < look.paths.none
    return np.where(exited, np.searchsorted(begun, judged.exits, side="right"), low)
