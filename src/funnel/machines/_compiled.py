"""Compiled machines: rules of one policy as trees of stage numbers.

A rule that does not depend on the present stage is one tree. A path-dependent machine has one tree for each stage, and
is evaluated until the stage stays the same. All trees read one plan of facts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import Enum
from functools import cached_property
from itertools import pairwise
from typing import Any

import attrs

from funnel._aggregate.aggregations import Derived, Reduction, windowed
from funnel._aggregate.within import length_of
from funnel._expr.next_change import flip_delays
from funnel._expr.nodes import Node, Value, format_value
from funnel._expr.rename import renamed
from funnel._expr.to_python import Evaluator, Run, compile_expressions, compile_tree
from funnel._expr.tree import Fork, Leaf, Tree
from funnel._time import LATEST, instant, span_at
from funnel.errors import TransitionError
from funnel.facts._compiled_rule import CompiledRule
from funnel.facts._declare import Declared
from funnel.facts._schema import FactSchema, fact_schema, narrowed
from funnel.machines._table import Cause, names

# ---- windowed facts just before an instant, as time alone changes them -----------------------------------------------

# At the instant of a record, rows may also leave a window. To state what time alone would have done, each windowed fact
# has a shadow: the same fact with a window that is one microsecond shorter. The shadow just before an instant equals
# the fact at the instant without the records of that instant.


def with_shadows(plan: FactSchema) -> tuple[FactSchema, Mapping[str, str]]:
    """Return the schema with a shadow of each windowed fact, and the names of the shadows."""
    read = {index for window in plan.windows for index in window.indices}
    shadows = {name: f"{name} just before" for name, index in plan.indices.items() if index in read}
    declared = {shadow: _shadow(plan.declared[name]) for name, shadow in shadows.items()}
    return (fact_schema({**plan.declared, **declared}) if shadows else plan), shadows


def _shadow(one: Declared) -> Declared:
    value = one.value
    if isinstance(value, Derived):
        return attrs.evolve(one, value=attrs.evolve(value, parts=tuple(map(_shorter, value.parts))))
    return attrs.evolve(one, value=_shorter(value))


def _shorter(one: Reduction) -> Reduction:
    return attrs.evolve(one, stream=windowed(one.stream.origin, length_of(one.stream) - 1))


# ---- compiled machines -----------------------------------------------------------------------------------------------


BY_EVENT, BY_TIME = 1, 2
_BITS: Mapping[Cause, int] = {Cause.EVENT: BY_EVENT, Cause.TIME: BY_TIME, Cause.EITHER: BY_EVENT | BY_TIME}


@attrs.frozen(eq=False)
class CompiledMachine:
    """Machine compiled for one policy.

    Attributes:
        stages: Stages, in order of their numbers.
        trees: One tree, or one for each stage of a path-dependent machine.
        plan: Facts that the trees read, and no others.
        allowed: Allowed causes for each pair of stages, as bits.
        returns: Pairs of stages that bring a lost person back.
        start: Start stage; None if the rule does not depend on the present stage.
        shadows: Names of the shadows of windowed facts.
    """

    stages: tuple[Enum, ...]
    trees: tuple[Tree, ...]
    plan: FactSchema
    allowed: tuple[tuple[int, ...], ...]
    returns: frozenset[tuple[int, int]]
    start: int | None = None
    shadows: Mapping[str, str] = attrs.Factory(dict[str, str])

    @cached_property
    def waiting(self) -> CompiledMachine:
        """The same machine, for the values just before an instant: what time alone does at that instant."""
        trees = tuple(renamed(tree, self.shadows) for tree in self.trees)
        return attrs.evolve(self, trees=trees) if self.shadows else self

    @cached_property
    def waits(self) -> tuple[Node, ...]:
        """Delay until each time condition of the trees may flip."""
        return tuple(dict.fromkeys(wait for tree in self.trees for wait in flip_delays(tree)))

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """Compiled trees for one person."""
        return tuple(compile_tree(tree, self.plan.run_indices(), "stage") for tree in self.trees)

    @cached_property
    def delays(self) -> Evaluator:
        """Compiled delays for one person."""
        return compile_expressions(self.waits, self.plan.run_indices(), "waits")

    @property
    def is_path(self) -> bool:
        """True if the next stage depends on the present stage."""
        return self.start is not None

    def rest(self, here: int | None, values: Sequence[Value], now: int) -> int:
        """Return the final stage from a present stage; `here` is None at arrival."""
        return self.trail(here, values, now)[-1]

    def trail(self, here: int | None, values: Sequence[Value], now: int) -> list[int]:
        """Return the stages passed at an instant, from the present to the final stage.

        Raises:
            TransitionError: The stages form a cycle.
        """
        if self.start is None:
            there = self.step(0, values, now)
            return [there] if here is None else [here, there]
        trail = [self.start if here is None else here]
        while (there := self.step(trail[-1], values, now)) != trail[-1]:
            if there in trail:
                msg = f"the stages {self.words(trail[trail.index(there) :])} lead to each other in a cycle"
                raise TransitionError(f"{msg} (facts: {self.witness(values, now)}); make one of them stay the same")
            trail.append(there)
        return trail

    def step(self, number: int, values: Sequence[Value], now: int) -> int:
        """Return the answer of the rule with this number."""
        answer = self.runs[number](values, now)
        assert isinstance(answer, int)
        return answer

    def words(self, numbers: Collection[int]) -> str:
        """Return stage names as text, separated by commas."""
        return names([self.stages[number] for number in numbers])

    def may(self, start: int, to: int, by: int) -> bool:
        """Return whether a cause may lead from one stage to another."""
        return start == to or bool(self.allowed[start][to] & by)

    def check(self, trail: Sequence[int], by: int, values: Sequence[Value], now: int) -> None:
        """Check that the table has every transition of a trail.

        Raises:
            TransitionError: A transition is not in the table.
        """
        for start, to in pairwise(trail):
            if not self.may(start, to, by):
                raise TransitionError(f"{self.forbidden(start, to, by, now)} (facts: {self.witness(values, now)})")

    def forbidden(self, start: int, to: int, by: int, now: int) -> str:
        """Return the message for a transition that is not in the table."""
        next_stage = [f"{one.value}" for number, one in enumerate(self.stages) if self.allowed[start][number] & by]
        cause = {BY_EVENT: "an event", BY_TIME: "time"}.get(by, "an event or time")
        return (
            f"the rule moves a person from {self.stages[start].value} to {self.stages[to].value} by {cause} on "
            f"{instant(now).isoformat()}; by {cause} the table allows {', '.join(next_stage) or 'no transition'}"
        )

    def witness(self, values: Sequence[Value], now: int) -> str:
        """Return the facts that the machine reads, as text."""
        plan = self.plan

        def fact_text(name: str) -> str:
            index, slope = plan.run_indices()[name]
            value = values[index]
            if isinstance(value, int) and slope:
                value = span_at(value, slope, now)
            return f"{name} = {format_value(value, plan.declared[name].fact(name).unit)}"

        hidden = set(self.shadows.values())
        return ", ".join(fact_text(name) for name in plan.declared if name not in hidden) or "none"


def compile_machine(
    rules: Sequence[tuple[str, CompiledRule]],
    table: Mapping[Any, Mapping[Any, Cause]],
    returns: Collection[tuple[Any, Any]],
    start: Enum | None = None,
) -> CompiledMachine:
    """Compile a machine.

    Args:
        rules: The rule with its name, or one rule for each stage of the table.
        table: Allowed transitions.
        returns: Transitions that bring a lost person back.
        start: Start stage of a path-dependent machine.

    Raises:
        TransitionError: A rule returns a value that is not a stage of the table.
    """
    stages = tuple(table)
    numbers = {stage: number for number, stage in enumerate(stages)}
    trees = tuple(_coded(ready.tree, numbers, name) for name, ready in rules)
    read = frozenset(name for _, ready in rules for name in ready.read)
    plan, shadows = with_shadows(narrowed(rules[0][1].plan, read))
    allowed = tuple(tuple(_BITS[table[a][b]] if b in table[a] else 0 for b in stages) for a in stages)
    back = frozenset((numbers[a], numbers[b]) for a, b in returns)
    return CompiledMachine(stages, trees, plan, allowed, back, None if start is None else numbers[start], shadows)


def _coded(tree: Tree, numbers: Mapping[Any, int], name: str) -> Tree:
    if isinstance(tree, Fork):
        return Fork(tree.test, _coded(tree.yes, numbers, name), _coded(tree.no, numbers, name))
    answer = tree.answer
    if not isinstance(answer, Enum) or answer not in numbers:
        msg = f"{name} returns {getattr(answer, 'value', answer)}, which has no row in the table; the table has "
        raise TransitionError(msg + names(list(numbers)))
    return Leaf(numbers[answer])


def dues(compiled: CompiledMachine, values: Sequence[Value], at: int, until: int) -> Iterator[int]:
    """Yield the instants in between when time may change the stage, in order."""
    instants = {at + wait for wait in compiled.delays(values, at) if isinstance(wait, int) and 0 < wait < LATEST - at}
    return iter(sorted(due for due in instants if due < until))
