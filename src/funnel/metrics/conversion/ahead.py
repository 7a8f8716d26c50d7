"""What comes next: for every row of a path, values of the next row that meets a condition.

Law: rows are looked at backwards, and a running minimum is kept of values that never decrease along the path (numbers
of rows, instants, and what itself comes next); so the minimum of all rows ahead is the value of the first of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import narwhals as nw

from funnel._frames import Frame
from funnel._lift.columns import flag, whole

FAR = 2**53 - 1
"""Where what does not come is said to stand: after every row, and after every instant; a float still holds it."""


@attrs.frozen
class Path:
    """How the rows of a path are put in order: one number a row, and the same backwards."""

    columns: Sequence[str]

    def last_of_instant(self, frame: Frame) -> Frame:
        """The rows with `last`: 1 at the last row of each instant, 0 at the others."""
        return frame.with_columns(last=self._shifted("t")).with_columns(last=flag(nw.col("last") > nw.col("t")))

    def soonest(self, frame: Frame, values: Mapping[str, nw.Expr]) -> Frame:
        """The rows with the least of the values of this row and all after it."""
        least = {name: nw.col(name).cum_min().over(*self.columns, order_by="back") for name in values}
        return frame.with_columns(**values).with_columns(**least)

    def next_row(self, frame: Frame, values: Mapping[str, nw.Expr]) -> Frame:
        """The rows with the values of the very next row."""
        return frame.with_columns(**values).with_columns(**{name: self._shifted(name) for name in values})

    def after(self, frame: Frame, values: Mapping[str, nw.Expr]) -> Frame:
        """The rows with the least of the values of all rows after this one."""
        return self.soonest(frame, values).with_columns(**{name: self._shifted(name) for name in values})

    def later(self, frame: Frame, values: Mapping[str, nw.Expr]) -> Frame:
        """The rows with the least of the values of all rows of later instants, as after the last row of this one."""
        ahead = self.after(frame, values)
        marked = {name: nw.when(nw.col("last") == 1).then(nw.col(name)).otherwise(whole(-1)) for name in values}
        instant = {name: nw.col(name).max().over(*self.columns, "t") for name in values}
        return ahead.with_columns(**marked).with_columns(**instant)

    def _shifted(self, name: str) -> nw.Expr:
        """The value of the next row; far ahead where there is none."""
        return nw.col(name).shift(-1).over(*self.columns, order_by="row").fill_null(FAR).cast(nw.Int64())


def where(condition: nw.Expr, value: nw.Expr) -> nw.Expr:
    """The value where the condition holds; far ahead elsewhere."""
    return nw.when(condition).then(value).otherwise(whole(FAR))


def has_bit(column: str, number: int) -> nw.Expr:
    """Whether bit number - 1 of a column is set; engines share no operation on bits, but all divide whole numbers."""
    low: nw.Expr = nw.col(column) // 2 ** (number - 1)
    odd: nw.Expr = low - (low // 2) * 2 == 1
    return odd
