"""Webhooks of Shopify, WooCommerce and Stripe become records."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel import Money, SqliteStore
from funnel.errors import RecordError
from funnel.readers import shopify, webhooks
from funnel.readers._export_columns import with_person
from funnel.readers._key_rules import email_key, phone_key
from funnel.readers.webhooks import BuyerKey, MemoryStates, Webhook
from tests.readers.hooks import (
    NOON,
    charge,
    customer_of,
    purchase_of,
    read,
    read_event,
    refund,
    shopify_customer,
    shopify_line,
    shopify_order,
    shopify_refund,
    stripe_customer,
    stripe_event,
    woo,
    woo_customer,
    woo_line,
    woo_order,
)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "unpaid"),
        ({"fulfillment_status": "partial"}, "shipped"),
        ({"financial_status": "refunded"}, "paid"),
        ({"financial_status": "voided"}, "cancelled"),
        ({"cancelled_at": "2026-03-02T09:00:00Z", "financial_status": "paid"}, "cancelled"),
    ],
)
def test_an_order_of_shopify_is_a_purchase(changes: dict[str, Any], status: str) -> None:
    """The status follows the payment, the fulfilment and the cancellation."""
    got = purchase_of(read(shopify_order(**changes)))
    assert (got.key, got.person_id, got.status) == (("shopify", "5001"), "77", status)
    assert (got.amount, got.purchased_at) == (Money(25, "USD"), datetime(2026, 3, 1, 2, tzinfo=UTC))
    assert (got.cancelled_at is not None) == bool(changes.get("cancelled_at"))


def test_a_refund_of_shopify_is_the_same_alone_and_in_its_order() -> None:
    """Both bodies give one record; a return without money gives none."""
    alone = webhooks.shopify("refunds/create", json.dumps(shopify_refund()))
    assert alone.refunds == read(shopify_order(refunds=[shopify_refund()])).refunds
    assert alone.refunds[0].amount == Money(10, "USD")
    nothing = webhooks.shopify("refunds/create", json.dumps(shopify_refund(transactions=[])))
    assert nothing.ignored == "refund of no money"


def test_a_refund_in_the_currency_of_the_customer_is_left_out() -> None:
    """The order is in the currency of the shop and keeps its amount; the reason is noted."""
    duties = {"shop_money": {"amount": "0.00", "currency_code": "EUR"}}
    why = "refund in another currency than its order"
    assert read(shopify_refund(total_duties_set=duties), "refunds/create") == Webhook(ignored=why)
    got = read(shopify_order(currency="EUR", refunds=[shopify_refund()]))
    assert (purchase_of(got).amount, got.refunds, got.notes) == (Money(25, "EUR"), (), (why,))


def test_an_order_of_woocommerce_is_a_purchase() -> None:
    """The key of a guest is the e-mail address; times are UTC; yen have no decimals."""
    got = woo(woo_order(refunds=[{"id": 813, "reason": "", "total": "-100.00"}, {"id": 814, "total": "0"}]))
    assert purchase_of(got).person_id == "budi@example.com"
    assert purchase_of(got).amount == Money(2500, "JPY")
    assert [one.amount for one in got.refunds] == [Money(100, "JPY")]
    paid = "2026-03-01T02:00:01"
    cancelled = purchase_of(woo(woo_order(status="cancelled", customer_id=5, date_paid_gmt=paid)))
    assert (cancelled.person_id, cancelled.cancelled_at) == ("5", datetime(2026, 3, 1, 2, 0, 5, tzinfo=UTC))


@pytest.mark.parametrize(
    ("currency", "amount"),
    [("usd", Money(25, "USD")), ("jpy", Money(2500, "JPY")), ("mga", Money(2500, "MGA")), ("isk", Money(25, "ISK"))],
)
def test_minor_units_of_stripe_follow_its_list(currency: str, amount: Money) -> None:
    """Currencies without decimals at Stripe are not divided, whatever ISO 4217 says."""
    got = purchase_of(read_event(charge(currency=currency)))
    assert (got.key, got.person_id, got.amount) == (("stripe", "ch_1"), "cus_1", amount)


def test_three_decimals_of_stripe() -> None:
    """Dinars have 1,000 minor units."""
    got = webhooks.stripe(stripe_event(refund(currency="kwd"))).refunds
    assert got[0].amount == Money("0.500", "KWD")


@pytest.mark.parametrize(
    ("got", "why"),
    [
        (read({"id": 1}, "orders/delete"), "topic without records"),
        (read(shopify_order(email=None, customer=None, billing_address=None)), "order without a known buyer"),
        (woo({"id": 1}, "order.deleted"), "topic without records"),
        (woo(woo_customer(id=0, email=""), "customer.created", contacts=True), "customer without a known id"),
        (woo(woo_order(status="checkout-draft")), "draft order"),
        (woo(woo_order(billing={})), "order without a known buyer"),
        (webhooks.stripe(stripe_event(charge(status="failed"))), "charge not paid"),
        (webhooks.stripe(stripe_event(refund(status="pending"))), "topic without records"),
        (webhooks.stripe(stripe_event(charge(customer=None, billing_details={}))), "order without a known buyer"),
    ],
)
def test_a_webhook_without_records_has_the_reason(got: Webhook, why: str) -> None:
    """Nothing is dropped in silence, and no error makes the platform send it again."""
    assert (got.ignored, got.purchase, got.refunds) == (why, None, ())
    assert webhooks.apply(got, SqliteStore(), MemoryStates(), recorded_at=NOON).added == 0


def test_the_person_is_the_first_usable_key() -> None:
    """The order of keys is the caller's; a masked key is not used; a secret hides the key."""
    assert purchase_of(read(shopify_order(), keys=("email", "phone"))).person_id == "sari@example.com"
    masked = woo_order(customer_id="7**", billing={"email": "b***@example.com", "phone": "0812-000-1111"})
    assert purchase_of(woo(masked)).person_id == "08120001111"
    assert purchase_of(woo(masked, calling_code="62")).person_id == "+628120001111"
    hashed = purchase_of(woo(masked, secret=b"key")).person_id
    assert (len(hashed), "0812" in hashed) == (32, False)


