"""Doubt before and after paying: each limit from both sides."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from funnel.facts import Facts
from funnel.policy import Policy
from funnel.rules._next_action import NextAction, next_action
from funnel.rules._rule import Rule
from funnel.rules._trust import (
    Assurance,
    answer_is_late,
    assurance,
    awaits_answer,
    delivery_is_late,
    has_open_complaint,
    has_open_question,
    needs_repair_first,
    repair_is_late,
    was_disappointed,
)
from tests.shop import DAY, TICK, person

POLICY = Policy(
    answer_within=DAY,
    resolve_within=3 * DAY,
    delivery_grace=2 * DAY,
    disappointed_for=30 * DAY,
    low_score=2,
    assurance_percents=(100, 150, 200, 300),
    meeting_percent=500,
    meeting_amount=1000,
)
LOW: dict[str, Any] = {"feedback_count": 1, "last_feedback_score": 2, "since_last_feedback": DAY}


@pytest.mark.parametrize(
    ("rule", "fact"), [(has_open_question, "open_question_count"), (has_open_complaint, "open_complaint_count")]
)
def test_what_is_open_is_open(rule: Rule[Facts, Policy, bool], fact: str) -> None:
    """One question is enough; without a question the rule is false."""
    assert rule(person(), POLICY) is False
    assert rule(person(**{fact: 1}), POLICY) is True


@pytest.mark.parametrize(
    ("rule", "facts", "span", "limit"),
    [
        (answer_is_late, {"open_question_count": 1}, "oldest_open_question", DAY),
        (repair_is_late, {"open_complaint_count": 1}, "oldest_open_complaint", 3 * DAY),
        (delivery_is_late, {"open_promise_count": 1}, "since_promise_was_due", 2 * DAY),
    ],
)
def test_what_is_owed_is_late_beyond_its_limit(
    rule: Rule[Facts, Policy, bool], facts: dict[str, Any], span: str, limit: timedelta
) -> None:
    """At the limit it is in time, one microsecond later it is late; where nothing is owed nothing is late."""
    assert rule(person(**facts, **{span: limit}), POLICY) is False
    assert rule(person(**facts, **{span: limit + TICK}), POLICY) is True
    assert rule(person(), POLICY) is False


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, False),
        (LOW, True),
        ({**LOW, "last_feedback_score": 3}, False),
        ({**LOW, "since_last_feedback": 30 * DAY}, True),
        ({**LOW, "since_last_feedback": 30 * DAY + TICK}, False),
        ({"complaint_count": 1, "open_complaint_count": 1}, True),
        ({"complaint_count": 1, "since_last_resolution": 30 * DAY}, True),
        ({"complaint_count": 1, "since_last_resolution": 30 * DAY + TICK}, False),
    ],
)
def test_a_disappointment_lasts_for_a_while(facts: dict[str, Any], expected: bool) -> None:  # noqa: FBT001 - a case
    """Low feedback or a complaint within the shop's number of days."""
    assert was_disappointed(person(**facts), POLICY) is expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, False),
        ({"open_complaint_count": 1}, True),
        ({"open_promise_count": 1, "since_promise_was_due": 2 * DAY + TICK}, True),
        ({"open_question_count": 1, "oldest_open_question": 9 * DAY}, False),
    ],
)
def test_repair_comes_before_selling(facts: dict[str, Any], expected: bool) -> None:  # noqa: FBT001 - a case
    """An open complaint or late goods; a question is answered, not repaired."""
    assert needs_repair_first(person(**facts), POLICY) is expected


