"""A Parquet file: its types checked, its unpacked size bounded, its mapped columns read."""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import attrs
import polars as pl

from funnel._dataframes.compute import collected, computing
from funnel._text_formats import EPOCHS
from funnel.errors import EngineError, LogsError, RecordError
from funnel.readers._currencies import Currencies
from funnel.readers._formats import CUT, GROUPED_BY_POINTS, IN_THE_TEXT
from funnel.readers._heading import heading_faults
from funnel.readers._mapping import OrderMapping
from funnel.readers._open import open_regular
from funnel.readers._raw import ROW, Progress, RawRows, is_text, numbered

_SMALL = 2**28
"""Files of up to this unpacked size in bytes are always read."""

_TIMES_LARGER = 200
"""Maximum ratio of unpacked size to file size; orders never compress this well."""

_SAMPLE = 1000
_CELL = 8
_TIMES = ("purchased_at", "cancelled_at", "refunded_at")
_AMOUNTS = ("unit_price", "amount", "refunded_amount")


@attrs.define
class CountedRows:
    """A callback that counts the rows of each part; the engine calls it from its own threads."""

    progress: Progress
    total: int
    done: int = 0

    def __call__(self, part: pl.DataFrame) -> pl.DataFrame:
        """Count one part and return it."""
        self.done += part.height
        self.progress("reading", self.done, self.total)
        return part


@attrs.frozen
class _File:
    """A Parquet file or a dataframe whose columns fit its mapping; columns are addressed by position, not by name."""

    scan: pl.LazyFrame
    positions: dict[str, int]
    name: str
    size: float

    def read(self, progress: Progress) -> pl.DataFrame:
        with _plain_errors(self.name):
            count = collected(self.scan.select(pl.len()), engine="streaming").item()
            self._bounded(count * len(self.positions) * _CELL)
            chosen = self.scan.select(pl.nth(index).alias(name) for name, index in self.positions.items())
            batches = chosen.map_batches(CountedRows(progress, count), streamable=True, validate_output_schema=False)
            frame: pl.DataFrame = collected(batches, engine="streaming")
        texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
        self._bounded(sum(frame.select(pl.col(texts).str.len_bytes().cast(pl.Int64).sum()).row(0)) if texts else 0)
        return numbered(frame)

    def copies(self, rows: pl.DataFrame) -> pl.Series:
        """Return the rows that equal an earlier row in every column of the file."""
        mapped = pl.struct(pl.exclude(ROW))
        alike = rows.filter(mapped.is_duplicated()).select(ROW)
        if alike.is_empty():
            return alike[ROW]
        whole = self.scan.with_row_index(ROW, offset=1).with_columns(pl.col(ROW).cast(pl.Int64))
        with _plain_errors(self.name):
            twins: pl.DataFrame = collected(whole.join(alike.lazy(), on=ROW, how="semi"), engine="streaming")
            return twins.sort(ROW).filter(~mapped.is_first_distinct())[ROW]

    def currency(self, mapping: OrderMapping, schema: pl.Schema) -> str | None:
        """Return the column with the currency of each row, if the mapping does not name it."""
        texts = [index for index, dtype in enumerate(schema.dtypes()) if isinstance(dtype, (pl.String, pl.Categorical))]
        unread = [] if mapping.columns.currency else sorted(set(texts) - set(self.positions.values()))
        currencies = Currencies.trials(mapping.currency, unread)
        for rows in (self.scan.head(_SAMPLE), self.scan):
            for index in list(currencies.meanings):
                with _plain_errors(self.name):
                    cells = collected(rows.select(pl.nth(index).cast(pl.String).unique()), engine="streaming")
                currencies.look(index, cells.to_series().drop_nulls())
        return currencies.column(self.name, schema.names())

    def _bounded(self, unpacked: int) -> None:
        bounded(self.name, unpacked, self.size)


def read_parquet(path: Path, mapping: OrderMapping, progress: Progress) -> RawRows:
    """Read the mapped columns of a Parquet file.

    Args:
        path: The file.
        mapping: Which column holds what.
        progress: Called with the rows read and the total rows.

    Returns:
        The mapped columns in their own types, and which rows are copies.

    Raises:
        RecordError: The file is not Parquet, or unpacks to a far larger size.
        LogsError: Columns are missing or have an unreadable type; all of them are reported together.
        FileError: The file cannot be opened.
    """
    with open_regular(path) as raw:
        size = raw.seek(0, 2)
        bounded(path.name, unpacked_bytes(raw, size) or 0, size)
    return _read(pl.scan_parquet(path, glob=False), path.name, size, mapping, progress)


def read_frame(frame: pl.DataFrame, name: str, mapping: OrderMapping, progress: Progress) -> RawRows:
    """Read the mapped columns of a dataframe.

    Args:
        frame: The dataframe.
        name: Its name in a message.
        mapping: Which column holds what.
        progress: Called with the rows read and the total rows.

    Returns:
        The mapped columns in their own types, and which rows are copies.

    Raises:
        RecordError: The engine cannot read a column.
        LogsError: Columns are missing or have an unreadable type; all of them are reported together.
    """
    return _read(frame.lazy(), name, math.inf, mapping, progress)


def _read(scan: pl.LazyFrame, name: str, size: float, mapping: OrderMapping, progress: Progress) -> RawRows:
    with _plain_errors(name):
        schema = scan.collect_schema()
    columns, types = mapping.columns.given(), schema.dtypes()
    faults = heading_faults(
        columns, schema.names(), lambda column, index: _wrong_type(column, types[index], mapping), lambda: _HINT
    )
    if faults:
        raise LogsError("\n".join(f"{name}: {fault}" for fault in faults))
    # Some versions of Polars read a name such as ^.*$ as a pattern, even if its column is given by position.
    scan = scan.rename({column: str(index) for index, column in enumerate(schema.names())})
    positions = {field: schema.names().index(column) for field, column in columns.items()}
    file = _File(scan, positions, name, size)
    currency = file.currency(mapping, schema)
    frame = file.read(progress)
    return RawRows(frame, file.copies(frame), pl.Series(dtype=pl.Int64), currency)


