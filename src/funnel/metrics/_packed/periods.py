"""Periods of instants by lookup in a small table, without a search through the edges."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
import numpy.typing as npt

from funnel._dataframes.by_person import in_threads, threads
from funnel._dataframes.loops import Whole


@attrs.frozen(eq=False)
class Lookup:
    """Time in pieces no longer than a period: at most one period begins in each.

    Attributes:
        start: The first instant.
        shift: A piece is two to the power of this long.
        edges: For each piece, when the period of its end begins, relative to the first instant.
        indexes: For each piece, two indexes: of the period before that edge, and of the period from it on.
    """

    start: int
    shift: int
    edges: Whole
    indexes: npt.NDArray[np.int32]

    @classmethod
    def of(cls, edges: Sequence[int]) -> Lookup:
        """Build the table from the starts of the periods and the end of the last one."""
        since = np.array(edges, np.int64) - edges[0]
        shift = int(np.diff(np.unique(since)).min()).bit_length() - 1
        firsts = np.arange((int(since[-1]) >> shift) + 1) << shift
        ends = firsts + ((1 << shift) - 1)
        before, after = (np.searchsorted(since, one, side="right") - 1 for one in (firsts, ends))
        return cls(edges[0], shift, since[after], np.stack([before, after], axis=1).ravel().astype(np.int32))

    def __call__(self, t: Whole) -> npt.NDArray[np.int32]:
        """Return the index of each instant's period."""
        since = t - self.start
        piece = since >> self.shift
        after = since >= self.edges[piece]
        piece <<= 1
        piece += after
        indexes: npt.NDArray[np.int32] = self.indexes[piece]
        return indexes


def period_indexes(t: Whole, lookup: Lookup) -> Whole:
    """Return the period index of very many instants, one slice at a time, because fresh memory is slow."""
    numbers: Whole = np.empty(len(t), np.int64)

    def process(share: int) -> None:
        for start in range(share * _SLICE, len(t), shares * _SLICE):
            numbers[start : start + _SLICE] = lookup(t[start : start + _SLICE])

    shares = threads(len(t))
    in_threads(process, [(share,) for share in range(shares)])
    return numbers


_SLICE = 1 << 16
"""How many instants are processed at a time."""
