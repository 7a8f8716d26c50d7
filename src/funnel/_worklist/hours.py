"""When the shop writes, by its own clock: what falls due while it is quiet is due when it opens.

Law: the instant that comes out is not before the one that went in; it lies in the open hours of the shop's clock, and
no open instant lies between the two, whatever the clock skips or repeats. The changes of the clock are found once, in
Python, so that every engine agrees.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import narwhals as nw

from funnel._instants import EPOCH, FOREVER, MICROSECOND, micros
from funnel._lift.columns import whole
from funnel.policy import Policy

_DAY = timedelta(days=1) // MICROSECOND
_BASE = -150_000 * _DAY
"""A midnight long before anything, so that what is divided by days is above zero."""
_APART = timedelta(days=2)
"""No clock that is known changes twice within two days."""
_FIRST = EPOCH
"""Clocks are followed from here on; before, they went as they did then."""


@attrs.frozen
class Hours:
    """The open hours of each day by a clock that changes.

    Attributes:
        opens: When the shop opens, in microseconds after 00:00 by its clock.
        closes: When it closes; as early as `opens`: never.
        edges: The instants at which the clock changes.
        offsets: How far the clock is from UTC before the first edge, and from each edge on.
    """

    opens: int
    closes: int
    edges: tuple[int, ...]
    offsets: tuple[int, ...]

    def moved(self, t: int) -> int:
        """The first instant from `t` on at which the shop is open."""
        if self.opens == self.closes:
            return t
        number = bisect_right(self.edges, t)
        while True:
            clock = (t + self.offsets[number] - _BASE) % _DAY
            later = t if self.opens <= clock < self.closes else t + (self.opens - clock) % _DAY
            if number == len(self.edges) or later < self.edges[number]:
                return later
            # the clock changes before it shows that time, and may skip it
            t, number = self.edges[number], number + 1

    def columns(self, frame: nw.LazyFrame[Any], name: str) -> nw.LazyFrame[Any]:
        """The same for a column of instants."""
        if self.opens == self.closes:
            return frame
        t = nw.col(name)
        frame = frame.with_columns(_clock=t + self._step(t, self.offsets) - _BASE)
        frame = frame.with_columns(_clock=nw.col("_clock") - nw.col("_clock") // _DAY * _DAY)
        clock = nw.col("_clock")
        is_open = (clock >= self.opens) & (clock < self.closes)
        wait = nw.when(clock < self.opens).then(self.opens - clock).otherwise(self.opens + _DAY - clock)
        frame = frame.with_columns(
            _later=t + nw.when(is_open).then(whole(0)).otherwise(wait),
            _edge=self._step(t, (*self.edges, FOREVER)),
            _from_edge=self._step(t, (*map(self.moved, self.edges), FOREVER)),
        )
        later = nw.when(nw.col("_later") < nw.col("_edge")).then(nw.col("_later")).otherwise(nw.col("_from_edge"))
        return frame.with_columns(later.alias(name)).drop("_clock", "_later", "_edge", "_from_edge")

    def _step(self, t: nw.Expr, values: Sequence[int]) -> nw.Expr:
        """The first value before the first edge, and the next from each edge on."""
        steps = zip(self.edges, pairwise(values), strict=True)
        changes = [
            nw.when(t >= edge).then(whole(after - before)).otherwise(whole(0)) for edge, (before, after) in steps
        ]
        return _summed([whole(values[0]), *changes])


def _summed(parts: Sequence[nw.Expr]) -> nw.Expr:
    """A sum in halves of halves, so that it is not deep."""
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    return _summed(parts[:half]) + _summed(parts[half:])


def hours_of(policy: Policy, tz: ZoneInfo, on: datetime) -> Hours:
    """The shop's hours, as far as an instant asks for them."""
    return _hours(tz, policy.opens_at, policy.closes_at, on.year + 1)


@lru_cache(maxsize=1024)
def _hours(tz: ZoneInfo, opens: time, closes: time, year: int) -> Hours:
    return Hours(_clock(opens), _clock(closes), *_clock_changes(tz, year))


@lru_cache(maxsize=64)
def _clock_changes(tz: ZoneInfo, year: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """When the clock changes, and how far it is from UTC before and after."""
    changes = tuple(_changes(tz, year))
    return tuple(map(micros, changes)), (_offset(tz, _FIRST), *(_offset(tz, edge) for edge in changes))


def _clock(at: time) -> int:
    return timedelta(hours=at.hour, minutes=at.minute, seconds=at.second, microseconds=at.microsecond) // MICROSECOND


def _offset(tz: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(tz).utcoffset()
    assert offset is not None
    return offset // MICROSECOND


def _changes(tz: ZoneInfo, year: int) -> Iterator[datetime]:
    """The instants at which the clock changes, from 1970 to the end of a year: looked for every two days."""
    before, end = _FIRST, datetime(min(year + 1, 9999), 1, 1, tzinfo=UTC)
    while before < end:
        after = before + _APART
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
