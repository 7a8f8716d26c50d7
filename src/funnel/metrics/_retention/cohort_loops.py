"""The counts of a table of cohorts, by one loop over the orders of each person.

A cell is a cohort, a number of brackets that are over, and a bracket. It has one number. Needs numpy and Polars; import
it only if both are installed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from funnel._dataframes.loops import Whole, sorted_run
from funnel.metrics._purchase_loops import Lookup, Purchases, lookup_of, period_of
from funnel.metrics._retention.activity import FAR, Measure, Plan
from funnel.metrics._retention.cohort import CohortCounts

MOST_CELLS = 1 << 16
"""The maximum number of cells, besides one for each order: each cell has counters in each thread."""

PEOPLE, ORDERS, MONEY, MET = range(4)
"""Lines of the counters: people in their first cell, orders, amounts, and people that the measure counts."""

ON, ON_OR_AFTER, CUMULATIVE, STREAK = range(4)
_MEASURES: Mapping[Measure, int] = {"on": ON, "on_or_after": ON_OR_AFTER, "cumulative": CUMULATIVE, "streak": STREAK}


class Cells(NamedTuple):
    """The numbering of the cells of a plan.

    Attributes:
        measure: The people that a cell counts.
        window: The length of each person's own windows. 0 for calendar periods.
        now: The evaluation time, as keys count time.
        last: The number of brackets. It stands for "after the last bracket".
        bracket: For each number of periods since the start, the bracket.
        fewest: For each cohort, the lowest number of brackets that are over; 0 for calendar periods.
        width: For each cohort, the number of brackets that have begun.
        first: For each cohort, its first cell; at the end, the number of cells.
    """

    measure: int
    window: int
    now: int
    last: int
    bracket: Whole
    fewest: Whole
    width: Whole
    first: Whole


def _cells_of(plan: Plan, measure: Measure, start: int) -> Cells:
    """Return the numbering; `start` is the instant that is 0 in a loop."""
    edges, periods = np.array(plan.periods.edges, np.int64), len(plan.periods)
    started = periods if plan.window is None else int(plan.now - edges[0]) // plan.window + 1
    bracket: Whole = np.arange(started)
    if plan.brackets:
        bracket = np.searchsorted(plan.brackets, bracket, side="right") - 1
    last = len(plan.brackets) - 1 if plan.brackets else started
    fewest: Whole = np.zeros(periods, np.int64)
    done: Whole = np.zeros(periods, np.int64)
    highest: Whole = bracket[::-1]
    if plan.window is not None:
        fewest = bracket[np.maximum(plan.now - edges[1:] + 1, 0) // plan.window]
        highest = done = bracket[np.maximum(plan.now - edges[:-1], 0) // plan.window]
    width = np.minimum(highest + 1, last)
    first = np.append(0, np.cumsum((done - fewest + 1) * width))
    return Cells(_MEASURES[measure], plan.window or 0, plan.now - start, last, bracket, fewest, width, first)


def cohort_counts(purchases: Purchases, plan: Plan, measure: Measure) -> CohortCounts | None:
    """Count everybody whose start is a purchase.

    Args:
        purchases: The purchases that count.
        plan: How people and periods are joined.
        measure: The people that a cell counts.

    Returns:
        The counts. None if there are too many cells.
    """
    start = purchases.first
    if start is None:
        return CohortCounts.of([], [], [])
    cells, lookup = _cells_of(plan, measure, start), lookup_of(plan.periods.edges, start)
    count = int(cells.first[-1])
    if count > MOST_CELLS + len(purchases.frame):
        return None
    runs = purchases.by_person()

    def work(low: int, high: int) -> Whole:
        counters = np.zeros((4, count), np.int64)
        purchases.run(count_people, cells, lookup, runs.starts, runs.keys, runs.extra, counters, low, high)
        return counters

    people, orders, money, met = np.sum(runs.in_parts(work), axis=0)
    sizes = [(cohort, done, size) for cohort, done, _, size in _rows(cells, people)]
    return CohortCounts.of(
        sizes,
        [*_spans(_rows(cells, met), measure, plan), *_at_first(sizes, measure, plan)],
        _rows(cells, orders, money),
    )


def _rows(cells: Cells, *counters: Whole) -> Iterator[tuple[int, ...]]:
    """Yield cohort, number of brackets that are over, bracket and counts of each cell that is not empty."""
    cell = np.flatnonzero(counters[0])
    cohort = np.searchsorted(cells.first, cell, side="right") - 1
    over, bracket = np.divmod(cell - cells.first[cohort], cells.width[cohort])
    columns = cohort, over + cells.fewest[cohort], bracket, *(one[cell] for one in counters)
    return zip(*(one.tolist() for one in columns), strict=True)


def _spans(met: Iterator[tuple[int, ...]], measure: Measure, plan: Plan) -> Iterator[tuple[int, ...]]:
    """Yield cohort, first cell, last cell and number of people of each span."""
    for cohort, done, bracket, people in met:
        low = bracket if measure in ("on", "cumulative") else 0
        high = FAR if measure == "cumulative" else bracket
        if plan.window is not None:
            high = min(high, done - 1)
        if low <= high:
            yield cohort, low, high, people


def _at_first(sizes: list[tuple[int, int, int]], measure: Measure, plan: Plan) -> Iterator[tuple[int, ...]]:
    """Yield the first cell with all people, which "cumulative" counts as well."""
    for cohort, done, size in sizes:
        if measure == "cumulative" and (plan.window is None or done):
            yield cohort, 0, 0, size


def count_people(  # noqa: C901, PLR0913, PLR0917 (one loop over the orders)
    cells: Cells, lookup: Lookup, starts: Whole, keys: Whole, values: Whole, counters: Whole, low: int, high: int
) -> None:
    """Loop: count the people from `low` to before `high`, and their orders.

    Args:
        cells: The numbering of the cells.
        lookup: The period of an instant.
        starts: The index of the first key of each person.
        keys: The instants; sorted in place.
        values: The amount of each key; empty if amounts are not known.
        counters: Receives the counts of each cell.
        low: The first person.
        high: The person after the last one.
    """
    measure, window, now, after_last, bracket_of, fewest, width, first = cells
    offset, shift, pieces = lookup
    start: Any
    for person in range(low, high):
        begin, end = starts[person], starts[person + 1]
        if begin == end:
            continue
        sorted_run(keys, values, begin, end)
        start, last, unbroken = keys[begin], 0, 0
        cohort = period_of(pieces, shift, start + offset)
        done = bracket_of[(now - start) // window] - fewest[cohort] if window else 0
        cell = first[cohort] + done * width[cohort]
        counters[PEOPLE, cell] += 1
        for row in range(begin, end):
            if window:
                bracket = bracket_of[max(keys[row] - start - 1, 0) // window]
            else:
                bracket = bracket_of[period_of(pieces, shift, keys[row] + offset) - cohort]
            if bracket == after_last:
                break
            counters[ORDERS, cell + bracket] += 1
            if len(values):
                counters[MONEY, cell + bracket] += values[row]
            if measure == ON:
                counters[MET, cell + bracket] += row == begin or bracket != last
            elif measure == CUMULATIVE:
                counters[MET, cell + bracket] += bracket > 0 and last == 0
            unbroken += bracket == unbroken + 1
            last = bracket
        if measure == ON_OR_AFTER:
            counters[MET, cell + last] += 1
        elif measure == STREAK:
            counters[MET, cell + unbroken] += 1
