"""Instants as whole microseconds in UTC, exact.

Invariant: `instant(micros(t)) == t` for every aware `t`. Equal instants in different zones give the same number.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from funnel.errors import RecordError

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


_STEP = timedelta(days=2)
"""No known time zone changes its offset twice within two days."""


@lru_cache(maxsize=64)
def zone_changes(zone: ZoneInfo, first: int, last: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the instants at which the clock of a zone changes, and the offsets around them, in microseconds.

    Returns:
        The instants from the start of the first year to the end of the last one, in UTC; and the offset from UTC before
        the first instant and from each instant on.
    """
    start = datetime(first, 1, 1, tzinfo=UTC)
    changes = tuple(_changes(zone, start, datetime(min(last + 1, 9999), 1, 1, tzinfo=UTC)))
    return tuple(map(micros, changes)), (_offset(zone, start), *(_offset(zone, edge) for edge in changes))


def _offset(zone: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return offset // MICROSECOND


def _changes(zone: ZoneInfo, before: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the offset changes between two instants; every two days are compared."""
    while before < end:
        after = before + _STEP
        if _offset(zone, before) != _offset(zone, after):
            yield _change_between(zone, before, after)
        before = after


def _change_between(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Return the first whole second of the new offset."""
    old = _offset(zone, before)
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // timedelta(seconds=2) * timedelta(seconds=1)
        before, after = (middle, after) if _offset(zone, middle) == old else (before, middle)
    return after


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


def checked_instant(count: int) -> datetime:
    """Return the instant of stored microseconds.

    Raises:
        ValueError: The instant is outside the supported years.
    """
    if not EARLIEST <= count < LATEST:
        raise ValueError
    return instant(count)


def not_before(record: object, start: str, *later: str) -> None:
    """Check that later instants are not before the first one.

    Args:
        record: Record to check.
        start: Field of the first instant.
        later: Fields of instants that must not be before it; None is skipped.

    Raises:
        RecordError: An instant is before the first one; the message names its field.
    """
    first: datetime = getattr(record, start)
    for name in later:
        moment: datetime | None = getattr(record, name)
        if moment is not None and moment < first:
            raise RecordError(f"{name} is before {start}; it must be at the same instant or later")
