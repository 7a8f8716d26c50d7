"""Histories out of logs: the records of one person are the records that the logs were made of."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given

from funnel import Customer, Facts, History, Lead, Logs, Policy, Purchase, Refund, next_action
from funnel.errors import ArgumentError, LogsError, MoneyError
from funnel.interactions import Answer, Complaint, Delivery, Feedback, Postponement, Question, Visit
from funnel.store import SqliteStore
from tests.engines import HERE, asked_of, on
from tests.frames import tables
from tests.logs.shop import rows
from tests.own_columns import own_logs, owned
from tests.shop import DAY, END, NOW, PEOPLE, bought, did, people, refunded, usd
from tests.strategies import CANARY


def without_private(history: History) -> History:
    """The history without all that logs do not hold: order lines, texts, contacts and products."""
    unknown: dict[str, Any] = {"lines": (), "text": "", "contact": None, "sku": ""}
    bare = (
        record.model_copy(update={name: value for name, value in unknown.items() if name in type(record).model_fields})
        for record in history.records
    )
    return History.of(history.person_id, bare)


def logs_on(engine: str, histories_drawn: tuple[History, ...] | list[History]) -> Logs:
    """Everyone's records as tables of an engine, in dollars."""
    return Logs(**on(engine, tables(histories_drawn)), currency="USD")


@pytest.mark.no_cover
def test_the_histories_of_logs_are_those_they_were_made_of(engine: str) -> None:
    """For everyone, one by one or together, own columns included, on every engine; sorted by person."""

    @asked_of(engine, 2)
    @given(people(most=8))
    def holds(histories_drawn: tuple[History, ...]) -> None:
        expected = {one.person_id: with_gaps_of(engine, owned(without_private(one))) for one in histories_drawn}
        expected = {name: one for name, one in expected.items() if one.records}
        if not expected:
            return
        logs = own_logs(engine, list(expected.values()), currency="USD")
        actual = list(logs.histories())

        assert {one.person_id: one for one in actual if one.person_id in PEOPLE} == expected
        assert [one.person_id for one in actual] == sorted({one.person_id for one in actual})
        assert list(logs.histories(sorted(expected, reverse=True))) == [expected[name] for name in sorted(expected)]
        assert [logs.history(name) for name in sorted(expected)] == [expected[name] for name in sorted(expected)]

    holds()


def with_gaps_of(engine: str, history: History) -> History:
    """The history as the frames of an engine have it: without names, and pandas has no truths with missing cells."""
    filled: dict[str, Any] = {"at": False} if engine.startswith("pandas") else {}
    records = [one.model_copy(update={"columns": {**filled, **one.columns}}) for one in history.records]
    customer = history.customer
    if customer is not None:
        customer = Customer(person_id=history.person_id, name="", columns={**filled, **customer.columns})
    return History.of(history.person_id, records, customer=customer)


@given(people(most=8))
def test_logs_and_stores_have_the_same_histories(histories_drawn: tuple[History, ...]) -> None:
    """A store's history is that of its logs, without private data."""
    with SqliteStore() as store:
        store.load((record for one in histories_drawn for record in one.records), recorded_at=END)
        logs = store.logs()
        for one in histories_drawn:
            if one.records:
                assert logs.history(one.person_id) == without_private(store.history(one.person_id))


EVERY_LOG = [
    Lead(person_id="p1", arrived_at=NOW - 9 * DAY, source="instagram", campaign="launch", referred_by="p2"),
    Lead(person_id="friend", arrived_at=NOW - 3 * DAY, referred_by="p1"),
    bought("1", NOW - 8 * DAY, 900, promotion="launch", promised_at=NOW - 5 * DAY, delivered_at=NOW - 4 * DAY),
    bought("2", NOW - 7 * DAY, 500, status="cancelled", cancelled_at=NOW - 6 * DAY),
    refunded("r", "1", NOW - 2 * DAY, 100),
    did(Question, "q", NOW - 8 * DAY),
    did(Answer, "a", NOW - 7 * DAY, question_id="q"),
    did(Complaint, "c", NOW - 3 * DAY, purchase_id="1"),
    did(Complaint, "d", NOW - 3 * DAY),
    did(Delivery, "e", NOW - 4 * DAY, purchase_id="1"),
    did(Feedback, "f", NOW - 2 * DAY, score=5),
    did(Postponement, "n", NOW - DAY, reason="payday", until=NOW + DAY, latest=NOW + 2 * DAY),
    did(Visit, "v", NOW - DAY, channel="web"),
]


@pytest.mark.parametrize("engine", HERE)
def test_a_history_has_the_records_of_every_log(engine: str) -> None:
    """Leads, referrals, purchases, refunds and interactions, with every field that logs hold."""
    history = History.of("p1", EVERY_LOG)
    logs = logs_on(engine, [history])

    assert logs.history("p1") == history
    assert logs.history("p1").referrals[0].person_id == "friend"
    assert logs.history("friend").leads[0].referred_by == "p1"
    assert [one.person_id for one in logs.histories()] == ["friend", "p1", "p2"]
    assert len(logs.history("p2").referrals) == 1


