"""Amounts and times of a frame are those of `Money`, of Python's own parser and of the readers of files."""

# ruff: noqa: DTZ001 (clock times of a shop have no zone)

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel import Logs, Money
from funnel._time import instant
from funnel.errors import LogsError, MoneyError
from funnel.logs import Amounts, Times
from funnel.readers import Columns, OrderMapping, read_orders
from tests.engines import on

ZONES = ["Europe/Paris", "America/Sao_Paulo", "Africa/Cairo", "Asia/Jakarta", "Australia/Lord_Howe", "Asia/Kolkata"]
FORMATS = ["%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M", "%d %b %Y %I:%M %p", "%B %d, %y %H:%M:%S.%f", "%Y%m%dT%H%M%S"]
BEGIN, END = datetime(1971, 1, 1), datetime(2068, 12, 31)
CLOCK_TIMES = st.datetimes(BEGIN, END)


@cache
def near_changes(zone: str) -> st.SearchStrategy[datetime]:
    """Clock times around the changes of a zone's clock."""
    changes = [moment for year in range(1990, 2030) for moment in _changes(ZoneInfo(zone), year)]
    hours = st.timedeltas(timedelta(hours=-2), timedelta(hours=26))
    return st.builds(lambda moment, span: moment + span, st.sampled_from(changes), hours) if changes else CLOCK_TIMES


def _changes(zone: ZoneInfo, year: int) -> list[datetime]:
    days = [datetime(year, 1, 1) + timedelta(days=day) for day in range(365)]
    return [
        day
        for day in days
        if day.replace(tzinfo=zone).utcoffset() != (day + timedelta(days=1)).replace(tzinfo=zone).utcoffset()
    ]


def expected(clock_time: datetime, zone: str) -> datetime | None:
    """Return the first instant of a clock time; None if the clock skipped it."""
    moment = clock_time.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return moment if moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == clock_time else None


def left(frame: Any, **more: Any) -> Logs | None:
    """Return logs without the bad rows; None if no row is left."""
    try:
        return Logs.from_orders(frame, on_issues="split", **more)
    except LogsError as error:
        assert str(error).startswith("no row is left: ")  # noqa: PT017 (an outcome of random rows)
        return None


def instants(frame: Any, **more: Any) -> list[datetime | None]:
    """Return the instant of each order; None for an order that was split off."""
    logs = left(frame, **more)
    if logs is None:
        return [None] * len(frame)
    rows = logs._native(logs._logs["purchases"].select("id", "purchased_at"), order=())
    table = (
        rows
        if isinstance(rows, pl.DataFrame)
        else pl.from_pandas(rows)
        if isinstance(rows, pd.DataFrame)
        else rows.pl()
    )
    times = dict(table.rows())
    return [instant(times[str(row)]) if str(row) in times else None for row in range(len(frame))]


def orders(times: list[Any]) -> pl.DataFrame:
    """Return one order for each time."""
    return pl.DataFrame({"id": range(len(times)), "purchased_at": times}).with_columns(
        person_id=pl.lit("p"), amount=pl.lit(5)
    )


@pytest.mark.parametrize("zone", ZONES)
@given(data=st.data())
def test_a_clock_time_is_that_of_the_zone(zone: str, data: st.DataObject) -> None:
    """The first instant if the clock showed it twice, an issue if the clock skipped it."""
    times = data.draw(st.lists(CLOCK_TIMES | near_changes(zone), min_size=1, max_size=20))

    assert instants(orders(times), tz=zone) == [expected(one, zone) for one in times]


@pytest.mark.parametrize("form", FORMATS)
@given(data=st.data())
def test_a_text_is_that_of_python(form: str, data: st.DataObject) -> None:
    """Every format of the list, with texts that Python refuses among them."""
    times = data.draw(st.lists(CLOCK_TIMES, min_size=1, max_size=10))
    texts = [moment.strftime(form) for moment in times]
    texts += [text.replace("1", "9") for text in texts] + ["", "x", texts[0] + "0"]
    parsed: list[datetime | None] = []
    for text in texts:
        try:
            moment = datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            moment = END.replace(tzinfo=UTC, year=9999)
        parsed.append(moment if moment.year < 2200 else None)

    assert instants(orders(texts), tz=Times("UTC", format=form)) == parsed


