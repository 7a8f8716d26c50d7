"""The layout of an unknown CSV file: its encoding, delimiter and heading, and how its cells are written."""

from __future__ import annotations

import csv
from collections import Counter
from contextlib import suppress
from io import StringIO
from itertools import islice
from pathlib import Path

import attrs
import polars as pl

from funnel.errors import RecordError
from funnel.readers._formats import IN_THE_TEXT, AmountStyle
from funnel.readers._heading import refuse_data
from funnel.readers._mapping import Columns, OrderMapping
from funnel.readers._open import open_regular, refuse_foreign
from funnel.readers._text_table import CsvLayout, read_text, reader_of, text_of
from funnel.readers._times import read_times
from funnel.readers._values import read_amounts

BLANKS = ("-", "--", "n/a", "N/A", "null", "NULL", "None", "#N/A")
"""Texts that often mean an empty cell."""

_DELIMITERS = (",", ";", "\t", "|")
_HEAD = 2**18
_MOST_SEARCHED = 50
_TRIED = 2_000
_AMOUNT_MARKS = ("US$", "S$", "$", "€", "£", "¥", "₹", "₫", "฿", "Rp.", "Rp", "RM", "Rs.", "Rs", "kr", "Fr.")
_SOFTWARE: tuple[AmountStyle, ...] = ("number",)
_STYLES: tuple[AmountStyle, ...] = ("plain", "us", "id", "ch", "in", "fr")
_DAYS = tuple(separator.join(day) for separator in "/.-" for day in ("dmY", "mdY", "dmy"))
_CLOCKS = (" %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", "")
_FORMATS = (
    "iso",
    *("".join(f"%{sign}" if sign.isalpha() else sign for sign in day) + end for day in _DAYS for end in _CLOCKS),
)


@attrs.frozen(eq=False)
class Looks:
    """The layout of a file and its cells.

    Attributes:
        layout: How the text is laid out.
        cells: The columns with a name of their own, as text.
        short: Number of rows with fewer cells than the heading.
        numbers: The columns that are numbers in the file, not texts.
        other_sheets: Number of other sheets of the file.
    """

    layout: CsvLayout
    cells: pl.DataFrame
    short: int
    numbers: frozenset[str] = frozenset()
    other_sheets: int = 0

    def filled(self, name: str) -> pl.Series:
        """Return the cells of a column that are not blank."""
        text = self.cells[name].str.strip_chars()
        return text.filter(text.is_not_null() & (text != "") & ~text.is_in(BLANKS))


@attrs.frozen
class AmountLooks:
    """How the cells of a column are written as amounts.

    Attributes:
        styles: The styles that read every cell; several if the cells do not show which.
        differ: Whether two of these styles read a cell as different amounts.
        amount_marks: Texts around the amounts.
        negatives: How amounts below zero are written.
    """

    styles: tuple[AmountStyle, ...]
    differ: bool
    amount_marks: tuple[str, ...]
    negatives: str


NUMBERS = AmountLooks(("number",), differ=False, amount_marks=(), negatives="leading")
"""How a column of numbers is written."""


def look_at_text(path: Path) -> Looks:
    """Find the layout of a CSV file, and read its cells.

    Raises:
        RecordError: The file has no heading, or its rows cannot be separated reliably.
        FileError: The file cannot be opened.
    """
    encoding = _encoding(path)
    with open_regular(path) as raw:
        text = raw.read(_HEAD).decode(encoding, errors="replace")
    layouts = [_layout(text, CsvLayout(encoding, delimiter, '"', 0, 0, ())) for delimiter in _DELIMITERS]
    fit, layout = max(layouts, key=lambda pair: pair[0])
    if fit == (0, 0):
        msg = f"{path.name} has no rows of several cells; give a CSV file whose first row names its columns"
        raise RecordError(msg)
    refuse_data(path.name, layout.heading)
    positions = [index for index, name in enumerate(layout.heading) if name.strip() and layout.heading.count(name) == 1]
    try:
        rows = read_text(path, layout, positions, _no_progress)
    except RecordError:
        layout = attrs.evolve(layout, quote="")
        rows = read_text(path, layout, positions, _no_progress)
    return Looks(layout, rows.cells.rename({str(index): layout.heading[index] for index in positions}), len(rows.short))


def _no_progress(_rows: int) -> None:
    """Show no progress."""


