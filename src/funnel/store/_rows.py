"""Conversion between records and table rows: typed columns, with free text and contacts in a table of their own.

Invariant: `record_of(row_of(record)) == record` for every record; amounts are whole minor units, instants microseconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from operator import attrgetter
from typing import Any, Literal, TypeAlias

import attrs

from funnel._arguments import kind_of
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
    "paid_at": int,
    "prepaid": int,
    "fees": int,
    "cost": int,
    "original": str,
}
"""The content columns of a record, besides person and id; a new column comes last, as an upgrade adds it."""

POSITIONS: Mapping[str, int] = {name: position for position, name in enumerate(COLUMNS)}
REFERRER, CURRENCY = POSITIONS["referred_by"], POSITIONS["currency"]
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
        cells: The values of the columns, in the order of `COLUMNS`.
        target: The purchase, question or complaint that the record refers to; None without a reference.
        payload: Personal data as text; None if there is none.
        personal_data_state: Whether the row has, or had, personal data: `NONE`, `HAS_PII` or `ERASED`.
        version: The version of the person at this record; 0 if not assigned yet.
        record: The record itself, if the row was made from it.
    """

    key: Key
    person_id: str
    kind: str
    cells: tuple[Cell, ...]
    target: Key | None
    payload: str | None
    personal_data_state: int
    version: int = 0
    record: Record | None = None

    def __getitem__(self, column: str) -> Any:
        """Return the content of one column."""
        return self.cells[POSITIONS[column]]

    @property
    def name(self) -> str:
        """The record's name for messages."""
        return f"{self.kind} {self.key[2]!r} of {self.key[1]!r}"

    @property
    def target_kind(self) -> str:
        """The kind of record that this row refers to."""
        return _TARGETS.get(self.kind, "purchase")


def target_of(kind: str, source: str, regarding: Cell) -> Key | None:
    """Return the key of the record that a record refers to, in its own source."""
    if regarding is None:
        return None
    return "interactions" if kind in _TARGETS else "purchases", source, str(regarding)


def row_from(values: tuple[Any, ...]) -> Row:
    """Return the row of a query's values: the key, person, version, state, the cells, and the personal data."""
    log, source, number, person_id, version, state = values[:6]
    cells, payload = values[6:-1], values[-1]
    kind = cells[POSITIONS["kind"]]
    target = target_of(kind, source, cells[POSITIONS["regarding"]])
    return Row((log, source, number), person_id, kind, cells, target, payload, state, version)


# ---- fields and columns --------------------------------------------------------------------------------------------

Conversion: TypeAlias = Callable[[Any], Cell]


def _lines_text(lines: tuple[OrderLine, ...]) -> str | None:
    """Return the lines of a purchase as JSON, in whole minor units of its currency."""
    if not lines:
        return None
    return json.dumps([_line(line) for line in lines], ensure_ascii=False, separators=(",", ":"))


_LINE_MONEY = ("unit_price", "discount", "unit_cost")


def _line(line: OrderLine) -> dict[str, str | int]:
    money = {name: getattr(line, name) for name in _LINE_MONEY}
    fields: dict[str, str | int] = {"sku": line.sku, "category": line.category, "quantity": line.quantity}
    return fields | {name: amount.minor for name, amount in money.items() if amount is not None}


def _lines_of(text: str, currency: str) -> tuple[OrderLine, ...]:
    def money(name: str, value: Any) -> Any:
        return Money.of_minor(value, currency) if name in _LINE_MONEY else value

    return tuple(OrderLine(**{name: money(name, value) for name, value in line.items()}) for line in json.loads(text))


_INSTANTS = ("happened_at", "cancelled_at", "promised_at", "delivered_at", "paid_at", "until", "latest")
_MONEY = ("prepaid", "fees", "cost")
_TO_CELL: Mapping[str, Conversion] = {
    **dict.fromkeys(_INSTANTS, micros),
    **dict.fromkeys(_MONEY, attrgetter("minor")),
    "original": lambda money: f"{money.minor} {money.currency}",
    "reason": str,
    "lines": _lines_text,
}
"""Conversions of field values to column values, if they differ; None stays None."""


