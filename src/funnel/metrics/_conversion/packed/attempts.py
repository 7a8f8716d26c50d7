"""Attempts with the index of the row of each step they reached.

Invariant: if a step was not reached, its index is the index that stands for none. No later step is then reached.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

import attrs
import numpy as np

from funnel._dataframes.packed.rows import Flags, Places, Whole
from funnel.metrics._conversion.label_events import Plan, PlanStep
from funnel.metrics._conversion.packed.lookahead import NextMatch, Paths


@attrs.frozen(eq=False)
class Attempts:
    """Attempts, in order of the indexes at which they start.

    Attributes:
        begun: The index at which each attempt starts.
        path: The number of its path.
        start: The instant at which it starts.
        ends: The index at which its path ends.
        rows: The index of the row of each step, by step number.
    """

    begun: Places
    path: Places
    start: Whole
    ends: Places
    rows: Mapping[int, Places]

    @classmethod
    def at(cls, paths: Paths, begun: Places) -> Attempts:
        """Return attempts that have only started."""
        path = paths.path(begun)
        return cls(begun, path, paths.t[begun], paths.starts[path + 1], {1: begun})

    def with_step(self, number: int, places: Places) -> Attempts:
        """Return the attempts with one more step."""
        return attrs.evolve(self, rows={**self.rows, number: places})


@attrs.frozen(eq=False)
class Look:
    """The rows of a block, and the lookahead to the next row that matches a step or an exclusion."""

    plan: Plan
    paths: Paths
    step: Callable[[int], NextMatch]
    out: Callable[[int], NextMatch]
    later: Callable[[], NextMatch]

    def following(self, step: PlanStep, places: Places, ends: Places) -> Places:
        """Return the row of a step after the row of the previous step."""
        ahead = self.step(step.condition)
        if self.plan.order == "ordered" and self.plan.tie_break == "later":
            return ahead.after(self.later().after(places, ends) - 1, ends)
        found = ahead.after_ordered(places, ends)
        if self.plan.order == "strict":
            found[found != places + 1] = self.paths.none
        return found


def find_attempts(look: Look, begun: Places) -> Attempts:
    """Return the attempts that start here.

    If only depth counts, attempts that cannot change the result are left out.
    """
    if len(begun) and _only_depth_counts(look.plan):
        begun = _worth_following(look, begun)
    made = Attempts.at(look.paths, begun)
    return _in_any_order(look, made) if look.plan.order == "any" else _in_order(look, made)


def _in_order(look: Look, made: Attempts) -> Attempts:
    for before, step in pairwise(look.plan.required):
        made = made.with_step(step.number, _reached(look, made, step, made.rows[before.number]))
    for step in look.plan.steps:
        if step.optional:
            made = made.with_step(step.number, _between(look, made, step))
    return made


def _reached(look: Look, made: Attempts, step: PlanStep, before: Places) -> Places:
    """Return the row of a step after the row of the previous step, if it came in time."""
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
    if look.plan.order == "strict" and look.plan.tie_break == "later":
        late |= when == t[before]
    return np.where(late, look.paths.none, found)


def _only_depth_counts(plan: Plan) -> bool:
    """Return whether attempts that reach only the first step differ in nothing but their start."""
    several = len(plan.required) > 1
    return several and plan.attempts == "any" and plan.order == "ordered" and not plan.exclusions


def _worth_following(look: Look, begun: Places) -> Places:
    """Return the rows whose attempts can be selected.

    These are the rows whose attempts reach the second step, the first row of each path, and its last row while that
    attempt is open. The first row is selected if nobody gets further. If any of the other attempts is open, no row of
    the second step comes after it. The last attempt is then open too, and its window closes last.
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
    """Return the starting rows whose attempts reach the second step in time.

    They lie between a row of the second step and the previous such row, on the same path. `before` is the number of
    rows before each index. The last of these rows is checked first, because it usually decides.
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


def _between(look: Look, made: Attempts, step: PlanStep) -> Places:
    """Return the row of an optional step, if it came before the row of the next required step."""
    found = _reached(look, made, step, made.rows[look.plan.before(step).number])
    following = look.plan.after(step)
    if following is not None:
        until, t = made.rows[following.number], look.paths.t
        found[t[found] >= t[until] if look.plan.tie_break == "later" else found >= until] = look.paths.none
    return found


def _in_any_order(look: Look, made: Attempts) -> Attempts:
    """Return the rows at which the other steps are done, soonest first.

    The first row does one of the steps itself.
    """
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
