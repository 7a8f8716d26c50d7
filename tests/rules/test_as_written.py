"""Every rule of the library answers as its function does, on one person for each path through it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from funnel import Policy, Rule
from tests.public import public

NOW = datetime(2026, 3, 1, tzinfo=UTC)
POLICY = Policy()
RULES = {name: one for name, one in public().items() if isinstance(one, Rule)}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_answers_as_its_function(name: str) -> None:
    """The function, called with plain facts, gives the answer of the traced rule; each path has a witness."""
    rule: Rule[Any, Any, Any] = RULES[name]
    witnesses = rule.witnesses(POLICY, as_of=NOW)

    assert witnesses
    assert [rule._as_written(f, POLICY) for f in witnesses] == [rule.of(f, POLICY) for f in witnesses]
