"""Paths through a tree as text: the decision table, and the reasons for one answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import attrs

from funnel._expr.linear import linear
from funnel._expr.nodes import (
    COMPARISON,
    Const,
    Fact,
    Node,
    Op,
    Read,
    Test,
    Value,
    const_text,
    facts_of,
    format_value,
    holds,
    is_flag,
    is_never,
    meaning,
    opposite,
    tests_of,
    text,
    unit_of,
)
from funnel._expr.tree import Answer, Fork, Leaf, Tree, describe
from funnel._format import as_html

# ---- reason templates ------------------------------------------------------------------------------------------------

# Combined conditions get a reason each. If all must hold, all are listed. If one is enough, those that hold are listed.
# A number that points are compared with is listed with the parts of the points.


PERCENT = 100
_LONG = 120
"""A longer expression is not written out: its facts are listed."""


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
    if len(text(test.a)) > _LONG:
        words = f"(computed from {', '.join(dict.fromkeys(fact.name for fact in facts_of(test.a)))})"
        return ReasonTemplate(f"{words} {test.op} {text(test.b)}", test.a, "it", test.b, test.op, name)
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


# ---- explanations ----------------------------------------------------------------------------------------------------


@attrs.frozen
class RulePath:
    """One path through a rule: the conditions that hold, and the resulting answer."""

    tests: tuple[Test, ...]
    leaf: Leaf

    @cached_property
    def notes(self) -> tuple[ReasonTemplate, ...]:
        """The templates of the conditions, then those of the parts of a score."""
        return (*self._condition_templates, *self._parts())

    @cached_property
    def _condition_templates(self) -> tuple[ReasonTemplate, ...]:
        return tuple(reason_templates(self.tests))

    @property
    def condition_count(self) -> int:
        """The number of templates that are conditions."""
        return len(self._condition_templates)

    def _parts(self) -> Iterator[ReasonTemplate]:
        """Yield the parts of the answer's score, or of the first score in a condition."""
        if self.leaf.node is not None:
            return parts_of(self.leaf.node)
        scores = (test.a for test in self.tests if is_score(test))
        return parts_of(next(scores, _NOTHING), only_earned=True)

    @property
    def conditions(self) -> tuple[str, ...]:
        """The conditions as text, all of them true on this path."""
        return tuple(dict.fromkeys(conditions_of(self.tests)))

    @property
    def words(self) -> str:
        """The conditions as one text."""
        texts = self.conditions
        if len(texts) > 1:
            texts = tuple(f"({part})" if " or " in part else part for part in texts)
        return " and ".join(texts) or "always"

    @property
    def answer(self) -> str:
        """The answer as text."""
        return describe(self.leaf)


