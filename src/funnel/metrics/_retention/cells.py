"""The cells of cohorts, in plain Python, from the counts that an engine returns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

import attrs
import narwhals as nw

from funnel.metrics._purchases import PERSON, to_rows
from funnel.metrics._retention.cohort import Cohort

if TYPE_CHECKING:
    from funnel._dataframes.adapter import Frame
    from funnel.metrics._retention.activity import Plan

_Counts = Sequence[tuple[int, ...]]


@attrs.frozen
class Counted:
    """The counts of everybody, by the period index of the cohort.

    Attributes:
        sizes: The number of brackets that are over, and the number of people for whom that holds.
        spans: The first and the last cell in which people are counted, and the number of people.
        moved: The number of brackets that are over, the index of a bracket, and the orders and money of those people in
            it.
    """

    sizes: Mapping[int, _Counts]
    spans: Mapping[int, _Counts]
    moved: Mapping[int, _Counts]

    @classmethod
    def of(
        cls, sizes: Iterable[tuple[int, ...]], spans: Iterable[tuple[int, ...]], moved: Iterable[tuple[int, ...]]
    ) -> Counted:
        """Return the counts. Each row starts with the period index of the cohort."""
        return cls(_by_cohort(sizes), _by_cohort(spans), _by_cohort(moved))


def counted(people: Frame, activity: Frame, spans: Frame) -> Counted:
    """Count everybody, on the engine that holds the data.

    Args:
        people: All people with their cohorts.
        activity: The activity of each person in each bracket.
        spans: The cells in which each person is counted.
    """
    sizes = people.group_by("cohort", "done").agg(nw.col(PERSON).count().alias("n"))
    spread = spans.group_by("cohort", "low", "high").agg(nw.col(PERSON).count().alias("n"))
    sums = (nw.col("orders").sum(), nw.col("revenue").sum())
    moved = activity.group_by("cohort", "done", "place").agg(*sums)
    return Counted.of(
        to_rows(sizes, "cohort", "done", "n"),
        to_rows(spread, "cohort", "low", "high", "n"),
        to_rows(moved, "cohort", "done", "place", "orders", "revenue"),
    )


def _by_cohort(rows: Iterable[tuple[int, ...]]) -> Mapping[int, _Counts]:
    found: defaultdict[int, list[tuple[int, ...]]] = defaultdict(list)
    for cohort, *values in rows:
        found[int(cohort)].append(tuple(map(int, values)))
    return found


def cohorts_of(found: Counted, plan: Plan, *, is_priced: bool) -> Iterator[Cohort]:
    """Yield the cohorts, oldest first.

    Args:
        found: The counts.
        plan: How people and periods are joined.
        is_priced: Whether amounts are known.
    """
    for cohort, sizes in sorted(found.sizes.items()):
        yield _cohort(
            cohort, _Row(sizes, found.spans.get(cohort, ()), found.moved.get(cohort, ())), plan, is_priced=is_priced
        )


@attrs.frozen
class _Row:
    """The counts of one cohort."""

    sizes: _Counts
    spans: _Counts
    moved: _Counts


def _cohort(place: int, counted: _Row, plan: Plan, *, is_priced: bool) -> Cohort:
    size = sum(people for _, people in counted.sizes)
    width, over = _reach(place, counted, plan)
    ends = [(done if plan.window is not None else width) for done, *_ in counted.moved]
    orders, revenue, value = [0] * width, [0] * width, [0] * (width + 1)
    for end, (_, at, count, money) in zip(ends, counted.moved, strict=True):
        if at < end:
            orders[at] += count
            revenue[at] += money
            value[at] += money
            value[end] -= money
    return Cohort(
        start=plan.periods.day(place),
        place=place,
        size=size,
        is_open=not plan.periods.is_over(place, plan.now),
        over=over,
        people=_laid(counted.spans, width),
        trials=_laid([(0, done - 1, people) for done, people in counted.sizes], width)
        if plan.window
        else (size,) * width,
        orders=tuple(orders),
        revenue=tuple(revenue) if is_priced else None,
        value=tuple(accumulate(value[:-1])) if is_priced else None,
    )


def _reach(place: int, counted: _Row, plan: Plan) -> tuple[int, int]:
    """Return the number of brackets observed, and the number of brackets over for the whole cohort."""
    if plan.window is not None:
        done = [over for over, _ in counted.sizes]
        return max(done), min(done)
    begun = len(plan.periods) - place
    over = begun if plan.periods.is_over(len(plan.periods) - 1, plan.now) else begun - 1
    width = plan.begun(begun)
    return width, sum(1 for bracket in range(width) if plan.end(bracket) <= over)


def _laid(spans: Iterable[tuple[int, ...]], width: int) -> tuple[int, ...]:
    """Return the number of people counted in each cell, from the spans of cells."""
    steps = [0] * (width + 1)
    for low, high, people in spans:
        steps[low] += people
        steps[min(high + 1, width)] -= people
    return tuple(accumulate(steps[:-1]))
