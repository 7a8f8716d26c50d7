"""Valid purchases of all people in order: first, second, and so on.

Invariant: two purchases at one instant are ordered by source and id, so the order is the same on every engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import narwhals as nw

from funnel._dataframes.compute import to_rows, whole
from funnel._expr.to_narwhals import to_int
from funnel._people import logs_of
from funnel.metrics._purchases import PERSON

if TYPE_CHECKING:
    from funnel._dataframes.adapter import Frame
    from funnel.logs import Logs

ORDER = ("t", "source", "id")
WINDOW_FLAGS = ("had", "hit", "pending")


def numbered_purchases(logs: Logs, now: int) -> Frame | None:
    """Return the purchases that are valid at an instant, one row each.

    Args:
        logs: All records.
        now: The instant, in microseconds.

    Returns:
        Columns `person_id`, `t`, `source`, `id`, `promoted`, `promotion`, `nth` and `first`. `nth` numbers a person's
        purchases from 1. `first` is the instant of the first one. None without a purchase log.
    """
    table = logs_of(logs)._tables.get("purchases")
    if table is None:
        return None
    rows = table.filter((nw.col("start") <= now) & (nw.col("end") > now))
    rows = rows.select(PERSON, *ORDER, "promoted", "promotion", _one=nw.lit(1, nw.Int64()))
    nth = nw.col("_one").cum_sum().over(PERSON, order_by=ORDER).cast(nw.Int64())
    return rows.with_columns(nth=nth, first=nw.col("t").min().over(PERSON)).drop("_one")


def with_window_flags(people: Frame, started: str, soon: str, span: int, now: int) -> Frame:
    """Return the people with three flags: complete window, success, pending.

    Args:
        people: One row per person.
        started: Name of the column with the start of the window.
        soon: Name of the column that is above 0 if the person succeeded within the window.
        span: Length of the window, in microseconds.
        now: The evaluation time, in microseconds.
    """
    had = nw.col(started) <= now - span
    return people.with_columns(had=to_int(had), hit=to_int(had & (nw.col(soon) > 0)), pending=to_int(~had))


def window_counts(people: Frame, *by: str) -> Mapping[tuple[object, ...], tuple[int, int, int]]:
    """Return successes, trials and pending people, in total or per group."""
    sums = [nw.col(name).sum() for name in WINDOW_FLAGS]
    totals = people.group_by(*by).agg(*sums) if by else people.select(*sums)
    rows = to_rows(totals, *by, "hit", "had", "pending")
    return {tuple(row[: len(by)]): (whole(row[-3]), whole(row[-2]), whole(row[-1])) for row in rows}
