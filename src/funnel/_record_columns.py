"""Conversion between the fields of records and columns: one table of columns for records of every kind.

Invariant: the fields of the columns of a record are the fields of the record.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from operator import attrgetter
from typing import Any, Literal, TypeAlias

import attrs

from funnel._columns import columns_of_text, text_of_columns
from funnel._fields import amount_in_range
from funnel._time import checked_instant, micros
from funnel.interactions import CLASSES, Interaction
from funnel.money import Money
from funnel.records import Lead, OrderLine, Purchase, Record, Refund

Log: TypeAlias = Literal["leads", "purchases", "refunds", "interactions"]
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
    "own_columns": str,
}
"""The content columns of a record, besides person and id; a new column comes last, as an upgrade adds it."""

POSITIONS: Mapping[str, int] = {name: position for position, name in enumerate(COLUMNS)}
REFERRER, CURRENCY = POSITIONS["referred_by"], POSITIONS["currency"]
"""Positions that are read in every row of large batches."""

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


def lines_of(text: str, currency: str) -> tuple[OrderLine, ...]:
    """Return the lines of a purchase from their JSON."""

    def money(name: str, value: Any) -> Any:
        return Money.of_minor(value, currency) if name in _LINE_MONEY else value

    return tuple(OrderLine(**{name: money(name, value) for name, value in line.items()}) for line in json.loads(text))


_INSTANTS = ("happened_at", "cancelled_at", "promised_at", "delivered_at", "paid_at", "until", "latest")
MONEY = ("prepaid", "fees", "cost")
"""Amounts in whole minor units of the currency of the record, beside its amount."""
_TO_CELL: Mapping[str, Conversion] = {
    **dict.fromkeys(_INSTANTS, micros),
    **dict.fromkeys(MONEY, attrgetter("minor")),
    "original": lambda money: f"{money.minor} {money.currency}",
    "own_columns": text_of_columns,
    "reason": str,
    "lines": _lines_text,
}
"""Conversions of field values to column values, if they differ; None stays None."""


def _money_of(text: str) -> Money:
    minor, _, currency = text.partition(" ")
    return amount_in_range(Money.of_minor(int(minor), currency))


_FROM_CELL: Mapping[str, Callable[[Any], object]] = {
    **dict.fromkeys(_INSTANTS, checked_instant),
    "original": _money_of,
    "own_columns": columns_of_text,
}

RENAMED: Mapping[str, str] = {
    "id": "source_id",
    "columns": "own_columns",
    **dict.fromkeys(("arrived_at", "purchased_at", "refunded_at", "occurred_at"), "happened_at"),
    **dict.fromkeys(("purchase_id", "question_id", "complaint_id"), "regarding"),
}
"""Columns of fields that have another name."""

_PERSONAL = ("contact", "text")
_OWN = ("id", "source", "person_id", "kind", "amount", *_PERSONAL)
"""Fields without a content column, or with more than one."""

_OF_CURRENCY = ("lines", *MONEY)
"""Fields that are read together with the currency of the record."""

_LOGS: Mapping[type[Record], Log] = {Lead: "leads", Purchase: "purchases", Refund: "refunds"}


@attrs.frozen
class Shape:
    """How the fields of one record class map to columns and back."""

    record_class: type[Record]
    log: Log
    kind: str
    fields: tuple[tuple[str, int, Conversion | None], ...]
    back: tuple[tuple[str, int, Callable[[Any], object] | None], ...]
    has_amount: bool
    personal_field: str | None

    def fields_of(self, cells: Sequence[Cell]) -> dict[str, Any]:
        """Return the fields that columns hold, without ids, amounts, lines and personal data."""
        fields: dict[str, Any] = {}
        for name, position, back in self.back:
            value = cells[position]
            if value is not None:
                fields[name] = value if back is None else back(value)
        return fields


def _back(cls: type[Record], name: str, column: str) -> Callable[[Any], object] | None:
    """Return the conversion of a column's value to its field; None if they are equal."""
    kind = cls.model_fields[name].annotation
    return kind if isinstance(kind, type) and issubclass(kind, Enum) else _FROM_CELL.get(column)


def _shape(cls: type[Record]) -> Shape:
    names = [name for name in cls.model_fields if name not in _OWN]
    columns = [(name, RENAMED.get(name, name)) for name in names]
    return Shape(
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


_RECORDS: tuple[type[Record], ...] = (Lead, Purchase, Refund, *CLASSES.values())
SHAPES: Mapping[type[Record], Shape] = {one: _shape(one) for one in _RECORDS}
SHAPE_OF_KIND: Mapping[str, Shape] = {shape.kind: shape for shape in SHAPES.values()}
KINDS = tuple(SHAPE_OF_KIND)
"""All kinds of records."""
KIND, AMOUNT, REGARDING = (POSITIONS[name] for name in ("kind", "amount", "regarding"))
EMPTY: tuple[Cell, ...] = (None,) * len(COLUMNS)
