"""Activity rules: bought, engaged, quiet, lapsed, overdue, won back.

A lapsed customer is silent, not lost: the next purchase undoes the lapse.

Source: "Seven things to know of your customer" (how often, when last: loyal or gone).
"""

from __future__ import annotations

from funnel._expr.combinators import all_of, any_of
from funnel.facts import Facts
from funnel.policy import Policy
from funnel.rules._rule import rule


@rule
def has_bought(f: Facts, policy: Policy) -> bool:  # noqa: ARG001 (every rule takes both)
    """Return whether the person has bought.

    At least one purchase is neither cancelled nor fully refunded.
    """
    return f.purchase_count >= 1


@rule
def has_bought_again(f: Facts, policy: Policy) -> bool:  # noqa: ARG001 (every rule takes both)
    """Return whether the person has bought on two or more occasions."""
    return f.occasion_count >= 2  # noqa: PLR2004 (what "again" means)


@rule
def has_engaged(f: Facts, policy: Policy) -> bool:  # noqa: ARG001 (every rule takes both)
    """Return whether the person has visited, looked, asked or ordered.

    An order counts even if it was cancelled or refunded.
    """
    return any_of(f.inbound_count > 0, f.order_count > 0)


@rule
def is_quiet(f: Facts, policy: Policy) -> bool:
    """Return whether the person has been silent for longer than `quiet_after`.

    Silent means no inbound interaction, no purchase and no arrival.
    """
    return min(f.since_last_inbound, f.since_last_purchase, f.since_arrival) > policy.quiet_after


@rule
def is_lapsed(f: Facts, policy: Policy) -> bool:
    """Return whether the last purchase is longer ago than `lapse_after`."""
    return has_bought(f, policy) and f.since_last_purchase > policy.lapse_after


@rule
def has_rhythm(f: Facts, policy: Policy) -> bool:
    """Return whether the person's average purchase interval is meaningful.

    The person needs enough occasions. Purchases less than a day apart are one occasion.
    """
    return all_of(*_rhythm(f, policy))


def _rhythm(f: Facts, policy: Policy) -> tuple[bool, bool]:
    return f.occasion_count >= policy.rhythm_purchases, f.purchase_interval >= policy.rhythm_interval


@rule
def is_regular(f: Facts, policy: Policy) -> bool:
    """Return whether the person buys like a clock.

    The person has enough occasions, and the times between them vary little: the standard deviation is at most
    `regular_percent` of the average.
    """
    return all_of(
        f.occasion_count >= policy.regular_occasions,
        100 * f.interval_spread <= policy.regular_percent * f.purchase_interval,
    )


@rule
def is_overdue(f: Facts, policy: Policy) -> bool:
    """Return whether the next purchase is overdue.

    The silence exceeds `overdue_percent` of the person's average purchase interval.

    Source: the ratio of silence to a person's own interval, common in shop software. Percents are whole numbers, so the
    comparison is exact.
    """
    return _beyond(f, policy, policy.overdue_percent)


@rule
def is_nearly_due(f: Facts, policy: Policy) -> bool:
    """Return whether the next purchase is nearly due, or past due.

    The silence exceeds `nearly_due_percent` of the person's average purchase interval.
    """
    return _beyond(f, policy, policy.nearly_due_percent)


@rule
def is_likely_lost(f: Facts, policy: Policy) -> bool:
    """Return whether the person may have gone to another shop.

    The silence exceeds `likely_lost_percent` of the person's average purchase interval.
    """
    return _beyond(f, policy, policy.likely_lost_percent)


def lacks_rhythm(f: Facts, policy: Policy) -> bool:
    """Return the opposite of `has_rhythm`, as a condition for other rules."""
    return any_of(f.occasion_count < policy.rhythm_purchases, f.purchase_interval < policy.rhythm_interval)


def _beyond(f: Facts, policy: Policy, percent: int) -> bool:
    return all_of(*_rhythm(f, policy), 100 * f.since_last_purchase > percent * f.purchase_interval)


@rule
def is_won_back(f: Facts, policy: Policy) -> bool:
    """Return whether the last purchase ended a lapse, with no lapse since."""
    return f.gap_before_last_purchase > policy.lapse_after and not is_lapsed(f, policy)
