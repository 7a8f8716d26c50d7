"""What is told of the flow: people by stage and period, and every move from stage to stage with its share and its time.

Laws: in every period, who stands in a stage at its end stood there at its start, or came, and has not left; of the
spells in a stage, each has ended by one of its moves, or lasts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

import attrs

from funnel.metrics._periods import Period, written
from funnel.metrics._shown import as_html, as_text, days, percent
from funnel.metrics.rate import Rate

Value = str | int
"""A stage as a column holds it."""


@attrs.frozen
class StagePeriod:
    """One period: how many people stood in each stage at its end, came into it and left it.

    Attributes:
        start: The first day of the period, by the shop's clock.
        is_partial: Whether it was not over; then its end is `as_of`.
        standing: By stage, who stood there at the end.
        came: By stage, how often somebody came into it in the period.
        left: By stage, how often somebody left it.
    """

    start: date
    is_partial: bool
    standing: Mapping[Value, int]
    came: Mapping[Value, int]
    left: Mapping[Value, int]

    def to_dict(self) -> dict[str, Any]:
        """The period by name."""
        return attrs.asdict(self)


@attrs.frozen
class Transition:
    """All moves from one stage to another.

    Attributes:
        from_stage: Where they stood; None for those who came in.
        to_stage: Where they went.
        count: How often.
        by_time: How many of them time brought about, the others an event.
        rate: How many of all spells in `from_stage` ended so, those that last among them; None for who came in. A
            person may have several spells.
        median: Half of those who went had stood in `from_stage` for at most so long; None for who came in.
    """

    from_stage: Value | None
    to_stage: Value
    count: int
    by_time: int
    rate: Rate | None
    median: timedelta | None

    def to_dict(self) -> dict[str, Any]:
        """The transition by name, with its share and the interval of it."""
        rate = self.rate
        shares = {name: rate and getattr(rate, name) for name in ("among", "value", "low", "high")}
        told = {name: getattr(self, name) for name in ("from_stage", "to_stage", "count", "by_time", "median")}
        return {**told, **shares}


@attrs.frozen
class StageFlow:
    """How people flow through the stages, up to an instant.

    Attributes:
        as_of: The instant of judgement.
        tz: The zone by whose clock periods are cut.
        period: The kind of period.
        stages: The stages, in the order of the table.
        periods: The periods from that of the first arrival to that of `as_of`, the oldest first.
        transitions: Every move that was made, in the order of the stages.
    """

    as_of: datetime
    tz: str
    period: Period
    stages: tuple[Value, ...]
    periods: tuple[StagePeriod, ...]
    transitions: tuple[Transition, ...]

    def __len__(self) -> int:
        """How many periods."""
        return len(self.periods)

    def __iter__(self) -> Iterator[StagePeriod]:
        """The periods, the oldest first."""
        return iter(self.periods)

    def rate(self, from_stage: Value, to_stage: Value) -> Rate:
        """Of all spells in a stage, how many ended in another.

        Args:
            from_stage: The stage.
            to_stage: The other.
        """
        made = (one.rate for one in self.transitions if (one.from_stage, one.to_stage) == (from_stage, to_stage))
        return next((rate for rate in made if rate is not None), Rate(0, self.spells(from_stage)))

    def spells(self, stage: Value) -> int:
        """How many spells in a stage there were: how often somebody came into it.

        Args:
            stage: The stage.
        """
        return sum(one.count for one in self.transitions if one.to_stage == stage)

    @property
    def matrix(self) -> dict[Value, dict[Value, Rate]]:
        """By stage and by next stage, the share of the spells in the first that ended in the second."""
        return {start: {to: self.rate(start, to) for to in self.stages if to != start} for start in self.stages}

    @property
    def links(self) -> list[dict[str, Any]]:
        """The flow as a Sankey diagram takes it: from, to, how often; who came in comes from None."""
        return [{"from": one.from_stage, "to": one.to_stage, "count": one.count} for one in self.transitions]

    def to_dicts(self) -> list[dict[str, Any]]:
        """A row a period and stage, as a dataframe takes them."""
        return [
            {"start": one.start, "is_partial": one.is_partial, "stage": stage, "standing": one.standing[stage]}
            | {"came": one.came[stage], "left": one.left[stage]}
            for one in self.periods
            for stage in self.stages
        ]

    def _standing(self) -> list[list[object]]:
        return [
            [f"{written(one.start, self.period)}{'*' * one.is_partial}", *(f"{one.standing[s]:,}" for s in self.stages)]
            for one in self.periods
        ]

    def _moves(self) -> list[list[object]]:
        return [
            [
                f"{'(new)' if one.from_stage is None else one.from_stage} -> {one.to_stage}",
                f"{one.count:,}",
                percent(one.rate.value) if one.rate else "",
                days(one.median) if one.median is not None else "",
            ]
            for one in self.transitions
        ]

    def __str__(self) -> str:
        """Write both tables; a star marks the period that is not over."""
        standing = as_text(["period", *self.stages], self._standing())
        return f"{standing}\n\n{as_text(_HEAD, self._moves())}"

    def _repr_html_(self) -> str:
        return as_html(["period", *self.stages], self._standing()) + as_html(_HEAD, self._moves())


_HEAD = ("move", "count", "of its spells", "median time before")
