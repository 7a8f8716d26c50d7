"""Purchase readiness: an estimate from known facts, never a certainty.

Readiness adds points in four parts: ability, willingness, trust and timing. Each weight is a policy number with a
documented reason. Guards come first. A person with an open complaint, late goods, an opt-out or an active postponement
is not ready, whatever the points. A person with a ready signal is ready.

Sources: "When will they buy?" (they buy when they are able; be ready when they say yes) and "Confidence in an online
shop" (one disappointment outweighs many successes). The expected wait was chosen on the earlier days of two real shops
and on made-up shops. The other weights are our default.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from itertools import pairwise

from funnel.facts import Facts
from funnel.policy import Policy
from funnel.rules._activity import has_bought, has_engaged, is_likely_lost, is_nearly_due, is_overdue
from funnel.rules._postponement import has_come_due, has_signalled_ready, has_slipped, is_postponed
from funnel.rules._rule import rule
from funnel.rules._trust import needs_repair_first, was_disappointed


class Readiness(StrEnum):
    """Readiness to buy, or the reason why readiness does not apply now.

    Example:
        >>> Readiness("not_yet") is Readiness.NOT_YET
        True
    """

    READY = "ready"
    """Many points, or a ready signal."""
    WARM = "warm"
    """Some points."""
    COLD = "cold"
    """Few points."""
    NOT_YET = "not_yet"
    """The person waits for a future day."""
    REPAIR_FIRST = "needs_repair_first"
    """A complaint is open or goods are late; the shop sells nothing before."""
    LEAVE_ALONE = "leave_alone"
    """The person asked not to be contacted."""
    UNKNOWN = "unknown"
    """Not enough is known: the person has done nothing yet."""


@rule
def ability_points(f: Facts, policy: Policy) -> int:
    """Return the points for ability: the promised day and its reliability."""
    return policy.promise_due_points * has_come_due(f, policy) + policy.slip_points * has_slipped(f, policy)


@rule
def willingness_points(f: Facts, policy: Policy) -> int:
    """Return the points for willingness: recent actions.

    An action nearer to payment counts more.
    """
    lasts = policy.phase_lasts
    return (
        policy.ready_signal_points * (f.since_last_ready_signal < lasts)
        + policy.checkout_points * (f.since_last_checkout < lasts)
        + policy.cart_points * (f.since_last_cart < lasts)
        + policy.question_points * (f.since_last_question < lasts)
        + policy.quote_points * (f.since_last_quote < lasts)
        + policy.visit_points * (f.since_last_visit < lasts)
    )


@rule
def trust_points(f: Facts, policy: Policy) -> int:
    """Return the points for trust: good and bad experiences.

    One bad experience outweighs all good experiences.
    """
    good = (f.timely_delivery_count > 0, f.last_feedback_score > policy.low_score + 1, f.meeting_count > 0)
    return (
        sum(policy.good_turn_points * experience for experience in good)
        # One span, lapsed or not: with answer_is_late, the solver finds no example for one of the paths.
        + policy.unanswered_points * (f.oldest_open_question > policy.answer_within)
        + policy.late_points * (f.late_delivery_count > 0)
        + policy.low_feedback_points * was_disappointed(f, policy)
    )


def _waits(f: Facts, policy: Policy) -> tuple[timedelta, int]:
    """Return an exact multiple of the expected wait, infinite without a purchase, and the factor."""
    steps = pairwise((1, *policy.frequency_limits))
    own = sum((100 // before - 100 // limit) * (f.occasion_count >= limit) for before, limit in steps)
    return own * f.purchase_interval + (100 - own) * policy.usual_wait + 100 * f.since_last_purchase, 100


@rule
def expected_wait(f: Facts, policy: Policy) -> timedelta | None:
    """Return the wait for the next purchase that the person's past suggests; None without a purchase.

    It is a rule of thumb to rank people by: the mean of the person's average interval and `usual_wait`, plus the
    silence so far. The share of `usual_wait` is 100 % of one purchase, and one part in as many purchases as the highest
    of `frequency_limits` that the person reaches, in whole percent: 33 % of three.

    Source: our default. The mean is that of a buying rate with a Gamma prior (Ehrenberg, Repeat-Buying, 1972).
    """
    if not has_bought(f, policy):
        return None
    waits, number = _waits(f, policy)
    return waits // number


@rule
def timing_points(f: Facts, policy: Policy) -> int:
    """Return the points for timing: the expected wait, and the person's own rhythm."""
    waits, number = _waits(f, policy)
    return (
        sum(policy.wait_points * (waits <= number * limit) for limit in policy.wait_limits)
        + policy.nearly_due_points * is_nearly_due(f, policy)
        + policy.due_points * is_overdue(f, policy)
        + policy.likely_lost_points * is_likely_lost(f, policy)
    )


@rule
def readiness_points(f: Facts, policy: Policy) -> int:
    """Return the sum of ability, willingness, trust and timing points."""
    able, willing = ability_points(f, policy), willingness_points(f, policy)
    return able + willing + trust_points(f, policy) + timing_points(f, policy)


@rule
def readiness_rank(f: Facts, policy: Policy) -> int:
    """Return a number that ranks people: more points first, then the shorter expected wait, to the second.

    People without a purchase rank below buyers with as many points, the most recently active first. Compare ranks; a
    rank is not a measure.
    """
    points = _RANK * readiness_points(f, policy)
    if not has_bought(f, policy):
        return points - _NEVER - min(f.since_last_inbound, f.since_arrival) // _SECOND
    waits, number = _waits(f, policy)
    return points - waits // (number * _SECOND)


_SECOND = timedelta(seconds=1)
_RANK, _NEVER = 10**11, 3 * 10**10  # a supported span has at most 1.3 * 10**10 seconds, an expected wait twice as many


@rule
def readiness(f: Facts, policy: Policy) -> Readiness:
    """Return ready, warm or cold by points, or the guard that applies."""
    if needs_repair_first(f, policy):
        return Readiness.REPAIR_FIRST
    if has_signalled_ready(f, policy):
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
