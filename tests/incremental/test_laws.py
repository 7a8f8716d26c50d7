"""A state moved on record by record is that of the whole history."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.errors import RuleError
from funnel.history import History
from funnel.incremental._rule import IncrementalRule
from funnel.incremental._state import FactsState
from funnel.policy import Policy
from funnel.records import Record
from funnel.rules._next_action import next_action
from funnel.rules._readiness import readiness_points
from funnel.rules._rule import rule
from funnel.stages import stage
from tests.incremental.deliveries import delivered, moved
from tests.random_rules import RandomRule, rules
from tests.shop import END, ShopFacts, few
from tests.strategies import instants, record_lists

POLICY = Policy()
READY = [IncrementalRule(asked, POLICY) for asked in (stage, next_action, readiness_points)]


@given(st.sampled_from(READY), record_lists(), st.data(), st.just(END) | instants())
def test_in_whatever_order_records_come_the_end_is_the_same(
    advance: IncrementalRule[Policy, Any], records: list[Record], data: st.DataObject, as_of: datetime
) -> None:
    """Late, repeated, out of order: the state and its answers are those of the whole history."""
    history = History.of("p1", records)
    state = moved(advance, delivered(data, records))

    _agree(advance, state, history, as_of)


def _agree(advance: IncrementalRule[Policy, Any], state: FactsState, history: History, as_of: datetime) -> None:
    """The state is that of the history, and so is what it says."""
    as_of = max(as_of, state.latest)
    assert state == advance.of(history)
    assert advance.ask(state, as_of=as_of) == advance.rule.of(history, POLICY, as_of=as_of)
    try:
        then = advance.rule.next_change.of(history, POLICY, as_of=as_of)
    except RuleError:
        with pytest.raises(RuleError):
            advance.next_change(state, as_of=as_of)
    else:
        assert advance.next_change(state, as_of=as_of) == then


@few
@given(rules(ShopFacts.fact_plan.readable), st.lists(st.tuples(record_lists(), st.data()), min_size=2, max_size=4))
def test_random_rules_are_moved_on_as_they_are_read(
    drawn: RandomRule, people: list[tuple[list[Record], st.DataObject]]
) -> None:
    """Whatever facts a rule reads, its states are those of the histories."""

    def asked(f: ShopFacts, policy: Policy) -> Any:
        return drawn.function(f)

    asked.__annotations__ = {"f": ShopFacts, "policy": Policy}
    advance: IncrementalRule[Policy, Any] = IncrementalRule(rule(asked), POLICY)
    for records, data in people:
        state = moved(advance, delivered(data, records))
        _agree(advance, state, History.of("p1", records), END)
