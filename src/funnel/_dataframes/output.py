"""Results as dataframes of the kind of the input, with the engine's own times and spans, and rows in a fixed order."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import narwhals as nw

from funnel._dataframes import spark
from funnel._dataframes.adapter import Frame, FrameKind
from funnel._dataframes.compute import collected
from funnel._dataframes.frame_types import FrameT
from funnel._dataframes.ibis_dialects import dialect_of, looking_ahead, to_instants
from funnel._format import sql_name


def to_native(
    frame: Frame,
    frame_kind: FrameKind,
    *,
    instants: Sequence[str] = (),
    spans: Sequence[str] = (),
    order: Sequence[str] = (),
) -> Any:
    """Convert a frame to its input kind, with the engine's own times and spans.

    If the engine has no durations with microseconds (the SQL engines), spans stay whole microseconds. The rows of eager
    frames are sorted by the columns `order`; rows of lazy frames and of databases have no order.
    """
    return _OUTPUTS[frame_kind](frame, instants, spans, order)


def with_added(
    native: FrameT, frame: Frame, frame_kind: FrameKind, added: Sequence[str], **types: Sequence[str]
) -> FrameT:
    """Return a dataframe with the columns `added` of a frame of its rows; `types` names its instants and spans.

    A pandas frame keeps its index and the types of its other columns.
    """
    result: FrameT = to_native(frame, frame_kind, **types)
    pandas: Any = native
    if not nw.from_native(pandas).implementation.is_pandas():
        return result
    computed: Any = result
    extended = pandas.assign(**{name: computed[name].array for name in added})
    names = {str(name): name for name in extended.columns}
    ordered: FrameT = extended[[names[name] for name in computed.columns]]
    return ordered


def _lazy_polars(frame: Frame, instants: Sequence[str], spans: Sequence[str], _: Sequence[str] = ()) -> Any:
    times = [nw.col(name).cast(nw.Datetime("us", "UTC")) for name in instants]
    waits = [nw.col(name).cast(nw.Duration("us")) for name in spans]
    return nw.to_native(frame.with_columns(*times, *waits) if times or waits else frame)


def _polars(frame: Frame, instants: Sequence[str], spans: Sequence[str], order: Sequence[str]) -> Any:
    rows = collected(_lazy_polars(frame, instants, spans))
    if not order or (len(order) == 1 and rows[order[0]].flags["SORTED_ASC"]):
        return rows
    # Polars sorts a struct of texts 2-3x as fast as a column of texts.
    return rows.sort(importlib.import_module("polars").struct(*order))


def _pandas(frame: Frame, instants: Sequence[str], spans: Sequence[str], order: Sequence[str]) -> Any:
    engine: nw.Implementation = frame.implementation
    if engine == nw.Implementation.POLARS:
        return _polars(frame, instants, spans, order).to_pandas()
    pd: Any = importlib.import_module("pandas")
    rows = collected(frame)
    native = nw.to_native(rows.sort(*order) if order else rows).reset_index(drop=True)
    times = {name: pd.to_datetime(native[name].astype("Int64"), unit="us", utc=True) for name in instants}
    waits = {name: pd.to_timedelta(native[name].astype("Int64"), unit="us") for name in spans}
    return native.assign(**times, **waits)


def _duckdb(frame: Frame, instants: Sequence[str], _: Sequence[str], __: Sequence[str]) -> Any:
    native = nw.to_native(frame)
    columns = ", ".join(f"make_timestamptz({sql_name(name)}) as {sql_name(name)}" for name in instants)
    return native.project(f"* replace ({columns})") if instants else native


def _ibis(frame: Frame, instants: Sequence[str], _: Sequence[str], __: Sequence[str]) -> Any:
    native: Any = looking_ahead(nw.to_native(frame))
    return to_instants(native, instants, dialect_of(native)) if instants else native


Output = Callable[[Frame, Sequence[str], Sequence[str], Sequence[str]], Any]
_OUTPUTS: Mapping[FrameKind, Output] = {
    "polars": _polars,
    "polars lazy": _lazy_polars,
    "pyarrow": lambda frame, instants, spans, order: _polars(frame, instants, spans, order).to_arrow(),
    "pandas": _pandas,
    "duckdb": _duckdb,
    "ibis": _ibis,
    "pyspark": lambda frame, instants, _, __: spark.to_instants(nw.to_native(frame), instants),
    "pyspark connect": lambda *arguments: spark.to_spark(_ibis(*arguments)),
}
