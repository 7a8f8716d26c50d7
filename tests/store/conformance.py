"""What every store must do, whatever database it keeps the records in: one suite, run against each of them."""

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
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from funnel._copies import unchecked
from funnel.errors import ArgumentError, ConflictError, FunnelError, InstantError, RecordError, StaleError, StoreError
from funnel.facts import Facts, count, exists, last, latest, soonest, total
from funnel.facts._base import BaseFacts
from funnel.history import History
from funnel.interactions import Answer, Complaint, Delivery, Feedback, Postponement, Question, Quote, Visit
from funnel.logs import Logs
from funnel.money import Money
from funnel.policy import Policy
from funnel.records import Contact, Customer, Lead, OrderLine, Purchase, Record, Refund
from funnel.rules._rule import rule
from funnel.stages import stage, transitions
from funnel.store import _base
from funnel.store._frames import frames_of
from funnel.store._protocol import Alias, Store
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
    """How many people they sent: a stage that is a number."""
    return f.referral_count


def bought(number: str = "1", person: str = "p1", minor: int = 900, **more: Any) -> Purchase:
    """An order of a few cents."""
    fields = {"purchased_at": NOON, "amount": Money.of_minor(minor, "USD"), **more}
    return Purchase.model_validate({"id": number, "person_id": person, **fields})


def back(number: str, purchase: str = "1", minor: int = 900, at: datetime = NOON) -> Refund:
    """Money given back for an order."""
    return Refund(id=number, purchase_id=purchase, refunded_at=at, amount=Money.of_minor(minor, "USD"))


def visit(number: str, person: str = "p1", at: datetime = NOON) -> Visit:
    """Somebody came."""
    return Visit(id=number, person_id=person, occurred_at=at)


def asked(number: str = "q1", person: str = "p1", at: datetime = NOON, words: str = "") -> Question:
    """Somebody asked."""
    return Question(id=number, person_id=person, occurred_at=at, words=words)


def answered(number: str = "a1", person: str = "p1", question: str = "q1", at: datetime = NOON) -> Answer:
    """The shop answered."""
    return Answer(id=number, person_id=person, question_id=question, occurred_at=at)


def came(person: str = "p1", at: datetime = NOON, **more: Any) -> Lead:
    """Somebody arrived."""
    return Lead.model_validate({"person_id": person, "arrived_at": at, **more})


def forged(record: M, fields: Mapping[str, Any]) -> M:
    """Copy a record past its checks, as a pickle from elsewhere can."""
    return BaseModel.model_copy(record, update=fields)


def everything() -> list[Record]:
    """Records of one person that fill every column and everything that is kept apart."""
    line = OrderLine(sku="mug", category="cups", quantity=2, unit_price=Money("4.50", "USD"), unit_cost=Money(1, "USD"))
    cheaper = OrderLine(sku="cup", unit_price=Money(3, "USD"), discount=Money("0.10", "USD"))
    return [
        came(
            source="fair", campaign="spring", referred_by="friend", contact=Contact(phone="1", email="a@b", handle="c")
        ),
        bought("1", amount=Money("11.90", "USD"), lines=(line, cheaper), promotion="launch", promised_at=NOON + DAY),
        bought("2", status="cancelled", cancelled_at=NOON + DAY, delivered_at=NOON + TICK),
        back("1", minor=100),
        asked(words="when?\nsoon?"),
        answered(at=NOON + TICK),
        Complaint(id="c1", person_id="p1", occurred_at=NOON, purchase_id="1", words="broken"),
        Delivery(id="d1", person_id="p1", occurred_at=NOON, purchase_id="1"),
        Feedback(id="f1", person_id="p1", occurred_at=NOON, score=5, words="good"),
        Postponement(
            id="n1", person_id="p1", occurred_at=NOON, reason="payday", until=NOON, latest=NOON + DAY, words="25th"
        ),
        Quote(id="k1", person_id="p1", occurred_at=NOON, amount=Money(9, "USD"), sku="mug", channel="phone"),
    ]


class FewFacts(BaseFacts):
    """A fact of every log; few, so that tables are counted fast."""

    lead_count: int = count("leads")
    was_referred: bool = exists("leads", where=lambda lead: lead.referred)
    referral_count: int = count("referrals")
    purchase_count: int = count("purchases")
    net_spent: int = total("purchases", "net_amount")
    last_promotion: str = latest("purchases", "promotion")
    refund_reason: str = latest("refunds", "reason")
    order_count: int = count("orders")
    delivered_at: datetime | None = last("deliveries")
    inbound_count: int = count("interactions", where=lambda said: said.direction == "in")
    last_channel: str = latest("interactions", "channel")
    open_question_count: int = count("open_questions")
    open_complaint_count: int = count("open_complaints")
    ready_from: datetime | None = soonest("postponements", "ready_from")
    last_score: int = latest("feedback", "score")


def are_in_tables(store: Any, *people: str) -> bool:
    """Whether everyone's tables hold the rows of these people's histories, and no others."""
    with store._reading() as kept:
        found = {log: frame.drop("currency", strict=False) for log, frame in frames_of(kept).items()}
    expected = tables([store.history(name) for name in people])
    heard = pl.when(pl.col("kind") != "complaint").then("regarding")  # a complaint need not be about a purchase
    expected["interactions"] = expected["interactions"].with_columns(heard.alias("regarding"))
    return {log: sorted(frame.rows(), key=str) for log, frame in found.items()} == {
        log: sorted(frame.select(found[log].columns).rows(), key=str) for log, frame in expected.items()
    }


def facts_of(logs: Logs, as_of: datetime) -> list[dict[str, Any]]:
    """Everyone's facts, as plain rows."""
    return read(FewFacts.over(logs, as_of=as_of))


def moves_of(logs: Logs, as_of: datetime) -> list[dict[str, Any]]:
    """Everyone's moves, as plain rows in one order."""
    return sorted(read(transitions.over(logs, POLICY, as_of=as_of)), key=str)


