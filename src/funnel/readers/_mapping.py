"""The mapping of a shop's order file: which column holds what, in which format. Nothing is guessed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast, get_args

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from funnel._arguments import check_choice
from funnel._fields import Frozen, Id
from funnel._format import shown_words
from funnel._paths import path_of
from funnel._text_formats import EPOCHS
from funnel.errors import ArgumentError
from funnel.readers._formats import (
    IN_THE_TEXT,
    AmountStyle,
    Currency,
    Delimiter,
    Encoding,
    NonEmpty,
    Pattern,
    Quote,
    TimeColumn,
    TimeFormat,
    Zone,
)
from funnel.readers._open import read_whole
from funnel.records import STATUSES, Status

_MOST_PARTS = 100
"""Maximum number of parts of a dotted key."""

_TOML_POSITION = re.compile(r"\(at line [0-9]+, column [0-9]+\)")

_QUOTED = re.compile(r""""[^"\n]*"|'[^'\n]*'""")

_MOST = 30
"""Maximum number of problems that a message lists."""

_LARGEST_MAPPING = 2**20
"""Maximum size of a mapping file in bytes."""


class Columns(Frozen, frozen=True):
    """The columns of the file; omit a column that the file does not have.

    A row is a line of an order or a whole order. A line has a quantity and the price of one piece, or the amount of the
    whole row. The amounts of all rows of an order are added.

    Example:
        >>> Columns(id="Order", person_id="Buyer", purchased_at="Paid on", amount="Total").quantity is None
        True
    """

    id: NonEmpty
    """The order number; rows with the same number are one order."""
    person_id: NonEmpty
    """The buyer."""
    purchased_at: NonEmpty
    """The time of the purchase; the earliest row of an order counts."""
    quantity: NonEmpty | None = None
    """Number of pieces, a whole number; below zero for returned pieces."""
    unit_price: NonEmpty | None = None
    """The price of one piece; requires `quantity`."""
    amount: NonEmpty | None = None
    """The amount of the whole row."""
    sku: NonEmpty | None = None
    """The product; used to find the purchase that a credit belongs to."""
    status: NonEmpty | None = None
    """The status of the order, in the file's own words; `statuses` gives their meaning."""
    cancelled_at: NonEmpty | None = None
    """When the order was cancelled. An order with a time here is cancelled, whatever its status."""
    refunded_amount: NonEmpty | None = None
    """The refunded amount, with or without a minus. Requires `refunded_at` or `undated_refunds`."""
    refunded_at: NonEmpty | None = None
    """When the amount was refunded."""
    currency: NonEmpty | None = None
    """The currency of the row. Without `rates`, a row in another currency than the mapping's is refused."""

    def given(self) -> dict[str, str]:
        """Return the columns that the file has, by their names here."""
        return {name: column for name, column in self.model_dump().items() if column is not None}

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if (self.unit_price is None) == (self.amount is None):
            raise ArgumentError("give the column of the unit price or that of the amount of the whole row, one of them")
        if (self.unit_price is None) != (self.quantity is None):
            raise ArgumentError("quantity and unit price go together; with the amount of the whole row give neither")
        if self.refunded_amount is None and self.refunded_at is not None:
            raise ArgumentError("refunded_at needs refunded_amount, the column that says how much was paid back")
        return self


def _check_meanings(statuses: object) -> object:
    """Name the words whose meaning is not a status; a word of a status column is not personal data."""
    if not isinstance(statuses, dict):
        return statuses
    meanings = cast("dict[object, object]", statuses)
    wrong = {str(word) for word, means in meanings.items() if means not in STATUSES}
    if wrong:
        words = f" of {shown_words(wrong)}" if shown_words(wrong) else ""
        raise ArgumentError(f"the meaning{words} must be one of {', '.join(STATUSES)}")
    return meanings


