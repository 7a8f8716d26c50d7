"""Both sides of every limit of a rule: a person just below it, one at it, and one just above it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs

from funnel._facts.base import BaseFacts
from funnel._lift.nodes import Const, Node, Op, Test, checked, text
from funnel._lift.paths import Path
from funnel._lift.witness import witness
from funnel._rule import Rule

if TYPE_CHECKING:
    from funnel.policy import Policy

F = TypeVar("F", bound=BaseFacts)
P = TypeVar("P", bound="Policy")

_SIDES = (-1, 0, 1)


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

    Example:
        >>> from datetime import UTC, datetime
        >>> from funnel import Policy, is_lapsed
        >>> (limit,) = [one for one in boundaries(is_lapsed, Policy(), as_of=datetime(2026, 3, 1, tzinfo=UTC))
        ...             if "lapse_after" in one.condition]
        >>> [is_lapsed.of(person, Policy()) for person in limit.people]
        [False, False, True]
    """
    found: dict[str, tuple[F, ...]] = {}
    for path in rule.lifted(policy).ways:
        for place, test in enumerate(path.tests):
            name = _limit(test)
            if name is not None and not found.get(name):
                found[name] = tuple(_around(rule, path, place, as_of))
    conditions = {_limit(test): text(test) for path in rule.lifted(policy).ways for test in reversed(path.tests)}
    return tuple(Boundary(conditions[name], around) for name, around in found.items() if around)


def _limit(test: Test) -> str | None:
    """What is compared, by which two conditions have the same limit; None where it is a text."""
    if any(getattr(side, "unit", "number") == "text" for side in (test.a, test.b)):
        return None
    return f"{text(test.a)} | {text(test.b)}"


def _around(rule: Rule[F, P, Any], path: Path, place: int, as_of: datetime) -> Iterator[F]:
    test = path.tests[place]
    for side in _SIDES:
        beside = Test("==", test.a, _shifted(test.b, side))
        values = witness(Path((*path.tests[:place], beside), path.leaf))
        if values is not None:
            yield rule.person(values, as_of)


def _shifted(node: Node, side: int) -> Node:
    if isinstance(node, Const) and isinstance(node.value, int):
        return attrs.evolve(node, value=node.value + side)
    return checked(Op("+", node, Const(side)))
