"""Everyone's valid purchases in their order: which was the first, the second, and so on.

Law: two purchases of one instant are told apart by source and id, so the order is the same on every engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import narwhals as nw

from funnel._lift.columns import flag
from funnel._people import logs_of
from funnel.metrics._purchases import PERSON, told, whole

if TYPE_CHECKING:
    from funnel._frames import Frame
    from funnel.logs import Logs

ORDER = ("t", "source", "id")
JUDGED = ("had", "hit", "pending")


def numbered(logs: Logs, now: int) -> Frame | None:
    """The purchases that count at an instant, one row each.

    Args:
        logs: Everyone's records.
        now: The instant, in microseconds.

    Returns:
        `person_id`, `t`, `source`, `id`, `promoted`, `promotion`; `nth` counts a person's purchases from 1, `first` is
        when they made the first. None where there is no log of purchases.
    """
    table = logs_of(logs).tables.get("purchases")
    if table is None:
        return None
    rows = table.filter((nw.col("start") <= now) & (nw.col("end") > now))
    rows = rows.select(PERSON, *ORDER, "promoted", "promotion", _one=nw.lit(1, nw.Int64()))
    nth = nw.col("_one").cum_sum().over(PERSON, order_by=ORDER).cast(nw.Int64())
    return rows.with_columns(nth=nth, first=nw.col("t").min().over(PERSON)).drop("_one")


def judged(people: Frame, started: str, soon: str, span: int, now: int) -> Frame:
    """The people with three flags: who has had the time, who has had it and did it, who is pending.

    Args:
        people: One row a person.
        started: The column of the instant from which they have the time.
        soon: The column that is above 0 where they did it within the time.
        span: The time, in microseconds.
        now: The instant of judgement, in microseconds.
    """
    had = nw.col(started) <= now - span
    return people.with_columns(had=flag(had), hit=flag(had & (nw.col(soon) > 0)), pending=flag(~had))


def added_up(people: Frame, *by: str) -> Mapping[tuple[object, ...], tuple[int, int, int]]:
    """Hits, people who have had the time, and people pending: of all, or of each group."""
    sums = [nw.col(name).sum() for name in JUDGED]
    totals = people.group_by(*by).agg(*sums) if by else people.select(*sums)
    rows = told(totals, *by, "hit", "had", "pending")
    return {tuple(row[: len(by)]): (whole(row[-3]), whole(row[-2]), whole(row[-1])) for row in rows}
