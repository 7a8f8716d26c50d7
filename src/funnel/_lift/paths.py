"""Every way through a tree, in words: the decision table, and the reasons of one answer."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from functools import cached_property

import attrs

from funnel._lift.linear import linear
from funnel._lift.nodes import COMPARISON, OPPOSITE, Const, Node, Read, Test, Unit, Value, holds, text, written
from funnel._lift.tree import Answer, Fork, Leaf, Tree, describe


@attrs.frozen
class Path:
    """One way through a rule: the conditions that hold, and the answer they lead to."""

    tests: tuple[Test, ...]
    leaf: Leaf

    @cached_property
    def notes(self) -> tuple[Note, ...]:
        """The conditions made ready to be told of somebody; for a score its parts too."""
        parts = () if self.leaf.node is None else _parts(self.leaf.node)
        return (*map(_note, self.tests), *parts)

    @property
    def conditions(self) -> tuple[str, ...]:
        """The conditions as text, all of them true on this path."""
        return tuple(map(text, self.tests))

    @property
    def words(self) -> str:
        """The conditions as one text."""
        return " and ".join(self.conditions) or "always"

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
        return f"{self._note.left_words} is {written(self._left, unit_of(self._note.left))}"

    @property
    def required(self) -> str:
        """What was required; "" for a part of a score that is no condition."""
        note = self._note
        if note.right is None or self._right is None:
            return ""
        return f"{note.op} {written(self._right, unit_of(note.right))}"

    @property
    def holds(self) -> bool:
        """Whether it is so."""
        return self._right is None or COMPARISON[self._note.op](self._left, self._right)

    @property
    def policy_field(self) -> str:
        """The number of the shop that was required; "" where it is none."""
        return self._note.policy_field

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


def opposite(test: Test) -> Test:
    """The test that holds exactly where this one does not."""
    return Test(OPPOSITE[test.op], test.a, test.b)


def path_of(tree: Tree, read: Read) -> Path:
    """The one way that a person's facts take."""
    taken: list[Test] = []
    while isinstance(tree, Fork):
        held = holds(tree.test, read)
        taken.append(tree.test if held else opposite(tree.test))
        tree = tree.yes if held else tree.no
    return Path(tuple(taken), tree)


@attrs.frozen(cache_hash=True)
class Note:
    """What can be said of a condition, or of a part of a score, before it is known of whom."""

    condition: str
    left: Node
    left_words: str
    right: Node | None = None
    op: str = ""
    policy_field: str = ""
    weight: int = 0


def _note(test: Test, weight: int = 0) -> Note:
    name = test.b.name if isinstance(test.b, Const) else ""
    return Note(text(test), test.a, text(test.a), test.b, test.op, name, weight)


def _parts(node: Node) -> Iterator[Note]:
    """The parts of a score, each with what it counts; a span or a text is no score."""
    counts = unit_of(node) == "number"
    for atom, weight in linear(node).weights:
        if isinstance(atom, Test):
            yield _note(atom, weight * counts)
        else:
            yield Note(text(atom), atom, text(atom), weight=weight * counts)


def sides(path: Path) -> tuple[Node, ...]:
    """What is worked out of one person to tell them their reasons: both sides of each of the path's notes, in order."""
    return tuple(side for note in path.notes for side in (note.left, note.right or _NOTHING))


_NOTHING = Const(0)


def reasons(path: Path, worked: Sequence[Value]) -> tuple[Reason, ...]:
    """What decided: the conditions of the path, and for a score what each part of it adds, biggest first.

    `worked` are the values of the path's `sides`.
    """
    pairs = zip(path.notes, worked[::2], worked[1::2], strict=True)
    told = [Reason(note, left, None if note.right is None else right) for note, left, right in pairs]
    if path.leaf.node is None:
        return tuple(told)
    count = len(path.tests)
    return (*sorted(told[count:], key=lambda part: -abs(part.points)), *told[:count])


def unit_of(node: Node) -> Unit:
    """The unit of a node; a test counts as a number."""
    return "number" if isinstance(node, Test) else node.unit
