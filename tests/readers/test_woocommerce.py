"""Orders of WooCommerce: the CSV files of its exporters, and JSON of its REST interface."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from funnel import read_orders
from funnel.errors import ArgumentError, RecordError
from funnel.readers import woocommerce
from tests.readers.exports import SAMPLES, same

if TYPE_CHECKING:
    from pathlib import Path

EXPORTER = SAMPLES["woocommerce.orders.export.csv"]


def order(number: int, **more: Any) -> dict[str, Any]:
    """Return an order as the REST interface writes it."""
    return {
        "id": number,
        "parent_id": 0,
        "number": str(number),
        "status": "completed",
        "currency": "EUR",
        "prices_include_tax": False,
        "date_created": "2026-03-01T10:00:00",
        "date_created_gmt": "2026-03-01T09:00:00",
        "total": "25.00",
        "customer_id": 0,
        "billing": {"first_name": "Eva", "last_name": "Muster", "email": "Eva@Example.com", "phone": ""},
        "line_items": [
            {"id": 1, "name": "Tea", "quantity": 2, "total": "20.00", "sku": "T-1", "price": 10.0, "taxes": [1]},
            {"id": 2, "name": "Cup", "quantity": 1, "total": "5.00", "sku": None},
        ],
        "coupon_lines": [{"id": 5, "code": "spring"}],
        "refunds": [],
    } | more


def saved(path: Path, content: object) -> Path:
    """Write a JSON file."""
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_orders_of_the_importer_suite() -> None:
    """Guests are known by their e-mail address, a status may begin with wc-, and times are the clock of the site."""
    data = woocommerce.orders(SAMPLES["woocommerce.orders.csv"].path, zone="Europe/Vienna")
    assert data.purchases.select("id", "person_id", "amount", "status").rows() == [
        ("501", "12", 10_500, "paid"),
        ("503", "12", 2_000, "cancelled"),
        ("504", "ida@example.com", 2_000, "cancelled"),
        ("505", "ida@example.com", 3_050, "paid"),
    ]
    assert str(data.purchases["purchased_at"][0]) == "2026-03-01 08:00:00+00:00"
    assert str(data).splitlines() == [
        "read 5: rows in the file",
        "read 4: rows kept",
        "read 4: purchases",
        "read 2: of them cancelled",
        "refused 1: order that is not paid yet (row 2)",
        "noted 1: refund of the whole order without its day, taken as a cancellation (row 3)",
    ]


def test_an_exporter_that_writes_the_order_on_its_first_row_only() -> None:
    """Rows without an order number are further items of the order above; the ' before = + - @ is removed."""
    data = EXPORTER.read(EXPORTER.path, contacts=True)
    assert data.purchases.select("id", "amount", "promotion").rows() == [("601", 2_500, "SPRING"), ("602", 600, "")]
    assert data.order_lines.select("purchase_id", "sku", "product", "amount").rows() == [
        ("601", "C-1", "Cup", 500),
        ("601", "T-1", "=Tea", 2_000),
        ("602", "T-1", "Tea", 1_000),
    ]
    assert data.customers.filter(person_id="eva@example.com")["phone"].to_list() == ["+4310000001"]


def test_json_orders_have_items_and_refunds(tmp_path: Path) -> None:
    """Times are in UTC, the items are order lines, and refunds without a day reduce the amount."""
    path = saved(
        tmp_path / "orders.json", [order(1, refunds=[{"id": 7, "total": "-4.00"}, {"id": 8, "total": "-1.50"}])]
    )
    data = woocommerce.orders(path)
    assert data.purchases.select("id", "person_id", "amount", "promotion").rows() == [
        ("1", "eva@example.com", 1_950, "spring")
    ]
    assert str(data.purchases["purchased_at"][0]) == "2026-03-01 09:00:00+00:00"
    assert data.order_lines.select("sku", "product", "quantity", "amount").rows() == [
        ("Cup", "Cup", 1, 500),
        ("T-1", "Tea", 2, 2_000),
    ]
    assert same(read_orders(path), data)


def test_a_refund_that_cannot_be_read_refuses_its_order(tmp_path: Path) -> None:
    """Refunds are added only if each is a number."""
    data = woocommerce.orders(saved(tmp_path / "orders.json", [order(1, refunds=[{"total": "-4.00"}, {"total": "x"}])]))
    assert data.purchases.height == 0
    assert "refused 2: refunded amount not written in the declared style (rows 1, 2)" in str(data).splitlines()


def test_pages_overlap_and_the_last_one_is_empty(tmp_path: Path) -> None:
    """An order on two pages is one order, and a page without orders adds nothing."""
    pages = [
        saved(tmp_path / "1.json", [order(1), order(2, line_items=[], customer_id=9)]),
        saved(tmp_path / "2.json", [order(2, line_items=[], customer_id=9)]),
        saved(tmp_path / "3.json", []),
        saved(tmp_path / "4.json", order(3)),
    ]
    data = woocommerce.orders(pages)
    assert data.purchases.select("id", "person_id").rows() == [
        ("1", "eva@example.com"),
        ("2", "9"),
        ("3", "eva@example.com"),
    ]
    assert str(data).splitlines()[:2] == ["read 6: rows in the files", "read 5: rows kept"]
    together = saved(tmp_path / "all.json", [[order(1)], [order(2, line_items=[], customer_id=9)], order(3)])
    assert same(woocommerce.orders(together), data)


@pytest.mark.parametrize(
    "text", ["", "[1]", '["sari@example.com"]', "[" * 10_000, '{"id": ', "nul", "1" * 5_000, '{"id": "\\ud800"}']
)
def test_a_file_that_is_not_json_of_orders_is_an_error(tmp_path: Path, text: str) -> None:
    """The error names the file and no value of it."""
    path = tmp_path / "orders.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecordError, match=r"^orders\.json is not a JSON file of orders"):
        woocommerce.orders(path)


def test_json_of_something_else_is_not_an_order(tmp_path: Path) -> None:
    """Objects without the keys of an order are refused as a whole, on the first page and on a later one."""
    other = saved(tmp_path / "other.json", [{"id": 1}])
    for source in (other, [saved(tmp_path / "orders.json", [order(1)]), other]):
        with pytest.raises(ArgumentError, match=re.escape("other.json is not")):
            woocommerce.orders(source)
