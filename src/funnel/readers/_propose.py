"""A proposed mapping of an order file: what its columns seem to hold, for a person to check and finish.

Invariant: the text holds names of columns, counts, formats, codes of currencies and the words of a status column, and
no other cell. A format is set only if it reads every cell, and no other format reads the cells differently.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import polars as pl

from funnel._fields import FLOAT_ID, FROM_FLOAT, MANGLED
from funnel._format import looks_like_data
from funnel.errors import ArgumentError, LogsError, MoneyError, RecordError
from funnel.money import decimals
from funnel.readers._export import plain_name
from funnel.readers._formats import IN_THE_TEXT
from funnel.readers._heading import ABOVE, refuse_data
from funnel.readers._json_rows import SUFFIXES as JSON
from funnel.readers._looks import BLANKS, NUMBERS, AmountLooks, Looks, amounts, look_at_text, time_formats
from funnel.readers._reader import every_export
from funnel.readers._sheets import SUFFIXES as SHEETS
from funnel.readers._sheets import is_filled, open_book, text_cells, typed_cells
from funnel.readers._tables import PARQUET, fitting, json_frame, parquet_frame, text_columns
from funnel.readers._text_table import CsvLayout
from funnel.records import STATUSES

# ---- layout and cells of an unknown file: a spreadsheet, Parquet, JSON or CSV ----------------------------------------


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


# ---- the proposal ----------------------------------------------------------------------------------------------------


_MOST_WORDS = 20
_NAMES = {
    "refunded_amount": "refunded amount, amount refunded, refund amount, refunded",
    "refunded_at": "refunded at, refund date, refunded on",
    "cancelled_at": "cancelled at, canceled at, cancelled on, waktu batal",
    "purchased_at": "paid at, paid on, order date, created at, purchased at, ordered, waktu, tanggal, datum, date, "
    "created, when, fecha",
    "status": "order status, status pesanan, status, order state, state, estado, statut, zustand",
    "currency": "currency, mata uang, währung, devise, moneda",
    "quantity": "quantity, qty, jumlah, pieces, menge, quantité, cantidad",
    "unit_price": "unit price, price, harga, preis, prix, precio",
    "amount": "grand total, order total, total, amount, betrag, montant, importe",
    "sku": "sku, product id, item, product, produk, artikel",
    "person_id": "customer id, buyer id, username, customer, buyer, pembeli, pelanggan, kunde, client, cliente, "
    "e-mail, email, phone, telepon, name, nama",
    "id": "order id, order number, order no, no. pesanan, nomor pesanan, bestellnummer, order, invoice, number, id, no",
}
_AMOUNTS = ("unit_price", "amount", "refunded_amount")
_TIMES = ("purchased_at", "cancelled_at", "refunded_at")
_NEEDED = {
    "id": "the order number",
    "person_id": "the buyer",
    "purchased_at": "the time of the purchase",
    "amount": "the amount of the whole row; or quantity and unit_price",
}


def propose(path: Path) -> str:
    """Return a mapping as TOML, with what the file shows and what a person must decide.

    Args:
        path: A CSV, xlsx, Parquet or JSON file.

    Raises:
        ArgumentError: The file name does not end as that of a known kind.
        RecordError: The file has no heading, or its rows cannot be separated reliably.
        FileError: The file cannot be opened.
    """
    with suppress(ArgumentError, LogsError, RecordError):
        export = fitting(path, every_export(), None).export
        return (
            f"# {path.name} is a {export.title}, which needs no mapping. Run:\n"
            f"# funnel report {path.name} --as-of DAY --tz ZONE\n"
        )
    return _Proposal(path.name, look(path)).text()


class _Proposal:
    """The proposed mapping of one file."""

    def __init__(self, name: str, looks: Looks) -> None:
        self._name = name
        self._looks = looks
        self._columns: dict[str, str] = {}
        self._currency: str | None = None
        self._looks_of: dict[str, AmountLooks] = {}
        self._formats: dict[str, list[tuple[str, str]]] = {}
        for field, aliases in _NAMES.items():
            column = self._column_of(field, [plain_name(alias) for alias in aliases.split(", ")])
            if column is not None:
                self._columns[field] = column
        if not {"amount", "unit_price"} & set(self._columns):
            self._columns |= self._only_decimals()
        if {"quantity", "unit_price"} <= set(self._columns) and (self._repeats() or "amount" not in self._columns):
            self._columns.pop("amount", None)
        else:
            self._columns.pop("quantity", None)
            self._columns.pop("unit_price", None)

    def _column_of(self, field: str, aliases: list[str]) -> str | None:
        """Return the first column with a name of the field whose cells may be the field's."""
        names = {column: plain_name(column) for column in self._looks.cells.columns}
        exact = [column for alias in aliases for column, plain in names.items() if plain == alias]
        words = [column for alias in aliases for column, plain in names.items() if f" {alias} " in f" {plain} "]
        used = set(self._columns.values())
        return next((column for column in exact + words if column not in used and self._may_be(field, column)), None)

    def _only_decimals(self) -> dict[str, str]:
        """Return the amount, if exactly one of the other columns has numbers with decimals; its name says nothing."""
        used = set(self._columns.values())
        names = [name for name in self._looks.cells.columns if name not in used and self._has_decimals(name)]
        return {"amount": names[0]} if len(names) == 1 and self._may_be("amount", names[0]) else {}

    def _has_decimals(self, column: str) -> bool:
        """Return whether cells are amounts, and some have decimals; whole numbers written as floats are ids."""
        cells = self._looks.filled(column)
        some = cells.str.contains("[0-9][.,][0-9]{1,2}(?:[^0-9]|$)").any()
        return some and not _is_float(cells) and amounts(cells, self._currency or "USD") is not None

    def _may_be(self, field: str, column: str) -> bool:
        cells = self._looks.filled(column)
        if field in _TIMES:
            self._formats[field] = time_formats(cells)
            return cells.is_empty() or bool(self._formats[field])
        if field == "currency":
            codes = cells.str.to_uppercase().unique().to_list()
            self._currency = codes[0] if len(codes) == 1 and all(map(_is_code, codes)) else None
            return bool(codes) and all(map(_is_code, codes))
        if field in _AMOUNTS:
            is_number = column in self._looks.numbers
            looks = NUMBERS if is_number else amounts(cells, self._currency or "USD")
            if looks is not None:
                self._looks_of[field] = looks
            return cells.is_empty() or looks is not None
        return True

    def _repeats(self) -> bool:
        """Return whether rows share an order number."""
        return "id" in self._columns and bool(self._looks.filled(self._columns["id"]).is_duplicated().any())

    def text(self) -> str:
        """Return the proposal."""
        return "\n".join((*self._layout(), "", *self._keys(), "", *self._tables(), ""))

    def _layout(self) -> Iterator[str]:
        cells = self._looks.cells
        yield f"# Proposed for {self._name}: {cells.height:,} rows. Check every line, and finish those that are open."
        yield "# filled  distinct  column"
        for name in cells.columns:
            filled = self._looks.filled(name)
            share = f"{100 * filled.len() // cells.height} %" if cells.height else "0 %"
            yield f"# {share:>6}  {filled.n_unique():>8,}  {_quoted(name)}"
        unnamed = len(self._looks.layout.heading) - len(cells.columns)
        if unnamed:
            yield f"# {unnamed} more columns have no name, or the name of another column."
        if self._looks.other_sheets:
            yield f"# {self._looks.other_sheets} more sheets; those with the columns below are read too."
        if self._looks.short:
            yield f"# {self._looks.short:,} rows have fewer cells than the heading; set skip_end if they are totals."

    def _keys(self) -> Iterator[str]:
        layout = self._looks.layout
        code = self._currency
        yield f'currency = "{code}"' if code else '# open: the code of the currency of all amounts\n# currency = "IDR"'
        yield from self._time_keys()
        yield from self._amount_keys()
        if layout.delimiter != ",":
            yield f"delimiter = {_quoted(layout.delimiter)}"
        if not layout.quote:
            yield 'quote = ""  # the quotes of the file do not fit together'
        if layout.encoding == "cp1252":
            yield '# open: the file is not UTF-8, and may be in another of the older encodings\nencoding = "cp1252"'
        if layout.encoding in ("utf-16-le", "utf-16-be"):
            yield f'encoding = "{layout.encoding}"'
        if layout.above:
            yield f"skip_lines = {layout.above}"
        blanks = [
            blank
            for blank in BLANKS
            if any((self._looks.cells[name] == blank).any() for name in self._columns.values())
        ]
        if blanks:
            yield f"blanks = {json.dumps(blanks)}"
        if self._is_below():
            yield "fill_down = true  # rows below the first row of an order have no time"

    def _time_keys(self) -> Iterator[str]:
        formats = self._formats.get("purchased_at", []) if "purchased_at" in self._columns else []
        if any(zone == IN_THE_TEXT for _, zone in formats):
            yield f'zone = "{IN_THE_TEXT}"'
        else:
            yield '# open: the time zone of the shop\n# zone = "Asia/Jakarta"'
        if len(formats) == 1:
            yield f"time_format = {_quoted(formats[0][0])}  # reads every {_quoted(self._columns['purchased_at'])}"
        elif formats:
            yield "# open: each of these reads every time, as different days"
            yield from (f"# time_format = {_quoted(form)}" for form, _ in formats)

    def _amount_keys(self) -> Iterator[str]:
        field = next((field for field in _AMOUNTS if field in self._columns and field in self._looks_of), None)
        if field is None:
            return
        looks, column = self._looks_of[field], _quoted(self._columns[field])
        if looks.differ:
            yield "# open: each of these reads every amount, as different amounts"
            yield from (f'# amount_style = "{style}"' for style in looks.styles)
        elif len(looks.styles) == 1 or "plain" not in looks.styles:
            yield f'amount_style = "{looks.styles[0]}"  # reads every {column}'
        if looks.amount_marks:
            yield f"amount_marks = {json.dumps(looks.amount_marks, ensure_ascii=False)}"
        if looks.negatives != "leading":
            yield f'negatives = "{looks.negatives}"'

    def _is_below(self) -> bool:
        """Return whether an order has its time on one of its rows only."""
        if not {"id", "purchased_at"} <= set(self._columns):
            return False
        number, time = (pl.col(self._columns[field]) for field in ("id", "purchased_at"))
        rows = self._looks.cells.filter(number.is_not_null())
        return bool(rows.select((time.is_null() & time.is_not_null().any().over(number)).any()).item())

    def _tables(self) -> Iterator[str]:
        yield "[columns]"
        fields = ["id", "person_id", "purchased_at", *(name for name in reversed(_NAMES) if name not in _NEEDED)]
        for field in [*fields[:3], "amount", *fields[3:]]:
            if field in self._columns:
                yield f"{field} = {_quoted(self._columns[field])}{self._changed(field)}"
            elif field in _NEEDED and not (field == "amount" and "unit_price" in self._columns):
                yield f"# open: {_NEEDED[field]}\n# {field} = "
        if "status" in self._columns:
            yield from self._statuses()

    def _changed(self, field: str) -> str:
        """Return a comment about ids that a program has changed."""
        if field not in ("id", "person_id"):
            return ""
        ids = self._looks.filled(self._columns[field])
        changed = int(ids.str.contains(MANGLED).sum())
        if not changed:
            return ""
        if _is_float(ids):
            return f"  # every id is {FROM_FLOAT}"
        return f"  # rows with a changed number, such as 1001.0 or 2.88E+18, which are refused: {changed:,}"

    def _statuses(self) -> Iterator[str]:
        words = self._looks.filled(self._columns["status"]).unique().sort().to_list()
        yield ""
        yield f"[statuses]  # open: each is one of {', '.join(STATUSES)}; rows with another word are refused"
        listed = [word for word in words if not looks_like_data(word)] if len(words) <= _MOST_WORDS else []
        yield from (f'# {_quoted(word)} = "paid, unpaid or cancelled"' for word in listed)
        if len(listed) < len(words):
            yield f"# {len(words) - len(listed):,} words are not shown"


def _is_float(cells: pl.Series) -> bool:
    """Return whether every cell is a whole number that a program wrote as a float."""
    return cells.str.contains(FLOAT_ID).all()


def _is_code(text: str) -> bool:
    with suppress(MoneyError):
        decimals(text)
        return True
    return False


def _quoted(text: str) -> str:
    """Return a text as a TOML string."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
