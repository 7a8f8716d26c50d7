"""A rule in words: its table, and the reasons of an answer."""

from __future__ import annotations

import enum
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from funnel._expr.combinators import all_of, any_of
from funnel._expr.explain import DecisionTable, Explanation, Reason, RulePath, path_of, paths, reasons, sides
from funnel._expr.nodes import evaluate, format_value
from funnel._expr.operands import with_name
from funnel._expr.tree import Leaf, describe, leaf_value
from tests.expr.facts import compiled_rule, numbered, person

DAY = timedelta(days=1)
US = timedelta(microseconds=1)
LIMIT: Any = with_name(3, "most_visits")


class Light(enum.StrEnum):
    """An answer."""

    RED = "red"


def test_a_table_has_a_row_for_each_path() -> None:
    """Every path is one row; what does not hold is written as its opposite."""
    tree = compiled_rule(lambda f: Light.RED if f.visits > LIMIT and f.source == "a|b" else None)

    assert str(DecisionTable("light", tuple(paths(tree)))).splitlines() == [
        "| light | if |",
        "| --- | --- |",
        r"| red | visits > most_visits (3) and source == 'a\|b' |",
        r"| None | visits > most_visits (3) and source != 'a\|b' |",
        "| None | visits <= most_visits (3) |",
    ]


def test_a_table_tells_what_was_asked_at_once_one_by_one() -> None:
    """Conditions that must all hold are listed one by one; alternatives are one text."""
    tree = compiled_rule(lambda f: all_of(f.visits > LIMIT, any_of(f.count > 1, f.referred)))

    assert str(DecisionTable("both", tuple(paths(tree)))).splitlines()[2:] == [
        "| True | visits > most_visits (3) and (count > 1 or referred == 1) |",
        "| False | visits <= most_visits (3) or (count <= 1 and referred != 1) |",
    ]


def test_a_condition_of_two_questions_is_written_once() -> None:
    """A path that asks for one condition in two places has one reason, and one condition in the table."""

    def rule(f: Any) -> Any:
        if all_of(f.visits > LIMIT, f.count > 1):
            return None
        return all_of(f.visits > LIMIT, f.referred == 1) if f.count <= 1 else any_of(f.count > 1, f.visits > LIMIT)

    _, conditions = decided(rule, visits=1, count=1, referred=1)
    assert len({one.condition for one in conditions}) == len(conditions)
    for path in paths(compiled_rule(rule)):
        assert len(set(path.conditions)) == len(path.conditions)


def test_points_name_their_number_of_the_policy() -> None:
    """Each part says which number of the shop it is worth, and which facts it reads."""
    _, parts = decided(lambda f: with_name(5, "cart_points") * (f.count > 1) + 2 * f.referred, count=2, referred=1)

    assert [(part.points, part.points_field, part.facts) for part in parts] == [
        (5, "cart_points", ("count",)),
        (2, "", ("referred",)),
    ]


def test_a_limit_that_follows_from_a_fact_is_told() -> None:
    """The silence beside the share of the interval, both in their own unit."""
    _, (reason,) = decided(lambda f: 100 * f.since > with_name(150, "share") * f.gap, since=40, gap=20)

    assert (reason.actual, reason.required) == ("since is 40 µs, the limit is 30 µs", "> 30 µs")
    assert (reason.policy_field, reason.facts, reason.holds) == ("share", ("since", "gap"), True)


def test_a_table_in_a_notebook_shows_words_as_they_are() -> None:
    """No answer and no text of a rule is taken for markup."""
    output = DecisionTable(
        "<b>", tuple(paths(compiled_rule(lambda f: "<i>" if f.source == "a&b" else "")))
    )._repr_html_()

    assert "<th>&lt;b&gt;</th>" in output
    assert "<td>&lt;i&gt;</td><td>source == &#x27;a&amp;b&#x27;</td>" in output


def test_a_rule_of_one_answer_holds_always() -> None:
    """A rule without a condition has one row."""
    assert str(DecisionTable("one", tuple(paths(compiled_rule(lambda _: 1))))).endswith("| 1 | always |")


def why(rule: Callable[[Any], object], **facts: int | str) -> str:
    """The answer and its reasons, for one person."""
    path, actual = decided(rule, **facts)
    return str(Explanation(path.answer, actual))


def decided(rule: Callable[[Any], object], **facts: int | str) -> tuple[RulePath, tuple[Reason, ...]]:
    """The way that one person takes, and the reasons."""
    read = person(**facts).__getitem__
    path = path_of(compiled_rule(rule), read)
    return path, reasons(path, [evaluate(side, read) for side in sides(path)])


