"""A history holds what can be true together, each once, in one order."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from funnel.errors import ArgumentError, RecordError
from funnel.history import MOST_FAULTS, History
from funnel.interactions import (
    KINDS,
    Answer,
    Checkout,
    Complaint,
    Delivery,
    Interaction,
    Question,
    Quote,
    Resolution,
    Visit,
)
from funnel.money import Money
from funnel.records import Contact, Customer, Lead, Purchase, Record, Refund
from tests.strategies import CANARY, histories, record_lists

AT = datetime(2026, 3, 1, 2, tzinfo=UTC)
BEFORE, AFTER = AT - timedelta(microseconds=1), AT + timedelta(microseconds=1)
USD = Money(9, "USD")
BOUGHT = Purchase(id="1", person_id="p1", purchased_at=AT, amount=USD)
QUESTION = Question(id="q", person_id="p1", occurred_at=AT, text=CANARY)
COMPLAINED = Complaint(id="c", person_id="p1", occurred_at=AT, text=CANARY)


def answer(at: datetime = AT, source: str = "shop") -> Answer:
    """An answer to the question."""
    return Answer(id="a", source=source, person_id="p1", occurred_at=at, question_id="q")


def refund(number: str = "r", at: datetime = AT, amount: Money = USD, source: str = "shop") -> Refund:
    """A refund of the purchase."""
    return Refund(id=number, source=source, purchase_id="1", refunded_at=at, amount=amount)


def fault_of(*records: Record, customer: Customer | None = None) -> str:
    """The message of the error that these records make together."""
    with pytest.raises(RecordError) as caught:
        History.of("p1", records, customer=customer)
    return str(caught.value)


@given(record_lists(), st.data())
def test_order_and_repetition_of_delivery_never_matter(records: list[Record], data: st.DataObject) -> None:
    """Records shuffled and delivered again, at once or one after the other, make the same history."""
    repeated = data.draw(st.lists(st.sampled_from(records), max_size=5)) if records else []
    shuffled = data.draw(st.permutations([*records, *repeated]))
    cut = data.draw(st.integers(0, len(shuffled)))
    history = History.of("p1", records)

    assert History.of("p1", shuffled) == history
    assert history.add(*shuffled[:cut]).add(*shuffled[cut:]) == history


@given(histories())
def test_a_history_reads_back_as_itself(history: History) -> None:
    """Through JSON, through its own fields, through pickle and copy."""
    assert History.model_validate_json(history.model_dump_json()) == history
    assert History.model_validate(history.model_dump()) == history
    assert pickle.loads(pickle.dumps(history)) == copy.deepcopy(history) == history  # noqa: S301 - our own bytes


@given(histories())
def test_a_history_shows_only_whose_it_is_and_how_much(history: History) -> None:
    """Neither it nor what is in it shows a name, a number to call or what was said."""
    text = f"{history!r}{history!s}{history.records!r}{history.customer!r}"

    assert repr(history) == str(history)
    assert repr(history).startswith("History('p1', leads=")
    assert CANARY not in text


@given(histories())
def test_every_kind_is_in_order(history: History) -> None:
    """Records are sorted by instant, then questions before answers, then source and id."""

    def position(record: Interaction) -> tuple[object, ...]:
        return record.occurred_at, KINDS.index(record.kind), record.source, record.id

    assert list(history.interactions) == sorted(history.interactions, key=position)
    for records in (history.leads, history.purchases, history.refunds, history.referrals):
        assert list(records) == sorted(records, key=lambda record: (record.happened_at, *record.key))
    assert len(set(history.records)) == len(history.records)


def test_an_empty_history_is_a_history() -> None:
    """A history without records has no currency."""
    nobody = History(person_id="p1")

    assert nobody == History.of("p1", [])
    assert nobody.records == ()
    assert nobody.currency is None


@pytest.mark.parametrize(
    ("records", "currency"),
    [
        ([BOUGHT], "USD"),
        ([Quote(id="1", person_id="p1", occurred_at=AT, amount=Money(1, "IDR"))], "IDR"),
        ([Checkout(id="1", person_id="p1", occurred_at=AT), QUESTION], None),
    ],
)
def test_a_history_has_one_currency(records: list[Record], currency: str | None) -> None:
    """It is that of its purchases, refunds, quotes and checkouts."""
    assert History.of("p1", records).currency == currency


def test_arrivals_of_others_are_referrals() -> None:
    """A lead that this person referred is a referral, not an arrival."""
    own = Lead(person_id="p1", arrived_at=AT, referred_by="p0")
    sent = Lead(person_id="p2", arrived_at=AT, referred_by="p1")
    history = History.of("p1", [sent, own])

    assert (history.leads, history.referrals) == ((own,), (sent,))


def test_adding_leaves_the_first_history_as_it_was() -> None:
    """A longer history is another one; the customer stays in it."""
    customer = Customer(person_id="p1", name=CANARY, contact=Contact(phone=CANARY))
    history = History.of("p1", [BOUGHT], customer=customer)
    longer = history.add(QUESTION, refund())

    assert history.interactions == ()
    assert (longer.customer, longer.interactions) == (customer, (QUESTION,))


def test_refunds_up_to_the_whole_amount_are_true() -> None:
    """A purchase may be refunded in parts, at the instant of buying, until nothing is left of it."""
    parts = [refund("r1", amount=Money(4, "USD")), refund("r2", AFTER, Money(5, "USD"))]

    assert len(History.of("p1", [BOUGHT, *parts]).refunds) == 2


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([BOUGHT, refund(amount=Money("9.01", "USD"))], "the refunds of purchase '1' of 'shop' exceed its amount"),
        ([BOUGHT, refund("r1"), refund("r2", amount=Money("0.01", "USD"))], "exceed its amount"),
        ([BOUGHT, refund(at=BEFORE)], "refund 'r' of 'shop' is before its purchase"),
        ([BOUGHT, refund(amount=Money(1, "EUR"))], "amounts in EUR and USD"),
        ([BOUGHT, refund(source="web")], "unknown purchase '1'"),
        ([refund()], "unknown purchase '1'"),
        ([answer()], "unknown question 'q'"),
        ([QUESTION, answer(BEFORE)], "answer 'a' of 'shop' is before its question"),
        ([QUESTION, answer(source="web")], "unknown question 'q'"),
        ([QUESTION, Visit(id="v", person_id="p2", occurred_at=AT)], "visit 'v' of 'shop' belongs to 'p2'"),
        ([Lead(person_id="p2", arrived_at=AT)], "belongs to 'p2'"),
        ([Purchase(id="1", person_id="p2", purchased_at=AT, amount=USD)], "belongs to 'p2'"),
        ([Delivery(id="d", person_id="p1", occurred_at=AT, purchase_id="1")], "unknown purchase '1'"),
        ([BOUGHT, Delivery(id="d", person_id="p1", occurred_at=BEFORE, purchase_id="1")], "is before its purchase"),
        ([Complaint(id="c", person_id="p1", occurred_at=AT, purchase_id="1")], "unknown purchase '1'"),
        ([Resolution(id="s", person_id="p1", occurred_at=AT, complaint_id="c")], "unknown complaint 'c'"),
        (
            [COMPLAINED, Resolution(id="s", person_id="p1", occurred_at=BEFORE, complaint_id="c")],
            "before its complaint",
        ),
        ([BOUGHT, Quote(id="1", person_id="p1", occurred_at=AT, amount=Money(1, "IDR"))], "amounts in IDR and USD"),
        (
            [QUESTION, QUESTION.model_copy(update={"text": f"{CANARY} again", "channel": "phone"})],
            "differs in channel, text",
        ),
        ([BOUGHT, BOUGHT.model_copy(update={"promotion": "may"})], "purchase '1' of 'shop' occurs twice"),
        ([QUESTION, Visit(id="q", person_id="p1", occurred_at=AT)], "differs in kind, sku, text"),
    ],
)
def test_records_that_cannot_be_true_together_are_refused(records: list[Record], expected: str) -> None:
    """The message names the records and the fields, in whatever order they came, and never what was said."""
    message, turned = fault_of(*records), fault_of(*reversed(records))

    assert expected in message
    assert expected in turned
    assert CANARY not in message + turned


def test_a_customer_of_another_name_is_refused() -> None:
    """The book's page is that of the same person, and its contents are not shown."""
    message = fault_of(customer=Customer(person_id="p2", name=CANARY))

    assert "the customer belongs to 'p2'" in message
    assert CANARY not in message