def _encoding(path: Path) -> str:
    """Return the first encoding in which the whole file is text.

    Raises:
        RecordError: It is text in none of them.
    """
    with open_regular(path) as raw:
        head = raw.read(16)
        refuse_foreign(head, path.name)
        wide = {
            b"\xff\xfe": "utf-16",
            b"\xfe\xff": "utf-16",
            head[:1] + b"\0": "utf-16-le",
            b"\0" + head[1:2]: "utf-16-be",
        }
        for encoding in (wide[head[:2]],) if head[:2] in wide else ("utf-8-sig", "cp1252"):
            text = text_of(raw, encoding)
            with suppress(UnicodeError):
                while text.read(2**20):
                    pass
                text.detach()
                return encoding
            text.detach()
    raise RecordError(f"{path.name} is not text in UTF-8, UTF-16 or CP1252; save it as CSV UTF-8")


def _layout(text: str, layout: CsvLayout) -> tuple[tuple[int, int], CsvLayout]:
    """Return the layout with a delimiter, and how well it fits: rows of the usual width, and that width."""
    rows: list[list[str]] = []
    with suppress(csv.Error):
        rows += islice(reader_of(StringIO(text, newline=""), layout), _MOST_SEARCHED)
    widths = Counter(len(row) for row in rows if len(row) > 1)
    if not widths:
        return (0, 0), layout
    width, count = max(widths.items(), key=lambda pair: (pair[1], pair[0]))
    filled = [sum(map(bool, map(str.strip, row))) if len(row) == width else -1 for row in rows]
    # A spreadsheet pads the title of a report with empty cells to the width of the table.
    above = next(index for index, cells in enumerate(filled) if cells == max(filled) or 2 * cells > max(filled))
    preamble = sum(any(cell.strip() for cell in row) for row in rows[:above])
    return (count, width), attrs.evolve(layout, above=above, preamble=preamble, heading=tuple(rows[above]))


# ---- how cells are written -------------------------------------------------------------------------------------------


def time_formats(cells: pl.Series) -> list[tuple[str, str]]:
    """Return the time formats that read every cell, each with "UTC" or `IN_THE_TEXT` as its zone.

    Only the first of several formats that read every cell alike is returned.
    """
    some = cells.unique(maintain_order=True).head(_TRIED)
    formats: list[tuple[str, str]] = []
    read: list[pl.Series] = []
    epochs = ("epoch",) * some.str.contains(r"^[0-9]{10}$").all() + ("epoch_ms",) * some.str.contains(
        r"^[0-9]{13}$"
    ).all()
    for zone, forms in (("UTC", (*_FORMATS, *epochs)), (IN_THE_TEXT, ("iso", "%Y-%m-%d %H:%M:%S %z"))):
        for form in forms:
            times = read_times(
                some.alias("purchased_at").to_frame(), "purchased_at", "time", _mapping(zone=zone, time_format=form)
            )
            is_read = times["purchased_at"].null_count() == 0 and not times["purchased_at.clockless"].all()
            if is_read and not any(times["purchased_at"].equals(other) for other in read):
                formats.append((form, zone))
                read.append(times["purchased_at"])
    return formats if len(some) else []


def amounts(cells: pl.Series, currency: str) -> AmountLooks | None:
    """Return how the cells of a column are written as amounts; None if they are not amounts.

    Args:
        cells: The cells.
        currency: The currency, which says how many decimals an amount may have.
    """
    some = cells.unique(maintain_order=True).head(_TRIED)
    affixes = tuple(text for text in _AMOUNT_MARKS if some.str.contains(text, literal=True).any())
    for negatives in ("leading", "trailing", "parentheses"):
        for styles in (_STYLES, _SOFTWARE):
            read: dict[AmountStyle, pl.DataFrame] = {
                style: exact
                for style in styles
                if (
                    exact := _exact(
                        some, _mapping(currency=currency, amount_style=style, amount_marks=affixes, negatives=negatives)
                    )
                )
                is not None
            }
            if read and len(some):
                first = next(iter(read.values()))
                differ = any(not exact.equals(first) for exact in read.values())
                return AmountLooks(tuple(read), differ, affixes, negatives)
    return None


def _exact(cells: pl.Series, mapping: OrderMapping) -> pl.DataFrame | None:
    """Return the amounts of cells; None if a cell is not written in the mapping's style."""
    rows = read_amounts(cells.alias("amount").to_frame(), "amount", "amount", mapping)
    return rows.drop("amount.why") if rows["amount.why"].null_count() == rows.height else None


def _mapping(**formats: object) -> OrderMapping:
    columns = Columns(id="id", person_id="person_id", purchased_at="purchased_at", amount="amount")
    return OrderMapping.model_validate({"columns": columns, "currency": "USD", "zone": "UTC", **formats})
