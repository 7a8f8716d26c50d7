"""Webhooks of Shopify, WooCommerce and Stripe: a JSON body becomes records.

A body that can never become a record raises a `RecordError`. A body that has no records, such as that of a deleted
order, is ignored, and the result has the reason.
"""

from __future__ import annotations

from funnel.errors import RecordError
from funnel.money import Money
from funnel.readers._webhook_apply import (
    MemoryStates,
    NewestStates,
    Webhook,
    apply,
    verify_shopify,
    verify_stripe,
    verify_woocommerce,
)
from funnel.readers._webhook_body import Body, BuyerKey
from funnel.records import Purchase, Refund

__all__ = [
    "BuyerKey",
    "MemoryStates",
    "NewestStates",
    "Webhook",
    "apply",
    "shopify",
    "stripe",
    "verify_shopify",
    "verify_stripe",
    "verify_woocommerce",
    "woocommerce",
]

_UNKNOWN = "order without a known buyer"
_OTHER = "topic without records"
_SHOPIFY_ORDERS = {
    f"orders/{name}" for name in ("create", "updated", "paid", "cancelled", "fulfilled", "partially_fulfilled")
}
_SHOPIFY_STATES = {
    "paid": "paid",
    "partially_paid": "paid",
    "partially_refunded": "paid",
    "refunded": "paid",
    "pending": "placed",
    "authorized": "placed",
    "unpaid": "placed",
    "expired": "cancelled",
    "voided": "cancelled",
}
_WOO_STATES = {
    "processing": "paid",
    "completed": "paid",
    "refunded": "paid",
    "pending": "placed",
    "on-hold": "placed",
    "cancelled": "cancelled",
    "trash": "cancelled",
    "failed": "cancelled",
}
_ZERO = frozenset("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split())  # noqa: SIM905
_THREE = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})


def shopify(topic: str, body: bytes | str, *, buyer: BuyerKey = BuyerKey()) -> Webhook:  # noqa: B008 (it is frozen)
    """Read a webhook of Shopify: an order with its refunds, or one refund.

    An order that is not paid is placed, or shipped if a part of it is fulfilled. A voided or expired order is
    cancelled. A refund is the sum of its successful refund transactions.

    Args:
        topic: The header X-Shopify-Topic, such as "orders/updated".
        body: The body as it was received.
        buyer: How the person id is chosen. The orders export has no customer id: pass
            `BuyerKey(keys=("email", "phone"))` if the store also has records of that export.

    Raises:
        RecordError: The body can never become a record.
    """
    if topic == "refunds/create":
        one = Body.parse(body)
        refunds = _shopify_refunds([one], one.required("order_id"))
        at = one.time("created_at")
        return Webhook(refunds=refunds, updated_at=at) if refunds else Webhook(ignored="refund of no money")
    if topic not in _SHOPIFY_ORDERS:
        return Webhook(ignored=_OTHER)
    order = Body.parse(body)
    customer, currency = order.child("customer"), order.required("currency")
    person = buyer.of(
        customer.text("id"),
        order.text("email") or customer.text("email"),
        order.text("phone") or customer.text("phone"),
    )
    if not person:
        return Webhook(ignored=_UNKNOWN)
    status = _state_of(order, "financial_status", _SHOPIFY_STATES)
    if status == "placed" and order.text("fulfillment_status") in {"fulfilled", "partial"}:
        status = "shipped"
    cancelled = order.time("cancelled_at") if order.text("cancelled_at") else None
    purchase = Purchase.model_validate(
        {
            "id": order.required("id"),
            "source": "shopify",
            "person_id": person,
            "purchased_at": order.time("created_at"),
            "amount": order.money("total_price", currency),
            "status": "cancelled" if cancelled else status,
            "cancelled_at": cancelled,
        }
    )
    refunds = _shopify_refunds([*order.children("refunds")], purchase.id)
    return Webhook(purchase=purchase, refunds=refunds, updated_at=order.time("updated_at"))


def _shopify_refunds(bodies: list[Body], order: str) -> tuple[Refund, ...]:
    refunds: list[Refund] = []
    for one in bodies:
        paid = [
            part.money("amount", part.required("currency"))
            for part in one.children("transactions")
            if part.text("kind") == "refund" and part.text("status") == "success"
        ]
        if len({amount.currency for amount in paid}) > 1:
            raise one.fault("transactions", "have several currencies")
        if any(paid):
            refunds.append(
                Refund(
                    id=one.required("id"),
                    source="shopify",
                    purchase_id=order,
                    refunded_at=one.time("created_at"),
                    amount=sum(paid[1:], start=paid[0]),
                )
            )
    return tuple(refunds)


