"""Instants of Ibis tables, in the SQL of each database."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from funnel._time import EPOCH

Dialect = Literal["bigquery", "clickhouse", "databricks", "duckdb", "postgres", "snowflake", "trino"]
"""SQL dialects in which the library writes SQL."""

DIALECTS: tuple[Dialect, ...] = get_args(Dialect)

_SUBTRACT = frozenset({"bigquery", "clickhouse", "databricks", "pyspark", "snowflake"})
"""Databases that subtract instants as whole microseconds.

Databricks cannot extract microseconds. The remainder of a second before 1970 is negative on ClickHouse and Snowflake.
"""


def dialect_of(native: Any) -> str:
    """Return the SQL dialect of the database that holds an Ibis table."""
    return str(native.get_backend().name)


def to_microseconds(native: Any, names: Sequence[str], dialect: str) -> Any:
    """Return an Ibis table with instants as whole microseconds since 1970."""
    return native.mutate(**{name: _microseconds(native[name], dialect) for name in names})


def _microseconds(column: Any, dialect: str) -> Any:
    if dialect in _SUBTRACT:
        return column.delta(_ibis().literal(EPOCH), unit="microsecond").cast("int64")
    # Ibis treats DuckDB's seconds as integers and drops a cast to integers, but they are floats.
    seconds = column.truncate("s").epoch_seconds().cast("float64").cast("int64")
    return seconds * 1_000_000 + column.microsecond()


def to_instants(native: Any, names: Sequence[str], dialect: str) -> Any:
    """Return an Ibis table with whole microseconds since 1970 as instants."""
    return native.mutate(**{name: _instant(native[name], dialect) for name in names})


def _instant(column: Any, dialect: str) -> Any:
    ibis = _ibis()
    if dialect != "clickhouse":
        return ibis.literal(EPOCH) + column.as_interval("us")
    instants = importlib.import_module("ibis.expr.datatypes").Timestamp(timezone="UTC", scale=6)
    convert: Any = ibis.udf.scalar.builtin(
        lambda _: None, name="fromUnixTimestamp64Micro", signature=(("int64",), instants)
    )
    return convert(column)


def zone_of(native: Any) -> str:
    """Return UTC if the session of an Ibis table shows UTC; Ibis types say UTC in every session."""
    ibis = _ibis()
    hours = [ibis.literal(datetime(2026, month, 1, tzinfo=UTC)).hour().name(f"in_{month}") for month in (1, 7)]
    rows = native.get_backend().to_pyarrow(native.aggregate(rows=native.count()).select(*hours)).to_pylist()
    return "UTC" if set(rows[0].values()) == {0} else "another zone"


def _ibis() -> Any:
    return importlib.import_module("ibis")
