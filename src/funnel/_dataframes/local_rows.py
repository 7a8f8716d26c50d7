"""Rows of plain Python as a frame of the engine of another frame, in the same session."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import narwhals as nw

from funnel._dataframes.adapter import Frame

Columns = Mapping[str, Sequence[str] | Sequence[int]]
"""Columns of texts and of whole numbers, without nulls."""


def frame_like(frame: Frame, columns: Columns, *, texts: Sequence[str]) -> Frame:
    """Return columns as a frame of the same engine, and in the same session, as another frame.

    Args:
        frame: A frame of the engine.
        columns: The values of each column, without nulls.
        texts: Names of the columns of texts; the others hold whole numbers.
    """
    engine: Any = frame.implementation
    if engine in _REMOTE:
        remote: Frame = nw.from_native(_REMOTE[engine](nw.to_native(frame), columns, texts))
        return remote
    schema = {name: nw.String() if name in texts else nw.Int64() for name in columns}
    return nw.from_dict(dict(columns), schema, backend=engine).lazy()


def _in_duckdb(native: Any, columns: Columns, texts: Sequence[str]) -> Any:
    """Return the rows as a relation of the relation's connection, which runs a query of literals."""
    rows = ", ".join(f"({', '.join(map(_literal, row))})" for row in zip(*columns.values(), strict=True))
    types = ", ".join(f"{name}::{'varchar' if name in texts else 'bigint'} as {name}" for name in columns)
    nothing = f"({', '.join('null' for _ in columns)})"
    query = f"select {types} from (values {rows or nothing}) as listed({', '.join(columns)})"  # noqa: S608 (quoted)
    return native.query("unread", query if rows else f"{query} limit 0")


def _literal(value: str | int) -> str:
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def _in_ibis(_: Any, columns: Columns, texts: Sequence[str]) -> Any:  # pragma: no cover - make test-full has Ibis
    arrow: Any = importlib.import_module("pyarrow")
    schema = arrow.schema({name: arrow.string() if name in texts else arrow.int64() for name in columns})
    return importlib.import_module("ibis").memtable(arrow.table(dict(columns), schema))


def _in_pyspark(native: Any, columns: Columns, texts: Sequence[str]) -> Any:  # pragma: no cover - make test-full
    schema = ", ".join(f"{name} {'string' if name in texts else 'bigint'}" for name in columns)
    return native.sparkSession.createDataFrame(list(zip(*columns.values(), strict=True)), schema)


_REMOTE: Mapping[nw.Implementation, Callable[[Any, Columns, Sequence[str]], Any]] = {
    nw.Implementation.DUCKDB: _in_duckdb,
    nw.Implementation.IBIS: _in_ibis,
    nw.Implementation.PYSPARK: _in_pyspark,
}
