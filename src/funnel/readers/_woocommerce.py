"""Orders of WooCommerce: the CSV files of its common exporters, and the JSON of its REST interface.

Rules:

- An order is paid if its status is processing, completed or on its way; pending and on-hold wait for the payment.
- `customer_id` 0 is a guest: the key is then the e-mail address of the bill.
- Times of a CSV file are the clock of the site; those of JSON are in UTC.
- Exporters write ' before cells that begin with = + - or @; it is removed.
- A row without a status is a further item of the order with its number, or of the order above it.
- The amount is the total of the order, taxes and shipping included. Refunds have no day.
"""

from __future__ import annotations

import attrs
import polars as pl

from funnel.readers._export import Export, State
from funnel.readers._export_columns import FILE, IS_HEAD, with_absent
from funnel.readers._raw import ROW

STATUSES: dict[State, str] = {
    "paid": "processing, completed, shipped, delivered",
    "unpaid": "pending, pending payment, on-hold, on hold, checkout-draft",
    "cancelled": "cancelled, trash",
    "refunded": "refunded",
    "failed": "failed",
}
"""State of an order for each status of WooCommerce, without the prefix wc-."""


def _prepared(rows: pl.DataFrame) -> pl.DataFrame:
    rows = with_absent(rows, _COLUMNS)
    rows = rows.with_columns(pl.col(list(_COLUMNS)).str.replace(r"^' ?([=+@-])", "$1"))
    is_head = pl.col("status").is_not_null()
    above = pl.col("id").forward_fill().over(FILE, order_by=ROW)
    is_line = ~is_head & pl.any_horizontal(pl.col("sku", "product").is_not_null())
    return rows.with_columns(
        pl.when(pl.col("customer_id") != "0").then("customer_id").alias("customer_id"),
        pl.col("status").str.to_lowercase().str.strip_prefix("wc-"),
        pl.concat_str("first_name", "last_name", separator=" ", ignore_nulls=True).alias("name"),
        pl.when(is_line & pl.col("id").is_null()).then(above).otherwise("id").alias("id"),
        is_head.alias(IS_HEAD),
    )


def _of_json(rows: pl.DataFrame) -> pl.DataFrame:
    """Add up the refunds of an order, which the REST interface lists below zero."""
    rows = _prepared(rows)
    several = pl.col("refunded_amount").str.replace_all("-", "", literal=True).str.split("|")
    back = several.cast(pl.List(pl.Decimal(38, 9)), strict=False)
    is_read = back.list.drop_nulls().list.len() == several.list.len()
    total = pl.when(is_read).then(back.list.sum().cast(pl.String)).otherwise(pl.lit("unread"))
    return rows.with_columns(pl.when(pl.col("refunded_amount").is_not_null()).then(total).alias("refunded_amount"))


_COLUMNS: dict[str, tuple[str, ...]] = {
    "id": ("order_id", "Order ID", "Order Number"),
    "purchased_at": ("order_date", "Order Date", "date"),
    "status": ("status", "Order Status"),
    "amount": ("order_total", "Order Total Amount"),
    "refunded_amount": ("refunded_total", "Order Refund Amount", "total_refunded"),
    "currency": ("order_currency", "Currency"),
    "promotion": ("coupon_code", "coupons"),
    "customer_id": ("customer_id", "customer_user", "Customer User ID"),
    "email": ("billing_email", "customer_email", "Email (Billing)"),
    "phone": ("billing_phone", "Phone (Billing)"),
    "first_name": ("billing_first_name", "First Name (Billing)"),
    "last_name": ("billing_last_name", "Last Name (Billing)"),
    "address": ("billing_address_1", "Address 1&2 (Billing)"),
    "sku": ("SKU", "item_sku"),
    "product": ("Item Name", "Product Name"),
    "quantity": ("Quantity", "Quantity (- Refund)", "item_quantity"),
    "line_amount": ("Order Line Subtotal", "item_total"),
    "unit_price": ("Item Cost",),
}

_EXPORT = Export(
    name="woocommerce.orders",
    title="WooCommerce orders export",
    columns=_COLUMNS,
    required=("id", "purchased_at", "status", "amount"),
    statuses=STATUSES,
    amount_style="number",
    source="woocommerce",
    prepare=_prepared,
)

_JSON = attrs.evolve(
    _EXPORT,
    title="WooCommerce orders in JSON",
    columns={
        "id": ("id",),
        "purchased_at": ("date_created_gmt",),
        "status": ("status",),
        "amount": ("total",),
        "refunded_amount": ("refunds.total",),
        "currency": ("currency",),
        "promotion": ("coupon_lines.code",),
        "customer_id": ("customer_id",),
        "email": ("billing.email",),
        "phone": ("billing.phone",),
        "first_name": ("billing.first_name",),
        "last_name": ("billing.last_name",),
        "address": ("billing.address_1",),
        "line_id": ("line_items.id",),
        "sku": ("line_items.sku",),
        "product": ("line_items.name",),
        "quantity": ("line_items.quantity",),
        "line_amount": ("line_items.total",),
    },
    required=("id", "purchased_at", "status", "amount", "currency", "customer_id"),
    zone="UTC",
    prepare=_of_json,
)

ORDERS = (_EXPORT, _JSON)
"""Orders of WooCommerce as CSV, and as JSON of its REST interface."""
