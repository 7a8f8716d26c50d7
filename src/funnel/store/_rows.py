"""Conversion between records and table rows: typed columns, with free text and contacts kept apart.

Invariant: `record_of(row_of(record)) == record` for every record; amounts are whole minor units, instants microseconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any, Literal, TypeAlias

import attrs

from funnel._copies import unchecked
from funnel._fields import amount_in_range
from funnel._time import EARLIEST, LATEST, instant, micros
from funnel.errors import ArgumentError, ConflictError
from funnel.interactions import (
    Answer,
    Cart,
    Checkout,
    Complaint,
    Declined,
    Delivery,
    Feedback,
    FollowUp,
    Interaction,
    Meeting,
    OptOut,
    Postponement,
    Question,
    Quote,
    ReadySignal,
    Resolution,
    View,
    Visit,
)
from funnel.money import Money
from funnel.records import Contact, Lead, OrderLine, Purchase, Record, Refund

Log: TypeAlias = Literal["leads", "purchases", "refunds", "interactions"]
Key: TypeAlias = tuple[str, str, str]
"""Log, source and id: the identity of a record."""

Cell: TypeAlias = str | int | None

COLUMNS: Mapping[str, type[str | int]] = {
    "kind": str,
    "happened_at": int,
    "campaign": str,
    "referred_by": str,
    "status": str,
    "cancelled_at": int,
    "promotion": str,
    "promised_at": int,
    "delivered_at": int,
    "lines": str,
    "direction": str,
    "channel": str,
    "regarding": str,
    "reason": str,
    "until": int,
    "latest": int,
    "score": int,
    "sku": str,
    "quantity": int,
    "amount": int,
    "currency": str,
}
"""The content columns of a record, besides person and id."""

PLACES: Mapping[str, int] = {name: place for place, name in enumerate(COLUMNS)}
REFERRER, CURRENCY = PLACES["referred_by"], PLACES["currency"]
"""Positions that are read in every row of large batches."""

UNKNOWN_PERSON = ""
"""The person of a refund whose purchase is missing."""

NONE, HAS_PII, ERASED = 0, 1, 2
"""State of a row's personal data: none, stored, or erased."""


_TARGETS: Mapping[str, str] = {"answer": "question", "resolution": "complaint"}


@attrs.define
class Row:
    """A record as a table row.

    Attributes:
        key: Log, source and id.
        person_id: The person; `UNKNOWN_PERSON` if not known yet.
        kind: The kind.
        said: The content, in the order of `COLUMNS`.
        target: The purchase, question or complaint that the record refers to; None without a reference.
        words: Personal data as text; None if there is none.
        apart: Whether the row has, or had, personal data: `NONE`, `HAS_PII` or `ERASED`.
        version: The version of the person at this record; 0 if not assigned yet.
        record: The record itself, if the row was made from it.
    """

    key: Key
    person_id: str
    kind: str
    said: tuple[Cell, ...]
    target: Key | None
    words: str | None
    apart: int
    version: int = 0
    record: Record | None = None

    def __getitem__(self, column: str) -> Any:
        """Return the content of one column."""
        return self.said[PLACES[column]]

    @property
    def name(self) -> str:
        """The record's name for messages."""
        return f"{self.kind} {self.key[2]!r} of {self.key[1]!r}"

    @property
    def needs(self) -> str:
        """The kind of record that this row refers to."""
        return _TARGETS.get(self.kind, "purchase")


def target_of(kind: str, source: str, regarding: Cell) -> Key | None:
    """Return the key of the record that a record refers to, in its own source."""
    if regarding is None:
        return None
    return "interactions" if kind in _TARGETS else "purchases", source, str(regarding)


# ---- fields and columns --------------------------------------------------------------------------------------------

Change: TypeAlias = Callable[[Any], Cell]


def _lines(lines: tuple[OrderLine, ...]) -> str | None:
    """Return the lines of a purchase as JSON, in whole minor units of its currency."""
    if not lines:
        return None
    return json.dumps([_line(line) for line in lines], ensure_ascii=False, separators=(",", ":"))


_LINE_MONEY = ("unit_price", "discount", "unit_cost")


