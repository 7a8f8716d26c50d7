"""Tests as linear forms: two spellings of one condition are equal, and an implied condition does not fork again.

Every comparison of integers is `form >= 0`, `form == 0`, or the opposite of one of these. A part that is not linear (a
product of facts, a division, a condition that counts as 0 or 1) is an atom of the form, like a fact.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd

import attrs

from funnel._expr.nodes import COMPARISON, Const, Fact, Node, Op, Range, Test, span_of, text


@attrs.frozen(cache_hash=True)
class Form:
    """`constant + sum(weight * atom)`, with atoms in order of first use."""

    weights: tuple[tuple[Node, int], ...]
    constant: int

    def span(self, ranges: Mapping[Node, Range]) -> Range:
        """Return the minimum and the maximum of the form within ranges of its atoms."""
        low = high = self.constant
        for atom, weight in self.weights:
            ends = [weight * end for end in span_of(atom, ranges)]
            low, high = low + min(ends), high + max(ends)
        return low, high


@attrs.frozen(cache_hash=True)
class Question:
    """A test without its spelling.

    It means `form >= 0`, `form == 0` (if `equal`), or that the text `fact` equals `words`.
    """

    form: Form | None
    equal: bool = False
    fact: Fact | None = None
    words: str = ""


def linear(node: Node) -> Form:
    """Return the linear form of a node."""
    weights, constant = _collect(node)
    return Form(tuple((atom, weight) for atom, weight in weights.items() if weight), constant)


def _collect(node: Node) -> tuple[dict[Node, int], int]:
    if isinstance(node, Const):
        assert isinstance(node.value, int)
        return {}, node.value
    if isinstance(node, Op) and node.op in "+-":
        return _added(_collect(node.a), _collect(node.b), 1 if node.op == "+" else -1)
    if isinstance(node, Op) and node.op == "*":
        (left, a), (right, b) = _collect(node.a), _collect(node.b)
        if not left:
            return {atom: a * weight for atom, weight in right.items()}, a * b
        if not right:
            return {atom: b * weight for atom, weight in left.items()}, a * b
    return {node: 1}, 0


def _added(
    left: tuple[dict[Node, int], int], right: tuple[dict[Node, int], int], sign: int
) -> tuple[dict[Node, int], int]:
    weights = dict(left[0])
    for atom, weight in right[0].items():
        weights[atom] = weights.get(atom, 0) + sign * weight
    return weights, left[1] + sign * right[1]


def question(test: Test) -> tuple[Question, bool]:
    """Return the question of a test, and the answer for which the test holds."""
    if isinstance(test.b, Const) and isinstance(test.b.value, str):
        assert isinstance(test.a, Fact)
        return Question(None, fact=test.a, words=test.b.value), test.op == "=="
    form = _ordered(linear(Op("-", test.a, test.b)))
    match form.weights:
        case ((Test() as inner, weight),):  # `(a > b) == True` means `a > b`
            if_not, if_so = (COMPARISON[test.op](form.constant + weight * so, 0) for so in (0, 1))
            if if_not is not if_so:
                inner_question, expected = question(inner)
                return inner_question, expected is if_so
        case _:
            pass
    if test.op in ("==", "!="):
        return _zero(form), test.op == "=="
    if test.op in (">", "<="):  # form > 0 is the opposite of -form >= 0
        return _at_least(opposed(form), expected=test.op == "<=")
    return _at_least(form, expected=test.op == ">=")


def opposed(form: Form, less: int = 0) -> Form:
    """Return the negated form, minus a constant."""
    return Form(tuple((atom, -weight) for atom, weight in form.weights), -form.constant - less)


def divisor(form: Form) -> int:
    """Return the greatest common divisor of the weights; 0 without weights."""
    return gcd(*(weight for _, weight in form.weights))


def _ordered(form: Form) -> Form:
    return Form(tuple(sorted(form.weights, key=lambda part: text(part[0]))), form.constant)


def _leads(form: Form) -> bool:
    return not form.weights or form.weights[0][1] > 0


def _at_least(form: Form, *, expected: bool) -> tuple[Question, bool]:
    """Return `form >= 0` with a positive first weight and smallest weights."""
    if not _leads(form):  # form >= 0 is the opposite of -form - 1 >= 0
        form, expected = opposed(form, 1), not expected
    return Question(_divided(form, divisor(form) or 1)), expected


def _zero(form: Form) -> Question:
    signed = form if _leads(form) else opposed(form)
    common = divisor(signed)
    return Question(_divided(signed, common if common and signed.constant % common == 0 else 1), equal=True)


def _divided(form: Form, common: int) -> Form:
    return Form(tuple((atom, weight // common) for atom, weight in form.weights), form.constant // common)


# ---- constraints of a path through a rule ----------------------------------------------------------------------------


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
