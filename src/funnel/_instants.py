"""Instants as whole microseconds: one clock, UTC, exact.

Law: `instant(micros(t)) == t` for every aware `t`, and equal instants in different zones give the same number.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Turn an aware datetime into whole microseconds since 1970 (UTC)."""
    return (moment - EPOCH) // MICROSECOND


def instant(count: int) -> datetime:
    """Turn whole microseconds since 1970 into an aware datetime in UTC."""
    return EPOCH + timedelta(microseconds=count)


NEVER = micros(datetime(1700, 1, 1, tzinfo=UTC))
"""When a time that never came is said to have been: for ever ago. A float's 53 bits still hold it exactly."""

FOREVER = micros(datetime(2240, 1, 1, tzinfo=UTC))
"""When a thing that has not ended is said to end; it, too, fits a float's 53 bits."""

EARLIEST = micros(datetime(1800, 1, 1, tzinfo=UTC))
"""No record may be dated before this instant."""

LATEST = micros(datetime(2200, 1, 1, tzinfo=UTC))
"""No record may be dated at or after this instant."""
