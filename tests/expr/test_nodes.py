"""Nodes of a compiled rule: the range, the meaning and the text of each node."""

from __future__ import annotations

from datetime import timedelta
from itertools import combinations_with_replacement, product
from typing import Any, cast

import pytest

from funnel._expr import nodes
from funnel._expr.nodes import (
    ARITHMETIC,
    COMPARISON,
    LIMIT,
    Const,
    Fact,
    Op,
    checked,
    evaluate,
    facts_of,
    format_value,
    meaning,
    opposite,
    span_of,
    text,
)
from funnel.errors import RuleError

Condition = nodes.Test
A, B = Fact("a"), Fact("b")
ONE, TWO = Condition(">", A, Const(1)), Condition(">", B, Const(2))
WORD = Condition("==", Fact("word", "text"), Const("yes", "text"))
RANGES = [*combinations_with_replacement((-2, -1, 0, 1, 3), 2)]


def values(low: int, high: int) -> range:
    """Every value of a range."""
    return range(low, high + 1)


@pytest.mark.parametrize("op", COMPARISON)
def test_a_comparison_can_be_what_it_is_for_somebody(op: str) -> None:
    """It can fail or hold as somebody inside the two ranges makes it, and not otherwise."""
    for a, b in product(RANGES, RANGES):
        actual = {int(COMPARISON[op](x, y)) for x, y in product(values(*a), values(*b))}

        assert span_of(Condition(op, A, B), {A: a, B: b}) == (min(actual), max(actual))


@pytest.mark.parametrize("op", ["+", "-", "*"])
def test_arithmetic_reaches_its_ends(op: str) -> None:
    """The smallest and the largest value are those that somebody reaches."""
    for a, b in product(RANGES, RANGES):
        actual = {ARITHMETIC[op](x, y) for x, y in product(values(*a), values(*b))}

        assert span_of(Op(op, A, B), {A: a, B: b}) == (min(actual), max(actual))


