"""Stage flow from transitions: two small counts, combined in Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs

from funnel._arguments import parse_as_of
from funnel._people import histories_of
from funnel.history import History
from funnel.logs import Logs
from funnel.machines._compiled import BY_TIME, CompiledMachine
from funnel.machines._fixed_points import NOBODY
from funnel.machines._machine import AnyMachine, check_is_machine
from funnel.metrics._periods import Calendar, Period, Periods, Weekday
from funnel.metrics._rate import Rate
from funnel.metrics._stage_flow.result import StageFlow, StagePeriod, TransitionRate, Value
from funnel.metrics._stage_flow.transitions import (
    Counts,
    Pair,
    TransitionsOfHistories,
    TransitionsOfLogs,
    TransitionSource,
)
from funnel.policy import Policy
from funnel.stages import SHOP_MACHINE


def stage_flow(  # noqa: PLR0913 - what is cut, by whose clock, and by which machine
    people: Logs | History | Iterable[History],
    policy: Policy,
    period: Period = "month",
    *,
    tz: str,
    as_of: datetime,
    week_start: Weekday | None = None,
    machine: AnyMachine[Any] = SHOP_MACHINE,
) -> StageFlow:
    """Compute people per stage and period, and transitions with their median time.

    Each instant uses the facts known at that instant: a refund changes a person's stage when the money goes back.

    Args:
        people: All logs, one history, or several histories.
        policy: The shop's policy.
        period: The kind of period.
        tz: The time zone in which periods are cut, such as "Asia/Jakarta".
        as_of: The evaluation time.
        week_start: First day of the week; for weeks only.
        machine: The stages with their rule and transition table.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: The zone, the period or the weekday is unknown.
        TransitionError: The rule makes a transition that the table does not allow.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC
        >>> from funnel import Logs, Policy
        >>> days = [datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 2, 5, tzinfo=UTC)]
        >>> orders = {"id": [1, 2], "person_id": ["p1", "p1"], "purchased_at": days, "amount": [9, 9]}
        >>> logs = Logs(purchases=pl.DataFrame(orders))
        >>> flow = stage_flow(logs, Policy(), tz="UTC", as_of=datetime(2026, 3, 1, tzinfo=UTC))
        >>> [one.people["repeat_customer"] for one in flow]
        [0, 1, 1]
        >>> print(flow.rate("customer", "repeat_customer"))
        100.0 % (1 of 1; 20.7 to 100.0 %)
    """
    query = StageFlowQuery(as_of, tz, Calendar.of(period, tz, week_start))
    compiled = check_is_machine(machine)._compiled(policy)
    if isinstance(people, Logs):
        return flow_of(TransitionsOfLogs.of(compiled, people, query.now), compiled, query)
    return flow_of(TransitionsOfHistories.of(compiled, histories_of(people), query.now), compiled, query)


@attrs.frozen
class StageFlowQuery:
    """Evaluation time and periods of a stage flow."""

    as_of: datetime
    tz: str
    calendar: Calendar

    @property
    def now(self) -> int:
        """Return the evaluation time in microseconds.

        Raises:
            InstantError: The time is naive.
        """
        return parse_as_of(self.as_of)


def flow_of(source: TransitionSource, compiled: CompiledMachine, query: StageFlowQuery) -> StageFlow:
    """Return the stage flow of the transitions."""
    stages, first = tuple(stage.value for stage in compiled.stages), source.first()
    if first is None:
        return StageFlow(query.as_of, query.tz, query.calendar.period, stages, (), ())
    periods = Periods.between(first, query.now, query.calendar)
    counts = source.counts(periods)
    rows = tuple(_periods(counts, periods, query.now, stages))
    transitions = tuple(_transitions(counts, source.medians(), stages))
    return StageFlow(query.as_of, query.tz, query.calendar.period, stages, rows, transitions)


def _periods(counts: Counts, periods: Periods, now: int, stages: Sequence[Value]) -> Iterable[StagePeriod]:
    people = dict.fromkeys(stages, 0)
    by_index: dict[int, list[tuple[int, int, int]]] = {}
    for index, start, to, _, count in counts:
        by_index.setdefault(index, []).append((start, to, count))
    for index in range(len(periods)):
        arrivals, departures = dict.fromkeys(stages, 0), dict.fromkeys(stages, 0)
        for start, to, count in by_index.get(index, ()):
            arrivals[stages[to]] += count
            if start != NOBODY:
                departures[stages[start]] += count
        people = {stage: people[stage] + arrivals[stage] - departures[stage] for stage in stages}
        yield StagePeriod(periods.day(index), not periods.is_over(index, now), people, arrivals, departures)


def _transitions(counts: Counts, medians: Mapping[Pair, int], stages: Sequence[Value]) -> Iterable[TransitionRate]:
    totals: dict[Pair, int] = {}
    by_time: dict[Pair, int] = {}
    spells: dict[int, int] = {}
    for _, start, to, by, count in counts:
        pair = (start, to)
        totals[pair] = totals.get(pair, 0) + count
        by_time[pair] = by_time.get(pair, 0) + (count if by == BY_TIME else 0)
        spells[to] = spells.get(to, 0) + count
    for (start, to), count in sorted(totals.items()):
        if start == NOBODY:
            yield TransitionRate(None, stages[to], count, 0, None, None)
            continue
        median = timedelta(microseconds=medians[start, to])
        rate = Rate(count, spells[start])
        yield TransitionRate(stages[start], stages[to], count, by_time[start, to], rate, median)
