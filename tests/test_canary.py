"""Free words, names and ways to reach a person are in nothing that the library shows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given

import funnel
from funnel import FunnelError, History, LiveFacts, Policy
from tests.shop import END, NOW, ShopFacts, fewer, logs_of
from tests.strategies import CANARY, histories

pytestmark = pytest.mark.no_cover

POLICY = Policy()
QUICK = (
    funnel.stage,
    funnel.rules.readiness_points,
    funnel.rules.buying_phase,
    funnel.rules.assurance,
    funnel.rules.is_overdue,
)


def texts(history: History) -> Iterator[object]:
    """All that one may print of a person: the history, facts, answers, reasons."""
    facts = ShopFacts.of(history, as_of=END)
    yield from (history, facts, facts.to_dict(), facts.at(END), LiveFacts(history, ShopFacts).facts(as_of=END))
    for one_rule in QUICK:
        yield from (one_rule.of(facts, POLICY), one_rule.why(facts, POLICY), one_rule.why(facts, POLICY).reasons)
    yield from history._ledger.rows.values()


@given(histories())
def test_nothing_that_is_shown_holds_what_was_said(history: History) -> None:
    """The facts, the reasons and the rows they are made of hold no name, no number to call and no words."""
    for thing in texts(history):
        assert CANARY not in f"{thing!r} {thing}"


@given(histories())
@fewer
def test_no_frame_holds_what_was_said(history: History) -> None:
    """Neither do the tables that come out."""
    logs = logs_of([history])
    frames = (
        ShopFacts.over(logs, as_of=END),
        ShopFacts.running(logs, as_of=END),
        funnel.stage.over(logs, POLICY, as_of=END),
    )

    for frame in frames:
        assert CANARY not in str(frame.collect().to_dicts())
    assert CANARY not in repr(logs)


@given(histories())
def test_no_error_holds_what_was_said(history: History) -> None:
    """An error about records of another person names the records by id only."""
    actual: list[str] = []
    for record in history.records:
        with pytest.raises(FunnelError) as caught:
            LiveFacts(History(person_id="somebody else"), ShopFacts).add(record)
        actual.append(f"{caught.value!r} {caught.value}")
        with pytest.raises(FunnelError) as caught:
            funnel.stage.of(record, POLICY, as_of=NOW)  # type: ignore[arg-type]
        actual.append(f"{caught.value!r} {caught.value}")

    assert CANARY not in " ".join(actual)


def test_no_table_of_a_rule_holds_a_person() -> None:
    """A decision table is made of the rule and the policy only."""
    table = funnel.stage.table(POLICY)

    assert CANARY not in f"{table}{table!r}{table._repr_html_()}"
    assert "lapse_after (180 d)" in str(table)
