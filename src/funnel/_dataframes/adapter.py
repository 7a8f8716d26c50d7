"""The adapter for all dataframes: input becomes a lazy narwhals frame. `output.py` makes results of its type.

In local memory everything runs lazily on Polars if it is installed. Lazy Polars is several times faster than eager
frames, and narwhals' own windows on pyarrow give wrong results. Data in a database or a cluster stays there.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Literal

import attrs
import narwhals as nw

from funnel._arguments import INNER, a_kind_of
from funnel._dataframes import spark
from funnel._dataframes.compute import check_pandas_alone, collected, computing, schema_of
from funnel._dataframes.ibis_dialects import (
    dialect_of,
    looking_ahead,
    refuse_clickhouse,
    to_instants,
    to_microseconds,
    zone_of,
)
from funnel._format import sql_name
from funnel.errors import EngineError, MissingExtraError

Frame = nw.LazyFrame[Any]
FrameKind = Literal["polars", "polars lazy", "pandas", "pyarrow", "duckdb", "ibis", "pyspark", "pyspark connect"]
ROW = f"{INNER}row"
"""The column of row numbers (from 1), if rows have an order."""

_SUPPORTED = "polars (eager or lazy), pandas, pyarrow, DuckDB relations, Ibis tables and PySpark frames"


@attrs.frozen
class InputFrame:
    """A frame inside the library, with the kind of frame it came from.

    `excluded` names the columns that are not read. `typeless` names the columns without values: their type is unknown.
    """

    frame: Frame
    frame_kind: FrameKind
    excluded: tuple[str, ...] = ()
    typeless: frozenset[str] = frozenset()

    @property
    def engine(self) -> str:
        """The engine that runs the frame; frames of one engine can be joined."""
        return str(self.frame.implementation)


def from_native(native: object, read: Collection[str] | None = None) -> InputFrame:
    """Convert a dataframe: all of it, or only the columns that are read.

    Raises:
        EngineError: It is not a dataframe, its results are not verified on its engine, or it is a DuckDB or Ibis frame
            whose session is not in UTC.
        MissingExtraError: It is a pyarrow table and Polars, which runs it, is not installed.
    """
    frame, excluded = _select_columns(_narwhals(native), read)
    return attrs.evolve(_input_frame(frame), excluded=excluded)


def column_types(native: object) -> dict[str, nw.dtypes.DType]:
    """Return the columns of a dataframe with their types, without reading rows.

    Raises:
        EngineError: It is not a dataframe.
    """
    return {str(name): dtype for name, dtype in schema_of(_narwhals(native)).items()}


def _input_frame(frame: Any) -> InputFrame:
    match frame.implementation:
        case nw.Implementation.POLARS:
            return _polars(nw.to_native(frame), "polars" if isinstance(frame, nw.DataFrame) else "polars lazy")
        case nw.Implementation.PANDAS:
            return _pandas(frame)
        case nw.Implementation.PYARROW:
            return _polars(_to_polars(frame, _polars_module().from_arrow), "pyarrow")
        case nw.Implementation.DUCKDB | nw.Implementation.IBIS | nw.Implementation.PYSPARK:
            return _remote(frame.lazy())
        case nw.Implementation.PYSPARK_CONNECT:  # pragma: no cover - make test-services has PySpark
            return InputFrame(nw.from_native(spark.to_ibis(nw.to_native(frame))).lazy(), "pyspark connect")
        case other:
            msg = f"dataframes of {other} are not supported: results are not verified there; use {_SUPPORTED}"
            raise EngineError(msg)


def _narwhals(native: Any) -> Any:
    try:
        return nw.from_native(native)
    except TypeError:
        if hasattr(native, "__arrow_c_stream__"):
            return nw.from_native(_polars_module().DataFrame(native))
        raise EngineError(f"{a_kind_of(native)} is not a supported dataframe; give one of {_SUPPORTED}") from None
    except nw.exceptions.DuplicateError:
        msg = "two columns of the frame have the same name; rename one or leave it out"
        raise EngineError(msg) from None


def _select_columns(frame: Any, read: Collection[str] | None) -> tuple[Any, tuple[str, ...]]:
    """Return the frame with the columns to read, and the names of the other columns."""
    names = list(schema_of(frame))
    selected = [name for name in names if read is None or name in read]
    for name in selected:
        if str(name).casefold().startswith(INNER):
            msg = f"column {name} begins with {INNER}, which is reserved for this library; rename it"
            raise EngineError(msg)
    excluded = tuple(str(name) for name in names if name not in selected)
    with computing():  # some versions of DuckDB query the connection at every step of a plan
        selection = frame if not excluded else frame.select(*selected) if selected else frame.head(0)
    return selection, excluded


def _polars(native: Any, frame_kind: FrameKind) -> InputFrame:
    with_rows = nw.from_native(native.lazy().with_row_index(ROW, offset=1)).with_columns(nw.col(ROW).cast(nw.Int64()))
    nothing = _polars_module().Null
    typeless = (name for name, dtype in native.lazy().collect_schema().items() if dtype == nothing)
    return InputFrame(with_rows, frame_kind, typeless=frozenset(typeless))


def _pandas(frame: Any) -> InputFrame:
    """Convert a pandas frame to Polars if Polars and pyarrow are installed."""
    native = nw.to_native(frame).reset_index(drop=True)
    typeless = frozenset(str(name) for name in native.columns if _is_empty(native[name]))
    if installed("polars") and installed("pyarrow"):
        converted = _to_polars(nw.from_native(native), _polars_module().from_pandas)
        return attrs.evolve(_polars(converted, "pandas"), typeless=typeless)
    check_pandas_alone(importlib.import_module("pandas").__version__)
    with_rows = nw.from_native(native).with_row_index(ROW).with_columns(nw.col(ROW).cast(nw.Int64()) + 1)
    return InputFrame(with_rows.lazy(), "pandas", typeless=typeless)


def _is_empty(column: Any) -> bool:
    """Return whether a pandas column has no values; the first cell mostly decides."""
    return bool(column.head(1).isna().all() and column.isna().all())


def _to_polars(frame: Any, convert: Callable[[Any], Any]) -> Any:
    """Return the frame as a Polars frame.

    Raises:
        EngineError: A column cannot be converted. Its values are not shown, because they may be private.
    """
    converted = _convert_or_none(frame, convert)
    if converted is not None:
        return converted
    bad = ", ".join(str(name) for name in frame.columns if _convert_or_none(frame.select(name), convert) is None)
    msg = f"values of different types, or of an unsupported type, are in {bad}; give each column one type"
    raise EngineError(msg)


def _convert_or_none(frame: Any, convert: Callable[[Any], Any]) -> Any:
    try:
        return convert(nw.to_native(frame))
    except (TypeError, ValueError, NotImplementedError, _polars_module().exceptions.PolarsError):
        return None


def _remote(frame: Frame) -> InputFrame:
    frame_kind = _REMOTE[frame.implementation]
    if frame_kind == "pyspark":  # pragma: no cover - make test-full has PySpark, whose instants know no zone
        return InputFrame(frame, frame_kind)
    if frame_kind == "ibis":
        refuse_clickhouse(nw.to_native(frame))
    zones = {dtype.time_zone or "" for dtype in frame.collect_schema().values() if isinstance(dtype, nw.Datetime)}
    if zones and frame_kind == "ibis":
        zones.add(zone_of(nw.to_native(frame)))
    strange = sorted(zones - {"", "UTC", "Etc/UTC"})
    if strange:
        msg = (
            f"the session shows times in {strange[0]}; set its time zone to UTC first "
            "(DuckDB: set timezone = 'UTC'), instants stay the same"
        )
        raise EngineError(msg)
    return InputFrame(frame, frame_kind)


def joinable(frames: Iterable[InputFrame]) -> bool:
    """Return whether frames share a session; DuckDB joins only within one."""
    first, *others = frames
    if first.frame_kind != "duckdb":
        return True
    refused = importlib.import_module("duckdb").InvalidInputException
    native: Any = nw.to_native(first.frame)
    try:
        for other in others:
            native.set_alias("here").cross(nw.to_native(other.frame).set_alias("there"))
    except refused:
        return False
    return True


_REMOTE: Mapping[nw.Implementation, FrameKind] = {
    nw.Implementation.DUCKDB: "duckdb",
    nw.Implementation.IBIS: "ibis",
    nw.Implementation.PYSPARK: "pyspark",
}


def installed(module: str) -> bool:
    """Return whether an optional package can be imported."""
    return importlib.util.find_spec(module) is not None


def _polars_module() -> Any:
    if not installed("polars"):
        msg = "this frame needs Polars, which is not installed; run: pip install 'shopfunnel[polars]'"
        raise MissingExtraError(msg)
    return importlib.import_module("polars")


def collect_once(frame: Frame) -> Frame:
    """Compute the frame once for all later queries, if it is in local memory.

    A lazy frame is read only once, so later results use the same rows that were validated.
    """
    if not frame.implementation.is_polars():
        return frame
    computed: Frame = nw.from_native(collected(nw.to_native(frame)).lazy())
    return computed


def materialize(frame: Frame) -> Frame:
    """Store the rows of the frame in the session, if the engine can.

    DuckDB and Spark repeat everything in a plan that is read twice, and traverse the whole plan at every step. Without
    stored rows, planning can take minutes. Spark stores each row on two executors, so that one may be lost.
    """
    native: Any = nw.to_native(frame)
    with computing():
        if frame.implementation.is_pyspark():  # pragma: no cover - make test-services has PySpark
            level = importlib.import_module("pyspark").StorageLevel.MEMORY_AND_DISK_2
            frame = nw.from_native(native.localCheckpoint(storageLevel=level))
        elif frame.implementation.is_duckdb() and hasattr(native, "materialize"):
            frame = nw.from_native(native.materialize())
    return frame


def distinct(frame: Frame) -> Frame:
    """Return each row once."""
    if frame.implementation in _REMOTE:  # `unique` of narwhals numbers equal rows in a window, which must sort them
        once: Frame = nw.from_native(nw.to_native(frame).distinct())
        return once
    return frame.unique()


def duplicated(frame: Frame, keys: Sequence[str]) -> Frame:
    """Return the rows with a duplicate in the columns `keys`, which have no nulls.

    Polars first looks for equal hashes. That sorts one column of integers and leaves few rows to compare.
    """
    candidates = _same_hash(frame, keys) if frame.implementation.is_polars() else frame
    times = candidates.group_by(*keys).agg(nw.len().alias("_times"))
    return candidates.join(times.filter(nw.col("_times") > 1).drop("_times"), on=list(keys), how="semi")


def _same_hash(frame: Frame, keys: Sequence[str]) -> Frame:
    """Return the rows whose hash is not unique: all duplicates and a few others."""
    rows = collected(nw.to_native(frame))
    hashes = rows.select(_polars_module().struct(*keys).hash()).to_series()
    line = hashes.sort()
    matching: Frame = nw.from_native(rows.filter(hashes.is_in(line.filter(line == line.shift()).implode())).lazy())
    return matching


def to_local(frame: Frame, frame_kind: FrameKind) -> tuple[Frame, FrameKind]:
    """Return the frame in local memory, and its new kind.

    Raises:
        MissingExtraError: No local engine is installed.
    """
    if not is_remote(frame_kind):
        return frame, frame_kind
    for engine in ("polars", "pandas"):
        if installed(engine):
            return collected(frame, engine).lazy(), engine
    msg = "this is computed in local memory, and no engine is installed; run: pip install 'shopfunnel[polars]'"
    raise MissingExtraError(msg)


def is_remote(frame_kind: FrameKind) -> bool:
    """Return whether the frame is in a database or a cluster and is computed there."""
    return frame_kind in _REMOTE.values() or frame_kind == "pyspark connect"


# ---- instants ------------------------------------------------------------------------------------------------------


def microseconds(frame: Frame, frame_kind: FrameKind, names: Sequence[str]) -> Frame:
    """Convert aware datetimes to whole microseconds since 1970; nulls stay null.

    Every engine has its own exact conversion. No exact conversion exists on all engines.
    """
    if not names:
        return frame
    if frame_kind in _INSTANTS:
        converted: Frame = nw.from_native(_INSTANTS[frame_kind](nw.to_native(frame), names))
        return converted
    return frame.with_columns(nw.col(name).dt.timestamp("us") for name in names)


def _from_duckdb(native: Any, names: Sequence[str]) -> Any:
    return native.project(
        f"* replace ({', '.join(f'epoch_us({sql_name(name)}) as {sql_name(name)}' for name in names)})"
    )


_INSTANTS: Mapping[FrameKind, Callable[[Any, Sequence[str]], Any]] = {
    "duckdb": _from_duckdb,
    "ibis": lambda native, names: to_microseconds(native, names, dialect_of(native)),
    "pyspark": spark.to_microseconds,
    "pyspark connect": lambda native, names: to_microseconds(native, names, "pyspark"),
}


# ---- output --------------------------------------------------------------------------------------------------------


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


def _out_lazy(frame: Frame, instants: Sequence[str], spans: Sequence[str], _: Sequence[str] = ()) -> Any:
    times = [nw.col(name).cast(nw.Datetime("us", "UTC")) for name in instants]
    waits = [nw.col(name).cast(nw.Duration("us")) for name in spans]
    return nw.to_native(frame.with_columns(*times, *waits) if times or waits else frame)


def _out_polars(frame: Frame, instants: Sequence[str], spans: Sequence[str], order: Sequence[str]) -> Any:
    rows = collected(_out_lazy(frame, instants, spans))
    if not order or (len(order) == 1 and _is_sorted(rows[order[0]])):
        return rows
    # Polars sorts a struct of texts 2-3x as fast as a column of texts.
    return rows.sort(importlib.import_module("polars").struct(*order))


def _is_sorted(column: Any) -> bool:
    """Return whether a column is in order; old versions of Polars keep the mark of sorted columns through a join."""
    return not (column[1:] < column[:-1]).any()


def _out_pandas(frame: Frame, instants: Sequence[str], spans: Sequence[str], order: Sequence[str]) -> Any:
    engine: nw.Implementation = frame.implementation
    if engine == nw.Implementation.POLARS:
        return _out_polars(frame, instants, spans, order).to_pandas()
    pd: Any = importlib.import_module("pandas")
    rows = collected(frame)
    native = nw.to_native(rows.sort(*order) if order else rows).reset_index(drop=True)
    times = {name: pd.to_datetime(native[name].astype("Int64"), unit="us", utc=True) for name in instants}
    waits = {name: pd.to_timedelta(native[name].astype("Int64"), unit="us") for name in spans}
    return native.assign(**times, **waits)


def _out_duckdb(frame: Frame, instants: Sequence[str], _: Sequence[str], __: Sequence[str]) -> Any:
    native = nw.to_native(frame)
    columns = ", ".join(f"make_timestamptz({sql_name(name)}) as {sql_name(name)}" for name in instants)
    return native.project(f"* replace ({columns})") if instants else native


def _out_ibis(frame: Frame, instants: Sequence[str], _: Sequence[str], __: Sequence[str]) -> Any:
    native: Any = looking_ahead(nw.to_native(frame))
    return to_instants(native, instants, dialect_of(native)) if instants else native


Output = Callable[[Frame, Sequence[str], Sequence[str], Sequence[str]], Any]
_OUTPUTS: Mapping[FrameKind, Output] = {
    "polars": _out_polars,
    "polars lazy": _out_lazy,
    "pyarrow": lambda frame, instants, spans, order: _out_polars(frame, instants, spans, order).to_arrow(),
    "pandas": _out_pandas,
    "duckdb": _out_duckdb,
    "ibis": _out_ibis,
    "pyspark": lambda frame, instants, _, __: spark.to_instants(nw.to_native(frame), instants),
    "pyspark connect": lambda frame, instants, spans, order: spark.to_spark(_out_ibis(frame, instants, spans, order)),
}
