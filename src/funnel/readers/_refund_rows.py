"""Refunds that are rows of their own: each names the order that it belongs to, and has its own time and amount."""

from __future__ import annotations

import polars as pl

from funnel.readers._mapping import OrderMapping
from funnel.readers._raw import ROW, text_if
from funnel.readers._shop_data import REFUNDS
from funnel.readers._times import read_times
from funnel.readers._values import CODE, line_amount, read_amounts

IS_REFUND = "funnel: is refund"
"""Whether a row is a refund of the order in `id`, with `refunded_at`, `refunded_amount` and `line_id`."""


def with_refund_rows(rows: pl.DataFrame, form: str, why: str, mapping: OrderMapping) -> pl.DataFrame:
    """Parse the refunds among the rows.

    Args:
        rows: The rows of the files.
        form: The format of the times.
        why: The column with the reason to refuse a row.
        mapping: The style of the amounts, and the zone.

    Returns:
        The rows with `back_at` and `back`, the time and the amount of a refund; null for other rows.
    """
    refunds = rows.filter(IS_REFUND).select(ROW, "refunded_at", "refunded_amount", "currency", CODE)
    refunds = read_times(refunds, "refunded_at", "time refunded", mapping.model_copy(update={"time_format": form}))
    refunds = read_amounts(refunds, "refunded_amount", "refunded amount", mapping)
    wrong = pl.coalesce(
        "refunded_at.why",
        text_if(pl.col("refunded_at").is_null(), "refund without its time"),
        text_if(pl.col("currency").str.to_uppercase() != pl.col(CODE), "refund in another currency than the one read"),
        "refunded_amount.why",
    )
    exact = line_amount(pl.lit(1, pl.Int64), pl.col("refunded_amount"), pl.col("refunded_amount.finer"))
    refunds = refunds.select(ROW, pl.col("refunded_at").alias("back_at"), exact.alias("back"), wrong.alias("back_why"))
    rows = rows.join(refunds, on=ROW, how="left", maintain_order="left")
    return rows.with_columns(pl.coalesce(why, "back_why").alias(why)).drop("back_why")


def without_their_columns(orders: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Drop the refunded amount and the refunded state of orders whose refunds are rows."""
    has_rows = pl.col("key").is_in(rows.filter(IS_REFUND)["id"].unique().implode())
    state = pl.when(has_rows & (pl.col("state") == "refunded")).then(pl.lit("paid")).otherwise("state")
    return orders.with_columns(
        pl.when(~has_rows).then("refunded_amount").alias("refunded_amount"), state.alias("state")
    )


def refunds_of_rows(rows: pl.DataFrame, orders: pl.DataFrame, source: str) -> pl.DataFrame:
    """Return the refunds of the orders, oldest first; together never more than the amount of the order."""
    back = rows.filter(IS_REFUND).select(pl.col("id").alias("key"), "back_at", "back", "line_id")
    back = back.join(orders.select("key", "id", "purchased_at", "amount", CODE), on="key").sort(
        "id", "back_at", "line_id"
    )
    before = (pl.col("back").cum_sum() - pl.col("back")).over("id")
    rest = (pl.col("amount") - before).clip(0)
    back = back.with_columns(pl.min_horizontal("back", rest).alias("back")).filter(pl.col("back") > 0)
    return back.select(
        pl.concat_str("id", pl.lit("/"), pl.int_range(1, pl.len() + 1).over("id")).alias("id"),
        pl.lit(source).alias("source"),
        pl.col("id").alias("purchase_id"),
        pl.max_horizontal("back_at", "purchased_at").alias("refunded_at"),
        pl.col("back").alias("amount"),
        pl.col(CODE).alias("currency"),
        pl.lit("refund").alias("reason"),
    ).match_to_schema(REFUNDS)
