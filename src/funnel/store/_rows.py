"""Conversion between records and table rows: typed columns, with free text and contacts in a table of their own.

Invariant: `record_of(row_of(record)) == record` for every record; amounts are whole minor units, instants microseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import attrs

from funnel._arguments import kind_of
from funnel._copies import unchecked
from funnel._fields import amount_in_range
from funnel._ledger.own import RESERVED
from funnel._record_columns import (
    AMOUNT,
    CURRENCY,
    EMPTY,
    KIND,
    MONEY,
    POSITIONS,
    REGARDING,
    RENAMED,
    SHAPE_OF_KIND,
    SHAPES,
    Cell,
    Shape,
    lines_of,
)
from funnel.errors import ArgumentError, ConflictError
from funnel.money import Money
from funnel.records import Contact, Lead, Record, Refund

Key: TypeAlias = tuple[str, str, str]
"""Log, source and id: the identity of a record."""

UNKNOWN_PERSON = ""
"""The person of a refund whose purchase is missing."""

_FIELDS: Mapping[str, str] = {
    "leads": "person_id arrived_at source campaign referred_by",
    "purchases": (
        "id source person_id purchased_at amount currency status cancelled_at promotion promised_at delivered_at "
        "paid_at prepaid fees cost"
    ),
    "refunds": "id source purchase_id refunded_at amount currency reason",
    "interactions": (
        "id source person_id occurred_at kind direction channel regarding reason until latest score amount currency"
    ),
}
LOG_COLUMNS: Mapping[str, Mapping[str, str]] = {
    log: {name: RENAMED.get(name, name) for name in names.split()} for log, names in _FIELDS.items()
}
"""The columns of each log, with the store's column that each comes from."""

NONE, HAS_PII, ERASED, ID_ERASED = 0, 1, 2, 3
"""State of a row's personal data: none, stored, erased, or erased with the id of the person."""


_TARGETS: Mapping[str, str] = {"answer": "question", "resolution": "complaint"}

REFERRED_TO = frozenset({"purchase", *_TARGETS.values()})
"""The kinds that other records refer to."""


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
        personal_data_state: Whether the row has, or had, personal data: `NONE`, `HAS_PII`, `ERASED` or `ID_ERASED`.
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

    def with_cell(self, column: str, value: Cell) -> Row:
        """Return the row with other content in one column."""
        position = POSITIONS[column]
        return attrs.evolve(self, cells=(*self.cells[:position], value, *self.cells[position + 1 :]))

    def keep_erased(self, stored: Row) -> None:
        """Keep the id that `erase` gave the person of the stored row, and no personal data."""
        self.person_id, self.payload, self.personal_data_state = stored.person_id, None, ID_ERASED

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


def row_of(record: Record) -> Row:
    """Convert a record to a row.

    Raises:
        ArgumentError: The store does not accept the record's class.
    """
    shape = SHAPES.get(type(record))
    if shape is None:
        msg = f"a record must be a lead, a purchase, a refund or an interaction (got {kind_of(record)})"
        raise ArgumentError(f"{msg}; pass several as append(*records), and a customer to put_customer")
    values, cells = record.__dict__, list(EMPTY)
    if values["columns"]:
        _check_own_names(shape.log, values["columns"])
    for name, position, convert in shape.fields:
        value = values[name]
        if value is not None:
            cells[position] = value if convert is None else convert(value)
    cells[KIND] = shape.kind
    if shape.has_amount and (money := values["amount"]) is not None:
        cells[AMOUNT], cells[CURRENCY] = money.minor, money.currency
    payload = None if shape.personal_field is None else _payload_of(values[shape.personal_field])
    source, number = record.key
    target = None if cells[REGARDING] is None else target_of(shape.kind, source, cells[REGARDING])
    person_id, state = values.get("person_id", UNKNOWN_PERSON), NONE if payload is None else HAS_PII
    return Row((shape.log, source, number), person_id, shape.kind, tuple(cells), target, payload, state, record=record)


def _check_own_names(log: str, names: Iterable[str]) -> None:
    """Check that the table of a log can have these own columns beside its columns.

    Raises:
        ArgumentError: A name is a column of the log, or a field that facts read.
    """
    reserved = {*LOG_COLUMNS[log], *RESERVED[log], "recorded_at", "original_currency", "original_amount"}
    if used := [name for name in names if name.casefold() in reserved]:
        msg = (
            f"an own column of {log} cannot be called {used[0]!r}, because {log} have a column of this name; rename it"
        )
        raise ArgumentError(msg)


def _payload_of(value: str | Contact | None) -> str | None:
    """Return personal data as text; None if there is none."""
    if value is None or isinstance(value, str):
        return value or None
    return value.model_dump_json()


def positions_of(kind: str) -> tuple[int, ...]:
    """Return the positions of the columns that records of a kind may fill."""
    shape = SHAPE_OF_KIND[kind]
    money = (AMOUNT, CURRENCY) if shape.has_amount else ()
    return (KIND, *(position for _, position, _ in shape.fields), *money)


def record_of(row: Row, names: Mapping[str, str] | None = None) -> Record:
    """Convert a row to a record.

    Args:
        row: The row.
        names: Current name of each alias. A lead that refers to the same person gets no referrer.
    """
    shape, cells = SHAPE_OF_KIND[row.kind], row.cells
    fields = shape.fields_of(cells)
    fields |= {**_identity(row, shape, names or {}), **_personal_fields(row, shape)}
    if shape.has_amount and row["amount"] is not None:
        money = {name: row[name] for name in ("amount", *MONEY) if row[name] is not None}
        fields |= {name: amount_in_range(Money.of_minor(minor, row["currency"])) for name, minor in money.items()}
    if row["lines"] is not None:
        fields["lines"] = lines_of(row["lines"], row["currency"])
    return unchecked(shape.record_class, fields)  # validated when it was added; the columns hold nothing else


def _identity(row: Row, shape: Shape, names: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of the record's id and person."""
    _, source, number = row.key
    person_id = names.get(row.person_id, row.person_id)
    if shape.record_class is Refund:
        return {"source": source, "id": number}
    if shape.record_class is not Lead:
        return {"source": source, "id": number, "person_id": person_id}
    referrer = names.get(row["referred_by"], row["referred_by"])
    return {"source": source, "person_id": person_id, "referred_by": None if referrer == person_id else referrer}


def _personal_fields(row: Row, shape: Shape) -> dict[str, Any]:
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
