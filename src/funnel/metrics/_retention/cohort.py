"""One cohort: people who started in one period, and their activity in each later period."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import accumulate
from typing import TYPE_CHECKING

import attrs
import narwhals as nw

from funnel._arguments import count_of, truth
from funnel._dataframes.adapter import Frame
from funnel._dataframes.compute import to_rows
from funnel.metrics._purchases import PERSON
from funnel.metrics._rate import Rate

if TYPE_CHECKING:
    from funnel.metrics._retention.activity import Plan


@attrs.frozen
class Ratio:
    """A ratio of two counts of people.

    Unlike the successes of a rate, the first need not be part of the second.

    Attributes:
        people: The first number.
        beside: The number to compare with.
    """

    people: int
    beside: int

    @property
    def value(self) -> float | None:
        """The first number divided by the second. None if the second is 0."""
        return self.people / self.beside if self.beside else None

    def __str__(self) -> str:
        """Return both numbers with their quotient."""
        counts = f"{self.people:,} beside {self.beside:,}"
        return f"no ratio ({counts})" if self.value is None else f"{100 * self.value:.1f} % ({counts})"


@attrs.frozen
class Cohort:
    """The people who started in one period, with the numbers of each later period, counted from 0.

    Attributes:
        start: The first day of the period in which they started, in the shop's time zone.
        index: The number of periods between the oldest cohort and this one.
        size: The number of people.
        is_open: Whether the first period is not over, so that more people may join.
        over: The number of periods that are over for the whole cohort.
        people: The number of people counted in each period.
        trials: The number of people observed in each period. In rolling windows: people whose window is over.
        orders: The number of orders in each period.
        revenue: The amount paid in each period, less refunds, in minor units. None if amounts are not known.
        value: The amount paid up to the end of each period by the people in `trials`, in minor units. None if amounts
            are not known.
    """

    start: date
    index: int
    size: int
    is_open: bool
    over: int
    people: tuple[int, ...]
    trials: tuple[int, ...]
    orders: tuple[int, ...]
    revenue: tuple[int, ...] | None
    value: tuple[int, ...] | None

    def after(self, periods: int) -> int | None:
        """Return the number of people counted this many periods later; None if unobserved.

        Args:
            periods: 0 is the first period of the cohort.
        """
        return number_at(self.people, periods)

    def rate(self, periods: int, *, unfinished: bool = False) -> Rate | None:
        """Return the share of the cohort that is counted this many periods later.

        Args:
            periods: 0 is the first period of the cohort.
            unfinished: Whether to include a period that is not over for the whole cohort.

        Returns:
            The rate. None if the period has not begun, or if it is not over and `unfinished` is False.

        Raises:
            ArgumentError: `periods` is not a whole number, or `unfinished` is not True or False.
        """
        people = shown_number(self, self.people, periods, unfinished)
        return None if people is None else Rate(people, self.trials[periods])

    def of_first(self, periods: int, *, unfinished: bool = False) -> Ratio | None:
        """Return the people counted this many periods later, beside those of period 0.

        Args:
            periods: 0 is the first period of the cohort.
            unfinished: Whether to include a period that is not over for the whole cohort.

        Returns:
            The ratio. None if the period has not begun, or if it is not over and `unfinished` is False.
        """
        people = shown_number(self, self.people, periods, unfinished)
        return None if people is None else Ratio(people, self.people[0])

    def of_before(self, periods: int, *, unfinished: bool = False) -> Ratio | None:
        """Return the people counted this many periods later, beside those of the period before.

        Args:
            periods: 0 is the first period of the cohort; there is no period before it.
            unfinished: Whether to include a period that is not over for the whole cohort.

        Returns:
            The ratio. None for period 0, if the period has not begun, or if it is not over and `unfinished` is False.
        """
        people = shown_number(self, self.people, periods, unfinished)
        return None if people is None or periods == 0 else Ratio(people, self.people[periods - 1])

    def average_order(self, periods: int, *, unfinished: bool = False) -> int | None:
        """Return the average amount of an order of that period, rounded down to a minor unit.

        Args:
            periods: 0 is the first period of the cohort.
            unfinished: Whether to include a period that is not over for the whole cohort.

        Returns:
            Minor units. None without orders or amounts, or if the period is not over and `unfinished` is False.
        """
        orders = shown_number(self, self.orders, periods, unfinished)
        return self.revenue[periods] // orders if self.revenue is not None and orders else None

    def value_each(self, periods: int, *, unfinished: bool = False) -> int | None:
        """Return the average amount paid by a person up to that period, rounded down.

        Args:
            periods: 0 is the first period of the cohort.
            unfinished: Whether to include a period that is not over for the whole cohort.

        Returns:
            Minor units. None without amounts, if the period has not begun, or if it is not over and `unfinished` is
            False.
        """
        value = shown_number(self, self.value or (), periods, unfinished)
        return None if value is None else value // self.trials[periods]

    def is_partial(self, periods: int) -> bool:
        """Return whether that period is not over for the whole cohort; it may not have begun.

        Args:
            periods: 0 is the first period of the cohort.
        """
        return periods_of(periods) >= self.over


def shown_number(cohort: Cohort, values: tuple[int, ...], periods: int, unfinished: bool) -> int | None:  # noqa: FBT001
    """Return the number of a period that is over, or has begun if `unfinished` is True."""
    number = number_at(values, periods)
    return number if truth(unfinished, "unfinished") or periods < cohort.over else None


def number_at(values: tuple[int, ...], index: int) -> int | None:
    index = periods_of(index)
    return values[index] if 0 <= index < len(values) else None


def periods_of(periods: object) -> int:
    """Return the validated number of periods. Below 0 nothing is counted.

    Raises:
        ArgumentError: `periods` is not a whole number.
    """
    return count_of(periods, "periods", minimum=-MAX_PERIODS, most=MAX_PERIODS)


MAX_PERIODS = 10**6
"""More periods than there are days in the supported years."""


# ---- the cells of cohorts, in plain Python, from the counts that an engine returns -----------------------------------


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
