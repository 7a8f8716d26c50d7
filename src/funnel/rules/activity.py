"""Have they bought, and are they still there: bought, quiet, lapsed, overdue by their own rhythm, won back.

Source: "Seven things to know of your customer" (how often, when last: loyal or gone); lapsed is silence, not the end of
anything, so it is undone by the next purchase.
"""

from __future__ import annotations

from funnel._lift.together import all_of, any_of
from funnel._rule import rule
from funnel.facts import Facts
from funnel.policy import Policy


@rule
def has_bought(f: Facts, policy: Policy) -> bool:  # noqa: ARG001 (every rule takes both)
    """They have bought: at least one purchase that is neither cancelled nor wholly refunded."""
    return f.purchase_count >= 1


@rule
def has_bought_again(f: Facts, policy: Policy) -> bool:  # noqa: ARG001 (every rule takes both)
    """They came back: two purchases or more. Only the repeat order proves it."""
    return f.purchase_count >= 2  # noqa: PLR2004 (what "again" means)


@rule
def has_engaged(f: Facts, policy: Policy) -> bool:  # noqa: ARG001 (every rule takes both)
    """They have done something of their own: come, looked, asked, ordered, even if nothing was bought in the end."""
    return any_of(f.inbound_count > 0, f.order_count > 0)


@rule
def is_quiet(f: Facts, policy: Policy) -> bool:
    """Nothing has come from them for longer than the shop's `quiet_after`: no word, no purchase, no arrival."""
    return min(f.since_last_inbound, f.since_last_purchase, f.since_arrival) > policy.quiet_after


@rule
def is_lapsed(f: Facts, policy: Policy) -> bool:
    """They have bought, and not again for longer than the shop's `lapse_after`."""
    return has_bought(f, policy) and f.since_last_purchase > policy.lapse_after


@rule
def has_rhythm(f: Facts, policy: Policy) -> bool:
    """They have bought often enough, and not at one sitting, for their own average interval to mean something."""
    return all_of(*_rhythm(f, policy))


def _rhythm(f: Facts, policy: Policy) -> tuple[bool, bool]:
    return f.purchase_count >= policy.rhythm_purchases, f.purchase_interval >= policy.rhythm_interval


@rule
def is_overdue(f: Facts, policy: Policy) -> bool:
    """By their own rhythm they should have bought by now: silent for longer than their average interval allows.

    Source: the ratio of silence to a person's own interval, as shop software commonly has it; whole percents, so exact.
    """
    return _beyond(f, policy, policy.overdue_percent)


@rule
def is_near(f: Facts, policy: Policy) -> bool:
    """By their own rhythm their next purchase is near, or has been."""
    return _beyond(f, policy, policy.near_percent)


@rule
def is_gone(f: Facts, policy: Policy) -> bool:
    """By their own rhythm they have been silent for so long that they may have gone elsewhere."""
    return _beyond(f, policy, policy.gone_percent)


def lacks_rhythm(f: Facts, policy: Policy) -> bool:
    """The opposite of `has_rhythm`, as one condition of a rule that has more."""
    return any_of(f.purchase_count < policy.rhythm_purchases, f.purchase_interval < policy.rhythm_interval)


def _beyond(f: Facts, policy: Policy, percent: int) -> bool:
    return all_of(*_rhythm(f, policy), 100 * f.since_last_purchase > percent * f.purchase_interval)


@rule
def is_won_back(f: Facts, policy: Policy) -> bool:
    """Their last purchase came after a lapse, and they have not lapsed since."""
    return f.gap_before_last_purchase > policy.lapse_after and not is_lapsed(f, policy)
