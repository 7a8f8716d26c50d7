"""Where somebody is in buying: what they did lately, after their last purchase, says so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from funnel._rule import Rule
from funnel.facts import Facts
from funnel.policy import Policy
from funnel.rules.buying import Step, buying_step, in_after_sale, is_asking, is_deciding, is_weighing
from tests.shop import DAY, TICK, person

POLICY = Policy(step_lasts=14 * DAY, after_sale_for=30 * DAY)
SIGNS = [
    ("since_last_checkout", Step.DECISION),
    ("since_said_ready", Step.DECISION),
    ("since_last_cart", Step.EVALUATION),
    ("since_last_quote", Step.EVALUATION),
    ("since_last_question", Step.INFORMATION),
    ("since_last_visit", Step.NEED),
    ("since_arrival", Step.NEED),
]


@pytest.mark.parametrize(("sign", "step"), SIGNS)
def test_a_sign_speaks_for_its_step_while_it_is_fresh(sign: str, step: Step) -> None:
    """Until just before `step_lasts`; then it says no more."""
    assert buying_step(person(**{sign: 14 * DAY - TICK}), POLICY) is step
    assert buying_step(person(**{sign: 14 * DAY}), POLICY) is Step.NONE


@pytest.mark.parametrize(("sign", "step"), SIGNS)
def test_a_purchase_uses_up_what_led_to_it(sign: str, step: Step) -> None:
    """A sign before or at the purchase says nothing of the next one; one after it does, unless it is a mere visit."""
    facts = {"purchase_count": 1, "since_last_purchase": 5 * DAY}
    after = Step.AFTER_SALE if step is Step.NEED else step

    assert buying_step(person(**facts, **{sign: 5 * DAY}), POLICY) is Step.AFTER_SALE
    assert buying_step(person(**facts, **{sign: 5 * DAY - TICK}), POLICY) is after


@pytest.mark.parametrize(
    ("signs", "step"),
    [
        ([sign for sign, _ in SIGNS], Step.DECISION),
        ([sign for sign, _ in SIGNS[2:]], Step.EVALUATION),
        ([sign for sign, _ in SIGNS[4:]], Step.INFORMATION),
        ([], Step.NONE),
    ],
)
def test_the_furthest_step_counts(signs: list[str], step: Step) -> None:
    """Who went to pay is deciding, whatever they asked on the way."""
    assert buying_step(person(**dict.fromkeys(signs, DAY)), POLICY) is step


@pytest.mark.parametrize(
    ("rule", "signs"),
    [
        (is_deciding, ["since_last_checkout", "since_said_ready"]),
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
        ({"purchase_count": 0, "since_last_purchase": timedelta(0)}, False),
    ],
)
def test_after_sale_lasts_from_the_purchase_or_the_delivery(facts: dict[str, Any], expected: bool) -> None:  # noqa: FBT001 - a case
    """For exactly `after_sale_for`, and for as long as goods are to come; only of a buyer."""
    assert in_after_sale(person(**facts), POLICY) is expected
