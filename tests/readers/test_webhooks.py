"""Webhooks: bodies in the shape of each platform, with invented people."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funnel import Money, SqliteStore
from funnel.errors import ArgumentError, FunnelError, RecordError, StoreError
from funnel.readers import webhooks
from funnel.readers.webhooks import BuyerKey, MemoryStates, Webhook

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def shopify_order(**changes: Any) -> dict[str, Any]:
    """An order of Shopify."""
    return {
        "id": 5001,
        "name": "#1001",
        "email": "Sari@Example.com",
        "phone": None,
        "created_at": "2026-03-01T09:00:00+07:00",
        "updated_at": "2026-03-01T09:00:00+07:00",
        "cancelled_at": None,
        "currency": "USD",
        "total_price": "25.00",
        "financial_status": "pending",
        "fulfillment_status": None,
        "customer": {"id": 77, "email": "sari@example.com"},
        "refunds": [],
        **changes,
    }


def shopify_refund(amount: str = "10.00", **changes: Any) -> dict[str, Any]:
    """A refund of Shopify."""
    part = {"kind": "refund", "status": "success", "amount": amount, "currency": "USD"}
    return {"id": 9, "order_id": 5001, "created_at": "2026-03-02T09:00:00Z", "transactions": [part], **changes}


def woo_order(**changes: Any) -> dict[str, Any]:
    """An order of WooCommerce."""
    return {
        "id": 812,
        "status": "processing",
        "currency": "JPY",
        "total": "2500.00",
        "date_created_gmt": "2026-03-01T02:00:00",
        "date_modified_gmt": "2026-03-01T02:00:05",
        "customer_id": 0,
        "billing": {"email": "budi@example.com", "phone": "0812-000-1111"},
        "refunds": [],
        **changes,
    }


def stripe_event(obj: dict[str, Any], created: int = 1_772_330_400) -> str:
    """An event of Stripe."""
    return json.dumps({"id": "evt_1", "object": "event", "created": created, "data": {"object": obj}})


def charge(**changes: Any) -> dict[str, Any]:
    """A charge of Stripe."""
    return {
        "id": "ch_1",
        "object": "charge",
        "amount": 2500,
        "amount_captured": 2500,
        "captured": True,
        "created": 1_772_330_400,
        "currency": "usd",
        "customer": "cus_1",
        "billing_details": {"email": "sari@example.com", "phone": None},
        "status": "succeeded",
        **changes,
    }


def refund(**changes: Any) -> dict[str, Any]:
    """A refund of Stripe."""
    return {
        "id": "re_1",
        "object": "refund",
        "amount": 500,
        "charge": "ch_1",
        "created": 1_772_340_400,
        "currency": "usd",
        "status": "succeeded",
        **changes,
    }


def read(body: dict[str, Any], topic: str = "orders/updated", **options: Any) -> Webhook:
    """Read an order of Shopify."""
    return webhooks.shopify(topic, json.dumps(body), buyer=BuyerKey(**options))


def woo(body: dict[str, Any], topic: str = "order.updated", **options: Any) -> Webhook:
    """Read an order of WooCommerce."""
    return webhooks.woocommerce(topic, json.dumps(body), buyer=BuyerKey(**options))


def read_event(one: dict[str, Any]) -> Webhook:
    """Read an event of Stripe."""
    return webhooks.stripe(stripe_event(one))


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "placed"),
        ({"fulfillment_status": "partial"}, "shipped"),
        ({"financial_status": "refunded"}, "paid"),
        ({"financial_status": "voided"}, "cancelled"),
        ({"cancelled_at": "2026-03-02T09:00:00Z"}, "cancelled"),
    ],
)
def test_an_order_of_shopify_is_a_purchase(changes: dict[str, Any], status: str) -> None:
    """The status follows the payment, the fulfilment and the cancellation."""
    got = read(shopify_order(**changes)).purchase
    assert got is not None
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


def test_an_order_of_woocommerce_is_a_purchase() -> None:
    """The key of a guest is the e-mail address; times are UTC; yen have no decimals."""
    got = woo(woo_order(refunds=[{"id": 813, "reason": "", "total": "-100.00"}, {"id": 814, "total": "0"}]))
    assert got.purchase is not None
    assert (got.purchase.person_id, got.purchase.amount) == ("budi@example.com", Money(2500, "JPY"))
    assert [one.amount for one in got.refunds] == [Money(100, "JPY")]
    cancelled = woo(woo_order(status="cancelled", customer_id=5)).purchase
    assert cancelled is not None
    assert (cancelled.person_id, cancelled.cancelled_at) == ("5", datetime(2026, 3, 1, 2, 0, 5, tzinfo=UTC))


@pytest.mark.parametrize(
    ("currency", "amount"),
    [("usd", Money(25, "USD")), ("jpy", Money(2500, "JPY")), ("mga", Money(2500, "MGA")), ("isk", Money(25, "ISK"))],
)
def test_minor_units_of_stripe_follow_its_list(currency: str, amount: Money) -> None:
    """Currencies without decimals at Stripe are not divided, whatever ISO 4217 says."""
    got = webhooks.stripe(stripe_event(charge(currency=currency))).purchase
    assert got is not None
    assert (got.key, got.person_id, got.amount) == (("stripe", "ch_1"), "cus_1", amount)


def test_three_decimals_of_stripe() -> None:
    """Dinars have 1,000 minor units."""
    got = webhooks.stripe(stripe_event(refund(currency="kwd"))).refunds
    assert got[0].amount == Money("0.500", "KWD")


@pytest.mark.parametrize(
    ("got", "why"),
    [
        (read({"id": 1}, "orders/delete"), "topic without records"),
        (read(shopify_order(email=None, customer=None)), "order without a known buyer"),
        (woo({"id": 1}, "order.deleted"), "topic without records"),
        (woo(woo_order(status="checkout-draft")), "draft order"),
        (woo(woo_order(billing={})), "order without a known buyer"),
        (webhooks.stripe(stripe_event(charge(captured=False))), "charge not paid"),
        (webhooks.stripe(stripe_event(refund(status="pending"))), "topic without records"),
        (webhooks.stripe(stripe_event(charge(customer=None, billing_details={}))), "order without a known buyer"),
    ],
)
def test_a_webhook_without_records_has_the_reason(got: Webhook, why: str) -> None:
    """Nothing is dropped in silence, and no error makes the platform send it again."""
    assert (got.ignored, got.purchase, got.refunds) == (why, None, ())
    assert webhooks.apply(got, SqliteStore(), MemoryStates(), recorded_at=NOON) == 0


def test_the_person_is_the_first_usable_key() -> None:
    """The order of keys is the caller's; a masked key is not used; a secret hides the key."""
    assert read(shopify_order(), keys=("email", "phone")).purchase.person_id == "sari@example.com"  # type: ignore[union-attr]
    masked = woo_order(customer_id="7**", billing={"email": "b***@example.com", "phone": "0812-000-1111"})
    assert woo(masked).purchase.person_id == "08120001111"  # type: ignore[union-attr]
    assert woo(masked, calling_code="62").purchase.person_id == "+628120001111"  # type: ignore[union-attr]
    hashed = woo(masked, secret=b"key").purchase.person_id  # type: ignore[union-attr]
    assert (len(hashed), "0812" in hashed) == (32, False)


