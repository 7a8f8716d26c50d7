"""A rule made ready for one policy and one class of facts: the tree, where it reads, and how it runs for one person."""

from __future__ import annotations

import attrs

from funnel._facts.base import Held
from funnel._facts.plan import SLOPES, Plan, plan_of
from funnel._lift.code import Run
from funnel._lift.nodes import Node, Read, Value, facts_of
from funnel._lift.tree import Tree, forks, leaves


@attrs.frozen
class Lifted:
    """A rule made ready for one policy and one class of facts."""

    tree: Tree
    plan: Plan
    run: Run

    @property
    def read(self) -> frozenset[str]:
        """The names of the facts that the rule reads."""
        tests = [fork.test for fork in forks(self.tree)]
        nodes: list[Node] = [*tests, *(leaf.node for leaf in leaves(self.tree) if leaf.node is not None)]
        return frozenset(fact.name for node in nodes for fact in facts_of(node))

    def narrowed(self) -> Plan:
        """What the rule needs of everyone: the facts it reads, and no others."""
        return plan_of({name: one for name, one in self.plan.declared.items() if name in self.read})

    def reader(self, facts: Held) -> Read:
        """How the nodes of the tree read the facts of one person."""

        def read(name: str) -> Value:
            value = facts.values[self.plan.places[name]]
            slope = SLOPES.get(self.plan.declared[name].show, 0)
            if slope == 0 or isinstance(value, str):
                return value
            return facts.now - value if slope > 0 else value - facts.now

        return read
