"""From each purchase to the next: how many take the step, and how long it takes them.

The step from the first to the second is the one from konsumen to pelanggan; the later ones are easier, for only those
are asked who took the ones before.

Laws: the people of a step are those who took the step before it; each is judged from their own last purchase, for the
same time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs
import narwhals as nw

from funnel._frames import kept, leave
from funnel._given import SpanLike, count_of, judgement, span
from funnel._instants import FOREVER, MICROSECOND, instant
from funnel._lift.columns import flag
from funnel.metrics._purchases import PERSON
from funnel.metrics._shown import as_html, as_text, days
from funnel.metrics.rate import LEAST, Rate
from funnel.metrics.repeat.numbered import added_up, judged, numbered
from funnel.metrics.repeat.rates import RepeatRate
from funnel.metrics.survival.ask import Survival, survival_by
from funnel.metrics.survival.waiting import ENDED, STARTED

if TYPE_CHECKING:
    from funnel._frames import Frame
    from funnel.logs import Logs

_SHOWN = 10
"""A table as text shows so many steps and says how many more there are."""


@attrs.frozen
class PurchaseStep:
    """The step from one purchase to the next.

    Attributes:
        nth: From which purchase it leads; 1 is the step to the first repeat order.
        repeat: Who took it within the time, of those who have had that time since their nth purchase.
        wait: How long it takes, by the Kaplan-Meier curve: who has not taken it counts for as long as they were
            watched.
    """

    nth: int
    repeat: RepeatRate
    wait: Survival

    @property
    def people(self) -> int:
        """How many have made the nth purchase."""
        return self.wait.people


@attrs.frozen
class PurchaseSteps:
    """The steps from each purchase to the next, from the first on.

    Attributes:
        as_of: The instant of judgement.
        within: The time that each step is given.
        steps: The steps, as far as anybody has come.
    """

    as_of: datetime
    within: timedelta
    steps: tuple[PurchaseStep, ...]

    def __len__(self) -> int:
        """How many steps."""
        return len(self.steps)

    def __iter__(self) -> Iterator[PurchaseStep]:
        """The steps, from the first on."""
        return iter(self.steps)

    def to_dicts(self) -> list[dict[str, Any]]:
        """One row for each step, as a dataframe takes them: the rate within the time, and the median wait."""
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
        """Write the first steps as a table."""
        table = as_text(self._head(), self._rows()[:_SHOWN])
        more = len(self) - _SHOWN
        return f"{table}\nand {more} more" if more > 0 else table

    def _repr_html_(self) -> str:
        return as_html(self._head(), self._rows())


def purchase_steps(logs: Logs, within: SpanLike, *, as_of: datetime, least: int = LEAST) -> PurchaseSteps:
    """How many go from each purchase to the next, and how long it takes them.

    Args:
        logs: Everyone's records.
        within: The time that each step is given, from the one purchase to the next; its end is part of it.
        as_of: The instant of judgement.
        least: The fewest people of whom a typical wait is told.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: `within` is not a span above zero.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime, timedelta
        >>> from funnel import Logs
        >>> when = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3)]
        >>> bought = {"id": [1, 2, 3], "person_id": ["a", "a", "b"], "purchased_at": when, "amount": [9, 9, 9]}
        >>> logs = Logs(purchases=pl.DataFrame(bought))
        >>> first, second = purchase_steps(logs, timedelta(days=40), as_of=datetime(2026, 4, 1, tzinfo=UTC), least=1)
        >>> print(first.repeat)
        100.0 % (1 of 1; 20.7 to 100.0 %); 1 pending
        >>> first.wait.median.value
        datetime.timedelta(days=31)
        >>> second.people
        1
    """
    now, length = judgement(as_of), span(within, "within")
    count_of(least, "least", least=1)
    within = length * MICROSECOND
    rows = numbered(logs, now)
    if rows is None:
        return PurchaseSteps(instant(now), within, ())
    steps = kept(_with_next(rows))
    soon = steps.with_columns(soon=flag(nw.col("next") - nw.col("t") <= length))
    counts = added_up(judged(soon, "t", "soon", length, now), "nth")
    waits = survival_by(_waits(steps, logs), "nth", as_of=as_of, least=least)
    made = ((int(nth), counts[nth,], wait) for nth, wait in waits.groups)
    return PurchaseSteps(
        instant(now), within, tuple(PurchaseStep(nth, _rate(*each, within), wait) for nth, each, wait in made)
    )


def _with_next(rows: Frame) -> Frame:
    """Every purchase with when its person's next one was, for ever ahead where there is none."""
    following = rows.with_columns(next=nw.col("t").shift(-1).over(PERSON, order_by="nth"))
    return following.select("nth", "t", next=nw.col("next").fill_null(FOREVER).cast(nw.Int64()))


def _waits(steps: Frame, logs: Logs) -> Any:
    """The table that `survival` reads."""
    ended = nw.when(nw.col("next") < FOREVER).then(nw.col("next"))
    return leave(steps.select("nth", **{STARTED: nw.col("t"), ENDED: ended}), logs.home, instants=(STARTED, ENDED))


def _rate(hits: int, had: int, pending: int, within: timedelta) -> RepeatRate:
    return RepeatRate(within, Rate(hits, had), pending)
