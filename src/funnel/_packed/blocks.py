"""The rows of people in order, a block of people at a time, so that neither memory nor time is lost to their number.

Law: within a block the rows of a person stand together, ordered by time, then by code, then by path; nobody is in two
blocks; every row is in one.

A person, an instant and a code share one number of 63 bits, and numbers are sorted many times faster than rows. Where
they need more bits, or paths order the rows too, those of a block are ordered by one after the other: slower, and the
same.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import polars as pl

from funnel._packed.cuts import Cut, Far, SharedHashError, cut
from funnel._packed.parts import parted
from funnel._packed.rows import Block, Clock, Rows, Whole

T = TypeVar("T")

SLICE = 1 << 16
"""So many numbers are worked on at a time."""


def in_blocks(rows: Rows, work: Callable[[Block], T]) -> list[T]:
    """Put the rows in order, and have each block worked on, several at once.

    Args:
        rows: What is given.
        work: What is made of a block.

    Returns:
        What was made of each.
    """
    if not len(rows.t):
        return []
    try:
        return _worked(rows, cut(rows), work)
    except SharedHashError:
        exact = rows.person.rank("dense").cast(pl.Int64)
        return _worked(rows, Far.of(rows, Clock.of(rows), exact), work)


def slice_by_slice(numbers: Whole, work: Callable[[Whole], Whole]) -> Whole:
    """What is made of each of very many numbers, a short number each, several slices of them at once.

    Args:
        numbers: What is given.
        work: Makes something of each number of a slice.
    """
    made: Whole = np.empty(len(numbers), np.int32)

    def worked(start: int) -> None:
        made[start : start + SLICE] = work(numbers[start : start + SLICE])

    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        list(pool.map(worked, range(0, len(numbers), SLICE)))
    return made


def _worked(rows: Rows, way: Cut, work: Callable[[Block], T]) -> list[T]:
    """Polars' own setting says how many threads there may be; numpy lets others run while it sorts."""
    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        parts = parted(len(rows.t), way.count, way.numbered, pool)

        def worked(number: int) -> T:
            return work(way.block(number, parts.part(number)))

        return list(pool.map(worked, range(way.count)))
