"""The valid purchases of everybody at an instant, for the metrics that count them."""

from __future__ import annotations

import narwhals as nw

from funnel._aggregate.aggregations import GAP
from funnel._dataframes.adapter import Frame
from funnel._dataframes.compute import to_rows
from funnel._people import logs_of
from funnel._time import MICROSECOND, NEVER
from funnel.logs import Logs
from funnel.policy import OCCASION

PERSON = "person_id"
ORDER = ("t", "source", "id")
"""Order of the purchases of a person."""


def is_valid(now: int) -> nw.Expr:
    """Return the condition that a row of the ledger counts at an instant, in microseconds."""
    return (nw.col("start") <= now) & (nw.col("end") > now)


def valid_purchases(logs: Logs, now: int) -> Frame | None:
    """Return the purchases that are valid at an instant, one row each. None if the logs have no purchases."""
    table = logs_of(logs)._tables.get("purchases")
    return None if table is None else table.filter(is_valid(now))


def with_gap(purchases: Frame) -> Frame:
    """Add the time since the person's previous purchase; the time since `NEVER` for the first purchase."""
    rows = purchases.with_columns(_before=nw.col("t").shift(1).over(PERSON, order_by=ORDER))
    gap = nw.col("t") - nw.col("_before").fill_null(NEVER).cast(nw.Int64())
    return rows.with_columns(gap.alias(GAP)).drop("_before")


def begins_occasion() -> nw.Expr:
    """Return the condition that a purchase with its gap begins an occasion."""
    return nw.col(GAP) >= OCCASION // MICROSECOND


def started(frame: Frame, name: str) -> int | None:
    """Return the smallest instant of a column. None if there are no rows."""
    ((start,),) = to_rows(frame.select(nw.col(name).min()), name)
    return None if start is None else int(start)
