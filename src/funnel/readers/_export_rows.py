"""Rows of an export before their cells are parsed: blank cells, and lines that were cancelled or returned."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from funnel.readers._export_columns import IS_HEAD, NOTE

_LEFT_OUT = "line that was cancelled or returned, left out of its order"


def without_blanks(rows: pl.DataFrame, blanks: Sequence[str]) -> pl.DataFrame:
    """Strip the text cells of blanks, and set those to null that mean nothing."""
    texts = [name for name, dtype in rows.schema.items() if dtype == pl.String]
    rows = rows.with_columns(pl.col(texts).str.strip_chars())
    has_blank = rows.select(pl.any_horizontal(pl.col(name) == blank for blank in blanks).any() for name in texts).row(0)
    empty = [name for name, has in zip(texts, has_blank, strict=True) if has]
    return rows.with_columns(pl.when(~pl.col(empty).is_in(blanks)).then(pl.col(empty)))


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
