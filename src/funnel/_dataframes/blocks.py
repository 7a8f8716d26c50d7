"""Sorted rows of people, some people at a time.

Needs numpy and Polars; import it only if both are installed.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import attrs
import numpy as np
import polars as pl

from funnel._dataframes.by_person import grouped
from funnel._dataframes.loops import Run, Whole, sorted_run, threads

T = TypeVar("T")


@attrs.frozen(eq=False)
class Block:
    """The rows of some people, person by person and in order of time.

    Attributes:
        starts: The first row of each person; at the end, the number of rows.
        t: The instant of each row.
        value: The value of each row; None if rows have no values.
        person: Returns the ids of the people with these numbers.
    """

    starts: Whole
    t: Whole
    value: Whole | None
    person: Callable[[Whole], pl.Series]


def in_blocks(person: pl.Series, t: Whole, value: Whole | None, work: Callable[[Block], T], run: Run) -> list[T]:
    """Group rows by person and process blocks of people, several blocks at once.

    Args:
        person: The person of each row.
        t: The instant of each row, within 63 bits.
        value: A value of each row; None if rows have no values.
        work: Processes a block.
        run: How loops run.

    Returns:
        The result of each block.
    """
    if not len(t):
        return []
    runs = grouped(person, t, value, run)

    def process(low: int, high: int) -> T:
        run(sort_runs, runs.starts, runs.keys, runs.extra, low, high)
        first, end = int(runs.starts[low]), int(runs.starts[high])
        own = runs.starts[low : high + 1] - first
        present = low + np.flatnonzero(np.diff(own))
        some = None if value is None else runs.extra[first:end]
        starts = np.append(own[present - low], end - first)
        t = runs.keys[first:end] + runs.clock.start
        return work(Block(starts, t, some, lambda persons: runs.people.names(present[persons])))

    parts = runs.parts(len(t) // ROWS + 1)
    with ThreadPoolExecutor(threads(len(t))) as pool:
        return [one.result() for one in [pool.submit(process, *part) for part in parts]]


ROWS = 1 << 16
"""The approximate number of rows of a block, which fits the processor's cache."""


def sort_runs(starts: Whole, keys: Whole, values: Whole, low: int, high: int) -> None:
    """Loop: sort the rows of the people from `low` to before `high`."""
    for number in range(low, high):
        sorted_run(keys, values, starts[number], starts[number + 1])
