"""Where the kernel is chosen that finds the attempts in a marked frame."""

from __future__ import annotations

import attrs

from funnel._frames import Frame
from funnel.metrics.conversion import portable
from funnel.metrics.conversion.marks import Marked


@attrs.frozen
class Attempts:
    """The attempts that count, and the rows that they speak of.

    Attributes:
        frame: One row an attempt, as `plan` describes it.
        rows: The marked frame, with the column `row` that `row_1` ... of an attempt are numbers of.
    """

    frame: Frame
    rows: Frame


def attempts(marked: Marked) -> Attempts:
    """Find the attempts that count: with a kernel of our own in local memory, with windows of the engine elsewhere."""
    rows = portable.numbered(marked.frame, marked.plan)
    return Attempts(portable.attempts(rows, marked.plan), rows)
