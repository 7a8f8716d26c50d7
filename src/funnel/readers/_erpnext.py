"""Sales orders of ERPNext, from its Data Export or from the report view of the list.

Rules:

- The cells of the order are on its first line only, if the export has the items; the lines below it belong to it.
- An order is paid if it is completed, or billed and to be delivered; one that is delivered and not billed is kept as
  sent; other open orders are not paid yet. A draft is not an order.
- `Closed` may mean delivered in part or given up: `statuses` has to say which.
- The person is `Customer`, the id that ERPNext gives a customer. The file has days only.
"""

from __future__ import annotations

import polars as pl

from funnel.readers._export import Export, State
from funnel.readers._export_columns import WHY, with_order_above
from funnel.readers._raw import text_if

_STATES: dict[State, str] = {
    "paid": "completed, to deliver",
    "unpaid": "to bill, to pay, to deliver and bill, on hold",
    "cancelled": "cancelled",
}


def _prepared(rows: pl.DataFrame) -> pl.DataFrame:
    status = pl.col("status").str.to_lowercase()
    return with_order_above(rows).with_columns(
        text_if(status == "to bill", "yes").alias("sent"),
        text_if(status == "draft", "draft, not an order yet").alias(WHY),
    )


_EXPORT = Export(
    name="erpnext.orders",
    title="ERPNext sales orders export",
    columns={
        "id": ("ID", "name"),
        "customer_id": ("Customer",),
        "name": ("Customer Name", "customer_name"),
        "purchased_at": ("Date", "Transaction Date", "transaction_date"),
        "amount": ("Grand Total", "grand_total"),
        "currency": ("Currency",),
        "status": ("Status",),
        "email": ("Contact Email", "contact_email"),
        "phone": ("Mobile No", "contact_mobile"),
        "sku": ("Item Code (Items)", "Item Code"),
        "product": ("Item Name (Items)", "Item Name"),
        "quantity": ("Quantity (Items)", "Quantity"),
        "unit_price": ("Rate (Items)", "Rate"),
        "line_amount": ("Amount (Items)", "Amount"),
    },
    required=("id", "customer_id", "purchased_at", "amount", "status"),
    statuses=_STATES,
    time_formats=("iso", "%d-%m-%Y", "%m-%d-%Y", "%d/%m/%Y", "%m/%d/%Y"),
    amount_style="number",
    source="erpnext",
    ids="name",
    prepare=_prepared,
)

ORDERS = (_EXPORT,)
"""Sales orders of ERPNext."""
