"""A shop's file, opened: which rows and columns it has, and which rows are copies of earlier ones.

Only the columns that the mapping names are kept; the others are looked at just where two rows may be copies.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import attrs
import polars as pl
from polars.exceptions import PolarsError

from funnel._given import meant
from funnel.errors import LogsError, RecordError
from funnel.readers._mapping import IN_THE_TEXT, OrderMapping

ROW = "funnel: row"
"""The number of a data row, from 1."""

Progress: TypeAlias = Callable[[str, int, int], None]
"""Told while a file is read: the stage, the rows done, the rows there are."""

_CSV = (".csv", ".tsv", ".txt")
_PARQUET = (".parquet", ".pq")
_TIMES = ("purchased_at", "cancelled_at", "refunded_at")
_AMOUNTS = ("unit_price", "amount", "refunded_amount")


@attrs.define
class Counted:
    """Lets the parts of a file through, and tells how many rows have come; the engine calls it from its own threads."""

    progress: Progress
    total: int
    done: int = 0

    def __call__(self, part: pl.DataFrame) -> pl.DataFrame:
        """Count one part."""
        self.done += part.height
        self.progress("reading", self.done, self.total)
        return part


@attrs.frozen
class OrderFile:
    """A file whose columns fit its mapping."""

    scan: pl.LazyFrame
    columns: dict[str, str]
    name: str

    def read(self, progress: Progress) -> pl.DataFrame:
        """Read the mapped columns under their own names, with the number of each row."""
        count = self._collect(self.scan.select(pl.len())).item()
        chosen = self.scan.select(pl.col(column).alias(name) for name, column in self.columns.items())
        told = chosen.map_batches(Counted(progress, count), streamable=True, validate_output_schema=False)
        return self._collect(told).with_row_index(ROW, offset=1).with_columns(pl.col(ROW).cast(pl.Int64))

    def copies(self, rows: pl.DataFrame) -> pl.Series:
        """List the rows that are, in every column of the file, exact copies of an earlier one."""
        mapped = pl.struct(pl.exclude(ROW))
        alike = rows.filter(mapped.is_duplicated()).select(ROW)
        if alike.is_empty():
            return alike[ROW]
        whole = self.scan.with_row_index(ROW, offset=1).with_columns(pl.col(ROW).cast(pl.Int64))
        twins = self._collect(whole.join(alike.lazy(), on=ROW, how="semi")).sort(ROW)
        return twins.filter(~mapped.is_first_distinct())[ROW]

    def _collect(self, frame: pl.LazyFrame) -> pl.DataFrame:
        try:
            return frame.collect(engine="streaming")
        except PolarsError as error:
            raise RecordError(_unreadable(self.name, error)) from None


def open_file(path: str | Path, mapping: OrderMapping) -> OrderFile:
    """Open a file and see whether it has every column that the mapping names, in a type that can be read.

    Args:
        path: A CSV or a Parquet file.
        mapping: How it is to be read.

    Returns:
        The file.

    Raises:
        RecordError: The file is neither CSV nor Parquet, or cannot be read as such.
        LogsError: Columns are missing or of a type that cannot be read; all of them are named at once.
        OSError: The file cannot be opened.
    """
    path = Path(path)
    with path.open("rb"):
        pass
    scan = _scan(path, mapping)
    try:
        schema = scan.collect_schema()
    except PolarsError as error:
        raise RecordError(_unreadable(path.name, error)) from None
    columns = {name: column for name, column in mapping.columns.model_dump().items() if column is not None}
    faults = _faults(columns, schema, mapping)
    if faults:
        raise LogsError("\n".join(f"{path.name}: {fault}" for fault in faults))
    return OrderFile(scan, columns, path.name)


def _scan(path: Path, mapping: OrderMapping) -> pl.LazyFrame:
    suffix = path.suffix.lower()
    if suffix in _PARQUET:
        return pl.scan_parquet(path, glob=False)
    if suffix in _CSV:
        return pl.scan_csv(path, separator=mapping.delimiter, infer_schema=False, glob=False)
    msg = f"{path.name} ends in {suffix or 'nothing'}; give a file that ends in {', '.join((*_CSV, *_PARQUET))}"
    raise RecordError(msg)


def _unreadable(name: str, error: PolarsError) -> str:
    """Say what is wrong with a file; the engine's own words may hold values from it, so they are left out."""
    text = str(error)
    if "more fields" in text:
        return f"{name} has rows with more columns than its heading; look at its quotes, and at the mapping's delimiter"
    if "utf-8" in text:
        return f"{name} is not text in UTF-8; save it as CSV UTF-8"
    if "empty CSV" in text:
        return f"{name} is empty; its first row must name the columns"
    return f"{name} cannot be read as what its name says it is; look at its quotes, or export it again"


def _faults(columns: dict[str, str], schema: pl.Schema, mapping: OrderMapping) -> list[str]:
    """Name every column that is missing, stands twice or cannot be read."""
    faults: list[str] = []
    for name, column in columns.items():
        where = f"column {column!r} ({name})"
        if column not in schema:
            faults.append(f"{where} is missing{meant(column, schema)}; there are {_some(list(schema))}")
        elif f"{column}_duplicated_0" in schema:
            faults.append(f"{where} stands twice in the heading; give the two different names")
        else:
            faults += [f"{where} {wrong}" for wrong in _wrong_type(name, schema[column], mapping)]
    return faults


def _some(names: list[str], most: int = 30) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more


def _wrong_type(name: str, dtype: pl.DataType, mapping: OrderMapping) -> list[str]:
    if name in _TIMES:
        return _wrong_time(dtype, mapping.zone)
    if not (is_text(dtype) or dtype.is_numeric()):
        return [f"is of type {dtype}; give text or numbers"]
    loose = dtype.is_float() or dtype.is_decimal()
    if name in _AMOUNTS and loose and mapping.amount_style in ("plain", "us", "id"):
        return [f"is of type {dtype}; set the mapping's amount_style to 'number'"]
    return []


def _wrong_time(dtype: pl.DataType, zone: str) -> list[str]:
    if is_text(dtype):
        return []
    if not isinstance(dtype, (pl.Date, pl.Datetime)):
        return [f"is of type {dtype}; give text, dates or times"]
    aware = isinstance(dtype, pl.Datetime) and dtype.time_zone is not None
    if aware and zone != IN_THE_TEXT:
        return [f"has times with a zone of their own; set the mapping's zone to {IN_THE_TEXT!r}"]
    if not aware and zone == IN_THE_TEXT:
        return ["has times without a zone; set the mapping's zone to a name such as 'Asia/Jakarta'"]
    return []


def is_text(dtype: pl.DataType) -> bool:
    """Whether a column holds text, however it is packed; a column of nothing counts as text."""
    return isinstance(dtype, (pl.String, pl.Categorical, pl.Enum, pl.Null))
