"""The table of moves: which stage may follow which, and what brings it about."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum, StrEnum
from typing import TypeVar, cast

from funnel._given import brief, each, instance, kind_of
from funnel._tables import shown
from funnel.errors import ArgumentError, MoveError

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


def called(stage: object) -> str:
    """Return the name of a stage; of anything else, what it is."""
    return shown(stage.value) if isinstance(stage, Enum) else brief(stage)


def check_stage(given: object, what: str) -> None:
    """Refuse what cannot be a stage: a stage is a member of an enum, or the value of one.

    Raises:
        ArgumentError: It is something else.
    """
    instance(given, (Enum, str, int), what, "a stage, a member of the enum of the table")


def check_table(table: Mapping[S, Mapping[S, Cause]], returns: Collection[tuple[S, S]]) -> None:
    """See that every stage that a move leads to has a row of its own, and that no stage leads to itself.

    Raises:
        ArgumentError: The table or the returns are something else.
        MoveError: The table cannot be walked, or a return is no move of it.
    """
    _check_kinds(table, returns)
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


def _check_kinds(table: object, returns: object) -> None:
    """See that the table maps stages to stages and causes, and that the returns are pairs of stages."""
    rows = instance(table, Mapping, "table", "a mapping of each stage to its moves")
    for start, onward in rows.items():
        instance(start, Enum, "a stage of the table", "a member of an enum")
        moves = instance(onward, Mapping, f"the moves from {called(start)}", "a mapping of stages to causes")
        for to, cause in moves.items():
            instance(to, Enum, "a stage of the table", "a member of an enum")
            instance(cause, Cause, f"the cause from {called(start)} to {called(to)}", "a Cause")
    for pair in each(returns, "returns", "pairs of stages"):
        if (
            not isinstance(pair, tuple)
            or [isinstance(one, Enum) for one in cast("tuple[object, ...]", pair)] != [True] * 2
        ):
            kind = kind_of(cast("object", pair))
            raise ArgumentError(f"a return must be a pair of stages (got {kind})")


def check_start(start: S, table: Mapping[S, Mapping[S, Cause]]) -> None:
    """See that there is a row for where people start, and that stages are few enough for a path.

    Raises:
        ArgumentError: The start is not a stage.
        MoveError: There is none, or there are too many.
    """
    instance(start, Enum, "start", "a stage, a member of the enum of the table")
    if len(table) > MOST_STAGES:
        msg = f"a path has {len(table)} stages; give at most {MOST_STAGES}"
        raise MoveError(msg)
    if start not in table:
        msg = f"people start in {start.value}, and the table has no row for it; it has {names(table)}"
        raise MoveError(msg)