def _line(line: OrderLine) -> dict[str, str | int]:
    money = {name: getattr(line, name) for name in _LINE_MONEY}
    told: dict[str, str | int] = {"sku": line.sku, "category": line.category, "quantity": line.quantity}
    return told | {name: amount.minor for name, amount in money.items() if amount is not None}


def _lines_of(text: str, currency: str) -> tuple[OrderLine, ...]:
    def money(name: str, value: Any) -> Any:
        return Money.of_minor(value, currency) if name in _LINE_MONEY else value

    return tuple(OrderLine(**{name: money(name, value) for name, value in line.items()}) for line in json.loads(text))


_CHANGES: Mapping[str, Change] = {
    "happened_at": micros,
    "cancelled_at": micros,
    "promised_at": micros,
    "delivered_at": micros,
    "until": micros,
    "latest": micros,
    "reason": str,
    "lines": _lines,
}
"""Conversions of field values to column values, if they differ; None stays None."""


def _kept_instant(count: int) -> object:
    """Return the instant of a column; refuse an instant outside the supported years."""
    if not EARLIEST <= count < LATEST:
        raise ValueError
    return instant(count)


_BACK: Mapping[str, Callable[[Any], object]] = {
    name: _kept_instant for name, change in _CHANGES.items() if change is micros
}

_RENAMED: Mapping[str, str] = {
    "arrived_at": "happened_at",
    "purchased_at": "happened_at",
    "refunded_at": "happened_at",
    "occurred_at": "happened_at",
    "purchase_id": "regarding",
    "question_id": "regarding",
    "complaint_id": "regarding",
}
"""Columns of fields that have another name."""

_KINDS: tuple[type[Record], ...] = (
    *(Lead, Purchase, Refund, Visit, View, Question, Cart, Checkout, Quote, Answer, ReadySignal, Postponement, Meeting),
    *(Delivery, Complaint, Resolution, Feedback, OptOut, Declined, FollowUp),
)
_APART = ("contact", "words")
_OWN = ("id", "source", "person_id", "kind", "amount", *_APART)
"""Fields without a content column, or with more than one."""

_LOGS: Mapping[type[Record], Log] = {Lead: "leads", Purchase: "purchases", Refund: "refunds"}


@attrs.frozen
class _Shape:
    """How the fields of one record class map to columns and back."""

    made: type[Record]
    log: Log
    kind: str
    fields: tuple[tuple[str, int, Change | None], ...]
    back: tuple[tuple[str, int, Callable[[Any], object] | None], ...]
    has_amount: bool
    apart: str | None


def _back(made: type[Record], name: str, column: str) -> Callable[[Any], object] | None:
    """Return the conversion of a column's value to its field; None if they are equal."""
    kind = made.model_fields[name].annotation
    return kind if isinstance(kind, type) and issubclass(kind, Enum) else _BACK.get(column)


def _shape(made: type[Record]) -> _Shape:
    names = [name for name in made.model_fields if name not in _OWN]
    columns = [(name, _RENAMED.get(name, name)) for name in names]
    return _Shape(
        made,
        _LOGS.get(made, "interactions"),
        str(made.model_fields["kind"].default) if issubclass(made, Interaction) else str(getattr(made, "kind")),  # noqa: B009
        tuple((name, PLACES[column], _CHANGES.get(column)) for name, column in columns),
        tuple((name, PLACES[column], _back(made, name, column)) for name, column in columns if name != "lines"),
        "amount" in made.model_fields,
        next((name for name in _APART if name in made.model_fields), None),
    )


_SHAPES: Mapping[type[Record], _Shape] = {made: _shape(made) for made in _KINDS}
_BY_KIND: Mapping[str, _Shape] = {shape.kind: shape for shape in _SHAPES.values()}
KINDS = tuple(_BY_KIND)
"""All kinds of stored records."""
_KIND, _AMOUNT, _REGARDING = (PLACES[name] for name in ("kind", "amount", "regarding"))
_EMPTY: tuple[Cell, ...] = (None,) * len(COLUMNS)


