"""The table of moves: which stage may follow which, and what brings it about."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum, StrEnum
from typing import TypeVar

from funnel._tables import shown
from funnel.errors import MoveError

S = TypeVar("S", bound=Enum)

MOST_STAGES = 15
"""As many stages of a path have a digit each in a whole number of 64 bits."""


class Cause(StrEnum):
    """What brings a move about.

    Example:
        >>> Cause("time") is Cause.TIME
        True
    """

    EVENT = "event"
    """Something that happened: an arrival, a purchase, a refund."""
    TIME = "time"
    """Nothing but time passing."""
    EITHER = "either"
    """The one or the other."""


def names(stages: Collection[Enum]) -> str:
    """Stages in words."""
    return ", ".join(shown(one.value) for one in stages) or "no move"


def check_table(table: Mapping[S, Mapping[S, Cause]], returns: Collection[tuple[S, S]]) -> None:
    """See that every stage that a move leads to has a row of its own, and that no stage leads to itself.

    Raises:
        MoveError: The table cannot be walked, or a return is no move of it.
    """
    unknown = [str(to.value) for onward in table.values() for to in onward if to not in table]
    if unknown:
        msg = f"the table leads to {', '.join(unknown)} and has no row for it; add one, empty if nobody leaves"
        raise MoveError(msg)
    selves = [str(start.value) for start, onward in table.items() if start in onward]
    if selves:
        msg = f"the table has moves from {', '.join(selves)} to itself; who stays does not move, leave them out"
        raise MoveError(msg)
    strange = [f"from {start.value} to {to.value}" for start, to in returns if to not in table.get(start, {})]
    if strange:
        msg = f"the returns hold a move {', '.join(strange)}, which the table has not; add it there, or leave it out"
        raise MoveError(msg)


def check_start(start: S, table: Mapping[S, Mapping[S, Cause]]) -> None:
    """See that there is a row for where people start, and that stages are few enough for a path.

    Raises:
        MoveError: There is none, or there are too many.
    """
    if len(table) > MOST_STAGES:
        msg = f"a path has {len(table)} stages; give at most {MOST_STAGES}"
        raise MoveError(msg)
    if start not in table:
        msg = f"people start in {start.value}, and the table has no row for it; it has {names(table)}"
        raise MoveError(msg)
