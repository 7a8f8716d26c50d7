"""Every way through a tree, in words: the decision table, and the reasons of one answer."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from functools import cached_property

import attrs

from funnel._lift.nodes import COMPARISON, Const, Node, Read, Test, Value, facts_of, holds, opposite, unit_of, written
from funnel._lift.notes import Note, conditions_of, is_score, notes_of, parts_of
from funnel._lift.tree import Answer, Fork, Leaf, Tree, describe


@attrs.frozen
class Path:
    """One way through a rule: the conditions that hold, and the answer they lead to."""

    tests: tuple[Test, ...]
    leaf: Leaf

    @cached_property
    def notes(self) -> tuple[Note, ...]:
        """The conditions made ready to be told of somebody, and after them the parts of a score."""
        return (*self._asked, *self._parts())

    @cached_property
    def _asked(self) -> tuple[Note, ...]:
        return tuple(notes_of(self.tests))

    @property
    def asked(self) -> int:
        """How many of the notes are conditions."""
        return len(self._asked)

    def _parts(self) -> Iterator[Note]:
        """The parts of the score that is the answer, or else of the first one that the path asks about."""
        if self.leaf.node is not None:
            return parts_of(self.leaf.node)
        scores = (test.a for test in self.tests if is_score(test))
        return parts_of(next(scores, _NOTHING), only_earned=True)

    @property
    def conditions(self) -> tuple[str, ...]:
        """The conditions as text, all of them true on this path."""
        return tuple(conditions_of(self.tests))

    @property
    def words(self) -> str:
        """The conditions as one text."""
        told = self.conditions
        if len(told) > 1:
            told = tuple(f"({one})" if " or " in one else one for one in told)
        return " and ".join(told) or "always"

    @property
    def answer(self) -> str:
        """The answer as text."""
        return describe(self.leaf)


@attrs.frozen
class Reason:
    """One condition that decided: what was asked, what is so, what was required.

    It holds the two sides as numbers and becomes words when it is read.
    """

    _note: Note
    _left: Value
    _right: Value | None = None

    @property
    def condition(self) -> str:
        """What was asked."""
        return self._note.condition

    @property
    def actual(self) -> str:
        """What is so."""
        note = self._note
        if isinstance(note.left, Test):
            return "it is so" if self._left else "it is not so"
        if note.scale == 1 or self._right is None:
            return f"{note.left_words} is {written(self._left, unit_of(note.left))}"
        left, limit = (written(int(side) // note.scale, unit_of(note.left)) for side in (self._left, self._right))
        return f"{note.left_words} is {left}, the limit {limit}"

    @property
    def required(self) -> str:
        """What was required; "" for a part of a score that is no condition."""
        note = self._note
        if note.right is None or self._right is None:
            return ""
        right = self._right if note.scale == 1 else int(self._right) // note.scale
        return f"{note.op} {written(right, unit_of(note.right))}"

    @property
    def holds(self) -> bool:
        """Whether it is so."""
        return self._right is None or COMPARISON[self._note.op](self._left, self._right)

    @property
    def policy_field(self) -> str:
        """The number of the shop that was required; "" where it is none."""
        return self._note.policy_field

    @property
    def points_field(self) -> str:
        """The number of the shop that says how many points the part is worth; "" where it is none."""
        return self._note.points_field

    @property
    def facts(self) -> tuple[str, ...]:
        """The facts that the condition reads, by name."""
        sides = (self._note.left, self._note.right or _NOTHING)
        return tuple(dict.fromkeys(fact.name for side in sides for fact in facts_of(side)))

    @property
    def points(self) -> int:
        """What the condition adds to a score; 0 in a rule that only chooses."""
        weight = self._note.weight
        if not weight:
            return 0
        return weight * (self._left if self._right is None and isinstance(self._left, int) else self.holds)

    def __repr__(self) -> str:
        """The reason in words."""
        return f"Reason({str(self)!r})"

    def __str__(self) -> str:
        """The reason as one line."""
        earned = f"{self.points:+d}: " if self.points else ""
        return f"{earned}{self.condition} ({self.actual})"


@attrs.frozen
class Why:
    """An answer with the conditions that decided it, in the order asked; a score's parts, biggest first."""

    answer: Answer
    reasons: tuple[Reason, ...]

    def __str__(self) -> str:
        """The answer and its reasons, a line each."""
        shown = getattr(self.answer, "value", self.answer)
        return "\n".join([str(shown), *(f"  because {reason}" for reason in self.reasons)])


@attrs.frozen
class Table:
    """Every path through a rule, one row a path."""

    name: str
    paths: tuple[Path, ...]

    def __str__(self) -> str:
        """The table as Markdown."""
        head = f"| {self.name} | where |\n| --- | --- |"
        rows = ((_cell(path.answer), _cell(path.words)) for path in self.paths)
        return "\n".join([head, *(f"| {answer} | {conditions} |" for answer, conditions in rows)])

    def _repr_html_(self) -> str:
        cells = ((html.escape(path.answer), html.escape(path.words)) for path in self.paths)
        rows = "".join(f"<tr><td>{answer}</td><td>{conditions}</td></tr>" for answer, conditions in cells)
        head = f"<tr><th>{html.escape(self.name)}</th><th>where</th></tr>"
        return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"


def _cell(words: str) -> str:
    return " ".join(words.replace("|", "\\|").split("\n"))


def paths(tree: Tree, taken: tuple[Test, ...] = ()) -> Iterator[Path]:
    """Every way through a tree, a test that does not hold written as its opposite."""
    if isinstance(tree, Leaf):
        yield Path(taken, tree)
        return
    yield from paths(tree.yes, (*taken, tree.test))
    yield from paths(tree.no, (*taken, opposite(tree.test)))


def path_of(tree: Tree, read: Read) -> Path:
    """The one way that a person's facts take."""
    taken: list[Test] = []
    while isinstance(tree, Fork):
        held = holds(tree.test, read)
        taken.append(tree.test if held else opposite(tree.test))
        tree = tree.yes if held else tree.no
    return Path(tuple(taken), tree)


def sides(path: Path) -> tuple[Node, ...]:
    """What is worked out of one person to tell them their reasons.

    Both sides of each of the path's notes, in order, and after them what decides whether it is told, where it is asked.
    """
    pairs = (side for one in path.notes for side in (one.left, one.right or _NOTHING))
    return (*pairs, *(one.guard for one in path.notes if one.guard is not None))


_NOTHING = Const(0)


def reasons(path: Path, worked: Sequence[Value]) -> tuple[Reason, ...]:
    """What decided: what each part of a score adds, biggest first, and the conditions of the path.

    `worked` are the values of the path's `sides`.
    """
    notes, asked = path.notes, path.asked
    pairs = zip(notes, worked[::2], worked[1::2], strict=False)
    every = [Reason(one, left, None if one.right is None else right) for one, left, right in pairs]
    if len(worked) > 2 * len(notes):
        guards = iter(worked[2 * len(notes) :])
        holds = [one.guard is None or next(guards) for one in notes]
        asked = sum(1 for held in holds[:asked] if held)
        every = [reason for reason, held in zip(every, holds, strict=True) if held]
    return (*sorted(every[asked:], key=lambda part: -abs(part.points)), *every[:asked])
