"""Sheets of a spreadsheet file as text cells; needs the extra `xlsx`."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl

from funnel.errors import MissingExtraError, RecordError
from funnel.readers._open import open_regular
from funnel.readers._parquet import bounded

SUFFIXES = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
"""Endings of the names of spreadsheet files."""


def sheets_of(path: Path) -> Iterator[pl.DataFrame]:
    """Yield the cells of each sheet as text, the rows above the data included. A date is written as in ISO 8601.

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
        book: Any = fastexcel.read_excel(path)
        for name in book.sheet_names:
            sheet = book.load_sheet(name, header_row=None, dtypes="string").to_polars()
            yield sheet.rename({column: str(index) for index, column in enumerate(sheet.columns)})
    except (fastexcel.FastExcelError, pl.exceptions.PolarsError):
        msg = f"{path.name} is not a spreadsheet that can be read; remove its password, or save it as CSV UTF-8"
        raise RecordError(msg) from None


def _unpacked(file: Any) -> int:
    """Return the unpacked size that a zip file states, in bytes."""
    try:
        with zipfile.ZipFile(file) as parts:
            return sum(part.file_size for part in parts.infolist())
    except zipfile.BadZipFile:
        return 0
