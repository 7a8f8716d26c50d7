"""A shop's own columns on the logs: columns that the library does not define and the caller names.

Invariant: an own column has the values of the input, in every row that is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import narwhals as nw

from funnel._aggregate.aggregations import LARGEST_OWN, own_kind, own_name
from funnel._arguments import INNER, brief, each, instance, kind_of, suggest
from funnel._dataframes.adapter import Frame, FrameKind, column_types, microseconds
from funnel._expr.nodes import Fact
from funnel._expr.to_narwhals import to_int
from funnel._ledger.own import EMPTY, NAMES, RESERVED
from funnel._time import EARLIEST, LATEST, NEVER
from funnel.errors import ArgumentError, FactsError
from funnel.logs.normalize import whole
from funnel.logs.schema import LOGS, WIDE, Issue, plain_name, raise_if_any
from funnel.logs.sums import own_sum_issues
from funnel.logs.validate import Check, issues_of

OwnColumns = Mapping[str, tuple[str, ...]]
"""Names of own columns, by log."""


def own_columns(keep: object, frames: Mapping[str, object]) -> OwnColumns:
    """Return the own columns that an argument names, after checking them.

    Args:
        keep: The argument: a mapping from logs to names of columns.
        frames: The dataframe of each log.

    Raises:
        ArgumentError: It is not such a mapping, a log or a column is missing, or a name cannot be used.
    """
    example = "a mapping from logs to names of columns, such as {'purchases': ['country']}"
    by_log: Mapping[Any, Any] = instance(keep, Mapping, "keep", example)
    own: dict[str, tuple[str, ...]] = {}
    for log, columns in by_log.items():
        if log not in frames:
            raise ArgumentError(f"keep names columns of {brief(log)}, which is not passed; {suggest(log, frames)}")
        own[log] = tuple(each(columns, f"keep[{log!r}]", "names of columns, such as ['country']"))
        for name in own[log]:
            check_own_name(log, name)
            _check_present(log, name, column_types(frames[log]))
    return own


def check_own_name(log: str, name: object) -> None:
    """Check that an own column of a log can have a name.

    Raises:
        ArgumentError: It is not a Python name, or the library uses it.
    """
    if not isinstance(name, str):
        raise ArgumentError(f"the name of an own column of {log} must be text (got {kind_of(name)})")
    if name in LOGS[log]:
        raise ArgumentError(f"{name} is a column of {log} and is read anyway; leave it out of the own columns")
    problem = _problem(log, name)
    if problem:
        raise ArgumentError(f"an own column of {log} cannot be called {name!r}: {problem}")


def _problem(log: str, name: str) -> str:
    if not name.isidentifier():
        return "conditions read it as an attribute; rename it to letters, digits and _"
    if name.startswith("_") or name.casefold().startswith(INNER):
        return "it begins with _, which is reserved; rename it"
    if name.casefold() in RESERVED.get(log, ()):
        return "facts read a field of this name from these records; rename it"
    alike = [column for column in LOGS[log] if plain_name(column) == plain_name(name)]
    return f"it looks like {alike[0]}, a column of the log; rename one of them" if alike else ""


def _check_present(log: str, name: str, present: Collection[str]) -> None:
    if name not in present:
        raise ArgumentError(f"the frame of {log} has no column {brief(name)}; {suggest(name, present)}")


# ---- columns that facts read -----------------------------------------------------------------------------------------


def with_fields(log: str, frame: Frame, own: Sequence[str], kind: FrameKind, fields: Sequence[Fact]) -> Frame:
    """Return a log with fields of own columns: integers and texts without nulls, under their inner names.

    Args:
        log: The log.
        frame: Rows of the log, with its own columns.
        own: Own columns of the log.
        kind: Kind of the frame that the log came from.
        fields: The fields, as facts declare them.

    Raises:
        FactsError: A column is missing, or has another type than its declaration.
        LogsError: Values are out of range, or too large to be summed.
    """
    schema = frame.collect_schema()
    for field in fields:
        _check_field(log, field, own, schema, kind)
    instants = [field.name for field in fields if own_kind(field) == "instant"]
    typed = filled_fields(microseconds(copied_fields(frame, fields), kind, instants), fields)
    raise_if_any(list(_value_issues(log, typed, fields)))
    return typed


def copied_fields(frame: Frame, fields: Sequence[Fact]) -> Frame:
    """Return a log with its own columns a second time, under their inner names."""
    return frame.with_columns(nw.col(own_name(field)).alias(field.name) for field in fields)


def filled_fields(frame: Frame, fields: Sequence[Fact]) -> Frame:
    """Return a log whose fields are integers and texts without nulls; their instants are microseconds already."""
    schema = frame.collect_schema()
    return frame.with_columns(_typed(field, schema[field.name]) for field in fields)


def own_kinds(logs: Mapping[str, Frame], own: OwnColumns, kind: FrameKind) -> dict[str, dict[str, str]]:
    """Return the kind of the values of each own column that facts can read, by log."""
    schemas = {log: logs[log].collect_schema() for log in own}
    return {log: {name: one for name in own[log] if (one := _kind_of(schemas[log][name], kind))} for log in own}


def with_micros(frame: Frame, frame_kind: FrameKind, kinds: Mapping[str, str]) -> Frame:
    """Return a log whose own columns of instants are microseconds."""
    return microseconds(frame, frame_kind, [name for name, kind in kinds.items() if kind == "instant"])


def _kind_of(dtype: nw.dtypes.DType, frame_kind: FrameKind) -> str:
    return next((kind for kind in _FITS if _fits(kind, dtype, frame_kind)), "")


def _fits(kind: str, dtype: nw.dtypes.DType, frame_kind: FrameKind) -> bool:
    has_gaps = kind == "whole" and frame_kind == "pandas" and dtype.is_float()  # integers with missing cells
    return has_gaps or _FITS[kind](dtype)


def _check_field(
    log: str, field: Fact, own: Sequence[str], schema: Mapping[str, nw.dtypes.DType], frame_kind: FrameKind
) -> None:
    name, kind = own_name(field), own_kind(field)
    if name not in own:
        keep = f"keep it: Logs(..., keep={{{log!r}: [{name!r}]}})"
        remedy = f"{keep}; or {suggest(name, own)}" if own else keep
        raise FactsError(f"a fact reads the own column {name} of {log}, which the logs do not have; {remedy}")
    if not _fits(kind, schema[name], frame_kind):
        msg = f"the own column {name} of {log} is {schema[name]}, and a fact declares it as {NAMES[kind]}"
        raise FactsError(f"{msg}; {_REMEDIES[kind]}")


_FITS: Mapping[str, Callable[[Any], bool]] = {
    "text": lambda dtype: isinstance(dtype, nw.String | nw.Categorical | nw.Enum),
    "whole": lambda dtype: bool(dtype.is_integer()) and not isinstance(dtype, WIDE),
    "truth": lambda dtype: isinstance(dtype, nw.Boolean),
    "instant": lambda dtype: isinstance(dtype, nw.Datetime) and dtype.time_zone is not None,
}
"""Whether a column of a type has values of a kind."""

_REMEDIES: Mapping[str, str] = {
    "text": "declare the type of the column, or convert it to text",
    "whole": "declare the type of the column, or convert it to integers of at most 64 bits",
    "truth": "declare the type of the column, or convert it to booleans",
    "instant": "declare the type of the column, or convert it to aware datetimes",
}


def _typed(field: Fact, dtype: nw.dtypes.DType) -> nw.Expr:
    """Return a column with the value of an empty cell in place of nulls."""
    value, kind = nw.col(field.name), own_kind(field)
    if kind == "truth":
        return to_int(value.fill_null(value=False)).alias(field.name)
    if kind == "text":
        return value.cast(nw.String()).fill_null("").alias(field.name)
    number = whole(value, dtype) if kind == "whole" else value
    return number.fill_null(EMPTY[kind]).cast(nw.Int64()).alias(field.name)


def _value_issues(log: str, frame: Frame, fields: Sequence[Fact]) -> Iterator[Issue]:
    checks = [
        _CHECKS[own_kind(field)](own_name(field), nw.col(field.name)) for field in fields if own_kind(field) in _CHECKS
    ]
    issues = list(issues_of(log, frame, checks)) if checks else []
    yield from issues
    for field in fields if not issues else ():
        if own_kind(field) == "whole":
            yield from own_sum_issues(log, frame, field.name, own_name(field))


_CHECKS: Mapping[str, Callable[[str, nw.Expr], Check]] = {
    "whole": lambda name, value: Check(
        name,
        f"is not a whole number from 0 to {LARGEST_OWN}; leave the column out of the facts, or correct it",
        (value < 0) | (value > LARGEST_OWN),
    ),
    "instant": lambda name, value: Check(
        name,
        "lies outside the years 1800 to 2199; give the instant it happened",
        (value != NEVER) & ((value < EARLIEST) | (value >= LATEST)),
    ),
}
