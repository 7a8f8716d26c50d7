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

    def implied(self, asked: Question) -> bool | None:
        """Return the implied answer, or None if both answers are possible."""
        if asked in self.answers:
            return self.answers[asked]
        if asked.form is None:
            return self._implied_words(asked)
        low, high = asked.form.span(self.ranges)
        if asked.equal:
            return True if low == high == 0 else False if low > 0 or high < 0 or _never_zero(asked.form) else None
        return True if low >= 0 else False if high < 0 else None

    def _implied_words(self, asked: Question) -> bool | None:
        assert asked.fact is not None
        said = self.words.get(asked.fact)
        if said is not None:
            return said == asked.words
        choices = self.open_choices(asked.fact)
        return True if choices == (asked.words,) else None

    def open_choices(self, fact: Fact) -> tuple[str, ...]:
        """Return the values that a closed text can still have; empty for an open text."""
        denied = {asked.words for asked, answer in self.answers.items() if asked.fact == fact and not answer}
        return tuple(word for word in fact.choices if word not in denied)

    def settle(self, asked: Question, answer: bool) -> None:  # noqa: FBT001 (an answer, not an option)
        """Add an answer that was not implied, and narrow the ranges directly."""
        self.answers[asked] = answer
        if asked.fact is not None and answer:
            self.words[asked.fact] = asked.words
        if asked.form is not None and len(asked.form.weights) == 1:
            ((atom, _),) = asked.form.weights  # its weight is 1, see `linear`
            low, high = span_of(atom, self.ranges)
            self.ranges[atom] = _narrowed(low, high, -asked.form.constant, (asked.equal, answer))


def _narrowed(low: int, high: int, limit: int, said: tuple[bool, bool]) -> Range:
    match said:
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
