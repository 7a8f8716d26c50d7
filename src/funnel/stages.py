"""Where each person stands: a rule whose answer is a stage, and the table of the moves that may happen.

Rule 1: the stage is computed from facts, so nothing that is stored can drift from what happened.
Rule 2: the table says which moves may happen, and whether an event, time, or either brings them about. A move that is
not in the table raises, and nothing has changed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from typing import Any, Generic

import attrs

from funnel._copies import OfFunctions
from funnel._given import is_function, kind_of
from funnel._moves.ask import Moves, Tabled
from funnel._moves.course import Course, course_of
from funnel._moves.table import Cause, S, check_start, check_table
from funnel._rule import Rule, rule, rule_given
from funnel.errors import ArgumentError
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


@attrs.frozen
class Machine(Tabled[S], Generic[S]):
    """Stages with their rule and their table: the whole of a funnel, as a value.

    Args:
        stage: The rule that says where a person stands; its answers are members of one enum.
        table: Which stage may follow which, and what brings it about.
        returns: The moves that bring back somebody who was lost.

    Example:
        >>> FUNNEL.may_move(Stage.PROSPECT, Stage.CUSTOMER)
        True
        >>> FUNNEL.move(Stage.LAPSED, Stage.LEAD)
        Traceback (most recent call last):
            ...
        funnel.errors.MoveError: nobody moves from lapsed to lead; the table has prospect, customer, repeat_customer
    """

    stage: Rule[Any, Any, S]
    table: Mapping[S, Mapping[S, Cause]]
    returns: Collection[tuple[S, S]] = ()

    def __attrs_post_init__(self) -> None:
        """See that the table can be walked."""
        rule_given(self.stage, "stage")
        check_table(self.table, self.returns)

    def asked(self, stage: S) -> Rule[Any, Any, S]:  # noqa: ARG002 (the same of everyone)
        """The rule that is asked of who stands in a stage."""
        return self.stage

    def compile_for(self, policy: Policy) -> Course:
        """Compile the machine for a policy.

        Raises:
            MoveError: The rule answers with a stage that the table has not.
        """
        return course_of([(self.stage.name, self.stage.lifted(policy))], self.table, self.returns)


@attrs.frozen
class PathMachine(OfFunctions, Tabled[S], Generic[S]):
    """Stages of which the next depends on the present one: where people start, what moves them on, and the table.

    Args:
        start: The stage in which everyone starts.
        onward: `(stage, f: Facts, policy: Policy) -> stage`, a plain typed function, as a rule is: where somebody goes
            who stands in a stage; the same stage is to stay. It is asked again until they stay.
        table: Which stage may follow which, and what brings it about.
        returns: The moves that bring back somebody who was lost.

    Example:
        >>> from datetime import UTC, datetime
        >>> from enum import StrEnum
        >>> from funnel import History, Visit
        >>> class Door(StrEnum):
        ...     OUT = "out"
        ...     IN = "in"
        >>> def onward(door: Door, f: Facts, policy: Policy) -> Door:
        ...     return Door.IN if f.inbound_count >= 1 else door
        >>> doors = PathMachine(Door.OUT, onward, {Door.OUT: {Door.IN: Cause.EVENT}, Door.IN: {}})
        >>> day = datetime(2026, 3, 1, tzinfo=UTC)
        >>> history = History.of("p1", [Visit(id="v1", person_id="p1", occurred_at=day)])
        >>> doors.moves.of(history, Policy(), as_of=day)[-1].to_stage.value
        'in'
    """

    start: S
    onward: Callable[[S, Any, Any], S]
    table: Mapping[S, Mapping[S, Cause]]
    returns: Collection[tuple[S, S]] = ()
    _rules: dict[S, Rule[Any, Any, S]] = attrs.field(
        factory=dict["S", "Rule[Any, Any, S]"], init=False, eq=False, repr=False
    )

    def __attrs_post_init__(self) -> None:
        """See that the table can be walked from the start.

        Raises:
            MoveError: It cannot.
        """
        check_table(self.table, self.returns)
        check_start(self.start, self.table)
        self._rules.update({one: _rule_in(one, self.onward) for one in self.table})

    def _functions(self) -> tuple[Callable[[S, Any, Any], S]]:
        return (self.onward,)

    def asked(self, stage: S) -> Rule[Any, Any, S]:
        """The rule that is asked of who stands in a stage."""
        return self._rules[stage]

    def compile_for(self, policy: Policy) -> Course:
        """Compile the machine for a policy.

        Raises:
            MoveError: The function answers with a stage that the table has not.
        """
        rules = [(one.name, one.lifted(policy)) for one in self._rules.values()]
        return course_of(rules, self.table, self.returns, self.start)


def _rule_in(stage: S, onward: Callable[[S, Any, Any], S]) -> Rule[Any, Any, S]:
    """What moves people on, as a rule of those who stand in one stage."""

    def move(f: Any, policy: Any) -> S:
        return onward(stage, f, policy)

    name = getattr(onward, "__name__", "onward")
    hints = _hints(onward)
    move.__annotations__ = {one.name: one.annotation for one in hints if one.annotation is not one.empty}
    made = rule(move)
    made.name = f"{name}, from {stage.value},"
    return made


def _hints(onward: Callable[..., object]) -> list[inspect.Parameter]:
    """The parameters of the facts and of the policy."""
    expected = "a function of a stage, facts and a policy"
    if not is_function(onward):
        raise ArgumentError(f"onward must be {expected} (got {kind_of(onward)})")
    try:
        _, facts, policy = inspect.signature(onward, eval_str=True).parameters.values()
    except (NameError, TypeError, ValueError) as error:
        why = f"its annotations name {error.name!r}" if isinstance(error, NameError) else "its parameters are others"
        msg = f"onward must be {expected}, whose types are known: {why}"
        raise ArgumentError(msg) from None
    return [facts, policy]


FUNNEL: Machine[Stage] = Machine(stage, MOVES, ((Stage.LAPSED, Stage.CUSTOMER), (Stage.LAPSED, Stage.REPEAT_CUSTOMER)))
"""The funnel of a shop, as this library has it; a shop with other stages makes its own `Machine`."""

moves: Moves[Stage] = FUNNEL.moves
"""Every move of the funnel: ask it `of` one person or `over` everyone."""
