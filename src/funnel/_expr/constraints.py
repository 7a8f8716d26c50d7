"""Constraints of a path through a rule: the conditions decided so far, and the resulting range of each fact."""

from __future__ import annotations

import attrs

from funnel._expr.linear import Form, Question, divisor
from funnel._expr.nodes import Fact, Node, Range, span_of


@attrs.define
class PathConstraints:
    """The conditions decided on one path, and the resulting ranges."""

    answers: dict[Question, bool] = attrs.field(factory=dict[Question, bool])
    ranges: dict[Node, Range] = attrs.field(factory=dict[Node, Range])
    words: dict[Fact, str] = attrs.field(factory=dict[Fact, str])

    def implied(self, question: Question) -> bool | None:
        """Return the implied answer, or None if both answers are possible."""
        if question in self.answers:
            return self.answers[question]
        if question.form is None:
            return self._implied_words(question)
        low, high = question.form.span(self.ranges)
        if question.equal:
            return True if low == high == 0 else False if low > 0 or high < 0 or _never_zero(question.form) else None
        return True if low >= 0 else False if high < 0 else None

    def _implied_words(self, question: Question) -> bool | None:
        assert question.fact is not None
        word = self.words.get(question.fact)
        if word is not None:
            return word == question.words
        choices = self.open_choices(question.fact)
        return True if choices == (question.words,) else None

    def open_choices(self, fact: Fact) -> tuple[str, ...]:
        """Return the values that a closed text can still have; empty for an open text."""
        denied = {question.words for question, answer in self.answers.items() if question.fact == fact and not answer}
        return tuple(word for word in fact.choices if word not in denied)

    def settle(self, question: Question, answer: bool) -> None:  # noqa: FBT001 (an answer, not an option)
        """Add an answer that was not implied, and narrow the ranges directly."""
        self.answers[question] = answer
        if question.fact is not None and answer:
            self.words[question.fact] = question.words
        if question.form is not None and len(question.form.weights) == 1:
            ((atom, _),) = question.form.weights  # its weight is 1, see `linear`
            low, high = span_of(atom, self.ranges)
            self.ranges[atom] = _narrowed(low, high, -question.form.constant, (question.equal, answer))


def _narrowed(low: int, high: int, limit: int, result: tuple[bool, bool]) -> Range:
    match result:
        case (False, True):
            return max(low, limit), high
        case (False, False):
            return low, min(high, limit - 1)
        case (True, True):
            return limit, limit
        case _:
            return low + (low == limit), high - (high == limit)


def _never_zero(form: Form) -> bool:
    """Return whether a divisor of the weights does not divide the constant.

    Then the form is never zero. `question` has already removed every divisor that the weights and the constant share.
    """
    return divisor(form) > 1
