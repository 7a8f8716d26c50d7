"""One variant of cohorts or a summary in its own process: `... -m benchmarks._retention VARIANT FILE COLUMN REPEATS`.

Each variant first reads the file into its own memory, which is not measured. The answer of the triangle is its number
of people and the sum of all cells; the answer of the summary is the sums of its columns.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from benchmarks._child_run import THREADS, Answer, Variant, measured
from benchmarks._synthetic_orders import AS_OF, ZONE


def _read(file: Path, person: str, *more: str) -> pl.DataFrame:
    return pl.read_parquet(file, columns=[person, "purchased_at", *more]).rename({person: "person_id"}).rechunk()


# ---- the triangle --------------------------------------------------------------------------------------------------


def triangle(file: Path, person: str) -> Callable[[], Answer]:
    """From an eager Polars frame."""
    from funnel.metrics._retention.retention import retention

    orders = _read(file, person)

    def answer() -> Answer:
        rows = retention(orders, tz=ZONE, as_of=AS_OF).cohorts
        return _cells({(row.index, index): people for row in rows for index, people in enumerate(row.people)})

    return answer


def _cells(people: Mapping[tuple[int, int], int]) -> Answer:
    """Return the people of all cells, weighted so that a wrong cell changes the answer."""
    return [sum(people.values()), sum((1 + 100 * row + index) * many for (row, index), many in people.items())]


def triangle_polars(file: Path, person: str) -> Callable[[], Answer]:
    """By hand in Polars: the distinct months of each person, with the first month beside each."""
    orders = _read(file, person)

    def answer() -> Answer:
        local = pl.col("purchased_at").dt.convert_time_zone(ZONE)
        month = (local.dt.year().cast(pl.Int32) - 2023) * 12 + local.dt.month() - 1
        months = orders.lazy().select("person_id", month=month.cast(pl.Int16)).unique()
        first = months.group_by("person_id").agg(first=pl.col("month").min())
        cells = months.join(first, on="person_id").group_by("first", after=pl.col("month") - pl.col("first")).len()
        return _cells({(row, index): people for row, index, people in cells.collect().iter_rows()})

    return answer


def triangle_duckdb(file: Path, person: str) -> Callable[[], Answer]:
    """DuckDB's SQL."""
    query = f"""
    with once as (
      select distinct person_id, (date_part('year', shown) - 2023) * 12 + date_part('month', shown) - 1 as month
      from (select person_id, purchased_at at time zone '{ZONE}' as shown from orders)
    ), firsts as (select person_id, min(month) as first from once group by person_id)
    select first, month - first, count(*) from once join firsts using (person_id) group by 1, 2
    """  # noqa: S608 (our own words)
    rows = _duckdb(file, person, query)
    return lambda: _cells({(row, index): people for row, index, people in rows()})


def triangle_clickhouse(file: Path, person: str) -> Callable[[], Answer]:
    """ClickHouse: the months of each person as bits of a number, the fastest of the tried variants."""
    month = f"toRelativeMonthNum(purchased_at, '{ZONE}') - toRelativeMonthNum(toDate('2023-01-01'))"
    query = f"""
    select first, arrayJoin(months) - first, count() from (
      select bitPositionsToArray(groupBitOr(bitShiftLeft(toUInt64(1), {month}))) as months, months[1] as first
      from orders group by person_id
    ) group by 1, 2
    """  # noqa: S608 (our own words)
    rows = _clickhouse(file, person, query)
    return lambda: _cells({(row, index): people for row, index, people in rows()})


# ---- the summary ---------------------------------------------------------------------------------------------------


def summary(file: Path, person: str) -> Callable[[], Answer]:
    """From an eager Polars frame."""
    from funnel.metrics._purchase_summary import PurchaseSummary

    orders = _read(file, person, "amount")

    def answer() -> Answer:
        prepared = PurchaseSummary.over(orders, tz=ZONE, as_of=AS_OF)
        return [len(prepared), *map(int, prepared.drop("person_id").sum().row(0))]

    return answer


def summary_lifetimes(file: Path, person: str) -> Callable[[], Answer]:
    """The function of `lifetimes` that prepares data for its models."""
    from lifetimes.utils import summary_data_from_transaction_data as by_lifetimes  # type: ignore[import-not-found]

    orders = _read(file, person, "amount").to_pandas()
    orders["purchased_at"] = orders["purchased_at"].dt.tz_convert(ZONE).dt.tz_localize(None)

    def answer() -> Answer:
        end = AS_OF.astimezone(ZoneInfo(ZONE)).replace(tzinfo=None)
        prepared: Any = by_lifetimes(orders, "person_id", "purchased_at", "amount", observation_period_end=end)
        paid = (prepared["monetary_value"] * prepared["frequency"]).round().sum()
        return [len(prepared), *(int(one) for one in (*prepared[["frequency", "recency", "T"]].sum(), paid))]

    return answer


def summary_clickhouse(file: Path, person: str) -> Callable[[], Answer]:
    """ClickHouse: first by day, then by person."""
    query = f"""
    select count(), sum(days - 1), sum(last - first), sum(dateDiff('day', first, toDate('{AS_OF:%Y-%m-%d}'))), sum(paid)
    from (
      select person_id, count() as days, min(day) as first, max(day) as last, sum(amount) - argMin(amount, day) as paid
      from (
        select person_id, toDate(purchased_at, '{ZONE}') as day, sum(amount) as amount from orders group by 1, 2
      ) group by person_id
    )
    """  # noqa: S608 (our own words)
    rows = _clickhouse(file, person, query, "amount")
    return lambda: list(rows()[0])


# ---- engines -------------------------------------------------------------------------------------------------------


def _duckdb(file: Path, person: str, query: str) -> Callable[[], list[tuple[int, ...]]]:
    import duckdb as engine

    connection = engine.connect(config={"threads": THREADS})
    connection.execute("set timezone = 'UTC'")
    connection.execute(f"create table orders as select {person} as person_id, purchased_at from '{file}'")  # noqa: S608
    return lambda: [tuple(map(int, row)) for row in connection.execute(query).fetchall()]


def _clickhouse(file: Path, person: str, query: str, *more: str) -> Callable[[], list[tuple[int, ...]]]:
    from chdb.session import Session

    session = Session()
    names = {"person_id": person, **{name: name for name in ("purchased_at", *more)}}
    columns = ", ".join(f"assumeNotNull({name}) as {alias}" for alias, name in names.items())
    session.query(f"create table orders engine = Memory as select {columns} from file('{file}', Parquet)")  # noqa: S608

    def rows() -> list[tuple[int, ...]]:
        lines = str(session.query(f"{query} settings max_threads = {THREADS}", "CSV")).split()
        return [tuple(map(int, row.split(","))) for row in lines]

    return rows


VARIANTS: Mapping[str, Variant] = {
    "triangle": triangle,
    "triangle, Polars by hand": triangle_polars,
    "triangle, DuckDB": triangle_duckdb,
    "triangle, ClickHouse": triangle_clickhouse,
    "summary": summary,
    "summary, lifetimes": summary_lifetimes,
    "summary, ClickHouse": summary_clickhouse,
}
"""How each way is called; the file comes first, then the column that tells people apart."""


if __name__ == "__main__":
    os.environ.setdefault("POLARS_MAX_THREADS", str(THREADS))
    print(json.dumps(measured(VARIANTS[sys.argv[1]](Path(sys.argv[2]), sys.argv[3]), int(sys.argv[4]))))
