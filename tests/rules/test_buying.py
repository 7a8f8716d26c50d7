"""Buying phases: recent actions after the last purchase indicate the phase."""

from __future__ import annotations

from typing import Any

import pytest

from funnel.facts import Facts
from funnel.policy import Policy
from funnel.rules._buying import BuyingPhase, buying_phase, in_after_sale, is_asking, is_deciding, is_weighing
from funnel.rules._rule import Rule
from tests.shop import DAY, TICK, person

POLICY = Policy(phase_lasts=14 * DAY, after_sale_for=30 * DAY)
SIGNS = [
    ("since_last_checkout", BuyingPhase.DECISION),
    ("since_last_ready_signal", BuyingPhase.DECISION),
    ("since_last_cart", BuyingPhase.EVALUATION),
    ("since_last_quote", BuyingPhase.EVALUATION),
    ("since_last_question", BuyingPhase.INFORMATION),
    ("since_last_visit", BuyingPhase.NEED),
    ("since_arrival", BuyingPhase.NEED),
]


@pytest.mark.parametrize(("sign", "step"), SIGNS)
def test_a_sign_speaks_for_its_step_while_it_is_fresh(sign: str, step: BuyingPhase) -> None:
    """Until just before `phase_lasts`; then it says no more."""
    assert buying_phase(person(**{sign: 14 * DAY - TICK}), POLICY) is step
    assert buying_phase(person(**{sign: 14 * DAY}), POLICY) is BuyingPhase.NONE


@pytest.mark.parametrize(("sign", "step"), SIGNS)
def test_a_purchase_uses_up_what_led_to_it(sign: str, step: BuyingPhase) -> None:
    """A sign before or at the purchase says nothing of the next one; one after it does, unless it is a mere visit."""
    facts = {"purchase_count": 1, "since_last_purchase": 5 * DAY}
    after = BuyingPhase.AFTER_SALE if step is BuyingPhase.NEED else step

    assert buying_phase(person(**facts, **{sign: 5 * DAY}), POLICY) is BuyingPhase.AFTER_SALE
    assert buying_phase(person(**facts, **{sign: 5 * DAY - TICK}), POLICY) is after


@pytest.mark.parametrize(
    ("signs", "step"),
    [
        ([sign for sign, _ in SIGNS], BuyingPhase.DECISION),
        ([sign for sign, _ in SIGNS[2:]], BuyingPhase.EVALUATION),
        ([sign for sign, _ in SIGNS[4:]], BuyingPhase.INFORMATION),
        ([], BuyingPhase.NONE),
    ],
)
def test_the_furthest_step_counts(signs: list[str], step: BuyingPhase) -> None:
    """A person with a checkout is deciding, whatever else the person asked."""
    assert buying_phase(person(**dict.fromkeys(signs, DAY)), POLICY) is step


@pytest.mark.parametrize(
    ("rule", "signs"),
    [
        (is_deciding, ["since_last_checkout", "since_last_ready_signal"]),
        (is_weighing, ["since_last_cart", "since_last_quote"]),
        (is_asking, ["since_last_question"]),
    ],
)
def test_each_step_has_its_question(rule: Rule[Facts, Policy, bool], signs: list[str]) -> None:
    """Each of its signs is enough, and no other sign is."""
    for sign, _ in SIGNS:
        assert rule(person(**{sign: DAY}), POLICY) is (sign in signs)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, False),
        ({"purchase_count": 1, "since_last_purchase": 30 * DAY}, True),
        ({"purchase_count": 1, "since_last_purchase": 30 * DAY + TICK}, False),
        ({"purchase_count": 1, "since_last_purchase": 90 * DAY, "since_last_delivery": 30 * DAY}, True),
        ({"purchase_count": 1, "since_last_purchase": 90 * DAY, "since_last_delivery": 30 * DAY + TICK}, False),
        ({"purchase_count": 1, "since_last_purchase": 90 * DAY, "open_promise_count": 1}, True),
        ({"purchase_count": 0, "since_last_delivery": DAY}, False),
    ],
)
def test_after_sale_lasts_from_the_purchase_or_the_delivery(facts: dict[str, Any], expected: bool) -> None:  # noqa: FBT001 - a case
    """For exactly `after_sale_for`, and for as long as goods are to come; only of a buyer."""
    assert in_after_sale(person(**facts), POLICY) is expected
