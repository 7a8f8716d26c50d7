"""Records of an export, outcome of each of its rows, and the account of its files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import polars as pl

from funnel.readers._account import FIRST_ROWS, Entry
from funnel.readers._export import OWN
from funnel.readers._export_columns import FILE, IS_REFUND, LINE_CELLS, NOTE, WHY
from funnel.readers._raw import ROW, text_if
from funnel.readers._shop_data import CUSTOMERS, LEADS, ORDER_LINES, ORDER_NAMES, PURCHASES, REFUNDS
from funnel.readers._values import CODE

# ---- records of the orders of an export ------------------------------------------------------------------------------


def purchases_of(orders: pl.DataFrame, source: str) -> pl.DataFrame:
    own = [pl.col(name).alias(name.removeprefix(OWN)) for name in orders.columns if name.startswith(OWN)]
    unpaid = text_if(pl.col("sent").is_null(), "placed", "shipped")
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
            *own,
        )
        .sort("purchased_at", "id")
        .match_to_schema(PURCHASES | {one.meta.output_name(): pl.String() for one in own})
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


def leads_of(rows: pl.DataFrame, source: str) -> pl.DataFrame:
    """Return the leads of rows whose time is that of an arrival."""
    leads = rows.select(
        "person_id",
        pl.col("purchased_at").alias("arrived_at"),
        pl.col("origin").fill_null(source).alias("source"),
        pl.col("campaign").fill_null(""),
    )
    return leads.sort(leads.columns).match_to_schema(LEADS)


# ---- outcome of every row, and the account ---------------------------------------------------------------------------


NOTHING = ("rows in the file", "rows kept", "purchases")
"""The counts of every account, also of a file without rows."""


def with_outcome(rows: pl.DataFrame, orders: pl.DataFrame) -> pl.DataFrame:
    """Add the outcome of every row: kept, merged or refused, with its reason."""
    chosen = orders.filter("is_chosen").select(
        pl.col("key").alias("id"), pl.col(FILE).alias("chosen"), pl.col(WHY).alias("order_why")
    )
    files = rows.select("id").join(chosen, on="id", how="left", maintain_order="left")
    rows = rows.hstack(files.drop("id"))  # a join of the whole rows would copy every column
    no_order = text_if(pl.col("id").is_null(), "row without an order id")
    no_head = pl.when(pl.col("chosen").is_null()).then(
        text_if(IS_REFUND, "refund whose order is not in the files", "line whose order is not in the files")
    )
    rows = rows.with_columns(pl.coalesce(WHY, "order_why", no_order, no_head).alias("refused"))
    return rows.with_columns(
        pl.coalesce(
            text_if(pl.col(ROW).is_in(_twins(rows).implode()), "merged"),
            text_if(pl.col("refused").is_not_null(), "refused"),
            pl.lit("kept"),
        ).alias("outcome")
    )


def _twins(rows: pl.DataFrame) -> pl.Series:
    """Return the rows that another file has too; of those, the row of the file chosen for the order is kept."""
    if rows[FILE].n_unique() == 1:
        return rows[ROW].clear()
    several = pl.col(FILE).min().over("id") != pl.col(FILE).max().over("id")
    rows = rows.filter(pl.col("chosen").is_not_null()).filter(several)
    cells = [pl.when(pl.col("line_id").is_null()).then(name).alias(name) for name in LINE_CELLS]
    content = [pl.col(name).fill_null("") for name in ("id", "line_id")] + [cell.fill_null("") for cell in cells]
    rows = rows.with_columns(pl.int_range(pl.len()).over(FILE, *content).alias("copy"))
    other = (pl.col(FILE) != pl.col("chosen")).alias("is_other")
    twin = pl.int_range(pl.len()).over(*content, "copy", order_by=[other, pl.col(FILE), pl.col(ROW)]) > 0
    return rows.filter(twin)[ROW]


def account_of(
    rows: pl.DataFrame, orders: pl.DataFrame, purchases: pl.DataFrame, refunds: pl.DataFrame, notes: Sequence[Entry]
) -> tuple[Entry, ...]:
    status = purchases["status"]
    more = {
        "of them cancelled": int((status == "cancelled").sum()),
        "of them not paid yet": int((status == "placed").sum()),
        "refunds": refunds.height,
    }
    counts = {"purchases": purchases.height, **{name: count for name, count in more.items() if count}}
    noted = {
        "order that differs between files; the furthest state is kept": _rows_of(rows, orders, pl.col("versions") > 1),
        "order not paid yet but sent, kept as shipped": _rows_of(
            rows, orders, (pl.col("state") == "unpaid") & pl.col("sent").is_not_null()
        ),
        "refund of the whole order without its day, taken as a cancellation": _rows_of(
            rows, orders, pl.col("is_cancelled") & (pl.col("state") != "cancelled")
        ),
        "refund without its day, taken off the amount": _rows_of(rows, orders, pl.col("reduced") > 0),
    }
    return (
        *entries_of(rows, counts, {"merged": "row of an order that another file has too"}, "refused"),
        *notes,
        *entries("noted", rows.filter(pl.col("outcome") == "kept"), NOTE),
        *(entry("noted", why, matches) for why, matches in noted.items() if matches.len()),
    )


def entries_of(
    rows: pl.DataFrame, counts: Mapping[str, int], merged: Mapping[str, str], why: str = WHY
) -> Iterator[Entry]:
    """Yield the counts of rows with an outcome, and of what they became; then the merged and the refused rows."""
    yield Entry("read", "rows in the files" if rows[FILE].n_unique() > 1 else "rows in the file", rows.height)
    yield Entry("read", "rows kept", rows.filter(pl.col("outcome") == "kept").height)
    yield from (Entry("read", name, count) for name, count in counts.items())
    for outcome, reason in merged.items():
        if (which := rows.filter(pl.col("outcome") == outcome)[ROW]).len():
            yield entry("merged", reason, which)
    yield from entries("refused", rows.filter(pl.col("outcome") == "refused"), why)


def outcome(refused: pl.Expr, twin: pl.Expr) -> pl.Expr:
    """Return the outcome of rows that are a person or an event each; the column `again` marks repeated ids."""
    why = pl.coalesce(text_if(refused, "refused"), text_if("again", "again"), text_if(twin, "twin"), pl.lit("kept"))
    return why.alias("outcome")


def _rows_of(rows: pl.DataFrame, orders: pl.DataFrame, which: pl.Expr) -> pl.Series:
    """Return the kept rows of some orders."""
    keys = orders.filter(which)["key"]
    return rows.filter((pl.col("outcome") == "kept") & pl.col("id").is_in(keys.implode()))[ROW]


def entries(kind: Literal["refused", "noted"], rows: pl.DataFrame, column: str) -> list[Entry]:
    """Return an entry for each reason that a column of rows has, the most frequent first."""
    reasons = rows.drop_nulls(column).group_by(column).agg(pl.len().alias("count"), pl.col(ROW).sort().head(FIRST_ROWS))
    sorted_ones = reasons.sort("count", column, descending=[True, False])
    return [Entry(kind, why, count, tuple(first)) for why, count, first in sorted_ones.iter_rows()]


def entry(kind: Literal["merged", "noted"], reason: str, rows: pl.Series) -> Entry:
    """Return an entry about some rows."""
    return Entry(kind, reason, rows.len(), tuple(rows.sort().head(FIRST_ROWS)))
