"""Segments counted, and buyers ranked among each other: against a count person by person."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.errors import ArgumentError
from funnel.facts import Facts
from funnel.history import History
from funnel.logs import Logs
from funnel.metrics._rate import Rate
from funnel.metrics._rfm import rfm_quantiles, segments
from funnel.policy import Policy
from funnel.rules._rfm import Segment, segment
from tests.frames import read
from tests.metrics.buyers import DAY, buyers, counted_purchases, moments
from tests.metrics.people import FEW
from tests.shop import known_by, logs_of

NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)
POLICY = Policy(recency_limits=(5 * DAY, 10 * DAY, 20 * DAY, 30 * DAY), monetary_limits=(5, 9, 14, 18))
LEADS = Logs(leads=pl.DataFrame({"person_id": ["a"], "arrived_at": [NOON]}))


@FEW
@given(buyers(), moments)
def test_segments_are_counted_as_they_are_found_one_by_one(people: list[History], as_of: datetime) -> None:
    """The people of each segment, their purchases and money are those of asking each person; nobody is left out."""
    facts_of_people = [(one, Facts.of(one, as_of=as_of)) for one in known_by(people, as_of)]
    counts = Counter(segment(facts, POLICY) for _, facts in facts_of_people)
    result = segments(logs_of(people), POLICY, as_of=as_of)
    net_spent = sum(facts.net_spent for _, facts in facts_of_people)
    friend = any(lead.referred_by and lead.arrived_at <= as_of for one in people for lead in one.leads)

    assert [one.segment for one in result] == list(Segment)
    assert {one.segment: one.people.successes - (friend and one.segment is Segment.PROSPECT) for one in result} == {
        one: counts[one] for one in Segment
    }
    assert sum(one.purchases for one in result) == sum(len(counted_purchases(one, as_of)) for one in people)
    assert sum(one.net_spent for one in result) == net_spent
    assert all(one.money is None for one in result) if net_spent == 0 else sum(one.money or 0 for one in result) > 0.99


@FEW
@given(buyers(), moments, st.integers(2, 6))
def test_ranks_are_what_counting_by_hand_finds(people: list[History], as_of: datetime, classes: int) -> None:
    """A rank counts the full classes of buyers who stand strictly lower; who has not bought has none."""
    facts_of_people = {one.person_id: Facts.of(one, as_of=as_of) for one in people}
    bought = {person: facts for person, facts in facts_of_people.items() if facts.purchase_count}
    rows = read(rfm_quantiles(logs_of(people), as_of=as_of, classes=classes))

    assert {row["person_id"] for row in rows} == set(bought)
    for row in rows:
        facts = bought[row["person_id"]]
        later = sum(facts.since_last_purchase < other.since_last_purchase for other in bought.values())
        fewer = sum(facts.occasion_count > other.occasion_count for other in bought.values())
        less = sum(facts.net_spent > other.net_spent for other in bought.values())
        assert [row["recency_rank"], row["frequency_rank"], row["monetary_rank"]] == [
            1 + classes * below // len(bought) for below in (later, fewer, less)
        ]
        assert row["since_last_purchase"] == facts.since_last_purchase


def test_ranks_of_people_who_all_differ_are_even() -> None:
    """Ten buyers with ten days are two in each fifth; the one who bought last is in the highest."""
    rows = {"id": range(10), "person_id": list("abcdefghij"), "purchased_at": [NOON + n * DAY for n in range(10)]}
    logs = Logs(purchases=pl.DataFrame(rows).with_columns(amount=pl.lit(9)))
    ranks = rfm_quantiles(logs, as_of=NOON + 30 * DAY).sort("person_id")

    assert ranks["recency_rank"].to_list() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert ranks["frequency_rank"].to_list() == [1] * 10


@pytest.mark.parametrize("classes", [1, 101, 5.0, True])
def test_classes_are_a_few(classes: Any) -> None:
    """One class ranks nobody; a fraction and a bool are not a number of classes."""
    with pytest.raises(ArgumentError, match="a whole number from 2 to 100"):
        rfm_quantiles(LEADS, as_of=NOON, classes=classes)


def test_segments_read_well() -> None:
    """Text, rows and a notebook's table say the same; a segment that nobody is in is 0, and a prospect is one."""
    rows = {"id": [1, 2], "person_id": ["a", "a"], "purchased_at": [NOON, NOON + DAY], "amount": [900, 300]}
    leads = pl.DataFrame({"person_id": ["b"], "arrived_at": [NOON]})
    result = segments(Logs(purchases=pl.DataFrame(rows), leads=leads), Policy(), as_of=NOON + 2 * DAY)

    assert str(result).splitlines()[0] == "segment           people   share  purchases  spent  of all money"
    assert str(result).splitlines()[3] == "active                 1  50.0 %          2  1,200       100.0 %"
    assert str(result).splitlines()[11] == "prospect               1  50.0 %          0      0         0.0 %"
    assert result.to_dicts()[2] == {
        "segment": "active",
        "people": 1,
        "share": 0.5,
        "purchases": 2,
        "net_spent": 1200,
        "money": 1.0,
    }
    assert "<td>active</td><td>1</td>" in result._repr_html_()
    assert len(result) == len(Segment)
    priced = segments(Logs(purchases=pl.DataFrame(rows), currency="GBP"), Policy(), as_of=NOON + 2 * DAY)
    assert str(priced).splitlines()[3] == "active                 1  100.0 %          2  GBP 12.00       100.0 %"


def test_where_nothing_was_bought_nobody_has_a_share_of_it() -> None:
    """Nothing divided by nothing is nothing known."""
    result = segments(LEADS, Policy(), as_of=NOON)

    assert result.segments[-1].people == Rate(1, 1)
    assert result.segments[-1].money is None
    assert read(rfm_quantiles(LEADS, as_of=NOON)) == []
