"""Forecasts of many buyers at once, with the intervals of the means and of the counts.

Buyers of equal count and age differ only in the chance that they have left. The forecast if they have not left is
computed once for them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from statistics import NormalDist
from typing import Literal

import attrs
import numpy as np

from funnel._format import TextRepr
from funnel.forecast._buyers import Buyers, Flags, Floats, Indices, Whole
from funnel.forecast._family import Family, Values, as_values
from funnel.metrics._display import days

QUANTILES = (0.1, 0.5, 0.9)
"""The shares of returning buyers that have returned by `earliest`, `likely` and `latest`."""
_STEP = 1e-4
"""The step of differences: the width of an interval has an error of about 1e-4 of it."""
_TINY, _LARGE, _ROUNDING = 1e-300, 600.0, 1e-16
_LONGEST = 36_525.0
"""A purchase after more than 100 years is none: our default."""
_FEW = 8
"""Counts up to this are compared for buyers of equal count and age together."""


@attrs.frozen(eq=False)
class Interval:
    """A column of estimates with the ends of their intervals; the ends are None without a covariance."""

    value: Floats
    ci_lower: Floats | None
    ci_upper: Floats | None


@attrs.frozen(eq=False)
class Forecasts:
    """The columns of a forecast."""

    alive: Floats
    chance: Interval
    expected: Interval
    count_lower: Whole
    count_upper: Whole
    until: tuple[Floats, ...]


@attrs.frozen(eq=False)
class Varied:
    """A statistic of buyers, and how its logarithm changes with the parameters.

    Attributes:
        value: The statistic.
        spread: For each independent direction (rows) the change of its logarithm by one standard error. None without
            a covariance.
    """

    value: Floats
    spread: Floats | None

    def times(self, other: Varied, index: Indices) -> Varied:
        """Return the product with a statistic of other buyers, given the index of each buyer among them."""
        value = self.value * other.value.take(index)
        if self.spread is None or other.spread is None:
            return Varied(value, None)
        return Varied(value, self.spread + other.spread.take(index, axis=1))


@attrs.frozen(eq=False)
class Predictor:
    """A family with its parameters in days.

    Attributes:
        family: The family.
        values: The parameters.
        covariance: The covariance of their logarithms. None if it is unknown.
        confidence_level: The probability that an interval contains the true value.
    """

    family: Family
    values: Values
    covariance: Floats | None
    confidence_level: float

    def forecasts(self, buyers: Buyers, horizon: float) -> Forecasts:
        """Return the forecasts of buyers for a horizon in days."""
        alike, index = self.family.alike(buyers)
        alive = self.alive(buyers)
        if_alive = self.varied(lambda values, some: self.family.at_least_if_alive(values, some, horizon, 1), alike)
        mean = self.varied(lambda values, some: self.family.expected_if_alive(values, some, horizon), alike)
        until = (self.family.until_if_alive(self.values, alike, share * if_alive.value) for share in QUANTILES)
        tail = (1 - self.confidence_level) / 2
        counts = _Counts(self.family, self.values, buyers, alike, index, alive.value, horizon)
        lower, upper = counts.quantiles(tail, 1 - tail)
        return Forecasts(
            alive.value,
            self.chance_interval(alive.times(if_alive, index)),
            self.interval(alive.times(mean, index)),
            lower,
            upper,
            tuple(column.take(index) for column in until),
        )

    def never(self, buyers: Buyers) -> Interval:
        """Return the chance that buyers never purchase again."""
        alike, index = self.family.alike(buyers)
        if_alive = self.varied(self.family.ever_if_alive, alike)
        returns = self.chance_interval(self.alive(buyers).times(if_alive, index))
        lower, upper = (None if end is None else 1 - end for end in (returns.ci_upper, returns.ci_lower))
        return Interval(1 - returns.value, lower, upper)

    def until(self, buyers: Buyers, *, returning: bool) -> tuple[Floats, ...]:
        """Return the days by which shares of the buyers have purchased.

        Args:
            buyers: The buyers.
            returning: If true, the shares of the buyers who return within the longest time. Otherwise the shares of all
                buyers; a number of days is missing (NaN) if fewer return within the longest time.
        """
        alike, index = self.family.alike(buyers)
        late = self.family.at_least_if_alive(self.values, alike, _LONGEST, 1).take(index)
        ones = np.ones(len(buyers))
        present, base = (ones, late) if returning else (self.family.alive(self.values, buyers), ones)
        times = tuple(np.full(len(buyers), np.nan) for _ in QUANTILES)
        for time, share in zip(times, QUANTILES, strict=True):
            rows = np.flatnonzero(present * late > share * base)
            chance = share * base[rows] / present[rows]
            time[rows] = self.family.until_if_alive(self.values, alike.take(index[rows]), chance)
        return times

    def alive(self, buyers: Buyers) -> Varied:
        """Return the chance that buyers have not left."""
        return self.varied(self.family.alive, buyers)

    def mean(self, buyers: Buyers, horizon: float) -> Floats:
        """Return the mean number of purchases within the horizon."""
        alike, index = self.family.alike(buyers)
        mean = self.family.expected_if_alive(self.values, alike, horizon)
        return np.asarray(self.family.alive(self.values, buyers) * mean.take(index))

    def varied(self, statistic: Callable[[Values, Buyers], Floats], buyers: Buyers) -> Varied:
        """Return a statistic of buyers, and how it changes with the parameters."""
        value = statistic(self.values, buyers)
        if self._directions is None:
            return Varied(value, None)
        logs = np.log([self.values[name] for name in self.family.parameters])
        below = np.maximum(value, _TINY)
        steps = [as_values(self.family, logs + step) for step in _STEP * np.eye(self.family.steps, len(logs))]
        changes = np.stack([(statistic(values, buyers) / below - 1) / _STEP for values in steps])
        return Varied(value, self.family.along(self._directions, changes, buyers))

    def chance_interval(self, chance: Varied) -> Interval:
        """Return a chance with its interval, which is symmetric in the log odds."""
        value = chance.value
        if chance.spread is None:
            return Interval(value, None, None)
        rest = np.maximum(1 - value, _ROUNDING)
        ratio = np.exp(np.minimum(self._half(chance.spread) / rest, _LARGE))
        lower, upper = value / (value + rest * ratio), value / (value + rest / ratio)
        return Interval(value, np.minimum(lower, value), np.maximum(upper, value))

    def interval(self, number: Varied) -> Interval:
        """Return a number above zero with its interval, which is symmetric in the logarithm."""
        if number.spread is None:
            return Interval(number.value, None, None)
        ratio = np.exp(np.minimum(self._half(number.spread), _LARGE))
        return Interval(number.value, number.value / ratio, number.value * ratio)

    def _half(self, spread: Floats) -> Floats:
        """Return half the width of the interval of a logarithm."""
        return np.asarray(NormalDist().inv_cdf((1 + self.confidence_level) / 2) * np.sqrt((spread**2).sum(0)))

    @cached_property
    def _directions(self) -> Floats | None:
        """Independent changes of the logarithms of the parameters (rows), each by one standard error."""
        if self.covariance is None:
            return None
        squares, directions = np.linalg.eigh(self.covariance)
        return np.asarray(np.sqrt(np.maximum(squares, 0))[:, None] * directions.T)


@attrs.frozen(eq=False)
class _Counts:
    """The counts of purchases within a horizon."""

    family: Family
    values: Values
    buyers: Buyers
    alike: Buyers
    index: Indices
    alive: Floats
    horizon: float

    def quantiles(self, *shares: float) -> list[Whole]:
        """Return the smallest count that a share of buyers does not exceed, for each of the shares."""
        quantiles = [np.zeros(len(self.buyers), dtype=np.int64) for _ in shares]
        more = [np.arange(len(self.buyers)) for _ in shares]
        for count in range(1, _FEW + 1):
            if_alive = self.family.at_least_if_alive(self.values, self.alike, self.horizon, count)
            for number, share in enumerate(shares):
                rows = more[number]
                rows = rows[self.alive[rows] * if_alive.take(self.index[rows]) > 1 - share]
                quantiles[number][rows], more[number] = count, rows
            if not any(map(len, more)):
                return quantiles
        for quantile, rows, share in zip(quantiles, more, shares, strict=True):
            quantile[rows] = self._many(rows, 1 - share)
        return quantiles

    def _many(self, rows: Indices, rest: float) -> Whole:
        """Return the same for buyers with more than a few purchases, by halving."""
        some, alive = self.alike.take(self.index[rows]), self.alive[rows]
        lower, upper = np.full(len(rows), _FEW - 1.0), np.full(len(rows), float(_FEW))

        def exceeded(count: Floats) -> Flags:
            return np.asarray(alive * self.family.at_least_if_alive(self.values, some, self.horizon, count + 1) > rest)

        while (more := exceeded(upper)).any():
            lower, upper = np.where(more, upper, lower), np.where(more, 2 * upper, upper)
        while (upper - lower > 1).any():
            middle = np.floor((lower + upper) / 2)
            more = exceeded(middle)
            lower, upper = np.where(more, middle, lower), np.where(more, upper, middle)
        return upper.astype(np.int64)


# ---- forecast of one buyer for a horizon -----------------------------------------------------------------------------


BuyerGroup = Literal["all", "returning"]
"""The buyers whose shares the times of a next purchase are."""


@attrs.frozen
class Estimate:
    """A number that a model estimates, with the interval of that number.

    The interval covers the uncertainty of the parameters. It does not cover the distance of one buyer from the mean of
    similar buyers.

    Attributes:
        value: The estimate.
        ci_lower: The lower end of the interval. None if the model has a parameter at an edge.
        ci_upper: The upper end of the interval. None in the same case.
    """

    value: float
    ci_lower: float | None
    ci_upper: float | None


@attrs.frozen
class Forecast(TextRepr):
    """The next purchases of one buyer.

    Attributes:
        within: The horizon, from the evaluation time of the summary.
        alive: The chance that the buyer has not left. It depends on the model more than on the buyer: under
            BG/NBD it is 1 for everybody who bought once. Use `buys_within`.
        buys_within: The chance of a purchase within the horizon.
        expected: The mean number of purchase days within the horizon.
        count_lower: The lower end of the interval of the number of purchase days.
        count_upper: The upper end. The number is inside with at least the probability `confidence_level`.
        earliest: If the buyer returns within the horizon: one in ten returns by then.
        likely: Half of such buyers have returned by then.
        latest: Nine in ten have returned by then.
        model: The name of the model.
        confidence_level: The probability that an interval contains the true value.
    """

    within: timedelta
    alive: float
    buys_within: Estimate
    expected: Estimate
    count_lower: int
    count_upper: int
    earliest: timedelta
    likely: timedelta
    latest: timedelta
    model: str
    confidence_level: float

    def __str__(self) -> str:
        """Format as a sentence of people and days."""
        chance = self.buys_within
        interval = ""
        if chance.ci_lower is not None and chance.ci_upper is not None:
            interval = f" ({100 * chance.ci_lower:.0f} to {100 * chance.ci_upper:.0f})"
        return f"of 100 buyers like this one, {100 * chance.value:.0f} buy within {days(self.within)}{interval}"


@attrs.frozen
class NextPurchase(TextRepr):
    """When one buyer purchases next, and the chance that they never do.

    Attributes:
        never: The chance that the buyer never purchases again. It depends on the model more than on the buyer: with NBD
            it is 0 for everybody.
        earliest: One in ten of all buyers like this one has returned by then. None if fewer return within 100 years.
        likely: Half of such buyers have returned by then. None if fewer return: the buyer more likely never returns.
        latest: Nine in ten have returned by then. None if fewer return.
        buyers: "all": the times are of all buyers like this one. "returning": they are of those who return within 100
            years, and are never None.
        model: The name of the model.
        confidence_level: The probability that an interval contains the true value.
    """

    never: Estimate
    earliest: timedelta | None
    likely: timedelta | None
    latest: timedelta | None
    buyers: BuyerGroup = attrs.field(kw_only=True)
    model: str = attrs.field(kw_only=True)
    confidence_level: float = attrs.field(kw_only=True)

    def __str__(self) -> str:
        """Format as a sentence."""
        if self.likely is None:
            half = "fewer than half return"
        elif self.buyers == "all":
            half = f"half have returned within {days(self.likely)}"
        else:
            half = f"half of those who return do so within {days(self.likely)}"
        return f"of 100 buyers like this one, {100 * self.never.value:.0f} never return; {half}"
