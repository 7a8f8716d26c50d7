"""`shop_forecast`: purchases, new buyers and revenue of a shop in the next weeks, with prediction intervals.

Known buyers purchase as a fitted model expects. New buyers arrive at the rate of the last quarter, and then purchase as
the model expects of a new buyer. The intervals come from the errors of the same forecast on past days, so they cover
what the model does not know.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import attrs
import narwhals as nw
import numpy as np
from scipy import special

from funnel._arguments import count_of, day_of, parse_as_of, share_of
from funnel._dataframes.adapter import to_local
from funnel._dataframes.compute import collected
from funnel._format import TextRepr
from funnel._results import Charted, Rows
from funnel._time import instant
from funnel.errors import ArgumentError
from funnel.forecast._buyers import MIN_REPEAT_BUYERS, Floats, one
from funnel.forecast._buying import buying_model
from funnel.forecast._families import ModelName
from funnel.forecast._summaries import Summaries
from funnel.metrics._display import money
from funnel.metrics._orders import Orders, orders_of
from funnel.metrics._periods import Calendar
from funnel.metrics._purchase_summary import PurchaseSummary, purchase_days
from funnel.metrics._rate import DEFAULT_CONFIDENCE

_WEEK, _QUARTER, _YEAR = 7, 13 * 7, 52 * 7
"""Spans in days. New buyers arrive as in the last quarter: our default. A season repeats after 52 weeks."""
_MOST_WEEKS = 26
_MIN_PAST = 4
"""Fewer past forecasts do not show how large the errors are: our default."""
_BETTER = 0.9
"""A season must lower the error of the past forecasts to this share of it: our default."""
_NAMES = ("purchases", "new_buyers", "revenue")


@attrs.frozen
class Prediction:
    """An expected number, with the interval that contains the actual number with the probability of the forecast."""

    value: float
    lower: float
    upper: float


@attrs.frozen
class ShopWeek(TextRepr):
    """The forecast of one week, of the days after the last whole week, or of all days together.

    Attributes:
        first_day: The first day.
        last_day: The last day.
        purchases: Purchase days: the purchases of a buyer on one day count once.
        new_buyers: People who purchase for the first time.
        revenue: Amounts paid, less refunds, in whole minor units. None if amounts are unknown.
        currency: The currency of the revenue. None if it is not known.
    """

    first_day: date
    last_day: date
    purchases: Prediction
    new_buyers: Prediction
    revenue: Prediction | None
    currency: str | None = None

    def __str__(self) -> str:
        """Format the days and the expected numbers with their intervals."""
        texts = [f"{_text(self.purchases)} purchases", f"{_text(self.new_buyers)} new buyers"]
        if self.revenue is not None:
            value, *ends = (money(round(one), self.currency) for one in attrs.astuple(self.revenue))
            texts.append(f"{value} ({' to '.join(ends)}) of revenue")
        return f"{self.first_day} to {self.last_day}: {', '.join(texts)}"

    def to_dict(self) -> dict[str, Any]:
        """Return the days, and each expected number with the ends of its interval, by name."""
        row: dict[str, Any] = {"first_day": self.first_day, "last_day": self.last_day}
        for name in _NAMES:
            one: Prediction | None = getattr(self, name)
            ends = (None, None, None) if one is None else (one.value, one.lower, one.upper)
            row |= dict(zip((name, f"{name}_lower", f"{name}_upper"), ends, strict=True))
        return row


@attrs.frozen
class PastForecast:
    """The forecast of a past day for the same number of days, compared with what happened.

    Attributes:
        first_day: The first day of the forecast. The forecast used only purchases before it.
        expected_purchases: The expected number of purchase days.
        actual_purchases: The number of purchase days.
        expected_new_buyers: The expected number of new buyers.
        actual_new_buyers: The number of new buyers.
        expected_revenue: The expected revenue in minor units. 0 if amounts are unknown.
        actual_revenue: The revenue in minor units.
    """

    first_day: date
    expected_purchases: float
    actual_purchases: int
    expected_new_buyers: float
    actual_new_buyers: int
    expected_revenue: float
    actual_revenue: int


@attrs.frozen
class ShopForecast(Charted, Rows, TextRepr):
    """The next weeks of a shop.

    A table of the result has one row for each week. The chart shows the weeks together, beside the past forecasts.

    Attributes:
        weeks: The forecast of each week. The last one is shorter if the days are not whole weeks.
        total: The forecast of all days together.
        past: The same forecast on past days, oldest first. The intervals come from its errors.
        past_inside: The number of past forecasts whose purchases were inside the interval that the errors of the other
            past forecasts give.
        has_season: True if the same weeks of the year before improved the past forecasts, and are used. None if a
            season cannot be tested: fewer than two years of data, or a past forecast with less than 65 weeks.
        confidence_level: The probability that an interval contains the actual number.
    """

    weeks: tuple[ShopWeek, ...]
    total: ShopWeek
    past: tuple[PastForecast, ...]
    past_inside: int
    has_season: bool | None
    confidence_level: float

    _CHART = "periodic.shop_forecast"

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one row for each week: its days, and each expected number with the ends of its interval."""
        return [one.to_dict() for one in self.weeks]

    def __str__(self) -> str:
        """Format the totals, the past and the season as sentences."""
        names = {None: "a season needs two years of data", True: "with a season", False: "no season seen"}
        past = f"{self.past_inside} of {len(self.past)} past forecasts held"
        return f"{self.total}; {past}; {names[self.has_season]}"


