"""When the shop writes, by its own clock: what falls due while it is quiet is due when it opens.

Law: the instant that comes out is not before the one that went in; it lies in the open hours of the shop's clock, and
no open instant lies between the two. The changes of the clock are found once, in Python, so that every engine agrees.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import narwhals as nw

from funnel._instants import EPOCH, MICROSECOND, micros
from funnel._lift.columns import whole
from funnel.policy import Policy

_DAY = timedelta(days=1) // MICROSECOND
_BASE = -150_000 * _DAY
"""A midnight long before anything, so that what is divided by days is above zero."""
_WEEK = timedelta(days=7)
_FIRST = EPOCH
"""Clocks are followed from here on; before, they went as they did then."""


@attrs.frozen
class Hours:
    """The open hours of each day, and how far the clock is from UTC between the instants at which that changes."""

    opens: int
    closes: int
    edges: tuple[int, ...]
    offsets: tuple[int, ...]

    def moved(self, t: int) -> int:
        """The first instant from `t` on at which the shop is open."""
        if self.opens == self.closes:
            return t
        offset = self._offset(t)
        clock = (t + offset - _BASE) % _DAY
        if self.opens <= clock < self.closes:
            return t
        later = t + (self.opens - clock) % _DAY
        return later + offset - self._offset(later)

    def _offset(self, t: int) -> int:
        return self.offsets[bisect_right(self.edges, t)]

    def columns(self, frame: nw.LazyFrame[Any], name: str) -> nw.LazyFrame[Any]:
        """The same for a column of instants."""
        if self.opens == self.closes:
            return frame
        t = nw.col(name)
        frame = frame.with_columns(_offset=self._offset_column(t))
        frame = frame.with_columns(_clock=t + nw.col("_offset") - _BASE)
        frame = frame.with_columns(_clock=nw.col("_clock") - nw.col("_clock") // _DAY * _DAY)
        clock = nw.col("_clock")
        wait = nw.when(clock < self.opens).then(self.opens - clock).otherwise(self.opens + _DAY - clock)
        is_open = (clock >= self.opens) & (clock < self.closes)
        frame = frame.with_columns(_later=t + nw.when(is_open).then(whole(0)).otherwise(wait))
        frame = frame.with_columns(_then=self._offset_column(nw.col("_later")))
        later = nw.col("_later") + nw.col("_offset") - nw.col("_then")
        moved = frame.with_columns(nw.when(is_open).then(t).otherwise(later).alias(name))
        return moved.drop("_offset", "_clock", "_later", "_then")

    def _offset_column(self, t: nw.Expr) -> nw.Expr:
        steps = zip(self.edges, self.offsets, self.offsets[1:], strict=False)
        changes = [nw.when(t >= edge).then(whole(after - before)).otherwise(whole(0)) for edge, before, after in steps]
        return _summed([whole(self.offsets[0]), *changes])


def _summed(parts: Sequence[nw.Expr]) -> nw.Expr:
    """A sum in halves of halves, so that it is not deep."""
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    return _summed(parts[:half]) + _summed(parts[half:])


def hours_of(policy: Policy, tz: ZoneInfo, on: datetime) -> Hours:
    """The shop's hours, as far as an instant asks for them."""
    return _hours(tz, policy.opens_at, policy.closes_at, on.year + 1)


@lru_cache(maxsize=64)
def _hours(tz: ZoneInfo, opens: time, closes: time, year: int) -> Hours:
    changes = tuple(_changes(tz, year))
    offsets = (_offset(tz, _FIRST), *(_offset(tz, edge) for edge in changes))
    return Hours(_clock(opens), _clock(closes), tuple(map(micros, changes)), offsets)


def _clock(at: time) -> int:
    return timedelta(hours=at.hour, minutes=at.minute, seconds=at.second, microseconds=at.microsecond) // MICROSECOND


def _offset(tz: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(tz).utcoffset()
    assert offset is not None
    return offset // MICROSECOND


def _changes(tz: ZoneInfo, year: int) -> Iterator[datetime]:
    """The instants at which the clock changes, from 1970 to the end of a year: looked for week by week."""
    before, end = _FIRST, datetime(min(year + 1, 9999), 1, 1, tzinfo=UTC)
    while before < end:
        after = before + _WEEK
        if _offset(tz, before) != _offset(tz, after):
            yield _change_between(tz, before, after)
        before = after


def _change_between(tz: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first whole second of the new clock."""
    old = _offset(tz, before)
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // timedelta(seconds=2) * timedelta(seconds=1)
        before, after = (middle, after) if _offset(tz, middle) == old else (before, middle)
    return after