class Conformance:
    """The suite; a class for each store says how a new one is opened."""

    def opened(self, **options: Any) -> Opened:
        """Open a new and empty store."""
        raise NotImplementedError

    def opened_again(self, store: Any, **options: Any) -> Opened:
        """Open the same store beside itself."""
        raise NotImplementedError

    @pytest.fixture
    def store(self) -> Iterable[Store]:
        """Give a new and empty store."""
        with self.opened() as store:
            yield store

    # ---- records ---------------------------------------------------------------------------------------------------

    def test_what_is_put_in_comes_out(self, store: Store) -> None:
        """Every field of every kind of record comes back as it was, lines and words too."""
        records = everything()
        receipt = store.append(*records, recorded_at=NOON)

        assert (receipt.added, receipt.repeated) == (len(records), 0)
        assert store.history("p1") == History.of("p1", records)
        assert set(store.history("p1").records) == set(records)

    def test_twice_is_once(self, store: Store) -> None:
        """The same record in one call, and again in another, is one record, and its person has not changed."""
        first = store.append(visit("1"), visit("1"), recorded_at=NOON)
        second = store.append(visit("1"), recorded_at=NOON + DAY)

        assert (first.added, first.repeated) == (1, 1)
        assert (second.added, second.repeated, second.standings) == (0, 1, ())
        assert store.stage_record("p1") == first.standings[0]

    def test_nothing_is_appended_by_no_record(self, store: Store) -> None:
        """A call without records does nothing."""
        assert store.append(recorded_at=NOON).added == 0
        assert store.due(before=NOON + 9_999 * DAY) == []

    @pytest.mark.parametrize(
        ("first", "second", "differs"),
        [
            (bought(), bought(minor=800), "amount"),
            (bought(), bought(person="p2"), "person_id"),
            (bought(), bought(status="placed"), "status"),
            (visit("1"), asked("1"), "kind"),
            (asked(words=CANARY), asked(words="other"), "words or contact"),
            (came(contact=Contact(phone=CANARY)), came(), "words or contact"),
            (back("r", "1", 3), back("r", "2", 3), "regarding"),
        ],
        ids=["amount", "person", "status", "kind", "words", "contact", "purchase"],
    )
    def test_the_same_id_with_other_content_is_refused(
        self, store: Store, first: Record, second: Record, differs: str
    ) -> None:
        """Whether it comes in one call or in two, nothing of that call is kept, and the message tells the columns."""
        with pytest.raises(ConflictError, match=differs) as told:
            store.append(visit("new"), first, second, recorded_at=NOON)
        assert CANARY not in str(told.value)
        assert store.stage_record("p1") is None

        store.append(first, recorded_at=NOON)
        kept = store.stage_record("p1")
        with pytest.raises(ConflictError, match=differs):
            store.append(visit("new"), second, recorded_at=NOON)
        assert store.stage_record("p1") == kept

    def test_ids_are_of_their_source_and_log(self, store: Store) -> None:
        """An order, a refund and a visit may have one number, and so may orders of two systems."""
        other = bought(source="web", purchased_at=NOON + DAY)
        receipt = store.append(bought("1"), other, back("1"), visit("1"), recorded_at=NOON)

        assert receipt.added == 4
        assert len(store.history("p1").records) == 4

    @pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
    def test_hostile_text_is_only_text(self, store: Store, text: str) -> None:
        """What would be a statement, a mark, or right to left elsewhere comes back letter by letter."""
        records: list[Record] = [
            came(text, source=text, campaign=text, contact=Contact(phone=text)),
            bought(text, text, source=text, promotion=text, lines=(OrderLine(sku=text, unit_price=Money(9, "USD")),)),
            Question(id=text, source=text, person_id=text, occurred_at=NOON, channel=text, sku=text, words=text),
        ]
        store.append(*records, recorded_at=NOON)
        store.put_customer(Customer(person_id=text, name=text, address=text), recorded_at=NOON)

        assert store.history(text).records == History.of(text, records).records
        assert store.history(text).customer == Customer(person_id=text, name=text, address=text)
        assert json.loads(store.export(text))["person_id"] == text
        assert are_in_tables(store, text)
        assert store.due(before=NOON + 9_999 * DAY) == [text]

    def test_a_megabyte_of_words_is_kept(self, store: Store) -> None:
        """What somebody said may be long."""
        words = "é\n" * 500_000
        store.append(asked(words=words), recorded_at=NOON)

        assert store.history("p1").interactions[0].model_dump()["words"] == words

    @pytest.mark.parametrize("amount", [0, 1, 10**14])
    def test_amounts_and_instants_are_exact(self, store: Store, amount: int) -> None:
        """The smallest and the largest amount, the first and the last instant come back to the unit."""
        times = (datetime(1800, 1, 1, tzinfo=UTC), datetime(2199, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))
        for number, moment in enumerate(times):
            store.append(bought(str(number), minor=amount, purchased_at=moment), recorded_at=NOON)

        assert [one.amount.minor for one in store.history("p1").purchases] == [amount, amount]
        assert [one.purchased_at for one in store.history("p1").purchases] == list(times)

    def test_a_record_of_a_class_of_its_own_is_refused(self, store: Store) -> None:
        """A store keeps the records that the library has, and says so."""

        class Call(Visit, frozen=True):
            pass

        with pytest.raises(ArgumentError, match="a Call is not a record that a store keeps"):
            store.append(Call(id="1", person_id="p1", occurred_at=NOON), recorded_at=NOON)

    @pytest.mark.parametrize("moment", [datetime(2026, 3, 1), "2026-03-01", None])  # noqa: DTZ001
    def test_a_time_without_a_zone_is_refused(self, store: Store, moment: Any) -> None:
        """Every call that takes an instant says which of its arguments is none."""
        for call, name in (
            (lambda: store.append(visit("1"), recorded_at=moment), "recorded_at"),
            (lambda: store.refresh("p1", as_of=moment), "as_of"),
            (lambda: store.due(before=moment), "before"),
            (lambda: store.merge("p2", into="p1", merged_at=moment), "merged_at"),
        ):
            with pytest.raises(InstantError, match=name):
                call()

    def test_a_record_with_a_long_key_is_kept(self, store: Store) -> None:
        """The id of a lead is the person, the instant and the campaign: longer than an id may be, in any letters."""
        for letter in ("x", "é", "👩"):
            long = letter * 200
            lead = came(long, source=long, campaign=long, at=NOON + TICK)
            store.append(lead, lead, recorded_at=NOON)
            store.append(bought(long, long, source=long), recorded_at=NOON)

            assert store.append(lead, recorded_at=NOON).repeated == 1
            assert store.history(long).leads == (lead,)

    @pytest.mark.parametrize(
        ("made", "fault"),
        [
            (forged(bought(), {"status": "shiped"}), "status"),
            (forged(bought(), {"amount": Money(-5, "USD")}), "amount"),
            (forged(bought(), {"purchased_at": datetime(1700, 1, 1, tzinfo=UTC)}), "purchased_at"),
            (forged(bought(), {f"{CANARY}s": 1}), r"\(unknown\): is not a field"),
            (forged(bought(), {"promotions": "x"}), "promotions: is not a field; did you mean promotion"),
            (forged(bought(), {"person_id": 7}), "person_id"),
            (unchecked(Visit, {"id": "1"}), "person_id"),
            (forged(came(), {"contact": unchecked(Contact, {"phone": 7})}), "contact.phone"),
            (forged(bought(), {"lines": (unchecked(OrderLine, {"sku": CANARY * 99}),)}), "lines.0.sku"),
            (forged(asked(), {"words": f"{CANARY}\0"}), "words"),
        ],
        ids=range(10),
    )
    def test_a_record_is_checked_whatever_made_it(self, store: Store, made: Record, fault: str) -> None:
        """What came past the checks of its class is refused with its field, and nothing of the call is kept."""
        for call in (store.append, store.amend):
            with pytest.raises(RecordError, match=f"cannot be kept: .*{fault}") as told:
                call(visit("new"), made, recorded_at=NOON)
            assert CANARY not in f"{told.value} {told.value.__cause__}"
        with pytest.raises(RecordError, match=fault):
            store.load([visit("new"), made], recorded_at=NOON)

        assert store.stage_record("p1") is None

    def test_a_customer_is_checked_whatever_made_it(self, store: Store) -> None:
        """A customer that came past the checks of its class is refused, and so is what is not a customer."""
        for fields in ({"person_id": 7, "name": "Sari"}, {"person_id": "p1"}):
            with pytest.raises(RecordError, match="a Customer cannot be kept"):
                store.put_customer(unchecked(Customer, fields), recorded_at=NOON)
        person: Any = "Sari"
        with pytest.raises(ArgumentError, match="a str is not a record that a store keeps"):
            store.append(person, recorded_at=NOON)
        with pytest.raises(ArgumentError, match=r"customer must be a Customer \(got str\)"):
            store.put_customer(person, recorded_at=NOON)

    @pytest.mark.parametrize("make", [copy, deepcopy, pickle.dumps])
    def test_a_store_is_not_copied(self, store: Store, make: Callable[[Store], object]) -> None:
        """A copy would share the connection, and a pickle cannot take it along: the error says what to do."""
        with pytest.raises(StoreError, match=r"open one in each process by its own call, Sql\w+Store\(\.\.\.\)$"):
            make(store)

    # ---- what refers to what ---------------------------------------------------------------------------------------

    def test_what_comes_before_its_cause_waits(self, store: Store) -> None:
        """A refund, an answer and a delivery that come first are kept, and count once what they refer to has come."""
        early = [back("r"), answered(), Delivery(id="d", person_id="p1", occurred_at=NOON, purchase_id="1")]
        store.append(*early, recorded_at=NOON)
        assert sorted(kind for kind, _, _ in store.unresolved()) == ["answer", "delivery", "refund"]
        assert store.history("p1").records == ()
        assert are_in_tables(store)

        store.append(bought(), asked(), recorded_at=NOON)
        assert store.unresolved() == []
        assert store.history("p1") == History.of("p1", [*early, bought(), asked()])
        assert are_in_tables(store, "p1")
        assert store.stage_record("p1").stage == stage.of(store.history("p1"), POLICY, as_of=NOON)

    def test_what_comes_before_its_cause_in_one_call_counts(self, store: Store) -> None:
        """A refund, then its purchase, beside a visit that came again, of somebody who was judged before."""
        store.append(visit("1"), recorded_at=NOON)
        given = [back("r", minor=1), bought(), answered(), asked(), visit("1")]
        receipt = store.append(*given, recorded_at=NOON)

        assert (receipt.added, receipt.repeated) == (4, 1)
        assert receipt.standings[0].stage == "customer"
        assert store.history("p1") == History.of("p1", given)

    def test_a_complaint_is_heard_though_its_purchase_is_not_there(self, store: Store) -> None:
        """It is a complaint about no purchase until the purchase comes."""
        complaint = Complaint(id="c", person_id="p1", occurred_at=NOON, purchase_id="1")
        store.append(complaint, recorded_at=NOON)
        assert store.unresolved() == []
        assert store.history("p1").interactions == (complaint.model_copy(update={"purchase_id": None}),)
        assert are_in_tables(store, "p1")

        store.append(bought(), recorded_at=NOON)
        assert store.history("p1").interactions == (complaint,)

    def test_an_answer_to_something_else_waits(self, store: Store) -> None:
        """An answer to a visit, or to the question of another person, is in no history."""
        store.append(visit("q1"), asked("q2", "p2"), answered(), answered("a2", question="q2"), recorded_at=NOON)

        assert len(store.unresolved()) == 2
        assert store.history("p1").interactions == (visit("q1"),)
        assert are_in_tables(store, "p1", "p2")

    @pytest.mark.parametrize(
        ("first", "second", "message"),
        [
            (bought(), back("r", at=NOON - TICK), "refund 'r' of 'shop' lies before its purchase '1'"),
            (bought(), back("r", minor=901), "together above its amount"),
            (asked(), answered(at=NOON - TICK), "answer 'a1' of 'shop' lies before its question 'q1'"),
            (bought(), bought("2", amount=Money(9, "IDR")), "IDR and USD meet"),
            (came(referred_by="p1", person="p2"), came("p2", referred_by="p3"), "differs in referred_by"),
        ],
        ids=["early refund", "large refund", "early answer", "currencies", "referrer"],
    )
    def test_what_cannot_be_true_together_is_refused(
        self, store: Store, first: Record, second: Record, message: str
    ) -> None:
        """In whatever order the two come, the second of them changes nothing."""
        for one, other in ((first, second), (second, first)):
            with self.opened() as fresh:
                fresh.append(one, recorded_at=NOON)
                kept = [fresh.stage_record(name) for name in ("p1", "p2", "p3")]
                with pytest.raises(RecordError) as told:
                    fresh.append(visit("new"), other, recorded_at=NOON)
                assert message in str(told.value) or "ConflictError" in type(told.value).__name__
                assert [fresh.stage_record(name) for name in ("p1", "p2", "p3")] == kept
        with pytest.raises(RecordError, match=message):
            store.append(first, second, recorded_at=NOON)

    def test_refunds_add_up_across_calls(self, store: Store) -> None:
        """Three refunds that come one by one may not be above the purchase together."""
        store.append(bought(minor=10), back("1", minor=4), recorded_at=NOON)
        store.append(back("2", minor=6), recorded_at=NOON)
        with pytest.raises(RecordError, match="together above its amount"):
            store.append(back("3", minor=1), recorded_at=NOON)

        assert len(store.history("p1").refunds) == 2

    def test_many_faults_are_counted(self, store: Store) -> None:
        """A message spells out twenty faults and says how many more there are."""
        store.append(*(bought(str(number)) for number in range(30)), recorded_at=NOON)
        late = [back(str(number), str(number), at=NOON - TICK) for number in range(30)]

        with pytest.raises(RecordError, match="and 10 more"):
            store.append(*late, recorded_at=NOON)

    # ---- amending --------------------------------------------------------------------------------------------------

    def test_an_order_moves_on(self, store: Store) -> None:
        """An order that was placed, paid and cancelled is amended each time; twice is once here too."""
        store.append(bought(status="placed"), recorded_at=NOON)
        assert store.amend(bought(), recorded_at=NOON).standings[0].stage == "customer"
        cancelled = bought(status="cancelled", cancelled_at=NOON + DAY)
        moved = store.amend(cancelled, recorded_at=NOON + DAY).standings[0]

        assert (moved.previous_stage, moved.stage, moved.has_changed) == ("customer", "prospect", True)
        assert store.amend(cancelled, recorded_at=NOON + DAY).repeated == 1
        assert store.history("p1").purchases == (cancelled,)
        with pytest.raises(ConflictError):
            store.append(bought(), recorded_at=NOON)

    def test_what_is_amended_may_be_new(self, store: Store) -> None:
        """A record that is not there yet is added."""
        assert store.amend(bought(), recorded_at=NOON).added == 1
        assert store.history("p1").purchases == (bought(),)

    def test_amended_words_leave_no_former_ones(self, store: Store) -> None:
        """What was said wrongly is gone, what is said now is there once."""
        store.append(asked(words=CANARY), recorded_at=NOON)
        store.amend(asked(words="better"), recorded_at=NOON)
        assert store.history("p1").interactions == (asked(words="better"),)
        store.amend(asked(), recorded_at=NOON)

        assert store.history("p1").interactions == (asked(),)
        assert store.erase("p1") == 0

    def test_an_order_may_turn_out_to_be_another_persons(self, store: Store) -> None:
        """Both people are judged again, and the refunds of the order go with it."""
        store.append(bought(), back("r", minor=1), came("p2", at=NOON + DAY), recorded_at=NOON + DAY)
        moved = store.amend(bought(person="p2"), recorded_at=NOON + DAY)

        assert {one.person_id: one.stage for one in moved.standings} == {"p1": "lead", "p2": "customer"}
        assert store.history("p1").records == ()
        assert store.history("p2").refunds == (back("r", minor=1),)

    def test_an_amended_lead_has_another_sender(self, store: Store) -> None:
        """Who sent them, and who no longer did, both change."""
        store.append(came("p2", referred_by="p1"), recorded_at=NOON)
        changed = store.amend(came("p2", referred_by="p3"), recorded_at=NOON)

        assert sorted(one.person_id for one in changed.standings) == ["p1", "p2", "p3"]
        assert store.history("p1").referrals == ()
        assert store.history("p3").referrals == (came("p2", referred_by="p3"),)

    def test_the_only_money_may_be_amended_to_another_currency(self, store: Store) -> None:
        """A person's currency is that of what is kept now."""
        store.append(bought(), recorded_at=NOON)
        rupiah = bought(amount=Money(90, "IDR"))
        store.amend(rupiah, recorded_at=NOON)
        store.append(bought("2", amount=Money(90, "IDR")), recorded_at=NOON)
        with pytest.raises(RecordError, match="IDR and USD meet"):
            store.amend(bought(), recorded_at=NOON)

        assert store.history("p1").currency == "IDR"

    # ---- standings -------------------------------------------------------------------------------------------------

    def test_versions_count_the_changes(self, store: Store) -> None:
        """Each record moves the version of its person on by one, from one."""
        for number in range(1, 4):
            assert store.append(visit(str(number)), recorded_at=NOON).standings[0].version == number

    def test_nobody_is_overwritten_unseen(self, store: Store) -> None:
        """What is written for a version that has passed is refused, and the records are not kept."""
        store.append(visit("1"), recorded_at=NOON, expected={"p1": 0})
        store.append(visit("2"), recorded_at=NOON, expected={"p1": 1, "nobody": 0})
        for call in (store.append, store.amend):
            with pytest.raises(StaleError, match="1 of the people have changed"):
                call(visit("3"), recorded_at=NOON, expected={"p1": 1})
        with pytest.raises(StaleError):
            store.put_customer(Customer(person_id="p1", name="Sari"), recorded_at=NOON, expected={"p1": 1})

        assert len(store.history("p1").records) == 2
        assert store.history("p1").customer is None

    def test_a_call_that_is_made_again_is_not_stale(self, store: Store) -> None:
        """Whoever did not hear that it was done may ask again with the same words."""
        store.append(visit("1"), recorded_at=NOON, expected={"p1": 0})

        assert store.append(visit("1"), recorded_at=NOON, expected={"p1": 0}).repeated == 1

    def test_a_standing_is_the_rules_answer(self, store: Store) -> None:
        """The stage and its next change are those that the rule gives for the history."""
        store.append(bought(), recorded_at=NOON)
        standing = store.stage_record("p1")

        assert standing.stage == "customer"
        assert standing.evaluated_at == NOON
        assert standing.next_change == NOON + POLICY.lapse_after + TICK

    def test_nobody_has_no_standing(self, store: Store) -> None:
        """Of an unknown person there is an empty history, no standing, no alias, and an export that says so."""
        assert store.stage_record("p9") is None
        assert store.history("p9") == History(person_id="p9")
        assert store.aliases("p9") == []
        assert json.loads(store.export("p9"))["stage"] is None
        assert store.refresh("p9", as_of=NOON) == []
        assert store.erase("p9") == 0

    def test_due_is_who_changes_before_an_instant(self, store: Store) -> None:
        """A customer lapses by themselves; just before that nobody is due, then they are, and judged they are not."""
        store.append(bought(), bought("2", "p2", purchased_at=NOON - DAY), visit("3", "p3"), recorded_at=NOON)
        lapse = NOON + POLICY.lapse_after + TICK

        assert store.due(before=lapse - DAY) == []
        assert store.due(before=lapse) == ["p2"]
        assert store.due(before=lapse + TICK) == ["p2", "p1"]
        assert store.due(before=lapse + TICK, limit=1) == ["p2"]
        judged = store.refresh("p1", "p2", "p2", as_of=lapse)
        assert [(one.person_id, one.previous_stage, one.stage) for one in judged] == [
            ("p1", "customer", "lapsed"),
            ("p2", "customer", "lapsed"),
        ]
        assert store.due(before=lapse + 999 * DAY) == []

    def test_a_record_dated_ahead_is_due_when_it_comes_to_count(self, store: Store) -> None:
        """An order of tomorrow, its cancellation the day after: they are due at each, and judged right."""
        ahead = bought(purchased_at=NOON + DAY, status="cancelled", cancelled_at=NOON + 2 * DAY)
        assert store.append(ahead, recorded_at=NOON).standings[0].next_change == NOON + DAY
        assert store.refresh("p1", as_of=NOON + DAY)[0].next_change == NOON + 2 * DAY
        assert store.refresh("p1", as_of=NOON + DAY)[0].stage == "customer"

        assert store.refresh("p1", as_of=NOON + 2 * DAY)[0].stage == "prospect"

    def test_a_clock_may_go_backwards(self, store: Store) -> None:
        """What is recorded at an earlier instant than the last is judged at that instant, and due for what is ahead."""
        store.append(bought(), recorded_at=NOON)
        earlier = store.append(visit("1", at=NOON - DAY), recorded_at=NOON - TICK).standings[0]

        assert (earlier.stage, earlier.next_change) == ("prospect", NOON)
        assert store.refresh(*store.due(before=NOON + TICK), as_of=NOON)[0].stage == "customer"

    def test_a_record_may_come_two_years_late(self, store: Store) -> None:
        """An old order that is found in a drawer makes a customer a repeat customer, at its own date."""
        store.append(bought(), recorded_at=NOON)
        late = store.append(bought("0", purchased_at=NOON - 730 * DAY), recorded_at=NOON + DAY).standings[0]

        assert (late.previous_stage, late.stage) == ("customer", "repeat_customer")
        assert store.history("p1").purchases[0].id == "0"

    def test_a_shop_has_its_own_rule_and_policy(self) -> None:
        """The stage that is kept is the answer of the rule that the store was opened with."""
        with self.opened(policy=Policy(lapse_after=DAY)) as store:
            standing = store.append(bought(), recorded_at=NOON + 2 * DAY).standings[0]

        assert (standing.stage, standing.next_change) == ("lapsed", None)

    # ---- many ------------------------------------------------------------------------------------------------------

    def test_very_many_are_loaded_and_judged_later(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """Loading adds each record once, judges nobody, and lets everybody be due from then on."""
        monkeypatch.setattr(_base, "BATCH", 100)
        records = [visit(str(number), f"p{number % 7}") for number in range(230)]
        loaded = store.load(iter([*records, records[0]]), recorded_at=NOON)

        assert (loaded.added, loaded.repeated, loaded.standings) == (230, 1, ())
        assert store.stage_record("p1").stage is None
        assert store.stage_record("p1").next_change is None
        assert len(store.due(before=NOON)) == 7
        assert {one.stage for one in store.refresh(*store.due(before=NOON), as_of=NOON)} == {"prospect"}
        assert store.due(before=NOON) == []
        assert store.load(records, recorded_at=NOON).repeated == 230

    def test_a_load_that_breaks_off_is_made_again(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """The batches before the fault are kept; with the fault repaired the whole is loaded, each record once."""
        monkeypatch.setattr(_base, "BATCH", 100)
        records: list[Record] = [visit(str(number)) for number in range(230)]
        with pytest.raises(ConflictError):
            store.load([*records, asked("0")], recorded_at=NOON)
        assert len(store.history("p1").records) == 200

        assert store.load(records, recorded_at=NOON).added == 30

    def test_everyone_is_judged_in_one_pass(self, store: Store) -> None:
        """After a load, whoever they are: with a record dated ahead, by another name, sent by a friend, in the book."""
        ahead = bought("2", "p2", purchased_at=NOON + DAY)
        money = [bought(), back("r", at=NOON + DAY), bought("3", "p3"), ahead]
        talk = [visit("1", "p4"), answered("a9", "p5", "q9"), came("p6", referred_by="p7", at=NOON + DAY)]
        store.load([*money, *talk, bought("4", "p1b", purchased_at=NOON - 400 * DAY)], recorded_at=NOON)
        store.load([back("r9", "9")], recorded_at=NOON)
        store.merge("p1b", into="p1", merged_at=NOON)
        store.put_customer(Customer(person_id="p8", name="Sari"), recorded_at=NOON)
        store.append(visit("9", "p9"), recorded_at=NOON)
        people = [f"p{number}" for number in range(1, 10)]

        assert store.refresh_all(as_of=NOON) == 9
        told = {name: store.stage_record(name) for name in people}
        assert {one.person_id: one.stage for one in told.values()} == {
            name: stage.of(store.history(name), POLICY, as_of=NOON) for name in people
        }
        assert [told[name].next_change for name in ("p1", "p2", "p4", "p6", "p7")] == [
            *(NOON + DAY, NOON + DAY, None, NOON + DAY, NOON + DAY),
        ]
        assert store.due(before=NOON + DAY + TICK) == ["p1", "p2", "p6", "p7"]
        assert store.refresh(*people, as_of=NOON) == [
            attrs.evolve(one, previous_stage=one.stage) for one in told.values()
        ]

    def test_whoever_is_changed_meanwhile_keeps_what_was_found(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between looking at everyone and writing where they stand, somebody buys: they are a customer."""
        store.load([visit("1"), visit("2", "p2"), visit("3", "p3")], recorded_at=NOON)
        worked_out = _base.everyone

        def meddled(*given: Any) -> Any:
            store.append(bought(), recorded_at=NOON)
            store.merge("p3", into="p1", merged_at=NOON)
            return worked_out(*given)

        monkeypatch.setattr(_base, "everyone", meddled)
        monkeypatch.setattr(_base, "BATCH", 2)
        assert store.refresh_all(as_of=NOON + DAY) == 3

        assert [store.stage_record(name).stage for name in ("p1", "p2", "p3")] == ["customer", "prospect", "customer"]
        assert [store.stage_record(name).evaluated_at for name in ("p1", "p2")] == [NOON, NOON + DAY]

    @pytest.mark.parametrize("how", ["one by one", "everyone"])
    @pytest.mark.parametrize(
        "other", [{"policy": Policy(lapse_after=2 * DAY)}, {"stage": sent}], ids=["policy", "rule"]
    )
    def test_another_policy_makes_everyone_due(self, how: str, other: Any) -> None:
        """What was judged by another rule or policy is not told; all are due until they are judged anew."""
        with self.opened(policy=Policy(lapse_after=DAY)) as former:
            former.append(bought(), bought("2", "p2", purchased_at=NOON - DAY), visit("3", "p3"), recorded_at=NOON)
            former.merge("p3b", into="p3", merged_at=NOON)
            with self.opened_again(former, **other) as store:
                assert [store.stage_record(name).stage for name in ("p1", "p2", "p3b")] == [None] * 3
                assert store.stage_record("p1").next_change is None
                assert json.loads(store.export("p1"))["stage"] is None
                assert sorted(store.due(before=NOON - 999 * DAY)) == ["p1", "p2", "p3"]
                assert len(store.due(before=NOON, limit=2)) == 2
                if how == "everyone":
                    assert store.refresh_all(as_of=NOON + DAY) == 3
                else:
                    store.refresh(*store.due(before=NOON), as_of=NOON + DAY)

                found = [store.stage_record(name).stage for name in ("p1", "p2", "p3")]
                assert found == (["customer", "customer", "prospect"] if "policy" in other else ["0", "0", "0"])
                assert store.stage_record("p1").previous_stage == "customer"
                assert store.due(before=NOON) == []
            assert sorted(former.due(before=NOON)) == ["p1", "p2", "p3"]

    def test_the_same_rule_and_policy_in_another_store_is_the_same(self) -> None:
        """Opened again with equal numbers, or with one that the rule does not read, nobody is due."""
        with self.opened() as former:
            former.append(bought(), recorded_at=NOON)
            with self.opened_again(former, policy=Policy(low_score=1)) as store:
                assert store.due(before=NOON) == []
                assert store.stage_record("p1").stage == "customer"

    @pytest.mark.parametrize("limit", [-1, 1.5, True, "9", 2**63, -(10**5_000)], ids=range(6))
    def test_a_limit_is_a_whole_number(self, store: Store, limit: Any) -> None:
        """A list of at most minus one person is refused, and does not hold everybody."""
        with pytest.raises(ArgumentError, match="limit must be a whole number from 0 up"):
            store.due(before=NOON, limit=limit)
        assert store.due(before=NOON, limit=0) == []

    def test_everybody_who_is_due_is_on_the_list(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """However many people there are, the list ends, each is on it once, and afterwards nobody is due."""
        monkeypatch.setattr(_base, "JUDGED", 400)
        people = {f"p{number:04}" for number in range(1_100)}
        store.load([visit(name, name) for name in people], recorded_at=NOON)
        due = store.due(before=NOON)
        judged = store.refresh(*due, *sorted(due)[:3], as_of=NOON)

        assert len(due) == len(judged) == 1_100
        assert set(due) == {one.person_id for one in judged} == people
        assert store.due(before=NOON + 9_999 * DAY) == []

    def test_a_person_is_judged_once_by_all_names(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """Two names of one person in two portions of a list: the stage before the call stays the former one."""
        store.append(bought(), visit("2", "p2"), recorded_at=NOON)
        store.merge("p2", into="p1", merged_at=NOON)
        monkeypatch.setattr(_base, "JUDGED", 1)
        (judged,) = store.refresh("p1", "p2", as_of=NOON + 400 * DAY)

        assert (judged.previous_stage, judged.stage) == ("customer", "lapsed")
        assert store.stage_record("p1") == judged

    # ---- the shop's book -------------------------------------------------------------------------------------------

    def test_the_book_holds_one_entry_a_person(self, store: Store) -> None:
        """What is written last stands there; whether somebody is a customer it does not say."""
        first = Customer(person_id="p1", name="Sari", contact=Contact(phone="1"), since=NOON)
        second = Customer(person_id="p1", name="Sari Dewi", nickname="Sari", address="Jl. Melati 5")
        store.put_customer(first, recorded_at=NOON)
        assert store.history("p1").customer == first
        standing = store.put_customer(second, recorded_at=NOON)

        assert store.history("p1").customer == second
        assert (standing.version, standing.stage) == (2, "lead")

    def test_the_same_entry_again_changes_nothing(self, store: Store) -> None:
        """A list of customers that is handed in again moves no version, under an alias and after a record too."""
        sari = Customer(person_id="p1", name="Sari", contact=Contact(phone="1"), since=NOON)
        entered = store.put_customer(sari, recorded_at=NOON)
        assert store.put_customer(sari, recorded_at=NOON + DAY) == entered == store.stage_record("p1")
        store.append(visit("1", "p2"), recorded_at=NOON)
        store.merge("p1", into="p2", merged_at=NOON)
        kept = store.stage_record("p2")

        assert store.put_customer(sari, recorded_at=NOON) == kept
        with pytest.raises(StaleError):
            store.put_customer(sari, recorded_at=NOON, expected={"p1": 99})
        changed = store.put_customer(sari.model_copy(update={"nickname": "S"}), recorded_at=NOON)
        assert changed.version == (kept.version if kept else 0) + 1

    # ---- two names, one person -------------------------------------------------------------------------------------

    def test_two_names_become_one_person(self, store: Store) -> None:
        """Asked by either name, there is one history and one standing, under the name that was kept."""
        store.append(bought(), bought("2", "p2"), recorded_at=NOON)
        merged = store.merge("p2", into="p1", merged_at=NOON)

        assert (merged.person_id, merged.stage) == ("p1", "repeat_customer")
        assert store.stage_record("p2") == merged
        assert store.history("p2") == store.history("p1") == History.of("p1", [bought(), bought("2")])
        assert store.aliases("p2") == [Alias("p2", "p1", NOON)]
        assert are_in_tables(store, "p1")
        assert store.due(before=NOON + 999 * DAY) == ["p1"]

    def test_records_go_on_coming_under_the_old_name(self, store: Store) -> None:
        """After a merge, records and entries of either name are the one person's."""
        store.append(bought(), recorded_at=NOON)
        store.merge("p2", into="p1", merged_at=NOON)
        standing = store.append(bought("2", "p2"), recorded_at=NOON).standings[0]
        store.put_customer(Customer(person_id="p2", name="Sari"), recorded_at=NOON)

        assert (standing.person_id, standing.stage) == ("p1", "repeat_customer")
        assert store.history("p1").customer == Customer(person_id="p1", name="Sari")
        assert store.append(visit("3"), recorded_at=NOON).standings[0].version > standing.version

    def test_merges_lead_on(self) -> None:
        """An alias of an alias is the person at the end, in whatever order the merges were made."""
        for merges in ([("p3", "p2"), ("p2", "p1")], [("p2", "p1"), ("p3", "p2")]):
            with self.opened() as fresh:
                fresh.append(bought("1"), bought("2", "p2"), bought("3", "p3"), recorded_at=NOON)
                for alias, into in merges:
                    fresh.merge(alias, into=into, merged_at=NOON)

                assert [fresh.history(name).person_id for name in ("p1", "p2", "p3")] == ["p1"] * 3
                assert len(fresh.history("p3").purchases) == 3
                assert are_in_tables(fresh, "p1")

    def test_a_merge_is_made_once(self, store: Store) -> None:
        """The same merge again changes nothing, not even its date."""
        store.append(visit("1"), recorded_at=NOON)
        first = store.merge("p2", into="p1", merged_at=NOON)

        assert store.merge("p2", into="p1", merged_at=NOON + DAY) == first
        assert store.aliases("p1") == [Alias("p2", "p1", NOON)]

    @pytest.mark.parametrize(("alias", "into"), [("p1", "p1"), ("p1", "p2"), ("p1", "p3"), ("p3", "p1")])
    def test_merges_that_cross_make_no_circle(self, store: Store, alias: str, into: str) -> None:
        """Who is one person already is not merged the other way round, nor with themselves, nor by a short cut."""
        store.append(bought(), recorded_at=NOON)
        store.merge("p2", into="p1", merged_at=NOON)
        store.merge("p3", into="p2", merged_at=NOON)
        before = store.history("p3"), store.aliases("p1"), store.stage_record("p1")
        with pytest.raises(RecordError, match=r"one person already.*in a circle"):
            store.merge(alias, into=into, merged_at=NOON)

        assert (store.history("p3"), store.aliases("p1"), store.stage_record("p1")) == before

    def test_an_alias_leads_to_one_name(self, store: Store) -> None:
        """A name that is an alias already is not merged into another person; the message says what to merge."""
        store.append(visit("1"), recorded_at=NOON)
        store.merge("p2", into="p1", merged_at=NOON)

        with pytest.raises(RecordError, match="'p2' is an alias of 'p1' already; merge that name instead"):
            store.merge("p2", into="p4", merged_at=NOON)

    def test_a_store_has_one_currency(self, store: Store) -> None:
        """Money of a second currency is refused as it comes, for another person too; the message says what to do."""
        store.append(bought(), recorded_at=NOON)
        rupiah = bought("2", "p2", amount=Money(9, "IDR"))
        quote = Quote(id="k", person_id="p2", occurred_at=NOON, amount=Money(9, "IDR"), sku="mug")
        for call in (store.append, store.amend):
            for record in (rupiah, quote, back("r", "2", minor=1).model_copy(update={"amount": Money(9, "IDR")})):
                with pytest.raises(RecordError, match=r"IDR and USD meet in the store with .*; change every amount"):
                    call(visit("v", "p2"), record, recorded_at=NOON)
        with pytest.raises(RecordError, match=r"IDR and USD meet in the store with purchase '2' of 'shop'"):
            store.load([visit("v", "p2"), rupiah], recorded_at=NOON)

        assert store.stage_record("p2") is None
        assert store.logs().currency == "USD"
        assert store.append(bought("2", "p2"), recorded_at=NOON).added == 1

    def test_two_currencies_in_one_call_are_refused(self, store: Store) -> None:
        """Neither becomes the currency of the store; the next money does."""
        with pytest.raises(RecordError, match="IDR and USD meet"):
            store.load([bought(), bought("2", "p2", amount=Money(9, "IDR"))], recorded_at=NOON)

        store.append(asked(), recorded_at=NOON)
        store.append(bought("2", "p2", amount=Money(9, "IDR")), recorded_at=NOON)
        assert store.logs().currency == "IDR"

    def test_a_merge_is_undone(self, store: Store) -> None:
        """Parted, each has their own records again, those that came meanwhile too; the dates of both are kept."""
        store.append(bought(), bought("2", "p2"), came("p4", referred_by="p3"), recorded_at=NOON)
        before = [store.history(name) for name in ("p1", "p2", "p3")]
        store.merge("p3", into="p2", merged_at=NOON)
        store.merge("p2", into="p1", merged_at=NOON)
        store.append(visit("v", "p3"), recorded_at=NOON)
        own, other = store.unmerge("p2", unmerged_at=NOON + DAY)

        assert (own.person_id, other.person_id) == ("p2", "p1")
        assert (own.stage, other.stage) == ("customer", "customer")
        assert store.history("p1") == before[0]
        assert store.history("p3").person_id == "p2"
        assert store.aliases("p1") == [Alias("p2", "p1", NOON, NOON + DAY)]
        store.unmerge("p3", unmerged_at=NOON + DAY)
        assert store.history("p2") == before[1]
        assert store.history("p3") == before[2].add(visit("v", "p3"))
        assert store.merge("p2", into="p3", merged_at=NOON + DAY).person_id == "p3"

    def test_a_name_in_the_middle_is_parted(self, store: Store) -> None:
        """Of names that lead on to each other any one can be parted, with those before it; the rest stay together."""
        names = [f"p{number}" for number in range(5)]
        store.append(*[bought(name, name) for name in names], recorded_at=NOON)
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
        with pytest.raises(RecordError, match="is an alias of nobody"):
            store.unmerge("p2", unmerged_at=NOON)

    def test_records_come_under_the_latest_name(self, store: Store) -> None:
        """After two merges a lead, and a person who was sent, are of the name that the person is known by by now."""
        store.append(bought("1", "p1"), bought("2", "p2"), recorded_at=NOON)
        for alias, into in (("p1", "p2"), ("p2", "p3")):
            store.merge(alias, into=into, merged_at=NOON)
        store.append(came("p3"), recorded_at=NOON)
        store.append(came("p9", referred_by="p3"), recorded_at=NOON)
        history = store.history("p1")

        assert (history.person_id, len(history.leads), len(history.referrals)) == ("p3", 1, 1)
        assert [len(store.history("p9").leads), store.history("p9").leads[0].referred_by] == [1, "p3"]
        assert store.stage_record("p2").stage == stage.of(history, POLICY, as_of=NOON)
        assert are_in_tables(store, "p3", "p9")

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ([asked("q", "p1")], [answered("a", "p2", "q")]),
            ([answered("a", "p1", "q")], [asked("q", "p2")]),
            ([came("p1", referred_by="p9")], [came("p2", at=NOON)]),
            ([came("p1")], [came("p2", referred_by="p9")]),
            ([came("p1")], [came("p2")]),
            ([came("p1")], [came("p9", referred_by="p2")]),
            ([bought("1", "p1")], [back("r", "1"), bought("2", "p2")]),
            ([visit("v", "p1")], [bought("2", "p2"), back("r", "2"), visit("w", "p2")]),
            ([visit("v", "p1")], [Complaint(id="c", person_id="p2", occurred_at=NOON, purchase_id="9")]),
        ],
    )
    @pytest.mark.parametrize("larger", ["p1", "p2"])
    def test_a_merge_is_judged_like_the_history(
        self, store: Store, first: list[Record], second: list[Record], larger: str
    ) -> None:
        """Whichever side has more names, and whatever its records refer to: the stage is that of both histories."""
        store.append(*first, visit("x", "p1"), recorded_at=NOON)
        store.append(*second, visit("y", "p2"), recorded_at=NOON)
        store.merge("p0", into=larger, merged_at=NOON)
        merged = store.merge("p2", into="p1", merged_at=NOON)
        history = store.history("p2")

        assert merged.stage == stage.of(history, POLICY, as_of=NOON)
        assert {one.person_id for one in (merged, history, store.history("p0"))} == {"p1"}
        assert are_in_tables(store, "p1", *(["p9"] if store.stage_record("p9") else []))
        standing = store.append(visit("z", "p1"), recorded_at=NOON).standings[0]
        assert standing.stage == stage.of(store.history("p0"), POLICY, as_of=NOON)
        assert store.refresh("p1", as_of=NOON)[0].stage == standing.stage

    def test_who_is_no_alias_is_not_parted(self, store: Store) -> None:
        """Parting a name that leads nowhere, or the person that it led to, is refused."""
        store.append(visit("1"), recorded_at=NOON)
        store.merge("p2", into="p1", merged_at=NOON)
        for name in ("p1", "p9"):
            with pytest.raises(RecordError, match="is an alias of nobody"):
                store.unmerge(name, unmerged_at=NOON)

    def test_who_sent_themselves_was_sent_by_nobody(self, store: Store) -> None:
        """After a merge a person's own lead is no referral of theirs, for one person and for everyone."""
        store.append(came("p2", referred_by="p1"), came("p3", referred_by="p2"), recorded_at=NOON)
        store.merge("p2", into="p1", merged_at=NOON)
        store.append(came("p2", at=NOON + DAY, referred_by="p1"), recorded_at=NOON)
        history = store.history("p1")

        assert [lead.referred_by for lead in history.leads] == [None, None]
        assert [lead.person_id for lead in history.referrals] == ["p3"]
        assert are_in_tables(store, "p1", "p3")
        assert store.stage_record("p1").version == 4

    def test_one_arrival_under_two_names_is_one(self, store: Store) -> None:
        """Of two leads that a merge makes the same, the one that was written first stands."""
        store.append(came(contact=Contact(phone="1")), came("p2", contact=Contact(phone="2")), recorded_at=NOON)
        store.append(came("p2", source="fair"), recorded_at=NOON)
        store.merge("p2", into="p1", merged_at=NOON)
        history = store.history("p1")

        assert [lead.source for lead in history.leads] == ["", "fair"]
        assert history.leads[0].contact == Contact(phone="1")
        assert are_in_tables(store, "p1")

    @pytest.mark.parametrize("first", ["p2", "p3"])
    def test_of_one_arrival_under_two_names_one_was_sent(self, first: str) -> None:
        """Two friends each sent one name of a person: the friend of the arrival that was written first did, alone."""
        with self.opened(stage=sent) as store:
            friends = {"p2": "p8", "p3": "p9"}
            for name in sorted(friends, key=lambda name: name != first):
                store.append(came(name, referred_by=friends[name]), recorded_at=NOON)
            store.merge("p2", into="p3", merged_at=NOON)

            counted = {name: store.stage_record(name).stage for name in friends.values()}
            assert counted == {friend: str(int(name == first)) for name, friend in friends.items()}
            assert {name: str(len(store.history(name).referrals)) for name in counted} == counted
            assert are_in_tables(store, "p3", "p8", "p9")
            store.unmerge("p2", unmerged_at=NOON)
            assert [store.stage_record(name).stage for name in counted] == ["1", "1"]

    def test_who_sent_two_names_of_one_person_is_judged_again(self) -> None:
        """How many people somebody sent changes by a merge of them, and back when they part."""
        with self.opened(stage=sent) as store:
            store.append(came("p1", referred_by="p9"), came("p2", referred_by="p9"), recorded_at=NOON)
            counted = [store.stage_record("p9").stage]
            store.merge("p2", into="p1", merged_at=NOON)
            counted.append(store.stage_record("p9").stage)
            store.append(visit("1", "p9"), recorded_at=NOON)
            counted.append(store.stage_record("p9").stage)
            store.unmerge("p2", unmerged_at=NOON)

            assert [*counted, store.stage_record("p9").stage] == ["2", "1", "1", "2"]

    @pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 201, "a\0", 7, None], ids=repr)
    def test_what_cannot_be_an_id_is_refused_in_every_call(self, store: Store, name: Any) -> None:
        """Whole numbers too, though a database would find the text of them; nothing has changed."""
        store.append(back("r"), visit("1", "7"), recorded_at=NOON)
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
            lambda: store.append(visit("2", "7"), recorded_at=NOON, expected={name: 0}),
            lambda: store.amend(visit("1", "7"), recorded_at=NOON, expected={name: 0}),
            lambda: store.put_customer(Customer(person_id="7", name=""), recorded_at=NOON, expected={name: 0}),
        ]
        for call in calls:
            with pytest.raises(ArgumentError, match=r"must be text \(got \w+\); give str|is not the id of a person"):
                call()

        assert store.unresolved() == [("refund", "shop", "r")]
        assert store.history("7").records == (visit("1", "7"),)

    @pytest.mark.parametrize("expected", [7, ["p1"], {"p1": "1"}, {"p1": True}], ids=repr)
    def test_versions_that_are_none_are_refused(self, store: Store, expected: Any) -> None:
        """What is expected of people is a mapping of ids to whole numbers."""
        with pytest.raises(ArgumentError, match="expected"):
            store.append(visit("1"), recorded_at=NOON, expected=expected)

        assert store.stage_record("p1") is None

    def test_names_that_nobody_has_are_not_merged(self, store: Store) -> None:
        """Of two names of which nothing is kept no lead is made; one of them may be unknown."""
        with pytest.raises(RecordError, match="nothing is kept of 'p2' or of 'p3'; append a record"):
            store.merge("p2", into="p3", merged_at=NOON)
        assert store.stage_record("p2") is None
        assert store.stage_record("p3") is None

        store.append(visit("1"), recorded_at=NOON)
        assert store.merge("p1", into="p3", merged_at=NOON).stage == "prospect"
        assert store.merge("p2", into="p1", merged_at=NOON).person_id == "p3"

    def test_a_merge_lets_waiting_records_in(self, store: Store) -> None:
        """An answer to the question of another name counts once the two are one, and waits again when they part."""
        store.append(asked("q1", "p2"), answered("a1", "p1"), recorded_at=NOON)
        assert store.unresolved() == [("answer", "shop", "a1")]
        store.merge("p2", into="p1", merged_at=NOON)
        assert store.unresolved() == []
        assert len(store.history("p1").interactions) == 2
        store.unmerge("p2", unmerged_at=NOON)

        assert store.unresolved() == [("answer", "shop", "a1")]

    # ---- frames ----------------------------------------------------------------------------------------------------

    def test_an_empty_store_has_empty_logs(self, store: Store) -> None:
        """There are facts of nobody."""
        assert facts_of(store.logs(), NOON) == []

    def test_everyones_facts_and_moves_are_those_of_the_histories(self, store: Store) -> None:
        """Counted from the tables of the store, and from the records that were put in."""
        store.append(*everything(), visit("v", "p2"), recorded_at=NOON)
        histories = [History.of("p1", everything()), History.of("p2", [visit("v", "p2")])]
        logs, expected, later = store.logs(), Logs(**tables(histories)), NOON + 400 * DAY

        assert facts_of(logs, later) == facts_of(expected, later)
        assert moves_of(logs, later) == moves_of(expected, later)

    @pytest.mark.parametrize("engine", ["polars", "pandas", "pyarrow", "duckdb"])
    def test_logs_are_of_the_engine_that_is_asked_for(self, store: Store, engine: Any) -> None:
        """Every engine is given the same records."""
        store.append(*everything(), recorded_at=NOON)
        logs = store.logs(engine=engine)

        assert logs.home == engine
        assert logs.currency == "USD"
        told = {row["person_id"]: row["stage"] for row in read(stage.over(logs, POLICY, as_of=NOON))}
        assert told == {"p1": "repeat_customer", "friend": "lead"}

    def test_an_unknown_engine_is_refused(self, store: Store) -> None:
        """The message names those that there are."""
        with pytest.raises(FunnelError, match="'excel' is unknown; it is one of polars, pandas, pyarrow, duckdb"):
            store.logs(engine="excel")  # type: ignore[arg-type]

    # ---- privacy ---------------------------------------------------------------------------------------------------

    def test_erasing_keeps_facts_and_counts(self, store: Store) -> None:
        """Words, names and contacts are gone, everything else is as it was, also for those who come again."""
        records = everything()
        store.append(*records, recorded_at=NOON)
        store.put_customer(Customer(person_id="p1", name="Sari", since=NOON), recorded_at=NOON)
        before = Facts.of(store.history("p1"), as_of=NOON)
        assert store.erase("p1") == 6
        history = store.history("p1")

        assert Facts.of(history, as_of=NOON) == before
        assert are_in_tables(store, "p1")
        assert history.leads[0].contact is None
        assert {one.model_dump().get("words", "") for one in history.interactions} == {""}
        assert history.customer == Customer(person_id="p1", name="", since=NOON)
        assert store.erase("p1") == 0

    def test_what_was_erased_does_not_come_back(self, store: Store) -> None:
        """The same records delivered again are there already, and bring no words back; new ones have theirs."""
        store.append(asked(words="secret"), recorded_at=NOON)
        store.erase("p1")
        again = store.append(asked(words="secret"), asked("q2", words="new"), recorded_at=NOON)

        assert (again.added, again.repeated) == (1, 1)
        assert [one.model_dump()["words"] for one in store.history("p1").interactions] == ["", "new"]
        with pytest.raises(ConflictError, match="differs in sku"):
            store.append(asked().model_copy(update={"sku": "mug"}), recorded_at=NOON)

    def test_an_erased_person_is_not_entered_again_by_itself(self, store: Store) -> None:
        """A list of customers that is handed in again brings no name back, by any of the person's names."""
        sari = Customer(person_id="p1", name="Sari", contact=Contact(phone="1"), since=NOON)
        store.put_customer(sari, recorded_at=NOON)
        store.append(visit("1", "p2"), visit("3", "p3"), recorded_at=NOON)
        store.merge("p2", into="p1", merged_at=NOON)
        store.erase("p1")
        store.merge("p3", into="p1", merged_at=NOON)
        kept = store.stage_record("p1")
        for name in ("p1", "p2", "p3"):
            with pytest.raises(ConflictError, match=r"the person was erased.*pass after_erasure=True") as told:
                store.put_customer(sari.model_copy(update={"person_id": name}), recorded_at=NOON)
            assert "Sari" not in str(told.value)

        assert store.stage_record("p1") == kept
        assert store.history("p1").customer == Customer(person_id="p1", name="", since=NOON)
        store.unmerge("p2", unmerged_at=NOON)
        with pytest.raises(ConflictError, match="was erased"):
            store.put_customer(sari.model_copy(update={"person_id": "p2"}), recorded_at=NOON)

    def test_an_erased_person_may_come_back(self, store: Store) -> None:
        """Asked for by an argument, the new entry is written, and from then on the person is like any other."""
        sari = Customer(person_id="p1", name="Sari")
        store.append(visit("1"), recorded_at=NOON)
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

    def test_every_name_is_erased(self, store: Store) -> None:
        """Asked to forget one name of a person, the store forgets what came under the others too."""
        store.append(asked("1", "p1", words="a"), asked("2", "p2", words="b"), recorded_at=NOON)
        store.merge("p2", into="p1", merged_at=NOON)

        assert store.erase("p2") == 2

    def test_an_export_is_all_of_one_person_and_nobody_elses_contact(self, store: Store) -> None:
        """It reads back as their history; what waits is in it; the contact of somebody they sent is not."""
        friend = came("p2", referred_by="p1", contact=Contact(phone=CANARY))
        store.append(*everything(), friend, back("r9", "9"), answered("a9", question="q9"), recorded_at=NOON)
        store.put_customer(Customer(person_id="p1", name="Sari"), recorded_at=NOON)
        store.merge("p1b", into="p1", merged_at=NOON)
        store.unmerge("p1b", unmerged_at=NOON)
        store.merge("p1c", into="p1", merged_at=NOON)
        text = store.export("p1c")
        told = json.loads(text)
        history = History.model_validate(told["history"])

        assert CANARY not in text
        assert history == store.history("p1").model_copy(
            update={"referrals": (friend.model_copy(update={"contact": None}),)}
        )
        assert told["stage"]["stage"] == store.stage_record("p1").stage
        assert [one["id"] for one in told["waiting"]] == ["a9"]
        assert [one["unmerged_at"] for one in told["aliases"]] == [NOON.isoformat(), None]

    def test_errors_and_reprs_hold_nothing_private(self, store: Store) -> None:
        """Neither a store nor a receipt shows what somebody said."""
        receipt = store.append(asked(words=CANARY), recorded_at=NOON)

        assert CANARY not in f"{store!r} {receipt!r} {store.stage_record('p1')!r}"

    # ---- closed ----------------------------------------------------------------------------------------------------

    def test_a_closed_store_answers_nothing(self, store: Store) -> None:
        """Closing twice is closing; after that every call says that the store is closed."""
        store.close()
        store.close()

        with pytest.raises(StoreError, match="closed"):
            store.history("p1")
        with pytest.raises(StoreError, match="closed"):
            store.append(visit("1"), recorded_at=NOON)


