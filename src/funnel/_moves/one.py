"""One person's moves: their values brought forward from instant to instant, and the clock let run between.

An instant matters where a row begins to count or ceases to. A stream whose rows only ever come in order is brought
forward row by row; one whose rows also end, or come with the time since the row before, is kept with all its rows.
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
from funnel._reduce.folds import END, START, Ready, Row, T
from funnel._reduce.running import RunningFolds
from funnel._streams import ROOTS

Turn = list[tuple[str, Row, bool]]
"""What changes at one instant: the stream, the row, and whether it comes or goes."""


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
        known.turn(turns.get(at, []))
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
    turns: dict[int, Turn] = {}
    for stream in plan.folds:
        for row in ledger.rows.get(stream, ()):
            start, end = number(row[START]), number(row[END])
            if start <= now:
                turns.setdefault(start, []).append((stream, row, True))
            if end <= now:
                turns.setdefault(end, []).append((stream, row, False))
    return turns


class _Known:
    """The values that a plan needs of one person, as they stand at an instant."""

    def __init__(self, plan: Plan, ledger: Ledger) -> None:
        self.plan = plan
        self.values = list(plan.empties)
        self.held = [False] * len(plan.reductions)
        self.running = {
            stream: RunningFolds(ready, plan.empties)
            for stream, ready in plan.folds.items()
            if not _is_plain(ready, ledger.rows.get(stream, ()))
        }

    def turn(self, turn: Turn) -> None:
        """Bring the values forward to an instant at which something changes."""
        changed: dict[str, RunningFolds] = {}
        for stream, row, comes in turn:
            running = self.running.get(stream)
            if running is None:
                self.plan.folds[stream].step(self.values, self.held, row)
                continue
            changed[stream] = running
            (running.add if comes else running.remove)(row)
        for running in changed.values():
            running.write(self.values, self.held)
        if turn:
            self.plan.finish(self.values)


def _is_plain(ready: Ready, rows: Sequence[Row]) -> bool:
    """Whether each row of a stream counts from when it happened, for ever, and without the row before it."""
    return not ready.gapped and all(row[START] == row[T] and row[END] == FOREVER for row in rows)
