"""Records as they came in: leads, purchases and refunds; also contacts and customers.

Invariants: a record never changes; its instants are in UTC; no `repr` and no error shows a contact's details.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, TypeAlias, cast, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from funnel._arguments import instance
from funnel._fields import (
    MOST_PIECES,
    NO_INSTANT,
    Amount,
    Frozen,
    Id,
    Instant,
    Label,
    OptionalInstant,
    PrivateText,
    amount_in_range,
)
from funnel._time import not_before
from funnel.errors import MoneyError, RecordError
from funnel.money import Money

if TYPE_CHECKING:
    from funnel._columns import Columns

__all__ = ["Contact", "Customer", "Lead", "OrderLine", "Purchase", "Record", "Refund"]

Status: TypeAlias = Literal["unpaid", "placed", "paid", "shipped", "delivered", "cancelled"]
"""Status of a purchase. An unpaid order is not a purchase yet; every other order that is not cancelled is one."""

STATUSES: tuple[Status, ...] = get_args(Status)
"""Every status, from the earliest in the life of an order to the latest."""


def _no_refund(status: object) -> object:
    if isinstance(status, str) and status in ("refunded", "partially_refunded"):
        raise ValueError("a purchase keeps its status when it is refunded; give a Refund")
    return status


class _OwnColumns:
    """Own columns, whose module is loaded with the first record rather than with this module."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: Any) -> Any:
        from funnel._columns import OwnColumns

        return handler.generate_schema(OwnColumns)


def _no_columns() -> Columns:
    from funnel._columns import no_columns

    return no_columns()


if not TYPE_CHECKING:  # pragma: no branch - type checkers read the alias
    Columns = Annotated[Any, _OwnColumns, Field(repr=False, exclude_if=lambda columns: not columns)]


class Record(Frozen, ABC, frozen=True):
    """Base class of records: something that happened once, at one instant.

    Example:
        >>> lead = Lead(person_id="p1", arrived_at="2026-03-01T09:00+07:00", source="instagram")
        >>> lead.happened_at
        datetime.datetime(2026, 3, 1, 2, 0, tzinfo=datetime.timezone.utc)
        >>> lead.key
        ('instagram', 'p1@2026-03-01T02:00:00+00:00')
    """

    columns: Columns = Field(default_factory=_no_columns)
    """The shop's own columns, such as {"country": "ID"}: texts, whole numbers, truths and instants."""

    @property
    @abstractmethod
    def key(self) -> tuple[str, str]:
        """Source and id. Two records of one kind with the same key are the same record."""

    @property
    @abstractmethod
    def happened_at(self) -> datetime:
        """Instant of the record, in UTC."""


class Contact(Frozen, frozen=True):
    """Contact details of a person; never shown.

    Example:
        >>> Contact(phone="0812-3456", email="sari@example.com")
        Contact()
    """

    phone: PrivateText = ""
    """Phone number, for calls and messages."""
    email: PrivateText = ""
    """Email address."""
    handle: PrivateText = ""
    """User name on a social network."""


class Lead(Record, frozen=True):
    """Lead: one person arrives from one source at one instant.

    Example:
        >>> Lead(person_id="p1", arrived_at="2026-03-01T02:00Z", source="fair").campaign
        ''
    """

    kind: ClassVar[str] = "lead"
    """Name of the kind in a table of all records."""

    person_id: Id
    """Id of the person who arrived."""
    arrived_at: Instant
    """Instant of the arrival."""
    source: Label = ""
    """Marketing source, such as instagram, fair or friend."""
    campaign: Label = ""
    """Campaign within the source."""
    referred_by: Id | None = None
    """Id of the person who sent this person; None if unknown."""
    contact: Contact | None = Field(default=None, repr=False)
    """Contact details of the person."""

    @model_validator(mode="after")
    def _by_another(self) -> Self:
        if self.referred_by == self.person_id:
            raise RecordError("referred_by is the lead's own person; give another person, or leave it out")
        return self

    @property
    def key(self) -> tuple[str, str]:
        """Marketing source; and person, instant and campaign joined into one id."""
        parts = (self.person_id, self.arrived_at.isoformat(), self.campaign)
        return self.source, "@".join(part for part in parts if part)

    @property
    def happened_at(self) -> datetime:
        """Instant of the arrival."""
        return self.arrived_at


