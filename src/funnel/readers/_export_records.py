"""Records of the orders of an export."""

from __future__ import annotations

import polars as pl

from funnel.readers._shop_data import CUSTOMERS, ORDER_LINES, ORDER_NAMES, PURCHASES, REFUNDS
from funnel.readers._values import CODE


def purchases_of(orders: pl.DataFrame, source: str) -> pl.DataFrame:
    unpaid = pl.when(pl.col("sent").is_null()).then(pl.lit("placed")).otherwise(pl.lit("shipped"))
    status = (
        pl.when("is_cancelled")
        .then(pl.lit("cancelled"))
        .when(pl.col("state") == "unpaid")
        .then(unpaid)
        .otherwise(pl.lit("paid"))
    )
    return (
        orders.select(
            "id",
            pl.lit(source).alias("source"),
            "person_id",
            "purchased_at",
            pl.col("amount") - pl.col("reduced"),
            pl.col(CODE).alias("currency"),
            status.alias("status"),
            pl.when("is_cancelled").then("cancelled_at").alias("cancelled_at"),
            pl.col("promotion").fill_null(""),
        )
        .sort("purchased_at", "id")
        .match_to_schema(PURCHASES)
    )


def order_names_of(orders: pl.DataFrame, rows: pl.DataFrame, source: str) -> pl.DataFrame:
    """Return the name of each order that has one beside its id."""
    if "name_of_order" not in rows.columns:
        return pl.DataFrame(schema=ORDER_NAMES)
    names = rows.group_by(key="id").agg(name=pl.col("name_of_order").min())
    ids = orders.select("key", pl.col("id").alias("purchase_id"), pl.lit(source).alias("source"))
    by_id = ids.join(names, on="key").filter(pl.col("name") != pl.col("purchase_id"))
    return by_id.select(*ORDER_NAMES).sort("purchase_id")


def refunds_of(orders: pl.DataFrame, source: str) -> pl.DataFrame:
    return (
        orders.filter(pl.col("refund") > 0)
        .select(
            (pl.col("id") + "/1").alias("id"),
            pl.lit(source).alias("source"),
            pl.col("id").alias("purchase_id"),
            "refunded_at",
            pl.col("refund").alias("amount"),
            pl.col(CODE).alias("currency"),
            pl.lit("refund").alias("reason"),
        )
        .sort("refunded_at", "id")
        .match_to_schema(REFUNDS)
    )


def order_lines_of(rows: pl.DataFrame, source: str) -> pl.DataFrame:
    lines = rows.filter(pl.any_horizontal(pl.col("sku", "product").is_not_null()))
    return (
        lines.select(
            pl.col("id").str.strip_chars(" \t\r\n'").alias("purchase_id"),
            pl.lit(source).alias("source"),
            pl.coalesce("sku", "product").alias("sku"),
            pl.col("product").fill_null(""),
            pl.col("pieces").alias("quantity"),
            pl.col("line").alias("amount"),
            pl.col(CODE).alias("currency"),
        )
        .sort("purchase_id", "sku", "product", "quantity", "amount")
        .match_to_schema(ORDER_LINES)
    )


def customers_of(orders: pl.DataFrame) -> pl.DataFrame:
    """Return the contact details of each person, from the person's latest order that has them."""
    latest = [
        pl.col(name).sort_by("purchased_at", "id").drop_nulls().last().fill_null("").alias(name)
        for name in ("name", "email", "phone", "address")
    ]
    return orders.group_by("person_id").agg(latest).sort("person_id").match_to_schema(CUSTOMERS)
