"""The transactions export of Square.

Rules:

- Each row is a payment or a refund, as `Event Type` says; the amount is `Total Collected`, taxes and tip included.
- A refund belongs to the payment with its `Transaction ID`. A refund with an id of its own names no payment.
- The time is `Date` and `Time`; the zone in the file is a name for people, so the caller passes the zone.
- The person is `Customer ID`. A sale without a customer is refused.
- The file does not name its currency; a sign such as £ does.
"""

from __future__ import annotations

import polars as pl

from funnel.readers._export import Export
from funnel.readers._export_columns import IS_REFUND, WHY, currency_of, without_symbol
from funnel.readers._times import day_and_clock


def _prepared(rows: pl.DataFrame) -> pl.DataFrame:
    kind = pl.col("kind").str.to_lowercase()
    is_refund = (kind == "refund").fill_null(value=False)
    when = day_and_clock()
    amount = without_symbol("amount")
    other = pl.when(~kind.is_in(["payment", "refund"]).fill_null(value=False))
    cells = [name for name in ("product", "customer_id", "name") if name in rows.columns]
    return rows.with_columns(
        other.then(pl.lit("row that is neither a payment nor a refund")).alias(WHY),
        is_refund.alias(IS_REFUND),
        currency_of("amount").alias("currency"),
        pl.when(is_refund).then(pl.concat_str(pl.lit("refund "), "payment")).alias("line_id"),
        pl.when(~is_refund).then(when).alias("purchased_at"),
        pl.when(is_refund).then(when).alias("refunded_at"),
        pl.when(is_refund).then(amount).alias("refunded_amount"),
        pl.when(~is_refund).then(amount).alias("amount"),
        *(pl.when(~is_refund).then(name).alias(name) for name in cells),
    )


_EXPORT = Export(
    name="square.transactions",
    title="Square transactions export",
    columns={
        "day": ("Date",),
        "clock": ("Time",),
        "amount": ("Total Collected",),
        "id": ("Transaction ID",),
        "payment": ("Payment ID",),
        "kind": ("Event Type",),
        "product": ("Description",),
        "customer_id": ("Customer ID",),
        "name": ("Customer Name",),
    },
    required=("day", "clock", "amount", "id", "payment", "kind", "customer_id"),
    time_formats=("iso", "%m/%d/%y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S"),
    amount_style="us",
    source="square",
    prepare=_prepared,
)

TRANSACTIONS = (_EXPORT,)
"""Transactions of Square."""
