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

_STATUSES: dict[str, State] = {
    "paid": "paid",
    "succeeded": "paid",
    "partially refunded": "paid",
    "partial refund": "paid",
    "disputed": "paid",
    "refunded": "refunded",
    "uncaptured": "unpaid",
    "pending": "unpaid",
    "processing": "unpaid",
    "requires payment method": "failed",
    "requires_payment_method": "failed",
    "requires_action": "failed",
    "requires_confirmation": "failed",
    "incomplete": "failed",
    "failed": "failed",
    "blocked": "failed",
    "canceled": "failed",
    "cancelled": "failed",
}


_PAID = [text for text, state in _STATUSES.items() if state == "paid"]


def _prepared(rows: pl.DataFrame) -> pl.DataFrame:
    rows = rows.with_columns(pl.col("currency").str.to_uppercase())
    if "captured" not in rows.columns:
        return rows
    waits = (pl.col("captured").str.to_lowercase() == "false") & pl.col("status").str.to_lowercase().is_in(_PAID)
    return rows.with_columns(pl.when(waits).then(pl.lit("unpaid")).alias("state"))


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
