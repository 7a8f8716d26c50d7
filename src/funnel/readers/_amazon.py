"""The order reports of Amazon for sellers.

Rules:

- Reports are tab files without quotes: a quote is a character of a name.
- Each row is one item of an order. Its amount is `item-price` (for all its pieces) with shipping and gift wrap, without
  promotions. Taxes are not added: `item-price` includes them in some countries, and not in others.
- The reports of new orders and of shipments have paid orders only.
- The person is `buyer-email`, an address that Amazon makes for each buyer. The report of all orders has no buyer: its
  orders are refused and counted.
- A report shows no refunds.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from funnel.readers._export import Export
from funnel.readers._export_columns import with_absent

_ADDED = ("item_price", "shipping_price", "gift_wrap_price")
_TAKEN_OFF = ("item_promotion", "shipping_promotion")


def _prepared(rows: pl.DataFrame) -> pl.DataFrame:
    rows = with_absent(rows, (*_ADDED, *_TAKEN_OFF))
    parts = [_number(name) for name in _ADDED]
    off = [pl.when(_number(name) < 0).then(-_number(name)).otherwise(_number(name)) for name in _TAKEN_OFF]
    total = pl.sum_horizontal(*(part.fill_null(0) for part in parts), *(-part.fill_null(0) for part in off))
    wrong = [pl.col(name).is_not_null() & _number(name).is_null() for name in (*_ADDED, *_TAKEN_OFF)]
    readable = pl.col("item_price").is_not_null() & ~pl.any_horizontal(wrong)
    return rows.with_columns(pl.when(readable).then(total.cast(pl.String)).alias("line_amount"))


def _number(name: str) -> pl.Expr:
    text = pl.col(name).str.strip_chars("' ")
    plain = pl.when(text.str.contains(r"^-?[0-9]{1,12}(\.[0-9]{1,4})?$")).then(text)
    return plain.cast(pl.Decimal(22, 4), strict=False)


_MONEY = {
    "item_price": ("item-price",),
    "shipping_price": ("shipping-price",),
    "gift_wrap_price": ("gift-wrap-price",),
    "item_promotion": ("item-promotion-discount",),
    "shipping_promotion": ("ship-promotion-discount",),
    "currency": ("currency",),
    "sku": ("sku",),
    "product": ("product-name",),
    "purchased_at": ("purchase-date",),
}
_BUYER = {
    "email": ("buyer-email",),
    "phone": ("buyer-phone-number",),
    "name": ("buyer-name", "recipient-name"),
    "address": ("ship-address-1",),
}


def _report(columns: Mapping[str, tuple[str, ...]], required: tuple[str, ...], absent: tuple[str, ...] = ()) -> Export:
    return Export(
        name="amazon.orders",
        title="Amazon order report",
        columns={**columns, **_MONEY, **_BUYER},
        required=("id", "purchased_at", "item_price", "quantity", "product", *required),
        absent=absent,
        zone="in the text",
        amount_style="number",
        amount_of="lines",
        quote="",
        source="amazon",
        prepare=_prepared,
    )


_NEW = _report(
    {"id": ("order-id",), "line_id": ("order-item-id",), "quantity": ("quantity-purchased",)}, ("line_id", "email")
)
_SHIPPED = _report(
    {"id": ("amazon-order-id",), "line_id": ("shipment-item-id",), "quantity": ("quantity-shipped",)},
    ("line_id", "email"),
)
_ALL = _report(
    {"id": ("amazon-order-id",), "item_status": ("item-status",), "quantity": ("quantity",)},
    ("item_status",),
    absent=("email",),
)

ORDERS = (_NEW, _SHIPPED, _ALL)
"""Order reports of Amazon: new orders, shipments, and all orders."""
