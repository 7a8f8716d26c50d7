"""Postponements: phrases such as "after payday", converted into instants in the shop's zone.

Invariants: `occurred_at <= earliest <= latest`. A day begins at 00:00 in the shop's zone, or at the first existing
time if the clock skips 00:00. Rules see only the instants, never the phrases.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Literal, Self, TypeAlias, cast
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from pydantic import Field, model_validator

from funnel._arguments import instance, parse_as_of, parse_zone
from funnel._calendars import Day, EventCalendar
from funnel._fields import Frozen, Instant, Label
from funnel._time import instant, not_before, start_of_day
from funnel.errors import ArgumentError, RecordError
from funnel.interactions import Postponement, PostponementReason

__all__ = [
    "AfterEvent",
    "AfterHoliday",
    "AfterInstalments",
    "AfterPayday",
    "Between",
    "EventCalendar",
    "InMonths",
    "InWeeks",
    "PostponedUntil",
    "Until",
    "postpone",
    "resolve",
]


class Until(Frozen, frozen=True):
    """A named instant: not before it.

    Example:
        >>> Until(at="2026-03-25T09:00+07:00").at.isoformat()
        '2026-03-25T02:00:00+00:00'
    """

    kind: Literal["until"] = "until"
    """Kind of the phrase."""
    at: Instant
    """Named instant."""


class Between(Frozen, frozen=True):
    """Two named instants: some time between them.

    Example:
        >>> Between(earliest="2026-03-25T00:00Z", latest="2026-03-31T00:00Z").kind
        'between'
    """

    kind: Literal["between"] = "between"
    """Kind of the phrase."""
    earliest: Instant
    """Earliest instant."""
    latest: Instant
    """Latest instant."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        not_before(self, "earliest", "latest")
        return self


class AfterPayday(Frozen, frozen=True):
    """The next payday after the day of the conversation; in a short month, its last day.

    Example:
        >>> AfterPayday().day
        25
    """

    kind: Literal["after_payday"] = "after_payday"
    """Kind of the phrase."""
    day: int = Field(default=25, ge=1, le=31, strict=True)
    """Day of the month on which the person is paid."""


class InWeeks(Frozen, frozen=True):
    """A number of weeks.

    Example:
        >>> InWeeks(n=2).n
        2
    """

    kind: Literal["in_weeks"] = "in_weeks"
    """Kind of the phrase."""
    n: int = Field(ge=1, le=520, strict=True)
    """Number of weeks."""


class InMonths(Frozen, frozen=True):
    """A number of months: the same day of that month, or its last day if the month is shorter.

    Example:
        >>> InMonths(n=3).n
        3
    """

    kind: Literal["in_months"] = "in_months"
    """Kind of the phrase."""
    n: int = Field(ge=1, le=120, strict=True)
    """Number of months."""


class AfterHoliday(Frozen, frozen=True):
    """A number of days after a holiday with a known date, such as this year's Lebaran.

    Example:
        >>> AfterHoliday(on="2026-03-20").days
        1
    """

    kind: Literal["after_holiday"] = "after_holiday"
    """Kind of the phrase."""
    on: Day
    """Day of the holiday."""
    days: int = Field(default=1, ge=1, le=366, strict=True)
    """Number of days after the holiday."""


class AfterEvent(Frozen, frozen=True):
    """A number of days after or before the next event of the shop's calendar.

    Example:
        >>> AfterEvent(event="lebaran", days=-7).event
        'lebaran'
    """

    kind: Literal["after_event"] = "after_event"
    """Kind of the phrase."""
    event: Label
    """Name of the event in the calendar."""
    days: int = Field(default=0, ge=-366, le=366, strict=True)
    """Days after the event; negative is before it: holiday money, for example, is paid before the holiday."""


class AfterInstalments(Frozen, frozen=True):
    """A number of instalments still to pay for another product; in a short month, paid on its last day.

    Example:
        >>> AfterInstalments(n=3, day=5).n
        3
    """

    kind: Literal["after_instalments"] = "after_instalments"
    """Kind of the phrase."""
    n: int = Field(ge=1, le=120, strict=True)
    """Number of instalments still to pay."""
    day: int = Field(ge=1, le=31, strict=True)
    """Day of the month on which the person pays."""


PostponedUntil: TypeAlias = Annotated[
    Until | Between | AfterPayday | InWeeks | InMonths | AfterHoliday | AfterEvent | AfterInstalments,
    Field(discriminator="kind"),
]
"""Phrase of a postponement, discriminated by `kind`."""

_PHRASES = (Until, Between, AfterPayday, InWeeks, InMonths, AfterHoliday, AfterEvent, AfterInstalments)


