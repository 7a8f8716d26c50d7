"""The product-limit curve from counts: written once in plain Python and once for arrays, digit for digit the same.

A wait comes as one whole number, its key: the microseconds until the end where it ended, and where it had not, the
microseconds that were watched, less than zero (`~watched`). Counts are exact; floats are made of them in one stated
order, that of time, so that every engine gives the same ones.

Law: at every step, those at risk are all people less those who converted or ceased to be watched before.
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
from math import inf
from typing import Any

import attrs


@attrs.frozen
class Curve:
    """A step for each time at which somebody converted, in order, and how long the others were watched.

    Attributes:
        times: When, in microseconds since the start; each once.
        events: How many converted at that time.
        at_risk: How many had waited so long, those who then converted among them.
        survival: The share that still waits just after.
        spread: Greenwood's sum: the variance of the survival is its square times this; infinite where nobody is left.
        censored: How long each of the others was watched, sorted.
    """

    times: array[int]
    events: array[int]
    at_risk: array[int]
    survival: array[float]
    spread: array[float]
    censored: array[int]

    @property
    def people(self) -> int:
        """How many waits there are."""
        return self.waiting_at(0)

    @property
    def longest(self) -> int | None:
        """The longest time that anybody was watched; None of nobody."""
        ends = [times[-1] for times in (self.times, self.censored) if times]
        return max(ends) if ends else None

    def waiting_at(self, time: int) -> int:
        """How many had waited at least so long."""
        step = bisect_left(self.times, time)
        gone = bisect_left(self.censored, time)
        if step == len(self.times):
            return len(self.censored) - gone
        return self.at_risk[step] + bisect_left(self.censored, self.times[step]) - gone

    def converted_by(self, time: int) -> int:
        """How many had converted by then."""
        return self.people - self.waiting_at(time + 1) - bisect_right(self.censored, time)

    def step_at(self, time: int) -> int:
        """The place of the last step at or before a time; -1 where there is none."""
        return bisect_right(self.times, time) - 1


def curve_of(counts: Iterable[tuple[int, int]]) -> Curve:
    """The curve of keys with how many waits have each; no key comes twice.

    Args:
        counts: The keys and their counts, in any order.
    """
    ordered = sorted(counts)
    ended = bisect_left(ordered, (0, 0))
    censored = array("q", (~key for key, people in reversed(ordered[:ended]) for _ in range(people)))
    times = array("q", (key for key, _ in ordered[ended:]))
    events = array("q", (people for _, people in ordered[ended:]))
    return _multiplied(times, events, _waiting(times, events, censored), censored)


def _waiting(times: Sequence[int], events: Sequence[int], censored: Sequence[int]) -> array[int]:
    left = sum(events) + len(censored)
    at_risk: array[int] = array("q")
    for time, converted in zip(times, events, strict=True):
        at_risk.append(left - bisect_left(censored, time))
        left -= converted
    return at_risk


def _multiplied(times: array[int], events: array[int], at_risk: array[int], censored: array[int]) -> Curve:
    survival: array[float] = array("d")
    spread: array[float] = array("d")
    product, total = 1.0, 0.0
    for converted, waiting in zip(events, at_risk, strict=True):
        left = waiting - converted
        product *= left / waiting
        total += converted / (float(waiting) * left) if left else inf
        survival.append(product)
        spread.append(total)
    return Curve(times, events, at_risk, survival, spread, censored)


def curve_of_array(keys: Any) -> Curve:
    """The same of keys that lie in a numpy array, one a wait: sorted once, then counted in whole arrays.

    Args:
        keys: 64-bit whole numbers, in any order.
    """
    np: Any = importlib.import_module("numpy")
    ordered = np.sort(keys)
    ended = int(np.searchsorted(ordered, 0))
    censored, waits = ~ordered[:ended][::-1], ordered[ended:]
    starts = _firsts(np, waits)
    times = waits[starts]
    events = np.diff(starts, append=len(waits))
    at_risk = len(ordered) - starts - np.searchsorted(censored, times)
    left = at_risk - events
    survival = np.cumprod(left / at_risk)
    with np.errstate(divide="ignore"):
        spread = np.cumsum(events / (at_risk.astype("f8") * left))
    return Curve(
        times=_wholes(times),
        events=_wholes(events),
        at_risk=_wholes(at_risk),
        survival=array("d", survival.tobytes()),
        spread=array("d", spread.tobytes()),
        censored=_wholes(censored),
    )


def _wholes(column: Any) -> array[int]:
    return array("q", column.tobytes())


def waiting_in(curves: Sequence[Curve]) -> Iterator[tuple[int, list[int]]]:
    """Each time at which anybody converted: how many did, and how many of each curve had waited so long."""
    together: Counter[int] = Counter()
    for curve in curves:
        together.update(dict(zip(curve.times, curve.events, strict=True)))
    for time in sorted(together):
        yield together[time], [curve.waiting_at(time) for curve in curves]


def waiting_in_arrays(curves: Sequence[Curve]) -> tuple[Any, list[Any]]:
    """The same as arrays over those times."""
    np: Any = importlib.import_module("numpy")
    each = [[np.frombuffer(one, "int64") for one in (curve.times, curve.events, curve.censored)] for curve in curves]
    together = np.unique(np.concatenate([times for times, _, _ in each]))
    converted = np.zeros(len(together), "int64")
    waiting: list[Any] = []
    for times, events, censored in each:
        converted[np.searchsorted(together, times)] += events
        before = np.concatenate([[0], np.cumsum(events)])[np.searchsorted(times, together)]
        waiting.append(len(censored) + events.sum() - before - np.searchsorted(censored, together))
    return converted, waiting


def _firsts(np: Any, ordered: Any) -> Any:
    """The places at which a sorted array says something new."""
    new = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    return np.flatnonzero(new)
