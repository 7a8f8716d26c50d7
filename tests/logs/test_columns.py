"""The columns of tables agree with the fields of records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from funnel.interactions import KINDS, DeclineReason, PostponementReason, read_interaction
from funnel.logs.schema import DIRECTIONS, LOGS, OUTWARD, REASONS, REGARDING, STATUSES, TIMES
from funnel.records import Lead, Purchase, Refund
from tests.logs.shop import AT, REQUIRED

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
    """Except for the currency, which is part of the amount, `recorded_at` and own columns."""
    fields = set(record.model_fields)

    assert set(LOGS[log]) - fields <= {"currency", "recorded_at"}
    assert fields - set(LOGS[log]) <= {"contact", "lines", "columns", "original"}


@pytest.mark.parametrize("log", LOGS)
def test_required_columns_are_few(log: str) -> None:
    """Only columns without which a row has no meaning are required."""
    required = {name for name, column in LOGS[log].items() if column.required}

    assert required <= set({**REQUIRED, "people": {"person_id": "p1"}}[log])
    assert all(column.default is None for column in LOGS[log].values() if column.required)


@pytest.mark.parametrize("log", TIMES)
def test_the_time_of_a_log_is_required(log: str) -> None:
    """Every record has the instant at which it happened."""
    column = LOGS[log][TIMES[log]]

    assert (column.kind, column.required) == ("instant", True)


@pytest.mark.parametrize("kind", KINDS)
def test_the_default_direction_is_that_of_the_record(kind: str) -> None:
    """A row without a direction agrees with a record of the same kind."""
    fields = {"kind": kind, "id": "1", "person_id": "p1", "occurred_at": AT, **_MORE.get(kind, {})}

    assert read_interaction(fields).direction == ("out" if kind in OUTWARD else "in")


def test_choices_are_those_of_the_records() -> None:
    """Kinds, reasons, directions and targets are defined once."""
    assert set(REASONS) == {*map(str, PostponementReason), *map(str, DeclineReason)}
    assert {*REGARDING, *REGARDING.values()} <= set(KINDS)
    assert (LOGS["interactions"]["kind"].choices, LOGS["interactions"]["direction"].choices) == (KINDS, DIRECTIONS)
    assert LOGS["purchases"]["status"].default in STATUSES
