"""Groups of a funnel: by the value of a column at one row of the attempt, as it is, or cut into bands."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import attrs

from funnel._given import brief, each
from funnel.errors import ArgumentError

MOST_EDGES = 50


@attrs.frozen
class By:
    """By which column a funnel is split, and at which row of an attempt it is read.

    Args:
        column: The column.
        at: "first": at the row the attempt begins with. "last": at the row of the last required step that was reached.
            Or the name of a step: those who did not reach it are in the group None.
        edges: Where bands of whole numbers begin, from the second one on; empty for the values as they are.

    Example:
        >>> By("source").at
        'first'
    """

    column: str
    at: str = attrs.field(default="first", kw_only=True)
    edges: tuple[int, ...] = attrs.field(default=(), kw_only=True)

    @property
    def labels(self) -> tuple[str, ...]:
        """What the bands are called."""
        told = [f"{edge:,}" for edge in self.edges]
        between = (f"{low} to under {high}" for low, high in pairwise(told))
        return (f"under {told[0]}", *between, f"{told[-1]} or more") if told else ()


def bands(column: str, edges: Sequence[int], *, at: str = "first") -> By:
    """Cut a column of whole numbers, such as amounts, into bands: does doubt grow with the sum?

    Args:
        column: The column.
        edges: Where each band after the first begins, smallest first; a value on an edge is in the band above.
        at: At which row of an attempt the column is read, as in `By`.

    Returns:
        What to give as `by`.

    Raises:
        ArgumentError: There is no edge, too many, one is no whole number, or they do not rise.

    Example:
        >>> bands("amount", [100_000, 1_000_000]).labels
        ('under 100,000', '100,000 to under 1,000,000', '1,000,000 or more')
    """
    known = each(edges, "edges", "a list of whole numbers")
    are_whole = all(type(edge) is int for edge in known)
    if not 1 <= len(known) <= MOST_EDGES or not are_whole or known != sorted(set(known)):
        shown = ", ".join(map(brief, known[:MOST_EDGES])) or "none"
        msg = f"the edges of bands are {shown}; give 1 to {MOST_EDGES} whole numbers that rise, such as [100, 1_000]"
        raise ArgumentError(msg)
    return By(column, at=at, edges=tuple(known))
