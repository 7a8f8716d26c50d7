"""Both sides of every limit of a rule: a person just below it, one at it, and one just above it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise, product
from typing import Any, Generic, TypeVar

import attrs

from funnel._arguments import parse_as_of
from funnel._expr.explain import RulePath
from funnel._expr.nodes import Const, Fact, Node, Op, Test, Value, checked, facts_of, text
from funnel._expr.solver import witness
from funnel._expr.tree import Leaf
from funnel.facts._base import BaseFacts
from funnel.policy import Policy
from funnel.rules._check import check_is_rule
from funnel.rules._rule import Rule

F = TypeVar("F", bound=BaseFacts)
P = TypeVar("P", bound="Policy")

_SIDES = (-1, 0, 1)
_MOST = 64
"""Maximum number of paths that are checked for each limit."""
_MOST_STEPS = 16
"""Maximum number of steps of the solver for one person; the people of another path serve as well."""
_NOBODY, _BEST = (False, -len(_SIDES), 0), (True, -1, len(_SIDES))
"""The worst and the best people around a limit: whether their answers differ, minus the changes, how many people."""


@attrs.frozen
class Boundary(Generic[F]):
    """A limit of a rule, and the people around it, lowest first.

    Attributes:
        condition: The condition that has the limit, as written in the rule.
        people: Facts of a person just below the limit, at it, and just above it. They differ in one fact of the
            condition, and where possible the rule's answer changes at the limit. The distance is one unit of a number,
            or one microsecond of a span. An impossible person is left out: no count is below zero.
    """

    condition: str
    people: tuple[F, ...]


def boundaries(rule: Rule[F, P, Any], policy: P, *, as_of: datetime) -> tuple[Boundary[F], ...]:
    """Return the people on both sides of every limit of a rule.

    Args:
        rule: The rule.
        policy: The shop's policy.
        as_of: The instant of the facts.

    Returns:
        One boundary for each condition on a number or a span, in the order of the rule's conditions.

    Raises:
        ArgumentError: `rule` or `policy` has another type.
        InstantError: `as_of` is naive.

    Example:
        >>> from datetime import UTC, datetime
        >>> from funnel import Policy, is_lapsed
        >>> (limit,) = [one for one in boundaries(is_lapsed, Policy(), as_of=datetime(2026, 3, 1, tzinfo=UTC))
        ...             if "lapse_after" in one.condition]
        >>> [is_lapsed.of(person, Policy()) for person in limit.people]
        [False, False, True]
    """
    check_is_rule(rule)
    parse_as_of(as_of)
    tests_by_limit: dict[str, list[tuple[RulePath, Test]]] = {}
    for path in rule._compiled_rule(policy).paths:
        for test in path.tests:
            name = _limit(test)
            if name is not None:
                tests_by_limit.setdefault(name, []).append((path, test))
    boundaries_found = (
        Boundary(text(tested_paths[0][1]), _around(rule, policy, tested_paths, as_of))
        for tested_paths in tests_by_limit.values()
    )
    return tuple(boundary for boundary in boundaries_found if boundary.people)


def _limit(test: Test) -> str | None:
    """Return the compared expression, equal for conditions with the same limit; None for text."""
    if any(getattr(side, "unit", "number") == "text" for side in (test.a, test.b)):
        return None
    return f"{text(test.a)} | {text(test.b)}"


def _around(
    rule: Rule[F, P, Any], policy: P, tested_paths: Sequence[tuple[RulePath, Test]], as_of: datetime
) -> tuple[F, ...]:
    """Return the people around a limit; if possible, people with two answers, which change once."""
    chosen: tuple[F, ...] = ()
    best = _NOBODY
    for alike in _people_alike(sorted(tested_paths, key=lambda one: len(one[0].tests))[:_MOST]):
        people = tuple(rule.facts._from_values(values, as_of) for values in alike)
        answers = [rule.of(person, policy) for person in people]
        changes = sum(before != after for before, after in pairwise(answers))
        quality = (changes > 0, -changes, len(people))
        if quality > best:
            chosen, best = people, quality
        if quality == _BEST:
            break
    return chosen


def _people_alike(tested_paths: Sequence[tuple[RulePath, Test]]) -> Iterator[list[Mapping[str, Value]]]:
    """Yield people below, at and above the limit who differ in one fact of the condition."""
    for (path, test), side in product(tested_paths, _SIDES):
        values = witness(RulePath((*path.tests, _at(test, side)), path.leaf), _MOST_STEPS)
        if values is not None:
            for free in dict.fromkeys(facts_of(test)):
                solved = (_moved(values, test, free, side, path.leaf) for side in _SIDES)
                yield [one for one in solved if one is not None]


def _moved(values: Mapping[str, Value], test: Test, free: Fact, side: int, leaf: Leaf) -> Mapping[str, Value] | None:
    """Return the person at another distance from the limit, changed in one fact; None if that is impossible."""
    same = (Test("==", fact, Const(values[fact.name], fact.unit)) for fact in facts_of(test) if fact != free)
    solved = witness(RulePath((*same, _at(test, side)), leaf))
    return None if solved is None else {**values, **solved}


def _at(test: Test, side: int) -> Test:
    """Return the condition of being at this distance from the limit."""
    return Test("==", test.a, _shifted(test.b, side))


def _shifted(node: Node, side: int) -> Node:
    if isinstance(node, Const) and isinstance(node.value, int):
        return attrs.evolve(node, value=node.value + side)
    return checked(Op("+", node, Const(side)))
