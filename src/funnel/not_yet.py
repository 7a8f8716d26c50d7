"""The shop's words for "not yet", turned into instants when they are said, in the shop's zone.

Laws: `said_at <= earliest <= latest`; a day begins at 00:00 of the shop's clock or, where the clock skips that, with
the first time it shows. Rules never see the words, only the instants.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Literal, Self, TypeAlias, cast
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from pydantic import Field, model_validator

from funnel._calendar import Calendar, Day
from funnel._fields import Frozen, Instant, Label
from funnel._given import instance, judgement, zone_of
from funnel._instants import instant, start_of_day
from funnel.errors import ArgumentError, RecordError
from funnel.interactions import Postponed, PostponeReason
from funnel.records import not_before


class Until(Frozen, frozen=True):
    """They named an instant: not before that.

    Example:
        >>> Until(at="2026-03-25T09:00+07:00").at.isoformat()
        '2026-03-25T02:00:00+00:00'
    """

    words: Literal["until"] = "until"
    """Which words they are."""
    at: Instant
    """The instant."""


class Between(Frozen, frozen=True):
    """They named two instants: some time between them.

    Example:
        >>> Between(earliest="2026-03-25T00:00Z", latest="2026-03-31T00:00Z").words
        'between'
    """

    words: Literal["between"] = "between"
    """Which words they are."""
    earliest: Instant
    """When it may be, at the earliest."""
    latest: Instant
    """When it may be, at the latest."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        not_before(self, "earliest", "latest")
        return self


class AfterPayday(Frozen, frozen=True):
    """They are waiting for payday: the first after the day it was said; in a short month, its last day.

    Example:
        >>> AfterPayday().day
        25
    """

    words: Literal["after_payday"] = "after_payday"
    """Which words they are."""
    day: int = Field(default=25, ge=1, le=31, strict=True)
    """The day of the month on which they are paid."""


class InWeeks(Frozen, frozen=True):
    """They named a number of weeks.

    Example:
        >>> InWeeks(n=2).n
        2
    """

    words: Literal["in_weeks"] = "in_weeks"
    """Which words they are."""
    n: int = Field(ge=1, le=520, strict=True)
    """How many weeks."""


class InMonths(Frozen, frozen=True):
    """They named a number of months: the same day of that month, or its last where it is shorter.

    Example:
        >>> InMonths(n=3).n
        3
    """

    words: Literal["in_months"] = "in_months"
    """Which words they are."""
    n: int = Field(ge=1, le=120, strict=True)
    """How many months."""


class AfterHoliday(Frozen, frozen=True):
    """They named a holiday: so many days after a holiday whose date is known, as that of Lebaran is each year.

    Example:
        >>> AfterHoliday(on="2026-03-20").days
        1
    """

    words: Literal["after_holiday"] = "after_holiday"
    """Which words they are."""
    on: Day
    """The day of the holiday."""
    days: int = Field(default=1, ge=1, le=366, strict=True)
    """How many days after it."""


class AfterEvent(Frozen, frozen=True):
    """They named an event of the shop's calendar: so many days after the next one, or before it.

    Example:
        >>> AfterEvent(event="lebaran", days=-7).event
        'lebaran'
    """

    words: Literal["after_event"] = "after_event"
    """Which words they are."""
    event: Label
    """The event, as the calendar has it."""
    days: int = Field(default=0, ge=-366, le=366, strict=True)
    """How many days after it; below zero before it, as holiday money is paid before the holiday."""


class AfterInstalments(Frozen, frozen=True):
    """They are paying for another thing: so many more instalments; in a short month, on its last day.

    Example:
        >>> AfterInstalments(n=3, day=5).n
        3
    """

    words: Literal["after_instalments"] = "after_instalments"
    """Which words they are."""
    n: int = Field(ge=1, le=120, strict=True)
    """How many more."""
    day: int = Field(ge=1, le=31, strict=True)
    """The day of the month on which they pay."""


NotYet: TypeAlias = Annotated[
    Until | Between | AfterPayday | InWeeks | InMonths | AfterHoliday | AfterEvent | AfterInstalments,
    Field(discriminator="words"),
]
"""The words of a "not yet", told apart by `words`."""

_WORDS = (Until, Between, AfterPayday, InWeeks, InMonths, AfterHoliday, AfterEvent, AfterInstalments)