class OrderMapping(Frozen, frozen=True):
    """How to read a shop's order file: columns, formats, cancellations and refunds.

    Example:
        >>> mapping = OrderMapping(
        ...     columns=Columns(id="Order", person_id="Buyer", purchased_at="Paid on", amount="Total"),
        ...     currency="IDR",
        ...     zone="Asia/Jakarta",
        ...     time_format="%d/%m/%Y %H:%M",
        ...     amount_style="id",
        ... )
        >>> mapping.source
        'shop'
    """

    columns: Columns
    """The columns of the file."""
    currency: Currency
    """The ISO 4217 code of the currency of all amounts."""
    zone: Zone
    """The time zone of the file, such as "Asia/Jakarta"; "in the text" if each time has its own offset."""
    time_format: TimeFormat = "iso"
    """"iso" 2026-03-01 09:00, or a strptime format such as "%d/%m/%Y %H:%M"; date and time columns need no format.
    "epoch" or "epoch_ms": seconds or milliseconds since 1970-01-01 UTC.
    """
    time_formats: dict[TimeColumn, TimeFormat] = Field(default_factory=dict[TimeColumn, str])
    """Formats of columns that differ from `time_format`, such as refunded_at = "%d/%m/%Y"."""
    amount_style: AmountStyle = "plain"
    """How amounts are written; "150.000" is 150000 in style id and refused in style plain for rupiah."""
    amount_marks: tuple[NonEmpty, ...] = ()
    """Texts before or after an amount that are dropped, such as "$" or "Rs."; the currency's code needs no mention."""
    negatives: Literal["leading", "trailing", "parentheses"] = "leading"
    """How amounts below zero are written: -5.00, 5.00- or (5.00)."""
    amount_of: Literal["row", "order"] = "row"
    """"row": the amounts of the rows are added up. "order": each row repeats the amount of its order."""
    source: Id = "shop"
    """The system that the orders come from; with the order number it identifies a record."""
    delimiter: Delimiter = ","
    """The delimiter between columns of a CSV file."""
    quote: Quote = None
    """The character around cells of a CSV file that hold a delimiter or a line end; "" if the file has no quotes.
    By default it is ", and a cell that seems to have swallowed whole rows is an error.
    """
    encoding: Encoding = "utf-8"
    """The encoding of a CSV file. Not needed if the file begins with the byte order mark of UTF-8 or UTF-16."""
    skip_lines: Annotated[int, Field(ge=0, le=1000, strict=True)] = 0
    """Number of lines above the heading of a CSV file, such as the title of a report."""
    skip_end: Annotated[int, Field(ge=0, le=1000, strict=True)] = 0
    """Number of lines below the last row of a CSV file, such as a line of totals. A blank line counts."""
    blanks: tuple[NonEmpty, ...] = ()
    """Texts that mean an empty cell, such as "-" or "n/a"."""
    fill_down: Annotated[bool, Field(strict=True)] = False
    """Whether only one row of an order has the fields of the order. The other rows take the person, the times, the
    status and the currency from that row; a blank id is that of the row above, and a blank amount is zero. Without
    `fill_down`, blanks are filled and noted only if the rows of the order do not contradict each other; blank ids and
    blank cancellation times are not filled.
    """
    strip: str = " \t\r\n"
    """The characters to strip from both ends of ids and skus; add ' for spreadsheets that write '0812."""
    nobody: tuple[NonEmpty, ...] = ()
    """Person ids that mean no particular person, such as "guest"; their rows are refused as having no customer."""
    nobody_patterns: tuple[Pattern, ...] = ()
    """Regular expressions for whole person ids that mean no particular person, such as '.*[*]{3}.*' for a***n."""
    fold_case: Annotated[bool, Field(strict=True)] = False
    """Whether person ids that differ only in upper and lower case are one person, as for e-mail addresses. The ids
    become lower case.
    """
    fractional: Annotated[bool, Field(strict=True)] = False
    """Whether quantities may be fractions with up to three decimals, such as 0.25 (kilograms)."""
    discounts: Annotated[bool, Field(strict=True)] = False
    """Whether a row below zero is a discount, which reduces the amount of its order."""
    statuses: Annotated[dict[NonEmpty, Status], BeforeValidator(_check_meanings)] = Field(default_factory=dict)
    """The meaning of each word of the status column, as in `Purchase.status`: unpaid, placed, paid, shipped, delivered
    or cancelled. A row with another word is refused, unless it has a cancellation time.
    """
    cancelled_rows: Literal["refuse", "drop"] = "refuse"
    """Treatment of an order with cancelled rows and other rows: refuse all of them, or drop the cancelled rows."""
    cancelled_prefix: str = ""
    """The prefix of the numbers of cancelled orders, if they have one."""
    credit_prefix: str = ""
    """The prefix of the numbers of credit notes (returned pieces), whose purchase is then looked up."""
    credit_negative: bool = False
    """Whether a quantity or an amount below zero is a credit; if a purchase has its number, it is that purchase's."""
    undated_refunds: Literal["refuse", "reduce", "as_of"] = "refuse"
    """Treatment of a refunded amount without a date: refuse the row, reduce the amount of the order by it, or date it
    at the end of `as_of`.
    """
    charges: tuple[NonEmpty, ...] = ()
    """Skus that are not products (postage, bank charges): part of the amount paid, but alone they are not a purchase.

    """
    as_of: Annotated[date, Field(strict=True)] | None = None
    """The last day that the file covers completely; the default `as_of` of a report is the end of this day."""

    @model_validator(mode="after")
    def _fit(self) -> Self:
        self._statuses_fit()
        self._credits_fit()
        if self.charges and self.columns.sku is None:
            raise ArgumentError("charges are recognized by their sku; give its column")
        if self.quote == self.delimiter:
            raise ArgumentError("quote and delimiter are the same character; give two different ones")
        if self.cancelled_rows == "drop" and self.amount_of == "order":
            raise ArgumentError("cancelled_rows = 'drop' needs the amount of each row; remove amount_of")
        if self.fractional and self.columns.quantity is None:
            raise ArgumentError("fractional is about quantities; name their column, or remove it")
        if self.amount_of == "order" and self.columns.amount is None:
            raise ArgumentError("amount_of = 'order' needs the column amount; a price of one piece is of its row")
        self._times_fit()
        self._refunds_fit()
        return self

    def format_of(self, column: TimeColumn) -> str:
        """Return the time format of a column.

        Raises:
            ArgumentError: It is not a column of times.
        """
        check_choice(column, get_args(TimeColumn), "column")
        return self.time_formats.get(column, self.time_format)

    def _times_fit(self) -> None:
        for form in (self.time_format, *self.time_formats.values()):
            if form not in ("iso", *EPOCHS) and ("%z" in form) != (self.zone == IN_THE_TEXT):
                raise ArgumentError("%z in the time format and the zone 'in the text' go together")
        for name in self.time_formats:
            if getattr(self.columns, name) is None:
                raise ArgumentError(f"time_formats has {name}, a column that is not given; give the column too")

    def _refunds_fit(self) -> None:
        columns, how = self.columns, self.undated_refunds
        if columns.refunded_amount is None and how != "refuse":
            raise ArgumentError("undated_refunds needs the column refunded_amount")
        if columns.refunded_amount is not None and columns.refunded_at is None and how == "refuse":
            raise ArgumentError(
                "refunded_amount has no day; give the column refunded_at, or undated_refunds = 'reduce' or 'as_of'"
            )
        if how == "as_of" and (self.as_of is None or self.zone == IN_THE_TEXT):
            raise ArgumentError("undated_refunds = 'as_of' needs as_of, and a zone by whose clock that day ends")

    def _statuses_fit(self) -> None:
        together = "the column of the status and the table of statuses go together"
        if self.columns.status is None and self.statuses:
            raise ArgumentError(f'{together}; add the column:\n[columns]\nstatus = "Status"')
        if self.columns.status is not None and not self.statuses:
            table = '[statuses]\n"Completed" = "paid"\n"Void" = "cancelled"'
            raise ArgumentError(f"{together}; add the meaning of each word of the column, such as:\n{table}")

    def _credits_fit(self) -> None:
        credited = bool(self.credit_prefix) or self.credit_negative
        if credited and self.columns.refunded_amount is not None:
            raise ArgumentError("a file tells of refunds in one way: by credits, or by the column refunded_amount")
        if self.discounts and (self.credit_negative or self.amount_of == "order"):
            raise ArgumentError(
                "discounts needs the amount of each row, and rows below zero that are not credits; "
                "remove amount_of or credit_negative"
            )
        one, other = self.credit_prefix, self.cancelled_prefix
        if one and other and (one.startswith(other) or other.startswith(one)):
            raise ArgumentError("credit_prefix and cancelled_prefix begin alike; one number cannot mean both")

    @classmethod
    def read(cls, path: str | Path) -> Self:
        r"""Read a mapping from a TOML file.

        Args:
            path: The file.

        Returns:
            The mapping.

        Raises:
            ArgumentError: The file is not TOML, or keys are unknown, missing or wrong. The message names the keys.
            FileError: The file cannot be opened.

        Example:
            >>> import tempfile
            >>> lines = ['currency = "GBP"', 'zone = "Europe/Londn"']
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     path = Path(folder) / "orders.toml"
            ...     _ = path.write_text("\n".join(lines))
            ...     OrderMapping.read(path)
            Traceback (most recent call last):
            funnel.errors.ArgumentError: mapping orders.toml: columns: field required
            mapping orders.toml: zone: a zone is unknown; ... did you mean 'Europe/London'?
        """
        return cls._read(path, {}, {})

    @classmethod
    def _read(cls, path: str | Path, defaults: Mapping[str, object], changes: Mapping[str, object]) -> Self:
        """Read a mapping; `defaults` are the values of absent keys, and `changes` override the file.

        The `statuses` of both are put together.
        """
        name = Path(path_of(path)).name
        values = {**defaults, **_toml(name, read_whole(path, _LARGEST_MAPPING))}
        both = {**values, **changes}
        if isinstance(words := values.get("statuses"), dict) and isinstance(more := changes.get("statuses"), dict):
            both["statuses"] = words | more
        try:
            return cls.model_validate(both)
        except ValidationError as error:
            raise ArgumentError(_message(name, error)) from None


