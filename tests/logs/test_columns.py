"""The columns of the tables and the fields of the records say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from funnel.interactions import KINDS, DeclineReason, PostponementReason, read_interaction
from funnel.logs.schema import DIRECTIONS, LOGS, OUTWARD, REASONS, REGARDING, STATUSES, TIMES
from funnel.records import Lead, Purchase, Refund
from tests.logs.shop import AT, LEAST

if TYPE_CHECKING:
    from funnel.records import Record

_MORE = {
    "answer": {"question_id": "q"},
    "resolution": {"complaint_id": "c"},
    "delivery": {"purchase_id": "1"},
    "quote": {"amount": {"amount": "9", "currency": "USD"}},
    "postponement": {"reason": "payday", "until": AT},
    "feedback": {"score": 5},
    "declined": {"reason": "price"},
}


@pytest.mark.parametrize(("log", "record"), [("leads", Lead), ("purchases", Purchase), ("refunds", Refund)])
def test_a_column_is_a_field_of_its_record(log: str, record: type[Record]) -> None:
    """But for the currency, which a record has in its amount, and when it came to be known, each column is a field."""
    fields = set(record.model_fields)

    assert set(LOGS[log]) - fields <= {"currency", "recorded_at"}
    assert fields - set(LOGS[log]) <= {"contact", "lines"}


@pytest.mark.parametrize("log", LOGS)
def test_what_must_be_there_is_the_least_of_a_row(log: str) -> None:
    """The columns that are required are the few without which a row says nothing."""
    required = {name for name, column in LOGS[log].items() if column.required}

    assert required <= set(LEAST[log])
    assert all(column.default is None for column in LOGS[log].values() if column.required)


@pytest.mark.parametrize("log", TIMES)
def test_the_time_of_a_log_is_an_instant_that_must_be_there(log: str) -> None:
    """Every record says when it happened."""
    column = LOGS[log][TIMES[log]]

    assert (column.kind, column.required) == ("instant", True)


@pytest.mark.parametrize("kind", KINDS)
def test_who_begins_is_the_same_for_tables_and_records(kind: str) -> None:
    """Where nobody says who began, a row of a table and a record of the same kind agree."""
    fields = {"kind": kind, "id": "1", "person_id": "p1", "occurred_at": AT, **_MORE.get(kind, {})}

    assert read_interaction(fields).direction == ("out" if kind in OUTWARD else "in")


def test_the_words_that_are_allowed_are_those_of_the_records() -> None:
    """Kinds, reasons, directions and what closes what are taken from one place."""
    assert set(REASONS) == {*map(str, PostponementReason), *map(str, DeclineReason)}
    assert {*REGARDING, *REGARDING.values()} <= set(KINDS)
    assert (LOGS["interactions"]["kind"].choices, LOGS["interactions"]["direction"].choices) == (KINDS, DIRECTIONS)
    assert LOGS["purchases"]["status"].default in STATUSES
