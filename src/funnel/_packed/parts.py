"""Rows parted by the number of their block, without a walk across the whole memory for each of them.

A chunk of rows is put in order of their blocks at a time; a block is then a piece of every chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import attrs
import numpy as np

from funnel._packed.rows import Array, Codes

CHUNK = 1 << 17
"""At most so many rows are put in order at a time."""

MOST = 1 << 16
"""There are at most so many blocks."""

Numbered = tuple[Codes, tuple[Array, ...]]
"""The number of each row's block, and what belongs to the row."""


@attrs.frozen(eq=False)
class Chunk:
    """Arrays in order of blocks, and where each block begins."""

    bounds: Sequence[int]
    arrays: tuple[Array, ...]

    @classmethod
    def of(cls, numbers: Codes, count: int, arrays: tuple[Array, ...]) -> Chunk:
        """Put rows in order of the numbers of their blocks, which are below `count`."""
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
    """Chunks whose rows are in order of blocks."""

    chunks: Sequence[Chunk]

    def part(self, number: int) -> list[Array]:
        """The rows of a block: each array that belongs to them."""
        pieces = [(chunk.arrays, slice(*chunk.bounds[number : number + 2])) for chunk in self.chunks]
        return [
            np.concatenate([arrays[place][piece] for arrays, piece in pieces]) for place in range(len(pieces[0][0]))
        ]


def room(count: int) -> int:
    """How many of 32 bits are left for the place of a row, where so many blocks are numbered."""
    return 32 - max((count - 1).bit_length(), 1)


def parted(rows: int, count: int, numbered: Callable[[slice], Numbered], pool: ThreadPoolExecutor) -> Parts:
    """Part so many rows into so many blocks.

    Args:
        rows: How many rows there are.
        count: How many blocks.
        numbered: Gives a slice of the rows.
        pool: Who does it.
    """
    size = min(CHUNK, 1 << room(count))

    def chunk(start: int) -> Chunk:
        numbers, arrays = numbered(slice(start, min(start + size, rows)))
        return Chunk.of(numbers, count, arrays)

    return Parts(list(pool.map(chunk, range(0, rows, size))))
