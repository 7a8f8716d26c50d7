"""`recorded_at`: logs as they were known at an instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from funnel._dataframes import adapter
from funnel.errors import InstantError, LogsError
from funnel.logs import Logs
from tests.engines import ENGINES, HERE
from tests.frames import read
from tests.logs.shop import FewFacts

MARCH, APRIL, MAY = (datetime(2026, month, 1, tzinfo=UTC) for month in (3, 4, 5))
TICK = timedelta(microseconds=1)


def purchases(*recorded: datetime | None, number: str = "1") -> pl.DataFrame:
    """One purchase in March, once for each instant of recording."""
    rows = [(number, "p1", MARCH, 9, moment) for moment in recorded]
    time = pl.Datetime("us", "UTC")
    names = {"id": pl.String, "person_id": pl.String, "purchased_at": time, "amount": pl.Int64, "recorded_at": time}
    return pl.DataFrame(rows, names, orient="row")


def logs_known(logs: Logs, at: datetime) -> int:
    """Return how many purchases are known at an instant, as of May."""
    return sum(row["purchase_count"] for row in read(FewFacts.over(logs.as_known(at), as_of=MAY)))


@pytest.mark.parametrize("engine", HERE)
def test_a_row_is_known_from_recorded_at(engine: str) -> None:
    """Not a microsecond before; facts without `as_known` use the instant it happened; the logs stay unchanged."""
    logs = Logs(**ENGINES[engine]({"purchases": purchases(APRIL)}))

    assert [logs_known(logs, at) for at in (MARCH, APRIL - TICK, APRIL)] == [0, 0, 1]
    assert read(FewFacts.over(logs, as_of=MARCH))[0]["purchase_count"] == 1


@pytest.mark.parametrize("engine", HERE)
def test_without_recorded_at_a_row_is_known_when_it_happened(engine: str) -> None:
    """An empty cell, an empty column and no column are the same."""
    bare = purchases(None)
    for table in (bare, bare.drop("recorded_at"), pl.concat([bare, purchases(APRIL, number="2")])):
        logs = Logs(**ENGINES[engine]({"purchases": table}))
        assert [logs_known(logs, at) for at in (MARCH - TICK, MARCH)] == [0, 1]


def test_a_repeated_row_is_known_from_the_first_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """This holds on engines without an order of rows too."""
    twice = purchases(MAY, APRIL, MAY)
    for engine in ("polars", "duckdb"):
        logs = Logs(**ENGINES[engine]({"purchases": pl.concat([twice, purchases(MAY, number="2")])}))
        assert [logs_known(logs, at) for at in (MARCH, APRIL, MAY)] == [0, 1, 2]
    monkeypatch.setattr(adapter, "installed", lambda name: name != "polars")
    assert logs_known(Logs(purchases=twice.to_pandas()), APRIL) == 1


def test_recorded_at_outside_the_supported_years_is_an_issue() -> None:
    """Like every instant of the logs."""
    with pytest.raises(LogsError, match=r"purchases.recorded_at: 1 row \(row 1\): lies outside the years"):
        Logs(purchases=purchases(datetime(1700, 1, 1, tzinfo=UTC)))


@pytest.mark.parametrize("at", [MARCH.replace(tzinfo=None), "2026-03-01"])
def test_a_naive_instant_is_refused(at: datetime) -> None:
    """Nobody can know when that is."""
    with pytest.raises(InstantError, match="give an aware datetime"):
        Logs(purchases=purchases(APRIL)).as_known(at)
