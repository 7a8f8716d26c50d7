"""Retention: of those who began in a period, how many bought again in each period after, and what they paid.

Law: what is refunded in whole, or cancelled, by `as_of` leaves the table as if it had never been bought; equal instants
in other zones, other names of the same people and another unit of money change no count.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, get_args

import attrs
import narwhals as nw

from funnel._frames import leave
from funnel._given import SpanLike, brief, each, judgement, one_of, span
from funnel._instants import MICROSECOND, instant
from funnel.errors import ArgumentError
from funnel.metrics._orders import FIRSTS, orders_of
from funnel.metrics._periods import DAY, Calendar, Period, Weekday
from funnel.metrics._purchases import PERSON, told
from funnel.metrics.retention.activity import Measure, RefundBasis
from funnel.metrics.retention.cells import cohorts_of
from funnel.metrics.retention.cohorts import Cohorts
from funnel.metrics.retention.table import Asked, Table, table_of


def retention(  # noqa: PLR0913 (each names one choice that is otherwise hidden)
    purchases: object,
    period: Period = "month",
    *,
    tz: str,
    as_of: datetime,
    week_start: Weekday | None = None,
    window: SpanLike | None = None,
    brackets: Sequence[int] = (),
    measure: Measure = "on",
    first: str = "purchase",
    refund_basis: RefundBasis = "order",
) -> Cohorts:
    """Of those who began in a period, how many bought in each period after, how often and for how much.

    Counted are valid purchases as of the instant: one that was cancelled, or refunded in whole by then, is none, and
    whose only purchase it was is in no cohort. The records begin where they begin: who bought before they do is taken
    for new, so the first cohort of a shop that is older than its records is too large.

    Args:
        purchases: The logs of a shop; or a table of any engine with `person_id`, `purchased_at` and, if known,
            `amount`, `id`, `status`, `cancelled_at`; or a list of such mappings, or of `Purchase`. Rows without `id`
            are each a purchase.
        period: The calendar period by which people are put into cohorts, and after which they are looked at.
        tz: The zone by whose clock periods are cut, such as "Asia/Jakarta".
        as_of: The instant of judgement.
        week_start: The day with which a week begins; it must be named for "week".
        window: Whole days: instead of calendar periods, people are looked at in windows so long from their own start.
            A window includes its end; a person counts in it when it is over.
        brackets: The periods after with which columns begin, from 0, and with which the last ends: (0, 1, 4, 8) are
            period 0, 1 to 3, and 4 to 7. Without, each period is a column.
        measure: "on": they bought in that period. "on_or_after": in that or a later one, so far. "cumulative": in any
            from period 1 to that one. "streak": in every one from period 0 to that one. Money is always of the period.
        first: The kind of event whose first one begins a person's time: "purchase", "lead", or a kind of interaction.
            What was bought before it is left out. "recurring": whoever bought in a period is in its cohort, however
            often they bought before it, so a person may be in many.
        refund_basis: A refund is taken off in the period of its "order", or in that of the "refund" itself; then what
            is refunded in whole is seen coming and going too.

    Returns:
        The cohorts, from the first to that of `as_of`.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: The zone, period or weekday is unknown, a word or a bracket is none of those that are allowed,
            the window is no number of days, there is no log of purchases, or a plain table is asked for another `first`
            than a purchase. A kind of `first` that does not occur in logs begins no cohort.
        LogsError: Columns or rows of a table are at fault.

    Example:
        >>> from datetime import UTC, datetime
        >>> bought = [("sari", 1), ("sari", 2), ("budi", 2), ("budi", 4)]
        >>> rows = [{"person_id": who, "purchased_at": datetime(2026, month, 9, tzinfo=UTC)} for who, month in bought]
        >>> print(retention(rows, tz="Asia/Jakarta", as_of=datetime(2026, 4, 20, tzinfo=UTC)))
         cohort  people       +1     +2  +3
        2026-01       1        1      0  0*
        2026-02       1        0     1*
        average          50.0 %  0.0 %
    """
    now, calendar = judgement(as_of), Calendar.of(period, tz, week_start)
    one_of(measure, get_args(Measure), "measure")
    one_of(refund_basis, get_args(RefundBasis), "refund_basis")
    one_of(first, FIRSTS, "first")
    length, edges = _length(window), _edges(brackets)
    orders = orders_of(purchases)
    asked = Asked(now, calendar, length, edges, measure, first, refund_basis)
    table = table_of(orders, asked)
    plan = table.plan
    return Cohorts(
        as_of=instant(now),
        tz=tz,
        period=period,
        window=None if length is None else length * MICROSECOND,
        brackets=edges,
        measure=measure,
        first=first,
        refund_basis=refund_basis,
        is_partial=not plan.periods.is_over(len(plan.periods) - 1, now),
        cohorts=tuple(cohorts_of(table.counted, plan, is_priced=orders.is_priced)),
        who=_Finder(table),
    )


def _length(window: object) -> int | None:
    if window is None:
        return None
    length = span(window, "window")
    if length % DAY:
        msg = f"window is {length * MICROSECOND}; give whole days of 24 hours, such as timedelta(days=30)"
        raise ArgumentError(msg)
    return length


_SHOWN = 20
_MOST = 10**6
"""More periods than there are days in the years that are kept."""


def _edges(brackets: Sequence[object]) -> tuple[int, ...]:
    known = each(brackets, "brackets", "a list of whole numbers")
    edges = tuple(edge for edge in known if isinstance(edge, int) and edge <= _MOST)
    rising = all(a < b for a, b in pairwise(edges))
    if len(edges) != len(known) or (edges and (edges[0] != 0 or len(edges) == 1 or not rising)):
        shown = ", ".join(map(brief, known[:_SHOWN]))
        msg = f"brackets are {shown}; give whole numbers that rise from 0, such as (0, 1, 4, 8)"
        raise ArgumentError(msg)
    return edges


@attrs.frozen
class _Finder:
    """Finds the people of a cell, by the place of the cohort's period and of the bracket."""

    table: Table

    def __call__(self, cohort: int, place: int) -> Any:
        """Return the ids of the people of one cell."""
        of_cell = (nw.col("cohort") == cohort) & (nw.col("low") <= place) & (nw.col("high") >= place)
        found, orders = self.table.spans.filter(of_cell).select(PERSON), self.table.orders
        return sorted(one for (one,) in told(found, PERSON)) if orders.is_list else leave(found, orders.home)
