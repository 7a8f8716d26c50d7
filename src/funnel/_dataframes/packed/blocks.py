"""Rows of people in order, one block of people at a time, so that memory and time stay small for many people.

Invariant: within a block, the rows of a person are adjacent and ordered by time, then by code, then by path. Each
person is in one block only. Every row is in one block.

A person, an instant and a code are packed into one integer of 63 bits, and integers are sorted many times faster than
rows. If they need more bits, or if paths order the rows too, the rows of a block are sorted by each of them in turn:
slower, with the same result.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import polars as pl

from funnel._dataframes.packed.chunks import partition
from funnel._dataframes.packed.partition import HashedIds, Partition, SharedHashError, cut
from funnel._dataframes.packed.rows import Block, Clock, Rows, Whole

T = TypeVar("T")

SLICE = 1 << 16
"""How many numbers are processed at a time."""


def in_blocks(rows: Rows, work: Callable[[Block], T]) -> list[T]:
    """Sort the rows and process each block, several blocks at once.

    Args:
        rows: The rows.
        work: Processes a block.

    Returns:
        The result of each block.
    """
    if not len(rows.t):
        return []
    try:
        return _worked(rows, cut(rows), work)
    except SharedHashError:
        exact = rows.person.rank("dense").cast(pl.Int64)
        return _worked(rows, HashedIds.of(rows, Clock.of(rows), exact), work)


def slice_by_slice(numbers: Whole, work: Callable[[Whole], Whole]) -> Whole:
    """Compute a 32-bit integer from each of many numbers, several slices at once.

    Args:
        numbers: The numbers.
        work: Computes the results of a slice.
    """
    made: Whole = np.empty(len(numbers), np.int32)

    def worked(start: int) -> None:
        made[start : start + SLICE] = work(numbers[start : start + SLICE])

    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        list(pool.map(worked, range(0, len(numbers), SLICE)))
    return made


def _worked(rows: Rows, way: Partition, work: Callable[[Block], T]) -> list[T]:
    """Process the blocks in threads."""
    # Polars' setting gives the number of threads; numpy releases the GIL while it sorts.
    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        parts = partition(len(rows.t), way.count, way.numbered, pool)

        def worked(number: int) -> T:
            return work(way.block(number, parts.part(number)))

        return list(pool.map(worked, range(way.count)))
