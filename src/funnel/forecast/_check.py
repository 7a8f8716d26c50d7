"""`check_model`: what a fitted model said of the buyers of a past day, beside what they did."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs
import narwhals as nw
import numpy as np

from funnel._arguments import instance, parse_as_of
from funnel._dataframes.adapter import ROW, Frame, from_native, to_local
from funnel._dataframes.compute import collected
from funnel._format import TextRepr
from funnel._results import Charted
from funnel._time import instant
from funnel.backtest._figures import Flags, Floats, counts_by_score, ranked
from funnel.errors import ArgumentError
from funnel.forecast._buying_model import BuyingModel
from funnel.forecast._parameter import DAY
from funnel.forecast._summaries import Summaries
from funnel.metrics._purchase_summary import PurchaseSummary

_GROUPS = 10
"""Groups of people of equal size, by their chance: the convention of reliability diagrams."""


@attrs.frozen
class CheckedGroup:
    """People with similar chances.

    Attributes:
        people: The number of people.
        chance: Their mean chance of a purchase.
        bought: The number of them who purchased.
    """

    people: int
    chance: float
    bought: int


@attrs.frozen
class ModelCheck(Charted, TextRepr):
    """A model beside what happened.

    Attributes:
        model: The name of the model.
        as_of: The day of the forecast.
        until: The end of the horizon.
        people: The people with a purchase by `as_of`. Nobody who first bought later takes part.
        expected_buyers: The number of people expected to purchase within the horizon.
        actual_buyers: The number of people who did.
        expected_purchases: The number of purchase days expected.
        actual_purchases: The number that came.
        auc: The share of pairs of a buyer and another person in which the buyer had the higher chance. None without
            such a pair.
        top_lift: The share of buyers among the tenth of people with the highest chances, divided by the share among
            all. None without buyers.
        brier: The mean squared difference of the chance and what happened (1 or 0): lower is better.
        calibration_error: The mean difference of chance and share of buyers over ten groups of people (ECE).
        counts_inside: The share of people whose number of purchase days is inside the interval of the count.
        groups: Ten groups of people of rising chances.
    """

    model: str
    as_of: datetime
    until: datetime
    people: int
    expected_buyers: float
    actual_buyers: int
    expected_purchases: float
    actual_purchases: int
    auc: float | None
    top_lift: float | None
    brier: float
    calibration_error: float
    counts_inside: float
    groups: tuple[CheckedGroup, ...]

    _CHART = "checks.model_check"

    def __str__(self) -> str:
        """Format as a sentence."""
        rank = "no ranking" if self.auc is None else f"AUC {self.auc:.3f}"
        return (
            f"{self.model}: {self.expected_buyers:,.0f} of {self.people:,} people expected to buy, "
            f"{self.actual_buyers:,} did; {self.expected_purchases:,.0f} purchases expected, "
            f"{self.actual_purchases:,} came; {rank}, calibration error {100 * self.calibration_error:.1f} %"
        )


def check_model(model: BuyingModel, purchases: Any, *, tz: str, as_of: datetime, until: datetime) -> ModelCheck:
    """Compare the forecasts of a past day with the purchases that came.

    Fit the model on summaries as of the same day or earlier: a model that has seen later purchases proves nothing.

    Args:
        model: The model.
        purchases: The logs of a shop, or a table or list of purchases, as in `PurchaseSummary.over`.
        tz: The time zone of the calendar days.
        as_of: The day of the forecast.
        until: The end of the horizon, at most the end of the data.

    Raises:
        InstantError: An instant is naive.
        ArgumentError: The argument is not a model, `until` is not after `as_of`, or nobody has purchased by `as_of`.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime
        >>> from funnel.forecast import BuyingModel, check_model
        >>> model = BuyingModel.from_dict({"name": "nbd", "parameters": {"r": 0.4, "alpha": 80.0}})
        >>> days = [datetime(2026, 3, day, tzinfo=UTC) for day in (1, 3, 8, 20)]
        >>> bought = pl.DataFrame({"person_id": ["a", "b", "a", "a"], "purchased_at": days})
        >>> check = check_model(
        ...     model, bought, tz="UTC", as_of=datetime(2026, 3, 10, tzinfo=UTC), until=datetime(2026, 4, 9, tzinfo=UTC)
        ... )
        >>> print(check)
        nbd: 0 of 2 people expected to buy, 1 did; 1 purchases expected, 1 came; AUC 1.000, calibration error 38.9 %
    """
    instance(model, BuyingModel, "the model", "a BuyingModel, the result of buying_model")
    start, stop = parse_as_of(as_of), parse_as_of(until, "until")
    if stop <= start:
        raise ArgumentError("until must be after as_of")
    known, later = (_local(PurchaseSummary.over(purchases, tz=tz, as_of=day)) for day in (as_of, until))
    joined = known.join(later.select("person_id", _later=nw.col("repeat_count")), on="person_id", how="left")
    rows = collected(joined)
    if not len(rows):
        raise ArgumentError("nobody has a purchase by as_of; pass a later day")
    came = rows.select(nw.col("_later").fill_null(0) - nw.col("repeat_count")).get_column("_later").to_numpy()
    read = Summaries.read(nw.to_native(rows.drop("_later", ROW, strict=False)))
    columns, index = model._predictor().forecasts(read.groups.buyers, (stop - start) / DAY), read.groups.index
    lower, upper = columns.count_lower[index], columns.count_upper[index]
    chance, count, bought = columns.chance.value[index], np.maximum(came, 0), came > 0
    auc, top_lift = _ranking(chance, bought)
    groups = _groups(chance, bought)
    return ModelCheck(
        model=model.name,
        as_of=instant(start),
        until=instant(stop),
        people=len(rows),
        expected_buyers=float(chance.sum()),
        actual_buyers=int(bought.sum()),
        expected_purchases=float(columns.expected.value[index].sum()),
        actual_purchases=int(count.sum()),
        auc=auc,
        top_lift=top_lift,
        brier=float(((chance - bought) ** 2).mean()),
        calibration_error=sum(abs(one.people * one.chance - one.bought) for one in groups) / len(rows),
        counts_inside=float(((lower <= count) & (count <= upper)).mean()),
        groups=groups,
    )


def _local(native: object) -> Frame:
    read = from_native(native)
    return to_local(read.frame, read.frame_kind)[0]


def _groups(chance: Floats, bought: Flags) -> tuple[CheckedGroup, ...]:
    """Return ten groups of nearly equal size, in the order of their chances."""
    order = np.argsort(chance, kind="stable")
    parts = (part for part in np.array_split(order, _GROUPS) if len(part))
    return tuple(CheckedGroup(len(part), float(chance[part].mean()), int(bought[part].sum())) for part in parts)


def _ranking(chance: Floats, bought: Flags) -> tuple[float | None, float | None]:
    """Return the AUC and the lift of the top tenth."""
    different, index = np.unique(chance, return_inverse=True)
    people, buyers = counts_by_score(index.reshape(-1), bought, len(different))
    top, top_buyers, above, pairs = (float(one) for one in ranked(people, buyers))
    share = float(bought.mean())
    return above / pairs if pairs else None, top_buyers / top / share if share else None
