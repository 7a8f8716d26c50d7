"""Sheets of a spreadsheet file as text cells; needs the extra `xlsx`."""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl

from funnel.errors import MissingExtraError, RecordError
from funnel.readers._open import open_regular
from funnel.readers._parquet import bounded

SUFFIXES = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
"""Endings of the names of spreadsheet files."""


@contextmanager
def open_book(path: Path) -> Generator[Any, None, None]:
    """Open a spreadsheet file with fastexcel; an error of its sheets is raised as one of the file.

    Raises:
        MissingExtraError: fastexcel is not installed.
        RecordError: The file is not a spreadsheet, has a password, or unpacks to a far larger size.
        FileError: The file cannot be opened.
    """
    if find_spec("fastexcel") is None:
        raise MissingExtraError(
            'reading a spreadsheet needs fastexcel; install it with: pip install "shopfunnel[xlsx]"'
        )
    import fastexcel

    with open_regular(path) as file:
        size = file.seek(0, 2)
        if zipfile.is_zipfile(file):
            bounded(path.name, _unpacked(file), size)
    try:
        yield fastexcel.read_excel(path)
    except (fastexcel.FastExcelError, pl.exceptions.PolarsError):
        msg = f"{path.name} is not a spreadsheet that can be read; remove its password, or save it as CSV UTF-8"
        raise RecordError(msg) from None


def sheets_of(path: Path) -> Iterator[pl.DataFrame]:
    """Yield the cells of each sheet as text, the rows above the data included. A date is written as in ISO 8601.

    Raises:
        MissingExtraError: fastexcel is not installed.
        RecordError: The file is not a spreadsheet, has a password, or unpacks to a far larger size.
        FileError: The file cannot be opened.
    """
    with open_book(path) as book:
        for name in book.sheet_names:
            yield text_cells(book, name)


def text_cells(book: Any, name: str) -> pl.DataFrame:
    """Return the cells of a sheet as text, from its first row on; the columns are "0", "1" and so on."""
    sheet = book.load_sheet(name, header_row=None, skip_rows=0, dtypes="string").to_polars()
    return sheet.rename({column: str(index) for index, column in enumerate(sheet.columns)})  # type: ignore[no-any-return]


def typed_cells(book: Any, name: str, skip: int, rows: pl.DataFrame, chosen: Collection[int]) -> pl.DataFrame:
    """Return rows of a sheet with the types of the chosen columns: a number is then never a text such as 1.234.

    Args:
        book: The open file.
        name: The sheet.
        skip: Number of rows above.
        rows: The rows as text.
        chosen: The positions of the columns.
    """
    blank = {index for index in chosen if rows[str(index)].null_count() == rows.height}
    texts = dict.fromkeys((index for index in range(rows.width) if index not in chosen or index in blank), "string")
    # Without a sample of every row, fastexcel takes the type of the first rows and drops the other cells.
    sheet = book.load_sheet(name, header_row=None, skip_rows=skip, dtypes=texts, schema_sample_rows=None)
    return sheet.to_polars().head(rows.height)  # type: ignore[no-any-return]


def is_filled() -> pl.Expr:
    """Return which rows of text cells are not blank."""
    return pl.any_horizontal(pl.all().str.strip_chars().fill_null("") != "")


def _unpacked(file: Any) -> int:
    """Return the unpacked size that a zip file states, in bytes."""
    try:
        with zipfile.ZipFile(file) as parts:
            return sum(part.file_size for part in parts.infolist())
    except zipfile.BadZipFile:
        return 0
