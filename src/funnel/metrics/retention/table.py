"""Where it is chosen how a table of cohorts is counted: by packed rows in local memory, by the engine elsewhere.

Law: both count the same.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import attrs
import narwhals as nw

from funnel._frames import Frame, installed, kept
from funnel.metrics._orders import RECURRING, Orders
from funnel.metrics._periods import Calendar, Periods
from funnel.metrics._purchases import PERSON, started
from funnel.metrics.retention.activity import Measure, Plan, RefundBasis, activity, people, spans
from funnel.metrics.retention.cells import Counted, counted


@attrs.frozen
class Asked:
    """What is asked of orders; times are whole microseconds.

    Attributes:
        now: The instant of judgement.
        calendar: How time is cut.
        window: How long each of a person's own windows is; None where the periods after are the calendar's too.
        brackets: The periods after with which brackets begin, and with which the last one ends.
        measure: Whom a cell counts.
        first: The kind of event whose first one puts a person into a cohort.
        basis: In which period refunds are taken off.
    """

    now: int
    calendar: Calendar
    window: int | None
    brackets: tuple[int, ...]
    measure: Measure
    first: str
    basis: RefundBasis

    def plan(self, start: int | None) -> Plan:
        """How people and periods are brought together, if the first of them began then."""
        periods = Periods.between(self.now if start is None else start, self.now, self.calendar)
        return Plan(self.now, periods, self.window, self.brackets, self.basis)


@attrs.frozen
class Table:
    """What was counted.

    Attributes:
        plan: How people and periods were brought together.
        counted: The counts.
        orders: The orders.
        asked: The question.
    """

    plan: Plan
    counted: Counted
    orders: Orders
    asked: Asked
    _cells: Frame | None = None

    @cached_property
    def spans(self) -> Frame:
        """The cells in which each person is counted. The packed rows have none: they are counted when first read."""
        return self._cells if self._cells is not None else _by_engine(self.orders, self.asked).spans


def table_of(orders: Orders, asked: Asked) -> Table:
    """Count orders as they are asked for.

    Raises:
        ArgumentError: There is no log of the kind that puts people into cohorts, or none of purchases.
    """
    return _packed(orders, asked) or _by_engine(orders, asked)


def _by_engine(orders: Orders, asked: Asked) -> Table:
    firsts = orders.firsts(asked.first, asked.now)
    plan = asked.plan(started(firsts, "first"))
    everyone = kept(people(firsts if asked.first != RECURRING else _recurring(orders, plan), plan))
    rows = kept(activity(orders, everyone, plan))
    cells = spans(rows, asked.measure, plan)
    return Table(plan, counted(everyone, rows, cells), orders, asked, cells)


def _recurring(orders: Orders, plan: Plan) -> Frame:
    """When each person first bought in each period in which they did."""
    placed = orders.valid(plan.now).with_columns(_period=plan.periods.place_column("t"))
    return placed.group_by(PERSON, "_period").agg(nw.col("t").min().alias("first")).select(PERSON, "first")


def _packed(orders: Orders, asked: Asked) -> Table | None:
    """The same by packed rows; None where the orders are elsewhere, numpy is not there, or more is read than orders."""
    if (asked.first, asked.basis) != ("purchase", "order") or not (installed("polars") and installed("numpy")):
        return None
    from funnel.metrics import packed

    rows = packed.purchases_here(orders, asked.now)
    if rows is None:
        return None
    first: Any = rows["t"].min()
    plan = asked.plan(first)
    found = packed.counted(rows, plan, asked.measure, is_priced=orders.is_priced)
    return Table(plan, found, orders, asked)
