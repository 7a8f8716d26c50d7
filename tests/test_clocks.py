"""Clocks that are changed: open hours, the beginning of a day and "not yet" hold where the clock skips and repeats."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import narwhals as nw
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from funnel import History, Logs, Policy, worklist
from funnel._time import EPOCH, instant, micros, start_of_day
from funnel.interactions import Question
from funnel.postponement import AfterHoliday, resolve
from funnel.worklists._opening_hours import hours_of
from tests.engines import on

MINUTE, HALF = timedelta(minutes=1), timedelta(seconds=30)
DAY = timedelta(days=1)
NOW = datetime(2026, 3, 1, tzinfo=UTC)

ZONES = (
    "America/Havana",
    "Africa/Cairo",
    "America/Santiago",
    "America/New_York",
    "America/Sao_Paulo",
    "America/St_Johns",
    "America/Recife",
    "America/Scoresbysund",
    "Africa/Casablanca",
    "Africa/Monrovia",
    "Antarctica/Troll",
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Asia/Pyongyang",
    "Asia/Jakarta",
    "Australia/Lord_Howe",
    "Europe/Dublin",
    "Pacific/Apia",
    "Pacific/Kwajalein",
    "America/Caracas",
)
"""Zones whose clocks skip midnight, an opening hour, half an hour, a whole day, or follow the moon."""


@cache
def changes(zone: str) -> tuple[datetime, ...]:
    """The hours in which the clock of a zone is changed, from 1970 to 2026."""
    tz, hours = ZoneInfo(zone), 24
    days = [EPOCH + number * DAY for number in range(57 * 365)]
    offsets = [day.astimezone(tz).utcoffset() for day in days]
    actual = [days[index] for index in range(len(days) - 1) if offsets[index] != offsets[index + 1]]
    return tuple(
        day + timedelta(hours=hour)
        for day in actual
        for hour in range(hours)
        if (day + timedelta(hours=hour)).astimezone(tz).utcoffset()
        != (day + timedelta(hours=hour + 1)).astimezone(tz).utcoffset()
    )


@st.composite
def near_a_change(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone, and a minute within two days of a change of its clock."""
    zone = draw(st.sampled_from([zone for zone in ZONES if changes(zone)]))
    change = draw(st.sampled_from(changes(zone)))
    return zone, change + draw(st.integers(-2 * 24 * 60, 2 * 24 * 60)) * MINUTE


