"""The orders report of eBay."""

from __future__ import annotations

from funnel.readers import ebay
from tests.readers.exports import SAMPLES


def test_an_order_of_several_items_is_one_order() -> None:
    """The row without an item has the buyer and the total; blank rows and the foot are refused and counted."""
    data = ebay.orders(SAMPLES["ebay.orders.csv"].path, zone="America/Los_Angeles", currency="USD")
    assert data.purchases.select("id", "person_id", "amount", "status").rows() == [
        ("12-00001-00001", "ana_x", 103_000, "paid"),
        ("12-00002-00002", "bo_x", 3_500, "paid"),
    ]
    assert data.order_lines.select("purchase_id", "product", "quantity", "amount").rows() == [
        ("12-00001-00001", "Desk, oak", 1, 102_500),
        ("12-00002-00002", "Lamp", 2, 2_000),
        ("12-00002-00002", "Cup", 1, 1_000),
    ]
    assert str(data).splitlines() == [
        "read 9: rows in the file",
        "read 4: rows kept",
        "read 2: purchases",
        "refused 4: row without an order number: blank, or at the foot of the report (rows 1, 7, 8, 9)",
        "refused 1: order that is not paid yet (row 6)",
        "noted 2: order whose cancellation or refund the file does not show (rows 2, 3)",
    ]
