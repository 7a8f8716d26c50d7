"""Computation by an engine, with its failures as errors of this library."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import narwhals as nw

from funnel._dataframes.ibis_dialects import dialect_of, looking_ahead
from funnel._dataframes.spark import to_spark
from funnel.errors import EngineError

_ENGINES = frozenset({"duckdb", "ibis", "narwhals", "pandas", "polars", "py4j", "pyarrow", "pyo3_runtime", "pyspark"})
"""Packages whose errors are errors of an engine; Polars raises panics as errors of `pyo3_runtime`."""

_PANDAS_ALONE = 3
"""The first version of pandas that gives correct results without Polars."""


@contextmanager
def computing() -> Generator[None, None, None]:
    """Raise `EngineError` if an engine fails.

    Examples are a lazy plan that cannot run and a closed database connection. The engine's own message may contain
    values of rows, so it is not repeated.

    Raises:
        EngineError: The engine failed.
    """
    try:
        yield
    except BaseException as error:
        engine = type(error).__module__.partition(".")[0].removeprefix("_")
        if engine not in _ENGINES:
            raise
        reason = f"{type(error).__name__} of {engine}"
    else:
        return
    raise EngineError(f"the frame cannot be computed ({reason}); compute it by itself to see why, and pass the result")


def collected(frame: Any, *backend: str, **options: Any) -> Any:
    """Return the rows of a lazy narwhals or Polars frame, in local memory.

    Args:
        frame: The frame.
        backend: The engine of the result; by default, the engine of the frame.
        options: Options of the engine, such as Polars' `engine="in-memory"`.

    Raises:
        EngineError: The plan of the frame fails.
    """
    with computing():
        if frame.__class__ is nw.LazyFrame and frame.implementation.is_ibis():
            native = looking_ahead(nw.to_native(frame))
            # Ibis collects from Spark through pandas, which makes floats of whole numbers with nulls.
            is_spark = dialect_of(native) == "pyspark"
            frame = nw.from_native(to_spark(native).toArrow() if is_spark else native).lazy()
        return frame.collect(*backend, **options)


def schema_of(frame: Any) -> nw.Schema:
    """Return the columns of a narwhals frame with their types.

    Raises:
        EngineError: The plan of the frame fails.
    """
    with computing():
        schema: nw.Schema = frame.collect_schema()
        return schema


def check_pandas_alone(version: str) -> None:
    """Check that this version of pandas works without Polars.

    Raises:
        EngineError: This version converts missing values to the text 'None'.
    """
    if int(version.partition(".")[0]) < _PANDAS_ALONE:
        msg = (
            f"pandas {version} cannot be used without Polars, because it converts missing values to the text 'None'; "
            f"upgrade to pandas {_PANDAS_ALONE}, or run: pip install 'shopfunnel[polars,pyarrow]'"
        )
        raise EngineError(msg)


def to_rows(frame: nw.LazyFrame[Any], *columns: str) -> Sequence[tuple[Any, ...]]:
    """Return the rows of a small table in local memory, from any engine; a missing value is None.

    Args:
        frame: The table.
        columns: The columns to read, in this order; by default all.
    """
    computed = collected(frame.select(*columns) if columns else frame)
    lists = (column.to_list() for column in computed.iter_columns())
    if computed.implementation.is_pandas():  # NaN or NaT is missing there, such as the smallest number of no rows
        lists = ([None if value != value else value for value in values] for values in lists)  # noqa: PLR0124
    return list(zip(*lists, strict=True))


def whole(value: Any) -> int:
    """Return a number from an engine as a whole number.

    An engine may return null for an empty table.
    """
    return 0 if value is None else int(value)
