"""The order reports of Amazon: tab files with bare quotes, amounts of items, reports without buyers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl
import pytest

from funnel.readers import ShopData, amazon
from tests.readers.exports import SAMPLES, same
from tests.readers.results import account, bought, frame, lines

if TYPE_CHECKING:
    from pathlib import Path

FILE = "amazon.orders.csv"
ANN, BO = "aaa111@marketplace.amazon.com", "bbb222@marketplace.amazon.com"


def item(**cells: str) -> ShopData:
    """Read one item with other cells; an underscore in a name stands for a hyphen."""
    return amazon.orders(frame(FILE, {name.replace("_", "-"): cell for name, cell in cells.items()}))


def test_orders() -> None:
    """The amount is items with shipping and without promotions; a quote is a character of a name."""
    data = SAMPLES[FILE].read(SAMPLES[FILE].path)
    assert bought(data) == [
        ("111-0000001-0000001", ANN, 47_69, "paid"),
        ("111-0000002-0000002", BO, 13_60, "paid"),
    ]
    assert lines(data) == [
        ("111-0000001-0000001", "FR-10", 2, 29_79),
        ("111-0000001-0000001", "FR-12", 1, 17_90),
        ("111-0000002-0000002", "FR-10", 1, 13_60),
    ]
    assert data.order_lines["product"].to_list()[:2] == ['Frame 10" wide, oak', '"Large" frame']
    assert data.purchases["purchased_at"][0] == datetime(2026, 3, 1, 18, 50, 49, tzinfo=UTC)
    assert data.currency == "USD"
    assert account(data, "refused") == {"no known buyer": (1, (4,))}


def test_the_report_of_all_orders_has_no_buyers() -> None:
    """Its orders are refused and counted, because no row says who bought."""
    sample = SAMPLES["amazon.orders.all.csv"]
    data = sample.read(sample.path)
    assert data.purchases.is_empty()
    assert account(data, "refused") == {"no known buyer": (1, (1,))}


def test_the_report_of_shipments(tmp_path: Path) -> None:
    """Shipments name the order and the pieces otherwise, and give the same purchases."""
    sample = SAMPLES[FILE]
    names = {
        "order-id": "amazon-order-id",
        "order-item-id": "shipment-item-id",
        "quantity-purchased": "quantity-shipped",
    }
    text = sample.path.read_text("utf-8")
    heading, _, rest = text.partition("\n")
    path = tmp_path / "shipments.txt"
    path.write_text("\t".join(names.get(name, name) for name in heading.split("\t")) + "\n" + rest, encoding="utf-8")
    assert same(amazon.orders(path), sample.read(sample.path))


def test_gift_wrap_is_part_of_the_amount() -> None:
    """The amount of an order includes its gift wrap."""
    data = amazon.orders(frame(FILE, {}).with_columns(pl.lit("2.50").alias("gift-wrap-price")))
    assert bought(data)[0][2] == 32_29


@pytest.mark.parametrize(("cell", "amount"), [("'-5.00'", 24_79), ("-5.00", 24_79), ("5.00", 24_79), ("", 29_79)])
def test_a_promotion_is_taken_off_in_each_spelling(cell: str, amount: int) -> None:
    """Reports write promotions with and without a sign, and with apostrophes round a negative number."""
    assert bought(item(item_promotion_discount=cell))[0][2] == amount


@pytest.mark.parametrize("cells", [{"item_price": ""}, {"item_price": "1.290,00"}, {"shipping_price": "free"}])
def test_an_amount_that_cannot_be_read_refuses_the_order(cells: dict[str, str]) -> None:
    """An order with an unknown part of its amount is not kept at a smaller amount."""
    assert account(item(**cells), "refused") == {"line without an amount that can be read": (1, (1,))}


def test_an_item_of_two_reports_is_one_item(tmp_path: Path) -> None:
    """The id of an item tells a repeated row from a second item that looks alike."""
    sample = SAMPLES[FILE]
    heading, rows = sample.rows()
    twin = ["60000000000009" if name == "order-item-id" else cell for name, cell in zip(heading, rows[0], strict=True)]
    files = [sample.write(tmp_path / "1.txt", [rows[0]]), sample.write(tmp_path / "2.txt", [rows[0], twin])]
    data = sample.read(files)
    assert bought(data) == [("111-0000001-0000001", ANN, 59_58, "paid")]
    assert len(lines(data)) == 2
