"""One person's moves: their values brought forward from instant to instant, and the clock let run between.

An instant matters where a row begins to count or ceases to. A row that is the newest is put to the values that are
there; where more than that happened, its stream is put together again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import attrs

from funnel._facts.plan import Plan
from funnel._instants import FOREVER
from funnel._ledger.ledger import Ledger
from funnel._ledger.rows import number
from funnel._lift.nodes import Value
from funnel._moves.course import BY_EVENT, BY_TIME, Course, dues
from funnel._reduce.folds import END, START, Row, T
from funnel._streams import ROOTS

Turn = Mapping[str, list[Row] | None]
"""What changes at one instant: of each stream the rows that come, or None where it is to be put together again."""


@attrs.frozen
class Step:
    """One move, by the numbers of stages.

    `before` is None for who comes in; `last` is the stage whose rule was asked last.
    """

    at: int
    before: int | None
    to: int
    by: int
    last: int


def steps_of(course: Course, ledger: Ledger, now: int) -> Iterator[Step]:
    """Every move of a person up to and with an instant, in order.

    Raises:
        MoveError: The rule makes a move that the table has not, or never rests.
    """
    arrived = arrival(ledger)
    if arrived > now:
        return
    turns = _turns(course.plan, ledger, now)
    known = _Known(course.plan, ledger)
    here: int | None = None
    for at, until in pairwise([*sorted({arrived, *turns}), now + 1]):
        waited = None if here is None else course.rest(here, known.values, at)
        known.turn(turns.get(at, {}), at)
        trail = course.trail(here, known.values, at)
        if trail[-1] != here:
            by = BY_TIME if waited == trail[-1] else BY_EVENT
            course.check(trail, by, known.values, at)
            yield _step(at, here, trail, by)
        here = trail[-1]
        for step in _by_time(course, known.values, here, at, until):
            yield step
            here = step.to


def arrival(ledger: Ledger) -> int:
    """When anything was first recorded of a person; for ever ahead where nothing was."""
    return min((number(row[START]) for root in ROOTS for row in ledger.rows.get(root, ())), default=FOREVER)


def _by_time(course: Course, values: list[Value], here: int, at: int, until: int) -> Iterator[Step]:
    """The moves that time makes after an instant and before another."""
    for due in dues(course, values, at, until):
        trail = course.trail(here, values, due)
        if trail[-1] != here:
            course.check(trail, BY_TIME, values, due)
            yield _step(due, here, trail, BY_TIME)
            here = trail[-1]


def _step(at: int, here: int | None, trail: Sequence[int], by: int) -> Step:
    return Step(at, here, trail[-1], by, trail[max(len(trail) - 2, 0)])


def _turns(plan: Plan, ledger: Ledger, now: int) -> Mapping[int, Turn]:
    """What changes at each instant up to and with one."""
    turns: dict[int, dict[str, list[Row] | None]] = {}
    for stream, ready in plan.folds.items():
        for row in ledger.rows.get(stream, ()):
            start, end = number(row[START]), number(row[END])
            if start <= now:
                coming = turns.setdefault(start, {}).setdefault(stream, [])
                if coming is not None and start == row[T] and not ready.gapped:
                    coming.append(row)
                else:
                    turns[start][stream] = None
            if end <= now:
                turns.setdefault(end, {})[stream] = None
    return turns


class _Known:
    """The values that a plan needs of one person, as they stand at an instant."""

    def __init__(self, plan: Plan, ledger: Ledger) -> None:
        self.plan = plan
        self.ledger = ledger
        self.values = list(plan.empties)
        self.held = [False] * len(plan.reductions)

    def turn(self, turn: Turn, at: int) -> None:
        """Bring the values forward to an instant at which something changes."""
        for stream, coming in turn.items():
            ready = self.plan.folds[stream]
            if coming is None:
                self._again(stream, at)
                continue
            for row in coming:
                ready.step(self.values, self.held, row)
        if turn:
            self.plan.finish(self.values)

    def _again(self, stream: str, at: int) -> None:
        ready = self.plan.folds[stream]
        for group in ready.groups:
            self.held[group.number] = False
            for fold in group.folds:
                self.values[fold.place] = self.plan.empties[fold.place]
        ready.fill(self.values, self.held, self.ledger.rows[stream], at)
