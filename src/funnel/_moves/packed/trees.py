"""The answers of rules over arrays: a value for each of many rows at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from funnel._lift.nodes import ARITHMETIC, COMPARISON, Const, Fact, Node, Op, tests_of
from funnel._lift.tree import Leaf, Tree, forks
from funnel._packed import Array, Whole

Reading = Callable[[str], Whole]
"""The values of a fact, by its name."""


def texts_of(tree: Tree) -> Iterator[str]:
    """The texts that a tree names."""
    tests = [test for fork in forks(tree) for test in tests_of(fork.test)]
    yield from (test.b.value for test in tests if isinstance(test.b, Const) and isinstance(test.b.value, str))


def numbers_of(tree: Tree, read: Reading, texts: Mapping[str, int], size: int) -> Whole:
    """The answer of every row, of a tree whose answers are numbers."""
    if isinstance(tree, Leaf):
        assert isinstance(tree.answer, int)
        return np.full(size, tree.answer, np.int64)
    holds = node_of(tree.test, read, texts)
    yes, no = (numbers_of(part, read, texts, size) for part in (tree.yes, tree.no))
    return np.where(holds, yes, no)


def node_of(node: Node, read: Reading, texts: Mapping[str, int]) -> Array:
    """The value of a node for every row; a text is its number."""
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
    """A truth counts as 1."""
    return values.astype(np.int64) if values.dtype == np.bool_ else values