REASONS: list[tuple[Callable[[Any], object], dict[str, int | str], str]] = [
    (lambda f: f.visits > LIMIT, {"visits": 4}, "True\n  because visits > most_visits (3) (visits is 4)"),
    (lambda f: f.since > 7 * US, {"since": 5}, "False\n  because since <= 7 µs (since is 5 µs)"),
    (lambda f: f.source == "web", {"source": "web"}, "True\n  because source == 'web' (source is 'web')"),
    (lambda _: "always", {}, "always"),
    (
        lambda f: 2 * f.referred - 5 * (f.visits > LIMIT) + f.count,
        {"referred": 1, "visits": 9, "count": 3},
        (
            "((2 * (referred == 1)) - (5 * (visits > most_visits (3)))) + count\n"
            "  because -5: visits > most_visits (3) (visits is 9)\n"
            "  because +3: count (count is 3)\n"
            "  because +2: referred == 1 (referred is 1)"
        ),
    ),
    (
        lambda f: f.count if f.referred else 0,
        {"referred": 1, "count": 3},
        "count\n  because +3: count (count is 3)\n  because referred == 1 (referred is 1)",
    ),
    (
        lambda f: all_of(f.visits > LIMIT, f.count > 1),
        {"visits": 9, "count": 3},
        "True\n  because visits > most_visits (3) (visits is 9)\n  because count > 1 (count is 3)",
    ),
    (
        lambda f: all_of(f.visits > LIMIT, f.count > 1),
        {"visits": 9, "count": 1},
        "False\n  because count <= 1 (count is 1)",
    ),
    (
        lambda f: any_of(f.visits > LIMIT, all_of(f.count > 1, f.referred)),
        {"count": 2, "referred": 1},
        "True\n  because count > 1 (count is 2)\n  because referred == 1 (referred is 1)",
    ),
    (
        lambda f: not any_of(f.visits > LIMIT, all_of(f.count > 1, any_of(f.referred, f.source == "web"))),
        {"count": 2},
        (
            "True\n  because visits <= most_visits (3) (visits is 0)\n  because referred != 1 (referred is 0)\n"
            "  because source != 'web' (source is '')"
        ),
    ),
    (
        lambda f: 100 * f.since > with_name(150, "share") * f.gap,
        {"since": 40, "gap": 20},
        "True\n  because since > share (150) % of gap (since is 40 µs, the limit is 30 µs)",
    ),
    (
        lambda f: (
            3 * (f.count > 1) + with_name(2, "worth") * all_of(f.visits > LIMIT, any_of(f.referred, f.count > 1)) > 2
        ),
        {"count": 2, "visits": 4},
        (
            "True\n  because +3: count > 1 (count is 2)\n"
            "  because +2: visits > most_visits (3) and (referred == 1 or count > 1) (it is true)\n"
            "  because points > 2 (points is 5)"
        ),
    ),
    (
        lambda f: with_name(2, "worth") * all_of(f.visits > LIMIT, f.count > 1),
        {"count": 2},
        (
            "worth (2) * (visits > most_visits (3) and count > 1)\n"
            "  because visits > most_visits (3) and count > 1 (it is false)"
        ),
    ),
    (lambda f: f.source, {"source": "web"}, "source\n  because source (source is 'web')"),
    (lambda f: f.gap + DAY, {"gap": 3}, "gap + 1 d\n  because gap (gap is 3 µs)"),
    (
        lambda f: f.gap * (f.count > 3),
        {"gap": 3},
        "gap * (count > 3)\n  because gap * (count > 3) (gap * (count > 3) is 0 d)",
    ),
    (lambda f: DAY * (f.count > 3), {"count": 4}, "1 d * (count > 3)\n  because count > 3 (count is 4)"),
]


@pytest.mark.parametrize(("rule", "facts", "expected"), REASONS, ids=numbered(REASONS))
def test_an_answer_says_what_decided(rule: Callable[[Any], Any], facts: dict[str, int | str], expected: str) -> None:
    """Reasons are the conditions of the path; a score lists its parts, largest first; a span is not a score."""
    assert why(rule, **facts) == expected


def test_a_reason_holds_the_actual_beside_the_required() -> None:
    """A reason has the actual value, the required value and the policy field."""
    _, (reason,) = decided(lambda f: f.visits > LIMIT, visits=9)

    assert (reason.actual, reason.required, reason.policy_field) == ("visits is 9", "> 3", "most_visits")
    assert (reason.holds, reason.points) == (True, 0)
    assert repr(reason) == "Reason('visits > most_visits (3) (visits is 9)')"


def test_a_part_of_a_score_that_is_no_condition_requires_nothing() -> None:
    """A count that is added says what it is, and how many points it gives."""
    _, (reason,) = decided(lambda f: 2 * f.count, count=3)

    assert (reason.condition, reason.actual, reason.required) == ("count", "count is 3", "")
    assert (reason.holds, reason.points, reason.policy_field) == (True, 6, "")


@pytest.mark.parametrize(
    ("answer", "words", "value"),
    [
        (Light.RED, "red", "red"),
        (True, "True", True),
        (None, "None", None),
        (3 * DAY, "3 d", 3 * 86_400_000_000),
        ("web", "web", "web"),
        (7, "7", 7),
    ],
)
def test_an_answer_has_words_and_a_value(answer: Any, words: str, value: object) -> None:
    """An answer has a text for people and a plain value for a column."""
    assert describe(Leaf(answer)) == words
    assert RulePath((), Leaf(answer)).answer == words
    assert leaf_value(Leaf(answer)) == value


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(), "0 d"),
        (36 * timedelta(hours=1), "1 d 12 h"),
        (timedelta(seconds=-90), "-1 min 30 s"),
        (timedelta(microseconds=1_000_001), "1 s 1 µs"),
    ],
)
def test_a_span_is_written_as_people_say_it(span: timedelta, words: str) -> None:
    """Spans are shown in days, hours, minutes, seconds and microseconds."""
    assert format_value(span // timedelta(microseconds=1), "span") == words
