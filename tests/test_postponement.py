"""The words of a "not yet" become the instants that they mean on the shop's own calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from funnel.errors import InstantError, RecordError
from funnel.interactions import PostponementReason
from funnel.postponement import (
    AfterHoliday,
    AfterPayday,
    Between,
    InMonths,
    InWeeks,
    PostponedUntil,
    Until,
    postpone,
    resolve,
)
from tests.strategies import CANARY, instants

JAKARTA = ZoneInfo("Asia/Jakarta")
MOMENT = datetime(2026, 1, 31, 18, tzinfo=JAKARTA)
MICROSECOND = timedelta(microseconds=1)
ZONES = st.sampled_from(["Asia/Jakarta", "Europe/London", "Africa/Cairo", "America/Santiago", "Pacific/Apia", "UTC"])


def day_of(words: PostponedUntil, occurred_at: datetime = MOMENT, tz: str = "Asia/Jakarta") -> str:
    """The first instant that the words mean, on the shop's clock."""
    return resolve(words, occurred_at=occurred_at, tz=tz)[0].astimezone(ZoneInfo(tz)).strftime("%Y-%m-%d %H:%M")


def postponements(later: datetime) -> list[PostponedUntil]:
    """One of each of the words, none of which is over before an instant."""
    return [
        Until(at=later),
        Between(earliest=later, latest=later),
        AfterPayday(day=31),
        AfterPayday(day=1),
        InWeeks(n=1),
        InMonths(n=1),
        AfterHoliday(on=later.date(), days=2),
    ]


@pytest.mark.parametrize(
    ("phrase", "day", "comes"),
    [
        ("2026-03-24", 25, "2026-03-25"),
        ("2026-03-25", 25, "2026-04-25"),
        ("2026-03-26", 25, "2026-04-25"),
        ("2026-12-31", 1, "2027-01-01"),
        ("2026-01-31", 31, "2026-02-28"),
        ("2026-02-27", 31, "2026-02-28"),
        ("2026-02-28", 31, "2026-03-31"),
        ("2028-02-10", 30, "2028-02-29"),
        ("2026-12-26", 25, "2027-01-25"),
    ],
)
def test_after_payday_is_the_next_payday(phrase: str, day: int, comes: str) -> None:
    """It is strictly after the day it was said, and on the last day of a month too short for it."""
    occurred_at = datetime.fromisoformat(phrase).replace(hour=9, tzinfo=JAKARTA)

    assert day_of(AfterPayday(day=day), occurred_at) == f"{comes} 00:00"


@pytest.mark.parametrize(
    ("words", "comes"),
    [
        (InWeeks(n=2), "2026-02-14 00:00"),
        (InMonths(n=1), "2026-02-28 00:00"),
        (InMonths(n=2), "2026-03-31 00:00"),
        (InMonths(n=25), "2028-02-29 00:00"),
        (AfterHoliday(on=date(2026, 3, 20)), "2026-03-21 00:00"),
        (AfterHoliday(on=date(2026, 1, 31)), "2026-02-01 00:00"),
        (AfterHoliday(on=date(2026, 1, 28), days=7), "2026-02-04 00:00"),
        (Until(at=MOMENT), "2026-01-31 18:00"),
    ],
)
def test_words_name_a_day_of_the_shops_calendar(words: PostponedUntil, comes: str) -> None:
    """Weeks, months and holidays are counted from the shop's day, months to their end where they are short."""
    assert day_of(words) == comes


def test_the_shops_day_is_not_the_day_in_utc() -> None:
    """At 01:00 in Jakarta it is still yesterday in UTC; the shop's calendar decides."""
    occurred_at = datetime(2026, 3, 24, 18, 30, tzinfo=UTC)

    assert day_of(AfterPayday(), occurred_at) == "2026-04-25 00:00"
    assert day_of(AfterPayday(), occurred_at, "UTC") == "2026-03-25 00:00"


@pytest.mark.parametrize(
    ("on", "tz", "begins"),
    [
        (date(2023, 4, 28), "Africa/Cairo", "2023-04-28 01:00"),
        (date(2022, 9, 11), "America/Santiago", "2022-09-11 01:00"),
        (date(2011, 12, 30), "Pacific/Apia", "2011-12-31 00:00"),
        (date(2022, 11, 6), "America/Havana", "2022-11-06 00:00"),
    ],
)
def test_a_day_begins_when_its_clock_first_shows_it(on: date, tz: str, begins: str) -> None:
    """If the clock skips midnight or a whole day, the day begins at the next existing time."""
    words = AfterHoliday(on=on - timedelta(days=1))
    occurred_at = datetime(on.year, on.month, on.day, tzinfo=UTC) - timedelta(days=5)

    assert day_of(words, occurred_at, tz) == begins


