"""The raw rows of a file, before their values are parsed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Self, TypeAlias

import attrs
import polars as pl

ROW = "funnel: row"
"""The number of a data row, from 1."""

HASH = "funnel: hash"
"""The hash of a row; equal only if all cells are equal."""

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called during reading with the stage, the rows done and the total rows."""


@attrs.frozen(eq=False)
class RawRows:
    """The mapped columns of a file.

    Attributes:
        frame: The columns under their own names, and the number of each row.
        copies: Numbers of rows that equal an earlier row in every column of the file.
        short: Numbers of rows with fewer columns than the heading.
        currency: The column with the currency of each row, if the mapping does not name it.
        below: Number of lines below the last row.
        above: Number of lines above the heading that are not blank.
        blank: Number of blank rows of a sheet.
        other_sheets: Number of sheets of the file without the heading, counted once per file.
    """

    frame: pl.DataFrame
    copies: pl.Series
    short: pl.Series
    currency: str | None = None
    below: int = 0
    above: int = 0
    blank: int = 0
    other_sheets: int = 0

    @classmethod
    def of_parts(
        cls, parts: Sequence[pl.DataFrame], columns: Iterable[str], short: Sequence[int], currency: str | None
    ) -> Self:
        """Combine the parts of a file; each has the mapped columns as text, and the hash of every row.

        Args:
            parts: The parts, in order.
            columns: The names of the mapped columns.
            short: The numbers of the short rows.
            currency: The column of currencies that the mapping does not name.
        """
        nothing = pl.DataFrame(schema={**dict.fromkeys(columns, pl.String), HASH: pl.Int64})
        frame = numbered(pl.concat([nothing, *parts]))
        alike = frame.filter(pl.col(HASH).is_duplicated())
        copies = alike.filter(~pl.struct(pl.exclude(ROW)).is_first_distinct())[ROW]
        return cls(frame.drop(HASH), copies, pl.Series(short, dtype=pl.Int64), currency)


def numbered(frame: pl.DataFrame) -> pl.DataFrame:
    """Number the rows, from 1."""
    return frame.with_row_index(ROW, offset=1).with_columns(pl.col(ROW).cast(pl.Int64))


def is_text(dtype: pl.DataType) -> bool:
    """Return whether a column holds text in any encoding; a column of nulls counts as text."""
    return isinstance(dtype, (pl.String, pl.Categorical, pl.Enum, pl.Null))


def text_if(condition: pl.Expr | str, text: str, otherwise: str | None = None) -> pl.Expr:
    """Return a text if a condition holds, else another text or null."""
    return pl.when(condition).then(pl.lit(text)).otherwise(pl.lit(otherwise, pl.String))


# ---- columns that depend on one column: computed for its distinct values if they repeat ------------------------------


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
