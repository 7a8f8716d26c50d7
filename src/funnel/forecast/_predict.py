"""Forecasts of many buyers at once, with the intervals of the means and of the counts."""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import attrs
import numpy as np
from scipy import special

from funnel.forecast._buyers import Buyers, Flags, Floats, Whole
from funnel.forecast._family import Family, Values
from funnel.forecast._fit import as_values

QUANTILES = (0.1, 0.5, 0.9)
"""The shares of returning buyers that have returned by `earliest`, `likely` and `latest`."""
_STEP = 1e-4
"""The step of differences: the width of an interval has an error of about 1e-4 of it."""
_TINY = 1e-300


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
class Predictor:
    """A family with its parameters in days."""

    family: Family
    values: Values
    covariance: Floats | None
    confidence_level: float

    def forecasts(self, buyers: Buyers, horizon: float) -> Forecasts:
        """Return the forecasts of buyers for a horizon in days."""
        tail = (1 - self.confidence_level) / 2
        chance = self.chance(buyers, horizon)
        return Forecasts(
            self.family.alive(self.values, buyers),
            chance,
            self.expected(buyers, horizon),
            self.count_quantile(buyers, horizon, tail),
            self.count_quantile(buyers, horizon, 1 - tail),
            tuple(self.family.until(self.values, buyers, share * chance.value) for share in QUANTILES),
        )

    def chance(self, buyers: Buyers, horizon: float) -> Interval:
        """Return the chance of a purchase within the horizon; the interval is symmetric in the log odds."""
        return self._interval(
            lambda values: self.family.at_least(values, buyers, horizon, 1),
            lambda value: special.logit(np.clip(value, _TINY, 1 - 1e-16)),
            special.expit,
        )

    def expected(self, buyers: Buyers, horizon: float) -> Interval:
        """Return the mean number of purchases; the interval is symmetric in the logarithm."""
        return self._interval(
            lambda values: self.family.expected(values, buyers, horizon),
            lambda value: np.log(np.maximum(value, _TINY)),
            np.exp,
        )

    def mean(self, buyers: Buyers, horizon: float) -> Floats:
        """Return the mean number of purchases within the horizon."""
        return self.family.expected(self.values, buyers, horizon)

    def count_quantile(self, buyers: Buyers, horizon: float, share: float) -> Whole:
        """Return the smallest count that a share of buyers does not exceed."""
        quantile = np.zeros(len(buyers.count), dtype=np.int64)
        rows = np.flatnonzero(self.family.at_least(self.values, buyers, horizon, 1) > 1 - share)
        some = buyers.take(rows)
        lower, upper = np.zeros(len(rows)), np.ones(len(rows))

        def exceeded(count: Floats) -> Flags:
            return self.family.at_least(self.values, some, horizon, count + 1) > 1 - share

        while (more := exceeded(upper)).any():
            lower, upper = np.where(more, upper, lower), np.where(more, 2 * upper, upper)
        while (upper - lower > 1).any():
            middle = np.floor((lower + upper) / 2)
            more = exceeded(middle)
            lower, upper = np.where(more, middle, lower), np.where(more, upper, middle)
        quantile[rows] = upper
        return quantile

    def _interval(
        self, statistic: Callable[[Values], Floats], link: Callable[[Floats], Floats], back: Callable[[Floats], Floats]
    ) -> Interval:
        """Return a statistic with its interval by the delta method on the logarithms of the parameters."""
        value = statistic(self.values)
        if self.covariance is None:
            return Interval(value, None, None)
        logs = np.log([self.values[name] for name in self.family.parameters])
        middle = link(value)
        gradient = np.stack(
            [
                (link(statistic(as_values(self.family, logs + step))) - middle) / _STEP
                for step in _STEP * np.eye(len(logs))
            ]
        )
        spread = np.sqrt(np.einsum("in,ij,jn->n", gradient, self.covariance, gradient))
        half = NormalDist().inv_cdf((1 + self.confidence_level) / 2) * spread
        return Interval(value, np.minimum(back(middle - half), value), np.maximum(back(middle + half), value))