TEXTS = st.one_of(
    st.text(st.sampled_from("aA0123456789@.*+-'<> \t\x1c\u00a0\u0130\u03a3p:"), max_size=14),
    st.sampled_from(["Sari@Example.com", "<sari@example.com>", "p:+62 812-000-1111", "0812 000 1111", "0062812000111"]),
)


@given(TEXTS, TEXTS, TEXTS, st.sampled_from([None, "62"]), st.sampled_from([None, b"key", "key"]))
def test_a_buyer_has_the_same_key_in_a_file_and_in_a_webhook(
    number: str, email: str, phone: str, code: str | None, secret: bytes | str | None
) -> None:
    """Both forms of the rules agree on every text."""
    rows = pl.DataFrame({"customer_id": [number], "username": [None], "email": [email], "phone": [phone]})
    rows = with_person(rows.cast(pl.String), code, secret)
    assert BuyerKey(calling_code=code, secret=secret).of(number, email, phone) == (rows["person_id"][0] or "")
    if secret:  # text is the same secret as its bytes
        assert BuyerKey(calling_code=code, secret=b"key").of(number, email, phone) == (rows["person_id"][0] or "")
    assert (email_key(email), phone_key(phone, code)) == (rows["email"][0] or "", rows["phone"][0] or "")


@pytest.mark.parametrize(("phone", "person"), [(None, "+628120002222"), ("+62 812-000-9999", "+628120009999")])
def test_an_order_in_an_export_and_in_a_webhook_is_of_one_person(phone: str | None, person: str) -> None:
    """The keys of the export of Shopify, which has no customer id: the customer's own number comes first."""
    order = shopify_order(email="", customer=None, phone=phone)
    row = {
        "Id": "5001",
        "Name": "#1001",
        "Email": None,
        "Financial Status": "paid",
        "Fulfillment Status": None,
        "Currency": "USD",
        "Total": "25.00",
        "Created at": "2026-03-01 09:00:00 +0700",
        "Lineitem quantity": "1",
        "Lineitem name": "Mug",
        "Billing Phone": order["billing_address"]["phone"],
        "Phone": phone,
    }
    cells = {name: pl.Series([cell], dtype=pl.String) for name, cell in row.items()}
    data = shopify.orders(pl.DataFrame(cells), contacts=True)
    got = read(order, keys=("email", "phone"), contacts=True)
    assert data.purchases["person_id"].to_list() == [purchase_of(got).person_id] == [person]
    assert data.customers["phone"].to_list() == [customer_of(got).contact.phone]


def test_lines_of_shopify() -> None:
    """A line has its product, or else its title; its discounts are those allocated to it, or else its own."""
    mug, card = purchase_of(read(shopify_order())).lines
    assert (mug.sku, mug.quantity, mug.unit_price) == ("mug", 2, Money("9.50", "USD"))
    assert (mug.discount, mug.total) == (Money("1.50", "USD"), Money("17.50", "USD"))
    assert (card.sku, card.discount) == ("Gift card", None)
    own = purchase_of(read(shopify_order(line_items=[shopify_line(discount_allocations=[])]))).lines
    assert own[0].total == Money(16, "USD")


