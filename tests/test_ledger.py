"""One person's rows: what counts from when until when, whatever the order in which it was heard of."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel._aggregate.aggregations import GAP_FIELDS
from funnel._ledger.ledger import Ledger, ledger_of
from funnel._ledger.streams import TABLES
from funnel._time import FOREVER, micros
from funnel.errors import ArgumentError, RecordError
from funnel.facts import Facts
from funnel.interactions import Answer, Complaint, Delivery, FollowUp, Question, Resolution, Visit
from funnel.records import Customer, Lead, Purchase, Record, Refund
from tests.shop import DAY, END, NOW, bought, did, refunded
from tests.strategies import record_lists

A, B, C = NOW - 30 * DAY, NOW - 20 * DAY, NOW - 10 * DAY


def spans(stream: str, *records: Record) -> list[tuple[int | str, ...]]:
    """Return when the rows of a stream count, in days from the first instant; None is forever."""
    rows = ledger_of("p1", records).rows.get(stream, [])
    assert one_by_one(records).rows.get(stream, []) == rows
    return [(_days(row[1]), _days(row[2]), *row[6:8]) for row in rows]


def one_by_one(records: Iterable[Record]) -> Ledger:
    """The ledger to which one record after another was put, all worked out after each."""
    ledger = Ledger("p1")
    for record in sorted(records, key=lambda one: isinstance(one, Refund)):
        ledger.add(record)
        ledger.settle()
    return ledger


def _days(count: int | str) -> int:
    assert isinstance(count, int)
    return -1 if count == FOREVER else (count - micros(A)) // (24 * 3600 * 1_000_000)


@given(record_lists(), st.data())
def test_the_order_of_records_changes_no_row(records: list[Record], data: st.DataObject) -> None:
    """The rows are those of the records, whenever each of them came."""
    shuffled = data.draw(st.permutations(records))

    assert _rows(ledger_of("p1", shuffled)) == _rows(ledger_of("p1", records)) == _rows(one_by_one(shuffled))


def _rows(ledger: Ledger) -> dict[str, list[tuple[int | str, ...]]]:
    return {stream: rows for stream, rows in ledger.rows.items() if rows}


@given(record_lists())
def test_every_row_has_the_columns_of_its_table(records: list[Record]) -> None:
    """A row holds a value for every column, counts for some time, and ends only where another row begins."""
    ledger = ledger_of("p1", records)
    for stream, rows in ledger.rows.items():
        for row in rows:
            table = "interactions" if stream not in TABLES else stream
            assert len(row) == len(TABLES[table]) - len(TABLES[table].keys() & set(GAP_FIELDS))
            assert row[1] < row[2]  # type: ignore[operator]
            assert row[2] == FOREVER or row[2] <= ledger.latest  # type: ignore[operator]


@pytest.mark.parametrize(
    ("stream", "records", "expected"),
    [
        ("purchases", [bought("1", A)], [(0, -1, 9, 9)]),
        ("purchases", [bought("1", A, 0)], []),
        ("purchases", [bought("1", A), refunded("r", "1", B, 4)], [(0, 10, 9, 9), (10, -1, 9, 5)]),
        ("purchases", [bought("1", A), refunded("r", "1", B)], [(0, 10, 9, 9)]),
        ("purchases", [bought("1", A), refunded("r", "1", A)], []),
        ("purchases", [bought("1", A), refunded("r", "1", A, 2)], [(0, -1, 9, 7)]),
        (
            "purchases",
            [bought("1", A), refunded("r", "1", B, 4), refunded("s", "1", B, 1), refunded("t", "1", C, 4)],
            [(0, 10, 9, 9), (10, 20, 9, 4)],
        ),
        ("purchases", [bought("1", A, status="cancelled")], []),
        ("purchases", [bought("1", A, status="cancelled", cancelled_at=B)], [(0, 10, 9, 9)]),
        (
            "purchases",
            [bought("1", A, status="cancelled", cancelled_at=C), refunded("r", "1", B, 4)],
            [(0, 10, 9, 9), (10, 20, 9, 5)],
        ),
        ("purchases", [bought("1", A, status="cancelled", cancelled_at=B), refunded("r", "1", C)], [(0, 10, 9, 9)]),
        ("cancellations", [bought("1", A, status="cancelled", cancelled_at=B)], [(10, -1)]),
        ("cancellations", [bought("1", A, status="cancelled")], [(0, -1)]),
        ("payments", [bought("1", A), bought("2", A, paid_at=B)], [(10, -1)]),
        ("orders", [bought("1", A, 0)], [(0, -1, 0)]),
        ("promises", [bought("1", A, promised_at=B)], [(0, -1, micros(B))]),
        ("promises", [bought("1", A, promised_at=B, delivered_at=C)], [(0, 20, micros(B))]),
        ("promises", [bought("1", A, promised_at=B, delivered_at=A)], []),
        ("promises", [bought("1", A, promised_at=B), refunded("r", "1", C)], [(0, 20, micros(B))]),
        ("promises", [bought("1", A, 0, promised_at=B)], []),
        ("deliveries", [bought("1", A, promised_at=B, delivered_at=C)], [(20, -1, 1, 1)]),
        ("deliveries", [bought("1", A, promised_at=B, delivered_at=B)], [(10, -1, 0, 1)]),
        ("deliveries", [bought("1", A, delivered_at=C), did(Delivery, "d", B, purchase_id="1")], [(10, -1, 0, 0)]),
        ("deliveries", [bought("1", A), did(Delivery, "d", C, purchase_id="1")], [(20, -1, 0, 0)]),
        (
            "deliveries",
            [bought("1", A), did(Delivery, "d", C, purchase_id="1"), did(Delivery, "e", B, purchase_id="1")],
            [(10, -1, 0, 0)],
        ),
    ],
)
def test_a_purchase_counts_while_something_is_left_of_it(
    stream: str, records: list[Record], expected: list[tuple[int, ...]]
) -> None:
    """Until money last went back or it was cancelled; what is promised until it came or there is nothing to come."""
    assert spans(stream, *records) == expected
    assert spans(stream, *reversed(records)) == expected


@pytest.mark.parametrize(
    ("stream", "records", "expected"),
    [
        ("open_questions", [did(Question, "q", A)], [(0, -1)]),
        ("open_questions", [did(Question, "q", A), did(Answer, "a", B, question_id="q")], [(0, 10)]),
        ("open_questions", [did(Question, "q", A), did(Answer, "a", A, question_id="q")], []),
        (
            "open_questions",
            [
                did(Question, "q", A),
                did(Answer, "a", C, question_id="q"),
                did(Answer, "b", B, question_id="q"),
                did(Answer, "c", NOW, question_id="q"),
            ],
            [(0, 10)],
        ),
        ("open_complaints", [did(Complaint, "c", A), did(Resolution, "r", B, complaint_id="c")], [(0, 10)]),
        ("open_complaints", [did(Complaint, "c", A), did(Answer, "r", B, question_id="c")], [(0, -1)]),
        ("open_follow_ups", [did(FollowUp, "f", A)], [(0, -1)]),
        ("open_follow_ups", [did(FollowUp, "f", A), did(Visit, "v", A)], [(0, -1)]),
        ("open_follow_ups", [did(FollowUp, "f", A), did(Visit, "v", C), did(Visit, "w", B)], [(0, 10)]),
        ("open_follow_ups", [did(FollowUp, "f", A), bought("1", B, 0)], [(0, 10)]),
        ("open_follow_ups", [did(FollowUp, "f", A), did(FollowUp, "g", B)], [(0, -1), (10, -1)]),
        ("open_follow_ups", [did(FollowUp, "f", A), did(Visit, "v", B, direction="out")], [(0, -1)]),
        ("replies", [did(Question, "q", A)], []),
        ("replies", [did(Question, "q", A), did(Answer, "a", B, question_id="q")], [(10, -1)]),
        ("replies", [did(Question, "q", A), did(Answer, "a", A, question_id="q")], [(0, -1)]),
        ("repairs", [did(Complaint, "c", A), did(Resolution, "r", C, complaint_id="c")], [(20, -1)]),
        ("contacts", [did(FollowUp, "f", A), did(FollowUp, "g", B)], [(0, -1), (10, -1)]),
        ("delivery_questions", [bought("1", A, promised_at=C), did(Question, "q", A)], [(0, -1)]),
        ("delivery_questions", [bought("1", A, promised_at=C, delivered_at=B), did(Question, "q", B)], []),
        ("delivery_questions", [bought("1", A), did(Question, "q", B)], []),
        (
            "reopenings",
            [
                bought("1", A),
                did(Complaint, "c", A, purchase_id="1"),
                did(Resolution, "r", A, complaint_id="c"),
                did(Complaint, "d", B, purchase_id="1"),
            ],
            [(10, -1)],
        ),
    ],
)
def test_what_is_open_is_so_until_it_is_closed(
    stream: str, records: list[Record], expected: list[tuple[int, ...]]
) -> None:
    """A question until its first answer, a complaint until it was put right, a follow-up until they come."""
    assert [row[:2] for row in spans(stream, *records)] == expected
    assert [row[:2] for row in spans(stream, *reversed(records))] == expected


def test_who_was_sent_counts_once_from_the_first_time() -> None:
    """A friend who arrives three times was sent once."""
    sent = [Lead(person_id="p2", arrived_at=at, referred_by="p1") for at in (B, A, C)]

    assert [row[:2] for row in spans("referrals", *sent)] == [(0, -1)]
    assert spans("leads", *sent) == []


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (bought("1", A).model_copy(update={"person_id": "p2"}), "a record of 'p2' is in the history of 'p1'"),
        (did(Visit, "v", A).model_copy(update={"person_id": "p2"}), "a record of 'p2'"),
        (Lead(person_id="p2", arrived_at=A), "a record of '' is in"),
        (Lead(person_id="p2", arrived_at=A, referred_by="p3"), "a record of 'p3'"),
        (refunded("r", "1", A), "refund 'r' refers to the unknown purchase '1'; add the purchase first"),
        (Customer(person_id="p1", name="x"), "Customer is not a record of a history"),
    ],
)
def test_what_does_not_belong_is_refused_and_changes_nothing(record: Record, message: str) -> None:
    """A record of another person, a refund of an unknown purchase and a non-record are refused without changes."""
    ledger = Ledger("p1")

    with pytest.raises(ArgumentError if isinstance(record, Customer) else RecordError, match=message):
        ledger.add(record)
    assert not any(ledger.rows.values())


def test_two_sources_may_use_one_number() -> None:
    """A refund is of the purchase of its own source."""
    other = Purchase(id="1", source="web", person_id="p1", purchased_at=A, amount=bought("1", A).amount)
    rows = ledger_of("p1", [bought("1", A), other, refunded("r", "1", B)]).rows["purchases"]

    assert [(row[4], row[2] == FOREVER) for row in rows] == [("shop", False), ("web", True)]
    assert timedelta(microseconds=int(rows[0][2]) - int(rows[0][1])) == B - A


@given(record_lists(), st.integers(0, 3))
def test_what_is_known_at_the_end_stays_known_until_more_is_written(records: list[Record], days: int) -> None:
    """After the last record nothing is put together again, at whatever instant one asks, until another comes."""
    plan, end = Facts._fact_plan, micros(END)
    history = ledger_of("p1", records)
    values = plan.values(history, end)

    assert plan.values(history, end + days) is values
    history.add(did(Visit, "one more", END))
    history.settle()
    assert plan.values(history, end) == plan.values(one_by_one([*records, did(Visit, "one more", END)]), end)
