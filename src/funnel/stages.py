"""Stages: the stage rule, the table of allowed transitions, and machines.

Rule 1: the stage is computed from facts, so a stored value cannot drift from the records.
Rule 2: the table lists the allowed transitions and their causes: an event, time, or either. A transition that is not in
the table raises, and nothing changes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic

import attrs

from funnel._arguments import is_function, kind_of
from funnel._copies import OfFunctions
from funnel.errors import ArgumentError
from funnel.facts import Facts
from funnel.machines._machine import AnyMachine, Transitions
from funnel.machines._table import Cause, S, check_start, check_table
from funnel.policy import Policy
from funnel.rules._activity import has_bought, has_bought_again, has_engaged, is_lapsed
from funnel.rules._check import check_is_rule
from funnel.rules._rule import Rule, rule

if TYPE_CHECKING:
    from funnel.machines._compiled import CompiledMachine

__all__ = ["SHOP_MACHINE", "TRANSITIONS", "Machine", "Stage", "stage", "transitions"]


class Stage(StrEnum):
    """Stage of a person in the funnel.

    Example:
        >>> Stage("customer") is Stage.CUSTOMER
        True
    """

    LEAD = "lead"
    """Arrived, and has done nothing else yet (prospek)."""
    PROSPECT = "prospect"
    """Visited, looked, asked or ordered; has no valid purchase (calon pembeli)."""
    CUSTOMER = "customer"
    """Has bought on exactly one occasion (konsumen)."""
    REPEAT_CUSTOMER = "repeat_customer"
    """Has bought on two or more occasions (pelanggan)."""
    LAPSED = "lapsed"
    """Has bought, but not within `lapse_after`."""


TRANSITIONS: Mapping[Stage, Mapping[Stage, Cause]] = {
    Stage.LEAD: {Stage.PROSPECT: Cause.EVENT, Stage.CUSTOMER: Cause.EVENT},
    Stage.PROSPECT: {Stage.CUSTOMER: Cause.EVENT},
    Stage.CUSTOMER: {Stage.PROSPECT: Cause.EVENT, Stage.REPEAT_CUSTOMER: Cause.EVENT, Stage.LAPSED: Cause.EITHER},
    Stage.REPEAT_CUSTOMER: {Stage.PROSPECT: Cause.EVENT, Stage.CUSTOMER: Cause.EVENT, Stage.LAPSED: Cause.EITHER},
    Stage.LAPSED: {Stage.PROSPECT: Cause.EVENT, Stage.CUSTOMER: Cause.EVENT, Stage.REPEAT_CUSTOMER: Cause.EVENT},
}
"""Every allowed transition.

