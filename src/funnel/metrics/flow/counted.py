"""From everyone's moves to the flow: two small counts by the engine, put together in Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import narwhals as nw

from funnel._facts.base import judgement
from funnel._frames import kept, laid_down
from funnel._lift.columns import whole
from funnel._moves.course import BY_TIME
from funnel._moves.many import moved_over
from funnel._moves.walked import BY, FROM, MOVED, NOBODY, TO
from funnel._reduce.aggregates import PERSON
from funnel.metrics._periods import Calendar, Period, Periods, Weekday
from funnel.metrics.flow.result import StageFlow, StagePeriod, Transition, Value
from funnel.metrics.rate import Rate
from funnel.stages import FUNNEL

if TYPE_CHECKING:
    from funnel._frames import Frame
    from funnel._moves.table import Tabled
    from funnel.logs import Logs
    from funnel.policy import Policy

_Pair = tuple[int, int]


def stage_flow(  # noqa: PLR0913 - what is cut, by whose clock, and by which machine
    logs: Logs,
    policy: Policy,
    period: Period = "month",
    *,
    tz: str,
    as_of: datetime,
    week_start: Weekday | None = None,
    machine: Tabled[Any] = FUNNEL,
) -> StageFlow:
    """How many people stood in each stage at the end of each period, who moved where, and after how long.

    Everybody is counted as the facts were at each instant: a refund moves somebody when the money goes back.

    Args:
        logs: Everyone's records.
        policy: The shop's numbers.
        period: The kind of period.
        tz: The zone by whose clock periods are cut, such as "Asia/Jakarta".
        as_of: The instant of judgement.
        week_start: The day with which a week begins; only for weeks.
        machine: The stages, their rule and their table.

    Raises:
        InstantError: `as_of` is naive, or the zone, the period or the weekday is unknown.
        MoveError: The rule makes a move that the table has not.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC
        >>> from funnel import Logs, Policy
        >>> days = [datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 2, 5, tzinfo=UTC)]
        >>> orders = {"id": [1, 2], "person_id": ["p1", "p1"], "purchased_at": days, "amount": [9, 9]}
        >>> logs = Logs(purchases=pl.DataFrame(orders))
        >>> flow = stage_flow(logs, Policy(), tz="UTC", as_of=datetime(2026, 3, 1, tzinfo=UTC))
        >>> [one.standing["repeat_customer"] for one in flow]
        [0, 1, 1]
        >>> print(flow.rate("customer", "repeat_customer"))
        100.0 % (1 of 1; 20.7 to 100.0 %)
    """
    now, calendar = judgement(as_of), Calendar.of(period, tz, week_start)
    course = machine.course(policy)
    stages = tuple(stage.value for stage in course.stages)
    moved = kept(laid_down(moved_over(course, logs, now)[0]))
    first = moved.select(nw.col(MOVED).min()).collect().to_dict(as_series=False)[MOVED][0]
    if first is None:
        return StageFlow(as_of, tz, period, stages, (), ())
    periods = Periods.between(int(first), now, calendar)
    counts = _counts(moved, periods)
    told = tuple(_periods(counts, periods, now, stages))
    return StageFlow(as_of, tz, period, stages, told, tuple(_transitions(counts, _medians(moved), stages)))


Counts = Sequence[tuple[int, int, int, int, int]]
"""Place of the period, from, to, by what, how often."""


def _counts(moved: Frame, periods: Periods) -> Counts:
    placed = moved.with_columns(_place=periods.place_column(MOVED))
    counted = placed.group_by("_place", FROM, TO, BY).agg(nw.len().alias("_count")).collect()
    names = ("_place", FROM, TO, BY, "_count")
    return [tuple(map(int, row)) for row in counted.select(*names).rows()]  # type: ignore[misc]


def _medians(moved: Frame) -> Mapping[_Pair, int]:
    """How long the spells lasted that ended in each move: the median, in microseconds, of two the shorter."""
    began = nw.col(MOVED).shift(1).over(PERSON, order_by=MOVED)
    left = moved.with_columns(_began=began).filter(nw.col(FROM) != NOBODY)
    lasted = left.select(PERSON, MOVED, FROM, TO, _lasted=(nw.col(MOVED) - nw.col("_began")).cast(nw.Int64()))
    turned = lasted.with_columns(_turn=whole(1))
    turned = turned.with_columns(nw.col("_turn").cum_sum().over(FROM, TO, order_by=["_lasted", PERSON, MOVED]))
    among = lasted.group_by(FROM, TO).agg(nw.len().alias("_among"))
    middle = turned.join(among, on=[FROM, TO], how="inner").filter(nw.col("_turn") == (nw.col("_among") + 1) // 2)
    rows = middle.select(FROM, TO, "_lasted").collect().rows()
    return {(int(start), int(to)): int(lasted) for start, to, lasted in rows}


def _periods(counts: Counts, periods: Periods, now: int, stages: Sequence[Value]) -> Iterable[StagePeriod]:
    standing = dict.fromkeys(stages, 0)
    by_place: dict[int, list[tuple[int, int, int]]] = {}
    for place, start, to, _, count in counts:
        by_place.setdefault(place, []).append((start, to, count))
    for place in range(len(periods)):
        came, left = dict.fromkeys(stages, 0), dict.fromkeys(stages, 0)
        for start, to, count in by_place.get(place, ()):
            came[stages[to]] += count
            if start != NOBODY:
                left[stages[start]] += count
        standing = {stage: standing[stage] + came[stage] - left[stage] for stage in stages}
        yield StagePeriod(periods.day(place), not periods.is_over(place, now), standing, came, left)


def _transitions(counts: Counts, medians: Mapping[_Pair, int], stages: Sequence[Value]) -> Iterable[Transition]:
    totals: dict[_Pair, int] = {}
    by_time: dict[_Pair, int] = {}
    spells: dict[int, int] = {}
    for _, start, to, by, count in counts:
        pair = (start, to)
        totals[pair] = totals.get(pair, 0) + count
        by_time[pair] = by_time.get(pair, 0) + (count if by == BY_TIME else 0)
        spells[to] = spells.get(to, 0) + count
    for (start, to), count in sorted(totals.items()):
        if start == NOBODY:
            yield Transition(None, stages[to], count, 0, None, None)
            continue
        median = timedelta(microseconds=medians[start, to])
        rate = Rate(count, spells[start])
        yield Transition(stages[start], stages[to], count, by_time[start, to], rate, median)
