"""Doubt before and after paying: what is unanswered, late, unrepaired; when a sum asks for more assurance.

Source: "Confidence in an online shop": answer every question well and soon, doubt grows with the sum, and one
disappointment outweighs many successes.
"""

from __future__ import annotations

from enum import StrEnum

from funnel._rule import rule
from funnel.facts import Facts
from funnel.policy import Policy


class Assurance(StrEnum):
    """What the shop owes before it may ask for a sum.

    Example:
        >>> Assurance("meeting") is Assurance.MEETING
        True
    """

    NONE = "none"
    PROOF = "proof"
    MEETING = "meeting"


@rule
def has_open_question(f: Facts, policy: Policy) -> bool:  # noqa: ARG001 (every rule takes both)
    """They have asked something that nobody has answered."""
    return f.open_question_count > 0


@rule
def answer_is_late(f: Facts, policy: Policy) -> bool:
    """A question has waited for longer than the shop's `answer_within`."""
    return f.oldest_open_question > policy.answer_within


@rule
def has_open_complaint(f: Facts, policy: Policy) -> bool:  # noqa: ARG001 (every rule takes both)
    """They have complained, and it has not been put right."""
    return f.open_complaint_count > 0


@rule
def repair_is_late(f: Facts, policy: Policy) -> bool:
    """A complaint has waited for longer than the shop's `resolve_within`."""
    return f.oldest_open_complaint > policy.resolve_within


@rule
def delivery_is_late(f: Facts, policy: Policy) -> bool:
    """Goods they have paid for should have arrived, and have not."""
    return f.since_promise_was_due > policy.delivery_grace


@rule
def was_disappointed(f: Facts, policy: Policy) -> bool:
    """Their last feedback was low, and lately; or a complaint of theirs is open, or was put right only lately."""
    lately = policy.disappointed_for
    low = f.since_last_feedback <= lately and f.last_feedback_score <= policy.low_score
    return low or has_open_complaint(f, policy) or f.since_last_resolution <= lately


@rule
def repair_first(f: Facts, policy: Policy) -> bool:
    """Do not sell, repair first: a complaint is open or goods are late."""
    return has_open_complaint(f, policy) or delivery_is_late(f, policy)


@rule
def assurance(f: Facts, policy: Policy) -> Assurance:
    """What the last quoted sum asks for before they can trust the shop with it.

    Proof (a photo, a testimonial, cash on delivery) where it is far above the largest sum they have completed, or where
    they have completed none; a meeting where they have not met the shop and it is above the shop's `meeting_amount`.
    """
    asked = f.last_quote_amount
    if policy.meeting_amount and asked > policy.meeting_amount and f.meeting_count == 0:
        return Assurance.MEETING
    if f.purchase_count > 0 and 100 * asked > policy.assurance_percent * f.largest_purchase:
        return Assurance.PROOF
    return Assurance.PROOF if f.purchase_count == 0 and asked > 0 else Assurance.NONE
