"""A shop's own columns on the logs: columns that the library does not define and the caller names.

Invariant: an own column has the values of the input, in every row that is kept.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from funnel._arguments import INNER, brief, each, instance, kind_of, suggest
from funnel._dataframes.adapter import column_types
from funnel._ledger.streams import TABLES
from funnel.errors import ArgumentError
from funnel.logs.schema import LOGS, plain_name

OwnColumns = Mapping[str, tuple[str, ...]]
"""Names of own columns, by log."""

_RESERVED = frozenset(name for table in TABLES.values() for name in table) | {"person_id", "seq"}
"""Names that tables of the ledger have beside the columns of a log."""


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
            msg = f"keep names columns of {brief(log)}, which is not passed; {suggest(log, frames)}"
            raise ArgumentError(msg)
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
        msg = f"the name of an own column of {log} must be text (got {kind_of(name)})"
        raise ArgumentError(msg)
    if name in LOGS[log]:
        msg = f"{name} is a column of {log} and is read anyway; leave it out of the own columns"
        raise ArgumentError(msg)
    problem = _problem(log, name)
    if problem:
        msg = f"an own column of {log} cannot be called {name!r}: {problem}"
        raise ArgumentError(msg)


def _problem(log: str, name: str) -> str:
    if not name.isidentifier():
        return "conditions read it as an attribute; rename it to letters, digits and _"
    if name.startswith("_") or name.casefold().startswith(INNER):
        return "it begins with _, which is reserved; rename it"
    if name in _RESERVED:
        return "tables of the library have a column of this name; rename it"
    alike = [column for column in LOGS[log] if plain_name(column) == plain_name(name)]
    return f"it looks like {alike[0]}, a column of the log; rename one of them" if alike else ""


def _check_present(log: str, name: str, present: Collection[str]) -> None:
    if name not in present:
        msg = f"the frame of {log} has no column {name!r}; {suggest(name, present)}"
        raise ArgumentError(msg)
