"""A compiled rule over numpy arrays: each condition splits the rows, and each part continues.

Invariant: the answers equal those of `funnel._expr.to_narwhals`. A replay evaluates one rule many times, and building
an engine expression takes longer than the evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from funnel._expr.nodes import ARITHMETIC, COMPARISON, Const, Fact, Node, Op, Test, tests_of
from funnel._expr.tree import Fork, Tree, forks, leaf_value

Numbers: TypeAlias = npt.NDArray[np.int64]
Rows: TypeAlias = npt.NDArray[np.intp] | slice
Read = Callable[[Fact, Any], Any]
"""Returns the values of a fact for some rows."""

_NO_CODES: Mapping[str, int] = {}


def texts_of(tree: Tree) -> Iterator[str]:
    """Yield the texts that a tree names."""
    tests = [test for fork in forks(tree) for test in tests_of(fork.test)]
    yield from (test.b.value for test in tests if isinstance(test.b, Const) and isinstance(test.b.value, str))


def answers_of(tree: Tree, read: Read, count: int, codes: Mapping[str, int] = _NO_CODES) -> Numbers:
    """Return the whole number that a rule gives each row.

    Args:
        tree: The tree; its answers are whole numbers.
        read: Reads a fact.
        count: Number of rows.
        codes: The number of each text, if `read` returns numbers in place of texts.
    """
    answers: Numbers = np.empty(count, np.int64)
    parts: list[tuple[Tree, npt.NDArray[np.intp]]] = [(tree, np.arange(count))]
    while parts:
        part, rows = parts.pop()
        if isinstance(part, Fork):
            holds = value_of(part.test, read, rows, codes)
            split = (part.yes, rows[holds]), (part.no, rows[~holds])
            parts += [(branch, some) for branch, some in split if len(some)]
        else:
            answer: Any = leaf_value(part) if part.node is None else value_of(part.node, read, rows, codes)
            answers[rows] = answer
    return answers


def value_of(node: Node, read: Read, rows: Rows, codes: Mapping[str, int] = _NO_CODES) -> Any:
    """Return the value of a node for some rows."""
    match node:
        case Const():
            return codes.get(node.value, node.value) if isinstance(node.value, str) else node.value
        case Fact():
            return read(node, rows)
        case Op():
            return ARITHMETIC[node.op](_number(node.a, read, rows, codes), _number(node.b, read, rows, codes))
        case _:
            return COMPARISON[node.op](_number(node.a, read, rows, codes), _number(node.b, read, rows, codes))


def _number(node: Node, read: Read, rows: Rows, codes: Mapping[str, int]) -> Any:
    """Return the value of a node; a condition counts as 1 or 0."""
    value = value_of(node, read, rows, codes)
    return value.astype(np.int64) if isinstance(node, Test) else value