@attrs.frozen
class Reason:
    """One condition that decided an answer, with actual and required value.

    It stores both sides as numbers, and formats them when it is read.
    """

    _note: ReasonTemplate
    _left: Value
    _right: Value | None = None

    @property
    def condition(self) -> str:
        """The condition as text."""
        return self._note.condition

    @property
    def subject(self) -> str:
        """The condition; of something that never happened its fact alone: one such condition says all of them."""
        left = self._note.left
        return left.name if isinstance(left, Fact) and is_never(self._left, left.unit) else self.condition

    @property
    def actual(self) -> str:
        """The actual value."""
        note = self._note
        if isinstance(note.left, Test):
            return "it is true" if self._left else "it is false"
        if is_flag(note.left):
            return f"{note.left_words} is {'true' if self._left else 'false'}"
        if note.scale == 1 or self._right is None:
            return f"{note.left_words} is {format_value(self._left, unit_of(note.left))}"
        left, limit = (format_value(int(side) // note.scale, unit_of(note.left)) for side in (self._left, self._right))
        return f"{note.left_words} is {left}, the limit is {limit}"

    @property
    def required(self) -> str:
        """The required value; "" for a part of a score that is not a condition."""
        note = self._note
        if note.right is None or self._right is None:
            return ""
        right = self._right if note.scale == 1 else int(self._right) // note.scale
        return f"{note.op} {format_value(right, unit_of(note.right))}"

    @property
    def holds(self) -> bool:
        """True if the condition holds."""
        return self._right is None or COMPARISON[self._note.op](self._left, self._right)

    @property
    def policy_field(self) -> str:
        """The policy field that contains the required value; "" without a field."""
        return self._note.policy_field

    @property
    def points_field(self) -> str:
        """The policy field that contains the points of this part; "" without a field."""
        return self._note.points_field

    @property
    def facts(self) -> tuple[str, ...]:
        """The names of the facts that the condition reads."""
        sides = (self._note.left, self._note.right or _NOTHING)
        return tuple(dict.fromkeys(fact.name for side in sides for fact in facts_of(side)))

    @property
    def points(self) -> int:
        """The points that the condition adds to a score; 0 in a rule without a score."""
        weight = self._note.weight
        if not weight:
            return 0
        return weight * (self._left if self._right is None and isinstance(self._left, int) else self.holds)

    def to_dict(self) -> dict[str, Any]:
        """Return the condition, both sides as text, whether it holds, its policy field ("" if none) and its points."""
        return {name: getattr(self, name) for name in _REASON}

    def __repr__(self) -> str:
        """Return the reason as text."""
        return f"Reason({str(self)!r})"

    def __str__(self) -> str:
        """Return the reason as one line."""
        earned = f"{self.points:+d}: " if self.points else ""
        return f"{earned}{self.condition} ({self.actual})"


_REASON = ("condition", "actual", "required", "holds", "policy_field", "points")


@attrs.frozen
class Explanation:
    """An answer with its reasons.

    Conditions are in order of evaluation; parts of a score are listed largest first.
    """

    answer: Answer
    reasons: tuple[Reason, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the answer and its reasons as plain data."""
        return {"answer": self._plain, "reasons": [reason.to_dict() for reason in self.reasons]}

    def __str__(self) -> str:
        """Return the answer and its reasons, one line each."""
        return "\n".join([str(self._plain), *(f"  because {reason}" for reason in self.reasons)])

    @property
    def _plain(self) -> Any:
        return getattr(self.answer, "value", self.answer)


@attrs.frozen
class DecisionTable:
    """Every path through a rule, one row per path."""

    name: str
    paths: tuple[RulePath, ...]

    def __str__(self) -> str:
        """Return the table as Markdown."""
        head = f"| {self.name} | if |\n| --- | --- |"
        rows = ((_cell(path.answer), _cell(path.words)) for path in self.paths)
        return "\n".join([head, *(f"| {answer} | {conditions} |" for answer, conditions in rows)])

    def _repr_html_(self) -> str:
        return as_html((self.name, "if"), ((path.answer, path.words) for path in self.paths))


def _cell(words: str) -> str:
    return " ".join(words.replace("|", "\\|").split("\n"))


def paths(tree: Tree, tests: tuple[Test, ...] = ()) -> Iterator[RulePath]:
    """Yield every path; a test that does not hold appears as its opposite."""
    if isinstance(tree, Leaf):
        yield RulePath(tests, tree)
        return
    yield from paths(tree.yes, (*tests, tree.test))
    yield from paths(tree.no, (*tests, opposite(tree.test)))


def path_of(tree: Tree, read: Read) -> RulePath:
    """Return the path that a person's facts take."""
    tests: list[Test] = []
    while isinstance(tree, Fork):
        is_true = holds(tree.test, read)
        tests.append(tree.test if is_true else opposite(tree.test))
        tree = tree.yes if is_true else tree.no
    return RulePath(tuple(tests), tree)


def sides(path: RulePath) -> tuple[Node, ...]:
    """Return the nodes to evaluate for a person's reasons.

    Both sides of each template of the path come first, in order. The guards of the templates that have one come last.
    """
    pairs = (side for one in path.notes for side in (one.left, one.right or _NOTHING))
    return (*pairs, *(one.guard for one in path.notes if one.guard is not None))


_NOTHING = Const(0)


def reasons(path: RulePath, values: Sequence[Value]) -> tuple[Reason, ...]:
    """Return the reasons: parts of a score, largest first, then conditions.

    `values` are the values of the path's `sides`.
    """
    notes, condition_count = path.notes, path.condition_count
    pairs = zip(notes, values[::2], values[1::2], strict=False)
    every = [Reason(one, left, None if one.right is None else right) for one, left, right in pairs]
    if len(values) > 2 * len(notes):
        guards = iter(values[2 * len(notes) :])
        holds = [one.guard is None or next(guards) for one in notes]
        condition_count = sum(1 for is_true in holds[:condition_count] if is_true)
        every = [reason for reason, is_true in zip(every, holds, strict=True) if is_true]
    conditions: dict[str, Reason] = {}
    for one in every[:condition_count]:
        conditions.setdefault(one.subject, one)  # a path may ask for a condition in two places
    return (*sorted(every[condition_count:], key=lambda part: -abs(part.points)), *conditions.values())
