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
from funnel._format import mermaid_names, one_line
from funnel.errors import TransitionError
from funnel.machines._table import Cause, S, called, check_stage, names
from funnel.policy import Policy
from funnel.rules._rule import Rule

if TYPE_CHECKING:
    from funnel._dataframes.frame_types import FrameT
    from funnel._expr.explain import Explanation
    from funnel.history import History
    from funnel.logs import Logs
    from funnel.machines._check import MachineCheck
    from funnel.machines._compiled import CompiledMachine
    from funnel.machines._journey import Journey


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
        from funnel.machines._journey import journey_of

        return journey_of(self.machine._compiled(policy), history, as_of, partial(self._why, history, policy))

    def _why(self, history: History, policy: Policy, stage: S, as_of: datetime) -> Explanation:
        return self.machine._rule_in(stage).why(history, policy, as_of=as_of)

    def over(self, logs: Logs[FrameT], policy: Policy, *, as_of: datetime) -> FrameT:
        """Return every transition of everyone up to and including `as_of`.

        The engine that holds the data computes the result.

        Args:
            logs: Records of everyone.
            policy: The shop's policy.
            as_of: Last instant to consider, an aware datetime.

        Returns:
            A dataframe of the same type as the logs with one row for each transition, sorted by person and time if it
            is eager: `person_id`, `transitioned_at`, `from_stage` (null for an arrival), `to_stage`, `cause` ("event"
            or "time"), `record_kind`, `record_source`, `record_id` (null if the cause is time) and `is_return`.

        Raises:
            InstantError: `as_of` is naive.
            TransitionError: The rule makes a transition that is not in the table, or the stages form a cycle.
        """
        from funnel.machines._replay_frames import transitions_over

        return transitions_over(self.machine._compiled(policy), logs, parse_as_of(as_of))


class AnyMachine(ABC, Generic[S]):
    """Base class of machines, with a table of allowed transitions."""

    table: Mapping[S, Mapping[S, Cause]]
    returns: Collection[tuple[S, S]]

    @abstractmethod
    def _compile(self, policy: Policy) -> CompiledMachine:
        """Compile the machine for a policy."""

    @cached_property
    def _cache(self) -> PolicyCache[CompiledMachine]:
        return PolicyCache(lambda _, policy: self._compile(policy))

    def _compiled(self, policy: Policy) -> CompiledMachine:
        """Return the machine compiled for a policy, cached.

        Raises:
            TransitionError: A rule returns a stage that is not in the table.
        """
        return self._cache.get(type(self), policy)

    def __reduce__(self) -> tuple[object, ...]:
        """Copy the arguments of the machine, without its caches."""
        kind: Any = type(self)
        return kind, tuple(getattr(self, field.name) for field in attrs.fields(kind) if field.init)

    @abstractmethod
    def _rule_in(self, stage: S) -> Rule[Any, Any, S]:
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

    def over(self, logs: Logs[FrameT], policy: Policy, *, as_of: datetime) -> FrameT:
        """Return the stage of everyone, computed by the engine of the data.

        Args:
            logs: Records of everyone.
            policy: The shop's policy.
            as_of: Instant to evaluate at; it can be in the past.

        Returns:
            A dataframe of the same type as the logs with `person_id` and `stage`, sorted by person if it is eager.
        """
        from funnel.machines._replay_frames import stages_over

        return stages_over(self._compiled(policy), logs, parse_as_of(as_of))

    def check(self, policy: Policy) -> MachineCheck:
        """Return problems of the machine.

        Problems are unreachable stages, stages without exit, overlapping stages, and transitions that are not in the
        table.

        Args:
            policy: The shop's policy.
        """
        from funnel.machines._check import check_machine

        return check_machine(self._compiled(policy))

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

        Raises:
            TransitionError: The transition is not in the table; nothing changes.
        """
        if self.can_move(start, to):
            return to
        if start not in self.table:
            raise TransitionError(f"the stage {called(start)} is not in the table; the table has {names(self.table)}")
        allowed = names(self.table[start])
        msg = f"the table does not allow {called(start)} to {called(to)}; from {called(start)} it allows {allowed}"
        raise TransitionError(msg)

    def _arrows(self) -> Iterator[tuple[str, str, str]]:
        for start, next_stage in self.table.items():
            for to, cause in next_stage.items():
                yield (
                    one_line(start.value),
                    one_line(to.value),
                    "event or time" if cause is Cause.EITHER else cause.value,
                )

    def mermaid(self) -> str:
        """Return the table as a Mermaid state diagram."""
        arrows = list(self._arrows())
        ids, declarations = mermaid_names(name for start, to, _ in arrows for name in (start, to))
        lines = (f"{ids[start]} --> {ids[to]}: {cause}" for start, to, cause in arrows)
        return "\n    ".join(["stateDiagram-v2", *declarations, *lines])

    def __str__(self) -> str:
        """Return the table as plain text, one line for each transition."""
        arrows = list(self._arrows())
        widths = [max((len(arrow[side]) for arrow in arrows), default=0) for side in (0, 1)]
        return "\n".join(f"{start:<{widths[0]}} -> {to:<{widths[1]}}  by {cause}" for start, to, cause in arrows)


def check_is_machine(value: object) -> AnyMachine[Any]:
    """Return a machine that was passed as an argument.

    Raises:
        ArgumentError: The argument is not a machine.
    """
    checked_machine: AnyMachine[Any] = instance(value, AnyMachine, "machine", "a Machine or a PathDependentMachine")
    return checked_machine
