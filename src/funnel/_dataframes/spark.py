"""Spark: instants of its frames, and frames of Spark Connect, which are Ibis tables inside.

Narwhals asks a session for the columns after most steps of a plan, and Spark Connect analyses the whole plan at each
request. Ibis knows the columns by itself, and the session receives one query.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from funnel._dataframes.ibis_dialects import in_64_bits
from funnel.errors import MissingExtraError

_CHANGED = ("spark.sql.session.timeZone", "spark.sql.mapKeyDedupPolicy")
"""Settings of a session that Ibis changes when it connects."""


def to_microseconds(native: Any, names: Sequence[str]) -> Any:  # pragma: no cover - make test-full has PySpark
    """Return a Spark frame with instants as whole microseconds since 1970."""
    functions = importlib.import_module("pyspark.sql.functions")
    return native.withColumns({name: functions.unix_micros(native[name]) for name in names})


def to_instants(native: Any, names: Sequence[str]) -> Any:  # pragma: no cover - make test-full has PySpark
    """Return a Spark frame with whole microseconds since 1970 as instants."""
    functions = importlib.import_module("pyspark.sql.functions")
    return native.withColumns({name: functions.timestamp_micros(native[name]) for name in names})


# ---- Spark Connect -------------------------------------------------------------------------------------------------


def to_ibis(native: Any) -> Any:  # pragma: no cover - make test-services has PySpark
    """Return a Spark frame as an Ibis table: a temporary view of the session.

    Raises:
        MissingExtraError: Ibis is not installed.
    """
    if importlib.util.find_spec("ibis") is None:
        msg = "frames of Spark Connect are read with Ibis, which is not installed; run: pip install 'shopfunnel[ibis]'"
        raise MissingExtraError(msg)
    name = importlib.import_module("ibis.util").gen_name("shopfunnel")
    native.createOrReplaceTempView(name)
    table = _backend(native.sparkSession).table(name)
    instant: Any = importlib.import_module("pyspark.sql.types").TimestampType
    instants = (field.name for field in native.schema if isinstance(field.dataType, instant))
    return table.mutate(**{name: table[name].cast("timestamp('UTC')") for name in instants})


@lru_cache(maxsize=4)
def _backend(session: Any) -> Any:  # pragma: no cover - make test-services has PySpark
    """Return the session as a database of Ibis; its settings stay the same."""
    before = {name: session.conf.get(name) for name in _CHANGED}
    backend = importlib.import_module("ibis").pyspark.connect(session)
    for name, value in before.items():
        session.conf.set(name, value)
    return backend


def to_spark(native: Any) -> Any:  # pragma: no cover - make test-services has PySpark
    """Return an Ibis table of a Spark session as a Spark frame."""
    ibis, backend = importlib.import_module("ibis"), native.get_backend()
    local: Any = importlib.import_module("ibis.expr.operations").InMemoryTable
    for table in native.op().find(local):
        backend.create_view(table.name, ibis.memtable(table.data.to_pyarrow(table.schema)), overwrite=True)
    whole = (name for name, dtype in native.schema().items() if dtype.is_int64())
    return backend.raw_sql(str(ibis.to_sql(in_64_bits(native, whole), dialect="pyspark")))
