from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import narwhals as nw
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel._instants import instant, micros
from funnel.errors import InstantError
from funnel.metrics._months import Months, zone_called

ZONES = ["UTC", "Asia/Jakarta", "Asia/Jayapura", "Europe/London", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"]
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001


def edge(zone: str, place: int = 1, *, of: datetime) -> datetime:
    """Give where a month near an instant begins: place 0 its own, 1 the next."""
    months = Months.between(micros(of), micros(of), ZoneInfo(zone))
    return instant(months.edges[place])


@given(MOMENTS, MOMENTS, st.sampled_from(ZONES))
def test_an_instant_lies_in_the_month_that_the_clock_shows(one: datetime, other: datetime, zone: str) -> None:
    """In zones whose clocks do not turn back at a month's first midnight, the month is the clock's own."""
    start, end = sorted([one, other])
    months = Months.between(micros(start), micros(end), ZoneInfo(zone))
    frame = nw.from_native(pl.LazyFrame({"t": [micros(start), micros(end)]}))
    places = frame.select("t", place=months.place_column("t")).collect().to_dict(as_series=False)["place"]

    assert places == [0, len(months) - 1]
    for moment, place in ((start, 0), (end, len(months) - 1)):
        shown = moment.astimezone(ZoneInfo(zone))
        assert months.day(place) == date(shown.year, shown.month, 1)


@given(MOMENTS, st.integers(0, 400), st.sampled_from(ZONES))
def test_months_follow_one_another(start: datetime, days: int, zone: str) -> None:
    """Each edge is later than the one before, the first is not after the start, the last is after the end."""
    end = start + timedelta(days=days)
    edges = Months.between(micros(start), micros(end), ZoneInfo(zone)).edges

    assert edges == sorted(set(edges))
    assert edges[0] <= micros(start) <= micros(end) < edges[-1]
    assert len(edges) == 2 or edges[1] <= micros(end)


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
    """Where the clock skips midnight it begins at the first instant after; where it shows it twice, at the first."""
    assert edge(zone, of=datetime.fromisoformat(near)) == datetime.fromisoformat(begins)


def test_a_month_that_has_begun_does_not_end_when_the_clock_is_turned_back_over_its_midnight() -> None:
    """In Newfoundland, a minute into November 2009, it was 23:01 of October again: that is November all the same."""
    begun = edge("America/St_Johns", of=datetime(2009, 10, 31, 12, tzinfo=UTC))
    later = begun + timedelta(minutes=30)
    months = Months.between(micros(later), micros(later), ZoneInfo("America/St_Johns"))

    assert later.astimezone(ZoneInfo("America/St_Johns")).month == 10
    assert months.day(0) == date(2009, 11, 1)
    assert instant(months.edges[0]) == begun


@pytest.mark.parametrize("name", ["Asia/Jakata", "", "../etc/passwd", "/etc/passwd", "Asia", None, 7])
def test_a_zone_that_is_none_is_refused(name: Any) -> None:
    """Whatever is no zone's name is one clear error."""
    with pytest.raises(InstantError, match=r"is unknown; give a name such as 'Asia/Jakarta'"):
        zone_called(name)