Two occasions are a day or more apart, so every buyer is a customer before a repeat customer. A refund removes a
purchase. A customer can then become a prospect again. A customer or repeat customer whose last purchase is refunded can
turn out to have lapsed long ago; a customer only if both purchases were one occasion.
"""


@rule
def stage(f: Facts, policy: Policy) -> Stage:
    """Return the stage: lead, prospect, customer, repeat customer or lapsed."""
    if not has_bought(f, policy):
        return Stage.PROSPECT if has_engaged(f, policy) else Stage.LEAD
    if is_lapsed(f, policy):
        return Stage.LAPSED
    return Stage.REPEAT_CUSTOMER if has_bought_again(f, policy) else Stage.CUSTOMER


@attrs.frozen
class Machine(AnyMachine[S], Generic[S]):
    """State machine: a stage rule and a table of allowed transitions.

    Args:
        stage: Rule that returns the stage of a person. Its answers are members of one enum.
        table: Allowed transitions, each with its cause.
        returns: Transitions that bring back a lost person.

    Example:
        >>> SHOP_MACHINE.can_move(Stage.PROSPECT, Stage.CUSTOMER)
        True
        >>> SHOP_MACHINE.move(Stage.LAPSED, Stage.LEAD)
        Traceback (most recent call last):
            ...
        funnel.errors.TransitionError: the table does not allow lapsed to lead; from lapsed it allows prospect, customer, repeat_customer
    """  # noqa: E501 - one line of a traceback

    stage: Rule[Any, Any, S]
    table: Mapping[S, Mapping[S, Cause]]
    returns: Collection[tuple[S, S]] = ()

    def __attrs_post_init__(self) -> None:
        """Check the rule and the table."""
        check_is_rule(self.stage, "stage")
        check_table(self.table, self.returns)

    def _rule_in(self, stage: S) -> Rule[Any, Any, S]:  # noqa: ARG002 (the same for every stage)
        """Return the rule that applies to a person in a stage."""
        return self.stage

    def _compile(self, policy: Policy) -> CompiledMachine:
        """Compile the machine for a policy.

        Raises:
            TransitionError: The rule returns a stage that is not in the table.
        """
        from funnel.machines._compiled import compile_machine

        return compile_machine([(self.stage.name, self.stage._compiled_rule(policy))], self.table, self.returns)


@attrs.frozen
class PathDependentMachine(OfFunctions, AnyMachine[S], Generic[S]):
    """State machine whose next stage depends on the present stage.

    Args:
        start: Stage in which everyone starts.
        next_stage: `(stage, f: Facts, policy: Policy) -> stage`, a plain typed function like a rule. It returns the
            next stage of a person, or the same stage to stay. It is called again until the stage stays the same.
        table: Allowed transitions, each with its cause.
        returns: Transitions that bring back a lost person.

    Example:
        >>> from datetime import UTC, datetime
        >>> from enum import StrEnum
        >>> from funnel import History
        >>> from funnel.interactions import Visit
        >>> class Door(StrEnum):
        ...     OUT = "out"
        ...     IN = "in"
        >>> def next_stage(door: Door, f: Facts, policy: Policy) -> Door:
        ...     return Door.IN if f.inbound_count >= 1 else door
        >>> doors = PathDependentMachine(Door.OUT, next_stage, {Door.OUT: {Door.IN: Cause.EVENT}, Door.IN: {}})
        >>> day = datetime(2026, 3, 1, tzinfo=UTC)
        >>> history = History.of("p1", [Visit(id="v1", person_id="p1", occurred_at=day)])
        >>> doors.transitions.of(history, Policy(), as_of=day)[-1].to_stage.value
        'in'
    """

    start: S
    next_stage: Callable[[S, Any, Any], S]
    table: Mapping[S, Mapping[S, Cause]]
    returns: Collection[tuple[S, S]] = ()
    _rules: dict[S, Rule[Any, Any, S]] = attrs.field(
        factory=dict["S", "Rule[Any, Any, S]"], init=False, eq=False, repr=False
    )

    def __attrs_post_init__(self) -> None:
        """Check the table and the start.

        Raises:
            TransitionError: The table or the start is invalid.
        """
        check_table(self.table, self.returns)
        check_start(self.start, self.table)
        self._rules.update({one: _rule_in(one, self.next_stage) for one in self.table})

    def _functions(self) -> tuple[Callable[[S, Any, Any], S]]:
        return (self.next_stage,)

    def _rule_in(self, stage: S) -> Rule[Any, Any, S]:
        """Return the rule that applies to a person in a stage."""
        return self._rules[stage]

    def _compile(self, policy: Policy) -> CompiledMachine:
        """Compile the machine for a policy.

        Raises:
            TransitionError: The function returns a stage that is not in the table.
        """
        from funnel.machines._compiled import compile_machine

        rules = [(one.name, one._compiled_rule(policy)) for one in self._rules.values()]
        return compile_machine(rules, self.table, self.returns, self.start)


def _rule_in(stage: S, next_stage: Callable[[S, Any, Any], S]) -> Rule[Any, Any, S]:
    """Return `next_stage` as a rule for people in one stage."""

    def move(f: Any, policy: Any) -> S:
        return next_stage(stage, f, policy)

    name = getattr(next_stage, "__name__", "next_stage")
    hints = _hints(next_stage)
    move.__annotations__ = {one.name: one.annotation for one in hints if one.annotation is not one.empty}
    stage_rule = rule(move)
    stage_rule.name = f"{name}, from {stage.value},"
    return stage_rule


def _hints(next_stage: Callable[..., object]) -> list[inspect.Parameter]:
    """Return the facts parameter and the policy parameter."""
    expected = "a function of a stage, facts and a policy"
    if not is_function(next_stage):
        raise ArgumentError(f"next_stage must be {expected} (got {kind_of(next_stage)})")
    try:
        _, facts, policy = inspect.signature(next_stage, eval_str=True).parameters.values()
    except (NameError, TypeError, ValueError) as error:
        why = (
            f"its annotations use {error.name!r}, which is not defined"
            if isinstance(error, NameError)
            else "its parameters differ"
        )
        raise ArgumentError(f"next_stage must be {expected}: {why}") from None
    return [facts, policy]


SHOP_MACHINE: Machine[Stage] = Machine(
    stage, TRANSITIONS, ((Stage.LAPSED, Stage.CUSTOMER), (Stage.LAPSED, Stage.REPEAT_CUSTOMER))
)
"""Default machine of this library. For other stages, make your own `Machine`."""

transitions: Transitions[Stage] = SHOP_MACHINE.transitions
"""Transitions of the default machine: `of` one person or `over` everyone."""
