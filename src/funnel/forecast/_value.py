"""`CustomerValue`: what buyers spend within a horizon, from a model of purchases and a model of amounts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from math import exp, log, log1p
from typing import Any

import attrs
import numpy as np
from scipy import special

from funnel._arguments import SpanLike, count_of, instance, share_of, span
from funnel._dataframes.frame_types import NativeT
from funnel._dataframes.output import with_added
from funnel._format import TextRepr
from funnel.errors import ArgumentError
from funnel.forecast._buyers import (
    DAY,
    MIN_REPEAT_BUYERS,
    Buyers,
    Floats,
    Parameter,
    Whole,
    check_number,
    parameters_of,
    products,
)
from funnel.forecast._buying_model import BuyingModel
from funnel.forecast._family import descend, minimum, second_derivatives
from funnel.forecast._summaries import Level, Summaries, buyer_of, with_row_columns
from funnel.metrics._purchase_summary import PurchaseSummary
from funnel.metrics._rate import DEFAULT_CONFIDENCE

# ---- `spending_model` ------------------------------------------------------------------------------------------------

# Source: Fader, Hardie 2013, "The Gamma-Gamma model of monetary value"; Fader, Hardie, Lee 2005, Journal of Marketing
# Research 42, 415-430.


_NAMES = ("p", "q", "v")
_CORRELATED = 0.2
"""The correlation of count and amount above which a value misleads: Fader, Hardie, Lee 2005 have 0.06 in their data."""


@attrs.frozen
class SpendingModel(TextRepr):
    """The Gamma-Gamma model of the mean amount of a purchase day.

    Attributes:
        parameters: p, q and v; v is in minor units.
        log_likelihood: The log likelihood of all buyers with a repeat amount. None for parameters from elsewhere.
        people: The number of these buyers.
        correlation: The correlation of the number of repeat purchase days and their mean amount. The model
            assumes zero. Above 0.2 a value is too low for frequent buyers, below -0.2 too high.
        covariance: The covariance of the logarithms of the parameters, valid also if the model is wrong. None if it is
            unknown.
        confidence_level: The probability that an interval contains the true value.
    """

    parameters: tuple[Parameter, ...]
    log_likelihood: float | None
    people: int
    correlation: float
    covariance: tuple[tuple[float, ...], ...] | None = attrs.field(repr=False)
    confidence_level: float

    @property
    def is_independent(self) -> bool:
        """True if the correlation is between -0.2 and 0.2, as the model requires."""
        return abs(self.correlation) <= _CORRELATED

    def of(self, summary: PurchaseSummary) -> float | None:
        """Return the mean amount of a purchase day of one buyer in minor units.

        It lies between the buyer's own mean and that of all buyers. None if the mean of all buyers does not exist
        (q of at most 1).

        Raises:
            ArgumentError: It is not a summary, or the summary is impossible.

        Example:
            >>> from funnel.metrics import PurchaseSummary
            >>> model = SpendingModel.from_parameters(p=6.25, q=3.74, v=1544)
            >>> summary = PurchaseSummary(
            ...     repeat_count=2, first_to_last_days=213, tenure_days=272, repeat_amount=4_470
            ... )
            >>> round(model.of(summary))
            2466
        """
        buyer = buyer_of(summary)
        mean = self._means(buyer.count, np.array([float(summary.repeat_amount)]))
        return None if mean is None else float(mean[0])

    @classmethod
    def from_parameters(cls, *, p: float, q: float, v: float) -> SpendingModel:
        """Return the model with parameters from elsewhere, such as a paper. `v` is in minor units."""
        values = {"p": p, "q": q, "v": v}
        numbers = {name: check_number(value, name, zero=False) for name, value in values.items()}
        return cls(parameters_of(_NAMES, numbers, None, None), None, 0, 0.0, None, DEFAULT_CONFIDENCE)

    def __str__(self) -> str:
        """Format the parameters and the number of people."""
        values = ", ".join(f"{one.name} {one.value:.4g}" for one in self.parameters)
        note = "" if self.is_independent else f"; amounts depend on the count (correlation {self.correlation:+.2f})"
        fit = "" if self.log_likelihood is None else f"; log likelihood {self.log_likelihood:,.1f}"
        return f"gamma-gamma of {self.people:,} buyers: {values}{fit}{note}"

    def _means(self, count: Floats, amount: Floats) -> Floats | None:
        p, q, v = (one.value for one in self.parameters)
        return None if q <= 1 else np.asarray(p * (v + amount) / (p * count + q - 1))


def spending_model(
    summaries: object, *, min_repeat_buyers: int = MIN_REPEAT_BUYERS, confidence_level: float = DEFAULT_CONFIDENCE
) -> SpendingModel:
    """Fit the Gamma-Gamma model of amounts by maximum likelihood.

    Buyers without a repeat amount above zero are excluded.

    Args:
        summaries: A dataframe with the columns of `PurchaseSummary.over`, `repeat_amount` included, or a list of
            `PurchaseSummary`.
        min_repeat_buyers: The minimum number of buyers with a repeat amount.
        confidence_level: The probability that an interval contains the true value.

    Raises:
        MissingExtraError: NumPy or SciPy is not installed.
        ArgumentError: A summary is impossible, a column is missing, or there are too few buyers.
    """
    share_of(confidence_level, "confidence_level")
    minimum_buyers = count_of(min_repeat_buyers, "min_repeat_buyers", minimum=3)
    read = Summaries.read(summaries, with_amounts=True)
    counts = read.groups.buyers.count[read.groups.index]
    amounts = np.asarray(read.amounts, dtype=np.float64)
    repeated = (counts > 0) & (amounts > 0)
    if (people := int(repeated.sum())) < minimum_buyers:
        raise ArgumentError(f"not enough: {people} buyers have a repeat amount, and a model needs {minimum_buyers}")
    count, mean = counts[repeated], (amounts / np.maximum(counts, 1))[repeated]
    order = np.lexsort((mean, count))  # the sums below depend on the order of the rows in their last digits
    count, mean = count[order], mean[order]
    unit = float(mean.mean())

    def loss(logs: Floats) -> tuple[float, Floats]:
        value, scores = _rows(logs, count, mean / unit)
        return -float(value.mean()), -scores.mean(1)

    best = minimum(loss, descend(loss, np.log([2.0, 3.0, 1.0]))[0], partial(second_derivatives, loss))
    inverse, scores = best.inverse, _rows(best.at, count, mean / unit)[1]
    spread = products(np.ones(people), scores) / people
    covariance = None if inverse is None else inverse @ spread @ inverse / people
    values: dict[str, float] = dict(zip(_NAMES, (exp(number) for number in best.at), strict=True))
    values["v"] *= unit
    return SpendingModel(
        parameters_of(_NAMES, values, covariance, None if inverse is None else inverse / people),
        -people * (best.value + log(unit)),
        people,
        _correlation(count, mean),
        None if covariance is None else tuple(map(tuple, covariance.tolist())),
        confidence_level,
    )


def _rows(logs: Floats, x: Floats, m: Floats) -> tuple[Floats, Floats]:
    """Return the log likelihood of each buyer, and its gradient by the logarithms of the parameters."""
    p, q, v = (float(number) for number in np.exp(logs))
    below = np.log(x * m + v)
    value: Floats = (
        special.gammaln(p * x + q)
        - special.gammaln(p * x)
        - special.gammaln(q)
        + q * np.log(v)
        + (p * x - 1) * np.log(m)
        + p * x * np.log(x)
        - (p * x + q) * below
    )
    both: Floats = special.digamma(p * x + q)
    by: tuple[Floats, ...] = (
        p * x * (both - special.digamma(p * x) + np.log(m) + np.log(x) - below),
        q * (both - special.digamma(q) + np.log(v) - below),
        v * (q / v - (p * x + q) / (x * m + v)),
    )
    return value, np.stack(by)


def _correlation(count: Floats, mean: Floats) -> float:
    if count.std() == 0 or mean.std() == 0:
        return 0.0
    return float(np.corrcoef(count, mean)[0, 1])


# ---- the value of a person -------------------------------------------------------------------------------------------


_YEAR = 365.25
"""Days of a year."""
_WEEK = 7.0
"""Days of a week: purchases are discounted from the middle of the week in which they are expected."""


def _rate(_: CustomerValue, field: attrs.Attribute[float], value: object) -> None:
    check_number(value, field.name, zero=True)


def _model(_: CustomerValue, field: attrs.Attribute[Any], value: object) -> None:
    kind = {"buying": BuyingModel, "spending": SpendingModel}[field.name]
    instance(value, kind, f"the model {field.name}", f"a {kind.__name__}, the result of {field.name}_model")


@attrs.frozen
class CustomerValue:
    """The money that buyers are expected to spend within a horizon.

    The value is the expected number of purchase days times the mean amount of a purchase day. It is money paid, less
    refunds, without costs; multiply it by a margin for a contribution.

    Args:
        buying: The model of purchases.
        spending: The model of amounts. If its `is_independent` is false, values are too low for frequent buyers, or too
            high: say so beside them.
        yearly_discount: The discount rate of a year. A continuous rate of `ln(1 + yearly_discount)` is applied.

    Raises:
        ArgumentError: An argument is not a model, or the rate is below zero.

    Example:
        >>> from funnel.forecast import BuyingModel, CustomerValue, SpendingModel
        >>> from funnel.metrics import PurchaseSummary
        >>> buying = BuyingModel.from_dict({
        ...     "name": "bg_nbd", "parameters": {"r": 0.243, "alpha": 30.9, "a": 0.793, "b": 2.426}
        ... })
        >>> value = CustomerValue(buying, SpendingModel.from_parameters(p=6.25, q=3.74, v=1544))
        >>> summary = PurchaseSummary(repeat_count=2, first_to_last_days=213, tenure_days=272, repeat_amount=4_470)
        >>> value.of(summary, within="39 weeks")
        3024
    """

    buying: BuyingModel = attrs.field(validator=_model)
    spending: SpendingModel = attrs.field(validator=_model)
    yearly_discount: float = attrs.field(default=0.0, kw_only=True, validator=_rate)

    def of(
        self, summary: PurchaseSummary, *, within: SpanLike, covariates: Mapping[str, Level] | None = None
    ) -> int | None:
        """Return the expected spending of one buyer, in whole minor units. None if the mean amount does not exist.

        Args:
            summary: The buyer's summary as of the evaluation time.
            within: The horizon, such as "365 days".
            covariates: The level of each covariate of the model of purchases, as in `BuyingModel.of`.

        Raises:
            ArgumentError: It is not a summary, the summary is impossible, the horizon is not a span above zero, or a
                covariate is missing or has another level.
        """
        horizon = span(within, "within") / DAY
        buyer = buyer_of(summary, self.buying.covariates, covariates)
        mean = self.spending._means(buyer.count, np.array([float(summary.repeat_amount)]))
        return None if mean is None else int(_whole(mean, self._purchases(buyer, horizon))[0])

    def over(self, summaries: NativeT, *, within: SpanLike) -> NativeT:
        """Return the expected spending of every row of a table.

        Args:
            summaries: A dataframe with the columns of `PurchaseSummary.over`, `repeat_amount` included.
            within: The horizon, such as "365 days".

        Returns:
            A dataframe of the input type with its columns and `value`, in whole minor units; as in `BuyingModel.over`.

        Raises:
            ArgumentError: A column is missing or holds no whole numbers, a row is impossible, or the mean amount does
                not exist.
        """
        horizon = span(within, "within") / DAY
        read = Summaries.read(summaries, with_amounts=True).divided(self.buying.covariates)
        groups, amounts = read.groups, np.asarray(read.amounts, dtype=np.float64)
        means = self.spending._means(groups.buyers.count[groups.index], amounts)
        if means is None:
            raise ArgumentError("the spending model has q of at most 1, so the mean amount does not exist")
        purchases = self._purchases(groups.buyers, horizon)[groups.index]
        columns = {"value": _whole(means, purchases)}
        return with_added(summaries, with_row_columns(read, columns), read.frame_kind, list(columns))

    def _purchases(self, buyers: Buyers, horizon: float) -> Floats:
        """Return the expected purchases, each week of them discounted from its middle."""
        predictor, delta = self.buying._predictor(), log1p(self.yearly_discount) / _YEAR
        if not delta:
            return predictor.mean(buyers, horizon)
        total, before, start = np.zeros_like(buyers.count), np.zeros_like(buyers.count), 0.0
        while start < horizon:
            end = min(start + _WEEK, horizon)
            until = predictor.mean(buyers, end)
            total += (until - before) * exp(-delta * (start + end) / 2)
            before, start = until, end
        return total


def _whole(means: Floats, purchases: Floats) -> Whole:
    return np.rint(means * purchases).astype(np.int64)
