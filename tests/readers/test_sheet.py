"""Orders in a spreadsheet that a shop keeps by hand."""

from __future__ import annotations

import datetime as dt
from importlib import import_module
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from funnel.readers import sheet
from tests.readers.exports import SAMPLES

if TYPE_CHECKING:
    from pathlib import Path

    from funnel.readers import ReadArguments

INDONESIAN, ENGLISH = SAMPLES["sheet.orders.csv"], SAMPLES["sheet.orders.en.csv"]
JAKARTA: ReadArguments = {"zone": "Asia/Jakarta", "currency": "IDR", "calling_code": "62"}
GREENWICH: ReadArguments = {"zone": "UTC", "currency": "IDR"}


def book(path: Path, **sheets: list[list[Any]]) -> Path:
    """Write an xlsx file; numbers and days stay numbers and days."""
    file: Any = import_module("xlsxwriter").Workbook(path, {"default_date_format": "dd/mm/yyyy"})
    for name, rows in sheets.items():
        tab = file.add_worksheet(name)
        for index, row in enumerate(rows):
            tab.write_row(index, 0, row)
    file.close()
    return path


def frame(*rows: tuple[str, ...]) -> pl.DataFrame:
    """Return a sheet of five columns as a dataframe."""
    return pl.DataFrame(rows, schema=["Tanggal", "WA", "Produk", "Qty", "Total"], orient="row")


def test_indonesian_headings() -> None:
    """Rupiah are written 100.000, the telephone is the key, and an order that was sent is kept."""
    data = sheet.orders(INDONESIAN.path, **JAKARTA)
    assert data.purchases.sort("purchased_at", "person_id").select("person_id", "amount", "status").rows() == [
        ("+6281200000001", 20_000_000, "paid"),
        ("+6281200000002", 7_500_000, "shipped"),
        ("+6281200000001", 5_000_000, "paid"),
        ("+6281200000005", 7_500_000, "cancelled"),
    ]
    assert str(data).splitlines() == [
        "read 7: rows in the file",
        "read 4: rows kept",
        "read 4: purchases",
        "read 1: of them cancelled",
        "refused 1: blank row (row 3)",
        "refused 1: no known buyer (row 5)",
        "refused 1: sum row (row 7)",
        "noted 1: order not paid yet but sent, kept as shipped (row 2)",
    ]


def test_english_headings_with_order_numbers() -> None:
    """Rows with one order number are one order, and their amounts are added."""
    data = sheet.orders(ENGLISH.path, zone="Asia/Jakarta", currency="USD")
    assert data.purchases.select("id", "person_id", "amount", "status").rows() == [
        ("A-1", "081200000001", 102_550, "paid")
    ]
    assert data.order_lines.select("product", "quantity", "amount").rows() == [("Batik", 2, 2_000), ("Tea", 1, 100_550)]
    assert str(data).splitlines()[3:] == [
        "refused 1: order that is not paid yet (row 3)",
        "refused 1: sum row (row 4)",
    ]


def test_a_row_without_an_order_number_keeps_its_id_when_its_status_changes() -> None:
    """The id comes from the content without the status, so that a later copy of the sheet is the same order."""
    heading, rows = INDONESIAN.rows()
    later = [[*row[:-1], "Batal" if row[-1] == "Lunas" else row[-1]] for row in rows]
    old, new = (pl.DataFrame(each, schema=heading, orient="row") for each in (rows, later))
    one, other = sheet.orders(old, **JAKARTA).purchases, sheet.orders(new, **JAKARTA).purchases
    assert set(one["id"]) == set(other["id"])
    assert one["id"].str.starts_with("row-").all()
    assert other.filter(status="cancelled").height == 2


def test_equal_rows_are_one_order_of_two_lines() -> None:
    """Nothing distinguishes two equal rows without an order number; their amounts are added."""
    row = ("2026-03-01", "081200000001", "Batik", "1", "100.000")
    data = sheet.orders(frame(row, row), **JAKARTA)
    assert data.purchases["amount"].to_list() == [20_000_000]
    assert data.order_lines.height == 2


def test_jumlah_is_the_amount_if_another_column_is_the_quantity() -> None:
    """With Qty, the column Jumlah holds the amount of the row."""
    rows = frame(("2026-03-01", "081200000001", "Batik", "2", "200.000")).rename({"Total": "Jumlah"})
    rows = rows.with_columns(pl.lit("100.000").alias("Harga"))
    data = sheet.orders(rows, **JAKARTA)
    assert data.order_lines.select("quantity", "amount").rows() == [(2, 20_000_000)]


