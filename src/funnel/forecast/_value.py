"""`CustomerValue`: what buyers spend within a horizon, from a model of purchases and a model of amounts."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, log1p
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from funnel._arguments import SpanLike, instance, span
from funnel._dataframes.output import with_added
from funnel.errors import ArgumentError
from funnel.forecast._buyers import Buyers, Floats, Whole
from funnel.forecast._buying_model import BuyingModel
from funnel.forecast._levels import Level
from funnel.forecast._parameter import DAY, check_number
from funnel.forecast._spending_model import SpendingModel
from funnel.forecast._summaries import Summaries, buyer_of, with_row_columns
from funnel.metrics._purchase_summary import PurchaseSummary

if TYPE_CHECKING:
    from funnel._dataframes.frame_types import NativeT

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
