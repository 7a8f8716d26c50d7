"""Expected purchase window: earliest, likely and latest time of the next occasion.

The window rests on a ready signal (now), else on a postponement (the promised day), else on the person's own occasions.
Without any of these, the window is unknown.

All values are time spans from `as_of`. A window of occasions is never in the past: it is about a person who has been
silent until now. Among people who buy again, 10 % are expected before the earliest time, half before the likely time,
and 10 % after the latest time.

The pace is the average interval, moved towards the silence: by half of their difference after two occasions, by a ninth
after nine. It is close to the mean of the predictive distribution if people buy at random at their own rate, the rate
has a gamma distribution over people, and the silence so far is known (a Pareto distribution of the second kind).

Source: A. S. C. Ehrenberg, "The pattern of consumer purchases", Applied Statistics 8 (1959), 26-41, for purchases at
random with gamma rates. The form of the pace is our default. The percents are policy numbers, chosen on the earlier
days of two real shops.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from funnel.facts import Facts
from funnel.policy import Policy
from funnel.rules._activity import has_bought_again, is_regular
from funnel.rules._postponement import has_signalled_ready, postponement_is_active
from funnel.rules._rule import rule


class WindowBasis(StrEnum):
    """Basis of the expected purchase window.

    Example:
        >>> WindowBasis("rhythm") is WindowBasis.RHYTHM
        True
    """

    SAID_READY = "ready_signal"
    """The person sent a ready signal."""
    POSTPONEMENT = "postponement"
    """The person postponed to a day."""
    RHYTHM = "rhythm"
    """The person has bought on two or more occasions."""
    UNKNOWN = "unknown"
    """Not enough is known."""


@rule
def window_basis(f: Facts, policy: Policy) -> WindowBasis:
    """Return what the expected purchase window rests on."""
    if has_signalled_ready(f, policy):
        return WindowBasis.SAID_READY
    if postponement_is_active(f, policy):
        return WindowBasis.POSTPONEMENT
    return WindowBasis.RHYTHM if has_bought_again(f, policy) else WindowBasis.UNKNOWN


@rule
def until_earliest(f: Facts, policy: Policy) -> timedelta | None:
    """Return the time until the earliest expected purchase: 10 % of those who buy again are earlier."""
    return _until(f, policy, f.until_ready, 0)


@rule
def until_likely(f: Facts, policy: Policy) -> timedelta | None:
    """Return the time until the likely purchase: half of those who buy again are earlier.

    It is the middle of the promised days, if the person named days.
    """
    return _until(f, policy, (f.until_ready + f.until_ready_at_latest) // 2, 1)


@rule
def until_latest(f: Facts, policy: Policy) -> timedelta | None:
    """Return the time until the latest expected purchase: 10 % of those who buy again are later."""
    if has_signalled_ready(f, policy):
        return policy.phase_lasts - f.since_last_ready_signal
    return _until(f, policy, f.until_ready_at_latest, 2)


def _until(f: Facts, policy: Policy, promised: timedelta, index: int) -> timedelta | None:
    """Return the time until the promised day, or until one of the three times of a rhythm."""
    if has_signalled_ready(f, policy):
        return timedelta(0)
    if postponement_is_active(f, policy):
        return promised
    if not has_bought_again(f, policy):
        return None
    # Divided first: five times an infinite span exceeds 64 bits.
    at_random = policy.window_percents[index] * (_pace(f) // 100)
    if not is_regular(f, policy):
        return at_random
    due = policy.regular_window_percents[index] * f.purchase_interval // 100 - f.since_last_purchase
    return max(due, at_random // 2)


_COUNTS = (2, 3, 5, 9)
"""Numbers of occasions by which the pace is computed: a rule cannot divide by a fact, and a doubling is fine enough."""


def _pace(f: Facts) -> timedelta:
    """Return the average interval, moved towards the silence; less for a person with many occasions."""
    reached = next((count for count in reversed(_COUNTS) if f.occasion_count >= count), _COUNTS[0])
    return f.purchase_interval + (f.since_last_purchase - f.purchase_interval) // reached