@pytest.mark.parametrize("total", ["50rb", "1,5 jt", "50.0000", "?"])
def test_a_total_that_cannot_be_read_is_refused(total: str) -> None:
    """A total in words is not replaced by the quantity times the price."""
    rows = frame(("2026-03-01", "081200000001", "Batik", "1", total)).with_columns(pl.lit("100.000").alias("Harga"))
    assert "refused 1: line without an amount that can be read (row 1)" in str(sheet.orders(rows, **JAKARTA))


@pytest.mark.parametrize(
    ("day", "read"),
    [
        ("31/1/2026", "2026-01-31"),
        ("31-01-2026", "2026-01-31"),
        ("31.01.26", None),
        ("31/01/26", "2026-01-31"),
        ("7 Maret 2026", "2026-03-07"),
        ("7 agustus 2026", "2026-08-07"),
        ("7 Des 2026", "2026-12-07"),
        ("2026-03-07", "2026-03-07"),
        ("7 Foo 2026", None),
    ],
)
def test_days_as_people_write_them(day: str, read: str | None) -> None:
    """The day stands before the month, and months have Indonesian names; anything else is refused."""
    data = sheet.orders(frame((day, "081200000001", "Batik", "1", "100.000")), **GREENWICH)
    assert [str(time.date()) for time in data.purchases["purchased_at"]] == ([read] if read else [])


def test_tabs_of_a_workbook_with_numbers_and_days(tmp_path: Path) -> None:
    """Every tab with the heading is read; cells that are numbers and days are taken as they are."""
    heading = ["Tanggal", "Nama", "No. WA", "Produk", "Qty", "Harga", "Total"]
    path = book(
        tmp_path / "orders.xlsx",
        Januari=[
            ["Toko Contoh"],
            heading,
            [dt.date(2026, 1, 5), "Sari", "0812-0000-0001", "Batik", 2, 100_000, 200_000],
            [],
            [dt.date(2026, 1, 6), "Budi", 81200000002, "Teh", 1, 12_500, 12_500],
            ["Total", "", "", "", 3, "", 212_500],
        ],
        Februari=[heading, [dt.date(2026, 2, 5), "Sari", "0812-0000-0001", "Teh", 1, "12.500", "Rp 12.500"]],
        Stok=[["Produk", "Sisa"], ["Batik", 5]],
    )
    data = sheet.orders(path, **JAKARTA)
    assert data.purchases["amount"].to_list() == [20_000_000, 1_250_000, 1_250_000]
    assert [str(time.date()) for time in data.purchases["purchased_at"]] == ["2026-01-04", "2026-01-05", "2026-02-04"]
    assert str(data).splitlines() == [
        "read 4: rows in the files",
        "read 3: rows kept",
        "read 3: purchases",
        "refused 1: sum row (row 3)",
        "noted 1: line above the heading, left out",
        "noted 1: blank row of a sheet, left out",
        "noted 1: sheet without the heading, left out",
    ]


@pytest.mark.parametrize("time", ["31/01/2026 09:15", "31-01-2026 09.15", "31 Januari 2026 09:15:00"])
def test_a_day_may_have_a_time(time: str) -> None:
    """A spreadsheet shows a time as its cell is formatted; in Indonesia with a point between hours and minutes."""
    data = sheet.orders(frame((time, "081200000001", "Batik", "1", "100.000")), **GREENWICH)
    assert [f"{one:%Y-%m-%d %H:%M}" for one in data.purchases["purchased_at"]] == ["2026-01-31 09:15"]


@pytest.mark.parametrize(
    ("day", "read"),
    [
        (pl.lit("2026-03-01").str.to_date(), ["2026-03-01 00:00:00+00:00"]),
        (
            pl.lit("2026-03-01 09:30:00.25").str.to_datetime("%F %T%.f"),
            ["2026-03-01 09:30:00.250000+00:00"],
        ),
        (pl.lit("2026-03-01 09:30:00+0700").str.to_datetime("%Y-%m-%d %H:%M:%S%z"), []),
    ],
)
def test_a_dataframe_of_typed_columns(day: pl.Expr, read: list[str]) -> None:
    """Days and numbers are read like text; a time with an offset is refused if the times of the export have none."""
    rows = pl.DataFrame({"WA": ["081200000001"], "Produk": ["Batik"], "Qty": [2], "Total": [200_000]})
    data = sheet.orders(rows.with_columns(day.alias("Tanggal")), **GREENWICH)
    assert [str(time) for time in data.purchases["purchased_at"]] == read
    assert data.purchases["amount"].to_list() == [20_000_000] * len(read)
