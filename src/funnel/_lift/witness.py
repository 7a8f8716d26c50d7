"""One set of facts for each way through a tree: the people a rule's tests are made of.

The conditions of a path are narrowed to ranges of whole numbers, then facts are fixed one after another at the value
nearest to zero that the rest still allows. Law: facts found take the path; a path that some facts take is found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, count, product

import attrs

from funnel._lift.known import Known
from funnel._lift.linear import Form, Question, opposed, question
from funnel._lift.nodes import (
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
from funnel._lift.paths import Path

TRIES = 512

Ranges = dict[Node, Range]
Tests = tuple[Test, ...]
Bounds = tuple[Form, ...]


def witness(path: Path, tries: int = TRIES) -> dict[str, Value] | None:
    """Values for the facts that a path asks about, or None where none were found (the path contradicts itself).

    Facts that the path does not ask about are left out: any value will do.
    """
    facts = dict.fromkeys(fact for test in path.tests for fact in facts_of(test))
    known = Known()
    tests = tuple(_apart(path.tests))
    asked_all = [question(test) for test in tests]
    for asked, wanted in asked_all:
        implied = known.implied(asked)
        if implied is not None and implied is not wanted:
            return None
        if implied is None:
            known.settle(asked, wanted)
    numbers = [fact for fact in facts if fact.unit != "text"]
    ranges: Ranges = {fact: known.ranges.get(fact, (fact.low, fact.high)) for fact in numbers}
    bounds = tuple(bound for one in asked_all if not _is_range(one[0]) for bound in _bounds(*one))
    search = _Search(tuple(numbers), tries)
    texts = [fact for fact in facts if fact.unit == "text"]
    for words in product(*(_words(fact, known, path) for fact in texts)):
        said = {fact.name: word for fact, word in zip(texts, words, strict=True)}
        found = search.fill(ranges | _settled(path, said), tests, bounds)
        if found is not None:
            return {**found, **said}
    return None


def _apart(tests: Tests) -> Iterator[Test]:
    """The conditions one by one: those that must all hold are each narrowed to at once."""
    for test in tests:
        every, parts = meaning(test)
        if every:
            yield from _apart(parts)
        else:
            yield test


def _words(fact: Fact, known: Known, path: Path) -> Iterator[str]:
    """The words that a text may be on this path; of those it does not speak of, one."""
    if fact in known.words:
        yield known.words[fact]
        return
    denied = {asked.words for asked, answer in known.answers.items() if asked.fact == fact and not answer}
    spoken = dict.fromkeys(str(test.b.value) for test in _said(path) if test.a == fact and isinstance(test.b, Const))
    other = next(word for word in chain([""], map("other-{}".format, count(1))) if word not in spoken)
    yield from (word for word in fact.choices or (other, *spoken) if word not in denied)


def _said(path: Path) -> Iterator[Test]:
    inner = (inner for test in path.tests for inner in tests_of(test))
    return (test for test in inner if isinstance(test.b, Const) and isinstance(test.b.value, str))


def _settled(path: Path, said: Mapping[str, str]) -> Ranges:
    """What the words make of the tests that ask for them: 1 where they hold, 0 where they do not."""
    asked = (test for one in _said(path) for test in (one, opposite(one)))
    return {test: (truth, truth) for test in asked for truth in [int(holds(test, said.__getitem__))]}


@attrs.define
class _Search:
    facts: tuple[Fact, ...]
    tries: int

    def fill(self, ranges: Ranges, tests: Tests, bounds: Bounds) -> dict[str, Value] | None:
        """Decide every test, then the facts that are left to choose; None where no values were found."""
        narrowed = _narrow(ranges, bounds)
        if narrowed is None or self.tries <= 0:
            return None
        self.tries -= 1
        may_hold = {test: _span(test, narrowed) for test in tests}
        if (0, 0) in may_hold.values():
            return None
        undecided = [test for test, span in may_hold.items() if span == (0, 1)]
        for either in (test for test in undecided if meaning(test)[1]):
            return self._take_one(either, narrowed, tests, bounds)
        for inner in _inner(undecided, narrowed):
            return self._assume(inner, narrowed, tests, bounds, first=_helps(inner, undecided))
        return self._choose(undecided, narrowed, tests, bounds)

    def _take_one(self, either: Test, ranges: Ranges, tests: Tests, bounds: Bounds) -> dict[str, Value] | None:
        """Of conditions of which one is enough, take one after the other."""
        others = tuple(test for test in tests if test is not either)
        for part in meaning(either)[1]:
            taken = tuple(_apart((part,)))
            more = (bound for test in taken for bound in _bounds(*question(test)))
            found = self.fill(ranges, (*others, *taken), (*bounds, *more))
            if found is not None:
                return found
        return None

    def _assume(
        self, inner: Test, ranges: Ranges, tests: Tests, bounds: Bounds, *, first: bool
    ) -> dict[str, Value] | None:
        """Take a condition that counts as 0 or 1 both ways, the one that helps more first."""
        ways = (inner, 1), (opposite(inner), 0)
        for test, truth in ways if first else reversed(ways):
            if _contradicts(test):
                continue
            more = (*bounds, *_bounds(*question(test)))
            found = self.fill({**ranges, inner: (truth, truth)}, (*tests, test), more)
            if found is not None:
                return found
        return None

    def _choose(
        self, undecided: Sequence[Test], ranges: Ranges, tests: Tests, bounds: Bounds
    ) -> dict[str, Value] | None:
        """Fix the fact with the fewest values, among those that a test still depends on."""
        asked = {fact for test in undecided for fact in facts_of(test)}
        left = [fact for fact in self.facts if fact in asked and ranges[fact][0] < ranges[fact][1]]
        if not left:
            return {fact.name: _near(ranges[fact]) for fact in self.facts}
        chosen = min(left, key=lambda fact: ranges[fact][1] - ranges[fact][0])
        for part in _parts(ranges[chosen]):
            found = self.fill({**ranges, chosen: part}, tests, bounds)
            if found is not None:
                return found
        return None


def _span(test: Test, ranges: Ranges) -> Range:
    """Whether a test can fail and can hold, found from its two sides; a text's test is settled before."""
    if isinstance(test.b, Const) and isinstance(test.b.value, str):
        return ranges[test]
    return span_of_test(test.op, span_of(test.a, ranges), span_of(test.b, ranges))