def shop_forecast(  # noqa: PLR0913 (keywords; docs/decisions/few-arguments.md)
    purchases: Any,
    *,
    tz: str,
    as_of: datetime,
    weeks: int | None = None,
    until: date | None = None,
    past: int = 8,
    model: ModelName = "mbg_nbd",
    min_repeat_buyers: int = MIN_REPEAT_BUYERS,
    confidence_level: float = DEFAULT_CONFIDENCE,
) -> ShopForecast:
    """Forecast the purchases, new buyers and revenue of a shop in the next weeks.

    The forecast starts with the day of `as_of`, and uses purchases before that day. The same forecast is made on past
    days, each a forecast span earlier than the next. Its errors, as ratios, give the intervals.

    Args:
        purchases: The logs of a shop, or a table or list of purchases, as in `PurchaseSummary.over`.
        tz: The time zone of the calendar days.
        as_of: The evaluation time, at most the end of the data.
        weeks: The number of weeks, 1 to 26. Default: 4.
        until: The last day of the forecast, in place of `weeks`: at most 26 weeks from the day of `as_of`.
        past: The number of past forecasts, from 4. Days with too few repeat buyers are excluded. A season is used
            only if these weeks show it.
        model: The model of purchases, as in `buying_model`.
        min_repeat_buyers: The minimum number of repeat buyers on the day of a forecast.
        confidence_level: The probability that an interval contains the actual number.

    Raises:
        InstantError: `as_of` is naive.
        LogsError: Columns or rows of a table are invalid.
        ArgumentError: The data are not enough for a model and four past forecasts, or an argument is not allowed.

    Example:
        >>> from datetime import UTC, datetime, timedelta
        >>> import polars as pl
        >>> from funnel.forecast import shop_forecast
        >>> start = datetime(2026, 1, 1, tzinfo=UTC)
        >>> moments = [(str(buyer), start + timedelta(days=buyer + 20 * k)) for buyer in range(200) for k in range(4)]
        >>> bought = pl.DataFrame(moments, schema=["person_id", "purchased_at"], orient="row")
        >>> now = datetime(2026, 7, 1, tzinfo=UTC)
        >>> result = shop_forecast(bought, tz="UTC", as_of=now, weeks=2, model="nbd", min_repeat_buyers=10)
        >>> round(result.total.purchases.value), round(result.total.new_buyers.value), len(result.past)
        (82, 14, 8)
    """
    share_of(confidence_level, "confidence_level")
    origins = count_of(past, "past", minimum=_MIN_PAST, most=104)
    calendar = Calendar.of("day", tz)
    shop = _Shop(purchases, orders_of(purchases), calendar, model, min_repeat_buyers)
    today = calendar.number_at(parse_as_of(as_of))
    span = _span(weeks, until, calendar.first_day(today))
    now = shop.forecast(today, span)
    days = [today - step * span for step in range(origins, 0, -1)]
    before = [(day, past_forecast) for day in days if (past_forecast := shop.try_forecast(day, span)) is not None]
    if len(before) < _MIN_PAST:
        raise ArgumentError(
            f"not enough: {len(before)} of {origins} past forecasts have {min_repeat_buyers} repeat buyers, and "
            f"{_MIN_PAST} are required; forecast fewer days, or wait for more purchases"
        )
    actual = np.stack([shop.weekly(day, span) for day, _ in before])
    plain = np.stack([earlier.plain for _, earlier in before])
    seasonal = [earlier.seasonal for _, earlier in before if earlier.seasonal is not None]
    has_season = None
    expected, future = plain, now.plain
    if len(seasonal) == len(before) and now.seasonal is not None and shop.daily(today).shape[1] >= 2 * _YEAR:
        candidate = np.stack(seasonal)
        has_season = bool(_error(candidate, actual)[0] < _BETTER * _error(plain, actual)[0])
        expected, future = (candidate, now.seasonal) if has_season else (plain, now.plain)
    width = _Width(_errors(expected.sum(2), actual.sum(2)), confidence_level)
    by_week = _Width(_errors(expected, actual).transpose(0, 2, 1).reshape(-1, len(_NAMES)), confidence_level)
    return ShopForecast(
        weeks=tuple(
            _week(shop, today + start, min(_WEEK, span - start), future[:, week], by_week)
            for week, start in enumerate(range(0, span, _WEEK))
        ),
        total=_week(shop, today, span, future.sum(1), width),
        past=tuple(
            _past(calendar.first_day(day), want, have)
            for (day, _), want, have in zip(before, expected.sum(2), actual.sum(2), strict=True)
        ),
        past_inside=width.inside(),
        has_season=has_season,
        confidence_level=confidence_level,
    )


