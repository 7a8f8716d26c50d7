"""Laws of every known export: the account is exact, and files may be shuffled, divided, repeated or broken."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import os
import random
import re
from functools import cache
from typing import TYPE_CHECKING

import pandas as pd
import polars as pl
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from funnel import read_orders
from funnel.errors import ArgumentError, FunnelError, RecordError
from tests.readers.exports import SAMPLES, broken, same

if TYPE_CHECKING:
    from pathlib import Path

    from funnel.readers import ShopData
    from tests.readers.exports import Sample

FEW, BROKEN = 6, 100_000 if os.environ.get("FUNNEL_PROFILE") == "full" else 100
"""Broken files per reader, shared by its samples: the first ones are read in `make test`, the rest in others."""


def accounted(data: ShopData) -> tuple[int, int]:
    """Return the rows read, and the rows kept, merged and refused together."""
    read = next(entry.count for entry in data.account if entry.reason.startswith("rows in the file"))
    rows_kept = next(entry.count for entry in data.account if entry.reason == "rows kept")
    return read, rows_kept + sum(entry.count for entry in data.account if entry.what in ("merged", "refused"))


@pytest.fixture(params=SAMPLES)
def sample(request: pytest.FixtureRequest) -> Sample:
    """Give each sample in turn."""
    return SAMPLES[request.param]


def test_every_row_is_accounted_for(sample: Sample) -> None:
    """Rows that Python's csv module counts are the rows read, and each is kept, merged or refused."""
    read, accounted_rows = accounted(_whole(sample.file))
    assert read == accounted_rows == len(sample.rows()[1])


def test_the_export_is_recognised(sample: Sample) -> None:
    """Without its reader's name, a file is read as the export that it is."""
    assert same(read_orders(sample.path, **sample.options), _whole(sample.file))


@pytest.mark.parametrize("kind", ["polars", "pandas"])
def test_a_dataframe_is_read_like_its_file(sample: Sample, kind: str) -> None:
    """A dataframe with the columns of the file gives the records of the file."""
    heading, rows = sample.rows()
    if sample.is_json:
        objects = [json.loads(row[0]) for row in rows]
        nested = pl.DataFrame(objects, infer_schema_length=None) if kind == "polars" else pd.DataFrame(objects)
        assert same(sample.read(nested), _whole(sample.file))
        return
    indices = [index for index, name in enumerate(heading) if heading.index(name) == index]  # HubSpot repeats a name
    rows, heading = [[row[index] for index in indices] for row in rows], [heading[index] for index in indices]
    frame = pl.DataFrame(rows, schema=heading, orient="row")
    source = frame if kind == "polars" else pd.DataFrame(rows, columns=heading)
    assert same(sample.read(source), _whole(sample.file))


def test_a_dataframe_of_numbers_never_changes_an_amount_or_an_id(sample: Sample) -> None:
    """A dataframe whose columns became numbers gives the same purchases, or refuses an amount that lost its style."""
    if sample.is_json:
        pytest.skip("numbers of JSON are numbers already")
    quote = sample.quote or None
    numbers = pl.read_csv(sample.path, separator=sample.delimiter, quote_char=quote, infer_schema_length=None)
    try:
        data, whole = sample.read(numbers), _whole(sample.file)
    except ArgumentError as error:
        assert re.match("telephone numbers that are numbers|the column '.*' has floats", str(error))  # noqa: PT017
        return
    lost = whole.purchases.join(data.purchases, on=whole.purchases.columns, how="anti", nulls_equal=True)
    refused = sum(entry.count for entry in data.account if "not written in the declared style" in entry.reason)
    assert (data.purchases.height + lost.height, lost.height > 0) == (whole.purchases.height, refused > 0)


ABOVE = (
    "Orders of my shop",
    "",
    "   ",
    "Period{0}2026-01-01",
    "{0}{0}{0}{0}",
    "Printed by{0}{0}me{0}",
    "sep={0}",
    "Page\u2028one\x0c\x1c\x85\u2029",
    '"Title of\ntwo lines"',
)
"""Lines above a heading; {0} is the delimiter. Some have characters that end a line of Python, but not of CSV."""


