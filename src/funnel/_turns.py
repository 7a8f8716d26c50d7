"""Rows of a frame in a database or a cluster, each as often as it is needed: no engine has narwhals' word for it."""

from __future__ import annotations

import importlib
from typing import Any

import narwhals as nw

from funnel._frames import Frame
from funnel._given import INNER

TURN = f"{INNER}turn"
"""The column of numbers (from 0) of a row that is repeated."""


def repeated(frame: Frame, times: int) -> Frame:
    """Every row of a frame in a database or a cluster so many times, each with the number of its turn."""
    native: Any = nw.to_native(frame)
    home: Any = frame.implementation
    match home:
        case nw.Implementation.DUCKDB:
            native = native.project(f'*, unnest(range({times})) as "{TURN}"')
        case nw.Implementation.IBIS:
            turns = importlib.import_module("pyarrow").table({TURN: range(times)})  # not all databases can unnest
            native = native.cross_join(importlib.import_module("ibis").memtable(turns))
        case _:  # pragma: no cover - make test-full has PySpark
            functions = importlib.import_module("pyspark.sql.functions")
            numbers = functions.sequence(functions.lit(0), functions.lit(times - 1))
            native = native.withColumn(TURN, functions.explode(numbers))
    turned: Frame = nw.from_native(native)
    return turned
