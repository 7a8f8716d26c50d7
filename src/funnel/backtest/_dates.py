"""Days of a backtest, and the days whose outcome is still open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
from dateutil.relativedelta import relativedelta

from funnel._arguments import SpanLike, parse_as_of, span
from funnel._time import MICROSECOND, micros
from funnel.errors import ArgumentError

Every = SpanLike
"""Time between replays: a number of days, or calendar months (a relativedelta)."""

MAX_DATES = 1_000
_LEAP, _LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2124, 1, 1, tzinfo=UTC)


def _horizon(horizon: SpanLike) -> timedelta:
    return span(horizon, "horizon") * MICROSECOND


def _step(every: Every) -> timedelta | relativedelta:
    """Return the time between days; a relativedelta is a calendar step."""
    if not isinstance(every, relativedelta):
        return span(every, "every") * MICROSECOND
    try:
        is_forward = _LEAP < _LEAP + every <= _LAST
    except (ValueError, OverflowError):
        is_forward = False
    if not is_forward:
        raise ArgumentError("every must be above zero and at most 100 years (got a relativedelta that is not)")
    return every


@attrs.frozen
class BacktestDates:
    """The days of a backtest, and the time in which a purchase counts.

    Args:
        first: The first day, an aware datetime. The other days follow in its time zone.
        every: Time between days: a timedelta, or a relativedelta of months.
        horizon: Time after each day in which a purchase counts, inclusive.

    Raises:
        InstantError: `first` is naive.
        ArgumentError: `every` or `horizon` is not above zero.

    Example:
        >>> from datetime import UTC, datetime, timedelta
        >>> week = timedelta(days=7)
        >>> BacktestDates(datetime(2026, 1, 31, tzinfo=UTC), every=week, horizon=2 * week).horizon.days
        14
    """

    first: datetime
    every: timedelta | relativedelta = attrs.field(kw_only=True, converter=_step)
    horizon: timedelta = attrs.field(kw_only=True, converter=_horizon)

    def __attrs_post_init__(self) -> None:
        """Validate the first day."""
        parse_as_of(self.first, "first")


@attrs.frozen
class ReplayDates:
    """The days of a replay, in microseconds.

    Attributes:
        closed: Days whose horizon is over.
        excluded: Number of further days up to the end of the data whose horizon is not over.
        horizon: Time after each day in which a purchase counts.
        now: The end of the data.
    """

    closed: tuple[int, ...]
    excluded: int
    horizon: int
    now: int

    @classmethod
    def of(cls, dates: BacktestDates, as_of: datetime) -> ReplayDates:
        """Return the days up to the end of the data.

        Raises:
            InstantError: `as_of` is naive.
            ArgumentError: There are too many days, or every day is after `as_of`.
        """
        now, horizon = parse_as_of(as_of), dates.horizon // MICROSECOND
        days: list[int] = []
        day = parse_as_of(dates.first, "first")
        if day > now:
            raise ArgumentError(f"the first day must be at or before as_of (got {dates.first} and {as_of})")
        while day <= now:
            if len(days) == MAX_DATES:
                msg = f"a backtest has at most {MAX_DATES:,} days (got more from first to as_of); pass a longer every"
                raise ArgumentError(msg)
            days.append(day)
            # In local time: one day later is the same hour, and a month after the 31st is the last day of the month.
            day = micros((dates.first + dates.every * len(days)).astimezone(UTC))
        closed = tuple(day for day in days if day + horizon <= now)
        return cls(closed, len(days) - len(closed), horizon, now)
