"""For every row of a path, the values of the next row that meets a condition.

Invariant: rows are scanned backwards with a running minimum of values that never decrease along the path (row numbers,
instants, and earlier lookahead results). Therefore the minimum over all later rows is the value of the first of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import narwhals as nw

from funnel._dataframes.adapter import Frame
from funnel._expr.to_narwhals import int_lit, to_int

FAR = 2**53 - 1
"""The value if no row follows: after every row number and every instant, and still exact as a float."""


@attrs.frozen
class Path:
    """The order of the rows of a path: one number for each row, and the reverse order."""

    columns: Sequence[str]

    def last_of_instant(self, frame: Frame) -> Frame:
        """Return the rows with `last`: 1 at the last row of each instant, 0 at other rows."""
        return frame.with_columns(last=self._shifted("t")).with_columns(last=to_int(nw.col("last") > nw.col("t")))

    def soonest(self, frame: Frame, values: Mapping[str, nw.Expr]) -> Frame:
        """Return the rows with the minimum of the values over this row and all later rows."""
        smallest = {name: nw.col(name).cum_min().over(*self.columns, order_by="back") for name in values}
        return frame.with_columns(**values).with_columns(**smallest)

    def next_row(self, frame: Frame, values: Mapping[str, nw.Expr]) -> Frame:
        """Return the rows with the values of the very next row."""
        return frame.with_columns(**values).with_columns(**{name: self._shifted(name) for name in values})

    def after(self, frame: Frame, values: Mapping[str, nw.Expr]) -> Frame:
        """Return the rows with the minimum of the values over all later rows."""
        return self.soonest(frame, values).with_columns(**{name: self._shifted(name) for name in values})

    def later(self, frame: Frame, values: Mapping[str, nw.Expr]) -> Frame:
        """Return the rows with the minimum of the values over all rows of later instants."""
        next_values = self.after(frame, values)
        marked = {name: nw.when(nw.col("last") == 1).then(nw.col(name)).otherwise(int_lit(-1)) for name in values}
        instant = {name: nw.col(name).max().over(*self.columns, "t") for name in values}
        return next_values.with_columns(**marked).with_columns(**instant)

    def _shifted(self, name: str) -> nw.Expr:
        """Return the value of the next row, or FAR if there is none."""
        return nw.col(name).shift(-1).over(*self.columns, order_by="row").fill_null(FAR).cast(nw.Int64())


def value_if(condition: nw.Expr, value: nw.Expr) -> nw.Expr:
    """Return the value if the condition holds, else FAR."""
    return nw.when(condition).then(value).otherwise(int_lit(FAR))


def has_bit(column: str, number: int) -> nw.Expr:
    """Return whether bit number - 1 of a column is set.

    Uses division: engines share no bit operation.
    """
    low: nw.Expr = nw.col(column) // 2 ** (number - 1)
    odd: nw.Expr = low - (low // 2) * 2 == 1
    return odd
