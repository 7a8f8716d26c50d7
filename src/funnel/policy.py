"""The shop's own numbers: every threshold a rule compares with, with its unit, its default and the reason for it."""

from __future__ import annotations

from datetime import time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, TypeAlias, TypeVar, cast

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler, model_validator
from pydantic_core import CoreSchema, core_schema

from funnel._fields import Frozen
from funnel._given import instance, span_of, span_text


def _whole(span: timedelta) -> timedelta:
    if span <= timedelta(0):
        msg = "is zero or less; a limit is a span above zero"
        raise ValueError(msg)
    return span


L = TypeVar("L", int, timedelta)
LIMITS = 4
"""Four limits make five scores."""


def _rising(limits: tuple[L, ...]) -> tuple[L, ...]:
    if len(limits) not in (0, LIMITS):
        msg = f"has {len(limits)} limits; give {LIMITS}, which make the scores 1 to {LIMITS + 1}"
        raise ValueError(msg)
    if any(later <= before for before, later in pairwise(limits)):
        msg = "has a limit that is not above the one before it; each limit is higher than the last"
        raise ValueError(msg)
    return limits


def _four(limits: tuple[L, ...]) -> tuple[L, ...]:
    if not limits:
        msg = f"has no limits; give {LIMITS}, which make the scores 1 to {LIMITS + 1}"
        raise ValueError(msg)
    return limits


Span = Annotated[timedelta, AfterValidator(_whole)]
Percent = Annotated[int, Field(ge=1, le=500, strict=True)]
Count = Annotated[int, Field(ge=0, le=10_000, strict=True)]
Points = Annotated[int, Field(ge=-1000, le=1000, strict=True)]
Amount = Annotated[int, Field(ge=1, le=10**14, strict=True)]


def _with_units(schema: object) -> object:
    """Let every timedelta of a schema be read by `span_of`, which refuses bare numbers, and written so that it is."""
    if isinstance(schema, list):
        return [_with_units(one) for one in cast("list[object]", schema)]
    if not isinstance(schema, dict):
        return schema
    made = {name: _with_units(one) for name, one in cast("dict[str, object]", schema).items()}
    if made.get("type") != "timedelta":
        return made
    written = core_schema.plain_serializer_function_ser_schema(
        span_text, return_schema=core_schema.str_schema(), when_used="json"
    )
    return core_schema.no_info_before_validator_function(span_of, cast("CoreSchema", made), serialization=written)


OCCASION = timedelta(days=1)
"""Purchases less than this apart are one occasion."""


if TYPE_CHECKING:  # a shop's own policy need not say again to type checkers that it is frozen
    from pydantic import BaseModel as _Base
else:
    _Base = Frozen


def _clock_time(given: object) -> object:
    """Refuse a bare number, which would be so many seconds after midnight in UTC."""
    if isinstance(given, time) or (isinstance(given, str) and ":" in given):
        return given
    raise ValueError('is not a time of day; give a time such as time(9) or "09:00"')


ClockTime: TypeAlias = Annotated[time, BeforeValidator(_clock_time)]
"""A time of day by the shop's own clock."""


