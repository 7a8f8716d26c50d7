"""The verbs of a machine: its moves, of one person and over everyone, where people stand, and what is odd about it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Generic

import attrs

from funnel._cache import PolicyCache
from funnel._given import instance, judgement
from funnel._instants import instant
from funnel._lift.paths import Why
from funnel._moves.checked import MachineCheck, checked
from funnel._moves.course import BY_TIME, Course
from funnel._moves.one import Step, steps_of
from funnel._moves.records import Record, record_of
from funnel._moves.table import Cause, S, called, check_stage, names
from funnel._moves.told import Journey, Move
from funnel._rule import Rule
from funnel._tables import mermaid_names, shown
from funnel.errors import MoveError
from funnel.history import History, history_given
from funnel.policy import Policy

if TYPE_CHECKING:
    from funnel.logs import Logs


@attrs.frozen
class Moves(Generic[S]):
    """Every move of a machine: ask it `of` one person or `over` everyone."""

    machine: Tabled[S]

    def __attrs_post_init__(self) -> None:
        """Refuse what is not a machine.

        Raises:
            ArgumentError: It is something else.
        """
        machine_given(self.machine)

    def of(self, history: History, policy: Policy, *, as_of: datetime) -> Journey[S]:
        """Every move of one person up to and with an instant.

        Each stage is as the facts were at its own instant: a refund moves somebody when the money goes back, not when
        they bought; a record that is delivered late counts from when it happened.

        Args:
            history: The person's records.
            policy: The shop's numbers.
            as_of: The last instant to look at, an aware datetime.

        Raises:
            InstantError: `as_of` is naive.
            MoveError: The rule makes a move that the table has not, or the stages of a path never rest.
        """
        course = self.machine.course(policy)
        steps = steps_of(course, history_given(history).ledger, judgement(as_of))
        return Journey(as_of, tuple(self._told(course, history, policy, step) for step in steps))

    def _told(self, course: Course, history: History, policy: Policy, step: Step) -> Move[S]:
        stages: Any = course.stages
        by_time = step.by == BY_TIME
        record = Record() if by_time else record_of(course.plan, history.ledger, step.at)
        return Move(
            instant(step.at),
            None if step.before is None else stages[step.before],
            stages[step.to],
            Cause.TIME if by_time else Cause.EVENT,
            record.kind,
            record.source,
            record.id,
            is_return=(step.before, step.to) in course.returns,
            ask=partial(self._why, stages[step.last], history, policy, instant(step.at)),
        )

    def _why(self, stage: S, history: History, policy: Policy, as_of: datetime) -> Why:
        return self.machine.asked(stage).why(history, policy, as_of=as_of)

    def over(self, logs: Logs, policy: Policy, *, as_of: datetime) -> Any:
        """Every move of everyone up to and with an instant, computed by the engine that holds the data.

        Args:
            logs: Everyone's records.
            policy: The shop's numbers.
            as_of: The last instant to look at, an aware datetime.

        Returns:
            A frame of the logs' kind, a row a move, in no order: `person_id`, `moved_at`, `from_stage` (null for who
            comes in), `to_stage`, `cause` ("event" or "time"), `record_kind`, `record_source`, `record_id` (null where
            time did it) and `is_return`.

        Raises:
            InstantError: `as_of` is naive.
            MoveError: The rule makes a move that the table has not, or the stages of a path never rest.
        """
        from funnel._moves.many import moves_over

        return moves_over(self.machine.course(policy), logs, judgement(as_of))


class Tabled(ABC, Generic[S]):
    """What every machine has: a table of moves, which is looked up and drawn."""

    table: Mapping[S, Mapping[S, Cause]]
    returns: Collection[tuple[S, S]]

    @abstractmethod
    def compile_for(self, policy: Policy) -> Course:
        """Compile the machine for a policy."""

    @cached_property
    def _courses(self) -> PolicyCache[Course]:
        return PolicyCache(lambda _, policy: self.compile_for(policy))

    def course(self, policy: Policy) -> Course:
        """Return the machine compiled for a policy, cached.

        Raises:
            MoveError: A rule answers with a stage that the table does not have.
        """
        return self._courses.get(type(self), policy)

    def __reduce__(self) -> tuple[object, ...]:
        """Copy what the machine was made of, without what is cached."""
        given: Any = type(self)
        return given, tuple(getattr(self, field.name) for field in attrs.fields(given) if field.init)

    @abstractmethod
    def asked(self, stage: S) -> Rule[Any, Any, S]:
        """The rule that is asked of who stands in a stage."""

    @property
    def moves(self) -> Moves[S]:
        """Every move: ask it `of` one person or `over` everyone."""
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
        return checked(self.course(policy))

    def may_move(self, start: S, to: S) -> bool:
        """Whether a person may move from one stage to another; who stays may.

        Raises:
            ArgumentError: One of the two is not a stage.
        """
        check_stage(start, "start")
        check_stage(to, "to")
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
            msg = f"no stage {called(start)} is in the table; it has {names(self.table)}"
            raise MoveError(msg)
        msg = f"nobody moves from {called(start)} to {called(to)}; the table has {names(self.table[start])}"
        raise MoveError(msg)

    def _arrows(self) -> Iterator[tuple[str, str, str]]:
        for start, onward in self.table.items():
            for to, cause in onward.items():
                yield shown(start.value), shown(to.value), "event or time" if cause is Cause.EITHER else cause.value

    def mermaid(self) -> str:
        """The table as a Mermaid state diagram."""
        arrows = list(self._arrows())
        ids, called = mermaid_names(name for start, to, _ in arrows for name in (start, to))
        drawn = (f"{ids[start]} --> {ids[to]}: {cause}" for start, to, cause in arrows)
        return "\n    ".join(["stateDiagram-v2", *called, *drawn])

    def __str__(self) -> str:
        """The table as plain text, a line a move."""
        arrows = list(self._arrows())
        widths = [max((len(arrow[side]) for arrow in arrows), default=0) for side in (0, 1)]
        return "\n".join(f"{start:<{widths[0]}} -> {to:<{widths[1]}}  by {cause}" for start, to, cause in arrows)


def machine_given(given: object) -> Tabled[Any]:
    """Return a machine that was passed as an argument.

    Raises:
        ArgumentError: It is something else.
    """
    checked_machine: Tabled[Any] = instance(given, Tabled, "machine", "a Machine or a PathMachine")
    return checked_machine
