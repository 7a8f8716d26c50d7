"""Invalid rows are refused, counted exactly and named by number, without their values."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funnel.errors import LogsError
from funnel.logs import Issue, Logs
from tests.engines import ENGINES, HERE
from tests.logs.shop import AFTER, AT, BEFORE, FEW, ORDERED, faults, rows
from tests.strategies import CANARY

if TYPE_CHECKING:
    from collections.abc import Mapping

Change = dict[str, Any]
LONG_AGO, FAR_AWAY = datetime(1799, 12, 31, 23, 59, 59, 999999, UTC), datetime(2200, 1, 1, tzinfo=UTC)
NEVER = datetime(1700, 1, 1, tzinfo=UTC)
MOST = 10**14

BAD_ROWS: list[tuple[str, Change, str, str]] = [
    ("leads", {"person_id": None}, "person_id", "is empty; give the person, or leave the row out"),
    ("leads", {"person_id": ""}, "person_id", "is blank"),
    ("leads", {"arrived_at": None}, "arrived_at", "is empty; give an instant"),
    ("leads", {"arrived_at": LONG_AGO}, "arrived_at", "lies outside the years 1800 to 2199"),
    ("leads", {"arrived_at": FAR_AWAY}, "arrived_at", "lies outside the years 1800 to 2199"),
    ("leads", {"referred_by": "p1"}, "referred_by", "is the lead's own person_id"),
    ("purchases", {"id": None}, "id", "is empty; give the id that the record has"),
    ("purchases", {"id": ""}, "id", "is empty; give the id that the record has"),
    ("purchases", {"amount": None}, "amount", "is empty; give whole minor units"),
    ("purchases", {"amount": -1}, "amount", f"is not a whole number from 0 to {MOST}"),
    ("purchases", {"amount": MOST + 1}, "amount", f"is not a whole number from 0 to {MOST}"),
    ("purchases", {"status": "canceled"}, "status", "shipped, delivered, cancelled; did you mean cancelled?"),
    ("purchases", {"prepaid": 901}, "prepaid", "is above the amount"),
    ("purchases", {"status": "unpaid", "paid_at": AT}, "paid_at", "is set, but the status is 'unpaid'"),
    ("purchases", {"paid_at": BEFORE}, "paid_at", "lies before purchased_at"),
    ("purchases", {"status": CANARY}, "status", "is not one of unpaid, placed, paid"),
    ("purchases", {"cancelled_at": AFTER}, "cancelled_at", "the status is not 'cancelled'"),
    ("purchases", {"cancelled_at": BEFORE, "status": "cancelled"}, "cancelled_at", "lies before purchased_at"),
    ("purchases", {"promised_at": BEFORE}, "promised_at", "lies before purchased_at"),
    ("purchases", {"delivered_at": BEFORE}, "delivered_at", "lies before purchased_at"),
    ("purchases", {"promised_at": FAR_AWAY}, "promised_at", "lies outside the years"),
    (
        "purchases",
        {"currency": "USD"},
        "currency",
        "is set, but the logs have no currency; pass Logs(..., currency=...)",
    ),
    ("interactions", {"kind": None}, "kind", "is not one of visit, view"),
    ("interactions", {"kind": "Vist"}, "kind", "did you mean visit?"),
    ("interactions", {"direction": "inn"}, "direction", "is not one of in, out; did you mean in?"),
    ("interactions", {"kind": "answer"}, "regarding", "is empty; an answer, a resolution or a delivery needs"),
    ("interactions", {"kind": "resolution", "regarding": ""}, "regarding", "is empty"),
    ("interactions", {"kind": "delivery"}, "regarding", "is empty"),
    (
        "interactions",
        {"kind": "postponement", "reason": "payday"},
        "until",
        "is empty; a postponement needs an instant",
    ),
    ("interactions", {"until": BEFORE}, "until", "lies before occurred_at"),
    ("interactions", {"until": AFTER, "latest": AT}, "latest", "lies before until"),
    (
        "interactions",
        {"kind": "postponement", "until": AFTER, "reason": "price"},
        "reason",
        "of kind 'postponement' is not",
    ),
    ("interactions", {"kind": "declined", "reason": "payday"}, "reason", "of kind 'declined' is not one of"),
    ("interactions", {"kind": "declined"}, "reason", "of kind 'declined' is not one of"),
    ("interactions", {"kind": "feedback"}, "score", "is not 1 to 5"),
    ("interactions", {"kind": "feedback", "score": 0}, "score", "is not 1 to 5"),
    ("interactions", {"kind": "feedback", "score": 6}, "score", "is not 1 to 5"),
    ("interactions", {"kind": "quote"}, "amount", "is empty; a quote needs an amount"),
    ("interactions", {"kind": "answer", "regarding": "9"}, "regarding", "refers to a missing question"),
    ("interactions", {"kind": "resolution", "regarding": "1"}, "regarding", "refers to a missing complaint"),
]


@pytest.mark.parametrize(("log", "change", "column", "message"), BAD_ROWS)
def test_an_invalid_row_is_refused(log: str, change: Change, column: str, message: str) -> None:
    """One invalid row is one issue, with count, row number and what is allowed, and without its value."""
    table = rows(log, {"campaign": "other"} if log == "leads" else {}, change)
    (fault,) = faults(**{log: table})

    assert (fault.log, fault.column, fault.count, fault.rows) == (log, column, 1, (2,))
    assert message in fault.problem
    assert CANARY not in str(fault)


GOOD_ROWS: list[tuple[str, Change]] = [
    ("leads", {"referred_by": ""}),
    ("leads", {"referred_by": "p2", "arrived_at": datetime(1800, 1, 1, tzinfo=UTC)}),
    ("leads", {"arrived_at": datetime(2199, 12, 31, 23, 59, 59, 999999, UTC), "source": None}),
    ("purchases", {"amount": 0}),
    ("purchases", {"amount": MOST, "status": None, "promotion": None}),
    ("purchases", {"status": "cancelled"}),
    ("purchases", {"status": "cancelled", "cancelled_at": AT, "promised_at": AT, "delivered_at": AT}),
    ("purchases", {"currency": None}),
    ("purchases", {"currency": ""}),
    ("interactions", {"direction": "", "score": None, "amount": None}),
    ("interactions", {"kind": "postponement", "until": AT, "latest": AT, "reason": "other"}),
    ("interactions", {"kind": "feedback", "score": 1}),
    ("interactions", {"kind": "feedback", "score": 5}),
    ("interactions", {"kind": "quote", "amount": 0}),
    ("interactions", {"kind": "complaint", "regarding": ""}),
    ("interactions", {"kind": "checkout"}),
]


@pytest.mark.parametrize(("log", "change"), GOOD_ROWS)
def test_a_row_at_the_limits_is_read(log: str, change: Change) -> None:
    """Limits are allowed values, and optional cells may be empty."""
    assert repr(Logs(**{log: rows(log, change)})) == f"Logs({log}, on polars)"


def test_a_sentinel_time_is_not_an_empty_cell() -> None:
    """The year 1700 is outside the supported years, in an optional column too."""
    result = faults(purchases=rows("purchases", {"status": "cancelled", "cancelled_at": NEVER}))

    assert any("outside the years" in fault.problem for fault in result)


def test_a_hint_needs_a_single_wrong_word() -> None:
    """If rows have different wrong words, the message lists what is allowed and does not guess."""
    (fault,) = faults(interactions=rows("interactions", {"kind": "vist"}, {"kind": "viev"}))

    assert "did you mean" not in fault.problem
    assert fault.count == 2


@pytest.mark.parametrize(
    ("values", "currency", "count"), [(["USD", "IDR", None], "USD", 1), (["USD", "IDR", "EUR"], "USD", 2)]
)
def test_amounts_in_another_currency_are_refused(values: list[str | None], currency: str, count: int) -> None:
    """All amounts of logs are in one currency; an empty cell means that currency."""
    (fault,) = faults(currency=currency, purchases=rows("purchases", *({"currency": one} for one in values)))

    assert (fault.column, fault.count) == ("currency", count)
    assert "is not USD" in fault.problem


BOUGHT = rows("purchases", {}, {"person_id": "p2"})
REFUSED: list[tuple[dict[str, pl.DataFrame], str, str, tuple[int, ...]]] = [
    ({"refunds": rows("refunds", {})}, "purchase_id", "Logs has no purchases", (1,)),
    (
        {"purchases": BOUGHT, "refunds": rows("refunds", {}, {"purchase_id": "9"})},
        "purchase_id",
        "refers to a missing purchase",
        (2,),
    ),
    ({"purchases": BOUGHT, "refunds": rows("refunds", {"source": "web"})}, "purchase_id", "in the same source", (1,)),
    ({"purchases": BOUGHT, "refunds": rows("refunds", {"refunded_at": BEFORE})}, "refunded_at", "lies before", (1,)),
    ({"purchases": BOUGHT, "refunds": rows("refunds", {"amount": 901})}, "amount", "exceeds the paid amount", (1,)),
    (
        {"purchases": BOUGHT, "refunds": rows("refunds", {"amount": 900}, {"purchase_id": "2"}, {})},
        "amount",
        "exceeds the paid amount",
        (1, 3),
    ),
    ({"interactions": rows("interactions", {"kind": "delivery", "regarding": "1"})}, "regarding", "Logs has no", (1,)),
    (
        {"purchases": BOUGHT, "interactions": rows("interactions", {"kind": "delivery", "regarding": "2"})},
        "regarding",
        "refers to a purchase of another person",
        (1,),
    ),
    ({"interactions": rows("interactions", {"kind": "complaint", "regarding": "1"})}, "regarding", "Logs has no", (1,)),
    (
        {"purchases": BOUGHT, "interactions": rows("interactions", {"kind": "complaint", "regarding": "9"})},
        "regarding",
        "refers to a missing purchase; the purchase of a complaint",
        (1,),
    ),
    (
        {
            "purchases": BOUGHT,
            "interactions": rows("interactions", {"kind": "complaint", "regarding": "1", "occurred_at": BEFORE}),
        },
        "occurred_at",
        "lies before its purchase",
        (1,),
    ),
    (
        {
            "interactions": rows(
                "interactions", {"kind": "question"}, {"kind": "answer", "regarding": "1", "person_id": "p2"}
            )
        },
        "regarding",
        "refers to a question of another person",
        (2,),
    ),
    (
        {"interactions": rows("interactions", {"kind": "complaint"}, {"kind": "answer", "regarding": "1"})},
        "regarding",
        "refers to a missing question",
        (2,),
    ),
    (
        {
            "interactions": rows(
                "interactions", {"kind": "resolution", "regarding": "2", "occurred_at": BEFORE}, {"kind": "complaint"}
            )
        },
        "occurred_at",
        "lies before its complaint",
        (1,),
    ),
]


@pytest.mark.parametrize(("tables", "column", "message", "numbers"), REFUSED)
@pytest.mark.parametrize("engine", FEW)
def test_records_with_an_invalid_target_are_refused(
    engine: str, tables: Mapping[str, pl.DataFrame], column: str, message: str, numbers: tuple[int, ...]
) -> None:
    """A missing target and a refund above its purchase are the same issue on every engine."""
    (fault,) = faults(engine, **tables)

    assert (fault.column, fault.count) == (column, len(numbers))
    assert fault.rows == (numbers if engine in ORDERED else ())
    assert message in fault.problem


def test_refunds_up_to_the_paid_amount_are_read() -> None:
    """A purchase may be refunded in parts, completely, and from its own instant on."""
    refunds_to_date = rows("refunds", {"amount": 899}, {"amount": 1}, {"amount": 900, "purchase_id": "2"})

    assert repr(Logs(purchases=BOUGHT, refunds=refunds_to_date)) == "Logs(purchases, refunds, on polars)"


EVERYTHING = {
    "purchases": rows(
        "purchases",
        {},
        {"id": "same", "amount": 1},
        {"id": "same", "amount": 2},
        {"person_id": None},
        {"amount": -5},
        {"status": "lost"},
        {"id": None, "purchased_at": None},
    ),
    "refunds": rows("refunds", {"purchase_id": "none"}, {"amount": 901}, {"amount": 0}, {"purchase_id": "5"}),
    "interactions": rows(
        "interactions",
        {"kind": "question"},
        {"kind": "answer", "regarding": "7"},
        {"kind": "answer", "regarding": "1", "person_id": "p2"},
        {"kind": "shout"},
        {"kind": "feedback", "score": 9},
    ),
}
EXPECTED = [
    ("purchases", "id", "is empty", (7,)),
    ("purchases", "person_id", "is empty", (4,)),
    ("purchases", "purchased_at", "is empty", (7,)),
    ("purchases", "amount", "is not a whole number", (5,)),
    ("purchases", "status", "is not one of", (6,)),
    ("refunds", "amount", "is 0", (3,)),
    ("interactions", "kind", "is not one of", (4,)),
    ("interactions", "score", "is not 1 to 5", (5,)),
    ("purchases", "id", "repeats the same source and id with different content", (2, 3)),
    ("refunds", "purchase_id", "refers to a missing purchase", (1,)),
    ("refunds", "amount", "exceeds the paid amount", (2,)),
    ("interactions", "regarding", "refers to a missing", (2,)),
    ("interactions", "regarding", "of another person", (3,)),
]


@pytest.mark.parametrize("engine", HERE)
def test_all_issues_are_reported_at_once(engine: str) -> None:
    """One error has the issues of rows, of duplicates and of targets, with exact counts and each row once."""
    result = faults(engine, **EVERYTHING)
    message = [(fault.log, fault.column, fault.count, fault.rows) for fault in result]

    assert message == [(log, column, len(n), n if engine in ORDERED else ()) for log, column, _, n in EXPECTED]
    assert all(words in fault.problem for fault, (_, _, words, _) in zip(result, EXPECTED, strict=True))


@pytest.mark.parametrize("engine", FEW)
def test_duplicates_with_other_content_are_refused(engine: str) -> None:
    """It is unknown which one is correct; the same id in another source is another record."""
    table = rows("purchases", {"id": "7"}, {"id": "7", "amount": 5}, {"id": "7", "source": "web"}, {"id": "7"})
    (fault,) = faults(engine, purchases=table)

    assert (fault.column, fault.count) == ("id", 3)
    assert fault.rows == ((1, 2, 4) if engine in ORDERED else ())


@pytest.mark.parametrize("engine", FEW)
def test_issues_of_duplicates_are_counted_once(engine: str) -> None:
    """A refund that comes three times is one refund in the count, with its first row."""
    refunds = rows("refunds", {}, {"purchase_id": "9"})
    (fault,) = faults(engine, purchases=BOUGHT, refunds=pl.concat([refunds, refunds, refunds]))

    assert (fault.count, fault.rows) == (1, (2,) if engine in ORDERED else ())


@settings(max_examples=max(8, settings.default.max_examples // 5))
@given(st.lists(st.sampled_from([None, "", "p1"]), min_size=1, max_size=9))
def test_counts_and_rows_are_exact(people: list[str | None]) -> None:
    """The count and the row numbers are those of all invalid rows."""
    table = rows("purchases", *({"person_id": person} for person in people), {"amount": -1})
    result = {fault.problem.split(";")[0]: (fault.count, fault.rows) for fault in faults(purchases=table)}
    empty = [number for number, person in enumerate(people, 1) if person is None]
    blank = [number for number, person in enumerate(people, 1) if person == ""]

    assert result.get("is empty", (0, ())) == (len(empty), tuple(empty))
    assert result.get("is blank", (0, ())) == (len(blank), tuple(blank))


@pytest.mark.parametrize("engine", FEW)
def test_a_million_invalid_rows_are_a_short_report(engine: str) -> None:
    """The message stays short, the counts are exact, and validation takes seconds."""
    many = 10**6
    moments = pl.select(pl.repeat(AT, many, dtype=pl.Datetime("us", "UTC"))).to_series()
    table = pl.DataFrame({"id": range(many), "purchased_at": moments}).with_columns(
        person_id=pl.lit(None, pl.String), amount=pl.lit(-5), status=pl.format("{}-{}", pl.lit(CANARY), "id")
    )
    start = time.perf_counter()
    with pytest.raises(LogsError) as caught:
        Logs(**ENGINES[engine]({"purchases": table}))
    took = time.perf_counter() - start

    assert [fault.count for fault in caught.value.faults if isinstance(fault, Issue)] == [many] * 3
    assert len(str(caught.value)) < 700
    assert CANARY not in str(caught.value)
    assert took < 30
