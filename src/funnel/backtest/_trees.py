"""Evaluation of a compiled rule over arrays: each condition splits the people, and each part continues.

Invariant: the answers equal those of `funnel._expr.to_narwhals`. A backtest evaluates one rule on many days, and
building an engine expression takes longer than the evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from funnel._expr.nodes import ARITHMETIC, COMPARISON, Const, Fact, Node, Op, Test
from funnel._expr.tree import Fork, Tree, leaf_value
from funnel._time import spans_at
from funnel.backtest._figures import Places, Whole
from funnel.facts._declare import SLOPES
from funnel.facts._schema import FactSchema

Read = Callable[[Fact, Places], Any]
"""Returns the values of a fact for some of the people."""


def reading(plan: FactSchema, values: Mapping[int, Any], now: int) -> Read:
    """Return a reader of facts at an instant, from fact values by index."""

    def read(fact: Fact, people: Places) -> Any:
        value = values[plan.places[fact.name]][people]
        slope = SLOPES.get(plan.declared[fact.name].show, 0)
        return value if slope == 0 else spans_at(value, slope, now)

    return read


def answered(tree: Tree, read: Read, people: int) -> Whole:
    """Return the whole number that a rule gives each person."""
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
    """Return a node's value; a boolean counts as 1 or 0."""
    value = _value(node, read, who)
    return value.astype(np.int64) if isinstance(node, Test) else value
