"""Results of `stage_flow`: people by stage and period, and every transition with share and median time.

Invariants: in every period, people in a stage at the end = people at the start + arrivals - departures. Every spell in
a stage has ended by one of its transitions, or lasts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import attrs

from funnel._arguments import check_choice
from funnel._format import Listed, Table, Tabular
from funnel._results import Charted, Rows, chart_of
from funnel.metrics._display import days, percent
from funnel.metrics._periods import Period, period_label
from funnel.metrics._rate import Rate

if TYPE_CHECKING:
    from altair.typing import ChartType

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
