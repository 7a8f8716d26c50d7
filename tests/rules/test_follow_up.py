"""The next action: owed actions first, then helpful actions, and the contact limits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel import Facts, History, Money, Purchase
from funnel.interactions import Question
from funnel.policy import Policy
from funnel.rules._next_action import (
    NextAction,
    can_contact,
    has_declined,
    has_replied,
    is_due_for_follow_up,
    next_action,
    since_due,
    value_at_stake,
)
from tests.shop import DAY, NOW, TICK, person

POLICY = Policy()
REFUSED: dict[str, Any] = {"decline_count": 1, "since_last_decline": 5 * DAY, "since_last_inbound": 5 * DAY}
WAITING: dict[str, Any] = {"postponement_count": 1, "since_last_postponement": 9 * DAY, "until_ready": DAY}
LATE: dict[str, Any] = {"open_promise_count": 1, "since_promise_was_due": TICK}
LAPSED: dict[str, Any] = {"purchase_count": 1, "since_last_purchase": 180 * DAY + TICK}
OVERDUE: dict[str, Any] = {"purchase_count": 3, "purchase_interval": 20 * DAY, "since_last_purchase": 40 * DAY}
REPLIED: dict[str, Any] = {"since_last_ready_signal": 5 * DAY, "since_last_inbound": 5 * DAY}
LARGE: dict[str, Any] = {
    "purchase_count": 1,
    "largest_purchase": 100,
    "last_quote_amount": 501,
    "since_last_quote": DAY,
    "since_last_purchase": 20 * DAY,
}
DELIVERED: dict[str, Any] = {**OVERDUE, "delivery_count": 1, "since_last_delivery": 7 * DAY}
RATED: dict[str, Any] = {"purchase_count": 1, "since_last_purchase": DAY, "since_last_feedback": DAY}


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
    assert has_declined(person(**facts), POLICY) is expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, True),
        ({"has_opted_out": True}, False),
        (REFUSED, False),
        ({"since_last_follow_up": 3 * DAY}, False),
        ({"since_last_follow_up": 3 * DAY + TICK}, True),
        ({"since_last_follow_up": 4 * DAY, "since_second_last_follow_up": 7 * DAY}, False),
        ({"since_last_follow_up": 4 * DAY, "since_second_last_follow_up": 7 * DAY + TICK}, True),
        ({"unanswered_follow_up_count": 2}, True),
        ({"unanswered_follow_up_count": 3}, False),
    ],
)
def test_the_shop_does_not_press(facts: dict[str, Any], expected: bool) -> None:  # noqa: FBT001 - a case
    """Not to who asked to be left alone, not too soon again, not too often in vain."""
    assert can_contact(person(**facts), POLICY) is expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"open_complaint_count": 1, "open_question_count": 1, "has_opted_out": True}, NextAction.REPAIR),
        ({"open_question_count": 1, "oldest_open_question": TICK, **LATE}, NextAction.ANSWER),
        ({**LATE, "has_opted_out": True}, NextAction.TELL_OF_DELAY),
        ({**LATE, "since_promise_was_due": timedelta(0)}, NextAction.NOTHING),
        ({"has_opted_out": True, **WAITING}, NextAction.LEAVE_ALONE),
        ({**REFUSED, **LAPSED}, NextAction.LEAVE_ALONE),
        ({**WAITING, "since_last_checkout": 10 * DAY}, NextAction.WAIT),
        ({**LAPSED, "since_last_follow_up": DAY}, NextAction.WAIT),
        ({"since_last_checkout": DAY}, NextAction.CLOSE_SALE),
        ({**WAITING, "until_ready": timedelta(0)}, NextAction.ASK_AS_PROMISED),
        (DELIVERED, NextAction.ASK_FEEDBACK),
        ({**DELIVERED, "since_last_delivery": 7 * DAY + TICK}, NextAction.REMIND),
        ({**DELIVERED, "since_last_feedback": 7 * DAY + TICK}, NextAction.ASK_FEEDBACK),
        ({**DELIVERED, "since_last_feedback": 7 * DAY}, NextAction.REMIND),
        ({**DELIVERED, "since_last_feedback": 7 * DAY - TICK}, NextAction.REMIND),
        ({**DELIVERED, "since_last_follow_up": 7 * DAY + TICK}, NextAction.ASK_FEEDBACK),
        ({**DELIVERED, "since_last_follow_up": 7 * DAY}, NextAction.REMIND),
        ({**REPLIED, **REFUSED, "since_last_decline": 6 * DAY}, NextAction.CLOSE_SALE),
        ({**REPLIED, "has_opted_out": True, "since_last_opt_out": 6 * DAY}, NextAction.CLOSE_SALE),
        ({**REPLIED, "has_opted_out": True, "since_last_opt_out": 5 * DAY}, NextAction.LEAVE_ALONE),
        ({**REPLIED, "since_last_follow_up": TICK}, NextAction.CLOSE_SALE),
        ({**REPLIED, **LARGE}, NextAction.MEET),
        (LARGE, NextAction.MEET),
        ({**LARGE, "last_quote_amount": 500}, NextAction.FOLLOW_UP),
        ({**LARGE, "meeting_count": 1}, NextAction.FOLLOW_UP),
        ({**LARGE, "since_last_quote": 14 * DAY, "since_last_purchase": 20 * DAY}, NextAction.NOTHING),
        ({"since_last_cart": DAY}, NextAction.FOLLOW_UP),
        ({"since_last_quote": DAY, "last_quote_amount": 9}, NextAction.FOLLOW_UP),
        ({"since_last_question": DAY}, NextAction.FOLLOW_UP),
        (
            {"since_last_cart": 6 * DAY, "since_last_follow_up": 5 * DAY, "since_last_inbound": 5 * DAY},
            NextAction.FOLLOW_UP,
        ),
        (
            {"since_last_cart": 6 * DAY, "since_last_follow_up": 5 * DAY, "since_last_inbound": 4 * DAY},
            NextAction.NOTHING,
        ),
        (
            {"since_last_cart": 4 * DAY, "since_last_follow_up": 5 * DAY, "since_last_inbound": 4 * DAY},
            NextAction.FOLLOW_UP,
        ),
        (
            {"since_last_cart": 5 * DAY, "since_last_follow_up": 5 * DAY, "since_last_inbound": 4 * DAY},
            NextAction.NOTHING,
        ),
        ({"purchase_count": 1, "since_last_purchase": 7 * DAY}, NextAction.THANK),
        ({**RATED, "since_last_delivery": DAY + TICK}, NextAction.THANK),
        ({**RATED, "since_last_delivery": DAY}, NextAction.NOTHING),
        ({"purchase_count": 1, "since_last_purchase": 7 * DAY + TICK}, NextAction.NOTHING),
        ({"purchase_count": 1, "since_last_purchase": 5 * DAY, "since_last_follow_up": 5 * DAY}, NextAction.NOTHING),
        ({"purchase_count": 1, "since_last_purchase": 30 * DAY}, NextAction.NOTHING),
        ({"purchase_count": 1, "since_last_purchase": 30 * DAY + TICK}, NextAction.OFFER_NEXT),
        ({"purchase_count": 2, "since_last_purchase": 31 * DAY, "since_last_follow_up": 30 * DAY}, NextAction.NOTHING),
        ({**OVERDUE, "since_last_purchase": 16 * DAY}, NextAction.NOTHING),
        ({**OVERDUE, "since_last_purchase": 16 * DAY + TICK}, NextAction.OFFER_NEXT),
        ({**OVERDUE, "since_last_purchase": 17 * DAY, "since_last_follow_up": 30 * DAY}, NextAction.NOTHING),
        ({**OVERDUE, "purchase_interval": 90 * DAY}, NextAction.NOTHING),
        ({**OVERDUE, "since_last_purchase": 30 * DAY}, NextAction.OFFER_NEXT),
        ({**OVERDUE, "since_last_purchase": 30 * DAY + TICK}, NextAction.REMIND),
        ({**LAPSED, "since_last_follow_up": 40 * DAY, "since_last_inbound": 30 * DAY}, NextAction.NOTHING),
        ({**LAPSED, "since_last_follow_up": 40 * DAY, "since_last_inbound": 30 * DAY + TICK}, NextAction.WIN_BACK),
        (LAPSED, NextAction.WIN_BACK),
        (OVERDUE, NextAction.REMIND),
        ({"since_last_visit": DAY, "inbound_count": 1}, NextAction.NOTHING),
        ({}, NextAction.NOTHING),
    ],
)
def test_what_is_owed_comes_before_what_is_offered(facts: dict[str, Any], expected: NextAction) -> None:
    """The order of the questions is the order of the shop's duties."""
    idle = {NextAction.NOTHING, NextAction.WAIT, NextAction.LEAVE_ALONE}

    assert next_action(person(**facts), POLICY) is expected
    assert is_due_for_follow_up(person(**facts), POLICY) is (expected not in idle)


