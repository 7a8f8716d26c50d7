"""The account of a file: what was read, merged, refused and noted, counted exactly, however large the file is.

Law: rows in the file = rows kept + rows merged + rows refused; each row is counted once, under the first reason
that holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import attrs

What: TypeAlias = Literal["read", "merged", "refused", "noted"]
"""What became of some rows: read and kept, merged with another, refused, or kept with a remark."""

SHOWN = 5
"""How many row numbers an entry shows: enough to look the matter up, few enough to read."""


@attrs.frozen
class Entry:
    """One line of the account: how many, of what, and where the first of them stand.

    Attributes:
        what: Whether they were read, merged, refused or only noted.
        reason: Why, in words of the shop; it never holds a value from the file.
        count: How many, exactly.
        rows: The first few data rows concerned, counted from 1; a heading is not counted.

    Example:
        >>> print(Entry("refused", "no customer", 135_080, (623, 1444)))
        refused 135,080: no customer (rows 623, 1444, ...)
    """

    what: What
    reason: str
    count: int
    rows: tuple[int, ...] = ()

    def __str__(self) -> str:
        """Write the entry as one line."""
        return f"{self.what} {self.count:,}: {self.reason}{shown(self.rows, self.count)}"


def shown(rows: Sequence[int], count: int | None = None) -> str:
    """Write where rows stand, to put behind a text.

    Args:
        rows: The numbers of the rows, or of the first of them.
        count: How many there are; as many as numbers if it is not given.

    Returns:
        The first few numbers, such as " (rows 2, 7, ...)"; empty if there are none.
    """
    if not rows:
        return ""
    count = len(rows) if count is None else count
    more = ", ..." if count > min(len(rows), SHOWN) else ""
    return f" (row{'s' * (count > 1)} {', '.join(map(str, rows[:SHOWN]))}{more})"
