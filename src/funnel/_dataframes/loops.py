"""Loops over rows in plain Python: compiled by numba for large tables, run as they are for small ones.

A loop is a function of arrays, numbers and named tuples. It allocates nothing for a row, and it calls only functions of
the same kind. Both ways to run it give the same result.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from types import FunctionType
from typing import Any

SMALL = 2_000
"""Up to this number of rows, a loop runs uncompiled: faster than the plan of a dataframe engine."""

LARGE = 200_000
"""From this number of rows on, numba is imported, which takes about a second."""

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
    for helper in _helpers(loop):
        numba.extending.register_jitable(helper)
    jitted: Callable[..., Any] = numba.njit(loop, nogil=True, cache=True)
    return jitted


def _helpers(loop: FunctionType) -> Iterator[FunctionType]:
    """Yield the functions that a loop calls, directly or not."""
    for name in loop.__code__.co_names:
        helper = loop.__globals__.get(name)
        if isinstance(helper, FunctionType):
            yield from _helpers(helper)
            yield helper
