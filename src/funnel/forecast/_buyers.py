"""Buyers as three columns of numbers: how often they bought, until when, and since when they are known."""

from __future__ import annotations

import attrs
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


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

    def scaled(self, unit: float) -> Buyers:
        """Return the same buyers with another unit of time, given in the present one."""
        gaps = None if self.log_gaps is None else self.log_gaps - float(self.people @ self.count) * np.log(unit)
        return attrs.evolve(self, recency=self.recency / unit, age=self.age / unit, log_gaps=gaps)

    @property
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


def one(count: int, recency: int, age: int) -> Buyers:
    """Return one person as buyers."""
    x, recent, old, many = (np.array([float(number)]) for number in (count, recency, age, 1))
    return Buyers(x, recent, old, many)
