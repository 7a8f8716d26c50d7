"""What passes between a person and the shop besides buying: one class a kind, told apart by `kind`.

Law: `read_interaction(x.model_dump_json()) == x` for every interaction `x`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal, Self, TypeAlias, cast

from pydantic import Field, model_validator
from pydantic_core import from_json

from funnel._fields import MOST_PIECES, Amount, AsText, Id, Instant, Label, Words
from funnel._given import instance, meant
from funnel.errors import RecordError
from funnel.records import Record, not_before

if TYPE_CHECKING:
    from datetime import datetime

Direction: TypeAlias = Literal["in", "out"]
"""Who began: "in" the person, "out" the shop."""


class PostponeReason(StrEnum):
    """Why a person says "not yet".

    Example:
        >>> PostponeReason("payday") is PostponeReason.PAYDAY
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


class NoReason(StrEnum):
    """Why a person says "no".

    Example:
        >>> NoReason("price") is NoReason.PRICE
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
    """Something between one person and the shop, of one kind; use the class of the kind.

    Example:
        >>> asked = Question(id="q1", person_id="p1", occurred_at="2026-03-01T02:00Z", words="is it in stock?")
        >>> asked.kind, asked.direction, asked.key
        ('question', 'in', ('shop', 'q1'))
    """

    kind: str
    """The kind."""
    id: Id
    """The number in its source."""
    source: Id = "shop"
    """The system that the record came from."""
    person_id: Id
    """Who it was with."""
    occurred_at: Instant
    """When it happened."""
    direction: Direction = "in"
    """Who began: "in" the person, "out" the shop."""
    channel: Label = ""
    """By which way: whatsapp, phone, counter."""

    @property
    def key(self) -> tuple[str, str]:
        """The source and the number."""
        return self.source, self.id

    @property
    def happened_at(self) -> datetime:
        """When it happened."""
        return self.occurred_at


class Visit(Interaction, frozen=True):
    """They came: to the counter, the stall or the site."""

    kind: Literal["visit"] = "visit"
    """The kind."""


class View(Interaction, frozen=True):
    """They looked at a thing."""

    kind: Literal["view"] = "view"
    """The kind."""
    sku: Label = ""
    """What they looked at; "" is not known."""


class Question(Interaction, frozen=True):
    """They asked something, and wait for the answer."""

    kind: Literal["question"] = "question"
    """The kind."""
    sku: Label = ""
    """What they asked about; "" is not known."""
    words: Words = ""
    """What they said."""


class Answer(Interaction, frozen=True):
    """The shop answered a question."""

    kind: Literal["answer"] = "answer"
    """The kind."""
    direction: Direction = "out"
    """The shop began."""
    question_id: Id
    """The question that is answered, of the same source."""


class Quote(Interaction, frozen=True):
    """The shop named its price."""

    kind: Literal["quote"] = "quote"
    """The kind."""
    direction: Direction = "out"
    """The shop began."""
    amount: Amount
    """The price that was named."""
    sku: Label = ""
    """For what; "" is not known."""


class Cart(Interaction, frozen=True):
    """They put a thing into the basket."""

    kind: Literal["cart"] = "cart"
    """The kind."""
    sku: Label = ""
    """What; "" is not known."""
    quantity: int = Field(default=1, ge=1, le=MOST_PIECES, strict=True)
    """How many pieces."""


class Checkout(Interaction, frozen=True):
    """They went to pay."""

    kind: Literal["checkout"] = "checkout"
    """The kind."""
    amount: Amount | None = None
    """For how much; None is not known."""


class SaidReady(Interaction, frozen=True):
    """They said that they are ready to buy."""

    kind: Literal["said_ready"] = "said_ready"
    """The kind."""


class Postponed(Interaction, frozen=True):
    """They said "not yet", and until when.

    Example:
        >>> said, payday = "2026-03-01T09:00+07:00", "2026-03-25T00:00+07:00"
        >>> Postponed(id="n1", person_id="p1", occurred_at=said, reason="payday", until=payday).until.isoformat()
        '2026-03-24T17:00:00+00:00'
    """

    kind: Literal["postponed"] = "postponed"
    """The kind."""
    reason: Annotated[PostponeReason, AsText]
    """Why not yet."""
    until: Instant
    """When it may be, at the earliest."""
    latest: Instant | None = None
    """When it may be, at the latest; None when they named one instant."""
    words: Words = ""
    """What they said."""

    @model_validator(mode="after")
    def _later(self) -> Self:
        not_before(self, "occurred_at", "until")
        not_before(self, "until", "latest")
        return self


class Met(Interaction, frozen=True):
    """The shop and they met in person, as a very large sum may ask for."""

    kind: Literal["met"] = "met"
    """The kind."""


class Complaint(Interaction, frozen=True):
    """They were not content, and said so."""

    kind: Literal["complaint"] = "complaint"
    """The kind."""
    purchase_id: Id | None = None
    """The purchase it is about, of the same source; None is none, or not known."""
    words: Words = ""
    """What they said."""


class Resolution(Interaction, frozen=True):
    """The shop put a complaint right."""

    kind: Literal["resolution"] = "resolution"
    """The kind."""
    direction: Direction = "out"
    """The shop began."""
    complaint_id: Id
    """The complaint that was put right, of the same source."""


class Feedback(Interaction, frozen=True):
    """They said how content they are."""

    kind: Literal["feedback"] = "feedback"
    """The kind."""
    score: int = Field(ge=1, le=5, strict=True)
    """From 1, not at all, to 5, wholly."""
    words: Words = ""
    """What they said."""


class Delivered(Interaction, frozen=True):
    """The goods of a purchase arrived."""

    kind: Literal["delivered"] = "delivered"
    """The kind."""
    direction: Direction = "out"
    """The shop began."""
    purchase_id: Id
    """The purchase that arrived, of the same source."""


class OptedOut(Interaction, frozen=True):
    """They asked to be written to no more."""

    kind: Literal["opted_out"] = "opted_out"
    """The kind."""


class SaidNo(Interaction, frozen=True):
    """They said "no", and why."""

    kind: Literal["said_no"] = "said_no"
    """The kind."""
    reason: Annotated[NoReason, AsText]
    """Why not."""


class FollowUpSent(Interaction, frozen=True):
    """The shop wrote to them of its own accord."""

    kind: Literal["follow_up_sent"] = "follow_up_sent"
    """The kind."""
    direction: Direction = "out"
    """The shop began."""


AnyInteraction: TypeAlias = Annotated[
    Visit
    | View
    | Question
    | Cart
    | Checkout
    | Quote
    | Answer
    | SaidReady
    | Postponed
    | Met
    | Delivered
    | Complaint
    | Resolution
    | Feedback
    | OptedOut
    | SaidNo
    | FollowUpSent,
    Field(discriminator="kind"),
]
"""An interaction of whichever kind, told apart by `kind`."""

_CLASSES: dict[str, type[Interaction]] = {
    "visit": Visit,
    "view": View,
    "question": Question,
    "cart": Cart,
    "checkout": Checkout,
    "quote": Quote,
    "answer": Answer,
    "said_ready": SaidReady,
    "postponed": Postponed,
    "met": Met,
    "delivered": Delivered,
    "complaint": Complaint,
    "resolution": Resolution,
    "feedback": Feedback,
    "opted_out": OptedOut,
    "said_no": SaidNo,
    "follow_up_sent": FollowUpSent,
}

KINDS: tuple[str, ...] = tuple(_CLASSES)
"""Every kind, in the order that two interactions of one instant are taken in: what is asked before what is answered."""


def read_interaction(given: Mapping[str, object] | str | bytes) -> AnyInteraction:
    """Read one interaction of any kind, as a file or another system hands it over.

    Args:
        given: The fields by name, or JSON text of an object; `kind` says which class it becomes.

    Returns:
        The interaction, of its kind's own class.

    Raises:
        ArgumentError: It is neither fields by name nor text.
        RecordError: The text is not a JSON object, or its kind is missing or unknown.
        FieldsError: A field is missing, unknown or not allowed; it is pydantic's ValidationError too.

    Example:
        >>> row = {"kind": "visit", "id": "v1", "person_id": "p1", "occurred_at": "2026-03-01T02:00Z"}
        >>> read_interaction(row).direction
        'in'
    """
    instance(given, (str, bytes, Mapping), "given", "the fields of an interaction by name, or JSON text of an object")
    fields = _read_json(given) if isinstance(given, str | bytes) else given
    if not isinstance(fields, Mapping):
        msg = f"an interaction is given as {type(fields).__name__}; give its fields by name"
        raise RecordError(msg)
    named = dict(cast("Mapping[str, object]", fields))
    kind = named.get("kind")
    if not isinstance(kind, str) or kind not in _CLASSES:
        raise RecordError(_unknown(kind))
    return cast("AnyInteraction", _CLASSES[kind].model_validate(named))


def _read_json(text: str | bytes) -> object:
    try:
        return from_json(text, allow_inf_nan=False)
    except (ValueError, TypeError):  # half a character is a TypeError of pydantic
        raise RecordError("an interaction is given as text that is not JSON; give a JSON object") from None


def _unknown(kind: object) -> str:
    allowed = f"it is one of {', '.join(KINDS)}"
    if not isinstance(kind, str):
        return f"an interaction has no kind, or one that is not text; {allowed}"
    return f"the kind of an interaction is unknown{meant(kind, KINDS)}; {allowed}"
