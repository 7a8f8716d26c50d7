"""Verification of a compiled rule: the function itself, called on plain values, must answer as its tree does.

Identity (`is`), `type()`, caught errors and anything that changes between two calls leave no trace in a tree. After
tracing, the function is therefore called with generated people, some for each path, with real facts and the real
policy. Every answer must equal the tree's answer and have its type. Nothing is random: the people are the same every
time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from itertools import chain, combinations
from typing import NoReturn

import attrs

from funnel._expr.explain import RulePath, path_of, paths
from funnel._expr.linear import question
from funnel._expr.nodes import Fact, Read, Value, evaluate, tests_of
from funnel._expr.reachable_code import Reach, reach_of
from funnel._expr.solver import witness
from funnel._expr.tracer import FactsProxy, is_truth
from funnel._expr.tree import Answer, Leaf, Tree, facts_read, forks, kind_of, trace
from funnel._time import MICROSECOND
from funnel.errors import RuleError

# ---- generated people that verify a rule -----------------------------------------------------------------------------

# Each fact has a row of values: zero, the minimum, the maximum, one, two, and the values at and beside each limit. The
# first people have the first, the second, … value of every fact; later people mix them. Nothing is random.


Person = Mapping[str, Value]

_USUAL = 5
"""The number of usual values of every fact."""
_PATHS, _MOST_PATHS = 16, 64
"""The maximum number of verified paths, spread over the tree; the second for rules that inspect identity or class."""
_MIXED, _MOST_MIXED = 16, 160
"""The maximum number of people with mixed values, besides the usual ones; the second for such rules."""
_MOST_PEOPLE = 4096
"""The maximum number of people on the paths of a rule that inspects identity or class."""
_NO_ANSWER = Leaf()
_MOST_STEPS = 16
"""The maximum number of search steps for a person on a path."""
_LONGEST = 64
"""Longer texts are not used as values of text facts."""
_FEW = 12
"""This many constants are also added and subtracted in pairs."""
_WORDS = re.compile(r"\w+")
_UNITS = (timedelta(days=1), timedelta(hours=1), MICROSECOND)


def people(tree: Tree, facts: Mapping[str, Fact], reach: Reach) -> Iterator[Person]:
    """Yield people for a tree.

    There are many more, with every fact, if the code can do what leaves no trace.
    """
    odd = reach.is_odd
    limits = _limits_of(tree)
    named_values = _NamedValues.of(reach) if odd else _NamedValues()
    needed = facts.values() if odd else dict.fromkeys(facts_read(tree))
    first = {fact.name: usual_of(fact) for fact in needed}
    rows = {fact.name: (*dict.fromkeys(_row(fact, limits.get(fact, ()), named_values)),) for fact in needed}
    usual = [{name: values[number] for name, values in first.items()} for number in range(_USUAL)]
    longest = min(max(map(len, rows.values()), default=0), _MOST_MIXED if odd else _MIXED)
    mixed = [
        {name: row[(number + offset) % len(row)] for offset, (name, row) in enumerate(rows.items())}
        for number in range(longest)
    ]
    yield from chain(usual, mixed)
    every = tuple(paths(tree))
    chosen = every[:: -(-len(every) // (_MOST_PATHS if odd else _PATHS))]
    base = [*usual, *mixed][: max(_USUAL, _MOST_PEOPLE // len(chosen))] if odd else usual
    undecided = (RulePath(tests, _NO_ANSWER) for tests in dict.fromkeys(reach.undecided[:_MOST_PATHS]))
    for path in chain(chosen, undecided):
        values_found = witness(path, _MOST_STEPS)
        if values_found is not None:
            yield from ({**one, **values_found} for one in base)


def usual_of(fact: Fact) -> Sequence[Value]:
    """Return zero, minimum, maximum, one and two; for a text, as many values."""
    if fact.unit == "text":
        words = fact.choices or ("", "some", "other")
        return [words[number % len(words)] for number in range(_USUAL)]
    return [min(max(value, fact.low), fact.high) for value in (0, fact.low, fact.high, 1, 2)]


def _row(fact: Fact, limits: Iterable[Value], named_values: _NamedValues) -> Iterator[Value]:
    """Yield the values of a fact: the usual ones, and those at and beside its limits."""
    yield from usual_of(fact)
    if fact.unit == "text":
        yield from chain(fact.choices, limits, () if fact.choices else named_values.words)
        return
    others = named_values.spans if fact.unit == "span" else named_values.numbers
    near = (int(limit) + step for limit in chain(limits, others) for step in (0, -1, 1))
    yield from (value for value in near if fact.low <= value <= fact.high)


def _limits_of(tree: Tree) -> Mapping[Fact, Sequence[Value]]:
    """Return the constants that the conditions of a tree compare single facts with."""
    limits: dict[Fact, dict[Value, None]] = {}
    for one in (question(test)[0] for fork in forks(tree) for test in tests_of(fork.test)):
        if one.fact is not None:
            limits.setdefault(one.fact, {})[one.words] = None
        elif one.form is not None and len(one.form.weights) == 1:
            ((atom, _),) = one.form.weights
            if isinstance(atom, Fact):
                limits.setdefault(atom, {})[-one.form.constant] = None
    return {fact: tuple(values) for fact, values in limits.items()}


@attrs.frozen
class _NamedValues:
    """The constants that the code names, as values for facts of each unit."""

    numbers: Sequence[int] = ()
    spans: Sequence[int] = ()
    words: Sequence[str] = ()

    @classmethod
    def of(cls, reach: Reach) -> _NamedValues:
        """Sort the constants by unit.

        An integer may also count days. A text may also be split into words.
        """
        numbers = sorted({int(one) for one in reach.constants if isinstance(one, int)}, key=abs)
        few = [*numbers, *(a + sign * b for a, b in combinations(numbers[:_FEW], 2) for sign in (1, -1))]
        spans = sorted({one // MICROSECOND for one in reach.constants if isinstance(one, timedelta)}, key=abs)
        scaled = (count * (unit // MICROSECOND) for count in numbers for unit in _UNITS)
        texts = sorted(one for one in reach.constants if isinstance(one, str) and len(one) <= _LONGEST)
        words = [word for text in texts for word in (text, *_WORDS.findall(text))]
        return cls(tuple(dict.fromkeys(few)), (*spans, *scaled), tuple(dict.fromkeys(words)))


# ---- the comparison --------------------------------------------------------------------------------------------------


Function = Callable[[FactsProxy], object]
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
