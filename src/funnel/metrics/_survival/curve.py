"""The Kaplan-Meier (product-limit) curve from counts, in plain Python and for arrays.

Both versions return identical digits.

A duration is encoded as one integer, its key: twice its microseconds, plus 1 if the wait has not ended. Keys in order
are therefore times in order, and the waits that ended come before the open waits of the same time. Counts are exact.
Floats are computed from counts in order of time, so that every engine returns the same digits.

Invariant: at every step, the number at risk is all people minus those who converted or were censored before.
Source: E. L. Kaplan and P. Meier, "Nonparametric estimation from incomplete observations", Journal of the American
Statistical Association 53 (1958), 457-481; M. Greenwood, "The errors of sampling of the survivorship tables", Reports
on Public Health and Medical Subjects 33 (1926), appendix 1.
"""

from __future__ import annotations

import importlib
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from math import inf
from typing import Any

import attrs


@attrs.frozen
class Curve:
    """The steps of the curve, in order, and the watched times of censored people.

    Attributes:
        times: The times since the start, in microseconds, unique.
        events: The number of people who converted at each time.
        at_risk: The number of people who had waited at least that long, including those who converted then.
        survival: The share that still waits just after each time.
        spread: Greenwood's sum. The variance of the survival is its square times this sum. Infinite if nobody is left.
        censored: The watched time of every person who did not convert, sorted.
    """

    times: array[int]
    events: array[int]
    at_risk: array[int]
    survival: array[float]
    spread: array[float]
    censored: array[int]

    @property
    def people(self) -> int:
        """The number of durations."""
        return self.waiting_at(0)

    @property
    def longest(self) -> int | None:
        """The longest time that anybody was watched. None without people."""
        ends = [times[-1] for times in (self.times, self.censored) if times]
        return max(ends) if ends else None

    def waiting_at(self, time: int) -> int:
        """Return the number of people who had waited at least this long."""
        step = bisect_left(self.times, time)
        censored_before = bisect_left(self.censored, time)
        if step == len(self.times):
            return len(self.censored) - censored_before
        return self.at_risk[step] + bisect_left(self.censored, self.times[step]) - censored_before

    def conversion_at(self, time: int) -> int:
        """Return the number of people who had converted by this time."""
        return self.people - self.waiting_at(time + 1) - bisect_right(self.censored, time)

    def step_at(self, time: int) -> int:
        """Return the index of the last step at or before a time; -1 if there is none."""
        return bisect_right(self.times, time) - 1


@attrs.frozen
class DurationKeys:
    """The waits of one group: the curve, and how many ended before they started."""

    curve: Curve
    early: int


def curve_of(counts: Iterable[tuple[int, int]]) -> Curve:
    """Return the curve of keys with their counts. Keys are unique.

    Args:
        counts: The keys and their counts, in any order.
    """
    ordered = sorted(counts)
    times, events, at_risk, censored = (array("q") for _ in range(4))
    survival, spread = array("d"), array("d")
    waiting, product, total = sum(people for _, people in ordered), 1.0, 0.0
    for key, people in ordered:
        time, is_open, remaining = key >> 1, key & 1, waiting - people
        if is_open:
            censored.extend(repeat(time, people))
        else:
            product *= remaining / waiting
            total += people / (float(waiting) * remaining) if remaining else inf
            for column, value in ((times, time), (events, people), (at_risk, waiting)):
                column.append(value)
            survival.append(product)
            spread.append(total)
        waiting = remaining
    return Curve(times, events, at_risk, survival, spread, censored)


def curve_of_array(keys: Any) -> Curve:
    """Return the curve of a numpy array of keys, one for each duration.

    Args:
        keys: 64-bit integers, in any order.
    """
    np: Any = importlib.import_module("numpy")
    ordered = np.sort(keys)
    is_open = (ordered & 1).astype(bool)
    converted = np.flatnonzero(~is_open)
    ordered >>= 1
    waits = ordered[converted]
    starts = _firsts(np, waits)
    events = np.diff(starts, append=len(waits))
    at_risk = len(ordered) - converted[starts]
    remaining = at_risk - events
    survival = np.cumprod(remaining / at_risk)
    with np.errstate(divide="ignore"):
        spread = np.cumsum(events / (at_risk.astype("f8") * remaining))
    return Curve(
        times=_filled(array("q"), waits[starts]),
        events=_filled(array("q"), events),
        at_risk=_filled(array("q"), at_risk),
        survival=_filled(array("d"), survival),
        spread=_filled(array("d"), spread),
        censored=_filled(array("q"), ordered[is_open]),
    )


def _filled(empty: array[Any], column: Any) -> array[Any]:
    """Fill an empty array with the items of a column."""
    empty.frombytes(column.view("u1"))
    return empty


def waiting_in(curves: Sequence[Curve]) -> Iterator[tuple[int, list[int]]]:
    """Yield each time with a conversion: how many converted, and the number at risk in each curve."""
    together: Counter[int] = Counter()
    for curve in curves:
        together.update(dict(zip(curve.times, curve.events, strict=True)))
    for time in sorted(together):
        yield together[time], [curve.waiting_at(time) for curve in curves]


def waiting_in_arrays(curves: Sequence[Curve]) -> tuple[Any, list[Any]]:
    """Return the same as arrays over these times."""
    np: Any = importlib.import_module("numpy")
    each = [[np.frombuffer(one, "int64") for one in (curve.times, curve.events, curve.censored)] for curve in curves]
    # A stable sort merges sorted parts. The unique values of numpy come from a hash table, ten times slower.
    every = np.sort(np.concatenate([times for times, _, _ in each]), kind="stable")
    together = every[_firsts(np, every)]
    converted = np.zeros(len(together), "int64")
    waiting: list[Any] = []
    for times, events, censored in each:
        own = np.zeros(len(together), "int64")
        own[np.searchsorted(together, times)] = events
        converted += own
        ended = np.cumsum(own) - own + np.searchsorted(censored, together)
        waiting.append(len(censored) + events.sum() - ended)
    return converted, waiting


def _firsts(np: Any, ordered: Any) -> Any:
    """Return the indexes at which a sorted array changes value."""
    new = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    return np.flatnonzero(new)
