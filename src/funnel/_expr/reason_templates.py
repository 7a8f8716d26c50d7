"""Reason templates: the conditions of a path and the parts of a score, before the values of a person are known.

Combined conditions get a reason each. If all must hold, all are listed. If one is enough, those that hold are listed.
A number that points are compared with is listed with the parts of the points.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from funnel._expr.linear import linear
from funnel._expr.nodes import Const, Fact, Node, Op, Test, const_text, meaning, tests_of, text, unit_of

PERCENT = 100


@attrs.frozen(cache_hash=True)
class ReasonTemplate:
    """Template of one condition, or of one part of a score.

    `scale` is the factor that keeps both sides whole numbers. The reason is listed only if `guard` holds.
    """

    condition: str
    left: Node
    left_words: str
    right: Node | None = None
    op: str = ""
    policy_field: str = ""
    weight: int = 0
    points_field: str = ""
    scale: int = 1
    guard: Node | None = None


def reason_templates(tests: Sequence[Test]) -> Iterator[ReasonTemplate]:
    """Yield the templates of the conditions of a path."""
    for test in tests:
        yield from _templates_of(test, None)


def conditions_of(tests: Sequence[Test]) -> Iterator[str]:
    """Yield the conditions of a path as text.

    Conditions that must all hold are separate texts.
    """
    for test in tests:
        every, parts = meaning(test)
        if every:
            yield from conditions_of(parts)
        else:
            yield note(test).condition


def _templates_of(test: Test, guard: Node | None) -> Iterator[ReasonTemplate]:
    every, parts = meaning(test)
    for part in parts:
        yield from _templates_of(part, guard if every else part if guard is None else Op("*", guard, part))
    if not parts:
        yield attrs.evolve(note(test), guard=guard)


def note(test: Test) -> ReasonTemplate:
    """Return the template of a condition."""
    name = test.b.name if isinstance(test.b, Const) else ""
    if is_score(test):
        return ReasonTemplate(f"points {test.op} {text(test.b)}", test.a, "points", test.b, test.op, name)
    if meaning(test)[1]:
        return ReasonTemplate(_joined(test), test, "")
    return _share(test) or ReasonTemplate(text(test), test.a, text(test.a), test.b, test.op, name)


def _joined(test: Test) -> str:
    """Return combined conditions as one text."""
    every, parts = meaning(test)
    words = (f"({_joined(part)})" if meaning(part)[1] else note(part).condition for part in parts)
    return (" and " if every else " or ").join(words)


def _share(test: Test) -> ReasonTemplate | None:
    """Return the template of a fact compared with a percentage of another fact.

    Hundredths are shown as percent.
    """
    match test:
        case Test(a=Op(op="*", a=Const(value=100), b=Fact() as fact), b=Op(op="*", a=Const() as share, b=Fact() as of)):
            words = f"{fact.name} {test.op} {const_text(share)} % of {of.name}"
            return ReasonTemplate(words, test.a, fact.name, test.b, test.op, share.name, scale=PERCENT)
        case _:
            return None


def is_score(test: Test) -> bool:
    """Return whether a condition compares a sum of conditions with a number."""
    if meaning(test)[1] or not isinstance(test.a, Op) or not isinstance(test.b, Const) or test.a.unit != "number":
        return False
    return any(True for _ in tests_of(test.a))


def parts_of(node: Node, *, only_earned: bool = False) -> Iterator[ReasonTemplate]:
    """Yield the parts of a score with their weights; a span or a text is not a score."""
    counts = unit_of(node) == "number"
    names = dict(_names(node))
    for atom, weight in linear(node).weights:
        plain = note(atom) if isinstance(atom, Test) else ReasonTemplate(text(atom), atom, text(atom))
        guard = atom if only_earned else None
        yield attrs.evolve(plain, weight=weight * counts, points_field=names.get(atom, ""), guard=guard)


def _names(node: Node) -> Iterator[tuple[Node, str]]:
    """Yield the parts of a score with points from a policy field, and its name."""
    match node:
        case Op(op="+" | "-"):
            yield from _names(node.a)
            yield from _names(node.b)
        case Op(op="*", a=Const(name=name), b=scaled) | Op(op="*", a=scaled, b=Const(name=name)):
            yield from ((atom, name) for atom, _ in linear(scaled).weights)
        case _:
            pass
