"""Ids of people as dense numbers.

Integers are numbered by their range, other ids by a table of hashes. Texts are numbered by their hashes, and then each
text is compared with the first text of its number. If two texts share a hash, all texts are numbered by their rank
instead.

Needs numpy and Polars; import it only if both are installed.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np
import polars as pl

from funnel._dataframes.loops import Run, Whole, read_only

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
    """

    numbers: Whole
    first: int
    count: int
    names: Callable[[Whole], pl.Series]

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
        people = cls._hashed(person, person.hash().to_numpy().view(np.int64), run)
        if (people.names(people.numbers) == person).all():
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


def number_hashes(hashes: Whole, numbers: Whole, firsts: Whole) -> int:
    """Loop: number distinct hashes in order of their first row.

    Args:
        hashes: The hash of each row.
        numbers: Receives the number of each row.
        firsts: Receives the first row of each number.

    Returns:
        The number of distinct hashes.
    """
    slots, count = np.full((_TABLE, 2), -1, np.int64), 0
    for row in range(len(hashes)):
        if 2 * count >= len(slots):
            slots = _larger(slots)
        slot = _slot(slots, hashes[row])
        if slots[slot, 1] < 0:
            slots[slot, 0], slots[slot, 1], firsts[count] = hashes[row], count, row
            count += 1
        numbers[row] = slots[slot, 1]
    return count


def _slot(slots: Whole, sought: int) -> int:
    """Return the slot of a hash and its number, or the empty slot where they belong."""
    mask = len(slots) - 1
    slot = (sought >> 20) & mask
    while slots[slot, 1] >= 0 and slots[slot, 0] != sought:
        slot = (slot + 1) & mask
    return slot


def _larger(slots: Whole) -> Whole:
    """Return the same table with four times as many slots."""
    larger = np.full((4 * len(slots), 2), -1, np.int64)
    for old in range(len(slots)):
        if slots[old, 1] >= 0:
            larger[_slot(larger, slots[old, 0])] = slots[old]
    return larger
