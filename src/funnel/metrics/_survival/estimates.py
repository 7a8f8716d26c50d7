"""Estimates from a survival curve: share by a time, time of a share, mean wait.

Every estimate has an interval. A value is None beyond the longest watched wait, and if there are too few people.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from datetime import timedelta
from math import exp, log, sqrt
from statistics import NormalDist
from typing import Any

import attrs

from funnel._format import TextRepr
from funnel._time import MICROSECOND
from funnel.metrics._display import days, percent
from funnel.metrics._survival.curve import Curve

_ROUNDING = 1e-9
"""Shares this close are equal: a product of a million factors is hardly more exact."""


def _reach(confidence_level: float) -> float:
    """Return the number of standard errors from the estimate to each end of the interval."""
    return NormalDist().inv_cdf((1 + confidence_level) / 2)


def band(curve: Curve, step: int, reach: float) -> tuple[float, float] | None:
    """Return the interval of the survival at a step.

    None if nobody or everybody has converted.

    The formula is not defined in these two cases. It is Greenwood's variance on the scale of log(-log). The interval
    stays in 0 to 1 and is more accurate in the tails than the plain interval.
    Source: J. D. Kalbfleisch and R. L. Prentice, The Statistical Analysis of Failure Time Data (1980), section 1.3.
    """
    survival = curve.survival[step] if step >= 0 else 1.0
    if not 0 < survival < 1:
        return None
    wide = reach * sqrt(curve.spread[step]) / -log(survival)
    return min(survival ** exp(wide), survival), max(survival ** exp(-wide), survival)


# ---- a step --------------------------------------------------------------------------------------------------------


@attrs.frozen
class SurvivalStep(TextRepr):
    """One step of the curve: a time at which somebody converted, or the start.

    Attributes:
        wait: The time since the start.
        at_risk: The number of people who had waited at least this long.
        converted: The number of them who converted at this time.
        censored: The number of people whose watched time ended before the next step.
        survival: The share that still waits just after this time.
        variance: Greenwood's variance of the survival. None if nobody is left.
        ci_lower: The lower end of the interval. None if nobody or everybody has converted.
        ci_upper: The upper end of the interval. None in the same cases.
    """

    wait: timedelta
    at_risk: int
    converted: int
    censored: int
    survival: float
    variance: float | None
    ci_lower: float | None
    ci_upper: float | None

    @property
    def conversion(self) -> float:
        """The share that has converted by this time: 1 - survival."""
        return 1 - self.survival

    def to_dict(self) -> dict[str, Any]:
        """Return all attributes by name."""
        return {**super().to_dict(), "conversion": self.conversion}

    def __str__(self) -> str:
        """Return the step as a line."""
        counts = f"{self.converted:,} of {self.at_risk:,} converted"
        return f"{days(self.wait)}: {counts}, {percent(self.survival)} still wait"


def step_of(curve: Curve, step: int, confidence_level: float) -> SurvivalStep:
    """Return a step of a curve; -1 is the start."""
    after = curve.at_risk[step + 1] if step + 1 < len(curve.times) else 0
    ci_lower, ci_upper = band(curve, step, _reach(confidence_level)) or (None, None)
    if step < 0:
        return SurvivalStep(timedelta(0), curve.people, 0, curve.people - after, 1.0, 0.0, ci_lower, ci_upper)
    survival, at_risk, events = curve.survival[step], curve.at_risk[step], curve.events[step]
    variance = survival * survival * curve.spread[step] if survival else None
    wait = curve.times[step] * MICROSECOND
    return SurvivalStep(wait, at_risk, events, at_risk - events - after, survival, variance, ci_lower, ci_upper)


# ---- the share by a time -------------------------------------------------------------------------------------------


@attrs.frozen
class ConversionAt(TextRepr):
    """The share that converts within a time.

    Attributes:
        within: The time from the start, inclusive.
        value: The share. None if there are too few people, or if nobody was watched that long.
        ci_lower: The lower end of the interval. None also if nobody or everybody has converted.
        ci_upper: The upper end of the interval. None in the same cases.
        converted: The number of people who converted within this time.
        at_risk: The number of people who had waited at least this long.
        people: The number of people.
        min_people: The minimum number of people for any estimate.
        confidence_level: The probability that such an interval contains the true value.
    """

    within: timedelta
    value: float | None
    ci_lower: float | None
    ci_upper: float | None
    converted: int
    at_risk: int
    people: int
    min_people: int
    confidence_level: float

    def __str__(self) -> str:
        """Return the share with its counts and its interval."""
        counts = f"{self.converted:,} of {self.people:,} converted"
        if self.people < self.min_people:
            return f"not enough ({counts}; at least {self.min_people:,})"
        if self.value is None:
            return f"not known within {days(self.within)} ({counts}; nobody was watched so long)"
        interval = (
            "no interval" if self.ci_lower is None or self.ci_upper is None else _interval(self.ci_lower, self.ci_upper)
        )
        share = f"{percent(self.value)} within {days(self.within)}"
        return f"{share} ({counts}, {self.at_risk:,} waited so long; {interval})"


def _interval(ci_lower: float, ci_upper: float) -> str:
    return f"{100 * ci_lower:.1f} to {percent(ci_upper)}"


def conversion_at(curve: Curve, time: int, confidence_level: float, min_people: int) -> ConversionAt:
    """Return the share of a curve that converts within a time."""
    people, longest = curve.people, curve.longest
    value, ends = None, None
    if people >= min_people and longest is not None and time <= longest:
        step = curve.step_at(time)
        value = 1 - curve.survival[step] if step >= 0 else 0.0
        ends = band(curve, step, _reach(confidence_level))
    ci_lower, ci_upper = (1 - ends[1], 1 - ends[0]) if ends else (None, None)
    counts = curve.conversion_at(time), curve.waiting_at(time), people
    return ConversionAt(time * MICROSECOND, value, ci_lower, ci_upper, *counts, min_people, confidence_level)


# ---- the time of a share -------------------------------------------------------------------------------------------


@attrs.frozen
class TimeQuantile(TextRepr):
    """The time within which a share converts.

    Attributes:
        share: The share.
        value: The first time by which this share has converted. None if the share is not reached or there are too few
            people.
        ci_lower: The lower end of the interval. None if it is not reached.
        ci_upper: The upper end of the interval. None if it is not reached.
        converted: The number of people who converted at any time.
        people: The number of people.
        min_people: The minimum number of people for any estimate.
        confidence_level: The probability that such an interval contains the true value.
    """

    share: float
    value: timedelta | None
    ci_lower: timedelta | None
    ci_upper: timedelta | None
    converted: int
    people: int
    min_people: int
    confidence_level: float

    def __str__(self) -> str:
        """Return the time with its interval."""
        if self.people < self.min_people:
            return f"not enough ({self.people:,} people; at least {self.min_people:,})"
        value, ci_lower, ci_upper = (
            "not reached" if one is None else days(one) for one in (self.value, self.ci_lower, self.ci_upper)
        )
        return f"{value} ({ci_lower} to {ci_upper})"


def quantile_of(curve: Curve, share: float, confidence_level: float, min_people: int) -> TimeQuantile:
    """Return the time within which a share of a curve converts, with its interval.

    The interval contains the times at which a test of that share does not reject.

    Source: R. Brookmeyer and J. Crowley, "A confidence interval for the median survival time", Biometrics 38 (1982),
    29-41, on the scale of log(-log).
    """
    counts = curve.people - len(curve.censored), curve.people, min_people, confidence_level
    if curve.people < min_people:
        return TimeQuantile(share, None, None, None, *counts)
    remaining = 1 - share + _ROUNDING
    step = bisect_left(curve.survival, -remaining, key=lambda survival: -survival)
    reach, size = _reach(confidence_level), len(curve.times)
    ci_lower = _first(
        curve, range(min(step + 1, size)), reach, lambda one: _lower(curve, one, reach) <= remaining, remaining
    )
    ci_upper = _first(curve, range(step, size), -reach, lambda one: _upper(curve, one, reach) <= remaining, remaining)
    value = step if step < len(curve.times) else None
    return TimeQuantile(share, _time(curve, value), _time(curve, ci_lower), _time(curve, ci_upper), *counts)


def _time(curve: Curve, step: int | None) -> timedelta | None:
    return None if step is None else curve.times[step] * MICROSECOND


def _lower(curve: Curve, step: int, reach: float) -> float:
    ends = band(curve, step, reach)
    return ends[0] if ends else 0.0


def _upper(curve: Curve, step: int, reach: float) -> float:
    ends = band(curve, step, reach)
    return ends[1] if ends else 1.0


def _first(curve: Curve, steps: range, reach: float, reached: Callable[[int], bool], remaining: float) -> int | None:
    """Return the first step at which an end of the interval reaches a level.

    Whole ranges of steps are skipped.

    On its scale the end is log(depth) + reach * sqrt(spread) / depth, where depth is -log(survival). Depth and spread
    only grow. Therefore the depths and spreads of the first and last step of a range bound all steps between them.
    """
    if not steps or not _may(curve, steps, reach, remaining):
        return None
    if len(steps) == 1:
        return steps[0] if reached(steps[0]) else None
    half = len(steps) // 2
    first_half = _first(curve, steps[:half], reach, reached, remaining)
    return _first(curve, steps[half:], reach, reached, remaining) if first_half is None else first_half


def _may(curve: Curve, steps: range, reach: float, remaining: float) -> bool:
    """Return whether an end of the interval may reach the level at any of these steps."""
    first, last = steps[0], steps[-1]
    if not curve.survival[last]:
        return True
    deep, deepest = -log(curve.survival[first]), -log(curve.survival[last])
    away = reach * sqrt(curve.spread[last]) / deep if reach > 0 else reach * sqrt(curve.spread[first]) / deepest
    return log(deepest) + away >= log(-log(min(remaining, 1 - _ROUNDING))) - _ROUNDING


# ---- the mean ------------------------------------------------------------------------------------------------------


@attrs.frozen
class RestrictedMean(TextRepr):
    """The mean time that people wait within a horizon.

    A longer wait counts as the horizon.

    Attributes:
        horizon: The time up to which waiting counts.
        value: The mean. None if there are too few people, or if nobody was watched to the horizon.
        error: The standard error of the mean.
        ci_lower: The lower end of the interval.
        ci_upper: The upper end of the interval.
        people: The number of people.
        at_risk: The number of people who had waited as long as the horizon.
        min_people: The minimum number of people for any estimate.
        confidence_level: The probability that such an interval contains the true value.
    """

    horizon: timedelta
    value: timedelta | None
    error: timedelta | None
    ci_lower: timedelta | None
    ci_upper: timedelta | None
    people: int
    at_risk: int
    min_people: int
    confidence_level: float

    def __str__(self) -> str:
        """Return the mean with its horizon, its counts and its interval."""
        if self.people < self.min_people:
            return f"not enough ({self.people:,} people; at least {self.min_people:,})"
        if self.value is None or self.ci_lower is None or self.ci_upper is None:
            return f"not known within {days(self.horizon)} ({self.people:,} people; nobody was watched so long)"
        ends = f"{days(self.ci_lower)} to {days(self.ci_upper)}"
        counts = f"{self.people:,} people, {self.at_risk:,} waited so long"
        return f"{days(self.value)} within {days(self.horizon)} ({counts}; {ends})"


def restricted_mean_of(curve: Curve, horizon: int, confidence_level: float, min_people: int) -> RestrictedMean:
    """Return the area under a curve up to a horizon, with its standard error.

    Source: J. P. Klein and M. L. Moeschberger, Survival Analysis (2003), section 4.5; P. Royston and M. K. B. Parmar,
    "Restricted mean survival time", BMC Medical Research Methodology 13 (2013), 152.
    """
    span, longest = horizon * MICROSECOND, curve.longest
    counts = curve.people, curve.waiting_at(horizon), min_people, confidence_level
    if curve.people < min_people or longest is None or horizon > longest:
        return RestrictedMean(span, None, None, None, None, *counts)
    area, variance = _area(curve, horizon)
    error = sqrt(variance)
    away = _reach(confidence_level) * error
    ci_lower, ci_upper = max(area - away, 0.0), min(area + away, float(horizon))
    return RestrictedMean(span, _span(area), _span(error), _span(ci_lower), _span(ci_upper), *counts)


def _span(count: float) -> timedelta:
    return timedelta(microseconds=round(count))


def _area(curve: Curve, horizon: int) -> tuple[float, float]:
    """Return the area and its variance: Greenwood's terms times squared remaining areas."""
    area, variance, end = 0.0, 0.0, horizon
    for step in range(curve.step_at(horizon), -1, -1):
        area += (end - curve.times[step]) * curve.survival[step]
        end = curve.times[step]
        if area:
            waiting, events = curve.at_risk[step], curve.events[step]
            variance += area * area * events / (float(waiting) * (waiting - events))
    return area + end, variance
