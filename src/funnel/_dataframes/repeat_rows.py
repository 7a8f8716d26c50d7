"""Repetition of the rows of a frame in a database or a cluster. Narwhals has no such function for these engines."""

from __future__ import annotations

import importlib
from typing import Any

import narwhals as nw

from funnel._arguments import INNER
from funnel._dataframes.adapter import Frame

REPEAT = f"{INNER}repetition"
"""The column with the number of the repetition of a row, from 0."""


def repeat_rows(frame: Frame, times: int) -> Frame:
    """Repeat every row of a remote frame, with the number of the repetition.

    The frame is in a database or a cluster.
    """
    native: Any = nw.to_native(frame)
    engine: Any = frame.implementation
    match engine:
        case nw.Implementation.DUCKDB:
            native = native.project(f'*, unnest(range({times})) as "{REPEAT}"')
        case nw.Implementation.IBIS:
            numbers = importlib.import_module("pyarrow").table({REPEAT: range(times)})  # not all databases can unnest
            native = native.cross_join(importlib.import_module("ibis").memtable(numbers))
        case _:  # pragma: no cover - make test-full has PySpark
            functions = importlib.import_module("pyspark.sql.functions")
            numbers = functions.sequence(functions.lit(0), functions.lit(times - 1))
            native = native.withColumn(REPEAT, functions.explode(numbers))
    repeated: Frame = nw.from_native(native)
    return repeated
