"""The result of `survival`: how long people wait until they convert.

People who still wait are censored, never counted as lost.

Invariants: the curve never rises. Conversion and survival add up to 1. Events after `as_of` change nothing. Another
unit of time changes only the times. The order of the rows changes nothing.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, overload

import attrs

from funnel._arguments import SpanLike, count_of, parse_as_of, share_of, span
from funnel._format import TextRepr, as_span
from funnel._results import Charted, Rows
from funnel._time import MICROSECOND, instant
from funnel.metrics._display import days, percent
from funnel.metrics._rate import DEFAULT_MIN_PEOPLE
from funnel.metrics._survival.curve import Curve, DurationKeys
from funnel.metrics._survival.estimates import (
    ConversionAt,
    RestrictedMean,
    SurvivalStep,
    TimeQuantile,
    conversion_at,
    quantile_of,
    restricted_mean_of,
    step_of,
)

# ---- the plateau of a survival curve: a flat end, with what was observed in it ---------------------------------------

# It does not claim that the remaining people never convert.


_RARE = 0.05
"""A flat end is long if chance produces one this long less often than this: the convention since Fisher (1925)."""


@attrs.frozen
class Plateau(TextRepr):
    """A long flat end of the curve: people were watched, and nobody converted.

    Either some people will never convert, or the remaining people are far slower than those before. Data of this kind
    cannot show which.

    Attributes:
        since: The time of the last conversion, from the start.
        until: The time up to which enough people were watched.
        waiting: The number of people who waited on after the last conversion.
        watched: The number of them who were watched up to `until`.
        expected: The conversions expected in that time, at the pace of an equally long time before.
        chance: The probability that nobody converts in such a time if the pace is unchanged.
        survival: The share that still waits, by the curve.
    """

    since: timedelta
    until: timedelta
    waiting: int
    watched: int
    expected: float
    chance: float
    survival: float

    def __str__(self) -> str:
        """Return what was observed, and no conclusion."""
        stretch = f"nobody converted from {days(self.since)} to {days(self.until)}"
        watched = f"{self.waiting:,} still waited and {self.watched:,} were watched to the end"
        pace = f"at the earlier pace, {self.expected:,.1f} would have converted"
        outlook = f"{percent(self.survival)} still wait, and the data do not show whether they will convert"
        return f"{stretch}, though {watched}; {pace}; {outlook}"


def plateau_of(curve: Curve, min_people: int) -> Plateau | None:
    """Return the flat end of a curve, if a stretch without conversions is longer than chance explains.

    The test compares two equally long times, before and after the last conversion, as two counts of rare events with an
    exposure of person-time. The last conversion separates the two times and is not counted.
    Source: J. Przyborowski and H. Wilenski, "Homogeneity of results in testing samples from Poisson series", Biometrika
    31 (1940), 313-323.
    """
    if not curve.times or len(curve.censored) < min_people or curve.censored[-min_people] <= curve.times[-1]:
        return None
    since, until = curve.times[-1], curve.censored[-min_people]
    start = max(2 * since - until, 0)
    before, after = _watched(curve, start, since), _watched(curve, since, until)
    events = curve.people - len(curve.censored) - curve.conversion_at(start) - 1
    chance = (before / (before + after)) ** events
    if chance >= _RARE:
        return None
    spans = since * MICROSECOND, until * MICROSECOND
    counts = curve.waiting_at(since + 1), curve.waiting_at(until)
    return Plateau(*spans, *counts, events * after / before, chance, curve.survival[-1])


def _watched(curve: Curve, start: int, end: int) -> int:
    """Return the total time that people were watched between two times, in microseconds."""
    steps = range(bisect_right(curve.times, start), bisect_left(curve.times, end))
    censored = curve.censored[bisect_right(curve.censored, start) : bisect_left(curve.censored, end)]
    inside = sum(curve.events[one] * (curve.times[one] - start) for one in steps)
    return inside + sum(censored) - start * len(censored) + curve.waiting_at(end) * (end - start)


# ---- the result ------------------------------------------------------------------------------------------------------


@attrs.frozen
class Survival(Charted, Rows):
    """The Kaplan-Meier curve of the waits as of an instant, with estimates from it.

    A person who had not converted by `as_of` counts for the watched time and no longer. There are no estimates beyond
    the longest watched time.

    Attributes:
        as_of: The evaluation time.
        curve: The counts and shares that all estimates use.
        excluded: The number of waits that ended before they started. They are not in `people`.
        confidence_level: The probability that an interval contains the true value.
        min_people: The minimum number of people for any estimate.
    """

    as_of: datetime
    curve: Curve = attrs.field(repr=False)
    excluded: int
    confidence_level: float
    min_people: int

    _CHART = "survivals.curve"

    @property
    def people(self) -> int:
        """The number of waits, ended or not."""
        return self.curve.people

    @property
    def converted(self) -> int:
        """The number of waits that have ended."""
        return self.people - self.waiting

    @property
    def waiting(self) -> int:
        """The number of waits that had not ended by `as_of`."""
        return len(self.curve.censored)

    @property
    def longest(self) -> timedelta | None:
        """The longest time that anybody was watched. None without people."""
        longest = self.curve.longest
        return None if longest is None else longest * MICROSECOND

    @property
    def is_reportable(self) -> bool:
        """Whether there are at least `min_people` people."""
        return self.people >= self.min_people

    @property
    def steps(self) -> Sequence[SurvivalStep]:
        """The steps of the curve: the start, then each time with a conversion.

        Empty if there are too few people.
        """
        return _Steps(self)

    def at(self, within: SpanLike) -> ConversionAt:
        """Return the share that converts within a time, with its interval.

        Args:
            within: The time from the start, inclusive.

        Raises:
            ArgumentError: `within` is not a span from zero up.
        """
        return conversion_at(self.curve, span(within, "within", minimum=0), self.confidence_level, self.min_people)

    def quantile(self, share: float) -> TimeQuantile:
        """Return the time within which a share converts, with its interval.

        Args:
            share: Between 0 and 1.

        Raises:
            ArgumentError: `share` is not between 0 and 1.
        """
        return quantile_of(self.curve, share_of(share, "share", 0.5), self.confidence_level, self.min_people)

    @property
    def median(self) -> TimeQuantile:
        """The time within which half of the people convert."""
        return self.quantile(0.5)

    def restricted_mean(self, horizon: SpanLike) -> RestrictedMean:
        """Return the mean wait within a horizon, with its interval.

        A longer wait counts as the horizon.

        Args:
            horizon: The time up to which waiting counts.

        Raises:
            ArgumentError: `horizon` is not a span above zero.
        """
        return restricted_mean_of(self.curve, span(horizon, "horizon"), self.confidence_level, self.min_people)

    def plateau(self, *, min_people: int = DEFAULT_MIN_PEOPLE) -> Plateau | None:
        """Return the flat end of the curve, if it is long: people are still watched, and nobody converts.

        Some of them may never convert; the data cannot show whether they will. None if the end is not long enough, or
        if too few people were watched through it.

        Args:
            min_people: The minimum number of people watched to the end of the flat part. The curve beyond that is not
                used. Thirty is our default.
        """
        return plateau_of(self.curve, count_of(min_people, "min_people", minimum=1)) if self.is_reportable else None

    def to_dict(self) -> dict[str, Any]:
        """Return the counts, the median with its interval, and the plateau by name."""
        counts = {name: getattr(self, name) for name in ("people", "converted", "waiting", "excluded", "longest")}
        median = self.median
        median_values = {"median": median.value, "median_ci_lower": median.ci_lower, "median_ci_upper": median.ci_upper}
        flat = self.plateau()
        end = {"flat_since": flat.since if flat else None, "flat_until": flat.until if flat else None}
        return {"as_of": self.as_of, **counts, **median_values, **end, "confidence_level": self.confidence_level}

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one row for each step, ready for a dataframe."""
        return [step.to_dict() for step in self.steps]

    def __str__(self) -> str:
        """Return the number of people waiting and converted, the median, and the plateau, if there is one."""
        excluded = f", {self.excluded:,} excluded" if self.excluded else ""
        counts = f"{self.people:,} people, {self.converted:,} converted, {self.waiting:,} still waiting{excluded}"
        if not self.is_reportable:
            return f"not enough ({counts}; at least {self.min_people:,})"
        watched = "" if self.longest is None else f"; watched for up to {days(self.longest)}"
        flat = self.plateau()
        end = f"; nobody converted from {days(flat.since)} to {days(flat.until)}" if flat else ""
        return f"{counts}{watched}; median {self.median}{end}"

    def _html(self) -> str:
        return as_span(self, f"Kaplan-Meier, intervals at {self.confidence_level:.4g}")


@attrs.frozen
class _Steps(Sequence[SurvivalStep]):
    """The steps of a curve, built on access."""

    of: Survival

    def __len__(self) -> int:
        """Return the number of steps, the start included."""
        return len(self.of.curve.times) + 1 if self.of.is_reportable else 0

    @overload
    def __getitem__(self, index: int) -> SurvivalStep: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[SurvivalStep]: ...
    def __getitem__(self, index: int | slice) -> SurvivalStep | Sequence[SurvivalStep]:
        """Return a step; the first is the start."""
        indices = range(len(self))[index]
        if isinstance(indices, range):
            return [step_of(self.of.curve, one - 1, self.of.confidence_level) for one in indices]
        return step_of(self.of.curve, indices - 1, self.of.confidence_level)


def survival_of(durations: DurationKeys, as_of: datetime, confidence_level: float, min_people: int) -> Survival:
    share_of(confidence_level, "confidence_level")
    count_of(min_people, "min_people", minimum=1)
    return Survival(instant(parse_as_of(as_of)), durations.curve, durations.early, confidence_level, min_people)
