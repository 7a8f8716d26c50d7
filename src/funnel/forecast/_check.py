"""`check_model`: forecasts of a past day, compared with the purchases that followed."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import attrs
import narwhals as nw
import numpy as np

from funnel._arguments import instance, kind_of, parse_as_of
from funnel._dataframes.adapter import ROW, Frame, from_native, to_local
from funnel._dataframes.compute import collected
from funnel._format import TextRepr
from funnel._results import Charted
from funnel._time import instant
from funnel.backtest._figures import Flags, counts_by_score, ranked
from funnel.errors import ArgumentError
from funnel.forecast._buyers import DAY, Buyers, Floats, Whole, dot
from funnel.forecast._buying_model import BuyingModel
from funnel.forecast._predict import Predictor
from funnel.forecast._summaries import Summaries
from funnel.metrics._orders import Orders, orders_of
from funnel.metrics._periods import Calendar
from funnel.metrics._purchase_summary import PurchaseSummary, purchase_days

# ---- expected and actual purchases week by week, before and after the day of a forecast ------------------------------


WEEK = 7
"""Days of a week."""
_NOON = 0.5
"""First purchases are at noon on average: our default."""


@attrs.frozen
class CheckedWeek:
    """The repeat purchases of one week, by the people of the forecast.

    Attributes:
        first_day: The first day of the week. The first week of the horizon starts with the day of the forecast.
        is_later: True if the week is within the horizon. Earlier weeks show how the model fits the past.
        expected: The expected number of repeat purchase days.
        actual: The number of repeat purchase days.
        expected_total: The expected number of all weeks until this one.
        actual_total: The number of all weeks until this one.
    """

    first_day: date
    is_later: bool
    expected: float
    actual: int
    expected_total: float
    actual_total: int


def tracked(
    predictor: Predictor, buyers: Buyers, purchases: Any, calendar: Calendar, horizon: tuple[int, int]
) -> tuple[CheckedWeek, ...]:
    """Return the weeks from the first purchase to the end of the horizon, whose last week may have fewer days.

    Args:
        predictor: The model.
        buyers: The people of the forecast.
        purchases: The purchases.
        calendar: The calendar of the days.
        horizon: The instant of the forecast, and the end of the horizon.
    """
    length = (horizon[1] - horizon[0]) / DAY
    ends = np.append(np.arange(WEEK, length, WEEK), length)
    later = np.diff([dot(buyers.people, predictor.mean(buyers, end)) for end in ends], prepend=0.0)
    orders, today = orders_of(purchases), calendar.number_at(horizon[0])
    before, after = (_purchase_days(orders, now, calendar) for now in horizon)
    after = after.join(before.select("person_id").unique(), on="person_id", how="semi")
    past = -(-int(buyers.age.max()) // WEEK)
    origin, end = today - WEEK * past, past + len(later) - 1
    weeks = [(_repeats(rows) - origin) // WEEK for rows in (before, after)]
    early = np.bincount(np.minimum(weeks[0], past - 1), minlength=past)
    previous, total = (np.bincount(np.clip(week, past, end), minlength=end + 1)[past:] for week in weeks)
    expected = np.concatenate([_expected(predictor, buyers, past), later])
    actual = np.concatenate([early, total - previous])
    sums = zip(
        expected.tolist(), actual.tolist(), np.cumsum(expected).tolist(), np.cumsum(actual).tolist(), strict=True
    )
    return tuple(
        CheckedWeek(calendar.first_day(origin + WEEK * week), week >= past, *numbers)
        for week, numbers in enumerate(sums)
    )


def _purchase_days(orders: Orders, now: int, calendar: Calendar) -> Any:
    """Return the purchase days of each person, as numbers of the calendar."""
    frame, days = purchase_days(orders, now, calendar)
    rows = collected(to_local(frame, orders.frame_kind)[0])
    return rows.select("person_id", day=nw.col("day") + days.first, first=nw.col("first") + days.first)


def _repeats(rows: Any) -> Whole:
    return np.asarray(rows.filter(nw.col("day") > nw.col("first"))["day"].to_numpy(), dtype=np.int64)


def _expected(predictor: Predictor, buyers: Buyers, weeks: int) -> Floats:
    """Return the repeat purchases of buyers that the model expects in the past weeks, after their first purchases."""
    days, expected = np.arange(WEEK * weeks + 1), np.zeros(weeks)
    nothing = np.zeros(len(days))
    for cell, _, some in buyers.by_cell:
        new = Buyers.of(nothing, nothing, nothing, nothing + 1).at(cell)
        mean = predictor.family.expected(predictor.values, new, np.maximum(days - _NOON, 0.0))
        people = np.bincount((WEEK * weeks - some.age).astype(np.intp), some.people, len(days))
        # The mean until each day, of the people of each first day.
        expected += np.diff([float((people[: edge + 1] * mean[edge::-1]).sum()) for edge in days[::WEEK]])
    return expected


# ---- the check -------------------------------------------------------------------------------------------------------


_GROUPS = 10
"""Groups of people of equal size, by their chance: the convention of reliability diagrams."""
_MANY = 7
"""Repeat purchases from which people are one group: the convention of papers about these models."""


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
class CheckedCount:
    """People with the same number of repeat purchases on the day of the forecast.

    Attributes:
        repeat_count: The number of repeat purchase days; the last group also has the people with more.
        people: The number of people.
        expected: The expected number of purchase days of all of them within the horizon.
        actual: The number of their purchase days.
    """

    repeat_count: int
    people: int
    expected: float
    actual: int


@attrs.frozen
class ModelCheck(Charted, TextRepr):
    """A forecast of a past day, compared with the purchases that followed.

    Attributes:
        model: The name of the model.
        as_of: The day of the forecast.
        until: The end of the horizon.
        people: The people with a purchase by `as_of`. People who first bought later are excluded.
        expected_buyers: The number of people expected to purchase within the horizon.
        actual_buyers: The number of people who purchased within the horizon.
        expected_purchases: The number of purchase days expected.
        actual_purchases: The number of purchase days within the horizon.
        auc: The share of pairs of a buyer and another person in which the buyer had the higher chance. None without
            such a pair.
        top_lift: The share of buyers among the tenth of people with the highest chances, divided by the share among
            all. None without buyers.
        brier: The mean squared difference of the chance and the outcome (1 or 0): lower is better.
        calibration_error: The mean difference of chance and share of buyers over the groups (ECE).
        counts_inside: The share of people whose number of purchase days is inside the interval of the count.
        groups: Up to ten groups of people by rising chance, nearly equal in size. People with equal chances are in one
            group.
        counts: The same by the number of repeat purchases until `as_of`, from 0 to 7 or more.
        weeks: Expected and actual repeat purchases of each week since the first purchase, and their running totals.
            The weeks of the horizon add up to `expected_purchases` and `actual_purchases`.
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
    counts: tuple[CheckedCount, ...] = attrs.field(repr=False)
    weeks: tuple[CheckedWeek, ...] = attrs.field(repr=False)

    _CHART = "checks.model_check"

    def __str__(self) -> str:
        """Format as a sentence."""
        rank = "no ranking" if self.auc is None else f"AUC {self.auc:.3f}"
        return (
            f"{self.model}: {self.expected_buyers:,.0f} of {self.people:,} people expected to buy, "
            f"{self.actual_buyers:,} did; {self.expected_purchases:,.0f} purchases expected, "
            f"{self.actual_purchases:,} made; {rank}, calibration error {100 * self.calibration_error:.1f} %"
        )


