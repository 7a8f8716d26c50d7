"""Valid purchases of all people in order: first, second, and so on.

Invariant: two purchases at one instant are ordered by source and id, so the order is the same on every engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import narwhals as nw

from funnel._expr.to_narwhals import int_lit
from funnel.metrics._purchases import PERSON, valid_purchases

if TYPE_CHECKING:
    from funnel._dataframes.adapter import Frame
    from funnel.logs import Logs

ORDER = ("t", "source", "id")


def numbered_purchases(logs: Logs, now: int) -> Frame | None:
    """Return the purchases that are valid at an instant, one row each.

    Args:
        logs: All records.
        now: The instant, in microseconds.

    Returns:
        Columns `person_id`, `t`, `source`, `id`, `promoted`, `promotion`, `nth` and `first`. `nth` numbers a person's
        purchases from 1. `first` is the instant of the first one. None without a purchase log.
    """
    valid = valid_purchases(logs, now)
    if valid is None:
        return None
    rows = valid.select(PERSON, *ORDER, "promoted", "promotion", _one=int_lit(1))
    nth = nw.col("_one").cum_sum().over(PERSON, order_by=ORDER).cast(nw.Int64())
    return rows.with_columns(nth=nth, first=nw.col("t").min().over(PERSON)).drop("_one")
