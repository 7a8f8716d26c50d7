"""One set of facts for each way through a tree: the people a rule's tests are made of.

The conditions of a path are narrowed to ranges of whole numbers, then facts are fixed one after another at the value
nearest to zero that the rest still allows. Law: facts found take the path; a path that some facts take is found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from funnel._lift.known import Known
from funnel._lift.linear import Form, Question, opposed, question
from funnel._lift.nodes import Fact, Node, Range, Value, facts_of, holds
from funnel._lift.paths import Path

TRIES = 4096


def witness(path: Path, tries: int = TRIES) -> dict[str, Value] | None:
    """Values for the facts that a path asks about, or None where none were found (the path contradicts itself).

    Facts that the path does not ask about are left out: any value will do.
    """
    facts = dict.fromkeys(fact for test in path.tests for fact in facts_of(test))
    known = Known()
    asked_all = [question(test) for test in path.tests]
    for asked, wanted in asked_all:
        implied = known.implied(asked)
        if implied is not None and implied is not wanted:
            return None
        if implied is None:
            known.settle(asked, wanted)
    texts = {fact.name: _word(fact, known) for fact in facts if fact.unit == "text"}
    if None in texts.values():
        return None
    numbers = [fact for fact in facts if fact.unit != "text"]
    bounds = [bound for asked, wanted in asked_all for bound in _bounds(asked, wanted)]
    search = _Search(path, bounds, {name: word for name, word in texts.items() if word is not None}, tries)
    return search.fill(numbers, {fact: known.ranges.get(fact, (fact.low, fact.high)) for fact in numbers})


def _word(fact: Fact, known: Known) -> str | None:
    """A word that a text may be on this path."""
    if fact in known.words:
        return known.words[fact]
    if fact.choices:
        return next(iter(known.open_choices(fact)), None)
    denied = {asked.words for asked, answer in known.answers.items() if asked.fact == fact and not answer}
    return next(word for word in _words() if word not in denied)


def _words() -> Iterator[str]:
    yield ""
    count = 0
    while True:
        count += 1
        yield f"other-{count}"


@attrs.define
class _Search:
    path: Path
    bounds: Sequence[Form]
    texts: dict[str, str]
    tries: int

    def fill(self, facts: Sequence[Fact], ranges: dict[Node, Range]) -> dict[str, Value] | None:
        """Fix the facts one after another; None where no values were found."""
        narrowed = self.narrow(ranges)
        if narrowed is None or self.tries <= 0:
            return None
        self.tries -= 1
        open_facts = [fact for fact in facts if narrowed[fact][0] < narrowed[fact][1]]
        if not open_facts:
            return self._checked({fact.name: narrowed[fact][0] for fact in facts})
        chosen = min(open_facts, key=lambda fact: narrowed[fact][1] - narrowed[fact][0])
        for part in _parts(narrowed[chosen]):
            found = self.fill(facts, {**narrowed, chosen: part})
            if found is not None:
                return found
        return None

    def _checked(self, numbers: dict[str, int]) -> dict[str, Value] | None:
        values: dict[str, Value] = {**numbers, **self.texts}
        return values if all(holds(test, values.__getitem__) for test in self.path.tests) else None

    def narrow(self, ranges: dict[Node, Range]) -> dict[Node, Range] | None:
        """Narrow the ranges by every condition until nothing moves; None where a range is empty."""
        ranges = dict(ranges)
        for _ in range(16):
            moved = [_raise(form, ranges) for form in self.bounds]
            if None in moved:
                return None
            if not any(moved):
                break
        return ranges


def _parts(span: Range) -> Iterator[Range]:
    """The values to try in a range: nearest to zero, then the ends, then the halves of what is left."""
    low, high = span
    near = min(max(low, 0), high)
    for value in dict.fromkeys((near, low, high)):
        yield value, value
    inner_low, inner_high = low + 1, high - 1
    if inner_low <= inner_high:
        middle = (inner_low + inner_high) // 2
        yield inner_low, middle
        if middle < inner_high:
            yield middle + 1, inner_high


def _bounds(asked: Question, answer: bool) -> list[Form]:  # noqa: FBT001 (an answer, not an option)
    """The forms that are zero or more where the question has this answer, but for what the ranges say already."""
    form = asked.form
    if form is None or (len(form.weights) == 1 and isinstance(form.weights[0][0], Fact)):
        return []
    if asked.equal:
        return [form, opposed(form)] if answer else []
    return [form if answer else opposed(form, 1)]


def _raise(form: Form, ranges: dict[Node, Range]) -> bool | None:
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