def resolve(
    not_yet: NotYet, *, said_at: datetime, tz: str | ZoneInfo, calendar: Calendar | None = None
) -> tuple[datetime, datetime]:
    """Turn the words of a "not yet" into the time when it ends.

    Args:
        not_yet: The words.
        said_at: When they were said.
        tz: The shop's zone, whose calendar the words mean.
        calendar: The shop's calendar of ability, for words that name an event of it.

    Returns:
        The earliest and the latest instant, in UTC: the same for an instant; the beginning and the end of the day (the
        beginning of the next) for words that name a day.

    Raises:
        InstantError: The time has no zone.
        ArgumentError: The zone is unknown, or the words name an event that the calendar does not have.
        RecordError: The words name a time that was over when they were said.

    Example:
        >>> from datetime import UTC
        >>> said = datetime(2026, 3, 1, 2, tzinfo=UTC)
        >>> [moment.isoformat() for moment in resolve(AfterPayday(), said_at=said, tz="Asia/Jakarta")]
        ['2026-03-24T17:00:00+00:00', '2026-03-25T17:00:00+00:00']
    """
    _checked(not_yet, calendar)
    said = instant(judgement(said_at, "said_at"))
    earliest, latest = _span(not_yet, said, zone_of(tz), calendar)
    if earliest < said:
        msg = f"the words {not_yet.words!r} name a time that was over when they were said; name one to come"
        raise RecordError(msg)
    return earliest, latest


def _checked(not_yet: object, calendar: object) -> None:
    instance(not_yet, _WORDS, "not_yet", 'words of a "not yet", such as InWeeks(n=2)')
    if calendar is not None:
        instance(calendar, Calendar, "calendar", "a Calendar or None")


def _span(not_yet: NotYet, said: datetime, tz: ZoneInfo, calendar: Calendar | None) -> tuple[datetime, datetime]:
    if isinstance(not_yet, Until):
        return not_yet.at, not_yet.at
    if isinstance(not_yet, Between):
        return not_yet.earliest, not_yet.latest
    said_on = said.astimezone(tz).date()
    day = _of_calendar(not_yet, said_on, calendar) if isinstance(not_yet, AfterEvent) else _named_day(not_yet, said_on)
    return _begin(day, tz), _begin(day + timedelta(days=1), tz)


def _of_calendar(not_yet: AfterEvent, said_on: date, calendar: Calendar | None) -> date:
    if calendar is None:
        msg = f"the words name {not_yet.event!r}, an event, and there is no calendar; give calendar=..."
        raise ArgumentError(msg)
    later = timedelta(days=not_yet.days)
    return calendar.next_day(not_yet.event, after=said_on - later) + later


def _named_day(not_yet: AfterPayday | InWeeks | InMonths | AfterHoliday | AfterInstalments, said_on: date) -> date:
    if isinstance(not_yet, InWeeks):
        return said_on + relativedelta(weeks=not_yet.n)
    if isinstance(not_yet, InMonths):
        return said_on + relativedelta(months=not_yet.n)
    if isinstance(not_yet, AfterHoliday):
        return not_yet.on + relativedelta(days=not_yet.days)
    more = not_yet.n - 1 if isinstance(not_yet, AfterInstalments) else 0
    payday = said_on + relativedelta(day=not_yet.day)
    return said_on + relativedelta(months=more if payday > said_on else more + 1, day=not_yet.day)


def _begin(day: date, tz: ZoneInfo) -> datetime:
    return instant(start_of_day(day, tz))


def postponed(  # noqa: PLR0913 - the fields of the record it makes
    not_yet: NotYet,
    *,
    id: str,  # noqa: A002 - one name everywhere
    person_id: str,
    occurred_at: datetime,
    tz: str | ZoneInfo,
    reason: PostponeReason | str = PostponeReason.OTHER,
    source: str = "shop",
    channel: str = "",
    words: str = "",
    calendar: Calendar | None = None,
) -> Postponed:
    """Record a "not yet" that was said in words.

    Args:
        not_yet: The words, such as `AfterPayday()` or `InMonths(n=3)`.
        id: The number in its source.
        person_id: Who said it.
        occurred_at: When they said it.
        tz: The shop's zone.
        reason: Why not yet.
        source: The system that the record came from.
        channel: By which way: whatsapp, phone, counter.
        words: What they said, freely; it is never shown.
        calendar: The shop's calendar of ability, for words that name an event of it.

    Returns:
        The interaction, whose `until` is the earliest instant, and `latest` the latest, None if it is the same.

    Raises:
        InstantError: The time has no zone.
        ArgumentError: The zone is unknown, or the words name an event that the calendar does not have.
        RecordError: The words name a time that was over when they were said.
        FieldsError: A field is not allowed.

    Example:
        >>> said = datetime(2026, 1, 31, 2, tzinfo=UTC)
        >>> postponed(InMonths(n=1), id="n1", person_id="p1", occurred_at=said, tz="Asia/Jakarta").until.isoformat()
        '2026-02-27T17:00:00+00:00'
    """
    until, latest = resolve(not_yet, said_at=occurred_at, tz=tz, calendar=calendar)
    return Postponed(
        id=id,
        source=source,
        person_id=person_id,
        occurred_at=occurred_at,
        channel=channel,
        reason=cast("PostponeReason", reason),
        until=until,
        latest=None if latest == until else latest,
        words=words,
    )
