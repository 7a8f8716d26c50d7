"""Opening hours: move an instant to the next time when the shop is open.

Invariant: the result is not before the input and lies in the open hours of the shop's zone. No open instant lies
between input and result, whatever the local clock skips or repeats. Python finds the clock changes once, so every
engine agrees.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import narwhals as nw

from funnel._expr.to_narwhals import int_lit
from funnel._time import EPOCH, FOREVER, MICROSECOND, zone_changes
from funnel.policy import Policy

_DAY = timedelta(days=1) // MICROSECOND
_BASE = -150_000 * _DAY
"""A midnight before all supported instants, so that values divided by days are positive."""


@attrs.frozen
class Hours:
    """Daily opening hours in a zone with offset changes.

    Attributes:
        opens: Opening time, in microseconds after 00:00 local time.
        closes: Closing time, in microseconds after 00:00 local time; equal to `opens` if the shop never closes.
        edges: Instants of the offset changes.
        offsets: Offset from UTC in microseconds, before the first edge and from each edge on.
    """

    opens: int
    closes: int
    edges: tuple[int, ...]
    offsets: tuple[int, ...]

    def moved(self, t: int) -> int:
        """Return the first instant from `t` on at which the shop is open."""
        if self.opens == self.closes:
            return t
        number = bisect_right(self.edges, t)
        while True:
            clock = (t + self.offsets[number] - _BASE) % _DAY
            later = t if self.opens <= clock < self.closes else t + (self.opens - clock) % _DAY
            if number == len(self.edges) or later < self.edges[number]:
                return later
            # The offset changes before that local time, which may not exist.
            t, number = self.edges[number], number + 1

    def columns(self, frame: nw.LazyFrame[Any], name: str) -> nw.LazyFrame[Any]:
        """Apply `moved` to a column of instants."""
        if self.opens == self.closes:
            return frame
        t = nw.col(name)
        frame = frame.with_columns(_clock=t + self._step(t, self.offsets) - _BASE)
        frame = frame.with_columns(_clock=nw.col("_clock") - nw.col("_clock") // _DAY * _DAY)
        clock = nw.col("_clock")
        is_open = (clock >= self.opens) & (clock < self.closes)
        wait = nw.when(clock < self.opens).then(self.opens - clock).otherwise(self.opens + _DAY - clock)
        frame = frame.with_columns(
            _later=t + nw.when(is_open).then(int_lit(0)).otherwise(wait),
            _edge=self._step(t, (*self.edges, FOREVER)),
            _from_edge=self._step(t, (*map(self.moved, self.edges), FOREVER)),
        )
        later = nw.when(nw.col("_later") < nw.col("_edge")).then(nw.col("_later")).otherwise(nw.col("_from_edge"))
        return frame.with_columns(later.alias(name)).drop("_clock", "_later", "_edge", "_from_edge")

    def _step(self, t: nw.Expr, values: Sequence[int]) -> nw.Expr:
        """Return the first value before the first edge, the next from each edge on."""
        steps = zip(self.edges, pairwise(values), strict=True)
        changes = [
            nw.when(t >= edge).then(int_lit(after - before)).otherwise(int_lit(0)) for edge, (before, after) in steps
        ]
        return _summed([int_lit(values[0]), *changes])


def _summed(parts: Sequence[nw.Expr]) -> nw.Expr:
    """Return the sum as a balanced expression, to limit nesting."""
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    return _summed(parts[:half]) + _summed(parts[half:])


def hours_of(policy: Policy, tz: ZoneInfo, on: datetime) -> Hours:
    """Return the shop's opening hours up to the year after an instant."""
    return _hours(tz, policy.opens_at, policy.closes_at, on.year + 1)


@lru_cache(maxsize=1024)
def _hours(tz: ZoneInfo, opens: time, closes: time, year: int) -> Hours:
    return Hours(_clock(opens), _clock(closes), *zone_changes(tz, EPOCH.year, year))


def _clock(at: time) -> int:
    return timedelta(hours=at.hour, minutes=at.minute, seconds=at.second, microseconds=at.microsecond) // MICROSECOND
