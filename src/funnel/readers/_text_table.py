"""Rows of a CSV file as text cells: read in blocks by Polars after every record was checked, else by Python's csv.

Invariant: the rows are those of `csv.reader` in strict mode. A block that Polars reads was checked line by line: every
record has the cells of the heading, quotes stand only where CSV allows them, and no cell swallows whole rows. If a
block fails a check, `csv.reader` reads the whole file, finds the record and names it.
"""

from __future__ import annotations

import csv
import re
from codecs import BOM_UTF8, getincrementaldecoder
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from io import BytesIO, TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import attrs
import polars as pl

from funnel.errors import RecordError
from funnel.readers._account import rows_text
from funnel.readers._open import open_regular

_BLOCK = 2**23
"""Bytes that are read at once."""

_LONGEST_RECORD = 2**26
"""Maximum number of bytes of one record."""

_ROWS = 2**16
"""Rows that the slow way turns into a frame at once."""


class _IrregularError(Exception):
    """A block cannot be read by Polars with certainty."""


@attrs.frozen
class CsvLayout:
    """How the text of a CSV file is laid out.

    Attributes:
        encoding: The encoding.
        delimiter: The character between two cells.
        quote: The character around a cell that holds a delimiter; "" if the file has no quotes.
        above: Number of records above the heading, blank lines included.
        preamble: Number of records above the heading, without blank lines.
        heading: The names of the columns.
    """

    encoding: str
    delimiter: str
    quote: str
    above: int
    preamble: int
    heading: tuple[str, ...]


@attrs.frozen(eq=False)
class TextRows:
    """Cells of the chosen columns as text, and the row numbers of irregular rows.

    Attributes:
        cells: The columns, named by their position in the file: "0", "1" and so on. An empty cell is null.
        short: Numbers of rows with fewer cells than the heading, from 1.
        blank: Number of blank lines below the heading; they are not rows.
    """

    cells: pl.DataFrame
    short: list[int]
    blank: int


def read_text(path: Path, layout: CsvLayout, positions: Sequence[int], progress: Callable[[int], None]) -> TextRows:
    """Read the chosen columns of a CSV file.

    Args:
        path: The file.
        layout: How its text is laid out.
        positions: Positions of the columns to read.
        progress: Called with the number of rows read so far.

    Raises:
        RecordError: The text is not in the encoding, a quote is not closed, or rows have more cells than the heading.
        FileError: The file cannot be opened.
    """
    with open_regular(path) as raw, suppress(_IrregularError, UnicodeError):
        return _Fast(layout, positions, progress).read(raw)
    with open_regular(path) as raw:
        return _Slow(path.name, layout, positions, progress).read(raw)


def wrong_encoding(name: str, encoding: str) -> RecordError:
    """Return the error for a file in another encoding."""
    return RecordError(f"{name} is not text in {encoding.upper()}; save it as CSV UTF-8, or pass its encoding")


def text_of(raw: BinaryIO, encoding: str) -> TextIOWrapper:
    """Open the text of a file from its start; detach it before it is dropped, or the file is closed."""
    raw.seek(0)
    return TextIOWrapper(raw, encoding=encoding, newline="")


def reader_of(lines: Any, layout: CsvLayout) -> Any:
    """Return the strict reader of the csv module for a layout."""
    if layout.quote:
        return csv.reader(lines, delimiter=layout.delimiter, quotechar=layout.quote, strict=True)
    return csv.reader(lines, delimiter=layout.delimiter, quoting=csv.QUOTE_NONE, quotechar=None, strict=True)


