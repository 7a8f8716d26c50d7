"""A small made-up shop for the readers' tests: one way to write its file and its mapping."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from funnel.readers._read_orders import Columns, OrderMapping, read_orders

if TYPE_CHECKING:
    from pathlib import Path

    from funnel.readers._shop_data import ShopData

LINES = {
    "id": "No",
    "person_id": "Buyer",
    "purchased_at": "When",
    "sku": "Item",
    "quantity": "Pieces",
    "unit_price": "Price",
}
WHOLE = {"id": "No", "person_id": "Buyer", "purchased_at": "When", "amount": "Total"}


def mapping(columns: dict[str, str] | None = None, **changes: Any) -> OrderMapping:
    """Make a mapping of whole orders in rupiah, or what is changed of it."""
    values: dict[str, Any] = {"columns": Columns(**(columns or WHOLE)), "currency": "IDR", "zone": "Asia/Jakarta"}
    return OrderMapping(**(values | changes))


def lines(**changes: Any) -> OrderMapping:
    """Make a mapping of order lines in pounds, or what is changed of it."""
    fields = {"currency": "GBP", "zone": "UTC", "credit_prefix": "C", "amount_style": "number"} | changes
    return mapping(LINES, **fields)


def read(folder: Path, text: str, how: OrderMapping) -> ShopData:
    """Write a CSV file and read it."""
    path = folder / "orders.csv"
    path.write_text(text, encoding="utf-8")
    return read_orders(path, how)


def account(orders: ShopData) -> dict[str, tuple[str, int, tuple[int, ...]]]:
    """Look the account up by its reasons."""
    return {entry.reason: (entry.what, entry.count, entry.rows) for entry in orders.account}


def count_of(orders: ShopData, kind: str) -> int:
    """Add up the entries of one kind."""
    return sum(entry.count for entry in orders.account if entry.what == kind)
