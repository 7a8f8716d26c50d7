"""Facts of one person: each definition as a case, on both sides of its start."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from funnel.facts import Facts
from funnel.interactions import (
    Answer,
    Checkout,
    Complaint,
    Declined,
    DeclineReason,
    Delivery,
    Feedback,
    FollowUp,
    Meeting,
    OptOut,
    Postponement,
    PostponementReason,
    Question,
    Quote,
    ReadySignal,
    Resolution,
    View,
    Visit,
)
from funnel.records import Lead, Record
from tests.shop import DAY, NOW, TICK, bought, did, facts_of, refunded, usd

A, B, C = NOW - 30 * DAY, NOW - 20 * DAY, NOW - 10 * DAY
POSTPONED = did(Postponement, "p", B, reason="payday", until=NOW + DAY, latest=NOW + 3 * DAY)
LATER = did(Postponement, "q", C, reason=PostponementReason.NO_MONEY, until=NOW)

CASES: dict[str, tuple[list[Record], dict[str, Any]]] = {
    "nobody": ([], {"purchase_count": 0, "net_spent": 0, "last_purchase_at": None, "last_interaction_kind": None}),
    "arrived": (
        [
            Lead(person_id="p1", arrived_at=B, source="fair", campaign="may", referred_by="p2"),
            Lead(person_id="p1", arrived_at=A, source="web", campaign="june"),
        ],
        {
            "arrived_at": A,
            "since_arrival": 30 * DAY,
            "lead_count": 2,
            "lead_source": "web",
            "campaign": "june",
            "was_referred": True,
            "referral_count": 0,
        },
    ),
    "sent two friends": (
        [Lead(person_id=friend, arrived_at=at, referred_by="p1") for friend in ("p2", "p3") for at in (A, B)],
        {"referral_count": 2, "lead_count": 0, "arrived_at": None},
    ),
    "bought once": (
        [bought("1", B)],
        {
            "order_count": 1,
            "purchase_count": 1,
            "first_purchase_at": B,
            "last_purchase_at": B,
            "since_first_purchase": 20 * DAY,
            "since_last_purchase": 20 * DAY,
            "purchase_interval": None,
            "gap_before_last_purchase": timedelta(0),
            "net_spent": 9,
            "average_purchase": 9,
            "largest_purchase": 9,
            "last_purchase_amount": 9,
        },
    ),
    "bought thrice": (
        [bought("3", NOW, 5), bought("1", A, 1), bought("2", A + DAY, 10)],
        {
            "purchase_count": 3,
            "first_purchase_at": A,
            "purchase_interval": 15 * DAY,
            "gap_before_last_purchase": 29 * DAY,
            "net_spent": 16,
            "average_purchase": 5,
            "largest_purchase": 10,
            "last_purchase_amount": 5,
        },
    ),
    "a tie goes to the greater number": (
        [bought("2", B, 7), bought("1", B, 5)],
        {"purchase_count": 2, "occasion_count": 1, "last_purchase_amount": 7, "purchase_interval": None},
    ),
    "an order of nothing is not a purchase": (
        [bought("1", B, 0)],
        {"order_count": 1, "purchase_count": 0, "last_purchase_at": None},
    ),
    "partly refunded": (
        [bought("1", A), refunded("r", "1", C, 4)],
        {"purchase_count": 1, "net_spent": 5, "refunded": 4, "refund_count": 1, "last_purchase_at": A},
    ),
    "wholly refunded": (
        [bought("1", A), refunded("r", "1", C, 4), refunded("s", "1", NOW, 5)],
        {
            "purchase_count": 0,
            "net_spent": 0,
            "refunded": 9,
            "refund_count": 2,
            "order_count": 1,
            "last_purchase_at": None,
        },
    ),
    "refunded at the instant of the purchase": (
        [bought("1", A), refunded("r", "1", A)],
        {"purchase_count": 0, "net_spent": 0, "order_count": 1, "since_last_refund": 30 * DAY},
    ),
    "a refund is not a purchase": (
        [bought("1", A), bought("2", B), refunded("r", "2", C)],
        {"purchase_count": 1, "last_purchase_at": A, "purchase_interval": None, "net_spent": 9},
    ),
    "cancelled": (
        [bought("1", A, status="cancelled")],
        {"purchase_count": 0, "order_count": 1, "cancellation_count": 1, "net_spent": 0},
    ),
    "cancelled some day": (
        [bought("1", A, status="cancelled", cancelled_at=NOW)],
        {"purchase_count": 0, "cancellation_count": 1},
    ),
    "cancelled in days to come": (
        [bought("1", A, status="cancelled", cancelled_at=NOW + TICK)],
        {"purchase_count": 1, "cancellation_count": 0},
    ),
    "in a promotion": (
        [bought("1", A, promotion="launch"), bought("2", B)],
        {"promoted_purchase_count": 1, "first_purchase_was_promoted": True},
    ),
    "after a promotion": (
        [bought("1", A), bought("2", B, promotion="launch")],
        {"promoted_purchase_count": 1, "first_purchase_was_promoted": False},
    ),
    "came and looked": (
        [did(Visit, "1", A), did(View, "2", B), did(Quote, "3", C, amount=usd(70)), did(Meeting, "4", NOW)],
        {
            "inbound_count": 3,
            "view_count": 1,
            "since_last_visit": 20 * DAY,
            "since_last_inbound": timedelta(0),
            "since_last_outbound": 10 * DAY,
            "last_quote_amount": 70,
            "since_last_quote": 10 * DAY,
            "meeting_count": 1,
            "last_interaction_at": NOW,
            "last_interaction_kind": "meeting",
            "last_interaction_direction": "in",
        },
    ),
    "a question comes before its answer at one instant": (
        [did(Answer, "2", B, question_id="1"), did(Question, "1", B)],
        {"last_interaction_kind": "answer", "question_count": 1, "open_question_count": 0},
    ),
    "went to pay": ([did(Checkout, "1", B)], {"since_last_checkout": 20 * DAY, "last_quote_amount": 0}),
    "not yet": (
        [POSTPONED],
        {
            "postponement_count": 1,
            "since_last_postponement": 20 * DAY,
            "postponed_until": NOW + DAY,
            "until_ready": DAY,
            "until_ready_at_latest": 3 * DAY,
            "postponement_reason": "payday",
        },
    ),
    "not yet, again": (
        [LATER, POSTPONED, did(ReadySignal, "r", NOW)],
        {
            "postponement_count": 2,
            "postponed_until": NOW,
            "until_ready": timedelta(0),
            "until_ready_at_latest": timedelta(0),
            "postponement_reason": "no_money",
            "since_last_ready_signal": timedelta(0),
        },
    ),
    "asked twice, answered once": (
        [did(Question, "1", A), did(Question, "2", B), did(Answer, "a", C, question_id="1")],
        {"question_count": 2, "open_question_count": 1, "oldest_open_question": 20 * DAY},
    ),
    "everything answered": (
        [did(Question, "1", A), did(Answer, "a", NOW, question_id="1")],
        {"open_question_count": 0, "oldest_open_question": None, "since_last_question": 30 * DAY},
    ),
    "answered, and how fast": (
        [
            did(Question, "1", A),
            did(Question, "2", B),
            did(Question, "3", C),
            did(Answer, "b", B + DAY, question_id="2"),
            did(Answer, "a", C, question_id="1"),
            did(Answer, "c", NOW, question_id="1"),
        ],
        {
            "reply_count": 2,
            "first_reply_time": DAY,
            "last_reply_time": 20 * DAY,
            "average_reply_time": 10 * DAY + 12 * timedelta(hours=1),
            "open_question_count": 1,
        },
    ),
    "never answered": (
        [did(Question, "1", A)],
        {"reply_count": 0, "first_reply_time": None, "last_reply_time": None, "average_reply_time": None},
    ),
    "where is it": (
        [
            bought("1", A, promised_at=C),
            bought("2", A),
            did(Delivery, "d", C, purchase_id="1"),
            did(Question, "0", A - TICK),
            did(Question, "1", A),
            did(Question, "2", C - TICK),
            did(Question, "3", C),
        ],
        {"delivery_question_count": 2, "question_count": 4},
    ),
    "a question of goods that were given back": (
        [bought("1", A, promised_at=C), refunded("r", "1", B), did(Question, "1", B)],
        {"delivery_question_count": 0},
    ),
    "complained again of the same purchase": (
        [
            bought("1", A),
            did(Complaint, "1", A, purchase_id="1"),
            did(Complaint, "2", B, purchase_id="1"),
            did(Resolution, "r", B, complaint_id="1"),
            did(Complaint, "3", B + TICK, purchase_id="1"),
            did(Complaint, "4", NOW),
            did(Resolution, "s", NOW, complaint_id="3"),
        ],
        {
            "complaint_count": 4,
            "resolved_complaint_count": 2,
            "reopened_complaint_count": 1,
            "average_repair_time": 15 * DAY - TICK,
            "open_complaint_count": 2,
        },
    ),
    "complained": (
        [did(Complaint, "1", A), did(Complaint, "2", B), did(Resolution, "r", C, complaint_id="1")],
        {
            "complaint_count": 2,
            "open_complaint_count": 1,
            "oldest_open_complaint": 20 * DAY,
            "since_last_complaint": 20 * DAY,
            "since_last_resolution": 10 * DAY,
        },
    ),
    "promised and late": (
        [bought("1", A, promised_at=B), bought("2", A, promised_at=C)],
        {"open_promise_count": 2, "since_promise_was_due": 20 * DAY, "delivery_count": 0},
    ),
    "promised for a day to come": (
        [bought("1", A, promised_at=NOW + DAY)],
        {"open_promise_count": 1, "since_promise_was_due": -DAY},
    ),
    "came late": (
        [bought("1", A, promised_at=B), did(Delivery, "d", B + TICK, purchase_id="1")],
        {
            "open_promise_count": 0,
            "since_promise_was_due": None,
            "delivery_count": 1,
            "late_delivery_count": 1,
            "last_delivery_at": B + TICK,
        },
    ),
    "came on the last instant": (
        [bought("1", A, promised_at=B, delivered_at=B)],
        {
            "delivery_count": 1,
            "late_delivery_count": 0,
            "timely_delivery_count": 1,
            "since_last_delivery": 20 * DAY,
        },
    ),
    "told how it was": (
        [did(Feedback, "1", A, score=5), did(Feedback, "2", B, score=1)],
        {"feedback_count": 2, "last_feedback_score": 1, "since_last_feedback": 20 * DAY},
    ),
    "written to in vain": (
        [did(FollowUp, "1", A), did(Visit, "v", B), did(FollowUp, "2", B), did(FollowUp, "3", C)],
        {
            "follow_up_count": 3,
            "unanswered_follow_up_count": 2,
            "since_last_follow_up": 10 * DAY,
            "since_second_last_follow_up": 20 * DAY,
            "since_third_last_follow_up": 30 * DAY,
        },
    ),
    "an order answers a follow-up": (
        [did(FollowUp, "1", A), bought("1", B, 0)],
        {"follow_up_count": 1, "unanswered_follow_up_count": 0},
    ),
    "asked to be left alone": (
        [did(OptOut, "1", A), did(Declined, "2", B, reason=DeclineReason.PRICE)],
        {
            "has_opted_out": True,
            "since_last_opt_out": 30 * DAY,
            "decline_count": 1,
            "decline_reason": "price",
            "since_last_decline": 20 * DAY,
        },
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_meaning_is_settled_once(case: str) -> None:
    """The facts follow their definitions, in any order of records."""
    records, expected = CASES[case]
    actual = facts_of(*records).to_dict()

    assert {name: actual[name] for name in expected} == expected
    assert facts_of(*reversed(records)).to_dict() == actual


@pytest.mark.parametrize("case", [name for name, (records, _) in CASES.items() if records])
def test_a_record_counts_from_its_very_instant(case: str) -> None:
    """One microsecond before the first record nothing is known; at its instant something is."""
    records, _ = CASES[case]
    first = min(record.happened_at for record in records)

    assert facts_of(*records, as_of=first - TICK) == Facts(as_of=first - TICK)
    assert facts_of(*records, as_of=first) != Facts(as_of=first)


@pytest.mark.parametrize(
    ("records", "at", "before", "after"),
    [
        ([bought("1", A), refunded("r", "1", B)], B, {"purchase_count": 1}, {"purchase_count": 0}),
        ([bought("1", A), refunded("r", "1", B, 1)], B, {"net_spent": 9}, {"net_spent": 8}),
        ([bought("1", A, status="cancelled", cancelled_at=B)], B, {"purchase_count": 1}, {"purchase_count": 0}),
        ([bought("1", A, promised_at=B, delivered_at=C)], C, {"open_promise_count": 1}, {"open_promise_count": 0}),
        (
            [did(Question, "q", A), did(Answer, "a", B, question_id="q")],
            B,
            {"open_question_count": 1},
            {"open_question_count": 0},
        ),
        (
            [did(Complaint, "c", A), did(Resolution, "r", B, complaint_id="c")],
            B,
            {"open_complaint_count": 1},
            {"open_complaint_count": 0},
        ),
        (
            [did(FollowUp, "f", A), did(Visit, "v", B)],
            B,
            {"unanswered_follow_up_count": 1},
            {"unanswered_follow_up_count": 0},
        ),
    ],
)
def test_what_ceases_to_count_does_so_at_its_instant(
    records: list[Record], at: Any, before: dict[str, int], after: dict[str, int]
) -> None:
    """A microsecond before the refund, the answer, the delivery it still counts; at that instant no more."""
    for moment, expected in ((at - TICK, before), (at, after)):
        actual = facts_of(*records, as_of=moment).to_dict()

        assert {name: actual[name] for name in expected} == expected


def test_the_seven_things_to_know_of_a_customer() -> None:
    """The facts cover items, frequency, recency, amount, last interaction and feedback, but not names."""
    facts = facts_of(
        bought("1", A, 1000),
        bought("2", B, 3000),
        did(Feedback, "f", C, score=4),
        did(Question, "q", NOW - DAY, text="is it back?"),
    )

    assert (facts.purchase_count, facts.last_purchase_at, facts.net_spent, facts.average_purchase) == (2, B, 4000, 2000)
    assert (facts.purchase_interval, facts.since_last_purchase) == (10 * DAY, 20 * DAY)
    assert (facts.last_interaction_kind, facts.last_feedback_score) == ("question", 4)
    assert "is it back?" not in f"{facts!r} {facts} {facts.to_dict()}"
