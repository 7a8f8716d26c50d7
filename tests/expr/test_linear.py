"""Two spellings of one condition are one question, and what is settled is not asked again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel._expr import nodes
from funnel._expr.explain import opposite
from funnel._expr.linear import question
from funnel._expr.nodes import Const, Op, holds
from funnel._expr.tree import Fork, Leaf, forks, leaves, trace
from tests.expr.facts import FACTS, numbered

A, B = FACTS["count"], FACTS["visits"]
US = timedelta(microseconds=1)

SPELLINGS: list[tuple[Callable[[Any], object], Callable[[Any], object]]] = [
    (lambda f: f.count > 3, lambda f: f.count >= 4),
    (lambda f: f.count > 3, lambda f: 3 < f.count),  # noqa: SIM300 (another spelling)
    (lambda f: f.count > 3, lambda f: not f.count <= 3),
    (lambda f: f.count > 3, lambda f: f.count - 3 > 0),
    (lambda f: f.count > 3, lambda f: 3 - f.count < 0),
    (lambda f: f.count > 3, lambda f: 2 * f.count > 6),
    (lambda f: f.count > 3, lambda f: 2 * f.count >= 7),
    (lambda f: f.count > 3, lambda f: -f.count < -3),
    (lambda f: f.count == 3, lambda f: not f.count != 3),  # noqa: SIM202 (another spelling)
    (lambda f: f.count == 3, lambda f: 6 == 2 * f.count),  # noqa: SIM300 (another spelling)
    (lambda f: f.count > f.visits, lambda f: f.visits < f.count),
    (lambda f: f.count > f.visits, lambda f: f.count - f.visits > 0),
    (lambda f: f.count > f.visits, lambda f: not f.visits >= f.count),
    (lambda f: f.count > f.visits, lambda f: 3 * f.visits < 3 * f.count),
    (lambda f: f.count > f.visits, lambda f: f.count >= 1 + f.visits),
    (lambda f: f.count == f.visits, lambda f: f.visits - f.count == 0),
    (lambda f: f.since > 3 * US, lambda f: f.since >= 4 * US),
    (lambda f: f.source == "web", lambda f: not f.source != "web"),  # noqa: SIM202 (another spelling)
    (lambda f: f.source == "web", lambda f: "web" == f.source),  # noqa: SIM300 (another spelling)
    (lambda f: f.referred, lambda f: f.referred == 1),
    (lambda f: f.count > 3, lambda f: (f.count > 3) == True),  # noqa: E712 (another spelling)
    (lambda f: f.count > 3, lambda f: not (f.count > 3) * 2 < 1),
    (lambda f: f.count > 3, lambda f: 1 - (f.count > 3) == 0),
    (lambda f: f.source == "web", lambda f: (f.source != "web") == 0),
]


@pytest.mark.parametrize(("first", "second"), SPELLINGS, ids=numbered(SPELLINGS))
def test_two_spellings_are_asked_once(first: Callable[[Any], Any], second: Callable[[Any], Any]) -> None:
    """A rule that asks one thing in two ways has two paths, not four, and the two agree."""
    tree = trace(lambda f: bool(first(f)) is bool(second(f)), FACTS)

    assert len([*forks(tree)]) == 1
    assert {leaf.answer for leaf in leaves(tree)} == {True}


IMPLIED: list[tuple[Callable[[Any], object], bool]] = [
    (lambda f: f.count >= 0, True),
    (lambda f: f.count > 6, False),
    (lambda f: 2 * f.count == 3, False),
    (lambda f: 2 * f.count - 4 * f.visits == 1, False),
    (lambda f: f.count == f.count, True),
    (lambda f: (f.count > 3) >= 0, True),
    (lambda f: (f.count > 3) + 1 == 0, False),
    (lambda f: f.count * 0 == 0, True),
    (lambda f: f.count % 3 < 3, True),
    (lambda f: f.count // 7 == 0, True),
    (lambda f: f.count > 4 and f.count < 4, False),
    (lambda f: f.count <= 3 or f.count > 2, True),
    (lambda f: f.count <= 3 and f.count > 4, False),
    (lambda f: f.count >= 3 and f.count < 2, False),
    (lambda f: f.count == 3 and f.count == 4, False),
    (lambda f: f.count != 0 or f.count < 1, True),
    (lambda f: f.count != 6 or f.count > 5, True),
    (lambda f: f.count != 0 and f.count < 1, False),
    (lambda f: f.count != 6 and f.count > 5, False),
    (lambda f: f.source == "a" and f.source == "b", False),
    (lambda f: not (f.source == "a" and f.source != "a"), True),
    (lambda f: f.reason in ("", "payday", "travel"), True),
]


@pytest.mark.parametrize(("rule", "always"), IMPLIED, ids=numbered(IMPLIED))
def test_what_follows_is_not_asked(rule: Callable[[Any], Any], always: bool) -> None:  # noqa: FBT001 (an answer)
    """A condition that follows from a fact's range or from what was asked before does not fork to another answer."""
    answers = {leaf.answer for leaf in leaves(trace(lambda f: bool(rule(f)), FACTS))}

    assert answers == {always}


