"""Canonical columns of an export: what a declaration may compute, and what the engine reads."""

from __future__ import annotations

import polars as pl

from funnel.readers._formats import TimeColumn
from funnel.readers._people_keys import KEYS
from funnel.readers._raw import ROW

FILE = "funnel: file"
"""The number of a row's file, from 0."""

WHY = "funnel: why"
"""The reason to refuse a row; null for a kept row. An export may set it."""

IS_HEAD = "funnel: is head"
"""Whether a row has the cells of its order. An export may set it; by default every row has them."""

NOTE = "funnel: note"
"""The account's note about a kept row; null for most rows. An export may set it."""

TIMES: tuple[TimeColumn, ...] = ("purchased_at", "cancelled_at", "refunded_at")
ORDER = (
    *TIMES,
    "amount",
    "refunded_amount",
    "currency",
    "state",
    "status",
    "sent",
    "promotion",
    *KEYS,
    "name",
    "address",
)
LINE = ("sku", "product", "quantity", "unit_price", "line_amount", "line_id")
LINE_CELLS = (*LINE[:3], "line")


def with_order_above(rows: pl.DataFrame) -> pl.DataFrame:
    """Give each row without an id and a status the id of the order above it; set `IS_HEAD`."""
    head = pl.col("status").is_not_null()
    own = pl.coalesce("id", pl.when(head).then(pl.lit("")))  # an order without its id ends the order above
    above = own.forward_fill().over(FILE, order_by=ROW)
    return rows.with_columns(head.alias(IS_HEAD), pl.when(above != "").then(above).alias("id"))
