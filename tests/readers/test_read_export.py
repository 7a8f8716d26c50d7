"""Options that every reader of orders takes, and their errors."""

from __future__ import annotations

import csv
import importlib.util
import inspect
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter

from funnel import read_orders
from funnel.errors import ArgumentError, MissingExtraError, RecordError
from funnel.readers import shopify, woocommerce
from funnel.readers._export import Export, only
from funnel.readers._reader import ReadArguments
from tests.readers.exports import FOLDER
from tests.readers.shop import mapping

ORDERS = FOLDER / "shopify.orders.csv"


def test_a_reader_has_the_name_of_its_export() -> None:
    """The repr names the platform and the kind."""
    assert repr(shopify.orders) == "Reader('shopify.orders')"


@pytest.mark.parametrize(
    ("unpaid", "statuses"),
    [("sent", ["shipped"]), ("refuse", []), ("placed", ["shipped", "placed"])],
)
def test_an_order_that_is_not_paid_yet(unpaid: str, statuses: list[str]) -> None:
    """It is kept if it was sent, refused, or kept as placed."""
    data = shopify.orders(ORDERS, unpaid=unpaid)  # type: ignore[arg-type]
    waiting = data.purchases.filter(pl.col("status").is_in(["shipped", "placed"]))

    assert waiting["status"].to_list() == statuses


def test_refunds_without_a_day_are_dated_at_the_end_of_the_last_day() -> None:
    """The end is by the clock of the shop."""
    data = shopify.orders(ORDERS, undated_refunds="as_of", as_of=date(2026, 3, 31), zone="Asia/Jakarta")

    assert data.refunds["purchase_id"].to_list() == ["9000000003", "9000000004"]
    assert data.refunds["refunded_at"].to_list() == [datetime(2026, 3, 31, 16, 59, 59, 999999, tzinfo=UTC)] * 2


@pytest.mark.parametrize("options", [{}, {"as_of": date(2026, 3, 31)}, {"zone": "Asia/Jakarta"}])
def test_the_last_day_is_needed_to_date_refunds(options: dict[str, object]) -> None:
    """A last day without a zone has no end."""
    with pytest.raises(ArgumentError, match="requires as_of, the last day of the files, and zone"):
        shopify.orders(ORDERS, undated_refunds="as_of", **options)  # type: ignore[arg-type]


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    """It has no heading."""
    path = tmp_path / "orders.csv"
    path.write_bytes(b"")

    with pytest.raises(RecordError, match=r"orders\.csv is empty"):
        read_orders(path)


def test_a_file_that_may_be_two_exports_is_refused() -> None:
    """The error names both readers."""
    one, other = (Export(name=name, title=name, columns={}, required=()) for name in ("a.orders", "b.orders"))

    with pytest.raises(ArgumentError, match=r"may be a.orders or b.orders; .*: readers.a.orders, readers.b.orders"):
        only([(one, None), (other, None)], "orders.csv", [one, other])


def test_options_of_an_export_do_not_go_with_a_mapping() -> None:
    """A mapping has its own zone."""
    with pytest.raises(ArgumentError, match="zone cannot be combined with a mapping"):
        read_orders(ORDERS, mapping(), zone="UTC")


def test_a_spreadsheet_of_something_else_is_refused(tmp_path: Path) -> None:
    """No sheet has the heading of the export."""
    path = tmp_path / "other.xlsx"
    book = xlsxwriter.Workbook(path)
    book.add_worksheet().write_row(0, 0, ["Name", "Street"])
    book.close()

    with pytest.raises(ArgumentError, match=r"other.xlsx is not the WooCommerce"):
        woocommerce.orders(path, zone="UTC")
    with pytest.raises(ArgumentError, match=r"other.xlsx is not the Shopify"):
        shopify.orders(path)
    with pytest.raises(ArgumentError, match=r"other.xlsx is not a known export"):
        read_orders(path)


def test_a_spreadsheet_needs_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the command that installs it."""
    path = tmp_path / "orders.xlsx"
    path.write_bytes(b"PK")
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        "funnel.readers._sheets.find_spec", lambda name: None if name == "fastexcel" else find_spec(name)
    )

    with pytest.raises(MissingExtraError, match="shopfunnel\\[xlsx\\]"):
        woocommerce.orders(path, zone="UTC")


def test_the_heading_of_a_large_file_is_in_its_first_part(tmp_path: Path) -> None:
    """Only the first 256 KiB are searched; the last line there may be cut."""
    heading, *rows = ORDERS.read_text("utf-8").splitlines(keepends=True)
    path = tmp_path / "orders.csv"
    path.write_text(heading + "".join(rows) * 150, encoding="utf-8")

    assert path.stat().st_size > 2**18
    assert read_orders(path).purchases.equals(read_orders(ORDERS).purchases)


def test_every_spreadsheet_of_several_has_the_heading(tmp_path: Path) -> None:
    """A second file of something else is refused, although the first is the export."""
    heading, *rows = csv.reader(ORDERS.read_text("utf-8").splitlines(keepends=True))
    for name, cells in {"orders.xlsx": [heading, *rows], "other.xlsx": [["Name", "Street"]]}.items():
        book = xlsxwriter.Workbook(tmp_path / name)
        sheet = book.add_worksheet()
        for number, row in enumerate(cells):
            sheet.write_row(number, 0, row)
        book.close()

    with pytest.raises(ArgumentError, match=r"other.xlsx is not the Shopify"):
        shopify.orders([tmp_path / "orders.xlsx", tmp_path / "other.xlsx"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"zones": "UTC"}, "a reader has no argument 'zones'; did you mean 'zone'"),
        ({"zone": 7}, r"zone must be a text or None \(got int\)"),
        ({"statuses": {"new": "payed"}}, "a state of statuses must be .*; did you mean 'paid'"),
        ({"statuses": {7: "paid"}}, "a text of statuses must be a text"),
        ({"statuses": "new=paid"}, "statuses must be a mapping"),
        ({"unpaid": "keep"}, "unpaid must be 'sent' or 'refuse' or 'placed'"),
        ({"calling_code": "+62"}, "calling_code must be the digits"),
        ({"secret": 7}, r"secret must be bytes, text or None \(got int\)"),
        ({"secret": b""}, "secret is empty"),
        ({"secret": ""}, "secret is empty"),
        ({"as_of": "2026-03-01"}, "as_of must be a date"),
        ({"contacts": 1}, "contacts must be True or False"),
        ({"progress": 7}, r"progress must be a function or None \(got int\)"),
    ],
)
def test_a_wrong_argument_is_refused_before_a_file_is_opened(options: dict[str, Any], message: str) -> None:
    """A reader and `read_orders` check the names and the types of all arguments first."""
    with pytest.raises(ArgumentError, match=message):
        shopify.orders("none.csv", **options)
    with pytest.raises(ArgumentError, match=message):
        read_orders("none.csv", **options)


def test_help_describes_each_argument() -> None:
    """Errors and docs send people to `ReadArguments`: its text has the meaning, the type and the default of each."""
    text = inspect.getdoc(ReadArguments) or ""
    described = re.findall(r"^    (\w+): (.*(?:\n        .*)*)", text, re.MULTILINE)
    assert [name for name, _ in described] == list(ReadArguments.__annotations__)
    for name, meaning in described:
        assert re.search("(?i)default", meaning) or "Required" in meaning, name
