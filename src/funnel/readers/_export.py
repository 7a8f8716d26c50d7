"""Exports that are known by name: their columns in every spelling, and which export a file is."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any, Literal, TypeAlias

import attrs
import polars as pl

from funnel._arguments import brief, did_you_mean
from funnel.errors import ArgumentError, LogsError, RecordError
from funnel.readers._export_columns import KEYS
from funnel.readers._formats import AmountStyle
from funnel.readers._heading import ABOVE, check_joined, first_heading
from funnel.readers._open import open_regular, refuse_foreign
from funnel.readers._shop_data import ShopData
from funnel.readers._text_table import CsvLayout, reader_of, wrong_encoding

State: TypeAlias = Literal["paid", "unpaid", "cancelled", "refunded", "failed"]
"""State of an order: paid; not paid yet; cancelled; paid back in full; never paid, because the payment failed."""

PersonIds: TypeAlias = Literal["key", "code", "name"]
"""Kind of the person ids of an export: any key of a person, codes of the platform alone, or names."""

OWN = "own: "
"""Prefix of the canonical name of an own column of the caller, which every file must have."""

_HEAD = 2**18
"""Bytes that are searched for the heading."""

_DELIMITERS = (",", ";", "\t", "|")
_BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@attrs.frozen(kw_only=True, eq=False)
class Export:
    """Declaration of one export: how to recognise it, and how to read its rows.

    Attributes:
        name: The name of its reader, such as "shopify.orders".
        title: Its name for people.
        columns: Every column that is read, by its canonical name, with all its spellings.
        required: Canonical names of the columns by which the export is recognised.
        absent: Canonical names of columns that the export never has; they tell it from a similar export.
        statuses: The texts of the column `status` that mean each state, in lower case, separated by commas.
        zone: "required" if times are naive, "in the text" if each has its offset, or the name of a fixed zone.
        time_formats: The formats of the times, tried in this order; "iso", or strptime formats.
        amount_style: How amounts are written.
        amount_of: "order" if each row repeats or only the first row has the amount of the order, "lines" if the
            amounts of the rows are added.
        blanks: Texts that mean an empty cell.
        quote: The character around cells with a delimiter; "" if the file has no quotes.
        source: The `source` of the records.
        prepare: Computes canonical columns that need more than a name.
        keys: The keys of a person, in the order in which they are tried.
        ids: Kind of the person ids, for a page that shows no personal data.
        line_states: Canonical columns that identify a line, if each line has its own state.
        combine: Makes the records of the rows, the declaration, the options and the notes; None for rows of orders.
    """

    name: str
    title: str
    columns: Mapping[str, tuple[str, ...]]
    required: tuple[str, ...]
    absent: tuple[str, ...] = ()
    statuses: Mapping[State, str] = attrs.field(factory=dict[State, str])
    zone: str = "required"
    time_formats: tuple[str, ...] = ("iso",)
    amount_style: AmountStyle = "plain"
    amount_of: Literal["order", "lines"] = "order"
    blanks: tuple[str, ...] = ()
    quote: str = '"'
    source: str = "shop"
    prepare: Callable[[pl.DataFrame], pl.DataFrame] = lambda rows: rows
    keys: tuple[str, ...] = KEYS
    ids: PersonIds = "key"
    line_states: tuple[str, ...] = ()
    combine: Callable[[pl.DataFrame, Export, Any, Sequence[Any]], ShopData] | None = None

    def positions(self, heading: Sequence[str]) -> dict[str, int]:
        """Return the position of each canonical column that a heading has.

        Two columns may differ in case alone; the one in the exact spelling is then read.

        Raises:
            LogsError: A column stands twice in the heading.
            ArgumentError: An own column of the caller is missing.
        """
        result: dict[str, int] = {}
        plain = [plain_name(name) for name in heading]
        for canonical, spellings in self.columns.items():
            for spelling in spellings:
                expected = plain_name(spelling)
                indices = [index for index, name in enumerate(plain) if name == expected]
                exact = [index for index in indices if heading[index].strip() == spelling]
                indices = exact if len(indices) > 1 and exact else indices
                if len(indices) > 1:
                    msg = f"column {spelling!r} stands twice in the heading; delete one of the two, or rename it"
                    raise LogsError(msg)
                if indices:
                    result.setdefault(canonical, indices[0])
            if canonical.startswith(OWN) and canonical not in result:
                hint = did_you_mean(spellings[0], heading) or "; pass a column of every file, spelled as in its heading"
                raise ArgumentError(f"the {self.title} has no column {brief(spellings[0])}, which keep names{hint}")
        return result

    def fits(self, heading: Iterable[str]) -> bool:
        """Return whether a heading is that of this export."""
        plain = {plain_name(name) for name in heading}

        def has(canonical: str) -> bool:
            return any(plain_name(spelling) in plain for spelling in self.columns[canonical])

        return all(map(has, self.required)) and not any(map(has, self.absent))


def plain_name(name: str) -> str:
    """Return the name of a column without case, and without differences in spaces and punctuation."""
    return re.sub(r"[\s_]+", " ", re.sub(r"\s*([/().:])\s*", r"\1", name.strip(" \t\r\n'\"\ufeff"))).casefold()


def recognized(path: Path, exports: Sequence[Export], encoding: str | None) -> list[tuple[Export, CsvLayout]]:
    """Return the exports whose heading a CSV file has, each with the layout of the file.

    Args:
        path: The file.
        exports: The candidates.
        encoding: The encoding; None for UTF-8, or what the first bytes of the file say.

    Raises:
        ArgumentError: Python does not know the encoding.
        RecordError: The file is empty, or its first bytes are not text in the encoding, or those of another kind.
        FileError: The file cannot be opened.
    """
    with open_regular(path) as raw:
        head = raw.read(_HEAD)
    if not head:
        raise RecordError(f"{path.name} is empty; its first row must name the columns")
    refuse_foreign(head, path.name)
    encoding = next((name for prefix, name in _BYTE_ORDER_MARKS if head.startswith(prefix)), encoding or "utf-8")
    text = _decoded(head, encoding, path.name)
    if len(head) == _HEAD:
        text = text[: text.rfind("\n") + 1] or text
    fits = list(_fitting(text, exports, encoding))
    if not fits and "\0" in text.partition("\n")[0]:
        raise RecordError(f"{path.name} seems to be UTF-16 without its mark; pass encoding='utf-16-le' or 'utf-16-be'")
    return fits


def _decoded(head: bytes, encoding: str, name: str) -> str:
    """Decode the first bytes of a file; the last character may be cut."""
    try:
        "".encode(encoding)
    except LookupError:
        msg = f"encoding is {encoding!r}, which Python does not know; pass the name of one, such as 'cp1252'"
        raise ArgumentError(msg) from None
    for cut in range(4):
        with suppress(UnicodeError):
            return head[: len(head) - cut].decode(encoding)
    raise wrong_encoding(name, encoding)


def _fitting(text: str, exports: Sequence[Export], encoding: str) -> Iterable[tuple[Export, CsvLayout]]:
    for delimiter in _DELIMITERS:
        for export in exports:
            layout = CsvLayout(encoding, delimiter, export.quote, 0, 0, ())
            rows = list(_rows(text, layout))
            above = first_heading(rows, export.fits)
            if above is not None:
                check_joined(rows[above])
                preamble = sum(any(cell.strip() for cell in row) for row in rows[:above])
                yield export, attrs.evolve(layout, above=above, preamble=preamble, heading=tuple(rows[above]))


def _rows(text: str, layout: CsvLayout) -> Iterable[list[str]]:
    """Yield the first records of a text, up to the first that is not CSV."""
    # str.splitlines also ends a line at marks such as U+2028, which are characters of a CSV file.
    reader: Any = reader_of(StringIO(text, newline=""), layout)
    with suppress(csv.Error):
        for _, row in zip(range(ABOVE + 1), reader, strict=False):
            yield row


def only(fitting: Sequence[tuple[Export, Any]], name: str, exports: Sequence[Export]) -> tuple[Export, Any]:
    """Return the only export that fits a file.

    Raises:
        ArgumentError: No export fits, or several do.
    """
    titles = sorted({export.title for export, _ in fitting})
    if len({export.name for export, _ in fitting}) > 1:
        readers = ", ".join(sorted({f"readers.{export.name}" for export, _ in fitting}))
        raise ArgumentError(f"{name} may be {' or '.join(titles)}; call the reader by its name: {readers}")
    if not titles:
        single = len({export.name for export in exports}) == 1
        subject = f"the {exports[0].title}" if single else "a known export"
        missing = f": that has the columns {_needed(exports[0])}" if single else ""
        msg = (
            f"{name} is not {subject}{missing}; pass a mapping of its columns (the command `funnel map` proposes one), "
            "or export it again if a spreadsheet has changed its heading"
        )
        raise ArgumentError(msg)
    return fitting[0]


def _needed(export: Export) -> str:
    return ", ".join(repr(export.columns[name][0]) for name in export.required)
