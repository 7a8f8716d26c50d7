"""Readiness and the next step, on every engine: the answer of each person and when it changes by itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given

from funnel import History, Logs, Policy, next_action, readiness
from funnel.rules import since_due, until_latest, window_basis
from tests.engines import FULL, asked_of, on
from tests.frames import answered, as_span, read, tables
from tests.shop import DAY, PEOPLE, TICK, known_by, people
from tests.strategies import instants

POLICY = Policy(meeting_amount=5, lapse_after=60 * DAY, after_sale_for=10 * DAY, follow_up_after=DAY)
pytestmark = pytest.mark.no_cover


@pytest.fixture(autouse=True)
def _few_every_day(engine: str) -> None:
    if not FULL and engine != "polars":
        pytest.skip("asked in make test-full; the worklist asks the next step of every engine each time")


@pytest.mark.parametrize("rule", [readiness, next_action], ids=["readiness", "next_action"])
def test_who_is_ready_and_what_is_next(engine: str, rule: Any) -> None:
    """Invariants 1 to 4: tables equal single persons, and the answer differs at the next change, not before."""

    @asked_of(engine, 1)
    @given(people(most=8), instants())
    def holds(everyone: tuple[History, ...], as_of: datetime) -> None:
        logs = Logs(**on(engine, tables([*everyone, *everyone[:1]])))
        actual = answered(rule.next_change.over(logs, POLICY, as_of=as_of))

        for history in known_by(everyone, as_of):
            facts = rule.facts.of(history, as_of=as_of)
            answer, change = rule.of(facts, POLICY), rule.next_change.of(facts, POLICY)
            assert actual[history.person_id] == {rule.name: answer.value, "next_change": change}
            assert change is None or rule.of(facts.at(change - TICK), POLICY) is answer
            assert change is None or rule.of(facts.at(change), POLICY) is not answer

    holds()


def test_spans_and_windows(engine: str) -> None:
    """Since when a step is due, until when they may buy, and what that rests on; null where it is not known."""

    @asked_of(engine, 1)
    @given(people(most=8), instants())
    def holds(everyone: tuple[History, ...], as_of: datetime) -> None:
        logs = Logs(**on(engine, tables(everyone)))
        for rule in (since_due, until_latest, window_basis):
            actual = {row["person_id"]: row[rule.name] for row in read(rule.over(logs, POLICY, as_of=as_of))}
            expected = {one.person_id: rule.of(one, POLICY, as_of=as_of) for one in known_by(everyone, as_of)}
            plain = {name: getattr(answer, "value", answer) for name, answer in expected.items()}
            spans = {
                name: as_span(actual[name]) if rule is not window_basis else actual[name]
                for name in PEOPLE
                if name in actual
            }
            assert spans == plain

    holds()
