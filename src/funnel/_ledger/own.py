"""Own columns of one person's records, as fields at the end of the rows of a stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import TYPE_CHECKING

from funnel._aggregate.aggregations import COMMON, Stream, own_field, own_kind, own_name
from funnel._aggregate.fold import Row
from funnel._arguments import kind_of
from funnel._expr.nodes import Fact, Value
from funnel._ledger.streams import KIND_STREAMS, TABLES
from funnel._time import NEVER, instant, micros
from funnel.errors import FactsError
from funnel.interactions import Interaction
from funnel.records import Lead, Purchase, Record, Refund

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

AS_OF_FIELD = own_field("as_of", "instant")
"""Own column of people with the instant of their other columns, such as that of a forecast."""

_IDENTITY = itemgetter(*(COMMON.index(name) for name in ("t", "source", "id")))


def check_instant(values_as_of: int | None, now: int | None) -> None:
    """Check that columns of people count at an instant: they have no instant, or the same one.

    Args:
        values_as_of: Instant of the columns; None if they have none.
        now: Instant of the facts; None for facts at several instants.

    Raises:
        FactsError: The columns are of another instant.
    """
    if values_as_of is None or values_as_of == now:
        return
    requested = "several instants" if now is None else instant(now).isoformat()
    raise FactsError(
        f"the columns of people are as of {instant(values_as_of).isoformat()}, and the facts are as of {requested}; "
        "make the columns again, such as a new forecast, or compute the facts as of the same instant"
    )


def own_rows(ledger: LedgerState, stream: Stream, *, is_checked: bool = False) -> Sequence[Row]:
    """Return the rows of a stream of one person, with the own columns that the stream has.

    Args:
        ledger: The ledger.
        stream: The stream.
        is_checked: Whether the columns of the person count at the only instant of the facts.

    Raises:
        FactsError: A value has another type than the declaration, or columns of people are of one instant.
    """
    rows = ledger.rows.get(stream.origin.name, ())
    return [own_row(ledger, stream, row, is_checked=is_checked) for row in rows] if stream.own else rows


def own_row(ledger: LedgerState, stream: Stream, row: Row, *, is_checked: bool = False) -> Row:
    """Return a row with the own columns that its stream has, as `own_rows` does."""
    if not stream.own:
        return row
    log = OWN_LOGS[stream.plain_table]
    if log == "people" and not is_checked:
        check_instant(instant_of_person(ledger), None)
    return extended(stream, row, ledger.columns if log == "people" else ledger.own.get((log, _IDENTITY(row)), {}))


def instant_of_person(ledger: LedgerState) -> int | None:
    """Return the instant of the columns of a person; None if they have none.

    Raises:
        FactsError: The column `as_of` is not an instant.
    """
    value = int(own_value(AS_OF_FIELD, ledger.columns))
    return None if value == NEVER else value


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


# ---- streams that a record of each kind may change -------------------------------------------------------------------


HEARD = "open_follow_ups"
"""Stream that any contact from the person closes."""

_DELIVERY = frozenset({"deliveries", "promises", "delivery_questions"})
_DERIVED: Mapping[str, frozenset[str]] = {
    "question": frozenset({"open_questions", "replies", "delivery_questions"}),
    "answer": frozenset({"open_questions", "replies"}),
    "complaint": frozenset({"open_complaints", "repairs", "reopenings"}),
    "resolution": frozenset({"open_complaints", "repairs", "reopenings"}),
    "delivery": _DELIVERY,
    "follow_up": frozenset({"contacts"}),
}
"""Streams in which a row depends on an interaction of a kind together with other records."""

_OF_PURCHASES = frozenset({"orders", "purchases", "payments", "cancellations", HEARD}) | _DELIVERY
_OF_LEADS = frozenset({"leads", "referrals"})
_OF_REFUNDS = frozenset({"refunds", "purchases", "promises", "delivery_questions"})


def streams_of(kind: type[Record]) -> frozenset[str]:
    """Return the streams that a record of a kind may change."""
    if issubclass(kind, Purchase):
        return _OF_PURCHASES
    if issubclass(kind, Refund):
        return _OF_REFUNDS
    if issubclass(kind, Lead):
        return _OF_LEADS
    name = _kind_name(kind)
    return frozenset({"interactions", KIND_STREAMS[name], HEARD}) | _DERIVED.get(name, frozenset())


def own_streams(kind: type[Record]) -> tuple[str, ...]:
    """Return the streams to which an interaction or a purchase adds a row of its own fields."""
    if issubclass(kind, Purchase):
        return "orders", "purchases"
    name = _kind_name(kind)
    return "interactions", KIND_STREAMS[name], *((HEARD,) if name == "follow_up" else ())


def _kind_name(kind: type[Record]) -> str:
    assert issubclass(kind, Interaction)
    return str(kind.model_fields["kind"].default)
