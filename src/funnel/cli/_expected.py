"""The forecast of the next four weeks in the report, or the reason why it is missing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import attrs

from funnel._dataframes.adapter import installed
from funnel._time import MICROSECOND
from funnel.cli._source import Source
from funnel.errors import ArgumentError

if TYPE_CHECKING:
    from funnel.forecast import ShopForecast  # noqa: TC004 (loaded only if the extra is installed)

_WEEKS, _PAST, _MIN_PAST = 4, 8, 4
"""The length of a forecast, and how many past forecasts are made and required: the defaults of `shop_forecast`."""


@attrs.frozen
class Expected:
    """The forecast, or the numbers that explain why it is missing.

    Attributes:
        forecast: The forecast; None without the extra `forecast`, or with too little data.
        repeat_buyers: Number of people with two purchases or more.
        min_repeat_buyers: Required number of such people at `since`; None without the extra.
        since: The earliest of the past forecasts that are required.
    """

    forecast: ShopForecast | None
    repeat_buyers: int
    min_repeat_buyers: int | None
    since: datetime


def has_forecasts() -> bool:
    """Return whether the extra `forecast` is installed."""
    return installed("numpy") and installed("scipy")


def expect(source: Source, *, tz: str, as_of: datetime, repeat_buyers: int) -> Expected:
    """Return the forecast of a shop.

    A forecast needs repeat buyers on past days too, and few shops have them. Their number is therefore compared first.

    Args:
        source: The records.
        tz: The shop's time zone.
        as_of: The evaluation time. If it is the last instant of a day, the forecast begins with the next day.
        repeat_buyers: Number of people with two purchases or more.
    """
    since = as_of - timedelta(weeks=_WEEKS * _MIN_PAST)
    if not has_forecasts():
        return Expected(None, repeat_buyers, None, since)
    from funnel.forecast._parameter import MIN_REPEAT_BUYERS

    forecast = None
    if repeat_buyers >= MIN_REPEAT_BUYERS:
        forecast = _forecast(source, tz, as_of + MICROSECOND)
    return Expected(forecast, repeat_buyers, MIN_REPEAT_BUYERS, since)


def _forecast(source: Source, tz: str, as_of: datetime) -> ShopForecast | None:
    from funnel.forecast import shop_forecast

    try:
        return shop_forecast(source.buyers, tz=tz, as_of=as_of, weeks=_WEEKS, past=_PAST)
    except ArgumentError:  # too few of the repeat buyers had bought again on the past days
        return None
