"""Replay of one person: values updated at each instant and over time.

An instant matters when a row begins or ceases to count, or leaves a window. A stream whose rows only arrive in order is
updated row by row. A stream whose rows also end, or that reads the time since the row before, keeps all its rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

import attrs

from funnel._aggregate.aggregations import Stream
from funnel._aggregate.fold import END, START, Row, StreamFold, T
from funnel._aggregate.running import RunningFolds
from funnel._aggregate.within import rows_until
from funnel._expr.nodes import Value
from funnel._ledger.derived import arrival
from funnel._ledger.ledger import Ledger
from funnel._ledger.own import own_rows
from funnel._ledger.rows import number
from funnel._time import FOREVER
from funnel.facts._schema import FactSchema
from funnel.machines._compiled import BY_EVENT, BY_TIME, CompiledMachine, dues

RowChanges = list[tuple[str, Row, bool]]
"""Changes at one instant: stream, row, and whether the row begins to count."""


@attrs.frozen
class Step:
    """Transition by stage numbers.

    `before` is None for an arrival. `last` is the stage whose rule was evaluated last.
    """

    at: int
    before: int | None
    to: int
    by: int
    last: int


def steps_of(compiled: CompiledMachine, ledger: Ledger, now: int) -> Iterator[Step]:
    """Yield every transition of a person up to and including an instant, in order.

    Raises:
        TransitionError: The rule makes a transition that is not in the table, or the stages form a cycle.
    """
    arrived = arrival(ledger)
    if arrived > now:
        return
    changes = _row_changes(compiled.plan, ledger, now)
    state = _ReplayState(compiled.plan, ledger)
    here: int | None = None
    for at, until in pairwise([*sorted({arrived, *changes}), now + 1]):
        waited = None if here is None else compiled.waiting.rest(here, state.values, at)
        state.apply(changes.get(at, []))
        trail = compiled.trail(here, state.values, at)
        if trail[-1] != here:
            by = BY_TIME if waited == trail[-1] else BY_EVENT
            compiled.check(trail, by, state.values, at)
            yield _step(at, here, trail, by)
        here = trail[-1]
        for step in _by_time(compiled, state.values, here, at, until):
            yield step
            here = step.to


def _by_time(compiled: CompiledMachine, values: list[Value], here: int, at: int, until: int) -> Iterator[Step]:
    """Yield the transitions by time after one instant and before another."""
    for due in dues(compiled, values, at, until):
        trail = compiled.trail(here, values, due)
        if trail[-1] != here:
            compiled.check(trail, BY_TIME, values, due)
            yield _step(due, here, trail, BY_TIME)
            here = trail[-1]


def _step(at: int, here: int | None, trail: Sequence[int], by: int) -> Step:
    return Step(at, here, trail[-1], by, trail[max(len(trail) - 2, 0)])


def _row_changes(plan: FactSchema, ledger: Ledger, now: int) -> Mapping[int, RowChanges]:
    """Return the changes at each instant up to and including `now`."""
    changes: dict[int, RowChanges] = {}
    for fold in _folds(plan):
        for row in _rows(fold.stream, ledger):
            start, end = number(row[START]), number(row[END])
            if start <= now:
                changes.setdefault(start, []).append((fold.stream.name, row, True))
            if end <= now:
                changes.setdefault(end, []).append((fold.stream.name, row, False))
    return changes


def _folds(plan: FactSchema) -> list[StreamFold]:
    """Return the folds of every stream; a row of a windowed stream ends when it leaves the window."""
    return [*plan.folds.values(), *(window.fold for window in plan.windows)]


def _rows(stream: Stream, ledger: Ledger) -> Iterable[Row]:
    rows = own_rows(ledger, stream)
    return rows if stream.within is None else rows_until(rows, stream.within)


class _ReplayState:
    """Values of one person that a plan needs, at an instant."""

    def __init__(self, plan: FactSchema, ledger: Ledger) -> None:
        self.plan = plan
        self.values = list(plan.empties)
        self.has_row = [False] * len(plan.reductions)
        self.running = {
            ready.stream.name: RunningFolds(ready, plan.empties)
            for ready in _folds(plan)
            if not _is_plain(ready, ledger.rows.get(ready.stream.name, ()))
        }

    def apply(self, changes: RowChanges) -> None:
        """Apply the changes of one instant to the values."""
        changed: dict[str, RunningFolds] = {}
        for stream, row, comes in changes:
            running = self.running.get(stream)
            if running is None:
                self.plan.folds[stream].step(self.values, self.has_row, row)
                continue
            changed[stream] = running
            (running.add if comes else running.remove)(row)
        for running in changed.values():
            running.write(self.values, self.has_row)
        if changes:
            self.plan.finish(self.values)


def _is_plain(ready: StreamFold, rows: Sequence[Row]) -> bool:
    """Return whether every row counts from its own instant, forever, without a gap."""
    return (
        ready.stream.within is None
        and not ready.gapped
        and all(row[START] == row[T] and row[END] == FOREVER for row in rows)
    )
