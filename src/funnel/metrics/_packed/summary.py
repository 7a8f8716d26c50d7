"""Valid purchases in local memory, and the purchase days of every buyer, block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING

import narwhals as nw
import numpy as np
import polars as pl

from funnel._dataframes.by_person import Block, in_blocks
from funnel._dataframes.compute import collected
from funnel._dataframes.loops import Run
from funnel.metrics._packed.periods import Lookup, period_indexes
from funnel.metrics._periods import Periods
from funnel.metrics._purchases import PERSON

if TYPE_CHECKING:
    from funnel.metrics._orders import Orders


def summaries(rows: pl.DataFrame, days: Periods, run: Run, *, is_priced: bool) -> pl.DataFrame:
    """Return one row per buyer with the fields of `PurchaseSummary`.

    Args:
        rows: The valid purchases: `person_id`, `t`, `net_amount`.
        days: The days from the first purchase to the evaluation time.
        run: How loops run.
        is_priced: Whether amounts are known; if not, `repeat_amount` is 0.
    """
    day = period_indexes(rows["t"].to_numpy(), Lookup.of(days.edges))
    value = rows["net_amount"].to_numpy() if is_priced else None
    whole = dict.fromkeys(("repeat_count", "first_to_last_days", "tenure_days", "repeat_amount"), pl.Int64)
    none = pl.DataFrame(schema={PERSON: rows[PERSON].dtype, **whole})
    return pl.concat([none, *in_blocks(rows[PERSON], day, value, lambda block: _of_block(block, len(days) - 1), run)])


def _of_block(block: Block, today: int) -> pl.DataFrame:
    firsts, each = block.starts[:-1], np.diff(block.starts)
    first, last = (block.t[indexes] for indexes in (firsts, block.starts[1:] - 1))
    new = np.empty(len(block.t), np.int64)
    new[1:] = block.t[1:] != block.t[:-1]
    new[firsts] = 0
    later = np.zeros(len(first), np.int64)
    if block.value is not None:
        paid = np.where(block.t > np.repeat(first, each), block.value, 0)
        later = np.add.reduceat(paid, firsts)
    columns = {
        "repeat_count": np.add.reduceat(new, firsts),
        "first_to_last_days": last - first,
        "tenure_days": today - first,
        "repeat_amount": later,
    }
    return pl.DataFrame({PERSON: block.person(np.arange(len(first))), **columns})


# ---- purchases of every person ----


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
