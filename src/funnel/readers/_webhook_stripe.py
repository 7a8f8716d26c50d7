"""Webhooks of Stripe.

Rules (our default):

- A purchase is a charge that succeeded and was captured. A refund counts when it succeeded.
- Amounts are in the smallest unit, by Stripe's own list of currencies without decimals and with three.
- A charge has no order lines.

Source: <https://docs.stripe.com/currencies>.
"""

from __future__ import annotations

from datetime import datetime

from funnel._arguments import truth
from funnel.errors import RecordError
from funnel.money import Money
from funnel.readers._webhook import OTHER_TOPIC, UNKNOWN_BUYER, Buyer, BuyerKey, Webhook, customer_webhook, key_of
from funnel.readers._webhook_body import Body
from funnel.records import Purchase, Refund

_ZERO = frozenset("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split())  # noqa: SIM905
_THREE = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})


def stripe(body: bytes | str, *, buyer: BuyerKey | None = None, contacts: bool = False) -> Webhook:
    """Read an event of Stripe: a charge that was paid, a refund that succeeded, or a customer.

    Subscribe to charge.succeeded, charge.captured, charge.updated, refund.created and refund.updated; for contacts also
    to customer.created and customer.updated.

    Args:
        body: The body as it was received.
        buyer: How the person id is chosen; None for `BuyerKey()`.
        contacts: If True, read the name, the address, the e-mail address and the telephone number.

    Raises:
        ArgumentError: An argument is not allowed.
        RecordError: The body can never become a record.

    Example:
        >>> stripe(b'{"type": "payout.paid", "created": 1772330400, "data": {"object": {"object": "payout"}}}').ignored
        'topic without records'
    """
    key, event, contacts = key_of(buyer), Body.parse(body), truth(contacts, "contacts")
    one = event.child("data").child("object")
    kind = one.text("object")
    if kind == "refund" and one.text("status") == "succeeded" and one.text("charge"):
        return Webhook(refunds=(_refund(one),), updated_at=event.seconds("created"))
    if kind == "charge":
        return _charge(one, key, event.seconds("created"), contacts=contacts)
    if event.text("type") in {"customer.created", "customer.updated"}:
        since, at = one.seconds("created"), event.seconds("created")
        return customer_webhook(_buyer(one, one.required("id")), key, since=since, updated_at=at, contacts=contacts)
    return Webhook(ignored=OTHER_TOPIC)


def _charge(charge: Body, key: BuyerKey, at: datetime, *, contacts: bool) -> Webhook:
    if charge.text("status") != "succeeded" or charge.fields.get("captured") is not True:
        return Webhook(ignored="charge not paid")
    buyer = _of_charge(charge)
    if not buyer.person_id(key):
        return Webhook(ignored=UNKNOWN_BUYER)
    purchase = Purchase(
        id=charge.required("id"),
        source="stripe",
        person_id=buyer.person_id(key),
        purchased_at=charge.seconds("created"),
        amount=_money(charge, "amount_captured" if "amount_captured" in charge.fields else "amount"),
    )
    return Webhook(purchase=purchase, customer=buyer.customer(key) if contacts else None, updated_at=at)


def _refund(refund: Body) -> Refund:
    return Refund(
        id=refund.required("id"),
        source="stripe",
        purchase_id=refund.required("charge"),
        refunded_at=refund.seconds("created"),
        amount=_money(refund, "amount"),
    )


def _of_charge(charge: Body) -> Buyer:
    customer, receipt = charge.fields.get("customer"), charge.text("receipt_email")
    number = charge.child("customer").text("id") if isinstance(customer, dict) else charge.text("customer")
    return _buyer(charge.child("billing_details"), number, receipt)


def _buyer(person: Body, number: str, email: str = "") -> Buyer:
    return Buyer(
        customer_id=number,
        email=person.text("email") or email,
        phone=person.text("phone"),
        name=person.text("name"),
        address=person.child("address").joined("line1", "city", "country", separator=", "),
    )


def _money(one: Body, name: str) -> Money:
    currency = one.required("currency").upper()
    if currency == "UGX":  # sources disagree on whether Stripe's UGX has decimals
        raise RecordError("the webhook has an amount in UGX, whose unit is not certain; read it with a mapping")
    return one.minor(name, currency, 0 if currency in _ZERO else 3 if currency in _THREE else 2)