def test_a_referral_that_this_person_did_not_send_is_refused() -> None:
    """Given directly, an arrival stands among the referrals only if it names this person."""
    with pytest.raises(RecordError, match="is not by this person"):
        History(person_id="p1", referrals=(Lead(person_id="p2", arrived_at=AT),))


def test_what_is_no_record_is_refused() -> None:
    """Only leads, purchases, refunds and interactions make a history."""
    strange: Any = "a purchase"

    with pytest.raises(ArgumentError, match="str is not a record of a history"):
        History.of("p1", [strange])


def test_all_faults_are_listed_together() -> None:
    """One error tells of every fault, spelled out up to a limit and counted beyond it."""
    message = fault_of(refund(), answer())
    many = fault_of(*(refund(str(number)) for number in range(MOST_FAULTS + 5)))

    assert "has 2 faults" in message
    assert "unknown purchase" in message
    assert "unknown question" in message
    assert "has 25 faults" in many
    assert many.endswith("and 5 more")
    assert "has 1 fault:" in fault_of(refund())


def test_inside_a_model_the_same_is_said_by_pydantic() -> None:
    """Read from JSON or inside another model, a false history is a fault among others, with the same text."""

    class Book(BaseModel):
        """A model that holds a history."""

        history: History

    false = '{"history": {"person_id": "p1", "interactions": [' + answer().model_dump_json() + "]}}"

    with pytest.raises(ValidationError, match="unknown question 'q'"):
        Book.model_validate_json(false)
    with pytest.raises(ValidationError, match="is not a field"):
        History.model_validate({"person_id": "p1", "orders": []})
