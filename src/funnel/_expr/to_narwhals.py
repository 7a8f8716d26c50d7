"""A compiled rule as a narwhals expression for a dataframe engine: one column in, one column out, no nulls.

Only operations that are the same on every engine are used: `when/then/otherwise`, comparison and integer arithmetic. A
remainder is computed by division, because some engines have no remainder.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import narwhals as nw

from funnel._expr.division import SURE, divided
from funnel._expr.nodes import ARITHMETIC, COMPARISON, Const, Fact, Node, Op, Test, meaning, span_of
from funnel._expr.tree import Fork, Leaf, Tree, answer_kind, leaf_value

Column = Callable[[Fact], nw.Expr]
Kind = nw.Boolean | nw.String | nw.Int64


def tree_column(tree: Tree, column: Column) -> nw.Expr:
    """Return the answer of every row; `column` returns the expression of a fact."""
    return _branch(tree, column, _dtype(tree))


def _dtype(tree: Tree) -> Kind:
    values = [value for value in _constants(tree) if value is not None]
    kind = answer_kind(tree)
    if kind == "bool":
        return nw.Boolean()
    if kind in ("text", "nothing") or (values and isinstance(values[0], str)):
        return nw.String()
    return nw.Int64()


def _constants(tree: Tree) -> list[int | str | bool | None]:
    if isinstance(tree, Leaf):
        return [] if tree.node is not None else [leaf_value(tree)]
    return _constants(tree.yes) + _constants(tree.no)


def _branch(tree: Tree, column: Column, dtype: Kind) -> nw.Expr:
    if isinstance(tree, Fork):
        yes, no = _branch(tree.yes, column, dtype), _branch(tree.no, column, dtype)
        return nw.when(node_column(tree.test, column)).then(yes).otherwise(no)
    if tree.node is not None:
        worked = node_column(tree.node, column)
        return worked.cast(dtype) if isinstance(dtype, nw.Int64) else worked
    value = leaf_value(tree)
    if value is None and not isinstance(dtype, nw.String):
        return nw.lit(None)  # pandas has no missing integer or bool
    return nw.lit(value, dtype)


def node_column(node: Node, column: Column) -> nw.Expr:
    """Return the value of a node for every row; a test is a bool column."""
    match node:
        case Const():
            return nw.lit(node.value, nw.String() if isinstance(node.value, str) else nw.Int64())
        case Fact():
            return column(node)
        case Op():
            return _arithmetic(node, _counted(node.a, column), _counted(node.b, column))
        case _:
            return _test(node, column)


def _test(test: Test, column: Column) -> nw.Expr:
    every, parts = meaning(test)
    if parts:
        each = [_test(part, column) for part in parts]
        return reduce(lambda one, other: one & other if every else one | other, each)
    return COMPARISON[test.op](_counted(test.a, column), _counted(test.b, column))  # type: ignore[arg-type, return-value]


def _counted(node: Node, column: Column) -> nw.Expr:
    worked = node_column(node, column)
    return worked.cast(nw.Int64) if isinstance(node, Test) else worked


def _arithmetic(node: Op, a: nw.Expr, b: nw.Expr) -> nw.Expr:
    if node.op not in ("//", "%"):
        return ARITHMETIC[node.op](a, b)  # type: ignore[arg-type, return-value]
    low, high = span_of(node.a)
    quotient = a // b if -SURE <= low <= high <= SURE else divided(a, b)
    return quotient if node.op == "//" else a - quotient * b


def int_lit(value: int) -> nw.Expr:
    """Return a 64-bit integer literal."""
    return nw.lit(value, nw.Int64())


def to_int(condition: nw.Expr) -> nw.Expr:
    """Return 1 if the condition holds, otherwise 0."""
    return nw.when(condition).then(int_lit(1)).otherwise(int_lit(0))
