"""Attempts as far as they came: the place of each step, from a row that begins one.

Law: where a step was not reached its place is that of none; what comes after is then not reached either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

import attrs
import numpy as np

from funnel._packed import Places, Whole
from funnel.metrics.conversion.packed.path import Ahead, Paths
from funnel.metrics.conversion.plan import Plan, PlanStep


@attrs.frozen(eq=False)
class Tries:
    """Attempts, in order of the places at which they begin.

    Attributes:
        begun: Where each begins.
        path: The number of its path.
        start: When it begins.
        ends: Where its path ends.
        rows: The place of each step, by its number.
    """

    begun: Places
    path: Places
    start: Whole
    ends: Places
    rows: Mapping[int, Places]

    @classmethod
    def at(cls, paths: Paths, begun: Places) -> Tries:
        """Attempts that have only begun."""
        path = paths.path(begun)
        return cls(begun, path, paths.t[begun], paths.starts[path + 1], {1: begun})

    def only(self, kept: Places) -> Tries:
        """Some of them, by their numbers."""
        rows = {number: places[kept] for number, places in self.rows.items()}
        return Tries(self.begun[kept], self.path[kept], self.start[kept], self.ends[kept], rows)

    def with_step(self, number: int, places: Places) -> Tries:
        """They, with one more step."""
        return attrs.evolve(self, rows={**self.rows, number: places})


@attrs.frozen(eq=False)
class Look:
    """The rows of a block, and how the next one is found that matches a step or an exclusion."""

    plan: Plan
    paths: Paths
    step: Callable[[int], Ahead]
    out: Callable[[int], Ahead]
    later: Callable[[], Ahead]

    def following(self, step: PlanStep, places: Places, ends: Places) -> Places:
        """The row of a step after that of the step before."""
        ahead = self.step(step.condition)
        if self.plan.order == "ordered" and self.plan.ties == "later":
            return ahead.after(self.later().after(places, ends) - 1, ends)
        found = ahead.after_ordered(places, ends)
        if self.plan.order == "strict":
            found[found != places + 1] = self.paths.none
        return found


def tries(look: Look, begun: Places) -> Tries:
    """The attempts that begin at these places."""
    made = Tries.at(look.paths, begun)
    return _in_any_order(look, made) if look.plan.order == "any" else _in_order(look, made)


def _in_order(look: Look, made: Tries) -> Tries:
    for before, step in pairwise(look.plan.required):
        made = made.with_step(step.number, _reached(look, made, step, made.rows[before.number]))
        if before.number == 1 and _only_depth_counts(look.plan):
            made = _worth_following(look, made, step)
    for step in look.plan.steps:
        if step.optional:
            made = made.with_step(step.number, _between(look, made, step))
    return made


def _reached(look: Look, made: Tries, step: PlanStep, before: Places) -> Places:
    """The row of a step after that of the step before, if it came in time."""
    alive = np.flatnonzero(before < look.paths.none)
    if len(alive) == len(before):
        return _in_time(look, made.start, made.ends, step, before)
    reached = np.full(len(before), look.paths.none)
    reached[alive] = _in_time(look, made.start[alive], made.ends[alive], step, before[alive])
    return reached


def _in_time(look: Look, start: Whole, ends: Places, step: PlanStep, before: Places) -> Places:
    found, t = look.following(step, before, ends), look.paths.t
    when = t[found]
    late = when - start > look.plan.within
    if step.within is not None:
        late |= when - t[before] > step.within
    if look.plan.order == "strict" and look.plan.ties == "later":
        late |= when == t[before]
    return np.where(late, look.paths.none, found)


def _only_depth_counts(plan: Plan) -> bool:
    """Whether of attempts that reach but the first step, nothing can tell one from another but when they begin."""
    return plan.entry == "any" and plan.order == "ordered" and not plan.exclusions


def _worth_following(look: Look, made: Tries, second: PlanStep) -> Tries:
    """The attempts that reach the second step, and of the others each path's first, and its last while it is open.

    The first counts where nobody comes further. If any of the others is open, no row of the second step comes after it;
    then the last is open too, and its window is the last to be over.
    """
    kept = made.rows[second.number] < look.paths.none
    first = np.append(True, made.path[1:] != made.path[:-1])[: len(kept)]
    last = np.append(first[1:], True)[: len(kept)]
    kept |= first | (last & (look.plan.as_of - made.start < look.plan.within))
    return made.only(np.flatnonzero(kept))


def _between(look: Look, made: Tries, step: PlanStep) -> Places:
    """The row of an optional step, if it came before that of the next required one."""
    found = _reached(look, made, step, made.rows[look.plan.before(step).number])
    following = look.plan.after(step)
    if following is not None:
        until, t = made.rows[following.number], look.paths.t
        found[t[found] >= t[until] if look.plan.ties == "later" else found >= until] = look.paths.none
    return found


def _in_any_order(look: Look, made: Tries) -> Tries:
    """The rows at which the other steps are done, the soonest first; the row that begins does one of them itself."""
    conditions = [step.condition for step in look.plan.steps]
    found: list[Places] = []
    for condition in sorted(set(conditions)):
        ahead, place = look.step(condition), made.begun
        for _ in range(conditions.count(condition)):
            place = ahead.after(place, made.ends)
            found.append(place)
        found[-1] = np.where(ahead.has(made.begun), look.paths.none, place)
    done = np.sort(found, axis=0)
    done[look.paths.t[done] - made.start > look.plan.within] = look.paths.none
    return attrs.evolve(made, rows={1: made.begun, **dict(enumerate(done[:-1], 2))})
