"""Opening and reading of a shop's files: their mapped columns, and which rows are copies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import polars as pl

from funnel.errors import ArgumentError, LogsError
from funnel.readers._csv import read_csv
from funnel.readers._heading import ABOVE, first_heading, heading_faults, is_heading
from funnel.readers._json_rows import SUFFIXES as JSON
from funnel.readers._mapping import OrderMapping
from funnel.readers._open import open_regular, paths_of
from funnel.readers._parquet import read_frame, read_parquet
from funnel.readers._raw import Progress, RawRows
from funnel.readers._sheets import SUFFIXES as SHEETS
from funnel.readers._sheets import is_filled, open_book, text_cells, typed_cells
from funnel.readers._tables import PARQUET, frame_of, json_frame

# ---- sheets of a spreadsheet file under a mapping --------------------------------------------------------------------


@attrs.frozen(eq=False)
class SheetRows:
    """Rows of one sheet, and the lines around them.

    Attributes:
        frame: The columns of the sheet by their names; the mapped ones in their own types, the others as text.
        above: Number of lines above the heading that are not blank.
        below: Number of lines below the last row.
        blank: Number of blank rows.
        other_sheets: Number of sheets without the heading, counted once per file.
    """

    frame: pl.DataFrame
    above: int
    below: int
    blank: int
    other_sheets: int = 0


def mapped_sheets(path: Path, mapping: OrderMapping) -> list[SheetRows]:
    """Read every sheet that has all columns of a mapping.

    Raises:
        MissingExtraError: fastexcel is not installed.
        RecordError: The file is not a spreadsheet, has a password, or unpacks to a far larger size.
        LogsError: No sheet has all columns of the mapping, or one of them stands twice.
        FileError: The file cannot be opened.
    """
    columns = mapping.columns.given()
    parts: list[SheetRows] = []
    others: list[list[tuple[str, ...]]] = []
    with open_book(path) as book:
        for name in book.sheet_names:
            cells = text_cells(book, name)
            rows = _rows(cells.slice(mapping.skip_lines, ABOVE + 1))
            above = first_heading(rows, lambda row: set(columns.values()) <= set(row))
            if above is None:
                others.append(rows)
                continue
            heading = rows[above]
            _refuse(path.name, heading_faults(columns, heading, lambda _name, _index: (), _no_hint))
            parts.append(_sheet_rows(book, name, cells, heading, above + mapping.skip_lines, mapping))
    if not parts:
        likely = [row for rows in others for row in rows if is_heading(columns, row)]
        _refuse(path.name, heading_faults(columns, (*likely, ())[0], lambda _name, _index: (), _no_hint))
    return [attrs.evolve(parts[0], other_sheets=len(others)), *parts[1:]]


def _no_hint() -> str:
    return "look at the mapping's columns, and at the sheets of the file"


def _refuse(name: str, faults: Sequence[str]) -> None:
    if faults:
        raise LogsError("\n".join(f"{name}: {fault}" for fault in faults))


def _rows(cells: pl.DataFrame) -> list[tuple[str, ...]]:
    return [tuple((cell or "").strip() for cell in row) for row in cells.iter_rows()]


def _sheet_rows(  # noqa: PLR0913, PLR0917 (one sheet and where its rows stand)
    book: Any, name: str, cells: pl.DataFrame, heading: tuple[str, ...], above: int, mapping: OrderMapping
) -> SheetRows:
    top = cells.head(above)
    rows = cells.slice(above + 1)
    below = min(mapping.skip_end, rows.height)
    rows = rows.head(rows.height - below)
    filled = rows.select(is_filled().alias("filled"))["filled"] if rows.height else pl.Series(dtype=pl.Boolean)
    mapped = {heading.index(column) for column in mapping.columns.given().values()}
    typed = typed_cells(book, name, above + 1, rows, mapped) if rows.height else rows
    names = _names(heading)
    frame = typed.rename(dict(zip(typed.columns, names, strict=True))).filter(filled)
    preamble = int(top.select(is_filled().sum()).item()) if above else 0
    return SheetRows(frame, preamble, below, rows.height - frame.height)


def _names(heading: Sequence[str]) -> list[str]:
    """Return a name for each column; the blank and repeated ones get one by their position."""
    return [
        name if name and heading.count(name) == 1 else f"funnel: column {index}" for index, name in enumerate(heading)
    ]


# ---- files of every kind ---------------------------------------------------------------------------------------------


_CSV = (".csv", ".tsv", ".txt")

_Read: TypeAlias = Callable[[OrderMapping], RawRows]


@attrs.frozen(eq=False)
class Part:
    """Rows of a file, of a sheet or of a dataframe, and the mapping with the column of its currencies."""

    raw: RawRows
    mapping: OrderMapping


def read_source(source: str | Path | Any, mapping: OrderMapping, progress: Progress) -> list[Part]:
    """Read the mapped columns of one or more files, or of a dataframe.

    Args:
        source: A CSV, xlsx, Parquet or JSON file, several files of one shop, or a dataframe of any engine.
        mapping: How to read the file.
        progress: Called with the rows read and the total rows.

    Returns:
        The rows of each file; of a spreadsheet file, the rows of each sheet that has the columns.

    Raises:
        ArgumentError: The file name does not end as that of a known kind, or the source is neither files nor a
            dataframe.
        RecordError: The file cannot be read.
        LogsError: Columns are missing or have an unreadable type; all of them are reported together.
        FileError: The file cannot be opened.
        MissingExtraError: A file is a spreadsheet, and fastexcel is not installed.
    """
    paths = paths_of(source)
    if paths is None:
        frame = frame_of(source)
        return [_part(lambda how: read_frame(frame, "the dataframe", how, progress), mapping)]
    return [_part(read, mapping) for path in paths for read in _reads(path, mapping, progress)]


def _part(read: _Read, mapping: OrderMapping) -> Part:
    """Read the rows; again if a column that the mapping does not name holds their currencies."""
    raw = read(mapping)
    if raw.currency is None:
        return Part(raw, mapping)
    columns = mapping.columns.model_copy(update={"currency": raw.currency})
    mapping = mapping.model_copy(update={"columns": columns})
    return Part(attrs.evolve(read(mapping), currency=raw.currency), mapping)


def _reads(path: Path, mapping: OrderMapping, progress: Progress) -> list[_Read]:
    """Return how to read each part of a file under a mapping."""
    with open_regular(path):
        pass
    suffix = path.suffix.lower()
    if suffix in _CSV:
        return [lambda how: read_csv(path, how, progress)]
    if suffix in PARQUET:
        return [lambda how: read_parquet(path, how, progress)]
    if suffix in JSON:
        frame = json_frame(path, lambda names: is_heading(mapping.columns.given(), names))
        return [lambda how: read_frame(frame, path.name, how, progress)]
    if suffix in SHEETS:
        return [partial(_of_sheet, sheet, path.name, progress) for sheet in mapped_sheets(path, mapping)]
    endings = ", ".join((*_CSV, *SHEETS, *PARQUET, *JSON))
    raise ArgumentError(f"{path.name} ends in {suffix or 'nothing'}; give a file that ends in {endings}")


def _of_sheet(sheet: SheetRows, name: str, progress: Progress, mapping: OrderMapping) -> RawRows:
    rows = read_frame(sheet.frame, name, mapping, progress)
    return attrs.evolve(rows, above=sheet.above, below=sheet.below, blank=sheet.blank, other_sheets=sheet.other_sheets)
