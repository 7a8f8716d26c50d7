"""What to do next: what is owed first, then what may help, and when to stop."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from funnel.policy import Policy
from funnel.rules.follow_up import NextStep, has_refused, is_due_for_follow_up, may_write, next_step
from tests.shop import DAY, TICK, person

POLICY = Policy()
REFUSED: dict[str, Any] = {"refusal_count": 1, "since_last_refusal": 5 * DAY, "since_last_inbound": 5 * DAY}
WAITING: dict[str, Any] = {"postponement_count": 1, "since_last_postponement": 9 * DAY, "until_ready": DAY}
LATE: dict[str, Any] = {"open_promise_count": 1, "since_promise_was_due": TICK}
LAPSED: dict[str, Any] = {"purchase_count": 1, "since_last_purchase": 180 * DAY + TICK}
OVERDUE: dict[str, Any] = {"purchase_count": 3, "purchase_interval": 20 * DAY, "since_last_purchase": 40 * DAY}
CAME: dict[str, Any] = {**OVERDUE, "delivery_count": 1, "since_last_delivery": 7 * DAY}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, False),
        (REFUSED, True),
        ({**REFUSED, "since_last_inbound": 5 * DAY - TICK}, False),
        ({**REFUSED, "since_last_purchase": 5 * DAY + TICK}, True),
        ({**REFUSED, "since_last_purchase": 5 * DAY}, False),
    ],
)
def test_a_no_is_their_last_word_until_they_come_again(facts: dict[str, Any], expected: bool) -> None:  # noqa: FBT001 - a case
    """A word or a purchase after it undoes it."""
    assert has_refused(person(**facts), POLICY) is expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, True),
        ({"has_opted_out": True}, False),
        (REFUSED, False),
        ({"since_last_follow_up": 3 * DAY}, False),
        ({"since_last_follow_up": 3 * DAY + TICK}, True),
        ({"unanswered_follow_up_count": 2}, True),
        ({"unanswered_follow_up_count": 3}, False),
    ],
)
def test_the_shop_does_not_press(facts: dict[str, Any], expected: bool) -> None:  # noqa: FBT001 - a case
    """Not to who asked to be left alone, not too soon again, not too often in vain."""
    assert may_write(person(**facts), POLICY) is expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"open_complaint_count": 1, "open_question_count": 1, "has_opted_out": True}, NextStep.REPAIR),
        ({"open_question_count": 1, **LATE}, NextStep.ANSWER),
        ({**LATE, "has_opted_out": True}, NextStep.TELL_OF_DELAY),
        ({**LATE, "since_promise_was_due": timedelta(0)}, NextStep.NOTHING),
        ({"has_opted_out": True, **WAITING}, NextStep.LEAVE_ALONE),
        ({**REFUSED, **LAPSED}, NextStep.LEAVE_ALONE),
        ({**WAITING, "since_last_checkout": 10 * DAY}, NextStep.WAIT),
        ({**LAPSED, "since_last_follow_up": DAY}, NextStep.WAIT),
        ({"since_last_checkout": DAY}, NextStep.CLOSE_SALE),
        ({**WAITING, "until_ready": timedelta(0)}, NextStep.ASK_AS_PROMISED),
        (CAME, NextStep.ASK_FEEDBACK),
        ({**CAME, "since_last_delivery": 7 * DAY + TICK}, NextStep.REMIND),
        ({**CAME, "since_last_feedback": 7 * DAY + TICK}, NextStep.ASK_FEEDBACK),
        ({**CAME, "since_last_feedback": 7 * DAY}, NextStep.REMIND),
        ({**CAME, "since_last_feedback": 7 * DAY - TICK}, NextStep.REMIND),
        ({"since_last_cart": DAY}, NextStep.FOLLOW_UP),
        ({"since_last_question": DAY}, NextStep.FOLLOW_UP),
        (LAPSED, NextStep.WIN_BACK),
        (OVERDUE, NextStep.REMIND),
        ({"since_last_visit": DAY, "inbound_count": 1}, NextStep.NOTHING),
        ({}, NextStep.NOTHING),
    ],
)
def test_what_is_owed_comes_before_what_is_offered(facts: dict[str, Any], expected: NextStep) -> None:
    """The order of the questions is the order of the shop's duties."""
    idle = {NextStep.NOTHING, NextStep.WAIT, NextStep.LEAVE_ALONE}

    assert next_step(person(**facts), POLICY) is expected
    assert is_due_for_follow_up(person(**facts), POLICY) is (expected not in idle)


def test_every_step_can_be_reached() -> None:
    """No step is named that no path leads to."""
    assert {path.answer for path in next_step.table(POLICY).paths} == {step.value for step in NextStep}
