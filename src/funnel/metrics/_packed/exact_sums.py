"""Exact row counts and sums per cell, for sums of any size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
import numpy as np

from funnel._dataframes.loops import Whole

FEW = 1 << 16
"""Up to this number of cells, each has a counter. With more cells, only cells that contain rows are numbered."""

_HALF = 26
"""Bits of the lower part of a value. Each of the two partial sums stays in the integers that a float represents
exactly.
"""


@attrs.frozen(eq=False)
class CellSums:
    """Distinct cells in order, with row count and sum of values.

    Attributes:
        cells: Numbers of the cells.
        rows: Number of rows of each cell.
        value: Sum of each cell; 0 if the rows have no value.
    """

    cells: Whole
    rows: Whole
    value: Whole

    @classmethod
    def of(cls, cells: Whole, count: int, value: Whole | None = None) -> CellSums:
        """Count rows by cell.

        Args:
            cells: Cell of each row, from 0.
            count: Number of cells.
            value: Values to sum.
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
    def together(cls, parts: Sequence[CellSums]) -> CellSums:
        """Merge several tallies into one."""
        cells, back = np.unique(np.concatenate([one.cells for one in parts]), return_inverse=True)
        rows, value = np.zeros(len(cells), np.int64), np.zeros(len(cells), np.int64)
        np.add.at(rows, back, np.concatenate([one.rows for one in parts]))
        np.add.at(value, back, np.concatenate([one.value for one in parts]))
        return cls(cells, rows, value)

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        """Iterate over the cells with row count and sum."""
        return zip(self.cells.tolist(), self.rows.tolist(), self.value.tolist(), strict=True)


def _sums(cells: Whole, value: Whole, count: int) -> Whole:
    high, low = (
        np.bincount(cells, part, minlength=count).astype(np.int64)
        for part in (value >> _HALF, value & (1 << _HALF) - 1)
    )
    return (high << _HALF) + low
