"""Result of reading one webhook, and the parts that the platforms share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias, cast, get_args

import attrs
from pydantic import Field

from funnel._arguments import check_choice, instance, truth
from funnel._fields import Frozen
from funnel.errors import FunnelError
from funnel.readers._formats import Unpaid
from funnel.readers._key_rules import email_key, hashed, phone_key, plain_key
from funnel.readers._webhook_body import Body
from funnel.records import Contact, Customer, OrderLine, Purchase, Refund

# ---- the person id and the contact details of a buyer in a webhook ---------------------------------------------------


Key: TypeAlias = Literal["customer_id", "email", "phone"]


class BuyerKey(Frozen, frozen=True):
    """How the person id is chosen from the details of a buyer. The rules are those of the files.

    Args:
        keys: The details in the order in which they are tried: "customer_id", "email", "phone". The first that the
            buyer has is the person id.
        calling_code: Country calling code of telephone numbers that begin with 0, such as "62"; None to keep the 0.
        secret: Key of the hash that replaces the person id, as bytes or text; None to keep the id. A guest's id is an
            e-mail address or a telephone number, so with a secret the store has no id that is personal data. A reader
            of exports with the same secret gives the buyer the same id.

    Raises:
        RecordError: A field is invalid.

    Example:
        >>> BuyerKey().of("", "Sari@Example.com", "0812-000-1111")
        'sari@example.com'
        >>> BuyerKey(keys=("phone",), calling_code="62").of("", "Sari@Example.com", "0812-000-1111")
        '+628120001111'
    """

    keys: Annotated[tuple[Key, ...], Field(min_length=1)] = ("customer_id", "email", "phone")
    """The details in the order in which they are tried."""
    calling_code: Annotated[str, Field(pattern="^[1-9][0-9]{0,2}$")] | None = None
    """Country calling code of telephone numbers that begin with 0, such as "62"."""
    secret: Annotated[bytes | str, Field(min_length=1)] | None = Field(default=None, repr=False)
    """Key of the hash that replaces the person id; None to keep the id."""

    def of(self, customer_id: str, email: str, phone: str) -> str:
        """Return the person id; "" if the buyer is unknown.

        Args:
            customer_id: The id that the platform gives the customer; "" if it is missing.
            email: The e-mail address.
            phone: The telephone number.
        """
        keys: dict[Key, str] = {
            "customer_id": plain_key(customer_id),
            "email": email_key(email),
            "phone": phone_key(phone, self.calling_code),
        }
        person = next((keys[name] for name in self.keys if keys[name]), "")
        return hashed(person, self.secret) if person and self.secret is not None else person


@attrs.frozen(kw_only=True)
class Buyer:
    """Details of a buyer as a webhook has them; "" if the webhook does not have a detail."""

    customer_id: str = attrs.field(repr=False)
    email: str = attrs.field(repr=False)
    phone: str = attrs.field(repr=False)
    name: str = attrs.field(default="", repr=False)
    address: str = attrs.field(default="", repr=False)

    def person_id(self, key: BuyerKey) -> str:
        """Return the person id; "" if the buyer is unknown."""
        return key.of(self.customer_id, self.email, self.phone)

    def customer(self, key: BuyerKey) -> Customer:
        """Return the contact details of a buyer whose person id is not empty, in the spelling of the files."""
        return Customer(
            person_id=self.person_id(key),
            name=self.name,
            address=self.address,
            contact=Contact(email=email_key(self.email), phone=phone_key(self.phone, key.calling_code)),
        )


# ---- the webhook -----------------------------------------------------------------------------------------------------


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


@attrs.frozen(kw_only=True)
class HookOptions:
    """Arguments of a caller about a webhook; the meaning of `unpaid` is that of the readers of exports."""

    key: BuyerKey
    contacts: bool
    unpaid: Unpaid

    @classmethod
    def of(cls, buyer: BuyerKey | None, contacts: object, unpaid: object) -> HookOptions:
        """Check the arguments.

        Raises:
            ArgumentError: An argument is not allowed.
        """
        key = BuyerKey() if buyer is None else instance(buyer, BuyerKey, "buyer", "a BuyerKey or None")
        check_choice(unpaid, get_args(Unpaid), "unpaid")
        return cls(key=key, contacts=truth(contacts, "contacts"), unpaid=cast("Unpaid", unpaid))

    def state(
        self,
        payment: str,
        bought: datetime,
        *,
        paid_at: datetime | None = None,
        cancelled_at: datetime | None = None,
        is_sent: bool = False,
    ) -> dict[str, Any]:
        """Return the status of an order, and the instants from which and until which it counts.

        An order that counts before its payment counts from the order on. An order that was never paid and does not
        count before has no time of its cancellation, so that it never counts.

        Args:
            payment: "paid", "unpaid", or "cancelled" if the payment failed or was voided.
            bought: The time of the order.
            paid_at: The time of the payment, if the webhook has it.
            cancelled_at: The time of the cancellation; None if the order is not cancelled.
            is_sent: Whether a part of the order was sent.
        """
        waits = "shipped" if is_sent and self.unpaid != "refuse" else "placed" if self.unpaid == "placed" else "unpaid"
        payment_time = {"paid_at": paid_at} if paid_at and paid_at > bought and waits == "unpaid" else {}
        if cancelled_at is not None or payment == "cancelled":
            is_impossible = cancelled_at is not None and cancelled_at < bought  # the record refuses it
            has_counted = payment == "paid" or waits != "unpaid" or is_impossible
            return {"status": "cancelled", **({"cancelled_at": cancelled_at, **payment_time} if has_counted else {})}
        return {"status": waits} if payment == "unpaid" else {"status": payment, **payment_time}


def customer_webhook(buyer: Buyer, options: HookOptions, *, since: datetime, updated_at: datetime) -> Webhook:
    """Return the webhook of a customer, which has contact details and no records."""
    if not options.contacts:
        return Webhook(ignored="customer, and contacts were not requested")
    if not buyer.person_id(options.key):
        return Webhook(ignored="customer without a known id")
    return Webhook(customer=buyer.customer(options.key).model_copy(update={"since": since}), updated_at=updated_at)


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
