"""A rule made ready for one policy and one class of facts: the tree, where it reads, and how it runs for one person."""

from __future__ import annotations

from functools import cached_property

import attrs

from funnel._facts.base import Held
from funnel._facts.plan import Plan, narrowed
from funnel._facts.traced import reader
from funnel._lift.clock import waits
from funnel._lift.code import Run, Told, compiled, worked_out
from funnel._lift.nodes import Node, Read, facts_of
from funnel._lift.paths import Path, Why, paths, reasons, sides
from funnel._lift.tree import Tree, forks, leaves, numbered


@attrs.frozen
class Lifted:
    """A rule made ready for one policy and one class of facts."""

    tree: Tree
    plan: Plan
    run: Run

    @cached_property
    def read(self) -> frozenset[str]:
        """The names of the facts that the rule reads."""
        tests = [fork.test for fork in forks(self.tree)]
        nodes: list[Node] = [*tests, *(leaf.node for leaf in leaves(self.tree) if leaf.node is not None)]
        return frozenset(fact.name for node in nodes for fact in facts_of(node))

    @cached_property
    def run_places(self) -> dict[str, tuple[int, int]]:
        """Where each fact is read, and how it runs with the clock."""
        return self.plan.run_places()

    @cached_property
    def ways(self) -> tuple[Path, ...]:
        """Every way through the tree."""
        return tuple(paths(self.tree))

    @cached_property
    def _way(self) -> Run:
        return compiled(numbered(self.tree), self.run_places, "way")

    @cached_property
    def _told(self) -> dict[int, tuple[Path, Told]]:
        """The ways that somebody took, each with what works out the two sides of its conditions."""
        return {}

    def why(self, facts: Held) -> Why:
        """The answer for one person, and what decided it."""
        values, now = facts.values, facts.now
        number = self._way(values, now)
        assert isinstance(number, int)
        if number not in self._told:
            path = self.ways[number]
            self._told[number] = path, worked_out(sides(path), self.run_places, "why")
        path, told = self._told[number]
        answer = path.leaf.answer if path.leaf.node is None else self.run(values, now)
        return Why(answer, reasons(path, told(values, now)))

    def narrowed(self) -> Plan:
        """What the rule needs of everyone: the facts it reads, and no others."""
        return narrowed(self.plan, self.read)

    @cached_property
    def alone(self) -> tuple[Plan, Run]:
        """What the rule needs, and the rule as it reads the values of that plan."""
        plan = self.narrowed()
        return plan, compiled(self.tree, plan.run_places(), "alone")

    @cached_property
    def alone_waits(self) -> Told:
        """How long it is until each condition on the clock may flip, worked out from the values of that plan."""
        return worked_out(self.waits, self.alone[0].run_places(), "waits")

    def reader(self, facts: Held) -> Read:
        """How the nodes of the tree read the facts of one person."""
        return reader(self.run_places, facts)

    @cached_property
    def waits(self) -> tuple[Node, ...]:
        """How long it is until each condition on the clock may flip; the same for everyone.

        Raises:
            LiftError: The rule uses the clock in a way that has no next change.
        """
        return waits(self.tree)
