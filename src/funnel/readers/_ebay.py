"""The orders report of eBay.

Rules:

- Below the heading stand blank rows, and at the foot the number of records and the name of the seller: all are refused
  and counted.
- An order of several items has a row without `Item Number`, which has the buyer and the total, and a row for each item.
- An order without `Paid On Date` waits for its payment; it was sent if `Shipped On Date` is filled.
- The report has days only, and shows neither cancellations nor refunds.
- The person is `Buyer Username`. The amount is `Total Price`, whose sign ($, £) is the only trace of the currency.
"""

from __future__ import annotations

import polars as pl

from funnel.readers._export import Export
from funnel.readers._export_columns import FILE, IS_HEAD, NOTE, WHY, currency_of, with_absent, without_symbol
from funnel.readers._raw import text_if

_ID = r"^(\d{2}-\d{5}-\d{5}|\d{9,15}-\d{9,15})$"


def _prepared(rows: pl.DataFrame) -> pl.DataFrame:
    rows = with_absent(rows, _COLUMNS)
    has_id = pl.col("id").str.contains(_ID).fill_null(value=False)
    item = pl.col("item").is_not_null()
    is_head = ~item | ~(has_id & ~item).any().over(FILE, "id")
    return rows.with_columns(
        text_if(~has_id, "row without an order number: blank, or at the foot of the report").alias(WHY),
        pl.when(has_id).then("id").alias("id"),
        is_head.alias(IS_HEAD),
        pl.coalesce(currency_of("amount"), currency_of("unit_price")).alias("currency"),
        pl.when(is_head).then(without_symbol("amount")).alias("amount"),
        without_symbol("unit_price"),
        pl.when(is_head).then(text_if(pl.col("paid_at").is_null(), "unpaid", "paid")).alias("state"),
        text_if(pl.col("shipped_at").is_not_null(), "yes").alias("sent"),
        pl.coalesce("sku", "item").alias("sku"),
        text_if(is_head, "order whose cancellation or refund the file does not show").alias(NOTE),
    )


_COLUMNS: dict[str, tuple[str, ...]] = {
    "id": ("Order Number",),
    "username": ("Buyer Username",),
    "name": ("Buyer Name",),
    "email": ("Buyer Email",),
    "address": ("Ship To Address 1",),
    "phone": ("Ship To Phone",),
    "item": ("Item Number",),
    "product": ("Item Title",),
    "sku": ("Custom Label",),
    "quantity": ("Quantity",),
    "unit_price": ("Sold For",),
    "amount": ("Total Price",),
    "purchased_at": ("Sale Date",),
    "paid_at": ("Paid On Date",),
    "shipped_at": ("Shipped On Date",),
}

_EXPORT = Export(
    name="ebay.orders",
    title="eBay orders report",
    columns=_COLUMNS,
    required=("id", "username", "item", "amount", "purchased_at", "paid_at"),
    time_formats=("%b-%d-%y", "%d-%b-%y", "iso"),
    amount_style="us",
    source="ebay",
    prepare=_prepared,
)

ORDERS = (_EXPORT,)
"""Orders of eBay."""
