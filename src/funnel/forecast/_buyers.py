"""Buyers as three columns of numbers: how often they bought, until when, and since when they are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from math import inf

import attrs
import numpy as np
import numpy.typing as npt

from funnel._arguments import brief
from funnel.errors import ArgumentError

# ---- parameters of fitted models -------------------------------------------------------------------------------------


MIN_REPEAT_BUYERS = 100
"""Fewer buyers who came again do not determine a model: our default."""

DAY = 86_400_000_000
"""One day in microseconds."""


@attrs.frozen
class Parameter:
    """One parameter of a model.

    Attributes:
        name: The name in the papers.
        value: The estimate. Times are in days.
        standard_error: The standard error, valid also if the model is wrong (White 1982, Econometrica 50, 1-25). None
            at an edge.
        model_standard_error: The standard error if the model is right, as other packages have it. It is too small if
            buyers differ more than the model allows. None at an edge.
    """

    name: str
    value: float
    standard_error: float | None
    model_standard_error: float | None


def parameters_of(
    names: Sequence[str], values: Mapping[str, float], covariance: Floats | None, model_covariance: Floats | None
) -> tuple[Parameter, ...]:
    """Return the parameters with the standard errors that the covariances of their logarithms give."""
    errors, others = (
        [None if square is None else np.sqrt(square[index, index]) * values[name] for index, name in enumerate(names)]
        for square in (covariance, model_covariance)
    )
    return tuple(
        Parameter(name, float(values[name]), *(None if error is None else float(error) for error in pair))
        for name, *pair in zip(names, errors, others, strict=True)
    )


def check_number(value: object, name: str, *, zero: bool) -> float:
    """Return a finite number above zero, or zero if it is allowed.

    Raises:
        ArgumentError: It is not such a number.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < inf and (value or zero):
        return float(value)
    raise ArgumentError(f"{name} must be a number {'of zero or more' if zero else 'above zero'} (got {brief(value)})")


# ---- buyers ----------------------------------------------------------------------------------------------------------


Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Indices = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]

_BLOCK = 1 << 14
_MOST_VALUES = 1 << 20
"""The different values of whole numbers below this are counted; those of other columns are sorted."""


def dot(first: Floats | Indices, second: Floats) -> float:
    """Return the sum of the products of two columns."""
    # `@` calls BLAS, whose threads wait in a loop: 5x the processor time in a fit of a million people.
    return float((first * second).sum())


def products(weights: Floats, rows: Floats) -> Floats:
    """Return the weighted sums of the products of each row of a table with each row of it."""
    total = np.zeros((len(rows), len(rows)))
    for index, row in enumerate(rows):
        weighted = weights * row
        for other in range(index + 1):
            total[index, other] = total[other, index] = dot(weighted, rows[other])
    return total


@attrs.frozen(eq=False)
class Table:
    """The different values of a column: what depends on one column alone is computed once for each of them.

    Attributes:
        values: The different values.
        index: The index of each buyer's value.
    """

    values: Floats
    index: Indices

    @classmethod
    def of(cls, column: Floats) -> Table:
        """Return the different values of a column."""
        if column.max(initial=0.0) < _MOST_VALUES:
            whole = column.astype(np.intp)
            if (whole == column).all():
                present: Flags = np.bincount(whole) > 0
                positions: Indices = np.cumsum(present) - 1
                return cls(np.asarray(np.flatnonzero(present), dtype=np.float64), positions[whole])
        values, index = np.unique(column, return_inverse=True)
        return cls(values, index.reshape(-1))

    def each(self, results: Floats) -> Floats:
        """Return for each buyer the result for their value."""
        return results.take(self.index)

    def take(self, rows: Indices | slice) -> Table:
        """Return the values of some buyers, without those before the lowest and after the highest."""
        index = self.index[rows]
        low, high = index.min(initial=len(self.values)), index.max(initial=-1) + 1
        return Table(self.values[low:high], index - low)


