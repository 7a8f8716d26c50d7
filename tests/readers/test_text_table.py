"""CSV files as text cells: the fast way and Python's csv module read the same, and hostile files end in an error."""

from __future__ import annotations

import csv
import io
import os
import time
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from funnel.errors import ArgumentError, FileError, RecordError
from funnel.readers import _text_table, shopify
from funnel.readers._text_table import CsvLayout, TextRows, read_text, reader_of
from tests.readers.exports import SAMPLES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SHOPIFY = SAMPLES["shopify.orders.csv"]
TEXTS = 300_000 if os.environ.get("FUNNEL_PROFILE") == "full" else 300
"""Random texts that both ways read."""

PIECES = (
    "a",
    "b",
    " ",
    "é",
    '"',
    '""',
    '"a"',
    '"a\nb"',
    '"a,b"',
    "'",
    "#",
    "\ufeff",
    ",",
    ",",
    ";",
    "\n",
    "\n",
    "\r\n",
    "\r",
)
"""The pieces of the random texts."""


def layout(heading: Sequence[str], *, encoding: str = "utf-8", delimiter: str = ",", quote: str = '"') -> CsvLayout:
    """Return the layout of a file with its heading in the first line."""
    return CsvLayout(encoding, delimiter, quote, 0, 0, tuple(heading))


def read(path: Path, chosen: CsvLayout) -> TextRows:
    """Read every column of a file."""
    return read_text(path, chosen, range(len(chosen.heading)), lambda _: None)


def expected(text: str, chosen: CsvLayout) -> tuple[list[tuple[str, ...]], list[int], int] | None:
    """Return the rows, the short rows and the blank lines by the csv module; None if it refuses the text."""
    width = len(chosen.heading)
    try:
        below = list(reader_of(io.StringIO(text, newline=""), chosen))[1:]
    except csv.Error:
        return None
    rows = [row for row in below if row]
    if any(any(row[width:]) for row in rows):
        return None
    short = [number for number, row in enumerate(rows, 1) if len(row) < width]
    return [tuple([*row, *[""] * width][:width]) for row in rows], short, len(below) - len(rows)


LAYOUTS = st.builds(
    layout,
    st.integers(1, 4).map(lambda width: [f"h{index}" for index in range(width)]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le"]),
    delimiter=st.sampled_from(",;\t"),
    quote=st.sampled_from(['"', '"', ""]),
)
"""Layouts with one to four columns."""


@settings(max_examples=TEXTS)
@given(
    body=st.lists(st.sampled_from(PIECES), max_size=30).map("".join),
    chosen=LAYOUTS,
    block=st.sampled_from([1, 2, 7, 30, 2**20]),
)
@example(body="a\r\nb\rc\r", chosen=layout("h"), block=1)
@example(body="a,b\0,c\n", chosen=layout("hij"), block=2**20)
@example(body='a,"x\n\ny",c\n\n1\n', chosen=layout("hij"), block=7)
@example(body='"a,b', chosen=layout("hi"), block=2**20)
@example(body='"a\r\nb",c\r\n\r\n"x\r\ny",d\r\n', chosen=layout("hi"), block=2**20)
@example(body='"a\nb",c\r\n\r\n"x\r\ny",d\r\n', chosen=layout("hi"), block=2**20)
@example(body="a\nb\rc\nd\n", chosen=layout("h"), block=7)
@example(body="a,b\r\r\nc,d\r\r\n", chosen=layout("hi"), block=2**20)
def test_both_ways_read_what_the_csv_module_reads(
    tmp_path_factory: pytest.TempPathFactory, body: str, chosen: CsvLayout, block: int
) -> None:
    """Whatever the text and however it is divided into blocks, the cells are those of the strict csv module."""
    text = chosen.delimiter.join(chosen.heading) + "\n" + body
    path = tmp_path_factory.getbasetemp() / "text.csv"
    path.write_bytes(text.encode(chosen.encoding))
    truth = expected(text, chosen)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_text_table, "_BLOCK", block)
        try:
            result = read(path, chosen)
        except RecordError as error:
            refused = str(error)
        else:
            cells = [tuple(cell or "" for cell in row) for row in result.cells.iter_rows()]
            assert truth == (cells, result.short, result.blank)
            return
    assert truth is None or "whole rows between quotes" in refused


def cells_of(path: Path, **chosen: str) -> list[tuple[str | None, ...]]:
    """Return the cells of a file with the columns a and b."""
    return read(path, layout("ab", **chosen)).cells.rows()


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r", "\r\r\n"])
def test_lines_above_the_heading_are_counted_alike_with_every_line_end(tmp_path: Path, ends: str) -> None:
    """Rows above the heading never take rows below it with them, whatever ends a line."""
    heading, rows = SHOPIFY.rows()
    path = tmp_path / "orders.csv"
    lines = ["Orders", "of March", ",".join(heading), *(",".join([f"{n}", *row[1:25]]) for n, row in enumerate(rows))]
    path.write_bytes("".join(line.replace("\n", " ") + ends for line in lines).encode())
    read_rows = next(entry for entry in SHOPIFY.read(path).account if entry.what == "read")
    assert read_rows.count == len(rows)


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_every_line_end_and_encoding_gives_the_same_cells(tmp_path: Path, ends: str, encoding: str) -> None:
    """A file is the same in every encoding, and with the line ends of every system."""
    path = tmp_path / "a.csv"
    path.write_bytes(ends.join(["a,b", "é,2", '"3,""x""",4', ""]).encode(encoding))
    assert cells_of(path, encoding=encoding) == [("é", "2"), ('3,"x"', "4")]


