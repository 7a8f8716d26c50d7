"""Opening and reading of a shop's files: their mapped columns, and which rows are copies."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import attrs

from funnel.errors import ArgumentError
from funnel.readers._csv import read_csv
from funnel.readers._heading import is_heading
from funnel.readers._json_rows import SUFFIXES as JSON
from funnel.readers._mapped_sheets import SheetRows, mapped_sheets
from funnel.readers._mapping import OrderMapping
from funnel.readers._open import open_regular
from funnel.readers._parquet import read_frame, read_parquet
from funnel.readers._raw import Progress, RawRows
from funnel.readers._sheets import SUFFIXES as SHEETS
from funnel.readers._source import paths_of
from funnel.readers._tables import PARQUET, frame_of, json_frame

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
