"""Issues of tables, reported together: log, column, number of rows, first rows, and what is allowed."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from funnel.errors import LogsError

_LONGEST = 200
"""Largest number of characters of a column name in a message."""

FIRST = 5
"""Largest number of row numbers in an issue; the count is always exact."""


@attrs.frozen
class Issue:
    """One kind of issue in one column of one log.

    `rows` are the numbers (from 1) of the first invalid rows; empty if the engine does not keep the order of rows.
    """

    log: str
    column: str
    problem: str
    count: int = 0
    rows: tuple[int, ...] = ()

    def __str__(self) -> str:
        """Return the issue as one line, without any value of a row."""
        where = f"{self.log}.{self.column[:_LONGEST]}"
        if not self.count:
            return f"{where}: {self.problem}"
        some = (
            f" (row {', '.join(map(str, self.rows))}{', …' if self.count > len(self.rows) else ''})"
            if self.rows
            else ""
        )
        return f"{where}: {self.count} row{'s' if self.count > 1 else ''}{some}: {self.problem}"


def raise_if_any(faults: Sequence[Issue]) -> None:
    """Raise one error with every issue, if there are any.

    Raises:
        LogsError: There is at least one issue.
    """
    if not faults:
        return
    lines = "\n".join(f"  {fault}" for fault in faults)
    msg = f"the logs cannot be read as they are; {len(faults)} kind{'s' if len(faults) > 1 else ''} of fault:\n{lines}"
    raise LogsError(msg, tuple(faults))