def check_model(  # noqa: PLR0913 (keywords; docs/decisions/few-arguments.md)
    model: BuyingModel, purchases: Any, *, tz: str, as_of: datetime, until: datetime, covariates: Any = None
) -> ModelCheck:
    """Compare the forecasts of a past day with the purchases that followed.

    Fit the model on summaries as of the same day or earlier: a model fitted on later purchases looks better than it is.

    Args:
        model: The model.
        purchases: The logs of a shop, or a table or list of purchases, as in `PurchaseSummary.over`.
        tz: The time zone of the calendar days.
        as_of: The day of the forecast.
        until: The end of the horizon, at most the end of the data.
        covariates: For a model with covariates: a dataframe with one row for each person, `person_id` and the
            covariates, such as the summaries of the fit.

    Raises:
        InstantError: An instant is naive.
        ArgumentError: The argument is not a model, `until` is not after `as_of`, nobody has purchased by `as_of`, or a
            buyer has no covariates.

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
        nbd: 0 of 2 people expected to buy, 1 did; 1 purchases expected, 1 made; AUC 1.000, calibration error 38.9 %
    """
    instance(model, BuyingModel, "the model", "a BuyingModel, the result of buying_model")
    start, stop = parse_as_of(as_of), parse_as_of(until, "until")
    if stop <= start:
        raise ArgumentError("until must be after as_of")
    people = _covariates(model, covariates)
    before, later = (_local(PurchaseSummary.over(purchases, tz=tz, as_of=day)) for day in (as_of, until))
    joined = before.join(later.select("person_id", _later=nw.col("repeat_count")), on="person_id", how="left")
    if people is not None:
        joined = joined.join(people, on="person_id", how="left")
    rows = collected(joined)
    if not len(rows):
        raise ArgumentError("nobody has a purchase by as_of; pass a later day")
    further = rows.select(nw.col("_later").fill_null(0) - nw.col("repeat_count")).get_column("_later").to_numpy()
    read = Summaries.read(nw.to_native(rows.drop("_later", ROW, strict=False))).divided(model.covariates)
    predictor, buyers, index = model._predictor(), read.groups.buyers, read.groups.index
    horizon = (stop - start) / DAY
    columns = predictor.forecasts(buyers, horizon)
    lower, upper = columns.count_lower[index], columns.count_upper[index]
    chance, count, bought = columns.chance.value[index], np.maximum(further, 0), further > 0
    auc, top_lift = _ranking(chance, bought)
    groups, expected = _groups(chance, bought), columns.expected.value[index]
    return ModelCheck(
        model=model.name,
        as_of=instant(start),
        until=instant(stop),
        people=len(rows),
        expected_buyers=float(chance.sum()),
        actual_buyers=int(bought.sum()),
        expected_purchases=float(expected.sum()),
        actual_purchases=int(count.sum()),
        auc=auc,
        top_lift=top_lift,
        brier=float(((chance - bought) ** 2).mean()),
        calibration_error=sum(abs(one.people * one.chance - one.bought) for one in groups) / len(rows),
        counts_inside=float(((lower <= count) & (count <= upper)).mean()),
        groups=groups,
        counts=_counts(buyers.count[index], expected, count),
        weeks=tracked(predictor, buyers, purchases, Calendar.of("day", tz), (start, stop)),
    )


