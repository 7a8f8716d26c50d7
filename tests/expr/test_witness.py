"""One made-up person for each path: found where somebody can take it, and not found where nobody can."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel._expr import nodes
from funnel._expr.combinators import any_of
from funnel._expr.explain import RulePath, paths
from funnel._expr.solver import _parts, witness
from funnel._expr.tree import Leaf
from tests.expr.facts import FACTS, compiled_rule, numbered

US = timedelta(microseconds=1)

WITNESSED: list[tuple[Callable[[Any], object], list[dict[str, Any] | None]]] = [
    (lambda f: f.count > 3, [{"count": 4}, {"count": 0}]),
    (lambda f: f.since > 5 * US, [{"since": 6}, {"since": 0}]),
    (lambda f: f.since < -5 * US, [{"since": -6}, {"since": 0}]),
    (lambda f: f.source == "web", [{"source": "web"}, {"source": ""}]),
    (lambda f: f.source in ("", "other-1"), [{"source": ""}, {"source": "other-1"}, {"source": "other-2"}]),
    (lambda f: f.source in ("", "x"), [{"source": ""}, {"source": "x"}, {"source": "other-1"}]),
    (
        lambda f: f.count < 1 and any_of(f.count > 3, f.visits > 2),
        [{"count": 0, "visits": 3}, {"count": 0, "visits": 0}, {"count": 1}],
    ),
    (
        lambda f: f.visits * f.visits == 49 and any_of(f.count > 3, f.referred),
        [{"count": 4, "referred": 0, "visits": 7}, {"count": 0, "referred": 0, "visits": 7}, {"visits": 0}],
    ),
    (lambda f: f.reason != "", [{"reason": "payday"}, {"reason": ""}]),
    (lambda f: f.count % 5 == 4, [{"count": 4}, {"count": 0}]),
    (lambda f: f.visits * f.visits == 49, [{"visits": 7}, {"visits": 0}]),
    (lambda f: f.count * f.count == 5, [None, {"count": 0}]),
    (lambda f: f.count + f.visits > 9, [{"count": 0, "visits": 10}, {"count": 0, "visits": 0}]),
    (lambda f: 3 * (f.since == 3 * US) + (f.count > 2) == 4, [{"since": 3, "count": 3}, {"since": 0, "count": 0}]),
    (
        lambda f: 3 * (f.source == "web") + (f.reason == "travel") == 4,
        [{"source": "web", "reason": "travel"}, {"source": "", "reason": ""}],
    ),
    (lambda f: (f.count > 2) + (f.count < 2) == 2, [None, {"count": 0}]),
    (lambda f: (f.count > 2) + (f.visits > 2) == 2, [{"count": 3, "visits": 3}, {"count": 0, "visits": 0}]),
    (lambda f: (f.source == "web") + (f.count > 2) > 0, [{"count": 3, "source": ""}, {"source": "", "count": 0}]),
    (lambda f: (f.count < f.count) + (f.visits > 2) == 0, [{"count": 0, "visits": 0}, {"count": 0, "visits": 3}]),
    (lambda f: 2 * (f.visits == f.visits) + (f.count > 2) == 1, [None, {"count": 0, "visits": 0}]),
    (lambda f: (f.count > 2) - (f.visits == f.visits) < 0, [{"count": 0, "visits": 0}, {"count": 3, "visits": 0}]),
    (lambda f: 2 * (f.count > 2) - (f.visits > 2) >= 0, [{"count": 0, "visits": 0}, {"count": 0, "visits": 3}]),
    (
        lambda f: f.visits > f.net_spent and f.net_spent > f.visits,
        [None, {"net_spent": 0, "visits": 1}, {"net_spent": 0, "visits": 0}],
    ),
]


@pytest.mark.parametrize(("rule", "expected"), WITNESSED, ids=numbered(WITNESSED))
def test_each_path_has_its_person(rule: Callable[[Any], Any], expected: list[dict[str, Any] | None]) -> None:
    """Small values that take the path; None where nobody can take it."""
    created = [witness(path) for path in paths(compiled_rule(rule))]

    assert [created and dict(sorted(created.items())) for created in created] == [
        one and dict(sorted(one.items())) for one in expected
    ]


LINEAR: list[tuple[Callable[[Any], object], dict[str, Any] | None]] = [
    (lambda f: 3 * f.visits + 5 * f.net_spent == 1_000_000, {"visits": 333_330, "net_spent": 2}),
    (lambda f: 3 * f.visits - 5 * f.net_spent > 1_000_000, {"visits": 333_334, "net_spent": 0}),
    (lambda f: 5 * f.net_spent - 3 * f.visits > 1_000_000, {"visits": 0, "net_spent": 200_001}),
    (lambda f: 3 * f.visits + 5 * f.net_spent < 8 and f.visits > 1, {"visits": 2, "net_spent": 0}),
    (lambda f: 3 * f.visits + 5 * f.net_spent < 8 and f.visits > 2, None),
    (lambda f: 2 * f.count + 3 * f.visits > 17 and f.visits < 3, {"visits": 2, "count": 6}),
    (lambda f: 2 * f.count + 3 * f.visits > 18 and f.visits < 3, None),
    (lambda f: f.since - f.until > f.gap and f.gap > f.since, {"since": -1, "until": -2, "gap": 0}),
]


@pytest.mark.parametrize(("rule", "expected"), LINEAR, ids=numbered(LINEAR))
def test_who_meets_linear_conditions_is_worked_out_and_not_searched_for(
    rule: Callable[[Any], Any], expected: dict[str, Any] | None
) -> None:
    """Sums and multiples narrow every fact at once, however far the limits are: a few tries are enough."""
    assert witness(next(paths(compiled_rule(rule))), 3) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (lambda f: f.visits * f.visits == 1_000_000, {"visits": 1000}),
        (lambda f: f.visits // 7 == 1000 and f.visits % 7 == 3, {"visits": 7003}),
        (lambda f: f.visits * f.count == 35, {"visits": 35, "count": 1}),
    ],
    ids=["square", "rest", "product"],
)
def test_what_is_not_linear_is_searched_for_by_halves(rule: Callable[[Any], Any], expected: dict[str, Any]) -> None:
    """Each half of a range is tried or ruled out, so that one among billions is found in some dozens of tries."""
    path = next(paths(compiled_rule(rule)))

    assert witness(path, 40) == expected
    assert witness(path, 9) is None


def test_a_path_that_contradicts_itself_has_nobody() -> None:
    """A path made by hand may ask for what cannot be, or for one thing twice."""
    more, less = (nodes.Test(op, FACTS["count"], nodes.Const(3)) for op in (">", "<="))

    assert witness(RulePath((more, less), Leaf())) is None
    assert witness(RulePath((more, more), Leaf())) == {"count": 4}


def test_a_search_ends() -> None:
    """A path is given up after some tries."""
    path = next(paths(compiled_rule(lambda f: f.visits * f.visits == 10**9 + 7)))

    assert witness(path, 20) is None


@pytest.mark.parametrize(
    ("span", "parts"),
    [
        ((0, 0), [(0, 0)]),
        ((0, 1), [(0, 0), (1, 1)]),
        ((-1, 1), [(0, 0), (-1, -1), (1, 1), (0, 0)]),
        ((2, 6), [(2, 2), (6, 6), (3, 4), (5, 5)]),
        ((-6, -2), [(-2, -2), (-6, -6), (-5, -4), (-3, -3)]),
        ((-9, 9), [(0, 0), (-9, -9), (9, 9), (-8, 0), (1, 8)]),
    ],
)
def test_a_range_is_tried_near_zero_at_its_ends_and_by_halves(
    span: tuple[int, int], parts: list[tuple[int, int]]
) -> None:
    """Most limits are met by nobody's having anything, or by the least or the most that there can be."""
    assert [*_parts(span)] == parts


@given(st.integers(-9, 9), st.integers(1, 9))
def test_the_parts_of_a_range_are_the_range(low: int, more: int) -> None:
    """The search tries every value of a range once, the nearest to zero first."""
    high = low + more
    parts = [*_parts((low, high))]
    values = [value for start, end in parts for value in range(start, end + 1)]

    assert abs(values[0]) == min(map(abs, range(low, high + 1)))
    assert set(values) == set(range(low, high + 1))
