"""Proposed mappings: what is proven is set, what is not is left open, and no person's cell is shown."""

from __future__ import annotations

import datetime as dt
import random
import tomllib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from funnel.errors import ArgumentError, FileError, FunnelError, RecordError
from funnel.readers._mapping import OrderMapping
from funnel.readers._propose import propose
from funnel.readers._read_orders import read_orders
from tests.engines import FULL
from tests.readers.exports import SAMPLES, broken
from tests.readers.test_several_files import book

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "No. pesanan;Pembeli;E-mail;Waktu;Total;Status;Catatan;;Pembeli lain\n"
ROWS = (
    "A-1;sari;sari@x.test;10/01/2026 09:00;Rp250.000;Selesai;-;;\n"
    "A-1;sari;sari@x.test;10/01/2026 09:00;Rp250.000;Selesai;;;\n"
    "A-2;budi;-;13/01/2026 10:30;Rp90.000;Batal;;;\n"
)


def proposed(folder: Path, text: str | bytes, name: str = "sales.csv") -> str:
    """Write a file and propose its mapping."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return propose(path)


def test_what_the_file_proves_is_set_and_the_rest_is_left_open(tmp_path: Path) -> None:
    """Delimiter, lines above, times and amounts are proven; the zone, the currency and the statuses are a person's."""
    text = proposed(tmp_path, f"Laporan toko\n\n{HEAD}{ROWS}")
    keys = tomllib.loads(text)

    assert keys == {
        "time_format": "%d/%m/%Y %H:%M",
        "amount_style": "id",
        "amount_marks": ["Rp"],
        "delimiter": ";",
        "skip_lines": 2,
        "columns": {
            "id": "No. pesanan",
            "person_id": "Pembeli",
            "purchased_at": "Waktu",
            "amount": "Total",
            "status": "Status",
        },
        "statuses": {},
    }
    for line in (
        "# Proposed for sales.csv: 3 rows. Check every line, and finish those that are open.",
        '#  100 %         2  "Pembeli"',
        '#   66 %         1  "E-mail"',
        "# 1 more columns have no name, or the name of another column.",
        '# zone = "Asia/Jakarta"',
        '# currency = "IDR"',
        '# "Batal" = "paid, unpaid or cancelled"',
    ):
        assert line in text.splitlines()


def test_a_title_padded_by_a_spreadsheet_is_above_the_heading(tmp_path: Path) -> None:
    """A spreadsheet saved as CSV pads each line to the width of the table, the title and blank lines too."""
    keys = tomllib.loads(proposed(tmp_path, f"Laporan toko;;Januari;;;;;;\n;;;;;;;;\n{HEAD}{ROWS}"))

    assert keys["skip_lines"] == 2
    assert keys["columns"]["id"] == "No. pesanan"


def test_an_unfinished_status_is_refused(tmp_path: Path) -> None:
    """A proposed status that a person only uncomments has no meaning yet."""
    text = proposed(tmp_path, f"{HEAD}{ROWS}").replace('# "Batal"', '"Batal"')
    (tmp_path / "sales.toml").write_text('zone = "Asia/Jakarta"\ncurrency = "IDR"\n' + text)

    with pytest.raises(ArgumentError, match=r"statuses: the meaning of 'Batal' must be one of unpaid, placed, paid, "):
        OrderMapping.read(tmp_path / "sales.toml")


def test_a_finished_proposal_reads_the_file(tmp_path: Path) -> None:
    """A person adds the zone, the currency and the statuses, and every row is read."""
    text = proposed(tmp_path, f"{HEAD}{ROWS}")
    finished = 'zone = "Asia/Jakarta"\ncurrency = "IDR"\n' + text + 'Selesai = "paid"\nBatal = "cancelled"\n'
    (tmp_path / "sales.toml").write_text(finished)
    orders = read_orders(tmp_path / "sales.csv", OrderMapping.read(tmp_path / "sales.toml"))

    assert orders.purchases.select("id", "amount", "status").rows() == [
        ("A-1", 50000000, "paid"),
        ("A-2", 9000000, "cancelled"),
    ]