def woocommerce(topic: str, body: bytes | str, *, buyer: BuyerKey = BuyerKey()) -> Webhook:  # noqa: B008 (it is frozen)
    """Read a webhook of WooCommerce: an order with its refunds.

    WooCommerce does not send the time of a cancellation or a refund. It is the time of the change that reports it.

    Args:
        topic: The header X-WC-Webhook-Topic, such as "order.updated".
        body: The body as it was received.
        buyer: How the person id is chosen. Customer 0 is a guest.

    Raises:
        RecordError: The body can never become a record.
    """
    if topic not in {"order.created", "order.updated", "order.restored"}:
        return Webhook(ignored=_OTHER)
    order = Body.parse(body)
    if order.text("status") in {"checkout-draft", "auto-draft", "draft"}:
        return Webhook(ignored="draft order")
    billing, currency, account = order.child("billing"), order.required("currency"), order.text("customer_id")
    person = buyer.of("" if account == "0" else account, billing.text("email"), billing.text("phone"))
    if not person:
        return Webhook(ignored=_UNKNOWN)
    status, at = _state_of(order, "status", _WOO_STATES), order.time("date_modified_gmt", zone="+00:00")
    purchase = Purchase.model_validate(
        {
            "id": order.required("id"),
            "source": "woocommerce",
            "person_id": person,
            "purchased_at": order.time("date_created_gmt", zone="+00:00"),
            "amount": order.money("total", currency),
            "status": status,
            "cancelled_at": at if status == "cancelled" else None,
        }
    )
    refunds = tuple(
        Refund(
            id=one.required("id"),
            source="woocommerce",
            purchase_id=purchase.id,
            refunded_at=at,
            amount=amount,
        )
        for one in order.children("refunds")
        if (amount := one.money("total", currency))
    )
    return Webhook(purchase=purchase, refunds=refunds, updated_at=at)


def stripe(body: bytes | str, *, buyer: BuyerKey = BuyerKey()) -> Webhook:  # noqa: B008 (it is frozen)
    """Read an event of Stripe: a charge that was paid, or a refund that succeeded.

    Subscribe to charge.succeeded, charge.captured, charge.updated, refund.created and refund.updated.

    Args:
        body: The body as it was received.
        buyer: How the person id is chosen.

    Raises:
        RecordError: The body can never become a record.
    """
    event = Body.parse(body)
    one, at = event.child("data").child("object"), event.seconds("created")
    kind = one.text("object")
    if kind == "refund" and one.text("status") == "succeeded" and one.text("charge"):
        refund = Refund(
            id=one.required("id"),
            source="stripe",
            purchase_id=one.required("charge"),
            refunded_at=one.seconds("created"),
            amount=_stripe_money(one, "amount"),
        )
        return Webhook(refunds=(refund,), updated_at=at)
    if kind != "charge":
        return Webhook(ignored=_OTHER)
    if one.text("status") != "succeeded" or one.fields.get("captured") is not True:
        return Webhook(ignored="charge not paid")
    details = one.child("billing_details")
    person = buyer.of(
        one.text("customer") or one.child("customer").text("id"),
        details.text("email") or one.text("receipt_email"),
        details.text("phone"),
    )
    if not person:
        return Webhook(ignored=_UNKNOWN)
    purchase = Purchase(
        id=one.required("id"),
        source="stripe",
        person_id=person,
        purchased_at=one.seconds("created"),
        amount=_stripe_money(one, "amount_captured" if "amount_captured" in one.fields else "amount"),
    )
    return Webhook(purchase=purchase, updated_at=at)


def _stripe_money(one: Body, name: str) -> Money:
    currency = one.required("currency").upper()
    if currency == "UGX":  # sources disagree on whether Stripe's UGX has decimals
        raise RecordError("the webhook has an amount in UGX, whose unit is not certain; read it with a mapping")
    return one.minor(name, currency, 0 if currency in _ZERO else 3 if currency in _THREE else 2)


def _state_of(order: Body, name: str, states: dict[str, str]) -> str:
    status = order.required(name).removeprefix("wc-")
    if status not in states:
        raise order.fault(name, f"is not one of {', '.join(states)}")
    return states[status]
