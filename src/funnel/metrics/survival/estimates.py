"""What a curve of waits says: the share converted by a time, the time of a share, and the mean wait.

Nothing here is a number alone, and what the data do not hold is None: beyond the longest wait that was watched, and
where there are too few people.
"""

from __future__ import annotations

import html
from bisect import bisect_left
from collections.abc import Callable
from datetime import timedelta
from math import exp, log, sqrt
from statistics import NormalDist
from typing import Any

import attrs

from funnel._instants import MICROSECOND
from funnel.metrics.survival.curve import Curve

_ROUNDING = 1e-9
"""Shares that are so close are the same: a product of a million factors is hardly as exact."""


class Shown:
    """Shows itself in a notebook as its text does."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return f"<span>{html.escape(str(self))}</span>"


def _asdict(one: Any) -> dict[str, Any]:
    return attrs.asdict(one)


_UNITS = {"day": timedelta(days=1), "hour": timedelta(hours=1), "minute": timedelta(minutes=1)}


def told_span(span: timedelta) -> str:
    """A time in the largest unit of which it has at least one, to a tenth.

    Args:
        span: The time.
    """
    unit = next((unit for unit, length in _UNITS.items() if span >= length), None)
    number = f"{span / _UNITS[unit]:,.1f}".removesuffix(".0") if unit else f"{span.total_seconds():g}"
    return f"{number} {unit or 'second'}{'s' * (number != '1')}"


def percent(share: float) -> str:
    """A share in percent, to a tenth."""
    return f"{100 * share:.1f}"


def _reach(level: float) -> float:
    """How many standard errors an interval reaches to each side."""
    return NormalDist().inv_cdf((1 + level) / 2)


def band(curve: Curve, step: int, reach: float) -> tuple[float, float] | None:
    """The interval of the survival at a step; None where nobody or everybody has converted, for there is no formula.

    Greenwood's variance on the scale of log(-log): it stays in 0 to 1, and is truer in the tails than the plain one.
    Source: J. D. Kalbfleisch and R. L. Prentice, The Statistical Analysis of Failure Time Data (1980), section 1.3.
    """
    survival = curve.survival[step] if step >= 0 else 1.0
    if not 0 < survival < 1:
        return None
    wide = reach * sqrt(curve.spread[step]) / -log(survival)
    return min(survival ** exp(wide), survival), max(survival ** exp(-wide), survival)


# ---- a step --------------------------------------------------------------------------------------------------------


@attrs.frozen
class SurvivalStep(Shown):
    """One step of the curve: a time at which somebody converted, or the start.

    Attributes:
        wait: The time since the start.
        at_risk: How many had waited at least so long.
        converted: How many of them converted just then.
        censored: How many more ceased to be watched before the next step.
        survival: The share that still waits just after.
        variance: Greenwood's variance of it; None where nobody is left.
        low: The lower end of its interval; None where nobody or everybody has converted.
        high: The upper end.
    """

    wait: timedelta
    at_risk: int
    converted: int
    censored: int
    survival: float
    variance: float | None
    low: float | None
    high: float | None

    @property
    def conversion(self) -> float:
        """The share that has converted by then: what is left of 1."""
        return 1 - self.survival

    def to_dict(self) -> dict[str, Any]:
        """Everything of the step by name."""
        return {**_asdict(self), "conversion": self.conversion}

    def __str__(self) -> str:
        """Write the step as a line."""
        counts = f"{self.converted:,} of {self.at_risk:,} converted"
        return f"{told_span(self.wait)}: {counts}, {percent(self.survival)} % still wait"


def step_of(curve: Curve, step: int, level: float) -> SurvivalStep:
    """A step of a curve; -1 is the start."""
    after = curve.at_risk[step + 1] if step + 1 < len(curve.times) else 0
    low, high = band(curve, step, _reach(level)) or (None, None)
    if step < 0:
        return SurvivalStep(timedelta(0), curve.people, 0, curve.people - after, 1.0, 0.0, low, high)
    survival, at_risk, events = curve.survival[step], curve.at_risk[step], curve.events[step]
    variance = survival * survival * curve.spread[step] if survival else None
    wait = curve.times[step] * MICROSECOND
    return SurvivalStep(wait, at_risk, events, at_risk - events - after, survival, variance, low, high)


# ---- the share by a time -------------------------------------------------------------------------------------------


@attrs.frozen
class ConvertedBy(Shown):
    """The share that converts within a time.

    Attributes:
        within: The time from the start; its end is part of it.
        value: The share; None where there is not enough, or nobody was watched for so long.
        low: The lower end of its interval; None, too, where nobody or everybody has converted.
        high: The upper end.
        converted: How many have converted within it.
        at_risk: How many had waited at least so long.
        people: How many there are.
        least: The fewest people of whom anything is said.
        level: How often such an interval holds the truth.
    """

    within: timedelta
    value: float | None
    low: float | None
    high: float | None
    converted: int
    at_risk: int
    people: int
    least: int
    level: float

    def to_dict(self) -> dict[str, Any]:
        """Everything of it by name."""
        return _asdict(self)

    def __str__(self) -> str:
        """Write the share with its counts and its interval."""
        counts = f"{self.converted:,} of {self.people:,} converted"
        if self.people < self.least:
            return f"not enough ({counts}; at least {self.least:,})"
        if self.value is None:
            return f"not known within {told_span(self.within)} ({counts}; nobody was watched so long)"
        interval = "no interval" if self.low is None or self.high is None else _interval(self.low, self.high)
        share = f"{percent(self.value)} % within {told_span(self.within)}"
        return f"{share} ({counts}, {self.at_risk:,} waited so long; {interval})"


def _interval(low: float, high: float) -> str:
    return f"{percent(low)} to {percent(high)} %"


def converted_by(curve: Curve, time: int, level: float, least: int) -> ConvertedBy:
    """The share of a curve that converts within a time."""
    people, longest = curve.people, curve.longest
    value, ends = None, None
    if people >= least and longest is not None and time <= longest:
        step = curve.step_at(time)
        value = 1 - curve.survival[step] if step >= 0 else 0.0
        ends = band(curve, step, _reach(level))
    low, high = (1 - ends[1], 1 - ends[0]) if ends else (None, None)
    counts = curve.converted_by(time), curve.waiting_at(time), people
    return ConvertedBy(time * MICROSECOND, value, low, high, *counts, least, level)


# ---- the time of a share -------------------------------------------------------------------------------------------


@attrs.frozen
class WaitQuantile(Shown):
    """The time within which a share converts.

    Attributes:
        share: The share.
        value: The first time at which so many have converted; None where so many have not, or there is not enough.
        low: The lower end of its interval; None where it is not reached.
        high: The upper end; None where it is not reached.
        converted: How many have converted at all.
        people: How many there are.
        least: The fewest people of whom anything is said.
        level: How often such an interval holds the truth.
    """

    share: float
    value: timedelta | None
    low: timedelta | None
    high: timedelta | None
    converted: int
    people: int
    least: int
    level: float

    def to_dict(self) -> dict[str, Any]:
        """Everything of it by name."""
        return _asdict(self)

    def __str__(self) -> str:
        """Write the time with its interval."""
        if self.people < self.least:
            return f"not enough ({self.people:,} people; at least {self.least:,})"
        value, low, high = (
            "not reached" if one is None else told_span(one) for one in (self.value, self.low, self.high)
        )
        return f"{value} ({low} to {high})"


def quantile_of(curve: Curve, share: float, level: float, least: int) -> WaitQuantile:
    """The time within which a share of a curve converts, with the times that no test of that share would refuse.

    Source: R. Brookmeyer and J. Crowley, "A confidence interval for the median survival time", Biometrics 38 (1982),
    29-41, on the scale of log(-log).
    """
    counts = curve.people - len(curve.censored), curve.people, least, level
    if curve.people < least:
        return WaitQuantile(share, None, None, None, *counts)
    left = 1 - share + _ROUNDING
    step = bisect_left(curve.survival, -left, key=lambda survival: -survival)
    reach, size = _reach(level), len(curve.times)
    low = _first(curve, range(min(step + 1, size)), reach, lambda one: _lower(curve, one, reach) <= left, left)
    high = _first(curve, range(step, size), -reach, lambda one: _upper(curve, one, reach) <= left, left)
    value = step if step < len(curve.times) else None
    return WaitQuantile(share, _time(curve, value), _time(curve, low), _time(curve, high), *counts)


def _time(curve: Curve, step: int | None) -> timedelta | None:
    return None if step is None else curve.times[step] * MICROSECOND


def _lower(curve: Curve, step: int, reach: float) -> float:
    ends = band(curve, step, reach)
    return ends[0] if ends else 0.0


def _upper(curve: Curve, step: int, reach: float) -> float:
    ends = band(curve, step, reach)
    return ends[1] if ends else 1.0


def _first(curve: Curve, steps: range, reach: float, reached: Callable[[int], bool], left: float) -> int | None:
    """The first of many steps at which an end of the interval has come so far down; whole stretches are passed over.

    On its scale the end lies at log(depth) + reach * sqrt(spread) / depth, where depth is -log(survival). Depth and
    spread only grow, so the depths and spreads of the first and last step of a stretch bound all between.
    """
    if not steps or not _may(curve, steps, reach, left):
        return None
    if len(steps) == 1:
        return steps[0] if reached(steps[0]) else None
    half = len(steps) // 2
    found = _first(curve, steps[:half], reach, reached, left)
    return _first(curve, steps[half:], reach, reached, left) if found is None else found


def _may(curve: Curve, steps: range, reach: float, left: float) -> bool:
    """Whether an end may have come so far down at any of some steps."""
    first, last = steps[0], steps[-1]
    if not curve.survival[last]:
        return True
    deep, deepest = -log(curve.survival[first]), -log(curve.survival[last])
    away = reach * sqrt(curve.spread[last]) / deep if reach > 0 else reach * sqrt(curve.spread[first]) / deepest
    return log(deepest) + away >= log(-log(min(left, 1 - _ROUNDING))) - _ROUNDING


# ---- the mean ------------------------------------------------------------------------------------------------------


@attrs.frozen
class RestrictedMean(Shown):
    """The mean time that people wait within a horizon; who waits longer counts as the horizon.

    Attributes:
        horizon: Up to when waiting is counted.
        value: The mean; None where there is not enough, or nobody was watched to the horizon.
        error: Its standard error.
        low: The lower end of its interval.
        high: The upper end.
        people: How many there are.
        at_risk: How many had waited as long as the horizon.
        least: The fewest people of whom anything is said.
        level: How often such an interval holds the truth.
    """

    horizon: timedelta
    value: timedelta | None
    error: timedelta | None
    low: timedelta | None
    high: timedelta | None
    people: int
    at_risk: int
    least: int
    level: float

    def to_dict(self) -> dict[str, Any]:
        """Everything of it by name."""
        return _asdict(self)

    def __str__(self) -> str:
        """Write the mean with its horizon, its counts and its interval."""
        if self.people < self.least:
            return f"not enough ({self.people:,} people; at least {self.least:,})"
        if self.value is None or self.low is None or self.high is None:
            return f"not known within {told_span(self.horizon)} ({self.people:,} people; nobody was watched so long)"
        ends = f"{told_span(self.low)} to {told_span(self.high)}"
        counts = f"{self.people:,} people, {self.at_risk:,} waited so long"
        return f"{told_span(self.value)} within {told_span(self.horizon)} ({counts}; {ends})"


def restricted_mean_of(curve: Curve, horizon: int, level: float, least: int) -> RestrictedMean:
    """The area under a curve up to a horizon, with its standard error.

    Source: J. P. Klein and M. L. Moeschberger, Survival Analysis (2003), section 4.5; P. Royston and M. K. B. Parmar,
    "Restricted mean survival time", BMC Medical Research Methodology 13 (2013), 152.
    """
    span, longest = horizon * MICROSECOND, curve.longest
    counts = curve.people, curve.waiting_at(horizon), least, level
    if curve.people < least or longest is None or horizon > longest:
        return RestrictedMean(span, None, None, None, None, *counts)
    area, variance = _area(curve, horizon)
    error = sqrt(variance)
    away = _reach(level) * error
    low, high = max(area - away, 0.0), min(area + away, float(horizon))
    return RestrictedMean(span, _span(area), _span(error), _span(low), _span(high), *counts)


def _span(count: float) -> timedelta:
    return timedelta(microseconds=round(count))


def _area(curve: Curve, horizon: int) -> tuple[float, float]:
    """The area, and its variance: of each step, Greenwood's part times the square of the area that is still to come."""
    area, variance, end = 0.0, 0.0, horizon
    for step in range(curve.step_at(horizon), -1, -1):
        area += (end - curve.times[step]) * curve.survival[step]
        end = curve.times[step]
        if area:
            waiting, events = curve.at_risk[step], curve.events[step]
            variance += area * area * events / (float(waiting) * (waiting - events))
    return area + end, variance
