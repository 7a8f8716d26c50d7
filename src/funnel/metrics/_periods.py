"""Calendar periods by the shop's clock: their edges, computed once in Python so that every engine cuts them alike.

Law: a day begins at its first midnight by the clock of the zone, or where the clock skips that midnight, at the first
instant after it; a week, month, quarter or year begins with its first day. So every instant lies in one period, and
later instants in no earlier one. A day may last 23 or 25 hours; one that the clock skips altogether has no instant.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import Literal, TypeAlias, cast, get_args
from zoneinfo import ZoneInfo

import attrs
import narwhals as nw

from funnel._given import one_of, zone_of
from funnel._instants import EPOCH, instant, start_of_day
from funnel.errors import ArgumentError

Period: TypeAlias = Literal["day", "week", "month", "quarter", "year"]
"""A calendar period."""

Weekday: TypeAlias = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
"""The day with which a week begins."""

DAY = 86_400_000_000
_PERIODS: tuple[str, ...] = get_args(Period)
_WEEKDAYS: tuple[str, ...] = get_args(Weekday)
_EPOCH_DAY = EPOCH.toordinal()
_EPOCH_WEEKDAY = 3  # 1 January 1970 was a Thursday
_LENGTHS: Mapping[Period, int] = {"day": DAY, "week": 7 * DAY}
"""How long periods are that are all of one length, but for days of 23 and 25 hours."""

_WRITTEN: Mapping[Period, str] = {
    "day": "%Y-%m-%d",
    "week": "%Y-%m-%d",
    "month": "%Y-%m",
    "quarter": "%Y-%m",
    "year": "%Y",
}


@attrs.frozen
class Calendar:
    """How time is cut: into which periods, by whose clock.

    A period has a number: days count from 1 January 1970, months from the year 0, and so on.

    Attributes:
        period: The kind of period.
        zone: Whose clock.
        week_start: The day with which a week begins, counted from Monday as 0; 0 where periods are not weeks.
    """

    period: Period
    zone: ZoneInfo
    week_start: int = 0

    @classmethod
    def of(cls, period: Period, tz: str, week_start: Weekday | None = None) -> Calendar:
        """The calendar of a zone.

        Args:
            period: The kind of period.
            tz: The zone, such as "Asia/Jakarta".
            week_start: The day with which a week begins; only a week has one, and it must be named.

        Raises:
            ArgumentError: The zone, the period or the weekday is unknown, or the weekday does not belong there.
        """
        zone = zone_of(tz)
        one_of(period, _PERIODS, "period")
        if period != "week":
            if week_start is None:
                return cls(period, zone)
            msg = f"week_start is given for a {period}; only period 'week' has one"
            raise ArgumentError(msg)
        one_of(week_start, _WEEKDAYS, "week_start")
        return cls(period, zone, _WEEKDAYS.index(cast("str", week_start)))

    def number_of(self, day: date) -> int:
        """The number of the period that holds a day."""
        months = day.year * 12 + day.month - 1
        match self.period:
            case "day":
                return day.toordinal() - _EPOCH_DAY
            case "week":
                return (day.toordinal() - _EPOCH_DAY + _EPOCH_WEEKDAY - self.week_start) // 7
            case "month":
                return months
            case "quarter":
                return months // 3
            case _:
                return day.year

    def first_day(self, number: int) -> date:
        """The first day of a period."""
        match self.period:
            case "day":
                return date.fromordinal(number + _EPOCH_DAY)
            case "week":
                return date.fromordinal(number * 7 + _EPOCH_DAY - _EPOCH_WEEKDAY + self.week_start)
            case "month":
                return date(number // 12, number % 12 + 1, 1)
            case "quarter":
                return date(number // 4, number % 4 * 3 + 1, 1)
            case _:
                return date(number, 1, 1)

    def edge(self, number: int) -> int:
        """Where a period begins, in microseconds."""
        return start_of_day(self.first_day(number), self.zone)

    def number_at(self, moment: int) -> int:
        """The number of the period in which an instant lies, in microseconds.

        It is the clock's own, unless the period's first midnight came, was turned back, and came again.
        """
        near = self.number_of(instant(moment).astimezone(self.zone).date())
        return near - 1 + bisect_right([self.edge(near), self.edge(near + 1)], moment)


def written(day: date, period: Period) -> str:
    """The first day of a period, as precisely as the period needs."""
    return f"{day:{_WRITTEN[period]}}"


@attrs.frozen
class Periods:
    """Periods in a row, from the one that holds an instant to the one that holds a later one; each has a place from 0.

    Attributes:
        calendar: How time is cut.
        first: The number of the first period.
        last: The number of the last one.
    """

    calendar: Calendar
    first: int
    last: int

    @classmethod
    def between(cls, start: int, end: int, calendar: Calendar) -> Periods:
        """The periods that hold two instants, in microseconds, and those between."""
        return cls(calendar, calendar.number_at(start), calendar.number_at(end))

    def __len__(self) -> int:
        """How many periods."""
        return self.last - self.first + 1

    def day(self, place: int) -> date:
        """The first day of the period at a place."""
        return self.calendar.first_day(self.first + place)

    @cached_property
    def edges(self) -> Sequence[int]:
        """Where each period begins, in microseconds, and where the last one ends; never one before another."""
        return [self.calendar.edge(number) for number in range(self.first, self.last + 2)]

    def place(self, moment: int) -> int:
        """The place of the period in which an instant lies, which must lie in these periods."""
        return bisect_right(self.edges, moment) - 1

    def is_over(self, place: int, now: int) -> bool:
        """Whether a period is over as of an instant: what happens at the instant itself has happened."""
        return now + 1 >= self.edges[place + 1]

    def place_column(self, name: str) -> nw.Expr:
        """The place of the period in which the instants of a column lie, which must lie in these periods.

        Months and longer periods are told apart by their edges. Days and weeks, of which there may be thousands, are
        counted by arithmetic from a start that holds until the next one of odd length; so the expression grows with the
        changes of the zone's clock alone. There is one division, for some engines write out its operands many times,
        and its result is small, for some divide as floats.
        """
        length = _LENGTHS.get(self.calendar.period)
        if length is None:
            return stepped(name, list(enumerate(self.edges)))
        return (nw.col(name) - stepped(name, self._starts(length))) // length - self.first

    def _starts(self, length: int) -> Sequence[tuple[int, int]]:
        """The starts that periods of one length are counted from, each with the instant from which it holds."""
        starts = [(self.edges[0] - self.first * length, self.edges[0])]
        for number, (edge, following) in enumerate(pairwise(self.edges), start=self.first):
            if following - edge != length:
                starts.append((following - (number + 1) * length, min(edge + length, following)))
        return starts


def stepped(name: str, steps: Sequence[tuple[int, int]]) -> nw.Expr:
    """The value of the last step whose edge is no later than the instants of a column, each step a value and its edge.

    They are halved until one is left, so that nothing nests deeply.
    """
    if len(steps) == 1:
        return nw.lit(steps[0][0], nw.Int64())
    half = len(steps) // 2
    before = nw.col(name) < steps[half][1]
    return nw.when(before).then(stepped(name, steps[:half])).otherwise(stepped(name, steps[half:]))
