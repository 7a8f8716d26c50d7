"""Leads, customers, purchases and refunds hold only what can be true."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from funnel.errors import MoneyError, RecordError
from funnel.money import Money
from funnel.records import Contact, Customer, Lead, OrderLine, Purchase, Record, Refund, one_currency
from tests.strategies import CANARY, contacts, customers, leads, lines, purchases, record_lists

AT = datetime(2026, 3, 1, 2, tzinfo=UTC)
BEFORE = AT - timedelta(microseconds=1)
USD = Money(9, "USD")


def line(**fields: object) -> OrderLine:
    """Three mugs at 4.50, or what is given instead."""
    return OrderLine.model_validate({"sku": "mug", "quantity": 3, "unit_price": Money("4.50", "USD"), **fields})


def purchase(**fields: object) -> Purchase:
    """A purchase of nine dollars, or what is given instead."""
    return Purchase.model_validate({"id": "1", "person_id": "p1", "purchased_at": AT, "amount": USD, **fields})


def refund(**fields: object) -> Refund:
    """A refund of nine dollars, or what is given instead."""
    return Refund.model_validate({"id": "r", "purchase_id": "1", "refunded_at": AT, "amount": USD, **fields})


@given(record_lists())
def test_every_record_reads_back_from_its_json(records: list[Record]) -> None:
    """A record written as JSON reads back as the same record."""
    assert [type(record).model_validate_json(record.model_dump_json()) for record in records] == records
    assert [type(record).model_validate(record.model_dump()) for record in records] == records


@given(leads(), customers(), contacts())
def test_contact_data_is_never_shown(lead: Lead, customer: Customer, contact: Contact) -> None:
    """Name, nickname, address, phone and the rest are in no repr and no str."""
    assert CANARY not in f"{lead!r}{lead!s}{customer!r}{customer!s}{contact!r}{contact!s}"
    assert CANARY in customer.model_dump_json()


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({}, ("", "p1@2026-03-01T02:00:00+00:00")),
        ({"source": "fair"}, ("fair", "p1@2026-03-01T02:00:00+00:00")),
        ({"source": "fair", "campaign": "may"}, ("fair", "p1@2026-03-01T02:00:00+00:00@may")),
    ],
)
def test_a_lead_is_known_by_its_source_person_instant_and_campaign(
    fields: dict[str, Any], key: tuple[str, str]
) -> None:
    """Two arrivals of one person at one instant by two campaigns are two leads."""
    lead = Lead(person_id="p1", arrived_at=AT, **fields)

    assert lead.key == key
    assert lead.happened_at == AT


def test_nobody_sends_themselves() -> None:
    """A lead that names its own person as the one who sent it cannot be true."""
    with pytest.raises(ValidationError, match="own person"):
        Lead(person_id="p1", arrived_at=AT, referred_by="p1")


def test_a_customer_stands_in_the_book_with_a_name_only() -> None:
    """All but the person and the name may be unknown."""
    customer = Customer(person_id="p1", name="Sari")

    assert (customer.nickname, customer.since, customer.contact) == ("", None, Contact())


@pytest.mark.parametrize(
    ("fields", "total"),
    [
        ({}, "13.50"),
        ({"discount": Money("1.50", "USD")}, "12.00"),
        ({"discount": Money("13.50", "USD")}, "0"),
        ({"unit_price": Money(0, "USD")}, "0"),
    ],
)
def test_a_line_comes_to_price_times_quantity_less_its_discount(fields: dict[str, object], total: str) -> None:
    """The discount is taken off the whole line."""
    assert line(**fields).total == Money(total, "USD")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"quantity": 0}, "greater than or equal to 1"),
        ({"quantity": 1.0}, "valid integer"),
        ({"quantity": True}, "valid integer"),
        ({"discount": Money("13.51", "USD")}, "above price times quantity"),
        ({"discount": Money(1, "IDR")}, "amounts in IDR and USD"),
        ({"unit_cost": Money(1, "IDR")}, "amounts in IDR and USD"),
        ({"unit_price": Money(-1, "USD")}, "must be from 0 to"),
        ({"unit_price": Money.of_minor(10**14, "USD")}, "must be from 0 to"),
        ({"unit_price": Money.of_minor(10**14, "USD"), "discount": USD}, "must be from 0 to"),
        ({"unit_price": 4.5}, "got float"),
        ({"colour": "red"}, "is not a field"),
    ],
)
def test_a_line_that_does_not_add_up_is_refused(fields: dict[str, object], message: str) -> None:
    """Each fault is named with what is allowed."""
    with pytest.raises(ValidationError, match=message):
        line(**fields)


@given(st.lists(lines(), min_size=1, max_size=3))
def test_a_purchase_without_amount_comes_to_the_sum_of_its_lines(bought: list[OrderLine]) -> None:
    """The amount is always money: given, or the sum of the lines."""
    created = Purchase(id="1", person_id="p1", purchased_at=AT, lines=tuple(bought))

    assert created.amount.minor == sum(one.total.minor for one in bought)


@given(purchases())
def test_a_purchase_is_known_by_its_source_and_number(created: Purchase) -> None:
    """The key is the source and the id, the instant that of buying."""
    assert created.key == (created.source, created.id)
    assert created.happened_at == created.purchased_at


def test_a_given_amount_stands_beside_the_lines() -> None:
    """Postage and taxes are not lines, so the amount may differ from their sum; nothing at all is an amount too."""
    assert purchase(lines=(line(),)).amount == USD
    assert not purchase(amount=Money(0, "USD")).amount


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"amount": 9.0}, "got float"),
        ({"amount": None}, "got NoneType"),
        ({"amount": Money(-1, "USD")}, "must be from 0 to"),
        ({"amount": Money(1, "IDR"), "lines": (line(),)}, "amounts in IDR and USD"),
        ({"lines": (line(), line(unit_price=Money(1, "IDR")))}, "amounts in IDR and USD"),
        ({"status": "lost"}, "'placed', 'paid'"),
        ({"cancelled_at": AT}, "needs the status 'cancelled'"),
        ({"cancelled_at": BEFORE, "status": "cancelled"}, "cancelled_at is before purchased_at"),
        ({"promised_at": BEFORE}, "promised_at is before purchased_at"),
        ({"delivered_at": BEFORE}, "delivered_at is before purchased_at"),
        ({"purchased_at": "2026-03-01T09:00"}, "no time zone"),
        ({"source": " "}, "blank"),
    ],
)
def test_a_purchase_that_cannot_be_true_is_refused(fields: dict[str, object], message: str) -> None:
    """Each fault is named with what is allowed."""
    with pytest.raises(ValidationError, match=message):
        purchase(**fields)


@pytest.mark.parametrize("fields", [{}, {"lines": ()}, {"lines": [{"sku": "mug"}]}])
def test_a_purchase_has_an_amount_or_lines(fields: dict[str, Any]) -> None:
    """Without either it is refused, and so it is when a line has a fault."""
    with pytest.raises(ValidationError, match=r"neither an amount nor lines|lines\.0\.unit_price"):
        Purchase(id="1", person_id="p1", purchased_at=AT, **fields)


def test_a_purchase_is_read_only_from_fields_by_name() -> None:
    """A text or a number is not a purchase."""
    with pytest.raises(ValidationError, match="dictionary or instance"):
        Purchase.model_validate("1")


@pytest.mark.parametrize("status", ["unpaid", "placed", "paid", "shipped", "delivered", "cancelled"])
def test_all_may_happen_at_the_instant_of_buying(status: str) -> None:
    """A purchase may be promised, delivered and cancelled at once; when it was cancelled may be unknown."""
    fields = {"cancelled_at": AT} if status == "cancelled" else {}

    assert purchase(status=status, promised_at=AT, delivered_at=AT, **fields).cancelled_at == fields.get("cancelled_at")
    assert purchase(status=status).cancelled_at is None


@pytest.mark.parametrize("amount", [Money(0, "USD"), Money(-1, "USD")])
def test_a_refund_gives_something_back(amount: Money) -> None:
    """Its amount is above nothing."""
    with pytest.raises(ValidationError, match=r"must be above 0|must be from 0 to"):
        refund(amount=amount)

    assert refund().key == ("shop", "r")
    assert refund().happened_at == AT


def test_one_currency_is_found_or_refused() -> None:
    """No amount has no currency, and two currencies are an error that names both."""
    assert one_currency(None) is None
    assert one_currency(USD, None, USD) == "USD"
    with pytest.raises(MoneyError, match="IDR and USD"):
        one_currency(USD, Money(1, "IDR"))


def test_records_can_stand_in_sets() -> None:
    """Equal records have equal hashes, whatever the zone in which their instants were said."""
    same = purchase(purchased_at="2026-03-01T09:00+07:00")

    assert {purchase(), same} == {purchase()}


def test_a_purchase_without_amount_and_lines_has_its_other_faults_told_too() -> None:
    """All faults are reported together, for a mapping and for JSON."""
    for make in (
        lambda: Purchase.model_validate({"id": "", "status": "lost", "lines": ()}),
        lambda: Purchase.model_validate_json('{"id": "", "status": "lost"}'),
    ):
        with pytest.raises(ValidationError) as caught:
            make()
        where = [fault["loc"] for fault in caught.value.errors()]
        assert where == [("id",), ("person_id",), ("purchased_at",), ("status",), ("amount",)]
        assert "a purchase has neither an amount nor lines; give one of them" in str(caught.value)


def test_an_unknown_name_that_is_set_or_deleted_is_not_shown() -> None:
    """The name may be a person's data; a field of ours is named, and so is the one that was meant."""
    customer = Customer(person_id="p1", name="x")
    for change in (lambda name: setattr(customer, name, "x"), lambda name: delattr(customer, name)):
        with pytest.raises(ValidationError, match="is not a field") as caught:
            change(CANARY)
        assert CANARY not in f"{caught.value}{caught.value.errors()}{caught.value.json()}"
        with pytest.raises(ValidationError, match=r"nam: is not a field; did you mean name\?"):
            change("nam")
        with pytest.raises(ValidationError, match="name: Instance is frozen"):
            change("name")


@pytest.mark.parametrize("status", ["refunded", "partially_refunded"])
def test_a_refund_is_not_a_status(status: Any) -> None:
    """The error says what to give in place of the status, for a new purchase and for a copy."""
    fields: dict[str, Any] = {"id": "1", "person_id": "p1", "purchased_at": datetime(2026, 3, 1, tzinfo=UTC)}
    order = Purchase(**fields, amount=Money(9, "USD"))
    for make in (lambda: order.model_copy(update={"status": status}), lambda: Purchase(**fields, status=status)):
        with pytest.raises(RecordError, match="status: a purchase keeps its status when it is refunded; give a Refund"):
            make()
