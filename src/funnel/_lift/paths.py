"""Every way through a tree, in words: the decision table, and the reasons of one answer."""

from __future__ import annotations

import html
from collections.abc import Iterator

import attrs

from funnel._lift.linear import linear
from funnel._lift.nodes import OPPOSITE, Const, Node, Read, Test, Unit, evaluate, holds, number, text, written
from funnel._lift.tree import Answer, Fork, Leaf, Tree, describe


@attrs.frozen
class Path:
    """One way through a rule: the conditions that hold, and the answer they lead to."""

    tests: tuple[Test, ...]
    leaf: Leaf

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


def reasons(path: Path, read: Read) -> tuple[Reason, ...]:
    """What decided: the conditions of the path, and for a score what each part of it adds, biggest first."""
    chosen = tuple(_reason(test, read) for test in path.tests)
    if path.leaf.node is None:
        return chosen
    counts = unit_of(path.leaf.node) == "number"  # a span or a text is no score
    parts = [_points(atom, weight * counts, read) for atom, weight in linear(path.leaf.node).weights]
    return (*sorted(parts, key=lambda part: -abs(part.points)), *chosen)


def _reason(test: Test, read: Read) -> Reason:
    return Reason(
        condition=text(test),
        actual=f"{text(test.a)} is {_shown(test.a, read)}",
        required=f"{test.op} {_shown(test.b, read)}",
        holds=holds(test, read),
        policy_field=test.b.name if isinstance(test.b, Const) else "",
    )


def _points(atom: Node, weight: int, read: Read) -> Reason:
    if isinstance(atom, Test):
        return attrs.evolve(_reason(atom, read), points=weight * holds(atom, read))
    points = weight * number(atom, read) if weight else 0
    return Reason(text(atom), f"{text(atom)} is {_shown(atom, read)}", "", holds=True, points=points)


def _shown(node: Node, read: Read) -> str:
    return written(evaluate(node, read), unit_of(node))


def unit_of(node: Node) -> Unit:
    """The unit of a node; a test counts as a number."""
    return "number" if isinstance(node, Test) else node.unit
