"""Conformance suite of stores: the same tests for every database."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from copy import copy, deepcopy
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, TypeAlias, TypeVar

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from funnel._copies import unchecked
from funnel.errors import (
    ArgumentError,
    ConflictError,
    FunnelError,
    InstantError,
    LogsError,
    RecordError,
    StaleError,
    StoreError,
)
from funnel.facts import Facts, count, exists, last, latest, soonest, total
from funnel.facts._base import BaseFacts
from funnel.history import History
from funnel.interactions import Answer, Complaint, Delivery, Feedback, Postponement, Question, Quote, Resolution, Visit
from funnel.logs import Logs
from funnel.money import Money
from funnel.policy import Policy
from funnel.rates import Rates
from funnel.records import Contact, Customer, Lead, OrderLine, Purchase, Record, Refund
from funnel.rules._rule import rule
from funnel.stages import stage, transitions
from funnel.store import _base
from funnel.store._frames import frames_of
from funnel.store._protocol import Store
from funnel.store._results import Alias
from tests.frames import read, tables
from tests.shop import people
from tests.strategies import CANARY, START, customers, instants, record_lists

FULL = settings.default.max_examples >= 500
POLICY = Policy()
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOSTILE = (
    "'); DROP TABLE records; --",
    '"; DELETE FROM people WHERE "1"="1',
    "\u202eعربي אבג",
    "👩🏽\u200d🚀é́ ﷽",
    "%s ? :x $1 {0}",
    "NULL, NULL",
    "=1+1",
    "\\",
)
"""Texts that have broken databases."""

M = TypeVar("M", bound=BaseModel)
Opened: TypeAlias = AbstractContextManager[Store]


@rule
def sent(f: Facts, _policy: Policy) -> int:
    """Number of referrals: a stage that is a number."""
    return f.referral_count


class OwnColumnFacts(BaseFacts):
    """Facts on own columns of several types."""

    from_uk: int = count("purchases", where=lambda one: one.country == "UK", columns={"country": str})
    pieces: int = total("orders", "value_1", columns={"value_1": int})
    gifts: int = count("orders", where=lambda one: one.at, columns={"at": bool})
    marked_at: datetime | None = latest("orders", "Mark", columns={"Mark": datetime})
    desk: str = latest("refunds", "desk", columns={"desk": str})


@rule
def buys_in_the_uk(f: OwnColumnFacts, _policy: Policy) -> int:
    """Number of purchases in the UK that are not refunded."""
    return f.from_uk


def make_purchase(number: str = "1", person: str = "p1", minor: int = 900, **more: Any) -> Purchase:
    """An order of a few cents."""
    fields = {"purchased_at": NOON, "amount": Money.of_minor(minor, "USD"), **more}
    return Purchase.model_validate({"id": number, "person_id": person, **fields})


def make_refund(number: str, purchase: str = "1", minor: int = 900, at: datetime = NOON) -> Refund:
    """A refund of an order."""
    return Refund(id=number, purchase_id=purchase, refunded_at=at, amount=Money.of_minor(minor, "USD"))


def make_visit(number: str, person: str = "p1", at: datetime = NOON) -> Visit:
    """A visit."""
    return Visit(id=number, person_id=person, occurred_at=at)


def make_question(number: str = "q1", person: str = "p1", at: datetime = NOON, text: str = "") -> Question:
    """A question."""
    return Question(id=number, person_id=person, occurred_at=at, text=text)


def make_answer(number: str = "a1", person: str = "p1", question: str = "q1", at: datetime = NOON) -> Answer:
    """An answer to a question."""
    return Answer(id=number, person_id=person, question_id=question, occurred_at=at)


def make_lead(person: str = "p1", at: datetime = NOON, **more: Any) -> Lead:
    """An arrival."""
    return Lead.model_validate({"person_id": person, "arrived_at": at, **more})


def unvalidated(record: M, fields: Mapping[str, Any]) -> M:
    """Copy a record without validation, as unpickling can do."""
    return BaseModel.model_copy(record, update=fields)


def all_kinds() -> list[Record]:
    """Records of one person that fill every column, personal data included."""
    line = OrderLine(sku="mug", category="cups", quantity=2, unit_price=Money("4.50", "USD"), unit_cost=Money(1, "USD"))
    cheaper = OrderLine(sku="cup", unit_price=Money(3, "USD"), discount=Money("0.10", "USD"))
    return [
        make_lead(
            source="fair", campaign="spring", referred_by="friend", contact=Contact(phone="1", email="a@b", handle="c")
        ),
        make_purchase(
            "1", amount=Money("11.90", "USD"), lines=(line, cheaper), promotion="launch", promised_at=NOON + DAY
        ),
        make_purchase(
            "3",
            paid_at=NOON + DAY,
            prepaid=Money("0.10", "USD"),
            fees=Money("0.20", "USD"),
            cost=Money(0, "USD"),
            original=Money(9, "EUR"),
        ),
        make_purchase("2", status="cancelled", cancelled_at=NOON + DAY, delivered_at=NOON + TICK),
        make_refund("1", minor=100),
        make_question(text="when?\nsoon?"),
        make_answer(at=NOON + TICK),
        Complaint(id="c1", person_id="p1", occurred_at=NOON, purchase_id="1", text="broken"),
        Delivery(id="d1", person_id="p1", occurred_at=NOON, purchase_id="1"),
        Feedback(id="f1", person_id="p1", occurred_at=NOON, score=5, text="good"),
        Postponement(
            id="n1", person_id="p1", occurred_at=NOON, reason="payday", until=NOON, latest=NOON + DAY, text="25th"
        ),
        Quote(id="k1", person_id="p1", occurred_at=NOON, amount=Money(9, "USD"), sku="mug", channel="phone"),
    ]


class FewFacts(BaseFacts):
    """A fact of every log; few, so that tables are computed fast."""

    lead_count: int = count("leads")
    was_referred: bool = exists("leads", where=lambda lead: lead.referred)
    referral_count: int = count("referrals")
    purchase_count: int = count("purchases")
    net_spent: int = total("purchases", "net_amount")
    last_promotion: str = latest("purchases", "promotion")
    refund_reason: str = latest("refunds", "reason")
    order_count: int = count("orders")
    delivered_at: datetime | None = last("deliveries")
    inbound_count: int = count("interactions", where=lambda record: record.direction == "in")
    last_channel: str = latest("interactions", "channel")
    open_question_count: int = count("open_questions")
    open_complaint_count: int = count("open_complaints")
    ready_from: datetime | None = soonest("postponements", "ready_from")
    last_score: int = latest("feedback", "score")


def are_in_tables(store: Any, *people: str) -> bool:
    """Return whether the store's tables hold exactly the rows of these people's histories."""
    with store._reading() as reader:
        frames = {log: frame.drop("currency", strict=False) for log, frame in frames_of(reader).items()}
    expected = tables([store.history(name) for name in people])
    return {log: sorted(frame.rows(), key=str) for log, frame in frames.items()} == {
        log: sorted(frame.select(frames[log].columns).rows(), key=str) for log, frame in expected.items()
    }


def facts_of(logs: Logs, as_of: datetime) -> list[dict[str, Any]]:
    """Return everyone's facts as plain rows."""
    return read(FewFacts.over(logs, as_of=as_of))


def transitions_of(logs: Logs, as_of: datetime) -> list[dict[str, Any]]:
    """Return everyone's transitions as plain rows in one order."""
    return sorted(read(transitions.over(logs, POLICY, as_of=as_of)), key=str)