HIDDEN = "secret-value-42"


IMPOSSIBLE = [
    lambda: webhooks.stripe(f'{{"a": "{HIDDEN}"'),
    lambda: webhooks.stripe(f'["{HIDDEN}"]'),
    lambda: webhooks.stripe(b"[" * 100_000),
    lambda: webhooks.stripe(json.dumps({"created": -1})),
    lambda: webhooks.stripe(json.dumps({"created": HIDDEN})),
    lambda: webhooks.stripe(stripe_event(charge(currency="ugx"))),
    lambda: webhooks.stripe(stripe_event(charge(currency=HIDDEN))),
    lambda: read(shopify_order(total_price=HIDDEN)),
    lambda: read(shopify_order(total_price="1.234567")),
    lambda: read(shopify_order(created_at=HIDDEN)),
    lambda: read(shopify_order(financial_status=HIDDEN)),
    lambda: read(shopify_order(id=None)),
    lambda: read(shopify_order(refunds=HIDDEN)),
    lambda: read(shopify_order(refunds=[HIDDEN])),
    lambda: read(shopify_order(cancelled_at="2020-01-01T00:00:00Z")),
    lambda: read(
        shopify_order(
            refunds=[
                shopify_refund(
                    transactions=[
                        {"kind": "refund", "status": "success", "amount": "1", "currency": one}
                        for one in ("USD", "EUR")
                    ]
                )
            ]
        )
    ),
]


@pytest.mark.parametrize("call", IMPOSSIBLE, ids=map(str, range(len(IMPOSSIBLE))))
def test_a_body_that_can_never_succeed_raises_a_record_error(call: Any) -> None:
    """The error and its cause do not show a value of the body."""
    with pytest.raises(RecordError) as caught:
        call()
    assert HIDDEN not in str(caught.value)
    assert caught.value.__cause__ is None


STATES = [
    shopify_order(),
    shopify_order(financial_status="paid", updated_at="2026-03-01T09:00:00+07:00", total_price="30.00"),
    shopify_order(financial_status="paid", updated_at="2026-03-01T10:00:00Z", customer={"id": 78}),
    shopify_order(
        financial_status="partially_refunded",
        updated_at="2026-03-02T09:00:00Z",
        total_price="20.00",
        customer={"id": 78},
        refunds=[shopify_refund()],
    ),
]
NEWS = [*map(read, STATES), webhooks.shopify("refunds/create", json.dumps(shopify_refund()))]


