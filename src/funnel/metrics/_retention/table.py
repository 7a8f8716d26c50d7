"""Choose how cohorts are counted: with numpy locally, with the engine elsewhere.

Invariant: both return the same counts.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import attrs
import narwhals as nw

from funnel._dataframes.adapter import Frame, collect_once, installed
from funnel.metrics._orders import RECURRING, Orders
from funnel.metrics._periods import Calendar, Periods
from funnel.metrics._purchases import PERSON, started
from funnel.metrics._retention.activity import Measure, Plan, RefundBasis, activity, people, spans
from funnel.metrics._retention.cells import Counted, counted


@attrs.frozen
class RetentionQuery:
    """The arguments of `retention`, with times in whole microseconds.

    Attributes:
        now: The instant of judgement.
        calendar: The calendar that cuts periods.
        window: The length of each person's own windows. None for calendar periods.
        brackets: The first period of each bracket, counted from the start, and the end of the last bracket.
        measure: The people that a cell counts.
        first: The kind of event that puts a person into a cohort.
        basis: The period from which refunds are subtracted.
    """

    now: int
    calendar: Calendar
    window: int | None
    brackets: tuple[int, ...]
    measure: Measure
    first: str
    basis: RefundBasis

    def plan(self, start: int | None) -> Plan:
        """Return the plan for people and periods, given the start of the first person."""
        periods = Periods.between(self.now if start is None else start, self.now, self.calendar)
        return Plan(self.now, periods, self.window, self.brackets, self.basis)


@attrs.frozen
class Table:
    """The counts, with the data they come from.

    Attributes:
        plan: How people and periods were joined.
        counted: The counts.
        orders: The orders.
        asked: The query.
    """

    plan: Plan
    counted: Counted
    orders: Orders
    asked: RetentionQuery
    _cells: Frame | None = None

    @cached_property
    def spans(self) -> Frame:
        """The cells in which each person is counted.

        For the numpy counts, they are computed on first access.
        """
        return self._cells if self._cells is not None else _by_engine(self.orders, self.asked).spans


def table_of(orders: Orders, asked: RetentionQuery) -> Table:
    """Count orders for a query.

    Raises:
        ArgumentError: There is no log of the kind that starts cohorts, or no log of purchases.
    """
    return _packed(orders, asked) or _by_engine(orders, asked)


def _by_engine(orders: Orders, asked: RetentionQuery) -> Table:
    firsts = orders.firsts(asked.first, asked.now)
    plan = asked.plan(started(firsts, "first"))
    everyone = collect_once(people(firsts if asked.first != RECURRING else _recurring(orders, plan), plan))
    rows = collect_once(activity(orders, everyone, plan))
    cells = spans(rows, asked.measure, plan)
    return Table(plan, counted(everyone, rows, cells), orders, asked, cells)


def _recurring(orders: Orders, plan: Plan) -> Frame:
    """Return the first purchase of each person in each period with purchases."""
    placed = orders.valid(plan.now).with_columns(_period=plan.periods.place_column("t"))
    return placed.group_by(PERSON, "_period").agg(nw.col("t").min().alias("first")).select(PERSON, "first")


def _packed(orders: Orders, asked: RetentionQuery) -> Table | None:
    """Count with numpy.

    None if the orders are not local, numpy is missing, or more than orders is read.
    """
    if (asked.first, asked.basis) != ("purchase", "order") or not (installed("polars") and installed("numpy")):
        return None
    from funnel.metrics import _packed
    from funnel.metrics._retention.numpy_table import counted as counted_here

    rows = _packed.purchases_here(orders, asked.now)
    if rows is None:
        return None
    first: Any = rows["t"].min()
    plan = asked.plan(first)
    found = counted_here(rows, plan, asked.measure, is_priced=orders.is_priced)
    return Table(plan, found, orders, asked)
