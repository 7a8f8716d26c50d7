"""The days on which a rule is replayed, and those whose outcome is not known yet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
from dateutil.relativedelta import relativedelta

from funnel._facts.base import judgement
from funnel._instants import MICROSECOND, micros
from funnel.errors import ArgumentError, InstantError

Every = timedelta | relativedelta
"""The time from one replay to the next: so many days, or calendar months."""

MOST_DATES = 1_000


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
    def of(cls, first: datetime, every: Every, horizon: timedelta, as_of: datetime) -> Dates:
        """The days from the first one on, by the clock of its own zone.

        Raises:
            InstantError: An instant is naive.
            ArgumentError: `every` or `horizon` does not lead ahead, or there are too many days.
        """
        start, now = judgement_of(first, "first"), judgement(as_of)
        length = _ahead(horizon, "horizon") // MICROSECOND
        _ahead(every, "every")
        days: list[int] = []
        day = start
        while day <= now:
            if len(days) == MOST_DATES:
                msg = f"there are more than {MOST_DATES:,} days from first to as_of; take a longer every"
                raise ArgumentError(msg)
            days.append(day)
            # by the clock of the zone: a day later is the same hour, and a month after the 31st the month's last day
            day = micros((first + every * len(days)).astimezone(UTC))
        kept = tuple(day for day in days if day + length <= now)
        return cls(kept, len(days) - len(kept), length, now)


def judgement_of(moment: datetime, name: str) -> int:
    """An instant that was given under some name, in microseconds.

    Raises:
        InstantError: It is no aware datetime, or lies outside the years that are kept.
    """
    try:
        return judgement(moment)
    except InstantError as error:
        raise InstantError(str(error).replace("as_of", name)) from None


def _ahead(span: object, name: str) -> timedelta:
    leap = datetime(2024, 1, 1, tzinfo=UTC)
    length = leap + span - leap if isinstance(span, relativedelta) else span
    if not isinstance(length, timedelta):
        msg = f"{name} is a {type(span).__name__}; give a span such as timedelta(days=7)"
        raise ArgumentError(msg)
    if length <= timedelta(0):
        msg = f"{name} is zero or less; give a span above zero, such as timedelta(days=7)"
        raise ArgumentError(msg)
    return length
