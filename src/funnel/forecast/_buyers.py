"""Buyers as three columns of numbers: how often they bought, until when, and since when they are known."""

from __future__ import annotations

from functools import cached_property
from math import log

import attrs
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Indices = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]

_BLOCK = 1 << 14


def dot(first: Floats | Indices, second: Floats) -> float:
    """Return the sum of the products of two columns."""
    # `@` calls BLAS, whose threads wait in a loop: 5x the processor time in a fit of a million people.
    return float(np.einsum("i,i->", first, second))


@attrs.frozen(eq=False)
class Table:
    """The different values of a column: what depends on one column alone is computed once for each of them.

    Attributes:
        values: The different values.
        index: The index of each buyer's value.
        people: The number of people with each value.
    """

    values: Floats
    index: Indices
    people: Floats

    @classmethod
    def of(cls, column: Floats, people: Floats) -> Table:
        """Return the different values of a column."""
        values, index = np.unique(column, return_inverse=True)
        index = index.reshape(-1)
        return cls(values, index, np.asarray(np.bincount(index, people, len(values)), dtype=np.float64))

    def each(self, results: Floats) -> Floats:
        """Return for each buyer the result for their value."""
        return results[self.index]


@attrs.frozen(eq=False)
class Buyers:
    """Different buyers, each with the number of people alike.

    Attributes:
        count: Repeat purchases, x.
        recency: Time from the first purchase to the last, t_x.
        age: Time from the first purchase to the evaluation time, T.
        people: The number of people with these three numbers.
        log_gaps: The sum of the logarithms of all gaps between purchases. None if it is unknown.
    """

    count: Floats
    recency: Floats
    age: Floats
    people: Floats
    log_gaps: float | None = None

    @cached_property
    def counts(self) -> Table:
        """The different numbers of repeat purchases."""
        return Table.of(self.count, self.people)

    @cached_property
    def recencies(self) -> Table:
        """The different times of the last purchase."""
        return Table.of(self.recency, self.people)

    @cached_property
    def ages(self) -> Table:
        """The different ages."""
        return Table.of(self.age, self.people)

    def scaled(self, unit: float) -> Buyers:
        """Return the same buyers with another unit of time, given in the present one."""
        gaps = None if self.log_gaps is None else self.log_gaps - dot(self.people, self.count) * log(unit)
        return Buyers(self.count, self.recency / unit, self.age / unit, self.people, gaps)

    def take(self, rows: Indices) -> Buyers:
        """Return some of the buyers."""
        return Buyers(self.count[rows], self.recency[rows], self.age[rows], self.people[rows])

    @cached_property
    def blocks(self) -> tuple[Buyers, ...]:
        """The same buyers in parts whose columns fit the processor's cache."""
        if len(self.count) <= _BLOCK:
            return (self,)
        return tuple(
            self.take(rows) for rows in np.split(np.arange(len(self.count)), range(_BLOCK, len(self.count), _BLOCK))
        )

    @cached_property
    def total(self) -> float:
        """The number of people."""
        return float(self.people.sum())


@attrs.frozen(eq=False)
class Grouped:
    """The different buyers of a table, and the index among them of each row."""

    buyers: Buyers
    index: Whole


def grouped(count: Whole, recency: Whole, age: Whole) -> Grouped:
    """Return the different buyers in sorted order, which does not depend on the order of the rows."""
    spread = int(age.max(initial=0)) + 1
    if int(count.max(initial=0)) < 2**62 // spread**2:
        key, index, people = np.unique(
            (count * spread + recency) * spread + age, return_inverse=True, return_counts=True
        )
        rest, ages = np.divmod(key, spread)
        counts, recencies = np.divmod(rest, spread)
    else:  # numbers far above those of any shop do not fit one key
        rows, index, people = np.unique(
            np.stack([count, recency, age], axis=1), axis=0, return_inverse=True, return_counts=True
        )
        counts, recencies, ages = rows.T
    x, recent, old, many = (np.asarray(column, dtype=np.float64) for column in (counts, recencies, ages, people))
    return Grouped(Buyers(x, recent, old, many), np.asarray(index, dtype=np.int64).reshape(-1))


def one(count: float, recency: float, age: float) -> Buyers:
    """Return one person as buyers."""
    x, recent, old, many = (np.array([float(number)]) for number in (count, recency, age, 1))
    return Buyers(x, recent, old, many)
