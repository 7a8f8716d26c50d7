"""What happened, as it came in: arrivals, purchases and refunds, and who the shop's customers are.

Laws: a record never changes; its instants are in UTC; a contact's details are in no `repr` and in no error.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, TypeAlias, TypeVar, cast

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from funnel._copies import all_fields
from funnel._fields import MOST_PIECES, Amount, Frozen, Id, Instant, Label, Words, amount_in_range
from funnel._given import instance
from funnel.errors import MoneyError, RecordError

if TYPE_CHECKING:
    from datetime import datetime

    from funnel.money import Money

M = TypeVar("M", bound=Frozen)

Status: TypeAlias = Literal["placed", "paid", "shipped", "delivered", "cancelled"]
"""How far a purchase has come."""


class Record(Frozen, ABC, frozen=True):
    """Something that happened, once, at one instant.

    Example:
        >>> lead = Lead(person_id="p1", arrived_at="2026-03-01T09:00+07:00", source="instagram")
        >>> lead.happened_at
        datetime.datetime(2026, 3, 1, 2, 0, tzinfo=datetime.timezone.utc)
        >>> lead.key
        ('instagram', 'p1@2026-03-01T02:00:00+00:00')
    """

    @property
    @abstractmethod
    def key(self) -> tuple[str, str]:
        """The source and the id: two records of one kind with the same key are the same record."""

    @property
    @abstractmethod
    def happened_at(self) -> datetime:
        """When it happened, in UTC."""


class Contact(Frozen, frozen=True):
    """How the shop reaches a person; never shown.

    Example:
        >>> Contact(phone="0812-3456", email="sari@example.com")
        Contact()
    """

    phone: Words = ""
    """The number to call or write to."""
    email: Words = ""
    """The electronic address."""
    handle: Words = ""
    """The name on a social network."""


class Lead(Record, frozen=True):
    """An arrival: on this day this person came to the shop's notice, from that source.

    Example:
        >>> Lead(person_id="p1", arrived_at="2026-03-01T02:00Z", source="fair").campaign
        ''
    """

    kind: ClassVar[str] = "lead"
    """The name of the kind, as in a table of all records."""

    person_id: Id
    """Who arrived."""
    arrived_at: Instant
    """When they arrived."""
    source: Label = ""
    """The marketing source: instagram, fair, a friend."""
    campaign: Label = ""
    """The campaign within the source."""
    referred_by: Id | None = None
    """The person who sent them; None is not known."""
    contact: Contact | None = Field(default=None, repr=False)
    """How to reach them."""

    @model_validator(mode="after")
    def _by_another(self) -> Self:
        if self.referred_by == self.person_id:
            raise RecordError("referred_by names the lead's own person; name another person, or leave it out")
        return self

    @property
    def key(self) -> tuple[str, str]:
        """The marketing source, and the person, instant and campaign as one id."""
        parts = (self.person_id, self.arrived_at.isoformat(), self.campaign)
        return self.source, "@".join(part for part in parts if part)

    @property
    def happened_at(self) -> datetime:
        """When they arrived."""
        return self.arrived_at


class Customer(Frozen, frozen=True):
    """A person in the shop's book: what they are called, where they live, how to reach them.

    Whether somebody *is* a customer is decided by a valid purchase, never by standing in the book.

    Example:
        >>> Customer(person_id="p1", name="Sari Dewi", nickname="Sari", address="Jl. Melati 5")
        Customer(person_id='p1', since=None)
    """

    person_id: Id
    """Who it is."""
    name: Words
    """The full name."""
    nickname: Words = ""
    """What they like to be called."""
    address: Words = ""
    """Where they live."""
    contact: Contact = Field(default=Contact(), repr=False)
    """How to reach them."""
    since: Instant | None = None
    """When they were written into the book; None is not known."""


class Line(Frozen, frozen=True):
    """One line of a purchase: so many pieces of one thing at one price.

    Example:
        >>> from funnel.money import Money
        >>> Line(sku="mug", quantity=3, unit_price=Money("4.50", "USD"), discount=Money("1.50", "USD")).total
        Money('12.00', 'USD')
    """

    sku: Id
    """What was bought."""
    category: Label = ""
    """The family it belongs to."""
    quantity: int = Field(default=1, ge=1, le=MOST_PIECES, strict=True)
    """How many pieces."""
    unit_price: Amount
    """The price of one piece."""
    discount: Amount | None = None
    """What was taken off the whole line; None is nothing."""
    unit_cost: Amount | None = None
    """What one piece cost the shop; None is not known."""

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        one_currency(self.unit_price, self.discount, self.unit_cost)
        if self.discount and self.discount > amount_in_range(self.unit_price * self.quantity):
            raise RecordError(
                "the discount is above price times quantity; it is taken off the whole line, at most all of it"
            )
        amount_in_range(self.total)
        return self

    @property
    def total(self) -> Money:
        """What the line comes to: price times quantity, less the discount."""
        full = self.unit_price * self.quantity
        return full - self.discount if self.discount else full


def one_currency(*amounts: Money | None) -> str | None:
    """Make sure that all amounts are of one currency.

    Args:
        amounts: The amounts; None is skipped.

    Returns:
        The currency, or None when there is no amount.

    Raises:
        MoneyError: Two currencies meet.

    Example:
        >>> from funnel.money import Money
        >>> one_currency(Money(1, "USD"), None, Money(2, "USD"))
        'USD'
    """
    currencies = sorted({amount.currency for amount in amounts if amount is not None})
    if len(currencies) > 1:
        msg = f"{' and '.join(currencies)} meet in one record; change them into one currency first"
        raise MoneyError(msg)
    return currencies[0] if currencies else None


def _one_currency(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    one_currency(*(line.unit_price for line in lines))
    return lines


_NEITHER = object()
"""The amount of a purchase that has neither an amount nor lines, so that this fault is told beside all others."""


def _is_known(amount: object) -> object:
    if amount is _NEITHER:
        raise RecordError("a purchase has neither an amount nor lines; give one of them")
    return amount


def _sum(given: dict[str, Any]) -> Money:
    lines: tuple[Line, ...] = given["lines"]
    return sum((line.total for line in lines[1:]), start=lines[0].total)


class Purchase(Record, frozen=True):
    """An order that a person placed with the shop: when, for how much, and what became of it.

    Example:
        >>> from funnel.money import Money
        >>> mugs = Line(sku="mug", quantity=2, unit_price=Money("4.50", "USD"))
        >>> Purchase(id="1", person_id="p1", purchased_at="2026-03-01T02:00Z", lines=(mugs,)).amount
        Money('9.00', 'USD')
        >>> Purchase(id="2", person_id="p1", purchased_at="2026-03-02T02:00Z", amount=Money(5, "USD")).lines
        ()
    """

    kind: ClassVar[str] = "purchase"
    """The name of the kind, as in a table of all records."""

    id: Id
    """The order's number in its source."""
    source: Id = "shop"
    """The system that the record came from."""
    person_id: Id
    """Who bought."""
    purchased_at: Instant
    """When they bought."""
    status: Status = "paid"
    """How far it has come."""
    cancelled_at: Instant | None = None
    """When it was cancelled; None is not cancelled, or not known when."""
    lines: Annotated[tuple[Line, ...], AfterValidator(_one_currency)] = ()
    """What was bought, line by line; empty is not known."""
    amount: Annotated[Amount, BeforeValidator(_is_known)] = Field(default_factory=_sum, validate_default=True)
    """What the whole comes to; when it is not given, the sum of the lines."""
    promotion: Label = ""
    """The launch or promotion it was part of; "" is none."""
    promised_at: Instant | None = None
    """When the goods were promised to arrive; None is not promised."""
    delivered_at: Instant | None = None
    """When the goods arrived; None is not yet, or not known."""

    @model_validator(mode="before")
    @classmethod
    def _has_amount(cls, given: object) -> object:
        if not isinstance(given, Mapping):
            return given
        fields = cast("Mapping[str, object]", given)
        if "amount" not in fields and not fields.get("lines"):
            return {**fields, "amount": _NEITHER}
        return fields

    @model_validator(mode="after")
    def _can_be_true(self) -> Self:
        one_currency(self.amount, *(line.unit_price for line in self.lines))
        if self.cancelled_at is not None and self.status != "cancelled":
            msg = f"cancelled_at is given with status {self.status!r}; it goes with status 'cancelled' only"
            raise RecordError(msg)
        not_before(self, "purchased_at", "cancelled_at", "promised_at", "delivered_at")
        return self

    @property
    def key(self) -> tuple[str, str]:
        """The source and the order's number."""
        return self.source, self.id

    @property
    def happened_at(self) -> datetime:
        """When they bought."""
        return self.purchased_at


