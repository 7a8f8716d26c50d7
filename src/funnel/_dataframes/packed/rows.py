"""Input and output of the sort: rows in any order, and blocks of some people's rows in order.

Rows are split by the number of their block without scanning all memory for each block: one chunk of rows at a time is
sorted by block, and a block consists of one slice of every chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
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
"""The code of excluded rows."""


@attrs.frozen(eq=False)
class Rows:
    """Rows in any order, without missing values.

    Attributes:
        person: The person of each row.
        t: The instant in microseconds, or the number of a period, which short integers can hold.
        mark: The label of each row; None if rows have no labels.
        codes: The code of each label, which orders rows of one instant; `LEFT_OUT` if such rows are excluded.
        path: Orders rows that are otherwise equal; None if nothing does.
        value: A value of each row that does not affect the order; None if rows have no values.
    """

    person: pl.Series
    t: Whole
    mark: Codes | None = None
    codes: Codes = attrs.field(factory=lambda: np.zeros(1, np.uint16))
    path: Whole | None = None
    value: Whole | None = None


@attrs.frozen(eq=False)
class Some:
    """A slice of the rows without excluded rows: their indexes and codes."""

    places: Places | slice
    code: Codes | None

    @classmethod
    def of(cls, rows: Rows, here: slice) -> Some:
        """Return the slice of the rows."""
        if rows.mark is None:
            return cls(here, None)
        code = rows.codes.take(rows.mark[here])
        inside = np.flatnonzero(code != LEFT_OUT)
        return cls(inside + here.start, code.take(inside))

    @property
    def numbers(self) -> Places:
        """The indexes of the rows."""
        if not isinstance(self.places, slice):
            return self.places
        return np.arange(int(self.places.start), int(self.places.stop))


@attrs.frozen(eq=False)
class Block:
    """The rows of some people in order.

    Attributes:
        starts: The first row of each person; at the end, the number of rows.
        t: The instants, in the input type or as longer integers.
        code: The code of each row.
        path: The path of each row; None if rows have no paths.
        value: The value of each row; None if rows have no values.
        person: Returns the people with these numbers, in the input type.
    """

    starts: Places
    t: Whole
    code: Codes
    path: Whole | None
    value: Whole | None
    person: Callable[[Places], pl.Series]

    @property
    def people(self) -> int:
        """The number of people."""
        return len(self.starts) - 1

    def who(self) -> Places:
        """Return the number of the person of each row."""
        return np.repeat(np.arange(self.people), np.diff(self.starts))


@attrs.frozen
class Clock:
    """An instant and a code as one integer.

    `start` is the instant that is 0. `bits` is the number of bits of both, `code_bits` that of the code. Instants are
    returned in the integer type of the input.
    """

    given: np.dtype[Any]
    start: int
    code_bits: int
    bits: int

    @classmethod
    def of(cls, rows: Rows) -> Clock:
        """Return the clock that fits the rows."""
        start, end = int(rows.t.min()), int(rows.t.max())
        code_bits = int(np.max(rows.codes, where=rows.codes != LEFT_OUT, initial=0)).bit_length()
        return cls(rows.t.dtype, start, code_bits, (end - start).bit_length() + code_bits)

    def packed(self, rows: Rows, some: Some) -> Whole:
        """Return some rows as integers."""
        ticks: Whole = rows.t[some.places] - self.start
        if some.code is not None:
            ticks <<= self.code_bits
            ticks |= some.code
        return ticks

    def unpacked(self, ticks: Whole) -> tuple[Whole, Codes]:
        """Return the instants and codes of integers; higher bits are ignored."""
        code = np.zeros(len(ticks), np.uint16)
        if self.code_bits:
            code = (ticks & ((1 << self.code_bits) - 1)).astype(np.uint16)
        t = ((ticks >> self.code_bits) & ((1 << (self.bits - self.code_bits)) - 1)).astype(self.given)
        t += self.start
        return t, code


def starts_of(*columns: Array) -> Places:
    """Return the start of each run of equal rows, and the number of rows."""
    rows = len(columns[0])
    new = np.ones(rows + 1, np.bool_)
    new[1:rows] = columns[0][1:] != columns[0][:-1]
    for column in columns[1:]:
        new[1:rows] |= column[1:] != column[:-1]
    return np.flatnonzero(new)


# ---- rows split by the number of their block, one chunk at a time ----


CHUNK = 1 << 17
"""The maximum number of rows per chunk."""

MOST = 1 << 16
"""The maximum number of blocks."""

Numbered = tuple[Codes, tuple[Array, ...]]
"""The number of each row's block, and the arrays of the rows."""


@attrs.frozen(eq=False)
class Chunk:
    """Arrays sorted by block, and the start of each block."""

    bounds: Sequence[int]
    arrays: tuple[Array, ...]

    @classmethod
    def of(cls, numbers: Codes, count: int, arrays: tuple[Array, ...]) -> Chunk:
        """Sort rows by the number of their block, which is below `count`."""
        places = np.uint32(room(count))
        packed = numbers.astype(np.uint32) << places
        packed |= np.arange(len(packed), dtype=np.uint32)
        packed.sort()
        order = (packed & ((np.uint32(1) << places) - np.uint32(1))).astype(np.intp)
        firsts = np.arange(count, dtype=np.uint32) << places
        bounds = [*np.searchsorted(packed, firsts).tolist(), len(packed)]
        return cls(bounds, tuple(array[order] for array in arrays))


@attrs.frozen(eq=False)
class Parts:
    """Chunks whose rows are sorted by block."""

    chunks: Sequence[Chunk]

    def part(self, number: int) -> list[Array]:
        """Return the rows of a block, one array per column."""
        pieces = [(chunk.arrays, slice(*chunk.bounds[number : number + 2])) for chunk in self.chunks]
        return [
            np.concatenate([arrays[place][piece] for arrays, piece in pieces]) for place in range(len(pieces[0][0]))
        ]


def room(count: int) -> int:
    """Return how many of 32 bits remain for a row's index, for this many blocks."""
    return 32 - max((count - 1).bit_length(), 1)


def partition(rows: int, count: int, numbered: Callable[[slice], Numbered], pool: ThreadPoolExecutor) -> Parts:
    """Split rows into blocks.

    Args:
        rows: The number of rows.
        count: The number of blocks.
        numbered: Returns a slice of the rows with block numbers.
        pool: The threads that do the work.
    """
    size = min(CHUNK, 1 << room(count))

    def chunk(start: int) -> Chunk:
        numbers, arrays = numbered(slice(start, min(start + size, rows)))
        return Chunk.of(numbers, count, arrays)

    return Parts(list(pool.map(chunk, range(0, rows, size))))
