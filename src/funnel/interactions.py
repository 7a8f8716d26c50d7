"""Interactions between a person and the shop, other than purchases: one class per `kind`.

Invariant: `read_interaction(x.model_dump_json()) == x` for every interaction `x`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal, Self, TypeAlias, cast, get_args

from pydantic import Field, model_validator
from pydantic_core import from_json

from funnel._arguments import did_you_mean, instance
from funnel._fields import MOST_PIECES, NO_INSTANT, Amount, AsText, Id, Instant, Label, OptionalInstant, PrivateText
from funnel._time import not_before
from funnel.errors import RecordError
from funnel.records import Record

__all__ = [
    "Answer",
    "AnyInteraction",
    "Cart",
    "Checkout",
    "Complaint",
    "DeclineReason",
    "Declined",
    "Delivery",
    "Feedback",
    "FollowUp",
    "Interaction",
    "Meeting",
    "OptOut",
    "Postponement",
    "PostponementReason",
    "Question",
    "Quote",
    "ReadySignal",
    "Resolution",
    "View",
    "Visit",
    "read_interaction",
]

Direction: TypeAlias = Literal["in", "out"]
"""Initiator: "in" for the person, "out" for the shop."""


class PostponementReason(StrEnum):
    """Reason to postpone a purchase.

    Example:
        >>> PostponementReason("payday") is PostponementReason.PAYDAY
        True
    """

    NO_MONEY = "no_money"
    SCHOOL_FEES = "school_fees"
    INSTALMENT = "instalment"
    PAYDAY = "payday"
    HOLIDAY = "holiday"
    TRAVEL = "travel"
    ASKS_FAMILY = "asks_family"
    OTHER = "other"


class DeclineReason(StrEnum):
    """Reason to decline a purchase.

    Example:
        >>> DeclineReason("price") is DeclineReason.PRICE
        True
    """

    PRICE = "price"
    BOUGHT_ELSEWHERE = "bought_elsewhere"
    NO_NEED = "no_need"
    NO_TRUST = "no_trust"
    DISAPPOINTED = "disappointed"
    MOVED = "moved"
    OTHER = "other"


class Interaction(Record, frozen=True):
    """Interaction between one person and the shop; use the class of its kind.

    Example:
        >>> asked = Question(id="q1", person_id="p1", occurred_at="2026-03-01T02:00Z", text="is it in stock?")
        >>> asked.kind, asked.direction, asked.key
        ('question', 'in', ('shop', 'q1'))
    """

    kind: str
    """Kind of the interaction."""
    id: Id
    """Number in its source."""
    source: Id = "shop"
    """System that the record came from."""
    person_id: Id
    """Id of the person."""
    occurred_at: Instant
    """Instant of the interaction."""
    direction: Direction = "in"
    """Initiator: "in" for the person, "out" for the shop."""
    channel: Label = ""
    """Channel, such as whatsapp, phone or counter."""

    @property
    def key(self) -> tuple[str, str]:
        """Source and number."""
        return self.source, self.id

    @property
    def happened_at(self) -> datetime:
        """Instant of the interaction."""
        return self.occurred_at


class Visit(Interaction, frozen=True):
    """The person visited the counter, the stall or the site."""

    kind: Literal["visit"] = "visit"
    if TYPE_CHECKING:
        occurred_at: Instant


class View(Interaction, frozen=True):
    """The person viewed a product."""

    kind: Literal["view"] = "view"
    if TYPE_CHECKING:
        occurred_at: Instant
    sku: Label = ""
    """Product that was viewed; "" if unknown."""


class Question(Interaction, frozen=True):
    """The person asked a question and waits for the answer."""

    kind: Literal["question"] = "question"
    if TYPE_CHECKING:
        occurred_at: Instant
    sku: Label = ""
    """Product that the question is about; "" if unknown."""
    text: PrivateText = ""
    """Text of the person."""


class Answer(Interaction, frozen=True):
    """The shop answered a question."""

    kind: Literal["answer"] = "answer"
    if TYPE_CHECKING:
        occurred_at: Instant
    direction: Direction = "out"
    """The shop started it."""
    question_id: Id
    """Id of the answered question, from the same source."""


class Quote(Interaction, frozen=True):
    """The shop quoted a price."""

    kind: Literal["quote"] = "quote"
    if TYPE_CHECKING:
        occurred_at: Instant
    direction: Direction = "out"
    """The shop started it."""
    amount: Amount
    """Quoted price."""
    sku: Label = ""
    """Product that was quoted; "" if unknown."""
    original: Amount | None = None
    """Amount before the conversion, if `Rates` converted it."""


class Cart(Interaction, frozen=True):
    """The person put a product into the cart."""

    kind: Literal["cart"] = "cart"
    if TYPE_CHECKING:
        occurred_at: Instant
    sku: Label = ""
    """Product in the cart; "" if unknown."""
    quantity: int = Field(default=1, ge=1, le=MOST_PIECES, strict=True)
    """Number of pieces."""


class Checkout(Interaction, frozen=True):
    """The person started to pay."""

    kind: Literal["checkout"] = "checkout"
    if TYPE_CHECKING:
        occurred_at: Instant
    amount: Amount | None = None
    """Amount to pay; None if unknown."""
    original: Amount | None = None
    """Amount before the conversion, if `Rates` converted it."""


class ReadySignal(Interaction, frozen=True):
    """The person said that they are ready to buy."""

    kind: Literal["ready_signal"] = "ready_signal"
    if TYPE_CHECKING:
        occurred_at: Instant


class Postponement(Interaction, frozen=True):
    """The person postponed the purchase until a given time.

    Example:
        >>> said, payday = "2026-03-01T09:00+07:00", "2026-03-25T00:00+07:00"
        >>> Postponement(id="n1", person_id="p1", occurred_at=said, reason="payday", until=payday).until.isoformat()
        '2026-03-24T17:00:00+00:00'
    """

    kind: Literal["postponement"] = "postponement"
    if TYPE_CHECKING:
        occurred_at: Instant
    reason: Annotated[PostponementReason, AsText]
    """Reason of the postponement."""
    until: Instant
    """Earliest instant at which the person may buy."""
    latest: OptionalInstant = NO_INSTANT
    """Latest instant; None if the person named only one."""
    text: PrivateText = ""
    """Text of the person."""

    @model_validator(mode="after")
    def _later(self) -> Self:
        not_before(self, "occurred_at", "until")
        not_before(self, "until", "latest")
        return self


class Meeting(Interaction, frozen=True):
    """The shop and the person met, for example before a very large purchase."""

    kind: Literal["meeting"] = "meeting"
    if TYPE_CHECKING:
        occurred_at: Instant


class Complaint(Interaction, frozen=True):
    """The person complained."""

    kind: Literal["complaint"] = "complaint"
    if TYPE_CHECKING:
        occurred_at: Instant
    purchase_id: Id | None = None
    """Id of the purchase it is about, from the same source; None if none or unknown."""
    text: PrivateText = ""
    """Text of the person."""


class Resolution(Interaction, frozen=True):
    """The shop resolved a complaint."""

    kind: Literal["resolution"] = "resolution"
    if TYPE_CHECKING:
        occurred_at: Instant
    direction: Direction = "out"
    """The shop started it."""
    complaint_id: Id
    """Id of the resolved complaint, from the same source."""


class Feedback(Interaction, frozen=True):
    """The person rated their satisfaction."""

    kind: Literal["feedback"] = "feedback"
    if TYPE_CHECKING:
        occurred_at: Instant
    score: int = Field(ge=1, le=5, strict=True)
    """Score from 1 (not satisfied) to 5 (fully satisfied)."""
    text: PrivateText = ""
    """Text of the person."""


class Delivery(Interaction, frozen=True):
    """The goods of a purchase arrived."""

    kind: Literal["delivery"] = "delivery"
    if TYPE_CHECKING:
        occurred_at: Instant
    direction: Direction = "out"
    """The shop started it."""
    purchase_id: Id
    """Id of the delivered purchase, from the same source."""


class OptOut(Interaction, frozen=True):
    """The person asked the shop to stop writing."""

    kind: Literal["opt_out"] = "opt_out"
    if TYPE_CHECKING:
        occurred_at: Instant


class Declined(Interaction, frozen=True):
    """The person declined, with a reason."""

    kind: Literal["declined"] = "declined"
    if TYPE_CHECKING:
        occurred_at: Instant
    reason: Annotated[DeclineReason, AsText]
    """Reason of the refusal."""


class FollowUp(Interaction, frozen=True):
    """The shop wrote to the person on its own initiative."""

    kind: Literal["follow_up"] = "follow_up"
    if TYPE_CHECKING:
        occurred_at: Instant
    direction: Direction = "out"
    """The shop started it."""


AnyInteraction: TypeAlias = Annotated[
    Visit
    | View
    | Question
    | Cart
    | Checkout
    | Quote
    | Answer
    | ReadySignal
    | Postponement
    | Meeting
    | Delivery
    | Complaint
    | Resolution
    | Feedback
    | OptOut
    | Declined
    | FollowUp,
    Field(discriminator="kind"),
]
"""Interaction of any kind, discriminated by `kind`."""

CLASSES: dict[str, type[Interaction]] = {
    one.model_fields["kind"].default: one for one in get_args(get_args(AnyInteraction)[0])
}
"""Class of each kind."""

KINDS: tuple[str, ...] = tuple(CLASSES)
"""Every kind, in the order that breaks ties between two interactions of one instant: a question before its answer."""


def read_interaction(data: Mapping[str, object] | str | bytes) -> AnyInteraction:
    """Read one interaction of any kind from fields or JSON.

    Args:
        data: Fields by name, or JSON text of an object; `kind` selects the class.

    Returns:
        The interaction, as an instance of its kind's class.

    Raises:
        ArgumentError: The argument is neither a mapping nor text.
        RecordError: The text is not a JSON object, or the kind is missing or unknown.
        FieldsError: A field is missing, unknown or invalid. It is pydantic's ValidationError too.

    Example:
        >>> row = {"kind": "visit", "id": "v1", "person_id": "p1", "occurred_at": "2026-03-01T02:00Z"}
        >>> read_interaction(row).direction
        'in'
    """
    instance(data, (str, bytes, Mapping), "data", "the fields of an interaction by name, or JSON text of an object")
    fields = _read_json(data) if isinstance(data, str | bytes) else data
    if not isinstance(fields, Mapping):
        raise RecordError(f"an interaction must be a JSON object of fields by name (got {type(fields).__name__})")
    by_name = dict(cast("Mapping[str, object]", fields))
    kind = by_name.get("kind")
    if not isinstance(kind, str) or kind not in CLASSES:
        raise RecordError(_unknown(kind))
    return cast("AnyInteraction", CLASSES[kind].model_validate(by_name))


def _read_json(text: str | bytes) -> object:
    try:
        return from_json(text, allow_inf_nan=False)
    except (ValueError, TypeError):  # half a character is a TypeError of pydantic
        raise RecordError("an interaction is text that is not JSON; give a JSON object") from None


def _unknown(kind: object) -> str:
    problem = f"is unknown{did_you_mean(kind, KINDS)}" if isinstance(kind, str) else "is missing or is not text"
    return f"the kind of an interaction {problem}; use one of {', '.join(KINDS)}"
