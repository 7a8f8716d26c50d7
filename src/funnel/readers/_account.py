"""The account of a file: exact counts of rows that were read, merged, refused and noted.

Invariant: rows in the file = rows kept + rows merged + rows refused. Each row is counted once, under the first reason
that applies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import attrs

What: TypeAlias = Literal["read", "merged", "refused", "noted"]
"""Outcome of rows: read and kept, merged with another row, refused, or kept with a note."""

FIRST_ROWS = 5
"""Maximum number of row numbers that an entry shows."""


@attrs.frozen
class Entry:
    """One line of the account: outcome, reason, count, and the first row numbers.

    Attributes:
        what: Whether the rows were read, merged, refused or only noted.
        reason: The reason, in the shop's terms. It never holds a value from the file.
        count: Exact number of rows.
        rows: The first few data rows, counted from 1; the heading is not counted.

    Example:
        >>> print(Entry("refused", "no customer", 135_080, (623, 1444)))
        refused 135,080: no customer (rows 623, 1444, ...)
    """

    what: What
    reason: str
    count: int
    rows: tuple[int, ...] = ()

    def __str__(self) -> str:
        """Return the entry as one line."""
        return f"{self.what} {self.count:,}: {self.reason}{rows_text(self.rows, self.count)}"


def rows_text(rows: Sequence[int], count: int | None = None) -> str:
    """Format row numbers as a suffix of a message.

    Args:
        rows: The numbers of the rows, or of the first of them.
        count: Number of rows; by default the length of `rows`.

    Returns:
        The first few numbers, such as " (rows 2, 7, ...)"; empty if there are none.
    """
    if not rows:
        return ""
    count = len(rows) if count is None else count
    more = ", ..." if count > min(len(rows), FIRST_ROWS) else ""
    return f" (row{'s' * (count > 1)} {', '.join(map(str, rows[:FIRST_ROWS]))}{more})"
