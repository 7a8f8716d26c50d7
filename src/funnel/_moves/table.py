"""The table of moves: which stage may follow which, and what brings it about."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from funnel._facts.base import judgement
from funnel.errors import MoveError

if TYPE_CHECKING:
    from funnel._moves.ask import Moves
    from funnel._moves.checked import MachineCheck
    from funnel._moves.course import Course
    from funnel._rule import Rule
    from funnel.history import History
    from funnel.logs import Logs
    from funnel.policy import Policy

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


class Tabled(ABC, Generic[S]):
    """What every machine has: a table of moves, which is looked up and drawn."""

    table: Mapping[S, Mapping[S, Cause]]
    returns: Collection[tuple[S, S]]

    @abstractmethod
    def course(self, policy: Policy) -> Course:
        """The machine made ready for the shop's numbers."""

    @abstractmethod
    def asked(self, stage: S) -> Rule[Any, Any, S]:
        """The rule that is asked of who stands in a stage."""

    @property
    def moves(self) -> Moves[S]:
        """Every move: ask it `of` one person or `over` everyone."""
        from funnel._moves.ask import Moves

        return Moves(self)

    def of(self, history: History, policy: Policy, *, as_of: datetime) -> S | None:
        """Where one person stands; None where nothing is known of them.

        Args:
            history: The person's records.
            policy: The shop's numbers.
            as_of: The instant of judgement, any past day too.
        """
        journey = self.moves.of(history, policy, as_of=as_of)
        return journey[-1].to_stage if journey else None

    def over(self, logs: Logs, policy: Policy, *, as_of: datetime) -> Any:
        """Where everyone stands, computed by the engine that holds the data.

        Args:
            logs: Everyone's records.
            policy: The shop's numbers.
            as_of: The instant of judgement, any past day too.

        Returns:
            A frame of the logs' kind with `person_id` and `stage`.
        """
        from funnel._moves.many import standing_over

        return standing_over(self.course(policy), logs, judgement(as_of))

    def check(self, policy: Policy) -> MachineCheck:
        """What is odd about the machine: stages nobody can be in or leave, moves it makes and the table has not.

        Args:
            policy: The shop's numbers.
        """
        from funnel._moves.checked import checked

        return checked(self.course(policy))

    def may_move(self, start: S, to: S) -> bool:
        """Whether a person may move from one stage to another; who stays may."""
        return start == to or to in self.table.get(start, {})

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
        if start not in self.table:
            msg = f"no stage {start.value} is in the table; it has {names(self.table)}"
            raise MoveError(msg)
        msg = f"nobody moves from {start.value} to {to.value}; the table has {names(self.table[start])}"
        raise MoveError(msg)

    def _arrows(self) -> Iterator[tuple[str, str, str]]:
        for start, onward in self.table.items():
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


def names(stages: Collection[Enum]) -> str:
    """Stages in words."""
    return ", ".join(str(one.value) for one in stages) or "no move"


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
