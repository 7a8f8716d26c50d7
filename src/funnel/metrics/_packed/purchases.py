"""Valid purchases in local memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import narwhals as nw

from funnel._dataframes.compute import collected

if TYPE_CHECKING:
    import polars as pl

    from funnel.metrics._orders import Orders


def purchases_here(orders: Orders, now: int) -> pl.DataFrame | None:
    """Return the purchases valid at an instant, without a copy if all are valid.

    Args:
        orders: The purchases.
        now: The evaluation time, in microseconds.

    Returns:
        The rows with `person_id`, `t` and `net_amount`; None if the data are not in local memory.

    Raises:
        ArgumentError: The logs have no purchases.
    """
    marked = orders.marked(now)
    frame = orders.valid(now) if marked is None else marked
    if not frame.implementation.is_polars():
        return None
    rows: pl.DataFrame = collected(nw.to_native(frame), engine="in-memory").rechunk()
    if marked is None:
        return rows
    counts = rows.drop_in_place("counts")
    return rows if counts.all() else rows.filter(counts)