def _toml(name: str, raw: bytes) -> dict[str, Any]:
    deep = f"mapping {name} has tables nested too deep; a mapping has one level of tables"
    try:
        text = raw.decode("utf-8-sig")
        # The parse time of a dotted key grows with the square of its parts: 50,000 parts take a minute.
        if not any(line.count(".") > _MOST_PARTS for line in _QUOTED.sub("", text).splitlines()):
            return tomllib.loads(text)
        msg = deep
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        position = _TOML_POSITION.search(str(error))  # the rest of the message may hold values from the file
        at = f" {position[0]}" if position else ""
        msg = f'mapping {name} is not TOML in UTF-8{at}; write each text in quotes, such as id = "Order number"'
    except ValueError:
        msg = f"mapping {name} has a number of too many digits; write it as text or leave it out"
    except RecursionError:
        msg = deep
    raise ArgumentError(msg)


def _message(name: str, error: ValidationError) -> str:
    lines: list[str] = []
    for fault in error.errors(include_url=False, include_input=False)[:_MOST]:
        where = ".".join(map(str, fault["loc"]))
        message = fault["msg"].removeprefix("Value error, ")
        lines.append(f"mapping {name}: {where}{': ' if where else ''}{message[:1].lower()}{message[1:]}")
    return "\n".join(lines)
