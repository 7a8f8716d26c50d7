"""Remedies for a column, as code of the caller's own engine."""

from __future__ import annotations

from collections.abc import Mapping

from funnel._dataframes.adapter import FrameKind

_ROUND: Mapping[str, str] = {
    "polars": "df.with_columns(pl.col({name!r}).round({decimals}))",
    "pandas": "df[{name!r}] = df[{name!r}].round({decimals})",
    "pyarrow": "pyarrow.compute.round(table[{name!r}], {decimals})",
    "duckdb": "round({name}, {decimals})",
    "ibis": "table.mutate({name}=table[{name!r}].round({decimals}))",
    "pyspark": "df.withColumn({name!r}, functions.round({name!r}, {decimals}))",
}
_TEXT: Mapping[str, str] = {
    "polars": "df.with_columns(pl.col({name!r}).cast(pl.String))",
    "pandas": "df[{name!r}] = df[{name!r}].astype('string')",
    "pyarrow": "table[{name!r}].cast(pyarrow.string())",
    "duckdb": "cast({name} as varchar)",
    "ibis": "table.mutate({name}=table[{name!r}].cast('string'))",
    "pyspark": "df.withColumn({name!r}, df[{name!r}].cast('string'))",
}


_LAST: Mapping[str, str] = {
    "polars": "df.unique({name!r}, keep='last', maintain_order=True)",
    "pandas": "df.drop_duplicates({name!r}, keep='last')",
    "pyarrow": "pl.from_arrow(table).unique({name!r}, keep='last', maintain_order=True)",
    "duckdb": "qualify row_number() over (partition by {name} order by exported_at desc) = 1",
    "ibis": "ibis.row_number().over(group_by={name!r}, order_by=ibis.desc('exported_at')) == 0",
    "pyspark": "functions.row_number().over(Window.partitionBy({name!r}).orderBy(functions.desc('exported_at'))) == 1",
}
_TIME: Mapping[str, str] = {
    "polars": "pl.col({name!r}).str.to_datetime(time_zone='UTC')",
    "pandas": "pd.to_datetime(df[{name!r}]).dt.tz_localize('Asia/Jakarta')",
    "pyarrow": "pyarrow.compute.strptime(table[{name!r}], format='%Y-%m-%d %H:%M', unit='us')",
    "duckdb": "cast({name} as timestamptz)",
    "ibis": "table[{name!r}].cast('timestamp('UTC')')",
    "pyspark": "functions.to_timestamp({name!r})",
}
_ZONE: Mapping[str, str] = {
    "polars": "pl.col({name!r}).dt.replace_time_zone('Asia/Jakarta')",
    "pandas": "df[{name!r}].dt.tz_localize('Asia/Jakarta')",
    "pyarrow": "pyarrow.compute.assume_timezone(table[{name!r}], 'Asia/Jakarta')",
    "duckdb": "timezone('Asia/Jakarta', {name})",
    "ibis": "table[{name!r}].cast('timestamp('UTC')')",
    "pyspark": "functions.to_utc_timestamp({name!r}, 'Asia/Jakarta')",
}


def round_it(kind: FrameKind, name: str, decimals: int) -> str:
    """Return how to round a column of amounts."""
    return f"if rounding is right, round it first: {_of(_ROUND, kind).format(name=name, decimals=decimals)}"


READ_AS_MINOR = "whole numbers were read as minor units (cents)"
"""Note about amounts whose unit nobody said."""


def in_units(currency: str) -> str:
    """Return how to read amounts of whole units of a currency, such as 19.99, that were read as minor units."""
    code = currency or "USD"
    return f"if 19.99 means {code} 19.99, pass currency={code!r} and amount='major'"


def keep_last(kind: FrameKind, name: str) -> str:
    """Return how to keep the last row of each value of a column."""
    return _of(_LAST, kind).format(name=name)


def to_text(kind: FrameKind, name: str) -> str:
    """Return how to make texts of a column."""
    return _of(_TEXT, kind).format(name=name)


def to_time(kind: FrameKind, name: str) -> str:
    """Return how to make aware times of texts."""
    return _of(_TIME, kind).format(name=name)


def with_zone(kind: FrameKind, name: str) -> str:
    """Return how to give naive times their zone."""
    return _of(_ZONE, kind).format(name=name)


def _of(remedies: Mapping[str, str], kind: FrameKind) -> str:
    return remedies[kind.removesuffix(" lazy")]