class _Fast:
    """Blocks of whole records as UTF-8, checked and then read by Polars."""

    def __init__(self, layout: CsvLayout, positions: Sequence[int], progress: Callable[[int], None]) -> None:
        self._layout = layout
        self._width = len(layout.heading)
        self._positions = sorted(set(positions))
        self._progress = progress
        self._skip = layout.above + 1
        self._short: list[int] = []
        self._blank = self._rows = 0
        self._delimiter, self._quote = layout.delimiter.encode(), layout.quote.encode()
        self._heading = self._delimiter.join(str(index).encode() for index in range(self._width)) + b"\n"
        delimiter, quote = re.escape(layout.delimiter), re.escape(layout.quote)
        self._quoted = f"{quote}(?:[^{quote}]|{quote}{quote})*{quote}"
        cell = rf"(?:{self._quoted}|[^{delimiter}{quote}\n]*)"
        self._record = f"^{cell}(?:{delimiter}{cell})*$"

    def read(self, raw: BinaryIO) -> TextRows:
        """Read the file.

        Raises:
            _IrregularError: A check failed.
        """
        nothing = pl.DataFrame(schema={str(index): pl.String for index in self._positions})
        try:
            return TextRows(pl.concat([nothing, *self._parts(raw)]), self._short, self._blank)
        except (csv.Error, pl.exceptions.PolarsError):  # such as bytes that are not UTF-8
            raise _IrregularError from None

    def _parts(self, raw: BinaryIO) -> Generator[pl.DataFrame, None, None]:
        rest = b""
        for block in _blocks(raw, self._layout.encoding):
            text = rest + block
            cut = self._end(text)
            rest = text[cut:]
            if len(rest) > _LONGEST_RECORD:
                raise _IrregularError
            yield from self._part(text[:cut])
        yield from self._part(rest)

    def _end(self, text: bytes) -> int:
        """Return where the last whole record of a text ends: the quotes before it are even in number."""
        end = text.rfind(b"\n") + 1
        if not self._quote:
            return end
        odd = text.count(self._quote, 0, end) % 2
        while odd:
            before = text.rfind(b"\n", 0, text.rfind(self._quote, 0, end)) + 1
            odd ^= text.count(self._quote, before, end) % 2
            end = before
        return end

    def _below(self, text: bytes) -> bytes:
        """Return the text below the heading."""
        used = 0

        def lines() -> Generator[str, None, None]:
            nonlocal used
            for line in BytesIO(text):
                used += len(line)
                yield line.decode()

        for _ in islice(reader_of(lines(), self._layout), self._skip):
            self._skip -= 1
        return text[used:]

    def _part(self, text: bytes) -> Generator[pl.DataFrame, None, None]:
        if b"\0" in text or text.endswith(b"\r"):
            raise _IrregularError
        if self._skip:
            if text.count(b"\r") != text.count(b"\r\n"):  # the rows above the heading are counted in lines
                raise _IrregularError
            text = self._below(text)
        if not text:
            return
        records = self._records(self._heading + text)
        rows = records.filter(pl.col("line") != "")
        self._blank += records.height - rows.height
        if not rows.height:
            return
        self._check(rows)
        self._rows += rows.height
        self._progress(self._rows)
        if rows.height < records.height:
            text = self._joined(rows, text)
        yield self._cells(self._heading + text, rows.height)

    def _joined(self, rows: pl.DataFrame, text: bytes) -> bytes:
        """Return the text without its blank lines; a cell of several lines keeps its line ends."""
        joined: bytes = rows.select(pl.col("line").str.join("\n")).item().encode()
        ends = text.count(b"\r\n")
        if not ends or not self._quote or self._quote not in joined:
            return joined
        if ends != text.count(b"\n"):
            raise _IrregularError
        return joined.replace(b"\n", b"\r\n")

    def _records(self, text: bytes) -> pl.DataFrame:
        """Return the records of a text below its first line; a record goes on while its quotes are odd in number."""
        lines = pl.read_csv(text, infer_schema=False, separator="\0", quote_char=None)
        lines = lines.select(pl.nth(0).fill_null("").alias("line"))
        if lines.select(pl.col("line").str.contains("\r", literal=True).any()).item():  # not at the end of a line
            raise _IrregularError
        if not self._quote or self._quote not in text:
            return lines
        quotes = pl.col("line").str.count_matches(self._layout.quote, literal=True)
        odd = lines.select((quotes % 2 == 1).alias("odd")).to_series()
        if not odd.any():
            return lines
        odd = odd.cast(pl.Int64)
        lines = lines.with_columns(((odd.cum_sum() - odd) % 2 == 0).alias("begins"))
        like_row = pl.col("line").str.count_matches(self._layout.delimiter, literal=True) >= self._width - 1
        records = lines.group_by(pl.col("begins").cum_sum().alias("record"), maintain_order=True).agg(
            pl.col("line").str.join("\n"), ((pl.len() > 1) & (like_row.sum() > 1)).alias("swallows")
        )
        if self._width > 1 and records["swallows"].any():
            raise _IrregularError
        return records.select("line")

    def _check(self, rows: pl.DataFrame) -> None:
        """Check that every record is one that Polars and `csv.reader` read alike, and find the short ones."""
        line = pl.col("line")
        cells = rows.select(line.str.count_matches(self._layout.delimiter, literal=True)).to_series()
        if self._layout.quote:
            quoted = rows.select(line.str.contains(self._layout.quote, literal=True)).to_series().arg_true()
            lines = rows[quoted]
            if not lines.select(line.str.contains(self._record).all()).item():
                raise _IrregularError
            bare = line.str.replace_all(self._quoted, "").str.count_matches(self._layout.delimiter, literal=True)
            cells = cells.scatter(quoted, lines.select(bare).to_series())
        cells += 1
        if (cells > self._width).any():
            raise _IrregularError
        self._short += ((cells < self._width).arg_true() + self._rows + 1).to_list()

    def _cells(self, text: bytes, height: int) -> pl.DataFrame:
        cells = pl.read_csv(
            text,
            columns=self._positions,
            infer_schema=False,
            separator=self._layout.delimiter,
            quote_char=self._layout.quote or None,
        )
        if cells.height != height:  # pragma: no cover - a guard: no such file is known
            raise _IrregularError
        return cells


