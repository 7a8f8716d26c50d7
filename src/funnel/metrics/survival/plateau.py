"""A flat end of a curve of waits: flagged with what was seen; that the others will never come, it does not say."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import timedelta
from typing import Any

import attrs

from funnel._instants import MICROSECOND
from funnel.metrics.survival.curve import Curve
from funnel.metrics.survival.estimates import Shown, percent, told_span

_RARE = 0.05
"""A flat end is long if chance alone makes one so long less often than this: the custom since Fisher (1925)."""


@attrs.frozen
class Plateau(Shown):
    """A long flat end of the curve: people were watched on, and nobody converted.

    Either some will never convert, or those who are left are far slower than those before; which it is, no data of this
    kind can say.

    Attributes:
        since: When the last one converted, from the start.
        until: Up to when enough people were watched.
        waiting: How many waited on after the last one converted.
        watched: How many of them were watched up to `until`.
        expected: How many would have converted in that time, at the pace of as long a time before.
        chance: How often nobody converts in such a time, though the pace is the same.
        survival: The share that still waits, by the curve.
    """

    since: timedelta
    until: timedelta
    waiting: int
    watched: int
    expected: float
    chance: float
    survival: float

    def to_dict(self) -> dict[str, Any]:
        """Everything of it by name."""
        return attrs.asdict(self)

    def __str__(self) -> str:
        """Write what was seen, and no more."""
        stretch = f"nobody converted from {told_span(self.since)} to {told_span(self.until)}"
        watched = f"{self.waiting:,} waited on and {self.watched:,} were watched to its end"
        pace = f"at the pace before, {self.expected:,.1f} would have"
        left = f"{percent(self.survival)} % still wait, and nobody knows whether for ever"
        return f"{stretch}, though {watched}; {pace}; {left}"


def plateau_of(curve: Curve, least: int) -> Plateau | None:
    """The flat end of a curve, if nobody converting in it is more than chance.

    Two equally long times are compared, that before the last conversion and that after it, as two counts of rare things
    among so much time of so many people; the last conversion itself, which parts the two, is not counted.
    Source: J. Przyborowski and H. Wilenski, "Homogeneity of results in testing samples from Poisson series", Biometrika
    31 (1940), 313-323.
    """
    if not curve.times or len(curve.censored) < least or curve.censored[-least] <= curve.times[-1]:
        return None
    since, until = curve.times[-1], curve.censored[-least]
    start = max(2 * since - until, 0)
    before, after = _watched(curve, start, since), _watched(curve, since, until)
    events = curve.people - len(curve.censored) - curve.converted_by(start) - 1
    chance = (before / (before + after)) ** events
    if chance >= _RARE:
        return None
    spans = since * MICROSECOND, until * MICROSECOND
    counts = curve.waiting_at(since + 1), curve.waiting_at(until)
    return Plateau(*spans, *counts, events * after / before, chance, curve.survival[-1])


def _watched(curve: Curve, start: int, end: int) -> int:
    """How long everybody together was watched between two times, in microseconds."""
    ended = range(bisect_right(curve.times, start), bisect_left(curve.times, end))
    gone = curve.censored[bisect_right(curve.censored, start) : bisect_left(curve.censored, end)]
    inside = sum(curve.events[one] * (curve.times[one] - start) for one in ended)
    return inside + sum(gone) - start * len(gone) + curve.waiting_at(end) * (end - start)
