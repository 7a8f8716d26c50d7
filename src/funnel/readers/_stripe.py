"""The payments export of Stripe.

Rules:

- Each row is one payment; its amount and currency are those of the buyer.
- `Paid`, `succeeded` and `Refunded` payments were paid; the words of a failed, blocked, cancelled or incomplete payment
  mean that nobody paid.
- A payment that was authorized and not captured waits.
- A file may have payments in several currencies; the caller names the one to read, or passes rates. `Converted Amount`
  is not read.
- A refund is dated by `Refunded date (UTC)`, if the export has it.
- The person is `Customer ID`, else the e-mail address of the customer.
"""

from __future__ import annotations

import polars as pl

from funnel.readers._export import Export, State
from funnel.readers._raw import text_if

_STATUSES: dict[State, str] = {
    "paid": "paid, succeeded, partially refunded, partial refund, disputed",
    "refunded": "refunded",
    "unpaid": "uncaptured, pending, processing",
    "failed": (
        "requires payment method, requires_payment_method, requires_action, requires_confirmation, incomplete, "
        "failed, blocked, canceled, cancelled"
    ),
}


_PAID = _STATUSES["paid"].split(", ")


def _prepared(rows: pl.DataFrame) -> pl.DataFrame:
    rows = rows.with_columns(pl.col("currency").str.to_uppercase())
    if "captured" not in rows.columns:
        return rows
    waits = (pl.col("captured").str.to_lowercase() == "false") & pl.col("status").str.to_lowercase().is_in(_PAID)
    return rows.with_columns(text_if(waits, "unpaid").alias("state"))


_EXPORT = Export(
    name="stripe.payments",
    title="Stripe payments export",
    columns={
        "id": ("id",),
        "purchased_at": ("Created date (UTC)", "Created (UTC)"),
        "amount": ("Amount",),
        "refunded_amount": ("Amount Refunded",),
        "refunded_at": ("Refunded date (UTC)",),
        "currency": ("Currency",),
        "status": ("Status",),
        "captured": ("Captured",),
        "customer_id": ("Customer ID",),
        "email": ("Customer Email",),
        "product": ("Description",),
    },
    required=("id", "purchased_at", "amount", "refunded_amount", "currency", "status"),
    statuses=_STATUSES,
    zone="UTC",
    amount_style="us",
    source="stripe",
    prepare=_prepared,
)

PAYMENTS = (_EXPORT,)
"""Payments of Stripe."""
