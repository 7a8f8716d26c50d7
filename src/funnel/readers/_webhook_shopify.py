"""Webhooks of Shopify.

Rules (our default):

- An order that is not paid is shipped if a part of it is fulfilled; otherwise it is unpaid and does not count. A voided
  or expired order is cancelled.
- The body has no time of the payment. `updated_at` of `orders/paid` is that time; no other topic has it.
- The amount of an order is `total_price`, with taxes and shipping. Amounts are in the currency of the shop.
- A refund is the sum of its successful refund transactions, which are in the currency of the customer. If that is not
  the currency of the shop, the refund is left out: the body does not have its amount in the currency of the order.
- The telephone number is that which the customer gave, else that of the addresses, as in the export. The name of a
  buyer is that of the bill, else that of the delivery. The address is that of the delivery, else that of the bill.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from funnel._arguments import instance
from funnel._fields import LARGEST_AMOUNT
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

_ORDERS = {f"orders/{name}" for name in ("create", "updated", "paid", "cancelled", "fulfilled", "partially_fulfilled")}
_CUSTOMERS = {"customers/create", "customers/update", "customers/enable", "customers/disable"}
_STATES = {
    "paid": "paid",
    "partially_paid": "paid",
    "partially_refunded": "paid",
    "refunded": "paid",
    "pending": "unpaid",
    "authorized": "unpaid",
    "unpaid": "unpaid",
    "expired": "cancelled",
    "voided": "cancelled",
}


def shopify(
    topic: str,
    body: bytes | str,
    *,
    buyer: BuyerKey | None = None,
    contacts: bool = False,
    unpaid: Unpaid = "sent",
) -> Webhook:
    """Read a webhook of Shopify: an order with its lines and refunds, one refund, or a customer.

    Args:
        topic: The header X-Shopify-Topic, such as "orders/updated".
        body: The body as it was received.
        buyer: How the person id is chosen; None for `BuyerKey()`. The orders export has no customer id: pass
            `BuyerKey(keys=("email", "phone", "customer_id"))` if the store also has records of exports.
        contacts: If True, read the name, the address, the e-mail address and the telephone number.
        unpaid: Which orders count before they are paid: "sent", those that were sent (cash on delivery); "refuse",
            none; "placed", all. The others have the status "unpaid" until their payment.

    Raises:
        ArgumentError: An argument is not allowed.
        RecordError: The body can never become a record.

    Example:
        >>> shopify("orders/delete", b'{"id": 1}').ignored
        'topic without records'
    """
    instance(topic, str, "topic", "the header X-Shopify-Topic")
    options, content = HookOptions.of(buyer, contacts, unpaid), Body.parse(body)
    if topic == "refunds/create":
        content.check_kind("order_id", "a refund of Shopify")
        shop = content.child("total_duties_set").child("shop_money").text("currency_code")
        refunds, notes = _refunds([content], content.required("order_id"), shop)
        at, ignored = content.time("created_at"), next(iter(notes), "refund of no money")
        return Webhook(refunds=refunds, updated_at=at) if refunds else Webhook(ignored=ignored)
    if topic in _CUSTOMERS:
        content.check_kind("id", "a customer of Shopify")
        since, at = content.time("created_at"), content.time("updated_at")
        return customer_webhook(_customer(content), options, since=since, updated_at=at)
    return _order(content, options, topic) if topic in _ORDERS else Webhook(ignored=OTHER_TOPIC)


def _order(order: Body, options: HookOptions, topic: str) -> Webhook:
    order.check_kind("id", "an order of Shopify")
    buyer, currency, key = _buyer(order), order.required("currency"), options.key
    bought, at = order.time("created_at"), order.time("updated_at")
    if not buyer.person_id(key):
        return Webhook(ignored=UNKNOWN_BUYER)
    lines, line_notes = lines_of(order, lambda line: _line(line, currency))
    fields: dict[str, Any] = {
        "id": order.required("id"),
        "source": "shopify",
        "person_id": buyer.person_id(key),
        "purchased_at": bought,
        "amount": order.money("total_price", currency),
        "lines": lines,
        **options.state(
            state_of(order, "financial_status", _STATES),
            bought,
            paid_at=at if topic == "orders/paid" else None,
            cancelled_at=order.time("cancelled_at") if order.text("cancelled_at") else None,
            is_sent=order.text("fulfillment_status") in {"fulfilled", "partial"},
        ),
    }
    purchase = Purchase(**fields)
    refunds, notes = _refunds(order.children("refunds"), purchase.id, currency)
    return Webhook(
        purchase=purchase,
        refunds=refunds,
        customer=buyer.customer(key) if options.contacts else None,
        updated_at=at,
        notes=(*line_notes, *notes),
    )


def _line(line: Body, currency: str) -> OrderLine:
    parts = [part.money("amount", currency) for part in line.children("discount_allocations")]
    if not parts and line.text("total_discount"):
        parts = [line.money("total_discount", currency)]
    return OrderLine(
        sku=line.label("sku", "title", "name"),
        quantity=line.whole("quantity"),
        unit_price=line.money("price", currency),
        discount=sum(parts, start=Money(0, currency)) or None,
    )


def _buyer(order: Body) -> Buyer:
    customer, bill, delivery = (order.child(name) for name in ("customer", "billing_address", "shipping_address"))
    return Buyer(
        customer_id=customer.text("id"),
        email=order.text("email") or customer.text("email"),
        phone=order.text("phone") or customer.text("phone") or bill.text("phone") or delivery.text("phone"),
        name=_name(bill) or _name(delivery) or _name(customer),
        address=_address(delivery) or _address(bill),
    )


def _customer(customer: Body) -> Buyer:
    address = customer.child("default_address")
    return Buyer(
        customer_id=customer.required("id"),
        email=customer.text("email"),
        phone=customer.text("phone") or address.text("phone"),
        name=_name(customer),
        address=_address(address),
    )


def _name(person: Body) -> str:
    return person.text("name") or person.joined("first_name", "last_name")


def _address(address: Body) -> str:
    return address.joined("address1", "city", "country", separator=", ")


def _refunds(bodies: Iterable[Body], order: str, currency: str) -> tuple[tuple[Refund, ...], list[str]]:
    """Return the refunds of an order, and a note for each that is left out.

    Args:
        bodies: The refunds.
        order: The id of the order.
        currency: The currency of the order; "" if the webhook does not have it.
    """
    refunds, notes = list[Refund](), list[str]()
    for one in bodies:
        amount = _refunded(one)
        if amount and amount.currency == (currency or amount.currency):
            number, at = one.required("id"), one.time("created_at")
            refunds.append(Refund(id=number, source="shopify", purchase_id=order, refunded_at=at, amount=amount))
        elif amount:
            notes.append("refund in another currency than its order")
    return tuple(refunds), notes


def _refunded(refund: Body) -> Money | None:
    """Return the sum of the successful refund transactions; None without one."""
    paid = [
        part.money("amount", part.required("currency"))
        for part in refund.children("transactions")
        if part.text("kind") == "refund" and part.text("status") == "success"
    ]
    if len({amount.currency for amount in paid}) > 1:
        raise refund.fault("transactions", "have several currencies")
    total = sum(amount.minor for amount in paid)
    if total > LARGEST_AMOUNT:
        raise refund.fault("transactions", "have a sum that is too large")
    return Money.of_minor(total, paid[0].currency) if paid else None
