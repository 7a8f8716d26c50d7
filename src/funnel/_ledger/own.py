"""Own columns of one person's records, as fields at the end of the rows of a stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import TYPE_CHECKING

from funnel._aggregate.aggregations import COMMON, Stream, own_kind, own_name
from funnel._aggregate.fold import Row
from funnel._arguments import kind_of
from funnel._expr.nodes import Fact, Value
from funnel._ledger.streams import TABLES
from funnel._time import NEVER, micros
from funnel.errors import FactsError

if TYPE_CHECKING:
    from funnel._columns import OwnValue
    from funnel._ledger.state import LedgerState

OWN_LOGS: Mapping[str, str] = {
    "leads": "leads",
    "orders": "purchases",
    "purchases": "purchases",
    "refunds": "refunds",
    "interactions": "interactions",
    "open_questions": "interactions",
    "open_complaints": "interactions",
    "open_follow_ups": "interactions",
    "people": "people",
}
"""Log of the tables whose rows have the own columns of a record."""

RESERVED: Mapping[str, frozenset[str]] = {
    log: frozenset({"person_id", "seq"}.union(*(TABLES[table] for table, of in OWN_LOGS.items() if of == log)))
    for log in dict.fromkeys(OWN_LOGS.values())
}
"""Names that an own column cannot have: fields of the records of its log."""

TYPES: Mapping[type, str] = {str: "text", int: "whole", bool: "truth", datetime: "instant"}
"""Kind of the values of an own column, by the type that a shop declares."""

EMPTY: Mapping[str, Value] = {"text": "", "whole": 0, "truth": 0, "instant": NEVER}
"""Value of an empty cell, by kind."""

NAMES: Mapping[str, str] = {kind: one.__name__ for one, kind in TYPES.items()}
"""Name of the declared type, by kind."""

_IDENTITY = itemgetter(*(COMMON.index(name) for name in ("t", "source", "id")))


def own_rows(ledger: LedgerState, stream: Stream) -> Sequence[Row]:
    """Return the rows of a stream of one person, with the own columns that the stream has."""
    rows = ledger.rows.get(stream.origin.name, ())
    return [own_row(ledger, stream, row) for row in rows] if stream.own else rows


def own_row(ledger: LedgerState, stream: Stream, row: Row) -> Row:
    """Return a row with the own columns that its stream has.

    Raises:
        FactsError: A value has another type than the declaration.
    """
    if not stream.own:
        return row
    log = OWN_LOGS[stream.plain_table]
    return extended(stream, row, ledger.columns if log == "people" else ledger.own.get((log, _IDENTITY(row)), {}))


def extended(stream: Stream, row: Row, columns: Mapping[str, OwnValue]) -> Row:
    """Return a row with the values of own columns.

    Raises:
        FactsError: A value has another type than the declaration.
    """
    return (*row, *(own_value(field, columns) for field in stream.own))


def own_value(field: Fact, columns: Mapping[str, OwnValue]) -> Value:
    """Return the value of one own column; the value of an empty cell if the record does not have it.

    Raises:
        FactsError: The value has another type than the declaration.
    """
    name, kind = own_name(field), own_kind(field)
    value = columns.get(name)
    if value is None:
        return EMPTY[kind]
    if isinstance(value, datetime) and kind == "instant":
        return micros(value)
    if TYPES.get(type(value)) != kind:
        msg = f"the own column {name} is declared as {NAMES[kind]}, but a record has {kind_of(value)}"
        raise FactsError(f"{msg}; declare the type of the values, or change the values")
    assert not isinstance(value, datetime)
    return int(value) if isinstance(value, int) else value
