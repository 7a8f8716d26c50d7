"""Expected and actual purchases week by week, before and after the day of a forecast."""

from __future__ import annotations

from datetime import date
from typing import Any

import attrs
import narwhals as nw
import numpy as np

from funnel._dataframes.adapter import to_local
from funnel._dataframes.compute import collected
from funnel.forecast._buyers import Buyers, Floats, Whole, dot
from funnel.forecast._parameter import DAY
from funnel.forecast._predict import Predictor
from funnel.metrics._orders import Orders, orders_of
from funnel.metrics._periods import Calendar
from funnel.metrics._purchase_summary import purchase_days

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
