"""The outcome of each attempt: exclusions, depth, and whether it is open.

Same results as `_conversion.outcomes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import attrs
import numpy as np

from funnel._dataframes.packed.rows import Flags, Places, Whole
from funnel.metrics._conversion.label_events import CONVERTED, DROPPED, PENDING, PlanExclusion, could_serve
from funnel.metrics._conversion.packed.attempts import Attempts, Look


@attrs.frozen(eq=False)
class Outcomes:
    """Attempts with their outcomes.

    Attributes:
        tries: The attempts, without the steps after an exclusion.
        reached: The number of required steps that each attempt reached.
        state: The state of each attempt.
        settled: Whether the window of each attempt was closed.
        removed: Whether an exclusion removed the attempt.
        exits: The index at which the attempt ended before its window did. The index for none if it did not.
    """

    tries: Attempts
    reached: Whole
    state: Whole
    settled: Flags
    removed: Flags
    exits: Places


def outcomes(look: Look, made: Attempts) -> Outcomes:
    """Compute the outcome of attempts."""
    plan, none = look.plan, look.paths.none
    outs = [_out(look, made, one) for one in plan.exclusions]
    dropping = _least(look, made, [out for out, one in zip(outs, plan.exclusions, strict=True) if not one.remove])
    removing = _least(look, made, [out for out, one in zip(outs, plan.exclusions, strict=True) if one.remove])
    kept = _kept(look, made, dropping)
    reached = np.sum([kept.rows[step.number] < none for step in plan.required], axis=0)
    broken = _broken(look, kept, reached)
    settled = plan.as_of - made.start >= plan.within
    ended = settled | (dropping < none) | (broken < none) | _too_late(look, kept, reached)
    through = reached == len(plan.required)
    state = np.where(through, CONVERTED, np.where(ended, DROPPED, PENDING))
    removed = removing < none
    out = np.minimum(dropping, removing)
    exits = np.where(through & ~removed, kept.rows[plan.required[-1].number], np.where(out < none, out, broken))
    return Outcomes(kept, reached, state, settled, removed, exits)


def _out(look: Look, made: Attempts, exclusion: PlanExclusion) -> Places:
    """Return the index of the first excluding row that serves no step, before the exclusion ends."""
    ahead, none = look.out(exclusion.number), look.paths.none
    numbers = could_serve(look.plan, exclusion)
    found = ahead.after(made.rows[exclusion.after], made.ends)
    for _ in numbers:
        serves = np.any([found == made.rows[number] for number in numbers], axis=0)
        found = np.where(serves, ahead.after(found, made.ends), found)
    until = made.rows[exclusion.before]
    over = np.where(until < none, found >= until, look.paths.t[found] - made.start > look.plan.within)
    found[over] = none
    return found


def _least(look: Look, made: Attempts, places: Sequence[Places]) -> Places:
    min_people: Places = np.minimum.reduce([np.full(len(made.begun), look.paths.none), *places])
    return min_people


def _kept(look: Look, made: Attempts, dropping: Places) -> Attempts:
    """Return the attempts without the steps after the row that drops them."""
    if not look.plan.exclusions:
        return made
    none = look.paths.none
    later = {number: np.where(places < dropping, places, none) for number, places in made.rows.items()}
    return attrs.evolve(made, rows={**later, 1: made.begun})


def _broken(look: Look, made: Attempts, reached: Whole) -> Places:
    """Return the index of the row that came in time in place of the step that strict order requires."""
    none, plan = look.paths.none, look.plan
    broken = np.full(len(reached), none)
    if plan.order == "strict":
        for turn, step in enumerate(plan.required[:-1], 1):
            here = np.flatnonzero(reached == turn)
            came = made.rows[step.number][here] + 1
            in_time = (came < made.ends[here]) & (look.paths.t[came] - made.start[here] <= plan.within)
            broken[here] = np.where(in_time, came, none)
    return broken


def _too_late(look: Look, made: Attempts, reached: Whole) -> Flags:
    """Return whether the window of the next step alone was closed."""
    late = np.zeros(len(reached), np.bool_)
    for turn, (before, step) in enumerate(pairwise(look.plan.required), 1):
        if step.within is not None:
            last = look.paths.t[made.rows[before.number]]
            late |= (reached == turn) & (look.plan.as_of - last >= step.within)
    return late
