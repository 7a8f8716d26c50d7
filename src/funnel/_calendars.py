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


def _day(given: object) -> date:
    if isinstance(given, str):
        return _read_day(given)
    if isinstance(given, datetime) or not isinstance(given, date):
        msg = f"a day is given as {type(given).__name__}; give a date, or text such as 2026-03-20"
        raise InstantError(msg)
    return given


def _read_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InstantError("a day is given as text that is not ISO 8601; write it as 2026-03-20") from None


Day = Annotated[date, BeforeValidator(_day)]
"""Day of the calendar, without time or zone."""


def _recurring(text: str) -> str:
    """Check that a rule determines its days by itself, independent of the start day."""
    parts = {name: told for name, _, told in (part.partition("=") for part in text.upper().split(";"))}
    if parts.keys() - _ALLOWED or parts.get("FREQ") not in _HOW_OFTEN or not parts.keys() & _WHICH_DAY:
        msg = (
            f"a rule says FREQ ({', '.join(_HOW_OFTEN)}) and which days ({', '.join(sorted(_WHICH_DAY))}), "
            f"such as FREQ=MONTHLY;BYMONTHDAY=25, and nothing but {', '.join(sorted(_ALLOWED))}"
        )
        raise ValueError(msg)
    try:
        _rule(text, datetime(2000, 1, 1))  # noqa: DTZ001 - a day of the calendar has no zone
    except (ValueError, TypeError):
        msg = "a rule is not one of RFC 5545; write it as FREQ=MONTHLY;BYMONTHDAY=25"
        raise ValueError(msg) from None
    return text


def _rule(text: str, start: datetime) -> rrule:
    made = rrulestr(text, dtstart=start)
    assert isinstance(made, rrule)
    return made.replace(until=start + relativedelta(years=_YEARS_AHEAD))


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
            ArgumentError: The calendar has no such event, or no day of the event after `after`.
        """
        if not is_one_of(event, self.events):
            hint = did_you_mean(event, self.events) or f"; it has {', '.join(map(repr, self.events))}"
            msg = f"the calendar has no event {brief(event)}{hint}"
            raise ArgumentError(msg)
        found = self._after(event, day_of(after, "after"))
        if found is None:
            msg = f"the calendar has no {event!r} after {after.isoformat()}; add the next one"
            raise ArgumentError(msg)
        return found

    def _after(self, event: str, after: date) -> date | None:
        days = self.events[event]
        if isinstance(days, tuple):
            return min((day for day in days if day > after), default=None)
        start = datetime(after.year, after.month, after.day) + timedelta(days=1)  # noqa: DTZ001 - a day has no zone
        found = _rule(days, start).after(start, inc=True)
        return None if found is None else found.date()
