"""The laws of facts, for every fact there is and a shop's own in every declaring word."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.history import History
from funnel.interactions import Interaction
from funnel.money import Money
from funnel.records import Lead, Purchase, Record
from tests.frames import read
from tests.shop import END, TICK, ShopFacts, by_person, few, known_by, logs_of, people, without_spans
from tests.strategies import histories, instants, record_lists

pytestmark = pytest.mark.no_cover

EDGES = st.sampled_from([-TICK, timedelta(0), TICK, timedelta(days=400)])


@st.composite
def moments(draw: st.DrawFn, everyone: tuple[History, ...]) -> datetime:
    """An instant at, just before or long after something happened, or anywhere."""
    happened = [record.happened_at + draw(EDGES) for history in everyone for record in history.records]
    return draw(st.sampled_from(happened) | instants()) if happened else draw(instants())


@given(record_lists(), st.data())
def test_order_and_repetition_of_records_change_no_fact(records: list[Record], data: st.DataObject) -> None:
    """However records are delivered, the facts are the same."""
    repeated = data.draw(st.lists(st.sampled_from(records), max_size=5)) if records else []
    shuffled = data.draw(st.permutations([*records, *repeated]))
    as_of = data.draw(instants())

    assert ShopFacts.of(History.of("p1", shuffled), as_of=as_of) == ShopFacts.of(History.of("p1", records), as_of=as_of)


@given(histories(), st.data())
def test_what_comes_later_changes_nothing(history: History, data: st.DataObject) -> None:
    """Facts at an instant are those of the records up to and including it."""
    as_of = data.draw(moments((history,)))
    earlier = [record for record in history.records if record.happened_at <= as_of]

    assert ShopFacts.of(history, as_of=as_of) == ShopFacts.of(History.of("p1", earlier), as_of=as_of)


@given(people(), st.data())
@few
def test_everyone_has_the_facts_that_each_has(everyone: tuple[History, ...], data: st.DataObject) -> None:
    """The aggregate of the tables equals the fold of each history, for every fact and person."""
    as_of = data.draw(moments(everyone))
    actual = by_person(ShopFacts.over(logs_of(everyone), as_of=as_of))

    assert actual == {
        history.person_id: ShopFacts.of(history, as_of=as_of).to_dict() for history in known_by(everyone, as_of)
    }


@given(people(), st.data())
@few
def test_at_every_instant_the_running_facts_are_those_of_that_instant(
    everyone: tuple[History, ...], data: st.DataObject
) -> None:
    """Each row of the running window is the fold at its instant, and between two rows nothing but time passes."""
    as_of = data.draw(st.just(END) | moments(everyone))
    rows = read(ShopFacts.running(logs_of(everyone), as_of=as_of))
    for history in everyone:
        own = [dict(row) for row in rows if row["person_id"] == history.person_id]
        actual = {row.pop("known_at"): row for row in own if row.pop("person_id")}

        assert all(moment <= as_of for moment in actual)
        assert actual == {moment: ShopFacts.of(history, as_of=moment).to_dict() for moment in actual}
        for moment in _looked_at(history, as_of):
            assert _last_before(actual, moment) == without_spans(ShopFacts.of(history, as_of=moment).to_dict())


def _looked_at(history: History, as_of: datetime) -> list[datetime]:
    """Every instant that a record names, and its neighbours, from the first record on."""
    instants = {value for record in history.records for value in dict(record).values() if isinstance(value, datetime)}
    first = min((record.happened_at for record in history.records), default=END)
    around = {moment + edge for moment in instants for edge in (-TICK, timedelta(0), TICK)}
    return sorted(moment for moment in around if first <= moment <= as_of)


def _last_before(expected: dict[datetime, dict[str, Any]], moment: datetime) -> dict[str, Any]:
    return without_spans(expected[max(facts for facts in expected if facts <= moment)])


def _dearer(record: Record) -> Record:
    """The same record with every amount a hundred times as large."""
    amounts: dict[str, Money] = {name: value for name, value in record if isinstance(value, Money)}
    more = {name: Money.of_minor(100 * one.minor, one.currency) for name, one in amounts.items()}
    update: dict[str, object] = {**more, "lines": ()} if isinstance(record, Purchase) else {**more}
    return record.model_copy(update=update)


@given(histories(), instants())
def test_the_unit_of_money_changes_no_count(history: History, as_of: datetime) -> None:
    """A hundred times the amounts are the same facts, but for sums, which are a hundred times as large."""
    from funnel.facts import Facts

    before = Facts.of(history, as_of=as_of).to_dict()
    after = Facts.of(History.of("p1", map(_dearer, history.records)), as_of=as_of).to_dict()
    sums = {"net_spent", "largest_purchase", "last_purchase_amount", "refunded", "last_quote_amount"}

    assert {name: after[name] for name in sums} == {name: 100 * before[name] for name in sums}
    assert 100 * before["average_purchase"] <= after["average_purchase"] <= 100 * before["average_purchase"] + 99
    assert {**before, **after} == {**after, **{k: v for k, v in before.items() if k not in {*sums, "average_purchase"}}}


def _renamed(record: Record) -> Record:
    """The same record of people who are called something else."""
    if isinstance(record, Lead) and record.referred_by is not None:
        return record.model_copy(update={"person_id": f"x{record.person_id}", "referred_by": f"x{record.referred_by}"})
    person_id = getattr(record, "person_id", None)
    return record if person_id is None else record.model_copy(update={"person_id": f"x{person_id}"})


@given(histories(), instants())
def test_what_people_are_called_changes_nothing(history: History, as_of: datetime) -> None:
    """The ids of people are only names."""
    renamed = [_renamed(record) if hasattr(record, "person_id") else record for record in history.records]

    assert ShopFacts.of(History.of("xp1", renamed), as_of=as_of) == ShopFacts.of(history, as_of=as_of)


@given(histories(), instants(), st.sampled_from(["Asia/Jakarta", "America/St_Johns", "Pacific/Kiritimati"]))
def test_the_zone_of_an_instant_changes_nothing(history: History, as_of: datetime, zone: str) -> None:
    """Equal instants in different zones give the same facts."""
    there = ZoneInfo(zone)
    actual = [
        type(record).model_validate(
            {k: v.astimezone(there) if isinstance(v, datetime) else v for k, v in dict(record).items()}
        )
        for record in history.records
    ]

    assert ShopFacts.of(History.of("p1", actual), as_of=as_of.astimezone(there)) == ShopFacts.of(history, as_of=as_of)


@given(histories(), st.data())
def test_facts_turned_to_a_later_instant_are_those_of_it_if_nothing_happens(
    history: History, data: st.DataObject
) -> None:
    """Waiting lengthens spans and changes nothing else."""
    last = max((record.happened_at for record in history.records), default=END)
    ended = [END, last]
    as_of = max([*ended, *(v for r in history.records for v in dict(r).values() if isinstance(v, datetime))])
    later = as_of + data.draw(st.timedeltas(timedelta(0), timedelta(days=9)))

    assert ShopFacts.of(history, as_of=as_of).at(later) == ShopFacts.of(history, as_of=later)


@given(histories(most=6), st.data())
def test_kinds_of_interaction_are_told_apart(history: History, data: st.DataObject) -> None:
    """The counts of the kinds are how many records of each there are."""
    as_of = data.draw(moments((history,)))
    facts = ShopFacts.of(history, as_of=as_of)
    kinds = [one.kind for one in history.interactions if one.happened_at <= as_of]
    inbound = [one for one in history.interactions if isinstance(one, Interaction) and one.direction == "in"]

    assert facts.view_count == kinds.count("view")
    assert facts.meeting_count == kinds.count("meeting")
    assert facts.complaint_count == kinds.count("complaint")
    assert facts.postponement_count == kinds.count("postponement")
    assert facts.has_opted_out is ("opt_out" in kinds)
    assert facts.inbound_count == sum(one.happened_at <= as_of for one in inbound)
