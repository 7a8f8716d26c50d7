"""Choose how cohorts are counted: with loops locally, with the engine elsewhere.

Invariant: both return the same counts.
"""

from __future__ import annotations

from functools import cache, cached_property

import attrs
import narwhals as nw

from funnel._dataframes.adapter import Frame, collect_once, installed
from funnel._dataframes.by_part import by_part, frame_by_part
from funnel.metrics._orders import RECURRING, REVENUE, Orders
from funnel.metrics._periods import Calendar, Periods
from funnel.metrics._purchases import PERSON, started
from funnel.metrics._retention.activity import Plan, activity, people, spans
from funnel.metrics._retention.cells import CohortCounts, cohort_counts, merged
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
        if self._cells is not None:
            return self._cells
        return frame_by_part(
            self.orders.rows, PERSON, lambda rows: _by_engine(self.orders.of_rows(rows), self.query, self.plan).spans
        )


def table_of(orders: Orders, query: RetentionQuery) -> Table:
    """Count orders for a query.

    Raises:
        ArgumentError: There is no log of the kind that starts cohorts, or no log of purchases.
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
