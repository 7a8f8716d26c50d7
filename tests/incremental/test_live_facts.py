"""Facts kept up to date, record by record, equal those of the whole history."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel._copies import unchecked
from funnel.errors import FactsError, InstantError, RecordError
from funnel.facts import Facts
from funnel.history import History
from funnel.incremental._live_facts import LiveFacts
from funnel.interactions import FollowUp, Interaction, Question, View, Visit
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
def test_any_order_of_records_gives_the_facts_of_the_history(records: list[Record], data: st.DataObject) -> None:
    """After every record, now and at any instant, the facts are those of the history of the records so far."""
    live = LiveFacts(History(person_id="p1"), ShopFacts)
    added: list[Record] = []
    for record in _in_any_order(data, records):
        if isinstance(record, Refund) and not _is_bought(record, added):
            continue
        live.add(record)
        added.append(record)
        if data.draw(st.booleans()):
            as_of = data.draw(st.just(END) | instants())
            _agree(live, added, as_of)

    _agree(live, added, END)


POLICY = Policy()
RULES: tuple[Rule[Any, Policy, Any], ...] = (stage, next_action, readiness_points, stage)


def _agree(live: LiveFacts[ShopFacts], records: list[Record], as_of: datetime) -> None:
    """Facts and answers are those of all the records, whichever is asked first."""
    facts = _facts(records, as_of)
    for one_rule in RULES:
        assert one_rule.of(live, POLICY, as_of=as_of) == one_rule.of(facts, POLICY)
        answer = one_rule.of(facts, POLICY), one_rule.next_change.of(facts, POLICY)
        assert _both(live, one_rule, as_of) == answer
    assert live.facts(as_of=as_of) == facts


def _both(live: LiveFacts[Any], rule: Rule[Any, Policy, Any], as_of: datetime) -> tuple[object, object]:
    return rule.of(live, POLICY, as_of=as_of), rule.next_change.of(live, POLICY, as_of=as_of)


def _is_bought(refund: Refund, records: list[Record]) -> bool:
    return any(isinstance(one, Purchase) and one.key == (refund.source, refund.purchase_id) for one in records)


def _facts(records: list[Record], as_of: datetime) -> ShopFacts:
    """The facts by reading everything again, unchecked: an answer may come before its question."""
    kinds: dict[str, Any] = {
        "leads": _of(records, lambda one: isinstance(one, Lead) and one.person_id == "p1"),
        "referrals": _of(records, lambda one: isinstance(one, Lead) and one.person_id != "p1"),
        "purchases": _of(records, lambda one: isinstance(one, Purchase)),
        "refunds": _of(records, lambda one: isinstance(one, Refund)),
        "interactions": _of(records, lambda one: isinstance(one, Interaction)),
    }
    return ShopFacts.of(unchecked(History, {"person_id": "p1", "customer": None, **kinds}), as_of=as_of)


def _of(records: list[Record], belongs: Callable[[Record], bool]) -> tuple[Record, ...]:
    return tuple(one for one in dict.fromkeys(records) if belongs(one))


@given(record_lists(), instants())
def test_live_facts_start_with_the_records_of_a_history(records: list[Record], as_of: datetime) -> None:
    """The facts are those of the history."""
    history = History.of("p1", records)

    assert LiveFacts(history, Facts).facts(as_of=as_of) == Facts.of(history, as_of=as_of)


def test_a_duplicate_record_changes_nothing() -> None:
    """A record that is there already is not counted again."""
    live = LiveFacts(History(person_id="p1"), Facts)
    for _ in range(2):
        live.add(bought("1", NOW))

    assert live.facts(as_of=NOW).purchase_count == 1


@pytest.mark.parametrize(
    "record",
    [refunded("r", "2", NOW), did(Visit, "v", NOW).model_copy(update={"person_id": "p2"})],
)
def test_a_refused_record_changes_nothing(record: Record) -> None:
    """A refund of an unknown purchase and a record of another are refused, and can be told again later."""
    live = LiveFacts(History.of("p1", [bought("1", NOW - DAY)]), Facts)
    before = live.facts(as_of=NOW)

    for _ in range(2):
        with pytest.raises(RecordError):
            live.add(record)
    assert live.facts(as_of=NOW) == before


def test_live_facts_can_look_back() -> None:
    """At an instant before the last record the facts are those of then."""
    live = LiveFacts(History.of("p1", [bought("1", NOW), bought("2", NOW - 9 * DAY)]), Facts)

    assert live.facts(as_of=NOW - DAY).purchase_count == 1
    assert live.facts(as_of=NOW).gap_before_last_purchase == 9 * DAY


def test_each_record_is_counted_once() -> None:
    """An earlier result is kept if a new record does not touch it; and a rule may run again."""
    live = LiveFacts(History(person_id="p1"), Facts)
    live.add(did(FollowUp, "f", NOW - 3 * DAY))
    assert live.facts(as_of=NOW - 3 * DAY).unanswered_follow_up_count == 1
    for count, day in enumerate((NOW - 2 * DAY, NOW - DAY, NOW), 1):
        live.add(did(Visit, f"v{count}", day))
        assert live.facts(as_of=day).inbound_count == count
        assert live.facts(as_of=day).unanswered_follow_up_count == 0
        assert stage.of(live, POLICY, as_of=day).value == "prospect"
        assert stage.of(live, POLICY, as_of=day + DAY).value == "prospect"


def test_the_next_change_is_the_lapse() -> None:
    """A prospect stays one; a buyer lapses by themselves, and then nothing changes any more."""
    live = LiveFacts(History(person_id="p1"), Facts)
    live.add(did(Visit, "v", NOW - DAY))
    assert _both(live, stage, NOW) == ("prospect", None)
    live.add(bought("1", NOW))
    lapse = NOW + POLICY.lapse_after + timedelta(microseconds=1)

    assert _both(live, stage, NOW) == ("customer", lapse)
    assert _both(live, stage, lapse) == ("lapsed", None)


def test_a_naive_instant_is_refused() -> None:
    """The evaluation time has a zone."""
    with pytest.raises(InstantError, match="naive"):
        LiveFacts(History(person_id="p1"), Facts).facts(as_of=NOW.replace(tzinfo=None))


def test_a_rule_of_other_facts_is_refused() -> None:
    """Live facts answer rules that read the same class of facts, or a class that it extends."""

    @rule
    def sells_gifts(f: ShopFacts, policy: Policy) -> bool:
        return f.purchase_count > policy.rhythm_purchases

    with pytest.raises(FactsError, match=r"sells_gifts reads ShopFacts \(got live facts of Facts\); create LiveFacts"):
        sells_gifts.of(LiveFacts(History(person_id="p1"), Facts), POLICY, as_of=NOW)


def test_live_facts_do_not_change_their_history() -> None:
    """A record is added neither to the history nor to other live facts of it."""
    history = History.of("p1", [did(Visit, "v", NOW - DAY)])
    for _ in range(2):
        live = LiveFacts(history, Facts)
        live.add(did(Visit, "w", NOW))
        assert live.facts(as_of=NOW).inbound_count == 2

    assert Facts.of(history, as_of=NOW).inbound_count == 1


@pytest.mark.parametrize("seed", range(40))
def test_rules_may_be_evaluated_at_different_times(seed: int) -> None:
    """Records in order, a few of them late, and after each of them some rules or none: the answers are exact."""
    pick = Random(seed)
    live, records, last = LiveFacts(History(person_id="p1"), ShopFacts), list[Record](), NOW - 90 * DAY
    for number in range(30):
        last += DAY
        at = last - (pick.randrange(2, 20) * DAY + timedelta(hours=1) if pick.random() < 0.15 else timedelta(0))
        kind = pick.choice([Visit, FollowUp, Question, View])
        record: Record = bought(f"o{number}", at) if pick.random() < 0.2 else did(kind, f"n{number}", at)
        orders = [one for one in records if isinstance(one, Purchase)]
        if orders and pick.random() < 0.15:
            order = pick.choice(orders)
            record = refunded(f"r{number}", order.id, at, pick.choice([1, order.amount.minor]))
        live.add(record)
        records.append(record)
        for evaluated in pick.sample(RULES, pick.randrange(len(RULES))):
            assert evaluated.of(live, POLICY, as_of=NOW) == evaluated.of(_facts(records, NOW), POLICY)
    assert live.facts(as_of=NOW) == _facts(records, NOW)


def test_a_purchase_after_a_late_one_has_the_gap_to_the_last() -> None:
    """The late purchase changes the gap; the next purchase in order is counted from the last one."""
    live = LiveFacts(History(person_id="p1"), Facts)
    for number, days, gap in (("1", 9, None), ("2", 5, 4), ("3", 7, 2), ("4", 2, 3)):
        live.add(bought(number, NOW - days * DAY))
        answer = live.facts(as_of=NOW).gap_before_last_purchase
        assert gap is None or answer == gap * DAY
