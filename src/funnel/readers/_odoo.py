"""Sales orders of Odoo, as CSV or xlsx.

Rules:

- The headings are labels (`Order Lines/Product`), in English or Indonesian, or technical names
  (`order_line/product_id`).
- The cells of the order are on its first line only; the lines below it belong to it.
- A confirmed order (`Sales Order`, `Locked`) counts as paid; a quotation is not an order yet.
- The person is the id of the customer; an export without ids has the name only, which the account notes.
- Times are the clock of the user who exported, without a zone. The amount is `Total`, taxes included.
"""

from __future__ import annotations

import polars as pl

from funnel.readers._export import Export, State
from funnel.readers._export_columns import NOTE, WHY, with_absent, with_order_above
from funnel.readers._raw import text_if

_STATES: dict[State, str] = {
    "paid": "sale, sales order, order penjualan, pesanan penjualan, done, locked, terkunci",
    "cancelled": "cancel, cancelled, canceled, dibatalkan",
}
_QUOTATIONS = (
    "draft, sent, quotation, quotation sent, penawaran, penawaran terkirim, penawaran dikirim, kuotasi, "
    "kuotasi terkirim"
)


def _prepared(rows: pl.DataFrame) -> pl.DataFrame:
    keys = ("customer_id", "email", "phone", "name")
    rows = with_absent(rows, keys)
    has_name_only = pl.col("name").is_not_null() & pl.all_horizontal(pl.col(keys[:-1]).is_null())
    quotation = pl.col("status").str.to_lowercase().is_in(_QUOTATIONS.split(", "))
    return with_order_above(rows).with_columns(
        pl.when(has_name_only).then("name").alias("username"),
        text_if(has_name_only, "buyer known by name only; export the id of the customer too").alias(NOTE),
        text_if(quotation, "quotation, not an order yet").alias(WHY),
    )


_EXPORT = Export(
    name="odoo.orders",
    title="Odoo sales orders export",
    columns={
        "id": ("Order Reference", "Referensi Order", "Referensi Pesanan", "Number", "name"),
        "purchased_at": ("Order Date", "Tanggal Order", "Tanggal Pesanan", "date_order"),
        "status": ("Status", "state"),
        "amount": ("Total", "amount_total"),
        "currency": ("Currency", "Mata Uang", "currency_id", "currency_id/name"),
        "customer_id": ("Customer/ID", "Customer/External ID", "Pelanggan/ID", "partner_id/id", "partner_id/.id"),
        "email": ("Customer/Email", "Pelanggan/Email", "partner_id/email"),
        "phone": ("Customer/Phone", "Pelanggan/Telepon", "partner_id/phone"),
        "name": ("Customer", "Customer/Name", "Pelanggan", "partner_id", "partner_id/name"),
        "sku": ("Order Lines/Product/Internal Reference", "order_line/product_id/default_code"),
        "product": (
            "Order Lines/Product",
            "Order Lines/Product/Name",
            "Baris Order/Produk",
            "order_line/product_id",
            "order_line/product_id/name",
        ),
        "quantity": ("Order Lines/Quantity", "Baris Order/Kuantitas", "order_line/product_uom_qty"),
        "unit_price": ("Order Lines/Unit Price", "Baris Order/Harga Satuan", "order_line/price_unit"),
        "line_amount": ("Order Lines/Subtotal", "Baris Order/Subtotal", "order_line/price_subtotal"),
    },
    required=("id", "purchased_at", "status", "amount"),
    statuses=_STATES,
    amount_style="number",
    source="odoo",
    ids="name",
    prepare=_prepared,
)

ORDERS = (_EXPORT,)
"""Sales orders of Odoo."""
