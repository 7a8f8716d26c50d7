"""Generated people that verify a rule: on every path, and on both sides of every number that the rule names.

Each fact has a row of values: zero, the minimum, the maximum, one, two, and the values at and beside each limit. The
first people have the first, the second, … value of every fact; later people mix them. Nothing is random.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import chain, combinations

import attrs

from funnel._expr.explain import RulePath, paths
from funnel._expr.linear import question
from funnel._expr.nodes import Fact, Value, tests_of
from funnel._expr.reachable_code import Reach
from funnel._expr.solver import witness
from funnel._expr.tree import Leaf, Tree, facts_read, forks
from funnel._time import MICROSECOND

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
