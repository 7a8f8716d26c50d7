from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.readers._times import read_times
from tests.readers.shop import mapping

ZONES = ["UTC", "Asia/Jakarta", "Europe/London", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kathmandu"]
FORMATS = [
    "%d/%m/%Y %H:%M",
    "%m/%d/%y %I:%M %p",
    "%Y%m%d %H%M%S",
    "%d %B %Y, %H:%M:%S.%f",
    "%b %d %Y",
    "%%%d-%m-%Y",
    "%d.%m.%Y %H:%M:%S",
]
moments = st.datetimes(datetime(1971, 1, 1), datetime(2037, 1, 1))  # noqa: DTZ001, clocks of a zone named later


def times(values: list[Any], *, dtype: Any = pl.String, **changes: Any) -> pl.DataFrame:
    """Read a column of times."""
    rows = pl.DataFrame({"purchased_at": pl.Series(values, dtype=dtype)})
    return read_times(rows, "purchased_at", "time", mapping(**changes)).drop("purchased_at.clockless")


def expected(moment: datetime, zone: str) -> datetime | None:
    """Say which instant a clock means: none where it was skipped, the first where it was shown twice."""
    instant = moment.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return instant if instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == moment else None


@given(moments=st.lists(moments, min_size=1, max_size=10), zone=st.sampled_from(ZONES), form=st.sampled_from(FORMATS))
def test_a_declared_format_means_what_it_means_to_python(moments: list[datetime], zone: str, form: str) -> None:
    """The engine that reads the file and Python agree on every accepted format."""
    texts = [moment.strftime(form) for moment in moments]
    read = times(texts, zone=zone, time_format=form)

    assert read["purchased_at"].to_list() == [
        expected(datetime.strptime(text, form), zone)  # noqa: DTZ007, the zone is declared apart
        for text in texts
    ]


@given(
    moments=st.lists(moments, min_size=1, max_size=10),
    zone=st.sampled_from(ZONES),
    precision=st.sampled_from(["minutes", "seconds", "milliseconds", "microseconds"]),
    between=st.sampled_from("T "),
)
def test_iso_text_is_read_to_the_microsecond(moments: list[datetime], zone: str, precision: str, between: str) -> None:
    """An ISO time is read as it was written, in any zone of the shop."""
    texts = [moment.isoformat(between, precision) for moment in moments]

    assert times(texts, zone=zone)["purchased_at"].to_list() == [
        expected(datetime.fromisoformat(text), zone) for text in texts
    ]


@given(
    moments=st.lists(moments, min_size=1, max_size=10),
    minutes=st.integers(-23 * 60, 23 * 60),
    form=st.sampled_from(["iso", "%d/%m/%Y %H:%M:%S.%f %z"]),
)
def test_a_time_with_its_own_offset_is_that_instant(moments: list[datetime], minutes: int, form: str) -> None:
    """If each time has its offset, no zone is needed."""
    zone = timezone(timedelta(minutes=minutes))
    aware = [moment.replace(tzinfo=zone) for moment in moments]
    texts = [moment.isoformat() if form == "iso" else moment.strftime(form) for moment in aware]

    assert times(texts, zone="in the text", time_format=form)["purchased_at"].to_list() == aware


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-01T09:00Z", datetime(2026, 3, 1, 9, tzinfo=UTC)),
        ("2026-03-01 09:00:00,5 +0700", datetime(2026, 3, 1, 2, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-03-01T09:00:00.123456789-03:30", datetime(2026, 3, 1, 12, 30, 0, 123_456, tzinfo=UTC)),
        ("2026-03-01T09:00", None),
        ("2026-03-01", None),
        ("2026-03-01T09:00+24:00", None),
    ],
)
def test_an_offset_is_needed_where_it_is_declared(text: str, instant: datetime | None) -> None:
    """A time without its offset is refused, not taken as UTC."""
    read = times([text], zone="in the text")

    assert read["purchased_at"].to_list() == [instant]
    assert read["purchased_at.why"].to_list() == [None if instant else "time not in the declared format"]


@pytest.mark.parametrize(
    ("text", "changes", "why"),
    [
        ("2011-03-27 01:30", {"zone": "Europe/London"}, "time that the zone's clock skipped"),
        ("2011-02-30 01:30", {}, "time not in the declared format"),
        ("2011-02-03 24:00", {}, "time not in the declared format"),
        ("2011-02-03 23:59:60", {}, "time not in the declared format"),
        ("2011-02-03T09:00Z", {}, "time not in the declared format"),
        ("03/02/2011", {}, "time not in the declared format"),
        ("٢٠١١-02-03", {}, "time not in the declared format"),
        ("12/25/2011", {"time_format": "%d/%m/%Y"}, "time not in the declared format"),
        ("25/12/11", {"time_format": "%d/%m/%Y"}, "time before 1800 or after 2199"),
        ("1800-01-01", {"zone": "UTC"}, "time before 1800 or after 2199"),
        ("2200-01-01", {"zone": "UTC"}, "time before 1800 or after 2199"),
        ("9999-12-31", {}, "time before 1800 or after 2199"),
        ("1800-01-01 00:00:00.000001", {"zone": "UTC"}, None),
        ("2199-12-31 23:59:59.999999", {"zone": "UTC"}, None),
        ("", {}, None),
        (None, {}, None),
    ],
)
def test_what_is_no_time_is_refused_with_its_reason(text: str | None, changes: dict[str, Any], why: str | None) -> None:
    """A missing day, a skipped hour and an impossible year have different reasons; a blank has none."""
    assert times([text], **changes)["purchased_at.why"].to_list() == [why]


@pytest.mark.parametrize(
    ("zone", "day", "instant"),
    [
        ("Africa/Cairo", date(2024, 4, 26), datetime(2024, 4, 25, 22, tzinfo=UTC)),
        ("America/Santiago", date(2024, 9, 8), datetime(2024, 9, 8, 4, tzinfo=UTC)),
        ("America/Sao_Paulo", date(2018, 11, 4), datetime(2018, 11, 4, 3, tzinfo=UTC)),
        ("Asia/Jakarta", date(2026, 3, 1), datetime(2026, 2, 28, 17, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("form", ["iso", "%d/%m/%Y", "date"])
def test_a_day_whose_midnight_the_clock_skipped_begins_after_the_gap(
    zone: str, day: date, instant: datetime, form: str
) -> None:
    """A file of whole days loses no day, whatever the clock does at midnight; a skipped hour stays refused."""
    value, dtype = (day, pl.Date) if form == "date" else (day.isoformat() if form == "iso" else f"{day:%d/%m/%Y}", None)
    read = times([value, None], dtype=dtype or pl.String, zone=zone, time_format="%d/%m/%Y" if form != "iso" else form)
    clock = times([f"{day} 00:00", f"{day}"], zone=zone)

    assert read.rows() == [(instant, None, False, day), (None, None, False, None)]
    assert clock["purchased_at.day"].to_list() == [None, day]
    assert clock["purchased_at.why"][0] == (None if zone == "Asia/Jakarta" else "time that the zone's clock skipped")


def test_a_day_whose_midnight_came_twice_is_not_in_doubt() -> None:
    """A day begins at the first of two midnights; there is nothing to note about it."""
    read = times(["2023-11-05", "2023-11-05 00:30"], zone="America/Havana")

    assert read["purchased_at"][0] == datetime(2023, 11, 5, 4, tzinfo=UTC)
    assert read["purchased_at.twice"].to_list() == [False, True]


def test_a_day_far_out_is_refused_whatever_its_zone() -> None:
    """A day of the year 1 or 9999 is out of bounds, not a fault of the clock."""
    read = times(["0001-01-01", "9999-12-31"], zone="Africa/Cairo")

    assert read["purchased_at.why"].to_list() == ["time before 1800 or after 2199"] * 2


def test_an_hour_that_came_twice_is_its_first_and_is_marked() -> None:
    """On the night that the clock goes back, the earlier of the two instants is taken."""
    read = times(["2011-10-30 01:30", "2011-10-30 02:30"], zone="Europe/London")

    assert read["purchased_at"].to_list() == [
        datetime(2011, 10, 30, 0, 30, tzinfo=UTC),
        datetime(2011, 10, 30, 2, 30, tzinfo=UTC),
    ]
    assert read["purchased_at.twice"].to_list() == [True, False]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_columns_of_times_need_no_format(unit: Any) -> None:
    """Parquet already knows times; days begin at midnight of the shop's zone."""
    moment = datetime(2026, 3, 1, 9)  # noqa: DTZ001, the zone is declared apart
    day = times([date(2026, 3, 1)], dtype=pl.Date)
    clock = times([moment], dtype=pl.Datetime(unit))
    aware = times([moment.astimezone(UTC)], dtype=pl.Datetime(unit, "Asia/Tokyo"), zone="in the text")

    assert day["purchased_at"].to_list() == [datetime(2026, 2, 28, 17, tzinfo=UTC)]
    assert clock["purchased_at"].to_list() == [datetime(2026, 3, 1, 2, tzinfo=UTC)]
    assert aware["purchased_at"].to_list() == [moment.astimezone(UTC)]
    assert aware.schema["purchased_at"] == pl.Datetime("us", "UTC")