OPEN: list[Callable[[Any], object]] = [
    lambda f: f.count >= 1,
    lambda f: f.count > 5,
    lambda f: 2 * f.count == 4,
    lambda f: 2 * f.count - 4 * f.visits == 2,
    lambda f: f.count != 3 and f.count > 5,
    lambda f: f.count != 3 and f.count < 1,
    lambda f: f.count > 3 and f.count <= 4,
    lambda f: f.count <= 3 and f.count >= 3,
    lambda f: f.count <= 3 and f.reason != "payday" and f.reason == "travel",
    lambda f: f.source != "payday" and f.reason != "travel" and f.reason == "payday",
]


@pytest.mark.parametrize("rule", OPEN, ids=numbered(OPEN))
def test_what_does_not_follow_is_asked(rule: Callable[[Any], Any]) -> None:
    """A condition is a fork as long as both answers are possible, also at the last possible value."""
    answers = [leaf.answer for leaf in leaves(trace(lambda f: bool(rule(f)), FACTS))]

    assert answers[:1] == [True]
    assert set(answers[1:]) == {False}


def test_what_is_denied_of_one_thing_is_not_denied_of_another() -> None:
    """A closed text keeps every value that was not excluded for this text."""
    tree = trace(lambda f: (f.count > 3, f.reason == "payday", f.reason == "travel", True).index(True), FACTS)

    assert [leaf.answer for leaf in leaves(tree)] == [0, 1, 2, 3]


def test_a_rule_that_asks_nothing_new_is_one_leaf() -> None:
    """A rule whose condition always holds is its answer."""
    assert trace(lambda f: "yes" if f.count > -1 else "no", FACTS) == Leaf("yes")


def test_the_last_word_of_a_closed_text_is_not_asked() -> None:
    """When two of three words are denied, the third one is left."""
    tree = trace(lambda f: [f.reason == word for word in ("", "payday", "travel")].index(True), FACTS)

    assert [leaf.answer for leaf in leaves(tree)] == [0, 1, 2]
    assert isinstance(tree, Fork)


OPERATORS = st.sampled_from([">", ">=", "<", "<=", "==", "!="])


FACTORS = st.tuples(st.integers(-3, 3), st.integers(-3, 3), st.integers(-4, 4))


@given(OPERATORS, FACTORS, st.integers(0, 5), st.integers(0, 5))
def test_a_question_says_what_its_test_says(op: str, factors: tuple[int, int, int], a: int, b: int) -> None:
    """`x * a < limit - y * b` and the question made of it agree for everybody, and its opposite says the opposite."""
    x, y, limit = factors
    test = nodes.Test(op, Op("*", Const(x), A), Op("-", Const(limit), Op("*", B, Const(y))))
    one_question, expected = question(test)
    assert one_question.form is not None
    weights = {"count": a, "visits": b}
    worked = one_question.form.constant + sum(
        weight * weights[getattr(atom, "name", "")] for atom, weight in one_question.form.weights
    )
    answer = worked == 0 if one_question.equal else worked >= 0

    assert (answer is expected) is holds(test, weights.__getitem__)
    assert question(opposite(test)) == (one_question, not expected)
    assert all(weight > 0 for _, weight in one_question.form.weights[:1])


def test_a_product_of_facts_is_one_atom() -> None:
    """A non-linear part stays one atom, and is still scaled and shifted."""
    product = Op("*", A, A)
    one_question, _ = question(nodes.Test(">=", Op("*", Const(2), product), Const(6)))

    assert one_question.form is not None
    assert one_question.form.weights == ((product, 1),)
    assert one_question.form.constant == -3
