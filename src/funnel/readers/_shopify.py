"""The orders export and the customers export of Shopify.

Rules:

- Only `Id` is unique, and only on the first line of an order; the lines below belong to the order above them with the
  same `Name`. `Name` (#1001) is used twice by two shops.
- The state is that of `Financial Status`, unless `Cancelled at` is filled. `Paid at` is empty on many paid orders.
- An order whose payment waits (cash on delivery) was sent if `Fulfillment Status` is fulfilled or partial.
- `Total` includes taxes and shipping. Its currency is `Currency`.
- The orders export has no customer id: the person is the e-mail address, else the telephone number that the customer
  gave, else that of the addresses. The customers export has the id too, but the same keys, so that both files have one
  key for one person; only a customer without either has the id.
- The customers export has no times, so its customers are not leads. It has an apostrophe before each id.
"""

from __future__ import annotations

import polars as pl

from funnel.readers._export import Export
from funnel.readers._export_columns import FILE, IS_HEAD, NOTE, WHY, with_absent
from funnel.readers._raw import ROW, text_if
from funnel.readers._read_people import people_data

_SENT = ("fulfilled", "partial", "partially fulfilled")


def _prepared(rows: pl.DataFrame) -> pl.DataFrame:
    rows = with_absent(rows, _COLUMNS)
    head = pl.col("status").is_not_null()
    own = pl.when(head).then(pl.coalesce("id", "name_of_order"))
    rows = rows.with_columns(head.alias(IS_HEAD), own.alias("own"))
    rows = _with_ids(rows)
    changed = head & pl.col("purchased_at").str.contains(r"^\d{1,2}[/.]")
    return rows.with_columns(
        pl.coalesce(
            text_if(pl.col("cancelled_at").is_not_null(), "cancelled"),
            text_if(pl.col("status").is_null(), "paid"),
        ).alias("state"),
        text_if(pl.col("fulfilment").str.to_lowercase().is_in(_SENT), "yes").alias("sent"),
        text_if(changed, "time changed by a spreadsheet, which removes the zone; export the file again").alias(WHY),
        pl.coalesce("phone", "billing_phone", "shipping_phone").alias("phone"),
        pl.coalesce("billing_name", "shipping_name").alias("name"),
        pl.concat_str("street", "city", "country", separator=", ", ignore_nulls=True).alias("address"),
    )


def _with_ids(rows: pl.DataFrame) -> pl.DataFrame:
    """Give each row the id of its order; most rows stand right below the first row of their order."""
    head = pl.col(IS_HEAD)
    name, file = (pl.when(head).then(column).forward_fill() for column in ("name_of_order", FILE))
    below = (pl.col(FILE) == file).fill_null(value=False) & pl.col("name_of_order").eq_missing(name)
    if rows.select(below.all()).item():
        return rows.with_columns(pl.col("own").forward_fill().alias("id"))
    ids = pl.col("own").drop_nulls()
    return rows.with_columns(
        pl.when(ids.n_unique().over(FILE, "name_of_order") == 1)
        .then(ids.first().over(FILE, "name_of_order"))
        .otherwise(pl.col("own").forward_fill().over(FILE, "name_of_order", order_by=ROW))
        .alias("id")
    )


_COLUMNS: dict[str, tuple[str, ...]] = {
    "id": ("Id",),
    "name_of_order": ("Name",),
    "email": ("Email",),
    "status": ("Financial Status",),
    "fulfilment": ("Fulfillment Status",),
    "currency": ("Currency",),
    "amount": ("Total",),
    "purchased_at": ("Created at",),
    "cancelled_at": ("Cancelled at", "Canceled at"),
    "refunded_amount": ("Refunded Amount",),
    "promotion": ("Discount Code",),
    "quantity": ("Lineitem quantity",),
    "product": ("Lineitem name",),
    "unit_price": ("Lineitem price",),
    "sku": ("Lineitem sku",),
    "phone": ("Phone",),
    "billing_phone": ("Billing Phone",),
    "shipping_phone": ("Shipping Phone",),
    "billing_name": ("Billing Name",),
    "shipping_name": ("Shipping Name",),
    "street": ("Shipping Address1", "Shipping Street", "Billing Address1"),
    "city": ("Shipping City", "Billing City"),
    "country": ("Shipping Country", "Billing Country"),
}

_EXPORT = Export(
    name="shopify.orders",
    title="Shopify orders export",
    columns=_COLUMNS,
    required=("name_of_order", "status", "purchased_at", "amount", "quantity", "product"),
    statuses={
        "paid": "paid, partially_paid, partially_refunded",
        "refunded": "refunded",
        "unpaid": "pending, authorized, unpaid",
        "failed": "expired, voided",
    },
    zone="in the text",
    amount_style="number",
    source="shopify",
    prepare=_prepared,
)

ORDERS = (_EXPORT,)
"""Orders export of Shopify."""


def _customers(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(
        pl.col("id").str.strip_chars("'").alias("customer_id"),
        pl.concat_str("first_name", "last_name", separator=" ", ignore_nulls=True).alias("name"),
        pl.coalesce(name for name in ("phone", "address_phone") if name in rows.columns).alias("phone"),
        pl.lit("customer without the day of arrival, so not a lead: this export has no such column").alias(NOTE),
    )


CUSTOMERS = (
    Export(
        name="shopify.customers",
        title="Shopify customers export",
        columns={
            "id": ("Customer ID",),
            "first_name": ("First Name",),
            "last_name": ("Last Name",),
            "email": ("Email",),
            "phone": ("Phone",),
            "address_phone": ("Default Address Phone",),
            "address": ("Default Address Address1", "Address1"),
            "spent": ("Total Spent",),
            "orders": ("Total Orders",),
        },
        required=("id", "first_name", "last_name", "email", "phone", "spent", "orders"),
        zone="UTC",
        source="shopify",
        prepare=_customers,
        keys=("email", "phone", "customer_id"),
        combine=people_data,
    ),
)
"""Customers export of Shopify."""
