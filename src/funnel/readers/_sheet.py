"""Orders in a spreadsheet that a shop keeps by hand, with Indonesian or English headings.

Rules:

- Each row is one line of an order, and its amount is that of the row: `Total`, else the quantity times the price. Rows
  with one order number are one order; their amounts are added.
- A row without an order number gets an id from its content: the day, the buyer, the product, the quantity and the
  amounts. The status is not part of it, so that a later copy of the sheet may change it. Equal rows are one order.
- `Jumlah` is the quantity, or the amount if the sheet has another column for the quantity.
- The person is the user name, else the e-mail address, else the telephone number. A name alone is not a key.
- With Indonesian headings, texts are 1.234,56 and days 31/12/2026; with English ones 1,234.56, and the order of day and
  month must be clear or declared. Cells that are numbers or dates in an xlsx file are taken as they are.
- Sum rows and blank rows are refused and counted. Every sheet of the file with such a heading is read.
- An order without a status is paid.
"""

from __future__ import annotations

import hashlib

import polars as pl

from funnel.readers._export import Export, State
from funnel.readers._export_columns import WHY, currency_of, with_absent, without_symbol
from funnel.readers._formats import AmountStyle
from funnel.readers._raw import text_if

_SUM = r"(?i)^\W*(grand\s+)?(total|sub\s?total|jumlah|sum|omzet|omset)\b"
_MONTHS = {
    r"(?i)\bjanuari\b": "January",
    r"(?i)\bfebruari\b": "February",
    r"(?i)\bmaret\b": "March",
    r"(?i)\bmei\b": "May",
    r"(?i)\bjuni\b": "June",
    r"(?i)\bjuli\b": "July",
    r"(?i)\bagustus\b|\bagt\b|\bagu\b": "August",
    r"(?i)\boktober\b|\bokt\b": "October",
    r"(?i)\bdesember\b|\bdes\b": "December",
}
_SENT = ("dikirim", "terkirim", "sudah dikirim", "diterima", "shipped", "sent", "delivered")
_STATUSES: dict[State, str] = {
    "paid": "lunas, dibayar, bayar, sudah bayar, sudah dibayar, sudah lunas, selesai, paid, done, complete, completed",
    "unpaid": (
        "belum bayar, belum lunas, belum dibayar, menunggu pembayaran, unpaid, pending, waiting, dikirim, terkirim, "
        "sudah dikirim, diterima, shipped, sent, delivered"
    ),
    "cancelled": "batal, dibatalkan, cancel, cancelled, canceled",
    "refunded": "refund, retur, dikembalikan, refunded, returned",
    "failed": "gagal, failed",
}
_CONTENT = ("day", "username", "email", "phone", "name", "product", "sku", "quantity", "unit_price", "line_amount")


def _prepared(rows: pl.DataFrame) -> pl.DataFrame:
    has_quantity = "quantity" in rows.columns
    rows = with_absent(rows, _INDONESIAN)
    blank = pl.all_horizontal(pl.col(list(_INDONESIAN)).is_null())
    word = pl.any_horizontal(pl.col(name).str.contains(_SUM) for name in ("day", "id", "name", "product"))
    bare = pl.all_horizontal(pl.col("day", "name", "phone", "email", "username", "product").is_null())
    rows = rows.with_columns(
        pl.coalesce(
            text_if(blank, "blank row"),
            text_if(bare | (word & pl.col("who").is_null()) | pl.col("day").str.contains(_SUM), "sum row"),
        ).alias(WHY)
    )
    more = "line_amount" if has_quantity else "quantity"
    rows = rows.with_columns(pl.coalesce(more, "jumlah").alias(more))
    rows = rows.with_columns(
        pl.coalesce(currency_of("line_amount"), currency_of("unit_price")).alias("currency"),
        without_symbol("line_amount"),
        without_symbol("unit_price"),
        pl.coalesce("id", _content_ids(rows)).alias("id"),
        text_if(pl.col("status").str.to_lowercase().is_in(_SENT), "yes").alias("sent"),
    )
    when = pl.col("day")
    for month, english in _MONTHS.items():
        when = when.str.replace(month, english)
    return rows.with_columns(when.alias("purchased_at"))


def _content_ids(rows: pl.DataFrame) -> pl.Series:
    """Return an id for each row from its content."""
    # 40, 40.0 and 40.00 are one amount: a dataframe of numbers has the ids of its file.
    cells = [
        pl.col(name)
        .fill_null("")
        .str.replace(r"^(-?[0-9]+)\.00?$", "${1}")
        .str.replace(r"^(-?[0-9]+\.[0-9])0$", "${1}")
        for name in _CONTENT
    ]
    content = rows.select(pl.concat_str(cells, separator="\x1f"))
    return pl.Series(
        [f"row-{hashlib.sha256(one.encode()).hexdigest()[:20]}" for one in content.to_series()], dtype=pl.String
    )


def _several(names: str) -> tuple[str, ...]:
    return tuple(names.split(", "))


