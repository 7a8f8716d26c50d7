"""CSV files as they are written by shops, spreadsheets and old machines."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from funnel.errors import ArgumentError, FunnelError, LogsError, RecordError
from funnel.readers._read_orders import read_orders
from funnel.readers._shop_data import ShopData
from tests.readers.shop import account, mapping

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "No,Buyer,When,Total\n"
GOOD = f"{HEAD}1,ani,2026-03-01,5\n2,budi,2026-03-02,6\n"


def read(folder: Path, raw: str | bytes, **changes: Any) -> ShopData:
    """Write a file as it is, to the byte, and read it."""
    path = folder / "orders.csv"
    path.write_bytes(raw if isinstance(raw, bytes) else raw.encode())
    return read_orders(path, mapping(**changes))


def ids(orders: ShopData) -> list[str]:
    """List the numbers of the orders."""
    return orders.purchases["id"].to_list()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "utf-16-be", "gb18030"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_files_of_every_encoding_and_line_end_are_read(tmp_path: Path, encoding: str, end: str) -> None:
    """A mark at the beginning says how the letters are stored; without one the mapping does."""
    text = GOOD.replace("ani", "ané").replace("\n", end)
    declared = {"utf-8-sig": "utf-8", "utf-16": "utf-8"}.get(encoding, encoding)
    orders = read(tmp_path, text.encode(encoding), encoding=declared)

    assert orders.purchases["person_id"].to_list() == ["ané", "budi"]
    assert [entry.what for entry in orders.account] == ["read"] * 3


@pytest.mark.parametrize(
    ("raw", "changes", "message"),
    [
        (GOOD.replace("ani", "ané").encode("cp1252"), {}, "is not text in UTF-8; save it as CSV UTF-8, or set the"),
        (
            GOOD.encode("utf-16-le"),
            {},
            "it seems to be UTF-16 without its mark: set the mapping's encoding to 'utf-16-le' or 'utf-16-be'",
        ),
        (
            GOOD.encode("utf-16"),
            {"encoding": "cp1252"},
            "begins with the mark of UTF-16; set the mapping's encoding to",
        ),
        (GOOD.encode("utf-16")[:-1], {}, "is not text in UTF-16"),
        (b"\x1f\x8b\x08" + GOOD.encode(), {}, "is compressed (gzip); decompress it first"),
        (b"PK\x03\x04" + GOOD.encode(), {}, "is a spreadsheet or a zip file; save it as CSV UTF-8"),
        (b"PAR1" + GOOD.encode(), {}, "is Parquet; let its name end in .parquet"),
        (GOOD.encode("utf-32"), {}, "is text in UTF-32; save it as CSV UTF-8"),
        (GOOD.encode("utf-32-le"), {}, "is text in UTF-32; save it as CSV UTF-8"),
        (GOOD.encode("utf-32-be"), {"encoding": "utf-16-be"}, "is text in UTF-32; save it as CSV UTF-8"),
        (("\ufeff" + GOOD).encode("utf-32-be"), {}, "is text in UTF-32; save it as CSV UTF-8"),
        (b"\0\0\0\x18ftyp", {}, "the first row does not have the mapping's columns"),
        (b"No", {}, "the first row does not have the mapping's columns"),
        (b"\xef\xbb\xbf", {}, "the first row does not have the mapping's columns"),
    ],
)
def test_a_file_that_is_something_else_is_refused_with_the_remedy(
    tmp_path: Path, raw: bytes, changes: dict[str, Any], message: str
) -> None:
    """The first bytes of a file say what it is, whatever its name says."""
    with pytest.raises(RecordError) as caught:
        read(tmp_path, raw, **changes)

    assert message in str(caught.value)
    assert "ani" not in str(caught.value)


# ---- quotes ----

TAB = "No\tBuyer\tWhen\tTotal\tTitle\n"


def titled(*titles: str) -> str:
    """Write one order for each title, in a file of tabs."""
    return TAB + "".join(f"{n}\tp{n}\t2026-03-0{n}\t{n}\t{title}\n" for n, title in enumerate(titles, start=1))


def test_an_inch_mark_is_a_letter_like_any_other(tmp_path: Path) -> None:
    """A quote inside a cell does not begin one: every row of the file is there."""
    text = titled("cup", '15" pan', "lid", '10" lid', "pot")

    assert ids(read(tmp_path, text, delimiter="\t")) == ["1", "2", "3", "4", "5"]


def test_a_quote_that_swallows_rows_is_refused_with_the_remedy(tmp_path: Path) -> None:
    """Two cells that begin and end with a quote look like one cell with rows in it; the mapping says what it is."""
    text = titled("cup", '"15 pan', "lid", "jar", '10 lid"', "pot")

    with pytest.raises(
        RecordError, match=r"1 cells hold whole rows between quotes \(row 2\).*set the mapping's quote to"
    ):
        read(tmp_path, text, delimiter="\t")
    assert ids(read(tmp_path, text, delimiter="\t", quote="")) == list("123456")
    assert ids(read(tmp_path, titled("cup", '"a\n2\tb\tc\td\te"', "lid"), delimiter="\t", quote='"')) == ["1", "2", "3"]


def test_a_quote_that_swallows_the_first_row_with_the_heading_is_refused(tmp_path: Path) -> None:
    """The heading is looked at like any other row, and its swallowed names are not shown."""
    with pytest.raises(RecordError, match="1 cells hold whole rows between quotes"):
        read(tmp_path, 'No,Buyer,When,Total,"Note\n1,SECRET,2026-03-01,5,cup"\n2,ani,2026-03-01,5,lid\n')


@pytest.mark.parametrize(
    "row", ['1,"ani,2026-03-01,5\n', '1,"ani"x,2026-03-01,5\n', '"1,ani,2026-03-01,5";\n', '1,"' + "a" * 200_000 + "\n"]
)
def test_quotes_that_are_not_those_of_csv_are_refused(tmp_path: Path, row: str) -> None:
    """A quote that does not close, that closes inside a cell, and a cell without end are named with their line."""
    rest = "8,budi,2026-03-01,5\n" * 5
    for text, skipped in ((f"{HEAD}7,ani,2026-03-01,5\n{row}{rest}", 0), (f'"a title\n{HEAD}{row}{rest}', 1)):
        with pytest.raises(
            RecordError, match=r"orders.csv, line 3: (a quote that is opened|a cell that begins) here.*quote to ''"
        ):
            read(tmp_path, text, skip_lines=skipped)


def test_the_line_is_that_of_the_open_quote_and_not_of_its_row(tmp_path: Path) -> None:
    """A row whose first note has lines and closes, and whose second does not: the line of the second is named."""
    text = 'No,Buyer,When,Total,"a ""note""",Other\n1,ani,2026-03-01,5,"one ""of""\nthem",cup\n'
    row = '2,ani,2026-03-01,5,"first\nline",\n3,ani,2026-03-01,5,"please,\nring ""twice""\nthen","thanks\n'
    with pytest.raises(RecordError, match=r"orders.csv, line 8: a quote that is opened here is not closed"):
        read(tmp_path, f"{text}{row}4,ani,2026-03-01,5,,\n" + "5,ani,2026-03-01,5,,\n" * 9)
    with pytest.raises(RecordError, match=r"orders.csv, line 1: a quote that is opened here"):
        read(tmp_path, 'No,Buyer,When,"Total\n1,ani,2026-03-01,5\n')


