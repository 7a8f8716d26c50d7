"""The orders export of Lazada.

Rules:

- Each row is one piece of an order, named by `orderItemId`. The amount of an order is the sum of `paidPrice`, the price
  after discounts; shipping is not in it.
- Each piece has its own status. A piece that was cancelled, returned or never delivered is left out of its order.
- Unpaid pieces wait for the payment; every later status counts as paid, cash on delivery too.
- Times are written `04 Jul 2026 11:46`, by the clock of the shop.
- The person is `customerEmail`, else the telephone number. Lazada hides both for many shops: such buyers are unknown.
"""

from __future__ import annotations

import polars as pl

from funnel.readers._export import Export, State

_STATUSES: dict[State, str] = {
    "unpaid": "unpaid",
    "paid": (
        "pending, packed, repacked, ready_to_ship, ready to ship, ready_to_ship_pending, shipped, delivered, confirmed"
    ),
    "cancelled": (
        "canceled, cancelled, failed, failed_delivery, delivery failed, package returned, "
        "in transit: returning to seller, lost_by_3pl, lost by 3pl, damaged_by_3pl, damaged by 3pl"
    ),
    "refunded": "returned",
}


def _prepared(rows: pl.DataFrame) -> pl.DataFrame:
    whole = pl.col("line_amount").str.strip_suffix(".00")  # yen and dong are written with decimals too
    return rows.with_columns(whole.alias("line_amount"), pl.lit("1").alias("quantity"))


_EXPORT = Export(
    name="lazada.orders",
    title="Lazada orders export",
    columns={
        "id": ("orderNumber",),
        "line_id": ("orderItemId",),
        "status": ("status",),
        "purchased_at": ("createTime",),
        "line_amount": ("paidPrice",),
        "sku": ("sellerSku",),
        "product": ("itemName",),
        "email": ("customerEmail",),
        "phone": ("shippingPhone", "billingPhone"),
        "name": ("customerName",),
        "address": ("shippingAddress",),
    },
    required=("id", "line_id", "status", "purchased_at", "line_amount", "product"),
    statuses=_STATUSES,
    time_formats=("%d %b %Y %H:%M",),
    amount_of="lines",
    source="lazada",
    prepare=_prepared,
    line_states=("line_id",),
)

ORDERS = (_EXPORT,)
"""Orders export of Lazada."""