class Policy(_Base):
    """What the shop decides: when silence is too long, how soon to answer, when to stop asking.

    A span is a timedelta, a relativedelta of weeks, days or smaller units, or text with a unit, such as "180 days",
    "26 weeks" or "36 h"; a bare number is refused, also in the numbers that a shop adds in a class of its own. A limit
    is passed only beyond it: silent for exactly `lapse_after` is not lapsed yet.

    Example:
        >>> from datetime import timedelta
        >>> Policy(lapse_after=timedelta(days=60)).lapse_after.days
        60
        >>> Policy(lapse_after="26 weeks").lapse_after.days
        182
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True
    )

    lapse_after: Span = timedelta(days=180)
    """A buyer silent for longer has lapsed. Half a year: two seasons without a purchase; our choice, shops differ
    most here."""
    quiet_after: Span = timedelta(days=30)
    """A person with whom nothing has passed for longer is quiet. A month, the step of pay and rent; our choice."""
    overdue_percent: Percent = 150
    """Overdue when the silence is longer than this share of their own average interval. Half as long again is the
    common rule of shop software; a shop with regular buyers takes less."""
    rhythm_purchases: Annotated[int, Field(ge=2, le=100, strict=True)] = 3
    """Purchases before a person is said to have a rhythm: two intervals are the fewest that can agree; our choice."""
    rhythm_interval: Span = OCCASION
    """The shortest average interval that is a rhythm. Purchases less than a day apart are one occasion, such as two
    orders of one evening; our choice."""
    answer_within: Span = timedelta(hours=24)
    """A question open for longer is answered late. One day: who doubts asks elsewhere the next; our choice."""
    question_lapses_after: Span = timedelta(days=30)
    """A question open for longer is not due any more: nobody waits a month for an answer, or it was given and not
    recorded; our choice. A purchase after the question ends it too."""
    resolve_within: Span = timedelta(days=3)
    """A complaint open for longer is neglected; our choice."""
    delivery_grace: Annotated[timedelta, Field(ge=timedelta(0))] = timedelta(0)
    """How much later than promised the goods may come before it counts; none, for the customer counts from the
    promise."""
    disappointed_for: Span = timedelta(days=30)
    """How long after a complaint was put right the shop repairs before it sells; one disappointment outweighs many
    good turns."""
    low_score: Annotated[int, Field(ge=1, le=5, strict=True)] = 2
    """Feedback of this score or less is a disappointment: the lower two of five; our choice."""
    assurance_percents: Annotated[tuple[Percent, ...], AfterValidator(_rising), AfterValidator(_four)] = (
        100,
        150,
        200,
        300,
    )
    """Shares of the largest sum completed above which the shop owes a photo, a testimonial, cash on delivery, and only
    a deposit at first: doubt begins where a sum is larger than ever before, and grows with it; the steps are our
    choice."""
    meeting_percent: Percent = 500
    """Above this share of the largest sum completed they want to meet first; our choice."""
    meeting_amount: Annotated[int, Field(ge=0, le=10**14, strict=True)] = 0
    """A sum above this, in minor units, asks for a meeting whatever they have bought; 0: the shop has set none, for it
    depends on the currency."""
    step_lasts: Span = timedelta(days=14)
    """How long what they did says where they are in buying: a fortnight after a question or a basket it says no more;
    our choice."""
    after_sale_for: Span = timedelta(days=30)
    """How long after a purchase or its delivery the shop looks after it before it sells again; our choice."""
    follow_up_after: Span = timedelta(days=3)
    """How long the shop waits after it last wrote before it writes again; our choice."""
    most_follow_ups: Count = 3
    """Follow-ups without an answer before the shop stops: more is a nuisance; our choice."""
    contact_span: Span = timedelta(days=7)
    """The time within which the shop writes at most `most_contacts` times, answered or not: a week; our choice."""
    most_contacts: Annotated[int, Field(ge=1, le=3, strict=True)] = 2
    """How many times the shop writes of its own accord within `contact_span`; three is the most that is kept count of,
    and more than anybody wants; our choice."""
    opens_at: ClockTime = time(8)
    """When the shop begins to write, by its own clock; before that people sleep; our choice."""
    closes_at: ClockTime = time(20)
    """When the shop stops writing, by its own clock, later than `opens_at`; at the same time as that: never; our
    choice."""
    thank_within: Span = timedelta(days=7)
    """How long after a delivery the shop may still ask how it was; our choice."""
    recency_limits: Annotated[tuple[Span, ...], AfterValidator(_rising), AfterValidator(_four)] = (
        timedelta(days=30),
        timedelta(days=60),
        timedelta(days=120),
        timedelta(days=240),
    )
    """Silences up to which a buyer scores 5, 4, 3 and 2 for recency; beyond the last, 1. A month, doubled each time;
    our choice, to be set by how often the shop's own buyers come."""
    frequency_limits: Annotated[
        tuple[Annotated[Count, Field(ge=2)], ...], AfterValidator(_rising), AfterValidator(_four)
    ] = (2, 3, 5, 9)
    """Purchases from which a buyer scores 2, 3, 4 and 5 for frequency: again, a rhythm, often, very often; our
    choice."""
    monetary_limits: Annotated[tuple[Amount, ...], AfterValidator(_rising)] = ()
    """Sums, in minor units, from which a buyer scores 2, 3, 4 and 5 for what they spent in all; empty: the shop has set
    none, for they depend on the currency."""
    ready_points: Points = 60
    """From this many points on, a person is ready to buy; our choice, to be checked against the shop's own past."""
    warm_points: Points = 30
    """From this many points on, a person is warm; our choice."""
    said_ready_points: Points = 60
    """For having said so: it outweighs everything, for nobody knows better."""
    checkout_points: Points = 30
    """For having gone to pay lately."""
    cart_points: Points = 20
    """For a full basket lately."""
    question_points: Points = 15
    """For having asked lately."""
    quote_points: Points = 15
    """For having been told a price lately: as much as for having asked, for who is told a price has asked for it."""
    visit_points: Points = 5
    """For having come or looked lately."""
    frequency_points: Points = 10
    """For having bought, and for each of `frequency_limits` that their purchases reach: only the repeat order proves
    it. Fitted on the earlier days of two real shops, with `recency_points`: ten points doubled the odds of a
    purchase."""
    recency_points: Points = 5
    """For each of `recency_limits` within which they last bought. Fitted with `frequency_points`."""
    good_turn_points: Points = 5
    """For each thing that went well: goods that came by the promised day, good feedback, a meeting. Half of having
    bought; our choice."""
    near_percent: Percent = 80
    """From beyond this share of their own average interval on their next time is near: people are not clocks; our
    choice."""
    near_points: Points = 0
    """For their next time being near. None: beside `frequency_points` and `recency_points` it told nothing more of two
    real shops; a shop whose people come like clocks may give it some."""
    due_points: Points = 0
    """For being past their own average interval, by `overdue_percent`. None: of those with a rhythm the overdue bought
    less often than the others."""
    gone_percent: Percent = 300
    """Silent for longer than this share of their own average interval, they may have gone elsewhere; our choice."""
    gone_points: Points = 0
    """For having been silent for so long. None: `recency_points` have gone by then."""
    promise_due_points: Points = 25
    """For a "not yet" whose day has come: now they are able."""
    slip_points: Points = -5
    """For a day that was put off before: the day they name is less sure."""
    unanswered_points: Points = -20
    """For a question that is open too long: trust is going."""
    low_feedback_points: Points = -70
    """For a disappointment: it outweighs all that can have gone well, for one undoes many."""
    late_points: Points = -15
    """For goods that once came late: more than a first purchase gave; our choice."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Give spans their units, in every field that has one."""
        return cast("CoreSchema", _with_units(handler(source)))

    @model_validator(mode="after")
    def _opens_first(self) -> Self:
        if self.opens_at.tzinfo or self.closes_at.tzinfo:
            msg = "opens_at and closes_at are times of the shop's own clock; give them without a zone"
            raise ValueError(msg)
        if self.closes_at < self.opens_at:
            msg = "closes_at lies before opens_at; give the hours of one day, or twice the same time for always open"
            raise ValueError(msg)
        return self


P = TypeVar("P", bound=Policy)


def policy_given(given: P, what: str = "policy") -> P:
    """Return a policy that was passed as an argument.

    Raises:
        ArgumentError: It is something else.
    """
    instance(given, Policy, what, "a Policy")
    return given
