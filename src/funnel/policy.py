"""Policy: every threshold of the rules, with its unit, its default and the reason for the default."""

from __future__ import annotations

import re
from datetime import time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, TypeAlias, TypeVar, cast

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PydanticUserError,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from funnel._arguments import instance, parse_span, span_text
from funnel._fields import LARGEST_AMOUNT, Frozen
from funnel.errors import ArgumentError

__all__ = ["Policy"]


def _whole(span: timedelta) -> timedelta:
    if span <= timedelta(0):
        raise ValueError("must be a span above zero")
    return span


L = TypeVar("L", int, timedelta)
LIMITS = 4
"""Four limits define five scores."""


def _rising(limits: tuple[L, ...]) -> tuple[L, ...]:
    if len(limits) not in (0, LIMITS):
        raise ValueError(f"must have {LIMITS} limits, for the scores 1 to {LIMITS + 1} (got {len(limits)})")
    return _any_rising(limits)


MOST_LIMITS = 20


def _any_rising(limits: tuple[L, ...]) -> tuple[L, ...]:
    if len(limits) > MOST_LIMITS:
        raise ValueError(f"must have at most {MOST_LIMITS} limits (got {len(limits)})")
    if any(later <= before for before, later in pairwise(limits)):
        raise ValueError("must have rising limits: each limit must be above the limit before it")
    return limits


def _four(limits: tuple[L, ...]) -> tuple[L, ...]:
    if not limits:
        raise ValueError(f"must have {LIMITS} limits, for the scores 1 to {LIMITS + 1} (got 0)")
    return limits


def _increasing(percents: tuple[int, int, int]) -> tuple[int, int, int]:
    if any(later <= before for before, later in pairwise(percents)):
        raise ValueError("must have rising percents: earliest, likely, latest")
    return percents


Span = Annotated[timedelta, AfterValidator(_whole)]
Percent = Annotated[int, Field(ge=1, le=500, strict=True)]
Window = Annotated[tuple[Percent, Percent, Percent], AfterValidator(_increasing)]
Count = Annotated[int, Field(ge=0, le=10_000, strict=True)]
Points = Annotated[int, Field(ge=-1000, le=1000, strict=True)]
Amount = Annotated[int, Field(ge=1, le=LARGEST_AMOUNT, strict=True)]


def _with_units(schema: object) -> object:
    """Validate spans with `parse_span`, which refuses bare numbers; serialise as text."""
    if isinstance(schema, list):
        return [_with_units(one) for one in cast("list[object]", schema)]
    if not isinstance(schema, dict):
        return schema
    changed = {name: _with_units(one) for name, one in cast("dict[str, object]", schema).items()}
    if changed.get("type") != "timedelta":
        return changed
    serializer = core_schema.plain_serializer_function_ser_schema(
        span_text, return_schema=core_schema.str_schema(), when_used="json"
    )
    return core_schema.no_info_before_validator_function(
        parse_span, cast("CoreSchema", changed), serialization=serializer
    )


OCCASION = timedelta(days=1)
"""Purchases less than this apart are one occasion."""


if TYPE_CHECKING:  # a shop's own policy then need not repeat `frozen=True` for type checkers
    from pydantic import BaseModel as _Base
else:

    class _HasTypes(type(Frozen)):
        """Metaclass of policies: a field without a type is refused by an error of this library."""

        def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, object], **options: object) -> type:
            try:
                return super().__new__(cls, name, bases, namespace, **options)
            except PydanticUserError as error:
                if error.code not in _WITHOUT_TYPE:
                    raise
                field = re.findall(r"\w+", re.split("[`']", error.message)[1])[0]
            msg = f"the field {field} of the policy {name} has no type; write its type, such as {field}: int = ..."
            raise ArgumentError(f"{msg}, or {field}: ClassVar[int] = ... if it is not a field")

    class _Base(Frozen, metaclass=_HasTypes):
        """Base class of policies."""


_WITHOUT_TYPE = ("model-field-missing-annotation", "model-field-overridden")
"""Errors of pydantic for a field without a type: a new field, and a field of the base class."""


def _clock_time(value: object) -> object:
    """Refuse a bare number: pydantic reads it as seconds after midnight in UTC."""
    if isinstance(value, time) or (isinstance(value, str) and ":" in value):
        return value
    raise ValueError('must be a time of day, such as time(9) or "09:00"')


ClockTime: TypeAlias = Annotated[time, BeforeValidator(_clock_time)]
"""Time of day by the shop's clock."""


