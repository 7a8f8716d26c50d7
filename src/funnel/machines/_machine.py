"""Methods of every machine: transitions, present stage, checks and diagrams."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Generic

import attrs

from funnel._arguments import instance, parse_as_of
from funnel._cache import PolicyCache
from funnel._expr.explain import Explanation
from funnel._format import mermaid_names, shown
from funnel._time import instant
from funnel.errors import TransitionError
from funnel.history import History, check_is_history
from funnel.machines._causes import Record, record_of
from funnel.machines._check import MachineCheck, check_machine
from funnel.machines._compiled import BY_TIME, CompiledMachine
from funnel.machines._journey import Journey, Transition
from funnel.machines._replay import Step, steps_of
from funnel.machines._table import Cause, S, called, check_stage, names
from funnel.policy import Policy
from funnel.rules._rule import Rule

if TYPE_CHECKING:
    from funnel.logs import Logs


@attrs.frozen
class Transitions(Generic[S]):
    """Transitions of a machine: `of` one person or `over` everyone."""

    machine: AnyMachine[S]

    def __attrs_post_init__(self) -> None:
        """Check the argument.

        Raises:
            ArgumentError: The argument is not a machine.
        """
        check_is_machine(self.machine)

    def of(self, history: History, policy: Policy, *, as_of: datetime) -> Journey[S]:
        """Return every transition of one person up to and including `as_of`.

        Each stage follows from the facts at its own instant. A refund changes the stage when the refund happens, not at
        the purchase. A record that arrives late counts from when it happened.

        Args:
            history: Records of the person.
            policy: The shop's policy.
            as_of: Last instant to consider, an aware datetime.

        Raises:
            InstantError: `as_of` is naive.
            TransitionError: The rule makes a transition that is not in the table, or the stages form a cycle.
        """
        course = self.machine.course(policy)
        steps = steps_of(course, check_is_history(history).ledger, parse_as_of(as_of))
        return Journey(as_of, tuple(self._told(course, history, policy, step) for step in steps))

    def _told(self, course: CompiledMachine, history: History, policy: Policy, step: Step) -> Transition[S]:
        stages: Any = course.stages
        by_time = step.by == BY_TIME
        record = Record() if by_time else record_of(course.plan, history.ledger, step.at)
        return Transition(
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

    def _why(self, stage: S, history: History, policy: Policy, as_of: datetime) -> Explanation:
        return self.machine.asked(stage).why(history, policy, as_of=as_of)

    def over(self, logs: Logs, policy: Policy, *, as_of: datetime) -> Any:
        """Return every transition of everyone up to and including `as_of`.

        The engine that holds the data computes the result.

        Args:
            logs: Records of everyone.
            policy: The shop's policy.
            as_of: Last instant to consider, an aware datetime.

        Returns:
            A dataframe of the same type as the logs with one row for each transition, unsorted: `person_id`,
            `transitioned_at`, `from_stage` (null for an arrival), `to_stage`, `cause` ("event" or "time"),
            `record_kind`, `record_source`, `record_id` (null if the cause is time) and `is_return`.

        Raises:
            InstantError: `as_of` is naive.
            TransitionError: The rule makes a transition that is not in the table, or the stages form a cycle.
        """
        from funnel.machines._replay_frames import moves_over

        return moves_over(self.machine.course(policy), logs, parse_as_of(as_of))


class AnyMachine(ABC, Generic[S]):
    """Base class of machines, with a table of allowed transitions."""

    table: Mapping[S, Mapping[S, Cause]]
    returns: Collection[tuple[S, S]]

    @abstractmethod
    def compile_for(self, policy: Policy) -> CompiledMachine:
        """Compile the machine for a policy."""

    @cached_property
    def _courses(self) -> PolicyCache[CompiledMachine]:
        return PolicyCache(lambda _, policy: self.compile_for(policy))

    def course(self, policy: Policy) -> CompiledMachine:
        """Return the machine compiled for a policy, cached.

        Raises:
            TransitionError: A rule returns a stage that is not in the table.
        """
        return self._courses.get(type(self), policy)

    def __reduce__(self) -> tuple[object, ...]:
        """Copy the arguments of the machine, without its caches."""
        given: Any = type(self)
        return given, tuple(getattr(self, field.name) for field in attrs.fields(given) if field.init)

    @abstractmethod
    def asked(self, stage: S) -> Rule[Any, Any, S]:
        """Return the rule that applies to a person in a stage."""

    @property
    def transitions(self) -> Transitions[S]:
        """Transitions: `of` one person or `over` everyone."""
        return Transitions(self)

    def of(self, history: History, policy: Policy, *, as_of: datetime) -> S | None:
        """Return the stage of one person; None if the person has no records yet.

        Args:
            history: Records of the person.
            policy: The shop's policy.
            as_of: Instant to evaluate at; it can be in the past.
        """
        journey = self.transitions.of(history, policy, as_of=as_of)
        return journey[-1].to_stage if journey else None

    def over(self, logs: Logs, policy: Policy, *, as_of: datetime) -> Any:
        """Return the stage of everyone, computed by the engine of the data.

        Args:
            logs: Records of everyone.
            policy: The shop's policy.
            as_of: Instant to evaluate at; it can be in the past.

        Returns:
            A dataframe of the same type as the logs with `person_id` and `stage`.
        """
        from funnel.machines._replay_frames import standing_over

        return standing_over(self.course(policy), logs, parse_as_of(as_of))

    def check(self, policy: Policy) -> MachineCheck:
        """Return problems of the machine.

        Problems are unreachable stages, stages without exit, overlapping stages, and transitions that are not in the
        table.

        Args:
            policy: The shop's policy.
        """
        return check_machine(self.course(policy))

    def can_move(self, start: S, to: S) -> bool:
        """Return whether a transition is allowed; staying in a stage is allowed.

        Raises:
            ArgumentError: An argument is not a stage.
        """
        check_stage(start, "start")
        check_stage(to, "to")
        return start == to or to in self.table.get(start, {})

    def move(self, start: S, to: S) -> S:
        """Return the new stage if the table allows the transition.

        Args:
            start: Present stage.
            to: Next stage.

        Returns:
            The new stage.

        Raises:
            TransitionError: The transition is not in the table; nothing changes.
        """
        if self.can_move(start, to):
            return to
        if start not in self.table:
            msg = f"no stage {called(start)} is in the table; it has {names(self.table)}"
            raise TransitionError(msg)
        msg = f"nobody moves from {called(start)} to {called(to)}; the table has {names(self.table[start])}"
        raise TransitionError(msg)

    def _arrows(self) -> Iterator[tuple[str, str, str]]:
        for start, next_stage in self.table.items():
            for to, cause in next_stage.items():
                yield shown(start.value), shown(to.value), "event or time" if cause is Cause.EITHER else cause.value

    def mermaid(self) -> str:
        """Return the table as a Mermaid state diagram."""
        arrows = list(self._arrows())
        ids, called = mermaid_names(name for start, to, _ in arrows for name in (start, to))
        drawn = (f"{ids[start]} --> {ids[to]}: {cause}" for start, to, cause in arrows)
        return "\n    ".join(["stateDiagram-v2", *called, *drawn])

    def __str__(self) -> str:
        """Return the table as plain text, one line for each transition."""
        arrows = list(self._arrows())
        widths = [max((len(arrow[side]) for arrow in arrows), default=0) for side in (0, 1)]
        return "\n".join(f"{start:<{widths[0]}} -> {to:<{widths[1]}}  by {cause}" for start, to, cause in arrows)


def check_is_machine(given: object) -> AnyMachine[Any]:
    """Return a machine that was passed as an argument.

    Raises:
        ArgumentError: The argument is not a machine.
    """
    checked_machine: AnyMachine[Any] = instance(given, AnyMachine, "machine", "a Machine or a PathDependentMachine")
    return checked_machine