def _checked_instant(count: int) -> object:
    """Return the instant of a column; refuse an instant outside the supported years."""
    if not EARLIEST <= count < LATEST:
        raise ValueError
    return instant(count)


def _money_of(text: str) -> Money:
    minor, _, currency = text.partition(" ")
    return amount_in_range(Money.of_minor(int(minor), currency))


_FROM_CELL: Mapping[str, Callable[[Any], object]] = {
    **dict.fromkeys(_INSTANTS, _checked_instant),
    "original": _money_of,
}

RENAMED: Mapping[str, str] = {
    "id": "source_id",
    **dict.fromkeys(("arrived_at", "purchased_at", "refunded_at", "occurred_at"), "happened_at"),
    **dict.fromkeys(("purchase_id", "question_id", "complaint_id"), "regarding"),
}
"""Columns of fields that have another name."""

_CLASSES: tuple[type[Record], ...] = (
    *(Lead, Purchase, Refund, Visit, View, Question, Cart, Checkout, Quote, Answer, ReadySignal, Postponement, Meeting),
    *(Delivery, Complaint, Resolution, Feedback, OptOut, Declined, FollowUp),
)
_PERSONAL = ("contact", "text")
_OWN = ("id", "source", "person_id", "kind", "amount", *_PERSONAL)
"""Fields without a content column, or with more than one."""

_OF_CURRENCY = ("lines", *_MONEY)
"""Fields that are read together with the currency of the record."""

_LOGS: Mapping[type[Record], Log] = {Lead: "leads", Purchase: "purchases", Refund: "refunds"}


@attrs.frozen
class _Shape:
    """How the fields of one record class map to columns and back."""

    record_class: type[Record]
    log: Log
    kind: str
    fields: tuple[tuple[str, int, Conversion | None], ...]
    back: tuple[tuple[str, int, Callable[[Any], object] | None], ...]
    has_amount: bool
    personal_field: str | None


def _back(cls: type[Record], name: str, column: str) -> Callable[[Any], object] | None:
    """Return the conversion of a column's value to its field; None if they are equal."""
    kind = cls.model_fields[name].annotation
    return kind if isinstance(kind, type) and issubclass(kind, Enum) else _FROM_CELL.get(column)


def _shape(cls: type[Record]) -> _Shape:
    names = [name for name in cls.model_fields if name not in _OWN]
    columns = [(name, RENAMED.get(name, name)) for name in names]
    return _Shape(
        cls,
        _LOGS.get(cls, "interactions"),
        str(cls.model_fields["kind"].default) if issubclass(cls, Interaction) else str(getattr(cls, "kind")),  # noqa: B009
        tuple((name, POSITIONS[column], _TO_CELL.get(column)) for name, column in columns),
        tuple(
            (name, POSITIONS[column], _back(cls, name, column)) for name, column in columns if name not in _OF_CURRENCY
        ),
        "amount" in cls.model_fields,
        next((name for name in _PERSONAL if name in cls.model_fields), None),
    )


_SHAPES: Mapping[type[Record], _Shape] = {record_class: _shape(record_class) for record_class in _CLASSES}
_BY_KIND: Mapping[str, _Shape] = {shape.kind: shape for shape in _SHAPES.values()}
KINDS = tuple(_BY_KIND)
"""All kinds of stored records."""
_KIND, _AMOUNT, _REGARDING = (POSITIONS[name] for name in ("kind", "amount", "regarding"))
_EMPTY: tuple[Cell, ...] = (None,) * len(COLUMNS)


def row_of(record: Record) -> Row:
    """Convert a record to a row.

    Raises:
        ArgumentError: The store does not accept the record's class.
    """
    shape = _SHAPES.get(type(record))
    if shape is None:
        msg = f"a record must be a lead, a purchase, a refund or an interaction (got {kind_of(record)})"
        raise ArgumentError(f"{msg}; pass several as append(*records), and a customer to put_customer")
    values, cells = record.__dict__, list(_EMPTY)
    for name, position, convert in shape.fields:
        value = values[name]
        if value is not None:
            cells[position] = value if convert is None else convert(value)
    cells[_KIND] = shape.kind
    if shape.has_amount and (money := values["amount"]) is not None:
        cells[_AMOUNT], cells[CURRENCY] = money.minor, money.currency
    payload = None if shape.personal_field is None else _payload_of(values[shape.personal_field])
    source, number = record.key
    target = None if cells[_REGARDING] is None else target_of(shape.kind, source, cells[_REGARDING])
    person_id, state = values.get("person_id", UNKNOWN_PERSON), NONE if payload is None else HAS_PII
    return Row((shape.log, source, number), person_id, shape.kind, tuple(cells), target, payload, state, record=record)


