"""A rule compiled for one policy and one class of facts: its tree, where it reads facts, and how it runs."""

from __future__ import annotations

from functools import cached_property

import attrs

from funnel._expr.explain import Explanation, RulePath, paths, reasons, sides
from funnel._expr.next_change import flip_delays
from funnel._expr.nodes import Node, Read, facts_of
from funnel._expr.to_python import Evaluator, Run, compile_expressions, compiled
from funnel._expr.tree import Tree, forks, leaves, numbered
from funnel.facts._display import Held
from funnel.facts._schema import FactSchema, narrowed
from funnel.facts._traced import reader


@attrs.frozen
class CompiledRule:
    """Rule compiled for one policy and one class of facts."""

    tree: Tree
    plan: FactSchema
    run: Run

    @cached_property
    def read(self) -> frozenset[str]:
        """Names of the facts that the rule reads."""
        tests = [fork.test for fork in forks(self.tree)]
        nodes: list[Node] = [*tests, *(leaf.node for leaf in leaves(self.tree) if leaf.node is not None)]
        return frozenset(fact.name for node in nodes for fact in facts_of(node))

    @cached_property
    def run_places(self) -> dict[str, tuple[int, int]]:
        """Index of each fact, and its slope with the clock."""
        return self.plan.run_places()

    @cached_property
    def ways(self) -> tuple[RulePath, ...]:
        """Every path through the tree."""
        return tuple(paths(self.tree))

    @cached_property
    def _way(self) -> Run:
        return compiled(numbered(self.tree), self.run_places, "way")

    @cached_property
    def _told(self) -> dict[int, tuple[RulePath, Evaluator]]:
        """Paths taken so far, each with a function for both sides of its conditions."""
        return {}

    def why(self, facts: Held) -> Explanation:
        """Return the answer for one person and the conditions that decided it."""
        values, now = facts.values, facts.now
        number = self._way(values, now)
        assert isinstance(number, int)
        if number not in self._told:
            path = self.ways[number]
            self._told[number] = path, compile_expressions(sides(path), self.run_places, "why")
        path, told = self._told[number]
        answer = path.leaf.answer if path.leaf.node is None else self.run(values, now)
        return Explanation(answer, reasons(path, told(values, now)))

    def narrowed(self) -> FactSchema:
        """Return the schema of only the facts that the rule reads."""
        return narrowed(self.plan, self.read)

    @cached_property
    def alone(self) -> tuple[FactSchema, Run]:
        """Narrowed schema, and the rule compiled for its values."""
        plan = self.narrowed()
        return plan, compiled(self.tree, plan.run_places(), "alone")

    @cached_property
    def alone_waits(self) -> Evaluator:
        """Compiled `waits`, for the values of the narrowed schema."""
        return compile_expressions(self.waits, self.alone[0].run_places(), "waits")

    def reader(self, facts: Held) -> Read:
        """Return a function that reads the facts of one person for the nodes of the tree."""
        return reader(self.run_places, facts)

    @cached_property
    def waits(self) -> tuple[Node, ...]:
        """Expressions for the time until each clock condition may flip.

        They are the same for every person.

        Raises:
            RuleError: The rule uses the clock in a way that has no next change.
        """
        return flip_delays(self.tree)
