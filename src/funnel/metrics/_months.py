"""Months by the shop's clock: their edges, computed once in Python so that every engine cuts them alike.

Law: a month begins at its first midnight by the clock of the zone, or where the clock skips that midnight, at the first
instant after it; so every instant lies in one month, and later instants in no earlier one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date, datetime
from functools import cached_property
from zoneinfo import ZoneInfo

import attrs
import narwhals as nw

from funnel._instants import instant, micros
from funnel.errors import InstantError


def zone_called(name: str) -> ZoneInfo:
    """Find a zone.

    Raises:
        InstantError: There is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, TypeError, OSError):
        msg = f"zone {str(name)[:200]!r} is unknown; give a name such as 'Asia/Jakarta'"
        raise InstantError(msg) from None


@attrs.frozen
class Months:
    """Months in a row, from the one that holds an instant to the one that holds a later one.

    Attributes:
        first: The first day of the first month, counted in months since the year 0.
        last: The same of the last month.
        zone: Whose clock.
    """

    first: int
    last: int
    zone: ZoneInfo

    @classmethod
    def between(cls, start: int, end: int, zone: ZoneInfo) -> Months:
        """The months that hold two instants, in microseconds, and those between."""
        return cls(_month_at(start, zone), _month_at(end, zone), zone)

    def __len__(self) -> int:
        """How many months."""
        return self.last - self.first + 1

    def day(self, place: int) -> date:
        """The first day of the month at a place, counted from 0."""
        return _first_day(self.first + place)

    @cached_property
    def edges(self) -> Sequence[int]:
        """Where each month begins, in microseconds, and where the last one ends."""
        return [_edge(month, self.zone) for month in range(self.first, self.last + 2)]

    def place_column(self, name: str) -> nw.Expr:
        """The place of the month in which the instants of a column lie, which must lie in these months."""
        return self._place(name, 0, len(self))

    def _place(self, name: str, low: int, high: int) -> nw.Expr:
        """The place from `low` up to, not including, `high`: halved until one is left, so that nothing nests deeply."""
        if high - low == 1:
            return nw.lit(low, nw.Int64())
        half = (low + high) // 2
        before = nw.col(name) < self.edges[half]
        return nw.when(before).then(self._place(name, low, half)).otherwise(self._place(name, half, high))


def _first_day(month: int) -> date:
    year, place = divmod(month, 12)
    return date(year, place + 1, 1)


def _edge(month: int, zone: ZoneInfo) -> int:
    day = _first_day(month)
    return micros(datetime(day.year, day.month, 1, tzinfo=zone))


def _month_at(moment: int, zone: ZoneInfo) -> int:
    """The month of an instant: the clock's own, unless its midnight came, was turned back, and came again."""
    shown = instant(moment).astimezone(zone)
    near = shown.year * 12 + shown.month - 1
    return near - 1 + bisect_right([_edge(near, zone), _edge(near + 1, zone)], moment)
