"""Facts on a shop's own columns: one person, everyone on every engine, live facts and changes agree."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel import History, LiveFacts, Policy, Rule
from funnel._aggregate.group_by import PERSON, value_name
from funnel._dataframes.compute import collected
from funnel._time import micros
from funnel.backtest._day_scan import PERSON_NUMBER
from funnel.backtest._facts_by_day import FactsByDay, local
from funnel.facts import count
from funnel.facts._base import BaseFacts
from funnel.facts._frames import raw_facts_over
from funnel.records import Record
from tests.engines import asked_of
from tests.frames import answered, as_instant, read
from tests.incremental.deliveries import BackEnd, delivered
from tests.laws.test_engines import as_told
from tests.machines.model import as_ofs, bare, brute_all, crowds, machines, told_of, told_over
from tests.own_columns import OWN, NearFacts, OwnFacts, customer_of, own_logs, owned, with_columns
from tests.random_rules import RandomRule, rules
from tests.shop import END, PEOPLE, TICK, few, known_by, people
from tests.strategies import instants, record_lists

POLICY = Policy()
READ = OwnFacts._fact_plan.readable


def random_rule(sample: RandomRule) -> Rule[OwnFacts, Policy, Any]:
    """A rule over facts on own columns."""

    def random(f: OwnFacts, policy: Policy) -> Any:
        return sample.function(f)

    random.__annotations__ = {"f": OwnFacts, "policy": Policy}
    return Rule(random)


@pytest.mark.no_cover
def test_facts_on_own_columns_of_one_are_those_of_all(engine: str) -> None:
    """Law 1 for facts on own columns of every log."""

    @asked_of(engine, 4)
    @given(people(most=10), instants())
    def holds(everyone: tuple[History, ...], as_of: datetime) -> None:
        histories = tuple(map(owned, everyone))
        actual = answered(OwnFacts.over(own_logs(engine, histories), as_of=as_of))

        for history in known_by(histories, as_of):
            facts = OwnFacts.of(history, as_of=as_of)
            assert as_told(OwnFacts, actual[history.person_id]) == facts.to_dict()

    holds()


@pytest.mark.no_cover
def test_rules_over_own_columns_answer_alike(engine: str) -> None:
    """Laws 1 and 4 for random rules: answers and next changes of everyone are those of each."""

    @asked_of(engine, 4)
    @given(people(most=8), instants(), rules(READ))
    def holds(everyone: tuple[History, ...], as_of: datetime, sample: RandomRule) -> None:
        histories = tuple(map(owned, everyone))
        one_rule = random_rule(sample)
        changes = answered(one_rule.next_change.over(own_logs(engine, histories), POLICY, as_of=as_of))

        for history in known_by(histories, as_of):
            facts = OwnFacts.of(history, as_of=as_of)
            answer, change = one_rule.of(facts, POLICY), one_rule.next_change.of(facts, POLICY)
            row = changes[history.person_id]
            assert row == {"random": getattr(answer, "value", answer), "next_change": change}
            if change is not None:
                assert one_rule.of(facts.at(change), POLICY) != answer
                assert one_rule.of(facts.at(change - TICK), POLICY) == answer

    holds()


@pytest.mark.no_cover
def test_running_facts_on_own_columns_are_those_of_their_instant(engine: str) -> None:
    """The running window gives at each instant what the fold gives at that instant."""

    class Narrow(BaseFacts):
        uk_count: int = count("purchases", where=lambda one: one.country == "UK", columns=OWN)
        recent_count: int = count("interactions", where=lambda one: one.at, within="40 days", columns=OWN)

    @asked_of(engine, 2)
    @given(people(most=6))
    def holds(everyone: tuple[History, ...]) -> None:
        histories = tuple(map(owned, everyone))
        own = {history.person_id: history for history in histories}
        for row in read(Narrow.running(own_logs(engine, histories), as_of=END)):
            if row["person_id"] in own:
                facts = Narrow.of(own[row["person_id"]], as_of=as_instant(row["known_at"]))
                assert facts.to_dict() == {name: row[name] for name in Narrow._fact_plan.declared}

    holds()


@few
@given(rules(READ), record_lists(), st.data())
def test_live_facts_on_own_columns_are_those_of_the_history(
    sample: RandomRule, records: list[Record], data: st.DataObject
) -> None:
    """Whatever the order of the records, live facts, their stored state and the history agree."""
    every = with_columns(records)
    customer = customer_of("p1")
    assert customer is not None
    back_end = BackEnd(random_rule(sample), customer=customer).add(*delivered(data, every))
    history = History.of("p1", every, customer=customer)

    assert back_end.state == back_end.of_history()
    assert back_end.rule.of(back_end.live(), POLICY, as_of=END) == back_end.rule.of(history, POLICY, as_of=END)
    live = LiveFacts(History(person_id="p1", customer=customer), OwnFacts)
    for record in history.records:
        live.add(record)
        live.facts(as_of=END)
    assert live.facts(as_of=END) == OwnFacts.of(history, as_of=END)


@few
@given(crowds(most=6), as_ofs(), machines(facts=NearFacts))
def test_transitions_by_own_columns_are_those_of_brute_force(
    everyone: list[History], as_of: datetime, machine: Any
) -> None:
    """Every transition at its microsecond, with its cause."""
    for history in map(owned, everyone):
        assert bare(told_of(machine, [history], as_of)) == brute_all(machine, [history], as_of)


@pytest.mark.no_cover
def test_transitions_of_everyone_by_own_columns_are_those_of_each(engine: str) -> None:
    """On every engine: the same transitions, causes and records."""

    @asked_of(engine, 4)
    @given(crowds(most=6), as_ofs(), machines(facts=NearFacts))
    def holds(everyone: list[History], as_of: datetime, machine: Any) -> None:
        histories = list(map(owned, everyone))
        actual = told_over(machine, own_logs(engine, histories), as_of)
        own = None if actual is None else {person: actual[person] for person in PEOPLE if person in actual}
        each = told_of(machine, histories, as_of)
        if each is None or own is not None:
            assert own == each

    holds()


@pytest.mark.no_cover
def test_facts_of_a_backtest_by_own_columns_are_those_of_the_day(engine: str) -> None:
    """The scan through the days has the values of everyone on each day."""
    plan = OwnFacts._fact_plan

    @asked_of(engine, 2)
    @given(people(most=8), instants())
    def holds(everyone: tuple[History, ...], as_of: datetime) -> None:
        logs = own_logs(engine, tuple(map(owned, everyone)))
        days = [micros(as_of) - 10**12, micros(as_of)]
        by_day = FactsByDay.of(plan, local(logs), days)
        names = dict(collected(by_day.names.select(PERSON_NUMBER, PERSON)).rows())
        for day, (numbers, values) in zip(days, by_day.facts_by_day(), strict=True):
            expected = {row[PERSON]: row for row in collected(raw_facts_over(plan, logs, day)).rows(named=True)}
            assert {names[number] for number in numbers.tolist()} == set(expected)
            for row, number in enumerate(numbers.tolist()):
                actual = {value_name(index): value[row] for index, value in values.items()}
                assert actual == {name: expected[names[number]][name] for name in actual}

    holds()
