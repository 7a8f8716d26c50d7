"""Stage flow from transitions: two small counts, combined in Python."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import attrs

from funnel._arguments import check_choice, parse_as_of
from funnel._format import Listed, Table, Tabular
from funnel._people import histories_of
from funnel._results import Charted, Rows, chart_of
from funnel.history import History
from funnel.logs import Logs
from funnel.machines._compiled import BY_TIME, CompiledMachine
from funnel.machines._fixed_points import NOBODY
from funnel.machines._machine import AnyMachine, check_is_machine
from funnel.metrics._display import days, percent
from funnel.metrics._periods import Calendar, Period, Periods, Weekday, period_label
from funnel.metrics._rate import Rate
from funnel.metrics._stage_flow.transitions import (
    Counts,
    Pair,
    TransitionsOfHistories,
    TransitionsOfLogs,
    TransitionSource,
)
from funnel.policy import Policy
from funnel.stages import SHOP_MACHINE

if TYPE_CHECKING:
    from altair.typing import ChartType


# ---- results of `stage_flow` -----------------------------------------------------------------------------------------

# Invariants: in every period, people in a stage at the end = people at the start + arrivals - departures. Every spell
# in a stage has ended by one of its transitions, or lasts.


FlowShow: TypeAlias = Literal["people", "links"]
"""The content of a chart: the people in each stage over time, or the transitions."""

Value = str | int
"""A stage as a column stores it."""


@attrs.frozen
class StagePeriod:
    """One period: people in each stage at its end, arrivals and departures.

    Attributes:
        start: First day of the period, in the shop's zone.
        is_partial: Whether the period was not over. Its end is then `as_of`.
        people: By stage, number of people in it at the end.
        arrivals: By stage, number of arrivals in the period.
        departures: By stage, number of departures in the period.
    """

    start: date
    is_partial: bool
    people: Mapping[Value, int]
    arrivals: Mapping[Value, int]
    departures: Mapping[Value, int]

    def to_dict(self) -> dict[str, Any]:
        """Return the period by name."""
        return attrs.asdict(self)


@attrs.frozen
class TransitionRate:
    """All transitions from one stage to another.

    Attributes:
        from_stage: Stage before the transition; None for people who enter.
        to_stage: Stage after the transition.
        count: Number of transitions.
        by_time: Number of transitions caused by the passage of time; an event caused the rest.
        rate: Share of all spells in `from_stage` that ended this way, including spells that last; None for people who
            enter. A person may have several spells.
        median: Median length of the spells that ended this way; of two middle spells the shorter. None for people who
            enter.
    """

    from_stage: Value | None
    to_stage: Value
    count: int
    by_time: int
    rate: Rate | None
    median: timedelta | None

    def to_dict(self) -> dict[str, Any]:
        """Return the transition by name, with its share and interval."""
        rate = self.rate
        shares = {name: rate and getattr(rate, name) for name in ("trials", "value", "ci_lower", "ci_upper")}
        fields = {name: getattr(self, name) for name in ("from_stage", "to_stage", "count", "by_time", "median")}
        return {**fields, **shares}


@attrs.frozen
class StageFlow(Charted, Rows, Listed[StagePeriod], Tabular):
    """Result of `stage_flow`: how people go through the stages, up to an instant.

    As text, a star marks the period that is not over.

    Attributes:
        as_of: The evaluation time.
        tz: The time zone in which periods are cut.
        period: The kind of period.
        stages: The stages, in the order of the table.
        periods: The periods from the first arrival to `as_of`, oldest first.
        transitions: Every transition that occurred, in the order of the stages.
    """

    as_of: datetime
    tz: str
    period: Period
    stages: tuple[Value, ...]
    periods: tuple[StagePeriod, ...]
    transitions: tuple[TransitionRate, ...]

    _CHART = "stages.flow"
    _PARTS = "periods"

    def plot(self, *, show: FlowShow = "people") -> ChartType:
        """Return the stage flow as an Altair chart, which can be changed and saved.

        Args:
            show: "people" in each stage over time, or "links": the transitions as a Sankey diagram.

        Raises:
            ArgumentError: `show` is another word.
            MissingExtraError: The extra `plots` is not installed.
        """
        check_choice(show, get_args(FlowShow), "show")
        return chart_of(self, show=show)

    def rate(self, from_stage: Value, to_stage: Value) -> Rate:
        """Return the share of all spells in one stage that ended in another.

        Args:
            from_stage: The stage of the spells.
            to_stage: The next stage.
        """
        rates = (one.rate for one in self.transitions if (one.from_stage, one.to_stage) == (from_stage, to_stage))
        return next((rate for rate in rates if rate is not None), Rate(0, self.spells(from_stage)))

    def spells(self, stage: Value) -> int:
        """Return the number of spells in a stage: how often people came into it.

        Args:
            stage: The stage.
        """
        return sum(one.count for one in self.transitions if one.to_stage == stage)

    @property
    def matrix(self) -> dict[Value, dict[Value, Rate]]:
        """Return the share of spells that ended in each next stage, by stage."""
        return {start: {to: self.rate(start, to) for to in self.stages if to != start} for start in self.stages}

    @property
    def links(self) -> list[dict[str, Any]]:
        """Return the links of a Sankey diagram: from, to, count; None is the entrance."""
        return [{"from": one.from_stage, "to": one.to_stage, "count": one.count} for one in self.transitions]

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one row per period and stage, ready for a dataframe."""
        return [
            {"start": one.start, "is_partial": one.is_partial, "stage": stage, "people": one.people[stage]}
            | {"arrivals": one.arrivals[stage], "departures": one.departures[stage]}
            for one in self.periods
            for stage in self.stages
        ]

    def _tables(self) -> Iterator[Table]:
        stages = [
            [
                period_label(one.start, self.period, is_partial=one.is_partial),
                *(f"{one.people[s]:,}" for s in self.stages),
            ]
            for one in self.periods
        ]
        transitions = [
            [
                f"{'(new)' if one.from_stage is None else one.from_stage} -> {one.to_stage}",
                f"{one.count:,}",
                percent(one.rate.value) if one.rate else "",
                days(one.median) if one.median is not None else "",
            ]
            for one in self.transitions
        ]
        yield "", ("period", *self.stages), stages
        yield "", ("transition", "count", "of spells", "median time before"), transitions


def stages_with_people(flow: StageFlow) -> list[Value]:
    """Return the stages in which somebody was at the end of a period, in order."""
    return [stage for stage in flow.stages if any(one.people[stage] for one in flow.periods)]


# ---- the metric ------------------------------------------------------------------------------------------------------


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
