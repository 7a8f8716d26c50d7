"""The activity download of PayPal.

Rules:

- Only payments that the shop received become purchases. Authorizations, holds, transfers to a bank, fees and currency
  conversions are refused and counted.
- The time is `Date` and `Time` with the offset of the letters in `Time Zone`: PST and PDT stand in one file.
- A refund is a row of its own, and belongs to the payment in its `Reference Txn ID`.
- The amount is `Gross`, before the fee. The person is the e-mail address of the payer.
"""

from __future__ import annotations

import polars as pl

from funnel.readers._export import Export
from funnel.readers._export_columns import IS_REFUND, WHY
from funnel.readers._raw import text_if
from funnel.readers._times import day_and_clock

_HOURS = {
    offset: names.split()
    for offset, names in {
        "+0000": "UTC GMT WET",
        "+0100": "CET MEZ WEST",
        "+0200": "CEST MESZ EET",
        "+0300": "EEST",
        "+0700": "WIB",
        "+0800": "WITA",
        "+0900": "WIT JST",
        "+1000": "AEST",
        "+1100": "AEDT",
        "+1200": "NZST",
        "+1300": "NZDT",
        "-0400": "EDT",
        "-0500": "EST CDT",
        "-0600": "MDT",
        "-0700": "MST PDT",
        "-0800": "PST",
    }.items()
}
_OFFSETS = {name: offset for offset, names in _HOURS.items() for name in names}

_PAYMENT = "payment|donation"
_REFUND = "refund|reversal"
_OTHER = "hold|release|authorization|order|withdrawal|deposit|transfer|fee|conversion"


def _prepared(rows: pl.DataFrame) -> pl.DataFrame:
    kind, below = pl.col("kind").str.to_lowercase(), pl.col("amount").str.contains(r"^\(|^'?-")
    offset = pl.col("zone").str.to_uppercase().replace_strict(_OFFSETS, default=None, return_dtype=pl.String)
    when = day_and_clock(offset)
    is_refund = (kind.str.contains(_REFUND) & below).fill_null(value=False)
    is_payment = kind.str.contains(_PAYMENT) & ~kind.str.contains(_OTHER) & ~kind.str.contains(_REFUND)
    why = pl.coalesce(
        text_if(kind.str.contains("currency conversion"), "currency conversion, not a payment"),
        text_if(~is_payment & ~is_refund, "row that is not a payment, such as a transfer, a hold or a fee"),
        text_if(is_payment & below, "payment that the shop sent"),
        text_if(offset.is_null(), "time zone that the reader does not know"),
        text_if(is_refund & pl.col("reference").is_null(), "refund that names no payment"),
        text_if(
            is_refund & ~pl.col("status").str.to_lowercase().is_in(["completed", "refunded"]),
            "refund that was not completed",
        ),
    )
    is_refund = is_refund & why.is_null()
    amount = pl.col("amount").str.strip_chars("'")
    return rows.with_columns(
        why.alias(WHY),
        is_refund.alias(IS_REFUND),
        pl.when(is_refund).then("reference").otherwise("id").alias("id"),
        pl.when(is_refund).then("id").alias("line_id"),
        pl.when(~is_refund).then(when).alias("purchased_at"),
        pl.when(is_refund).then(when).alias("refunded_at"),
        pl.when(is_refund).then(amount).alias("refunded_amount"),
        pl.when(~is_refund).then(amount).alias("amount"),
        pl.when(~is_refund).then("status").alias("status"),
        *(
            pl.when(~is_refund).then(name).alias(name)
            for name in ("product", "sku", "quantity")
            if name in rows.columns
        ),
    )


_EXPORT = Export(
    name="paypal.payments",
    title="PayPal activity download",
    columns={
        "day": ("Date",),
        "clock": ("Time",),
        "zone": ("TimeZone", "Time Zone"),
        "name": ("Name",),
        "kind": ("Type",),
        "status": ("Status",),
        "currency": ("Currency",),
        "amount": ("Gross",),
        "email": ("From Email Address",),
        "id": ("Transaction ID",),
        "reference": ("Reference Txn ID",),
        "product": ("Item Title",),
        "sku": ("Item ID",),
        "quantity": ("Quantity",),
        "address": ("Address Line 1",),
        "phone": ("Contact Phone Number",),
    },
    required=("day", "clock", "zone", "kind", "status", "currency", "amount", "email", "id", "reference"),
    statuses={
        "paid": "completed, cleared, partially refunded",
        "refunded": "refunded, reversed",
        "unpaid": "pending, held, placed, uncleared, unclaimed",
        "failed": "denied, failed, expired, canceled, cancelled, removed, returned",
    },
    zone="in the text",
    time_formats=("%m/%d/%Y %H:%M:%S %z", "%d/%m/%Y %H:%M:%S %z", "%d.%m.%Y %H:%M:%S %z"),
    amount_style="us",
    source="paypal",
    prepare=_prepared,
)

PAYMENTS = (_EXPORT,)
"""Payments of PayPal."""
