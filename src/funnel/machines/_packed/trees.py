"""Answers of rules over arrays: one value for each row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from funnel._dataframes.packed.rows import Array, Whole
from funnel._expr.nodes import ARITHMETIC, COMPARISON, Const, Fact, Node, Op, tests_of
from funnel._expr.tree import Leaf, Tree, forks

Reading = Callable[[str], Whole]
"""Function from the name of a fact to its values."""


def texts_of(tree: Tree) -> Iterator[str]:
    """Yield the texts that a tree names."""
    tests = [test for fork in forks(tree) for test in tests_of(fork.test)]
    yield from (test.b.value for test in tests if isinstance(test.b, Const) and isinstance(test.b.value, str))


def numbers_of(tree: Tree, read: Reading, texts: Mapping[str, int], size: int) -> Whole:
    """Return the answer of every row, for a tree with numeric answers."""
    if isinstance(tree, Leaf):
        assert isinstance(tree.answer, int)
        return np.full(size, tree.answer, np.int64)
    holds = node_of(tree.test, read, texts)
    yes, no = (numbers_of(part, read, texts, size) for part in (tree.yes, tree.no))
    return np.where(holds, yes, no)


def node_of(node: Node, read: Reading, texts: Mapping[str, int]) -> Array:
    """Return the value of a node for every row; a text is its number."""
    match node:
        case Const():
            return np.asarray(texts[node.value] if isinstance(node.value, str) else node.value, np.int64)
        case Fact():
            return read(node.name)
        case Op():
            a, b = (_counted(node_of(part, read, texts)) for part in (node.a, node.b))
            return ARITHMETIC[node.op](a, b)  # type: ignore[arg-type, return-value]
        case _:
            a, b = (_counted(node_of(part, read, texts)) for part in (node.a, node.b))
            return COMPARISON[node.op](a, b)  # type: ignore[arg-type, return-value]


def _counted(values: Array) -> Array:
    """Return bools as 0 and 1."""
    return values.astype(np.int64) if values.dtype == np.bool_ else values