@attrs.frozen(eq=False)
class Buyers:
    """Different buyers, each with the number of people alike.

    Attributes:
        counts: Repeat purchases, x.
        recencies: Time from the first purchase to the last, t_x.
        ages: Time from the first purchase to the evaluation time, T.
        people: The number of people with these three numbers.
        log_gaps: The sum of the logarithms of all gaps between purchases. None if it is unknown.
        cells: The number of each buyer's combination of covariates. None without covariates.
    """

    counts: Table
    recencies: Table
    ages: Table
    people: Floats
    log_gaps: float | None = None
    cells: Table | None = None

    @classmethod
    def of(cls, count: Floats, recency: Floats, age: Floats, people: Floats) -> Buyers:
        """Return buyers of three columns of numbers."""
        return cls(Table.of(count), Table.of(recency), Table.of(age), people)

    @property
    def count(self) -> Floats:
        """The repeat purchases of each buyer."""
        return self.counts.each(self.counts.values)

    @property
    def recency(self) -> Floats:
        """The time from the first purchase of each buyer to the last."""
        return self.recencies.each(self.recencies.values)

    @property
    def age(self) -> Floats:
        """The time from the first purchase of each buyer to the evaluation time."""
        return self.ages.each(self.ages.values)

    def __len__(self) -> int:
        """Return the number of different buyers."""
        return len(self.people)

    def take(self, rows: Indices | slice) -> Buyers:
        """Return some of the buyers."""
        cells = None if self.cells is None else self.cells.take(rows)
        tables = (self.counts.take(rows), self.recencies.take(rows), self.ages.take(rows))
        return Buyers(*tables, self.people[rows], cells=cells)

    def at(self, cell: int | None) -> Buyers:
        """Return the same buyers with one combination of covariates. None: without covariates."""
        cells = None if cell is None else Table(np.array([float(cell)]), np.zeros(len(self), dtype=np.intp))
        return attrs.evolve(self, cells=cells)

    @cached_property
    def by_cell(self) -> tuple[tuple[int | None, Indices, Buyers], ...]:
        """Each combination of covariates, with the indices of its buyers, and these buyers."""
        if self.cells is None:
            return ((None, np.arange(len(self)), self),)
        parts = [(int(cell), np.flatnonzero(self.cells.index == row)) for row, cell in enumerate(self.cells.values)]
        return tuple((cell, rows, self.take(rows)) for cell, rows in parts if len(rows))

    @cached_property
    def blocks(self) -> tuple[Buyers, ...]:
        """The same buyers in parts whose columns fit the processor's cache."""
        return tuple(self.take(slice(start, start + _BLOCK)) for start in range(0, len(self), _BLOCK))

    @cached_property
    def total(self) -> float:
        """The number of people."""
        return float(self.people.sum())

    @cached_property
    def alike(self) -> tuple[Buyers, Indices]:
        """Buyers of equal count, age and cell, without their last purchase, and the index among them of each buyer."""
        ages, counts = len(self.ages.values), len(self.counts.values)
        key = self.counts.index * ages + self.ages.index
        if self.cells is not None:
            key = key + self.cells.index * ages * counts
        keys = Table.of(np.asarray(key, dtype=np.float64))
        people = np.asarray(np.bincount(keys.index, self.people), dtype=np.float64)
        rest, age = np.divmod(keys.values.astype(np.intp), ages)
        cell, count = np.divmod(rest, counts)
        nothing = Table(np.zeros(1), np.zeros(len(count), dtype=np.intp))
        cells = None if self.cells is None else Table(self.cells.values, cell)
        tables = (Table(self.counts.values, count), nothing, Table(self.ages.values, age))
        return Buyers(*tables, people, cells=cells), keys.index


@attrs.frozen(eq=False)
class Grouped:
    """The different buyers of a table, and the index among them of each row.

    Attributes:
        buyers: The different buyers.
        key: A number for each row, equal for equal buyers, that rises in the order of the different buyers.
    """

    buyers: Buyers
    key: Whole

    @cached_property
    def index(self) -> Indices:
        """The index of each row's buyer."""
        return np.unique(self.key, return_inverse=True)[1].reshape(-1)  # a fit has no need of it, and it is slow

    def divided(self, cell: Whole) -> Grouped:
        """Return the same rows, whose buyers are different if their combinations of covariates are.

        Args:
            cell: The number of each row's combination.
        """
        key = cell * len(self.buyers) + self.index
        different, people = np.unique(key, return_counts=True)
        cells, rows = np.divmod(different, len(self.buyers))
        buyers = attrs.evolve(
            self.buyers.take(rows),
            people=people.astype(np.float64),
            log_gaps=self.buyers.log_gaps,
            cells=Table.of(cells.astype(np.float64)),
        )
        return Grouped(buyers, key)


def grouped(count: Whole, recency: Whole, age: Whole) -> Grouped:
    """Return the different buyers in sorted order, which does not depend on the order of the rows."""
    spread = int(age.max(initial=0)) + 1
    if int(count.max(initial=0)) < 2**62 // spread**2:
        row_key = (count * spread + recency) * spread + age
        key, people = np.unique(row_key, return_counts=True)
        rest, ages = np.divmod(key, spread)
        counts, recencies = np.divmod(rest, spread)
    else:  # numbers far above those of any shop do not fit one key
        rows, index, people = np.unique(
            np.stack([count, recency, age], axis=1), axis=0, return_inverse=True, return_counts=True
        )
        row_key = np.asarray(index, dtype=np.int64).reshape(-1)
        counts, recencies, ages = rows.T
    x, recent, old, many = (np.asarray(column, dtype=np.float64) for column in (counts, recencies, ages, people))
    return Grouped(Buyers.of(x, recent, old, many), row_key)


def one(count: float, recency: float, age: float) -> Buyers:
    """Return one person as buyers."""
    x, recent, old, many = (np.array([float(number)]) for number in (count, recency, age, 1))
    return Buyers.of(x, recent, old, many)
