"""Work on ranges of rows in several threads.

Needs numpy and Polars; import it only if both are installed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import polars as pl

T = TypeVar("T")

FEW = 50_000
"""Up to this number of rows, one thread does all the work."""


def threads(rows: int) -> int:
    """Return how many threads work on this number of rows; Polars' setting limits them."""
    return pl.thread_pool_size() if rows > FEW else 1


def shares_of(rows: int, shares: int | None = None) -> list[tuple[int, int]]:
    """Split rows into ranges of about the same length; without a number, one for each thread."""
    cuts = np.linspace(0, rows, (shares or threads(rows)) + 1, dtype=np.int64).tolist()
    return list(pairwise(cuts))


def in_threads(work: Callable[..., T], shares: Sequence[tuple[Any, ...]]) -> list[T]:
    """Work on each share of the rows or the people, several at once."""
    if len(shares) == 1:
        return [work(*shares[0])]
    with ThreadPoolExecutor(len(shares)) as pool:
        return [one.result() for one in [pool.submit(work, *share) for share in shares]]
