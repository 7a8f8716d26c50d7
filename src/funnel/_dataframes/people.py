"""Ids of people as dense numbers: integers by their range, other ids by a table of hashes.

Needs numpy and Polars; import it only if both are installed.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np
import polars as pl

from funnel._dataframes.loops import Run, Whole, read_only
from funnel._dataframes.threads import in_threads, shares_of

SPARSE = 4
"""Integer ids are numbered by their range if it is at most this many times the number of rows."""


@attrs.frozen(eq=False)
class People:
    """The dense number of the person of each row.

    Attributes:
        numbers: The number of each row, plus `first`.
        first: The number of the first person.
        count: The number of people; numbers without rows may be among them.
        names: Returns the ids of people, by their numbers from 0.
        starts: The first row of each person, and the number of rows, if the rows of each person are next to each other.
    """

    numbers: Whole
    first: int
    count: int
    names: Callable[[Whole], pl.Series]
    starts: Whole | None = None

    @property
    def ids(self) -> pl.Series:
        """The id of each number."""
        return self.names(np.arange(self.count))

    @classmethod
    def of(cls, person: pl.Series, run: Run) -> People:
        """Number people by their ids: texts, or integers without nulls."""
        if not person.dtype.is_integer():
            return cls._of_texts(person, run)
        numbers = person.cast(pl.Int64).to_numpy()
        first, last = int(numbers.min()), int(numbers.max())
        if last - first > SPARSE * len(numbers):
            return cls._hashed(person, numbers * _ODD, run)
        return cls(numbers, first, last - first + 1, lambda persons: pl.Series(persons + first).cast(person.dtype))

    @classmethod
    def _of_texts(cls, person: pl.Series, run: Run) -> People:
        """Number texts by their hashes, or by their rank if two texts share a hash."""
        shares = shares_of(len(person))
        hashes = np.concatenate(in_threads(lambda low, high: person[low:high].hash().to_numpy(), shares))
        people = cls._hashed(person, hashes.view(np.int64), run)

        def is_right(low: int, high: int) -> bool:
            return (people.names(people.numbers[low:high]) == person[low:high]).all()

        if all(in_threads(is_right, shares)):
            return people
        ranks = person.rank("dense").cast(pl.Int64) - 1
        return cls._hashed(person, ranks.to_numpy(), run)

    @classmethod
    def _hashed(cls, person: pl.Series, hashes: Whole, run: Run) -> People:
        numbers, firsts = np.empty(len(person), np.int64), np.empty(len(person), np.int64)
        count = run(number_hashes, read_only(hashes), numbers, firsts)
        return cls(numbers, 0, count, lambda persons: person.gather(firsts[persons]))


_ODD = np.int64(-7046029254386353131)
"""Multiplying by this constant scatters consecutive numbers; no two numbers have one product."""

_TABLE = 64
"""The initial number of slots of a table of hashes."""

_SHIFT = 20
"""The lowest bits of a hash that choose its slot."""


def number_hashes(hashes: Whole, numbers: Whole, firsts: Whole) -> int:
    """Loop: number distinct hashes in order of their first row.

    Args:
        hashes: The hash of each row.
        numbers: Receives the number of each row.
        firsts: Receives the first row of each number.

    Returns:
        The number of distinct hashes.
    """
    slots, row, count = np.full((_TABLE, 2), -1, np.int64), 0, 0
    while row < len(hashes):
        if row:
            slots = _larger(slots)
        row, count = _number_until_full(slots, hashes, numbers, firsts, row, count)
    return count


def _number_until_full(  # noqa: PLR0913, PLR0917 (a loop takes arrays; each call of a function takes time)
    slots: Whole, hashes: Whole, numbers: Whole, firsts: Whole, row: int, count: int
) -> tuple[int, int]:
    """Number rows until half of the slots are used; return the next row and the number of distinct hashes."""
    mask = len(slots) - 1
    while row < len(hashes) and 2 * count <= mask:
        slot = (hashes[row] >> _SHIFT) & mask
        while slots[slot, 1] >= 0 and slots[slot, 0] != hashes[row]:
            slot = (slot + 1) & mask
        if slots[slot, 1] < 0:
            slots[slot, 0], slots[slot, 1], firsts[count] = hashes[row], count, row
            count += 1
        numbers[row] = slots[slot, 1]
        row += 1
    return row, count


def _larger(slots: Whole) -> Whole:
    """Return the same table with four times as many slots."""
    larger, mask = np.full((4 * len(slots), 2), -1, np.int64), 4 * len(slots) - 1
    for old in range(len(slots)):
        if slots[old, 1] >= 0:
            slot = (slots[old, 0] >> _SHIFT) & mask
            while larger[slot, 1] >= 0:
                slot = (slot + 1) & mask
            larger[slot] = slots[old]
    return larger
