"""The rows of a file as they were read, before anything in them is understood."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Self, TypeAlias

import attrs
import polars as pl

ROW = "funnel: row"
"""The number of a data row, from 1."""

HASH = "funnel: hash"
"""A number that two rows share only if all their cells are equal."""

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called while a file is read: the stage, the rows done, the rows there are."""


@attrs.frozen(eq=False)
class RawRows:
    """The mapped columns of a file.

    Attributes:
        frame: The columns under their own names, and the number of each row.
        copies: The numbers of the rows that are, in every column of the file, exact copies of an earlier one.
        short: The numbers of the rows with fewer columns than the heading.
        currency: The column that says the currency of each row, if the mapping does not name it.
    """

    frame: pl.DataFrame
    copies: pl.Series
    short: pl.Series
    currency: str | None = None

    @classmethod
    def of_parts(
        cls, parts: Sequence[pl.DataFrame], columns: Iterable[str], short: Sequence[int], currency: str | None
    ) -> Self:
        """Put the parts of a file together; each has the mapped columns as text, and the hash of every row.

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
    """Give every row its number, from 1."""
    return frame.with_row_index(ROW, offset=1).with_columns(pl.col(ROW).cast(pl.Int64))


def is_text(dtype: pl.DataType) -> bool:
    """Return whether a column holds text, however it is packed; a column of nothing counts as text."""
    return isinstance(dtype, (pl.String, pl.Categorical, pl.Enum, pl.Null))
