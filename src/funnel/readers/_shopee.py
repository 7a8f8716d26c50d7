"""The orders export of Shopee, in Indonesian, English and Vietnamese.

Rules:

- Each row is one line of an order; the total of the order stands on each of its rows and is never added.
- "-" is an empty cell.
- The heading decides how amounts are written: 150.000 is 150 thousand in Indonesian, and 150.5 has a decimal in
  Vietnamese. Indonesian headings mean IDR, Vietnamese headings VND; the currency of English headings is for the caller
  to say.
- Unpaid orders wait for the payment; every later status counts as paid, cash on delivery too.
- An order whose pieces were all returned is refunded. The export has no amount of a smaller refund: such an order keeps
  its amount, and is noted.
- The person is the user name; with an asterisk it is masked, and the buyer unknown.
"""

from __future__ import annotations

from functools import partial

import polars as pl

from funnel.readers._export import Export, State
from funnel.readers._export_columns import NOTE, with_absent
from funnel.readers._raw import text_if

_RECEIVED = "(?i)^(pesanan diterima|order received|người mua xác nhận đã nhận được hàng).*$"
_CANCELLED = ("batal", "dibatalkan", "cancelled", "canceled", "đã hủy")


def _prepared(rows: pl.DataFrame, currency: str | None) -> pl.DataFrame:
    rows = with_absent(rows, ("returned", "return_status", "sku", "variation"))
    status = pl.col("status").str.replace(_RECEIVED, "$1")
    bought, returned = (pl.col(name).cast(pl.Int64, strict=False) for name in ("quantity", "returned"))
    lines = ("id", "sku", "product", "variation")
    # One step for each window: an expression that is used twice would be computed twice.
    rows = rows.with_columns(returned.max().over(lines).fill_null(0).alias("back"))
    back, whole = pl.col("back"), pl.col("is_whole")
    rows = rows.with_columns(((back > 0) & (back >= bought)).fill_null(value=False).all().over("id").alias("is_whole"))
    cancelled = status.str.to_lowercase().is_in(_CANCELLED)
    part = ~whole & ~cancelled & ((back > 0) | pl.col("return_status").is_not_null())
    return rows.with_columns(
        status.alias("status"),
        pl.lit(currency, pl.String).alias("currency"),
        text_if(whole & ~cancelled, "refunded").alias("state"),
        text_if(part, "return whose refund the export does not have; the order keeps its amount").alias(NOTE),
    ).drop("back", "is_whole")


_INDONESIAN: dict[State, str] = {
    "unpaid": "belum bayar",
    "paid": "perlu dikirim, sedang dikirim, dikirim, telah dikirim, pesanan diterima, selesai",
    "cancelled": "batal, dibatalkan",
}

_ENGLISH: dict[State, str] = {
    "unpaid": "unpaid",
    "paid": "to ship, shipping, shipped, to receive, delivered, order received, completed",
    "cancelled": "cancelled, canceled",
}

_VIETNAMESE: dict[State, str] = {
    "unpaid": "chưa thanh toán, chờ thanh toán",
    "paid": (
        "chờ xác nhận, chờ lấy hàng, chờ giao hàng, đang giao, đã giao, đã nhận được hàng, "
        "người mua xác nhận đã nhận được hàng, hoàn thành"
    ),
    "cancelled": "đã hủy",
}

_REQUIRED = ("id", "status", "purchased_at", "amount", "product", "quantity", "username")

_ID = Export(
    name="shopee.orders",
    title="Shopee orders export",
    columns={
        "id": ("No. Pesanan", "Nomor Pesanan"),
        "status": ("Status Pesanan",),
        "return_status": ("Status Pembatalan/ Pengembalian",),
        "purchased_at": ("Waktu Pesanan Dibuat",),
        "sku": ("Nomor Referensi SKU", "Nomor SKU", "SKU Induk"),
        "product": ("Nama Produk",),
        "variation": ("Nama Variasi",),
        "unit_price": ("Harga Setelah Diskon",),
        "quantity": ("Jumlah",),
        "returned": ("Returned quantity", "Jumlah Dikembalikan"),
        "amount": ("Total Pembayaran",),
        "username": ("Username (Pembeli)",),
        "name": ("Nama Penerima",),
        "phone": ("No. Telepon", "Telepon"),
        "address": ("Alamat Pengiriman", "Alamat Pesanan"),
    },
    required=_REQUIRED,
    statuses=_INDONESIAN,
    amount_style="id",
    blanks=("-",),
    source="shopee",
    prepare=partial(_prepared, currency="IDR"),
)

_EN = Export(
    name="shopee.orders",
    title="Shopee orders export",
    columns={
        "id": ("Order ID",),
        "status": ("Order Status",),
        "return_status": ("Return / Refund Status",),
        "purchased_at": ("Order Creation Date", "Order Creation Time"),
        "sku": ("SKU Reference No.", "Parent SKU Reference No."),
        "product": ("Product Name",),
        "variation": ("Variation Name",),
        "unit_price": ("Deal Price",),
        "quantity": ("Quantity",),
        "returned": ("Returned quantity",),
        "amount": ("Grand Total", "Total Amount"),
        "username": ("Username (Buyer)",),
        "name": ("Receiver Name",),
        "phone": ("Phone Number",),
        "address": ("Delivery Address",),
    },
    required=_REQUIRED,
    statuses=_ENGLISH,
    amount_style="us",
    blanks=("-",),
    source="shopee",
    prepare=partial(_prepared, currency=None),
)

_VI = Export(
    name="shopee.orders",
    title="Shopee orders export",
    columns={
        "id": ("Mã đơn hàng",),
        "status": ("Trạng Thái Đơn Hàng",),
        "return_status": ("Trạng thái Trả hàng/Hoàn tiền",),
        "purchased_at": ("Ngày đặt hàng",),
        "sku": ("SKU phân loại hàng", "SKU sản phẩm"),
        "product": ("Tên sản phẩm",),
        "variation": ("Tên phân loại hàng",),
        "unit_price": ("Giá ưu đãi",),
        "quantity": ("Số lượng",),
        "returned": ("Số lượng sản phẩm được hoàn trả",),
        # "Tổng số tiền Người mua thanh toán", with a capital letter, is the amount of a line.
        "amount": ("Tổng số tiền người mua thanh toán",),
        "username": ("Người Mua",),
        "name": ("Tên Người nhận",),
        "phone": ("Số điện thoại",),
        "address": ("Địa chỉ nhận hàng",),
    },
    required=_REQUIRED,
    statuses=_VIETNAMESE,
    amount_style="number",
    blanks=("-",),
    source="shopee",
    prepare=partial(_prepared, currency="VND"),
)

ORDERS = (_ID, _EN, _VI)
"""Orders export of Shopee, in each language of its heading."""
