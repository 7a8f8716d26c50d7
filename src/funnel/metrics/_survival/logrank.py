"""The log-rank test, observed and expected conversions of each group, and survival by group.

Invariant: the sums of observed and expected conversions are equal. The order of the groups changes nothing.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from math import erfc, exp, fsum, lgamma, log, sqrt
from typing import Any, cast

import attrs

from funnel._arguments import instance, kind_of
from funnel._dataframes.adapter import installed
from funnel._format import as_span
from funnel._results import Rows
from funnel.errors import ArgumentError
from funnel.metrics._by_group import Groups
from funnel.metrics._display import group_name, p_text
from funnel.metrics._survival.curve import Curve, waiting_in, waiting_in_arrays
from funnel.metrics._survival.result import Survival

Matrix = list[list[float]]


@attrs.frozen
class Compared:
    """One group in a log-rank test.

    Attributes:
        group: The name of the group.
        people: The number of waits.
        converted: The number of waits that ended in a conversion.
        expected: The number of conversions expected if all groups were alike.
    """

    group: Any
    people: int
    converted: int
    expected: float


@attrs.frozen
class LogrankTest(Rows):
    """The log-rank test of groups: how unlikely the differences are if all groups convert alike.

    Attributes:
        groups: The compared groups, each with observed and expected conversions.
        excluded: The groups with too few people, or with nobody at risk when anybody converted.
        chi_square: The test statistic. None if fewer than two groups are left.
        degrees: The degrees of freedom: the number of compared groups minus one.
        p_value: The probability of differences this large by chance if the groups are alike. None if there is no test.
    """

    groups: tuple[Compared, ...]
    excluded: tuple[Any, ...]
    chi_square: float | None
    degrees: int
    p_value: float | None

    def to_dict(self) -> dict[str, float | int | None]:
        """Return the test by name."""
        return {"chi_square": self.chi_square, "degrees": self.degrees, "p_value": self.p_value}

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one row for each compared group."""
        return [attrs.asdict(one) for one in self.groups]

    def __str__(self) -> str:
        """Return the test, with observed and expected conversions of each group."""
        groups = "; ".join(
            f"{group_name(one.group)}: {one.converted:,} converted, {one.expected:,.1f} expected" for one in self.groups
        )
        if self.chi_square is None or self.p_value is None:
            return f"not enough: {len(self.groups)} group{'s' * (len(self.groups) != 1)} to compare"
        figures = f"chi square {self.chi_square:.2f}, degrees {self.degrees}, p {p_text(self.p_value)}"
        return f"{figures} ({groups})"

    def _repr_html_(self) -> str:
        return as_span(self, "log-rank test")


def logrank_test(groups: Mapping[Any, Survival]) -> LogrankTest:
    """Test whether groups of different people convert alike.

    The test covers the time in which at least two groups are at risk. The null hypothesis is that the curves are equal.
    The test is strongest if one group converts faster than another by a constant factor, and has no power if curves
    cross. Among many groups, some differ by chance.
    Source: N. Mantel, "Evaluation of survival data and two new rank order statistics arising in its consideration",
    Cancer Chemotherapy Reports 50 (1966), 163-170; R. Peto and J. Peto, "Asymptotically efficient rank invariant test
    procedures", Journal of the Royal Statistical Society A 135 (1972), 185-207.

    Args:
        groups: The survival of each group, by name. Groups with fewer people than their `min_people` are excluded.

    Returns:
        The test. It has no statistic if there are too few groups with enough people.

    Example:
        >>> from datetime import UTC, datetime, timedelta
        >>> from funnel.metrics import logrank_test
        >>> from funnel import survival
        >>> day, start = timedelta(days=1), datetime(2026, 1, 1, tzinfo=UTC)
        >>> def came(*days):
        ...     return survival([(start, start + day * number) for number in days], as_of=start + 99 * day)
        >>> print(logrank_test({"offer": came(1, 2, 3, 4), "none": came(7, 8, 9, 9)}))
        chi square 7.34, degrees 1, p 0.007 (offer: 4 converted, 1.5 expected; none: 4 converted, 6.5 expected)
    """
    _checked(groups)
    reportable = {name: one for name, one in groups.items() if one.is_reportable}
    sums = _LogrankSums.of([one.curve for one in reportable.values()])
    rows = zip(reportable.items(), sums.expected, strict=True)
    compared = tuple(Compared(name, one.people, one.converted, due) for (name, one), due in rows if due > 0)
    compared_groups = {one.group for one in compared}
    excluded = tuple(name for name in groups if name not in compared_groups)
    chi_square, degrees = sums.tested()
    if not degrees:
        return LogrankTest(compared, excluded, None, 0, None)
    return LogrankTest(compared, excluded, chi_square, degrees, tail(chi_square, degrees))


