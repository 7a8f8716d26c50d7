from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

import narwhals as nw
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel._dataframes.adapter import from_native
from funnel._time import instant, micros
from funnel.errors import ArgumentError
from funnel.metrics._periods import Calendar, Period, Periods, Weekday, period_label
from tests.engines import ENGINES, HERE
from tests.metrics.bought import first_day
from tests.metrics.people import FEW

PLAIN = ["UTC", "Asia/Jakarta", "Asia/Jayapura", "Europe/London", "America/New_York", "Asia/Kathmandu"]
"""Zones in which no midnight from 2005 to 2013 was turned back or left out."""

ODD = ["America/St_Johns", "Asia/Amman", "Pacific/Apia", "America/Santiago", "America/Juneau", "America/Toronto"]
"""Zones in which some midnights came twice or not at all, and some days too."""

CALENDARS = st.sampled_from([(period, None) for period in get_args(Period) if period != "week"]) | st.sampled_from(
    [("week", start) for start in get_args(Weekday)]
)
MOMENTS = st.datetimes(datetime(2005, 1, 1), datetime(2013, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001
LONG_AGO = st.datetimes(datetime(1800, 1, 3), datetime(2199, 12, 28)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001


def cut(start: datetime, end: datetime, zone: str, period: Any = "month", week_start: Any = None) -> Periods:
    """The periods from one instant to another."""
    return Periods.between(micros(start), micros(end), Calendar.of(period, zone, week_start))


def indexes_of(periods: Periods, moments: list[int]) -> list[int]:
    """The places of instants, by the expression, on Polars."""
    frame = nw.from_native(pl.LazyFrame({"t": moments}, {"t": pl.Int64}))
    result = frame.select(index=periods.index_column("t")).collect().to_dict(as_series=False)["index"]
    return [int(index) for index in result]


@given(MOMENTS, MOMENTS, st.sampled_from(PLAIN), CALENDARS)
def test_an_instant_lies_in_the_period_that_the_clock_shows(
    one: datetime, other: datetime, zone: str, kind: tuple[str, str | None]
) -> None:
    """In zones whose clocks do not turn back at a first midnight, the period is that of the clock's day."""
    start, end = sorted([one, other])
    periods = cut(start, end, zone, *kind)

    assert indexes_of(periods, [micros(start), micros(end)]) == [0, len(periods) - 1]
    for moment, index in ((start, 0), (end, len(periods) - 1)):
        assert periods.index_of(micros(moment)) == index
        assert periods.day(index) == first_day(moment.astimezone(ZoneInfo(zone)).date(), *kind)


@FEW
@given(LONG_AGO, st.integers(0, 900), st.sampled_from(PLAIN + ODD), CALENDARS)
def test_the_expression_cuts_at_the_edges(start: datetime, days: int, zone: str, kind: tuple[str, str | None]) -> None:
    """At each edge and a microsecond before it, in any zone and century, the expression finds the same place."""
    periods = cut(start, start + timedelta(days=days), zone, *kind)
    moments = [edge + off for edge in periods.edges for off in (-1, 0, 1)][1:-2]

    assert indexes_of(periods, moments) == [periods.index_of(moment) for moment in moments]
    assert periods.index_of(moments[0]) == max(index for index, edge in enumerate(periods.edges) if edge <= moments[0])


@given(MOMENTS, st.integers(0, 400), st.sampled_from(PLAIN + ODD), CALENDARS)
def test_periods_follow_one_another(start: datetime, days: int, zone: str, kind: tuple[str, str | None]) -> None:
    """No edge is before another, the first is not after the start, the last is after the end, and it is not too far."""
    end = start + timedelta(days=days)
    periods = cut(start, end, zone, *kind)

    assert list(periods.edges) == sorted(periods.edges)
    assert len(set(periods.edges)) >= len(periods)
    assert periods.edges[0] <= micros(start) <= micros(end) < periods.edges[-1]
    assert len(periods) == 1 or periods.edges[1] <= micros(end)
    assert periods.calendar.number_at(micros(end)) == periods.last


@given(MOMENTS, st.integers(0, 400), st.sampled_from(PLAIN + ODD))
def test_weeks_and_months_are_made_of_days(start: datetime, days: int, zone: str) -> None:
    """An instant at which a longer period begins is one at which a day begins."""
    end = start + timedelta(days=days)
    daily = set(cut(start - timedelta(days=400), end + timedelta(days=400), zone, "day").edges)

    for kind in (("week", "sunday"), ("month", None), ("quarter", None), ("year", None)):
        assert set(cut(start, end, zone, *kind).edges) <= daily


@pytest.mark.parametrize("engine", HERE)
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Apia"])
def test_every_engine_cuts_alike(engine: str, zone: str) -> None:
    """At edges, and a microsecond to either side, years apart, every engine finds the places that the edges say."""
    start, end = datetime(2009, 6, 1, tzinfo=UTC), datetime(2014, 6, 1, tzinfo=UTC)
    for kind in (("day", None), ("week", "saturday"), ("month", None), ("quarter", None), ("year", None)):
        periods = cut(start, end, zone, *kind)
        edges = periods.edges[1:-1]
        moments = [edge + off for edge in edges for off in (-1, 0, 1)]
        (native,) = ENGINES[engine]({"t": pl.DataFrame({"t": moments})}).values()
        result = (
            from_native(native).frame.select("t", index=periods.index_column("t")).collect().to_dict(as_series=False)
        )
        indexes = dict(zip(map(int, result["t"]), map(int, result["index"]), strict=True))

        assert indexes == {moment: periods.index_of(moment) for moment in moments}


def edge(zone: str, index: int = 1, *, of: datetime, period: Period = "month") -> datetime:
    """Give where a period near an instant begins: place 0 its own, 1 the next."""
    return instant(cut(of, of, zone, period).edges[index])


@pytest.mark.parametrize(
    ("zone", "near", "begins"),
    [
        ("Asia/Jakarta", "2026-02-10T00:00+00:00", "2026-02-28T17:00+00:00"),
        ("Europe/London", "2026-03-31T12:00+00:00", "2026-03-31T23:00+00:00"),
        ("Asia/Amman", "2016-03-31T12:00+00:00", "2016-03-31T22:00+00:00"),
        ("America/St_Johns", "2009-10-31T12:00+00:00", "2009-11-01T02:30+00:00"),
        ("America/Santiago", "2026-08-31T12:00+00:00", "2026-09-01T04:00+00:00"),
        ("Pacific/Apia", "2011-12-31T20:00+00:00", "2012-01-31T10:00+00:00"),
    ],
    ids=["plain", "summer", "midnight skipped", "midnight twice", "south", "day skipped"],
)
def test_a_month_begins_at_its_first_midnight(zone: str, near: str, begins: str) -> None:
    """If the clock skips midnight it begins at the first instant after; if it shows it twice, at the first."""
    assert edge(zone, of=datetime.fromisoformat(near)) == datetime.fromisoformat(begins)


def test_a_midnight_inside_a_gap_is_the_end_of_the_gap() -> None:
    """In Toronto on 30 March 1919, half past eleven in the evening became half past midnight: so the day began."""
    begins = edge("America/Toronto", of=datetime(1919, 3, 30, 12, tzinfo=UTC), period="day")

    assert begins == datetime(1919, 3, 31, 4, 30, tzinfo=UTC)
    assert begins.astimezone(ZoneInfo("America/Toronto")).hour == 0


def test_days_last_as_long_as_the_clock_says() -> None:
    """In London a day of March lasts 23 hours and one of October 25; in Apia 30 December 2011 never came."""
    spring = cut(datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 3, 30, tzinfo=UTC), "Europe/London", "day")
    autumn = cut(datetime(2026, 10, 25, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC), "Europe/London", "day")
    skipped = cut(datetime(2011, 12, 29, 20, tzinfo=UTC), datetime(2011, 12, 31, 8, tzinfo=UTC), "Pacific/Apia", "day")
    hours = timedelta(hours=1) // timedelta(microseconds=1)

    assert [(b - a) // hours for a, b in zip(spring.edges, spring.edges[1:], strict=False)] == [24, 23, 24]
    assert [(b - a) // hours for a, b in zip(autumn.edges, autumn.edges[1:], strict=False)] == [25]
    assert [(b - a) // hours for a, b in zip(skipped.edges, skipped.edges[1:], strict=False)] == [24, 0, 24]
    assert [skipped.index_of(skipped.edges[1] + off) for off in (-1, 0)] == [0, 2]


def test_a_month_that_has_begun_does_not_end_when_the_clock_is_turned_back_over_its_midnight() -> None:
    """In Newfoundland, a minute into November 2009, it was 23:01 of October again: that is November all the same."""
    start = edge("America/St_Johns", of=datetime(2009, 10, 31, 12, tzinfo=UTC))
    later = start + timedelta(minutes=30)
    months = cut(later, later, "America/St_Johns")

    assert later.astimezone(ZoneInfo("America/St_Johns")).month == 10
    assert months.day(0) == date(2009, 11, 1)
    assert instant(months.edges[0]) == start


@pytest.mark.parametrize(("off", "over"), [(-2, False), (-1, True), (0, True)])
def test_a_period_is_over_at_its_last_instant(off: int, *, over: bool) -> None:
    """As of its last microsecond a period is over, for what happens at the evaluation time has happened."""
    days = cut(datetime(2026, 1, 5, 12, tzinfo=UTC), datetime(2026, 1, 6, 12, tzinfo=UTC), "UTC", "day")

    assert days.is_over(0, days.edges[1] + off) is over


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("month", "UTC", "monday"), "week_start requires period='week' (got period='month')"),
        (("week", "UTC"), "week_start must be 'monday' or 'tuesday'"),
        (("week", "UTC", "mandag"), "(got 'mandag'); did you mean 'monday'?"),
        (("weeks", "UTC"), "or 'year' (got 'weeks'); did you mean 'week'?"),
    ],
)
def test_what_cuts_no_calendar_is_refused(arguments: tuple[Any, ...], message: str) -> None:
    """An unknown period, a week without its start, and a start for another period are errors."""
    with pytest.raises(ArgumentError, match=re.escape(message)):
        Calendar.of(*arguments)


@pytest.mark.parametrize(
    ("period", "text"), [("day", "2026-02-09"), ("week", "2026-02-09"), ("month", "2026-02"), ("year", "2026")]
)
def test_a_period_is_written_as_precisely_as_it_needs(period: Any, text: str) -> None:
    """A day and a week by their first day, a month by month and year, a year by its number."""
    assert period_label(date(2026, 2, 9), period) == text
