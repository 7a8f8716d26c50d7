"""The valid purchases of everybody at an instant, for the metrics that count them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import narwhals as nw

from funnel._dataframes.compute import to_rows
from funnel._people import logs_of

if TYPE_CHECKING:
    from funnel._dataframes.adapter import Frame
    from funnel.logs import Logs

PERSON = "person_id"


def is_valid(now: int) -> nw.Expr:
    """Return the condition that a row of the ledger counts at an instant, in microseconds."""
    return (nw.col("start") <= now) & (nw.col("end") > now)


def valid_purchases(logs: Logs, now: int) -> Frame | None:
    """Return the purchases that are valid at an instant, one row each. None if there is no log of purchases."""
    table = logs_of(logs)._tables.get("purchases")
    return None if table is None else table.filter(is_valid(now))


def started(frame: Frame, name: str) -> int | None:
    """Return the smallest instant of a column. None if there are no rows."""
    ((start,),) = to_rows(frame.select(nw.col(name).min()), name)
    return None if start is None else int(start)
