"""The sold orders and the sold order items of Etsy.

Rules:

- The files have days only: an order is dated at the first instant of its day in the zone of the shop.
- They show neither cancellations nor refunds: the account says so, and every order counts as paid.
- The person is `Buyer User ID`, else `Buyer`, the display name with its id. The items file has only `Buyer`.
- The amount is `Order Total`; in the items file it is the sum of `Item Total`, without shipping and taxes.
"""

from __future__ import annotations

import attrs
import polars as pl

from funnel.readers._export import Export
from funnel.readers._export_columns import NOTE


def _prepared(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.lit("order whose cancellation or refund the file does not show").alias(NOTE))


_EXPORT = Export(
    name="etsy.orders",
    title="Etsy sold orders export",
    columns={
        "id": ("Order ID",),
        "purchased_at": ("Sale Date",),
        "amount": ("Order Total",),
        "currency": ("Currency",),
        "promotion": ("Coupon Code",),
        "customer_id": ("Buyer User ID",),
        "username": ("Buyer",),
        "name": ("Full Name", "Ship Name"),
        "address": ("Street 1", "Ship Address1"),
    },
    required=("id", "purchased_at", "amount", "customer_id", "username"),
    time_formats=("%m/%d/%y", "%m/%d/%Y"),
    amount_style="us",
    source="etsy",
    prepare=_prepared,
)

_ITEMS = attrs.evolve(
    _EXPORT,
    title="Etsy sold order items export",
    columns={
        "id": ("Order ID",),
        "purchased_at": ("Sale Date",),
        "currency": ("Currency",),
        "promotion": ("Coupon Code",),
        "username": ("Buyer",),
        "name": ("Ship Name",),
        "address": ("Ship Address1",),
        "line_id": ("Transaction ID",),
        "sku": ("SKU",),
        "product": ("Item Name",),
        "quantity": ("Quantity",),
        "line_amount": ("Item Total",),
    },
    required=("id", "purchased_at", "username", "line_id", "product", "line_amount"),
    amount_of="lines",
)

ORDERS = (_EXPORT, _ITEMS)
"""Sold orders of Etsy, and their items."""
