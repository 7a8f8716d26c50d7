"""Are they ready to buy: an estimate from what is known, never a certainty.

Points for what speaks for it and against it, each a number of the policy; nothing here was fitted to data. Guards come
first: who asked to be left alone, waits for a day, or is owed a repair is not ready, whatever the points say.
"""

from __future__ import annotations

from enum import StrEnum

from funnel._rule import rule
from funnel.facts import Facts
from funnel.policy import Policy
from funnel.rules.activity import has_engaged, is_overdue
from funnel.rules.postponement import has_come_due, is_postponed
from funnel.rules.trust import answer_is_late, repair_first, was_disappointed


class Readiness(StrEnum):
    """How ready to buy somebody is, or why that is not the question now.

    Example:
        >>> Readiness("not_yet") is Readiness.NOT_YET
        True
    """

    READY = "ready"
    WARM = "warm"
    COLD = "cold"
    NOT_YET = "not_yet"
    REPAIR_FIRST = "repair_first"
    LEAVE_ALONE = "leave_alone"
    UNKNOWN = "unknown"


@rule
def readiness_points(f: Facts, policy: Policy) -> int:
    """How much speaks for a purchase now: will, ability and trust, each with its points."""
    lasts = policy.step_lasts
    will = (
        policy.checkout_points * (f.since_last_checkout < lasts)
        + policy.cart_points * (f.since_last_cart < lasts)
        + policy.question_points * (f.since_last_question < lasts)
        + policy.question_points * (f.since_last_quote < lasts)
        + policy.visit_points * (f.since_last_visit < lasts)
    )
    said = policy.said_ready_points * (f.since_said_ready < lasts)
    trust = policy.bought_before_points * (f.purchase_count >= 1) + policy.repeat_points * (f.purchase_count >= 2)  # noqa: PLR2004
    doubt = policy.unanswered_points * answer_is_late(f, policy) + policy.low_feedback_points * was_disappointed(
        f, policy
    )
    due = policy.due_points * is_overdue(f, policy) + policy.promise_due_points * has_come_due(f, policy)
    return will + said + trust + doubt + due


@rule
def readiness(f: Facts, policy: Policy) -> Readiness:
    """Ready, warm or cold by the points; or what stands before that question."""
    if f.has_opted_out:
        return Readiness.LEAVE_ALONE
    if repair_first(f, policy):
        return Readiness.REPAIR_FIRST
    if is_postponed(f, policy):
        return Readiness.NOT_YET
    if not has_engaged(f, policy):
        return Readiness.UNKNOWN
    points = readiness_points(f, policy)
    if points >= policy.ready_points:
        return Readiness.READY
    return Readiness.WARM if points >= policy.warm_points else Readiness.COLD
