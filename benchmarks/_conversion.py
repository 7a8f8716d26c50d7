"""One variant of a funnel in its own process: `python -m benchmarks._conversion VARIANT FILE COLUMN REPEATS`.

Each variant first reads the file into its own memory, which is not measured; "from Parquet" variants read it each time.
The answer is the number of people who reached each step, at their best entry.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import polars as pl

from benchmarks._child_run import THREADS, Answer, Variant, measured
from benchmarks._synthetic_events import AS_OF, STEPS, WITHIN

_WITHIN = WITHIN // timedelta(microseconds=1)


def _read(file: Path, person: str) -> pl.DataFrame:
    return pl.read_parquet(file, columns=[person, "occurred_at", "kind"]).rename({person: "person_id"}).rechunk()


def _query(events: object) -> Answer:
    from funnel import conversion
    from funnel.metrics import Matching

    funnel = conversion(events, STEPS, within=WITHIN, as_of=AS_OF, matching=Matching(attempts="any"))
    return [step.reached for step in funnel.steps]


def ours(file: Path, person: str) -> Callable[[], Answer]:
    """From an eager Polars frame."""
    events = _read(file, person)
    return lambda: _query(events)


def ours_pandas(file: Path, person: str) -> Callable[[], Answer]:
    """From a pandas frame."""
    events = _read(file, person).to_pandas()
    return lambda: _query(events)


def ours_parquet(file: Path, person: str) -> Callable[[], Answer]:
    """From the file, as a lazy frame."""
    return lambda: _query(pl.scan_parquet(file).select("occurred_at", "kind", person_id=person))


def polars(file: Path, person: str) -> Callable[[], Answer]:
    """By hand, from an eager Polars frame."""
    events = _read(file, person)
    return lambda: _by_hand(events.lazy())


def polars_parquet(file: Path, person: str) -> Callable[[], Answer]:
    """By hand, from the file."""
    return lambda: _by_hand(pl.scan_parquet(file).select("occurred_at", "kind", person_id=person))


def _by_hand(events: pl.LazyFrame) -> Answer:
    """Sort once; then carry the latest entry of each step down the frame and cut it at each person."""
    kinds = dict(zip(STEPS, range(1, 5), strict=True))
    step, index = pl.col("step"), pl.int_range(pl.len(), dtype=pl.UInt32)
    rows = (
        events.filter(pl.col("kind").is_in(STEPS))
        .select(
            "person_id",
            t=pl.col("occurred_at").to_physical(),
            step=pl.col("kind").replace_strict(kinds, return_dtype=pl.Int8),
        )
        .sort("person_id", "t", "step")
        .with_columns(index=index, new=pl.col("person_id") != pl.col("person_id").shift(1))
        .with_columns(
            first=pl.when(pl.col("new").fill_null(value=True)).then("index").forward_fill(),
            entry=pl.when(step == 1).then("index").forward_fill(),
            level=pl.when(step == 1).then(1).otherwise(0).cast(pl.Int8),
        )
    )
    for number in range(2, 5):
        entry = pl.when(pl.col("entry") >= pl.col("first")).then("entry")
        rows = rows.with_columns(entry=entry)
        reached = (step == number) & (pl.col("t") - pl.col("t").gather(pl.col("entry")) <= _WITHIN)
        rows = rows.with_columns(
            level=pl.when(reached).then(pl.lit(number, pl.Int8)).otherwise("level"),
            entry=pl.when(reached).then("entry").forward_fill(),
        )
    counts = rows.group_by("person_id").agg(pl.col("level").max()).group_by("level").len().collect()
    return _cumulated(dict(counts.iter_rows()))


def _cumulated(people: Mapping[int, int]) -> Answer:
    """Return how many people came at least this far, from how many came exactly this far."""
    return [sum(count for level, count in people.items() if level >= min_people) for min_people in range(1, 5)]


def duckdb(file: Path, person: str) -> Callable[[], Answer]:
    """DuckDB's SQL, from a table of its own."""
    return _duckdb(f"create table events as from {_duckdb_file(file, person)}", "events")


def duckdb_parquet(file: Path, person: str) -> Callable[[], Answer]:
    """DuckDB's SQL, from the file."""
    return _duckdb("", _duckdb_file(file, person))


