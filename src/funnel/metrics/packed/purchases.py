"""The purchases that count, as they lie in local memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import narwhals as nw

from funnel._computing import collected

if TYPE_CHECKING:
    import polars as pl

    from funnel.metrics._orders import Orders


def purchases_here(orders: Orders, now: int) -> pl.DataFrame | None:
    """The purchases that count at an instant: `person_id`, `t`, `net_amount`; no row is moved where all of them do.

    Args:
        orders: What was bought.
        now: The instant of judgement, in microseconds.

    Returns:
        The rows; None where they are elsewhere.

    Raises:
        ArgumentError: There is no log of purchases.
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
