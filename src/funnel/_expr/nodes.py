"""Nodes of a compiled rule: facts, constants, arithmetic and tests, each with the range of its values.

Invariant: every integer that the arithmetic of a rule can reach fits 64 bits, or tracing refuses the rule. Therefore
Python's unbounded integers and an engine's 64-bit columns give equal results.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar, Literal

import attrs

from funnel._format import span_parts
from funnel.errors import RuleError

Unit = Literal["number", "span", "text"]
Value = int | str
Read = Callable[[str], Value]
Range = tuple[int, int]

LIMIT = 2**63 - 1

MOST_PARTS = 1024
"""The maximum number of nodes in one expression. It keeps every traversal short."""

MOST_NESTED = 256
"""The maximum depth of an expression. Beyond some 450, Python and narwhals exceed their stack."""

ARITHMETIC: Mapping[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": lambda a, b: a // b,
    "%": operator.mod,
}
COMPARISON: Mapping[str, Callable[[Value, Value], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
OPPOSITE: Mapping[str, str] = {">": "<=", ">=": "<", "<": ">=", "<=": ">", "==": "!=", "!=": "=="}


@attrs.frozen(cache_hash=True)
class Fact:
    """A fact: its name, its unit, its range and its slope in the clock.

    `slope` is how much the fact changes in one microsecond: 1 for a span since, -1 for a span until, 0 for the rest.
    `choices` lists all values of a closed text; an empty tuple means that the text is open.
    """

    name: str
    unit: Unit = "number"
    low: int = 0
    high: int = LIMIT
    slope: int = 0
    choices: tuple[str, ...] = ()
    size: ClassVar[int] = 1
    depth: ClassVar[int] = 1


@attrs.frozen(cache_hash=True)
class Const:
    """A constant of a rule, with the name of its policy field if it has one."""

    value: Value
    unit: Unit = "number"
    name: str = attrs.field(default="", eq=False)
    size: ClassVar[int] = 1
    depth: ClassVar[int] = 1


def _size(node: Op | Test) -> int:
    return node.a.size + node.b.size + 1


def _depth(node: Op | Test) -> int:
    return max(node.a.depth, node.b.depth) + 1


@attrs.frozen(cache_hash=True)
class Op:
    """Arithmetic on two nodes. A test counts as 1 if it holds, otherwise as 0."""

    op: str
    a: Node
    b: Node
    unit: Unit = "number"
    size: int = attrs.field(default=attrs.Factory(_size, takes_self=True), init=False, eq=False, repr=False)
    depth: int = attrs.field(default=attrs.Factory(_depth, takes_self=True), init=False, eq=False, repr=False)


@attrs.frozen(cache_hash=True)
class Test:
    """A comparison of two nodes: true or false."""

    op: str
    a: Node
    b: Node
    size: int = attrs.field(default=attrs.Factory(_size, takes_self=True), init=False, eq=False, repr=False)
    depth: int = attrs.field(default=attrs.Factory(_depth, takes_self=True), init=False, eq=False, repr=False)


Node = Fact | Const | Op | Test


def evaluate(node: Node, read: Read) -> Value:
    """Evaluate a node for one person; `read` returns the value of a fact by name."""
    match node:
        case Fact():
            return read(node.name)
        case Const():
            return node.value
        case Op():
            return ARITHMETIC[node.op](number(node.a, read), number(node.b, read))
        case _:
            return int(holds(node, read))


def number(node: Node, read: Read) -> int:
    """Evaluate a node that is an integer; tracing refuses a text inside arithmetic."""
    value = evaluate(node, read)
    assert isinstance(value, int)
    return value


def holds(test: Test, read: Read) -> bool:
    """Return whether a test holds for one person."""
    return COMPARISON[test.op](evaluate(test.a, read), evaluate(test.b, read))


def span_of(node: Node, ranges: Mapping[Node, Range] | None = None) -> Range:
    """Return the minimum and the maximum of a node, with ranges of some nodes."""
    if ranges and node in ranges:
        return ranges[node]
    match node:
        case Fact():
            return node.low, node.high
        case Const():
            assert isinstance(node.value, int)
            return node.value, node.value
        case Op():
            return _span_of_op(node.op, span_of(node.a, ranges), span_of(node.b, ranges))
        case Test(b=Const(value=str())):
            return 0, 1
        case _:
            return span_of_test(node.op, span_of(node.a, ranges), span_of(node.b, ranges))


def span_of_test(op: str, a: Range, b: Range) -> Range:
    """Return whether a comparison of ranges always holds, and whether it can hold.

    Both are 1 or 0.
    """
    if op in ("<", "<="):
        return span_of_test({"<": ">", "<=": ">="}[op], b, a)
    if op == "!=":
        never, surely = span_of_test("==", a, b)
        return 1 - surely, 1 - never
    if op == "==":
        return int(a[0] == a[1] == b[0] == b[1]), int(a[0] <= b[1] and b[0] <= a[1])
    return int(COMPARISON[op](a[0], b[1])), int(COMPARISON[op](a[1], b[0]))


def _span_of_op(op: str, a: Range, b: Range) -> Range:
    if op == "+":
        return a[0] + b[0], a[1] + b[1]
    if op == "-":
        return a[0] - b[1], a[1] - b[0]
    if op == "%":
        whole, high = a[0] // b[1] == a[1] // b[1], b[1] - 1
        return (a[0] % b[1], a[1] % b[1]) if whole else (0, high)
    corners = [ARITHMETIC[op](x, y) for x in a for y in b]
    return min(corners), max(corners)


def checked(node: Op) -> Op:
    """Return the node if its values fit 64 bits for all values of its facts.

    Raises:
        RuleError: A value could exceed the 64 bits of a column.
    """
    low, high = span_of(node)
    if low >= -LIMIT and high <= LIMIT:
        return node
    raise RuleError(
        f"{text(node)} can reach {max(-low, high):.1e}, more than the 64 bits of a column; "
        "compare the two sides directly, or scale by a smaller number"
    )


def bounded(node: Op | Test) -> None:
    """Check that an expression is not too long.

    Raises:
        RuleError: It has too many nodes, or is nested too deeply.
    """
    if node.size > MOST_PARTS or node.depth > MOST_NESTED:
        raise RuleError(
            f"an expression with more than {MOST_NESTED} nested operations, or more than {MOST_PARTS} parts, "
            "cannot be used in a rule; declare a fact that adds up, or move a part into its own rule"
        )


def unit_of(node: Node) -> Unit:
    """Return the unit of a node; a test counts as a number."""
    return "number" if isinstance(node, Test) else node.unit


def facts_of(node: Node) -> Iterator[Fact]:
    """Yield every fact that a node reads, once for each time it is read."""
    if isinstance(node, Fact):
        yield node
    elif not isinstance(node, Const):
        yield from facts_of(node.a)
        yield from facts_of(node.b)


def tests_of(node: Node) -> Iterator[Test]:
    """Yield every test inside a node, including the node itself, from the outside in."""
    if isinstance(node, Test):
        yield node
    if isinstance(node, Op | Test):
        yield from tests_of(node.a)
        yield from tests_of(node.b)


def opposite(test: Test) -> Test:
    """Return the test that holds exactly when this one does not."""
    return Test(OPPOSITE[test.op], test.a, test.b)


def meaning(test: Test) -> tuple[bool, tuple[Test, ...]]:
    """Return the conditions that a test counts, and whether all must hold.

    If not all must hold, one is enough. The conditions are empty if the test is a single condition.
    """
    parts = _summed(test.a) if isinstance(test.a, Op) and isinstance(test.b, Const) else ()
    match test.op, getattr(test.b, "value", None):
        case (("==" | "!="), count) if parts and count == len(parts):
            every = test.op == "=="
            return every, parts if every else tuple(map(opposite, parts))
        case ((">" | "<="), 0) if parts:
            every = test.op == "<="
            return every, tuple(map(opposite, parts)) if every else parts
        case _:
            return False, ()


def _summed(node: Node) -> tuple[Test, ...]:
    """Return the conditions that a sum counts; empty if it has other terms."""
    if isinstance(node, Test):
        return (node,)
    if not isinstance(node, Op) or node.op != "+":
        return ()
    a, b = _summed(node.a), _summed(node.b)
    return (*a, *b) if a and b else ()


def text(node: Node) -> str:
    """Return a node as its author would write it."""
    match node:
        case Fact():
            return node.name
        case Const():
            return const_text(node)
        case Test() if (combined := meaning(node))[1]:
            every, parts = combined
            return (" and " if every else " or ").join(map(_part, parts))
        case Test(a=Fact() as fact, b=Const()) if is_flag(fact) and node.op in ("==", "!="):
            return fact.name if holds(node, lambda _: 1) else f"not {fact.name}"
        case _:
            return f"{_inner(node.a)} {node.op} {_inner(node.b)}"


def is_flag(node: Node) -> bool:
    """Return whether a node is a fact that is true or false."""
    return isinstance(node, Fact) and node.unit == "number" and (node.low, node.high) == (0, 1)


def _part(test: Test) -> str:
    return f"({text(test)})" if meaning(test)[1] else text(test)


def _inner(node: Node) -> str:
    return f"({text(node)})" if isinstance(node, Op | Test) else text(node)


def const_text(node: Const) -> str:
    """Return a constant with its unit, and with its policy field."""
    value_text = format_value(node.value, node.unit)
    return f"{node.name} ({value_text})" if node.name else value_text


_LIFETIME = 100 * 365 * 86_400_000_000


def is_never(value: Value, unit: Unit) -> bool:
    """Return whether a value is a span of 100 years or more: it stands for a time that is not set."""
    return unit == "span" and not isinstance(value, str) and abs(value) >= _LIFETIME


def format_value(value: Value, unit: Unit) -> str:
    """Format a value for people; spans in days down to microseconds.

    A span of 100 years or more, before or after, stands for a time that is not set.
    """
    if isinstance(value, str):
        return repr(value)
    if unit != "span":
        return str(value)
    if value == 0:
        return "0 d"
    if is_never(value, unit):
        return "never"
    sign = "-" if value < 0 else ""
    return sign + " ".join(f"{count} {unit}" for count, unit in span_parts(abs(value)) if count)