def test_an_unfinished_proposal_is_refused(tmp_path: Path) -> None:
    """Nothing that a person must decide has a value by itself."""
    (tmp_path / "sales.toml").write_text(proposed(tmp_path, f"{HEAD}{ROWS}"))

    with pytest.raises(ArgumentError, match=r"(?s)currency: field required.*zone: field required"):
        OrderMapping.read(tmp_path / "sales.toml")


def test_no_cell_of_a_person_is_shown(tmp_path: Path) -> None:
    """Names, addresses and numbers of people are never in the text, also if they stand in the column of statuses."""
    rows = "1,CANARY,CANARY@x.test,2026-03-01,5,CANARY@x.test\n2,CANARY,,2026-03-01,5,ok\n"
    many = "".join(f"{n},b,,2026-03-01,5,CANARY {n}\n" for n in range(3, 30))
    few = proposed(tmp_path, f"No,Buyer,Mail,Date,Total,Status\n{rows}")

    assert "CANARY" not in few
    assert "# 1 words are not shown" in few
    assert "CANARY" not in proposed(tmp_path, f"No,Buyer,Mail,Date,Total,Status\n{rows}{many}")


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        ("1,a,03/04/2026,5\n", ['# time_format = "%d/%m/%Y"', '# time_format = "%m/%d/%Y"']),
        ("1,a,13/04/2026,5\n", ['time_format = "%d/%m/%Y"  # reads every "Date"']),
        ("1,a,2026-04-13T10:00:00+07:00,5\n", ['zone = "in the text"', 'time_format = "iso"  # reads every "Date"']),
        ("1,a,1772330400,5\n", ['time_format = "epoch"  # reads every "Date"', '# zone = "Asia/Jakarta"']),
        ("1,a,1772330400250,5\n", ['time_format = "epoch_ms"  # reads every "Date"']),
        ("1,a,soon,5\n", ["# open: the time of the purchase", "# purchased_at = "]),
        ("1,a,2026-04-13,soon\n", ["# open: the amount of the whole row; or quantity and unit_price", "# amount = "]),
        ("1,a,2026-04-13,5.25-\n", ['negatives = "trailing"']),
        ("1,a,2026-04-13,(5.25)\n", ['negatives = "parentheses"']),
        ('1,a,2026-04-13,"1,234.50"\n', ['amount_style = "us"  # reads every "Total"']),
        ("1,a,2026-04-13,0.12345\n", ['amount_style = "number"  # reads every "Total"']),
        ("1,a,2026-04-13,5\n2,-,2026-04-13,5\n", ['blanks = ["-"]']),
        ("1,a,2026-04-13,5\n1,a,,5\n", ["fill_down = true  # rows below the first row of an order have no time"]),
        (
            "1,a,2026-04-13,5\nTotal,5\n",
            ["# 1 rows have fewer cells than the heading; set skip_end if they are totals."],
        ),
        (
            '1,"half a pan,2026-04-13,5\n2,b,2026-04-13,5\n',
            ['quote = ""  # the quotes of the file do not fit together'],
        ),
        ("", ['#    0 %         0  "No"']),
    ],
)
def test_each_format_is_proven_or_left_open(tmp_path: Path, rows: str, lines: list[str]) -> None:
    """A format that reads every cell is set; two formats that differ are both shown as comments."""
    text = proposed(tmp_path, f"No,Buyer,Date,Total\n{rows}").splitlines()

    for line in lines:
        assert line in text


def test_a_status_and_an_amount_are_found_by_what_they_hold(tmp_path: Path) -> None:
    """The amount is the only column of numbers with decimals; ids written as floats are not amounts."""
    rows = "".join(f"R{n},{n}.0,2026-03-0{n},{n}9.5,{word},PT\n" for n, word in enumerate(("done", "open"), start=1))
    text = proposed(tmp_path, f"order_ref,buyer_no,ordered_local,paid_eur,state,country\n{rows}")

    for line in ('amount = "paid_eur"', 'status = "state"', '# "done" = "paid, unpaid or cancelled"'):
        assert line in text.splitlines()
    two = proposed(tmp_path, f"order_ref,buyer_no,ordered_local,paid_eur,state,paid_usd\n{rows.replace('PT', '1.25')}")
    assert "# amount = " in two.splitlines()
    dated = proposed(tmp_path, "order_ref,buyer_no,ordered,sent\n1,2,2026-03-01,01.03.26\n")
    assert "# amount = " in dated.splitlines()