class Customer(Frozen, frozen=True):
    """Customer record of a person: name, address, contact details, and the shop's own columns of the person.

    Only a valid purchase makes a person a customer. A customer record alone does not.

    Example:
        >>> Customer(person_id="p1", name="Sari Dewi", nickname="Sari", address="Jl. Melati 5")
        Customer(person_id='p1', since=None)
    """

    person_id: Id
    """Id of the person."""
    name: PrivateText
    """Full name."""
    nickname: PrivateText = ""
    """Preferred name."""
    address: PrivateText = ""
    """Postal address."""
    contact: Contact = Field(default_factory=Contact, repr=False)
    """Contact details of the person."""
    since: OptionalInstant = NO_INSTANT
    """Instant when the customer record was created; None if unknown."""
    columns: Columns = Field(default_factory=_no_columns)
    """The shop's own columns of the person, such as {"tier": "gold"}: texts, whole numbers, truths and instants."""


class OrderLine(Frozen, frozen=True):
    """One line of a purchase: a quantity of one product at one price.

    Example:
        >>> from funnel.money import Money
        >>> OrderLine(sku="mug", quantity=3, unit_price=Money("4.50", "USD"), discount=Money("1.50", "USD")).total
        Money('12.00', 'USD')
    """

    sku: Id
    """Product that was bought."""
    category: Label = ""
    """Category of the product."""
    quantity: int = Field(default=1, ge=1, le=MOST_PIECES, strict=True)
    """Number of pieces."""
    unit_price: Amount
    """Price of one piece."""
    discount: Amount | None = None
    """Discount on the whole line; None if not discounted."""
    unit_cost: Amount | None = None
    """Cost of one piece for the shop; None if unknown."""

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        one_currency(self.unit_price, self.discount, self.unit_cost)
        if self.discount and self.discount > amount_in_range(self.unit_price * self.quantity):
            raise RecordError("the discount is above price times quantity; it is for the whole line")
        amount_in_range(self.total)
        return self

    @property
    def total(self) -> Money:
        """Total of the line: price times quantity, minus the discount."""
        full = self.unit_price * self.quantity
        return full - self.discount if self.discount else full


def one_currency(*amounts: Money | None) -> str | None:
    """Check that all amounts have the same currency.

    Args:
        amounts: Amounts; None is skipped.

    Returns:
        The currency; None without an amount.

    Raises:
        MoneyError: The amounts have more than one currency.

    Example:
        >>> from funnel.money import Money
        >>> one_currency(Money(1, "USD"), None, Money(2, "USD"))
        'USD'
    """
    currencies = sorted({amount.currency for amount in amounts if amount is not None})
    if len(currencies) > 1:
        raise MoneyError(f"a record has amounts in {' and '.join(currencies)}; convert them to one currency first")
    return currencies[0] if currencies else None


def _one_currency(lines: tuple[OrderLine, ...]) -> tuple[OrderLine, ...]:
    one_currency(*(line.unit_price for line in lines))
    return lines


_NEITHER = object()
"""Placeholder amount of a purchase without amount and lines: this issue is then reported together with all others."""


def _is_known(amount: object) -> object:
    if amount is _NEITHER:
        raise RecordError("a purchase has neither an amount nor lines; give one of them")
    return amount


def _sum(value: dict[str, Any]) -> Money:
    lines: tuple[OrderLine, ...] = value["lines"]
    return sum((line.total for line in lines[1:]), start=lines[0].total)


def _cost(lines: tuple[OrderLine, ...]) -> Money | None:
    costs = [line.unit_cost * line.quantity for line in lines if line.unit_cost is not None]
    return sum(costs[1:], start=costs[0]) if costs and len(costs) == len(lines) else None


