"""Facts kept up to date, record by record, are those of the whole history."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel._copies import unchecked
from funnel.errors import FactsError, InstantError, RecordError
from funnel.facts import Facts
from funnel.history import History
from funnel.incremental._live_facts import LiveFacts
from funnel.interactions import FollowUp, Interaction, Visit
from funnel.policy import Policy
from funnel.records import Lead, Purchase, Record, Refund
from funnel.rules._next_action import next_action
from funnel.rules._readiness import readiness_points
from funnel.rules._rule import Rule, rule
from funnel.stages import stage
from tests.shop import DAY, END, NOW, ShopFacts, bought, did, refunded
from tests.strategies import instants, record_lists


def _in_any_order(data: st.DataObject, records: list[Record]) -> list[Record]:
    """Records in any order, some again; a refund comes after its purchase, for money cannot go back before."""
    again = data.draw(st.lists(st.sampled_from(records), max_size=4)) if records else []
    shuffled = data.draw(st.permutations([*records, *again]))
    return sorted(shuffled, key=lambda record: isinstance(record, Refund) and not data.draw(st.booleans()))


@given(record_lists(), st.data())
def test_whatever_the_order_the_facts_are_those_of_the_history(records: list[Record], data: st.DataObject) -> None:
    """After every record, now and at any instant, the facts are those of the history of the records so far."""
    tally = LiveFacts(History(person_id="p1"), ShopFacts)
    known: list[Record] = []
    for record in _in_any_order(data, records):
        if isinstance(record, Refund) and not _is_bought(record, known):
            continue
        tally.add(record)
        known.append(record)
        if data.draw(st.booleans()):
            as_of = data.draw(st.just(END) | instants())
            _agree(tally, known, as_of)

    _agree(tally, known, END)


POLICY = Policy()
ASKED: tuple[Rule[Any, Policy, Any], ...] = (stage, next_action, readiness_points, stage)


def _agree(tally: LiveFacts[ShopFacts], known: list[Record], as_of: datetime) -> None:
    """Facts and answers are those of all the records, whichever is asked first."""
    facts = _facts(known, as_of)
    for asked in ASKED:
        assert tally.ask(asked, POLICY, as_of=as_of) == asked.of(facts, POLICY)
        told = asked.of(facts, POLICY), asked.next_change.of(facts, POLICY)
        assert tally.ask_on(asked, POLICY, as_of=as_of) == told
    assert tally.facts(as_of=as_of) == facts


def _is_bought(refund: Refund, known: list[Record]) -> bool:
    return any(isinstance(one, Purchase) and one.key == (refund.source, refund.purchase_id) for one in known)


def _facts(known: list[Record], as_of: datetime) -> ShopFacts:
    """The facts by reading everything again, unchecked: an answer may come before its question."""
    kinds: dict[str, Any] = {
        "leads": _of(known, lambda one: isinstance(one, Lead) and one.person_id == "p1"),
        "referrals": _of(known, lambda one: isinstance(one, Lead) and one.person_id != "p1"),
        "purchases": _of(known, lambda one: isinstance(one, Purchase)),
        "refunds": _of(known, lambda one: isinstance(one, Refund)),
        "interactions": _of(known, lambda one: isinstance(one, Interaction)),
    }
    return ShopFacts.of(unchecked(History, {"person_id": "p1", "customer": None, **kinds}), as_of=as_of)


def _of(known: list[Record], belongs: Callable[[Record], bool]) -> tuple[Record, ...]:
    return tuple(one for one in dict.fromkeys(known) if belongs(one))


@given(record_lists(), instants())
def test_a_tally_takes_up_a_history(records: list[Record], as_of: datetime) -> None:
    """What is known so far is read once."""
    history = History.of("p1", records)

    assert LiveFacts(history, Facts).facts(as_of=as_of) == Facts.of(history, as_of=as_of)


def test_what_came_twice_changes_nothing() -> None:
    """A record that is there already is not counted again."""
    tally = LiveFacts(History(person_id="p1"), Facts)
    for _ in range(2):
        tally.add(bought("1", NOW))

    assert tally.facts(as_of=NOW).purchase_count == 1


@pytest.mark.parametrize(
    "record",
    [refunded("r", "2", NOW), did(Visit, "v", NOW).model_copy(update={"person_id": "p2"})],
)
def test_what_is_refused_changes_nothing(record: Record) -> None:
    """A refund of an unknown purchase and a record of another are refused, and can be told again later."""
    tally = LiveFacts(History.of("p1", [bought("1", NOW - DAY)]), Facts)
    before = tally.facts(as_of=NOW)

    for _ in range(2):
        with pytest.raises(RecordError):
            tally.add(record)
    assert tally.facts(as_of=NOW) == before


def test_a_tally_can_look_back() -> None:
    """At an instant before the last record the facts are those of then."""
    tally = LiveFacts(History.of("p1", [bought("1", NOW), bought("2", NOW - 9 * DAY)]), Facts)

    assert tally.facts(as_of=NOW - DAY).purchase_count == 1
    assert tally.facts(as_of=NOW).gap_before_last_purchase == 9 * DAY


def test_word_upon_word_is_counted_as_it_comes() -> None:
    """What was worked out before is kept, where what comes does not touch it; and a rule may be asked again."""
    tally = LiveFacts(History(person_id="p1"), Facts)
    tally.add(did(FollowUp, "f", NOW - 3 * DAY))
    assert tally.facts(as_of=NOW - 3 * DAY).unanswered_follow_up_count == 1
    for count, day in enumerate((NOW - 2 * DAY, NOW - DAY, NOW), 1):
        tally.add(did(Visit, f"v{count}", day))
        assert tally.facts(as_of=day).inbound_count == count
        assert tally.facts(as_of=day).unanswered_follow_up_count == 0
        assert tally.ask(stage, POLICY, as_of=day).value == "prospect"
        assert tally.ask(stage, POLICY, as_of=day + DAY).value == "prospect"


def test_an_answer_is_told_with_the_instant_at_which_it_changes() -> None:
    """A prospect stays one; a buyer lapses by themselves, and then nothing changes any more."""
    tally = LiveFacts(History(person_id="p1"), Facts)
    tally.add(did(Visit, "v", NOW - DAY))
    assert tally.ask_on(stage, POLICY, as_of=NOW) == ("prospect", None)
    tally.add(bought("1", NOW))
    lapse = NOW + POLICY.lapse_after + timedelta(microseconds=1)

    assert tally.ask_on(stage, POLICY, as_of=NOW) == ("customer", lapse)
    assert tally.ask_on(stage, POLICY, as_of=lapse) == ("lapsed", None)


def test_a_naive_instant_is_refused() -> None:
    """The instant of judgement has a zone."""
    with pytest.raises(InstantError, match="naive"):
        LiveFacts(History(person_id="p1"), Facts).facts(as_of=NOW.replace(tzinfo=None))


def test_a_rule_of_other_facts_is_refused() -> None:
    """A tally answers rules that read the facts it keeps, or fewer."""

    @rule
    def sells_gifts(f: ShopFacts, policy: Policy) -> bool:
        return f.purchase_count > policy.rhythm_purchases

    with pytest.raises(FactsError, match="sells_gifts was asked of Facts; keep a tally of ShopFacts"):
        LiveFacts(History(person_id="p1"), Facts).ask(sells_gifts, POLICY, as_of=NOW)


def test_a_tally_leaves_its_history_alone() -> None:
    """What is put to a tally is not put to the history that it took up, nor to another tally of it."""
    history = History.of("p1", [did(Visit, "v", NOW - DAY)])
    for _ in range(2):
        tally = LiveFacts(history, Facts)
        tally.add(did(Visit, "w", NOW))
        assert tally.facts(as_of=NOW).inbound_count == 2

    assert Facts.of(history, as_of=NOW).inbound_count == 1