def _blocks(raw: BinaryIO, encoding: str) -> Generator[bytes, None, None]:
    """Yield the text of a file as UTF-8."""
    raw.seek(0)
    if encoding == "utf-8-sig":
        raw.seek(len(BOM_UTF8))
    if encoding in ("utf-8", "utf-8-sig"):
        while block := raw.read(_BLOCK):
            yield block
        return
    decoder = getincrementaldecoder(encoding)()
    while block := raw.read(_BLOCK):
        yield decoder.decode(block).encode()
    yield decoder.decode(b"", final=True).encode()


class _Slow:
    """Every record of a file by `csv.reader`; the errors of an irregular file come from here."""

    def __init__(self, name: str, layout: CsvLayout, positions: Sequence[int], progress: Callable[[int], None]) -> None:
        self._name = name
        self._layout = layout
        self._width = len(layout.heading)
        self._positions = sorted(set(positions))
        self._progress = progress
        self._used: list[str] = []
        self._short: list[int] = []
        self._long: list[int] = []
        self._swallows: list[int] = []
        self._blank = self._rows = 0

    def read(self, raw: BinaryIO) -> TextRows:
        """Read the file.

        Raises:
            RecordError: A quote is not closed, or rows have more cells than the heading.
        """
        text = text_of(raw, self._layout.encoding)
        nothing = pl.DataFrame(schema={str(index): pl.String for index in self._positions})
        reader = reader_of(self._lines(text), self._layout)
        try:
            cells = pl.concat([nothing, *self._parts(reader)])
        except csv.Error:
            msg = (
                f"{self._name}, line {reader.line_num}: a quote is not closed as CSV does, or a cell is too long; "
                "export the file again"
            )
            raise RecordError(msg) from None
        except UnicodeError:
            raise wrong_encoding(self._name, self._layout.encoding) from None
        finally:
            text.detach()
        self._refuse()
        return TextRows(cells, self._short, self._blank)

    def _lines(self, text: TextIOWrapper) -> Generator[str, None, None]:
        for line in text:
            self._used.append(line)
            yield line

    def _parts(self, reader: Any) -> Generator[pl.DataFrame, None, None]:
        for _ in islice(reader, self._layout.above + 1):
            self._used.clear()
        while rows := list(islice(self._checked(reader), _ROWS)):
            columns = list(zip(*rows, strict=True))
            self._progress(self._rows)
            yield pl.DataFrame({str(index): pl.Series(columns[index], dtype=pl.String) for index in self._positions})

    def _checked(self, reader: Any) -> Generator[list[str], None, None]:
        """Yield the rows with the cells of the heading, and note the irregular ones."""
        width, delimiter = self._width, self._layout.delimiter
        for row in reader:
            used = self._used[:]
            self._used.clear()
            if not row:
                self._blank += 1
                continue
            self._rows += 1
            if len(used) > 1 < width and sum(line.count(delimiter) >= width - 1 for line in used) > 1:
                self._swallows.append(self._rows)
            if len(row) < width:
                self._short.append(self._rows)
            if any(row[width:]):
                self._long.append(self._rows)
            yield [*row[:width], *[""] * (width - len(row))]

    def _refuse(self) -> None:
        remedies = {
            "cells hold whole rows between quotes": (
                self._swallows,
                "a quote may not be closed; export the file again",
            ),
            "rows have more cells than the heading": (self._long, "a spreadsheet may have saved it; export it again"),
        }
        messages = [
            f"{self._name}: {len(rows):,} {fault}{rows_text(rows)}; {remedy}"
            for fault, (rows, remedy) in remedies.items()
            if rows
        ]
        if messages:
            raise RecordError("\n".join(messages))