class Purchase(Record, frozen=True):
    """Purchase: an order that a person placed with the shop.

    Example:
        >>> from funnel.money import Money
        >>> mugs = OrderLine(sku="mug", quantity=2, unit_price=Money("4.50", "USD"))
        >>> Purchase(id="1", person_id="p1", purchased_at="2026-03-01T02:00Z", lines=(mugs,)).amount
        Money('9.00', 'USD')
        >>> Purchase(id="2", person_id="p1", purchased_at="2026-03-02T02:00Z", amount=Money(5, "USD")).lines
        ()
    """

    kind: ClassVar[str] = "purchase"
    """Name of the kind in a table of all records."""

    id: Id
    """Order number in its source."""
    source: Id = "shop"
    """System that the record came from."""
    person_id: Id
    """Id of the person who bought."""
    purchased_at: Instant
    """Instant of the purchase."""
    status: Annotated[Status, BeforeValidator(_no_refund)] = "paid"
    """Status of the order."""
    cancelled_at: OptionalInstant = NO_INSTANT
    """Instant of the cancellation; None if not cancelled, or if the instant is unknown."""
    lines: Annotated[tuple[OrderLine, ...], AfterValidator(_one_currency)] = ()
    """Lines of the order; empty if unknown."""
    amount: Annotated[Amount, BeforeValidator(_is_known)] = Field(default_factory=_sum, validate_default=True)
    """Total of the order; default: the sum of the lines."""
    promotion: Label = ""
    """Launch or promotion that the order belongs to; "" if not promoted."""
    promised_at: OptionalInstant = NO_INSTANT
    """Promised instant of delivery; None if not promised."""
    delivered_at: OptionalInstant = NO_INSTANT
    """Instant of delivery; None if not delivered yet, or unknown."""
    paid_at: OptionalInstant = NO_INSTANT
    """Instant from which the order counts, such as that of the deposit; default: `purchased_at`."""
    prepaid: Amount | None = None
    """Part of the amount that a gift card or credit paid. It counted when the card was bought; None: nothing."""
    fees: Amount | None = None
    """Fees of the order that the shop pays, such as those of a marketplace; None if unknown."""
    cost: Amount | None = None
    """Cost of the goods for the shop; default: the sum of the lines if each has a unit cost, otherwise unknown."""
    original: Amount | None = None
    """Amount in the currency that was paid, if `Rates` converted it."""

    @model_validator(mode="before")
    @classmethod
    def _has_amount(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        fields = cast("Mapping[str, object]", value)
        return fields if "amount" in fields or fields.get("lines") else {**fields, "amount": _NEITHER}

    @model_validator(mode="after")
    def _can_be_true(self) -> Self:
        if self.cost is None:
            vars(self)["cost"] = _cost(self.lines)  # a default factory adds an error whenever another field has one
        one_currency(self.amount, self.prepaid, self.fees, self.cost, *(line.unit_price for line in self.lines))
        if self.cancelled_at is not None and self.status != "cancelled":
            raise RecordError(f"cancelled_at needs the status 'cancelled' (got {self.status!r})")
        if self.paid_at is not None and self.status == "unpaid":
            raise RecordError("paid_at is set, but the status is 'unpaid'; set the status to 'paid', or leave it out")
        if self.prepaid and self.prepaid > self.amount:
            raise RecordError("prepaid is above the amount; it is the part of the amount that a gift card paid")
        not_before(self, "purchased_at", "cancelled_at", "promised_at", "delivered_at", "paid_at")
        return self

    @property
    def key(self) -> tuple[str, str]:
        """Source and order number."""
        return self.source, self.id

    @property
    def happened_at(self) -> datetime:
        """Instant of the purchase."""
        return self.purchased_at


class Refund(Record, frozen=True):
    """Refund of a purchase from the same source, in full or in part.

    Example:
        >>> from funnel.money import Money
        >>> Refund(id="r1", purchase_id="1", refunded_at="2026-03-05T02:00Z", amount=Money(9, "USD")).source
        'shop'
    """

    kind: ClassVar[str] = "refund"
    """Name of the kind in a table of all records."""

    id: Id
    """Refund number in its source."""
    source: Id = "shop"
    """System that the record came from; its purchase has the same source."""
    purchase_id: Id
    """Id of the refunded purchase."""
    refunded_at: Instant
    """Instant of the refund."""
    amount: Amount
    """Refunded amount; above 0."""
    reason: Label = ""
    """Reason of the refund."""
    original: Amount | None = None
    """Amount in the currency that was refunded, if `Rates` converted it."""

    @model_validator(mode="after")
    def _gives_something(self) -> Self:
        if not self.amount:
            raise RecordError("the amount of a refund must be above 0")
        return self

    @property
    def key(self) -> tuple[str, str]:
        """Source and refund number."""
        return self.source, self.id

    @property
    def happened_at(self) -> datetime:
        """Instant of the refund."""
        return self.refunded_at


def check_is_record(value: object) -> Record:
    """Return an argument that must be a record.

    Raises:
        ArgumentError: The argument is not a record.
    """
    checked: Record = instance(value, Record, "record", "a lead, purchase, refund or interaction")
    return checked
