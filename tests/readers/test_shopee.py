"""The orders export of Shopee: three languages of its heading, two ways to write amounts, returns, masked buyers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from funnel import read_orders
from funnel.errors import ArgumentError, LogsError
from funnel.readers import ShopData, shopee
from tests.readers.exports import SAMPLES, same
from tests.readers.results import account, bought, frame, lines

if TYPE_CHECKING:
    from pathlib import Path

ID, EN, VI = "shopee.orders.id.csv", "shopee.orders.en.csv", "shopee.orders.vi.csv"
REFUND_UNDATED = "return whose refund the export does not have; the order keeps its amount"


def indonesian(*rows: dict[str, str], **options: Any) -> ShopData:
    """Read rows that differ from the first of the Indonesian sample."""
    return shopee.orders(frame(ID, *rows), zone="Asia/Jakarta", **options)


def test_indonesian_orders() -> None:
    """150.000 is 150 thousand rupiah, the repeated total is counted once, and each row is accounted for."""
    data = SAMPLES[ID].read(SAMPLES[ID].path)
    assert bought(data) == [
        ("260301AAA001", "sari.dewi", 275_000_00, "paid"),
        ("260303AAA003", "budi_77", 85_000_00, "cancelled"),
        ("260304AAA004", "rina.w", 260_000_00, "cancelled"),
        ("260305AAA005", "rina.w", 260_000_00, "paid"),
        ("260307AAA007", "sari.dewi", 99_500_00, "paid"),
    ]
    assert lines(data) == [
        ("260301AAA001", "CT-1", 2, 150_000_00),
        ("260301AAA001", "GB-1", 1, 125_000_00),
        ("260303AAA003", "CT-1", 1, 75_000_00),
        ("260304AAA004", "GB-1", 2, 250_000_00),
        ("260305AAA005", "GB-1", 2, 250_000_00),
        ("260307AAA007", "TK-1", 1, 99_500_00),
    ]
    assert data.refunds.is_empty()
    assert data.currency == "IDR"
    assert account(data, "refused") == {"no known buyer": (1, (7,)), "order that is not paid yet": (1, (3,))}
    assert account(data, "noted") == {
        REFUND_UNDATED: (1, (6,)),
        "refund of the whole order without its day, taken as a cancellation": (1, (5,)),
    }


def test_the_newer_indonesian_heading_is_read_alike() -> None:
    """Headings of both ages give the same records."""
    older, newer = SAMPLES[ID], SAMPLES["shopee.orders.id-new.csv"]
    _, rows = older.rows()
    table = frame(ID, *[dict(zip(older.rows()[0], row, strict=True)) for row in rows[:4]])
    assert same(older.read(table), newer.read(newer.path))


def test_english_orders() -> None:
    """Amounts have a comma between thousands; a status that ends in a day is read by its beginning."""
    data = SAMPLES[EN].read(SAMPLES[EN].path)
    assert bought(data) == [
        ("260301BBB001", "ana.cruz", 129_850, "paid"),
        ("260302BBB002", "jun_r", 34_500, "paid"),
        ("260303BBB003", "jun_r", 14_700, "cancelled"),
    ]
    assert account(data, "refused") == {"order that is not paid yet": (1, (4,))}


def test_an_english_heading_needs_the_currency() -> None:
    """Shopee has English headings in many countries, so the caller says the currency."""
    with pytest.raises(ArgumentError, match="does not say its currency; pass currency"):
        shopee.orders(SAMPLES[EN].path, zone="Asia/Manila")


def test_indonesian_amounts_below_an_english_heading_are_refused() -> None:
    """150.000 is not read as 150 if the heading is English; the account says so."""
    data = SAMPLES[EN].read(frame(EN, {"Grand Total": "150.000"}))
    assert account(data, "refused") == {"amount not written in the declared style": (1, (1,))}
    assert bought(SAMPLES[EN].read(frame(EN, {"Grand Total": "150.000"}), amount_style="id"))[0][2] == 150_000_00


def test_vietnamese_orders() -> None:
    """The total is the column in lower case, not the line's column with the same letters; a dong has no decimals."""
    data = SAMPLES[VI].read(SAMPLES[VI].path)
    assert bought(data) == [
        ("260301CCC001", "lan.anh", 230_000, "paid"),
        ("260302CCC002", "minh88", 40_000, "cancelled"),
        ("260303CCC003", "minh88", 40_000, "paid"),
    ]
    assert lines(data)[:2] == [("260301CCC001", "KL-1", 1, 150_000), ("260301CCC001", "LT-1", 2, 50_000)]
    assert data.currency == "VND"
    assert account(data, "refused") == {"no known buyer": (1, (5,))}


