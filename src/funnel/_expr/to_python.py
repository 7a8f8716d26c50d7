"""A compiled rule as Python, for one person: one function of nested choices, as fast as handwritten code.

Source text and `eval` are not used. The function is built from our own syntax nodes. Texts and numbers are constants,
and facts are read by position. `funnel._aggregate` builds the aggregation of a person's rows in the same way.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from types import CodeType, FunctionType
from typing import Any

from funnel._expr.nodes import Const, Fact, Node, Op, Test, Value, meaning
from funnel._expr.tree import Answer, Fork, Leaf, Tree, kind_of
from funnel._time import EARLIEST, EVER, FOREVER, LATEST, MICROSECOND, NEVER

Run = Callable[[Sequence[int | str], int], Answer]
Evaluator = Callable[[Sequence[int | str], int], tuple[Value, ...]]
Slot = tuple[int, int]
"""The position of a fact in the values, and its slope (a span changes with the clock)."""

NEAR = min(EARLIEST - NEVER, FOREVER - LATEST)
"""A span shorter than this is always shorter than the span to a time that is not set, however that is computed."""

_OPERATORS: Mapping[str, ast.operator] = {
    "+": ast.Add(),
    "-": ast.Sub(),
    "*": ast.Mult(),
    "//": ast.FloorDiv(),
    "%": ast.Mod(),
}
_COMPARISONS: Mapping[str, ast.cmpop] = {
    ">": ast.Gt(),
    ">=": ast.GtE(),
    "<": ast.Lt(),
    "<=": ast.LtE(),
    "==": ast.Eq(),
    "!=": ast.NotEq(),
}


def compile_tree(tree: Tree, slots: Mapping[str, Slot], name: str) -> Run:
    """Compile a tree to a function of the values and the instant.

    Values are read by position. The instant is in microseconds. A fact of slope 0 is the value itself. A fact of slope
    1 is the instant minus the value; of slope -1, the value minus the instant. If the value is a time that is not set,
    the span is the same at every instant.
    """
    maker = _Maker(slots)
    answer = ast.Return(maker.choice(tree))
    run: Run = function(name, ("v", "now"), [answer], maker.answers)
    return run


def compile_expressions(nodes: Iterable[Node], slots: Mapping[str, Slot], name: str) -> Evaluator:
    """Compile nodes to one function that evaluates all of them."""
    maker = _Maker(slots)
    values = ast.Tuple([maker.expression(node) for node in nodes], ast.Load())
    evaluator: Evaluator = function(name, ("v", "now"), [ast.Return(values)], maker.answers)
    return evaluator


def condition(tree: Tree, slots: Mapping[str, int]) -> ast.expr:
    """Return a bool tree as an expression of a row `v`, by position."""
    return _Maker({name: (index, 0) for name, index in slots.items()}).choice(tree)


def function(name: str, arguments: Iterable[str], body: list[ast.stmt], names: Mapping[str, object]) -> Any:
    """Make a function from statements.

    `names` are the names that it reads besides its arguments.
    """
    parameters = ast.arguments(
        posonlyargs=[], args=[ast.arg(one) for one in arguments], kwonlyargs=[], kw_defaults=[], defaults=[]
    )
    module = ast.Module([ast.FunctionDef(name, parameters, body, [])], [])
    code = compile(ast.fix_missing_locations(module), f"<{name}>", "exec")
    return FunctionType(next(part for part in code.co_consts if isinstance(part, CodeType)), dict(names), name)


class _Maker:
    def __init__(self, slots: Mapping[str, Slot]) -> None:
        self.slots = slots
        self.answers: dict[str, object] = {"US": MICROSECOND}

    def choice(self, tree: Tree) -> ast.expr:
        if isinstance(tree, Leaf):
            return self.answer(tree)
        test = self.expression(tree.test)
        match tree:
            case Fork(yes=Leaf(answer=True), no=Leaf(answer=False)):
                return test
            case Fork(yes=Leaf(answer=True)):
                return ast.BoolOp(ast.Or(), [test, self.choice(tree.no)])
            case Fork(no=Leaf(answer=False)):
                return ast.BoolOp(ast.And(), [test, self.choice(tree.yes)])
            case _:
                return ast.IfExp(test, self.choice(tree.yes), self.choice(tree.no))

    def answer(self, leaf: Leaf) -> ast.expr:
        if leaf.node is not None:
            worked = self.expression(leaf.node)
            return _in_type(worked, kind_of(leaf))
        if isinstance(leaf.answer, bool | int | str) and not isinstance(leaf.answer, Enum):
            return ast.Constant(leaf.answer)
        name = f"answer_{len(self.answers)}"
        self.answers[name] = leaf.answer
        return _name(name)

    def expression(self, node: Node) -> ast.expr:
        match node:
            case Const():
                return ast.Constant(node.value)
            case Fact():
                return self.fact(node.name)
            case Op():
                return ast.BinOp(self.expression(node.a), _OPERATORS[node.op], self.expression(node.b))
            case _:
                return self.test(node)

    def test(self, test: Test) -> ast.expr:
        """Return a comparison.

        Combined conditions short-circuit. Two spans since are compared as two instants.
        """
        every, parts = meaning(test)
        if parts:
            return ast.BoolOp(ast.And() if every else ast.Or(), [self.test(part) for part in parts])
        a, b = test.a, test.b
        if isinstance(a, Fact) and isinstance(b, Fact) and self.slots[a.name][1] == self.slots[b.name][1] > 0:
            return ast.Compare(self.value_of(b.name), [_COMPARISONS[test.op]], [self.value_of(a.name)])
        if isinstance(a, Fact) and isinstance(b, Const) and self.slots[a.name][1] and abs(int(b.value)) < NEAR:
            run = _run(
                self.value_of(a.name), self.slots[a.name][1]
            )  # the span to an unset time is beyond any such limit
            return _compare(run, _COMPARISONS[test.op], b.value)
        return ast.Compare(self.expression(a), [_COMPARISONS[test.op]], [self.expression(b)])

    def fact(self, name: str) -> ast.expr:
        value, slope = self.value_of(name), self.slots[name][1]
        if slope == 0:
            return value
        never = ast.IfExp(_compare(value, ast.LtE(), NEVER), ast.Constant(slope * EVER), ast.Constant(-slope * EVER))
        is_set = ast.Compare(ast.Constant(NEVER), [ast.Lt(), ast.Lt()], [value, ast.Constant(FOREVER)])
        return ast.IfExp(is_set, _run(value, slope), never)

    def value_of(self, name: str) -> ast.expr:
        return ast.Subscript(_name("v"), ast.Constant(self.slots[name][0]), ast.Load())


def _run(value: ast.expr, slope: int) -> ast.expr:
    """Return the span since or until an instant."""
    now = _name("now")
    return ast.BinOp(now, ast.Sub(), value) if slope > 0 else ast.BinOp(value, ast.Sub(), now)


def _compare(a: ast.expr, op: ast.cmpop, value: Value) -> ast.expr:
    return ast.Compare(a, [op], [ast.Constant(value)])


def _in_type(worked: ast.expr, kind: str) -> ast.expr:
    """Return the result in the author's type.

    It is a span, a text, or an integer (a condition is 0 or 1).
    """
    if kind == "span":
        return ast.BinOp(worked, ast.Mult(), _name("US"))
    return worked if kind == "text" else ast.UnaryOp(ast.UAdd(), worked)


def _name(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())