def resolve(
    phrase: PostponedUntil, *, occurred_at: datetime, tz: str | ZoneInfo, calendar: EventCalendar | None = None
) -> tuple[datetime, datetime]:
    """Convert the phrase of a postponement into its earliest and latest instant.

    Args:
        phrase: Phrase of the postponement.
        occurred_at: Instant of the conversation.
        tz: Time zone of the shop; the phrase is read in its calendar.
        calendar: The shop's event calendar, for phrases that name an event.

    Returns:
        Earliest and latest instant, in UTC. Both are the same if the phrase names an instant. If it names a day, they
        are the start of the day and the start of the next day.

    Raises:
        InstantError: `occurred_at` has no time zone.
        ArgumentError: The zone is unknown, or the calendar does not have the named event.
        RecordError: The phrase names a time before `occurred_at`.

    Example:
        >>> from datetime import UTC
        >>> said = datetime(2026, 3, 1, 2, tzinfo=UTC)
        >>> [moment.isoformat() for moment in resolve(AfterPayday(), occurred_at=said, tz="Asia/Jakarta")]
        ['2026-03-24T17:00:00+00:00', '2026-03-25T17:00:00+00:00']
    """
    _checked(phrase, calendar)
    moment = instant(parse_as_of(occurred_at, "occurred_at"))
    zone = parse_zone(tz)
    earliest, latest = _span(phrase, moment, zone, calendar)
    if earliest < moment and earliest.astimezone(zone).date() > moment.astimezone(zone).date():
        return moment, latest  # a clock that was set back over midnight: the named day began, and will begin again
    if earliest < moment:
        raise RecordError(f"the phrase {phrase.kind!r} names a time before the conversation; give a later time")
    return earliest, latest


def _checked(phrase: object, calendar: object) -> None:
    instance(phrase, _PHRASES, "phrase", "a phrase, such as InWeeks(n=2)")
    if calendar is not None:
        instance(calendar, EventCalendar, "calendar", "an EventCalendar or None")


def _span(
    phrase: PostponedUntil, moment: datetime, tz: ZoneInfo, calendar: EventCalendar | None
) -> tuple[datetime, datetime]:
    if isinstance(phrase, Until):
        return phrase.at, phrase.at
    if isinstance(phrase, Between):
        return phrase.earliest, phrase.latest
    said_on = moment.astimezone(tz).date()
    day = _of_calendar(phrase, said_on, calendar) if isinstance(phrase, AfterEvent) else _named_day(phrase, said_on)
    return _begin(day, tz), _begin(day + timedelta(days=1), tz)


def _of_calendar(phrase: AfterEvent, said_on: date, calendar: EventCalendar | None) -> date:
    if calendar is None:
        raise ArgumentError(f"the phrase names the event {phrase.event!r}, which needs a calendar; pass calendar=...")
    later = timedelta(days=phrase.days)
    return calendar.next_day(phrase.event, after=said_on - later) + later


def _named_day(phrase: AfterPayday | InWeeks | InMonths | AfterHoliday | AfterInstalments, said_on: date) -> date:
    if isinstance(phrase, InWeeks):
        return said_on + relativedelta(weeks=phrase.n)
    if isinstance(phrase, InMonths):
        return said_on + relativedelta(months=phrase.n)
    if isinstance(phrase, AfterHoliday):
        return phrase.on + relativedelta(days=phrase.days)
    more = phrase.n - 1 if isinstance(phrase, AfterInstalments) else 0
    payday = said_on + relativedelta(day=phrase.day)
    return said_on + relativedelta(months=more if payday > said_on else more + 1, day=phrase.day)


def _begin(day: date, tz: ZoneInfo) -> datetime:
    return instant(start_of_day(day, tz))


def postpone(  # noqa: PLR0913 - the fields of the record it makes
    phrase: PostponedUntil,
    *,
    id: str,  # noqa: A002 - one name everywhere
    person_id: str,
    occurred_at: datetime,
    tz: str | ZoneInfo,
    reason: PostponementReason | str = PostponementReason.OTHER,
    source: str = "shop",
    channel: str = "",
    text: str = "",
    calendar: EventCalendar | None = None,
) -> Postponement:
    """Return a postponement record from a phrase.

    Args:
        phrase: Phrase, such as `AfterPayday()` or `InMonths(n=3)`.
        id: Number of the record in its source.
        person_id: Id of the person.
        occurred_at: Instant of the conversation.
        tz: Time zone of the shop.
        reason: Reason of the postponement.
        source: System that the record came from.
        channel: Channel, such as whatsapp, phone or counter.
        text: Free text of the person; never shown.
        calendar: The shop's event calendar, for phrases that name an event.

    Returns:
        The interaction. `until` is the earliest instant; `latest` is the latest instant, or None if it is the same.

    Raises:
        InstantError: `occurred_at` has no time zone.
        ArgumentError: The zone is unknown, or the calendar does not have the named event.
        RecordError: The phrase names a time before `occurred_at`.
        FieldsError: A field is invalid.

    Example:
        >>> said = datetime(2026, 1, 31, 2, tzinfo=UTC)
        >>> postpone(InMonths(n=1), id="n1", person_id="p1", occurred_at=said, tz="Asia/Jakarta").until.isoformat()
        '2026-02-27T17:00:00+00:00'
    """
    until, latest = resolve(phrase, occurred_at=occurred_at, tz=tz, calendar=calendar)
    return Postponement(
        id=id,
        source=source,
        person_id=person_id,
        occurred_at=occurred_at,
        channel=channel,
        reason=cast("PostponementReason", reason),
        until=until,
        latest=None if latest == until else latest,
        text=text,
    )
