"""What a path through a rule has settled so far: answers given, and the range they leave to each fact."""

from __future__ import annotations

import attrs

from funnel._lift.linear import Question
from funnel._lift.nodes import Fact, Node, Range, span_of


@attrs.define
class Known:
    """The questions answered on one path and the ranges that follow from them."""

    answers: dict[Question, bool] = attrs.field(factory=dict)
    ranges: dict[Node, Range] = attrs.field(factory=dict)
    words: dict[Fact, str] = attrs.field(factory=dict)

    def implied(self, asked: Question) -> bool | None:
        """The answer that follows from what is settled, or None where both are still possible."""
        if asked in self.answers:
            return self.answers[asked]
        if asked.form is None:
            return self._implied_words(asked)
        low, high = asked.form.span(self.ranges)
        if asked.equal:
            return True if low == high == 0 else False if low > 0 or high < 0 else None
        return True if low >= 0 else False if high < 0 else None

    def _implied_words(self, asked: Question) -> bool | None:
        assert asked.fact is not None
        said = self.words.get(asked.fact)
        if said is not None:
            return said == asked.words
        choices = self.open_choices(asked.fact)
        if asked.fact.choices and asked.words not in choices:
            return False
        return True if choices == (asked.words,) else None

    def open_choices(self, fact: Fact) -> tuple[str, ...]:
        """The words a closed text can still be; empty for an open text."""
        denied = {asked.words for asked, answer in self.answers.items() if asked.fact == fact and not answer}
        return tuple(word for word in fact.choices if word not in denied)

    def settle(self, asked: Question, answer: bool) -> None:
        """Take an answer and narrow the ranges that follow from it at once."""
        self.answers[asked] = answer
        if asked.form is None:
            if answer and asked.fact is not None:
                self.words[asked.fact] = asked.words
            return
        if len(asked.form.weights) == 1:
            self._narrow(asked, answer)

    def _narrow(self, asked: Question, answer: bool) -> None:
        assert asked.form is not None
        (atom, weight), constant = asked.form.weights[0], asked.form.constant
        low, high = span_of(atom, self.ranges)
        if asked.equal:
            self.ranges[atom] = _equal(low, high, weight, constant, answer)
        elif answer:  # the weight of a form's first atom is positive
            self.ranges[atom] = max(low, -(constant // weight)), high
        else:
            self.ranges[atom] = low, min(high, -(constant // weight) - 1)


def _equal(low: int, high: int, weight: int, constant: int, answer: bool) -> Range:
    if constant % weight:
        return low, high
    value = -constant // weight
    if answer:
        return value, value
    return low + (low == value), high - (high == value)
