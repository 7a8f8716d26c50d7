"""The orders export of TikTok Shop and Tokopedia.

Rules:

- The row below the heading describes the columns; it is refused and counted.
- Each row is one product of an order; `Order Amount` and `Order Refund Amount` are those of the order and repeat.
- Days are written dd/mm or mm/dd by the country of the shop. A day above 12 proves the order; else the caller says it.
- Each line has its own state. A line cancelled alone is left out of the lines; the amount stays `Order Amount`.
- Unpaid orders wait for the payment; every later status counts as paid, cash on delivery too.
- The person is `Buyer Username`; with an asterisk it is masked, and the buyer unknown.
"""

from __future__ import annotations

import polars as pl

from funnel.readers._export import Export, State
from funnel.readers._export_columns import FILE, NOTE, WHY, with_absent
from funnel.readers._raw import ROW, text_if

_STATUSES: dict[State, str] = {
    "unpaid": "unpaid, belum dibayar, menunggu pembayaran, ค้างชำระ",
    "paid": (
        "on hold, to ship, perlu dikirim, ที่จะจัดส่ง, shipped, dikirim, จัดส่งแล้ว, delivered, completed, selesai, เสร็จสมบูรณ์"
    ),
    "cancelled": "canceled, cancelled, dibatalkan, ยกเลิกแล้ว",
}


def _prepared(rows: pl.DataFrame) -> pl.DataFrame:
    rows = with_absent(rows, _EXPORT.columns)
    describes = ~pl.col("id").str.contains("[0-9]").fill_null(value=True)
    rows = rows.with_columns(pl.when(~describes).then(pl.all().exclude(FILE, ROW)), describes.alias("describes"))
    kind = pl.col("line_kind").str.to_lowercase()
    refund = pl.col("refunded_amount")
    unlike = (refund.drop_nulls().n_unique().over(FILE, "id") > 1) & pl.col("id").is_not_null()
    unknown = (kind == "return/refund") & refund.str.contains("[1-9]").fill_null(value=False).not_()
    return rows.with_columns(
        text_if((kind == "cancel") & pl.col("cancelled_at").is_not_null(), "cancelled").alias("state"),
        pl.coalesce(
            text_if("describes", "row that describes the columns"),
            text_if(unlike, "order with rows of different refunds"),
        ).alias(WHY),
        text_if(unknown, "return whose refund the export does not have; the order keeps its amount").alias(NOTE),
    ).drop("describes")


_EXPORT = Export(
    name="tiktok.orders",
    title="TikTok Shop orders export",
    columns={
        "id": ("Order ID",),
        "status": ("Order Status",),
        "line_kind": ("Cancelation/Return Type", "Cancellation/Return Type"),
        "line_sku": ("SKU ID",),
        "sku": ("Seller SKU",),
        "product": ("Product Name",),
        "quantity": ("Quantity",),
        "line_amount": ("SKU Subtotal After Discount",),
        "amount": ("Order Amount",),
        "refunded_amount": ("Order Refund Amount",),
        "purchased_at": ("Created Time",),
        "cancelled_at": ("Cancelled Time",),
        "username": ("Buyer Username",),
        "name": ("Recipient",),
        "phone": ("Phone #",),
        "address": ("Detail Address",),
    },
    required=("id", "status", "line_sku", "product", "quantity", "amount", "purchased_at"),
    statuses=_STATUSES,
    time_formats=("%d/%m/%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M:%S", "%d/%m/%Y %I:%M:%S %p"),
    source="tiktok",
    prepare=_prepared,
    line_states=("line_sku", "sku"),
)

ORDERS = (_EXPORT,)
"""Orders export of TikTok Shop and Tokopedia."""
