"""Orders that wait for their payment: webhooks agree with the exports of the same shop."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel import Facts, Purchase, SqliteStore
from funnel.errors import ArgumentError
from funnel.readers import shopify, stripe, webhooks, woocommerce
from funnel.readers._formats import Unpaid
from funnel.readers._woocommerce import STATUSES
from funnel.readers.webhooks import MemoryStates, Webhook
from tests.readers.hooks import (
    NOON,
    charge,
    purchase_of,
    read,
    read_event,
    refund,
    shopify_order,
    woo,
    woo_order,
)

OPTIONS: tuple[Unpaid, ...] = ("sent", "refuse", "placed")
BY_OPTION = pytest.mark.parametrize("unpaid", OPTIONS)
CREATED = 1_772_330_400
DAY = 86_400


def march(day: int, hour: int = 0) -> datetime:
    """Return an instant in March 2026."""
    return datetime(2026, 3, day, hour, tzinfo=UTC)


def agree(order: Purchase, rows: pl.DataFrame) -> bool:
    """Return whether a file has an order with the same state; it refuses orders that do not count."""
    if order.status == "unpaid" or (order.status == "cancelled" and not rows.height):
        return not rows.height
    row = rows.row(0, named=True)
    amount, person = order.amount.minor, order.person_id
    return (row["status"], row["amount"], row["person_id"]) == (order.status, amount, person)


# ---- the same order in a webhook and in an export --------------------------------------------------------------------


@BY_OPTION
@pytest.mark.parametrize("sent", [None, "partial", "fulfilled"])
@pytest.mark.parametrize("state", ["pending", "authorized", "unpaid", "paid", "partially_paid", "voided"])
@pytest.mark.parametrize("cancelled", [None, "2026-03-04 09:00:00 +0000"])
def test_an_order_of_shopify_counts_alike_in_both(
    state: str, sent: str | None, cancelled: str | None, unpaid: Unpaid
) -> None:
    """A pending transfer does not count, by file or by webhook, also before it is cancelled; a parcel sent counts."""
    cancelled_at = "2026-03-04T09:00:00Z" if cancelled else None
    order = shopify_order(financial_status=state, fulfillment_status=sent, cancelled_at=cancelled_at)
    row = {
        "Id": "5001",
        "Name": "#1001",
        "Email": "sari@example.com",
        "Financial Status": state,
        "Fulfillment Status": sent,
        "Currency": "USD",
        "Total": "25.00",
        "Created at": "2026-03-01 09:00:00 +0700",
        "Cancelled at": cancelled,
        "Lineitem quantity": "1",
        "Lineitem name": "Mug",
    }
    data = shopify.orders(pl.DataFrame([row], schema=dict.fromkeys(row, pl.String)), unpaid=unpaid)
    got = purchase_of(read(order, unpaid=unpaid, keys=("email",)))
    assert agree(got, data.purchases)
    assert data.purchases["cancelled_at"].drop_nulls().to_list() == ([got.cancelled_at] if got.cancelled_at else [])


@BY_OPTION
@pytest.mark.parametrize("state", sorted(one for texts in STATUSES.values() for one in texts.split(", ")))
def test_an_order_of_woocommerce_counts_alike_in_both(state: str, unpaid: Unpaid, tmp_path: Path) -> None:
    """One body, as a webhook and as a page of the REST interface."""
    order = woo_order(status=state, total="2500", customer_id=5)
    path = tmp_path / "orders.json"
    path.write_text(json.dumps([order]), encoding="utf-8")
    data = woocommerce.orders(path, unpaid=unpaid)
    if state in ("checkout-draft", "pending payment", "on hold"):  # not sent by webhooks
        return
    got = purchase_of(woo(order, unpaid=unpaid))
    if state == "refunded":  # without its refunds, the file takes it for a cancellation
        assert got.status == "paid"
        return
    assert agree(got, data.purchases)


@BY_OPTION
@pytest.mark.parametrize(
    ("status", "captured", "text"),
    [
        ("succeeded", True, "Paid"),
        ("succeeded", False, "Paid"),
        ("pending", False, "pending"),
        ("failed", False, "Failed"),
    ],
)
def test_a_charge_of_stripe_counts_alike_in_both(status: str, *, captured: bool, text: str, unpaid: Unpaid) -> None:
    """A charge that was not captured waits; a failed one was never made."""
    row = {
        "id": "ch_1",
        "Created (UTC)": "2026-03-01 02:00:00",
        "Amount": "25.00",
        "Amount Refunded": "0.00",
        "Currency": "usd",
        "Captured": str(captured),
        "Status": text,
        "Customer ID": "cus_1",
    }
    data = stripe.payments(pl.DataFrame(row), unpaid=unpaid, currency="USD")
    got = read_event(charge(status=status, captured=captured), unpaid=unpaid)
    if got.ignored:
        assert not data.purchases.height
    else:
        assert agree(purchase_of(got), data.purchases)


# ---- the instant of the payment --------------------------------------------------------------------------------------

WAITS = read(shopify_order())
PAID = read(shopify_order(financial_status="paid", updated_at="2026-03-04T09:00:00Z"), "orders/paid")
SENT = read(shopify_order(financial_status="paid", fulfillment_status="fulfilled", updated_at="2026-03-06T09:00:00Z"))


@pytest.mark.parametrize("news", list(permutations([WAITS, PAID, SENT])))
def test_a_transfer_makes_a_customer_from_the_payment_on(news: Sequence[Webhook]) -> None:
    """The person buys on 4 March, not on 1 March, also if a newer state without the time of the payment comes first."""
    with SqliteStore() as store:
        for one in (*news, news[0]):
            webhooks.apply(one, store, recorded_at=march(31))
        history = store.history("77")
        assert [one.paid_at for one in history.purchases] == [march(4, 9)]
        counts = [Facts.of(history, as_of=march(day)).purchase_count for day in (2, 4, 5)]
        assert counts == [0, 0, 1]


def test_an_order_counts_once_and_never_moves_when_it_is_paid() -> None:
    """An order that counts before its payment has no time of it: a payment must not move the purchase."""
    sent = shopify_order(financial_status="paid", fulfillment_status="fulfilled", updated_at="2026-03-04T09:00:00Z")
    assert purchase_of(read(sent, "orders/paid")).paid_at is None
    assert purchase_of(read(sent, "orders/paid", unpaid="placed")).paid_at is None
    assert purchase_of(read(sent, "orders/paid", unpaid="refuse")).paid_at == march(4, 9)
    at_once = shopify_order(financial_status="paid")
    assert purchase_of(read(at_once, "orders/paid")).paid_at is None
    on_delivery = woo_order(status="completed", payment_method="cod", date_paid_gmt="2026-03-04T09:00:00")
    assert purchase_of(woo(on_delivery)).paid_at is None
    assert purchase_of(woo({**on_delivery, "payment_method": "bacs"})).paid_at == march(4, 9)


@pytest.mark.parametrize(("kind", "paid_at"), [("charge.captured", march(4, 2)), ("charge.updated", None)])
def test_a_charge_counts_from_its_capture(kind: str, paid_at: datetime | None) -> None:
    """The event of the capture has its time; any other event does not."""
    got = purchase_of(read_event(charge(), kind, created=CREATED + 3 * DAY))
    assert (got.status, got.paid_at) == ("paid", paid_at)
    waiting = purchase_of(read_event(charge(captured=False, amount_captured=0)))
    assert (waiting.status, waiting.amount) == ("unpaid", got.amount)


def test_an_order_that_was_never_paid_never_counts() -> None:
    """A cancelled transfer did not count on the days before its cancellation; an order that counted before did."""
    late = "2026-03-04T09:00:00Z"
    ends: dict[str, Callable[[Unpaid], Webhook]] = {
        "shopify": lambda unpaid: read(shopify_order(cancelled_at=late, updated_at=late), unpaid=unpaid),
        "woocommerce": lambda unpaid: woo(woo_order(status="cancelled", date_modified_gmt=late[:-1]), unpaid=unpaid),
        "stripe": lambda unpaid: read_event(
            charge(captured=False, refunded=True), "charge.expired", created=CREATED + 3 * DAY, unpaid=unpaid
        ),
    }
    for end in ends.values():
        never, once = purchase_of(end("sent")), purchase_of(end("placed"))
        assert (never.status, never.cancelled_at, once.status) == ("cancelled", None, "cancelled")
        assert once.cancelled_at is not None
        assert once.cancelled_at > march(4)
    failed = purchase_of(read_event(charge(status="failed", captured=False), created=CREATED + DAY, unpaid="placed"))
    assert (failed.status, failed.cancelled_at is None) == ("cancelled", False)
    paid = woo_order(status="cancelled", date_modified_gmt="2026-03-09T00:00:00", date_paid_gmt="2026-03-04T09:00:00")
    assert (purchase_of(woo(paid)).paid_at, purchase_of(woo(paid)).cancelled_at) == (march(4, 9), march(9))
    on_delivery = woo_order(status="cancelled", payment_method="cod", date_modified_gmt="2026-03-09T00:00:00")
    assert purchase_of(woo(on_delivery)).cancelled_at == march(9)


def _news(unpaid: Unpaid) -> dict[str, list[Webhook]]:
    """Return what happens to one order of each platform, in order."""
    dates = ["2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z", "2026-03-04T00:00:00Z", "2026-03-05T00:00:00Z"]
    states = ["pending", "on-hold", "processing", "on-hold"]
    return {
        "shopify": [
            read(shopify_order(), "orders/create", unpaid=unpaid),
            read(shopify_order(financial_status="paid", updated_at=dates[0]), "orders/paid", unpaid=unpaid),
            read(shopify_order(financial_status="paid", updated_at=dates[1]), "orders/paid", unpaid=unpaid),
            read(shopify_order(updated_at=dates[2]), unpaid=unpaid),
            read(shopify_order(financial_status="refunded", cancelled_at=dates[3], updated_at=dates[3]), unpaid=unpaid),
        ],
        "woocommerce": [
            woo(
                woo_order(
                    customer_id=77,
                    status=state,
                    date_modified_gmt=date[:-1],
                    date_paid_gmt=dates[2][:-1] if number > 1 else None,
                ),
                unpaid=unpaid,
            )
            for number, (state, date) in enumerate(zip(states, dates, strict=True))
        ],
        "stripe": [
            read_event(charge(customer="77", captured=False), "charge.succeeded", unpaid=unpaid),
            read_event(charge(customer="77"), "charge.captured", created=CREATED + DAY, unpaid=unpaid),
            read_event(charge(customer="77", amount_captured=2000), created=CREATED + 2 * DAY, unpaid=unpaid),
            read_event(refund()),
        ],
    }


NEWS = {unpaid: _news(unpaid) for unpaid in OPTIONS}


def _end(news: Sequence[Webhook]) -> object:
    """Return the history of the only person after deliveries."""
    states = MemoryStates()
    with SqliteStore() as store:
        for one in news:
            webhooks.apply(one, store, states, recorded_at=NOON)
        return store.history("77"), store.unresolved()


@BY_OPTION
@pytest.mark.parametrize("platform", ["shopify", "woocommerce", "stripe"])
@given(st.data())
def test_every_interleaving_ends_as_the_order_of_events(platform: str, unpaid: Unpaid, data: st.DataObject) -> None:
    """Late and repeated states of an order that waits, is paid, waits again or is cancelled end alike."""
    news = NEWS[unpaid][platform]
    mixed = [*data.draw(st.lists(st.sampled_from(news), max_size=3)), *data.draw(st.permutations(news))]
    assert _end(mixed) == _end(news)


def test_the_argument_is_checked() -> None:
    """The choices are those of the readers of exports."""
    with pytest.raises(ArgumentError, match="unpaid must be 'sent' or 'refuse' or 'placed'"):
        read(shopify_order(), unpaid="keep")  # type: ignore[arg-type]