def test_reasons_come_from_the_history_of_logs() -> None:
    """A rule explains itself for one person of a table."""
    logs = logs_on("polars", [History.of("p1", EVERY_LOG)])
    policy = Policy()

    assert "open_complaint_count is 2" in str(next_action.why(logs.history("p1"), policy, as_of=NOW))
    assert Facts.of(logs.history("p1"), as_of=NOW).refund_count == 1


@pytest.mark.parametrize("engine", HERE)
def test_a_person_is_read_by_any_name(engine: str) -> None:
    """An alias, and the alias of an alias, lead to the person; the person is in the list once."""
    names = pl.DataFrame({"alias": ["a", "b"], "person_id": ["b", "c"]})
    orders = rows("purchases", {"person_id": "a"}, {"person_id": "b"}, {"person_id": "c"})
    logs = Logs(**on(engine, {"purchases": orders, "aliases": names}), currency="USD")
    histories = list(logs.histories(["b", "a", "c"]))

    assert [(one.person_id, len(one.purchases)) for one in histories] == [("c", 3)]
    assert logs.history("a") == logs.history("c") == histories[0]


def test_aliases_of_joined_logs_lead_on() -> None:
    """Names of the parts and names that are given when logs are joined are followed one after the other."""
    part = Logs(
        purchases=rows("purchases", {"person_id": "a"}), aliases=pl.DataFrame({"alias": ["a"], "person_id": "b"})
    )
    other = Logs(purchases=rows("purchases", {"person_id": "c", "id": "2"}), currency="USD")
    logs = Logs.concat(other, part, aliases=pl.DataFrame({"alias": ["b"], "person_id": ["c"]}))

    assert {logs.history(name).person_id for name in "abc"} == {"c"}


def test_a_lead_that_a_merge_makes_its_own_referrer_has_none() -> None:
    """Two names of one person: the person did not refer the person."""
    lead = Lead(person_id="a", arrived_at=NOW, referred_by="b")
    frames = tables([History.of("a", [lead])])
    logs = Logs(**frames, aliases=pl.DataFrame({"alias": ["a"], "person_id": ["b"]}))

    assert logs.history("a") == History.of("b", [Lead(person_id="b", arrived_at=NOW)])


def test_own_columns_and_the_time_of_recording_are_no_records() -> None:
    """A history holds the records; the shop's own columns stay in the logs."""
    orders = rows("purchases", {"person_id": "p1"}).with_columns(recorded_at=pl.lit(END), country=pl.lit("UK"))
    logs = Logs(purchases=orders, keep={"purchases": ["country"]}, currency="USD")

    assert len(logs.history("p1").purchases) == 1


def test_histories_are_made_one_by_one() -> None:
    """The iterator makes a history when it is read: an error in a later one does not hinder the first."""
    logs = Logs(
        leads=pl.DataFrame({"person_id": ["a"], "arrived_at": [NOW]}),
        purchases=rows("purchases", {"person_id": "b"}),
    )
    histories = logs.histories()

    assert next(histories).person_id == "a"
    with pytest.raises(MoneyError, match="no currency; make them with it"):
        next(histories)


def test_people_without_a_record_are_an_error() -> None:
    """A misspelt id is an error at once; ids are texts."""
    logs = logs_on("polars", [History.of("p1", EVERY_LOG)])

    with pytest.raises(ArgumentError, match="no record of 'sarri'; pass ids"):
        logs.history("sarri")
    with pytest.raises(ArgumentError, match="no record of 'ana' and 1 more; pass ids"):
        logs.histories(["sarri", "p1", "ana"])
    with pytest.raises(ArgumentError, match="is not an id"):
        logs.history(7)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="people must be a list of ids"):
        logs.histories("sari")
    assert list(logs.histories([])) == []


def test_refunds_without_their_purchases_are_an_error() -> None:
    """Logs of refunds alone cannot tell whose they are."""
    refunds = pl.DataFrame({"purchase_id": ["1"], "refunded_at": [NOW], "amount": [5]})
    with pytest.raises(LogsError, match="Logs has no purchases"):
        Logs.from_refunds(refunds).histories()


@given(people(most=6))
def test_a_history_of_logs_shows_no_words_of_a_person(histories_drawn: tuple[History, ...]) -> None:
    """Texts and contacts are not in logs, so no history of logs can show them."""
    for history in logs_on("polars", histories_drawn).histories():
        assert CANARY not in f"{history!r}{history.records!r}{history.model_dump_json()}"


def test_the_amounts_have_the_currency_of_the_logs() -> None:
    """Whole minor units of one currency."""
    history = History.of("p1", [Purchase(id="1", person_id="p1", purchased_at=NOW, amount=usd(1999))])
    refund = Refund(id="r", purchase_id="1", refunded_at=NOW, amount=usd(999))
    read = logs_on("polars", [history.add(refund)]).history("p1")

    assert (read.purchases[0].amount, read.refunds[0].amount) == (usd(1999), usd(999))
