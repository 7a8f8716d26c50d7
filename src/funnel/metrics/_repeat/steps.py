"""Purchase steps: how many people go from each purchase to the next, and how long it takes.

The step from the first purchase to the second is the one from konsumen to pelanggan. Later steps are easier, because
only people who took the earlier steps can take them.

Invariants: the people of a step are the people who took the step before. Each person is observed from their own last
purchase, for the same time.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import attrs
import narwhals as nw

from funnel._arguments import SpanLike, count_of
from funnel._dataframes.adapter import Frame, collect_once
from funnel._dataframes.frame_types import FrameT
from funnel._expr.to_narwhals import to_int
from funnel._format import Listed, as_html, as_text
from funnel._results import Charted, Rows
from funnel._time import FOREVER
from funnel.logs import Logs
from funnel.metrics._display import days
from funnel.metrics._purchases import PERSON
from funnel.metrics._rate import DEFAULT_MIN_PEOPLE
from funnel.metrics._repeat.window import RepeatRate, RepeatWindow, numbered_occasions
from funnel.metrics._survival.result import Survival
from funnel.metrics._survival.survival import ENDED, STARTED, survival

_MAX_ROWS = 10
"""Number of steps that the text form of the table shows before it counts the rest."""


@attrs.frozen
class PurchaseStep:
    """The step from one purchase to the next.

    Attributes:
        nth: Number of the purchase before the step; 1 is the step to the first repeat order.
        repeat: People who took the step within the time, of people whose window since their nth purchase is complete.
        wait: Time to the step, from the Kaplan-Meier curve. A person who has not taken it counts as long as they were
            observed.
    """

    nth: int
    repeat: RepeatRate
    wait: Survival

    @property
    def people(self) -> int:
        """Return the number of people who made the nth purchase."""
        return self.wait.people


@attrs.frozen
class PurchaseSteps(Charted, Rows, Listed[PurchaseStep]):
    """Result of `purchase_steps`: the steps from each purchase to the next.

    Attributes:
        as_of: The evaluation time.
        within: Maximum time of each step.
        steps: The steps, up to the last purchase that anyone made.
    """

    as_of: datetime
    within: timedelta
    steps: tuple[PurchaseStep, ...]

    _CHART = "repeats.steps"
    _PARTS = "steps"

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one row per step, with rate and median time, ready for a dataframe."""
        return [
            {"nth": one.nth, "people": one.people, **one.repeat.to_dict(), "median_wait": one.wait.median.value}
            for one in self.steps
        ]

    def _head(self) -> tuple[str, ...]:
        return "purchase", "people", f"bought again within {days(self.within)}", "pending", "half of them by"

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (str(one.nth), f"{one.people:,}", str(one.repeat.rate), f"{one.repeat.pending:,}", str(one.wait.median))
            for one in self.steps
        ]

    def __str__(self) -> str:
        """Return the first steps as a text table."""
        table = as_text(self._head(), self._rows()[:_MAX_ROWS])
        more = len(self) - _MAX_ROWS
        return f"{table}\nand {more} more" if more > 0 else table

    def _html(self) -> str:
        return as_html(self._head(), self._rows())


def purchase_steps(
    logs: Logs, within: SpanLike, *, as_of: datetime, min_people: int = DEFAULT_MIN_PEOPLE
) -> PurchaseSteps:
    """Compute how many people take each step to the next purchase, and how fast.

    Args:
        logs: All records.
        within: Maximum time from one occasion to the next, inclusive.
        as_of: The evaluation time.
        min_people: Minimum number of people for a reported median time.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: `within` is not a positive span.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime, timedelta
        >>> from funnel import Logs
        >>> when = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3)]
        >>> bought = {"id": [1, 2, 3], "person_id": ["a", "a", "b"], "purchased_at": when, "amount": [9, 9, 9]}
        >>> logs = Logs(purchases=pl.DataFrame(bought))
        >>> april = datetime(2026, 4, 1, tzinfo=UTC)
        >>> first, second = purchase_steps(logs, timedelta(days=40), as_of=april, min_people=1)
        >>> print(first.repeat)
        100.0 % (1 of 1; 20.7 to 100.0 %); 1 pending
        >>> first.wait.median.value
        datetime.timedelta(days=31)
        >>> second.people
        1
    """
    window = RepeatWindow.of(within, as_of)
    count_of(min_people, "min_people", minimum=1)
    rows = numbered_occasions(logs, window.now)
    if rows is None:
        return PurchaseSteps(window.as_of, window.within, ())
    steps = collect_once(_with_next(rows))
    soon = steps.with_columns(soon=to_int(nw.col("next") - nw.col("t") <= window.length))
    rates = window.rates(soon, "nth", start="t")
    waits = survival(_waits(steps, logs), by="nth", as_of=as_of, min_people=min_people)
    steps_found = (PurchaseStep(int(nth), rates[nth], wait) for nth, wait in waits.groups)
    return PurchaseSteps(window.as_of, window.within, tuple(steps_found))


def _with_next(rows: Frame) -> Frame:
    """Return each purchase with the time of the next one; the far future if none."""
    following = rows.with_columns(next=nw.col("t").shift(-1).over(PERSON, order_by="nth"))
    return following.select("nth", "t", next=nw.col("next").fill_null(FOREVER).cast(nw.Int64()))


def _waits(steps: Frame, logs: Logs[FrameT]) -> FrameT:
    """Return the table that `survival` reads."""
    end = nw.when(nw.col("next") < FOREVER).then(nw.col("next"))
    table = steps.select("nth", **{STARTED: nw.col("t"), ENDED: end})
    return logs._native(table, instants=(STARTED, ENDED), order=())
