"""Blank cells: texts that mean an empty cell, and order fields that only one row of an order has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from funnel.readers._raw import ROW, is_text

if TYPE_CHECKING:
    from funnel.readers._mapping import OrderMapping

IS_BARE = "is_bare"
"""Whether a row has no amount of its own while another row of its order has one."""

IS_BELOW = "is_below_its_id"
"""Whether a row took its id from the row above; two equal rows of this kind may belong to two orders."""

IS_FILLED = "is_filled"
"""Whether a blank field is filled from another row of the order without `fill_down` in the mapping."""

_OF_THE_ORDER = ("person_id", "purchased_at", "status", "cancelled_at", "currency")


def with_blanks(rows: pl.DataFrame, mapping: OrderMapping) -> pl.DataFrame:
    """Set blank cells to null, and fill the cells that the mapping allows.

    Args:
        rows: The mapped columns, as in the file.
        mapping: Which texts mean an empty cell, and whether only one row of an order has the order's fields.

    Returns:
        The rows, with null in every blank cell that is not filled; and `is_bare`, `is_filled`, `is_below_its_id`.
    """
    rows = rows.with_columns(_filled_text(rows, name, mapping) for name in rows.columns if name != ROW)
    if not mapping.fill_down:
        return _with_agreed(rows, mapping).with_columns(pl.lit(value=False).alias(IS_BELOW))
    below = pl.col("id").is_null() & pl.any_horizontal(pl.exclude(ROW).is_not_null())
    rows = rows.with_columns(
        below.alias(IS_BELOW), pl.when(below).then(pl.col("id").forward_fill()).otherwise("id").alias("id")
    )
    names = [name for name in _OF_THE_ORDER if name in rows.columns]
    rows = rows.with_columns(_filled(name) for name in names)
    return rows.with_columns(_is_bare(rows).alias(IS_BARE), pl.lit(value=False).alias(IS_FILLED))


def _with_agreed(rows: pl.DataFrame, mapping: OrderMapping) -> pl.DataFrame:
    """Fill the blanks of an order whose rows do not contradict each other; two orders may share a number.

    A blank cancellation time means that the row was not cancelled. If rows below zero are credits, a blank time may be
    the time of a refund.
    """
    names = [name for name in _OF_THE_ORDER if name in rows.columns and name != "cancelled_at"]
    whole = pl.all_horizontal(pl.col(name).drop_nulls().n_unique().over("id") <= 1 for name in names)
    names = [name for name in names if name != "purchased_at" or not mapping.credit_negative]
    filled = [pl.when(whole).then(_filled(name)).otherwise(name).alias(name) for name in names]
    changed = [pl.col(name).is_null() & one.is_not_null() for name, one in zip(names, filled, strict=True)]
    bare = whole & _is_bare(rows)
    return rows.with_columns(*filled, bare.alias(IS_BARE), pl.any_horizontal(bare, *changed).alias(IS_FILLED))


def _filled_text(rows: pl.DataFrame, name: str, mapping: OrderMapping) -> pl.Expr:
    """Return the cells of a column; null if a cell is empty."""
    column = pl.col(name)
    if not is_text(rows.schema[name]):
        return column.fill_nan(None) if rows.schema[name].is_float() else column
    text = column.cast(pl.String)
    bare = text.str.strip_chars()
    return pl.when((bare != "") & ~bare.is_in(mapping.blanks)).then(text).alias(name)


def _filled(name: str) -> pl.Expr:
    """Return a column with an order's blanks filled from its other rows, in any row order."""
    return pl.coalesce(name, pl.when(pl.col("id").is_not_null()).then(pl.col(name).min().over("id"))).alias(name)


def _is_bare(rows: pl.DataFrame) -> pl.Expr:
    if "amount" not in rows.columns:
        return pl.lit(value=False)
    amount, number = pl.col("amount"), pl.col("id")
    return number.is_not_null() & amount.is_null() & amount.is_not_null().any().over("id")
