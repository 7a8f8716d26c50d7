"""Choose how cohorts are counted: with loops locally, with the engine elsewhere.

Invariant: both return the same counts.
"""

from __future__ import annotations

from functools import cached_property

import attrs
import narwhals as nw

from funnel._dataframes.adapter import Frame, collect_once, installed
from funnel.metrics._orders import RECURRING, REVENUE, Orders
from funnel.metrics._periods import Calendar, Periods
from funnel.metrics._purchases import PERSON, started
from funnel.metrics._retention.activity import Plan, activity, people, spans
from funnel.metrics._retention.cells import CohortCounts, cohort_counts
from funnel.metrics._retention.counting import Counting


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
        return self._cells if self._cells is not None else _by_engine(self.orders, self.query).spans


def table_of(orders: Orders, query: RetentionQuery) -> Table:
    """Count orders for a query.

    Raises:
        ArgumentError: There is no log of the kind that starts cohorts, or no log of purchases.
    """
    return _by_loops(orders, query) or _by_engine(orders, query)


def _by_engine(orders: Orders, query: RetentionQuery) -> Table:
    firsts = orders.firsts(query.counting.first, query.now)
    plan = query.plan(started(firsts, "first"))
    all_people = collect_once(people(firsts if query.counting.first != RECURRING else _recurring(orders, plan), plan))
    rows = collect_once(activity(orders, all_people, plan))
    cells = spans(rows, query.counting.measure, plan)
    return Table(plan, cohort_counts(all_people, rows, cells), orders, query, cells)


def _recurring(orders: Orders, plan: Plan) -> Frame:
    """Return the first purchase of each person in each period with purchases."""
    placed = orders.valid(plan.now).with_columns(_period=plan.periods.index_column("t"))
    return placed.group_by(PERSON, "_period").agg(nw.col("t").min().alias("first")).select(PERSON, "first")


def _by_loops(orders: Orders, query: RetentionQuery) -> Table | None:
    """Count with loops.

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
    plan = query.plan(purchases.first)
    counts = counts_by_loops(purchases, plan, query.counting.measure)
    return None if counts is None else Table(plan, counts, orders, query)