def test_a_cell_may_hold_lines(tmp_path: Path) -> None:
    """A note of several lines, with a delimiter in it, is one cell of one row."""
    text = 'No,Buyer,When,Total,Note\n1,ani,2026-03-01,5,"please,\nring twice\n"\n2,budi,2026-03-01,6,\n'
    orders = read(tmp_path, text)

    assert ids(orders) == ["1", "2"]
    assert account(orders)["rows in the file"][1] == 2


def test_another_quote_may_be_declared(tmp_path: Path) -> None:
    """Some programs put cells between apostrophes."""
    assert ids(read(tmp_path, f"{HEAD}'1','ani, or so','2026-03-01','5'\n", quote="'")) == ["1"]


# ---- lines and rows ----


def test_line_ends_of_two_kinds_are_refused(tmp_path: Path) -> None:
    """A lone carriage return in the middle of a row cuts it for one program and not for another."""
    with pytest.raises(RecordError, match="line ends of two kinds"):
        read(tmp_path, f"{HEAD}1,ani\r,2026-03-01,5\n")


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of one endless line is not taken into memory whole."""
    monkeypatch.setattr("funnel.readers._csv._LONGEST_LINE", 100)

    with pytest.raises(RecordError, match="a line of more than 100 characters"):
        read(tmp_path, HEAD + "x" * 200)


def test_rows_with_more_columns_than_the_heading_are_refused_and_counted(tmp_path: Path) -> None:
    """A delimiter too many moves every cell; blank cells at the end move nothing."""
    with pytest.raises(RecordError, match=r"2 rows have more columns than its heading \(rows 2, 3\)") as caught:
        read(tmp_path, f"{GOOD}3,SECRET,2026,03,01,5\n".replace("2,budi", "2,bu,di"))

    assert "SECRET" not in str(caught.value)
    assert ids(read(tmp_path, GOOD.replace(",5\n", ",5,, \n"))) == ["1", "2"]


def test_rows_with_fewer_columns_are_noted(tmp_path: Path) -> None:
    """Spreadsheets leave blank cells at the end of a row out; a blank line is a row with nothing in it."""
    text = "No,Buyer,When,Total,Note\n1,ani,2026-03-01,5\n\n2,budi,2026-03-01\n"
    orders = read(tmp_path, text)

    assert account(orders)["row with fewer columns than the heading"] == ("noted", 2, (1, 3))
    assert account(orders)["no order"] == ("refused", 1, (2,))
    assert account(orders)["no amount"] == ("refused", 1, (3,))


def test_a_large_file_is_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However a file is cut into parts, rows keep their numbers and copies are found across them."""
    monkeypatch.setattr("funnel.readers._csv._CELLS", 8)
    rows = "".join(f"{n},ani,2026-03-01,5\n" for n in range(9))
    orders = read(tmp_path, f"{HEAD}{rows}0,ani,2026-03-01,5\n10,,2026-03-01,5\n")

    assert account(orders)["exact copy of an earlier row"] == ("merged", 1, (10,))
    assert account(orders)["no customer"] == ("refused", 1, (11,))


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    """A file that changes while it is read is refused: the rows would be neither the old file nor the new one."""
    path = tmp_path / "orders.csv"
    path.write_text(GOOD)

    def grow(_stage: str, _done: int, _total: int) -> None:
        with path.open("a") as file:
            file.write("3,citra,2026-03-03,7\n")

    with pytest.raises(RecordError, match="changed while it was read"):
        read_orders(path, mapping(), progress=grow)


