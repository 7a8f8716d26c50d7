"""Loops over rows in plain Python: compiled by numba for large tables, run as they are for small ones.

A loop is a function of arrays, numbers and named tuples. It allocates nothing for a row, and it calls only functions of
the same kind. Both ways to run it give the same result. `sorted_run` is the sort of all loops: numba takes ten seconds
to compile those of numpy.

Needs numpy and Polars; import it only if both are installed.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from types import FunctionType
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

T = TypeVar("T")

Array = npt.NDArray[Any]
Whole = npt.NDArray[np.int64]

SMALL = 2_000
"""Up to this number of rows, a loop runs uncompiled: faster than the plan of a dataframe engine."""

LARGE = 200_000
"""From this number of rows on, numba is imported, which takes about a second."""

SHORT = 24
"""Runs of up to this number of rows are sorted by insertion."""

Run = Callable[..., Any]
"""Calls a loop, the first argument, with the other arguments."""


def runner(rows: int) -> Run | None:
    """Return how to run loops over this number of rows.

    Returns:
        A function that calls a loop. None if numba is not imported yet and its import would take longer than the query.
    """
    if rows <= SMALL:
        return plain
    return fast if rows >= LARGE or "numba" in sys.modules else None


def plain(loop: Callable[..., Any], *arguments: Any) -> Any:
    """Run a loop uncompiled."""
    return loop(*arguments)


def fast(loop: Callable[..., Any], *arguments: Any) -> Any:
    """Run a loop compiled."""
    return compiled(loop)(*arguments)


@lru_cache(maxsize=64)
def compiled(loop: FunctionType) -> Callable[..., Any]:
    """Return a loop that numba compiles at its first call and that releases the interpreter lock.

    The machine code is stored on disk, beside the source or in the user's cache folder, if one of them can be written.
    """
    numba: Any = importlib.import_module("numba")
    helpers = list(_helpers(loop))
    for helper in helpers:
        numba.extending.register_jitable(helper)
    jitted: Callable[..., Any] = numba.njit(_named_by_code(loop, helpers), nogil=True, cache=True)
    return jitted


def _named_by_code(loop: FunctionType, helpers: Sequence[FunctionType]) -> FunctionType:
    """Return the loop under a name that changes with its code and with the code of its helpers.

    numba stores machine code under this name. It compares only the file of the loop, but helpers of other files are
    compiled into the loop too.
    """
    codes = [(one.__code__.co_code.hex(), one.__code__.co_consts, _constants(one)) for one in (loop, *helpers)]
    copy = FunctionType(loop.__code__, loop.__globals__, loop.__name__)
    copy.__qualname__ = f"{loop.__qualname__}_{sha256(repr(codes).encode()).hexdigest()[:16]}"
    return copy


def _constants(loop: FunctionType) -> list[tuple[str, int]]:
    """Return the numbers of its module that a loop reads."""
    read = {name: loop.__globals__.get(name) for name in loop.__code__.co_names}
    return [(name, value) for name, value in read.items() if isinstance(value, int)]


def _helpers(loop: FunctionType) -> Iterator[FunctionType]:
    """Yield the functions that a loop calls, directly or not."""
    for name in loop.__code__.co_names:
        helper = loop.__globals__.get(name)
        if isinstance(helper, FunctionType):
            yield from _helpers(helper)
            yield helper


def read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the array as one that loops may only read, as Polars returns it: numba compiles each kind of array."""
    view = array.view()
    view.flags.writeable = False
    return view


FEW = 50_000
"""Up to this number of rows, one thread does all the work."""


def range_of(numbers: Whole) -> tuple[int, int]:
    """Return the smallest and the largest number; there must be one."""

    def work(low: int, high: int) -> tuple[int, int]:
        return int(numbers[low:high].min()), int(numbers[low:high].max())

    lows, highs = zip(*in_threads(work, shares_of(len(numbers))), strict=True)
    return min(lows), max(highs)


def threads(rows: int) -> int:
    """Return how many threads work on this number of rows; Polars' setting limits them."""
    return pl.thread_pool_size() if rows > FEW else 1


def shares_of(rows: int, shares: int | None = None) -> list[tuple[int, int]]:
    """Split rows into ranges of about the same length; without a number, one for each thread."""
    cuts = np.linspace(0, rows, (shares or threads(rows)) + 1, dtype=np.int64).tolist()
    return list(pairwise(cuts))


def next_positions(counts: Whole) -> Whole:
    """Replace how many rows of each thread go to each part by where its first row goes; return where parts begin."""
    bounds: Whole = np.append(0, np.cumsum(counts.sum(axis=0)))
    counts[1:] = np.cumsum(counts[:-1], axis=0)
    counts[0] = 0
    counts += bounds[:-1]
    return bounds


def in_threads(work: Callable[..., T], shares: Sequence[tuple[Any, ...]]) -> list[T]:
    """Work on each share of the rows or the people, several at once."""
    if len(shares) == 1:
        return [work(*shares[0])]
    with ThreadPoolExecutor(len(shares)) as pool:
        return [one.result() for one in [pool.submit(work, *share) for share in shares]]


def in_shares(run: Run, loop: Callable[..., T], shares: Sequence[tuple[Any, ...]], *arguments: Any) -> list[T]:
    """Run a loop on each share, several at once; the share follows the other arguments."""

    def work(*share: Any) -> T:
        result: T = run(loop, *arguments, *share)
        return result

    return in_threads(work, shares)


# ---- the rows of one person ----


def sorted_run(keys: Whole, values: Whole, low: int, high: int) -> None:
    """Loop: sort keys from `low` to before `high`, if they are out of order; values decide between equal keys."""
    if high - low <= SHORT:
        _insert(keys, values, low, high)
        return
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
        index, key = row, keys[row]
        if len(values) == 0:
            while index > low and keys[index - 1] > key:
                keys[index] = keys[index - 1]
                index -= 1
            keys[index] = key
            continue
        value = values[row]
        while index > low and (keys[index - 1] > key or (keys[index - 1] == key and values[index - 1] > value)):
            keys[index], values[index] = keys[index - 1], values[index - 1]
            index -= 1
        keys[index], values[index] = key, value


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