@pytest.mark.parametrize(
    ("ids", "line"),
    [
        (["556.0", "557.0"], '"Buyer"  # every id is written as a float, such as 1001.0, read as 1001'),
        (["556.0", "p7"], '"Buyer"  # rows with a changed number, such as 1001.0 or 2.88E+18, which are refused: 1'),
        (["556", "557"], '"Buyer"'),
    ],
)
def test_ids_that_a_program_has_changed_are_named(tmp_path: Path, ids: list[str], line: str) -> None:
    """A person learns of it before a report refuses the rows."""
    rows = "".join(f"{number},{buyer},2026-03-01,5.00\n" for number, buyer in enumerate(ids))

    assert f"person_id = {line}" in proposed(tmp_path, f"No,Buyer,Date,Total\n{rows}").splitlines()


def test_amounts_that_two_styles_read_differently_are_left_open(tmp_path: Path) -> None:
    """1.234 dinars are one dinar or a thousand; the currency comes from its column."""
    text = proposed(tmp_path, "No,Buyer,Date,Total,Currency\n1,a,2026-03-01,1.234,KWD\n")

    assert 'currency = "KWD"' in text.splitlines()
    assert '# amount_style = "plain"' in text
    assert '# amount_style = "id"' in text
    assert 'currency = "Currency"' in text
    several = proposed(tmp_path, "No,Buyer,Date,Total,Currency\n1,a,2026-03-01,5,KWD\n2,a,2026-03-01,5,EUR\n3,,,,\n")
    assert '# currency = "IDR"' in several
    assert "Currency" not in tomllib.loads(proposed(tmp_path, "No,Currency\n1,sari\n"))["columns"].values()


def test_lines_of_orders_have_quantity_and_price(tmp_path: Path) -> None:
    """If rows share an order number, the amount is that of the lines; the total of the order is left out."""
    head = "Order,Email,Date,Qty,Price,Total\n"
    shared = tomllib.loads(proposed(tmp_path, f"{head}1,a,2026-03-01,2,5,15\n1,a,2026-03-01,1,5,15\n"))
    whole = tomllib.loads(proposed(tmp_path, f"{head}1,a,2026-03-01,2,5,10\n2,a,2026-03-01,1,5,5\n"))

    assert {"quantity", "unit_price"} <= set(shared["columns"])
    assert "amount" not in shared["columns"]
    assert whole["columns"]["amount"] == "Total"
    assert "quantity" not in whole["columns"]


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        ("No,Buyer,Größe\n1,a,5\n".encode("cp1252"), 'encoding = "cp1252"'),
        ("No,Buyer\n1,a\n".encode("utf-16"), '#  100 %         1  "Buyer"'),
        (b"\xef\xbb\xbfNo,Buyer\n1,a\n", 'id = "No"'),
        (b"No\tBuyer\n1\ta\n", r'delimiter = "\t"'),
    ],
)
def test_encodings_and_delimiters_are_found(tmp_path: Path, raw: bytes, line: str) -> None:
    """UTF-8 and UTF-16 are proven by the bytes; an older encoding is named as open."""
    assert line in proposed(tmp_path, raw).splitlines()


def test_a_known_export_needs_no_mapping() -> None:
    """The text says which export the file is, and which command reads it."""
    path = SAMPLES["shopify.orders.csv"].path

    assert propose(path).splitlines() == [
        "# shopify.orders.csv is a Shopify orders export, which needs no mapping. Run:",
        "# funnel report shopify.orders.csv --as-of DAY --tz ZONE",
    ]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"sari,s@x.test,0812345678\nbudi,b@x.test,0812345679\n", "the heading seems to be missing"),
        (b"one\ntwo\n", "has no rows of several cells"),
        (b"", "has no rows of several cells"),
        (b"No,Buyer\n1,\x81\n", "is not text in UTF-8, UTF-16 or CP1252"),
        (b"\xff\xfeN", "is not text in UTF-8, UTF-16"),
        (b"No,Buyer\n1,a,b\n2,c,d\n3,e\n4,f\n5,g\n", "rows have more cells than the heading"),
    ],
)
def test_a_file_without_rows_or_heading_is_refused(tmp_path: Path, raw: bytes, message: str) -> None:
    """The message says what is wrong, and shows no cell."""
    with pytest.raises(RecordError, match=message) as caught:
        proposed(tmp_path, raw)
    assert "sari" not in str(caught.value)


