"""When may they buy: from when, around when, until when; a window, for nobody can know the day.

What they said themselves comes before what they did: "I am ready" is now, a day they named is that day. Else their own
rhythm says it, if they have one. Where neither is known, not enough is known, and that is the answer.

Spans from the instant of judgement: below zero is over, as of somebody who is overdue. Source: "When will they buy?";
the shares of the interval are the policy's.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from funnel._rule import rule
from funnel.facts import Facts
from funnel.policy import Policy
from funnel.rules.activity import has_rhythm
from funnel.rules.postponement import says_ready, stands


class WindowBasis(StrEnum):
    """What a window rests on.

    Example:
        >>> WindowBasis("rhythm") is WindowBasis.RHYTHM
        True
    """

    SAID_READY = "said_ready"
    """They said that they are ready."""
    POSTPONEMENT = "postponement"
    """They named a day."""
    RHYTHM = "rhythm"
    """They have bought often enough to have an interval of their own."""
    UNKNOWN = "unknown"
    """Not enough is known."""


@rule
def window_basis(f: Facts, policy: Policy) -> WindowBasis:
    """What is known of when they may buy."""
    if says_ready(f, policy):
        return WindowBasis.SAID_READY
    if stands(f, policy):
        return WindowBasis.POSTPONEMENT
    return WindowBasis.RHYTHM if has_rhythm(f, policy) else WindowBasis.UNKNOWN


@rule
def until_earliest(f: Facts, policy: Policy) -> timedelta | None:
    """How long it is until they may buy at the earliest."""
    return _until(f, policy, (f.until_ready, policy.near_percent))


@rule
def until_likely(f: Facts, policy: Policy) -> timedelta | None:
    """How long it is until the middle of the window: of the days they named, or their own average interval.

    It is a rule of thumb and not the likeliest day.
    """
    return _until(f, policy, ((f.until_ready + f.until_ready_at_latest) // 2, 100))


@rule
def until_latest(f: Facts, policy: Policy) -> timedelta | None:
    """How long it is until they should have bought at the latest."""
    if says_ready(f, policy):
        return policy.step_lasts - f.since_said_ready
    return _until(f, policy, (f.until_ready_at_latest, policy.overdue_percent))


def _until(f: Facts, policy: Policy, named_or_share: tuple[timedelta, int]) -> timedelta | None:
    """The day they named, or else so many hundredths of their own interval after their last purchase."""
    named, percent = named_or_share
    if says_ready(f, policy):
        return timedelta(0)
    if stands(f, policy):
        return named
    if has_rhythm(f, policy):
        return percent * f.purchase_interval // 100 - f.since_last_purchase
    return None
