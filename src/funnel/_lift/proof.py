"""The proof of a lifted rule: the function itself, called as it is called without lifting, answers as its tree does.

What a rule does by identity (`is`), by `type()`, by catching an error or by something that changes between two calls
leaves no trace in a tree. So after it is lifted, the function is called with made-up people, some for each path: with
real facts and the real policy. Every answer must be the tree's, and of its type. No chance is used: the same people
every time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import NoReturn

import attrs

from funnel._lift.nodes import Fact, Read, Value, evaluate
from funnel._lift.paths import Path, path_of
from funnel._lift.people import people, usual_of
from funnel._lift.reach import Reach, reach_of
from funnel._lift.symbols import Symbols, is_truth
from funnel._lift.tree import Answer, Leaf, Tree, kind_of, lift
from funnel.errors import LiftError

Function = Callable[[Symbols], object]
Person = Mapping[str, Value]
Meet = Callable[[Person], "Met"]


@attrs.frozen
class Met:
    """A made-up person: what the plain function answers of them, and how a tree reads them."""

    answer: Callable[[], object]
    read: Read


def proven(
    function: Function,
    facts: Mapping[str, Fact],
    refused: Mapping[str, str] | None = None,
    meet: Meet | None = None,
    reach: Reach | None = None,
) -> Tree:
    """Lift a function and prove it: grow its tree, and see that the function answers as the tree does.

    Args:
        function: A plain function of one argument, the facts.
        facts: The facts it may read.
        refused: The facts it may not read, each with the remedy.
        meet: How the plain function is asked about somebody; by itself, of their plain values.
        reach: What its code can reach; by itself, what the function can.

    Raises:
        LiftError: The function cannot be lifted, or answers otherwise on plain values.
    """
    code = reach or reach_of(function)
    tree = lift(function, facts, refused, code)
    ask = meet or partial(_plainly, function, facts, refused or {})
    for person in people(tree, facts, code):
        _prove(tree, ask(person))
    return tree


def _prove(tree: Tree, met: Met) -> None:
    path = path_of(tree, met.read)
    expected = answer_of(path.leaf, met.read)
    try:
        answer = met.answer()
    except Exception as error:  # noqa: BLE001 (whatever the rule raises is told)
        _differs(path, f"raises {type(error).__name__} ({error})", error)
    if (type(answer), answer) != (type(expected), expected):
        _differs(path, f"answers {answer!r} instead of {expected!r}")


@attrs.frozen
class _Values:
    """Shows plain values."""

    person: Person

    def show(self, fact: Fact) -> Answer:
        """The value as the author of a rule means it."""
        return plain(fact, self.person.get(fact.name, usual_of(fact)[0]))

    def end(self, refusal: LiftError) -> NoReturn:
        """Raise the refusal."""
        raise refusal


def _plainly(function: Function, facts: Mapping[str, Fact], refused: Mapping[str, str], person: Person) -> Met:
    return Met(lambda: function(Symbols(facts, refused, _Values(person))), person.__getitem__)


def _differs(path: Path, does: str, error: Exception | None = None) -> NoReturn:
    msg = (
        f"called with plain values where {path.words}, the rule {does}; what decides it leaves no trace: "
        "it may use no clock, chance or state, no `is`, no type() of a fact, no try around a comparison"
    )
    raise LiftError(msg) from error


def answer_of(leaf: Leaf, read: Read) -> Answer:
    """The answer of a leaf for one person, as the author of the rule means it."""
    if leaf.node is None:
        return leaf.answer
    worked = evaluate(leaf.node, read)
    return timedelta(microseconds=worked) if kind_of(leaf) == "span" and isinstance(worked, int) else worked


def plain(fact: Fact, value: Value) -> Answer:
    """The value of a fact as the author of a rule means it."""
    if isinstance(value, str):
        return value
    if fact.unit == "span":
        return timedelta(microseconds=value)
    return bool(value) if is_truth(fact) else value
