"""Conditions of steps and exclusions: plain functions of one event, traced as rules are."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import narwhals as nw

from funnel._expr.nodes import Fact, Node, facts_of
from funnel._expr.to_narwhals import tree_column
from funnel._expr.tree import Tree, forks, leaves, not_truth
from funnel._expr.verify import trace_and_verify
from funnel.errors import RuleError
from funnel.logs.schema import WIDE
from funnel.metrics._conversion.query import EventCondition

LARGEST = 10**15
"""A condition reads whole numbers of a column only between this and its negative."""

Types = Mapping[str, nw.dtypes.DType]
TEXTS = (nw.String, nw.Categorical, nw.Enum)


def is_whole(dtype: nw.dtypes.DType) -> bool:
    """Return whether a column holds whole numbers that fit 64 bits."""
    return dtype.is_integer() and not isinstance(dtype, WIDE)


@attrs.frozen
class Condition:
    """Conditions of a row: a kind (None: any kind) and a condition."""

    kind: str | None
    tree: Tree | None = None

    @property
    def read(self) -> frozenset[str]:
        """The columns that the condition reads, besides the kind."""
        return frozenset() if self.tree is None else _read(self.tree)

    def column(self, types: Types) -> nw.Expr:
        """Return an expression: whether each row matches."""
        parts = [] if self.kind is None else [nw.col("kind") == self.kind]
        if self.tree is not None:
            parts += [~nw.col(name).is_null() for name in sorted(self.read)]
            parts.append(tree_column(self.tree, lambda fact: filled(fact.name, types[fact.name])))
        return nw.all_horizontal(*parts, ignore_nulls=False)


def condition(kind: str | None, where: EventCondition | None, types: Types, label: str) -> Condition:
    """Build a condition from a kind and a function of one event.

    Raises:
        RuleError: The function does something that cannot run for a table, reads a column that is missing or
            unreadable, or does not return a truth value.
    """
    if where is None:
        return Condition(kind)
    facts = {name: fact for name, dtype in types.items() if (fact := _fact(name, dtype)) is not None}
    refused = {name: _remedy(dtype) for name, dtype in types.items() if name not in facts}
    try:
        tree = trace_and_verify(where, facts, refused)
    except RuleError as error:
        raise RuleError(f"the condition of {label}: {error}") from error
    if other := not_truth(tree):
        raise RuleError(f"the condition of {label} must return True or False (got {other})")
    return Condition(kind, tree)


def _fact(name: str, dtype: nw.dtypes.DType) -> Fact | None:
    if is_whole(dtype):
        return Fact(name, low=-LARGEST, high=LARGEST)
    if isinstance(dtype, nw.Boolean):
        return Fact(name, high=1)
    return Fact(name, "text") if isinstance(dtype, TEXTS) else None


def _remedy(dtype: nw.dtypes.DType) -> str:
    return f"its column is {dtype}; a condition can read integers, texts and booleans"


def _read(tree: Tree) -> frozenset[str]:
    tests = [fork.test for fork in forks(tree)]
    nodes: list[Node] = [*tests, *(leaf.node for leaf in leaves(tree) if leaf.node is not None)]
    return frozenset(fact.name for node in nodes for fact in facts_of(node))


def filled(name: str, dtype: nw.dtypes.DType) -> nw.Expr:
    """Return a column without nulls: texts as texts, booleans and whole numbers as 64 bits."""
    if isinstance(dtype, TEXTS):
        return nw.col(name).cast(nw.String()).fill_null("")
    if isinstance(dtype, nw.Boolean):
        return nw.when(nw.col(name).fill_null(value=False)).then(nw.lit(1, nw.Int64())).otherwise(nw.lit(0, nw.Int64()))
    return nw.col(name).fill_null(0).cast(nw.Int64())
