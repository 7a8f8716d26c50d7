"""Transitions of all people by the engine that holds the data, or of people one by one.

Invariant: a person's transitions are the same from their history and from the logs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from statistics import median_low
from typing import TYPE_CHECKING, TypeAlias

import attrs
import narwhals as nw

from funnel._aggregate.group_by import PERSON
from funnel._dataframes.adapter import Frame, FrameKind, collect_once, materialize
from funnel._dataframes.compute import collected
from funnel._expr.to_narwhals import int_lit
from funnel.history import History
from funnel.logs import Logs
from funnel.machines._compiled import CompiledMachine
from funnel.machines._fixed_points import BY, FROM, MOVED, NOBODY, TO
from funnel.machines._replay import Step, steps_of
from funnel.machines._replay_frames import numbered_transitions
from funnel.metrics._purchases import started

if TYPE_CHECKING:
    from funnel.metrics._periods import Periods

Pair = tuple[int, int]
"""From and to, as stage numbers."""

Counts = Sequence[tuple[int, int, int, int, int]]
"""Index of the period, from, to, cause, count."""


@attrs.frozen
class TransitionsOfLogs:
    """Transitions of all people, as a frame of the engine that holds the data."""

    moved: Frame
    kind: FrameKind

    @classmethod
    def of(cls, compiled: CompiledMachine, logs: Logs, now: int) -> TransitionsOfLogs:
        """Compute the transitions."""
        moved, kind = numbered_transitions(compiled, logs, now)
        return cls(collect_once(materialize(moved)), kind)

    def first(self) -> int | None:
        """Return the time of the first transition; None without transitions."""
        return started(self.moved, MOVED)

    def counts(self, periods: Periods) -> Counts:
        """Count the transitions by period and cause."""
        placed = self.moved.with_columns(_place=periods.index_column(MOVED))
        totals = collected(placed.group_by("_place", FROM, TO, BY).agg(nw.len().alias("_count")))
        names = ("_place", FROM, TO, BY, "_count")
        return [tuple(map(int, row)) for row in totals.select(*names).rows()]  # type: ignore[misc]

    def medians(self) -> Mapping[Pair, int]:
        """Return the median length of the spells that ended in each transition."""
        began = nw.col(MOVED).shift(1).over(PERSON, order_by=MOVED)
        ends_of_spells = self.moved.with_columns(_began=began).filter(nw.col(FROM) != NOBODY)
        lasted = ends_of_spells.select(
            PERSON, MOVED, FROM, TO, _lasted=(nw.col(MOVED) - nw.col("_began")).cast(nw.Int64())
        )
        turned = lasted.with_columns(_turn=int_lit(1))
        turned = turned.with_columns(nw.col("_turn").cum_sum().over(FROM, TO, order_by=["_lasted", PERSON, MOVED]))
        trials = lasted.group_by(FROM, TO).agg(nw.len().alias("_among"))
        middle = turned.join(trials, on=[FROM, TO], how="inner").filter(nw.col("_turn") == (nw.col("_among") + 1) // 2)
        rows = collected(middle.select(FROM, TO, "_lasted")).rows()
        return {(int(start), int(to)): int(lasted) for start, to, lasted in rows}


@attrs.frozen
class TransitionsOfHistories:
    """Transitions of people one by one, in order for each person."""

    people: Sequence[tuple[str, Sequence[Step]]]

    @classmethod
    def of(cls, compiled: CompiledMachine, people: Iterable[History], now: int) -> TransitionsOfHistories:
        """Compute the transitions."""
        return cls([(one.person_id, tuple(steps_of(compiled, one._ledger, now))) for one in people])

    def _steps(self) -> Iterator[Step]:
        return (step for _, steps in self.people for step in steps)

    def first(self) -> int | None:
        """Return the time of the first transition; None without transitions."""
        return min((step.at for step in self._steps()), default=None)

    def counts(self, periods: Periods) -> Counts:
        """Count the transitions by period and cause."""
        keys = ((periods.index_of(step.at), _start_of(step), step.to, step.by) for step in self._steps())
        return [(*which, count) for which, count in Counter(keys).items()]

    def medians(self) -> Mapping[Pair, int]:
        """Return the median length of the spells that ended in each transition."""
        lasted: dict[Pair, list[int]] = {}
        for _, steps in self.people:
            for before, step in pairwise(steps):
                lasted.setdefault((before.to, step.to), []).append(step.at - before.at)
        return {pair: median_low(spans) for pair, spans in lasted.items()}


def _start_of(step: Step) -> int:
    """Return the number of the stage left; `NOBODY` if the person enters."""
    return NOBODY if step.before is None else step.before


TransitionSource: TypeAlias = TransitionsOfLogs | TransitionsOfHistories
