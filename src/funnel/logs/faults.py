"""What is wrong with tables, told all at once: which log and column, how many rows, which first, what is allowed."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from funnel.errors import LogsError

_LONGEST = 200
"""The most characters of the name of a column that a message shows."""

FIRST = 5
"""How many row numbers a fault names; the count is always exact."""


@attrs.frozen
class Fault:
    """One kind of fault of one column of one log.

    `rows` are the numbers (from 1) of the first rows at fault; empty where the engine keeps no order of rows.
    """

    log: str
    column: str
    problem: str
    count: int = 0
    rows: tuple[int, ...] = ()

    def __str__(self) -> str:
        """The fault as one line, with no value of any row."""
        where = f"{self.log}.{self.column[:_LONGEST]}"
        if not self.count:
            return f"{where}: {self.problem}"
        some = (
            f" (row {', '.join(map(str, self.rows))}{', …' if self.count > len(self.rows) else ''})"
            if self.rows
            else ""
        )
        return f"{where}: {self.count} row{'s' if self.count > 1 else ''}{some}: {self.problem}"


def raise_if_any(faults: Sequence[Fault]) -> None:
    """Report every fault in one error.

    Raises:
        LogsError: There is one.
    """
    if not faults:
        return
    lines = "\n".join(f"  {fault}" for fault in faults)
    msg = f"the logs cannot be read as they are; {len(faults)} kind{'s' if len(faults) > 1 else ''} of fault:\n{lines}"
    raise LogsError(msg, tuple(faults))
