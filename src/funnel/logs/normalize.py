"""Normalise a shop's frame into a canonical log: instants in microseconds, no nulls, every column present."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import narwhals as nw

from funnel._dataframes.adapter import ROW, Frame, InputFrame, microseconds
from funnel._dataframes.compute import collected
from funnel._expr.to_narwhals import to_int
from funnel._fields import FLOAT_ID
from funnel._ledger.streams import LARGEST_AMOUNT
from funnel.logs.schema import LOGS, OR_READ, OUTWARD, WIDE, Column, Issue, hint, wrong_type

MISSING = -(2**62)
"""Value of a missing instant or integer; no engine has a datetime that early."""


def schema_issues(log: str, source: InputFrame, *, alone: bool = False) -> Iterator[Issue]:
    """Yield missing columns and wrong types.

    The people of a frame that is read alone may be integers: no other frame calls them "7".
    """
    schema = source.frame.collect_schema()
    columns = LOGS[log]
    missing = [name for name, column in columns.items() if column.required and name not in {*schema, *source.typeless}]
    for name, column in columns.items():
        if name in source.typeless:
            continue
        if name in schema:
            checked = Column("id") if alone and column.kind == "person" else column
            problem = wrong_type(name, checked, schema[name], source)
            if problem:
                yield Issue(log, name, f"is {schema[name]}; {problem}")
        elif name in missing:
            other = f"; {OR_READ}" if name == missing[-1] and any(source.excluded) else ""
            yield Issue(log, name, f"is missing{hint(name, source.excluded)}{other}")


def normalize(log: str, source: InputFrame, own: Sequence[str] = ()) -> Frame:
    """Return the log with all columns typed, and own columns as they are.

    Only missing required people and cells of own columns are null.
    """
    schema = {name: dtype for name, dtype in source.frame.collect_schema().items() if name not in source.typeless}
    columns = {name: _column(name, column, schema.get(name)) for name, column in LOGS[log].items()}
    keep = [*([ROW] if ROW in schema else []), *own]
    instants = [name for name, dtype in schema.items() if isinstance(dtype, nw.Datetime) and name in columns]
    frame = microseconds(source.frame, source.frame_kind, instants).select(*keep, **columns)
    return frame.with_columns(default_direction()) if log == "interactions" else frame


def _column(name: str, column: Column, dtype: nw.dtypes.DType | None) -> nw.Expr:
    if column.kind == "person":
        return nw.lit(None, nw.String()) if dtype is None else _person(nw.col(name), column, dtype)
    if dtype is None:
        return _default(column)
    value = nw.col(name)
    if column.kind == "instant":
        return _filled(value, column, MISSING).cast(nw.Int64())
    if column.kind in ("amount", "whole"):
        return _filled(whole(value, dtype), column, MISSING).cast(nw.Int64())
    text = _filled(value.cast(nw.String()), column, "")
    return nw.when(text == "").then(nw.lit(column.default)).otherwise(text) if column.default else text


def _person(value: nw.Expr, column: Column, dtype: nw.dtypes.DType) -> nw.Expr:
    """Return a person; "" is null if the column is optional."""
    if dtype.is_integer():
        return value.cast(nw.String() if isinstance(dtype, WIDE) else nw.Int64())
    return value if column.required else nw.when(value != "").then(value)


def whole(value: nw.Expr, dtype: nw.dtypes.DType) -> nw.Expr:
    """Return an integer.

    A fraction or a number out of range becomes -1, which every check refuses.
    """
    if dtype.is_integer() and not isinstance(dtype, WIDE):
        return value.cast(nw.Int64())
    right = (value >= 0) & (value <= LARGEST_AMOUNT)
    if dtype.is_float():
        right &= value == value.round(0)
    else:  # some versions of Polars cast every value, also of the other branch
        value = value.clip(0, LARGEST_AMOUNT).cast(nw.Int64())
    return nw.when(right).then(value).otherwise(nw.when(~value.is_null()).then(nw.lit(-1)))


def _filled(value: nw.Expr, column: Column, missing: str | int) -> nw.Expr:
    return value.fill_null(missing if column.default is None else column.default)


def _default(column: Column) -> nw.Expr:
    if column.kind in ("instant", "amount", "whole"):
        return nw.lit(MISSING, nw.Int64())
    return nw.lit(column.default or "", nw.String())


def default_direction() -> nw.Expr:
    """Return who started an interaction; by default, as usual for its kind."""
    usual = nw.when(nw.col("kind").is_in(OUTWARD)).then(nw.lit("out")).otherwise(nw.lit("in"))
    return nw.when(nw.col("direction") == "").then(usual).otherwise(nw.col("direction")).alias("direction")


# ---- ids that a program wrote as floats: "556.0" in a text column of nothing else ------------------------------------


_FIRST = 100
"""Number of rows that decide for most columns, so that few columns are searched whole."""


def float_ids(frame: Frame, names: Sequence[str]) -> list[str]:
    """Return the text columns whose every filled cell is a whole number with ".0"."""
    if not names:
        return []
    first = collected(_texts(frame, names).head(_FIRST)).to_dict(as_series=False)
    names = [name for name in names if all(re.search(FLOAT_ID, text) for text in first[name] if text)]
    if not names:
        return []
    filled = [to_int(nw.col(name) != "").sum().alias(f"filled_{name}") for name in names]
    floats = [to_int(nw.col(name).str.contains(FLOAT_ID)).sum().alias(name) for name in names]
    counts = collected(_texts(frame, names).select(*filled, *floats)).to_dict(as_series=False)
    return [name for name in names if counts[name][0] and counts[name][0] == counts[f"filled_{name}"][0]]


def without_float_ends(frame: Frame, names: Sequence[str]) -> Frame:
    """Return 556 for "556.0"."""
    return frame.with_columns(_text(name).str.replace_all("[.]0$", "") for name in names)


def _texts(frame: Frame, names: Sequence[str]) -> Frame:
    return frame.select(_text(name) for name in names)


def _text(name: str) -> nw.Expr:
    return nw.col(name).cast(nw.String())