_NAMES = _several("Nama, Nama Pembeli, Nama Customer, Nama Pelanggan, Nama Konsumen, Pembeli, Pelanggan, Customer")
_PHONES = _several(
    "No HP, No. HP, No HP/WA, No. HP/WA, No WA, No. WA, No WhatsApp, No. WhatsApp, Nomor HP, Nomor WA, Nomor WhatsApp, "
    "WhatsApp, WA, HP, HP/WA, No Telepon, No. Telepon, No Telp, No. Telp, Nomor Telepon, Telepon, Telp"
)
_PRODUCTS = ("Produk", "Nama Produk", "Barang", "Nama Barang", "Item", "Orderan")
_PRICES = ("Harga", "Harga Satuan", "Harga Jual")
_TOTALS = ("Total", "Total Harga", "Total Bayar", "Total Belanja", "Jumlah Harga", "Jumlah Bayar", "Nominal")

_INDONESIAN: dict[str, tuple[str, ...]] = {
    "day": ("Tanggal", "Tgl", "Tanggal Order", "Tanggal Pesanan", "Tanggal Pesan", "Tgl Order", "Tanggal Transaksi"),
    "id": _several("No Order, No. Order, ID Order, Kode Order, No Pesanan, ID Pesanan, No Invoice, Invoice, Nota"),
    "who": (*_PHONES, *_NAMES, "Email", "Instagram", "IG"),
    "name": _NAMES,
    "phone": _PHONES,
    "email": ("Email", "E-mail"),
    "username": ("Instagram", "IG", "Akun IG", "Username"),
    "address": ("Alamat", "Alamat Lengkap", "Alamat Pengiriman"),
    "product": _PRODUCTS,
    "sku": ("SKU", "Kode Produk", "Kode Barang"),
    "quantity": ("Qty", "Kuantitas", "Pcs", "Banyak", "Banyaknya", "Jml", "Jumlah Barang", "Jumlah Produk"),
    "jumlah": ("Jumlah",),
    "unit_price": _PRICES,
    "line_amount": _TOTALS,
    "money": (*_TOTALS, *_PRICES),
    "status": ("Status", "Status Pesanan", "Status Order", "Status Pembayaran"),
    "promotion": ("Promo", "Kode Promo", "Voucher"),
}

_E_NAMES = ("Name", "Customer", "Customer Name", "Buyer", "Buyer Name")
_E_PHONES = ("Phone", "Phone Number", "Mobile", "WhatsApp", "WhatsApp Number", "WA", "Telephone")
_E_PRICES = ("Price", "Unit Price")
_E_TOTALS = ("Total", "Amount", "Total Price", "Total Amount")
_ENGLISH: dict[str, tuple[str, ...]] = {
    "day": ("Date", "Order Date", "Date of Order"),
    "id": ("Order No", "Order No.", "Order Number", "Order ID", "Invoice", "Invoice No", "Invoice Number"),
    "who": (*_E_PHONES, *_E_NAMES, "Email", "Instagram", "IG"),
    "name": _E_NAMES,
    "phone": _E_PHONES,
    "email": ("Email", "E-mail", "Email Address"),
    "username": ("Instagram", "IG", "Username"),
    "address": ("Address",),
    "product": ("Product", "Product Name", "Item", "Item Name"),
    "sku": ("SKU", "Product Code"),
    "quantity": ("Qty", "Quantity", "Pcs"),
    "unit_price": _E_PRICES,
    "line_amount": _E_TOTALS,
    "money": (*_E_TOTALS, *_E_PRICES),
    "status": ("Status", "Order Status", "Payment Status"),
    "promotion": ("Promo", "Promo Code", "Coupon", "Coupon Code"),
    "platform": ("Transaction ID", "Financial Status", "Lineitem name", "Order Key", "Buyer User ID", "Event Type"),
}


def _declared(columns: dict[str, tuple[str, ...]], time_formats: tuple[str, ...], style: AmountStyle) -> Export:
    return Export(
        name="sheet.orders",
        title="spreadsheet of orders",
        columns=columns,
        required=("day", "who", "product", "money"),
        absent=tuple(name for name in columns if name == "platform"),
        statuses=_STATUSES,
        time_formats=("iso", *(form + clock for form in time_formats for clock in _CLOCKS)),
        amount_style=style,
        amount_of="lines",
        blanks=("-",),
        source="sheet",
        prepare=_prepared,
    )


_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H.%M")
_DAYS = ("%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%d/%m/%y", "%d-%m-%y", "%d %B %Y", "%d %b %Y", "%d-%b-%Y")

ORDERS = (
    _declared(_INDONESIAN, _DAYS, "id"),
    _declared(_ENGLISH, (*_DAYS, "%m/%d/%Y", "%m/%d/%y", "%B %d, %Y", "%b %d, %Y"), "us"),
)
"""Orders in a spreadsheet kept by hand, in Indonesian and in English."""
