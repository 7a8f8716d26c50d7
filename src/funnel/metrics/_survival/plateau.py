"""The plateau of a survival curve: a flat end, with what was observed in it.

It does not claim that the remaining people never convert.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import timedelta

import attrs

from funnel._format import TextRepr
from funnel._time import MICROSECOND
from funnel.metrics._display import days, percent
from funnel.metrics._survival.curve import Curve

_RARE = 0.05
"""A flat end is long if chance produces one this long less often than this: the convention since Fisher (1925)."""


@attrs.frozen
class Plateau(TextRepr):
    """A long flat end of the curve: people were watched, and nobody converted.

    Either some people will never convert, or the remaining people are far slower than those before. Data of this kind
    cannot show which.

    Attributes:
        since: The time of the last conversion, from the start.
        until: The time up to which enough people were watched.
        waiting: The number of people who waited on after the last conversion.
        watched: The number of them who were watched up to `until`.
        expected: The conversions expected in that time, at the pace of an equally long time before.
        chance: The probability that nobody converts in such a time if the pace is unchanged.
        survival: The share that still waits, by the curve.
    """

    since: timedelta
    until: timedelta
    waiting: int
    watched: int
    expected: float
    chance: float
    survival: float

    def __str__(self) -> str:
        """Return what was observed, and no conclusion."""
        stretch = f"nobody converted from {days(self.since)} to {days(self.until)}"
        watched = f"{self.waiting:,} still waited and {self.watched:,} were watched to the end"
        pace = f"at the earlier pace, {self.expected:,.1f} would have converted"
        outlook = f"{percent(self.survival)} still wait, and the data do not show whether they will convert"
        return f"{stretch}, though {watched}; {pace}; {outlook}"


def plateau_of(curve: Curve, min_people: int) -> Plateau | None:
    """Return the flat end of a curve, if a stretch without conversions is longer than chance explains.

    The test compares two equally long times, before and after the last conversion, as two counts of rare events with an
    exposure of person-time. The last conversion separates the two times and is not counted.
    Source: J. Przyborowski and H. Wilenski, "Homogeneity of results in testing samples from Poisson series", Biometrika
    31 (1940), 313-323.
    """
    if not curve.times or len(curve.censored) < min_people or curve.censored[-min_people] <= curve.times[-1]:
        return None
    since, until = curve.times[-1], curve.censored[-min_people]
    start = max(2 * since - until, 0)
    before, after = _watched(curve, start, since), _watched(curve, since, until)
    events = curve.people - len(curve.censored) - curve.conversion_at(start) - 1
    chance = (before / (before + after)) ** events
    if chance >= _RARE:
        return None
    spans = since * MICROSECOND, until * MICROSECOND
    counts = curve.waiting_at(since + 1), curve.waiting_at(until)
    return Plateau(*spans, *counts, events * after / before, chance, curve.survival[-1])


def _watched(curve: Curve, start: int, end: int) -> int:
    """Return the total time that people were watched between two times, in microseconds."""
    steps = range(bisect_right(curve.times, start), bisect_left(curve.times, end))
    censored = curve.censored[bisect_right(curve.censored, start) : bisect_left(curve.censored, end)]
    inside = sum(curve.events[one] * (curve.times[one] - start) for one in steps)
    return inside + sum(censored) - start * len(censored) + curve.waiting_at(end) * (end - start)
