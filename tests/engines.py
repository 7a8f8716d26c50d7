"""The same Polars tables on every engine, each by one name; which of them a run asks, and how many examples each."""

from __future__ import annotations

import atexit
import importlib
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import polars as pl
import pytest
from hypothesis import Phase, settings

Convert = Callable[[Mapping[str, pl.DataFrame]], dict[str, Any]]


def _each(change: Callable[[pl.DataFrame], Any]) -> Convert:
    return lambda tables: {log: change(table) for log, table in tables.items()}


def _duckdb(tables: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    import duckdb

    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    tables_by_log: dict[str, Any] = {}
    for log, table in tables.items():
        connection.register(f"arrow_{log}", table.to_arrow())
        connection.execute(f"create table {log} as select * from arrow_{log}")  # noqa: S608 (our own names)
        tables_by_log[log] = connection.table(log)
    return tables_by_log


def _ibis(tables: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    ibis = pytest.importorskip("ibis", reason="Ibis is not installed (make test-full does it)")

    return {log: ibis.memtable(table.to_arrow()) for log, table in tables.items()}


@cache
def spark_session() -> Any:
    """Return the Spark session of a process, in UTC: two executors that are processes of their own.

    The full run has one process instead: there, random examples are many and small.
    """
    sql = pytest.importorskip("pyspark.sql", reason="PySpark is not installed (make test-services does it)")
    if shutil.which("java") is None and os.environ.get("CI") != "true":
        pytest.skip("PySpark needs Java, and no java is on the path")
    os.environ |= {"SPARK_HOME": str(_spark_home()), "PYSPARK_PYTHON": sys.executable}
    master = "local[2]" if FULL else "local-cluster[2,1,1536]"
    session = sql.SparkSession.builder.master(master).config(map=_SPARK).getOrCreate()
    atexit.register(session.stop)  # before its files are removed
    return session


@cache
def _spark_home() -> Path:
    """Return a folder with links to the files of PySpark: executors of a local cluster write beside them."""
    package = Path(importlib.import_module("pyspark").__file__ or "").parent
    folder = Path(mkdtemp(prefix="spark-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for one in package.iterdir():
        (folder / one.name).symlink_to(one)
    return folder


_SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Options of Java for processes that end soon: compile fast, and collect garbage without threads of its own."""
_SPARK: Mapping[str, str] = {
    "spark.cores.max": "2",
    "spark.default.parallelism": "1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.extraJavaOptions": _SHORT_LIVED,
    "spark.driver.host": "127.0.0.1",
    "spark.executor.extraJavaOptions": _SHORT_LIVED,
    "spark.executor.memory": "768m",
    "spark.log.level": "ERROR",
    "spark.scheduler.maxRegisteredResourcesWaitingTime": "120s",
    "spark.scheduler.minRegisteredResourcesRatio": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.debug.maxToStringFields": "9999",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


CONNECT = "pyspark connect"
"""Spark Connect. Its session needs a process of its own, so it is not one of `ENGINES`."""


@cache
def connect_session() -> Any:
    """Return the Spark Connect session of a process that has no other Spark session; its zone is not UTC."""
    sql: Any = importlib.import_module("pyspark.sql")
    os.environ["SPARK_TESTING"] = "1"  # the server takes a free port
    started_with = {**_SPARK, "spark.sql.session.timeZone": "Asia/Jakarta"}
    return sql.SparkSession.builder.remote("local[2]").config(map=started_with).getOrCreate()


def _of_session(session: Any, tables: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    frames = {log: session.createDataFrame(table.to_arrow()) for log, table in tables.items()}
    naive = {log: _naive(frame, tables[log]) for log, frame in frames.items()}
    return {log: frame.withColumns(naive[log]) if naive[log] else frame for log, frame in frames.items()}


def _naive(frame: Any, table: pl.DataFrame) -> dict[str, Any]:
    """The times without a zone, which Spark takes for some in that of its session, as what they are."""
    names = (name for name, dtype in table.schema.items() if isinstance(dtype, pl.Datetime) and not dtype.time_zone)
    return {name: frame[name].cast("timestamp_ntz") for name in names}


ENGINES: Mapping[str, Convert] = {
    "polars": _each(lambda table: table),
    "polars lazy": _each(lambda table: table.lazy()),
    "pandas": _each(lambda table: table.to_pandas()),
    "pyarrow": _each(lambda table: table.to_arrow()),
    "duckdb": _duckdb,
    "ibis": _ibis,
    "pyspark": lambda tables: _of_session(spark_session(), tables),
}
"""How Polars tables become those of each engine."""

ALONE = "pandas alone"
"""Pandas where it is the only engine that is installed, which the fixture `engine` sees to."""


def on(engine: str, tables: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    """The tables on an engine."""
    if engine == CONNECT:
        return _of_session(connect_session(), tables)
    return ENGINES[engine.removesuffix(" alone")](tables)


FULL = os.environ.get("FUNNEL_PROFILE") == "full"
"""Whether this is the full run."""

HERE = [name for name in ENGINES if FULL or name not in ("ibis", "pyspark")]
"""The engines of this run: Ibis and PySpark, which take long to begin, are asked in `make test-full`."""

OF_POLARS = dict.fromkeys(("polars lazy", "pandas", "pyarrow"), 4)
"""Engines whose answers Polars computes here: the daily run asks them less, the full run as much as Polars."""

_TIMES_FEWER = {ALONE: 2, "duckdb": 2, "ibis": 50, "pyspark": 250} if FULL else {**OF_POLARS, ALONE: 3, "duckdb": 3}
"""How many times fewer examples an engine gets, for it takes so much longer whatever the number of rows."""

DEFAULT_MIN_PEOPLE = 2
"""Fewest examples of a law: the first that hypothesis makes is the simplest one, in which hardly anything happens."""


def examples(engine: str, most: int) -> int:
    """How many examples of a law an engine gets in this run, where Polars gets `most` in the daily one."""
    return max(most * settings.default.max_examples // 10 // _TIMES_FEWER.get(engine, 1), DEFAULT_MIN_PEOPLE)


def asked_of(engine: str, most: int) -> settings:
    """This number of examples; failing ones are not made smaller, since these engines would take too long."""
    return settings(max_examples=examples(engine, most), phases=[Phase.explicit, Phase.reuse, Phase.generate])
