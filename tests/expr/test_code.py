"""A compiled tree answers one person as the function does: the same answer, of the same type, at any instant."""

from __future__ import annotations

import ast
import enum
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from funnel._expr.combinators import all_of, any_of
from funnel._expr.to_python import condition, function
from tests.expr.facts import compiled_rule, numbered, person, run_of

US = timedelta(microseconds=1)


class Light(enum.StrEnum):
    """An answer in a text."""

    RED = "red"
    GREEN = "green"


class Level(enum.IntEnum):
    """An answer in a number."""

    LOW = 1
    HIGH = 2


CASES: list[tuple[Callable[[Any], object], dict[str, Any], list[object]]] = [
    (lambda f: f.since, {"since": 5}, [5 * US, 7 * US]),
    (lambda f: f.until, {"until": 5}, [5 * US, 3 * US]),
    (lambda f: f.gap, {"gap": 5}, [5 * US, 5 * US]),
    (lambda f: f.count + 2, {"count": 3}, [5, 5]),
    (lambda f: +(f.since > 6 * US), {"since": 5}, [0, 1]),
    (lambda f: f.source, {"source": "web"}, ["web", "web"]),
    (lambda f: 3 * US if f.since > 6 * US else US, {"since": 5}, [US, 3 * US]),
    (lambda f: "much" if f.since > 6 * US else "little", {"since": 5}, ["little", "much"]),
    (lambda f: 2 if f.since > 6 * US else 1, {"since": 5}, [1, 2]),
    (lambda f: Light.RED if f.since > 6 * US else Light.GREEN, {"since": 5}, [Light.GREEN, Light.RED]),
    (lambda f: Level.HIGH if f.since > 6 * US else Level.LOW, {"since": 5}, [Level.LOW, Level.HIGH]),
    (lambda f: True if f.since > 6 * US else None, {"since": 5}, [None, True]),
    (lambda f: f.since > 6 * US and f.referred, {"since": 5, "referred": 1}, [False, True]),
    (lambda f: f.since > 6 * US or f.referred, {"since": 5}, [False, True]),
    (lambda f: not f.since > 6 * US, {"since": 5}, [True, False]),
    (lambda f: all_of(f.since > 6 * US, f.referred), {"since": 5, "referred": 1}, [False, True]),
    (lambda f: any_of(f.since > 6 * US, f.referred), {"since": 5}, [False, True]),
    (lambda f: f.since > f.since_visit, {"since": 5, "since_visit": 4}, [True, True]),
    (lambda f: f.since >= f.since_visit, {"since": 4, "since_visit": 5}, [False, False]),
    (lambda f: f.since > f.until, {"since": 5, "until": 6}, [False, True]),
    (lambda f: f.until > f.since, {"since": 5, "until": 6}, [True, False]),
    (lambda f: f.until > f.gap, {"until": 6, "gap": 5}, [True, False]),
    (lambda f: f.count > f.visits, {"count": 2, "visits": 1}, [True, True]),
    (lambda f: (f.count - f.visits) * 3 // 2 % 4, {"count": 6, "visits": 1}, [3, 3]),
]


@pytest.mark.parametrize(("rule", "facts", "answers"), CASES, ids=numbered(CASES))
def test_a_compiled_rule_answers_as_its_author_means_it(
    rule: Callable[[Any], object], facts: dict[str, Any], answers: list[object]
) -> None:
    """Now and two microseconds later: a span, a text, a number, a truth or a member of an enum, and nothing alike."""
    tree, values = compiled_rule(rule), person(**facts)
    run = run_of(tree)
    returned = [run(values, now) for now in (0, 2)]

    assert returned == answers
    assert list(map(type, returned)) == list(map(type, answers))


def test_a_condition_of_rows_reads_fields_by_position() -> None:
    """A row has no clock: every field is read as it stands."""
    tree = compiled_rule(lambda f: f.since > 6 * US and f.source == "web")
    is_met = function("is_met", ("v",), [ast.Return(condition(tree, {"source": 0, "since": 1}))], {})

    assert [is_met(row) for row in (("web", 7), ("web", 6), ("shop", 7))] == [True, False, False]
