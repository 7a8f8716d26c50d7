"""Files of one export as one table of canonical text columns."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import narwhals as nw
import polars as pl

from funnel._dataframes.compute import collected
from funnel.errors import ArgumentError, RecordError
from funnel.readers._account import FIRST_ROWS, Entry
from funnel.readers._export import Export, only, recognized
from funnel.readers._export_columns import FILE
from funnel.readers._formats import CUT, GROUPED_BY_POINTS
from funnel.readers._heading import ABOVE, check_joined, first_heading
from funnel.readers._json_rows import SUFFIXES as JSON
from funnel.readers._json_rows import cell, json_rows, json_table
from funnel.readers._open import Source, open_regular, paths_of
from funnel.readers._parquet import bounded, unpacked_bytes
from funnel.readers._raw import ROW, Progress
from funnel.readers._sheets import SUFFIXES, sheets_of
from funnel.readers._text_table import CsvLayout, read_text
from funnel.readers._values import text_of

_EXACT = 2**53
"""Floats below it are exact whole numbers."""

_JSON = ".json"


@attrs.frozen(eq=False)
class Part:
    """Rows of one file or one sheet.

    Attributes:
        rows: The canonical columns as text.
        short: Numbers of rows with fewer cells than the heading, from 1.
        above: Number of lines above the heading that are not blank.
        blank: Number of blank rows of a sheet.
        other_sheets: Number of sheets of the file without the heading, counted once per file.
    """

    rows: pl.DataFrame
    short: list[int]
    above: int
    blank: int = 0
    other_sheets: int = 0


@attrs.frozen(eq=False)
class Tables:
    """Rows of the files of a shop.

    Attributes:
        rows: The canonical columns as text, with `ROW` (from 1, over all files) and `FILE`.
        notes: Notes about rows and lines, for the account.
    """

    rows: pl.DataFrame
    notes: tuple[Entry, ...]


Content: TypeAlias = "CsvLayout | list[pl.DataFrame] | pl.DataFrame"
"""Content by which a file is recognised: the layout of CSV, the sheets of a spreadsheet, or the rows."""


@attrs.frozen(eq=False)
class Recognition:
    """The export of a source, and the content of its first file, which is not read again.

    Attributes:
        export: The export.
        first: The content of the first file; None for a dataframe.
    """

    export: Export
    first: Content | None = attrs.field(repr=False)


def read_tables(source: Source, recognition: Recognition, *, encoding: str | None, progress: Progress | None) -> Tables:
    """Read the columns of an export from one or more files, or from a dataframe.

    Raises:
        ArgumentError: A file is not this export, or the source is neither a file nor a dataframe.
        RecordError: A file cannot be read, or its rows cannot be separated reliably.
        LogsError: A column stands twice in the heading.
        FileError: A file cannot be opened.
    """
    frames: list[pl.DataFrame] = []
    short: list[int] = []
    count = above = blank = other_sheets = 0
    for number, part in enumerate(_parts(source, recognition, encoding, progress)):
        file = pl.repeat(number, part.rows.height, dtype=pl.Int64, eager=True)  # a part may have no row and no column
        frames.append(part.rows.with_columns(file.alias(FILE)))
        short += [row + count for row in part.short]
        count += part.rows.height
        above += part.above
        blank += part.blank
        other_sheets += part.other_sheets
    rows = pl.concat(frames, how="diagonal").with_row_index(ROW, offset=1).with_columns(pl.col(ROW).cast(pl.Int64))
    notes = (
        Entry("noted", "line above the heading, left out", above),
        Entry("noted", "blank row of a sheet, left out", blank),
        Entry("noted", "sheet without the heading, left out", other_sheets),
        Entry("noted", "row with fewer columns than the heading", len(short), tuple(short[:FIRST_ROWS])),
    )
    return Tables(rows, tuple(note for note in notes if note.count))


def _parts(
    source: Source, recognition: Recognition, encoding: str | None, progress: Progress | None
) -> Generator[Part, None, None]:
    paths, export, content = paths_of(source), recognition.export, recognition.first
    if paths is None:
        yield _of_frame(source, export)
        return
    for number, path in enumerate(paths):
        if number:
            content = _opened(path, [export], encoding, is_first=False).first
        yield from _of_file(path, export, content, progress)


def fitting(source: Source, exports: Sequence[Export], encoding: str | None) -> Recognition:
    """Find the only export whose columns a source has.

    Raises:
        ArgumentError: No export or several exports fit, or the source is neither a file nor a dataframe.
        RecordError: The first file is empty, or is not text in the encoding.
        FileError: The first file cannot be opened.
    """
    paths = paths_of(source)
    if paths is not None:
        return _opened(paths[0], exports, encoding, is_first=True)
    return Recognition(_only_fitting(_lazy(source).collect_schema().names(), "the dataframe", exports), None)


def _opened(path: Path, exports: Sequence[Export], encoding: str | None, *, is_first: bool) -> Recognition:
    """Find the only export whose columns a file has; a further JSON file may be the empty last page of an interface."""
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        sheets = list(sheets_of(path))
        matches = [export for sheet in sheets for export in exports if any(_headings(sheet, [export]))]
        return Recognition(only([(export, None) for export in dict.fromkeys(matches)], path.name, exports)[0], sheets)
    if suffix in (*JSON, *PARQUET):
        rows = _file_frame(path, exports)
        if not is_first and suffix == _JSON and not rows.width:
            return Recognition(exports[0], rows)
        return Recognition(_only_fitting(rows.columns, path.name, exports), rows)
    return Recognition(*only(recognized(path, exports, encoding), path.name, exports))


def _only_fitting(columns: Sequence[str], name: str, exports: Sequence[Export]) -> Export:
    return only([(export, None) for export in exports if export.fits(columns)], name, exports)[0]


def frame_of(source: object) -> pl.DataFrame:
    """Return a dataframe of any engine as a Polars dataframe.

    Raises:
        ArgumentError: It is not a dataframe.
    """
    return collected(_lazy(source)).to_polars()  # type: ignore[no-any-return]


PARQUET = (".parquet", ".pq")
"""Endings of the names of Parquet files."""


def _file_frame(path: Path, exports: Sequence[Export]) -> pl.DataFrame:
    """Return the rows of a JSON or Parquet file; the cells of JSON as text.

    JSON of orders is read with one row for each item, JSON of events with one row for each object: the first of the two
    whose columns an export has.

    Raises:
        RecordError: The file cannot be read, or unpacks to a far larger size.
        FileError: The file cannot be opened.
    """
    if path.suffix.lower() in JSON:
        return json_frame(path, lambda columns: any(export.fits(columns) for export in exports))
    return parquet_frame(path)


def parquet_frame(path: Path) -> pl.DataFrame:
    """Return the rows of a Parquet file.

    Raises:
        RecordError: The file cannot be read, or unpacks to a far larger size.
        FileError: The file cannot be opened.
    """
    with open_regular(path) as file:
        size = file.seek(0, 2)
        bounded(path.name, unpacked_bytes(file, size) or 0, size)
    try:
        return pl.read_parquet(path, hive_partitioning=False)
    except (OSError, pl.exceptions.PolarsError):
        raise RecordError(f"{path.name} cannot be read as what its name says it is; export it again") from None


def json_frame(path: Path, fits: Callable[[Sequence[str]], bool]) -> pl.DataFrame:
    """Return the rows of a JSON file as text: one for each item of an order if those columns fit, else one per object.

    Raises:
        RecordError: The file cannot be read.
        FileError: The file cannot be opened.
    """
    failure: RecordError | None = None
    try:
        items = json_table(path) if path.suffix.lower() == _JSON else None
    except RecordError as error:
        failure, items = error, None
    if items is not None and (not items.width or fits(items.columns)):
        return items
    try:
        return _objects(path)
    except RecordError as error:
        raise failure or error from None


def _objects(path: Path) -> pl.DataFrame:
    rows = json_rows(path)
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = [
        pl.Series(str(index), [cell(row.get(name)) for row in rows], pl.String) for index, name in enumerate(names)
    ]
    return pl.DataFrame(columns).rename({str(index): name for index, name in enumerate(names)})


def _lazy(source: object) -> nw.LazyFrame[Any]:
    """Return a dataframe of any engine.

    Raises:
        ArgumentError: It is not a dataframe.
    """
    try:
        return nw.from_native(source).lazy()  # type: ignore[call-overload, no-any-return]
    except TypeError:
        msg = f"source is a {type(source).__name__}; give a file, a list of files, or a dataframe"
        raise ArgumentError(msg) from None


def _of_file(path: Path, export: Export, content: Content | None, progress: Progress | None) -> list[Part]:
    if isinstance(content, list):
        return _of_sheets(content, export)
    if isinstance(content, pl.DataFrame):
        return [_of_frame(content, export) if content.width else Part(content, [], 0)]
    assert content is not None
    positions = export.positions(content.heading)

    def tell(rows: int) -> None:
        if progress is not None:
            progress("reading", rows, rows)

    text = read_text(path, content, list(positions.values()), tell)
    return [Part(_chosen(text.cells, positions), text.short, content.preamble)]


def _of_sheets(sheets: Sequence[pl.DataFrame], export: Export) -> list[Part]:
    """Return the rows of every sheet that has the heading of the export."""
    parts: list[Part] = []
    other = 0
    for sheet in sheets:
        headings = list(_headings(sheet, [export]))
        other += not headings
        for above, heading in headings:
            rows = sheet.slice(above + 1)
            filled = _without_blank_rows(rows)
            blank = rows.height - filled.height
            preamble = _without_blank_rows(sheet.head(above)).height
            parts.append(Part(_chosen(filled, export.positions(heading)), [], preamble, blank))
    return [attrs.evolve(parts[0], other_sheets=other), *parts[1:]]


def _without_blank_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Drop the rows without a filled cell; the first column usually shows that there are none."""
    is_filled = pl.repeat(value=False, n=rows.height, eager=True)
    for column in rows:
        is_filled |= (column.str.strip_chars() != "").fill_null(value=False)
        if is_filled.all():
            return rows
    return rows.filter(is_filled)


