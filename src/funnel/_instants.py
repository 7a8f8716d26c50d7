"""Instants as whole microseconds: one clock, UTC, exact.

Law: `instant(micros(t)) == t` for every aware `t`, and equal instants in different zones give the same number.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Turn an aware datetime into whole microseconds since 1970 (UTC)."""
    return (moment - EPOCH) // MICROSECOND


def instant(count: int) -> datetime:
    """Turn whole microseconds since 1970 into an aware datetime in UTC."""
    return EPOCH + timedelta(microseconds=count)


def start_of_day(day: date, zone: ZoneInfo) -> int:
    """Return the first instant of a day by the clock of a zone, in microseconds.

    Where midnight is shown twice it is the first; where the clock skips midnight it is the end of that gap.
    """
    first, second = (micros(datetime(day.year, day.month, day.day, tzinfo=zone, fold=fold)) for fold in (0, 1))
    if first <= second:
        return first
    shown = datetime(day.year, day.month, day.day)  # noqa: DTZ001 (what the clock shows)
    gap = range(second, first)
    return gap[0] + bisect_left(gap, shown, key=lambda moment: instant(moment).astimezone(zone).replace(tzinfo=None))


NEVER = micros(datetime(1700, 1, 1, tzinfo=UTC))
"""When a time that never came is said to have been: for ever ago. A float's 53 bits still hold it exactly."""

FOREVER = micros(datetime(2240, 1, 1, tzinfo=UTC))
"""When a thing that has not ended is said to end; it, too, fits a float's 53 bits."""

EVER = FOREVER - NEVER
"""How long ago, or how far ahead, a time that never came is: the same span at every instant, in every form."""


def span_at(held: int, slope: int, now: int) -> int:
    """Return the span since (slope 1) or until (-1) a held instant; EVER if the instant never came."""
    if NEVER < held < FOREVER:
        return slope * (now - held)
    return slope * (EVER if held <= NEVER else -EVER)


def spans_at(held: Any, slope: int, now: Any) -> Any:
    """Return what `span_at` does, for numpy arrays."""
    past, ahead = held <= NEVER, held >= FOREVER
    return slope * ((now - held) * ~(past | ahead) + EVER * past - EVER * ahead)


def held_at(span: int, slope: int, now: int) -> int:
    """Return the instant that a span runs from or to; beyond the years 1700 to 2240, a time that never came."""
    return max(NEVER, min(now - slope * span, FOREVER))


EARLIEST = micros(datetime(1800, 1, 1, tzinfo=UTC))
"""No record may be dated before this instant."""

LATEST = micros(datetime(2200, 1, 1, tzinfo=UTC))
"""No record may be dated at or after this instant."""
