"""Layout and cells of an unknown file: a spreadsheet, Parquet, JSON or CSV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from funnel.errors import ArgumentError, RecordError
from funnel.readers._heading import ABOVE, refuse_data
from funnel.readers._json_rows import SUFFIXES as JSON
from funnel.readers._looks import Looks, look_at_text
from funnel.readers._sheets import SUFFIXES as SHEETS
from funnel.readers._sheets import is_filled, open_book, text_cells, typed_cells
from funnel.readers._tables import PARQUET, json_frame, parquet_frame, text_columns
from funnel.readers._text_table import CsvLayout

_CSV = (".csv", ".tsv", ".txt")


def look(path: Path) -> Looks:
    """Find the layout of a file, and read its cells.

    Raises:
        ArgumentError: The file name does not end as that of a known kind.
        RecordError: The file has no heading, or its rows cannot be separated reliably.
        FileError: The file cannot be opened.
        MissingExtraError: The file is a spreadsheet, and fastexcel is not installed.
    """
    suffix = path.suffix.lower()
    if suffix in _CSV:
        return look_at_text(path)
    if suffix in SHEETS:
        return _look_at_sheets(path)
    if suffix in PARQUET:
        return _looks_of(parquet_frame(path))
    if suffix in JSON:
        return _looks_of(json_frame(path, lambda _names: True))
    endings = ", ".join((*_CSV, *SHEETS, *PARQUET, *JSON))
    raise ArgumentError(f"{path.name} ends in {suffix or 'nothing'}; give a file that ends in {endings}")


def _looks_of(frame: pl.DataFrame) -> Looks:
    """Return the looks of a table whose columns have types."""
    cells = text_columns(frame)
    numbers = frozenset(name for name, dtype in frame.schema.items() if dtype.is_numeric())
    return Looks(_layout(frame.columns), cells, 0, numbers)


def _look_at_sheets(path: Path) -> Looks:
    """Look at the sheet with the most rows; its heading is the first row with the most filled cells."""
    with open_book(path) as book:
        sheets = [(text_cells(book, name), name) for name in book.sheet_names]
        cells, name = max(sheets, key=lambda sheet: sheet[0].height)
        rows = [tuple((cell or "").strip() for cell in row) for row in cells.head(ABOVE + 1).iter_rows()]
        widths = [sum(cell != "" for cell in row) for row in rows]
        if max(widths, default=0) < 2:  # noqa: PLR2004 (a table has at least two columns)
            msg = f"{path.name} has no rows of several cells; give a file with a row that names its columns"
            raise RecordError(msg)
        above = widths.index(max(widths))
        heading = rows[above]
        refuse_data(path.name, heading)
        below = cells.slice(above + 1)
        typed = typed_cells(book, name, above + 1, below, range(below.width)) if below.height else below
    names = {index: column for index, column in enumerate(heading) if column and heading.count(column) == 1}
    numbers = frozenset(column for index, column in names.items() if typed.dtypes[index].is_numeric())
    chosen = below.filter(is_filled()).select(pl.nth(index).alias(column) for index, column in names.items())
    return Looks(_layout(heading), chosen, 0, numbers, len(sheets) - 1)


def _layout(heading: Sequence[str]) -> CsvLayout:
    """Return the layout of a file without delimiters."""
    return CsvLayout("utf-8", ",", '"', 0, 0, tuple(heading))