def _headings(sheet: pl.DataFrame, exports: Sequence[Export]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield the row of the heading of each export that a sheet has."""
    rows = [tuple(cell or "" for cell in row) for row in sheet.head(ABOVE + 1).iter_rows()]
    for export in exports:
        above = first_heading(rows, export.fits)
        if above is not None:
            check_joined(rows[above])
            yield above, rows[above]


def _chosen(cells: pl.DataFrame, positions: Mapping[str, int]) -> pl.DataFrame:
    return cells.select(pl.col(str(index)).alias(name) for name, index in positions.items())


def _of_frame(source: Any, export: Export) -> Part:
    rows = frame_of(source)
    positions = export.positions(rows.columns)
    cells = rows.select(pl.nth(index).alias(name) for name, index in positions.items())
    texts = [name for name, dtype in cells.schema.items() if not dtype.is_numeric() and not dtype.is_nested()]
    _refuse_numbers_of_telephones(cells)
    if export.amount_style == GROUPED_BY_POINTS:
        _refuse_cut_amounts(cells, {name: rows.columns[index] for name, index in positions.items()})
    numbers = [_digits(cells, name, export) for name, dtype in cells.schema.items() if dtype.is_numeric()]
    nested = [name for name, dtype in cells.schema.items() if dtype.is_nested()]
    as_json = [pl.Series(name, [cell(value) for value in cells[name].to_list()], pl.String) for name in nested]
    return Part(cells.with_columns(*(_text(cells, name) for name in texts), *numbers, *as_json), [], 0)


def _refuse_numbers_of_telephones(cells: pl.DataFrame) -> None:
    """Refuse telephone numbers that are numbers: 0812 is 812, and two people may become one.

    Raises:
        ArgumentError: A column of telephone numbers is numeric and not empty.
    """
    for name, dtype in cells.schema.items():
        if "phone" in name and dtype.is_numeric() and cells[name].fill_nan(None).drop_nulls().len():
            raise ArgumentError("telephone numbers that are numbers have lost their leading zeros; read them as text")


def _refuse_cut_amounts(cells: pl.DataFrame, names: Mapping[str, str]) -> None:
    """Refuse floats of a style in which a point groups the digits: 180.000 is 180 thousand, and 180.0 as a float.

    Raises:
        ArgumentError: A column of amounts has floats.
    """
    for name in ("amount", "line_amount", "refunded_amount", "unit_price"):
        is_float = name in names and cells.schema[name].is_float()
        if is_float and cells[name].fill_nan(None).drop_nulls().len():
            raise ArgumentError(f"the column {names[name]!r} has floats; pass amount_style='number', unless {CUT}")


def text_columns(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the columns of a dataframe as text, without those of lists and structs."""
    return frame.select(_text(frame, name) for name, dtype in frame.schema.items() if not dtype.is_nested())


def _text(cells: pl.DataFrame, name: str) -> pl.Expr:
    """Write the cells of a column of a dataframe as text; times as in ISO 8601."""
    column, dtype = pl.col(name), cells.schema[name]
    if not isinstance(dtype, pl.Datetime):
        return column.cast(pl.String)
    moment = column if dtype.time_zone is None else column.dt.convert_time_zone("UTC")
    return moment.dt.strftime("%Y-%m-%d %H:%M:%S%.6f" + ("" if dtype.time_zone is None else "+00:00"))


def _digits(cells: pl.DataFrame, name: str, export: Export) -> pl.Expr:
    """Convert a column of numbers to text that is refused if the numbers may be wrong.

    Large ids lose digits in a float, so they become a power of ten, which no id may be. 150.000 is 150 thousand in the
    style "id" but 150.0 in a float, so floats keep their point in that style.
    """
    column = pl.col(name)
    if not cells.schema[name].is_float():
        return column.cast(pl.String)
    text = column.fill_nan(None).cast(pl.String) if export.amount_style == "id" else text_of(cells, name)
    return pl.when(column.abs() < _EXACT).then(text).when(column.is_not_nan()).then(pl.lit("1e+16")).alias(name)
