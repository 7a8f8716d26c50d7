"""Calendar periods in the shop's time zone.

Edges are computed once in Python, so that every engine cuts alike.

Invariants: a day begins at its first midnight in the zone. If the clock skips that midnight, the day begins at the
first instant after it. A week, month, quarter or year begins with its first day. Every instant lies in exactly one
period, and a later instant never lies in an earlier period. A day may last 23 or 25 hours. A day that the clock skips
altogether contains no instant.
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

from funnel._arguments import check_choice, parse_zone
from funnel._expr.to_narwhals import stepped
from funnel._time import EPOCH, instant, start_of_day
from funnel.errors import ArgumentError

Period: TypeAlias = Literal["day", "week", "month", "quarter", "year"]
"""A calendar period."""

Weekday: TypeAlias = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
"""The first day of a week."""

DAY = 86_400_000_000
_PERIODS: tuple[str, ...] = get_args(Period)
_WEEKDAYS: tuple[str, ...] = get_args(Weekday)
_EPOCH_DAY = EPOCH.toordinal()
_EPOCH_WEEKDAY = 3  # 1 January 1970 was a Thursday
_LENGTHS: Mapping[Period, int] = {"day": DAY, "week": 7 * DAY}
"""The lengths of periods that are all of one length, except for days of 23 and 25 hours."""

_FORMATS: Mapping[Period, str] = {
    "day": "%Y-%m-%d",
    "week": "%Y-%m-%d",
    "month": "%Y-%m",
    "quarter": "%Y-%m",
    "year": "%Y",
}


@attrs.frozen
class Calendar:
    """The calendar: the kind of period and the time zone.

    Each period has a number: days count from 1 January 1970, months from the year 0, and so on.

    Attributes:
        period: The kind of period.
        zone: The time zone.
        week_start: The first day of a week, counted from Monday as 0; 0 if periods are not weeks.
    """

    period: Period
    zone: ZoneInfo
    week_start: int = 0

    @property
    def tz(self) -> str:
        """The name of the time zone."""
        return self.zone.key or ""

    @classmethod
    def of(cls, period: Period, tz: str, week_start: Weekday | None = None) -> Calendar:
        """Return the calendar of a zone.

        Args:
            period: The kind of period.
            tz: The time zone, such as "Asia/Jakarta".
            week_start: The first day of a week; required for weeks and invalid otherwise.

        Raises:
            ArgumentError: The zone, the period or the weekday is unknown, or the weekday does not belong there.
        """
        zone = parse_zone(tz)
        check_choice(period, _PERIODS, "period")
        if period != "week":
            if week_start is None:
                return cls(period, zone)
            raise ArgumentError(f"week_start requires period='week' (got period={period!r}); omit week_start")
        check_choice(week_start, _WEEKDAYS, "week_start")
        return cls(period, zone, _WEEKDAYS.index(cast("str", week_start)))

    def number_of(self, day: date) -> int:
        """Return the number of the period that contains a day."""
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
        """Return the first day of a period."""
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
        """Return the start of a period, in microseconds."""
        return start_of_day(self.first_day(number), self.zone)

    def number_at(self, moment: int) -> int:
        """Return the number of the period that contains an instant, in microseconds.

        The local date decides, unless the clock went back over the first midnight of the period.
        """
        near = self.number_of(instant(moment).astimezone(self.zone).date())
        return near - 1 + bisect_right([self.edge(near), self.edge(near + 1)], moment)


def period_label(day: date, period: Period, *, is_partial: bool = False) -> str:
    """Return the first day of a period, as precisely as the period needs."""
    return f"{day:{_FORMATS[period]}}{'*' * is_partial}"


@attrs.frozen
class Periods:
    """Consecutive periods between two instants, with indexes from 0.

    Attributes:
        calendar: The kind of period and the time zone.
        first: The number of the first period.
        last: The number of the last period.
    """

    calendar: Calendar
    first: int
    last: int

    @classmethod
    def between(cls, start: int, end: int, calendar: Calendar) -> Periods:
        """Return the periods that contain two instants, in microseconds, and all periods between them."""
        return cls(calendar, calendar.number_at(start), calendar.number_at(end))

    def __len__(self) -> int:
        """Return the number of periods."""
        return self.last - self.first + 1

    def day(self, index: int) -> date:
        """Return the first day of the period at an index."""
        return self.calendar.first_day(self.first + index)

    @cached_property
    def edges(self) -> Sequence[int]:
        """The start of each period, in microseconds, followed by the end of the last one; never decreasing."""
        return [self.calendar.edge(number) for number in range(self.first, self.last + 2)]

    def index_of(self, moment: int) -> int:
        """Return the index of the period that contains an instant.

        The instant must lie in these periods.
        """
        return bisect_right(self.edges, moment) - 1

    def is_over(self, index: int, now: int) -> bool:
        """Return whether a period is over as of an instant.

        Events at the instant itself have happened.
        """
        return now + 1 >= self.edges[index + 1]

    def index_column(self, name: str) -> nw.Expr:
        """Return an expression: the index of the period that contains each instant of a column.

        The instants must lie in these periods. Months and longer periods are found by comparing edges. There may be
        thousands of days and weeks, so these are computed by arithmetic from a start that is valid until the next day
        of odd length. The expression therefore grows only with the clock changes of the zone. There is one division,
        because some engines write out its operands many times. Its result is small, because some engines divide as
        floats.
        """
        length = _LENGTHS.get(self.calendar.period)
        if length is None:
            return stepped(name, list(enumerate(self.edges)))
        return (nw.col(name) - stepped(name, self._starts(length))) // length - self.first

    def _starts(self, length: int) -> Sequence[tuple[int, int]]:
        """Return the starts of counting for periods of one length, with their instants."""
        starts = [(self.edges[0] - self.first * length, self.edges[0])]
        for number, (edge, following) in enumerate(pairwise(self.edges), start=self.first):
            if following - edge != length:
                starts.append((following - (number + 1) * length, min(edge + length, following)))
        return starts
