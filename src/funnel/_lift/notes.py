"""What can be said of the conditions of a path, and of the parts of a score, before it is known of whom.

Conditions that were asked at once are told one by one: of those that must all hold each, of those of which one is
enough those that hold. A number that points are compared with is told with the parts of the points.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from funnel._lift.linear import linear
from funnel._lift.nodes import Const, Fact, Node, Op, Test, const_text, meaning, tests_of, text, unit_of

PERCENT = 100


@attrs.frozen(cache_hash=True)
class Note:
    """One condition, or one part of a score.

    `scale` is what both sides were multiplied with to stay whole; `guard` must hold for the note to be told.
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


def notes_of(tests: Sequence[Test]) -> Iterator[Note]:
    """What the conditions of a path say, each in its own words."""
    for test in tests:
        yield from _told(test, None)


def conditions_of(tests: Sequence[Test]) -> Iterator[str]:
    """The conditions of a path as text: those that must all hold one by one."""
    for test in tests:
        every, parts = meaning(test)
        if every:
            yield from conditions_of(parts)
        else:
            yield note(test).condition


def _told(test: Test, guard: Node | None) -> Iterator[Note]:
    every, parts = meaning(test)
    for part in parts:
        yield from _told(part, guard if every else part if guard is None else Op("*", guard, part))
    if not parts:
        yield attrs.evolve(note(test), guard=guard)


def note(test: Test) -> Note:
    """What a condition says."""
    name = test.b.name if isinstance(test.b, Const) else ""
    if is_score(test):
        return Note(f"points {test.op} {text(test.b)}", test.a, "points", test.b, test.op, name)
    if meaning(test)[1]:
        return Note(_joined(test), test, "")
    return _share(test) or Note(text(test), test.a, text(test.a), test.b, test.op, name)


def _joined(test: Test) -> str:
    """Conditions that were asked at once, each in its own words."""
    every, parts = meaning(test)
    words = (f"({_joined(part)})" if meaning(part)[1] else note(part).condition for part in parts)
    return (" and " if every else " or ").join(words)


def _share(test: Test) -> Note | None:
    """A fact against so many hundredths of another, which the shop reads as percent."""
    match test:
        case Test(a=Op(op="*", a=Const(value=100), b=Fact() as fact), b=Op(op="*", a=Const() as share, b=Fact() as of)):
            words = f"{fact.name} {test.op} {const_text(share)} % of {of.name}"
            return Note(words, test.a, fact.name, test.b, test.op, share.name, scale=PERCENT)
        case _:
            return None


def is_score(test: Test) -> bool:
    """Whether a condition compares points, added up from other conditions, with a number."""
    if meaning(test)[1] or not isinstance(test.a, Op) or not isinstance(test.b, Const) or test.a.unit != "number":
        return False
    return any(True for _ in tests_of(test.a))


def parts_of(node: Node, *, only_earned: bool = False) -> Iterator[Note]:
    """The parts of a score, each with what it counts; a span or a text is no score."""
    counts = unit_of(node) == "number"
    names = dict(_names(node))
    for atom, weight in linear(node).weights:
        plain = note(atom) if isinstance(atom, Test) else Note(text(atom), atom, text(atom))
        guard = atom if only_earned else None
        yield attrs.evolve(plain, weight=weight * counts, points_field=names.get(atom, ""), guard=guard)


def _names(node: Node) -> Iterator[tuple[Node, str]]:
    """The parts of a score whose points are a number of the shop, each with its name."""
    match node:
        case Op(op="+" | "-"):
            yield from _names(node.a)
            yield from _names(node.b)
        case Op(op="*", a=Const(name=name), b=counted) | Op(op="*", a=counted, b=Const(name=name)):
            yield from ((atom, name) for atom, _ in linear(counted).weights)
        case _:
            pass
