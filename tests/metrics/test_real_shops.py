"""Retention and lifecycle on real shops, against the same numbers by SQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl
import pytest

from funnel.metrics import Counting
from funnel.metrics._lifecycle import lifecycle
from funnel.metrics._retention.retention import retention

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.no_cover

END = datetime(1998, 6, 30, 12, tzinfo=UTC)

TRIANGLE = """
with firsts as (select person_id, min(day) as first from bought group by 1)
select date_trunc('month', first) as cohort,
       date_diff('month', date_trunc('month', first), date_trunc('month', day)) as k,
       count(distinct person_id), count(*), sum(amount)::bigint
from bought join firsts using (person_id) group by 1, 2 order by 1, 2
"""

RETAINED = """
with active as (select distinct person_id, date_trunc('week', day) as week from bought)
select one.week, count(*), count(before.person_id)
from active one left join active before
  on before.person_id = one.person_id and before.week = one.week - interval 7 day
group by 1 order by 1
"""


def asking(path: Path, rows: str) -> tuple[pl.DataFrame, duckdb.DuckDBPyConnection]:
    """The purchases of a file as a plain table, and DuckDB, which knows them as `bought`."""
    connection = duckdb.connect()
    connection.read_parquet(str(path)).create_view("file")
    connection.execute(f"create table bought as {rows}")
    days = connection.table("bought").pl()
    zone = "Europe/London" if "online" in path.name else "UTC"
    at = (
        pl.col("day")
        .cast(pl.Datetime("us"))
        .dt.replace_time_zone(zone, ambiguous="earliest")
        .dt.convert_time_zone("UTC")
    )
    return days.select("person_id", "amount", purchased_at=at), connection


def cells(cohorts: Any) -> list[tuple[Any, ...]]:
    """Every cell of a table in which anybody bought, as SQL tells it."""
    return [
        (cohort.start, index, cohort.people[index], cohort.orders[index], cohort.revenue[index])
        for cohort in cohorts
        for index in range(len(cohort.people))
        if cohort.people[index]
    ]


def by_sql(connection: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    """The monthly triangle by SQL."""
    return [
        (cohort.date() if isinstance(cohort, datetime) else cohort, *rest)
        for cohort, *rest in connection.execute(TRIANGLE).fetchall()
    ]


CDNOW = "select customer_id as person_id, date as day, round(dollars * 100)::bigint as amount from file"


@pytest.mark.parametrize(("name", "people", "repeated"), [("full", 23_570, 11_516), ("sample", 2_357, None)])
def test_cdnow_has_its_published_counts(shared_data: Path, name: str, people: int, repeated: int | None) -> None:
    """Among 23,570 people, 11,516 bought on two or more days; the table by months equals SQL, and so do the weeks."""
    rows, connection = asking(shared_data / f"cdnow_{name}.parquet", CDNOW)
    daily = retention(
        rows.drop("amount"), "day", tz="UTC", as_of=END, brackets=(0, 1, 600), counting=Counting(measure="on_or_after")
    )
    [(by_days,)] = connection.execute(
        "select count(*) from (select person_id from bought group by 1 having count(distinct day) > 1)"
    ).fetchall()

    assert sum(cohort.size for cohort in daily) == people
    assert sum(cohort.people[1] for cohort in daily) == by_days
    assert repeated is None or by_days == repeated
    connection.execute("delete from bought where amount = 0")
    assert cells(retention(rows, tz="UTC", as_of=END)) == by_sql(connection)
    weeks = lifecycle(rows, "week", tz="UTC", as_of=END, week_start="monday")
    result = [(week.start, week.active, week.retained) for week in weeks if week.active]
    assert result == [
        (week.date() if isinstance(week, datetime) else week, *rest)
        for week, *rest in connection.execute(RETAINED).fetchall()
    ]


ONLINE_RETAIL = """
select CustomerID as person_id, min(InvoiceDate) as day, round(sum(Quantity * UnitPrice) * 100)::bigint as amount
from (select distinct * from file)
where CustomerID is not null and Quantity > 0 and UnitPrice > 0 and InvoiceNo not like 'C%' group by InvoiceNo, 1
"""


def test_online_retail_equals_sql(shared_data: Path) -> None:
    """4,338 buyers, 2,790 of them on two or more days by London's clock; the table by months equals SQL."""
    rows, connection = asking(shared_data / "online_retail.parquet", ONLINE_RETAIL)
    as_of = datetime(2011, 12, 10, tzinfo=UTC)
    daily = retention(
        rows, "day", tz="Europe/London", as_of=as_of, brackets=(0, 1, 600), counting=Counting(measure="on_or_after")
    )

    assert sum(cohort.size for cohort in daily) == 4_338
    assert sum(cohort.people[1] for cohort in daily if len(cohort.people) > 1) == 2_790
    assert cells(retention(rows, tz="Europe/London", as_of=as_of)) == by_sql(connection)
