"""The promise, on every engine: one person and everyone have the same facts, answers and changes to come.

A narrow class of facts keeps the plans of SQL engines small; all facts are compared on every engine at size, once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.facts import Facts, count, earliest, exists, first, largest, last, latest, mean_gap, since, total, until
from funnel.facts._base import BaseFacts
from funnel.history import History
from funnel.logs import Logs
from funnel.policy import Policy
from funnel.rules._rule import Rule
from funnel.stages import stage
from tests.engines import asked_of, on
from tests.frames import answered, as_instant, as_span, read, tables
from tests.random_rules import RandomRule, rules
from tests.shop import END, TICK, known_by, people
from tests.strategies import instants

pytestmark = pytest.mark.no_cover
POLICY = Policy()


class FewFacts(BaseFacts):
    """One fact of every form, over tables whose rows cease to count and tables whose rows do not."""

    purchase_count: int = count("purchases")
    net_spent: int = total("purchases", "net_amount")
    largest_purchase: int = largest("purchases", "net_amount")
    last_purchase_at: datetime | None = last("purchases")
    since_last_purchase: timedelta = since(last("purchases"))
    purchase_interval: timedelta = mean_gap("purchases")
    gap_before: timedelta = latest("purchases", "gap")
    first_was_promoted: bool = earliest("purchases", "promoted")
    since_first_open_question: timedelta = since(first("open_questions", never="ahead"))
    since_last_inbound: timedelta = since(last("interactions", where=lambda interaction: interaction.direction == "in"))
    last_kind: str = latest("interactions", "kind")
    until_ready: timedelta = until(latest("postponements", "ready_from"))
    unanswered_follow_up_count: int = count("open_follow_ups")
    has_opted_out: bool = exists("opt_outs")
    lead_source: str = earliest("leads", "source")
    recent_count: int = count("purchases", within=timedelta(days=60))
    recent_spent: int = total("purchases", "net_amount", where=lambda one: one.net_amount > 2, within="150 days")
    recent_kind: str = latest("interactions", "kind", within=timedelta(days=60))


def logs_on(
    engine: str, everyone: Sequence[History], change: Callable[[pl.DataFrame], pl.DataFrame] | None = None
) -> Logs:
    """Everyone's records on an engine."""
    actual = tables(everyone)
    return Logs(**on(engine, {log: change(one) if change else one for log, one in actual.items()}))


def as_told(cls: type[BaseFacts], row: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a row with spans as timedeltas, as a snapshot has them."""
    spans = {name for name, one in cls._fact_plan.declared.items() if one.show in ("since", "until", "span")}
    return {name: as_span(value) if name in spans else value for name, value in row.items()}


def test_facts_of_one_are_facts_of_all(engine: str) -> None:
    """Law 1 for facts, and laws 2 and 3 on the engine: order and repetition of rows and later rows change nothing."""

    @asked_of(engine, 4)
    @given(people(most=8), instants(), st.integers(0, 9))
    def holds(everyone: tuple[History, ...], as_of: datetime, seed: int) -> None:
        logs = logs_on(
            engine,
            everyone,
            lambda table: pl.concat([table, table.head(2)]).sample(fraction=1, shuffle=True, seed=seed),
        )
        actual = answered(FewFacts.over(logs, as_of=as_of))

        for history in known_by(everyone, as_of):
            facts = FewFacts.of(history, as_of=as_of)
            assert as_told(FewFacts, actual[history.person_id]) == facts.to_dict()

    holds()


def test_running_facts_are_the_facts_of_their_instant(engine: str) -> None:
    """The running window gives at each instant what the fold gives at that instant."""

    class Narrow(BaseFacts):
        purchase_count: int = count("purchases")
        last_kind: str = latest("interactions", "kind")
        recent_largest: int = largest("purchases", "net_amount", within=timedelta(days=60))

    @asked_of(engine, 3)
    @given(people(most=6))
    def holds(everyone: tuple[History, ...]) -> None:
        logs = logs_on(engine, everyone)
        own = {history.person_id: history for history in everyone}
        for row in read(Narrow.running(logs, as_of=END)):
            facts = (
                Narrow.of(own[row["person_id"]], as_of=as_instant(row["known_at"])) if row["person_id"] in own else None
            )
            assert facts is None or facts.to_dict() == {name: row[name] for name in Narrow._fact_plan.declared}

    holds()


READ = FewFacts._fact_plan.readable


def test_random_rules_answer_alike(engine: str) -> None:
    """Invariants 1 and 4 for rules: tables equal single persons, with the same next changes."""

    @asked_of(engine, 6)
    @given(people(most=8), instants(), rules(READ))
    def holds(everyone: tuple[History, ...], as_of: datetime, sample: RandomRule) -> None:
        def one_rule(f: FewFacts, policy: Policy) -> Any:
            return sample.function(f)

        one_rule.__annotations__ = {"f": FewFacts, "policy": Policy}
        rule: Rule[FewFacts, Policy, Any] = Rule(one_rule)
        logs = logs_on(engine, everyone)
        actual = answered(rule.over(logs, POLICY, as_of=as_of))
        changes = answered(rule.next_change.over(logs, POLICY, as_of=as_of))

        for history in known_by(everyone, as_of):
            facts = FewFacts.of(history, as_of=as_of)
            answer = rule.of(facts, POLICY)
            assert actual[history.person_id]["one_rule"] == getattr(answer, "value", answer)
            change = rule.next_change.of(facts, POLICY)
            assert changes[history.person_id] == {"one_rule": getattr(answer, "value", answer), "next_change": change}
            if change is not None:
                assert rule.of(facts.at(change), POLICY) != answer
                assert rule.of(facts.at(change - TICK), POLICY) == answer

    holds()


def test_stages_and_their_next_change(engine: str) -> None:
    """Stages and next changes of a table equal those of single persons."""

    @asked_of(engine, 4)
    @given(people(most=8), instants())
    def holds(everyone: tuple[History, ...], as_of: datetime) -> None:
        actual = answered(stage.next_change.over(logs_on(engine, everyone), POLICY, as_of=as_of))

        for history in known_by(everyone, as_of):
            facts = Facts.of(history, as_of=as_of)
            assert actual[history.person_id] == {
                "stage": stage.of(facts, POLICY).value,
                "next_change": stage.next_change.of(facts, POLICY),
            }

    holds()
