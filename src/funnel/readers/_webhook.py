"""Result of reading one webhook, and the parts that the platforms share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import attrs

from funnel._arguments import instance
from funnel.errors import FunnelError
from funnel.readers._webhook_body import Body
from funnel.readers._webhook_buyer import Buyer, BuyerKey
from funnel.records import Customer, OrderLine, Purchase, Refund

OTHER_TOPIC = "topic without records"
UNKNOWN_BUYER = "order without a known buyer"


@attrs.frozen(kw_only=True)
class Webhook:
    """Content of one webhook.

    Attributes:
        purchase: The order as the webhook states it; None if the webhook is not about an order.
        refunds: The refunds.
        customer: The name and the contact details of the person; None unless the reader was asked for contacts.
        updated_at: The instant of the state, by the clock of the platform; None if the webhook is ignored.
        ignored: Why the webhook has no records; "" if it has records. It holds no value of the body.
        notes: Reasons why something is left out of the records, without a value of the body.
    """

    purchase: Purchase | None = None
    refunds: tuple[Refund, ...] = ()
    customer: Customer | None = None
    updated_at: datetime | None = None
    ignored: str = ""
    notes: tuple[str, ...] = ()


def key_of(buyer: BuyerKey | None) -> BuyerKey:
    """Return how the person id is chosen.

    Raises:
        ArgumentError: The argument is not a buyer key.
    """
    key: BuyerKey = BuyerKey() if buyer is None else instance(buyer, BuyerKey, "buyer", "a BuyerKey or None")
    return key


def customer_webhook(buyer: Buyer, key: BuyerKey, *, since: datetime, updated_at: datetime, contacts: bool) -> Webhook:
    """Return the webhook of a customer, which has contact details and no records."""
    if not contacts:
        return Webhook(ignored="customer, and contacts were not requested")
    if not buyer.person_id(key):
        return Webhook(ignored="customer without a known id")
    return Webhook(customer=buyer.customer(key).model_copy(update={"since": since}), updated_at=updated_at)


def lines_of(order: Body, read: Callable[[Body], OrderLine]) -> tuple[tuple[OrderLine, ...], tuple[str, ...]]:
    """Return the lines of an order, and a note if they are left out because one of them cannot be read exactly.

    An order is money that the shop received: a line with 1.5 pieces must not lose the order.
    """
    try:
        return tuple(read(line) for line in order.children("line_items") if line.fields.get("quantity") != 0), ()
    except FunnelError as error:
        return (), (f"order lines left out: {error}",)


def state_of(order: Body, name: str, states: Mapping[str, str]) -> str:
    """Return the status of a purchase for the status of a platform.

    Raises:
        RecordError: The platform does not have the status.
    """
    status = order.required(name).removeprefix("wc-")
    if status not in states:
        raise order.fault(name, f"is not one of {', '.join(states)}")
    return states[status]
