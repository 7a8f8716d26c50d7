"""Are they ready to buy: an estimate from what is known, never a certainty.

Points for what speaks for it and against it, in four parts: are they able, are they willing, do they trust the shop, is
it their time. Each number is the policy's, with its reason. Guards come first: who is owed a repair, asked to be left
alone or waits for a day is not ready, whatever the points say; who says "I am ready" is.

Sources: "When will they buy?" (they buy when they are able; be ready when they say yes) and "Confidence in an online
shop" (one disappointment outweighs many successes). The weights of what was bought, and when, were fitted to the
earlier days of two real shops; the others are our choice.
"""

from __future__ import annotations

from enum import StrEnum

from funnel._rule import rule
from funnel.facts import Facts
from funnel.policy import Policy
from funnel.rules.activity import has_bought, has_engaged, is_gone, is_near, is_overdue
from funnel.rules.postponement import has_come_due, has_slipped, is_postponed, says_ready
from funnel.rules.trust import repair_first, was_disappointed


class Readiness(StrEnum):
    """How ready to buy somebody is, or why that is not the question now.

    Example:
        >>> Readiness("not_yet") is Readiness.NOT_YET
        True
    """

    READY = "ready"
    """Much speaks for it, or they have said so."""
    WARM = "warm"
    """Something speaks for it."""
    COLD = "cold"
    """Little speaks for it."""
    NOT_YET = "not_yet"
    """They wait for a day that has not come."""
    REPAIR_FIRST = "repair_first"
    """They are owed a repair, and nothing is sold before it."""
    LEAVE_ALONE = "leave_alone"
    """They asked to be left alone."""
    UNKNOWN = "unknown"
    """Not enough is known: they have done nothing of their own yet."""


@rule
def ability_points(f: Facts, policy: Policy) -> int:
    """Are they able: the day they named has come, and how sure such a day is."""
    return policy.promise_due_points * has_come_due(f, policy) + policy.slip_points * has_slipped(f, policy)


@rule
def willingness_points(f: Facts, policy: Policy) -> int:
    """Are they willing: what they said and did lately, the nearer to paying the more."""
    lasts = policy.step_lasts
    return (
        policy.said_ready_points * (f.since_said_ready < lasts)
        + policy.checkout_points * (f.since_last_checkout < lasts)
        + policy.cart_points * (f.since_last_cart < lasts)
        + policy.question_points * (f.since_last_question < lasts)
        + policy.quote_points * (f.since_last_quote < lasts)
        + policy.visit_points * (f.since_last_visit < lasts)
    )


@rule
def trust_points(f: Facts, policy: Policy) -> int:
    """Do they trust the shop: what went well, and what did not, of which one outweighs all the others."""
    good = (f.timely_delivery_count > 0, f.last_feedback_score > policy.low_score + 1, f.meeting_count > 0)
    return (
        policy.frequency_points * has_bought(f, policy)
        + sum(policy.frequency_points * (f.purchase_count >= limit) for limit in policy.frequency_limits)
        + sum(policy.good_turn_points * turn for turn in good)
        # one span, lapsed or not: with answer_is_late no example is found for one of the paths
        + policy.unanswered_points * (f.oldest_open_question > policy.answer_within)
        + policy.late_points * (f.late_delivery_count > 0)
        + policy.low_feedback_points * was_disappointed(f, policy)
    )


@rule
def timing_points(f: Facts, policy: Policy) -> int:
    """Is it their time: how lately they bought, and where they are in their own interval."""
    return (
        sum(policy.recency_points * (f.since_last_purchase <= limit) for limit in policy.recency_limits)
        + policy.near_points * is_near(f, policy)
        + policy.due_points * is_overdue(f, policy)
        + policy.gone_points * is_gone(f, policy)
    )


@rule
def readiness_points(f: Facts, policy: Policy) -> int:
    """How much speaks for a purchase now: ability, willingness, trust and timing."""
    able, willing = ability_points(f, policy), willingness_points(f, policy)
    return able + willing + trust_points(f, policy) + timing_points(f, policy)


@rule
def readiness(f: Facts, policy: Policy) -> Readiness:
    """Ready, warm or cold by the points; or what stands before that question."""
    if repair_first(f, policy):
        return Readiness.REPAIR_FIRST
    if says_ready(f, policy):
        return Readiness.READY
    if f.has_opted_out:
        return Readiness.LEAVE_ALONE
    if is_postponed(f, policy):
        return Readiness.NOT_YET
    if not has_engaged(f, policy):
        return Readiness.UNKNOWN
    points = readiness_points(f, policy)
    if points >= policy.ready_points:
        return Readiness.READY
    return Readiness.WARM if points >= policy.warm_points else Readiness.COLD
