"""The parts of a lifted rule: facts, constants, arithmetic and tests, each with the range of values it can take.

Law: every whole number that the arithmetic of a rule can reach fits 64 bits, or the rule is refused when it is lifted;
so Python's unbounded integers and an engine's 64-bit columns cannot differ.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar, Literal

import attrs

from funnel.errors import LiftError

Unit = Literal["number", "span", "text"]
Value = int | str
Read = Callable[[str], Value]
Range = tuple[int, int]

LIMIT = 2**63 - 1

MOST_PARTS = 1024
"""In one expression: every walk over it stays short."""

MOST_NESTED = 256
"""Steps inside each other: beyond some 450, Python and narwhals run out of stack."""

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
    """One thing known: its name, what it counts, the range it can take and how it runs with the clock.

    `slope` says what one microsecond of waiting adds: 1 for a span since, -1 for a span until, 0 for the rest.
    `choices` closes a text; an empty tuple leaves it open.
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
    """A constant of a rule, with the name of the policy field it came from (if it did)."""

    value: Value
    unit: Unit = "number"
    name: str = attrs.field(default="", eq=False)
    size: ClassVar[int] = 1
    depth: ClassVar[int] = 1


def _size(made: Op | Test) -> int:
    return made.a.size + made.b.size + 1


def _depth(made: Op | Test) -> int:
    return max(made.a.depth, made.b.depth) + 1


@attrs.frozen(cache_hash=True)
class Op:
    """Arithmetic on two nodes; a test among them counts as 1 where it holds and 0 where it does not."""

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
    """Work a node out for one person; `read` gives the value of a fact by its name."""
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
    """Work out a node that is a whole number; a text inside arithmetic is refused when the rule is lifted."""
    value = evaluate(node, read)
    assert isinstance(value, int)
    return value


def holds(test: Test, read: Read) -> bool:
    """Say whether a test holds for one person."""
    return COMPARISON[test.op](evaluate(test.a, read), evaluate(test.b, read))


def span_of(node: Node, ranges: Mapping[Node, Range] | None = None) -> Range:
    """The smallest and the largest whole number a node can be, given (narrower) ranges for some nodes."""
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
    """Whether a comparison of two ranges can fail (0) and can hold (1)."""
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
    """Return the node if it fits 64 bits wherever its facts can be; refuse it otherwise.

    Raises:
        LiftError: It could be larger than a column can hold.
    """
    low, high = span_of(node)
    if low >= -LIMIT and high <= LIMIT:
        return node
    msg = (
        f"{text(node)} can reach {max(-low, high):.1e}, more than the 64 bits of a column hold; "
        "compare the two sides directly, or scale by a smaller number"
    )
    raise LiftError(msg)


def bounded(node: Op | Test) -> None:
    """Refuse an expression that is too long to work with.

    Raises:
        LiftError: It has too many parts, or too many of them inside each other.
    """
    if node.size > MOST_PARTS or node.depth > MOST_NESTED:
        msg = (
            f"an expression of more than {MOST_NESTED} sums or products in a row, or of more than {MOST_PARTS} parts, "
            "cannot be lifted; declare a fact that adds up, or ask a part of it in a rule of its own"
        )
        raise LiftError(msg)


def unit_of(node: Node) -> Unit:
    """The unit of a node; a test counts as a number."""
    return "number" if isinstance(node, Test) else node.unit


def facts_of(node: Node) -> Iterator[Fact]:
    """Every fact a node reads, repeated as often as it is read."""
    if isinstance(node, Fact):
        yield node
    elif not isinstance(node, Const):
        yield from facts_of(node.a)
        yield from facts_of(node.b)


def tests_of(node: Node) -> Iterator[Test]:
    """Every test inside a node, the node itself included, from the outside in."""
    if isinstance(node, Test):
        yield node
    if isinstance(node, Op | Test):
        yield from tests_of(node.a)
        yield from tests_of(node.b)


def opposite(test: Test) -> Test:
    """The test that holds exactly where this one does not."""
    return Test(OPPOSITE[test.op], test.a, test.b)


def meaning(test: Test) -> tuple[bool, tuple[Test, ...]]:
    """Of conditions that were asked at once, by their number: whether all must hold or one is enough, and which.

    No conditions where the test asks for one thing.
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
    """The conditions that a sum counts; none where it adds up anything else."""
    if isinstance(node, Test):
        return (node,)
    if not isinstance(node, Op) or node.op != "+":
        return ()
    a, b = _summed(node.a), _summed(node.b)
    return (*a, *b) if a and b else ()


def text(node: Node) -> str:
    """A node as its author would read it."""
    match node:
        case Fact():
            return node.name
        case Const():
            return const_text(node)
        case Test() if (meant := meaning(node))[1]:
            every, parts = meant
            return (" and " if every else " or ").join(map(_part, parts))
        case _:
            return f"{_inner(node.a)} {node.op} {_inner(node.b)}"


def _part(test: Test) -> str:
    return f"({text(test)})" if meaning(test)[1] else text(test)


def _inner(node: Node) -> str:
    return f"({text(node)})" if isinstance(node, Op | Test) else text(node)


def const_text(node: Const) -> str:
    """A constant with its unit, and the policy field it stands in."""
    shown = written(node.value, node.unit)
    return f"{node.name} ({shown})" if node.name else shown


_UNITS = ((86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "min"), (1_000_000, "s"), (1, "µs"))


_LIFETIME = 100 * 365 * 86_400_000_000


def written(value: Value, unit: Unit) -> str:
    """A value as people write it: spans in days, hours, minutes, seconds and microseconds.

    A span of a lifetime or more is that since, or until, what never came.
    """
    if isinstance(value, str):
        return repr(value)
    if unit != "span":
        return str(value)
    if value == 0:
        return "0 d"
    if abs(value) >= _LIFETIME:
        return "for ever" if value > 0 else "none"
    sign, rest, parts = ("-" if value < 0 else ""), abs(value), list[str]()
    for size, name in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {name}")
    return sign + " ".join(parts)
