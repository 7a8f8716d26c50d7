"""Events of a known export: each row is one event, and all rows are accounted for.

Invariant: rows in the files = rows kept + rows merged + rows refused. The result does not depend on the order of the
rows, on how the rows are divided among files, nor on how often a file is given.

Rules:

- The person is the user id of the event, else the id of the device.
- Events with one id are one event. Two purchases of one order id are one: the earliest is kept.
- An update replaces the amount of its order; the latest update counts.
- A refund without an amount pays back the rest of its order. Refunds never exceed the order, nor precede it.
- A refund, an update or a cancellation without its order is refused.
- Views, carts and checkouts become interactions. A view or a cart of one product has its sku.
- Events of other kinds are refused and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import polars as pl

from funnel._fields import UNPRINTABLE
from funnel.readers._account import Entry
from funnel.readers._export import Export
from funnel.readers._export_account import entries_of, leads_of, outcome
from funnel.readers._export_columns import FILE, WHY
from funnel.readers._json_rows import cell
from funnel.readers._raw import ROW, text_if
from funnel.readers._read_export import Orders, ReadOptions
from funnel.readers._shop_data import INTERACTIONS, ORDER_LINES, PURCHASES, REFUNDS, ShopData
from funnel.readers._times import read_times
from funnel.readers._values import CODE, line_amount, read_amounts, read_ids

WHEN: Final = "purchased_at"
"""The canonical column of the instant of an event, read like the time of an order."""

COLUMNS = (
    "id",
    "event",
    "order_id",
    WHEN,
    "amount",
    "currency",
    "customer_id",
    "origin",
    "campaign",
    "promotion",
    "sku",
)
"""Canonical columns that an export of events computes, as text."""

LINES = "lines"
"""The canonical column of the lines of an order, each with sku, product, quantity and price as text."""

LINE = pl.Struct({"sku": pl.String, "product": pl.String, "quantity": pl.String, "price": pl.String})

_LINES_TEXT = "funnel: lines"
_ABOUT_ORDERS = ("purchase", "update", "refund", "cancel")
_INTERACTIONS = ("view", "cart", "checkout")
_LONGEST_LABEL = 200
_MERGED = {"again": "event with the id of another event", "twin": "purchase of an order that another event has too"}


def with_events(
    rows: pl.DataFrame, names: Sequence[str], event: Callable[[dict[str, str | None]], dict[str, Any]]
) -> pl.DataFrame:
    """Compute the canonical columns of each row with a function of its cells.

    Args:
        rows: The columns that the export has, with `ROW` and `FILE`.
        names: The columns that the function reads; null if the export does not have them.
        event: Returns the canonical columns of a row; those that it leaves out are null.
    """
    cells = [pl.col(name).cast(pl.String) if name in rows.columns else pl.lit(None, pl.String) for name in names]
    rows = rows.select(ROW, FILE, *(one.alias(name) for name, one in zip(names, cells, strict=True)))
    schema: dict[str, Any] = {**dict.fromkeys((*COLUMNS, _LINES_TEXT), pl.String), LINES: pl.List(LINE)}
    records = [event(row) for row in rows.iter_rows(named=True)]
    events = pl.DataFrame([{**one, _LINES_TEXT: cell(one.get(LINES))} for one in records], schema=schema)
    return pl.concat([rows.select(ROW, FILE), events], how="horizontal")


def event_data(rows: pl.DataFrame, export: Export, options: ReadOptions, notes: Sequence[Entry]) -> ShopData:
    """Combine the rows of an export into purchases, refunds, leads and interactions.

    Args:
        rows: The canonical columns as text, with `ROW` and `FILE`.
        export: The export.
        options: The options of the caller.
        notes: Notes about rows and lines, for the account.

    Raises:
        ArgumentError: The events have several currencies, and the caller names none.
    """
    return _Events(export, options).read(rows, notes)


class _Events(Orders):
    """The steps from events to records for one export and one set of options."""

    def read(self, rows: pl.DataFrame, notes: Sequence[Entry]) -> ShopData:
        """Read the rows."""
        rows = self._with_person(self._prepared(rows))
        about_order = pl.col("event").is_in(_ABOUT_ORDERS)
        has_money = rows.filter(about_order & pl.col("currency").is_not_null()).height > 0
        currency = self._currency(rows) if has_money else self._options.currency
        rows = self._with_codes(rows, "order_id", pl.col("event") == "purchase", currency or "USD")
        rows = _with_orders(self._with_values(rows, currency or "USD"))
        remaining = rows.filter(pl.col("outcome") == "kept")
        orders = _orders(remaining)
        code = pl.lit(currency, pl.String) if currency is None else pl.col(CODE)
        tables: dict[str, Any] = {
            "purchases": self._bought(orders, code),
            "refunds": self._paid_back(remaining, orders, code),
            "order_lines": self._lines(remaining, code),
            "leads": leads_of(remaining.filter(pl.col("event") == "lead"), self._source).unique(maintain_order=True),
            "interactions": self._interactions(remaining),
        }
        return ShopData(
            export=self._export.name, currency=currency, account=(*_account(rows, tables), *notes), **tables
        )

    def _with_values(self, rows: pl.DataFrame, currency: str) -> pl.DataFrame:
        """Parse the cells of each event, and find the reason to refuse it."""
        mapping = self._mapping(currency)
        unread = text_if(pl.col("event").is_null(), "event of a kind that is not read")
        rows = read_ids(read_ids(rows, "id", "event", mapping), "person_id", "known person", mapping)
        rows = read_ids(rows, "order_id", "order", mapping)
        rows = read_times(rows, WHEN, "time", mapping)
        rows = read_amounts(rows, "amount", "amount", mapping)
        exact = line_amount(pl.lit(1, pl.Int64), pl.col("amount"), pl.col("amount.finer"))
        below = text_if(pl.col("amount.below") & (pl.col("amount") > 0), "amount below zero")
        about_order, bought = pl.col("event").is_in(_ABOUT_ORDERS), pl.col("event") == "purchase"
        wrong = pl.when(bought | (pl.col("amount.why") != "no amount")).then("amount.why")
        other = pl.when(pl.col("currency").str.to_uppercase() != pl.col(CODE))
        order_whys: list[str | pl.Expr] = [
            "order_id.why",
            other.then(pl.lit("order in another currency than the one read")),
            wrong,
            below,
        ]
        timeless = text_if(pl.col(WHEN).is_null(), "event without its time")
        of_order = pl.when(about_order).then(pl.coalesce(order_whys))
        whys: list[str | pl.Expr] = [unread, WHY, "id.why", "person_id.why", f"{WHEN}.why", timeless, of_order]
        rows = rows.with_columns(exact.alias("amount"), pl.coalesce(whys).alias(WHY))
        for name in ("origin", "campaign", "promotion", "sku"):
            clean = pl.col(name).str.replace_all(UNPRINTABLE, " ").str.slice(0, _LONGEST_LABEL)
            rows = rows.with_columns(clean.alias(name))
        return rows

    def _bought(self, orders: pl.DataFrame, code: pl.Expr) -> pl.DataFrame:
        cancelled = pl.col("cancelled_at").is_not_null()
        return (
            orders.select(
                pl.col("order_id").alias("id"),
                pl.lit(self._source).alias("source"),
                "person_id",
                pl.col(WHEN).alias("purchased_at"),
                "amount",
                code.alias("currency"),
                text_if(cancelled, "cancelled", "paid").alias("status"),
                pl.max_horizontal("cancelled_at", pl.when(cancelled).then(WHEN)).alias("cancelled_at"),
                pl.col("promotion").fill_null(""),
            )
            .sort("purchased_at", "id")
            .match_to_schema(PURCHASES)
        )

    def _paid_back(self, rows: pl.DataFrame, orders: pl.DataFrame, code: pl.Expr) -> pl.DataFrame:
        """Return the refunds in the order of their instants, each at most the rest of its order."""
        whole = orders.select("order_id", pl.col("amount").alias("whole"), pl.col(WHEN).alias("bought_at"))
        refunds = rows.filter(pl.col("event") == "refund").join(whole, on="order_id").sort(WHEN, "id")
        requested = pl.coalesce("amount", "whole")
        total = pl.min_horizontal(requested.cum_sum().over("order_id"), "whole")
        before = total.shift(1, fill_value=0).over("order_id")
        return (
            refunds.with_columns((total - before).alias("amount"))
            .filter(pl.col("amount") > 0)
            .select(
                "id",
                pl.lit(self._source).alias("source"),
                pl.col("order_id").alias("purchase_id"),
                pl.max_horizontal(WHEN, "bought_at").alias("refunded_at"),
                "amount",
                code.alias("currency"),
                pl.lit("refund").alias("reason"),
            )
            .sort("refunded_at", "id")
            .match_to_schema(REFUNDS)
        )

    def _lines(self, rows: pl.DataFrame, code: pl.Expr) -> pl.DataFrame:
        lines = rows.filter(pl.col("event") == "purchase").select("order_id", CODE, LINES)
        lines = lines.explode(LINES).drop_nulls(LINES).unnest(LINES)
        lines = read_amounts(lines, "price", "price", self._mapping("USD"))
        pieces = pl.col("quantity").cast(pl.Decimal(18, 6), strict=False)
        whole = pieces.cast(pl.Int32, strict=False)
        valid = (whole == pieces) & pl.col("price.why").is_null() & ~pl.col("price.below")
        amount = line_amount(whole.cast(pl.Int64), pl.col("price"), pl.col("price.finer"))
        return (
            lines.select(
                pl.col("order_id").alias("purchase_id"),
                pl.lit(self._source).alias("source"),
                pl.coalesce("sku", "product", pl.lit("")).alias("sku"),
                pl.col("product").fill_null(""),
                pieces.alias("quantity"),
                pl.when(valid & (whole.abs().cast(pl.Float64) * pl.col("price") < _LARGEST))
                .then(amount)
                .alias("amount"),
                code.alias("currency"),
            )
            .sort("purchase_id", "sku", "product", "quantity", "amount")
            .match_to_schema(ORDER_LINES)
        )

    def _interactions(self, rows: pl.DataFrame) -> pl.DataFrame:
        return (
            rows.filter(pl.col("event").is_in(_INTERACTIONS))
            .select(
                "id",
                pl.lit(self._source).alias("source"),
                "person_id",
                pl.col(WHEN).alias("occurred_at"),
                pl.col("event").alias("kind"),
                pl.lit("in").alias("direction"),
                pl.lit("web").alias("channel"),
                pl.lit(None, pl.String).alias("regarding"),
                pl.col("sku").fill_null(""),
                pl.lit("").alias("text"),
            )
            .sort("occurred_at", "id")
            .match_to_schema(INTERACTIONS)
        )


_LARGEST = 2**53


def _with_orders(rows: pl.DataFrame) -> pl.DataFrame:
    """Add the outcome of every row: kept, merged or refused."""
    texts = [pl.col(name).cast(pl.String).fill_null("") for name in (*COLUMNS, _LINES_TEXT)]
    content = pl.concat_str(texts, separator="\x1f")
    rows = rows.with_columns(content.alias("content"))
    valid = pl.col(WHY).is_null()
    order = [WHEN, "content", FILE, ROW]
    again = valid & (pl.int_range(pl.len()).over("id", valid, order_by=order) > 0)
    rows = rows.with_columns(again.alias("again"))
    bought = (valid & ~pl.col("again") & (pl.col("event") == "purchase")).fill_null(value=False)
    rows = rows.with_columns(bought.alias("bought"))
    twin = pl.col("bought") & (pl.int_range(pl.len()).over("order_id", "bought", order_by=order) > 0)
    after = pl.col("event").is_in(_ABOUT_ORDERS[1:]) & valid
    homeless = after & ~pl.col("bought").any().over("order_id")
    rows = rows.with_columns(
        pl.coalesce(WHY, text_if(homeless, "event of an order whose purchase is not in the files")).alias(WHY)
    )
    return rows.with_columns(outcome(pl.col(WHY).is_not_null(), twin))


def _orders(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the purchase of each order, with its latest amount and its cancellation."""
    later = rows.sort(WHEN, "id").group_by("order_id")
    newest = later.agg(
        pl.col("amount").filter(pl.col("event") == "update").drop_nulls().last().alias("updated"),
        pl.col(WHEN).filter(pl.col("event") == "cancel").first().alias("cancelled_at"),
    )
    orders = rows.filter(pl.col("event") == "purchase").drop("cancelled_at").join(newest, on="order_id", how="left")
    return orders.with_columns(pl.coalesce("updated", "amount").alias("amount"))


def _account(rows: pl.DataFrame, tables: dict[str, Any]) -> Iterator[Entry]:
    cancelled = tables["purchases"].filter(pl.col("status") == "cancelled").height
    counts = {"purchases": tables["purchases"].height, **({"of them cancelled": cancelled} if cancelled else {})}
    counts |= {name: tables[name].height for name in ("refunds", "leads", "interactions")}
    return entries_of(rows, counts, _MERGED)
