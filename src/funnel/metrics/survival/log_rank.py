"""Whether groups convert alike, by the log-rank test: how many did each time, and how many would have, were all alike.

Law: what was seen and what was expected come to the same in sum, and the order of the groups changes nothing.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from math import erfc, exp, fsum, lgamma, log, sqrt
from typing import TYPE_CHECKING, Any, cast

import attrs

from funnel._frames import installed
from funnel._given import instance, kind_of
from funnel.errors import ArgumentError
from funnel.metrics.survival.curve import waiting_in, waiting_in_arrays

if TYPE_CHECKING:
    from funnel.metrics.survival.ask import Survival
    from funnel.metrics.survival.curve import Curve

Matrix = list[list[float]]


@attrs.frozen
class Compared:
    """One group in a log-rank test.

    Attributes:
        group: Its name.
        people: How many waits it has.
        converted: How many of them converted.
        expected: How many would have, were all groups alike.
    """

    group: Any
    people: int
    converted: int
    expected: float


@attrs.frozen
class LogRank:
    """The log-rank test of groups: how unlikely such differences are where all groups convert alike.

    Attributes:
        groups: The groups that were compared, each with what was seen and what was expected.
        left_out: The groups with too few people, or of whom nobody was watched when anybody converted.
        chi_square: How far apart they are; None where fewer than two groups are left.
        degrees: In how many ways they could be apart: one less than the groups that were compared.
        p_value: How often groups that are alike would differ so much, by chance alone; None where there is no test.
    """

    groups: tuple[Compared, ...]
    left_out: tuple[Any, ...]
    chi_square: float | None
    degrees: int
    p_value: float | None

    def to_dict(self) -> dict[str, float | int | None]:
        """The test by name."""
        return {"chi_square": self.chi_square, "degrees": self.degrees, "p_value": self.p_value}

    def to_dicts(self) -> list[dict[str, Any]]:
        """One row for each group that was compared."""
        return [attrs.asdict(one) for one in self.groups]

    def __str__(self) -> str:
        """Write the test, with how many converted in each group and how many would have."""
        told = "; ".join(
            f"{one.group}: {one.converted:,} converted, {one.expected:,.1f} expected" for one in self.groups
        )
        if self.chi_square is None or self.p_value is None:
            return f"not enough: {len(self.groups)} group{'s' * (len(self.groups) != 1)} to compare"
        figures = f"chi square {self.chi_square:.2f}, degrees {self.degrees}, p {_shown(self.p_value)}"
        return f"{figures} ({told})"

    def _repr_html_(self) -> str:
        return f'<span title="log-rank test">{html.escape(str(self))}</span>'


def _shown(p_value: float) -> str:
    return f"{p_value:.3f}" if p_value >= 0.001 else "below 0.001"  # noqa: PLR2004 - three places


def log_rank(groups: Mapping[Any, Survival]) -> LogRank:
    """Test whether groups of different people convert alike, over all the time in which two of them were watched.

    The test asks whether the curves are one; it is strongest where one group converts faster than another by the same
    factor all the time, and blind where curves cross. Of many groups, some differ by chance.
    Source: N. Mantel, "Evaluation of survival data and two new rank order statistics arising in its consideration",
    Cancer Chemotherapy Reports 50 (1966), 163-170; R. Peto and J. Peto, "Asymptotically efficient rank invariant test
    procedures", Journal of the Royal Statistical Society A 135 (1972), 185-207.

    Args:
        groups: The survival of each group, by name; those with fewer people than their `least` are left out.

    Returns:
        The test, or that there is not enough.

    Example:
        >>> from datetime import UTC, datetime, timedelta
        >>> from funnel import log_rank, survival
        >>> day, start = timedelta(days=1), datetime(2026, 1, 1, tzinfo=UTC)
        >>> def came(*days):
        ...     return survival([(start, start + day * number) for number in days], as_of=start + 99 * day)
        >>> print(log_rank({"offer": came(1, 2, 3, 4), "none": came(7, 8, 9, 9)}))
        chi square 7.34, degrees 1, p 0.007 (offer: 4 converted, 1.5 expected; none: 4 converted, 6.5 expected)
    """
    _checked(groups)
    enough = {name: one for name, one in groups.items() if one.enough}
    found = _Found.of([one.curve for one in enough.values()])
    rows = zip(enough.items(), found.expected, strict=True)
    compared = tuple(Compared(name, one.people, one.converted, due) for (name, one), due in rows if due > 0)
    known = {one.group for one in compared}
    left_out = tuple(name for name in groups if name not in known)
    chi_square, degrees = found.tested()
    if not degrees:
        return LogRank(compared, left_out, None, 0, None)
    return LogRank(compared, left_out, chi_square, degrees, tail(chi_square, degrees))


@attrs.frozen
class _Found:
    """What was seen and expected in each group, and how the differences vary together."""

    seen: list[int]
    expected: list[float]
    varies: Matrix

    @classmethod
    def of(cls, curves: Sequence[Curve]) -> _Found:
        seen = [sum(curve.events) for curve in curves]
        places = range(len(curves))
        sums = _sums(curves)
        if not sums:
            return cls(seen, [0.0] * len(curves), [[0.0] * len(curves) for _ in curves])
        pairs = dict(
            zip(((row, column) for row in places for column in places[: row + 1]), sums[len(curves) :], strict=True)
        )
        varies = [[pairs[max(row, column), min(row, column)] for column in places] for row in places]
        return cls(seen, sums[: len(curves)], varies)

    def tested(self) -> tuple[float, int]:
        """How far seen and expected are apart, and in how many ways they could be."""
        apart = [seen - expected for seen, expected in zip(self.seen, self.expected, strict=True)]
        weights, ways = solved(self.varies, apart)
        return sum(weight * one for weight, one in zip(weights, apart, strict=True)), ways


def _sums(curves: Sequence[Curve]) -> list[float]:
    """The parts of all times, each summed exactly, so that no order matters; nothing where nobody converted."""
    if sum(len(curve.times) for curve in curves) >= _MANY and installed("numpy"):
        return [fsum(part.tolist()) for part in _parts(*waiting_in_arrays(curves))]
    each = (list(_parts(events, waiting)) for events, waiting in waiting_in(curves))
    return [fsum(part) for part in zip(*each, strict=True)]


_MANY = 4_096
"""From so many steps on it pays to count in arrays."""


def _parts(events: Any, waiting: Sequence[Any]) -> Iterator[Any]:
    """What a time adds to what is expected of each group, and to how each two vary; for numbers and arrays of them.

    Args:
        events: How many converted then.
        waiting: How many of each group had waited so long.
    """
    among = sum(waiting)
    shares = [one / among for one in waiting]
    yield from (events * share for share in shares)
    width = events * 1.0 * (among - events) / (among - 1 + (among == 1))
    for row, share in enumerate(shares):
        for column, other in enumerate(shares[: row + 1]):
            yield width * share * ((row == column) - other)


def solved(matrix: Matrix, right: Sequence[float]) -> tuple[list[float], int]:
    """Solve linear equations by elimination; one that follows from those before gives 0.

    Args:
        matrix: Symmetric, with no direction in which it is below zero, as variances are.
        right: The right sides.

    Returns:
        A solution, and how many equations say something of their own.
    """
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    least = _NOTHING * max((row[place] for place, row in enumerate(matrix)), default=0.0)
    ways = sum(_cleared(rows, place, least) for place in range(len(rows)))
    return [row[-1] for row in rows], ways


_NOTHING = 1e-9
"""What is so small beside the largest variance is the rounding of nothing."""


def _cleared(rows: Matrix, place: int, least: float) -> bool:
    """Make the pivot of a row 1 and the column of it 0 in all others, if the row says anything."""
    pivot = rows[place][place]
    if pivot <= least:
        rows[place] = [0.0] * len(rows[place])
        return False
    rows[place] = [value / pivot for value in rows[place]]
    for other, row in enumerate(rows):
        if other != place:
            rows[other] = [value - row[place] * mine for value, mine in zip(row, rows[place], strict=True)]
    return True


def tail(chi_square: float, degrees: int) -> float:
    """How often a chi square of so many degrees of freedom is so large or larger.

    It is the regularised gamma function Q(degrees / 2, chi_square / 2), by its recurrence from Q(1/2, x) = erfc(sqrt x)
    or Q(1, x) = exp(-x). Source: M. Abramowitz and I. A. Stegun, Handbook of Mathematical Functions (1964), 6.5.21
    and 26.4.4-5.

    Args:
        chi_square: 0 or more.
        degrees: 1 or more.
    """
    half = chi_square / 2
    if half <= 0:
        return 1.0
    order, total = (0.5, erfc(sqrt(half))) if degrees % 2 else (1.0, exp(-half))
    while order < degrees / 2:
        total += exp(order * log(half) - half - lgamma(order + 1))
        order += 1
    return total


def _checked(groups: object) -> None:
    from funnel.metrics.survival.ask import Survival

    wrong = f"groups must be survival curves by name (got {kind_of(groups)}); give what survival_by or survival returns"
    if not isinstance(groups, Mapping):
        raise ArgumentError(wrong)
    for one in cast("Mapping[object, object]", groups).values():
        instance(one, Survival, "a group", "a Survival, such as survival returns")
