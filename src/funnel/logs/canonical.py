"""From a shop's frame to a log in canonical columns: instants in microseconds, nothing null, every column there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import narwhals as nw

from funnel._frames import ROW, Entered, microseconds
from funnel._given import nearest
from funnel._streams import LARGEST_AMOUNT
from funnel.logs.columns import LOGS, OUTWARD, Column
from funnel.logs.faults import Fault

Frame = nw.LazyFrame[Any]
MISSING = -(2**62)
"""What stands for an instant or a whole number that is not there; no engine has a datetime so early."""

_LONGEST_HINT = 200
_ALIKE = 0.9
_WIDE = (nw.UInt64, nw.Int128, nw.UInt128)


def schema_faults(log: str, entered: Entered) -> Iterator[Fault]:
    """What is wrong with the columns themselves: missing ones, wrong types, names that look misspelt."""
    schema = entered.frame.collect_schema()
    columns = LOGS[log]
    for name, column in columns.items():
        if name in entered.typeless:
            continue
        if name in schema:
            problem = wrong_type(column, schema[name], entered)
            if problem:
                yield Fault(log, name, f"is {schema[name]}; {problem}")
        elif column.required:
            yield Fault(log, name, f"is missing{hint(name, entered.left_out)}")
    absent = [name for name, column in columns.items() if name not in schema and not column.required]
    yield from _misspelt(log, absent, entered.left_out)


_LONGEST = 200
"""So much of a name is compared: the time of difflib grows with the square of the length."""


def hint(name: object, others: Sequence[str]) -> str:
    """Which of the other columns was meant by a name that is not there."""
    if not isinstance(name, str) or not any(others):
        return ""
    same = [other for other in others if _plain(other) == _plain(name)]
    meant = f"did you mean {same[0]}?" if same else nearest(name, others)
    if len(meant) > _LONGEST_HINT:
        return f"; none of the {len(others)} others is like it"
    return f"; {meant}"


def _misspelt(log: str, absent: Sequence[str], given: Sequence[str]) -> Iterator[Fault]:
    plain = {_plain(name): name for name in absent}
    for name in given:
        for meant in get_close_matches(_plain(name), plain, n=1, cutoff=_ALIKE):
            yield Fault(log, name, f"is not a column that is read; did you mean {plain[meant]}?")


def _plain(name: str) -> str:
    return "".join(letter for letter in name[:_LONGEST].lower() if letter.isalnum()).removesuffix("s")


_WITH_ZONE: Mapping[str, str] = {
    "polars": "dt.replace_time_zone",
    "pandas": "dt.tz_localize",
    "pyarrow": "pyarrow.compute.assume_timezone",
    "duckdb": "timezone('Asia/Jakarta', column)",
}
"""What gives a zone to naive times, in the words of each engine."""


def zone_remedy(entered: Entered) -> str:
    """Return what to do about naive times, in the words of the engine that holds them."""
    how = next((words for engine, words in _WITH_ZONE.items() if entered.home.startswith(engine)), "")
    return f"say which zone these naive times are in{f' ({how})' if how else ''}"


def wrong_type(column: Column, dtype: Any, entered: Entered) -> str:
    """What to give instead, where a column has a type that it cannot have; empty where it can."""
    match column.kind:
        case "instant" if not isinstance(dtype, nw.Datetime):
            return "give aware datetimes"
        case "instant" if dtype.time_zone is None:
            return f"give aware datetimes: {zone_remedy(entered)}"
        case "amount" | "whole" if dtype.is_float() and entered.home == "pandas" and not column.required:
            return ""  # what pandas makes of whole numbers where some are missing
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


def people_faults(entered: Mapping[str, Entered]) -> Iterator[Fault]:
    """Columns of people who are numbers where the first such column has them as texts, or the other way about."""
    found = list(_people(entered))
    for log, name, number in found:
        first_log, first_name, first_number = found[0]
        if number is not first_number:
            given, usual = ("integers", "text") if number else ("text", "integers")
            yield Fault(log, name, f"holds {given}, and {first_log}.{first_name} holds {usual}; give people in one way")


def people_type(entered: Mapping[str, Entered]) -> nw.dtypes.DType:
    """As what people are named: numbers or texts, whichever the first column of people holds."""
    return nw.Int64() if next((number for _, _, number in _people(entered)), False) else nw.String()


def _people(entered: Mapping[str, Entered]) -> Iterator[tuple[str, str, bool]]:
    for log, one in entered.items():
        schema = one.frame.collect_schema()
        for name, column in LOGS[log].items():
            there = column.kind == "person" and name in schema and name not in one.typeless
            if there and not wrong_type(column, schema[name], one):
                yield log, name, schema[name].is_integer()


def canonical(log: str, entered: Entered, people: nw.dtypes.DType) -> Frame:
    """The log with every column of its kind, none of them null but people, who must be given and are not."""
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
    """A person; "" is nobody where nobody may be named."""
    if column.required or people != nw.String():
        return value
    return nw.when(value != "").then(value)


def _whole(value: nw.Expr, dtype: nw.dtypes.DType) -> nw.Expr:
    """A whole number; one that is broken or does not fit becomes one that no check lets pass."""
    if dtype.is_integer() and not isinstance(dtype, _WIDE):
        return value.cast(nw.Int64())
    right = (value >= 0) & (value <= LARGEST_AMOUNT)
    if dtype.is_float():
        right &= value == value.round(0)
    else:  # some versions of Polars cast every value, those of the other branch too
        value = value.clip(0, LARGEST_AMOUNT).cast(nw.Int64())
    return nw.when(right).then(value).otherwise(nw.when(~value.is_null()).then(nw.lit(-1)))


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
