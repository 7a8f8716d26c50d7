"""Arguments that hold people: `Logs` of all records, or histories of single people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from funnel._arguments import is_listed
from funnel.errors import ArgumentError
from funnel.history import History
from funnel.logs import Logs, is_logs

_WRAP = "make Logs of a table of records first, such as Logs(purchases=table)"


def logs_of(value: object) -> Logs:
    """Return the argument after checking that it is `Logs`.

    Raises:
        ArgumentError: It is something else, such as a plain dataframe.
    """
    if is_logs(value):
        return value
    msg = f"logs must be Logs (got {_kind(value)}); {remedy(value)}"
    raise ArgumentError(msg)


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
    msg = f"people must be Logs, a History or several of them (got {_kind(other)}); {remedy(other)}"
    raise ArgumentError(msg)


def remedy(value: object) -> str:
    """Return how to get logs of an argument that is not `Logs`."""
    if isinstance(value, History):
        return "for one History, facts and rules have of(...)"
    return "pass its logs()" if callable(getattr(value, "logs", None)) else _WRAP


def _one_history_each(people: list[History]) -> list[History]:
    repeated = len(people) - len({history.person_id for history in people})
    if repeated:
        msg = (
            f"people has {len(people)} histories of {len(people) - repeated} persons; give one history for each person"
        )
        raise ArgumentError(msg)
    return people


def _kind(value: object) -> str:
    """Return the type of an argument, and the library of a dataframe."""
    kind = type(value)
    library = kind.__module__.partition(".")[0]
    return f"a {kind.__name__}" if library in ("builtins", "funnel") else f"a {kind.__name__} of {library}"
