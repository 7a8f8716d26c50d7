"""Readers of the sales orders of Odoo and ERPNext."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

from funnel.readers import erpnext, odoo
from tests.readers.exports import SAMPLES, same
from tests.readers.shop import account

if TYPE_CHECKING:
    from pathlib import Path


def test_odoo_orders_have_their_cells_on_the_first_line() -> None:
    """Lines below belong to the order above; states are labels in English or Indonesian."""
    data = odoo.orders(SAMPLES["odoo.orders.csv"].path, zone="Asia/Jakarta")
    assert data.purchases.select("id", "person_id", "purchased_at", "amount", "status").rows() == [
        ("S00001", "__export__.res_partner_7", datetime(2026, 3, 1, 2, tzinfo=UTC), 27750000, "paid"),
        ("S00003", "Budi", datetime(2026, 3, 3, 3, tzinfo=UTC), 8000000, "paid"),
        ("S00004", "__export__.res_partner_8", datetime(2026, 3, 4, 3, tzinfo=UTC), 9000000, "cancelled"),
    ]
    assert data.order_lines.filter(purchase_id="S00001").select("product", "amount").rows() == [
        ("[BS-1] Batik scarf", 20000000),
        ("[TC-1] Tea cup", 5000000),
    ]
    assert account(data) == {
        "rows in the file": ("read", 6, ()),
        "rows kept": ("read", 4, ()),
        "purchases": ("read", 3, ()),
        "of them cancelled": ("read", 1, ()),
        "no amount": ("refused", 1, (6,)),
        "quotation, not an order yet": ("refused", 1, (3,)),
        "buyer known by name only; export the id of the customer too": ("noted", 1, (4,)),
    }


def test_odoo_headings_may_be_technical(tmp_path: Path) -> None:
    """An import-compatible export has the names of the fields."""
    path = tmp_path / "orders.csv"
    path.write_text(
        "name,date_order,partner_id/id,currency_id,amount_total,state\n"
        "S1,2026-03-01 09:00:00,base.p7,IDR,1000.0,sale\nS2,2026-03-01 09:00:00,base.p7,IDR,1000.0,draft\n"
    )
    data = odoo.orders(path, zone="Asia/Jakarta")
    assert data.purchases.select("id", "person_id", "amount").rows() == [("S1", "base.p7", 100000)]


def test_an_odoo_spreadsheet_has_real_dates(tmp_path: Path) -> None:
    """Dates and numbers of a spreadsheet give the records of the CSV file."""
    sample = SAMPLES["odoo.orders.csv"]
    path = tmp_path / "Sales Order (sale.order).xlsx"
    workbook: Any = import_module("xlsxwriter").Workbook
    with sample.path.open(encoding="utf-8") as file, workbook(path) as book:
        sheet = book.add_worksheet()
        clock = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        for row, cells in enumerate(csv.reader(file)):
            for column, cell in enumerate(cells):
                if row and column == 1 and cell:
                    sheet.write_datetime(row, column, datetime.fromisoformat(cell), clock)
                elif row and column in (6, 9, 10, 11) and cell:
                    sheet.write_number(row, column, float(cell))
                else:
                    sheet.write_string(row, column, cell)
    assert same(odoo.orders(path, zone="Asia/Jakarta"), sample.read(sample.path))


def test_a_row_without_a_state_does_not_join_the_order_above(tmp_path: Path) -> None:
    """A row with an id of its own, or an order that lost its id, is refused."""
    path = tmp_path / "orders.csv"
    path.write_text(
        "Order Reference,Order Date,Customer/ID,Currency,Total,Status,Order Lines/Product\n"
        "S1,2026-03-01 09:00:00,p7,IDR,1000.0,Sales Order,cup\nS2,2026-03-01 09:00:00,p7,IDR,1000.0,,pot\n"
        ",2026-03-01 09:00:00,p8,IDR,1000.0,Sales Order,pan\n,,,,,,lid\n"
    )
    data = odoo.orders(path, zone="Asia/Jakarta")
    assert data.purchases["id"].to_list() == ["S1"]
    assert data.order_lines["product"].to_list() == ["cup"]
    assert account(data)["line whose order is not in the files"] == ("refused", 1, (2,))
    assert account(data)["row without an order id"] == ("refused", 2, (3, 4))


def test_erpnext_states_decide() -> None:
    """Completed orders are paid, delivered ones that are not billed were sent, and drafts are not orders."""
    data = erpnext.orders(SAMPLES["erpnext.orders.csv"].path, zone="Asia/Jakarta")
    assert data.purchases.select("id", "person_id", "purchased_at", "amount", "status").rows() == [
        ("SAL-ORD-2026-00001", "CUST-1", datetime(2026, 2, 28, 17, tzinfo=UTC), 25000000, "paid"),
        ("SAL-ORD-2026-00002", "CUST-2", datetime(2026, 3, 1, 17, tzinfo=UTC), 7500000, "shipped"),
        ("SAL-ORD-2026-00004", "CUST-2", datetime(2026, 3, 3, 17, tzinfo=UTC), 7500000, "cancelled"),
    ]
    assert account(data) == {
        "rows in the file": ("read", 7, ()),
        "rows kept": ("read", 4, ()),
        "purchases": ("read", 3, ()),
        "of them cancelled": ("read", 1, ()),
        "draft, not an order yet": ("refused", 1, (6,)),
        "order that is not paid yet": ("refused", 1, (4,)),
        "status that the reader does not know; name it in statuses": ("refused", 1, (7,)),
        "order not paid yet but sent, kept as shipped": ("noted", 1, (3,)),
    }
