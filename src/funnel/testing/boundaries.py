"""Both sides of every limit of a rule: a person just below it, one at it, and one just above it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs

from funnel._arguments import parse_as_of
from funnel._expr.explain import RulePath
from funnel._expr.nodes import Const, Node, Op, Test, Value, checked, text
from funnel._expr.solver import witness
from funnel._expr.tree import Leaf
from funnel.facts._base import BaseFacts
from funnel.rules._check import check_is_rule
from funnel.rules._rule import Rule

if TYPE_CHECKING:
    from funnel.policy import Policy

F = TypeVar("F", bound=BaseFacts)
P = TypeVar("P", bound="Policy")

_SIDES = (-1, 0, 1)
_MOST = 64
"""Maximum number of paths that are checked for each limit."""


@attrs.frozen
class Boundary(Generic[F]):
    """A limit of a rule, and the people around it, lowest first.

    Attributes:
        condition: The condition that has the limit, as written in the rule.
        people: Facts of a person just below the limit, at it, and just above it. The distance is one unit of a number,
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
        Boundary(text(tested_paths[0][1]), tuple(_around(rule, tested_paths, as_of)))
        for tested_paths in tests_by_limit.values()
    )
    return tuple(boundary for boundary in boundaries_found if boundary.people)


def _limit(test: Test) -> str | None:
    """Return the compared expression, equal for conditions with the same limit; None for text."""
    if any(getattr(side, "unit", "number") == "text" for side in (test.a, test.b)):
        return None
    return f"{text(test.a)} | {text(test.b)}"


def _around(rule: Rule[F, P, Any], tested_paths: Sequence[tuple[RulePath, Test]], as_of: datetime) -> Iterator[F]:
    """Return the people around a limit, preferring people whose answers differ by it."""
    beside = [dict(_at(side, tested_paths[:_MOST])) for side in _SIDES]
    chosen = max(product(*filter(None, beside)), key=_separation)
    for leaf, people in zip(chosen, filter(None, beside), strict=True):
        yield rule.facts._from_values(people[leaf], as_of)


def _at(side: int, tested_paths: Sequence[tuple[RulePath, Test]]) -> Iterator[tuple[Leaf, Mapping[str, Value]]]:
    """Yield a person at this distance from the limit, for each possible answer."""
    for path, test in tested_paths:
        at_side = Test("==", test.a, _shifted(test.b, side))
        values = witness(RulePath((*path.tests, at_side), path.leaf))
        if values is not None:
            yield path.leaf, values


def _separation(leaves: tuple[Leaf, ...]) -> tuple[bool, int]:
    """Return whether the answer changes at the limit, and whether it changes only once."""
    return len(set(leaves)) > 1, -sum(before != after for before, after in pairwise(leaves))


def _shifted(node: Node, side: int) -> Node:
    if isinstance(node, Const) and isinstance(node.value, int):
        return attrs.evolve(node, value=node.value + side)
    return checked(Op("+", node, Const(side)))