def test_a_file_of_very_many_columns_is_read(tmp_path: Path) -> None:
    """A wide file costs time in proportion to its cells, whether its columns are found or not."""
    wide = "," + ",".join(f"c{n}" for n in range(20_000))

    assert ids(read(tmp_path, f"No,Buyer,When,Total{wide}\n1,ani,2026-03-01,5{wide}\n")) == ["1"]
    with pytest.raises(LogsError, match=r"column 'Buyer' \(person_id\) is missing; there are .* and 19973 more"):
        read(tmp_path, f"No,When,Total{wide}\n")


# ---- the heading ----


@pytest.mark.parametrize(
    ("text", "changes", "message"),
    [
        ("A-1,SECRET dewi,SECRET@x.test,+62 812,2026-03-01,5\n", {}, "the heading seems to be missing"),
        (f"SECRET\n\n{GOOD}", {}, "line 3 has them: set the mapping's skip_lines to 2"),
        (f'"SECRET\nof two lines"\n{GOOD}', {}, "line 3 has them: set the mapping's skip_lines to 2"),
        (GOOD.replace(",", ";"), {}, "its delimiter seems to be ';': set the mapping's delimiter to it"),
        ("SECRET,b,c\n", {}, "look at the mapping's columns, and at its delimiter (',')"),
        (f"sep=;\n{GOOD}", {}, "says in its first line that its delimiter is ';'; set the mapping's to it"),
        ("No,SECRET,a,b,2026-03-01,5\n", {}, "the heading seems to be missing"),
        ("no,When ,SECRET@x.test,0812 555 SECRET,SECRET\x85,\n", {}, "there are 'no', 'When ' and 4 more"),
    ],
)
def test_a_first_row_that_is_no_heading_is_not_shown(
    tmp_path: Path, text: str, changes: dict[str, Any], message: str
) -> None:
    """Without a heading the first row is a person's: the message says what to do, and holds nothing of the row."""
    with pytest.raises(FunnelError) as caught:
        read(tmp_path, text, **changes)

    assert message in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_lines_above_the_heading_are_skipped_where_that_is_declared(tmp_path: Path) -> None:
    """A report's title is not a row; rows are counted below the heading."""
    orders = read(tmp_path, f"ShopData of my shop\n\n{GOOD}3,,2026-03-01,5\n", skip_lines=2)

    assert ids(orders) == ["1", "2"]
    assert account(orders)["no customer"] == ("refused", 1, (3,))
    with pytest.raises(LogsError, match="the first row does not have"):
        read(tmp_path, GOOD, skip_lines=1000)


@pytest.mark.parametrize("first", ["sep=,\n", '"sep=,"\r\n', "SEP=,\n"])
def test_a_line_for_spreadsheets_is_no_heading(tmp_path: Path, first: str) -> None:
    """A first line that names the delimiter is skipped where it names the mapping's."""
    assert ids(read(tmp_path, first + GOOD)) == ["1", "2"]


def test_cells_that_mean_nothing_are_declared(tmp_path: Path) -> None:
    """A dash in place of a person is nobody where the mapping says so."""
    orders = read(tmp_path, f"{HEAD}1,-,2026-03-01,5\n2, n/a ,2026-03-01,5\n", blanks=("-", "n/a"))

    assert account(orders)["no customer"] == ("refused", 2, (1, 2))


# ---- paths that are not files ----


def test_a_pipe_and_a_device_are_refused(tmp_path: Path) -> None:
    """A file that has no end, or cannot be read twice, is not opened at all."""
    os.mkfifo(tmp_path / "orders.csv")
    (tmp_path / "zero.csv").symlink_to("/dev/zero")

    for name in ("orders.csv", "zero.csv"):
        with pytest.raises(ArgumentError, match=f"{name} is a pipe or a device, not a file"):
            read_orders(tmp_path / name, mapping())


def test_a_loop_of_links_is_told_as_such(tmp_path: Path) -> None:
    """A link to itself is a file that cannot be opened."""
    (tmp_path / "orders.csv").symlink_to(tmp_path / "orders.csv")

    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        read_orders(tmp_path / "orders.csv", mapping())
