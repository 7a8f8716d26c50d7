"""Choose the kernel that finds the attempts in a labelled frame."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import attrs

from funnel._dataframes.adapter import Frame, installed
from funnel.metrics._conversion import narwhals_kernel
from funnel.metrics._conversion.label_events import LabelledEvents


@attrs.frozen
class Attempts:
    """The selected attempts, one row each as `plan` describes, and the rows they refer to."""

    frame: Frame
    _numbered: Callable[[], Frame]

    @property
    def rows(self) -> Frame:
        """The labelled frame, with the column `row` that `row_1` ... of an attempt refer to."""
        return self._numbered()


def attempts(marked: LabelledEvents) -> Attempts:
    """Find the selected attempts, with numpy locally or with engine windows elsewhere."""
    numbered = cache(lambda: narwhals_kernel.numbered(marked.frame, marked.plan))
    found = _packed(marked)
    return Attempts(narwhals_kernel.attempts(numbered(), marked.plan) if found is None else found, numbered)


def _packed(marked: LabelledEvents) -> Frame | None:
    """Return the attempts of the numpy kernel.

    None if the events are not local, numpy is missing, or they do not fit.
    """
    if not (marked.frame.implementation.is_polars() and installed("numpy")):
        return None
    from funnel.metrics._conversion import packed

    return packed.attempts(marked)
