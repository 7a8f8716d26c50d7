"""Where each person stands: a rule whose answer is a stage, and the table of the moves that may happen.

Rule 1: the stage is computed from facts, so nothing that is stored can drift from what happened.
Rule 2: the table says which moves may happen, and whether an event, time, or either brings them about. A move that is
not in the table raises, and nothing has changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum, StrEnum
from typing import Any, Generic, TypeVar

import attrs

from funnel._rule import Rule, rule
from funnel.errors import MoveError
from funnel.facts import Facts
from funnel.policy import Policy
from funnel.rules.activity import has_bought, has_bought_again, has_engaged, is_lapsed


class Stage(StrEnum):
    """A place in the funnel.

    Example:
        >>> Stage("customer") is Stage.CUSTOMER
        True
    """

    LEAD = "lead"
    """Arrived, and has done nothing of their own yet (prospek)."""
    PROSPECT = "prospect"
    """Has come, looked, asked or ordered, and has no valid purchase (calon pembeli)."""
    CUSTOMER = "customer"
    """Has exactly one valid purchase (konsumen)."""
    REPEAT_CUSTOMER = "repeat_customer"
    """Has two valid purchases or more (pelanggan)."""
    LAPSED = "lapsed"
    """Has bought, and been silent for longer than the shop's limit."""


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


MOVES: Mapping[Stage, Mapping[Stage, Cause]] = {
    Stage.LEAD: {
        Stage.PROSPECT: Cause.EVENT,
        Stage.CUSTOMER: Cause.EVENT,
        Stage.REPEAT_CUSTOMER: Cause.EVENT,
    },
    Stage.PROSPECT: {
        Stage.CUSTOMER: Cause.EVENT,
        Stage.REPEAT_CUSTOMER: Cause.EVENT,
    },
    Stage.CUSTOMER: {
        Stage.PROSPECT: Cause.EVENT,
        Stage.REPEAT_CUSTOMER: Cause.EVENT,
        Stage.LAPSED: Cause.TIME,
    },
    Stage.REPEAT_CUSTOMER: {
        Stage.PROSPECT: Cause.EVENT,
        Stage.CUSTOMER: Cause.EVENT,
        Stage.LAPSED: Cause.EITHER,
    },
    Stage.LAPSED: {
        Stage.PROSPECT: Cause.EVENT,
        Stage.CUSTOMER: Cause.EVENT,
        Stage.REPEAT_CUSTOMER: Cause.EVENT,
    },
}
"""Every move that may happen. A refund takes a purchase back, so a customer may be a prospect again, and a repeat
customer whose last purchase went back may be found to have lapsed long ago."""


@rule
def stage(f: Facts, policy: Policy) -> Stage:
    """Where they stand: never bought, bought once, keeps coming back, or silent for too long."""
    if not has_bought(f, policy):
        return Stage.PROSPECT if has_engaged(f, policy) else Stage.LEAD
    if is_lapsed(f, policy):
        return Stage.LAPSED
    return Stage.REPEAT_CUSTOMER if has_bought_again(f, policy) else Stage.CUSTOMER


S = TypeVar("S", bound=Enum)


@attrs.frozen
class Machine(Generic[S]):
    """Stages with their rule and their table: the whole of a funnel, as a value.

    Args:
        stage: The rule that says where a person stands; its answers are members of one enum.
        moves: Which stage may follow which, and what brings it about.

    Example:
        >>> FUNNEL.may_move(Stage.PROSPECT, Stage.CUSTOMER)
        True
        >>> FUNNEL.move(Stage.LAPSED, Stage.LEAD)
        Traceback (most recent call last):
            ...
        funnel.errors.MoveError: nobody moves from lapsed to lead; the table has prospect, customer, repeat_customer
    """

    stage: Rule[Any, Any, S]
    moves: Mapping[S, Mapping[S, Cause]]

    def __attrs_post_init__(self) -> None:
        """See that every stage that a move leads to has a row of its own, and that no stage leads to itself."""
        moves = self.moves
        unknown = [str(to.value) for onward in moves.values() for to in onward if to not in moves]
        if unknown:
            msg = f"the table leads to {', '.join(unknown)} and has no row for it; add one, empty if nobody leaves"
            raise MoveError(msg)
        selves = [str(start.value) for start, onward in moves.items() if start in onward]
        if selves:
            msg = f"the table has moves from {', '.join(selves)} to itself; who stays does not move, leave them out"
            raise MoveError(msg)

    def may_move(self, start: S, to: S) -> bool:
        """Whether a person may move from one stage to another; who stays may."""
        return start == to or to in self.moves.get(start, {})

    def move(self, start: S, to: S) -> S:
        """Move a person, if the table allows it.

        Args:
            start: Where they stand.
            to: Where they are to stand.

        Returns:
            The new stage.

        Raises:
            MoveError: The table does not have that move; nothing has changed.
        """
        if self.may_move(start, to):
            return to
        if start not in self.moves:
            msg = f"no stage {start.value} is in the table; it has {self._names(self.moves)}"
            raise MoveError(msg)
        msg = f"nobody moves from {start.value} to {to.value}; the table has {self._names(self.moves[start])}"
        raise MoveError(msg)

    @staticmethod
    def _names(stages: Mapping[S, object]) -> str:
        return ", ".join(str(one.value) for one in stages) or "no move"

    def _arrows(self) -> Iterator[tuple[str, str, str]]:
        for start, onward in self.moves.items():
            for to, cause in onward.items():
                yield str(start.value), str(to.value), "event or time" if cause is Cause.EITHER else cause.value

    def mermaid(self) -> str:
        """The table as a Mermaid state diagram."""
        return "\n".join(
            ["stateDiagram-v2", *(f"    {start} --> {to}: {cause}" for start, to, cause in self._arrows())]
        )

    def __str__(self) -> str:
        """The table as plain text, a line a move."""
        arrows = list(self._arrows())
        widths = [max((len(arrow[side]) for arrow in arrows), default=0) for side in (0, 1)]
        return "\n".join(f"{start:<{widths[0]}} -> {to:<{widths[1]}}  by {cause}" for start, to, cause in arrows)


FUNNEL: Machine[Stage] = Machine(stage, MOVES)
"""The funnel of a shop, as this library has it; a shop with other stages makes its own `Machine`."""
