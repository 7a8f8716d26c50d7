"""Webhooks of WooCommerce.

Rules (our default):

- An order that waits for its payment is unpaid and does not count. It counts from `date_paid_gmt` on. An order with
  cash on delivery counts from the order on: WooCommerce dates its payment when it is delivered.
- WooCommerce does not send the time of a cancellation or a refund. It is the time of the change that reports it.
- Customer 0 is a guest. A draft is not an order. A failed order is cancelled.
- A line has a subtotal and a total after discounts. If the subtotal cannot be divided by the pieces, the price of one
  piece is rounded up and the discount makes the line exact.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from funnel._arguments import instance
from funnel.money import Money
from funnel.readers._formats import Unpaid
from funnel.readers._webhook import (
    OTHER_TOPIC,
    UNKNOWN_BUYER,
    Buyer,
    BuyerKey,
    HookOptions,
    Webhook,
    customer_webhook,
    lines_of,
    state_of,
)
from funnel.readers._webhook_body import Body
from funnel.records import OrderLine, Purchase, Refund

_ORDERS = {"order.created", "order.updated", "order.restored"}
_CUSTOMERS = {"customer.created", "customer.updated"}
_DRAFTS = {"checkout-draft", "auto-draft", "draft"}
_STATES = {
    "processing": "paid",
    "completed": "paid",
    "shipped": "paid",
    "delivered": "paid",
    "refunded": "paid",
    "pending": "unpaid",
    "on-hold": "unpaid",
    "cancelled": "cancelled",
    "trash": "cancelled",
    "failed": "cancelled",
}


def woocommerce(
    topic: str,
    body: bytes | str,
    *,
    buyer: BuyerKey | None = None,
    contacts: bool = False,
    unpaid: Unpaid = "sent",
) -> Webhook:
    """Read a webhook of WooCommerce: an order with its lines and refunds, or a customer.

    Args:
        topic: The header X-WC-Webhook-Topic, such as "order.updated".
        body: The body as it was received.
        buyer: How the person id is chosen; None for `BuyerKey()`.
        contacts: If True, read the name, the address, the e-mail address and the telephone number.
        unpaid: Which orders count before they are paid: "sent" and "refuse", none; "placed", all. The others have the
            status "unpaid" until their payment.

    Raises:
        ArgumentError: An argument is not allowed.
        RecordError: The body can never become a record.

    Example:
        >>> woocommerce("order.deleted", b'{"id": 812}').ignored
        'topic without records'
    """
    instance(topic, str, "topic", "the header X-WC-Webhook-Topic")
    options, content = HookOptions.of(buyer, contacts, unpaid), Body.parse(body)
    if topic in _CUSTOMERS:
        content.check_kind("id", "a customer of WooCommerce")
        since, at = _time(content, "date_created_gmt"), _modified(content)
        return customer_webhook(_buyer(content, "id"), options, since=since, updated_at=at)
    if topic not in _ORDERS:
        return Webhook(ignored=OTHER_TOPIC)
    if content.text("status") in _DRAFTS:
        return Webhook(ignored="draft order")
    return _order(content, options)


def _order(order: Body, options: HookOptions) -> Webhook:
    order.check_kind("id", "an order of WooCommerce")
    buyer, currency, key = _buyer(order, "customer_id"), order.required("currency"), options.key
    bought, at = _time(order, "date_created_gmt"), _modified(order)
    if not buyer.person_id(key):
        return Webhook(ignored=UNKNOWN_BUYER)
    lines, notes = lines_of(order, lambda line: _line(line, currency))
    purchase = Purchase.model_validate(
        {
            "id": order.required("id"),
            "source": "woocommerce",
            "person_id": buyer.person_id(key),
            "purchased_at": bought,
            "amount": order.money("total", currency),
            "lines": lines,
            **_state(order, options, bought, at),
        }
    )
    return Webhook(
        purchase=purchase,
        refunds=_refunds(order, purchase.id, currency, at),
        customer=buyer.customer(key) if options.contacts else None,
        updated_at=at,
        notes=notes,
    )


def _state(order: Body, options: HookOptions, bought: datetime, at: datetime) -> dict[str, Any]:
    status, is_paid = state_of(order, "status", _STATES), bool(order.text("date_paid_gmt"))
    on_delivery = order.text("payment_method") == "cod"
    if status != "cancelled":
        cancelled_at, payment = None, status
    else:
        cancelled_at, payment = at, "paid" if is_paid or on_delivery else "cancelled"
    paid_at = _time(order, "date_paid_gmt") if is_paid and not on_delivery else None
    return options.state(payment, bought, paid_at=paid_at, cancelled_at=cancelled_at)


def _refunds(order: Body, number: str, currency: str, at: datetime) -> tuple[Refund, ...]:
    return tuple(
        Refund(id=one.required("id"), source="woocommerce", purchase_id=number, refunded_at=at, amount=abs(amount))
        for one in order.children("refunds")
        if (amount := one.money("total", currency))
    )


def _line(line: Body, currency: str) -> OrderLine:
    pieces, total = line.whole("quantity"), line.money("total", currency)
    full = max(line.money("subtotal", currency), total)
    price = Money.of_minor(-(-full.minor // max(pieces, 1)), currency)
    return OrderLine(
        sku=line.label("sku", "name"), quantity=pieces, unit_price=price, discount=(price * pieces - total) or None
    )


def _buyer(body: Body, account: str) -> Buyer:
    bill, number = body.child("billing"), body.text(account)
    name, contact = ("first_name", "last_name"), ("address_1", "city", "country")
    return Buyer(
        customer_id="" if number == "0" else number,
        email=bill.text("email") or body.text("email"),
        phone=bill.text("phone"),
        name=bill.joined(*name) or body.joined(*name),
        address=bill.joined(*contact, separator=", "),
    )


def _modified(body: Body) -> datetime:
    """Return the time of the last change, or that of the creation without a change."""
    return _time(body, "date_modified_gmt" if body.text("date_modified_gmt") else "date_created_gmt")


def _time(body: Body, name: str) -> datetime:
    return body.time(name, zone="+00:00")
