"""Solver: one set of facts for each path through a tree, used for the tests of a rule.

The conditions of a path are narrowed to integer ranges. Then facts are fixed one by one, at the allowed value nearest
to zero. Invariants: facts that are found take the path; if some facts take a path, the solver finds facts for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, count, product

import attrs

from funnel._expr.explain import RulePath
from funnel._expr.linear import Form, PathConstraints, Question, opposed, question
from funnel._expr.nodes import (
    Const,
    Fact,
    Node,
    Range,
    Test,
    Value,
    facts_of,
    holds,
    meaning,
    opposite,
    span_of,
    span_of_test,
    tests_of,
)

MOST_STEPS = 512

Ranges = dict[Node, Range]
Tests = tuple[Test, ...]
Bounds = tuple[Form, ...]


def witness(path: RulePath, most_steps: int = MOST_STEPS) -> dict[str, Value] | None:
    """Return values for the facts that a path reads, or None if none were found.

    None means that the path contradicts itself. Facts that the path does not read are left out: they may have any
    value.
    """
    facts = dict.fromkeys(fact for test in path.tests for fact in facts_of(test))
    constraints = PathConstraints()
    tests = tuple(_split(path.tests))
    questions = [question(test) for test in tests]
    for one, expected in questions:
        implied = constraints.implied(one)
        if implied is not None and implied is not expected:
            return None
        if implied is None:
            constraints.settle(one, expected)
    numbers = [fact for fact in facts if fact.unit != "text"]
    ranges: Ranges = {fact: constraints.ranges.get(fact, (fact.low, fact.high)) for fact in numbers}
    bounds = tuple(bound for one in questions if not _is_range(one[0]) for bound in _bounds(*one))
    search = _Search(tuple(numbers), most_steps)
    texts = [fact for fact in facts if fact.unit == "text"]
    for words in product(*(_words(fact, constraints, path) for fact in texts)):
        words_by_fact = {fact.name: word for fact, word in zip(texts, words, strict=True)}
        values = search.fill(ranges | _text_results(path, words_by_fact), tests, bounds)
        if values is not None:
            return {**values, **words_by_fact}
    return None


def _split(tests: Tests) -> Iterator[Test]:
    """Yield the conditions one by one, splitting those that must all hold.

    Then each of them narrows the ranges.
    """
    for test in tests:
        every, parts = meaning(test)
        if every:
            yield from _split(parts)
        else:
            yield test


def _words(fact: Fact, constraints: PathConstraints, path: RulePath) -> Iterator[str]:
    """Yield the values that a text may have on this path.

    One value stands for all values that the path does not name.
    """
    if fact in constraints.words:
        yield constraints.words[fact]
        return
    denied = {one.words for one, answer in constraints.answers.items() if one.fact == fact and not answer}
    mentioned = dict.fromkeys(
        str(test.b.value) for test in _text_tests(path) if test.a == fact and isinstance(test.b, Const)
    )
    other = next(word for word in chain([""], map("other-{}".format, count(1))) if word not in mentioned)
    yield from (word for word in fact.choices or (other, *mentioned) if word not in denied)


def _text_tests(path: RulePath) -> Iterator[Test]:
    inner = (inner for test in path.tests for inner in tests_of(test))
    return (test for test in inner if isinstance(test.b, Const) and isinstance(test.b.value, str))


def _text_results(path: RulePath, words: Mapping[str, str]) -> Ranges:
    """Return 1 for each test on a text that holds, and 0 for each other one."""
    tests = (test for one in _text_tests(path) for test in (one, opposite(one)))
    return {test: (truth, truth) for test in tests for truth in [int(holds(test, words.__getitem__))]}


@attrs.define
class _Search:
    facts: tuple[Fact, ...]
    steps_left: int

    def fill(self, ranges: Ranges, tests: Tests, bounds: Bounds) -> dict[str, Value] | None:
        """Decide every test, then the remaining facts; None if no values were found."""
        narrowed = _narrow(ranges, bounds)
        if narrowed is None or self.steps_left <= 0:
            return None
        self.steps_left -= 1
        may_hold = {test: _span(test, narrowed) for test in tests}
        if (0, 0) in may_hold.values():
            return None
        undecided = [test for test, span in may_hold.items() if span == (0, 1)]
        for either in (test for test in undecided if meaning(test)[1]):
            return self._try_one(either, narrowed, tests, bounds)
        for inner in _inner(undecided, narrowed):
            return self._assume(inner, narrowed, tests, bounds, first=_helps(inner, undecided))
        return self._choose(undecided, narrowed, tests, bounds)

    def _try_one(self, either: Test, ranges: Ranges, tests: Tests, bounds: Bounds) -> dict[str, Value] | None:
        """Try conditions of which one is enough, one after the other."""
        others = tuple(test for test in tests if test is not either)
        for part in meaning(either)[1]:
            parts = tuple(_split((part,)))
            more = (bound for test in parts for bound in _bounds(*question(test)))
            values = self.fill(ranges, (*others, *parts), (*bounds, *more))
            if values is not None:
                return values
        return None

    def _assume(
        self, inner: Test, ranges: Ranges, tests: Tests, bounds: Bounds, *, first: bool
    ) -> dict[str, Value] | None:
        """Try a condition that counts as 0 or 1 both ways, the more helpful way first."""
        options = (inner, 1), (opposite(inner), 0)
        for test, truth in options if first else reversed(options):
            if _contradicts(test):
                continue
            more = (*bounds, *_bounds(*question(test)))
            values = self.fill({**ranges, inner: (truth, truth)}, (*tests, test), more)
            if values is not None:
                return values
        return None

    def _choose(
        self, undecided: Sequence[Test], ranges: Ranges, tests: Tests, bounds: Bounds
    ) -> dict[str, Value] | None:
        """Fix the fact with the fewest values, of those that a test depends on."""
        used = {fact for test in undecided for fact in facts_of(test)}
        open_facts = [fact for fact in self.facts if fact in used and ranges[fact][0] < ranges[fact][1]]
        if not open_facts:
            return {fact.name: _near(ranges[fact]) for fact in self.facts}
        chosen = min(open_facts, key=lambda fact: ranges[fact][1] - ranges[fact][0])
        for part in _parts(ranges[chosen]):
            values = self.fill({**ranges, chosen: part}, tests, bounds)
            if values is not None:
                return values
        return None


def _span(test: Test, ranges: Ranges) -> Range:
    """Return whether a test always holds and can hold, from its two sides.

    A test on a text is decided before.
    """
    if isinstance(test.b, Const) and isinstance(test.b.value, str):
        return ranges[test]
    return span_of_test(test.op, span_of(test.a, ranges), span_of(test.b, ranges))


def _inner(undecided: Sequence[Test], ranges: Ranges) -> Iterator[Test]:
    """Yield the undecided conditions inside conditions, innermost first."""
    for test in undecided:
        _, *inside = tests_of(test)
        yield from (inner for inner in reversed(inside) if span_of(inner, ranges) == (0, 1))


def _helps(inner: Test, undecided: Sequence[Test]) -> bool:
    """Return whether the first test that counts a condition needs it to hold."""
    questions = (question(test) for test in undecided)
    forms = (form for one in questions if not one[0].equal for form in _bounds(*one))
    weights = (weight for form in forms for atom, weight in form.weights if atom == inner)
    return next(weights, 0) > 0


def _contradicts(test: Test) -> bool:
    """Return whether no values can meet a condition, such as a value less than itself."""
    one, expected = question(test)
    if one.form is None or one.form.weights:
        return False
    return (one.form.constant == 0 if one.equal else one.form.constant >= 0) is not expected


def _narrow(ranges: Ranges, bounds: Bounds) -> Ranges | None:
    """Narrow the ranges by every bound; None if a range is empty."""
    narrowed = dict(ranges)
    for _ in range(4):  # enough in most cases; the search continues with the remaining ranges
        moved = [_raise(form, narrowed) for form in bounds]
        if None in moved:
            return None
        if not any(moved):
            break
    return narrowed


def _parts(span: Range) -> Iterator[Range]:
    """Yield the values to try: nearest to zero, both ends, halves of the rest."""
    low, high = span
    for value in dict.fromkeys((_near(span), low, high)):
        yield value, value
    inner_low, inner_high = low + 1, high - 1
    if inner_low <= inner_high:
        middle = (inner_low + inner_high) // 2
        yield inner_low, middle
        if middle < inner_high:
            yield middle + 1, inner_high


def _near(span: Range) -> int:
    return min(max(span[0], 0), span[1])


def _is_range(one: Question) -> bool:
    """Return whether a question reads only one fact.

    Then the fact's range already implies the answer.
    """
    return one.form is not None and len(one.form.weights) == 1 and isinstance(one.form.weights[0][0], Fact)


def _bounds(one: Question, answer: bool) -> list[Form]:  # noqa: FBT001 (an answer, not an option)
    """Return the forms that are zero or more if the question has this answer.

    There are none for an inequality (`!=`).
    """
    if one.form is None:
        return []
    if one.equal:
        return [one.form, opposed(one.form)] if answer else []
    return [one.form if answer else opposed(one.form, 1)]


def _raise(form: Form, ranges: Ranges) -> bool | None:
    """Narrow every fact of `form >= 0` and return whether a range changed.

    None if the form cannot hold.
    """
    high = form.span(ranges)[1]
    if high < 0:
        return None
    moved = False
    for atom, weight in form.weights:
        if not isinstance(atom, Fact):
            continue
        low_end, high_end = ranges[atom]
        slack = (high - max(weight * low_end, weight * high_end)) // abs(weight)
        narrowed = (max(low_end, -slack), high_end) if weight > 0 else (low_end, min(high_end, slack))
        if narrowed != (low_end, high_end):
            ranges[atom], moved = narrowed, True
    return moved
