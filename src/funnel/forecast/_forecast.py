"""Forecast of one buyer for a horizon."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import attrs

from funnel._format import TextRepr
from funnel.metrics._display import days

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