def test_other_kinds_of_files_are_refused(tmp_path: Path) -> None:
    """Another ending is refused with the remedy; a missing file is an error of files."""
    with pytest.raises(ArgumentError, match=r"sales.doc ends in .doc; give a file that ends in .csv, .tsv"):
        proposed(tmp_path, b"", "sales.doc")
    with pytest.raises(FileError, match="cannot be opened"):
        propose(tmp_path / "none.csv")


def test_a_spreadsheet_gives_a_mapping(tmp_path: Path) -> None:
    """The sheet with the most rows is looked at; numbers and days need no format; the finished text reads the file."""
    rows: list[list[Any]] = [[f"A-{n}", "sari", dt.date(2026, 1, n), 2500.5, "", ""] for n in range(1, 4)]
    heading = ["No. pesanan", "Pembeli", "Waktu", "Total", "", "Catatan"]
    path = book(tmp_path / "sales.xlsx", Stok=[["a", "b"]], Jan=[["Toko"], [], heading, *rows, []])
    text = propose(path)

    assert {**tomllib.loads(text), "columns": None} == {"time_format": "iso", "amount_style": "number", "columns": None}
    assert "# Proposed for sales.xlsx: 3 rows. Check every line, and finish those that are open." in text
    assert "# 1 more sheets; those with the columns below are read too." in text
    (tmp_path / "sales.toml").write_text('zone = "Asia/Jakarta"\ncurrency = "IDR"\n' + text)
    orders = read_orders(path, OrderMapping.read(tmp_path / "sales.toml"))
    assert orders.purchases["amount"].to_list() == [250050] * 3


@pytest.mark.parametrize("sheet", [[], [["alone"], ["x"]]])
def test_a_spreadsheet_without_a_table_is_refused(tmp_path: Path, sheet: list[list[Any]]) -> None:
    """A table has at least two columns."""
    with pytest.raises(RecordError, match="has no rows of several cells"):
        propose(book(tmp_path / "sales.xlsx", One=sheet))


def test_a_spreadsheet_with_a_heading_alone_has_a_mapping(tmp_path: Path) -> None:
    """Without rows nothing but the names is known; a person's row in its place is refused."""
    text = propose(book(tmp_path / "sales.xlsx", One=[["No", "Buyer", "Date", "Total"]]))
    assert tomllib.loads(text)["columns"]["person_id"] == "Buyer"
    with pytest.raises(RecordError, match="the heading seems to be missing"):
        propose(book(tmp_path / "sales.xlsx", One=[["A-1", "sari@x.test", "2026-01-01", 5]]))


def test_parquet_and_json_give_a_mapping(tmp_path: Path) -> None:
    """Times with an offset have their zone in the text; lists are counted as columns without a use."""
    when = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    pl.DataFrame({"No": ["1"], "Buyer": ["a"], "Date": [when], "Total": [1.5], "Tags": [["x"]]}).write_parquet(
        tmp_path / "sales.parquet"
    )
    keys = tomllib.loads(propose(tmp_path / "sales.parquet"))
    assert (keys["zone"], keys["amount_style"], keys["columns"]["amount"]) == ("in the text", "number", "Total")
    (tmp_path / "sales.json").write_text('[{"no": "1", "buyer": {"id": "7"}, "date": "2026-01-01", "total": 1.5}]')
    columns = tomllib.loads(propose(tmp_path / "sales.json"))["columns"]
    assert columns == {"id": "no", "purchased_at": "date", "amount": "total"}


@pytest.mark.no_cover
def test_broken_files_give_a_mapping_or_a_plain_error(tmp_path: Path) -> None:
    """Whatever the file, there is a text that TOML reads, or an error of the library."""
    choose = random.Random(14)
    for _ in range(600 if FULL else 20):
        text = broken(f"{HEAD}{ROWS * 3}".encode(), choose)
        with suppress(FunnelError):
            tomllib.loads(proposed(tmp_path, text))
