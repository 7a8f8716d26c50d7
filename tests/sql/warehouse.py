"""Queries in the SQL of a warehouse, run on the engines at hand: DuckDB, and ClickHouse in this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import sqlglot

from funnel import Facts, Logs
from funnel._dataframes.ibis_dialects import DIALECTS
from tests.frames import SCHEMAS, tables
from tests.specimens import NOW, everyone

WAREHOUSES = tuple(dialect for dialect in DIALECTS if dialect != "duckdb")
COLUMNS = {log: list(schema) for log, schema in SCHEMAS.items()}


@cache
def shop() -> Mapping[str, pl.DataFrame]:
    """The records of a small shop, each log a table."""
    return tables(everyone())


@cache
def table_of_facts() -> pl.DataFrame:
    """All facts of the people of the shop, as Polars has them."""
    return Facts.over(Logs(**shop()), as_of=NOW)


def facts() -> pl.DataFrame:
    """All facts of the people of the shop, with spans as whole microseconds."""
    table = table_of_facts()
    spans = [name for name, dtype in table.schema.items() if dtype == pl.Duration]
    return table.with_columns(pl.col(name).dt.total_microseconds() for name in spans)


def parsed(sql: str, dialect: str) -> sqlglot.Expr:
    """Parse SQL in a dialect; raise if it is not valid there."""
    (tree,) = sqlglot.parse(sql, read=dialect, error_level=sqlglot.ErrorLevel.RAISE)
    assert tree is not None
    return tree


def on_duckdb(sql: str, dialect: str, frames: Mapping[str, pl.DataFrame]) -> list[dict[str, Any]]:
    """Return the rows of a query that is translated from a dialect to DuckDB, ordered by person."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute("create macro from_unixtime_nanos(n) as make_timestamptz(n // 1000)")  # of Trino
        connection.execute("create macro timestamp_micros(n) as make_timestamptz(n)")  # of Databricks
        connection.execute("create macro ieee_divide(a, b) as a / b")  # of BigQuery
        for name, frame in frames.items():
            connection.register(name, frame.to_arrow())
        native = connection.sql(parsed(sql, dialect).sql(dialect="duckdb"))
        return comparable(native.pl().to_dicts())


def clickhouse(frames: Mapping[str, pl.DataFrame], folder: Path) -> Callable[[str], list[dict[str, Any]]]:
    """Return how ClickHouse answers a query in its own dialect over tables: with rows ordered by person."""
    import pyarrow as pa
    from chdb.session import Session

    session = Session()
    for name, frame in frames.items():
        frame.write_parquet(folder / f"{name}.parquet")
        source = f"file('{folder / name}.parquet')"
        session.query(f"create or replace view {name} as select * from {source}")  # noqa: S608 (our own names)

    def answer(sql: str) -> list[dict[str, Any]]:
        stream = session.query(sql, "ArrowStream")
        return comparable(pa.ipc.open_stream(stream.bytes()).read_all().to_pylist())

    return answer


def comparable(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows ordered by person, with instants in UTC."""
    plain = [{name: _value(value) for name, value in row.items()} for row in rows]
    return sorted(plain, key=lambda row: str(row["person_id"]))


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value
