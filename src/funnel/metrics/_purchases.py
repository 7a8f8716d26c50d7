"""The valid purchases of everybody at an instant, for the metrics that count them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import narwhals as nw

from funnel._dataframes.compute import collected
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
    table = logs_of(logs).tables.get("purchases")
    if table is None:
        return None
    rows = table.filter((nw.col("start") <= now) & (nw.col("end") > now)).select(PERSON, "t")
    firsts = rows.group_by(PERSON).agg(nw.col("t").min().alias("first"))
    return rows.join(firsts, on=PERSON, how="inner")


def to_rows(frame: Frame, *columns: str) -> Sequence[tuple[Any, ...]]:
    """Return the rows of a small table in local memory, from any engine."""
    lists = collected(frame.select(*columns)).to_dict(as_series=False)
    return list(zip(*(lists[name] for name in columns), strict=True))


def started(frame: Frame, name: str) -> int | None:
    """Return the smallest instant of a column. None if there are no rows."""
    ((start,),) = to_rows(frame.select(nw.col(name).min()), name)
    return None if start is None else int(start)


def whole(value: Any) -> int:
    """Return a number from an engine as a whole number.

    An engine may return null for an empty table.
    """
    return 0 if value is None else int(value)