@given(data=st.data())
def test_lines_above_the_heading_are_counted_and_never_data(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Titles, notes and blank lines change no record and no row; the account counts those that are not blank."""
    sample = SAMPLES[data.draw(st.sampled_from([name for name in SAMPLES if not SAMPLES[name].is_json]))]
    kinds = data.draw(st.lists(st.sampled_from(ABOVE), min_size=1, max_size=9))
    text = "".join(f"{kind.format(sample.delimiter)}\n" for kind in kinds)
    path = tmp_path_factory.mktemp("files") / f"above{sample.path.suffix}"
    path.write_bytes(text.encode() + sample.path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    lines_above = sum(
        any(cell.strip() for cell in row) for row in sample.reader(io.StringIO(text, newline=""), sample.delimiter)
    )
    read = sample.read(path)

    assert same(read, _whole(sample.file))
    assert accounted(read) == (len(sample.rows()[1]),) * 2
    assert noted(read, "line above the heading, left out") == lines_above


FORMATS = (
    *("%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%m/%d/%y", "%m/%d/%Y", "%d %b %Y %H:%M", "%b-%d-%y", "%H:%M:%S"),
    *("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%d/%m/%Y"),
)
DATED = (
    *(
        "woocommerce.orders.csv",
        "stripe.payments.csv",
        "etsy.orders.csv",
        "etsy.orders.items.csv",
        "square.transactions.csv",
    ),
    *("shopee.orders.id.csv", "lazada.orders.csv", "paypal.payments.csv", "ebay.orders.csv", "odoo.orders.csv"),
)


def as_times(cells: list[str]) -> list[dt.datetime | dt.time | None] | None:
    """Return the cells of a column as times or clock times; None if they are something else."""
    for form in FORMATS:
        try:
            times = [dt.datetime.strptime(cell, form) if cell else None for cell in cells]  # noqa: DTZ007 (naive)
        except ValueError:
            continue
        return [time and time.time() for time in times] if form == "%H:%M:%S" else [*times]
    return None


@pytest.mark.parametrize("kind", ["xlsx", "frame"])
@pytest.mark.parametrize("name", DATED)
def test_real_dates_of_a_spreadsheet_or_a_dataframe_are_read(tmp_path: Path, name: str, kind: str) -> None:
    """A file saved again as a spreadsheet, or loaded with its dates parsed, gives the same records."""
    sample = SAMPLES[name]
    heading, rows = sample.rows()
    columns = [as_times([row[index].strip() for row in rows]) for index, _ in enumerate(heading)]
    assert any(any(times) for times in columns if times)
    if kind == "frame":
        values = {
            title: [row[index] for row in rows] if times is None else times
            for index, (title, times) in enumerate(zip(heading, columns, strict=True))
        }
        assert same(sample.read(pl.DataFrame(values)), _whole(sample.file))
        return
    path = tmp_path / "orders.xlsx"
    book = xlsxwriter.Workbook(path, {"default_date_format": "dd/mm/yyyy"})
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, heading)
    for index, times in enumerate(columns):
        for number, row in enumerate(rows, 1):
            time = times[number - 1] if times else None
            if time is not None:
                sheet.write_datetime(number, index, time)
            else:
                sheet.write_string(number, index, row[index])
    book.close()
    assert same(sample.read(path), _whole(sample.file))


def noted(data: ShopData, reason: str) -> int:
    """Return the count of a note; 0 if there is none."""
    return next((entry.count for entry in data.account if entry.reason == reason), 0)


def test_a_spreadsheet_with_lines_above_its_heading_is_read_like_its_file(sample: Sample, tmp_path: Path) -> None:
    """Titles and notes are counted, blank rows left out, and every other row is kept, merged or refused."""
    if sample.is_json:
        pytest.skip("JSON has no heading")
    heading, rows = sample.rows()
    above = [[], ["Orders of my shop"], ["", "Period", "2026-01-01"], [" ", ""], ["Two\nlines"], []]
    path = tmp_path / "orders.xlsx"
    book = xlsxwriter.Workbook(
        path, {"strings_to_numbers": False, "strings_to_formulas": False, "strings_to_urls": False}
    )
    sheet = book.add_worksheet()
    for index, row in enumerate([*above, heading, *rows]):
        for column, cell in enumerate(row):
            sheet.write_string(index, column, cell)
    book.close()
    read = sample.read(path)

    assert same(read, _whole(sample.file))
    filled = sum(any(cell.strip() for cell in row) for row in rows)
    assert accounted(read) == (filled, filled)
    assert noted(read, "line above the heading, left out") == 3
    assert noted(read, "blank row of a sheet, left out") == len(rows) - filled


def test_rows_above_the_heading_that_may_be_data_are_refused(sample: Sample, tmp_path: Path) -> None:
    """A file that was sorted with its heading is refused: no row of an order is taken for a title."""
    if sample.is_json:
        pytest.skip("JSON has no heading")
    heading, rows = sample.rows()
    row = next(row for row in rows if sum(cell != "" for cell in row) > 2)
    path = sample.write(tmp_path / f"sorted{sample.path.suffix}", rows)
    lines = path.read_bytes().splitlines(keepends=True)
    moved = sample.write(tmp_path / f"row{sample.path.suffix}", [row]).read_bytes().splitlines(keepends=True)[1:]
    path.write_bytes(b"".join([*moved, *lines]))
    with pytest.raises(RecordError, match="below rows that may be data") as caught:
        sample.read(path)
    assert not any(len(cell) > 4 and cell in str(caught.value) for cell in row)
    assert heading


def test_a_heading_joined_with_a_row_is_refused(sample: Sample, tmp_path: Path) -> None:
    """A lost line end would hide the first row in the heading."""
    if sample.is_json:
        pytest.skip("JSON has no heading")
    heading, rows = sample.rows()
    path, row = tmp_path / f"joined{sample.path.suffix}", max(rows, key=lambda row: sum(map(str.isdigit, "".join(row))))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=sample.delimiter) if sample.quote else None
        for cells in ([*heading, *row], *rows):
            file.write(f"{sample.delimiter.join(cells)}\n") if writer is None else writer.writerow(cells)
    with pytest.raises(RecordError, match="a line end is lost") as caught:
        sample.read(path)
    assert not any(len(cell) > 4 and cell in str(caught.value) for cell in row)


@settings(max_examples=max(settings().max_examples // 3, 2))
@given(data=st.data())
@pytest.mark.parametrize("name", SAMPLES)
def test_shuffled_rows_split_files_and_repeated_files_give_the_same(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    """The records do not depend on the order of the rows, on how files divide them, nor on repeated files."""
    sample = SAMPLES[name]
    folder = tmp_path_factory.mktemp("files")
    _, rows = sample.rows()
    groups = _orders(sample, rows)
    shuffled = data.draw(st.permutations(groups))
    number = data.draw(st.integers(1, 3))
    files = [data.draw(st.integers(0, number - 1)) for _ in shuffled]
    again = [data.draw(st.booleans()) for _ in shuffled]
    parts: list[list[list[str]]] = [[] for _ in range(number)]
    for group, file, twice in zip(shuffled, files, again, strict=True):
        for to in {file, (file + twice) % number}:
            parts[to] += group
    parts = [part for part in parts if part or not sample.is_json]  # a file of JSON lines without a line is empty
    paths = [sample.write(folder / f"{index}{sample.path.suffix}", part) for index, part in enumerate(parts)]
    assert same(sample.read(paths), _whole(name))


@cache
def _whole(name: str) -> ShopData:
    return SAMPLES[name].read(SAMPLES[name].path)


def _orders(sample: Sample, rows: list[list[str]]) -> list[list[list[str]]]:
    """Group the rows that belong together: a row without the cells of its order follows the row that has them."""
    if not sample.head:
        return [[row] for row in rows]
    status = sample.rows()[0].index(sample.head)
    groups: list[list[list[str]]] = []
    for row in rows:
        if row[status]:
            groups.append([])
        groups[-1].append(row)
    return groups


@pytest.mark.no_cover
@pytest.mark.parametrize("numbers", [range(FEW), pytest.param(range(FEW, BROKEN), marks=pytest.mark.more)], ids=str)
def test_a_broken_file_is_an_error_or_accounted_for(sample: Sample, tmp_path: Path, numbers: range) -> None:
    """Whatever was done to a file: a FunnelError, or an account with each row that the csv module counts."""
    whole = sample.path.read_bytes()
    path = tmp_path / f"broken{sample.path.suffix}"
    heading = set(sample.rows()[0])
    private = {cell for row in sample.rows()[1] for cell in row if "@" in cell or cell.startswith("+62")}
    for number in numbers[:: sum(one.name == sample.name for one in SAMPLES.values())]:
        path.write_bytes(broken(whole, random.Random(f"{sample.file} {number}")))
        try:
            data = sample.read(path)
        except FunnelError as error:
            text = str(error)
        else:
            text = str(data)
            read, accounted_rows = accounted(data)
            assert read == accounted_rows, number
            assert read in _possible_counts(sample, path, heading), number
        assert not any(cell in text for cell in private), number


def _possible_counts(sample: Sample, path: Path, heading: set[str]) -> set[int]:
    """Return the numbers of rows below each row that may be the heading."""
    if sample.is_json:
        return {sum(line.strip() != b"" for line in path.read_bytes().split(b"\n"))}
    counts = set()
    for delimiter in ",;\t":
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in sample.reader(file, delimiter) if row]
        counts |= {
            len(rows) - at
            for at, row in enumerate(rows, 1)
            if 2 * len(heading.intersection(row)) > min(len(heading), len(row))  # the heading may be cut
        }
    return counts