def checked_again(record: M) -> M:
    """Return a record validated once more, with all records in it, however it was made.

    Args:
        record: A record, a customer or a history.

    Raises:
        ValueError: It is not allowed; the error is that of making it.

    Example:
        >>> lead = Lead(person_id="p1", arrived_at="2026-03-01T02:00Z")
        >>> checked_again(lead) == lead
        True
    """
    return type(record)(**all_fields(record))


def not_before(record: Frozen, start: str, *later: str) -> None:
    """Make sure that what must come later does.

    Args:
        record: The record.
        start: The field of the first instant.
        later: The fields of instants that may not lie before it; None is skipped.

    Raises:
        RecordError: One lies before; the message names it.
    """
    first: datetime = getattr(record, start)
    for name in later:
        moment: datetime | None = getattr(record, name)
        if moment is not None and moment < first:
            msg = f"{name} lies before {start}; it may be the same instant or later"
            raise RecordError(msg)


class Refund(Record, frozen=True):
    """Money given back for a purchase of the same source, wholly or in part.

    Example:
        >>> from funnel.money import Money
        >>> Refund(id="r1", purchase_id="1", refunded_at="2026-03-05T02:00Z", amount=Money(9, "USD")).source
        'shop'
    """

    kind: ClassVar[str] = "refund"
    """The name of the kind, as in a table of all records."""

    id: Id
    """The refund's number in its source."""
    source: Id = "shop"
    """The system that the record came from; the purchase is looked up in the same."""
    purchase_id: Id
    """The purchase it gives back money for."""
    refunded_at: Instant
    """When the money was given back."""
    amount: Amount
    """How much was given back; more than nothing."""
    reason: Label = ""
    """Why."""

    @model_validator(mode="after")
    def _gives_something(self) -> Self:
        if not self.amount:
            raise RecordError("a refund of nothing is given; its amount is above 0")
        return self

    @property
    def key(self) -> tuple[str, str]:
        """The source and the refund's number."""
        return self.source, self.id

    @property
    def happened_at(self) -> datetime:
        """When the money was given back."""
        return self.refunded_at


def record_given(given: object) -> Record:
    """Return a record that was passed as an argument.

    Raises:
        ArgumentError: It is something else.
    """
    checked: Record = instance(given, Record, "record", "a lead, purchase, refund or interaction")
    return checked