def test_a_named_day_lasts_until_the_next_begins() -> None:
    """The latest instant of a day is where the next day begins; an instant is its own latest."""
    earliest, latest = resolve(InWeeks(n=1), occurred_at=MOMENT, tz=JAKARTA)

    assert latest - earliest == timedelta(days=1)
    assert resolve(Until(at=MOMENT), occurred_at=MOMENT, tz=JAKARTA) == (MOMENT, MOMENT)


@given(instants(), ZONES, st.timedeltas(timedelta(0), timedelta(days=90)))
def test_a_not_yet_is_never_over_when_it_is_said(occurred_at: datetime, tz: str, after: timedelta) -> None:
    """Whatever the words: said at most at the earliest, which is at most the latest, both in UTC."""
    for words in postponements(occurred_at + after):
        earliest, latest = resolve(words, occurred_at=occurred_at, tz=tz)

        assert occurred_at <= earliest <= latest
        assert earliest.tzinfo is latest.tzinfo is UTC


@pytest.mark.parametrize(
    "words",
    [
        Until(at=MOMENT - MICROSECOND),
        Between(earliest=MOMENT - MICROSECOND, latest=MOMENT),
        AfterHoliday(on=date(2026, 1, 30)),
        AfterHoliday(on=date(2025, 3, 31)),
    ],
)
def test_a_time_that_is_over_is_refused(words: PostponedUntil) -> None:
    """Nobody postpones to the past: the message names the words."""
    with pytest.raises(RecordError, match=f"{words.kind}.* names a time before the conversation"):
        resolve(words, occurred_at=MOMENT, tz=JAKARTA)


@pytest.mark.parametrize(
    ("cls", "fields"),
    [
        (AfterPayday, {"day": 0}),
        (AfterPayday, {"day": 32}),
        (InWeeks, {"n": 0}),
        (InWeeks, {"n": 521}),
        (InMonths, {"n": 0}),
        (InMonths, {"n": 121}),
        (AfterHoliday, {"on": date(2026, 3, 20), "days": 0}),
        (Between, {"earliest": MOMENT, "latest": MOMENT - MICROSECOND}),
    ],
)
def test_words_that_mean_nothing_are_refused(cls: type[BaseModel], fields: dict[str, object]) -> None:
    """A 32nd of a month, 0 weeks and an interval that ends before its start are refused."""
    with pytest.raises(ValidationError):
        cls.model_validate(fields)


@pytest.mark.parametrize(
    ("on", "message"),
    [
        (MOMENT, "got datetime"),
        (1772330400, "got int"),
        ("1772330400", "not ISO 8601"),
        ("20. March", "not ISO 8601"),
    ],
)
def test_a_holiday_is_a_day(on: Any, message: str) -> None:
    """A datetime and a number are not days."""
    with pytest.raises(ValidationError, match=message):
        AfterHoliday(on=on)

    assert AfterHoliday.model_validate({"on": "2026-03-20"}).on == date(2026, 3, 20)


@pytest.mark.parametrize("words", postponements(MOMENT), ids=repr)
def test_words_read_back_from_their_json(words: PostponedUntil) -> None:
    """Phrases are discriminated by `kind`."""
    union: TypeAdapter[PostponedUntil] = TypeAdapter(PostponedUntil)

    assert union.validate_json(words.model_dump_json()) == words


def test_a_not_yet_needs_a_zoned_time() -> None:
    """When it was said must be an instant as everywhere else."""
    with pytest.raises(InstantError, match="occurred_at is a naive datetime"):
        resolve(InWeeks(n=1), occurred_at=datetime(2026, 3, 1), tz=JAKARTA)  # noqa: DTZ001 - the fault that is tested


def test_a_not_yet_is_recorded_as_a_postponement() -> None:
    """The interaction holds the instants, not the words; an instant has no other latest."""
    day = postpone(
        AfterPayday(),
        id="n1",
        person_id="p1",
        occurred_at=MOMENT,
        tz="Asia/Jakarta",
        reason="payday",
        source="chat",
        channel="whatsapp",
        text=CANARY,
    )
    point = postpone(Until(at=MOMENT), id="n2", person_id="p1", occurred_at=MOMENT, tz=JAKARTA)

    assert (day.until, day.latest) == resolve(AfterPayday(), occurred_at=MOMENT, tz=JAKARTA)
    assert (day.reason, day.source, day.channel, day.text) == (PostponementReason.PAYDAY, "chat", "whatsapp", CANARY)
    assert CANARY not in repr(day)
    assert (point.until, point.latest, point.reason) == (MOMENT, None, PostponementReason.OTHER)
