"""From a shop's frame to a log in canonical columns: instants in microseconds, nothing null, every column there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import narwhals as nw

from funnel._frames import ROW, Entered, microseconds
from funnel._instants import NEVER
from funnel._streams import nearest
from funnel.logs.columns import LOGS, OUTWARD, Column
from funnel.logs.faults import Fault

Frame = nw.LazyFrame[Any]
MISSING = NEVER
"""What stands for an instant or a whole number that is not there, until the checks are done."""


def schema_faults(log: str, entered: Entered) -> Iterator[Fault]:
    """What is wrong with the columns themselves: missing ones, wrong types, names that look misspelt."""
    schema = entered.frame.collect_schema()
    columns = LOGS[log]
    for name, column in columns.items():
        if name in schema:
            problem = _wrong_type(column, schema[name])
            if problem:
                yield Fault(log, name, f"is {schema[name]}; {problem}")
        elif column.required:
            others = [given for given in schema if given not in columns and given != ROW]
            yield Fault(log, name, f"is missing; {nearest(name, others)}" if others else "is missing")
    yield from _misspelt(log, columns, list(schema))


def _misspelt(log: str, columns: Mapping[str, Column], given: Sequence[str]) -> Iterator[Fault]:
    absent = {name for name in columns if name not in given and not columns[name].required}
    for name in given:
        same = [other for other in absent if _plain(other) == _plain(name) and other != name]
        for other in same:
            yield Fault(log, name, f"is not a column that is read; did you mean {other}?")


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum()).removesuffix("s")


def _wrong_type(column: Column, dtype: Any) -> str:
    match column.kind:
        case "instant" if not isinstance(dtype, nw.Datetime):
            return "give aware datetimes"
        case "instant" if dtype.time_zone is None:
            return "give aware datetimes: say which zone these naive times are in (e.g. dt.replace_time_zone), then convert"
        case "amount" if not dtype.is_integer():
            remedy = "floats and decimals are not exact in every engine; give whole minor units as integers"
            return f"{remedy}, e.g. (amount * 100).round() cast to Int64 for cents"
        case "whole" if not dtype.is_integer():
            return "give integers"
        case "person" if not (dtype.is_integer() or isinstance(dtype, nw.String)):
            return "give text or integers"
        case "id" if not (dtype.is_integer() or isinstance(dtype, nw.String)):
            return "give text or integers"
        case "text" if not isinstance(dtype, nw.String | nw.Categorical | nw.Enum):
            return "give text"
        case _:
            return ""


def canonical(log: str, entered: Entered) -> Frame:
    """The log with every column of its kind, none of them null but those that must be given and are not."""
    schema = entered.frame.collect_schema()
    made = {name: _made(name, column, name in schema, entered.engine) for name, column in LOGS[log].items()}
    keep = [ROW] if ROW in schema else []
    frame = entered.frame.select(*keep, **made)
    return frame.with_columns(_direction()) if log == "interactions" else frame


def _made(name: str, column: Column, there: bool, engine: str) -> nw.Expr:  # noqa: FBT001 (told apart by name)
    if not there:
        return _default(column)
    if column.kind == "instant":
        return _filled(microseconds(name, engine), column, MISSING).cast(nw.Int64())
    value = nw.col(name)
    if column.kind in ("amount", "whole"):
        return _filled(value.cast(nw.Int64()), column, MISSING).cast(nw.Int64())
    if column.kind == "person":
        return value
    return _filled(value.cast(nw.String()), column, "")


def _filled(value: nw.Expr, column: Column, missing: str | int) -> nw.Expr:
    return value.fill_null(missing if column.default is None else column.default)


def _default(column: Column) -> nw.Expr:
    if column.kind in ("instant", "amount", "whole"):
        return nw.lit(MISSING, nw.Int64())
    return nw.lit(column.default or "", nw.String())


def _direction() -> nw.Expr:
    """Who began, where the table does not say: as the kind has it."""
    usual = nw.when(nw.col("kind").is_in(OUTWARD)).then(nw.lit("out")).otherwise(nw.lit("in"))
    return nw.when(nw.col("direction") == "").then(usual).otherwise(nw.col("direction")).alias("direction")
