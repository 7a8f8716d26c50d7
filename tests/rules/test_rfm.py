"""Recency, frequency, money and the segments: each limit from both sides, and every path walked by somebody."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from pydantic import ValidationError

from funnel.policy import Policy
from funnel.rules._rfm import Segment, frequency_score, is_big_spender, monetary_score, recency_score, rfm, segment
from tests.shop import DAY, NOW, TICK, person

POLICY = Policy(
    recency_limits=(10 * DAY, 20 * DAY, 40 * DAY, 80 * DAY),
    frequency_limits=(2, 4, 6, 8),
    monetary_limits=(100, 200, 300, 400),
)
BARE = Policy()


@pytest.mark.parametrize(
    ("silent", "score"),
    [(0 * DAY, 5), *((days * DAY, score) for days, score in ((10, 5), (20, 4), (40, 3), (80, 2), (900, 1)))],
)
def test_a_limit_of_recency_is_passed_only_beyond_it(silent: timedelta, score: int) -> None:
    """Silent for exactly a limit is still within it; a microsecond later is not."""
    assert recency_score(person(purchase_count=1, since_last_purchase=silent), POLICY) == score
    if silent in POLICY.recency_limits:
        assert recency_score(person(purchase_count=1, since_last_purchase=silent + TICK), POLICY) == score - 1


@pytest.mark.parametrize(("count", "score"), [(0, 0), (1, 1), (2, 2), (3, 2), (4, 3), (6, 4), (7, 4), (8, 5), (99, 5)])
def test_a_limit_of_frequency_counts_from_itself_on(count: int, score: int) -> None:
    """The limit itself is enough, one purchase fewer is not; without a purchase the score is 0."""
    assert frequency_score(person(purchase_count=count), POLICY) == score


@pytest.mark.parametrize(("net_spent", "score"), [(0, 1), (99, 1), (100, 2), (399, 4), (400, 5)])
def test_a_limit_of_money_counts_from_itself_on(net_spent: int, score: int) -> None:
    """The limit itself is enough, one unit less is not; without limits the score is 0."""
    assert monetary_score(person(purchase_count=1, net_spent=net_spent), POLICY) == score
    assert monetary_score(person(purchase_count=1, net_spent=net_spent), BARE) == 0
    assert monetary_score(person(), POLICY) == 0


def test_the_three_scores_are_the_digits_of_one_number() -> None:
    """A recent, frequent buyer with a medium amount has 543; without a purchase it is 0."""
    facts = person(purchase_count=6, since_last_purchase=DAY, net_spent=250)

    assert rfm(facts, POLICY) == 543
    assert rfm(person(), POLICY) == 0
    assert rfm(facts, BARE) == 540


def by_table(count: int, silent: timedelta, net_spent: int) -> Segment:
    """The segment as it is read from a table of bands, written apart from the rule."""
    bands = {
        5: (Segment.NEW, Segment.ACTIVE, Segment.LOYAL, Segment.CHAMPION, Segment.CHAMPION),
        4: (Segment.PROMISING, Segment.ACTIVE, Segment.LOYAL, Segment.CHAMPION, Segment.CHAMPION),
        3: (*[Segment.NEEDS_ATTENTION] * 3, Segment.LOYAL, Segment.LOYAL),
        2: (*[Segment.ALMOST_LOST] * 2, *[Segment.AT_RISK] * 3),
        1: (*[Segment.DORMANT] * 2, *[Segment.PREVIOUSLY_LOYAL] * 3),
    }
    if count == 0:
        return Segment.PROSPECT
    recency = 5 - sum(silent > limit for limit in POLICY.recency_limits)
    actual = bands[recency][sum(count >= limit for limit in POLICY.frequency_limits)]
    return Segment.LOYAL if actual is Segment.CHAMPION and net_spent < 400 else actual


COUNTS = (0, 1, 2, 3, 4, 5, 6, 7, 8)
SILENCES = [limit + step for limit in POLICY.recency_limits for step in (-TICK, 0 * TICK, TICK)]


@pytest.mark.parametrize(("count", "net_spent"), list(product(COUNTS, (399, 400))))
def test_a_segment_is_what_the_table_of_bands_says(count: int, net_spent: int) -> None:
    """On both sides of every limit the rule answers as the table does, and can say why."""
    for silent in SILENCES:
        bought = {"since_last_purchase": silent, "net_spent": net_spent} if count else {}
        facts = person(purchase_count=count, **bought)
        assert segment(facts, POLICY) is by_table(count, silent, net_spent)
        assert segment.why(facts, POLICY).answer is by_table(count, silent, net_spent)


def test_every_segment_has_a_witness() -> None:
    """No segment is named that nobody can be in, and no path is closed."""
    witnesses = segment.witnesses(POLICY, as_of=NOW)

    assert {segment(one, POLICY) for one in witnesses} == set(Segment)
    assert len(witnesses) == len(segment.table(POLICY).paths)


def test_without_limits_of_money_nobody_is_kept_out() -> None:
    """A champion is who bought lately and very often; money decides only where the shop has said how much."""
    often: dict[str, Any] = {"purchase_count": 9, "since_last_purchase": DAY, "net_spent": 1}

    assert segment(person(**often), BARE) is Segment.CHAMPION
    assert is_big_spender(person(**often), BARE) is True
    assert is_big_spender(person(**often), POLICY) is False


def test_the_reason_names_the_limit() -> None:
    """The reason names the policy field of the limit."""
    why = segment.why(person(purchase_count=4, since_last_purchase=30 * DAY), POLICY)

    assert str(why.reasons[1]) == "since_last_purchase > recency_limits (20 d) (since_last_purchase is 30 d)"
    assert why.reasons[1].policy_field == "recency_limits"


def test_a_champion_falls_silent_on_a_day_that_is_known() -> None:
    """The day on which somebody needs attention is found from the rule."""
    facts = person(purchase_count=4, since_last_purchase=5 * DAY)

    assert segment.next_change.of(facts, POLICY) == NOW + 15 * DAY + TICK


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"recency_limits": ()}, "must have 4 limits.*got 0"),
        ({"frequency_limits": (2, 3, 4)}, "must have 4 limits.*got 3"),
        ({"frequency_limits": (2, 3, 3, 4)}, "must be above the limit before it"),
        ({"frequency_limits": (1, 2, 3, 4)}, "greater than or equal to 2"),
        ({"monetary_limits": (4, 3, 2, 1)}, "must be above the limit before it"),
        ({"monetary_limits": (0, 1, 2, 3)}, "greater than or equal to 1"),
        ({"recency_limits": (0 * DAY, DAY, 2 * DAY, 3 * DAY)}, "must be a span above zero"),
    ],
)
def test_limits_are_four_and_rise(limits: dict[str, Any], message: str) -> None:
    """Too few limits, limits that do not rise and limits that nobody can miss are refused."""
    with pytest.raises(ValidationError, match=message):
        Policy.model_validate(limits)
