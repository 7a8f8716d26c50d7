"""Attempts as far as they came: the place of each step, from a row that begins one.

Law: where a step was not reached its place is that of none; what comes after is then not reached either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

import attrs
import numpy as np

from funnel._packed import Flags, Places, Whole
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
    """The attempts that begin at these places; where depth alone counts, those of them that can tell."""
    if len(begun) and _only_depth_counts(look.plan):
        begun = _worth_following(look, begun)
    made = Tries.at(look.paths, begun)
    return _in_any_order(look, made) if look.plan.order == "any" else _in_order(look, made)


def _in_order(look: Look, made: Tries) -> Tries:
    for before, step in pairwise(look.plan.required):
        made = made.with_step(step.number, _reached(look, made, step, made.rows[before.number]))
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
    several = len(plan.required) > 1
    return several and plan.entry == "any" and plan.order == "ordered" and not plan.exclusions


def _worth_following(look: Look, begun: Places) -> Places:
    """The rows whose attempts reach the second step; of the others each path's first, and its last while it is open.

    The first counts where nobody comes further. If any of the others is open, no row of the second step comes after it;
    then the last is open too, and its window is the last to be over.
    """
    paths, plan = look.paths, look.plan
    begins = np.zeros(paths.none + 1, np.bool_)
    begins[begun + 1] = True
    before = np.cumsum(begins, dtype=np.int32)
    edges = before[paths.starts]
    there = np.flatnonzero(edges[1:] > edges[:-1])
    lasts = edges[there + 1] - 1
    kept = np.zeros(len(begun), np.bool_)
    kept[edges[there]] = True
    kept[lasts[plan.as_of - paths.t[begun[lasts]] < plan.within]] = True
    kept[_reaching(look, begun, before)] = True
    return begun[kept]


def _reaching(look: Look, begun: Places, before: Whole) -> Whole:
    """Which of the rows lie, in time and on its path, between a row of the second step and the one before that.

    `before` is how many of the rows lie before each place. The last of them is looked at first: it mostly tells.
    """
    paths, second = look.paths, look.plan.required[1]
    span = min(look.plan.within, look.plan.within if second.within is None else second.within)
    came = look.step(second.condition).places[:-1]
    ends = before[came]
    waits = paths.t[came] - paths.t[begun[ends - 1]]
    near = np.flatnonzero((ends > 0) & (waits >= 0) & (waits <= span))
    firsts = before[np.where(near > 0, came[near - 1], 0)]
    each = ends[near] - firsts
    rows: Whole = np.repeat(ends[near] - np.cumsum(each), each) + np.arange(int(each.sum()))
    to = np.repeat(came[near], each)
    starts = paths.starts[np.searchsorted(paths.starts, to, side="right") - 1]
    inside: Flags = (begun[rows] >= starts) & (paths.t[to] - paths.t[begun[rows]] <= span)
    return rows[inside]


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
