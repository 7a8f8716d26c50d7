"""Event calendar: named days on which people have money, recurring by a rule or listed.

Paydays, holiday money, the school year, a harvest: any event that changes when people can buy. An event with a rule
is computed from the rule. An event without a rule, such as Lebaran, is listed year by year.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Annotated

from dateutil.relativedelta import relativedelta
from dateutil.rrule import rrule, rrulestr
from pydantic import AfterValidator, BeforeValidator, Field

from funnel._arguments import brief, day_of, did_you_mean, is_one_of
from funnel._fields import Frozen
from funnel.errors import ArgumentError, InstantError

_YEARS_AHEAD = 30
_HOW_OFTEN = ("YEARLY", "MONTHLY", "WEEKLY")
_WHICH_DAY = frozenset({"BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYEASTER"})
_ALLOWED = _WHICH_DAY | {"FREQ", "BYMONTH", "BYSETPOS", "BYWEEKNO"}


def _day(value: object) -> date:
    if isinstance(value, str):
        return _read_day(value)
    if isinstance(value, datetime) or not isinstance(value, date):
        raise InstantError(f"a day must be a date, or text such as 2026-03-20 (got {type(value).__name__})")
    return value


def _read_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InstantError("a day is text that is not ISO 8601; write it like 2026-03-20") from None


Day = Annotated[date, BeforeValidator(_day)]
"""Day of the calendar, without time or zone."""


def _recurring(text: str) -> str:
    """Check that a rule determines its days by itself, independent of the start day."""
    parts = {name: value for name, _, value in (part.partition("=") for part in text.upper().split(";"))}
    if parts.keys() - _ALLOWED or parts.get("FREQ") not in _HOW_OFTEN or not parts.keys() & _WHICH_DAY:
        raise ValueError(
            f"a rule must have FREQ ({', '.join(_HOW_OFTEN)}) and at least one of {', '.join(sorted(_WHICH_DAY))}, "
            f"such as FREQ=MONTHLY;BYMONTHDAY=25; the allowed parts are {', '.join(sorted(_ALLOWED))}"
        )
    try:
        _rule(text, datetime(2000, 1, 1))  # noqa: DTZ001 - a day of the calendar has no zone
    except (ValueError, TypeError):
        raise ValueError("a rule does not follow RFC 5545; write it like FREQ=MONTHLY;BYMONTHDAY=25") from None
    return text


def _rule(text: str, start: datetime) -> rrule:
    parsed = rrulestr(text, dtstart=start)
    assert isinstance(parsed, rrule)
    return parsed.replace(until=start + relativedelta(years=_YEARS_AHEAD))


class EventCalendar(Frozen, frozen=True):
    """Days on which the people of this shop have money, by event name.

    Example:
        >>> shop = EventCalendar(
        ...     events={
        ...         "payday": "FREQ=MONTHLY;BYMONTHDAY=25",
        ...         "school year": "FREQ=YEARLY;BYMONTH=7;BYDAY=2MO",
        ...         "lebaran": ["2026-03-20", "2027-03-10"],
        ...     }
        ... )
        >>> shop.next_day("school year", after=date(2026, 3, 1)).isoformat()
        '2026-07-13'
    """

    events: Mapping[str, Annotated[str, AfterValidator(_recurring)] | tuple[Day, ...]] = Field(min_length=1)
    """By event name: a rule of RFC 5545 that determines its days, or the days themselves."""

    def next_day(self, event: str, *, after: date) -> date:
        """Return the first day of an event after a given day.

        Args:
            event: Name of the event.
            after: Day before the event; exclusive.

        Raises:
            ArgumentError: The calendar does not have the event, or no day of it after `after`.
        """
        if not is_one_of(event, self.events):
            hint = did_you_mean(event, self.events) or f"; it has {', '.join(map(repr, self.events))}"
            raise ArgumentError(f"the calendar has no event {brief(event)}{hint}")
        day = self._after(event, day_of(after, "after"))
        if day is None:
            raise ArgumentError(f"the calendar has no day of {event!r} after {after.isoformat()}; add the next day")
        return day

    def _after(self, event: str, after: date) -> date | None:
        days = self.events[event]
        if isinstance(days, tuple):
            return min((day for day in days if day > after), default=None)
        start = datetime(after.year, after.month, after.day) + timedelta(days=1)  # noqa: DTZ001 - a day has no zone
        day = _rule(days, start).after(start, inc=True)
        return None if day is None else day.date()
