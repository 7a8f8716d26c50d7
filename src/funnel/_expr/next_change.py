"""Instants at which time alone changes an answer: when a condition of a rule flips.

Every condition on time is linear in the clock, so it flips at most once (an equality: twice). The span since a time
that is not set is constant, so a condition on several spans may flip once for each slope. Invariant: no condition of
the rule changes between two of these instants, nor after the last one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import cast

from funnel._expr.linear import Form, linear, opposed
from funnel._expr.nodes import Const, Fact, Node, Op, Range, Test, Value, checked, span_of_test, tests_of, text
from funnel._expr.to_python import Run
from funnel._expr.tree import Tree, forks, leaves
from funnel._time import EARLIEST, EVER, LATEST
from funnel.errors import RuleError


def flip_delays(tree: Tree) -> tuple[Node, ...]:
    """Return the delays in microseconds until clock conditions may flip.

    The delays are nodes over the present facts. A delay of zero or less is in the past. Equal delays are listed once.

    Raises:
        RuleError: The answer itself changes with the clock, or a condition is not linear in the clock.
    """
    delays: dict[Node, None] = {}
    for test in _tests(tree):
        for wait in _waits_of(test):
            delays[wait] = None
    return tuple(delays)


def first_change(run: Run, flip_delays: Iterable[Value], values: Sequence[Value], now: int) -> int | None:
    """Return the earliest instant after now at which the answer differs.

    `flip_delays` are the microseconds from now after which the answer may change. None if the answer does not change
    before the year 2200.
    """
    answer = run(values, now)
    for wait in sorted({cast("int", wait) for wait in flip_delays}):
        if 0 < wait < LATEST - now and run(values, now + wait) != answer:
            return now + wait
    return None


def _tests(tree: Tree) -> Iterator[Test]:
    for fork in forks(tree):
        yield from tests_of(fork.test)
    for leaf in leaves(tree):
        if leaf.node is None:
            continue
        if slope_of(linear(leaf.node)):
            _refuse(text(leaf.node), "it changes all the time; return a choice instead")
        _check_atoms(linear(leaf.node), leaf.node)
        yield from tests_of(leaf.node)


def slope_of(form: Form) -> int:
    """Return how much a form changes in one microsecond."""
    return sum(weight * atom.slope for atom, weight in form.weights if isinstance(atom, Fact))


def _waits_of(test: Test) -> Iterator[Node]:
    if isinstance(test.b, Const) and isinstance(test.b.value, str):
        return
    form = linear(Op("-", test.a, test.b))
    _check_atoms(form, test)
    slope = slope_of(form)
    if slope and any(slope_of(inner) for atom, _ in form.weights for test in tests_of(atom) for inner in _forms(test)):
        _refuse(text(test), "it mixes a span with conditions on other spans; use separate conditions")
    for one in dict.fromkeys([slope, *_slopes_of(test, form)]):
        yield from _flips(test, form, one) if one else ()


def _slopes_of(test: Test, form: Form) -> Iterator[int]:
    """Yield the slopes of a form when some of its times are not set.

    A slope is left out if the test cannot flip then.
    """
    running = [(atom, weight) for atom, weight in form.weights if isinstance(atom, Fact) and atom.slope]
    ends_of_each = [[None, *(end for end in (EVER, -EVER) if atom.low <= end <= atom.high)] for atom, _ in running]
    for nevers in product(*ends_of_each) if len(running) > 1 else ():
        pairs = list(zip(running, nevers, strict=True))
        ranges: dict[Node, Range] = {
            atom: (max(atom.low, -_LONGEST), min(atom.high, _LONGEST)) if never is None else (never, never)
            for (atom, _), never in pairs
        }
        low, high = form.span(ranges)
        if span_of_test(test.op, (low, high), (0, 0)) == (0, 1):
            yield sum(weight * atom.slope for (atom, weight), never in pairs if never is None)


_LONGEST = LATEST - EARLIEST
"""The longest span between two supported instants."""


def _flips(test: Test, form: Form, slope: int) -> Iterator[Node]:
    """Yield the time until a test flips, if its form has this slope."""
    rising = form if slope > 0 else opposed(form)
    equal = test.op in ("==", "!=")
    if test.op in (">", "<=") and slope > 0:  # first above zero
        rising = Form(rising.weights, rising.constant - 1)
    if test.op in ("<", ">=") and slope < 0:  # the falling side is first at or above one
        rising = Form(rising.weights, rising.constant - 1)
    yield _until_zero(rising, abs(slope))
    if equal:
        yield _until_zero(Form(rising.weights, rising.constant - 1), abs(slope))


def _forms(test: Test) -> Iterator[Form]:
    for inner in tests_of(test):
        if not (isinstance(inner.b, Const) and isinstance(inner.b.value, str)):
            yield linear(Op("-", inner.a, inner.b))


def _until_zero(form: Form, slope: int) -> Node:
    """Return the first microsecond when a rising form is zero or more.

    It is -form / slope, rounded up, from now.
    """
    rounded = _node(form) if slope == 1 else Op("//", _node(form), Const(slope))
    return checked(Op("*", rounded, Const(-1)))


def _node(form: Form) -> Node:
    node: Node = Const(form.constant)
    for atom, weight in form.weights:
        node = checked(Op("+", node, atom if weight == 1 else checked(Op("*", atom, Const(weight)))))
    return node


def _check_atoms(form: Form, whole: Node) -> None:
    for atom, _ in form.weights:
        if isinstance(atom, Op) and _runs(atom):
            _refuse(text(whole), "such a span may only be compared, shifted and scaled by a constant")


def _runs(node: Node) -> bool:
    """Return whether a value changes with the clock between two flips inside it."""
    if isinstance(node, Op):
        return _runs(node.a) or _runs(node.b)
    return isinstance(node, Fact) and node.slope != 0


def _refuse(expression: str, cause: str) -> None:
    raise RuleError(f"the next change of {expression} cannot be computed: {cause}")
