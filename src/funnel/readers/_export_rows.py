"""Rows of an export before their cells are parsed: blanks, currencies, and lines that were cancelled or returned."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from funnel.money import DECIMALS
from funnel.readers._export_columns import IS_HEAD, NOTE, WHY
from funnel.readers._values import CODE

_LEFT_OUT = "line that was cancelled or returned, left out of its order"


def without_blanks(rows: pl.DataFrame, blanks: Sequence[str]) -> pl.DataFrame:
    """Strip the text cells of blanks, and set those to null that mean nothing."""
    texts = [name for name, dtype in rows.schema.items() if dtype == pl.String]
    rows = rows.with_columns(pl.col(texts).str.strip_chars())
    has_blank = rows.select(pl.any_horizontal(pl.col(name) == blank for blank in blanks).any() for name in texts).row(0)
    empty = [name for name, has in zip(texts, has_blank, strict=True) if has]
    return rows.with_columns(pl.when(~pl.col(empty).is_in(blanks)).then(pl.col(empty)))


def with_codes(rows: pl.DataFrame, order: str, of_order: pl.Expr, default: str) -> pl.DataFrame:
    """Add the currency of the order of each row; refuse an order with several currencies or an unknown one.

    Args:
        rows: The rows.
        order: The column with the id of the order.
        of_order: Whether the order has the currency of the row; not for a refund.
        default: The currency of an order that does not state it.
    """
    cell = pl.col("currency").str.to_uppercase()
    lowest, highest = cell.filter(of_order).min().over(order), cell.filter(of_order).max().over(order)
    code = pl.when(of_order.any().over(order)).then(lowest).otherwise(cell)  # the order of a refund may be missing
    is_known = code.is_in(list(DECIMALS))
    why = (
        pl.when(lowest != highest)
        .then(pl.lit("order with rows of different currencies"))
        .when(~is_known)
        .then(pl.lit("order in a currency that is not in ISO 4217"))
    )
    return rows.with_columns(
        pl.when(is_known).then(code).otherwise(pl.lit(default)).alias(CODE),
        pl.coalesce(WHY, pl.when(of_order & pl.col(order).is_not_null()).then(why)).alias(WHY),
    )


def without_lost_lines(rows: pl.DataFrame, line: Sequence[str]) -> pl.DataFrame:
    """Leave cancelled and returned lines out of orders that have other lines; else they decide the order's state."""
    numbered = pl.col("id").is_not_null()
    lost = (pl.col("state").is_in(["cancelled", "refunded"]).any().over("id", *line) & numbered).fill_null(value=False)
    rows = rows.with_columns(lost.alias("is_lost"))
    whole = pl.col("is_lost").all().over("id")
    part = pl.col("is_lost") & ~whole
    back = pl.when((pl.col("state") == "refunded").any().over("id")).then(pl.lit("refunded"))
    return rows.with_columns(
        pl.when(whole).then(pl.coalesce(back, pl.lit("cancelled"))).otherwise("state").alias("state"),
        (pl.col(IS_HEAD) & ~part).alias(IS_HEAD),
        pl.coalesce(pl.when(part).then(pl.lit(_LEFT_OUT)), NOTE).alias(NOTE),
        pl.when(part).then(pl.lit("0")).otherwise("line_amount").alias("line_amount"),
        *(pl.when(~part).then(name).alias(name) for name in ("sku", "product")),
    ).drop("is_lost")