def _duckdb_file(file: Path, person: str) -> str:
    return f"(select {person} as person_id, occurred_at, kind from '{file}')"  # noqa: S608 (our own words)


def _duckdb(prepared: str, table: str) -> Callable[[], Answer]:
    import duckdb as engine

    connection = engine.connect(config={"threads": THREADS})
    connection.execute(prepared)
    query = _SQL.format(table=table, within=_WITHIN)
    return lambda: _cumulated(dict(connection.execute(query).fetchall()))


_OVER = "over (partition by person_id order by t, step rows between unbounded preceding and current row)"
_SQL = f"""
with steps as (
  select person_id, epoch_us(occurred_at) as t,
    case kind when 'view' then 1 when 'cart' then 2 when 'checkout' then 3 else 4 end as step
  from {{table}} where kind in ('view', 'cart', 'checkout', 'purchase')
), one as (
  select *, max(case when step = 1 then t end) {_OVER} as entry_1 from steps
), two as (
  select *, max(case when step = 2 and t - entry_1 <= {{within}} then entry_1 end) {_OVER} as entry_2 from one
), three as (
  select *, max(case when step = 3 and t - entry_2 <= {{within}} then entry_2 end) {_OVER} as entry_3 from two
), people as (
  select person_id, max(case
    when step = 4 and t - entry_3 <= {{within}} then 4
    when step = 3 and t - entry_2 <= {{within}} then 3
    when step = 2 and t - entry_1 <= {{within}} then 2
    when step = 1 then 1 else 0 end) as level
  from three group by person_id
)
select level, count(*) from people group by level
"""  # noqa: S608 (our own words)


def clickhouse(file: Path, person: str) -> Callable[[], Answer]:
    """ClickHouse's own `windowFunnel`, from a table of its own in memory."""
    return _clickhouse(f"create table events engine = Memory as {_clickhouse_file(file, person)}", "events")


def clickhouse_parquet(file: Path, person: str) -> Callable[[], Answer]:
    """ClickHouse's own `windowFunnel`, from the file."""
    return _clickhouse("select 1", f"({_clickhouse_file(file, person)})")


def _clickhouse_file(file: Path, person: str) -> str:
    """Tell ClickHouse that no column has nulls, which makes it faster."""
    names = {"person_id": person, "occurred_at": "occurred_at", "kind": "kind"}
    columns = ", ".join(f"assumeNotNull({name}) as {alias}" for alias, name in names.items())
    return f"select {columns} from file('{file}', Parquet)"  # noqa: S608 (our own words)


def _clickhouse(prepared: str, table: str) -> Callable[[], Answer]:
    from chdb.session import Session

    session = Session()
    session.query(prepared)
    conditions = ", ".join(f"kind = '{kind}'" for kind in STEPS)
    kinds = ", ".join(f"'{kind}'" for kind in STEPS)
    level = f"windowFunnel({_WITHIN})(toUInt64(toUnixTimestamp64Micro(occurred_at)), {conditions})"
    people = f"select {level} as level from {table} where kind in ({kinds}) group by person_id"  # noqa: S608
    query = f"select level, count() from ({people}) group by level settings max_threads = {THREADS}"  # noqa: S608

    def answer() -> Answer:
        rows = str(session.query(query, "CSV")).split()
        return _cumulated({int(level): int(count) for level, count in (row.split(",") for row in rows)})

    return answer


VARIANTS: Mapping[str, Variant] = {
    "ours": ours,
    "ours, pandas": ours_pandas,
    "ours, from Parquet": ours_parquet,
    "Polars by hand": polars,
    "Polars by hand, from Parquet": polars_parquet,
    "DuckDB": duckdb,
    "DuckDB, from Parquet": duckdb_parquet,
    "ClickHouse": clickhouse,
    "ClickHouse, from Parquet": clickhouse_parquet,
}
"""How each way is called; the file comes first, then the column that tells people apart."""


if __name__ == "__main__":
    os.environ.setdefault("POLARS_MAX_THREADS", str(THREADS))
    print(json.dumps(measured(VARIANTS[sys.argv[1]](Path(sys.argv[2]), sys.argv[3]), int(sys.argv[4]))))
