"""How many rows are in each cell, and what is added up of them: exact, however large the sums are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
import numpy as np

from funnel._packed import Whole

FEW = 1 << 16
"""Up to so many cells have a counter each; of more, those are numbered that some row is in."""

_HALF = 26
"""A sum is added up in two parts, of which neither leaves the whole numbers that a float holds."""


@attrs.frozen(eq=False)
class Tally:
    """Cells in order, each once, with how many rows are in it and the sum of their values.

    Attributes:
        cells: The numbers of the cells.
        rows: How many rows each has.
        value: The sum of each; 0 where rows have no value.
    """

    cells: Whole
    rows: Whole
    value: Whole

    @classmethod
    def of(cls, cells: Whole, count: int, value: Whole | None = None) -> Tally:
        """Count rows by their cells.

        Args:
            cells: The cell of each row, from 0 up.
            count: How many cells there are.
            value: What is to be added up.
        """
        names = None
        if count > FEW:
            names, cells = np.unique(cells, return_inverse=True)
            count = len(names)
        rows = np.bincount(cells, minlength=count)
        here = np.flatnonzero(rows)
        sums = np.zeros(len(here), np.int64) if value is None else _sums(cells, value, count)[here]
        return cls(here if names is None else names[here], rows[here], sums)

    @classmethod
    def together(cls, tallies: Sequence[Tally]) -> Tally:
        """Several as one."""
        cells, back = np.unique(np.concatenate([one.cells for one in tallies]), return_inverse=True)
        rows, value = np.zeros(len(cells), np.int64), np.zeros(len(cells), np.int64)
        np.add.at(rows, back, np.concatenate([one.rows for one in tallies]))
        np.add.at(value, back, np.concatenate([one.value for one in tallies]))
        return cls(cells, rows, value)

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        """Each cell, how many rows are in it, and their sum."""
        return zip(self.cells.tolist(), self.rows.tolist(), self.value.tolist(), strict=True)


def _sums(cells: Whole, value: Whole, count: int) -> Whole:
    high, low = (
        np.bincount(cells, part, minlength=count).astype(np.int64)
        for part in (value >> _HALF, value & (1 << _HALF) - 1)
    )
    return (high << _HALF) + low