@settings(max_examples=25)
@given(st.lists(st.sampled_from(range(len(NEWS))), max_size=6), st.permutations(range(len(NEWS))))
def test_every_interleaving_ends_with_the_newest_state(some: list[int], all_once: list[int]) -> None:
    """Late and repeated deliveries, in any order: the order is that of the newest state, under its person."""
    with SqliteStore() as store:
        states = MemoryStates()
        for index in (*some, *all_once, *some):
            webhooks.apply(NEWS[index], store, states, recorded_at=NOON)
        newest = NEWS[3]
        assert store.history("78").purchases == (newest.purchase,)
        assert store.history("78").refunds == newest.refunds
        assert not store.history("77").purchases


WOO_NEWS = [
    woo(woo_order(date_modified_gmt=f"2026-03-0{day}T00:00:00", refunds=[{"id": 1, "total": "-5"}]))
    for day in (2, 3, 4)
]


@settings(max_examples=20)
@given(st.permutations(WOO_NEWS))
def test_a_refund_without_a_time_has_that_of_the_first_report(news: list[Webhook]) -> None:
    """Whatever arrives first, the earliest report of a refund dates it."""
    with SqliteStore() as store:
        states = MemoryStates()
        for one in news:
            webhooks.apply(one, store, states, recorded_at=NOON)
        assert store.history("budi@example.com").refunds[0].refunded_at == datetime(2026, 3, 2, tzinfo=UTC)


def test_a_newer_state_that_arrives_during_a_write_is_written_last() -> None:
    """Another worker may write between the register and the store: the newest state still wins."""

    class Busy(SqliteStore):
        """A store in which another worker writes the newest state first."""

        calls = 0

        def amend(self, *records: Any, **options: Any) -> Any:
            """Write the newest state before the first write."""
            self.calls += 1
            if self.calls == 1:
                webhooks.apply(NEWS[3], self, states, recorded_at=NOON)
            return super().amend(*records, **options)

    states = MemoryStates()
    with Busy() as store:
        webhooks.apply(NEWS[0], store, states, recorded_at=NOON)
        assert store.history("78").purchases == (NEWS[3].purchase,)


def test_what_may_succeed_later_is_a_store_error() -> None:
    """A refund above the known amount waits for a newer state; an order in another currency never fits."""
    states = MemoryStates()
    with SqliteStore() as store:
        webhooks.apply(NEWS[0], store, states, recorded_at=NOON)
        large = webhooks.shopify("refunds/create", json.dumps(shopify_refund("28.00")))
        with pytest.raises(StoreError, match="does not fit"):
            webhooks.apply(large, store, states, recorded_at=NOON)
        webhooks.apply(NEWS[1], store, states, recorded_at=NOON)
        assert webhooks.apply(large, store, states, recorded_at=NOON) == 1
        with pytest.raises(RecordError):
            webhooks.apply(read(shopify_order(id=2, currency="EUR")), store, states, recorded_at=NOON)


def test_signatures() -> None:
    """Only the exact body with the secret passes, and for Stripe only within the tolerance."""
    body, secret = b'{"id": 1}', b"shh"
    plain = base64.b64encode(hmac.digest(secret, body, hashlib.sha256)).decode()
    for verify in (webhooks.verify_shopify, webhooks.verify_woocommerce):
        assert verify(body, plain, secret=secret)
        assert not verify(body + b" ", plain, secret=secret)
        assert not verify(body, "é", secret=secret)

    at = int(NOON.timestamp())
    code = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    header = f"t={at},v1=00,v1={code},v0=1"
    late = NOON + timedelta(minutes=5)
    assert webhooks.verify_stripe(body, header, secret=secret, now=late)
    assert not webhooks.verify_stripe(body, header, secret=secret, now=late + timedelta(seconds=1))
    assert not webhooks.verify_stripe(b"x", header, secret=secret, now=NOON)
    assert not webhooks.verify_stripe(body, f"v1={code}", secret=secret, now=NOON)
    with pytest.raises(ArgumentError, match="zone"):
        webhooks.verify_stripe(body, header, secret=secret, now=NOON.replace(tzinfo=None))


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists), st.data())
def test_a_broken_field_never_raises_another_error(value: Any, data: st.DataObject) -> None:
    """Any field may have any value: the result is records, a reason or an error of this library."""
    body = data.draw(st.sampled_from([shopify_order(refunds=[shopify_refund()]), woo_order(), charge(), refund()]))
    body[data.draw(st.sampled_from(sorted(body)))] = value
    for call in (read, woo, read_event):
        try:
            call(body)
        except FunnelError as error:
            assert isinstance(error, RecordError)  # noqa: PT017 (it need not raise)
