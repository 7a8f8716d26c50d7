"""Differences between the databases behind Ibis: instants, and functions that look ahead."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from funnel._time import EPOCH
from funnel.errors import EngineError

Dialect = Literal["bigquery", "clickhouse", "databricks", "duckdb", "postgres", "snowflake", "trino"]
"""SQL dialects in which the library writes SQL."""

DIALECTS: tuple[Dialect, ...] = get_args(Dialect)

CLICKHOUSE = "clickhouse"
"""Database whose LAG and LEAD return 0 instead of null at the first or last row, so windows are wrong."""

_SPARK = frozenset({"databricks", "pyspark"})
"""Databases that run Spark. It subtracts instants as clock times of the session, which may be an hour off."""

_SUBTRACT = frozenset({"bigquery", "snowflake"})
"""Databases that subtract instants as whole microseconds.

On Snowflake, the remainder of a second before 1970 is negative.
"""


def dialect_of(native: Any) -> str:
    """Return the SQL dialect of the database that holds an Ibis table."""
    return str(native.get_backend().name)


def refuse_clickhouse(native: Any) -> None:
    """Refuse a table in ClickHouse.

    Raises:
        EngineError: The table is in ClickHouse.
    """
    if dialect_of(native) == CLICKHOUSE:
        msg = "tables in ClickHouse are not supported, because its window functions return 0 instead of null"
        raise EngineError(f"{msg}; export the table to Parquet and read it with Polars or DuckDB")


def to_microseconds(native: Any, names: Sequence[str], dialect: str) -> Any:
    """Return an Ibis table with instants as whole microseconds since 1970."""
    return native.mutate(**{name: _microseconds(native[name], dialect) for name in names})


def _microseconds(column: Any, dialect: str) -> Any:
    if dialect in _SPARK:
        instants = _datatypes().Timestamp(timezone="UTC")
        if column.type().timezone is None:  # Spark would read it as a time in the zone of the session
            column = _function("to_timestamp", "string", instants)(column.cast("string") + "Z")
        return _function("unix_micros", instants, "int64")(column)
    if dialect in _SUBTRACT:
        return column.delta(_ibis().literal(EPOCH), unit="microsecond").cast("int64")
    # Ibis treats DuckDB's seconds as integers and drops a cast to integers, but they are floats.
    seconds = column.truncate("s").epoch_seconds().cast("float64").cast("int64")
    return seconds * 1_000_000 + column.microsecond()


def to_instants(native: Any, names: Sequence[str], dialect: str) -> Any:
    """Return an Ibis table with whole microseconds since 1970 as instants."""
    return native.mutate(**{name: _instant(native[name], dialect) for name in names})


def _instant(column: Any, dialect: str) -> Any:
    instants = _datatypes().Timestamp(timezone="UTC", scale=6)
    if dialect in _SPARK:
        return _function("timestamp_micros", "int64", instants)(column)
    if dialect == "trino":  # it rounds intervals to ms; its nanoseconds since 1970 fit 64 bits for all supported years
        return _function("from_unixtime_nanos", "int64", instants)(column * 1_000)
    return _ibis().literal(EPOCH) + column.as_interval("us")


def in_64_bits(native: Any, names: Iterable[str]) -> Any:  # pragma: no cover - make test-services has PySpark
    """Return an Ibis table on Spark with 64 bits for whole numbers: Ibis writes them without a type, which has 32."""
    bigint = _function("bigint", "int64", "int64")
    return native.mutate(**{name: bigint(native[name]) for name in names})


def _function(name: str, argument: Any, result: Any) -> Any:
    """Return a function of the database."""
    return _ibis().udf.scalar.builtin(_of, name=name, signature=((argument,), result))


def _datatypes() -> Any:
    return importlib.import_module("ibis.expr.datatypes")


def _of(number: Any) -> Any:
    """Stand for a function of the database; Ibis reads the name of its argument."""


def looking_ahead(native: Any) -> Any:
    """Return an Ibis table with LEAD in place of LAG by a negative number of rows.

    Narwhals writes `shift(-1)` as LAG, which BigQuery, ClickHouse and Trino refuse.
    """
    operations: Any = importlib.import_module("ibis.expr.operations")

    def lead(node: Any, changed: Mapping[str, Any] | None) -> Any:
        node = node.__recreate__(changed) if changed else node
        if isinstance(node, operations.Lag) and node.offset.value < 0:
            return operations.Lead(node.arg, -node.offset.value, node.default)
        return node

    return native.op().replace(lead).to_expr()


def zone_of(native: Any) -> str:
    """Return UTC if the session of an Ibis table shows UTC; Ibis types say UTC in every session."""
    ibis = _ibis()
    hours = [ibis.literal(datetime(2026, month, 1, tzinfo=UTC)).hour().name(f"in_{month}") for month in (1, 7)]
    rows = native.get_backend().to_pyarrow(native.aggregate(rows=native.count()).select(*hours)).to_pylist()
    return "UTC" if set(rows[0].values()) == {0} else "another zone"


def _ibis() -> Any:
    return importlib.import_module("ibis")
