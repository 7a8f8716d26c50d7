"""Both sides of every limit of a rule: a person just below it, one at it, and one just above it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs

from funnel._facts.base import BaseFacts
from funnel._given import judgement
from funnel._lift.nodes import Const, Node, Op, Test, Value, checked, text
from funnel._lift.paths import Path
from funnel._lift.tree import Leaf
from funnel._lift.witness import witness
from funnel._rule import Rule, rule_given

if TYPE_CHECKING:
    from funnel.policy import Policy

F = TypeVar("F", bound=BaseFacts)
P = TypeVar("P", bound="Policy")

_SIDES = (-1, 0, 1)
_MOST = 64
"""So many ways on which a limit is asked are looked at."""


@attrs.frozen
class Boundary(Generic[F]):
    """A limit of a rule, and the people around it, lowest first.

    Attributes:
        condition: The condition whose limit it is, as the rule asks it.
        people: The facts of a person just below the limit, of one at it and of one just above it: one unit of a number,
            one microsecond of a span. Who cannot exist is left out: nobody has bought less than never.
    """

    condition: str
    people: tuple[F, ...]


def boundaries(rule: Rule[F, P, Any], policy: P, *, as_of: datetime) -> tuple[Boundary[F], ...]:
    """The people on both sides of every limit that the rule has.

    Args:
        rule: The rule.
        policy: The shop's numbers.
        as_of: The instant that the facts are of.

    Returns:
        One boundary for each condition on a number or a span, in the order in which the rule asks them.

    Raises:
        ArgumentError: `rule` or `policy` is something else.
        InstantError: `as_of` is naive.

    Example:
        >>> from datetime import UTC, datetime
        >>> from funnel import Policy, is_lapsed
        >>> (limit,) = [one for one in boundaries(is_lapsed, Policy(), as_of=datetime(2026, 3, 1, tzinfo=UTC))
        ...             if "lapse_after" in one.condition]
        >>> [is_lapsed.of(person, Policy()) for person in limit.people]
        [False, False, True]
    """
    rule_given(rule)
    judgement(as_of)
    asked: dict[str, list[tuple[Path, Test]]] = {}
    for path in rule.lifted(policy).ways:
        for test in path.tests:
            name = _limit(test)
            if name is not None:
                asked.setdefault(name, []).append((path, test))
    made = (Boundary(text(ways[0][1]), tuple(_around(rule, ways, as_of))) for ways in asked.values())
    return tuple(one for one in made if one.people)


def _limit(test: Test) -> str | None:
    """What is compared, by which two conditions have the same limit; None where it is a text."""
    if any(getattr(side, "unit", "number") == "text" for side in (test.a, test.b)):
        return None
    return f"{text(test.a)} | {text(test.b)}"


def _around(rule: Rule[F, P, Any], ways: Sequence[tuple[Path, Test]], as_of: datetime) -> Iterator[F]:
    """The people beside a limit, of those the ones whose answers differ by it, if any do."""
    beside = [dict(_at(side, ways[:_MOST])) for side in _SIDES]
    chosen = max(product(*filter(None, beside)), key=_tells)
    for leaf, people in zip(chosen, filter(None, beside), strict=True):
        yield rule.person(people[leaf], as_of)


def _at(side: int, ways: Sequence[tuple[Path, Test]]) -> Iterator[tuple[Leaf, Mapping[str, Value]]]:
    """So far from the limit, somebody for each answer that there may be."""
    for path, test in ways:
        there = Test("==", test.a, _shifted(test.b, side))
        values = witness(Path((*path.tests, there), path.leaf))
        if values is not None:
            yield path.leaf, values


def _tells(leaves: tuple[Leaf, ...]) -> tuple[bool, int]:
    """Whether the answer changes at the limit, and that it does so once."""
    return len(set(leaves)) > 1, -sum(before != after for before, after in pairwise(leaves))


def _shifted(node: Node, side: int) -> Node:
    if isinstance(node, Const) and isinstance(node.value, int):
        return attrs.evolve(node, value=node.value + side)
    return checked(Op("+", node, Const(side)))