def _span(weeks: int | None, until: date | None, today: date) -> int:
    """Return the number of days of a forecast.

    Raises:
        ArgumentError: Both arguments are passed, or they are out of bounds.
    """
    if until is None:
        return _WEEK * count_of(4 if weeks is None else weeks, "weeks", minimum=1, most=_MOST_WEEKS)
    if weeks is not None:
        raise ArgumentError("weeks and until exclude each other; pass one of them")
    days = (day_of(until, "until") - today).days + 1
    if not 1 <= days <= _MOST_WEEKS * _WEEK:
        last = today + timedelta(days=_MOST_WEEKS * _WEEK - 1)
        raise ArgumentError(f"until must be from {today}, the day of as_of, to {last} (got {until})")
    return days


def _by_week(daily: Floats) -> Floats:
    """Return the sums of each week of daily numbers. The last week may be shorter."""
    sums: Any = np.add.reduceat(daily, [*range(0, daily.shape[1], _WEEK)], axis=1)
    return np.asarray(sums)


@attrs.frozen(eq=False)
class _Expected:
    """The expected purchases, new buyers and revenue (rows) of each week (columns), without and with a season."""

    plain: Floats
    seasonal: Floats | None


@attrs.frozen(eq=False)
class _Shop:
    """The purchases of a shop, and how to forecast them. Days are numbers of the calendar."""

    purchases: Any
    orders: Orders
    calendar: Calendar
    model: ModelName
    min_repeat_buyers: int

    def daily(self, day: int) -> Floats:
        """Return the purchases, new buyers and revenue (rows) of each day (columns) before a day."""
        frame, days = purchase_days(self.orders, self.calendar.edge(day) - 1, self.calendar)
        is_new = (nw.col("day") == nw.col("first")).cast(nw.Int64())
        by_day = frame.with_columns(is_new=is_new).group_by("day")
        totals = by_day.agg(nw.col("first").count().alias("all"), nw.col("is_new").sum(), nw.col("net_amount").sum())
        rows = collected(to_local(totals, self.orders.frame_kind)[0])
        counts = np.zeros((len(_NAMES), day - days.first))
        counts[:, rows["day"].to_numpy()] = [rows[name].to_numpy() for name in ("all", "is_new", "net_amount")]
        return counts

    def weekly(self, day: int, span: int) -> Floats:
        """Return the purchases, new buyers and revenue of each week of the span from a day on."""
        return _by_week(self.daily(day + span)[:, -span:])

    def forecast(self, day: int, span: int) -> _Expected:
        """Return the forecast of a day.

        Raises:
            ArgumentError: There are too few repeat buyers.
        """
        summaries = PurchaseSummary.over(
            self.purchases, tz=self.calendar.zone.key, as_of=instant(self.calendar.edge(day) - 1)
        )
        fitted = buying_model(summaries, self.model, min_repeat_buyers=self.min_repeat_buyers)
        predictor, buyers = fitted._predictor(), Summaries.read(summaries).groups.buyers
        counts = self.daily(day)
        ends = np.minimum(np.arange(_WEEK, span + _WEEK, _WEEK), span)
        returning = [float(buyers.people @ predictor.mean(buyers, end)) for end in ends.astype(np.float64)]
        recent = counts[:, -_QUARTER:]
        arrivals = recent[1].mean()
        # People who arrive within the span purchase again within the rest of it.
        later = [float(predictor.mean(one(0, 0, 0), moment)[0]) for moment in np.arange(span) + 0.5]
        repeats = arrivals * np.cumsum(later)[ends - 1]
        new = arrivals * np.diff(ends, prepend=0)
        bought = np.diff(np.array(returning) + repeats, prepend=0.0) + new
        amount = recent[2].sum() / max(recent[0].sum(), 1.0)
        plain = np.stack([bought, new, amount * bought])
        return _Expected(plain, _seasonal(plain, counts, span))

    def try_forecast(self, day: int, span: int) -> _Expected | None:
        """Return the forecast of a day. None if there are too few repeat buyers."""
        frame, _ = purchase_days(self.orders, self.calendar.edge(day) - 1, self.calendar)
        later = frame.filter(nw.col("day") > nw.col("first")).select(nw.col("person_id").n_unique().alias("people"))
        people = int(collected(to_local(later, self.orders.frame_kind)[0])["people"][0])
        return self.forecast(day, span) if people >= self.min_repeat_buyers else None


