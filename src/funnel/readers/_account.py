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


EXPECTED = frozenset(
    {
        "order that is not paid yet",
        "order whose payment failed",
        "row that describes the columns",
        "currency conversion, not a payment",
        "row that is not a payment, such as a transfer, a hold or a fee",
        "payment that the shop sent",
        "refund that was not completed",
        "row that is neither a payment nor a refund",
        "blank row",
        "sum row",
        "quotation, not an order yet",
        "draft, not an order yet",
        "deal that is still open",
        "deal that was lost",
        "row without an order number: blank, or at the foot of the report",
        "test lead",
        "event of a kind that is not read",
        "notice of WhatsApp, not a message",
    }
)
"""Reasons of rows that no shop means to be records: a file of such rows alone is like a file without rows."""


def lost_rows(account: Sequence[Entry]) -> str:
    """Return the reasons why no row of a file became a record, one a line; "" if a row did, or none was meant to."""
    refused = [entry for entry in account if entry.what == "refused"]
    is_kept = any(entry.reason == "rows kept" and entry.count for entry in account)
    if is_kept or all(entry.reason in EXPECTED for entry in refused):
        return ""
    return "\n".join(f"  {entry}" for entry in refused)


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
