from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.cli._shared import end_of_day, read_as_of
from funnel.errors import InstantError

JAKARTA = ZoneInfo("Asia/Jakarta")
TICK = timedelta(microseconds=1)
ZONES = st.sampled_from(["UTC", "Asia/Jakarta", "Europe/London", "America/New_York"]).map(ZoneInfo)


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        ("2026-06-01", "2026-06-01T16:59:59.999999+00:00"),
        (date(2026, 6, 1), "2026-06-01T16:59:59.999999+00:00"),
        ("2026-06-01T12:00", "2026-06-01T05:00+00:00"),
        ("2026-06-01 12:00", "2026-06-01T05:00+00:00"),
        ("2026-06-01T12:00+00:00", "2026-06-01T12:00+00:00"),
        ("2026-06-01T12:00Z", "2026-06-01T12:00+00:00"),
    ],
)
def test_a_day_is_its_last_instant(value: str | date, instant: str) -> None:
    """A day is its last microsecond in the shop's zone; a time without a zone is in that zone too."""
    assert read_as_of(value, JAKARTA) == datetime.fromisoformat(instant)


@given(st.dates(date(1801, 1, 1), date(2199, 12, 30)), ZONES)
def test_the_last_instant_of_a_day(day: date, zone: ZoneInfo) -> None:
    """It lies in the day, and the next microsecond does not, in every zone."""
    end = end_of_day(day, zone)

    assert end.astimezone(zone).date() == day
    assert (end + TICK).astimezone(zone).date() == day + timedelta(days=1)


@pytest.mark.parametrize("text", ["yesterday", "", "09/12/2011", "2026-13-01", "2026-06-01T25:00"])
def test_an_invalid_day_is_refused(text: str) -> None:
    """The message shows a valid day."""
    with pytest.raises(InstantError, match=r"is not a day or an instant; write 2011-12-09"):
        read_as_of(text, JAKARTA)


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31", "9999-12-31T23:00-09:00", "1799-12-31", "2200-01-02"])
def test_a_day_outside_the_supported_years_is_refused(text: str) -> None:
    """This holds for the first and last years of Python too."""
    with pytest.raises(InstantError, match="outside the supported years"):
        read_as_of(text, JAKARTA)