@pytest.mark.no_cover
@pytest.mark.parametrize("engine", ["duckdb", "pandas"])
@pytest.mark.parametrize("form", ["iso", *FORMATS[2:4], "epoch", "epoch_ms"])
def test_the_portable_way_reads_alike(engine: str, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database and pandas without Polars read the texts that Polars reads."""
    moments = [datetime(2026, 3, 1, 0, 5, 7, 250_000), datetime(1999, 12, 31, 12, 59), datetime(2028, 2, 29, 23, 0, 1)]
    seconds = [(moment - datetime(1970, 1, 1)).total_seconds() for moment in moments]
    texts = {"iso": [f"{moment}" for moment in moments], "epoch": [f"{one}" for one in seconds]}
    texts["epoch_ms"] = [f"{one * 1000:.0f}" for one in seconds]
    cells = [
        *texts.get(form, [moment.strftime(form) for moment in moments]),
        "",
        "2026-02-30",
        "1:99",
        "-5",
        "99999999999",
    ]
    frame = orders(cells)
    there = instants(frame, tz=Times("UTC", format=form))
    if engine == "pandas":
        monkeypatch.setattr("funnel._dataframes.adapter.installed", lambda module: module == "pandas")
    other = on(engine, {"o": frame})["o"]
    logs = Logs.from_orders(other, on_issues="split", tz=Times("UTC", format=form))
    table = logs._native(logs._logs["purchases"].select("id", "purchased_at"), order=())
    times = dict((pl.from_pandas(table) if engine == "pandas" else table.pl()).rows())

    assert [instant(times[str(row)]) if str(row) in times else None for row in range(len(frame))] == there


AMOUNTS = st.builds(
    lambda sign, whole, part: f"{sign}{whole}{part}",
    st.sampled_from(["", "-", "USD ", "USD", "-USD ", "--"]),
    st.integers(0, 10**8).map(str) | st.integers(0, 10**8).map("{:,}".format) | st.sampled_from(["", "1,00", "1.234"]),
    st.sampled_from(["", ".5", ".50", ".501", ",50", "."]),
)


@given(st.lists(AMOUNTS, min_size=1, max_size=20), st.sampled_from(["plain", "us", "id"]))
def test_a_text_of_money_is_that_of_money(texts: list[str], style: Any) -> None:
    """An amount is read exactly if `Money.parse` reads it, with the same number of cents."""
    frame = orders([datetime(2026, 1, 1, tzinfo=UTC)] * len(texts)).with_columns(amount=pl.Series(texts))
    logs = left(frame, currency="USD", amount=style)
    rows = logs._logs["purchases"].select("id", "amount").collect().to_polars().rows() if logs else []
    money: dict[str, int] = {}
    for row, text in enumerate(texts):
        try:
            money[str(row)] = Money.parse(text, "USD", style=style).minor
        except MoneyError:
            continue

    assert dict(rows) == {row: minor for row, minor in money.items() if minor >= 0}


@given(st.lists(st.integers(0, 10**13) | st.integers(0, 10**5), min_size=1), st.sampled_from(["USD", "JPY", "KWD"]))
def test_a_float_is_the_number_that_it_prints_as(minors: list[int], currency: str) -> None:
    """Each amount of whole minor units as a float is read back; a tenth of a minor unit more is an issue."""
    power = {"USD": 100, "JPY": 1, "KWD": 1000}[currency]
    floats = [minor / power for minor in minors] + [(minors[0] * 10 + 1) / (power * 10)]
    frame = orders([datetime(2026, 1, 1, tzinfo=UTC)] * len(floats)).with_columns(amount=pl.Series(floats))
    logs = Logs.from_orders(frame, currency=currency, amount="major", on_issues="split")
    amounts = dict(logs._logs["purchases"].select("id", "amount").collect().to_polars().rows())

    assert amounts == {str(row): minor for row, minor in enumerate(minors)}


def test_a_frame_is_read_as_the_reader_of_files_reads_it() -> None:
    """`read_orders` with a mapping gives the same purchases: lines added, copies read once, the zone's rules."""
    frame = pl.DataFrame(
        {
            "No": ["1", "1", "1", "2"],
            "Who": ["a", "a", "a", "b"],
            "When": ["2026-10-25 02:30", "2026-10-25 02:10", "2026-10-25 02:10", "2026-03-01"],
            "Paid": ["1,019.99", "5.00", "5.00", "7"],
            "Item": ["mug", "pot", "pot", "pan"],
        }
    )
    mapping = OrderMapping(
        columns=Columns(id="No", person_id="Who", purchased_at="When", amount="Paid"),
        currency="USD",
        zone="Europe/Paris",
        amount_style="us",
    )
    names = {"id": "No", "person_id": "Who", "purchased_at": "When", "amount": "Paid"}
    logs = Logs.from_orders(frame, names, tz="Europe/Paris", currency="USD", amount=Amounts("us"))
    columns = ["id", "person_id", "purchased_at", "amount"]
    ours = logs._logs["purchases"].select(columns).collect().to_polars().sort("id")
    theirs = read_orders(frame, mapping).purchases.select(columns).sort("id")

    assert ours.rows() == theirs.with_columns(pl.col("purchased_at").dt.timestamp("us")).rows()
