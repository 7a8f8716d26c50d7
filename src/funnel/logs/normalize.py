"""Normalise a shop's frame into a canonical log: instants in microseconds, no nulls, every column present."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import narwhals as nw

from funnel._arguments import suggest
from funnel._dataframes.adapter import ROW, InputFrame, microseconds
from funnel._ledger.streams import LARGEST_AMOUNT
from funnel.logs.issues import Issue
from funnel.logs.schema import LOGS, OUTWARD, Column

Frame = nw.LazyFrame[Any]
MISSING = -(2**62)
"""Value of a missing instant or integer; no engine has a datetime that early."""

_LONGEST_HINT = 200
_ALIKE = 0.9
_WIDE = (nw.UInt64, nw.Int128, nw.UInt128)


def schema_faults(log: str, entered: InputFrame) -> Iterator[Issue]:
    """Yield missing columns, wrong types and names that look misspelt."""
    schema = entered.frame.collect_schema()
    columns = LOGS[log]
    for name, column in columns.items():
        if name in entered.typeless:
            continue
        if name in schema:
            problem = wrong_type(column, schema[name], entered)
            if problem:
                yield Issue(log, name, f"is {schema[name]}; {problem}")
        elif column.required:
            yield Issue(log, name, f"is missing{hint(name, entered.excluded)}")
    absent = [name for name, column in columns.items() if name not in schema and not column.required]
    yield from _misspelt(log, absent, entered.excluded)


_LONGEST = 200
"""Number of characters compared: the time of difflib grows with the square of the length."""


def hint(name: object, others: Sequence[str]) -> str:
    """Return a hint which of the other columns a missing name means."""
    if not isinstance(name, str) or not any(others):
        return ""
    same = [other for other in others if _plain(other) == _plain(name)]
    meant = f"did you mean {same[0]}?" if same else suggest(name, others)
    if len(meant) > _LONGEST_HINT:
        return f"; none of the {len(others)} others is like it"
    return f"; {meant}"


def _misspelt(log: str, absent: Sequence[str], given: Sequence[str]) -> Iterator[Issue]:
    plain = {_plain(name): name for name in absent}
    for name in given:
        for meant in get_close_matches(_plain(name), plain, n=1, cutoff=_ALIKE):
            yield Issue(log, name, f"is not a column that is read; did you mean {plain[meant]}?")


def _plain(name: str) -> str:
    return "".join(letter for letter in name[:_LONGEST].lower() if letter.isalnum()).removesuffix("s")


_WITH_ZONE: Mapping[str, str] = {
    "polars": "dt.replace_time_zone",
    "pandas": "dt.tz_localize",
    "pyarrow": "pyarrow.compute.assume_timezone",
    "duckdb": "timezone('Asia/Jakarta', column)",
}
"""How to give naive times a zone, by engine."""


def zone_remedy(entered: InputFrame) -> str:
    """Return what to do about naive times, for the engine of the frame."""
    how = next((words for engine, words in _WITH_ZONE.items() if entered.home.startswith(engine)), "")
    return f"say which zone these naive times are in{f' ({how})' if how else ''}"


def wrong_type(column: Column, dtype: Any, entered: InputFrame) -> str:
    """Return what to give instead of a wrong column type; empty if it is right."""
    match column.kind:
        case "instant" if not isinstance(dtype, nw.Datetime):
            return "give aware datetimes"
        case "instant" if dtype.time_zone is None:
            return f"give aware datetimes: {zone_remedy(entered)}"
        case "amount" | "whole" if dtype.is_float() and entered.home == "pandas" and not column.required:
            return ""  # pandas converts integers to floats if some are missing
        case "amount" if not dtype.is_integer():
            remedy = "floats and decimals are not exact in every engine; give whole minor units as integers"
            return f"{remedy}, such as 1999 for 19.99"
        case "whole" if not dtype.is_integer():
            return "give integers"
        case "person" if isinstance(dtype, _WIDE):
            return "give text or integers of 64 bits"
        case "person" | "id" if not (dtype.is_integer() or isinstance(dtype, nw.String)):
            kept = "; astype('Int64') keeps integers whole where some are missing" if entered.home == "pandas" else ""
            return f"give text or integers{kept}"
        case "text" if not isinstance(dtype, nw.String | nw.Categorical | nw.Enum):
            return "give text"
        case _:
            return ""


def people_faults(entered: Mapping[str, InputFrame]) -> Iterator[Issue]:
    """Yield columns of people whose type differs from the first such column."""
    found = list(_people(entered))
    for log, name, number in found:
        first_log, first_name, first_number = found[0]
        if number is not first_number:
            given, usual = ("integers", "text") if number else ("text", "integers")
            yield Issue(log, name, f"holds {given}, and {first_log}.{first_name} holds {usual}; give people in one way")


def people_type(entered: Mapping[str, InputFrame]) -> nw.dtypes.DType:
    """Return the type of people's ids: that of the first column of people."""
    return nw.Int64() if next((number for _, _, number in _people(entered)), False) else nw.String()


def _people(entered: Mapping[str, InputFrame]) -> Iterator[tuple[str, str, bool]]:
    for log, one in entered.items():
        schema = one.frame.collect_schema()
        for name, column in LOGS[log].items():
            there = column.kind == "person" and name in schema and name not in one.typeless
            if there and not wrong_type(column, schema[name], one):
                yield log, name, schema[name].is_integer()


def canonical(log: str, entered: InputFrame, people: nw.dtypes.DType) -> Frame:
    """Return the log with all columns typed; only missing required people are null."""
    schema = {name: dtype for name, dtype in entered.frame.collect_schema().items() if name not in entered.typeless}
    made = {name: _made(name, column, schema.get(name), people) for name, column in LOGS[log].items()}
    keep = [ROW] if ROW in schema else []
    instants = [name for name, column in LOGS[log].items() if column.kind == "instant" and name in schema]
    frame = microseconds(entered.frame, entered.home, instants).select(*keep, **made)
    return frame.with_columns(_direction()) if log == "interactions" else frame


def _made(name: str, column: Column, dtype: nw.dtypes.DType | None, people: nw.dtypes.DType) -> nw.Expr:
    if column.kind == "person":
        return nw.lit(None, people) if dtype is None else _person(nw.col(name).cast(people), column, people)
    if dtype is None:
        return _default(column)
    value = nw.col(name)
    if column.kind == "instant":
        return _filled(value, column, MISSING).cast(nw.Int64())
    if column.kind in ("amount", "whole"):
        return _filled(_whole(value, dtype), column, MISSING).cast(nw.Int64())
    text = _filled(value.cast(nw.String()), column, "")
    return nw.when(text == "").then(nw.lit(column.default)).otherwise(text) if column.default else text


def _person(value: nw.Expr, column: Column, people: nw.dtypes.DType) -> nw.Expr:
    """Return a person; "" is null if the column is optional."""
    if column.required or people != nw.String():
        return value
    return nw.when(value != "").then(value)


def _whole(value: nw.Expr, dtype: nw.dtypes.DType) -> nw.Expr:
    """Return an integer.

    A fraction or a number out of range becomes -1, which every check refuses.
    """
    if dtype.is_integer() and not isinstance(dtype, _WIDE):
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


def _direction() -> nw.Expr:
    """Return who started an interaction; by default, as usual for its kind."""
    usual = nw.when(nw.col("kind").is_in(OUTWARD)).then(nw.lit("out")).otherwise(nw.lit("in"))
    return nw.when(nw.col("direction") == "").then(usual).otherwise(nw.col("direction")).alias("direction")
