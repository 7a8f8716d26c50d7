"""The sold orders and the sold order items of Etsy."""

from __future__ import annotations

from funnel.readers import etsy
from tests.readers.exports import SAMPLES

NOTE = "noted 3: order whose cancellation or refund the file does not show (rows 1, 2, 3)"


def test_orders_begin_with_their_day_and_guests_are_known_by_their_display_name() -> None:
    """An order is dated at the first instant of its day in the zone of the shop."""
    data = etsy.orders(SAMPLES["etsy.orders.csv"].path, zone="Europe/Vienna")
    assert data.purchases.select("id", "person_id", "amount", "status", "promotion").rows() == [
        ("3100000001", "lena77", 2_500, "paid", ""),
        ("3100000002", "Max Muster (guest)", 103_500, "paid", "SPRING"),
        ("3100000003", "lena77", 3_500, "paid", ""),
    ]
    assert str(data.purchases["purchased_at"][0]) == "2026-02-28 23:00:00+00:00"
    assert str(data).splitlines() == ["read 3: rows in the file", "read 3: rows kept", "read 3: purchases", NOTE]


def test_the_items_file_adds_up_to_orders() -> None:
    """Two equal items of one order are two lines; the amount is the sum of the items."""
    data = etsy.orders(SAMPLES["etsy.orders.items.csv"].path, zone="Europe/Vienna")
    assert data.purchases.select("id", "amount").rows() == [("3100000001", 2_000), ("3100000002", 208_000)]
    assert data.order_lines.select("purchase_id", "sku", "quantity", "amount").rows() == [
        ("3100000001", "MUG-1", 2, 2_000),
        ("3100000002", "MUG-1", 1, 104_000),
        ("3100000002", "MUG-1", 1, 104_000),
    ]
    assert str(data).splitlines()[-1] == NOTE
