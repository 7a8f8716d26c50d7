"""Where the kernel is chosen that finds the attempts in a marked frame."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import attrs

from funnel._frames import Frame, installed
from funnel.metrics.conversion import portable
from funnel.metrics.conversion.marks import Marked


@attrs.frozen
class Attempts:
    """The attempts that count, one row each as `plan` describes them, and the rows that they speak of."""

    frame: Frame
    _numbered: Callable[[], Frame]

    @property
    def rows(self) -> Frame:
        """The marked frame, with the column `row` that `row_1` ... of an attempt are numbers of."""
        return self._numbered()


def attempts(marked: Marked) -> Attempts:
    """Find the attempts that count: with a kernel of our own in local memory, with windows of the engine elsewhere."""
    numbered = cache(lambda: portable.numbered(marked.frame, marked.plan))
    found = _packed(marked)
    return Attempts(portable.attempts(numbered(), marked.plan) if found is None else found, numbered)


def _packed(marked: Marked) -> Frame | None:
    """The attempts by packed rows; None where the events are elsewhere, numpy is not there, or they do not fit."""
    if not (marked.frame.implementation.is_polars() and installed("numpy")):
        return None
    from funnel.metrics.conversion import packed

    return packed.attempts(marked)
