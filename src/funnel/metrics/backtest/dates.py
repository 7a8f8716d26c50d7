"""The days on which a rule is replayed, and those whose outcome is not known yet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
from dateutil.relativedelta import relativedelta

from funnel._given import SpanLike, judgement, span
from funnel._instants import MICROSECOND, micros
from funnel.errors import ArgumentError

Every = SpanLike
"""The time from one replay to the next: so many days, or calendar months (a relativedelta)."""

MOST_DATES = 1_000
_LEAP, _LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2124, 1, 1, tzinfo=UTC)


@attrs.frozen
class Dates:
    """The days of a replay, in microseconds.

    Attributes:
        kept: The days whose horizon is over.
        left_out: How many more there are up to the end of the data, whose horizon is not over.
        horizon: The time after each day in which a purchase counts.
        now: The end of the data.
    """

    kept: tuple[int, ...]
    left_out: int
    horizon: int
    now: int

    @classmethod
    def of(cls, first: datetime, every: Every, horizon: SpanLike, as_of: datetime) -> Dates:
        """The days from the first one on, by the clock of its own zone.

        Raises:
            InstantError: An instant is naive.
            ArgumentError: `every` or `horizon` does not lead ahead, or there are too many days.
        """
        start, now = judgement(first, "first"), judgement(as_of)
        length, step = span(horizon, "horizon"), _ahead(every)
        days: list[int] = []
        day = start
        while day <= now:
            if len(days) == MOST_DATES:
                msg = f"there are more than {MOST_DATES:,} days from first to as_of; take a longer every"
                raise ArgumentError(msg)
            days.append(day)
            # by the clock of the zone: a day later is the same hour, and a month after the 31st the month's last day
            day = micros((first + step * len(days)).astimezone(UTC))
        kept = tuple(day for day in days if day + length <= now)
        return cls(kept, len(days) - len(kept), length, now)


def _ahead(every: object) -> timedelta | relativedelta:
    """The step from one day to the next, by the calendar where it is a relativedelta."""
    if not isinstance(every, relativedelta):
        return span(every, "every") * MICROSECOND
    try:
        is_ahead = _LEAP < _LEAP + every <= _LAST
    except (ValueError, OverflowError):
        is_ahead = False
    if not is_ahead:
        raise ArgumentError("every must lead ahead, by at most 100 years (got a relativedelta that does not)")
    return every
