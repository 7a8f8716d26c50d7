"""The same Polars tables on every engine, each by one name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

Convert = Callable[[Mapping[str, pl.DataFrame]], dict[str, Any]]


def _each(change: Callable[[pl.DataFrame], Any]) -> Convert:
    return lambda tables: {log: change(table) for log, table in tables.items()}


def _duckdb(tables: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    import duckdb

    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    made: dict[str, Any] = {}
    for log, table in tables.items():
        connection.register(f"arrow_{log}", table.to_arrow())
        connection.execute(f"create table {log} as select * from arrow_{log}")  # noqa: S608 (our own names)
        made[log] = connection.table(log)
    return made


def _ibis(tables: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    import ibis

    return {log: ibis.memtable(table.to_arrow()) for log, table in tables.items()}


def spark_session() -> Any:
    """The one local Spark session of a test run, in UTC."""
    from pyspark.sql import SparkSession

    settings = {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.ui.enabled": "false",
        "spark.sql.ansi.enabled": "false",
    }
    builder = SparkSession.builder.master("local[2]").appName("funnel")
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def _spark(tables: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    from pyspark.sql import types

    kinds: Mapping[Any, Any] = {pl.String: types.StringType(), pl.Int64: types.LongType()}
    session = spark_session()
    made: dict[str, Any] = {}
    for log, table in tables.items():
        fields = [
            types.StructField(name, kinds.get(dtype, types.TimestampType())) for name, dtype in table.schema.items()
        ]
        made[log] = session.createDataFrame([tuple(row) for row in table.iter_rows()], types.StructType(fields))
    return made


ENGINES: Mapping[str, Convert] = {
    "polars": _each(lambda table: table),
    "polars lazy": _each(lambda table: table.lazy()),
    "pandas": _each(lambda table: table.to_pandas()),
    "pyarrow": _each(lambda table: table.to_arrow()),
    "duckdb": _duckdb,
    "ibis": _ibis,
    "pyspark": _spark,
}
"""How Polars tables become those of each engine."""