@pytest.mark.parametrize("body", [b"1,\xff\n", b"1,2\r3,\xff\r", b'1,x"y\n2,\xff\n'])
def test_bytes_that_are_not_text_are_refused(tmp_path: Path, body: bytes) -> None:
    """Bytes that are not UTF-8 are an error that names the encoding, also in a file that the slow way reads."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n" + body)
    with pytest.raises(RecordError, match="not text in UTF-8"):
        cells_of(path)


def test_text_that_ends_inside_a_character_is_refused(tmp_path: Path) -> None:
    """A file in UTF-16 that was cut in the middle of a character is an error."""
    path = tmp_path / "a.csv"
    path.write_bytes("a,b\n1,2\n".encode("utf-16")[:-1])
    with pytest.raises(RecordError, match="not text in UTF-16"):
        cells_of(path, encoding="utf-16")


def test_an_unknown_encoding_is_an_error() -> None:
    """The name of an encoding that Python does not know is refused, with a remedy."""
    with pytest.raises(ArgumentError, match="encoding is 'latin-99', which Python does not know; pass the name"):
        shopify.orders(SHOPIFY.path, encoding="latin-99")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('1,"2\n3,4\n5,6"\n', "1 cells hold whole rows between quotes .row 1.; a quote may not be closed"),
        ('1,2\n3,"4\n5,6\n', "line 4: a quote is not closed as CSV does"),
        ("1,2\n3,4,5\n", "1 rows have more cells than the heading .row 2.; a spreadsheet may have saved it"),
    ],
)
def test_rows_that_cannot_be_separated_are_refused(tmp_path: Path, body: str, message: str) -> None:
    """A quote that swallows rows, an open quote and rows that are too long are errors that name the rows."""
    path = tmp_path / "a.csv"
    path.write_text("a,b\n" + body, encoding="utf-8")
    with pytest.raises(RecordError, match=message):
        cells_of(path)


def test_a_heading_with_a_bare_quote_does_not_hide_the_rows(tmp_path: Path) -> None:
    """A quote inside a name of a column is a character; the rows below are read."""
    path = tmp_path / "a.csv"
    path.write_text('a"x,b\n1,2\n"3",4\n', encoding="utf-8")
    assert cells_of(path) == [("1", "2"), ("3", "4")]


def test_a_record_without_an_end_is_left_after_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quote that is never closed does not make the fast way read the whole file into one record."""
    monkeypatch.setattr(_text_table, "_LONGEST_RECORD", 50)
    monkeypatch.setattr(_text_table, "_BLOCK", 20)
    path = tmp_path / "a.csv"
    path.write_text('a,b\n1,"' + "x\n" * 100 + '"\n', encoding="utf-8")
    assert cells_of(path) == [("1", "x\n" * 100)]


def test_an_open_quote_above_many_lines_takes_linear_time(tmp_path: Path) -> None:
    """The end of the last whole record is found without counting the quotes of a block again for each line."""
    path = tmp_path / "a.csv"
    path.write_text('a,b\n1,"' + '""\n' * 200_000, encoding="utf-8")
    start = time.process_time()
    with pytest.raises(RecordError, match="a quote is not closed"):
        cells_of(path)
    assert time.process_time() - start < 30


def test_a_line_with_the_separator_above_the_heading_is_noted(tmp_path: Path) -> None:
    """The line sep=; that spreadsheets write above the heading is left out and counted."""
    heading, rows = SHOPIFY.rows()
    path = tmp_path / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("sep=;\r\n")
        csv.writer(file, delimiter=";").writerows([heading, *rows])
    data = SHOPIFY.read(path)
    assert data.purchases.equals(SHOPIFY.read(SHOPIFY.path).purchases)
    assert ("noted", "line above the heading, left out", 1) in [
        (one.what, one.reason, one.count) for one in data.account
    ]


def test_a_null_character_stays_in_its_cell(tmp_path: Path) -> None:
    """A NUL character does not divide or end a row."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n1\0x,2\n")
    assert cells_of(path) == [("1\0x", "2")]


def test_what_is_not_a_file_is_an_error(tmp_path: Path) -> None:
    """A folder, a missing file, an empty file and a source of another kind are errors, not tracebacks."""
    empty = tmp_path / "empty.csv"
    empty.touch()
    with pytest.raises(FileError):
        shopify.orders(tmp_path)
    with pytest.raises(FileError):
        shopify.orders(tmp_path / "missing.csv")
    with pytest.raises(RecordError, match="is empty"):
        shopify.orders(empty)
    with pytest.raises(ArgumentError, match="source is an empty list"):
        shopify.orders([])
    with pytest.raises(ArgumentError, match="source is a int; give a file"):
        shopify.orders(3)


def test_a_spreadsheet_that_unpacks_to_far_more_is_refused(tmp_path: Path) -> None:
    """An xlsx file of zeros, which unpacks to a thousand times its size, is refused before it is unpacked."""
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("xl/worksheets/sheet1.xml", b"0" * 2**28)
    with pytest.raises(RecordError, match=r"bomb\.xlsx"):
        shopify.orders(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x00" * 100, b"PK\x05\x06" + b"\xff" * 30])
def test_a_spreadsheet_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    """Bytes under the name of a spreadsheet are an error with a remedy."""
    path = tmp_path / "none.xlsx"
    path.write_bytes(content)
    with pytest.raises(RecordError, match="is not a spreadsheet that can be read; remove its password"):
        shopify.orders(path)