def _inner(undecided: Sequence[Test], ranges: Ranges) -> Iterator[Test]:
    """The conditions inside conditions that can still go both ways, the innermost first."""
    for test in undecided:
        _, *inside = tests_of(test)
        yield from (inner for inner in reversed(inside) if span_of(inner, ranges) == (0, 1))


def _helps(inner: Test, undecided: Sequence[Test]) -> bool:
    """Whether it is rather where a condition holds that the first test which counts it is met."""
    asked = (question(test) for test in undecided)
    forms = (form for one in asked if not one[0].equal for form in _bounds(*one))
    weights = (weight for form in forms for atom, weight in form.weights if atom == inner)
    return next(weights, 0) > 0


def _contradicts(test: Test) -> bool:
    """Whether nobody at all can meet a condition, as that a thing is less than itself."""
    asked, wanted = question(test)
    if asked.form is None or asked.form.weights:
        return False
    return (asked.form.constant == 0 if asked.equal else asked.form.constant >= 0) is not wanted


def _narrow(ranges: Ranges, bounds: Bounds) -> Ranges | None:
    """Narrow the ranges by every bound until nothing moves; None where a range is empty."""
    narrowed = dict(ranges)
    for _ in range(4):  # enough for most; the search goes on with what is left
        moved = [_raise(form, narrowed) for form in bounds]
        if None in moved:
            return None
        if not any(moved):
            break
    return narrowed


def _parts(span: Range) -> Iterator[Range]:
    """The values to try in a range: nearest to zero, then the ends, then the halves of what is left."""
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


def _is_range(asked: Question) -> bool:
    """Whether a question is of one fact alone, so that its answer is in the fact's range already."""
    return asked.form is not None and len(asked.form.weights) == 1 and isinstance(asked.form.weights[0][0], Fact)


def _bounds(asked: Question, answer: bool) -> list[Form]:  # noqa: FBT001 (an answer, not an option)
    """The forms that are zero or more where the question has this answer; none where two things differ."""
    if asked.form is None:
        return []
    if asked.equal:
        return [asked.form, opposed(asked.form)] if answer else []
    return [asked.form if answer else opposed(asked.form, 1)]


def _raise(form: Form, ranges: Ranges) -> bool | None:
    """Narrow every fact of `form >= 0`: whether one moved, or None where it cannot hold."""
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
