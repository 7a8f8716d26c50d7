"""The instants at which time alone changes an answer: on both sides of each limit, by one microsecond."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from funnel._expr.next_change import first_change, flip_delays
from funnel._expr.nodes import Fact, evaluate
from funnel._expr.tree import trace
from funnel._time import LATEST
from funnel.errors import RuleError
from tests.expr.facts import FACTS, compiled_rule, numbered, person, run_of

US = timedelta(microseconds=1)
WEEK = 7 * US

LIMITS: list[tuple[Callable[[Any], object], dict[str, int], list[int]]] = [
    (lambda f: f.since > WEEK, {"since": 0}, [8]),
    (lambda f: f.since >= WEEK, {"since": 0}, [7]),
    (lambda f: f.since < WEEK, {"since": 0}, [7]),
    (lambda f: f.since <= WEEK, {"since": 0}, [8]),
    (lambda f: f.since == WEEK, {"since": 0}, [7, 8]),
    (lambda f: f.since != WEEK, {"since": 0}, [7, 8]),
    (lambda f: f.until > WEEK, {"until": 10}, [3]),
    (lambda f: f.until >= WEEK, {"until": 10}, [4]),
    (lambda f: f.until < WEEK, {"until": 10}, [4]),
    (lambda f: f.until <= WEEK, {"until": 10}, [3]),
    (lambda f: f.until == WEEK, {"until": 10}, [3, 4]),
    (lambda f: f.since > WEEK, {"since": 20}, []),
    (lambda f: 2 * f.since > WEEK, {"since": 0}, [4]),
    (lambda f: 3 * f.since >= WEEK, {"since": 0}, [3]),
    (lambda f: f.since + f.since_visit > WEEK, {"since": 1, "since_visit": 2}, [3]),
    (lambda f: f.since > 2 * f.gap, {"since": 1, "gap": 5}, [10]),
    (lambda f: f.since > f.until, {"since": 0, "until": 5}, [3]),
    (lambda f: f.since - f.since_visit > WEEK, {"since": 9, "since_visit": 2}, []),
    (lambda f: f.since > WEEK + f.gap * 0, {"since": 0}, [8]),
    (lambda f: abs(f.until) <= 2 * US, {"until": 5}, [3, 8]),
    (lambda f: 2 * (f.since > WEEK) + (f.until < US) >= 1, {"since": 0, "until": 3}, [3]),
    (lambda f: 2 * (f.since > WEEK) + (f.until < US), {"since": 0, "until": 3}, [3, 8]),
    (lambda f: f.count * (f.since > WEEK), {"since": 0, "count": 2}, [8]),
    (lambda f: f.source == "web" and f.since > WEEK, {"since": 0}, []),
    (lambda f: f.since > f.gap * (f.count > 3), {"since": -3, "count": 5, "gap": 2}, [6]),
    (lambda f: f.since > WEEK * (f.source == "web"), {"since": -3}, [4]),
]


@pytest.mark.parametrize(("rule", "facts", "changes"), LIMITS, ids=numbered(LIMITS))
def test_an_answer_changes_at_the_limit(rule: Callable[[Any], Any], facts: dict[str, int], changes: list[int]) -> None:
    """Each change is the end of a wait; a microsecond before it the answer is the old one."""
    tree = compiled_rule(rule)
    run, values = run_of(tree), person(**facts)
    ends = {int(evaluate(wait, values.__getitem__)) for wait in flip_delays(tree)}
    changed = [wait for wait in range(1, 40) if run(values, wait) != run(values, wait - 1)]

    assert changed == changes
    assert set(changes) <= ends


NO_CHANGE: list[tuple[Callable[[Any], object], str]] = [
    (lambda f: f.since, "since cannot be computed: it changes all the time; return a choice"),
    (lambda f: f.since // WEEK, "such a span may only be compared, shifted and scaled by a constant"),
    (lambda f: f.since % WEEK > US, "such a span may only be compared, shifted and scaled by a constant"),
    (lambda f: f.since * (f.count > 3) > WEEK, "such a span may only be compared, shifted and scaled by a constant"),
    (
        lambda f: f.since > WEEK * (f.until > US),
        "it mixes a span with conditions on other spans; use separate conditions",
    ),
    (lambda f: f.since > f.gap * (f.until > US), "it mixes a span with conditions on other spans"),
]


@pytest.mark.parametrize(("rule", "message"), NO_CHANGE, ids=numbered(NO_CHANGE))
def test_what_has_no_next_change_is_refused(rule: Callable[[Any], Any], message: str) -> None:
    """A rule can be traced and still use the clock in a way that has no next change; the error names the expression."""
    tree = compiled_rule(rule)

    with pytest.raises(RuleError, match=rf"the next change of .*{message}"):
        flip_delays(tree)


def test_a_wait_that_fits_no_column_is_refused() -> None:
    """Two sides that fit 64 bits each may be further apart than that."""
    most = 2**62 - 1
    facts = {
        "since": Fact("since", "span", -most, most, slope=1),
        "until": Fact("until", "span", -most, most, slope=-1),
    }
    tree = trace(lambda f: 2 * f.since > f.until, facts)

    with pytest.raises(RuleError, match=r"can reach 1.4e\+19, more than the 64 bits of a column"):
        flip_delays(tree)


def test_a_rule_without_a_clock_waits_for_nothing() -> None:
    """An answer that does not read a span that runs never changes by itself."""
    assert flip_delays(trace(lambda f: f.gap > WEEK or f.source == "web", FACTS)) == ()
    assert flip_delays(trace(lambda f: f.source if f.gap > WEEK else None, FACTS)) == ()


@pytest.mark.parametrize(
    ("ends", "now", "change"),
    [
        ([8], 0, 8),
        ([20, 8, 5, 0, -3], 0, 8),
        ([20, 30], 0, 20),
        ([3], 5, 8),
        ([1], 7, 8),
        ([5, 7], 0, None),
        ([-8, 0, 4], 8, None),
        ([], 0, None),
    ],
)
def test_the_first_change_is_the_first_wait_after_which_the_answer_differs(
    ends: list[int], now: int, change: int | None
) -> None:
    """Past delays are skipped, and an answer that has changed for good has no next change."""
    run = run_of(compiled_rule(lambda f: f.since > WEEK))

    assert first_change(run, ends, person(), now) == change  # type: ignore[arg-type]


@pytest.mark.parametrize("now", [0, LATEST - 9])
def test_no_change_is_foretold_beyond_the_years_that_are_kept(now: int) -> None:
    """A change in the last instant of 2199 is returned, a later change is not."""
    assert first_change(lambda _, at: at >= LATEST - 1, [LATEST - 1 - now], (), now) == LATEST - 1
    assert first_change(lambda _, at: at >= LATEST, [LATEST - now], (), now) is None