class Laws:
    """What holds for any records, in any order; a class for each store says how a new one is opened."""

    def opened(self, **options: Any) -> Opened:
        """Open a new and empty store."""
        raise NotImplementedError

    @given(data=st.data())
    def test_what_comes_out_is_what_went_in(self, data: st.DataObject) -> None:
        """In any order and portions, with repeats: history, facts and standing are those of the records."""
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
            (standing,) = store.refresh("p1", as_of=as_of) or [None]
            waiting = store.unresolved()

        assert waiting == []
        assert history == History.of("p1", records, customer=customer)
        if standing is not None:
            assert standing.stage == stage.of(history, POLICY, as_of=as_of)

    @given(data=st.data())
    def test_a_kept_stage_is_the_rules(self, data: st.DataObject) -> None:
        """After every append the stage is the rule's, and until the next change that was told it stays so."""
        records = data.draw(record_lists("p1"))
        with self.opened() as store:
            for portion in _portions(data, data.draw(st.permutations(records))):
                as_of = data.draw(instants())
                store.append(*portion, recorded_at=as_of)
                history, standing = store.history("p1"), store.stage_record("p1")
                if standing is None or standing.evaluated_at != as_of:
                    continue  # only refunds came, whose purchase nobody knows yet
                assert standing.stage == stage.of(history, POLICY, as_of=as_of)
                change = standing.next_change
                until = START + 900 * DAY if change is None else change - TICK
                assert until >= as_of
                later = data.draw(st.datetimes(as_of.replace(tzinfo=None), until.replace(tzinfo=None)))
                for moment in (later.replace(tzinfo=UTC), until):
                    assert stage.of(history, POLICY, as_of=moment) == standing.stage

    @settings(max_examples=max(5, settings.default.max_examples // 4))
    @given(data=st.data())
    def test_judging_everyone_is_judging_each(self, data: st.DataObject) -> None:
        """Of any people, at any instant: the stages, and when to ask again, are those of their histories one by one."""
        histories = data.draw(people(most=6))
        records: dict[Record, None] = dict.fromkeys(record for one in histories for record in one.records)
        as_of = data.draw(instants())
        with self.opened() as store:
            store.load(list(records), recorded_at=NOON)
            names = store.due(before=NOON)
            assert store.refresh_all(as_of=as_of) == len(names)
            told = [store.stage_record(name) for name in names]
            each = store.refresh(*names, as_of=as_of)

        assert each == [attrs.evolve(one, previous_stage=one.stage) for one in told]

    @settings(max_examples=max(5, settings.default.max_examples // 4))
    @given(data=st.data())
    def test_everyones_tables_are_everyones_histories(self, data: st.DataObject) -> None:
        """The logs of a store hold the rows of the histories that were put in, and give the same facts and moves."""
        histories = data.draw(people(most=6))
        records: dict[Record, None] = dict.fromkeys(record for one in histories for record in one.records)
        as_of = data.draw(instants())
        with self.opened() as store:
            store.load(data.draw(st.permutations(list(records))), recorded_at=NOON)
            assert are_in_tables(store, *(one.person_id for one in histories))
            told = {
                one.person_id: transitions.of(store.history(one.person_id), POLICY, as_of=as_of) for one in histories
            }
            logs = store.logs() if FULL else None

        assert told == {one.person_id: transitions.of(one, POLICY, as_of=as_of) for one in histories}
        if logs is not None:
            expected = Logs(**tables(histories))
            assert facts_of(logs, as_of) == facts_of(expected, as_of)
            assert moves_of(logs, as_of) == moves_of(expected, as_of)

    @settings(max_examples=max(10, settings.default.max_examples // 4))
    @given(data=st.data())
    def test_what_a_store_takes_a_history_takes(self, data: st.DataObject) -> None:
        """Whatever comes, in whatever order, true together or not: what was not refused makes a history and logs."""
        drawn = [data.draw(record_lists("p1", most=6)), data.draw(record_lists("p1", most=6, currency="IDR"))]
        pool = [record for one in drawn for record in one]
        kept: dict[tuple[type, tuple[str, str]], Record] = {}
        with self.opened() as store:
            for record in data.draw(st.permutations(pool)):
                how = data.draw(st.sampled_from([store.append, store.amend]))
                before = store.history("p1")
                try:
                    how(record, recorded_at=NOON)
                except RecordError:
                    assert store.history("p1") == before
                    continue
                kept[_log_of(record), record.key] = record
            history, waiting, standing = store.history("p1"), store.unresolved(), store.stage_record("p1")
            with store._reading() as rows:
                logs = Logs(**frames_of(rows), currency=history.currency)  # checked, as those of a store are not again

        told = {(_log_of(record), record.key): record for record in history.records}
        left = [(kind, key) for kind, *key in waiting]
        assert len(told) + len(left) == len(kept)
        assert all(_same(kept[key], record) for key, record in told.items())
        assert standing is None or standing.stage == stage.of(history, POLICY, as_of=NOON)
        everyone = {row["person_id"]: row["stage"] for row in read(stage.over(logs, POLICY, as_of=NOON))}
        assert everyone.get("p1", "lead") == stage.of(history, POLICY, as_of=NOON)

    @given(data=st.data())
    def test_merging_and_parting_leaves_everything_as_it_was(self, data: st.DataObject) -> None:
        """A merge of any two people is one history of both their records; parted again, both are what they were."""
        first, second, *_ = data.draw(people(most=6))
        names = first.person_id, second.person_id
        with self.opened() as store:
            store.append(*dict.fromkeys([*first.records, *second.records]), recorded_at=NOON)
            before = [store.history(name) for name in names]
            judged = [store.refresh(name, as_of=NOON) for name in names]
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
            for one, was in ((other, judged[0]), (own, judged[1])):
                assert not was or (one.stage, one.next_change) == (was[0].stage, was[0].next_change)

    @given(st.lists(st.tuples(st.integers(0, 9), *[st.integers(1, 5)] * 3), max_size=24))
    def test_only_the_merges_that_hold_matter(self, drawn: list[tuple[int, int, int, int]]) -> None:
        """After any appends, merges and partings, everyone is as in a store with the records and the present merges."""
        kept: list[Record] = []
        links: dict[str, str] = {}
        with self.opened() as store:
            for how, *numbers in drawn:
                _one_step(store, how, numbers, kept, links)
            found = _everyone_in(store, links)
            store.refresh_all(as_of=NOON)
            assert _everyone_in(store, links) == found
            store.refresh(*found[0], as_of=NOON)
            assert _everyone_in(store, links) == found
        with self.opened() as store:
            for record in kept:
                store.append(record, recorded_at=NOON)
            for alias in sorted(links, key=lambda alias: _end(alias, links)):
                with suppress(RecordError):  # of these two nothing is left, once they are parted from another
                    store.merge(alias, into=links[alias], merged_at=NOON)
            assert _everyone_in(store, links) == found


_PEOPLE = tuple(f"p{number}" for number in range(1, 6))


def _end(name: str, links: Mapping[str, str]) -> str:
    """Follow the merges to the name that a person is known by."""
    while name in links:
        name = links[name]
    return name


def _one_step(store: Store, how: int, numbers: Sequence[int], kept: list[Record], links: dict[str, str]) -> None:
    """Append a record, merge two names or part them, and note what was done; what is refused changes nothing."""
    (person, other), number = (f"p{one}" for one in numbers[:2]), numbers[2]
    made: Mapping[int, Callable[[], Record]] = {
        0: lambda: visit(f"v{number}", person),
        1: lambda: bought(f"o{number}", person),
        2: lambda: back(f"r{number}", f"o{number}", 1),
        3: lambda: came(person, referred_by=None if other == person else other),
        4: lambda: came(person, at=NOON - number % 2 * DAY),
        5: lambda: asked(f"q{number}", person),
        6: lambda: answered(f"a{number}", person, f"q{number}"),
        7: lambda: Complaint(id=f"c{number}", person_id=person, occurred_at=NOON, purchase_id=f"o{number}"),
    }
    is_unknown = store.stage_record(person) is None is store.stage_record(other)
    try:
        if how == 9 and person in links:
            store.unmerge(person, unmerged_at=NOON)
            del links[person]
        elif how >= 8:
            store.merge(person, into=other, merged_at=NOON)
            links[person] = other
        else:
            record = made[how]()
            if store.append(record, recorded_at=NOON).added:
                kept.append(record)
    except RecordError:
        assert how < 8 or _end(person, links) == _end(other, links) or person in links or is_unknown


def _everyone_in(store: Any, links: Mapping[str, str]) -> tuple[list[str], Any]:
    """Return the names of people, and their histories, stages and dates, and what waits."""
    there = [name for name in _PEOPLE if store.history(name).records]
    ends = sorted({_end(name, links) for name in there})
    assert are_in_tables(store, *ends)
    assert all(_end(name, links) == name for name in store.due(before=NOON + 9999 * DAY))
    told = []
    for name in there:
        history, standing = store.history(name), store.stage_record(name)
        assert history.person_id == standing.person_id == _end(name, links)
        assert standing.stage == stage.of(history, POLICY, as_of=NOON)
        told.append((name, history, standing.stage, standing.next_change))
    return ends, (told, sorted(store.unresolved()))


def _portions(data: st.DataObject, records: Sequence[Record]) -> list[Sequence[Record]]:
    """Records in portions of any size."""
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(records) - 1)), max_size=4)))
    portions = [records[start:end] for start, end in zip([0, *cuts], [*cuts, len(records)], strict=True)]
    return [portion for portion in portions if portion]


def _log_of(record: Record) -> type:
    return type(record) if isinstance(record, Lead | Purchase | Refund) else Visit.__mro__[1]


def _same(kept: Record, told: Record) -> bool:
    """Whether a record is what was kept; a complaint may have lost its purchase."""
    if isinstance(kept, Complaint) and isinstance(told, Complaint) and told.purchase_id is None:
        return kept.model_copy(update={"purchase_id": None}) == told
    return kept == told