HALF_HOURS = st.integers(0, 47).map(lambda half: time(half // 2, half % 2 * 30))
HOURS = st.lists(HALF_HOURS, min_size=2, max_size=2, unique=True).map(sorted)


def by_minutes(t: datetime, tz: ZoneInfo, opens: time, closes: time) -> datetime:
    """The first minute from `t` on at which the clock of the wall shows an open hour."""
    while not opens <= t.astimezone(tz).time() < closes:
        t += HALF if tz.key == "Africa/Monrovia" else MINUTE  # 44 minutes and 30 seconds behind until 1972
    return t


def in_columns(engine: str, moments: list[datetime], tz: ZoneInfo, policy: Policy) -> list[datetime]:
    """The instants that a frame of an engine gives."""
    table = on(engine, {"frame": pl.DataFrame({"at": [micros(one) for one in moments]})})["frame"]
    frame: Any = nw.from_native(table).lazy()
    actual = hours_of(policy, tz, NOW).columns(frame.with_columns(row=nw.col("at")), "at").sort("row").collect()
    return [instant(one) for one in actual["at"].to_list()]


@given(near_a_change(), HOURS)
@example(("America/Havana", datetime(2024, 3, 10, 4, 30, tzinfo=UTC)), [time(0), time(22)])
@example(("Africa/Cairo", datetime(2024, 4, 25, 19, 0, tzinfo=UTC)), [time(0), time(20)])
@example(("America/Santiago", datetime(2024, 9, 8, 2, 30, tzinfo=UTC)), [time(0), time(22)])
@example(("America/New_York", datetime(2024, 3, 10, 4, 0, tzinfo=UTC)), [time(2, 30), time(20)])
@example(("America/New_York", datetime(2024, 3, 10, 4, 0, tzinfo=UTC)), [time(2), time(2, 30)])
@example(("Australia/Lord_Howe", datetime(2024, 10, 5, 12, 0, tzinfo=UTC)), [time(2), time(2, 30)])
@example(("Pacific/Apia", datetime(2011, 12, 30, 8, 0, tzinfo=UTC)), [time(8), time(20)])
@example(("America/New_York", datetime(2024, 11, 3, 4, 0, tzinfo=UTC)), [time(1), time(1, 30)])
@settings(deadline=None)
def test_what_is_due_while_the_clock_is_changed_is_due_at_the_first_open_minute(
    where: tuple[str, datetime], hours: list[time]
) -> None:
    """In open hours, not before the cause, and no open minute lies between."""
    zone, moment = where
    tz, policy = ZoneInfo(zone), Policy(opens_at=hours[0], closes_at=hours[1])
    expected = by_minutes(moment, tz, *hours)

    assert instant(hours_of(policy, tz, NOW).moved(micros(moment))) == expected


@pytest.mark.no_cover
def test_every_engine_keeps_the_changes_of_a_clock(engine: str) -> None:
    """Around the changes of several clocks all instants are as the clock of the wall says."""
    policy, around = (
        Policy(opens_at=time(0), closes_at=time(22)),
        [hours * timedelta(hours=1) for hours in (-3, -1, 0, 1)],
    )
    for zone in ("America/Havana", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Monrovia"):
        moments = sorted({change + hours for change in changes(zone)[-6:] for hours in around})
        expected = [by_minutes(one, ZoneInfo(zone), time(0), time(22)) for one in moments]

        assert in_columns(engine, moments, ZoneInfo(zone), policy) == expected


@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("moment", "zone", "opens", "closes"),
    [
        (datetime(2024, 3, 10, 4, 30, tzinfo=UTC), "America/Havana", time(0), time(22)),
        (datetime(2024, 4, 25, 19, 0, tzinfo=UTC), "Africa/Cairo", time(0), time(20)),
        (datetime(2024, 9, 8, 2, 30, tzinfo=UTC), "America/Santiago", time(0), time(22)),
        (datetime(2024, 3, 10, 4, 0, tzinfo=UTC), "America/New_York", time(2, 30), time(20)),
    ],
)
def test_a_question_is_due_in_open_hours_of_the_night_in_which_the_clock_goes_forward(
    moment: datetime, zone: str, opens: time, closes: time
) -> None:
    """The worklist of one person and of logs says the first minute at which the shop's clock shows an open hour."""
    tz, policy = ZoneInfo(zone), Policy(opens_at=opens, closes_at=closes)
    question = Question(id="q", person_id="sari", occurred_at=moment)
    row = {"id": ["q"], "person_id": ["sari"], "occurred_at": [moment], "kind": ["question"]}
    (task,) = worklist(History.of("sari", [question]), policy, as_of=moment + DAY, tz=zone)
    frame = worklist(Logs(interactions=pl.DataFrame(row)), policy, as_of=moment + DAY, tz=zone)

    assert task.due_at == by_minutes(moment, tz, opens, closes)
    assert frame["due_at"].to_list() == [task.due_at]


@given(near_a_change())
@example(("Pacific/Apia", datetime(2011, 12, 29, 12, tzinfo=UTC)))
@example(("America/Sao_Paulo", datetime(2018, 11, 4, 1, tzinfo=UTC)))
@example(("America/St_Johns", datetime(2006, 4, 2, 1, tzinfo=UTC)))
@example(("Asia/Gaza", datetime(2012, 3, 29, 22, tzinfo=UTC)))
@settings(deadline=None)
def test_a_day_begins_with_the_first_minute_that_shows_it(where: tuple[str, datetime]) -> None:
    """Also where midnight is skipped or shown twice, and where a whole day is left out."""
    zone, moment = where
    tz = ZoneInfo(zone)
    day = moment.astimezone(tz).date() + DAY
    minute = moment - 2 * DAY
    while minute.astimezone(tz).date() < day:
        minute += HALF

    assert instant(start_of_day(day, tz)) == minute


@given(near_a_change(), st.integers(1, 3))
@settings(deadline=None)
def test_not_yet_ends_with_the_first_minute_of_its_day(where: tuple[str, datetime], later: int) -> None:
    """Words that name a day mean it from its first instant to the first of the next."""
    zone, moment = where
    tz = ZoneInfo(zone)
    local_date = moment.astimezone(tz).date()
    earliest, latest = resolve(AfterHoliday(on=local_date, days=later), occurred_at=moment, tz=zone)

    assert earliest == max(instant(start_of_day(local_date + later * DAY, tz)), moment)
    assert micros(latest) == start_of_day(local_date + (later + 1) * DAY, tz)
    assert moment <= earliest <= latest


def test_a_day_that_began_before_the_clock_was_set_back_begins_again() -> None:
    """From 00:01 back to 23:01: the next day is in the future, though its first minute is over."""
    tz, moment = "America/St_Johns", datetime(1987, 10, 25, 2, 31, tzinfo=UTC)
    earliest, latest = resolve(AfterHoliday(on=date(1987, 10, 24), days=1), occurred_at=moment, tz=tz)
    assert (earliest, latest) == (moment, datetime(1987, 10, 26, 3, 30, tzinfo=UTC))


def test_a_clock_that_skips_from_before_midnight_begins_the_day_where_it_ends() -> None:
    """From 23:30 straight to 00:30, the day begins at 00:30: nothing of the gap is shown."""
    tz = ZoneInfo("America/Toronto")  # 1919, from 23:30 to 00:30
    begins = instant(start_of_day(date(1919, 3, 31), tz))

    assert begins.astimezone(tz).time() == time(0, 30)
    assert (begins - timedelta(microseconds=1)).astimezone(tz).date() == date(1919, 3, 30)
