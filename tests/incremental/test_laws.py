"""Live facts, stored and restored between two records, equal those of the whole history."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.errors import RuleError
from funnel.history import History
from funnel.policy import Policy
from funnel.records import Record
from funnel.rules._next_action import next_action
from funnel.rules._readiness import readiness_points
from funnel.rules._rule import Rule, rule
from funnel.stages import stage
from tests.incremental.deliveries import BackEnd, delivered
from tests.random_rules import RandomRule, rules
from tests.shop import END, ShopFacts, few
from tests.strategies import instants, record_lists

POLICY = Policy()


@given(st.sampled_from((stage, next_action, readiness_points)), record_lists(), st.data(), st.just(END) | instants())
def test_any_order_of_records_gives_the_state_of_the_history(
    evaluated: Rule[Any, Policy, Any], records: list[Record], data: st.DataObject, as_of: datetime
) -> None:
    """After late, repeated and out-of-order records, the state and its answers are those of the whole history."""
    _agree(BackEnd(evaluated).add(*delivered(data, records)), History.of("p1", records), as_of)


def _agree(back_end: BackEnd, history: History, as_of: datetime) -> None:
    """The state, the answer and the next change are those of the history."""
    rule, live = back_end.rule, back_end.live()
    assert back_end.state == back_end.of_history()
    assert rule.of(live, POLICY, as_of=as_of) == rule.of(history, POLICY, as_of=as_of)
    try:
        then = rule.next_change.of(history, POLICY, as_of=as_of)
    except RuleError:
        with pytest.raises(RuleError):
            rule.next_change.of(live, POLICY, as_of=as_of)
    else:
        assert rule.next_change.of(live, POLICY, as_of=as_of) == then


@few
@given(rules(ShopFacts._fact_plan.readable), st.lists(st.tuples(record_lists(), st.data()), min_size=2, max_size=4))
def test_random_rules_have_the_states_of_the_histories(
    sample: RandomRule, people: list[tuple[list[Record], st.DataObject]]
) -> None:
    """Whatever facts a rule reads, its states are those of the histories."""

    def random(f: ShopFacts, policy: Policy) -> Any:
        return sample.function(f)

    random.__annotations__ = {"f": ShopFacts, "policy": Policy}
    for records, data in people:
        _agree(BackEnd(rule(random)).add(*delivered(data, records)), History.of("p1", records), END)
