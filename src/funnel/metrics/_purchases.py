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


def purchases_at(logs: Logs, now: int) -> Frame | None:
    """Return the valid purchases: `person_id`, `t`, and `first`, the person's first one.

    Args:
        logs: The logs of the shop.
        now: The instant, in microseconds.

    Returns:
        One row for each purchase, in the engine that holds the data. None if there is no log of purchases.
    """
    table = logs_of(logs)._tables.get("purchases")
    if table is None:
        return None
    rows = table.filter((nw.col("start") <= now) & (nw.col("end") > now)).select(PERSON, "t")
    firsts = rows.group_by(PERSON).agg(nw.col("t").min().alias("first"))
    return rows.join(firsts, on=PERSON, how="inner")


def started(frame: Frame, name: str) -> int | None:
    """Return the smallest instant of a column. None if there are no rows."""
    ((start,),) = to_rows(frame.select(nw.col(name).min()), name)
    return None if start is None else int(start)
