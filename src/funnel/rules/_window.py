"""Expected purchase window: earliest, likely and latest time.

The window rests on a ready signal (now), else on a postponement (the promised day), else on the average purchase
interval. Without any of these, the window is unknown.

All values are time spans from `as_of`. A negative span is in the past, for example if the next purchase is overdue.

Source: "When will they buy?" (nobody can know the day). The percents of the interval are policy numbers.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from funnel.facts import Facts
from funnel.policy import Policy
from funnel.rules._activity import has_rhythm
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
    """The person has a meaningful average purchase interval."""
    UNKNOWN = "unknown"
    """Not enough is known."""


@rule
def window_basis(f: Facts, policy: Policy) -> WindowBasis:
    """Return what the expected purchase window rests on."""
    if has_signalled_ready(f, policy):
        return WindowBasis.SAID_READY
    if postponement_is_active(f, policy):
        return WindowBasis.POSTPONEMENT
    return WindowBasis.RHYTHM if has_rhythm(f, policy) else WindowBasis.UNKNOWN


@rule
def until_earliest(f: Facts, policy: Policy) -> timedelta | None:
    """Return the time until the earliest expected purchase."""
    return _until(f, policy, (f.until_ready, policy.nearly_due_percent))


@rule
def until_likely(f: Facts, policy: Policy) -> timedelta | None:
    """Return the time until the middle of the expected window.

    The middle is that of the promised days, or the last purchase plus the average interval. It is a rule of thumb, not
    the most probable day.
    """
    return _until(f, policy, ((f.until_ready + f.until_ready_at_latest) // 2, 100))


@rule
def until_latest(f: Facts, policy: Policy) -> timedelta | None:
    """Return the time until the latest expected purchase."""
    if has_signalled_ready(f, policy):
        return policy.phase_lasts - f.since_last_ready_signal
    return _until(f, policy, (f.until_ready_at_latest, policy.overdue_percent))


def _until(f: Facts, policy: Policy, promised_or_percent: tuple[timedelta, int]) -> timedelta | None:
    """Return the time until the promised day, or until a percent of the interval."""
    promised, percent = promised_or_percent
    if has_signalled_ready(f, policy):
        return timedelta(0)
    if postponement_is_active(f, policy):
        return promised
    if has_rhythm(f, policy):
        return percent * f.purchase_interval // 100 - f.since_last_purchase
    return None