_HINT = "look at the names of its columns"


def bounded(name: str, unpacked: int, size: float) -> None:
    """Refuse a file that unpacks to a far larger size.

    Args:
        name: The name of the file.
        unpacked: Unpacked size in bytes.
        size: Size of the file in bytes.

    Raises:
        RecordError: The unpacked size is above 256 MB and above 200 times the size of the file.
    """
    if unpacked > _SMALL and unpacked > _TIMES_LARGER * size:
        msg = (
            f"{name} has {size:,} bytes and unpacks to {unpacked:,}, more than {_TIMES_LARGER} times as many; "
            "if it is right, write it anew without its compression, or in parts"
        )
        raise RecordError(msg)


@contextmanager
def _plain_errors(name: str) -> Generator[None, None, None]:
    """Report that a file cannot be read; the engine's message is dropped, as it may hold values."""
    try:
        with computing():
            yield
    except EngineError:
        raise RecordError(f"{name} cannot be read as what its name says it is; export it again") from None


def _wrong_type(name: Any, dtype: pl.DataType, mapping: OrderMapping) -> list[str]:
    if name in _TIMES:
        is_epoch = dtype.is_numeric() and mapping.time_formats.get(name, mapping.time_format) in EPOCHS
        return [] if is_epoch else _wrong_time(dtype, mapping.zone)
    if not (is_text(dtype) or dtype.is_numeric()):
        return [f"is of type {type(dtype).__name__}; give text or numbers"]
    loose = dtype.is_float() or dtype.is_decimal()
    if name in _AMOUNTS and loose and mapping.amount_style not in ("minor", "number"):
        cut = f", unless {CUT}" if mapping.amount_style == GROUPED_BY_POINTS and dtype.is_float() else ""
        return [f"is of type {type(dtype).__name__}; set the mapping's amount_style to 'number'{cut}"]
    return []


def _wrong_time(dtype: pl.DataType, zone: str) -> list[str]:
    if is_text(dtype):
        return []
    if not isinstance(dtype, (pl.Date, pl.Datetime)):
        return [f"is of type {type(dtype).__name__}; give text, dates or times"]
    aware = isinstance(dtype, pl.Datetime) and dtype.time_zone is not None
    if aware and zone != IN_THE_TEXT:
        return [f"has times with a zone of their own; set the mapping's zone to {IN_THE_TEXT!r}"]
    if not aware and zone == IN_THE_TEXT:
        return ["has times without a zone; set the mapping's zone to a name such as 'Asia/Jakarta'"]
    return []


# ---- the footer of a Parquet file: the unpacked size of its columns, read before unpacking ---------------------------

# Source: the Parquet format's `FileMetaData`, written in Thrift's compact protocol.


_MAGIC = b"PAR1"
_TAIL = 8
_DEEPEST = 32
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
_ROW_GROUPS, _COLUMNS, _META, _UNPACKED = 4, 1, 3, 6


def unpacked_bytes(file: BinaryIO, size: int) -> int | None:
    """Return the unpacked size of the columns of a Parquet file, in bytes.

    Args:
        file: The file.
        size: Size of the file in bytes.

    Returns:
        The size that the file itself states; None if its footer cannot be read.
    """
    if size < 2 * _TAIL:
        return None
    file.seek(size - _TAIL)
    tail = file.read(_TAIL)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != _MAGIC or length > size - _TAIL:
        return None
    file.seek(size - _TAIL - length)
    try:
        footer = _Compact(file.read(length)).struct()
        return sum(int(column[_META][_UNPACKED]) for group in footer[_ROW_GROUPS] for column in group[_COLUMNS])
    except (IndexError, KeyError, TypeError, ValueError):
        return None


@attrs.define
class _Compact:
    """A reader of Thrift's compact protocol; texts are skipped."""

    data: bytes
    position: int = 0
    depth: int = 0

    def struct(self) -> dict[int, Any]:
        """Read a struct as its values by field number."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise ValueError("nested too deep")
        fields: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._zigzag()
            fields[number] = self._value(head & 15)
        self.depth -= 1
        return fields

    def _value(self, kind: int) -> Any:
        if kind in (_TRUE, _FALSE):
            return kind == _TRUE
        if kind in (_BYTE, _DOUBLE, _BINARY):
            return self._skip({_BYTE: 1, _DOUBLE: 8}.get(kind) or self._varint())
        if kind in (_LIST, _SET):
            return self._list()
        if kind == _STRUCT:
            return self.struct()
        if kind == _MAP:
            raise ValueError("a map, which no footer has")
        return self._zigzag()

    def _list(self) -> list[Any]:
        head = self._byte()
        count, kind = head >> 4, head & 15
        if count == 15:  # noqa: PLR2004 (the format's own sign of a longer list)
            count = self._varint()
        if count > len(self.data):
            raise ValueError("a list longer than the footer")
        return [self._byte() if kind in (_TRUE, _FALSE) else self._value(kind) for _ in range(count)]

    def _skip(self, count: int) -> None:
        self.position += count
        if self.position > len(self.data):
            raise IndexError

    def _byte(self) -> int:
        self.position += 1
        return self.data[self.position - 1]

    def _varint(self) -> int:
        shift = value = 0
        while True:
            part = self._byte()
            value |= (part & 127) << shift
            if part < 128:  # noqa: PLR2004 (the last byte of a number)
                return value
            shift += 7

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
