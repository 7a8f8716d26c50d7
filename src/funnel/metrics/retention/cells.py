"""The cells of cohorts, in plain Python, from the few counts that an engine has made of everyone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

import attrs
import narwhals as nw

from funnel.metrics._purchases import PERSON, told
from funnel.metrics.retention.cohorts import Cohort

if TYPE_CHECKING:
    from funnel._frames import Frame
    from funnel.metrics.retention.activity import Plan

_Counts = Sequence[tuple[int, ...]]


@attrs.frozen
class Counted:
    """What was counted of everyone, by the place of the period of their cohort.

    Attributes:
        sizes: How many brackets are over, and for how many people.
        spans: The first and the last cell in which people are counted, and how many they are.
        moved: How many brackets are over, the place of one, and the orders and money of those people in it.
    """

    sizes: Mapping[int, _Counts]
    spans: Mapping[int, _Counts]
    moved: Mapping[int, _Counts]

    @classmethod
    def of(
        cls, sizes: Iterable[tuple[int, ...]], spans: Iterable[tuple[int, ...]], moved: Iterable[tuple[int, ...]]
    ) -> Counted:
        """What was counted, each row after the place of its cohort's period."""
        return cls(_by_cohort(sizes), _by_cohort(spans), _by_cohort(moved))


def counted(people: Frame, activity: Frame, spans: Frame) -> Counted:
    """Count everyone, in the engine that holds them.

    Args:
        people: Everyone with their cohort.
        activity: What each person did in each bracket.
        spans: In which cells each person is counted.
    """
    sizes = people.group_by("cohort", "done").agg(nw.col(PERSON).count().alias("n"))
    spread = spans.group_by("cohort", "low", "high").agg(nw.col(PERSON).count().alias("n"))
    sums = (nw.col("orders").sum(), nw.col("revenue").sum())
    moved = activity.group_by("cohort", "done", "place").agg(*sums)
    return Counted.of(
        told(sizes, "cohort", "done", "n"),
        told(spread, "cohort", "low", "high", "n"),
        told(moved, "cohort", "done", "place", "orders", "revenue"),
    )


def _by_cohort(rows: Iterable[tuple[int, ...]]) -> Mapping[int, _Counts]:
    found: defaultdict[int, list[tuple[int, ...]]] = defaultdict(list)
    for cohort, *values in rows:
        found[int(cohort)].append(tuple(map(int, values)))
    return found


def cohorts_of(found: Counted, plan: Plan, *, is_priced: bool) -> Iterator[Cohort]:
    """The cohorts, the oldest first.

    Args:
        found: What was counted.
        plan: How people and periods are brought together.
        is_priced: Whether it is known what was paid.
    """
    for cohort, sizes in sorted(found.sizes.items()):
        yield _cohort(
            cohort, _Row(sizes, found.spans.get(cohort, ()), found.moved.get(cohort, ())), plan, is_priced=is_priced
        )


@attrs.frozen
class _Row:
    """What was counted of one cohort."""

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
        among=_laid([(0, done - 1, people) for done, people in counted.sizes], width)
        if plan.window
        else (size,) * width,
        orders=tuple(orders),
        revenue=tuple(revenue) if is_priced else None,
        value=tuple(accumulate(value[:-1])) if is_priced else None,
    )


def _reach(place: int, counted: _Row, plan: Plan) -> tuple[int, int]:
    """How many brackets are observed, and how many are over for all."""
    if plan.window is not None:
        done = [over for over, _ in counted.sizes]
        return max(done), min(done)
    begun = len(plan.periods) - place
    over = begun if plan.periods.is_over(len(plan.periods) - 1, plan.now) else begun - 1
    width = plan.begun(begun)
    return width, sum(1 for bracket in range(width) if plan.end(bracket) <= over)


def _laid(spans: Iterable[tuple[int, ...]], width: int) -> tuple[int, ...]:
    """How many people are counted in each cell, from the cells in which each is."""
    steps = [0] * (width + 1)
    for low, high, people in spans:
        steps[low] += people
        steps[min(high + 1, width)] -= people
    return tuple(accumulate(steps[:-1]))
