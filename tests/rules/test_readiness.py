"""Ready to buy: the points one by one, the bands from both sides, and the guards that come first."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.policy import Policy
from funnel.rules._readiness import (
    Readiness,
    ability_points,
    expected_wait,
    readiness,
    readiness_points,
    readiness_rank,
    timing_points,
    trust_points,
    willingness_points,
)
from tests.shop import DAY, TICK, person

pytestmark = pytest.mark.no_cover

POLICY = Policy()
FRESH = 14 * DAY - TICK
DUE: dict[str, Any] = {"postponement_count": 1, "since_last_postponement": 9 * DAY, "until_ready": -DAY}


RHYTHM: dict[str, Any] = {"purchase_count": 3, "purchase_interval": 10 * DAY}
ONE_PURCHASE: dict[str, Any] = {"purchase_count": 1, "since_last_purchase": 1000 * DAY}


@pytest.mark.parametrize(
    ("facts", "points"),
    [
        ({}, 0),
        ({"since_last_checkout": FRESH}, 30),
        ({"since_last_checkout": FRESH + TICK}, 0),
        ({"since_last_cart": FRESH}, 20),
        ({"since_last_cart": FRESH + TICK}, 0),
        ({"since_last_question": FRESH}, 15),
        ({"since_last_question": FRESH + TICK}, 0),
        ({"since_last_quote": FRESH}, 15),
        ({"since_last_quote": FRESH + TICK}, 0),
        ({"since_last_visit": FRESH}, 5),
        ({"since_last_visit": FRESH + TICK}, 0),
        ({"since_last_ready_signal": FRESH}, 60),
        ({"since_last_ready_signal": FRESH + TICK}, 0),
        ({"purchase_count": 1}, 0),
        ({"purchase_count": 1, "since_last_purchase": 0 * DAY}, 32),
        ({"purchase_count": 1, "since_last_purchase": 83 * DAY}, 32),
        ({"purchase_count": 1, "since_last_purchase": 83 * DAY + TICK}, 24),
        ({"purchase_count": 1, "since_last_purchase": 1050 * DAY}, 8),
        ({"purchase_count": 1, "since_last_purchase": 1050 * DAY + TICK}, 0),
        ({"purchase_count": 2, "purchase_interval": 20 * DAY, "since_last_purchase": 73 * DAY}, 40),
        ({"purchase_count": 2, "purchase_interval": 20 * DAY, "since_last_purchase": 73 * DAY + TICK}, 32),
        ({**RHYTHM, "since_last_purchase": 4 * DAY}, 48),
        ({**RHYTHM, "purchase_count": 9, "since_last_purchase": DAY}, 64),
        ({**RHYTHM, "purchase_count": 40, "purchase_interval": DAY, "since_last_purchase": DAY}, 72),
        ({"open_question_count": 1, "oldest_open_question": DAY}, 0),
        ({"open_question_count": 1, "oldest_open_question": DAY + TICK}, -20),
        ({"complaint_count": 1, "since_last_resolution": 30 * DAY}, -95),
        ({"complaint_count": 1, "since_last_resolution": 30 * DAY + TICK}, 0),
        ({"last_feedback_score": 2, "since_last_feedback": 30 * DAY}, -95),
        ({"last_feedback_score": 2, "since_last_feedback": 30 * DAY + TICK}, 0),
        ({"last_feedback_score": 3, "since_last_feedback": DAY}, 0),
        ({"timely_delivery_count": 1}, 5),
        ({"meeting_count": 1}, 5),
        ({"last_feedback_score": 4}, 5),
        ({"last_feedback_score": 3}, 0),
        ({"late_delivery_count": 1}, -15),
        ({**DUE, "postponement_count": 2}, 20),
        (DUE, 25),
        ({**DUE, "until_ready": TICK}, 0),
    ],
)
def test_each_sign_has_its_points(facts: dict[str, Any], points: int) -> None:
    """The points of the policy, each where its condition holds and only there."""
    assert readiness_points(person(**facts), POLICY) == points


CLOCKS = Policy(wait_points=0, nearly_due_points=10, due_points=20, likely_lost_points=-20)
"""A shop whose people come like clocks."""


@pytest.mark.parametrize(
    ("facts", "points"),
    [
        ({**RHYTHM, "since_last_purchase": 8 * DAY}, 0),
        ({**RHYTHM, "since_last_purchase": 8 * DAY + TICK}, 10),
        ({**RHYTHM, "since_last_purchase": 15 * DAY}, 10),
        ({**RHYTHM, "since_last_purchase": 15 * DAY + TICK}, 30),
        ({**RHYTHM, "since_last_purchase": 30 * DAY}, 30),
        ({**RHYTHM, "since_last_purchase": 30 * DAY + TICK}, 10),
        ({**RHYTHM, "purchase_count": 2, "since_last_purchase": 40 * DAY}, 0),
    ],
)
def test_a_shop_may_give_points_for_their_own_rhythm(facts: dict[str, Any], points: int) -> None:
    """Near their own time, past it, and so long past it that they may be gone; by default there are none."""
    assert timing_points(person(**facts), CLOCKS) == points


def test_why_tells_each_part_with_its_points() -> None:
    """The reasons of a score name what was added, the biggest first, and add up to it."""
    facts = person(since_last_cart=DAY, since_last_visit=DAY, purchase_count=1, since_last_purchase=1000 * DAY)
    why = readiness_points.why(facts, POLICY)

    assert why.answer == sum(reason.points for reason in why.reasons) == 33
    assert [reason.points for reason in why.reasons if reason.points] == [20, 8, 5]


@pytest.mark.parametrize(
    ("facts", "wait"),
    [
        ({}, None),
        ({"purchase_count": 1, "since_last_purchase": 0 * DAY}, 240 * DAY),
        ({"purchase_count": 1, "since_last_purchase": 150 * DAY}, 390 * DAY),
        ({**RHYTHM, "purchase_count": 2, "since_last_purchase": 30 * DAY}, 155 * DAY),
        ({**RHYTHM, "since_last_purchase": 4 * DAY}, 89.9 * DAY),
        ({**RHYTHM, "purchase_count": 4, "since_last_purchase": 4 * DAY}, 89.9 * DAY),
        ({**RHYTHM, "purchase_count": 6, "since_last_purchase": 10 * DAY}, 66 * DAY),
        ({**RHYTHM, "purchase_count": 9, "since_last_purchase": 10 * DAY}, 45.3 * DAY),
    ],
)
def test_the_expected_wait_mixes_the_own_interval_with_the_usual_one(facts: dict[str, Any], wait: Any) -> None:
    """The more purchases, the more the own interval counts; the silence is added."""
    assert expected_wait(person(**facts), POLICY) == wait


def test_a_limit_of_many_purchases_fits_the_columns() -> None:
    """A shop may name limits of thousands: from there on, only the own interval counts."""
    facts = person(purchase_count=5_000, purchase_interval=DAY, since_last_purchase=DAY)

    assert expected_wait(facts, Policy(frequency_limits=(2, 3, 5, 9_000))) == 49.8 * DAY
    assert expected_wait(facts, Policy(frequency_limits=(2, 3, 5, 5_000))) == 2 * DAY


def test_ranks_put_points_first_then_the_wait_then_the_last_contact() -> None:
    """A buyer of the same points with the shorter wait comes first; people without a purchase come by their contact."""
    facts: list[dict[str, Any]] = [
        {"since_last_inbound": 9 * DAY},
        {"since_last_inbound": 8 * DAY, "since_arrival": 9 * DAY},
        {"since_last_inbound": 8 * DAY, "since_arrival": 2 * DAY},
        {"purchase_count": 1, "since_last_purchase": 1900 * DAY},
        {"purchase_count": 1, "since_last_purchase": 20 * DAY + 1000 * TICK * 1000},
        {"purchase_count": 1, "since_last_purchase": 20 * DAY},
        {"since_last_checkout": DAY, "since_last_visit": DAY},
    ]
    ranks = [readiness_rank(person(**one), POLICY) for one in facts]

    assert ranks == sorted(set(ranks))
    assert [-(-rank // 10**11) for rank in ranks] == [readiness_points(person(**one), POLICY) for one in facts]


@given(st.integers(0, 99), *3 * [st.integers(0, 10**15)])
def test_ranks_never_contradict_the_points(purchases: int, interval: int, silence: int, contact: int) -> None:
    """Whoever has more points has the higher rank, whatever else is known."""
    facts = person(
        purchase_count=purchases,
        since_last_inbound=contact * TICK,
        **({"since_last_purchase": silence * TICK} if purchases > 0 else {}),
        **({"purchase_interval": interval * TICK} if purchases > 1 else {}),
    )
    rank, points = readiness_rank(facts, POLICY), readiness_points(facts, POLICY)

    assert 10**11 * (points - 1) < rank <= 10**11 * points


BANDS = Policy(quote_points=60, cart_points=59, checkout_points=30, visit_points=29, question_points=-5)


@pytest.mark.parametrize(
    ("sign", "points", "expected"),
    [
        ("since_last_quote", 60, Readiness.READY),
        ("since_last_cart", 59, Readiness.WARM),
        ("since_last_checkout", 30, Readiness.WARM),
        ("since_last_visit", 29, Readiness.COLD),
        ("since_last_question", -5, Readiness.COLD),
    ],
)
def test_the_bands_begin_at_their_points(sign: str, points: int, expected: Readiness) -> None:
    """The limit itself is enough; one point less is not."""
    facts = person(inbound_count=1, **{sign: DAY})

    assert readiness_points(facts, BANDS) == points
    assert readiness(facts, BANDS) is expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"has_opted_out": True, "open_complaint_count": 1}, Readiness.REPAIR_FIRST),
        ({"since_last_ready_signal": FRESH, "open_complaint_count": 1}, Readiness.REPAIR_FIRST),
        ({"since_last_ready_signal": FRESH, "has_opted_out": True, "since_last_opt_out": 15 * DAY}, Readiness.READY),
        ({"since_last_ready_signal": FRESH, "has_opted_out": True, "since_last_opt_out": DAY}, Readiness.LEAVE_ALONE),
        (
            {"since_last_ready_signal": FRESH, **DUE, "since_last_postponement": 15 * DAY, "until_ready": DAY},
            Readiness.READY,
        ),
        ({"has_opted_out": True, **DUE, "until_ready": DAY}, Readiness.LEAVE_ALONE),
        ({"open_complaint_count": 1, **DUE, "until_ready": DAY}, Readiness.REPAIR_FIRST),
        ({"open_promise_count": 1, "since_promise_was_due": TICK}, Readiness.REPAIR_FIRST),
        ({"open_promise_count": 1, "since_promise_was_due": 0 * DAY}, Readiness.UNKNOWN),
        ({**DUE, "until_ready": DAY}, Readiness.NOT_YET),
        ({}, Readiness.UNKNOWN),
        ({"inbound_count": 1}, Readiness.COLD),
        ({"inbound_count": 1, "since_last_ready_signal": DAY}, Readiness.READY),
    ],
)
def test_what_stands_before_the_question_comes_first(facts: dict[str, Any], expected: Readiness) -> None:
    """Left alone, repaired, waited for, unknown: in this order, whatever the points say."""
    assert readiness(person(**facts), POLICY) is expected


def test_the_points_are_the_sum_of_four_parts() -> None:
    """Able, willing, trusting, their time: each a rule of its own, and nothing else is added."""
    facts = person(**RHYTHM, **DUE, since_last_purchase=16 * DAY, since_last_cart=DAY, meeting_count=1)
    parts = [rule(facts, POLICY) for rule in (ability_points, willingness_points, trust_points, timing_points)]

    assert parts == [25, 20, 5, 48]
    assert readiness_points(facts, POLICY) == sum(parts)


def test_why_somebody_is_ready_tells_what_speaks_for_it_and_against() -> None:
    """The parts that add something, biggest first, each with its number of the policy; then what was asked first."""
    facts = person(inbound_count=1, since_last_cart=DAY, since_last_visit=DAY, late_delivery_count=1, **ONE_PURCHASE)
    why = readiness.why(facts, POLICY)

    assert why.answer is Readiness.COLD
    assert [(reason.points, reason.points_field) for reason in why.reasons if reason.points] == [
        (20, "cart_points"),
        (-15, "late_points"),
        (8, "wait_points"),
        (5, "visit_points"),
    ]
    assert "points < warm_points (30) (points is 18)" in [str(reason) for reason in why.reasons]


def test_one_disappointment_outweighs_all_that_went_well() -> None:
    """The points for a disappointment are more than all good turns together give."""
    good = len(POLICY.wait_limits) * POLICY.wait_points + 3 * POLICY.good_turn_points

    assert -POLICY.low_feedback_points > good
