"""Arguments that hold people: `Logs` of all records, or histories of single people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from funnel._arguments import a_kind_of, is_listed
from funnel._dataframes.adapter import column_types
from funnel.errors import ArgumentError, EngineError
from funnel.history import History
from funnel.logs import Logs, is_logs
from funnel.logs.schema import LOGS, NOT_RECORDS

_ANY = "make Logs of a table of records first, such as Logs(purchases=table)"
_OTHER = (
    "make Logs of the table first: Logs.from_orders(table, columns={'person_id': ..., 'purchased_at': ..., "
    "'amount': ...}, tz=...), or Logs.from_leads, Logs.from_interactions, Logs.from_events"
)


def logs_of(value: object) -> Logs:
    """Return the argument after checking that it is `Logs`.

    Raises:
        ArgumentError: It is something else, such as a plain dataframe.
    """
    if is_logs(value):
        return value
    raise ArgumentError(f"logs must be Logs (got {_kind(value)}); {remedy(value)}")


def histories_of(value: object) -> list[History]:
    """Return one or several histories as a list.

    Raises:
        ArgumentError: It is something else, such as a plain dataframe, or two histories are of one person.
    """
    if isinstance(value, History):
        return [value]
    people: list[object] = list(cast("Iterable[object]", value)) if is_listed(value) else [value]
    if all(isinstance(history, History) for history in people):
        return _one_history_each(cast("list[History]", people))
    other = next(history for history in people if not isinstance(history, History))
    raise ArgumentError(f"people must be Logs, a History or several of them (got {_kind(other)}); {remedy(other)}")


def _one_history_each(people: list[History]) -> list[History]:
    repeated = len(people) - len({history.person_id for history in people})
    if repeated:
        raise ArgumentError(
            f"people has {len(people)} histories of {len(people) - repeated} persons; give one history for each person"
        )
    return people


def remedy(value: object) -> str:
    """Return how to get logs of an argument that is not `Logs`; for a dataframe, by its columns."""
    if isinstance(value, History):
        return "for one History, facts and rules have of(...)"
    if callable(getattr(value, "logs", None)):
        return "pass its logs()"
    try:
        names = set(column_types(value))
    except EngineError:
        return _ANY
    for log, columns in LOGS.items():
        if log not in NOT_RECORDS and names.issuperset(name for name, column in columns.items() if column.required):
            return f"make Logs of the table first: Logs({log}=table)"
    return _OTHER


def _kind(value: object) -> str:
    """Return the type of an argument, and the library of a dataframe."""
    library = type(value).__module__.partition(".")[0]
    return a_kind_of(value) + ("" if library in ("builtins", "funnel") else f" of {library}")
