"""Ready to buy: the points one by one, the bands from both sides, and the guards that come first."""

from __future__ import annotations

from typing import Any

import pytest

from funnel.policy import Policy
from funnel.rules.readiness import Readiness, readiness, readiness_points
from tests.shop import DAY, TICK, person

pytestmark = pytest.mark.no_cover

POLICY = Policy()
FRESH = 14 * DAY - TICK
DUE: dict[str, Any] = {"postponement_count": 1, "since_last_postponement": 9 * DAY, "until_ready": -DAY}


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
        ({"since_said_ready": FRESH}, 60),
        ({"since_said_ready": FRESH + TICK}, 0),
        ({"purchase_count": 1}, 15),
        ({"purchase_count": 2}, 25),
        ({"open_question_count": 1, "oldest_open_question": DAY}, 0),
        ({"open_question_count": 1, "oldest_open_question": DAY + TICK}, -20),
        ({"complaint_count": 1, "since_last_resolution": DAY}, -25),
        ({"purchase_count": 3, "purchase_interval": DAY, "since_last_purchase": 2 * DAY}, 45),
        (DUE, 25),
        ({**DUE, "until_ready": TICK}, 0),
    ],
)
def test_each_sign_has_its_points(facts: dict[str, Any], points: int) -> None:
    """The points of the policy, each where its condition holds and only there."""
    assert readiness_points(person(**facts), POLICY) == points


def test_why_tells_each_part_with_its_points() -> None:
    """The reasons of a score name what was added, the biggest first, and add up to it."""
    why = readiness_points.why(person(since_last_cart=DAY, since_last_visit=DAY, purchase_count=1), POLICY)

    assert why.answer == sum(reason.points for reason in why.reasons) == 40
    assert [reason.points for reason in why.reasons if reason.points] == [20, 15, 5]


BANDS = Policy(said_ready_points=60, cart_points=59, checkout_points=30, visit_points=29, question_points=-5)


@pytest.mark.parametrize(
    ("sign", "points", "expected"),
    [
        ("since_said_ready", 60, Readiness.READY),
        ("since_last_cart", 59, Readiness.WARM),
        ("since_last_checkout", 30, Readiness.WARM),
        ("since_last_visit", 29, Readiness.COLD),
        ("since_last_question", -5, Readiness.COLD),
    ],
)
def test_the_bands_begin_at_their_points(sign: str, points: int, expected: Readiness) -> None:
    """From so many points on, and not with one less."""
    facts = person(inbound_count=1, **{sign: DAY})

    assert readiness_points(facts, BANDS) == points
    assert readiness(facts, BANDS) is expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"has_opted_out": True, "open_complaint_count": 1}, Readiness.LEAVE_ALONE),
        ({"open_complaint_count": 1, **DUE, "until_ready": DAY}, Readiness.REPAIR_FIRST),
        ({**DUE, "until_ready": DAY}, Readiness.NOT_YET),
        ({}, Readiness.UNKNOWN),
        ({"inbound_count": 1}, Readiness.COLD),
        ({"inbound_count": 1, "since_said_ready": DAY}, Readiness.READY),
    ],
)
def test_what_stands_before_the_question_comes_first(facts: dict[str, Any], expected: Readiness) -> None:
    """Left alone, repaired, waited for, unknown: in this order, whatever the points say."""
    assert readiness(person(**facts), POLICY) is expected
