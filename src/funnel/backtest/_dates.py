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

MOST_DATES = 1_000
_LEAP, _LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2124, 1, 1, tzinfo=UTC)


@attrs.frozen
class Dates:
    """The days of a replay, in microseconds.

    Attributes:
        kept: Days whose horizon is over.
        excluded: Number of further days up to the end of the data whose horizon is not over.
        horizon: Time after each day in which a purchase counts.
        now: The end of the data.
    """

    kept: tuple[int, ...]
    excluded: int
    horizon: int
    now: int

    @classmethod
    def of(cls, first: datetime, every: Every, horizon: SpanLike, as_of: datetime) -> Dates:
        """Return the days from the first one on, in its own time zone.

        Raises:
            InstantError: An instant is naive.
            ArgumentError: `every` or `horizon` is not positive, or there are too many days.
        """
        start, now = parse_as_of(first, "first"), parse_as_of(as_of)
        length, step = span(horizon, "horizon"), _ahead(every)
        days: list[int] = []
        day = start
        while day <= now:
            if len(days) == MOST_DATES:
                msg = f"there are more than {MOST_DATES:,} days from first to as_of; take a longer every"
                raise ArgumentError(msg)
            days.append(day)
            # In local time: one day later is the same hour, and a month after the 31st is the last day of the month.
            day = micros((first + step * len(days)).astimezone(UTC))
        kept = tuple(day for day in days if day + length <= now)
        return cls(kept, len(days) - len(kept), length, now)


def _ahead(every: object) -> timedelta | relativedelta:
    """Return the step between days; a relativedelta is a calendar step."""
    if not isinstance(every, relativedelta):
        return span(every, "every") * MICROSECOND
    try:
        is_ahead = _LEAP < _LEAP + every <= _LAST
    except (ValueError, OverflowError):
        is_ahead = False
    if not is_ahead:
        raise ArgumentError("every must lead ahead, by at most 100 years (got a relativedelta that does not)")
    return every
