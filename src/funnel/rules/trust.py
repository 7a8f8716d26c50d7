"""Doubt before and after paying: what is unanswered, late, unrepaired; when a sum asks for more assurance.

Source: "Confidence in an online shop": answer every question well and soon, doubt grows with the sum, and one
disappointment outweighs many successes.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from funnel._lift.together import all_of, any_of
from funnel._rule import rule
from funnel.facts import Facts
from funnel.policy import Policy

_NONE = timedelta(0)


class Assurance(StrEnum):
    """What the shop owes before it may ask for a sum, from little to much.

    Example:
        >>> Assurance("meeting") is Assurance.MEETING
        True
    """

    NONE = "none"
    """Nothing: they have completed as much before."""
    PHOTO = "photo"
    """A photo or a film of the very thing."""
    TESTIMONIAL = "testimonial"
    """The word of others who have bought; also for a first sum, where there is nothing else to go by."""
    CASH_ON_DELIVERY = "cash_on_delivery"
    """They pay when they hold it in their hands."""
    DEPOSIT = "deposit"
    """They pay a part, and the rest when it has come."""
    MEETING = "meeting"
    """The shop and they meet in person."""


@rule
def has_open_question(f: Facts, policy: Policy) -> bool:  # noqa: ARG001 (every rule takes both)
    """They have asked something that nobody has answered."""
    return f.open_question_count > 0


def waits(f: Facts, policy: Policy, asked: timedelta) -> bool:
    """Whether a question of so long ago still waits: it has not lapsed, and they have not bought after it."""
    return all_of(asked >= _NONE, asked <= policy.question_lapses_after, asked <= f.since_last_purchase)


@rule
def awaits_answer(f: Facts, policy: Policy) -> bool:
    """A question of theirs is open, has not lapsed by `question_lapses_after`, and they have not bought after it."""
    return any_of(waits(f, policy, f.oldest_open_question), waits(f, policy, f.newest_open_question))


@rule
def answer_is_late(f: Facts, policy: Policy) -> bool:
    """A question that still waits for its answer has waited for longer than the shop's `answer_within`."""
    oldest, newest, within = f.oldest_open_question, f.newest_open_question, policy.answer_within
    return any_of(
        all_of(oldest > within, waits(f, policy, oldest)),
        all_of(newest > within, waits(f, policy, newest)),
    )


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
    low = all_of(f.since_last_feedback <= lately, f.last_feedback_score <= policy.low_score)
    return any_of(low, has_open_complaint(f, policy), f.since_last_resolution <= lately)


@rule
def repair_first(f: Facts, policy: Policy) -> bool:
    """Do not sell, repair first: a complaint is open or goods are late."""
    return any_of(has_open_complaint(f, policy), delivery_is_late(f, policy))


@rule
def meeting_is_owed(f: Facts, policy: Policy) -> bool:
    """They have not met the shop, and the last quoted sum is far above the largest they have completed, or very large.

    What is far is the policy's `meeting_percent`, what is very large its `meeting_amount`.
    """
    asked = f.last_quote_amount
    large = all_of(f.purchase_count > 0, 100 * asked > policy.meeting_percent * f.largest_purchase)
    if policy.meeting_amount:
        large = any_of(large, asked > policy.meeting_amount)
    return all_of(f.meeting_count == 0, large)


@rule
def assurance(f: Facts, policy: Policy) -> Assurance:
    """What the last quoted sum asks for before they can trust the shop with it: more, the more it is above the largest.

    Who has completed no sum yet has only the word of others to go by.
    """
    asked = f.last_quote_amount
    if meeting_is_owed(f, policy):
        return Assurance.MEETING
    if f.purchase_count == 0:
        return Assurance.TESTIMONIAL if asked > 0 else Assurance.NONE
    for percent, owed in zip(reversed(policy.assurance_percents), _FROM_MUCH, strict=True):
        if 100 * asked > percent * f.largest_purchase:
            return owed
    return Assurance.NONE


_FROM_MUCH = (Assurance.DEPOSIT, Assurance.CASH_ON_DELIVERY, Assurance.TESTIMONIAL, Assurance.PHOTO)
