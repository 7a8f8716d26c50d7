"""A compiled rule as a narwhals expression for a dataframe engine: one column in, one column out, no nulls.

Only operations that are the same on every engine are used: `when/then/otherwise`, comparison and integer arithmetic. A
remainder is computed by division, because some engines have no remainder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from typing import Any, TypeVar

import attrs
import narwhals as nw

from funnel._expr.division import SURE, divided
from funnel._expr.nodes import ARITHMETIC, COMPARISON, Const, Fact, Node, Op, Test, facts_of, meaning, span_of
from funnel._expr.tree import Fork, Leaf, Tree, answer_kind, forks, leaf_value, leaves

Column = Callable[[Fact], nw.Expr]
ColumnOf = Callable[[Column], nw.Expr]
Kind = nw.Boolean | nw.String | nw.Int64
OpOrTest = TypeVar("OpOrTest", Op, Test)


def tree_column(tree: Tree, column: Column) -> nw.Expr:
    """Return the answer of every row; `column` returns the expression of a fact."""
    return column_of(tree)(column)


def node_column(node: Node, column: Column) -> nw.Expr:
    """Return the value of a node for every row; a test is a bool column."""
    return _node(node)(column)


def column_of(tree: Tree) -> ColumnOf:
    """Compile a tree to a function from the columns of facts to the column of answers."""
    return _branch(tree, _dtype(tree))


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


def _branch(tree: Tree, dtype: Kind) -> ColumnOf:
    if isinstance(tree, Fork):
        test, yes, no = _node(tree.test), _branch(tree.yes, dtype), _branch(tree.no, dtype)
        return lambda column: nw.when(test(column)).then(yes(column)).otherwise(no(column))
    if tree.node is not None:
        answer = _node(tree.node)
        return (lambda column: answer(column).cast(dtype)) if isinstance(dtype, nw.Int64) else answer
    value = leaf_value(tree)
    if value is None and not isinstance(dtype, nw.String):
        return _constant(nw.lit(None))  # pandas has no missing integer or bool
    return _constant(nw.lit(value, dtype))


def _constant(value: nw.Expr) -> ColumnOf:
    return lambda _: value


def _node(node: Node) -> ColumnOf:
    match node:
        case Const():
            return _constant(nw.lit(node.value, nw.String() if isinstance(node.value, str) else nw.Int64()))
        case Fact():
            return lambda column: column(node)
        case Op():
            apply, a, b = _arithmetic(node), _as_int(node.a), _as_int(node.b)
            return lambda column: apply(a(column), b(column))
        case _:
            return _test(node)


def _test(test: Test) -> ColumnOf:
    every, parts = meaning(test)
    if parts:
        each = [_test(part) for part in parts]
        return lambda column: reduce(lambda a, b: a & b if every else a | b, [one(column) for one in each])
    compare, a, b = COMPARISON[test.op], _as_int(test.a), _as_int(test.b)
    return lambda column: compare(a(column), b(column))  # type: ignore[arg-type, return-value]


def _as_int(node: Node) -> ColumnOf:
    value = _node(node)
    return (lambda column: to_int(value(column))) if isinstance(node, Test) else value  # PostgreSQL refuses the cast


def _arithmetic(node: Op) -> Callable[[nw.Expr, nw.Expr], nw.Expr]:
    if node.op not in ("//", "%"):
        return ARITHMETIC[node.op]  # type: ignore[return-value]
    low, high = span_of(node.a)
    is_sure = -SURE <= low <= high <= SURE

    def divide(a: nw.Expr, b: nw.Expr) -> nw.Expr:
        return a // b if is_sure else divided(a, b)

    return divide if node.op == "//" else lambda a, b: a - divide(a, b) * b


# ---- repeated arithmetic -------------------------------------------------------------------------------------------

_FEWEST_SAVED = 64
"""Minimum number of nodes that a column saves; a column costs as much as some 30 nodes."""


@attrs.frozen
class Steps:
    """Arithmetic that a rule repeats, as columns to compute first, level by level, and the tree that reads them.

    narwhals and the engine build an expression anew at each occurrence. `readiness` has 1,600 nodes with its
    repetitions, and 350 without.
    """

    levels: tuple[Mapping[str, Node], ...]
    tree: Tree


def steps_of(tree: Tree, prefix: str) -> Steps:
    """Return a tree with its repeated arithmetic in columns, whose names begin with the prefix."""
    parts: dict[Op, Fact] = {}
    nodes = [*(fork.test for fork in forks(tree)), *(leaf.node for leaf in leaves(tree) if leaf.node is not None)]
    while repeated := _repeated(nodes, parts):
        parts |= {
            part: Fact(f"{prefix}{number}", part.unit, *span_of(part))
            for number, part in enumerate(repeated, start=len(parts))
        }
        nodes = [node for part in repeated for node in (part.a, part.b)]
    return Steps(tuple(_levels(parts)), _tree_with(tree, parts))


def _levels(parts: Mapping[Op, Fact]) -> list[dict[str, Node]]:
    """Return the parts by name, each on a level after those that it reads."""
    levels: list[dict[str, Node]] = []
    level_of: dict[str, int] = {}
    for part in sorted(parts, key=lambda one: one.size):  # a part is larger than those that it reads
        name, node = parts[part].name, _below(part, parts)
        level_of[name] = max((level_of.get(fact.name, -1) + 1 for fact in facts_of(node)), default=0)
        levels += [{}] * (level_of[name] - len(levels) + 1)
        levels[level_of[name]] = {**levels[level_of[name]], name: node}
    return levels


def _repeated(nodes: Iterable[Node], parts: Container[object]) -> list[Op]:
    """Return the largest arithmetic that occurs more than once in some nodes, outside other parts."""
    counts = Counter(node for root in nodes for node in _visited(root, parts.__contains__))

    def is_repeated(node: Node) -> bool:
        return isinstance(node, Op) and (counts[node] - 1) * node.size >= _FEWEST_SAVED

    ends = {node: None for root in nodes for node in _visited(root, lambda one: one in parts or is_repeated(one))}
    return [node for node in ends if isinstance(node, Op) and node not in parts and is_repeated(node)]


def _visited(node: Node, is_end: Callable[[Node], bool]) -> Iterator[Node]:
    """Yield a node and the nodes below it, down to the ends."""
    yield node
    if isinstance(node, (Op, Test)) and not is_end(node):
        yield from _visited(node.a, is_end)
        yield from _visited(node.b, is_end)


def _with(node: Node, parts: Mapping[Any, Fact]) -> Node:
    """Return a node that reads its parts."""
    if node in parts:
        return parts[node]
    if isinstance(node, Op):
        return _below(node, parts)
    return _below(node, parts) if isinstance(node, Test) else node


def _below(node: OpOrTest, parts: Mapping[Any, Fact]) -> OpOrTest:
    return attrs.evolve(node, a=_with(node.a, parts), b=_with(node.b, parts))


def _tree_with(tree: Tree, parts: Mapping[Any, Fact]) -> Tree:
    if isinstance(tree, Fork):
        return Fork(_below(tree.test, parts), _tree_with(tree.yes, parts), _tree_with(tree.no, parts))
    return tree if tree.node is None else attrs.evolve(tree, node=_with(tree.node, parts))


# ---- literals and conditions ---------------------------------------------------------------------------------------


def int_lit(value: int) -> nw.Expr:
    """Return a 64-bit integer literal."""
    return nw.lit(value, nw.Int64())


def to_int(condition: nw.Expr) -> nw.Expr:
    """Return 1 if the condition holds, otherwise 0."""
    return nw.when(condition).then(int_lit(1)).otherwise(int_lit(0))


def by_value(name: str, results: Iterable[tuple[int | str, nw.Expr]], otherwise: nw.Expr) -> nw.Expr:
    """Return the result that belongs to the value of a column; `otherwise` for any other value."""
    for value, result in results:
        otherwise = nw.when(nw.col(name) == value).then(result).otherwise(otherwise)
    return otherwise


def stepped(name: str, steps: Sequence[tuple[int, int]]) -> nw.Expr:
    """Return an expression: the value of the last step at or before each instant.

    Each step is a value and its edge. The expression is a binary search, so that it is not deeply nested.
    """
    if len(steps) == 1:
        return int_lit(steps[0][0])
    half = len(steps) // 2
    before = nw.col(name) < steps[half][1]
    return nw.when(before).then(stepped(name, steps[:half])).otherwise(stepped(name, steps[half:]))
