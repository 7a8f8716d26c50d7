"""In which period instants lie: looked up in a small table, not sought among the edges of all periods."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from funnel._packed import Whole, slice_by_slice


@attrs.frozen(eq=False)
class Lookup:
    """Time in pieces that are no longer than a period, so that in each at most one period begins.

    Attributes:
        start: The first instant.
        shift: A piece is two to the power of this long.
        edges: When, after the first instant, the period of each piece's end begins.
        places: For each piece two: the place of the period before that edge, and of the one from it on.
    """

    start: int
    shift: int
    edges: Whole
    places: Whole

    @classmethod
    def of(cls, edges: Sequence[int]) -> Lookup:
        """The table of periods, from where each begins and where the last one ends."""
        since = np.array(edges, np.int64) - edges[0]
        shift = int(np.diff(np.unique(since)).min()).bit_length() - 1
        firsts = np.arange((int(since[-1]) >> shift) + 1) << shift
        ends = firsts + ((1 << shift) - 1)
        before, after = (np.searchsorted(since, one, side="right") - 1 for one in (firsts, ends))
        return cls(edges[0], shift, since[after], np.stack([before, after], axis=1).ravel().astype(np.int32))

    def __call__(self, t: Whole) -> Whole:
        """The place of the period in which each instant lies."""
        since = t - self.start
        piece = since >> self.shift
        after = since >= self.edges[piece]
        piece <<= 1
        piece += after
        places: Whole = self.places[piece]
        return places


def places_of(t: Whole, place: Lookup) -> Whole:
    """The place of the period of very many instants."""
    return slice_by_slice(t, place)