def test_lines_of_woocommerce_are_exact() -> None:
    """A subtotal that cannot be divided by the pieces has a price rounded up, and a discount that makes it exact."""
    mug, pot = purchase_of(woo(woo_order())).lines
    assert (mug.unit_price, mug.discount) == (Money(800, "JPY"), None)
    assert (pot.sku, pot.unit_price, pot.total) == ("Pot", Money(334, "JPY"), Money(900, "JPY"))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"quantity": 1.5}, "line_items[0].quantity of the webhook is not a whole number of at most 18 digits"),
        ({"total": "12.345"}, "line_items[0].total of the webhook is not exact in the currency, or the currency is"),
        ({"sku": "", "name": " "}, "line_items[0].sku of the webhook is missing; it must be text that can be an id"),
        ({"quantity": -1}, "OrderLine has 2 faults"),
    ],
)
def test_an_order_keeps_its_money_if_a_line_cannot_be_read(changes: dict[str, Any], why: str) -> None:
    """The order has no lines then, and a note says why; a line without pieces is left out."""
    got = woo(woo_order(line_items=[woo_line(**changes)]))
    assert (purchase_of(got).amount, purchase_of(got).lines) == (Money(2500, "JPY"), ())
    assert got.notes[0].startswith(f"order lines left out: {why}")
    nothing = woo(woo_order(line_items=[woo_line(quantity=0)]))
    assert (purchase_of(nothing).lines, nothing.notes) == ((), ())


def test_contacts_are_read_only_if_the_caller_asks() -> None:
    """A webhook of a customer is ignored without contacts, and an order has no customer."""
    assert read(shopify_order()).customer is None
    for got in (
        read(shopify_customer(), "customers/create"),
        woo(woo_customer(), "customer.created"),
        read_event(stripe_customer(), "customer.created"),
    ):
        assert got == Webhook(ignored="customer, and contacts were not requested")


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (
            read(shopify_order(), contacts=True),
            ("77", "Sari Dewi", "Jl. Melati 5, Solo, Indonesia", "sari@example.com", "+628120002222"),
        ),
        (
            read(shopify_order(billing_address=None, shipping_address=None), contacts=True),
            ("77", "S. D.", "", "sari@example.com", ""),
        ),
        (
            read(shopify_customer(), "customers/update", contacts=True),
            ("77", "Sari Dewi", "Jl. Mawar 7, Solo", "sari@example.com", "+628120003333"),
        ),
        (
            woo(woo_order(), contacts=True, calling_code="62"),
            ("budi@example.com", "Budi Jaya", "Jl. Anggrek 2, Bandung, ID", "budi@example.com", "+628120001111"),
        ),
        (
            woo(woo_customer(), "customer.updated", contacts=True),
            ("5", "Budi Jaya", "", "budi@example.com", ""),
        ),
        (read_event(charge(), contacts=True), ("cus_1", "", "", "sari@example.com", "")),
        (
            read_event(stripe_customer(), "customer.updated", contacts=True),
            ("cus_1", "Sari Dewi", "Jl. Melati 5, Solo, ID", "sari@example.com", ""),
        ),
    ],
)
def test_a_customer_has_name_and_contact_details(got: Webhook, expected: tuple[str, ...]) -> None:
    """The details are in the spelling of the files, and the text of the webhook does not show them."""
    customer = customer_of(got)
    contact = customer.contact
    assert (customer.person_id, customer.name, customer.address, contact.email, contact.phone) == expected
    assert not [text for text in expected[1:] if text and text != expected[0] and text in repr(got)]


def test_the_instant_of_a_customer_is_that_of_its_change() -> None:
    """A customer of WooCommerce that never changed has the instant of its creation."""
    got = woo(woo_customer(), "customer.created", contacts=True)
    assert got.updated_at == customer_of(got).since == datetime(2026, 2, 1, 2, tzinfo=UTC)
    changed = read(shopify_customer(), "customers/update", contacts=True)
    assert changed.updated_at == datetime(2026, 3, 3, 9, tzinfo=UTC)


def test_a_charge_may_contain_its_customer() -> None:
    """An expanded customer has its id inside; a receipt has an address for a charge without one."""
    got = read_event(charge(customer={"id": "cus_2"}))
    assert purchase_of(got).person_id == "cus_2"
    guest = read_event(charge(customer=None, billing_details={}, receipt_email="Ani@Example.com"))
    assert purchase_of(guest).person_id == "ani@example.com"
    plain = charge()
    del plain["amount_captured"]
    assert purchase_of(read_event(plain)).amount == Money(25, "USD")


def test_an_amount_may_be_a_number() -> None:
    """A JSON number is read as it is written, never as a float."""
    assert purchase_of(read(shopify_order(total_price=25.1))).amount == Money("25.10", "USD")
    assert purchase_of(read(shopify_order(total_price=25))).amount == Money(25, "USD")


@pytest.mark.parametrize(
    ("reader", "topic", "kind"),
    [
        (webhooks.woocommerce, "order.updated", "an order of WooCommerce: it has no id"),
        (webhooks.woocommerce, "customer.updated", "a customer of WooCommerce: it has no id"),
        (webhooks.shopify, "orders/updated", "an order of Shopify: it has no id"),
        (webhooks.shopify, "customers/update", "a customer of Shopify: it has no id"),
        (webhooks.shopify, "refunds/create", "a refund of Shopify: it has no order_id"),
    ],
)
def test_a_body_of_another_kind_is_named(reader: Any, topic: str, kind: str) -> None:
    """A test ping or a body of another topic is not an order with a fault in one field."""
    with pytest.raises(RecordError, match=f"the body is not {kind}; pass the body as received"):
        reader(topic, b"{}")
