"""Verification of a compiled rule: the function itself, called on plain values, must answer as its tree does.

Identity (`is`), `type()`, caught errors and anything that changes between two calls leave no trace in a tree. After
tracing, the function is therefore called with generated people, some for each path, with real facts and the real
policy. Every answer must equal the tree's answer and have its type. Nothing is random: the people are the same every
time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import NoReturn

import attrs

from funnel._expr.explain import RulePath, path_of
from funnel._expr.nodes import Fact, Read, Value, evaluate
from funnel._expr.reachable_code import Reach, reach_of
from funnel._expr.samples import people, usual_of
from funnel._expr.tracer import FactsProxy, is_truth
from funnel._expr.tree import Answer, Leaf, Tree, kind_of, trace
from funnel.errors import RuleError

Function = Callable[[FactsProxy], object]
Person = Mapping[str, Value]
Meet = Callable[[Person], "SampleGap"]


@attrs.frozen
class SampleGap:
    """A generated person: the plain function's answer, and a reader of values."""

    answer: Callable[[], object]
    read: Read


def trace_and_verify(
    function: Function,
    facts: Mapping[str, Fact],
    refused: Mapping[str, str] | None = None,
    meet: Meet | None = None,
    reach: Reach | None = None,
) -> Tree:
    """Trace a function and check that its tree gives the same answers.

    Args:
        function: A plain function of one argument, the facts.
        facts: The facts it may read.
        refused: The facts it may not read, each with the remedy.
        meet: Calls the plain function for a generated person; by default, on the person's plain values.
        reach: The code to check; by default, the code that the function can reach.

    Raises:
        RuleError: The function cannot be traced, or answers differently on plain values.
    """
    code = reach or reach_of(function)
    tree = trace(function, facts, refused, code)
    call = meet or partial(_plainly, function, facts, refused or {})
    for person in people(tree, facts, code):
        _prove(tree, call(person))
    return tree


def _prove(tree: Tree, sample: SampleGap) -> None:
    path = path_of(tree, sample.read)
    expected = answer_of(path.leaf, sample.read)
    try:
        answer = sample.answer()
    except Exception as error:  # noqa: BLE001 (the refusal names any error)
        kind = RuleError if isinstance(error, RuleError) else type(error)
        _differs(path, f"raises {kind.__name__} ({error})", error)
    if (type(answer), answer) != (type(expected), expected):
        _differs(path, f"returns {answer!r} instead of {expected!r}")


@attrs.frozen
class _Values:
    """Supplies plain values."""

    person: Person

    def show(self, fact: Fact) -> Answer:
        """Return the value in the type that a rule's author uses."""
        return plain(fact, self.person.get(fact.name, usual_of(fact)[0]))

    def end(self, refusal: RuleError) -> NoReturn:
        """Raise the refusal."""
        raise refusal


def _plainly(function: Function, facts: Mapping[str, Fact], refused: Mapping[str, str], person: Person) -> SampleGap:
    return SampleGap(lambda: function(FactsProxy(facts, refused, _Values(person))), person.__getitem__)


def _differs(path: RulePath, does: str, error: Exception | None = None) -> NoReturn:
    raise RuleError(
        f"called with plain values, if {path.words}, the rule {does}; "
        "it must not use a clock, randomness, changing state, `is`, type() of a fact, or try around a comparison"
    ) from error


def answer_of(leaf: Leaf, read: Read) -> Answer:
    """Return the answer of a leaf for one person, in the author's type."""
    if leaf.node is None:
        return leaf.answer
    worked = evaluate(leaf.node, read)
    return timedelta(microseconds=worked) if kind_of(leaf) == "span" and isinstance(worked, int) else worked


def plain(fact: Fact, value: Value) -> Answer:
    """Return the value of a fact in the type that a rule's author uses."""
    if isinstance(value, str):
        return value
    if fact.unit == "span":
        return timedelta(microseconds=value)
    return bool(value) if is_truth(fact) else value
