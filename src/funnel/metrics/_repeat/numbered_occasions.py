"""Occasions of all people in order: first, second, and so on.

An occasion is shown by its first purchase. Invariant: two purchases at one instant are ordered by source and id, so the
order is the same on every engine.
"""

from __future__ import annotations

import narwhals as nw

from funnel._aggregate.aggregations import GAP
from funnel._dataframes.adapter import Frame
from funnel._expr.to_narwhals import int_lit
from funnel.logs import Logs
from funnel.metrics._purchases import ORDER, PERSON, begins_occasion, valid_purchases, with_gap


def numbered_occasions(logs: Logs, now: int) -> Frame | None:
    """Return the first purchase of each occasion, of the purchases that are valid at an instant.

    Args:
        logs: All records.
        now: The instant, in microseconds.

    Returns:
        Columns `person_id`, `t`, `source`, `id`, `promoted`, `promotion`, `gap`, `nth` and `first`. `gap` is the time
        since the previous purchase. `nth` numbers a person's occasions from 1. `first` is the instant of the first one.
        None without a purchase log.
    """
    valid = valid_purchases(logs, now)
    if valid is None:
        return None
    rows = with_gap(valid.select(PERSON, *ORDER, "promoted", "promotion")).filter(begins_occasion())
    rows = rows.with_columns(_one=int_lit(1), first=nw.col("t").min().over(PERSON))
    nth = nw.col("_one").cum_sum().over(PERSON, order_by=ORDER).cast(nw.Int64())
    return rows.with_columns(nth=nth).select(PERSON, *ORDER, "promoted", "promotion", GAP, "nth", "first")
