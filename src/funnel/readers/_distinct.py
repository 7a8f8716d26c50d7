"""Columns that depend on one column: computed for its distinct values if they repeat."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

_SAMPLE = 1_000
"""First rows that show whether the values of a column repeat."""


def with_computed(rows: pl.DataFrame, name: str, compute: Callable[[pl.Series], pl.DataFrame]) -> pl.DataFrame:
    """Add columns that depend on one column.

    The result is the same with and without repeated values. Distinct values and a join cost about as much as parsing
    times, so they are used only if most values repeat.

    Args:
        rows: The rows.
        name: The column.
        compute: Returns the new columns, one row for each value that it is given.
    """
    cells = rows[name]
    sample = cells.head(_SAMPLE)
    if 2 * sample.n_unique() > sample.len():
        return rows.hstack(compute(cells))
    distinct = cells.unique()
    table = distinct.to_frame().hstack(compute(distinct))
    # A join of the whole rows would copy every column.
    new = cells.to_frame().join(table, on=name, how="left", nulls_equal=True, maintain_order="left")
    return rows.hstack(new.drop(name))
