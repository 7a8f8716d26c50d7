"""The cells of cohorts, in plain Python, from the counts that an engine returns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

import attrs
import narwhals as nw

from funnel._dataframes.adapter import Frame
from funnel._dataframes.compute import to_rows
from funnel.metrics._purchases import PERSON
from funnel.metrics._retention.cohort import Cohort

if TYPE_CHECKING:
    from funnel.metrics._retention.activity import Plan

_Counts = Sequence[tuple[int, ...]]


@attrs.frozen
class CohortCounts:
    """The counts of everybody, by the period index of the cohort.

    Attributes:
        sizes: The number of brackets that are over, and the number of people for whom that holds.
        spans: The first and the last cell in which people are counted, and the number of people.
        activity_counts: The number of brackets that are over, the index of a bracket, and the orders and money of those
            people in it.
    """

    sizes: Mapping[int, _Counts]
    spans: Mapping[int, _Counts]
    activity_counts: Mapping[int, _Counts]

    @classmethod
    def of(
        cls,
        sizes: Iterable[tuple[int, ...]],
        spans: Iterable[tuple[int, ...]],
        activity_counts: Iterable[tuple[int, ...]],
    ) -> CohortCounts:
        """Return the counts. Each row starts with the period index of the cohort."""
        return cls(_by_cohort(sizes), _by_cohort(spans), _by_cohort(activity_counts))


def merged(parts: Sequence[CohortCounts]) -> CohortCounts:
    """Return the counts of everybody, from the counts of some people each."""
    sizes, spans, activity_counts = (
        {
            cohort: [row for one in maps for row in one.get(cohort, ())]
            for cohort in {key for one in maps for key in one}
        }
        for maps in zip(*((one.sizes, one.spans, one.activity_counts) for one in parts), strict=True)
    )
    return CohortCounts(sizes, spans, activity_counts)


def cohort_counts(people: Frame, activity: Frame, spans: Frame) -> CohortCounts:
    """Count everybody, on the engine that holds the data.

    Args:
        people: All people with their cohorts.
        activity: The activity of each person in each bracket.
        spans: The cells in which each person is counted.
    """
    sizes = people.group_by("cohort", "done").agg(nw.col(PERSON).count().alias("n"))
    spread = spans.group_by("cohort", "low", "high").agg(nw.col(PERSON).count().alias("n"))
    sums = (nw.col("orders").sum(), nw.col("revenue").sum())
    activity_counts = activity.group_by("cohort", "done", "place").agg(*sums)
    return CohortCounts.of(
        to_rows(sizes, "cohort", "done", "n"),
        to_rows(spread, "cohort", "low", "high", "n"),
        to_rows(activity_counts, "cohort", "done", "place", "orders", "revenue"),
    )


def _by_cohort(rows: Iterable[tuple[int, ...]]) -> Mapping[int, _Counts]:
    by_cohort: defaultdict[int, list[tuple[int, ...]]] = defaultdict(list)
    for cohort, *values in rows:
        by_cohort[int(cohort)].append(tuple(map(int, values)))
    return by_cohort


def cohorts_of(counts: CohortCounts, plan: Plan, *, is_priced: bool) -> Iterator[Cohort]:
    """Yield the cohorts, oldest first.

    Args:
        counts: The counts.
        plan: How people and periods are joined.
        is_priced: Whether amounts are known.
    """
    for cohort, sizes in sorted(counts.sizes.items()):
        yield _cohort(
            cohort,
            _Row(sizes, counts.spans.get(cohort, ()), counts.activity_counts.get(cohort, ())),
            plan,
            is_priced=is_priced,
        )


@attrs.frozen
class _Row:
    """The counts of one cohort."""

    sizes: _Counts
    spans: _Counts
    activity_counts: _Counts


def _cohort(index: int, row: _Row, plan: Plan, *, is_priced: bool) -> Cohort:
    size = sum(people for _, people in row.sizes)
    width, over = _reach(index, row, plan)
    ends = [(done if plan.window is not None else width) for done, *_ in row.activity_counts]
    orders, revenue, value = [0] * width, [0] * width, [0] * (width + 1)
    for end, (_, at, count, money) in zip(ends, row.activity_counts, strict=True):
        if at < end:
            orders[at] += count
            revenue[at] += money
            value[at] += money
            value[end] -= money
    return Cohort(
        start=plan.periods.day(index),
        index=index,
        size=size,
        is_open=not plan.periods.is_over(index, plan.now),
        over=over,
        people=_cell_sums(row.spans, width),
        trials=_cell_sums([(0, done - 1, people) for done, people in row.sizes], width)
        if plan.window
        else (size,) * width,
        orders=tuple(orders),
        revenue=tuple(revenue) if is_priced else None,
        value=tuple(accumulate(value[:-1])) if is_priced else None,
    )


def _reach(index: int, row: _Row, plan: Plan) -> tuple[int, int]:
    """Return the number of brackets observed, and the number of brackets over for the whole cohort."""
    if plan.window is not None:
        done = [over for over, _ in row.sizes]
        return max(done), min(done)
    started_brackets = len(plan.periods) - index
    over = started_brackets if plan.periods.is_over(len(plan.periods) - 1, plan.now) else started_brackets - 1
    width = plan.started_brackets(started_brackets)
    return width, sum(1 for bracket in range(width) if plan.end(bracket) <= over)


def _cell_sums(spans: Iterable[tuple[int, ...]], width: int) -> tuple[int, ...]:
    """Return the number of people counted in each cell, from the spans of cells."""
    steps = [0] * (width + 1)
    for low, high, people in spans:
        steps[low] += people
        steps[min(high + 1, width)] -= people
    return tuple(accumulate(steps[:-1]))