BOUGHT: dict[str, Any] = {"purchase_count": 1, "largest_purchase": 100}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, Assurance.NONE),
        ({"last_quote_amount": 1}, Assurance.TESTIMONIAL),
        ({"last_quote_amount": 1000}, Assurance.TESTIMONIAL),
        ({"last_quote_amount": 1001}, Assurance.MEETING),
        ({"last_quote_amount": 1001, "meeting_count": 1}, Assurance.TESTIMONIAL),
        ({**BOUGHT, "last_quote_amount": 100}, Assurance.NONE),
        ({**BOUGHT, "last_quote_amount": 101}, Assurance.PHOTO),
        ({**BOUGHT, "last_quote_amount": 150}, Assurance.PHOTO),
        ({**BOUGHT, "last_quote_amount": 151}, Assurance.TESTIMONIAL),
        ({**BOUGHT, "last_quote_amount": 200}, Assurance.TESTIMONIAL),
        ({**BOUGHT, "last_quote_amount": 201}, Assurance.CASH_ON_DELIVERY),
        ({**BOUGHT, "last_quote_amount": 300}, Assurance.CASH_ON_DELIVERY),
        ({**BOUGHT, "last_quote_amount": 301}, Assurance.DEPOSIT),
        ({**BOUGHT, "last_quote_amount": 500}, Assurance.DEPOSIT),
        ({**BOUGHT, "last_quote_amount": 501}, Assurance.MEETING),
        ({**BOUGHT, "last_quote_amount": 501, "meeting_count": 1}, Assurance.DEPOSIT),
        ({"purchase_count": 1, "largest_purchase": 900, "last_quote_amount": 1001}, Assurance.MEETING),
        (
            {"purchase_count": 1, "largest_purchase": 900, "last_quote_amount": 1001, "meeting_count": 1},
            Assurance.PHOTO,
        ),
    ],
)
def test_doubt_grows_with_the_sum(facts: dict[str, Any], expected: Assurance) -> None:
    """More is owed the further a sum is above the largest so far; a meeting also above the shop's own limit."""
    assert assurance(person(**facts), POLICY) is expected


@pytest.mark.parametrize(("facts", "expected"), [({}, Assurance.TESTIMONIAL), (BOUGHT, Assurance.MEETING)])
def test_a_shop_without_a_limit_meets_those_who_know_it(facts: dict[str, Any], expected: Assurance) -> None:
    """Without an amount in the policy, only the share of the largest purchase counts."""
    assert assurance(person(last_quote_amount=10**9, **facts), Policy()) is expected


@pytest.mark.parametrize(
    ("facts", "expected", "late"),
    [
        ({}, False, False),
        ({"oldest_open_question": TICK}, True, False),
        ({"oldest_open_question": DAY + TICK}, True, True),
        ({"oldest_open_question": 30 * DAY}, True, True),
        ({"oldest_open_question": 30 * DAY + TICK}, False, False),
        ({"oldest_open_question": 9 * DAY, "since_last_purchase": 9 * DAY}, True, True),
        ({"oldest_open_question": 9 * DAY, "since_last_purchase": 9 * DAY - TICK}, False, False),
        ({"oldest_open_question": 40 * DAY, "newest_open_question": 2 * DAY}, True, True),
        ({"oldest_open_question": 40 * DAY, "newest_open_question": DAY}, True, False),
        ({"oldest_open_question": 9 * DAY, "newest_open_question": DAY, "since_last_purchase": 2 * DAY}, True, False),
        ({"oldest_open_question": 9 * DAY, "newest_open_question": DAY, "since_last_purchase": TICK}, False, False),
    ],
)
def test_a_question_waits_until_it_lapses_or_they_buy(facts: dict[str, Any], expected: bool, late: bool) -> None:  # noqa: FBT001
    """A question without a recorded answer lapses after `question_lapses_after`, and with a purchase after it."""
    oldest = {"newest_open_question": facts["oldest_open_question"], "open_question_count": 2} if facts else {}
    subject = person(**{**oldest, **facts})

    assert has_open_question(subject, POLICY) is bool(facts)
    assert awaits_answer(subject, POLICY) is expected
    assert answer_is_late(subject, POLICY) is late
    assert (next_action(subject, POLICY) is NextAction.ANSWER) is expected