def row_of(record: Record) -> Row:
    """Convert a record to a row.

    Raises:
        ArgumentError: The store does not accept the record's class.
    """
    shape = _SHAPES.get(type(record))
    if shape is None:
        kind = type(record).__name__
        msg = f"a {kind} is not a record that a store keeps; give leads, purchases, refunds and interactions"
        raise ArgumentError(msg)
    values, said = record.__dict__, list(_EMPTY)
    for name, place, change in shape.fields:
        value = values[name]
        if value is not None:
            said[place] = value if change is None else change(value)
    said[_KIND] = shape.kind
    if shape.has_amount and (money := values["amount"]) is not None:
        said[_AMOUNT], said[CURRENCY] = money.minor, money.currency
    words = None if shape.apart is None else _words_of(values[shape.apart])
    source, number = record.key
    target = None if said[_REGARDING] is None else target_of(shape.kind, source, said[_REGARDING])
    person_id, apart = values.get("person_id", UNKNOWN_PERSON), NONE if words is None else HAS_PII
    return Row((shape.log, source, number), person_id, shape.kind, tuple(said), target, words, apart, record=record)


def _words_of(told: str | Contact | None) -> str | None:
    """Return personal data as text; None if there is none."""
    if told is None or isinstance(told, str):
        return told or None
    return told.model_dump_json()


def filled(kind: str) -> tuple[int, ...]:
    """Return the positions of the columns that records of a kind may fill."""
    shape = _BY_KIND[kind]
    money = (_AMOUNT, CURRENCY) if shape.has_amount else ()
    return (_KIND, *(place for _, place, _ in shape.fields), *money)


def record_of(row: Row, names: Mapping[str, str] | None = None) -> Record:
    """Convert a row to a record.

    Args:
        row: The row.
        names: Current name of each alias. A lead that refers to the same person gets no referrer.
    """
    shape, said = _BY_KIND[row.kind], row.said
    fields: dict[str, Any] = {}
    for name, place, back in shape.back:
        value = said[place]
        if value is not None:
            fields[name] = value if back is None else back(value)
    fields |= {**_named(row, shape, names or {}), **_told(row, shape)}
    if shape.has_amount and row["amount"] is not None:
        fields["amount"] = amount_in_range(Money.of_minor(row["amount"], row["currency"]))
    if row["lines"] is not None:
        fields["lines"] = _lines_of(row["lines"], row["currency"])
    return unchecked(shape.made, fields)  # validated when it was added; the columns hold nothing else


def _named(row: Row, shape: _Shape, names: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of the record's id and person."""
    _, source, number = row.key
    person_id = names.get(row.person_id, row.person_id)
    if shape.made is Refund:
        return {"source": source, "id": number}
    if shape.made is not Lead:
        return {"source": source, "id": number, "person_id": person_id}
    sent = names.get(row["referred_by"], row["referred_by"])
    return {"source": source, "person_id": person_id, "referred_by": None if sent == person_id else sent}


def _told(row: Row, shape: _Shape) -> dict[str, Any]:
    """Return the field with personal data."""
    if row.words is None or shape.apart is None:
        return {}
    return {shape.apart: Contact.model_validate_json(row.words) if shape.apart == "contact" else row.words}


# ---- many ----------------------------------------------------------------------------------------------------------


def rows_of(records: Iterable[Record]) -> tuple[dict[Key, Row], int]:
    """Convert records to rows, without duplicates; also return the number of duplicates.

    Raises:
        ConflictError: Two records with one key have different content.
    """
    rows: dict[Key, Row] = {}
    again = 0
    for record in records:
        row = row_of(record)
        known = rows.setdefault(row.key, row)
        if known is not row:
            again += 1
            refuse_other(known, row)
    return rows, again


def differing(kept: Row, given: Row) -> list[str]:
    """Return the columns in which a repeated record differs; erased values are not compared."""
    names = [name for name, place in PLACES.items() if kept.said[place] != given.said[place]]
    if given.person_id not in (kept.person_id, UNKNOWN_PERSON):
        names.append("person_id")
    if kept.apart != ERASED and kept.words != given.words:
        names.append("words or contact")
    return names


def refuse_other(kept: Row, given: Row) -> None:
    """Check that a repeated record equals the stored record.

    Raises:
        ConflictError: The content differs; the message names the columns, never their values.
    """
    names = differing(kept, given)
    if names:
        msg = f"{kept.name} is kept already and differs in {', '.join(names)}; if this one is right, amend it"
        raise ConflictError(msg)
