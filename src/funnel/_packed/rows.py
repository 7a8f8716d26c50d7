"""What goes in, rows in any order, and what comes out, the rows of some people in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import polars as pl

Array = npt.NDArray[Any]
Codes = npt.NDArray[np.unsignedinteger[Any]]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]
Whole = npt.NDArray[np.signedinteger[Any]]

LEFT_OUT = np.iinfo(np.uint16).max
"""The code of rows that are left out."""


@attrs.frozen(eq=False)
class Rows:
    """Rows in any order, none of whose values is missing.

    Attributes:
        person: Whose.
        t: When, in microseconds; or in periods that follow one another, which short numbers hold.
        mark: What is to be known of a row besides; None where nothing is.
        codes: The code of each mark, which orders rows of one instant; `LEFT_OUT` where such rows are left out.
        path: What orders rows that are alike so far; None where nothing does.
        value: What belongs to a row, whatever its order; None where nothing does.
    """

    person: pl.Series
    t: Whole
    mark: Codes | None = None
    codes: Codes = attrs.field(factory=lambda: np.zeros(1, np.uint16))
    path: Whole | None = None
    value: Whole | None = None


@attrs.frozen(eq=False)
class Some:
    """A slice of the rows, without those that are left out: which they are, and their codes, if they have any."""

    places: Places | slice
    code: Codes | None

    @classmethod
    def of(cls, rows: Rows, here: slice) -> Some:
        """The slice of the rows."""
        if rows.mark is None:
            return cls(here, None)
        code = rows.codes.take(rows.mark[here])
        inside = np.flatnonzero(code != LEFT_OUT)
        return cls(inside + here.start, code.take(inside))

    @property
    def numbers(self) -> Places:
        """Which rows they are."""
        if not isinstance(self.places, slice):
            return self.places
        return np.arange(int(self.places.start), int(self.places.stop))


@attrs.frozen(eq=False)
class Block:
    """The rows of some people in order.

    Attributes:
        starts: Where the rows of each person begin; at the end, how many rows there are.
        t: When, as it was given, or as longer numbers.
        code: The code of each row.
        path: The path of each row; None where rows have none.
        value: What belongs to each row; None where nothing does.
        person: Gives the people of these numbers, as they came in.
    """

    starts: Places
    t: Whole
    code: Codes
    path: Whole | None
    value: Whole | None
    person: Callable[[Places], pl.Series]

    @property
    def people(self) -> int:
        """How many they are."""
        return len(self.starts) - 1

    def who(self) -> Places:
        """The number of the person of each row."""
        return np.repeat(np.arange(self.people), np.diff(self.starts))


@attrs.frozen
class Clock:
    """An instant and a code as one number: how many bits the code has, how many both, and the instant that is 0.

    Instants are given back as numbers as long as those that came in.
    """

    given: np.dtype[Any]
    start: int
    code_bits: int
    bits: int

    @classmethod
    def of(cls, rows: Rows) -> Clock:
        """The clock that has room for the rows."""
        start, end = int(rows.t.min()), int(rows.t.max())
        code_bits = int(np.max(rows.codes, where=rows.codes != LEFT_OUT, initial=0)).bit_length()
        return cls(rows.t.dtype, start, code_bits, (end - start).bit_length() + code_bits)

    def packed(self, rows: Rows, some: Some) -> Whole:
        """Some rows as numbers."""
        ticks: Whole = rows.t[some.places] - self.start
        if some.code is not None:
            ticks <<= self.code_bits
            ticks |= some.code
        return ticks

    def unpacked(self, ticks: Whole) -> tuple[Whole, Codes]:
        """The instants and codes of numbers, whatever stands above them."""
        code = np.zeros(len(ticks), np.uint16)
        if self.code_bits:
            code = (ticks & ((1 << self.code_bits) - 1)).astype(np.uint16)
        t = ((ticks >> self.code_bits) & ((1 << (self.bits - self.code_bits)) - 1)).astype(self.given)
        t += self.start
        return t, code


def starts_of(*columns: Array) -> Places:
    """Where rows begin that are alike in all columns; at the end, how many rows there are."""
    rows = len(columns[0])
    new = np.ones(rows + 1, np.bool_)
    new[1:rows] = columns[0][1:] != columns[0][:-1]
    for column in columns[1:]:
        new[1:rows] |= column[1:] != column[:-1]
    return np.flatnonzero(new)