def _covariates(model: BuyingModel, table: object) -> Frame | None:
    """Return the covariates of each person. None for a model without covariates.

    Raises:
        ArgumentError: The model has no covariates, a column is missing, or a person has several rows.
    """
    if not model.covariates and table is None:
        return None
    if not model.covariates:
        raise ArgumentError(f"covariates must be None: the model has none (got {kind_of(table)})")
    names = ["person_id", *(one.name for one in model.covariates)]
    needed = f"covariates must be a dataframe with one row for each person and the columns {', '.join(names)}"
    if table is None:
        raise ArgumentError(f"{needed}, since the model has covariates (got None)")
    frame = _local(table)
    missing = [name for name in names if name not in frame.collect_schema().names()]
    if missing:
        raise ArgumentError(f"{needed}; it lacks {', '.join(missing)}")
    ids = collected(frame.select("person_id"))["person_id"]
    repeated = len(ids) - ids.n_unique()
    if repeated:
        raise ArgumentError(f"{needed}; {repeated:,} rows repeat a person")
    return frame.select(*names)


def _local(native: object) -> Frame:
    read = from_native(native)
    return to_local(read.frame, read.frame_kind)[0]


def _groups(chance: Floats, bought: Flags) -> tuple[CheckedGroup, ...]:
    """Return groups of nearly equal size, in the order of their chances. People with equal chances are not split."""
    different, index = np.unique(chance, return_inverse=True)
    people, buyers = counts_by_score(index.reshape(-1), bought, len(different))
    middle = np.cumsum(people) - people / 2
    _, group = np.unique(np.floor(middle * _GROUPS / len(chance)), return_inverse=True)
    sizes, purchasers, chances = (np.bincount(group, column) for column in (people, buyers, people * different))
    rows = zip(sizes.tolist(), chances.tolist(), purchasers.tolist(), strict=True)
    return tuple(CheckedGroup(round(size), total / size, round(number)) for size, total, number in rows)


def _counts(repeats: Floats, expected: Floats, actual: Floats) -> tuple[CheckedCount, ...]:
    """Return the groups of people by the number of repeat purchases."""
    group = np.minimum(repeats, _MANY).astype(np.int64)
    columns = (np.bincount(group, weights) for weights in (None, expected, actual))
    rows = enumerate(zip(*columns, strict=True))
    return tuple(
        CheckedCount(repeat, int(people), float(mean), round(number))
        for repeat, (people, mean, number) in rows
        if people
    )


def _ranking(chance: Floats, bought: Flags) -> tuple[float | None, float | None]:
    """Return the AUC and the lift of the top tenth."""
    different, index = np.unique(chance, return_inverse=True)
    people, buyers = counts_by_score(index.reshape(-1), bought, len(different))
    top, top_buyers, above, pairs = (float(one) for one in ranked(people, buyers))
    share = float(bought.mean())
    return above / pairs if pairs else None, top_buyers / top / share if share else None
