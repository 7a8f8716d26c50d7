"""Facts kept up to date, record by record, are those of the whole history."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.errors import InstantError, RecordError
from funnel.facts import Facts
from funnel.history import History
from funnel.interactions import Visit
from funnel.records import Purchase, Record, Refund
from funnel.tally import Tally
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
    tally = Tally(History(person_id="p1"), ShopFacts)
    known: list[Record] = []
    for record in _in_any_order(data, records):
        if isinstance(record, Refund) and not _is_bought(record, known):
            continue
        tally.add(record)
        known.append(record)
        if data.draw(st.booleans()):
            as_of = data.draw(st.just(END) | instants())
            assert tally.facts(as_of=as_of) == _facts(known, as_of)

    assert tally.facts(as_of=END) == _facts(known, END)


def _is_bought(refund: Refund, known: list[Record]) -> bool:
    return any(isinstance(one, Purchase) and one.key == (refund.source, refund.purchase_id) for one in known)


def _facts(known: list[Record], as_of: datetime) -> ShopFacts:
    """The facts by reading everything again, unchecked: an answer may come before its question."""
    history = History.model_construct(person_id="p1", customer=None, referrals=(), leads=(), refunds=(), purchases=())
    seen = dict.fromkeys(known)
    return ShopFacts.of(history.model_copy(update={"interactions": tuple(seen)}), as_of=as_of)


@given(record_lists(), instants())
def test_a_tally_takes_up_a_history(records: list[Record], as_of: datetime) -> None:
    """What is known so far is read once."""
    history = History.of("p1", records)

    assert Tally(history, Facts).facts(as_of=as_of) == Facts.of(history, as_of=as_of)


def test_what_came_twice_changes_nothing() -> None:
    """A record that is there already is not counted again."""
    tally = Tally(History(person_id="p1"), Facts)
    for _ in range(2):
        tally.add(bought("1", NOW))

    assert tally.facts(as_of=NOW).purchase_count == 1


@pytest.mark.parametrize(
    "record",
    [refunded("r", "2", NOW), did(Visit, "v", NOW).model_copy(update={"person_id": "p2"})],
)
def test_what_is_refused_changes_nothing(record: Record) -> None:
    """A refund of an unknown purchase and a record of another are refused, and can be told again later."""
    tally = Tally(History.of("p1", [bought("1", NOW - DAY)]), Facts)
    before = tally.facts(as_of=NOW)

    for _ in range(2):
        with pytest.raises(RecordError):
            tally.add(record)
    assert tally.facts(as_of=NOW) == before


def test_a_tally_can_look_back() -> None:
    """At an instant before the last record the facts are those of then."""
    tally = Tally(History.of("p1", [bought("1", NOW), bought("2", NOW - 9 * DAY)]), Facts)

    assert tally.facts(as_of=NOW - DAY).purchase_count == 1
    assert tally.facts(as_of=NOW).gap_before_last_purchase == 9 * DAY


def test_a_naive_instant_is_refused() -> None:
    """The instant of judgement has a zone."""
    with pytest.raises(InstantError, match="naive"):
        Tally(History(person_id="p1"), Facts).facts(as_of=NOW.replace(tzinfo=None))