class Policy(_Base):
    """The shop's own numbers: limits, windows and points that the rules use.

    A span is a timedelta, a relativedelta of weeks, days or smaller units, or text with a unit: "180 days", "26 weeks"
    or "36 h". A bare number is refused, also in fields that a subclass adds. A limit is passed only beyond it: a person
    who is silent for exactly `lapse_after` has not lapsed yet.

    Example:
        >>> from datetime import timedelta
        >>> Policy(lapse_after=timedelta(days=60)).lapse_after.days
        60
        >>> Policy(lapse_after="26 weeks").lapse_after.days
        182
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    lapse_after: Span = timedelta(days=180)
    """A buyer who is silent for longer has lapsed. Half a year: two seasons without a purchase; our default. Shops
    differ most in this number."""
    quiet_after: Span = timedelta(days=30)
    """A person without any contact for longer is quiet. A month: the interval of pay and rent; our default."""
    overdue_percent: Percent = 150
    """A buyer is overdue if the silence is longer than this share of the buyer's own average interval. 150 % is common
    in shop software; a shop with regular buyers needs less."""
    rhythm_purchases: Annotated[int, Field(ge=2, le=100, strict=True)] = 3
    """Number of occasions from which a person has a rhythm. Two intervals are the fewest that can agree; our
    default."""
    rhythm_interval: Span = OCCASION
    """Shortest average interval that is a rhythm. A day: purchases less than a day apart are one occasion, such as two
    orders of one evening; our default."""
    window_percents: Window = (8, 50, 200)
    """Earliest, likely and latest next occasion, as shares of the person's pace, from `as_of` on. The pace is the
    average interval, moved towards the silence. Among people who buy again, 10 % are earlier than the first
    time, half are earlier than the second, and 10 % are later than the third. Chosen by pinball loss on the earlier
    days of two real shops."""
    regular_occasions: Annotated[int, Field(ge=3, le=100, strict=True)] = 5
    """Number of occasions from which a person can be regular: three similar intervals happen by chance; our default."""
    regular_percent: Percent = 30
    """A person is regular if the standard deviation of their intervals is at most this share of the average. At random,
    it is about the average itself; our default."""
    regular_window_percents: Window = (50, 95, 150)
    """Earliest, likely and latest next occasion of a regular person, as shares of the average interval, from the last
    purchase on. A regular person who is late has half of the shares of `window_percents`. Our default: few people of
    two real shops were regular."""
    answer_within: Span = timedelta(hours=24)
    """A question that is open for longer is answered late. One day: a person in doubt asks elsewhere the next day; our
    default."""
    question_lapses_after: Span = timedelta(days=30)
    """A question that is open for longer is not due any more: nobody waits a month for an answer, or the answer was not
    recorded; our default. A purchase after the question closes it too."""
    resolve_within: Span = timedelta(days=3)
    """A complaint that is open for longer is neglected; our default."""
    delivery_grace: Annotated[timedelta, Field(ge=timedelta(0))] = timedelta(0)
    """Delay of a delivery that does not count as late. Zero: the customer counts from the promised day."""
    disappointed_for: Span = timedelta(days=30)
    """Time after a resolved complaint during which the shop repairs the relation before it sells. One disappointment
    outweighs many good experiences."""
    low_score: Annotated[int, Field(ge=1, le=5, strict=True)] = 2
    """Feedback of this score or less is a disappointment: the lower two of five; our default."""
    assurance_percents: Annotated[tuple[Percent, ...], AfterValidator(_rising), AfterValidator(_four)] = (
        100,
        150,
        200,
        300,
    )
    """Shares of the person's largest completed purchase above which the shop offers a photo, a testimonial, cash on
    delivery, and only a deposit at first. Doubt begins above the largest sum so far and grows with the sum. The steps
    are our default."""
    meeting_percent: Percent = 500
    """Above this share of the largest completed purchase, the person wants to meet first; our default."""
    meeting_amount: Annotated[int, Field(ge=0, le=LARGEST_AMOUNT, strict=True)] = 0
    """A sum above this, in minor units, needs a meeting, whatever the person bought before. 0: no limit is set, because
    it depends on the currency."""
    phase_lasts: Span = timedelta(days=14)
    """Time for which an action shows the buying phase. A fortnight after a question or a cart, it shows nothing more;
    our default."""
    after_sale_for: Span = timedelta(days=30)
    """Time after a purchase or its delivery for after-sales care before the shop sells again; our default."""
    follow_up_after: Span = timedelta(days=3)
    """Time that the shop waits between two messages; our default."""
    max_follow_ups: Count = 3
    """Number of follow-ups without an answer after which the shop stops: more is a nuisance; our default."""
    contact_window: Span = timedelta(days=7)
    """Window for `max_contacts`: the shop writes at most `max_contacts` times within it, answered or not.
    A week; our default."""
    max_contacts: Annotated[int, Field(ge=1, le=3, strict=True)] = 2
    """Number of messages that the shop may start within `contact_window`. Three is the most that facts count, and more
    than anybody wants; our default."""
    opens_at: ClockTime = time(8)
    """Time of day from which the shop writes; earlier, people sleep; our default."""
    closes_at: ClockTime = time(20)
    """Time of day at which the shop stops writing, later than `opens_at`. The same time as `opens_at`: the shop never
    stops; our default."""
    thank_within: Span = timedelta(days=7)
    """Time after a delivery within which the shop may still ask for feedback; our default."""
    recency_limits: Annotated[tuple[Span, ...], AfterValidator(_rising), AfterValidator(_four)] = (
        timedelta(days=30),
        timedelta(days=60),
        timedelta(days=120),
        timedelta(days=240),
    )
    """Silences up to which a buyer scores 5, 4, 3 and 2 for recency; beyond the last one, 1. A month, doubled each
    time; our default. Set it by how often the shop's own buyers buy."""
    frequency_limits: Annotated[
        tuple[Annotated[Count, Field(ge=2)], ...], AfterValidator(_rising), AfterValidator(_four)
    ] = (2, 3, 5, 9)
    """Numbers of occasions from which a buyer scores 2, 3, 4 and 5 for frequency: again, a rhythm, often, very often;
    our default."""
    monetary_limits: Annotated[tuple[Amount, ...], AfterValidator(_rising)] = ()
    """Sums, in minor units, from which a buyer scores 2, 3, 4 and 5 for the total spend. Empty: no limits are set,
    because they depend on the currency."""
    ready_points: Points = 60
    """From this many points on, a person is ready to buy; our default. Check it against the shop's own past."""
    warm_points: Points = 30
    """From this many points on, a person is warm; our default."""
    ready_signal_points: Points = 60
    """Points for a ready signal. It outweighs everything else: nobody knows better than the person."""
    checkout_points: Points = 30
    """Points for a recent checkout."""
    cart_points: Points = 20
    """Points for a recent cart."""
    question_points: Points = 15
    """Points for a recent question."""
    quote_points: Points = 15
    """Points for a recent quote: as many as for a question, because a quote answers one."""
    visit_points: Points = 5
    """Points for a recent visit or view."""
    usual_wait: Span = timedelta(days=240)
    """Wait for the next purchase that is assumed after a first purchase. With each of `frequency_limits` that
    a person reaches, the person's own average interval counts more and this counts less. Chosen on two
    real shops and on four made-up ones. A shop whose buyers come every few days may take less."""
    wait_limits: Annotated[tuple[Span, ...], AfterValidator(_any_rising)] = tuple(
        timedelta(days=days) for days in (32, 51, 81, 128, 203, 323, 512, 813, 1290)
    )
    """Expected waits up to which a person gets `wait_points`. Three steps make the wait four times as long; our
    default."""
    wait_points: Points = 8
    """Points for each of `wait_limits` within which the expected wait lies: half the wait is twelve points more. Our
    default."""
    good_turn_points: Points = 5
    """Points for each good experience: goods that came by the promised day, good feedback, a meeting. Our
    default."""
    nearly_due_percent: Percent = 80
    """The next purchase is near when the silence is beyond this share of the person's own average interval. People are
    not clocks; our default."""
    nearly_due_points: Points = 0
    """Points when the next purchase is near. Zero: beside `wait_points` this added nothing in two real shops. A shop
    with very regular buyers may give some."""
    due_points: Points = 0
    """Points when the person is overdue by `overdue_percent`. Zero: of the people with a rhythm, overdue people bought
    less often than the others."""
    likely_lost_percent: Percent = 300
    """A person who is silent for longer than this share of their own average interval is likely lost; our default."""
    likely_lost_points: Points = 0
    """Points for a person who is likely lost. Zero: a long silence lowers the `wait_points` already."""
    promise_due_points: Points = 25
    """Points for a postponement whose day has come: now the person is able to buy."""
    slip_points: Points = -5
    """Points for a day that was postponed before: the next named day is less certain."""
    unanswered_points: Points = -20
    """Points for a question that is open too long: the person loses trust."""
    low_feedback_points: Points = -95
    """Points for a disappointment. It outweighs all `wait_points` and good experiences: one disappointment undoes
    many."""
    late_points: Points = -15
    """Points for goods that once came late: more than a first purchase gave; our default."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate spans with units in every field that holds a span."""
        return cast("CoreSchema", _with_units(handler(source)))

    @model_validator(mode="after")
    def _opens_first(self) -> Self:
        if self.opens_at.tzinfo or self.closes_at.tzinfo:
            raise ValueError("opens_at and closes_at must not have a time zone; they are times of the shop's clock")
        if self.closes_at < self.opens_at:
            msg = "closes_at is before opens_at; give hours of one day, or the same time twice to never close"
            raise ValueError(msg)
        return self


P = TypeVar("P", bound=Policy)


def check_is_policy(value: P) -> P:
    """Return an argument that must be a policy.

    Raises:
        ArgumentError: The argument is not a policy.
    """
    instance(value, Policy, "policy", "a Policy")
    return value
