"""Webhooks of WooCommerce.

Rules (our default):

- WooCommerce does not send the time of a cancellation or a refund. It is the time of the change that reports it.
- Customer 0 is a guest. A draft is not an order. A failed order is cancelled.
- A line has a subtotal and a total after discounts. If the subtotal cannot be divided by the pieces, the price of one
  piece is rounded up and the discount makes the line exact.
"""

from __future__ import annotations

from datetime import datetime

from funnel._arguments import instance, truth
from funnel.money import Money
from funnel.readers._webhook import (
    OTHER_TOPIC,
    UNKNOWN_BUYER,
    Buyer,
    BuyerKey,
    Webhook,
    customer_webhook,
    key_of,
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
    "refunded": "paid",
    "pending": "placed",
    "on-hold": "placed",
    "cancelled": "cancelled",
    "trash": "cancelled",
    "failed": "cancelled",
}


def woocommerce(topic: str, body: bytes | str, *, buyer: BuyerKey | None = None, contacts: bool = False) -> Webhook:
    """Read a webhook of WooCommerce: an order with its lines and refunds, or a customer.

    Args:
        topic: The header X-WC-Webhook-Topic, such as "order.updated".
        body: The body as it was received.
        buyer: How the person id is chosen; None for `BuyerKey()`.
        contacts: If True, read the name, the address, the e-mail address and the telephone number.

    Raises:
        ArgumentError: An argument is not allowed.
        RecordError: The body can never become a record.

    Example:
        >>> woocommerce("order.deleted", b'{"id": 812}').ignored
        'topic without records'
    """
    instance(topic, str, "topic", "the header X-WC-Webhook-Topic")
    key, content, contacts = key_of(buyer), Body.parse(body), truth(contacts, "contacts")
    if topic in _CUSTOMERS:
        content.check_kind("id", "a customer of WooCommerce")
        since, at = _time(content, "date_created_gmt"), _modified(content)
        return customer_webhook(_buyer(content, "id"), key, since=since, updated_at=at, contacts=contacts)
    if topic not in _ORDERS:
        return Webhook(ignored=OTHER_TOPIC)
    if content.text("status") in _DRAFTS:
        return Webhook(ignored="draft order")
    return _order(content, key, contacts=contacts)


def _order(order: Body, key: BuyerKey, *, contacts: bool) -> Webhook:
    order.check_kind("id", "an order of WooCommerce")
    buyer, currency, at = _buyer(order, "customer_id"), order.required("currency"), _modified(order)
    if not buyer.person_id(key):
        return Webhook(ignored=UNKNOWN_BUYER)
    lines, notes = lines_of(order, lambda line: _line(line, currency))
    status = state_of(order, "status", _STATES)
    purchase = Purchase.model_validate(
        {
            "id": order.required("id"),
            "source": "woocommerce",
            "person_id": buyer.person_id(key),
            "purchased_at": _time(order, "date_created_gmt"),
            "amount": order.money("total", currency),
            "lines": lines,
            "status": status,
            "cancelled_at": at if status == "cancelled" else None,
        }
    )
    return Webhook(
        purchase=purchase,
        refunds=_refunds(order, purchase.id, currency, at),
        customer=buyer.customer(key) if contacts else None,
        updated_at=at,
        notes=notes,
    )


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