class Conformance:
    """The suite; a subclass for each store opens a new one."""

    def opened(self, **options: Any) -> Opened:
        """Open a new and empty store."""
        raise NotImplementedError

    def opened_again(self, store: Any, **options: Any) -> Opened:
        """Open a second store on the same data."""
        raise NotImplementedError

    @pytest.fixture
    def store(self) -> Iterable[Store]:
        """Yield a new and empty store."""
        with self.opened() as store:
            yield store

    # ---- records ---------------------------------------------------------------------------------------------------

    def test_records_are_read_back_exactly(self, store: Store) -> None:
        """Every field of every kind of record is read back unchanged, including order lines and free text."""
        records = all_kinds()
        receipt = store.append(*records, recorded_at=NOON)

        assert (receipt.added, receipt.skipped) == (len(records), 0)
        assert store.history("p1") == History.of("p1", records)
        assert set(store.history("p1").records) == set(records)

    def test_a_repeated_record_is_stored_once(self, store: Store) -> None:
        """A record that is repeated in one call or in a later call is stored once, and the person's version stays."""
        first = store.append(make_visit("1"), make_visit("1"), recorded_at=NOON)
        second = store.append(make_visit("1"), recorded_at=NOON + DAY)

        assert (first.added, first.skipped) == (1, 1)
        assert (second.added, second.skipped, second.stage_records) == (0, 1, ())
        assert store.stage_record("p1") == first.stage_records[0]

    def test_a_call_without_records_changes_nothing(self, store: Store) -> None:
        """A call without records changes nothing."""
        assert store.append(recorded_at=NOON).added == 0
        assert store.due(before=NOON + 9_999 * DAY) == []

    @pytest.mark.parametrize(
        ("first", "second", "differs"),
        [
            (make_purchase(), make_purchase(minor=800), "amount"),
            (make_purchase(), make_purchase(person="p2"), "person_id"),
            (make_purchase(), make_purchase(status="placed"), "status"),
            (make_visit("1"), make_question("1"), "kind"),
            (make_question(text=CANARY), make_question(text="other"), "text or contact"),
            (make_lead(contact=Contact(phone=CANARY)), make_lead(), "text or contact"),
            (make_refund("r", "1", 3), make_refund("r", "2", 3), "regarding"),
        ],
        ids=["amount", "person", "status", "kind", "text", "contact", "purchase"],
    )
    def test_the_same_id_with_other_content_is_refused(
        self, store: Store, first: Record, second: Record, differs: str
    ) -> None:
        """Nothing of the call is stored, in one call or in two, and the message names the columns."""
        with pytest.raises(ConflictError, match=differs) as caught:
            store.append(make_visit("new"), first, second, recorded_at=NOON)
        assert CANARY not in str(caught.value)
        assert store.stage_record("p1") is None

        store.append(first, recorded_at=NOON)
        stored = store.stage_record("p1")
        with pytest.raises(ConflictError, match=differs):
            store.append(make_visit("new"), second, recorded_at=NOON)
        assert store.stage_record("p1") == stored

    def test_ids_are_unique_within_source_and_log(self, store: Store) -> None:
        """An order, a refund and a visit may share an id, and so may orders of two sources."""
        other = make_purchase(source="web", purchased_at=NOON + DAY)
        receipt = store.append(make_purchase("1"), other, make_refund("1"), make_visit("1"), recorded_at=NOON)

        assert receipt.added == 4
        assert len(store.history("p1").records) == 4

    @pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
    def test_hostile_text_is_stored_as_text(self, store: Store, text: str) -> None:
        """SQL, markup and right-to-left text are read back letter by letter."""
        records: list[Record] = [
            make_lead(text, source=text, campaign=text, contact=Contact(phone=text)),
            make_purchase(
                text, text, source=text, promotion=text, lines=(OrderLine(sku=text, unit_price=Money(9, "USD")),)
            ),
            Question(id=text, source=text, person_id=text, occurred_at=NOON, channel=text, sku=text, text=text),
        ]
        store.append(*records, recorded_at=NOON)
        store.put_customer(Customer(person_id=text, name=text, address=text), recorded_at=NOON)

        assert store.history(text).records == History.of(text, records).records
        assert store.history(text).customer == Customer(person_id=text, name=text, address=text)
        assert json.loads(store.export(text))["person_id"] == text
        assert are_in_tables(store, text)
        assert store.due(before=NOON + 9_999 * DAY) == [text]

    def test_a_megabyte_of_text_is_stored(self, store: Store) -> None:
        """Free text may be long."""
        text = "é\n" * 500_000
        store.append(make_question(text=text), recorded_at=NOON)

        assert store.history("p1").interactions[0].model_dump()["text"] == text

    @pytest.mark.parametrize("amount", [0, 1, 10**14])
    def test_amounts_and_instants_are_exact(self, store: Store, amount: int) -> None:
        """The smallest and largest amounts, and the first and last instants, are read back exactly."""
        times = (datetime(1800, 1, 1, tzinfo=UTC), datetime(2199, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))
        for number, moment in enumerate(times):
            store.append(make_purchase(str(number), minor=amount, purchased_at=moment), recorded_at=NOON)

        assert [one.amount.minor for one in store.history("p1").purchases] == [amount, amount]
        assert [one.purchased_at for one in store.history("p1").purchases] == list(times)

    def test_an_unknown_record_class_is_refused(self, store: Store) -> None:
        """A store accepts only the library's record classes, and the message says so."""

        class Call(Visit, frozen=True):
            pass

        with pytest.raises(
            ArgumentError, match=r"a record must be a lead, .* \(got Call\); pass several as append\(\*records\)"
        ):
            store.append(Call(id="1", person_id="p1", occurred_at=NOON), recorded_at=NOON)

    @pytest.mark.parametrize("moment", [datetime(2026, 3, 1), "2026-03-01", None])  # noqa: DTZ001
    def test_a_naive_time_is_refused(self, store: Store, moment: Any) -> None:
        """Every call with an instant names the argument that is naive."""
        for call, name in (
            (lambda: store.append(make_visit("1"), recorded_at=moment), "recorded_at"),
            (lambda: store.refresh("p1", as_of=moment), "as_of"),
            (lambda: store.due(before=moment), "before"),
            (lambda: store.merge("p2", into="p1", merged_at=moment), "merged_at"),
        ):
            with pytest.raises(InstantError, match=name):
                call()

    def test_a_record_with_a_long_key_is_stored(self, store: Store) -> None:
        """A lead's key consists of person, instant and campaign, so it may be longer than an id."""
        for letter in ("x", "é", "👩"):
            long = letter * 200
            lead = make_lead(long, source=long, campaign=long, at=NOON + TICK)
            store.append(lead, lead, recorded_at=NOON)
            store.append(make_purchase(long, long, source=long), recorded_at=NOON)

            assert store.append(lead, recorded_at=NOON).skipped == 1
            assert store.history(long).leads == (lead,)

    @pytest.mark.parametrize(
        ("record", "fault"),
        [
            (unvalidated(make_purchase(), {"status": "shiped"}), "status"),
            (unvalidated(make_purchase(), {"amount": Money(-5, "USD")}), "amount"),
            (unvalidated(make_purchase(), {"purchased_at": datetime(1700, 1, 1, tzinfo=UTC)}), "purchased_at"),
            (unvalidated(make_purchase(), {f"{CANARY}s": 1}), r"\(unknown\): is not a field"),
            (unvalidated(make_purchase(), {"promotions": "x"}), "promotions: is not a field; did you mean promotion"),
            (unvalidated(make_purchase(), {"person_id": 7}), "person_id"),
            (unchecked(Visit, {"id": "1"}), "person_id"),
            (unvalidated(make_lead(), {"contact": unchecked(Contact, {"phone": 7})}), "contact.phone"),
            (unvalidated(make_purchase(), {"lines": (unchecked(OrderLine, {"sku": CANARY * 99}),)}), "lines.0.sku"),
            (unvalidated(make_question(), {"text": f"{CANARY}\0"}), "text"),
        ],
        ids=range(10),
    )
    def test_every_record_is_validated_again(self, store: Store, record: Record, fault: str) -> None:
        """A record that was made without validation is refused with its field, and nothing of the call is stored."""
        for call in (store.append, store.amend):
            with pytest.raises(RecordError, match=f"is not valid: .*{fault}") as caught:
                call(make_visit("new"), record, recorded_at=NOON)
            assert CANARY not in f"{caught.value} {caught.value.__cause__}"
        with pytest.raises(RecordError, match=fault):
            store.load([make_visit("new"), record], recorded_at=NOON)

        assert store.stage_record("p1") is None

    def test_every_customer_is_validated_again(self, store: Store) -> None:
        """A customer that was made without validation is refused, and so is any other object."""
        for fields in ({"person_id": 7, "name": "Sari"}, {"person_id": "p1"}):
            with pytest.raises(RecordError, match="Customer is not valid"):
                store.put_customer(unchecked(Customer, fields), recorded_at=NOON)
        person: Any = "Sari"
        with pytest.raises(ArgumentError, match=r"a record must be a lead, .* \(got str\)"):
            store.append(person, recorded_at=NOON)
        with pytest.raises(ArgumentError, match=r"customer must be a Customer \(got str\)"):
            store.put_customer(person, recorded_at=NOON)

    @pytest.mark.parametrize("make", [copy, deepcopy, pickle.dumps])
    def test_a_store_cannot_be_copied_or_pickled(self, store: Store, make: Callable[[Store], object]) -> None:
        """The error says what to do instead."""
        with pytest.raises(StoreError, match=r"open one in each process: Sql\w+Store\(\.\.\.\)$"):
            make(store)

    # ---- what refers to what ---------------------------------------------------------------------------------------

    def test_a_record_before_its_target_is_unresolved(self, store: Store) -> None:
        """A refund, an answer and a delivery are stored, and count when the record that they refer to is added."""
        early = [make_refund("r"), make_answer(), Delivery(id="d", person_id="p1", occurred_at=NOON, purchase_id="1")]
        store.append(*early, recorded_at=NOON)
        assert sorted(kind for kind, _, _ in store.unresolved()) == ["answer", "delivery", "refund"]
        assert store.history("p1").records == ()
        assert are_in_tables(store)

        store.append(make_purchase(), make_question(), recorded_at=NOON)
        assert store.unresolved() == []
        assert store.history("p1") == History.of("p1", [*early, make_purchase(), make_question()])
        assert are_in_tables(store, "p1")
        assert store.stage_record("p1").stage == stage.of(store.history("p1"), POLICY, as_of=NOON)

    @pytest.mark.parametrize(
        ("early", "target"),
        [
            (make_refund("r"), make_purchase()),
            (make_answer(), make_question()),
            (
                Resolution(id="x", person_id="p1", occurred_at=NOON, complaint_id="c"),
                Complaint(id="c", person_id="p1", occurred_at=NOON),
            ),
        ],
        ids=["refund", "answer", "resolution"],
    )
    def test_a_target_alone_finds_the_record_before_it(self, store: Store, early: Record, target: Record) -> None:
        """A single record that others refer to finds them too, of the same source only, and is kept once."""
        other = make_purchase(person="p2").model_copy(update={"source": "another"})
        store.append(early, recorded_at=NOON)
        receipts = [store.append(one, recorded_at=NOON) for one in (other, target, target)]

        assert [(one.added, one.skipped) for one in receipts] == [(1, 0), (1, 0), (0, 1)]
        assert store.unresolved() == []
        assert store.history("p1") == History.of("p1", [early, target])
        assert store.stage_record("p1").stage == stage.of(store.history("p1"), POLICY, as_of=NOON)
        assert are_in_tables(store, "p1", "p2")

    def test_a_record_before_its_target_in_one_call_counts(self, store: Store) -> None:
        """The order of records in one call does not matter, even with a repeated visit of a known person."""
        store.append(make_visit("1"), recorded_at=NOON)
        values = [make_refund("r", minor=1), make_purchase(), make_answer(), make_question(), make_visit("1")]
        receipt = store.append(*values, recorded_at=NOON)

        assert (receipt.added, receipt.skipped) == (4, 1)
        assert receipt.stage_records[0].stage == "customer"
        assert store.history("p1") == History.of("p1", values)

    def test_a_complaint_counts_without_its_purchase(self, store: Store) -> None:
        """It is a complaint without a purchase until the purchase is added."""
        complaint = Complaint(id="c", person_id="p1", occurred_at=NOON, purchase_id="1")
        store.append(complaint, recorded_at=NOON)
        assert store.unresolved() == []
        assert store.history("p1").interactions == (complaint.model_copy(update={"purchase_id": None}),)
        assert are_in_tables(store, "p1")

        store.append(make_purchase(), recorded_at=NOON)
        assert store.history("p1").interactions == (complaint,)
        assert are_in_tables(store, "p1")
        assert store.logs().history("p1").interactions == (complaint,)

    def test_an_answer_to_another_record_is_unresolved(self, store: Store) -> None:
        """An answer to a visit, or to another person's question, is in no history."""
        store.append(
            make_visit("q1"),
            make_question("q2", "p2"),
            make_answer(),
            make_answer("a2", question="q2"),
            recorded_at=NOON,
        )

        assert len(store.unresolved()) == 2
        assert store.history("p1").interactions == (make_visit("q1"),)
        assert are_in_tables(store, "p1", "p2")

    @pytest.mark.parametrize(
        ("first", "second", "message"),
        [
            (make_purchase(), make_refund("r", at=NOON - TICK), "refund 'r' of 'shop' lies before its purchase '1'"),
            (make_purchase(), make_refund("r", minor=901), "exceed its amount"),
            (make_question(), make_answer(at=NOON - TICK), "answer 'a1' of 'shop' lies before its question 'q1'"),
            (make_purchase(), make_purchase("2", amount=Money(9, "IDR")), "amounts in IDR and USD"),
            (make_lead(referred_by="p1", person="p2"), make_lead("p2", referred_by="p3"), "differs in referred_by"),
        ],
        ids=["early refund", "large refund", "early answer", "currencies", "referrer"],
    )
    def test_contradicting_records_are_refused(self, store: Store, first: Record, second: Record, message: str) -> None:
        """The second of two contradicting records changes nothing, in either order."""
        for one, other in ((first, second), (second, first)):
            with self.opened() as fresh:
                fresh.append(one, recorded_at=NOON)
                stored = [fresh.stage_record(name) for name in ("p1", "p2", "p3")]
                with pytest.raises(RecordError) as caught:
                    fresh.append(make_visit("new"), other, recorded_at=NOON)
                assert message in str(caught.value) or "ConflictError" in type(caught.value).__name__
                assert [fresh.stage_record(name) for name in ("p1", "p2", "p3")] == stored
        with pytest.raises(RecordError, match=message):
            store.append(first, second, recorded_at=NOON)

    def test_refunds_are_summed_across_calls(self, store: Store) -> None:
        """Three refunds in separate calls cannot exceed the purchase."""
        store.append(make_purchase(minor=10), make_refund("1", minor=4), recorded_at=NOON)
        store.append(make_refund("2", minor=6), recorded_at=NOON)
        with pytest.raises(RecordError, match="exceed its amount"):
            store.append(make_refund("3", minor=1), recorded_at=NOON)

        assert len(store.history("p1").refunds) == 2

    def test_many_issues_are_counted(self, store: Store) -> None:
        """A message lists twenty issues and the number of the rest."""
        store.append(*(make_purchase(str(number)) for number in range(30)), recorded_at=NOON)
        late = [make_refund(str(number), str(number), at=NOON - TICK) for number in range(30)]

        with pytest.raises(RecordError, match="and 10 more"):
            store.append(*late, recorded_at=NOON)

    # ---- amending --------------------------------------------------------------------------------------------------

    def test_an_order_is_amended_at_each_status(self, store: Store) -> None:
        """An order that was placed, paid and cancelled is amended each time; a repeated status is skipped."""
        store.append(make_purchase(status="placed"), recorded_at=NOON)
        assert store.amend(make_purchase(), recorded_at=NOON).stage_records[0].stage == "customer"
        cancelled = make_purchase(status="cancelled", cancelled_at=NOON + DAY)
        moved = store.amend(cancelled, recorded_at=NOON + DAY).stage_records[0]

        assert (moved.previous_stage, moved.stage, moved.has_changed) == ("customer", "prospect", True)
        assert store.amend(cancelled, recorded_at=NOON + DAY).skipped == 1
        assert store.history("p1").purchases == (cancelled,)
        with pytest.raises(ConflictError):
            store.append(make_purchase(), recorded_at=NOON)

    def test_amend_adds_a_missing_record(self, store: Store) -> None:
        """A record that is not stored yet is added."""
        assert store.amend(make_purchase(), recorded_at=NOON).added == 1
        assert store.history("p1").purchases == (make_purchase(),)

    def test_amended_text_replaces_the_former_text(self, store: Store) -> None:
        """The former text is deleted, and the new text is stored once."""
        store.append(make_question(text=CANARY), recorded_at=NOON)
        store.amend(make_question(text="better"), recorded_at=NOON)
        assert store.history("p1").interactions == (make_question(text="better"),)
        store.amend(make_question(), recorded_at=NOON)

        assert store.history("p1").interactions == (make_question(),)
        assert store.erase("p1") == 0

    def test_an_order_can_be_amended_to_another_person(self, store: Store) -> None:
        """Both people are evaluated again, and the refunds move with the order."""
        store.append(make_purchase(), make_refund("r", minor=1), make_lead("p2", at=NOON + DAY), recorded_at=NOON + DAY)
        moved = store.amend(make_purchase(person="p2"), recorded_at=NOON + DAY)

        assert {one.person_id: one.stage for one in moved.stage_records} == {"p1": "lead", "p2": "customer"}
        assert store.history("p1").records == ()
        assert store.history("p2").refunds == (make_refund("r", minor=1),)

    def test_an_amended_lead_has_another_referrer(self, store: Store) -> None:
        """Both the new and the former referrer are evaluated again."""
        store.append(make_lead("p2", referred_by="p1"), recorded_at=NOON)
        changed = store.amend(make_lead("p2", referred_by="p3"), recorded_at=NOON)

        assert sorted(one.person_id for one in changed.stage_records) == ["p1", "p2", "p3"]
        assert store.history("p1").referrals == ()
        assert store.history("p3").referrals == (make_lead("p2", referred_by="p3"),)

    def test_the_only_amount_can_be_amended_to_another_currency(self, store: Store) -> None:
        """The store's currency is that of its stored amounts."""
        store.append(make_purchase(), recorded_at=NOON)
        rupiah = make_purchase(amount=Money(90, "IDR"))
        store.amend(rupiah, recorded_at=NOON)
        store.append(make_purchase("2", amount=Money(90, "IDR")), recorded_at=NOON)
        with pytest.raises(RecordError, match="amounts in IDR and USD"):
            store.amend(make_purchase(), recorded_at=NOON)

        assert store.history("p1").currency == "IDR"

    # ---- stage records ---

    def test_versions_count_changes(self, store: Store) -> None:
        """Each record increments the version of its person, from 1."""
        for number in range(1, 4):
            assert store.append(make_visit(str(number)), recorded_at=NOON).stage_records[0].version == number

    def test_a_stale_version_is_refused(self, store: Store) -> None:
        """A write for a former version is refused, and its records are not stored."""
        store.append(make_visit("1"), recorded_at=NOON, expected={"p1": 0})
        store.append(make_visit("2"), recorded_at=NOON, expected={"p1": 1, "nobody": 0})
        for call in (store.append, store.amend):
            with pytest.raises(StaleError, match="1 of 1 people in expected have changed"):
                call(make_visit("3"), recorded_at=NOON, expected={"p1": 1})
        with pytest.raises(StaleError):
            store.put_customer(Customer(person_id="p1", name="Sari"), recorded_at=NOON, expected={"p1": 1})

        assert len(store.history("p1").records) == 2
        assert store.history("p1").customer is None

    def test_a_repeated_call_is_not_stale(self, store: Store) -> None:
        """A caller that missed the reply may repeat the same call."""
        store.append(make_visit("1"), recorded_at=NOON, expected={"p1": 0})

        assert store.append(make_visit("1"), recorded_at=NOON, expected={"p1": 0}).skipped == 1

    def test_a_stage_record_is_the_rules_answer(self, store: Store) -> None:
        """Stage and next change are those of the rule for the history."""
        store.append(make_purchase(), recorded_at=NOON)
        stage_record = store.stage_record("p1")

        assert stage_record.stage == "customer"
        assert stage_record.evaluated_at == NOON
        assert stage_record.next_change == NOON + POLICY.lapse_after + TICK

    def test_an_unknown_person_has_no_stage_record(self, store: Store) -> None:
        """An unknown person has an empty history, no stage record, no alias, and an empty export."""
        assert store.stage_record("p9") is None
        assert store.history("p9") == History(person_id="p9")
        assert store.aliases("p9") == []
        assert json.loads(store.export("p9"))["stage"] is None
        assert store.refresh("p9", as_of=NOON) == []
        with pytest.raises(RecordError, match="no records of this person; pass the person id") as caught:
            store.erase("p9")
        assert "p9" not in str(caught.value)

    def test_due_lists_people_who_change_before_an_instant(self, store: Store) -> None:
        """A customer lapses by time alone: due just after the limit, not before, and not after the evaluation."""
        store.append(
            make_purchase(), make_purchase("2", "p2", purchased_at=NOON - DAY), make_visit("3", "p3"), recorded_at=NOON
        )
        lapse = NOON + POLICY.lapse_after + TICK

        assert store.due(before=lapse - DAY) == []
        assert store.due(before=lapse) == ["p2"]
        assert store.due(before=lapse + TICK) == ["p2", "p1"]
        assert store.due(before=lapse + TICK, limit=1) == ["p2"]
        refreshed = store.refresh("p1", "p2", "p2", as_of=lapse)
        assert [(one.person_id, one.previous_stage, one.stage) for one in refreshed] == [
            ("p1", "customer", "lapsed"),
            ("p2", "customer", "lapsed"),
        ]
        assert store.due(before=lapse + 999 * DAY) == []

    def test_a_future_record_makes_the_person_due(self, store: Store) -> None:
        """A person is due at an order of tomorrow and at its later cancellation, and is evaluated correctly."""
        future = make_purchase(purchased_at=NOON + DAY, status="cancelled", cancelled_at=NOON + 2 * DAY)
        assert store.append(future, recorded_at=NOON).stage_records[0].next_change == NOON + DAY
        assert store.refresh("p1", as_of=NOON + DAY)[0].next_change == NOON + 2 * DAY
        assert store.refresh("p1", as_of=NOON + DAY)[0].stage == "customer"

        assert store.refresh("p1", as_of=NOON + 2 * DAY)[0].stage == "prospect"

    def test_a_clock_may_go_backwards(self, store: Store) -> None:
        """A record at an earlier instant is evaluated at that instant, and the person is due for later records."""
        store.append(make_purchase(), recorded_at=NOON)
        earlier = store.append(make_visit("1", at=NOON - DAY), recorded_at=NOON - TICK).stage_records[0]

        assert (earlier.stage, earlier.next_change) == ("prospect", NOON)
        assert store.refresh(*store.due(before=NOON + TICK), as_of=NOON)[0].stage == "customer"

    def test_a_record_may_be_two_years_late(self, store: Store) -> None:
        """A late order makes a customer a repeat customer, at its own date."""
        store.append(make_purchase(), recorded_at=NOON)
        late = store.append(make_purchase("0", purchased_at=NOON - 730 * DAY), recorded_at=NOON + DAY).stage_records[0]

        assert (late.previous_stage, late.stage) == ("customer", "repeat_customer")
        assert store.history("p1").purchases[0].id == "0"

    def test_a_shop_may_have_its_own_rule_and_policy(self) -> None:
        """The stored stage is the answer of the rule that was passed to the store."""
        with self.opened(policy=Policy(lapse_after=DAY)) as store:
            stage_record = store.append(make_purchase(), recorded_at=NOON + 2 * DAY).stage_records[0]

        assert (stage_record.stage, stage_record.next_change) == ("lapsed", None)

    # ---- many ------------------------------------------------------------------------------------------------------

    def test_a_store_has_its_policy(self, store: Store) -> None:
        """The policy of a call is that of the store, also if none was passed."""
        assert store.policy == Policy()
        with self.opened(policy=Policy(lapse_after=DAY)) as own:
            assert own.policy == Policy(lapse_after=DAY)

    def test_load_evaluates_nobody(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """Loading adds each record once, evaluates nobody, and makes everybody due."""
        monkeypatch.setattr(_base, "BATCH", 100)
        records = [make_visit(str(number), f"p{number % 7}") for number in range(230)]
        loaded = store.load(iter([*records, records[0]]), recorded_at=NOON)

        assert (loaded.added, loaded.skipped, loaded.stage_records) == (230, 1, ())
        assert store.stage_record("p1").stage is None
        assert store.stage_record("p1").next_change is None
        assert len(store.due(before=NOON)) == 7
        assert {one.stage for one in store.refresh(*store.due(before=NOON), as_of=NOON)} == {"prospect"}
        assert store.due(before=NOON) == []
        assert store.load(records, recorded_at=NOON).skipped == 230

    def test_a_failed_load_can_be_repeated(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """The batches before the error are stored; the repeated load stores each record once."""
        monkeypatch.setattr(_base, "BATCH", 100)
        records: list[Record] = [make_visit(str(number)) for number in range(230)]
        with pytest.raises(ConflictError):
            store.load([*records, make_question("0")], recorded_at=NOON)
        assert len(store.history("p1").records) == 200

        assert store.load(records, recorded_at=NOON).added == 30

    def test_refresh_all_evaluates_everyone(self, store: Store) -> None:
        """This holds for future records, aliases, referrers and people with only a customer entry."""
        future = make_purchase("2", "p2", purchased_at=NOON + DAY)
        money = [make_purchase(), make_refund("r", at=NOON + DAY), make_purchase("3", "p3"), future]
        talk = [make_visit("1", "p4"), make_answer("a9", "p5", "q9"), make_lead("p6", referred_by="p7", at=NOON + DAY)]
        store.load([*money, *talk, make_purchase("4", "p1b", purchased_at=NOON - 400 * DAY)], recorded_at=NOON)
        store.load([make_refund("r9", "9")], recorded_at=NOON)
        store.merge("p1b", into="p1", merged_at=NOON)
        store.put_customer(Customer(person_id="p8", name="Sari"), recorded_at=NOON)
        store.append(make_visit("9", "p9"), recorded_at=NOON)
        people = [f"p{number}" for number in range(1, 10)]

        assert store.refresh_all(as_of=NOON) == 9
        results = {name: store.stage_record(name) for name in people}
        assert {one.person_id: one.stage for one in results.values()} == {
            name: stage.of(store.history(name), POLICY, as_of=NOON) for name in people
        }
        assert [results[name].next_change for name in ("p1", "p2", "p4", "p6", "p7")] == [
            *(NOON + DAY, NOON + DAY, None, NOON + DAY, NOON + DAY),
        ]
        assert store.due(before=NOON + DAY + TICK) == ["p1", "p2", "p6", "p7"]
        assert store.refresh(*people, as_of=NOON) == [
            attrs.evolve(one, previous_stage=one.stage) for one in results.values()
        ]

    def test_refresh_all_keeps_changes_made_meanwhile(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """A person who buys while `refresh_all` runs stays a customer."""
        store.load([make_visit("1"), make_visit("2", "p2"), make_visit("3", "p3")], recorded_at=NOON)
        real = _base.evaluate_all

        def meddled(*values: Any) -> Any:
            store.append(make_purchase(), recorded_at=NOON)
            store.merge("p3", into="p1", merged_at=NOON)
            return real(*values)

        monkeypatch.setattr(_base, "evaluate_all", meddled)
        monkeypatch.setattr(_base, "BATCH", 2)
        assert store.refresh_all(as_of=NOON + DAY) == 3

        assert [store.stage_record(name).stage for name in ("p1", "p2", "p3")] == ["customer", "prospect", "customer"]
        assert [store.stage_record(name).evaluated_at for name in ("p1", "p2")] == [NOON, NOON + DAY]

    @pytest.mark.parametrize("how", ["one by one", "everyone"])
    @pytest.mark.parametrize(
        "other", [{"policy": Policy(lapse_after=2 * DAY)}, {"stage": sent}], ids=["policy", "rule"]
    )
    def test_another_policy_makes_everyone_due(self, how: str, other: Any) -> None:
        """Stages of another rule or policy are not returned; everyone is due until evaluated again."""
        with self.opened(policy=Policy(lapse_after=DAY)) as old_store:
            old_store.append(
                make_purchase(),
                make_purchase("2", "p2", purchased_at=NOON - DAY),
                make_visit("3", "p3"),
                recorded_at=NOON,
            )
            old_store.merge("p3b", into="p3", merged_at=NOON)
            with self.opened_again(old_store, **other) as store:
                assert [store.stage_record(name).stage for name in ("p1", "p2", "p3b")] == [None] * 3
                assert store.stage_record("p1").next_change is None
                assert json.loads(store.export("p1"))["stage"] is None
                assert sorted(store.due(before=NOON - 999 * DAY)) == ["p1", "p2", "p3"]
                assert len(store.due(before=NOON, limit=2)) == 2
                if how == "everyone":
                    assert store.refresh_all(as_of=NOON + DAY) == 3
                else:
                    store.refresh(*store.due(before=NOON), as_of=NOON + DAY)

                result = [store.stage_record(name).stage for name in ("p1", "p2", "p3")]
                assert result == (["customer", "customer", "prospect"] if "policy" in other else ["0", "0", "0"])
                assert store.stage_record("p1").previous_stage == "customer"
                assert store.due(before=NOON) == []
            assert sorted(old_store.due(before=NOON)) == ["p1", "p2", "p3"]

    def test_an_equal_policy_makes_nobody_due(self) -> None:
        """Nobody is due if the values that the rule reads are equal."""
        with self.opened() as old_store:
            old_store.append(make_purchase(), recorded_at=NOON)
            with self.opened_again(old_store, policy=Policy(low_score=1)) as store:
                assert store.due(before=NOON) == []
                assert store.stage_record("p1").stage == "customer"

    @pytest.mark.parametrize("limit", [-1, 1.5, True, "9", 2**63, -(10**5_000)], ids=range(6))
    def test_a_limit_is_a_whole_number(self, store: Store, limit: Any) -> None:
        """A negative limit is refused and does not mean everybody."""
        with pytest.raises(ArgumentError, match="limit must be a whole number from 0 up"):
            store.due(before=NOON, limit=limit)
        assert store.due(before=NOON, limit=0) == []

    def test_due_lists_everybody_once(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """The list is complete for any number of people, and nobody is due afterwards."""
        monkeypatch.setattr(_base, "REFRESH_BATCH", 400)
        people = {f"p{number:04}" for number in range(1_100)}
        store.load([make_visit(name, name) for name in people], recorded_at=NOON)
        due = store.due(before=NOON)
        refreshed = store.refresh(*due, *sorted(due)[:3], as_of=NOON)

        assert len(due) == len(refreshed) == 1_100
        assert set(due) == {one.person_id for one in refreshed} == people
        assert store.due(before=NOON + 9_999 * DAY) == []

    def test_a_person_is_evaluated_once_for_all_names(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """Two names of one person in two batches are evaluated once, so the previous stage is correct."""
        store.append(make_purchase(), make_visit("2", "p2"), recorded_at=NOON)
        store.merge("p2", into="p1", merged_at=NOON)
        monkeypatch.setattr(_base, "REFRESH_BATCH", 1)
        (refreshed,) = store.refresh("p1", "p2", as_of=NOON + 400 * DAY)

        assert (refreshed.previous_stage, refreshed.stage) == ("customer", "lapsed")
        assert store.stage_record("p1") == refreshed

    # ---- the shop's book -------------------------------------------------------------------------------------------

    def test_the_customer_book_has_one_entry_per_person(self, store: Store) -> None:
        """The last entry counts; it does not change the stage."""
        first = Customer(person_id="p1", name="Sari", contact=Contact(phone="1"), since=NOON)
        second = Customer(person_id="p1", name="Sari Dewi", nickname="Sari", address="Jl. Melati 5")
        store.put_customer(first, recorded_at=NOON)
        assert store.history("p1").customer == first
        stage_record = store.put_customer(second, recorded_at=NOON)

        assert store.history("p1").customer == second
        assert (stage_record.version, stage_record.stage) == (2, "lead")

    def test_a_repeated_entry_changes_nothing(self, store: Store) -> None:
        """The version stays, also under an alias and after a record."""
        sari = Customer(person_id="p1", name="Sari", contact=Contact(phone="1"), since=NOON)
        entered = store.put_customer(sari, recorded_at=NOON)
        assert store.put_customer(sari, recorded_at=NOON + DAY) == entered == store.stage_record("p1")
        store.append(make_visit("1", "p2"), recorded_at=NOON)
        store.merge("p1", into="p2", merged_at=NOON)
        stored = store.stage_record("p2")

        assert store.put_customer(sari, recorded_at=NOON) == stored
        with pytest.raises(StaleError):
            store.put_customer(sari, recorded_at=NOON, expected={"p1": 99})
        changed = store.put_customer(sari.model_copy(update={"nickname": "S"}), recorded_at=NOON)
        assert changed.version == (stored.version if stored else 0) + 1

    # ---- two names, one person -------------------------------------------------------------------------------------

    def test_a_merge_makes_two_names_one_person(self, store: Store) -> None:
        """Both names give the same history and stage record, under the current name."""
        first, second = make_purchase(), make_purchase("2", "p2", purchased_at=NOON + DAY)
        store.append(first, second, recorded_at=NOON + DAY)
        merged = store.merge("p2", into="p1", merged_at=NOON + DAY)

        assert (merged.person_id, merged.stage) == ("p1", "repeat_customer")
        assert store.stage_record("p2") == merged
        renamed = make_purchase("2", purchased_at=NOON + DAY)
        assert store.history("p2") == store.history("p1") == History.of("p1", [first, renamed])
        assert store.aliases("p2") == [Alias("p2", "p1", NOON + DAY)]
        assert are_in_tables(store, "p1")
        assert store.due(before=NOON + 999 * DAY) == ["p1"]

    def test_records_of_an_alias_belong_to_the_person(self, store: Store) -> None:
        """After a merge, records and entries of either name belong to the one person."""
        store.append(make_purchase(), recorded_at=NOON)
        store.merge("p2", into="p1", merged_at=NOON)
        second = make_purchase("2", "p2", purchased_at=NOON + DAY)
        stage_record = store.append(second, recorded_at=NOON + DAY).stage_records[0]
        store.put_customer(Customer(person_id="p2", name="Sari"), recorded_at=NOON + DAY)

        assert (stage_record.person_id, stage_record.stage) == ("p1", "repeat_customer")
        assert store.history("p1").customer == Customer(person_id="p1", name="Sari")
        later = store.append(make_visit("3"), recorded_at=NOON + DAY).stage_records[0]
        assert later.version > stage_record.version

    def test_an_alias_may_lead_to_an_alias(self) -> None:
        """An alias of an alias is the person at the end of the chain, in any order of merges."""
        for merges in ([("p3", "p2"), ("p2", "p1")], [("p2", "p1"), ("p3", "p2")]):
            with self.opened() as fresh:
                fresh.append(make_purchase("1"), make_purchase("2", "p2"), make_purchase("3", "p3"), recorded_at=NOON)
                for alias, into in merges:
                    fresh.merge(alias, into=into, merged_at=NOON)

                assert [fresh.history(name).person_id for name in ("p1", "p2", "p3")] == ["p1"] * 3
                assert len(fresh.history("p3").purchases) == 3
                assert are_in_tables(fresh, "p1")

    def test_a_repeated_merge_changes_nothing(self, store: Store) -> None:
        """The same merge again changes nothing, not even its date."""
        store.append(make_visit("1"), recorded_at=NOON)
        first = store.merge("p2", into="p1", merged_at=NOON)

        assert store.merge("p2", into="p1", merged_at=NOON + DAY) == first
        assert store.aliases("p1") == [Alias("p2", "p1", NOON)]

    @pytest.mark.parametrize(("alias", "into"), [("p1", "p1"), ("p1", "p2"), ("p1", "p3"), ("p3", "p1")])
    def test_a_circle_of_merges_is_refused(self, store: Store, alias: str, into: str) -> None:
        """Names of one person cannot be merged again: not in reverse, not with themselves, not by a shortcut."""
        store.append(make_purchase(), recorded_at=NOON)
        store.merge("p2", into="p1", merged_at=NOON)
        store.merge("p3", into="p2", merged_at=NOON)
        before = store.history("p3"), store.aliases("p1"), store.stage_record("p1")
        with pytest.raises(RecordError, match=r"names of one person already.*a circle"):
            store.merge(alias, into=into, merged_at=NOON)

        assert (store.history("p3"), store.aliases("p1"), store.stage_record("p1")) == before

    def test_an_alias_leads_to_one_name(self, store: Store) -> None:
        """An alias is not merged into another person; the message names the person to merge."""
        store.append(make_visit("1"), recorded_at=NOON)
        store.merge("p2", into="p1", merged_at=NOON)

        with pytest.raises(
            RecordError, match="'p2' is an alias of 'p1' already; merge 'p1' instead, or unmerge 'p2' first"
        ):
            store.merge("p2", into="p4", merged_at=NOON)

    def test_a_store_has_one_currency(self, store: Store) -> None:
        """An amount in a second currency is refused for any person; the message says what to do."""
        store.append(make_purchase(), recorded_at=NOON)
        rupiah = make_purchase("2", "p2", amount=Money(9, "IDR"))
        quote = Quote(id="k", person_id="p2", occurred_at=NOON, amount=Money(9, "IDR"), sku="mug")
        for call in (store.append, store.amend):
            for record in (
                rupiah,
                quote,
                make_refund("r", "2", minor=1).model_copy(update={"amount": Money(9, "IDR")}),
            ):
                with pytest.raises(RecordError, match=r"amounts in IDR and USD .*; open the store with"):
                    call(make_visit("v", "p2"), record, recorded_at=NOON)
        with pytest.raises(RecordError, match=r"amounts in IDR and USD \(purchase '2' of 'shop'"):
            store.load([make_visit("v", "p2"), rupiah], recorded_at=NOON)

        assert store.stage_record("p2") is None
        assert store.logs().currency == "USD"
        assert store.append(make_purchase("2", "p2"), recorded_at=NOON).added == 1

    def test_two_currencies_in_one_call_are_refused(self, store: Store) -> None:
        """Neither currency is set; the next amount sets it."""
        with pytest.raises(RecordError, match="amounts in IDR and USD"):
            store.load([make_purchase(), make_purchase("2", "p2", amount=Money(9, "IDR"))], recorded_at=NOON)

        store.append(make_question(), recorded_at=NOON)
        store.append(make_purchase("2", "p2", amount=Money(9, "IDR")), recorded_at=NOON)
        assert store.logs().currency == "IDR"

    def test_rates_allow_several_currencies(self) -> None:
        """Amounts are stored as they came in, and read in the reporting currency or in one of their own."""
        rates = Rates("USD", {("IDR", NOON.date()): "0.0001"}, tz="UTC")
        rupiah = make_purchase("2", amount=Money(90_000, "IDR"))
        with self.opened(rates=rates) as store:
            store.append(make_purchase(), recorded_at=NOON)
            store.append(rupiah, recorded_at=NOON)
            store.append(make_purchase("3", amount=Money(1, "IDR")), recorded_at=NOON)
            assert [one.amount.minor for one in store.history("p1").purchases] == [900, 900, 0]
            assert store.logs().currency == "USD"
            assert store.logs(currency="IDR").history("p1").purchases[0] == rupiah
            with self.opened_again(store) as other, pytest.raises(RecordError, match="amounts in several currencies"):
                other.append(make_purchase("4"), recorded_at=NOON)

    def test_a_merge_can_be_undone(self, store: Store) -> None:
        """Each person has their own records again, later records included; both dates are stored."""
        store.append(make_purchase(), make_purchase("2", "p2"), make_lead("p4", referred_by="p3"), recorded_at=NOON)
        before = [store.history(name) for name in ("p1", "p2", "p3")]
        store.merge("p3", into="p2", merged_at=NOON)
        store.merge("p2", into="p1", merged_at=NOON)
        store.append(make_visit("v", "p3"), recorded_at=NOON)
        own, other = store.unmerge("p2", unmerged_at=NOON + DAY)

        assert (own.person_id, other.person_id) == ("p2", "p1")
        assert (own.stage, other.stage) == ("customer", "customer")
        assert store.history("p1") == before[0]
        assert store.history("p3").person_id == "p2"
        assert store.aliases("p1") == [Alias("p2", "p1", NOON, NOON + DAY)]
        store.unmerge("p3", unmerged_at=NOON + DAY)
        assert store.history("p2") == before[1]
        assert store.history("p3") == before[2].add(make_visit("v", "p3"))
        assert store.merge("p2", into="p3", merged_at=NOON + DAY).person_id == "p3"

    def test_a_name_in_the_middle_of_a_chain_can_be_unmerged(self, store: Store) -> None:
        """The names that lead to it stay with it; the other names stay together."""
        names = [f"p{number}" for number in range(5)]
        store.append(*[make_purchase(name, name) for name in names], recorded_at=NOON)
        for alias, into in pairwise(names):
            assert store.merge(alias, into=into, merged_at=NOON).person_id == into
        assert len(store.history("p0").purchases) == 5
        own, other = store.unmerge("p2", unmerged_at=NOON)

        assert (own.person_id, other.person_id) == ("p2", "p4")
        assert [store.history(name).person_id for name in names] == ["p2", "p2", "p2", "p4", "p4"]
        assert [len(store.history(name).purchases) for name in names] == [3, 3, 3, 2, 2]
        own, other = store.unmerge("p0", unmerged_at=NOON)
        assert (own.person_id, other.person_id, own.stage) == ("p0", "p2", "customer")
        assert are_in_tables(store, "p0", "p2", "p4")
        with pytest.raises(RecordError, match="is not an alias"):
            store.unmerge("p2", unmerged_at=NOON)

    def test_records_have_the_current_name(self, store: Store) -> None:
        """After two merges a lead and a referred person have the current name."""
        store.append(make_purchase("1", "p1"), make_purchase("2", "p2"), recorded_at=NOON)
        for alias, into in (("p1", "p2"), ("p2", "p3")):
            store.merge(alias, into=into, merged_at=NOON)
        store.append(make_lead("p3"), recorded_at=NOON)
        store.append(make_lead("p9", referred_by="p3"), recorded_at=NOON)
        history = store.history("p1")

        assert (history.person_id, len(history.leads), len(history.referrals)) == ("p3", 1, 1)
        assert [len(store.history("p9").leads), store.history("p9").leads[0].referred_by] == [1, "p3"]
        assert store.stage_record("p2").stage == stage.of(history, POLICY, as_of=NOON)
        assert are_in_tables(store, "p3", "p9")

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ([make_question("q", "p1")], [make_answer("a", "p2", "q")]),
            ([make_answer("a", "p1", "q")], [make_question("q", "p2")]),
            ([make_lead("p1", referred_by="p9")], [make_lead("p2", at=NOON)]),
            ([make_lead("p1")], [make_lead("p2", referred_by="p9")]),
            ([make_lead("p1")], [make_lead("p2")]),
            ([make_lead("p1")], [make_lead("p9", referred_by="p2")]),
            ([make_purchase("1", "p1")], [make_refund("r", "1"), make_purchase("2", "p2")]),
            ([make_visit("v", "p1")], [make_purchase("2", "p2"), make_refund("r", "2"), make_visit("w", "p2")]),
            ([make_visit("v", "p1")], [Complaint(id="c", person_id="p2", occurred_at=NOON, purchase_id="9")]),
        ],
    )
    @pytest.mark.parametrize("larger", ["p1", "p2"])
    def test_a_merged_person_has_the_stage_of_the_history(
        self, store: Store, first: list[Record], second: list[Record], larger: str
    ) -> None:
        """The stage is that of both histories, whichever side has more names."""
        store.append(*first, make_visit("x", "p1"), recorded_at=NOON)
        store.append(*second, make_visit("y", "p2"), recorded_at=NOON)
        store.merge("p0", into=larger, merged_at=NOON)
        merged = store.merge("p2", into="p1", merged_at=NOON)
        history = store.history("p2")

        assert merged.stage == stage.of(history, POLICY, as_of=NOON)
        assert {one.person_id for one in (merged, history, store.history("p0"))} == {"p1"}
        assert are_in_tables(store, "p1", *(["p9"] if store.stage_record("p9") else []))
        stage_record = store.append(make_visit("z", "p1"), recorded_at=NOON).stage_records[0]
        assert stage_record.stage == stage.of(store.history("p0"), POLICY, as_of=NOON)
        assert store.refresh("p1", as_of=NOON)[0].stage == stage_record.stage

    def test_unmerge_refuses_a_name_that_is_not_an_alias(self, store: Store) -> None:
        """This holds for an unmerged name and for the current name."""
        store.append(make_visit("1"), recorded_at=NOON)
        store.merge("p2", into="p1", merged_at=NOON)
        for name in ("p1", "p9"):
            with pytest.raises(RecordError, match="is not an alias"):
                store.unmerge(name, unmerged_at=NOON)

    def test_a_self_referral_after_a_merge_does_not_count(self, store: Store) -> None:
        """A person's own lead is not a referral, for one person and for everyone."""
        store.append(make_lead("p2", referred_by="p1"), make_lead("p3", referred_by="p2"), recorded_at=NOON)
        store.merge("p2", into="p1", merged_at=NOON)
        store.append(make_lead("p2", at=NOON + DAY, referred_by="p1"), recorded_at=NOON)
        history = store.history("p1")

        assert [lead.referred_by for lead in history.leads] == [None, None]
        assert [lead.person_id for lead in history.referrals] == ["p3"]
        assert are_in_tables(store, "p1", "p3")
        assert store.stage_record("p1").version == 4

    def test_equal_arrivals_under_two_names_count_once(self, store: Store) -> None:
        """The arrival that was written first counts."""
        store.append(
            make_lead(contact=Contact(phone="1")), make_lead("p2", contact=Contact(phone="2")), recorded_at=NOON
        )
        store.append(make_lead("p2", source="fair"), recorded_at=NOON)
        store.merge("p2", into="p1", merged_at=NOON)
        history = store.history("p1")

        assert [lead.source for lead in history.leads] == ["", "fair"]
        assert history.leads[0].contact == Contact(phone="1")
        assert are_in_tables(store, "p1")

    @pytest.mark.parametrize("first", ["p2", "p3"])
    def test_equal_arrivals_have_one_referrer(self, first: str) -> None:
        """The referrer of the arrival that was written first counts, and no other."""
        with self.opened(stage=sent) as store:
            friends = {"p2": "p8", "p3": "p9"}
            for name in sorted(friends, key=lambda name: name != first):
                store.append(make_lead(name, referred_by=friends[name]), recorded_at=NOON)
            store.merge("p2", into="p3", merged_at=NOON)

            stages = {name: store.stage_record(name).stage for name in friends.values()}
            assert stages == {friend: str(int(name == first)) for name, friend in friends.items()}
            assert {name: str(len(store.history(name).referrals)) for name in stages} == stages
            assert are_in_tables(store, "p3", "p8", "p9")
            store.unmerge("p2", unmerged_at=NOON)
            assert [store.stage_record(name).stage for name in stages] == ["1", "1"]

    def test_a_merge_evaluates_the_referrer_again(self) -> None:
        """The number of referrals changes with a merge, and back when it is undone."""
        with self.opened(stage=sent) as store:
            store.append(make_lead("p1", referred_by="p9"), make_lead("p2", referred_by="p9"), recorded_at=NOON)
            stages = [store.stage_record("p9").stage]
            store.merge("p2", into="p1", merged_at=NOON)
            stages.append(store.stage_record("p9").stage)
            store.append(make_visit("1", "p9"), recorded_at=NOON)
            stages.append(store.stage_record("p9").stage)
            store.unmerge("p2", unmerged_at=NOON)

            assert [*stages, store.stage_record("p9").stage] == ["2", "1", "1", "2"]

    @pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 201, "a\0", 7, None], ids=repr)
    def test_an_invalid_id_is_refused_in_every_call(self, store: Store, name: Any) -> None:
        """Whole numbers are refused too, and nothing changes."""
        store.append(make_refund("r"), make_visit("1", "7"), recorded_at=NOON)
        calls: list[Callable[[], object]] = [
            lambda: store.history(name),
            lambda: store.stage_record(name),
            lambda: store.aliases(name),
            lambda: store.export(name),
            lambda: store.erase(name),
            lambda: store.refresh("7", name, as_of=NOON),
            lambda: store.merge(name, into="7", merged_at=NOON),
            lambda: store.merge("7", into=name, merged_at=NOON),
            lambda: store.unmerge(name, unmerged_at=NOON),
            lambda: store.append(make_visit("2", "7"), recorded_at=NOON, expected={name: 0}),
            lambda: store.amend(make_visit("1", "7"), recorded_at=NOON, expected={name: 0}),
            lambda: store.put_customer(Customer(person_id="7", name=""), recorded_at=NOON, expected={name: 0}),
        ]
        for call in calls:
            with pytest.raises(
                ArgumentError, match=r"must be text \(got \w+\); pass the person id|is not a valid person id"
            ):
                call()

        assert store.unresolved() == [("refund", "shop", "r")]
        assert store.history("7").records == (make_visit("1", "7"),)

    @pytest.mark.parametrize("expected", [7, ["p1"], {"p1": "1"}, {"p1": True}], ids=repr)
    def test_invalid_versions_are_refused(self, store: Store, expected: Any) -> None:
        """`expected` must map ids to whole numbers."""
        with pytest.raises(ArgumentError, match="expected"):
            store.append(make_visit("1"), recorded_at=NOON, expected=expected)

        assert store.stage_record("p1") is None

    def test_two_unknown_names_are_not_merged(self, store: Store) -> None:
        """One of the two names may be unknown."""
        with pytest.raises(RecordError, match="the store has no records of 'p2' or 'p3'; append a record"):
            store.merge("p2", into="p3", merged_at=NOON)
        assert store.stage_record("p2") is None
        assert store.stage_record("p3") is None

        store.append(make_visit("1"), recorded_at=NOON)
        assert store.merge("p1", into="p3", merged_at=NOON).stage == "prospect"
        assert store.merge("p2", into="p1", merged_at=NOON).person_id == "p3"

    def test_a_merge_resolves_records(self, store: Store) -> None:
        """An answer to the other name's question counts after the merge, and is unresolved again after the undoing."""
        store.append(make_question("q1", "p2"), make_answer("a1", "p1"), recorded_at=NOON)
        assert store.unresolved() == [("answer", "shop", "a1")]
        store.merge("p2", into="p1", merged_at=NOON)
        assert store.unresolved() == []
        assert len(store.history("p1").interactions) == 2
        store.unmerge("p2", unmerged_at=NOON)

        assert store.unresolved() == [("answer", "shop", "a1")]

    # ---- frames ----------------------------------------------------------------------------------------------------

    def test_an_empty_store_has_empty_logs(self, store: Store) -> None:
        """The facts have no rows."""
        assert facts_of(store.logs(), NOON) == []

    def test_facts_and_transitions_of_logs_are_those_of_histories(self, store: Store) -> None:
        """The store's tables give the same facts and transitions as the records."""
        store.append(*all_kinds(), make_visit("v", "p2"), recorded_at=NOON)
        histories = [History.of("p1", all_kinds()), History.of("p2", [make_visit("v", "p2")])]
        logs, expected, later = store.logs(), Logs(**tables(histories)), NOON + 400 * DAY

        assert facts_of(logs, later) == facts_of(expected, later)
        assert transitions_of(logs, later) == transitions_of(expected, later)

    @pytest.mark.parametrize("engine", ["polars", "pandas", "pyarrow", "duckdb"])
    def test_logs_have_the_requested_engine(self, store: Store, engine: Any) -> None:
        """Every engine gets the same records."""
        store.append(*all_kinds(), recorded_at=NOON)
        logs = store.logs(engine=engine)

        assert logs._frame_kind == engine
        assert logs.currency == "USD"
        results = {row["person_id"]: row["stage"] for row in read(stage.over(logs, POLICY, as_of=NOON + DAY))}
        assert results == {"p1": "repeat_customer", "friend": "lead"}

    @pytest.mark.parametrize("engine", ["polars", "pandas", "pyarrow", "duckdb"])
    def test_logs_have_the_own_columns_of_records(self, store: Store, engine: Any) -> None:
        """Each has the type of its values; facts, histories and stages read them."""
        records = [
            make_purchase(columns={"country": "UK", "value_1": 3, "at": True, "Mark": NOON + TICK}),
            make_purchase("2", columns={"country": "", "at": False}),
            make_purchase("3", "p2"),
            make_refund("r").model_copy(update={"columns": {"desk": "east"}}),
            make_visit("v").model_copy(update={"columns": {"value_1": 0}}),
        ]
        store.append(*records, recorded_at=NOON)
        logs, first = store.logs(engine=engine), store.history("p1")

        assert first.records == History.of("p1", [one for one in records if one.key[1] != "3"]).records
        assert dict(logs.own_columns) == {
            "purchases": ("Mark", "at", "country", "value_1"),
            "refunds": ("desk",),
            "interactions": ("value_1",),
        }
        facts = {row["person_id"]: row for row in read(OwnColumnFacts.over(logs, as_of=NOON + DAY))}
        for name in ("p1", "p2"):
            of_one = OwnColumnFacts.of(store.history(name), as_of=NOON + DAY)
            assert {**of_one.to_dict(), "person_id": name} == facts[name]
        assert logs.history("p1").purchases[0].columns == records[0].columns

    def test_stages_read_own_columns(self) -> None:
        """Record by record, and of everyone at once."""
        with self.opened(stage=buys_in_the_uk) as store:
            store.append(make_purchase(columns={"country": "UK"}), recorded_at=NOON)
            receipt = store.append(make_purchase("2", columns={"country": "UK"}), recorded_at=NOON)
            assert receipt.stage_records[0].stage == "2"
            store.load([make_purchase("3", columns={"country": "UK"})], recorded_at=NOON)
            assert store.refresh_all(as_of=NOON) == 1
            record = store.stage_record("p1")
            assert record is not None
            assert record.stage == "3"

    def test_own_columns_are_content(self, store: Store) -> None:
        """Another value under the same id is refused, and amended."""
        store.append(make_purchase(columns={"country": "UK"}), recorded_at=NOON)
        other = make_purchase(columns={"country": "FR"})
        with pytest.raises(ConflictError, match="differs in own_columns"):
            store.append(other, recorded_at=NOON)
        store.amend(other, recorded_at=NOON)
        assert store.history("p1").purchases == (other,)

    @pytest.mark.parametrize(
        ("first", "second", "message"),
        [
            ({"one": "1"}, {"one": 1}, "the own column one of purchases has texts and whole numbers; amend"),
            ({"one": True}, {"one": NOON}, "the own column one of purchases has truths and instants; amend"),
            (
                {"one": 1},
                {"One": 1},
                "purchases have own columns that differ only in upper and lower case: One and one",
            ),
        ],
        ids=["text and number", "truth and instant", "case"],
    )
    def test_logs_refuse_columns_of_two_types(
        self, store: Store, first: Mapping[str, Any], second: Mapping[str, Any], message: str
    ) -> None:
        """A column of a table has one type; the message names the column, never its values."""
        store.append(make_purchase(columns=first), make_purchase("2", columns=second), recorded_at=NOON)
        with pytest.raises(LogsError, match=message):
            store.logs()

    def test_own_columns_cannot_have_names_of_the_tables(self, store: Store) -> None:
        """A column of the log would be there twice."""
        for name in ("amount", "Status", "recorded_at", "net_amount"):
            with pytest.raises(ArgumentError, match=f"an own column of purchases cannot be called '{name}'"):
                store.append(make_purchase(columns={name: 1}), recorded_at=NOON)
        assert store.append(make_visit("v").model_copy(update={"columns": {"net_amount": 1}}), recorded_at=NOON).added

    def test_an_unknown_engine_is_refused(self, store: Store) -> None:
        """The message lists the engines."""
        with pytest.raises(
            FunnelError, match=r"engine must be 'polars' or 'pandas' or 'pyarrow' or 'duckdb' \(got 'excel'\)"
        ):
            store.logs(engine="excel")  # type: ignore[arg-type]

    # ---- privacy ---------------------------------------------------------------------------------------------------

    def test_erase_keeps_facts_and_counts(self, store: Store) -> None:
        """Free text, names and contacts are deleted; everything else stays."""
        records = all_kinds()
        store.append(*records, recorded_at=NOON)
        store.put_customer(Customer(person_id="p1", name="Sari", since=NOON), recorded_at=NOON)
        before = Facts.of(store.history("p1"), as_of=NOON)
        assert store.erase("p1") == 6
        history = store.history("p1")

        assert Facts.of(history, as_of=NOON) == before
        assert are_in_tables(store, "p1")
        assert history.leads[0].contact is None
        assert {one.model_dump().get("text", "") for one in history.interactions} == {""}
        assert history.customer == Customer(person_id="p1", name="", since=NOON)
        assert store.erase("p1") == 0

    def test_erased_data_is_not_restored(self, store: Store) -> None:
        """Repeated records restore nothing; new records keep their text."""
        store.append(make_question(text="secret"), recorded_at=NOON)
        store.erase("p1")
        second = store.append(make_question(text="secret"), make_question("q2", text="new"), recorded_at=NOON)

        assert (second.added, second.skipped) == (1, 1)
        assert [one.model_dump()["text"] for one in store.history("p1").interactions] == ["", "new"]
        with pytest.raises(ConflictError, match="differs in sku"):
            store.append(make_question().model_copy(update={"sku": "mug"}), recorded_at=NOON)

    def test_an_erased_person_is_refused_by_put_customer(self, store: Store) -> None:
        """A repeated customer import restores no name, under any alias."""
        sari = Customer(person_id="p1", name="Sari", contact=Contact(phone="1"), since=NOON)
        store.put_customer(sari, recorded_at=NOON)
        store.append(make_visit("1", "p2"), make_visit("3", "p3"), recorded_at=NOON)
        store.merge("p2", into="p1", merged_at=NOON)
        store.erase("p1")
        store.merge("p3", into="p1", merged_at=NOON)
        stored = store.stage_record("p1")
        for name in ("p1", "p2", "p3"):
            with pytest.raises(ConflictError, match=r"the person was erased.*pass after_erasure=True") as caught:
                store.put_customer(sari.model_copy(update={"person_id": name}), recorded_at=NOON)
            assert "Sari" not in str(caught.value)

        assert store.stage_record("p1") == stored
        assert store.history("p1").customer == Customer(person_id="p1", name="", since=NOON)
        store.unmerge("p2", unmerged_at=NOON)
        with pytest.raises(ConflictError, match="was erased"):
            store.put_customer(sari.model_copy(update={"person_id": "p2"}), recorded_at=NOON)

    def test_an_erased_person_can_be_entered_again(self, store: Store) -> None:
        """With `after_erasure=True` the entry is written, and the person is like any other."""
        sari = Customer(person_id="p1", name="Sari")
        store.append(make_visit("1"), recorded_at=NOON)
        assert store.erase("p1") == 0
        with pytest.raises(ConflictError, match="was erased"):
            store.put_customer(sari, recorded_at=NOON)
        store.put_customer(sari, recorded_at=NOON, after_erasure=True)
        assert store.history("p1").customer == sari
        store.put_customer(sari.model_copy(update={"nickname": "S"}), recorded_at=NOON)

        assert store.history("p1").customer.nickname == "S"
        assert store.erase("p1") == 1
        assert (
            store.put_customer(Customer(person_id="p2", name="Budi"), recorded_at=NOON, after_erasure=True).version == 1
        )

    def test_erase_includes_every_alias(self, store: Store) -> None:
        """Erasing one name deletes the data of all names of the person."""
        store.append(make_question("1", "p1", text="a"), make_question("2", "p2", text="b"), recorded_at=NOON)
        store.merge("p2", into="p1", merged_at=NOON)

        assert store.erase("p2") == 2

    def test_an_id_that_is_personal_data_can_be_erased(self, store: Store) -> None:
        """Under the new id the person has the same records, facts and stage, and the former names are unknown."""
        store.append(
            *all_kinds(),
            make_lead(referred_by="p3"),
            make_lead("p1b", contact=Contact(phone="1")),
            make_lead("p1b", NOON + DAY, referred_by="p1"),
            make_purchase("7", "p1b"),
            make_lead("p2", referred_by="p1b"),
            make_answer("a9", question="q9"),
            recorded_at=NOON,
        )
        store.put_customer(Customer(person_id="p1b", name="Sari", since=NOON), recorded_at=NOON)
        for name in ("p1c", "p1b"):
            store.merge(name, into="p1", merged_at=NOON)
        store.unmerge("p1c", unmerged_at=NOON)
        before, previous = store.history("p1"), {name: store.stage_record(name) for name in ("p1", "p2", "p3")}
        unresolved = store.unresolved()

        assert store.erase("p1b", new_id="guest-1") == 7

        after, now = store.history("guest-1"), store.stage_record("guest-1")
        text = store.export("guest-1")
        assert '"p1' not in text
        assert '"p1' not in "".join(store.export(name) for name in ("p2", "p3"))
        assert attrs.evolve(now, version=0) == attrs.evolve(previous["p1"], person_id="guest-1", version=0)
        assert now.version > previous["p1"].version
        assert all(store.stage_record(name).version == previous[name].version + 1 for name in ("p2", "p3"))
        assert [store.stage_record(name) for name in ("p1", "p1b")] == [None, None]
        assert Facts.of(after, as_of=NOON) == Facts.of(before, as_of=NOON)
        assert [one.happened_at for one in after.records] == [one.happened_at for one in before.records]
        assert after.customer == Customer(person_id="guest-1", name="", since=NOON)
        assert store.history("p2").leads[0].referred_by == "guest-1"
        assert store.history("p3").referrals[0].person_id == "guest-1"
        assert store.unresolved() == unresolved
        assert store.aliases("guest-1") == []
        assert are_in_tables(store, "guest-1", "p2", "p3")
        assert store.erase("p1b", new_id="guest-1") == store.erase("guest-1") == 0

    def test_repeated_records_stay_under_the_new_id(self, store: Store) -> None:
        """Neither append nor amend gives a record back to the erased id; a new record under it is a new person."""
        store.append(make_purchase(), make_question(text="secret"), make_refund("r", minor=1), recorded_at=NOON)
        store.erase("p1", new_id="guest-1")
        again = store.append(make_purchase(), make_question(text="secret"), recorded_at=NOON)
        newer = make_purchase(status="delivered"), make_question(text="secret").model_copy(update={"sku": "mug"})
        changed = store.amend(*newer, make_refund("r", minor=2), recorded_at=NOON)

        assert (again.added, again.skipped) == (0, 2)
        assert [one.person_id for one in changed.stage_records] == ["guest-1"]
        assert store.stage_record("p1") is None
        history = store.history("guest-1")
        assert [one.status for one in history.purchases] == ["delivered"]
        assert [one.model_dump()["text"] for one in history.interactions] == [""]
        assert store.amend(*newer, recorded_at=NOON).added == 0
        with pytest.raises(ConflictError, match="was erased"):
            store.put_customer(Customer(person_id="guest-1", name="Sari"), recorded_at=NOON)
        store.append(make_purchase("2"), recorded_at=NOON)
        assert store.stage_record("p1").version == len(store.history("p1").records) == 1

    def test_a_new_id_may_be_another_name_of_the_person(self, store: Store) -> None:
        """A guest order was merged into an account: the address goes, the number of the account stays."""
        store.append(make_lead("b@example.org"), make_lead("7"), make_purchase("1", "7"), recorded_at=NOON)
        store.merge("b@example.org", into="7", merged_at=NOON)
        facts = Facts.of(store.history("7"), as_of=NOON)
        store.erase("7", new_id="7")

        assert store.aliases("7") == []
        assert Facts.of(store.history("7"), as_of=NOON) == facts
        assert len(store.history("7").leads) == 1
        assert store.stage_record("b@example.org") is None
        assert are_in_tables(store, "7")

    def test_a_new_id_of_another_person_is_refused(self, store: Store) -> None:
        """An erasure never makes two people one; an unknown person stays unknown."""
        store.append(make_visit("1"), make_visit("2", "p2"), make_visit("3", "p3"), recorded_at=NOON)
        store.merge("p3", into="p2", merged_at=NOON)
        for name in ("p2", "p3"):
            with pytest.raises(ArgumentError, match="new_id is the id of another person already"):
                store.erase("p1", new_id=name)
        with pytest.raises(RecordError, match="no records of this person"):
            store.erase("p9", new_id="p8")
        with pytest.raises(ArgumentError, match="new_id is not a valid person id"):
            store.erase("p1", new_id=" ")

        assert len(store.history("p1").records) == 1

    def test_a_person_who_has_an_erased_id_is_evaluated_by_own_records(self, store: Store) -> None:
        """A second store that still caches the erased person does not count that person's orders."""
        store.append(make_purchase(), recorded_at=NOON)
        with self.opened_again(store, stage=stage) as other:
            other.erase("p1", new_id="guest-1")
            other.append(make_lead(), recorded_at=NOON + DAY)
        result = store.append(make_visit("9"), recorded_at=NOON + 2 * DAY)

        assert [(one.person_id, one.stage, one.version) for one in result.stage_records] == [("p1", "prospect", 2)]

    def test_an_export_has_all_data_of_one_person(self, store: Store) -> None:
        """It parses as the history and has unresolved records, but no contact of a referred person."""
        friend = make_lead("p2", referred_by="p1", contact=Contact(phone=CANARY))
        store.append(*all_kinds(), friend, make_refund("r9", "9"), make_answer("a9", question="q9"), recorded_at=NOON)
        store.put_customer(Customer(person_id="p1", name="Sari"), recorded_at=NOON)
        store.merge("p1b", into="p1", merged_at=NOON)
        store.unmerge("p1b", unmerged_at=NOON)
        store.merge("p1c", into="p1", merged_at=NOON)
        text = store.export("p1c")
        results = json.loads(text)
        history = History.model_validate(results["history"])

        assert CANARY not in text
        assert history == store.history("p1").model_copy(
            update={"referrals": (friend.model_copy(update={"contact": None}),)}
        )
        assert results["stage"]["stage"] == store.stage_record("p1").stage
        assert [one["id"] for one in results["unresolved"]] == ["a9"]
        assert [one["unmerged_at"] for one in results["aliases"]] == [NOON.isoformat(), None]

    def test_reprs_have_no_personal_data(self, store: Store) -> None:
        """Neither a store nor a result shows free text."""
        receipt = store.append(make_question(text=CANARY), recorded_at=NOON)

        assert CANARY not in f"{store!r} {receipt!r} {store.stage_record('p1')!r}"

    # ---- closed ----------------------------------------------------------------------------------------------------

    def test_a_closed_store_refuses_every_call(self, store: Store) -> None:
        """Closing twice is allowed; every other call raises."""
        store.close()
        store.close()

        with pytest.raises(StoreError, match="closed"):
            store.history("p1")
        with pytest.raises(StoreError, match="closed"):
            store.append(make_visit("1"), recorded_at=NOON)


class Laws:
    """Invariants for any records in any order; a subclass for each store opens a new one."""

    def opened(self, **options: Any) -> Opened:
        """Open a new and empty store."""
        raise NotImplementedError

    @given(data=st.data())
    def test_any_order_gives_the_same_history(self, data: st.DataObject) -> None:
        """Any order, batches and repetitions give the same history, facts and stage record."""
        records = data.draw(record_lists("p1"))
        customer = data.draw(st.none() | customers("p1"))
        delivered = [*records, *data.draw(st.lists(st.sampled_from(records), max_size=3) if records else st.just([]))]
        portions = _portions(data, data.draw(st.permutations(delivered)))
        as_of = data.draw(instants())
        with self.opened() as store:
            for portion in portions:
                store.append(*portion, recorded_at=data.draw(instants()))
            if customer is not None:
                store.put_customer(customer, recorded_at=as_of)
            history = store.history("p1")
            (stage_record,) = store.refresh("p1", as_of=as_of) or [None]
            unresolved = store.unresolved()

        assert unresolved == []
        assert history == History.of("p1", records, customer=customer)
        if stage_record is not None:
            assert stage_record.stage == stage.of(history, POLICY, as_of=as_of)

    @given(data=st.data())
    def test_the_stored_stage_is_the_rules_answer(self, data: st.DataObject) -> None:
        """After every append the stage is the rule's answer, and it stays until the predicted change."""
        records = data.draw(record_lists("p1"))
        with self.opened() as store:
            for portion in _portions(data, data.draw(st.permutations(records))):
                as_of = data.draw(instants())
                store.append(*portion, recorded_at=as_of)
                history, stage_record = store.history("p1"), store.stage_record("p1")
                if stage_record is None or stage_record.evaluated_at != as_of:
                    continue  # only refunds came, whose purchase nobody knows yet
                assert stage_record.stage == stage.of(history, POLICY, as_of=as_of)
                change = stage_record.next_change
                until = START + 900 * DAY if change is None else change - TICK
                assert until >= as_of
                later = data.draw(st.datetimes(as_of.replace(tzinfo=None), until.replace(tzinfo=None)))
                for moment in (later.replace(tzinfo=UTC), until):
                    assert stage.of(history, POLICY, as_of=moment) == stage_record.stage

    @settings(max_examples=max(5, settings.default.max_examples // 4))
    @given(data=st.data())
    def test_refresh_all_equals_refresh_of_each(self, data: st.DataObject) -> None:
        """Stages and next changes equal those of each history, at any instant."""
        histories = data.draw(people(most=6))
        records: dict[Record, None] = dict.fromkeys(record for one in histories for record in one.records)
        as_of = data.draw(instants())
        with self.opened() as store:
            store.load(list(records), recorded_at=NOON)
            names = store.due(before=NOON)
            assert store.refresh_all(as_of=as_of) == len(names)
            results = [store.stage_record(name) for name in names]
            each = store.refresh(*names, as_of=as_of)

        assert each == [attrs.evolve(one, previous_stage=one.stage) for one in results]

    @settings(max_examples=max(5, settings.default.max_examples // 4))
    @given(data=st.data())
    def test_logs_equal_the_histories(self, data: st.DataObject) -> None:
        """The store's logs have the rows of the added histories, and give the same facts and transitions."""
        histories = data.draw(people(most=6))
        records: dict[Record, None] = dict.fromkeys(record for one in histories for record in one.records)
        as_of = data.draw(instants())
        with self.opened() as store:
            store.load(data.draw(st.permutations(list(records))), recorded_at=NOON)
            assert are_in_tables(store, *(one.person_id for one in histories))
            results = {
                one.person_id: transitions.of(store.history(one.person_id), POLICY, as_of=as_of) for one in histories
            }
            logs = store.logs() if FULL else None

        assert results == {one.person_id: transitions.of(one, POLICY, as_of=as_of) for one in histories}
        if logs is not None:
            expected = Logs(**tables(histories))
            assert facts_of(logs, as_of) == facts_of(expected, as_of)
            assert transitions_of(logs, as_of) == transitions_of(expected, as_of)

    @settings(max_examples=max(10, settings.default.max_examples // 4))
    @given(data=st.data())
    def test_accepted_records_make_a_valid_history(self, data: st.DataObject) -> None:
        """Records that a store accepts, in any order, make a valid history and valid logs."""
        drawn_records = [data.draw(record_lists("p1", most=6)), data.draw(record_lists("p1", most=6, currency="IDR"))]
        pool = [record for one in drawn_records for record in one]
        stored: dict[tuple[type, tuple[str, str]], Record] = {}
        with self.opened() as store:
            for record in data.draw(st.permutations(pool)):
                how = data.draw(st.sampled_from([store.append, store.amend]))
                before = store.history("p1")
                try:
                    how(record, recorded_at=NOON)
                except RecordError:
                    assert store.history("p1") == before
                    continue
                stored[_log_of(record), record.key] = record
            history, unresolved, stage_record = store.history("p1"), store.unresolved(), store.stage_record("p1")
            with store._reading() as rows:
                logs = Logs(**frames_of(rows), currency=history.currency)  # checked, as those of a store are not again

        results = {(_log_of(record), record.key): record for record in history.records}
        unresolved_left = [(kind, key) for kind, *key in unresolved]
        assert len(results) + len(unresolved_left) == len(stored)
        assert all(_same(stored[key], record) for key, record in results.items())
        assert stage_record is None or stage_record.stage == stage.of(history, POLICY, as_of=NOON)
        stages_by_person = {row["person_id"]: row["stage"] for row in read(stage.over(logs, POLICY, as_of=NOON))}
        assert stages_by_person.get("p1", "lead") == stage.of(history, POLICY, as_of=NOON)

    @given(data=st.data())
    def test_unmerge_restores_both_people(self, data: st.DataObject) -> None:
        """A merge gives one history of all records; undoing it restores both people."""
        first, second, *_ = data.draw(people(most=6))
        names = first.person_id, second.person_id
        with self.opened() as store:
            store.append(*dict.fromkeys([*first.records, *second.records]), recorded_at=NOON)
            before = [store.history(name) for name in names]
            refreshed = [store.refresh(name, as_of=NOON) for name in names]
            try:
                merged = store.merge(names[1], into=names[0], merged_at=NOON)
            except RecordError:
                assert before[0].currency != before[1].currency or not any(one.records for one in before)
                return
            both = store.history(names[0])
            assert len(both.purchases) == sum(len(one.purchases) for one in before)
            assert len(both.interactions) == sum(len(one.interactions) for one in before)
            assert merged.stage == stage.of(both, POLICY, as_of=NOON)
            own, other = store.unmerge(names[1], unmerged_at=NOON)
            assert [store.history(name) for name in names] == before
            for one, was in ((other, refreshed[0]), (own, refreshed[1])):
                assert not was or (one.stage, one.next_change) == (was[0].stage, was[0].next_change)

    @given(st.lists(st.tuples(st.integers(0, 9), *[st.integers(1, 5)] * 3), max_size=24))
    def test_only_merges_in_effect_count(self, drawn_records: list[tuple[int, int, int, int]]) -> None:
        """After any appends, merges and undoings, everyone equals a store with the records and the current merges."""
        stored: list[Record] = []
        merges: dict[str, str] = {}
        with self.opened() as store:
            for how, *numbers in drawn_records:
                _one_step(store, how, numbers, stored, merges)
            result = _everyone_in(store, merges)
            store.refresh_all(as_of=NOON)
            assert _everyone_in(store, merges) == result
            store.refresh(*result[0], as_of=NOON)
            assert _everyone_in(store, merges) == result
        with self.opened() as store:
            for record in stored:
                store.append(record, recorded_at=NOON)
            for alias in sorted(merges, key=lambda alias: _end(alias, merges)):
                with suppress(RecordError):  # of these two nothing is left, once they are parted from another
                    store.merge(alias, into=merges[alias], merged_at=NOON)
            assert _everyone_in(store, merges) == result


_PEOPLE = tuple(f"p{number}" for number in range(1, 6))


def _end(name: str, merges: Mapping[str, str]) -> str:
    """Follow the merges to the current name of a person."""
    while name in merges:
        name = merges[name]
    return name


def _one_step(store: Store, how: int, numbers: Sequence[int], stored: list[Record], merges: dict[str, str]) -> None:
    """Append a record, merge two names or undo a merge; a refused call changes nothing."""
    (person, other), number = (f"p{one}" for one in numbers[:2]), numbers[2]
    makers: Mapping[int, Callable[[], Record]] = {
        0: lambda: make_visit(f"v{number}", person),
        1: lambda: make_purchase(f"o{number}", person),
        2: lambda: make_refund(f"r{number}", f"o{number}", 1),
        3: lambda: make_lead(person, referred_by=None if other == person else other),
        4: lambda: make_lead(person, at=NOON - number % 2 * DAY),
        5: lambda: make_question(f"q{number}", person),
        6: lambda: make_answer(f"a{number}", person, f"q{number}"),
        7: lambda: Complaint(id=f"c{number}", person_id=person, occurred_at=NOON, purchase_id=f"o{number}"),
    }
    is_unknown = store.stage_record(person) is None is store.stage_record(other)
    try:
        if how == 9 and person in merges:
            store.unmerge(person, unmerged_at=NOON)
            del merges[person]
        elif how >= 8:
            store.merge(person, into=other, merged_at=NOON)
            merges[person] = other
        else:
            record = makers[how]()
            if store.append(record, recorded_at=NOON).added:
                stored.append(record)
    except RecordError:
        assert how < 8 or _end(person, merges) == _end(other, merges) or person in merges or is_unknown


def _everyone_in(store: Any, merges: Mapping[str, str]) -> tuple[list[str], Any]:
    """Return the names of people, and their histories, stages, dates and unresolved records."""
    there = [name for name in _PEOPLE if store.history(name).records]
    ends = sorted({_end(name, merges) for name in there})
    assert are_in_tables(store, *ends)
    assert all(_end(name, merges) == name for name in store.due(before=NOON + 9999 * DAY))
    results = []
    for name in there:
        history, stage_record = store.history(name), store.stage_record(name)
        assert history.person_id == stage_record.person_id == _end(name, merges)
        assert stage_record.stage == stage.of(history, POLICY, as_of=NOON)
        results.append((name, history, stage_record.stage, stage_record.next_change))
    return ends, (results, sorted(store.unresolved()))


def _portions(data: st.DataObject, records: Sequence[Record]) -> list[Sequence[Record]]:
    """Records in portions of any size."""
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(records) - 1)), max_size=4)))
    portions = [records[start:end] for start, end in zip([0, *cuts], [*cuts, len(records)], strict=True)]
    return [portion for portion in portions if portion]


def _log_of(record: Record) -> type:
    return type(record) if isinstance(record, Lead | Purchase | Refund) else Visit.__mro__[1]


def _same(stored: Record, results: Record) -> bool:
    """Return whether a record equals the stored one; a complaint may have lost its purchase."""
    if isinstance(stored, Complaint) and isinstance(results, Complaint) and results.purchase_id is None:
        return stored.model_copy(update={"purchase_id": None}) == results
    return stored == results
