"""Every way through a tree, in words: the decision table, and the reasons of one answer."""

from __future__ import annotations

import html
from collections.abc import Iterator
from functools import cached_property

import attrs

from funnel._lift.linear import linear
from funnel._lift.nodes import COMPARISON, OPPOSITE, Const, Node, Read, Test, Unit, evaluate, holds, text, written
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

    `points` is what the condition adds to a score, and 0 in a rule that only chooses.
    """

    condition: str
    actual: str
    required: str
    holds: bool
    policy_field: str = ""
    points: int = 0

    def __str__(self) -> str:
        """The reason as one line."""
        earned = f"{self.points:+d}: " if self.points else ""
        found = f" ({self.actual})" if self.actual else ""
        return f"{earned}{self.condition}{found}"


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


@attrs.frozen
class Note:
    """What can be said of a condition, or of a part of a score, before it is known of whom."""

    node: Node
    condition: str
    left: Node
    left_words: str
    right: Node | None = None
    op: str = ""
    policy_field: str = ""
    weight: int | None = None
    required: str = ""

    def of(self, read: Read) -> Reason:
        """The reason, for one person."""
        left = evaluate(self.left, read)
        actual = f"{self.left_words} is {written(left, unit_of(self.left))}"
        if self.right is None:
            points = (self.weight or 0) * left if isinstance(left, int) else 0
            return Reason(self.condition, actual, "", holds=True, points=points)
        right = evaluate(self.right, read)
        held = COMPARISON[self.op](left, right)
        required = self.required or f"{self.op} {written(right, unit_of(self.right))}"
        return Reason(self.condition, actual, required, held, self.policy_field, (self.weight or 0) * held)


def _note(test: Test, weight: int | None = None) -> Note:
    left = text(test.a)
    if not isinstance(test.b, Const):
        return Note(test, text(test), test.a, left, test.b, test.op, weight=weight)
    required = f"{test.op} {written(test.b.value, test.b.unit)}"
    return Note(test, text(test), test.a, left, test.b, test.op, test.b.name, weight, required)


def _parts(node: Node) -> Iterator[Note]:
    """The parts of a score, each with what it counts; a span or a text is no score."""
    counts = unit_of(node) == "number"
    for atom, weight in linear(node).weights:
        if isinstance(atom, Test):
            yield _note(atom, weight * counts)
        else:
            yield Note(atom, text(atom), atom, text(atom), weight=weight * counts)


def reasons(path: Path, read: Read) -> tuple[Reason, ...]:
    """What decided: the conditions of the path, and for a score what each part of it adds, biggest first."""
    told = [note.of(read) for note in path.notes]
    if path.leaf.node is None:
        return tuple(told)
    count = len(path.tests)
    return (*sorted(told[count:], key=lambda part: -abs(part.points)), *told[:count])


def unit_of(node: Node) -> Unit:
    """The unit of a node; a test counts as a number."""
    return "number" if isinstance(node, Test) else node.unit
