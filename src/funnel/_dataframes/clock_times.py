"""Times without a zone as microseconds of the clock, whatever the time zone of the engine's session."""

from __future__ import annotations

import importlib
from typing import Any

import narwhals as nw

from funnel._dataframes.adapter import Frame, FrameKind, microseconds


def clock_microseconds(frame: Frame, frame_kind: FrameKind, name: str) -> Frame:
    """Convert a column of naive times or days to microseconds since 1970-01-01 00:00 of the same clock."""
    frame = frame.with_columns(nw.col(name).cast(nw.Datetime("us")).alias(name))
    return _of_spark(frame, name) if frame_kind == "pyspark" else microseconds(frame, frame_kind, [name])


def _of_spark(frame: Frame, name: str) -> Frame:  # pragma: no cover - make test-full has PySpark
    """Spark counts microseconds of instants only; the parts of a clock time need no zone."""
    functions: Any = importlib.import_module("pyspark.sql.functions")
    native: Any = nw.to_native(frame)
    time = native[name]
    minutes = (functions.unix_date(functions.to_date(time)) * 24 + functions.hour(time)) * 60 + functions.minute(time)
    seconds = functions.extract(functions.lit("SECOND"), time)
    micros = minutes.cast("long") * 60_000_000 + (seconds * 1_000_000).cast("long")
    converted: Frame = nw.from_native(native.withColumn(name, micros))
    return converted
