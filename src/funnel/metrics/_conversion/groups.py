"""Groups of a funnel: by a column at one row of the attempt, as is or in bins."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import attrs

from funnel._arguments import brief, each
from funnel.errors import ArgumentError

MOST_EDGES = 50


@attrs.frozen
class GroupBy:
    """The column to group a funnel by, and the row of an attempt at which it is read.

    Args:
        column: The column.
        at: "first": read at the first row of the attempt. "last": read at the row of the last required step that was
            reached. A step name: read at that step; people who did not reach it are in the group None.
        edges: The start of each bin of whole numbers after the first. Empty: group by the values themselves.

    Example:
        >>> GroupBy("source").at
        'first'
    """

    column: str
    at: str = attrs.field(default="first", kw_only=True)
    edges: tuple[int, ...] = attrs.field(default=(), kw_only=True)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the bins."""
        texts = [f"{edge:,}" for edge in self.edges]
        between = (f"{low} to under {high}" for low, high in pairwise(texts))
        return (f"under {texts[0]}", *between, f"{texts[-1]} or more") if texts else ()


def bins(column: str, edges: Sequence[int], *, at: str = "first") -> GroupBy:
    """Cut a column of whole numbers, such as amounts, into bins.

    Args:
        column: The column.
        edges: The start of each bin after the first, in ascending order. A value on an edge is in the upper bin.
        at: The row of an attempt at which the column is read, as in `GroupBy`.

    Returns:
        A `GroupBy` to pass as `by`.

    Raises:
        ArgumentError: There are no edges or too many, an edge is not a whole number, or the edges do not ascend.

    Example:
        >>> bins("amount", [100_000, 1_000_000]).labels
        ('under 100,000', '100,000 to under 1,000,000', '1,000,000 or more')
    """
    values = each(edges, "edges", "a list of whole numbers")
    are_whole = all(type(edge) is int for edge in values)
    if not 1 <= len(values) <= MOST_EDGES or not are_whole or values != sorted(set(values)):
        texts = ", ".join(map(brief, values[:MOST_EDGES])) or "none"
        raise ArgumentError(f"edges must be 1 to {MOST_EDGES} ascending integers, such as [100, 1_000] (got {texts})")
    return GroupBy(column, at=at, edges=tuple(values))