@attrs.frozen
class _LogrankSums:
    """Observed and expected conversions of each group, and the covariance of the differences."""

    observed: list[int]
    expected: list[float]
    varies: Matrix

    @classmethod
    def of(cls, curves: Sequence[Curve]) -> _LogrankSums:
        observed = [sum(curve.events) for curve in curves]
        indexes = range(len(curves))
        sums = _sums(curves)
        if not sums:
            return cls(observed, [0.0] * len(curves), [[0.0] * len(curves) for _ in curves])
        pairs = dict(
            zip(((row, column) for row in indexes for column in indexes[: row + 1]), sums[len(curves) :], strict=True)
        )
        varies = [[pairs[max(row, column), min(row, column)] for column in indexes] for row in indexes]
        return cls(observed, sums[: len(curves)], varies)

    def tested(self) -> tuple[float, int]:
        """Return the test statistic and its degrees of freedom."""
        differences = [observed - expected for observed, expected in zip(self.observed, self.expected, strict=True)]
        weights, rank = solved(self.varies, differences)
        return sum(weight * one for weight, one in zip(weights, differences, strict=True)), rank


def _sums(curves: Sequence[Curve]) -> list[float]:
    """Return the sums over all times, each summed exactly, so that order does not matter.

    Empty without conversions.
    """
    if sum(len(curve.times) for curve in curves) >= _MANY and installed("numpy"):
        return [fsum(memoryview(part)) for part in _parts(*waiting_in_arrays(curves))]
    each = (list(_parts(events, waiting)) for events, waiting in waiting_in(curves))
    return [fsum(part) for part in zip(*each, strict=True)]


_MANY = 4_096
"""From this number of steps on, counting in arrays is faster."""


def _parts(events: Any, waiting: Sequence[Any]) -> Iterator[Any]:
    """Yield the terms of a time for expected conversions and covariances.

    Args:
        events: The number of conversions at that time.
        waiting: The number at risk in each group.
    """
    trials = sum(waiting)
    shares = [one / trials for one in waiting]
    yield from (events * share for share in shares)
    width = events * 1.0 * (trials - events) / (trials - 1 + (trials == 1))
    for row, share in enumerate(shares):
        for column, other in enumerate(shares[: row + 1]):
            yield width * share * ((row == column) - other)


def solved(matrix: Matrix, right: Sequence[float]) -> tuple[list[float], int]:
    """Solve linear equations by elimination.

    An equation that depends on earlier ones gives 0.

    Args:
        matrix: Symmetric and positive semidefinite, as covariances are.
        right: The right-hand sides.

    Returns:
        A solution, and the number of independent equations (the rank).
    """
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    minimum = _NOTHING * max((row[index] for index, row in enumerate(matrix)), default=0.0)
    rank = sum(_eliminated(rows, index, minimum) for index in range(len(rows)))
    return [row[-1] for row in rows], rank


_NOTHING = 1e-9
"""Values this small beside the largest variance are rounding errors of zero."""


def _eliminated(rows: Matrix, index: int, minimum: float) -> bool:
    """Eliminate the column of a row's pivot from all other rows, if the row is independent."""
    pivot = rows[index][index]
    if pivot <= minimum:
        rows[index] = [0.0] * len(rows[index])
        return False
    rows[index] = [value / pivot for value in rows[index]]
    for other, row in enumerate(rows):
        if other != index:
            rows[other] = [value - row[index] * mine for value, mine in zip(row, rows[index], strict=True)]
    return True


def tail(chi_square: float, degrees: int) -> float:
    """Return the upper tail probability of the chi square distribution.

    It is the regularised gamma function Q(degrees / 2, chi_square / 2), by its recurrence from Q(1/2, x) = erfc(sqrt x)
    or Q(1, x) = exp(-x). Source: M. Abramowitz and I. A. Stegun, Handbook of Mathematical Functions (1964), 6.5.21 and
    26.4.4-5.

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
    from funnel.metrics._survival.result import Survival

    wrong = f"groups must be survival curves by name (got {kind_of(groups)}); pass results of survival"
    if not isinstance(groups, Mapping):
        raise ArgumentError(wrong)
    for one in cast("Mapping[object, object]", groups).values():
        instance(one, Survival, "a group", "a Survival, such as survival returns")


# ---- survival by group, and the log-rank test of the groups ----------------------------------------------------------


@attrs.frozen
class SurvivalGroups(Groups[Survival]):
    """Survival by group: a mapping from each group to its `Survival`.

    A mapping is not a table for Polars: use `to_polars()` in place of `pl.DataFrame(groups)`.

    Attributes:
        by: The columns to group by.
        groups: The survival of each group, in the order of the groups. A group is the value of the column, None if
            unknown; or a tuple of values if there are several columns.
    """

    _CHART = "survivals.groups"

    @cached_property
    def logrank_test(self) -> LogrankTest:
        """The test whether the groups convert alike, from `funnel.metrics.logrank_test`."""
        return logrank_test(self)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one row for each group."""
        return [{"group": group, **one.to_dict()} for group, one in self.groups]

    def __str__(self) -> str:
        """Return a line for each group, and the test."""
        lines = [f"{group_name(group)}: {one}" for group, one in self.groups]
        return "\n".join([*lines, f"log-rank test: {self.logrank_test}"])

    def _html(self) -> str:
        return "<br>".join(html.escape(line) for line in str(self).splitlines())
