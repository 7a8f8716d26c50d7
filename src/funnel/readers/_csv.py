"""A strict CSV reader: records as in Python's csv module, and every line of the file counted.

Invariant: the rows are those of `csv.reader`, and the lines it used are all lines of the file, counted separately. A
quote that swallows whole rows is an error unless the mapping declares the quote.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from io import TextIOWrapper
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

import attrs
import polars as pl

from funnel._format import looks_like_data
from funnel.errors import LogsError, RecordError
from funnel.readers._account import rows_text
from funnel.readers._currencies import Currencies
from funnel.readers._heading import heading_faults, is_heading
from funnel.readers._mapping import OrderMapping
from funnel.readers._open import open_regular, refuse_foreign
from funnel.readers._raw import HASH, Progress, RawRows

_LONGEST_LINE = 2**24
_CHUNK = 2**20
_CELLS = 2**17
_MOST_SEARCHED = 50
_DELIMITERS = ",;\t|"
_BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@attrs.define
class _Lines:
    """The lines of a text; `used` has the lines since the last record, `count` the number read so far.

    Only the first `most` lines are yielded; the others are below the last row.
    """

    text: TextIOWrapper
    name: str
    end: str
    most: int
    used: list[str] = attrs.field(factory=list[str])
    count: int = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.text.readline(_LONGEST_LINE) if self.count < self.most else ""
        if not line:
            raise StopIteration
        if len(line) == _LONGEST_LINE:
            msg = f"{self.name} has a line of more than {_LONGEST_LINE:,} characters; look at its line ends"
            raise RecordError(msg)
        self.used.append(line)
        self.count += 1
        return line


def read_csv(path: Path, mapping: OrderMapping, progress: Progress) -> RawRows:
    """Read the mapped columns of a CSV file.

    Args:
        path: The file.
        mapping: Which column holds what, and the format of the file.
        progress: Called with the rows read and the total rows.

    Returns:
        The mapped columns as text under their own names, which rows are copies, and which are short.

    Raises:
        RecordError: The file is not text in the declared encoding, or its quotes, lines or rows are inconsistent.
        LogsError: Columns are missing; all of them are reported together.
        FileError: The file cannot be opened.
    """
    with open_regular(path) as raw:
        before = os.fstat(raw.fileno())
        encoding = _encoding(raw, path.name, mapping)
        try:
            end = _line_end(raw, encoding)
            total = _count(raw, encoding, end)
            most = total - mapping.skip_end
            rows, used = _read(_Lines(_text(raw, encoding, end), path.name, end, most), mapping, progress, total)
        except UnicodeDecodeError:
            msg = f"{path.name} is not text in {encoding.upper()}; save it as CSV UTF-8, or set the mapping's encoding"
            raise RecordError(msg) from None
        after = os.fstat(raw.fileno())
    if (before.st_size, before.st_mtime_ns, used) != (after.st_size, after.st_mtime_ns, total):
        raise RecordError(f"{path.name} changed while it was read; read it again when it is complete")
    return rows


def _encoding(raw: BinaryIO, name: str, mapping: OrderMapping) -> str:
    """Return the encoding, from the mapping or the first bytes; refuse a file that is not text."""
    head = raw.read(16)
    if not head:
        raise RecordError(f"{name} is empty; its first row must name the columns")
    refuse_foreign(head, name)
    marked = next((encoding for prefix, encoding in _BYTE_ORDER_MARKS if head.startswith(prefix)), None)
    if marked is None:
        return mapping.encoding
    if mapping.encoding not in ("utf-8", marked) and not mapping.encoding.startswith(f"{marked}-"):
        raise RecordError(f"{name} begins with the mark of {marked.upper()}; set the mapping's encoding to {marked!r}")
    return "utf-8-sig" if marked == "utf-8" else marked


def _text(raw: BinaryIO, encoding: str, end: str) -> TextIOWrapper:
    """Open the text from its start; the file stays open when the text is dropped."""
    raw.seek(0)
    return TextIOWrapper(raw, encoding=encoding, newline=end)


def _line_end(raw: BinaryIO, encoding: str) -> str:
    r"""Return "\r" if the first line ends with it, as on an old Macintosh; else "\n", which also ends "\r\n"."""
    text = _text(raw, encoding, "")
    first = text.readline(_LONGEST_LINE)
    text.detach()
    return "\r" if first.endswith("\r") else "\n"


def _count(raw: BinaryIO, encoding: str, end: str) -> int:
    """Count the lines of the file, ignoring quotes."""
    text = _text(raw, encoding, end)
    count, last = 0, end
    while part := text.read(_CHUNK):
        count, last = count + part.count(end), part[-1]
    text.detach()
    return count + (last != end)


def _read(lines: _Lines, mapping: OrderMapping, progress: Progress, total: int) -> tuple[RawRows, int]:
    """Read the text to its end; also return the number of lines used."""
    try:
        above = sum(next(lines, "").strip() != "" for _ in range(mapping.skip_lines))
        lines.used.clear()
        rows = _Records(lines, mapping, progress, total).read()
    except csv.Error as error:
        raise RecordError(f"{lines.name}, line {_opened(lines, mapping)}: {_meaning(str(error))}") from None
    lines.most += mapping.skip_end
    below = sum(1 for _ in lines)
    lines.text.detach()
    return attrs.evolve(rows, above=above, below=below), lines.count


def _reader(lines: Iterable[str], mapping: OrderMapping) -> Any:
    quote = '"' if mapping.quote is None else mapping.quote
    if quote:
        return csv.reader(lines, delimiter=mapping.delimiter, quotechar=quote, strict=True)
    return csv.reader(lines, delimiter=mapping.delimiter, quoting=csv.QUOTE_NONE, quotechar=None, strict=True)


def _opened(lines: _Lines, mapping: OrderMapping) -> int:
    """Return the line number in which the last cell begins, after it could not be read to its end."""
    used, reader = lines.used, _reader(lines.used, mapping)
    ended = 0
    with suppress(csv.Error):
        for _ in reader:
            ended = reader.line_num
    opened, is_inside, before = ended, False, mapping.delimiter
    for number in range(ended, len(used)):
        for character in used[number]:
            if character == (mapping.quote or '"'):
                if not is_inside and before == mapping.delimiter:
                    opened = number
                is_inside = not is_inside
            before = character
    return lines.count - len(used) + opened + 1


def _meaning(error: str) -> str:
    """Explain an error of the csv module, with advice."""
    if "new-line" in error:
        return "the file has line ends of two kinds; save it again with one kind"
    reason = (
        "a cell that begins here is too long"
        if "larger" in error
        else "a quote that is opened here is not closed as CSV does"
    )
    return f"{reason}; if the file has no quotes, set the mapping's quote to '', else export it again"


@attrs.define
class _Records:
    """The records of a text, read in parts."""

    lines: _Lines
    mapping: OrderMapping
    progress: Progress
    total: int
    width: int = 0
    done: int = 0
    short: list[int] = attrs.field(factory=list[int])
    long: list[int] = attrs.field(factory=list[int])
    swallowed: list[int] = attrs.field(factory=list[int])

    def read(self) -> RawRows:
        """Read the heading and every row below it."""
        first = next(self.lines, "")
        reader = _reader(self._below(first), self.mapping)
        heading = next(reader, list[str]())
        columns = self.mapping.columns.given()
        faults = heading_faults(columns, heading, lambda _name, _index: (), lambda: self._hint(first, heading, reader))
        if faults:
            raise LogsError("\n".join(f"{self.lines.name}: {fault}" for fault in faults))
        self.width = len(heading)
        self.total = max(0, self.total - self.lines.count - self.mapping.skip_end)
        if self._is_swallowed(self.lines.used):
            self.swallowed.append(0)
        self.lines.used.clear()
        positions = {name: heading.index(column) for name, column in columns.items()}
        unread = sorted(set(range(self.width)) - set(positions.values()))
        currencies = Currencies.trials(self.mapping.currency, unread[:0] if self.mapping.columns.currency else unread)
        parts = list(self._parts(reader, positions, currencies))
        self._refuse()
        currency = currencies.column(self.lines.name, heading)
        self.progress("reading", self.done, self.done)
        return RawRows.of_parts(parts, list(positions), self.short, currency)

    def _below(self, first: str) -> Iterable[str]:
        """Return the lines from the heading on; a first line such as sep=; is a spreadsheet hint and is skipped."""
        sep = re.fullmatch(r'"?sep=(.)"?\s*', first, flags=re.IGNORECASE)
        if sep is None:
            return chain([first], self.lines)
        if sep[1] != self.mapping.delimiter:
            msg = f"{self.lines.name} says in its first line that its delimiter is {sep[1]!r}; set the mapping's to it"
            raise RecordError(msg)
        self.lines.used.clear()
        return self.lines

    def _hint(self, first: str, heading: list[str], reader: Iterator[list[str]]) -> str:
        """Explain why the first row may not be the heading, with advice."""
        columns = self.mapping.columns.given()
        for delimiter in _DELIMITERS:
            if is_heading(columns, next(csv.reader([first], delimiter=delimiter), list[str]())):
                return f"its delimiter seems to be {delimiter!r}: set the mapping's delimiter to it"
        if "\0" in first:
            return "it seems to be UTF-16 without its mark: set the mapping's encoding to 'utf-16-le' or 'utf-16-be'"
        self.lines.used.clear()
        for row in islice(reader, _MOST_SEARCHED):
            if is_heading(columns, row):
                above = self.lines.count - len(self.lines.used)
                return f"line {above + 1} has them: set the mapping's skip_lines to {above}"
            self.lines.used.clear()
        if any(map(looks_like_data, heading)):
            return "the heading seems to be missing: give the file a first row that names its columns"
        return f"look at the mapping's columns, and at its delimiter ({self.mapping.delimiter!r})"

    def _is_swallowed(self, lines: list[str]) -> bool:
        """Return whether at least two lines of one record look like whole rows."""
        if len(lines) == 1 or self.mapping.quote is not None or self.width == 1:
            return False
        return sum(line.count(self.mapping.delimiter) >= self.width - 1 for line in lines) > 1

    def _parts(
        self, reader: Iterator[list[str]], positions: Mapping[str, int], currencies: Currencies
    ) -> Generator[pl.DataFrame, None, None]:
        most = max(1, _CELLS // self.width)
        while rows := list(islice(reader, most)):
            self._look_for_swallowed(rows)
            self.done += len(rows)
            rows = self._squared(rows)
            columns = list(zip(*rows, strict=True))
            for index in list(currencies.meanings):
                currencies.look(index, columns[index])
            part = {name: pl.Series(name, columns[index], dtype=pl.String) for name, index in positions.items()}
            # Two different rows share a hash once in 2**64 pairs, so the mapped cells are compared too.
            part[HASH] = pl.Series(HASH, [hash(tuple(row)) for row in rows], dtype=pl.Int64)
            self.progress("reading", self.done, max(self.done, self.total))
            yield pl.DataFrame(part)

    def _look_for_swallowed(self, rows: list[list[str]]) -> None:
        """Check the rows that used more than one line; most files have none."""
        used = self.lines.used[:]
        self.lines.used.clear()
        if len(used) == len(rows):
            return
        start = 0
        for number, row in enumerate(rows, self.done + 1):
            lines = 1 + sum(cell.count(self.lines.end) for cell in row)
            if self._is_swallowed(used[start : start + lines]):
                self.swallowed.append(number)
            start += lines

    def _squared(self, rows: list[list[str]]) -> list[list[str]]:
        """Pad every row to the cells of the heading; a row of a blank line is not short."""
        width, first = self.width, self.done - len(rows) + 1
        if all(len(row) == width for row in rows):
            return rows
        for number, row in enumerate(rows, first):
            if 0 < len(row) < width:
                self.short.append(number)
            elif any(cell.strip() for cell in row[width:]):
                self.long.append(number)
        return [[*row[:width], *[""] * (width - len(row))] for row in rows]

    def _refuse(self) -> None:
        """Refuse a file whose rows do not fit its heading, with a count of each kind of problem."""
        messages: list[str] = []
        if self.swallowed:
            messages.append(
                f"{len(self.swallowed):,} cells hold whole rows between quotes{rows_text(self.swallowed)}; "
                "a quote may not be closed. If the file has no quotes, set the mapping's quote to ''; "
                "if the cells are right, set it to '\"'"
            )
        if self.long:
            messages.append(
                f"{len(self.long):,} rows have more columns than its heading{rows_text(self.long)}; "
                "look at its quotes, and at the mapping's delimiter"
            )
        if messages:
            raise RecordError("\n".join(f"{self.lines.name}: {line}" for line in messages))