@pytest.mark.parametrize(
    ("facts", "due"),
    [
        ({"open_complaint_count": 1, "oldest_open_complaint": 4 * DAY}, 4 * DAY),
        ({"open_question_count": 1, "oldest_open_question": 2 * DAY}, 2 * DAY),
        ({**LATE, "since_promise_was_due": 3 * DAY}, 3 * DAY),
        (REPLIED, 5 * DAY),
        (LARGE, DAY),
        ({"since_last_checkout": DAY}, DAY),
        ({**WAITING, "until_ready": timedelta(0)}, timedelta(0)),
        ({**WAITING, "until_ready": -2 * DAY}, 2 * DAY),
        (DELIVERED, 7 * DAY),
        ({"since_last_cart": DAY}, DAY),
        ({"purchase_count": 1, "since_last_purchase": DAY}, DAY),
        (LAPSED, TICK),
        (OVERDUE, 10 * DAY),
        ({**OVERDUE, "since_last_purchase": 16 * DAY + TICK}, TICK),
        ({"purchase_count": 1, "since_last_purchase": 31 * DAY}, DAY),
        (WAITING, None),
        ({"has_opted_out": True}, None),
        ({}, None),
    ],
)
def test_a_step_is_due_since_there_was_reason_for_it(facts: dict[str, Any], due: timedelta | None) -> None:
    """From the question, the promised day, the end of the postponement, the limit that was passed; or not at all."""
    assert since_due(person(**facts), POLICY) == due


