"""Retention: people who bought again in each later period, by cohort, and revenue.

Invariants: a purchase that is fully refunded or cancelled by `as_of` leaves the table unchanged, as if it had never
been made. Equal instants in other zones, other ids for the same people and another unit of money change no count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache, cached_property
from itertools import pairwise
from typing import Any, get_args, overload

import attrs
import narwhals as nw

from funnel._arguments import SpanLike, brief, check_choice, each, instance, parse_as_of, span
from funnel._dataframes.adapter import Frame, collect_once, installed, to_native
from funnel._dataframes.by_part import by_part, frame_by_part
from funnel._dataframes.compute import to_rows
from funnel._dataframes.frame_types import NativeT
from funnel._time import MICROSECOND, instant
from funnel.errors import ArgumentError
from funnel.logs import Logs
from funnel.metrics._by_group import Groups, by_group
from funnel.metrics._orders import FIRSTS, RECURRING, REVENUE, Orders, orders_of
from funnel.metrics._periods import DAY, Calendar, Period, Periods, Weekday
from funnel.metrics._purchases import PERSON, started
from funnel.metrics._retention.activity import Measure, Plan, RefundBasis, activity, people, spans
from funnel.metrics._retention.cohort import CohortCounts, cohort_counts, cohorts_of, merged
from funnel.metrics._retention.cohorts import Cohorts
from funnel.records import Purchase

# ---- the people and amounts that a retention table counts ------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Counting:
    """The people and amounts that a retention table counts.

    Args:
        first: The kind of event that starts a person's time: "purchase", "lead", or a kind of interaction. Earlier
            purchases are left out. "recurring": each person is in the cohort of every period with a purchase, so a
            person may be in many cohorts.
        measure: The people that a cell counts. "on": bought in that period. "on_or_after": in that or a later period,
            so far. "cumulative": in any period from 1 to that one. "streak": in every period from 0 to that one. Money
            is always that of the period.
        refund_basis: The period from which a refund is subtracted: of the "order" or of the "refund" itself. With
            "refund", a fully refunded purchase appears in its own period and is subtracted later.
        amount: The number that is summed as `revenue`. "revenue": the amount paid, less refunds. "margin": that amount,
            less `cost` and `fees`, of purchases with a known cost. Or an own column of purchases with whole numbers.
            The last two need `refund_basis="order"`.

    Raises:
        ArgumentError: An argument is not one of the words, or `amount` does not fit `refund_basis`.

    Example:
        >>> Counting(first="lead", measure="streak")
        Counting(first='lead', measure='streak', refund_basis='order', amount='revenue')
    """

    first: str = "purchase"
    measure: Measure = "on"
    refund_basis: RefundBasis = "order"
    amount: str = REVENUE

    def __attrs_post_init__(self) -> None:
        """Validate the words."""
        check_choice(self.first, FIRSTS, "first")
        check_choice(self.measure, get_args(Measure), "measure")
        check_choice(self.refund_basis, get_args(RefundBasis), "refund_basis")
        instance(self.amount, str, "amount", "'revenue', 'margin' or an own column of purchases")
        if self.amount != REVENUE and self.refund_basis != "order":
            msg = f"amount={brief(self.amount)} needs refund_basis='order' (got {self.refund_basis!r})"
            raise ArgumentError(f"{msg}; a cost has no part for each refund")


DEFAULT_COUNTING = Counting()
"""The people and amounts that count if a caller passes nothing."""


# ---- choose how cohorts are counted: with loops locally, with the engine elsewhere -----------------------------------

# Invariant: both return the same counts.


@attrs.frozen
class RetentionQuery:
    """The arguments of `retention`, with times in whole microseconds.

    Attributes:
        now: The evaluation time.
        calendar: The calendar that cuts periods.
        window: The length of each person's own windows. None for calendar periods.
        brackets: The first period of each bracket, counted from the start, and the end of the last bracket.
        counting: The people and amounts that count.
    """

    now: int
    calendar: Calendar
    window: int | None
    brackets: tuple[int, ...]
    counting: Counting

    def plan(self, start: int | None) -> Plan:
        """Return the plan for people and periods, given the start of the first person."""
        periods = Periods.between(self.now if start is None else start, self.now, self.calendar)
        return Plan(self.now, periods, self.window, self.brackets, self.counting.refund_basis)


@attrs.frozen
class Table:
    """The counts, with the data they come from.

    Attributes:
        plan: How people and periods were joined.
        cohort_counts: The counts.
        orders: The orders.
        query: The query.
    """

    plan: Plan
    cohort_counts: CohortCounts
    orders: Orders
    query: RetentionQuery
    _cells: Frame | None = None

    @cached_property
    def spans(self) -> Frame:
        """The cells in which each person is counted.

        For counts by loops, they are computed on first access.
        """
        if self._cells is not None:
            return self._cells
        return frame_by_part(
            self.orders.rows, PERSON, lambda rows: _by_engine(self.orders.of_rows(rows), self.query, self.plan).spans
        )


def table_of(orders: Orders, query: RetentionQuery) -> Table:
    """Count orders for a query.

    Raises:
        ArgumentError: The log of the kind that starts cohorts is missing, or that of purchases.
    """
    plan = cache(lambda: _plan(orders, query))

    def count(rows: Frame | None) -> Table:
        part = orders.of_rows(rows)
        of_all = None if part is orders else plan()
        return _by_loops(part, query, of_all) or _by_engine(part, query, of_all or plan())

    tables = by_part(orders.rows, PERSON, count, lambda table: attrs.evolve(table, cells=None))
    if tables[0].orders is orders:
        return tables[0]
    return Table(plan(), merged([one.cohort_counts for one in tables]), orders, query)


def _plan(orders: Orders, query: RetentionQuery) -> Plan:
    return query.plan(started(orders.events(query.counting.first, query.now), "t"))


def _by_engine(orders: Orders, query: RetentionQuery, plan: Plan) -> Table:
    firsts = orders.firsts(query.counting.first, query.now)
    all_people = collect_once(people(firsts if query.counting.first != RECURRING else _recurring(orders, plan), plan))
    rows = collect_once(activity(orders, all_people, plan))
    cells = spans(rows, query.counting.measure, plan)
    return Table(plan, cohort_counts(all_people, rows, cells), orders, query, cells)


def _recurring(orders: Orders, plan: Plan) -> Frame:
    """Return the first purchase of each person in each period with purchases."""
    placed = orders.valid(plan.now).with_columns(_period=plan.periods.index_column("t"))
    return placed.group_by(PERSON, "_period").agg(nw.col("t").min().alias("first")).select(PERSON, "first")


def _by_loops(orders: Orders, query: RetentionQuery, plan: Plan | None) -> Table | None:
    """Count with loops; without a plan, these orders are everybody's.

    None if the orders are not local, numba is missing, there are too many cells, or more than orders is read.
    """
    counting = query.counting
    if (counting.first, counting.refund_basis, counting.amount) != ("purchase", "order", REVENUE) or not (
        installed("polars") and installed("numba")
    ):
        return None
    from funnel.metrics._purchase_loops import Purchases
    from funnel.metrics._retention.cohort_loops import cohort_counts as counts_by_loops

    purchases = Purchases.of(orders, query.now)
    if purchases is None:
        return None
    plan = query.plan(purchases.first) if plan is None else plan
    counts = counts_by_loops(purchases, plan, query.counting.measure)
    return None if counts is None else Table(plan, counts, orders, query)


# ---- retention -------------------------------------------------------------------------------------------------------


@overload
def retention(
    purchases: Sequence[Mapping[str, object] | Purchase],
    period: Period = "month",
    *,
    tz: str,
    as_of: datetime,
    week_start: Weekday | None = None,
    window: SpanLike | None = None,
    brackets: Sequence[int] = (),
    counting: Counting = DEFAULT_COUNTING,
) -> Cohorts[list[Any]]: ...


@overload
def retention(
    purchases: Logs[NativeT] | NativeT,
    period: Period = "month",
    *,
    tz: str,
    as_of: datetime,
    week_start: Weekday | None = None,
    window: SpanLike | None = None,
    brackets: Sequence[int] = (),
    counting: Counting = DEFAULT_COUNTING,
) -> Cohorts[NativeT]: ...


@overload
def retention(
    purchases: Logs[NativeT],
    period: Period = "month",
    *,
    tz: str,
    as_of: datetime,
    week_start: Weekday | None = None,
    window: SpanLike | None = None,
    brackets: Sequence[int] = (),
    counting: Counting = DEFAULT_COUNTING,
    by: str,
) -> Groups[Cohorts[NativeT]]: ...


def retention(  # noqa: PLR0913 (keywords; docs/decisions/few-arguments.md)
    purchases: object,
    period: Period = "month",
    *,
    tz: str,
    as_of: datetime,
    week_start: Weekday | None = None,
    window: SpanLike | None = None,
    brackets: Sequence[int] = (),
    counting: Counting = DEFAULT_COUNTING,
    by: str | None = None,
) -> Cohorts[Any] | Groups[Cohorts[Any]]:
    """Count people who bought in each period after their first, with orders and revenue.

    Only purchases that are valid at `as_of` count: neither cancelled nor fully refunded by then. A person without a
    valid purchase is in no cohort. A person who bought before the records begin counts as new. Therefore the first
    cohort is too large if the shop is older than its records.

    Args:
        purchases: The logs of a shop; or a table of any engine with `person_id`, `purchased_at` and, if known,
            `amount`, `id`, `status`, `cancelled_at`; or a list of such mappings, or of `Purchase`. If rows have no
            `id`, each row is a purchase.
        period: The calendar period of cohorts and of the columns.
        tz: The time zone in which periods are cut, such as "Asia/Jakarta".
        as_of: The evaluation time.
        week_start: The first day of a week; required for "week".
        window: A number of whole days. Columns are then windows of this length from each person's own start, not
            calendar periods. A window includes its end. A person counts in a window when it is over.
        brackets: The first period of each column, counted from 0, and the end of the last column: (0, 1, 4, 8) gives
            period 0, periods 1 to 3, and periods 4 to 7. By default, each period is a column.
        counting: The event that starts a person's time, the people that a cell counts, and the period of refunds.
        by: For `Logs`: the grouping of people. `source`, `campaign` or `referral` of the first arrival, `promotion` of
            the first purchase, or an own column that is not an instant. A column of purchases groups by the first
            purchase, of leads by the first arrival, of interactions by the first interaction, of `with_people` by the
            person. At most 100 groups.

    Returns:
        The cohorts, from the first to the cohort of `as_of`. With `by`: the cohorts of each group.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: The zone, period or weekday is unknown; `brackets` is invalid; the window is not a number of
            days; `counting.amount` is not known; the logs have no purchases; a plain table has a `first` other than a
            purchase; or `by` is not a grouping. If logs have no event of the kind `first`, there are no cohorts.
        LogsError: Columns or rows of a table are invalid.

    Example:
        >>> from datetime import UTC, datetime
        >>> bought = [("sari", 1), ("sari", 2), ("budi", 2), ("budi", 4)]
        >>> rows = [{"person_id": name, "purchased_at": datetime(2026, month, 9, tzinfo=UTC)} for name, month in bought]
        >>> print(retention(rows, tz="Asia/Jakarta", as_of=datetime(2026, 4, 20, tzinfo=UTC)))
         cohort  people       +1     +2  +3
        2026-01       1        1      0  0*
        2026-02       1        0     1*
        average          50.0 %  0.0 %
    """
    now, calendar = parse_as_of(as_of), Calendar.of(period, tz, week_start)
    instance(counting, Counting, "counting", "a Counting, such as Counting(measure='streak')")
    query = RetentionQuery(now, calendar, _length(window), _edges(brackets), counting)
    if by is None:
        return _cohorts(purchases, query)
    logs: Any = purchases
    return by_group(logs, by, now, lambda part: _cohorts(part, query))


def _cohorts(purchases: object, query: RetentionQuery) -> Cohorts[Any]:
    orders = orders_of(purchases).measured_by(query.counting.amount)
    table = table_of(orders, query)
    plan, now, calendar, counting = table.plan, query.now, query.calendar, query.counting
    return Cohorts(
        as_of=instant(now),
        tz=calendar.tz,
        period=calendar.period,
        window=None if query.window is None else query.window * MICROSECOND,
        brackets=query.brackets,
        measure=counting.measure,
        first=counting.first,
        refund_basis=counting.refund_basis,
        is_partial=not plan.periods.is_over(len(plan.periods) - 1, now),
        cohorts=tuple(cohorts_of(table.cohort_counts, plan, is_priced=orders.is_priced)),
        people_of_cell=_PeopleOfCell(table),
        currency=orders.currency,
        amount=orders.measure,
    )


def _length(window: object) -> int | None:
    if window is None:
        return None
    length = span(window, "window")
    if length % DAY:
        raise ArgumentError(
            f"window must be whole days of 24 hours, such as timedelta(days=30) (got {length * MICROSECOND})"
        )
    return length


_MAX_LISTED = 20
_MOST = 10**6
"""More periods than there are days in the supported years."""


def _edges(brackets: Sequence[object]) -> tuple[int, ...]:
    values = each(brackets, "brackets", "a list of whole numbers")
    edges = tuple(edge for edge in values if isinstance(edge, int) and edge <= _MOST)
    rising = all(a < b for a, b in pairwise(edges))
    if len(edges) != len(values) or (edges and (edges[0] != 0 or len(edges) == 1 or not rising)):
        listed = ", ".join(map(brief, values[:_MAX_LISTED]))
        raise ArgumentError(f"brackets must be ascending integers that start at 0, such as (0, 1, 4, 8) (got {listed})")
    return edges


@attrs.frozen
class _PeopleOfCell:
    """Find the people of a cell, by the period index of the cohort and the index of the bracket."""

    table: Table

    def __call__(self, cohort: int, index: int) -> Any:
        """Return the ids of the people of one cell."""
        of_cell = (nw.col("cohort") == cohort) & (nw.col("low") <= index) & (nw.col("high") >= index)
        ids, orders = self.table.spans.filter(of_cell).select(PERSON), self.table.orders
        if orders.is_list:
            return sorted(one for (one,) in to_rows(ids, PERSON))
        return to_native(ids, orders.frame_kind, order=(PERSON,))
