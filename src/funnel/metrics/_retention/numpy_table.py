"""The counts of a table of cohorts, block by block: orders are counted by cell.

A cell is a cohort, a number of brackets that are over, and a bracket. It has one number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import attrs
import numpy as np

from funnel._dataframes.by_person import Block, in_blocks
from funnel._dataframes.loops import Run, Whole
from funnel.metrics._packed.exact_sums import CellSums
from funnel.metrics._packed.periods import Lookup, period_indexes
from funnel.metrics._purchases import PERSON
from funnel.metrics._retention.activity import FAR, Measure, Plan
from funnel.metrics._retention.cells import CohortCounts

if TYPE_CHECKING:
    import polars as pl

_Tallies = tuple[CellSums, CellSums, CellSums]


@attrs.frozen(eq=False)
class _Cells:
    """The numbering of the cells of a plan.

    Attributes:
        plan: How people and periods are joined.
        done: The maximum number of brackets that can be over, plus one.
        brackets: The number of brackets.
        place: The period index of instants.
    """

    plan: Plan
    done: int
    brackets: int
    place: Lookup

    @classmethod
    def of(cls, plan: Plan) -> _Cells:
        """Return the cells of a plan."""
        edges = plan.periods.edges
        started_brackets = len(plan.periods) if plan.window is None else (plan.now - edges[0]) // plan.window + 1
        brackets = len(plan.brackets) - 1 if plan.brackets else started_brackets
        return cls(plan, 1 if plan.window is None else brackets + 1, brackets, Lookup.of(edges))

    @property
    def count(self) -> int:
        """The number of cells."""
        return len(self.plan.periods) * self.done * self.brackets

    def bracketed(self, periods: Whole) -> Whole:
        """Return the bracket of each later period.

        After the last bracket: the number of brackets.
        """
        return np.searchsorted(self.plan.brackets, periods, side="right") - 1 if self.plan.brackets else periods

    def told(self, cell: int) -> tuple[int, int, int]:
        """Return the cohort, the number of brackets that are over, and the bracket of a cell."""
        before, bracket = divmod(cell, self.brackets)
        return *divmod(before, self.done), bracket


@attrs.frozen(eq=False)
class _Placed:
    """The orders of a block, grouped by person and sorted by bracket.

    Attributes:
        starts: The index of each person's first order, followed by the number of orders.
        bracket: The bracket of each order. A person's first order lies in the first bracket.
        cell: The cell of each order.
        value: The net amount of each order. None if amounts are not known.
    """

    starts: Whole
    bracket: Whole
    cell: Whole
    value: Whole | None


def cohort_counts(rows: pl.DataFrame, plan: Plan, measure: Measure, run: Run, *, is_priced: bool) -> CohortCounts:
    """Count everybody whose start is a purchase.

    Args:
        rows: The purchases that count: `person_id`, `t`, `net_amount`.
        plan: How people and periods are joined.
        measure: The people that a cell counts.
        run: How loops run.
        is_priced: Whether amounts are known.
    """
    if rows.is_empty():
        return CohortCounts.of([], [], [])
    cells = _Cells.of(plan)
    t = period_indexes(rows["t"].to_numpy(), cells.place) if plan.window is None else rows["t"].to_numpy()
    value = rows["net_amount"].to_numpy() if is_priced else None
    made = in_blocks(rows[PERSON], t, value, lambda block: _tallied(_placed(block, cells), cells, measure), run)
    people, orders, met = (CellSums.together(tallies) for tallies in zip(*made, strict=True))
    sizes = [(cells.told(cell), size) for cell, size, _ in people]
    return CohortCounts.of(
        [(cohort, done, size) for (cohort, done, _), size in sizes],
        [*_spans(met, cells, measure), *_at_first(people, cells, measure)],
        [(*cells.told(cell), number, money) for cell, number, money in orders],
    )


def _placed(block: Block, cells: _Cells) -> _Placed:
    """Return the cell of each order of a block."""
    plan, firsts, each = cells.plan, block.t[block.starts[:-1]], np.diff(block.starts)
    since = block.t - np.repeat(firsts, each)
    if plan.window is None:
        cell, bracket = firsts * cells.brackets, cells.bracketed(since)
    else:
        done = cells.bracketed((plan.now - firsts) // plan.window)
        cell = (cells.place(firsts).astype(np.int64) * cells.done + done) * cells.brackets
        bracket = cells.bracketed(np.maximum(since - 1, 0) // plan.window)
    placed = _Placed(block.starts, bracket, np.repeat(cell, each) + bracket, block.value)
    return _inside(placed, cells.brackets) if plan.brackets else placed


def _inside(placed: _Placed, brackets: int) -> _Placed:
    """Return the orders that lie in a bracket."""
    kept = placed.bracket < brackets
    starts = np.append(0, np.cumsum(kept))[placed.starts]
    value = None if placed.value is None else placed.value[kept]
    return _Placed(starts, placed.bracket[kept], placed.cell[kept], value)


def _tallied(placed: _Placed, cells: _Cells, measure: Measure) -> _Tallies:
    """Count people by first cell, orders by cell, and people by the measure's cell."""
    return (
        CellSums.of(placed.cell[placed.starts[:-1]], cells.count),
        CellSums.of(placed.cell, cells.count, placed.value),
        CellSums.of(placed.cell[_MET[measure](placed)], cells.count),
    )


# ---- people that a cell counts -------------------------------------------------------------------------------------


def _on(placed: _Placed) -> Whole:
    """Return each person's first order in each bracket."""
    new = np.empty(len(placed.cell), np.bool_)
    new[1:] = placed.bracket[1:] != placed.bracket[:-1]
    new[placed.starts[:-1]] = True
    return np.flatnonzero(new)


def _on_or_after(placed: _Placed) -> Whole:
    """Return each person's last order."""
    return placed.starts[1:] - 1


def _cumulative(placed: _Placed) -> Whole:
    """Return each person's first order after the first bracket."""
    return np.flatnonzero((placed.bracket[1:] > 0) & (placed.bracket[:-1] == 0)) + 1


def _streak(placed: _Placed) -> Whole:
    """Return each person's last order before the first skipped bracket."""
    new = _on(placed)
    people = np.searchsorted(new, placed.starts)
    number = np.arange(len(new)) - np.repeat(people[:-1], np.diff(people))
    unbroken = np.add.reduceat(placed.bracket[new] == number, people[:-1], dtype=np.int64)
    return new[people[:-1] + unbroken - 1]


_MET: Mapping[Measure, Callable[[_Placed], Whole]] = {
    "on": _on,
    "on_or_after": _on_or_after,
    "cumulative": _cumulative,
    "streak": _streak,
}
"""The order by whose bracket each measure counts a person."""


def _spans(met: CellSums, cells: _Cells, measure: Measure) -> Iterator[tuple[int, ...]]:
    """Yield cohort, first cell, last cell and number of people of each span."""
    for cell, people, _ in met:
        cohort, done, bracket = cells.told(cell)
        low = bracket if measure in ("on", "cumulative") else 0
        high = FAR if measure == "cumulative" else bracket
        if cells.plan.window is not None:
            high = min(high, done - 1)
        if low <= high:
            yield cohort, low, high, people


def _at_first(people: CellSums, cells: _Cells, measure: Measure) -> Iterator[tuple[int, ...]]:
    """Yield the first cell with all people, which "cumulative" counts as well."""
    for cell, size, _ in people:
        cohort, done, _ = cells.told(cell)
        if measure == "cumulative" and (cells.plan.window is None or done):
            yield cohort, 0, 0, size
