"""Paths through a tree as text: the decision table, and the reasons for one answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import attrs

from funnel._expr.nodes import (
    COMPARISON,
    Const,
    Node,
    Read,
    Test,
    Value,
    facts_of,
    format_value,
    holds,
    opposite,
    unit_of,
)
from funnel._expr.reason_templates import ReasonTemplate, conditions_of, is_score, parts_of, reason_templates
from funnel._expr.tree import Answer, Fork, Leaf, Tree, describe
from funnel._format import as_html


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
    def actual(self) -> str:
        """The actual value."""
        note = self._note
        if isinstance(note.left, Test):
            return "it is true" if self._left else "it is false"
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
        conditions.setdefault(one.condition, one)  # a path may ask for a condition in two places
    return (*sorted(every[condition_count:], key=lambda part: -abs(part.points)), *conditions.values())
