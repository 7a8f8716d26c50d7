"""The shop's calendar of ability: the next day of an event, and what a "not yet" that names one means."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from funnel.errors import ArgumentError
from funnel.postponement import AfterEvent, AfterInstalments, EventCalendar, postpone, resolve

JAKARTA = ZoneInfo("Asia/Jakarta")
SHOP = EventCalendar(
    events={
        "payday": "FREQ=MONTHLY;BYMONTHDAY=25",
        "month end": "freq=monthly;bymonthday=-1",
        "school year": "FREQ=YEARLY;BYMONTH=7;BYDAY=2MO",
        "market": "FREQ=WEEKLY;BYDAY=SA",
        "lebaran": (date(2027, 3, 10), date(2026, 3, 20)),
        "never": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
    }
)


@pytest.mark.parametrize(
    ("event", "after", "comes"),
    [
        ("payday", "2026-03-24", "2026-03-25"),
        ("payday", "2026-03-25", "2026-04-25"),
        ("month end", "2026-02-27", "2026-02-28"),
        ("month end", "2026-02-28", "2026-03-31"),
        ("school year", "2026-07-12", "2026-07-13"),
        ("school year", "2026-07-13", "2027-07-12"),
        ("market", "2026-03-06", "2026-03-07"),
        ("market", "2026-03-07", "2026-03-14"),
        ("lebaran", "2026-03-19", "2026-03-20"),
        ("lebaran", "2026-03-20", "2027-03-10"),
    ],
)
def test_an_event_comes_after_the_day(event: str, after: str, comes: str) -> None:
    """By its rule or from its list, strictly later."""
    assert SHOP.next_day(event, after=date.fromisoformat(after)).isoformat() == comes


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)))
def test_a_rule_means_the_same_days_whenever_it_is_asked(after: date) -> None:
    """Found by walking from day to day."""
    ordinal = after.toordinal() + 1
    while date.fromordinal(ordinal).day != 25:
        ordinal += 1

    assert SHOP.next_day("payday", after=after) == date.fromordinal(ordinal)


@pytest.mark.parametrize(
    ("words", "comes"),
    [
        (AfterEvent(event="lebaran"), "2026-03-20"),
        (AfterEvent(event="lebaran", days=1), "2026-03-21"),
        (AfterEvent(event="lebaran", days=-7), "2026-03-13"),
        (AfterEvent(event="lebaran", days=-19), "2027-02-19"),
        (AfterEvent(event="payday", days=10), "2026-03-07"),
        (AfterInstalments(n=1, day=5), "2026-03-05"),
        (AfterInstalments(n=1, day=1), "2026-04-01"),
        (AfterInstalments(n=3, day=5), "2026-05-05"),
        (AfterInstalments(n=12, day=31), "2027-02-28"),
    ],
)
def test_a_not_yet_may_name_an_event(words: AfterEvent | AfterInstalments, comes: str) -> None:
    """Days after or before an event and instalments give a day after the conversation."""
    moment = datetime(2026, 3, 1, 9, tzinfo=JAKARTA)
    until, latest = resolve(words, occurred_at=moment, tz=JAKARTA, calendar=SHOP)

    assert until.astimezone(JAKARTA).isoformat() == f"{comes}T00:00:00+07:00"
    assert (latest - until).days == 1
    assert postpone(words, id="n", person_id="p", occurred_at=moment, tz=JAKARTA, calendar=SHOP).until == until


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ("lebarn", "has no event 'lebarn'; did you mean 'lebaran'"),
        ("x", "has no event 'x'; it has 'payday'"),
        ("never", "has no day of 'never' after 2026-03-01; add the next day"),
    ],
)
def test_an_event_that_is_not_there_is_told(event: str, message: str) -> None:
    """With the nearest, or with what there is."""
    with pytest.raises(ArgumentError, match=message):
        SHOP.next_day(event, after=date(2026, 3, 1))


def test_a_list_that_is_over_is_told() -> None:
    """A day that nobody has written down is not guessed."""
    with pytest.raises(ArgumentError, match="has no day of 'lebaran' after 2027-03-10; add the next day"):
        SHOP.next_day("lebaran", after=date(2027, 3, 10))


def test_an_event_needs_a_calendar() -> None:
    """Without one the words mean nothing."""
    with pytest.raises(ArgumentError, match=r"pass calendar=\.\.\."):
        resolve(AfterEvent(event="thr"), occurred_at=datetime(2026, 3, 1, tzinfo=UTC), tz="UTC")


@pytest.mark.parametrize(
    ("days", "message"),
    [
        ("FREQ=DAILY;BYDAY=MO", "a rule must have FREQ"),
        ("FREQ=MONTHLY", "a rule must have FREQ"),
        ("FREQ=MONTHLY;BYDAY=MO;INTERVAL=2", "the allowed parts are"),
        ("FREQ=MONTHLY;BYMONTHDAY=x", "does not follow RFC 5545"),
        ("25th of each month", "a rule must have FREQ"),
    ],
)
def test_a_rule_that_does_not_say_its_days_is_refused(days: str, message: str) -> None:
    """A rule that depends on its start day is refused."""
    with pytest.raises(ValidationError, match=message):
        EventCalendar(events={"x": days})


@pytest.mark.parametrize("fields", [{}, {"x": 3}])
def test_a_calendar_has_events(fields: dict[str, Any]) -> None:
    """A calendar without events, or with an event that is neither a rule nor a list, is refused."""
    with pytest.raises(ValidationError, match="events"):
        EventCalendar(events=fields)


@pytest.mark.parametrize("day", [3, "20 March 2026"])
def test_a_list_is_of_days(day: Any) -> None:
    """Neither a number nor free text is a day."""
    with pytest.raises(ValidationError, match=r"a day (must be a date|is text that is not ISO 8601)"):
        EventCalendar(events={"x": (day,)})
