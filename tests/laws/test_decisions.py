"""Readiness and the next step, on every engine: the answer of each person and when it changes by itself."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from funnel import History, Logs, Policy, next_step, readiness, since_due, until_latest, window_basis
from tests.engines import ENGINES
from tests.frames import as_span, read, tables
from tests.shop import DAY, PEOPLE, TICK, known_by, people
from tests.strategies import instants

POLICY = Policy(meeting_amount=5, lapse_after=60 * DAY, after_sale_for=10 * DAY, follow_up_after=DAY)
pytestmark = pytest.mark.no_cover

SLOW = ("pandas alone", "duckdb", "ibis", "pyspark")
FULL = 100


@pytest.fixture(params=["polars", "polars lazy", "pandas", "pandas alone", "pyarrow", "duckdb", "ibis", "pyspark"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each engine in turn; pandas also as where Polars is not installed."""
    name: str = request.param
    if name not in ("polars", "duckdb") and settings().max_examples < FULL:
        pytest.skip("asked in the full run; the worklist asks the next step of every engine each time")
    if name == "pandas alone":
        monkeypatch.setattr("funnel._frames.installed", lambda module: module != "polars")
        return "pandas"
    return name


def test_who_is_ready_and_what_is_next(engine: str) -> None:
    """Laws 1 to 4: everyone is told what each would be told, and at the change, not before, the answer is another."""
    most = settings().max_examples // 10

    @settings(max_examples=most, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
    @given(people(most=8), instants(), st.sampled_from([readiness, next_step]))
    def holds(everyone: tuple[History, ...], as_of: datetime, asked: object) -> None:
        logs = Logs(**ENGINES[engine](tables([*everyone, *everyone[:1]])))
        for rule in (readiness, next_step) if engine not in SLOW else (asked,):
            told = {row["person_id"]: row for row in read(rule.next_change.over(logs, POLICY, as_of=as_of))}  # type: ignore[attr-defined]
            for history in known_by(everyone, as_of):
                facts = rule.facts.of(history, as_of=as_of)  # type: ignore[attr-defined]
                answer, change = rule.of(facts, POLICY), rule.next_change.of(facts, POLICY)  # type: ignore[attr-defined]
                assert told[history.person_id][rule.name] == answer.value  # type: ignore[attr-defined]
                assert told[history.person_id]["next_change"] == change
                assert change is None or rule.of(facts.at(change - TICK), POLICY) is answer  # type: ignore[attr-defined]
                assert change is None or rule.of(facts.at(change), POLICY) is not answer  # type: ignore[attr-defined]

    holds()


def test_spans_and_windows(engine: str) -> None:
    """Since when a step is due, until when they may buy, and what that rests on; null where it is not known."""
    most = settings().max_examples // 10

    @settings(max_examples=most, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
    @given(people(most=8), instants())
    def holds(everyone: tuple[History, ...], as_of: datetime) -> None:
        logs = Logs(**ENGINES[engine](tables(everyone)))
        for rule in (since_due, until_latest, window_basis):
            told = {row["person_id"]: row[rule.name] for row in read(rule.over(logs, POLICY, as_of=as_of))}
            expected = {one.person_id: rule.of(one, POLICY, as_of=as_of) for one in known_by(everyone, as_of)}
            plain = {name: getattr(answer, "value", answer) for name, answer in expected.items()}
            spans = {
                name: as_span(told[name]) if rule is not window_basis else told[name] for name in PEOPLE if name in told
            }
            assert spans == plain

    holds()
