"""A lifted rule over arrays: whoever is asked a question is parted by the answer, and each part is asked the next.

Law: it answers as `funnel._lift.columns` does. Here one rule is asked on many days, and laying an expression out for an
engine takes longer than to work it out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from funnel._facts.declare import SLOPES
from funnel._facts.plan import Plan
from funnel._instants import spans_at
from funnel._lift.nodes import ARITHMETIC, COMPARISON, Const, Fact, Node, Op, Test
from funnel._lift.tree import Fork, Tree, leaf_value
from funnel.metrics.backtest.figures import Places, Whole

Read = Callable[[Fact, Places], Any]
"""What a fact is for some of the people."""


def reading(plan: Plan, values: Mapping[int, Any], now: int) -> Read:
    """How a rule reads a fact from the held values, by their places, at an instant."""

    def read(fact: Fact, people: Places) -> Any:
        value = values[plan.places[fact.name]][people]
        slope = SLOPES.get(plan.declared[fact.name].show, 0)
        return value if slope == 0 else spans_at(value, slope, now)

    return read


def answered(tree: Tree, read: Read, people: int) -> Whole:
    """The whole number that a rule answers each person with."""
    answers: Whole = np.empty(people, np.int64)
    parts: list[tuple[Tree, Places]] = [(tree, np.arange(people))]
    while parts:
        part, who = parts.pop()
        if isinstance(part, Fork):
            holds = _value(part.test, read, who)
            parts += [(branch, some) for branch, some in ((part.yes, who[holds]), (part.no, who[~holds])) if len(some)]
        else:
            told: Any = leaf_value(part) if part.node is None else _value(part.node, read, who)
            answers[who] = told
    return answers


def _value(node: Node, read: Read, who: Places) -> Any:
    match node:
        case Const():
            return node.value
        case Fact():
            return read(node, who)
        case Op():
            return ARITHMETIC[node.op](_counted(node.a, read, who), _counted(node.b, read, who))
        case _:
            return COMPARISON[node.op](_counted(node.a, read, who), _counted(node.b, read, who))


def _counted(node: Node, read: Read, who: Places) -> Any:
    """A truth counts as 1 or 0."""
    value = _value(node, read, who)
    return value.astype(np.int64) if isinstance(node, Test) else value
