"""A state moved on record by record is that of the whole history."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel._rule import rule
from funnel.advance.rule import Advance
from funnel.advance.state import Running
from funnel.errors import LiftError
from funnel.history import History
from funnel.policy import Policy
from funnel.records import Record
from funnel.rules.follow_up import next_step
from funnel.rules.readiness import readiness_points
from funnel.stages import stage
from tests.random_rules import RandomRule, rules
from tests.shop import END, ShopFacts, few
from tests.strategies import instants, record_lists

POLICY = Policy()
READY = [Advance(asked, POLICY) for asked in (stage, next_step, readiness_points)]


def _delivered(data: st.DataObject, records: list[Record]) -> list[Record]:
    """Records as they come: near their order, or in any, and some of them again."""
    again = data.draw(st.lists(st.sampled_from(records), max_size=4)) if records else []
    whole = [*records, *again]
    if data.draw(st.booleans()):
        return sorted(whole, key=lambda record: record.happened_at)
    return data.draw(st.permutations(whole))


def _known(records: list[Record]) -> History:
    """The history of what has come; a record that names one that has not come waits, as in a store."""
    there = {record.key for record in records}
    kept = [one for one in records if all((one.key[0], number) in there for number in _named(one))]
    return History.of("p1", kept) if len(kept) == len(records) else _known(kept)


def _named(record: Record) -> list[str]:
    names = ("purchase_id", "question_id", "complaint_id")
    return [number for name in names if (number := getattr(record, name, None)) is not None]


def _moved(advance: Advance[Policy, Any], delivered: list[Record]) -> Running:
    """The state after every delivery; the history is read where the state cannot say."""
    state, known = advance.begin("p1"), list[Record]()
    for record in delivered:
        known.append(record)
        before = state
        state = advance(state, record) or advance.again(state, record, _known(known))
        assert Running.from_json(state.to_json()) == state
        assert before.latest <= state.latest
    return state


@given(st.sampled_from(READY), record_lists(), st.data(), st.just(END) | instants())
def test_in_whatever_order_records_come_the_end_is_the_same(
    advance: Advance[Policy, Any], records: list[Record], data: st.DataObject, as_of: datetime
) -> None:
    """Late, repeated, out of order: the state and its answers are those of the whole history."""
    history = History.of("p1", records)
    state = _moved(advance, _delivered(data, records))

    _agree(advance, state, history, as_of)


def _agree(advance: Advance[Policy, Any], state: Running, history: History, as_of: datetime) -> None:
    """The state is that of the history, and so is what it says."""
    as_of = max(as_of, state.latest)
    assert state == advance.of(history)
    assert advance.ask(state, as_of=as_of) == advance.rule.of(history, POLICY, as_of=as_of)
    try:
        then = advance.rule.next_change.of(history, POLICY, as_of=as_of)
    except LiftError:
        with pytest.raises(LiftError):
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
    advance: Advance[Policy, Any] = Advance(rule(asked), POLICY)
    for records, data in people:
        state = _moved(advance, _delivered(data, records))
        _agree(advance, state, History.of("p1", records), END)
