"""Rows split by the number of their block.

Rows are split without scanning all memory for each block: one chunk of rows at a time is sorted by block, and a block
consists of one slice of every chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Codes = npt.NDArray[np.unsignedinteger[Any]]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]
Whole = npt.NDArray[np.signedinteger[Any]]

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
