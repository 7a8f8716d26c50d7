"""Instants as whole microseconds in UTC, exact.

Invariant: `instant(micros(t)) == t` for every aware `t`. Equal instants in different zones give the same number.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Convert an aware datetime to whole microseconds since 1970 (UTC)."""
    return (moment - EPOCH) // MICROSECOND


def instant(count: int) -> datetime:
    """Convert whole microseconds since 1970 to an aware datetime in UTC."""
    return EPOCH + timedelta(microseconds=count)


def start_of_day(day: date, zone: ZoneInfo) -> int:
    """Return the first instant of a local day, in microseconds.

    If the zone's clock shows midnight twice, return the first. If the clock skips midnight, return the end of the gap.
    """
    first, second = (micros(datetime(day.year, day.month, day.day, tzinfo=zone, fold=fold)) for fold in (0, 1))
    if first <= second:
        return first
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 (what the clock shows)
    gap = range(second, first)
    return gap[0] + bisect_left(gap, midnight, key=lambda moment: instant(moment).astimezone(zone).replace(tzinfo=None))


NEVER = micros(datetime(1700, 1, 1, tzinfo=UTC))
"""Sentinel for a past time that is not set: earlier than every record. Exact in a float's 53 bits."""

FOREVER = micros(datetime(2240, 1, 1, tzinfo=UTC))
"""Sentinel for an end that is not set: later than every record. Exact in a float's 53 bits."""

EVER = FOREVER - NEVER
"""Span to or from a time that is not set. It is the same at every instant, in every form of a rule."""


def span_at(moment: int, slope: int, now: int) -> int:
    """Return the span since (slope 1) or until (slope -1) a stored instant.

    EVER if the instant is not set.
    """
    if NEVER < moment < FOREVER:
        return slope * (now - moment)
    return slope * (EVER if moment <= NEVER else -EVER)


def spans_at(moment: Any, slope: int, now: Any) -> Any:
    """Compute `span_at` for numpy arrays."""
    past, future = moment <= NEVER, moment >= FOREVER
    return slope * ((now - moment) * ~(past | future) + EVER * past - EVER * future)


def instant_at(span: int, slope: int, now: int) -> int:
    """Return the instant that a span starts or ends at.

    A sentinel if the instant is outside the years 1700 to 2240.
    """
    return max(NEVER, min(now - slope * span, FOREVER))


EARLIEST = micros(datetime(1800, 1, 1, tzinfo=UTC))
"""The earliest instant that a record may have."""

LATEST = micros(datetime(2200, 1, 1, tzinfo=UTC))
"""Every record must be earlier than this instant."""
