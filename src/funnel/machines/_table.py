"""Tables of allowed transitions and their causes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum, StrEnum
from typing import TypeVar, cast

from funnel._arguments import brief, each, instance, kind_of
from funnel._format import one_line
from funnel.errors import ArgumentError, TransitionError

S = TypeVar("S", bound=Enum)

MOST_STAGES = 15
"""Maximum stages of a path-dependent machine: one digit each in a 64-bit integer."""


class Cause(StrEnum):
    """Cause of a transition.

    Example:
        >>> Cause("time") is Cause.TIME
        True
    """

    EVENT = "event"
    """A record: an arrival, a purchase, a refund."""
    TIME = "time"
    """Time that passes without a record."""
    EITHER = "either"
    """An event or time."""


def names(stages: Collection[Enum]) -> str:
    """Return stage names as text, separated by commas."""
    return ", ".join(one_line(one.value) for one in stages) or "no transition"


def called(stage: object) -> str:
    """Return the name of a stage; for another object, its short description."""
    return one_line(stage.value) if isinstance(stage, Enum) else brief(stage)


def check_stage(value: object, name: str) -> None:
    """Check that the argument is an enum member or the value of one.

    Raises:
        ArgumentError: The argument cannot be a stage.
    """
    instance(value, (Enum, str, int), name, "a stage, a member of the enum of the table")


def check_table(table: Mapping[S, Mapping[S, Cause]], returns: Collection[tuple[S, S]]) -> None:
    """Check the table and the returns.

    Every target stage needs its own row, and a stage must not lead to itself.

    Raises:
        ArgumentError: The table or the returns have the wrong type.
        TransitionError: The table is invalid, or a return is not a transition of the table.
    """
    _check_kinds(table, returns)
    unknown = [str(to.value) for next_stage in table.values() for to in next_stage if to not in table]
    if unknown:
        msg = f"the table leads to {', '.join(unknown)}, which has no row; add a row, empty if the stage has no exit"
        raise TransitionError(msg)
    selves = [str(start.value) for start, next_stage in table.items() if start in next_stage]
    if selves:
        msg = f"the table has a transition from {', '.join(selves)} to itself; remove it; staying is always allowed"
        raise TransitionError(msg)
    strange = [f"from {start.value} to {to.value}" for start, to in returns if to not in table.get(start, {})]
    if strange:
        msg = f"the returns have a transition {', '.join(strange)}, which is not in the table; add or remove it"
        raise TransitionError(msg)


def _check_kinds(table: object, returns: object) -> None:
    """Check the types of the table and the returns."""
    rows = instance(table, Mapping, "table", "a mapping of each stage to its transitions")
    for start, next_stage in rows.items():
        instance(start, Enum, "a stage of the table", "a member of an enum")
        moves = instance(next_stage, Mapping, f"the transitions from {called(start)}", "a mapping of stages to causes")
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
    """Check that the start has a row, and that there are not too many stages.

    Raises:
        ArgumentError: The start is not a stage.
        TransitionError: The start has no row, or the table has too many stages.
    """
    instance(start, Enum, "start", "a stage, a member of the enum of the table")
    if len(table) > MOST_STAGES:
        raise TransitionError(f"a path-dependent machine must have at most {MOST_STAGES} stages (got {len(table)})")
    if start not in table:
        raise TransitionError(f"the start stage {start.value} has no row in the table; the table has {names(table)}")