def _seasonal(plain: Floats, counts: Floats, span: int) -> Floats | None:
    """Return the forecast times the rise or fall of the same weeks a year before. None if the records are younger."""
    start = counts.shape[1] - _YEAR
    if start < _QUARTER:
        return None
    weeks = _by_week(counts[:, start : start + span])
    usual = counts[:, start - _QUARTER : start].mean(1, keepdims=True) * _by_week(np.ones((1, span)))
    return np.asarray(plain * np.where(usual > 0, weeks / np.maximum(usual, 1e-300), 1.0))


def _errors(expected: Floats, actual: Floats) -> Floats:
    """Return the errors as logarithms of ratios; half a unit is added to both, since a week may have nothing."""
    return np.asarray(np.log(actual + 0.5) - np.log(np.maximum(expected, 0) + 0.5))


def _error(expected: Floats, actual: Floats) -> Floats:
    """Return the root mean square of the errors of the totals of past forecasts, for each kind of number."""
    return np.asarray(np.sqrt((_errors(expected.sum(2), actual.sum(2)) ** 2).mean(0)))


@attrs.frozen(eq=False)
class _Width:
    """The width of intervals, from past errors (rows) of each kind of number (columns)."""

    errors: Floats
    confidence_level: float

    def half(self, values: Floats) -> Floats:
        """Return the distance of the ends from the values, in logarithms: at least that of counts of single people."""
        bought, new, _ = values + 0.5
        return self._distance(
            np.maximum((self.errors**2).mean(0), 1 / np.array([bought, new, bought])), len(self.errors)
        )

    def inside(self) -> int:
        """Return the number of past purchases inside the interval that the other past errors give."""
        squares, others = self.errors[:, 0] ** 2, len(self.errors) - 1
        return int((np.sqrt(squares) <= self._distance((squares.sum() - squares) / others, others)).sum())

    def _distance(self, variance: Floats, number: int) -> Floats:
        quantile = float(special.stdtrit(number, (1 + self.confidence_level) / 2))
        return np.asarray(quantile * np.sqrt(variance * (1 + 1 / number)))


def _week(shop: _Shop, first: int, days: int, values: Floats, width: _Width) -> ShopWeek:
    ratio = np.exp(width.half(values))
    lower, upper = np.maximum((values + 0.5) / ratio - 0.5, 0), (values + 0.5) * ratio - 0.5
    bought, new, revenue = np.stack([values, lower, upper], axis=1).tolist()
    paid = Prediction(*map(round, revenue)) if shop.orders.is_priced else None
    start = shop.calendar.first_day(first)
    last = start + timedelta(days=days - 1)
    return ShopWeek(start, last, Prediction(*bought), Prediction(*new), paid, shop.orders.currency)


def _past(first_day: date, expected: Floats, actual: Floats) -> PastForecast:
    bought, new, revenue = (round(number) for number in actual.tolist())
    want = expected.tolist()
    return PastForecast(first_day, want[0], bought, want[1], new, want[2], revenue)


def _text(one: Prediction) -> str:
    return f"{one.value:,.0f} ({one.lower:,.0f} to {one.upper:,.0f})"
