"""How long people wait until they convert, where many have not yet: nobody who still waits is counted as lost.

Laws: the curve never rises; conversion and survival come to 1; what happens after `as_of` changes nothing; another unit
of time changes the times alone; the order of the rows changes nothing.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, overload

import attrs

from funnel._given import SpanLike, count_of, each, instance, judgement, share_of, span
from funnel._instants import MICROSECOND, instant
from funnel.errors import ArgumentError
from funnel.metrics.rate import LEAST, LEVEL
from funnel.metrics.survival.curve import Curve
from funnel.metrics.survival.estimates import (
    ConvertedBy,
    RestrictedMean,
    SurvivalStep,
    WaitQuantile,
    converted_by,
    quantile_of,
    restricted_mean_of,
    step_of,
    told_span,
)
from funnel.metrics.survival.log_rank import LogRank, log_rank
from funnel.metrics.survival.plateau import Plateau, plateau_of
from funnel.metrics.survival.waiting import Waits, waits_by, waits_in


@attrs.frozen
class Survival:
    """How long people wait until they convert, as of an instant: the Kaplan-Meier curve and what follows from it.

    Who had not converted by `as_of` counts for as long as they were watched, and no longer. Beyond the longest time
    that anybody was watched nothing is said.

    Attributes:
        as_of: The instant of judgement.
        curve: The counts and shares that all else is made of.
        left_out: Those who ended before they started, and are not among the people.
        level: How often its intervals hold the truth.
        least: The fewest people of whom anything is said.
    """

    as_of: datetime
    curve: Curve = attrs.field(repr=False)
    left_out: int
    level: float
    least: int

    @property
    def people(self) -> int:
        """How many waits there are, whether they have ended or not."""
        return self.curve.people

    @property
    def converted(self) -> int:
        """How many of them have ended."""
        return self.people - self.waiting

    @property
    def waiting(self) -> int:
        """How many of them had not ended by `as_of`."""
        return len(self.curve.censored)

    @property
    def longest(self) -> timedelta | None:
        """The longest time that anybody was watched; None of nobody."""
        longest = self.curve.longest
        return None if longest is None else longest * MICROSECOND

    @property
    def enough(self) -> bool:
        """Whether there are so many people that anything is said of them."""
        return self.people >= self.least

    @property
    def steps(self) -> Sequence[SurvivalStep]:
        """The steps of the curve: the start, then each time at which anybody converted; none where not enough."""
        return _Steps(self)

    def at(self, within: SpanLike) -> ConvertedBy:
        """The share that converts within a time, with its interval.

        Args:
            within: The time from the start; its end is part of it.

        Raises:
            ArgumentError: It is not a span from zero up.
        """
        return converted_by(self.curve, span(within, "within", least=0), self.level, self.least)

    def quantile(self, share: float) -> WaitQuantile:
        """The time within which a share converts, with its interval.

        Args:
            share: Between 0 and 1.

        Raises:
            ArgumentError: It is not.
        """
        return quantile_of(self.curve, share_of(share, "share", 0.5), self.level, self.least)

    @property
    def median(self) -> WaitQuantile:
        """The time within which half of them convert."""
        return self.quantile(0.5)

    def restricted_mean(self, horizon: SpanLike) -> RestrictedMean:
        """The mean time that they wait within a horizon, with its interval: who waits longer counts as the horizon.

        Args:
            horizon: Up to when waiting is counted.

        Raises:
            ArgumentError: It is not a span above zero.
        """
        return restricted_mean_of(self.curve, span(horizon, "horizon"), self.level, self.least)

    def plateau(self, *, least: int = LEAST) -> Plateau | None:
        """The flat end of the curve, if it is long: people are still watched, and for long nobody has converted.

        Some may never convert; that they will not, nobody can say. None where the end is not long enough, or too few
        were watched through it.

        Args:
            least: The fewest people who are watched to the end of the flat part; those watched longer are too few to
                go by. The thirty is our choice.
        """
        return plateau_of(self.curve, count_of(least, "least", least=1)) if self.enough else None

    def to_dict(self) -> dict[str, Any]:
        """The counts, the median and its interval, and from when to when the end is flat, if it is, by name."""
        counts = {name: getattr(self, name) for name in ("people", "converted", "waiting", "left_out", "longest")}
        median = self.median
        found = {"median": median.value, "median_low": median.low, "median_high": median.high}
        flat = self.plateau()
        end = {"flat_since": flat.since if flat else None, "flat_until": flat.until if flat else None}
        return {"as_of": self.as_of, **counts, **found, **end, "level": self.level}

    def to_dicts(self) -> list[dict[str, Any]]:
        """One row for each step, as a dataframe takes them."""
        return [step.to_dict() for step in self.steps]

    def __str__(self) -> str:
        """Write how many waited and converted, the median, and that the end is flat, if it is."""
        left_out = f", {self.left_out:,} left out" if self.left_out else ""
        counts = f"{self.people:,} people, {self.converted:,} converted, {self.waiting:,} still waiting{left_out}"
        if not self.enough:
            return f"not enough ({counts}; at least {self.least:,})"
        watched = "" if self.longest is None else f"; watched for up to {told_span(self.longest)}"
        flat = self.plateau()
        end = f"; nobody converted from {told_span(flat.since)} to {told_span(flat.until)}" if flat else ""
        return f"{counts}{watched}; median {self.median}{end}"

    def _repr_html_(self) -> str:
        told = f"Kaplan-Meier, intervals at {self.level:.4g}"
        return f'<span title="{html.escape(told)}">{html.escape(str(self))}</span>'


@attrs.frozen
class _Steps(Sequence[SurvivalStep]):
    """The steps of a curve, each made when it is asked for."""

    of: Survival

    def __len__(self) -> int:
        """How many steps, the start among them."""
        return len(self.of.curve.times) + 1 if self.of.enough else 0

    @overload
    def __getitem__(self, place: int) -> SurvivalStep: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[SurvivalStep]: ...
    def __getitem__(self, place: int | slice) -> SurvivalStep | Sequence[SurvivalStep]:
        """A step; the first is the start."""
        places = range(len(self))[place]
        if isinstance(places, range):
            return [step_of(self.of.curve, one - 1, self.of.level) for one in places]
        return step_of(self.of.curve, places - 1, self.of.level)


def survival(waits: object, *, as_of: datetime, level: float = LEVEL, least: int = 1) -> Survival:
    """How long people wait until they convert, those who still wait counted for as long as they were watched.

    Who started after `as_of` is not there; who ended after it still waits. Who ended before they started is left out,
    and counted. Each row is one wait; rows of one person are not independent, and make the intervals too narrow.

    Args:
        waits: A dataframe of any engine with `started_at` and `ended_at` (empty where there is no end yet), or a list
            of such pairs; `funnel.waits` makes the table from events.
        as_of: The instant of judgement.
        level: How often the intervals hold the truth.
        least: The fewest people of whom anything is said; with fewer the answer is that there is not enough.

    Returns:
        The curve, and what can be asked of it.

    Raises:
        InstantError: `as_of` or a time of a pair is naive.
        LogsError: A column is missing or holds no aware datetimes, or a start is empty.
        EngineError: The frame cannot be read.
        ArgumentError: The level is no share, or `least` no whole number from 1 up.

    Example:
        >>> from datetime import UTC, datetime, timedelta
        >>> day, start = timedelta(days=1), datetime(2026, 1, 1, tzinfo=UTC)
        >>> waits = [(start, start + 2 * day), (start, start + 5 * day), (start + 4 * day, None)]
        >>> found = survival(waits, as_of=start + 10 * day)
        >>> print(found)
        3 people, 2 converted, 1 still waiting; watched for up to 6 days; median 5 days (2 days to not reached)
        >>> print(found.at(3 * day))
        33.3 % within 3 days (1 of 3 converted, 2 waited so long; 5.5 to 94.6 %)
        >>> found.at(30 * day).value is None
        True
    """
    return _survival(waits_in(waits, judgement(as_of)), as_of, level, least)


def _survival(waits: Waits, as_of: datetime, level: float, least: int) -> Survival:
    share_of(level, "level")
    count_of(least, "least", least=1)
    return Survival(instant(judgement(as_of)), waits.curve, waits.early, level, least)


# ---- by groups -----------------------------------------------------------------------------------------------------


@attrs.frozen
class SurvivalBy(Mapping[Any, Survival]):
    """How long people of each group wait until they convert; a mapping from each group to its `Survival`.

    Attributes:
        by: The columns whose values make the groups.
        groups: The groups in the order of those values, each with its survival; a group is the value of the column, or
            where there are several columns, their values.
    """

    by: tuple[str, ...]
    groups: tuple[tuple[Any, Survival], ...]

    @cached_property
    def _known(self) -> Mapping[Any, Survival]:
        return dict(self.groups)

    def __getitem__(self, group: Any) -> Survival:
        """The survival of a group."""
        return self._known[group]

    def __iter__(self) -> Iterator[Any]:
        """The groups."""
        return iter(self._known)

    def __len__(self) -> int:
        """How many groups."""
        return len(self.groups)

    @cached_property
    def log_rank(self) -> LogRank:
        """The test of whether the groups convert alike, as `funnel.log_rank` makes it."""
        return log_rank(self)

    def to_dicts(self) -> list[dict[str, Any]]:
        """One row for each group."""
        return [{"group": group, **one.to_dict()} for group, one in self.groups]

    def __str__(self) -> str:
        """Write a line for each group, and the test."""
        lines = [f"{group}: {one}" for group, one in self.groups]
        return "\n".join([*lines, f"log-rank test: {self.log_rank}"])

    def _repr_html_(self) -> str:
        return "<br>".join(html.escape(line) for line in str(self).splitlines())


def survival_by(
    waits: object, by: str | Sequence[str], *, as_of: datetime, level: float = LEVEL, least: int = 1
) -> SurvivalBy:
    """How long people of each group wait until they convert, and whether the groups differ.

    Args:
        waits: A dataframe of any engine with `started_at`, `ended_at` and the columns of the groups.
        by: The column, or columns, whose values make the groups.
        as_of: The instant of judgement.
        level: How often the intervals hold the truth.
        least: The fewest people of whom anything is said; smaller groups say so, and are not tested.

    Returns:
        The survival of each group, and the log-rank test.

    Raises:
        InstantError: `as_of` is naive.
        LogsError: A column is missing or holds no aware datetimes, or a start is empty.
        EngineError: The frame cannot be read.
        ArgumentError: The level is no share, `least` no whole number from 1 up, or no column is named.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime, timedelta
        >>> day, start = timedelta(days=1), datetime(2026, 1, 1, tzinfo=UTC)
        >>> ended = [start + day, start + 2 * day, start + 9 * day, None]
        >>> waits = pl.DataFrame({"started_at": [start] * 4, "ended_at": ended, "source": ["ad", "ad", "shop", "shop"]})
        >>> found = survival_by(waits, "source", as_of=start + 20 * day)
        >>> print(found["ad"].median)
        1 day (1 day to not reached)
        >>> found.log_rank.degrees
        1
    """
    names = (by,) if isinstance(by, str) else tuple(each(by, "by", "a column or a list of columns"))
    for name in names:
        instance(name, str, "a column of by", "text")
    if not names:
        raise ArgumentError("no column is named that makes the groups; give one, or ask for `survival`")
    found = waits_by(waits, names, judgement(as_of))
    made = ((group, _survival(one, as_of, level, least)) for group, one in found.items())
    return SurvivalBy(names, tuple((group[0] if len(names) == 1 else group, one) for group, one in made))