def test_a_delay_is_told_from_the_end_of_the_grace_on() -> None:
    """The shop gives the carrier some days; what is owed is owed from then on."""
    late, policy = person(**{**LATE, "since_promise_was_due": 3 * DAY}), Policy(delivery_grace=2 * DAY)

    assert next_action(late, policy) is NextAction.TELL_OF_DELAY
    assert since_due(late, policy) == DAY


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, False),
        ({"since_last_inbound": DAY}, True),
        ({"since_last_inbound": DAY, "since_last_follow_up": DAY}, False),
        ({"since_last_inbound": 30 * DAY, "since_last_follow_up": 40 * DAY}, True),
        ({"since_last_inbound": 30 * DAY + TICK, "since_last_follow_up": 40 * DAY}, False),
    ],
)
def test_a_reply_comes_after_the_follow_up(facts: dict[str, Any], expected: bool) -> None:  # noqa: FBT001 - a case
    """And holds for as long as they are not quiet."""
    assert has_replied(person(**facts), POLICY) is expected


@pytest.mark.parametrize(
    ("facts", "value"),
    [
        ({}, None),
        ({"last_quote_amount": 70, "since_last_quote": 14 * DAY - TICK}, 70),
        ({"last_quote_amount": 70, "since_last_quote": 14 * DAY}, None),
        ({"purchase_count": 2, "average_purchase": 30, "since_last_purchase": 9 * DAY}, 30),
        ({**LARGE, "average_purchase": 30}, 501),
        ({**LARGE, "average_purchase": 30, "since_last_purchase": DAY}, 30),
    ],
)
def test_what_is_at_stake_is_the_price_they_were_told_or_what_they_pay(
    facts: dict[str, Any], value: int | None
) -> None:
    """The value is a recent quote, else the average purchase, else None and not 0."""
    assert value_at_stake(person(**facts), POLICY) == value


def test_the_cap_counts_as_many_contacts_as_the_policy_says() -> None:
    """One, two or three within the span; the last microsecond of the span still counts."""
    often = person(
        since_last_follow_up=4 * DAY, since_second_last_follow_up=8 * DAY, since_third_last_follow_up=12 * DAY
    )

    assert [can_contact(often, Policy(max_contacts=most, contact_window=8 * DAY)) for most in (1, 2, 3)] == [
        False,
        False,
        True,
    ]
    assert not can_contact(often, Policy(max_contacts=3, contact_window=12 * DAY))
    assert can_contact(often, Policy(max_contacts=3, contact_window=12 * DAY - TICK))


def test_a_sum_that_is_large_in_itself_asks_for_a_meeting() -> None:
    """A meeting is needed above the amount of the policy, not at it; without an amount, never for this reason."""
    quoted = [person(last_quote_amount=amount, since_last_quote=DAY) for amount in (70, 71)]
    owed = [NextAction.FOLLOW_UP, NextAction.MEET]

    assert [next_action(one, Policy(meeting_amount=70)) for one in quoted] == owed
    assert [next_action(one, POLICY) for one in quoted] == [NextAction.FOLLOW_UP] * 2


@pytest.mark.parametrize(("grace", "expected"), [(DAY, NextAction.NOTHING), (DAY - TICK, NextAction.TELL_OF_DELAY)])
def test_goods_are_late_after_the_grace(grace: timedelta, expected: NextAction) -> None:
    """One day after the promise, the goods are late with less than one day of grace only."""
    late = person(open_promise_count=1, since_promise_was_due=DAY)

    assert next_action(late, Policy(delivery_grace=grace)) is expected


def test_every_step_can_be_reached() -> None:
    """No step is named that no path leads to."""
    assert {path.answer for path in next_action.table(POLICY).paths} == {step.value for step in NextAction}


@given(
    questions=st.lists(st.integers(0, 70), max_size=5, unique=True),
    bought=st.lists(st.integers(0, 70), max_size=2, unique=True),
)
def test_an_answer_is_due_from_the_oldest_question_that_waits(questions: list[int], bought: list[int]) -> None:
    """Question by question: it waits for 30 days, unless they bought after it; of three the middle one is skipped."""
    records = [
        *(Question(id=f"q{day}", person_id="p1", occurred_at=NOW - day * DAY) for day in questions),
        *(
            Purchase(id=f"b{day}", person_id="p1", purchased_at=NOW - day * DAY, amount=Money(5, "USD"))
            for day in bought
        ),
    ]
    facts = Facts.of(History.of("p1", records), as_of=NOW)
    waiting = [day for day in questions if day <= 30 and not any(later < day for later in bought)]

    assert (next_action(facts, POLICY) is NextAction.ANSWER) is bool(waiting)
    if waiting:
        oldest = max(waiting) if max(waiting) == max(questions) or len(questions) < 3 else min(questions)
        assert since_due(facts, POLICY) == oldest * DAY
