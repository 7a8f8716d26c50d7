"""What to do about a column, as code of the caller's own engine."""

from __future__ import annotations

from collections.abc import Mapping

from funnel._dataframes.adapter import FrameKind

_ROUND: Mapping[str, str] = {
    "polars": "df.with_columns(pl.col({name!r}).round({places}))",
    "pandas": "df[{name!r}] = df[{name!r}].round({places})",
    "pyarrow": "pyarrow.compute.round(table[{name!r}], {places})",
    "duckdb": "round({name}, {places})",
    "ibis": "table.mutate({name}=table[{name!r}].round({places}))",
    "pyspark": "df.withColumn({name!r}, functions.round({name!r}, {places}))",
}
_TEXT: Mapping[str, str] = {
    "polars": "df.with_columns(pl.col({name!r}).cast(pl.String))",
    "pandas": "df[{name!r}] = df[{name!r}].astype('string')",
    "pyarrow": "table[{name!r}].cast(pyarrow.string())",
    "duckdb": "cast({name} as varchar)",
    "ibis": "table.mutate({name}=table[{name!r}].cast('string'))",
    "pyspark": "df.withColumn({name!r}, df[{name!r}].cast('string'))",
}


def round_it(kind: FrameKind, name: str, places: int) -> str:
    """Return how to round a column of amounts."""
    return f"if rounding is right, round it first: {_of(_ROUND, kind).format(name=name, places=places)}"


def to_text(kind: FrameKind, name: str) -> str:
    """Return how to make texts of a column."""
    return _of(_TEXT, kind).format(name=name)


def _of(remedies: Mapping[str, str], kind: FrameKind) -> str:
    return remedies[kind.removesuffix(" lazy")]
