"""Webhooks of Stripe.

Rules (our default):

- A purchase is a charge that succeeded and was captured. A charge that is pending, or was not captured yet, is unpaid
  and does not count. A refund counts when it succeeded.
- The time of the payment is that of the event `charge.succeeded` or `charge.captured`; no other event has it.
- A charge that was released before it was captured is cancelled. A failed charge was never made; if pending charges
  count, it is cancelled.
- Amounts are in the smallest unit, by Stripe's own list of currencies without decimals and with three.
- A charge has no order lines.

Source: <https://docs.stripe.com/currencies>.
"""

from __future__ import annotations

from datetime import datetime

from funnel.errors import RecordError
from funnel.money import Money
from funnel.readers._formats import Unpaid
from funnel.readers._webhook import OTHER_TOPIC, UNKNOWN_BUYER, Buyer, BuyerKey, HookOptions, Webhook, customer_webhook
from funnel.readers._webhook_body import Body
from funnel.records import Purchase, Refund

_ZERO = frozenset("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split())  # noqa: SIM905
_THREE = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})


def stripe(
    body: bytes | str, *, buyer: BuyerKey | None = None, contacts: bool = False, unpaid: Unpaid = "sent"
) -> Webhook:
    """Read an event of Stripe: a charge, a refund that succeeded, or a customer.

    Subscribe to charge.succeeded, charge.pending, charge.captured, charge.expired, charge.failed, charge.updated,
    refund.created and refund.updated; for contacts also to customer.created and customer.updated.

    Args:
        body: The body as it was received.
        buyer: How the person id is chosen; None for `BuyerKey()`.
        contacts: If True, read the name, the address, the e-mail address and the telephone number.
        unpaid: Which charges count before they are paid: "sent" and "refuse", none; "placed", all. The others have the
            status "unpaid" until their payment.

    Raises:
        ArgumentError: An argument is not allowed.
        RecordError: The body can never become a record.

    Example:
        >>> stripe(b'{"type": "payout.paid", "created": 1772330400, "data": {"object": {"object": "payout"}}}').ignored
        'topic without records'
    """
    options, event = HookOptions.of(buyer, contacts, unpaid), Body.parse(body)
    one = event.child("data").child("object")
    kind = one.text("object")
    if kind == "refund" and one.text("status") == "succeeded" and one.text("charge"):
        return Webhook(refunds=(_refund(one),), updated_at=event.seconds("created"))
    if kind == "charge":
        return _charge(one, options, event.seconds("created"), event.text("type"))
    if event.text("type") in {"customer.created", "customer.updated"}:
        since, at = one.seconds("created"), event.seconds("created")
        return customer_webhook(_buyer(one, one.required("id")), options, since=since, updated_at=at)
    return Webhook(ignored=OTHER_TOPIC)


_PAYMENTS = {"charge.succeeded", "charge.captured"}


def _charge(charge: Body, options: HookOptions, at: datetime, kind: str) -> Webhook:
    status, buyer, key = charge.text("status"), _of_charge(charge), options.key
    if status not in {"succeeded", "pending"} and options.unpaid != "placed":
        return Webhook(ignored="charge not paid")
    if not buyer.person_id(key):
        return Webhook(ignored=UNKNOWN_BUYER)
    is_paid = status == "succeeded" and charge.fields.get("captured") is True
    is_over = not is_paid and (status not in {"succeeded", "pending"} or charge.fields.get("refunded") is True)
    bought = charge.seconds("created")
    state = options.state(
        "paid" if is_paid else "cancelled" if is_over else "unpaid",
        bought,
        paid_at=at if kind in _PAYMENTS else None,
        cancelled_at=at if is_over else None,
    )
    captured = is_paid and "amount_captured" in charge.fields
    purchase = Purchase(
        id=charge.required("id"),
        source="stripe",
        person_id=buyer.person_id(key),
        purchased_at=bought,
        amount=_money(charge, "amount_captured" if captured else "amount"),
        **state,
    )
    customer = buyer.customer(key) if options.contacts else None
    return Webhook(purchase=purchase, customer=customer, updated_at=at)


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