@pytest.mark.parametrize("by", [1, 2, 3])
def test_a_division_reaches_its_ends_and_a_rest_stays_below_its_divisor(by: int) -> None:
    """A quotient is exact; a rest is exact where no multiple lies between the ends."""
    for a in RANGES:
        quotients, rests = {x // by for x in values(*a)}, {x % by for x in values(*a)}
        low, high = span_of(Op("%", A, Const(by)), {A: a})

        assert span_of(Op("//", A, Const(by)), {A: a}) == (min(quotients), max(quotients))
        assert (low, high) == ((min(rests), max(rests)) if len(quotients) == 1 else (0, by - 1))


def test_what_is_known_of_a_part_narrows_the_whole() -> None:
    """A given range stands before that of the fact; a text's test may go either way, and a constant is itself."""
    assert span_of(A) == (0, LIMIT)
    assert span_of(Op("+", A, Const(2)), {A: (1, 4)}) == (3, 6)
    assert span_of(ONE, {ONE: (1, 1), A: (0, 0)}) == (1, 1)
    assert span_of(WORD) == (0, 1)
    assert span_of(Const(7)) == (7, 7)


@pytest.mark.parametrize("most", [LIMIT, LIMIT - 1])
def test_what_fits_64_bits_is_taken(most: int) -> None:
    """The largest and the smallest number that a column holds, and nothing beyond."""
    bounded, room = Fact("a", high=most), LIMIT - most
    highest, lowest = Op("+", bounded, Const(room)), Op("-", Const(-room), bounded)

    assert LIMIT == 9_223_372_036_854_775_807
    assert checked(highest) is highest
    assert checked(lowest) is lowest
    for beyond in (Op("+", bounded, Const(room + 1)), Op("-", Const(-room - 1), bounded)):
        with pytest.raises(RuleError, match=r"can reach 9\.2e\+18, more than the 64 bits"):
            checked(beyond)


def test_a_fact_counts_and_a_constant_is_its_value() -> None:
    """A fact has slope 0 by default, and the name of a constant does not count in comparisons."""
    assert (A.unit, A.low, A.high, A.slope) == ("number", 0, LIMIT, 0)
    assert Const(7, name="limit") == Const(7)
    assert Const(7) != Const(7, "span")


def fact_counts(*tests: Condition) -> Any:
    """The sum that counts conditions."""
    total: Any = tests[0]
    for one in tests[1:]:
        total = Op("+", total, one)
    return total


NOT = (opposite(ONE), opposite(TWO))


@pytest.mark.parametrize(
    ("test", "every", "parts"),
    [
        (Condition("==", fact_counts(ONE, TWO), Const(2)), True, (ONE, TWO)),
        (Condition("!=", fact_counts(ONE, TWO), Const(2)), False, NOT),
        (Condition(">", fact_counts(ONE, TWO), Const(0)), False, (ONE, TWO)),
        (Condition("<=", fact_counts(ONE, TWO), Const(0)), True, NOT),
        (Condition("==", fact_counts(ONE, TWO, WORD), Const(3)), True, (ONE, TWO, WORD)),
        (Condition("==", fact_counts(ONE, TWO), Const(1)), False, ()),
        (Condition("==", fact_counts(ONE, TWO), Const(0)), False, ()),
        (Condition(">", fact_counts(ONE, TWO), Const(1)), False, ()),
        (Condition("<=", fact_counts(ONE, TWO), Const(1)), False, ()),
        (Condition(">=", fact_counts(ONE, TWO), Const(2)), False, ()),
        (Condition("<", fact_counts(ONE, TWO), Const(2)), False, ()),
        (Condition(">", Op("-", ONE, TWO), Const(0)), False, ()),
        (Condition(">", Op("+", ONE, A), Const(0)), False, ()),
        (Condition(">", Op("+", A, ONE), Const(0)), False, ()),
        (Condition(">", fact_counts(ONE, TWO), A), False, ()),
        (Condition("==", ONE, Const(1)), False, ()),
        (Condition(">", ONE, Const(0)), False, ()),
        (ONE, False, ()),
        (WORD, False, ()),
    ],
)
def test_conditions_that_were_asked_at_once_are_known_by_their_number(
    test: Condition,
    every: bool,  # noqa: FBT001 - a case
    parts: tuple[Condition, ...],
) -> None:
    """All of them, none of them, one at least, not all: any other number is a score."""
    assert meaning(test) == (every, parts)


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (A, "a"),
        (Const(7), "7"),
        (Const(7, name="limit"), "limit (7)"),
        (Const("x", "text"), "'x'"),
        (Op("+", A, Const(1)), "a + 1"),
        (Op("*", Op("+", A, B), Const(2)), "(a + b) * 2"),
        (Op("*", Const(2), ONE), "2 * (a > 1)"),
        (ONE, "a > 1"),
        (Condition("==", fact_counts(ONE, TWO), Const(2)), "a > 1 and b > 2"),
        (Condition("<=", fact_counts(ONE, TWO), Const(0)), "a <= 1 and b <= 2"),
        (Condition(">", fact_counts(ONE, TWO), Const(0)), "a > 1 or b > 2"),
        (Condition("!=", fact_counts(ONE, TWO), Const(2)), "a <= 1 or b <= 2"),
        (
            Condition("==", fact_counts(ONE, Condition(">", fact_counts(TWO, WORD), Const(0))), Const(2)),
            "a > 1 and (b > 2 or word == 'yes')",
        ),
    ],
)
def test_a_node_reads_as_its_author_wrote_it(node: Any, words: str) -> None:
    """Nested parts are in parentheses; combined conditions are joined with words."""
    assert text(node) == words


def test_the_parts_of_a_node_are_found_from_the_outside_in() -> None:
    """Every fact as often as it is read, and every condition."""
    both = Condition("==", fact_counts(ONE, TWO), Const(2))

    assert [*facts_of(Op("+", A, Op("*", B, A)))] == [A, B, A]
    assert [*nodes.tests_of(both)] == [both, ONE, TWO]
    assert [*nodes.tests_of(Op("+", A, ONE))] == [ONE]
    assert [*nodes.tests_of(A)] == []


def test_a_condition_counts_as_one_or_none() -> None:
    """In arithmetic a condition that holds is 1."""
    read = cast("Any", {"a": 2, "b": 2, "word": "yes"}).__getitem__

    assert [evaluate(node, read) for node in (ONE, TWO, WORD, fact_counts(ONE, TWO, WORD))] == [1, 0, 1, 2]


LIFETIME = timedelta(days=36500) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (LIFETIME, "never"),
        (LIFETIME - 1, "36499 d 23 h 59 min 59 s 999999 µs"),
        (1 - LIFETIME, "-36499 d 23 h 59 min 59 s 999999 µs"),
        (-LIFETIME, "never"),
        (1, "1 µs"),
        (-1, "-1 µs"),
        (0, "0 d"),
    ],
)
def test_a_span_of_a_lifetime_is_that_of_what_never_came(value: int, words: str) -> None:
    """A hundred years since, or until, is never."""
    assert format_value(value, "span") == words
    assert format_value(value, "number") == str(value)
    assert format_value("web", "text") == "'web'"