def test_a_column_that_stands_twice_in_one_spelling_is_refused(tmp_path: Path) -> None:
    """Two equal columns cannot be told apart."""
    heading, rows = SAMPLES[VI].rows()
    path = tmp_path / "orders.csv"
    path.write_text("\n".join(",".join([*cells, cells[0]]) for cells in [heading, rows[0]]), encoding="utf-8")
    with pytest.raises(LogsError, match="'Mã đơn hàng' stands twice in the heading"):
        shopee.orders(path, zone="Asia/Ho_Chi_Minh")


@pytest.mark.parametrize("name", [ID, "shopee.orders.id-new.csv", EN, VI])
def test_a_spreadsheet_is_read_like_its_csv_file(name: str, tmp_path: Path) -> None:
    """An xlsx file gives the records of the CSV file, also by `read_orders`."""
    sample, path = SAMPLES[name], tmp_path / "orders.xlsx"
    heading, rows = sample.rows()
    pl.DataFrame([heading, *rows], orient="row").write_excel(path, include_header=False)
    assert same(sample.read(path), sample.read(sample.path))
    assert same(read_orders(path, **sample.options), sample.read(sample.path))


def test_a_cancelled_order_with_returned_pieces_is_cancelled() -> None:
    """A cancellation outranks a return, and is not noted as a refund."""
    data = indonesian({"Status Pesanan": "Batal", "Returned quantity": "1", "Jumlah": "1"})
    assert bought(data)[0][3] == "cancelled"
    assert account(data, "noted") == {}


def test_a_return_status_without_returned_pieces_is_noted() -> None:
    """A return that may still be refused leaves the order as it is."""
    data = indonesian({"Status Pembatalan/ Pengembalian": "Sedang Diproses"})
    assert bought(data)[0][3] == "paid"
    assert account(data, "noted") == {REFUND_UNDATED: (1, (1,))}


def test_all_lines_of_an_order_must_be_returned() -> None:
    """An order with one returned line of two keeps its amount."""
    other = {"Nomor Referensi SKU": "CT-1", "Nama Produk": "Cangkir teh"}
    data = indonesian({"Returned quantity": "1"}, other)
    assert bought(data)[0][2:] == (275_000_00, "paid")
    assert account(data, "noted") == {REFUND_UNDATED: (1, (1,))}


def test_a_later_file_has_the_later_status(tmp_path: Path) -> None:
    """An order that was sent in one file and cancelled in the next is one cancelled order."""
    sample = SAMPLES[ID]
    heading, rows = sample.rows()
    later = [
        ["Batal" if name == "Status Pesanan" else cell for name, cell in zip(heading, row, strict=True)]
        for row in rows[:2]
    ]
    files = [sample.write(tmp_path / "1.csv", rows[:2]), sample.write(tmp_path / "2.csv", later)]
    assert bought(sample.read(files)) == [("260301AAA001", "sari.dewi", 275_000_00, "cancelled")]
    assert len(lines(sample.read(files))) == 2


def test_an_unknown_status_is_refused_until_it_is_named() -> None:
    """A status that the reader does not know is not guessed."""
    row = {"Status Pesanan": "Sedang Dirakit"}
    assert account(indonesian(row), "refused") == {
        "status that the reader does not know; name it in statuses": (1, (1,))
    }
    assert bought(indonesian(row, statuses={"Sedang Dirakit": "paid"}))[0][3] == "paid"
