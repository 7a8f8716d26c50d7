"""Sort the rows of one person inside a loop.

numpy's own sorts are not called: numba takes ten seconds to compile them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Whole = npt.NDArray[np.int64]

SHORT = 24
"""Runs of up to this number of rows are sorted by insertion."""


def sorted_run(keys: Whole, values: Whole, low: int, high: int) -> None:
    """Loop: sort keys from `low` to before `high`, if they are out of order; values decide between equal keys."""
    row = low + 1
    while row < high and _ordered(keys, values, row - 1, row):
        row += 1
    if row >= high:
        return
    for start in range(low, high, SHORT):
        _insert(keys, values, start, min(start + SHORT, high))
    width = SHORT
    spare, spare_values = np.empty(high - low, np.int64), np.empty(high - low if len(values) else 0, np.int64)
    while width < high - low:
        for start in range(low, high - width, 2 * width):
            _merge(keys, values, spare, spare_values, start, start + width, min(start + 2 * width, high))
        width *= 2


def _ordered(keys: Whole, values: Whole, one: int, other: int) -> bool:
    if keys[one] != keys[other] or len(values) == 0:
        return bool(keys[one] <= keys[other])
    return bool(values[one] <= values[other])


def _insert(keys: Whole, values: Whole, low: int, high: int) -> None:
    """Sort a few rows."""
    for row in range(low + 1, high):
        index = row
        while index > low and not _ordered(keys, values, index - 1, index):
            keys[index - 1], keys[index] = keys[index], keys[index - 1]
            if len(values):
                values[index - 1], values[index] = values[index], values[index - 1]
            index -= 1


def _merge(  # noqa: PLR0913, PLR0917
    keys: Whole, values: Whole, spare: Whole, spare_values: Whole, low: int, middle: int, high: int
) -> None:
    """Merge two sorted runs that lie next to each other."""
    one, other = low, middle
    for index in range(high - low):
        first = other == high or (one < middle and _ordered(keys, values, one, other))
        row = one if first else other
        one, other = one + first, other + (not first)
        spare[index] = keys[row]
        if len(values):
            spare_values[index] = values[row]
    for index in range(high - low):
        keys[low + index] = spare[index]
        if len(values):
            values[low + index] = spare_values[index]
