"""A machine made ready for one policy: its rules as trees whose answers are the numbers of stages.

A rule that knows nothing of the present stage is one tree; a path-dependent one is a tree for each stage, asked again
until it rests. All trees read one plan of facts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import Enum
from functools import cached_property
from itertools import pairwise
from typing import Any

import attrs

from funnel._facts.lifted import Lifted
from funnel._facts.plan import Plan, narrowed
from funnel._instants import LATEST, instant, span_at
from funnel._lift.clock import waits
from funnel._lift.code import Run, Told, compiled, worked_out
from funnel._lift.nodes import Node, Value, written
from funnel._lift.tree import Fork, Leaf, Tree
from funnel._moves.table import Cause, names
from funnel.errors import MoveError

BY_EVENT, BY_TIME = 1, 2
_BITS: Mapping[Cause, int] = {Cause.EVENT: BY_EVENT, Cause.TIME: BY_TIME, Cause.EITHER: BY_EVENT | BY_TIME}


@attrs.frozen(eq=False)
class Course:
    """A machine made ready.

    Attributes:
        stages: The stages, each with its number.
        trees: One tree, or one for each stage where the next stage depends on the present one.
        plan: The facts that the trees read, and no others.
        allowed: By what each stage may follow each, in bits.
        returns: The pairs of stages of which the second brings somebody back.
        start: Where people start; None where the rule says it.
    """

    stages: tuple[Enum, ...]
    trees: tuple[Tree, ...]
    plan: Plan
    allowed: tuple[tuple[int, ...], ...]
    returns: frozenset[tuple[int, int]]
    start: int | None = None

    @cached_property
    def waits(self) -> tuple[Node, ...]:
        """How long it is until each condition on the clock may flip, in any of the trees."""
        return tuple(dict.fromkeys(wait for tree in self.trees for wait in waits(tree)))

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """The trees for one person."""
        return tuple(compiled(tree, self.plan.run_places(), "stage") for tree in self.trees)

    @cached_property
    def told(self) -> Told:
        """The waits of one person."""
        return worked_out(self.waits, self.plan.run_places(), "waits")

    @property
    def is_path(self) -> bool:
        """Whether the next stage depends on the present one."""
        return self.start is not None

    def rest(self, here: int | None, values: Sequence[Value], now: int) -> int:
        """Where somebody comes to rest who stands here; who stands nowhere yet comes in."""
        return self.trail(here, values, now)[-1]

    def trail(self, here: int | None, values: Sequence[Value], now: int) -> list[int]:
        """The stages that somebody goes through at an instant, from where they stand to where they rest.

        Raises:
            MoveError: They never rest.
        """
        if self.start is None:
            there = self.step(0, values, now)
            return [there] if here is None else [here, there]
        trail = [self.start if here is None else here]
        while (there := self.step(trail[-1], values, now)) != trail[-1]:
            if there in trail:
                msg = f"the stages {self.words(trail[trail.index(there) :])} lead to each other without end"
                raise MoveError(f"{msg}, where {self.witness(values, now)}; let one of them hold")
            trail.append(there)
        return trail

    def step(self, number: int, values: Sequence[Value], now: int) -> int:
        """The answer of the rule of this number."""
        answer = self.runs[number](values, now)
        assert isinstance(answer, int)
        return answer

    def words(self, numbers: Collection[int]) -> str:
        """Stages in words."""
        return names([self.stages[number] for number in numbers])

    def may(self, start: int, to: int, by: int) -> bool:
        """Whether a stage may follow another by such a cause."""
        return start == to or bool(self.allowed[start][to] & by)

    def check(self, trail: Sequence[int], by: int, values: Sequence[Value], now: int) -> None:
        """See that the table has every move of a trail.

        Raises:
            MoveError: It has not.
        """
        for start, to in pairwise(trail):
            if not self.may(start, to, by):
                raise MoveError(f"{self.forbidden(start, to, by, now)}, where {self.witness(values, now)}")

    def forbidden(self, start: int, to: int, by: int, now: int) -> str:
        """That the rule makes a move that the table has not, in words."""
        onward = [f"{one.value}" for number, one in enumerate(self.stages) if self.allowed[start][number] & by]
        what = {BY_EVENT: "an event", BY_TIME: "time"}.get(by, "an event or time")
        return (
            f"the rule moves somebody from {self.stages[start].value} to {self.stages[to].value} by {what} on "
            f"{instant(now).isoformat()}, and by that the table has {', '.join(onward) or 'no move'}"
        )

    def witness(self, values: Sequence[Value], now: int) -> str:
        """The facts that the machine reads, in words."""
        plan = self.plan

        def said(name: str) -> str:
            place, slope = plan.run_places()[name]
            value = values[place]
            if isinstance(value, int) and slope:
                value = span_at(value, slope, now)
            return f"{name} = {written(value, plan.declared[name].fact(name).unit)}"

        return ", ".join(said(name) for name in plan.declared) or "nothing is read"


def course_of(
    rules: Sequence[tuple[str, Lifted]],
    table: Mapping[Any, Mapping[Any, Cause]],
    returns: Collection[tuple[Any, Any]],
    start: Enum | None = None,
) -> Course:
    """Make a machine ready.

    Args:
        rules: The rule with its name, or one for each stage of the table.
        table: Which stage may follow which.
        returns: The moves that bring somebody back.
        start: Where people start, if the rule does not say it.

    Raises:
        MoveError: A rule answers with what is no stage of the table.
    """
    stages = tuple(table)
    numbers = {stage: number for number, stage in enumerate(stages)}
    trees = tuple(_coded(ready.tree, numbers, name) for name, ready in rules)
    read = frozenset(name for _, ready in rules for name in ready.read)
    plan = narrowed(rules[0][1].plan, read)
    allowed = tuple(tuple(_BITS[table[a][b]] if b in table[a] else 0 for b in stages) for a in stages)
    back = frozenset((numbers[a], numbers[b]) for a, b in returns)
    return Course(stages, trees, plan, allowed, back, None if start is None else numbers[start])


def _coded(tree: Tree, numbers: Mapping[Any, int], name: str) -> Tree:
    if isinstance(tree, Fork):
        return Fork(tree.test, _coded(tree.yes, numbers, name), _coded(tree.no, numbers, name))
    answer = tree.answer
    if not isinstance(answer, Enum) or answer not in numbers:
        msg = f"{name} answers with {getattr(answer, 'value', answer)}, which has no row in the table; it has "
        raise MoveError(msg + names(list(numbers)))
    return Leaf(numbers[answer])


def dues(course: Course, values: Sequence[Value], at: int, until: int) -> Iterator[int]:
    """The instants after one and before another at which time may change the stage, in order."""
    ahead = {at + wait for wait in course.told(values, at) if isinstance(wait, int) and 0 < wait < LATEST - at}
    return iter(sorted(due for due in ahead if due < until))
