"""The valid purchases of everyone at an instant, for the metrics that count them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import narwhals as nw

from funnel._computing import collected
from funnel._people import logs_of

if TYPE_CHECKING:
    from funnel._frames import Frame
    from funnel.logs import Logs

PERSON = "person_id"


def purchases_at(logs: Logs, now: int) -> Frame | None:
    """The purchases that count at an instant, one row each: `person_id`, `t`, and `first`, the person's first one.

    Args:
        logs: Everyone's records.
        now: The instant, in microseconds.

    Returns:
        The rows, in the engine that holds the data; None where there is no log of purchases.
    """
    table = logs_of(logs).tables.get("purchases")
    if table is None:
        return None
    rows = table.filter((nw.col("start") <= now) & (nw.col("end") > now)).select(PERSON, "t")
    firsts = rows.group_by(PERSON).agg(nw.col("t").min().alias("first"))
    return rows.join(firsts, on=PERSON, how="inner")


def told(frame: Frame, *columns: str) -> Sequence[tuple[Any, ...]]:
    """The rows of a small table, brought here from whatever engine holds it."""
    lists = collected(frame.select(*columns)).to_dict(as_series=False)
    return list(zip(*(lists[name] for name in columns), strict=True))


def started(frame: Frame, name: str) -> int | None:
    """The smallest instant of a column; None where there is no row."""
    ((start,),) = told(frame.select(nw.col(name).min()), name)
    return None if start is None else int(start)


def whole(value: Any) -> int:
    """A number that an engine gives, which knows nothing of no rows, as a whole number."""
    return 0 if value is None else int(value)