def _payload_of(value: str | Contact | None) -> str | None:
    """Return personal data as text; None if there is none."""
    if value is None or isinstance(value, str):
        return value or None
    return value.model_dump_json()


def positions_of(kind: str) -> tuple[int, ...]:
    """Return the positions of the columns that records of a kind may fill."""
    shape = _BY_KIND[kind]
    money = (_AMOUNT, CURRENCY) if shape.has_amount else ()
    return (_KIND, *(position for _, position, _ in shape.fields), *money)


def record_of(row: Row, names: Mapping[str, str] | None = None) -> Record:
    """Convert a row to a record.

    Args:
        row: The row.
        names: Current name of each alias. A lead that refers to the same person gets no referrer.
    """
    shape, cells = _BY_KIND[row.kind], row.cells
    fields: dict[str, Any] = {}
    for name, position, back in shape.back:
        value = cells[position]
        if value is not None:
            fields[name] = value if back is None else back(value)
    fields |= {**_identity(row, shape, names or {}), **_personal_fields(row, shape)}
    if shape.has_amount and row["amount"] is not None:
        money = {name: row[name] for name in ("amount", *_MONEY) if row[name] is not None}
        fields |= {name: amount_in_range(Money.of_minor(minor, row["currency"])) for name, minor in money.items()}
    if row["lines"] is not None:
        fields["lines"] = _lines_of(row["lines"], row["currency"])
    return unchecked(shape.record_class, fields)  # validated when it was added; the columns hold nothing else


def _identity(row: Row, shape: _Shape, names: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of the record's id and person."""
    _, source, number = row.key
    person_id = names.get(row.person_id, row.person_id)
    if shape.record_class is Refund:
        return {"source": source, "id": number}
    if shape.record_class is not Lead:
        return {"source": source, "id": number, "person_id": person_id}
    referrer = names.get(row["referred_by"], row["referred_by"])
    return {"source": source, "person_id": person_id, "referred_by": None if referrer == person_id else referrer}


def _personal_fields(row: Row, shape: _Shape) -> dict[str, Any]:
    """Return the field with personal data."""
    field, text = shape.personal_field, row.payload
    if text is None or field is None:
        return {}
    return {field: Contact.model_validate_json(text) if field == "contact" else text}


# ---- many ----------------------------------------------------------------------------------------------------------


def rows_of(records: Iterable[Record]) -> tuple[dict[Key, Row], int]:
    """Convert records to rows, without duplicates; also return the number of duplicates.

    Raises:
        ConflictError: Two records with one key have different content.
    """
    rows: dict[Key, Row] = {}
    repeated = 0
    for record in records:
        row = row_of(record)
        first = rows.setdefault(row.key, row)
        if first is not row:
            repeated += 1
            refuse_different(first, row)
    return rows, repeated


def differences(stored: Row, new: Row) -> list[str]:
    """Return the columns in which a repeated record differs; erased values are not compared."""
    names = [name for name, position in POSITIONS.items() if stored.cells[position] != new.cells[position]]
    if new.person_id not in (stored.person_id, UNKNOWN_PERSON):
        names.append("person_id")
    if stored.personal_data_state != ERASED and stored.payload != new.payload:
        names.append("text or contact")
    return names


def refuse_different(stored: Row, new: Row) -> None:
    """Check that a repeated record equals the stored record.

    Raises:
        ConflictError: The content differs; the message names the columns, never their values.
    """
    names = differences(stored, new)
    if names:
        raise ConflictError(
            f"{stored.name} is stored already and differs in {', '.join(names)}; call amend to replace it"
        )
