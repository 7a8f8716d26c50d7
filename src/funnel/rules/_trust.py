"""Trust rules: open questions, complaints, late deliveries, assurance.

Source: "Confidence in an online shop": answer every question well and soon, doubt grows with the amount, and one
disappointment outweighs many successes.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from funnel._expr.combinators import all_of, any_of
from funnel.facts import Facts
from funnel.policy import Policy
from funnel.rules._rule import rule

_NONE = timedelta(0)


class Assurance(StrEnum):
    """Assurance that the shop owes before a payment, from little to much.

    Example:
        >>> Assurance("meeting") is Assurance.MEETING
        True
    """

    NONE = "none"
    """Nothing: the person completed a similar amount before."""
    PHOTO = "photo"
    """A photo or a video of the actual product."""
    TESTIMONIAL = "testimonial"
    """A review by another customer; also the assurance for a first purchase."""
    CASH_ON_DELIVERY = "cash_on_delivery"
    """The person pays when the goods arrive."""
    DEPOSIT = "deposit"
    """The person pays a part now, and the rest on delivery."""
    MEETING = "meeting"
    """The shop and the person meet."""


@rule
def has_open_question(f: Facts, policy: Policy) -> bool:  # noqa: ARG001 (every rule takes both)
    """Return whether the person has an unanswered question."""
    return f.open_question_count > 0


def waits(f: Facts, policy: Policy, age: timedelta) -> bool:
    """Return whether a question of that age still waits for an answer.

    The question has not lapsed, and the person has not bought since.
    """
    return all_of(age >= _NONE, age <= policy.question_lapses_after, age <= f.since_last_purchase)


@rule
def awaits_answer(f: Facts, policy: Policy) -> bool:
    """Return whether an open question still needs an answer.

    The question has not lapsed by `question_lapses_after`, and the person has not bought since.
    """
    return any_of(waits(f, policy, f.oldest_open_question), waits(f, policy, f.newest_open_question))


@rule
def answer_is_late(f: Facts, policy: Policy) -> bool:
    """Return whether a waiting question is older than `answer_within`."""
    oldest, newest, within = f.oldest_open_question, f.newest_open_question, policy.answer_within
    return any_of(all_of(oldest > within, waits(f, policy, oldest)), all_of(newest > within, waits(f, policy, newest)))


@rule
def has_open_complaint(f: Facts, policy: Policy) -> bool:  # noqa: ARG001 (every rule takes both)
    """Return whether the person has an unresolved complaint."""
    return f.open_complaint_count > 0


@rule
def repair_is_late(f: Facts, policy: Policy) -> bool:
    """Return whether an open complaint is older than `resolve_within`."""
    return f.oldest_open_complaint > policy.resolve_within


@rule
def delivery_is_late(f: Facts, policy: Policy) -> bool:
    """Return whether goods have not arrived when promised.

    The delay must exceed `delivery_grace`.
    """
    return f.since_promise_was_due > policy.delivery_grace


@rule
def was_disappointed(f: Facts, policy: Policy) -> bool:
    """Return whether the person was recently disappointed.

    The last feedback is recent and low, or a complaint is open, or a complaint was resolved recently.
    """
    lately = policy.disappointed_for
    low = all_of(f.since_last_feedback <= lately, f.last_feedback_score <= policy.low_score)
    return any_of(low, has_open_complaint(f, policy), f.since_last_resolution <= lately)


@rule
def needs_repair_first(f: Facts, policy: Policy) -> bool:
    """Return whether the shop must solve a problem before it sells.

    A complaint is open, or goods are late.
    """
    return any_of(has_open_complaint(f, policy), delivery_is_late(f, policy))


@rule
def needs_meeting(f: Facts, policy: Policy) -> bool:
    """Return whether the quoted amount calls for a meeting.

    The person has not met the shop yet. The last quoted amount exceeds `meeting_percent` of the largest purchase, or
    exceeds `meeting_amount`.
    """
    quoted = f.last_quote_amount
    large = all_of(f.purchase_count > 0, 100 * quoted > policy.meeting_percent * f.largest_purchase)
    if policy.meeting_amount:
        large = any_of(large, quoted > policy.meeting_amount)
    return all_of(f.meeting_count == 0, large)


@rule
def assurance(f: Facts, policy: Policy) -> Assurance:
    """Return the assurance that the last quoted amount requires.

    The assurance grows with the ratio of the quoted amount to the largest purchase. Without a purchase, the assurance
    is a testimonial.
    """
    quoted = f.last_quote_amount
    if needs_meeting(f, policy):
        return Assurance.MEETING
    if f.purchase_count == 0:
        return Assurance.TESTIMONIAL if quoted > 0 else Assurance.NONE
    for percent, owed in zip(reversed(policy.assurance_percents), _FROM_MUCH, strict=True):
        if 100 * quoted > percent * f.largest_purchase:
            return owed
    return Assurance.NONE


_FROM_MUCH = (Assurance.DEPOSIT, Assurance.CASH_ON_DELIVERY, Assurance.TESTIMONIAL, Assurance.PHOTO)
