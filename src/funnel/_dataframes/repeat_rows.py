"""Repetition of the rows of a frame. Narwhals has no such function."""

from __future__ import annotations

import importlib
from typing import Any

import narwhals as nw

from funnel._arguments import INNER
from funnel._dataframes.adapter import Frame

REPEAT = f"{INNER}repetition"
"""The column with the number of the repetition of a row, from 0."""


def repeat_rows(frame: Frame, times: int) -> Frame:
    """Repeat every row, with the number of the repetition."""
    native: Any = nw.to_native(frame)
    engine: Any = frame.implementation
    match engine:
        case nw.Implementation.DUCKDB:
            native = native.project(f'*, unnest(range({times})) as "{REPEAT}"')
        case nw.Implementation.IBIS:
            numbers = importlib.import_module("pyarrow").table({REPEAT: range(times)})  # not all databases can unnest
            native = native.cross_join(importlib.import_module("ibis").memtable(numbers))
        case nw.Implementation.PYSPARK:  # pragma: no cover - make test-services has PySpark
            functions = importlib.import_module("pyspark.sql.functions")
            numbers = functions.sequence(functions.lit(0), functions.lit(times - 1))
            native = native.withColumn(REPEAT, functions.explode(numbers))
        case _:
            return frame.join(nw.from_dict({REPEAT: list(range(times))}, backend=engine).lazy(), how="cross")
    repeated: Frame = nw.from_native(native)
    return repeated
