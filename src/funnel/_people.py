"""Arguments that hold people: `Logs` of all records, or histories of single people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from funnel._arguments import is_listed
from funnel.errors import ArgumentError
from funnel.history import History
from funnel.logs import Logs

_WRAP = "make Logs of a table of records first, such as Logs(purchases=table)"


def logs_of(given: object) -> Logs:
    """Return the argument after checking that it is `Logs`.

    Raises:
        ArgumentError: It is something else, such as a plain dataframe.
    """
    if isinstance(given, Logs):
        return given
    msg = f"logs must be Logs (got {_kind(given)}); {_WRAP}"
    raise ArgumentError(msg)


def histories_of(given: object) -> list[History]:
    """Return one or several histories as a list.

    Raises:
        ArgumentError: It is something else, such as a plain dataframe, or two histories are of one person.
    """
    if isinstance(given, History):
        return [given]
    people: list[object] = list(cast("Iterable[object]", given)) if is_listed(given) else [given]
    if all(isinstance(one, History) for one in people):
        return _each_once(cast("list[History]", people))
    wrong = next(one for one in people if not isinstance(one, History))
    msg = f"people must be Logs, a History or several of them (got {_kind(wrong)}); {_WRAP}"
    raise ArgumentError(msg)


def _each_once(people: list[History]) -> list[History]:
    twice = len(people) - len({one.person_id for one in people})
    if twice:
        msg = f"people has {len(people)} histories of {len(people) - twice} persons; give one history for each person"
        raise ArgumentError(msg)
    return people


def _kind(given: object) -> str:
    """Return the type of an argument, and the library of a dataframe."""
    kind = type(given)
    library = kind.__module__.partition(".")[0]
    return f"a {kind.__name__}" if library in ("builtins", "funnel") else f"a {kind.__name__} of {library}"
