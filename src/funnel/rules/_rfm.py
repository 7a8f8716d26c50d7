"""RFM scores (recency, frequency, monetary value) and customer segments.

The limits come from the policy, so a score depends on one person alone. It works for a single person, and purchases of
other people never change it. For scores that rank people against each other, use `funnel.metrics.rfm_quantiles`.

Source: "Seven things to know of your customer" (how often, when last, how much); recency, frequency and monetary value
as direct marketing uses them: J. R. Bult and T. Wansbeek, "Optimal selection for direct mail", Marketing Science 14
(1995), 378-394. The limits and the segments are our default. The segment names are common in shop software.
"""

from __future__ import annotations

from enum import StrEnum

from funnel.facts import Facts
from funnel.policy import Policy
from funnel.rules._activity import has_bought
from funnel.rules._rule import rule


class Segment(StrEnum):
    """Customer segment, by recency and frequency of purchases.

    Example:
        >>> Segment("at_risk") is Segment.AT_RISK
        True
    """

    CHAMPION = "champion"
    """Bought recently, very often, and spent much."""
    LOYAL = "loyal"
    """Bought often, and not long ago."""
    ACTIVE = "active"
    """Bought recently, for the second time."""
    NEW = "new"
    """Bought for the first time, very recently."""
    PROMISING = "promising"
    """Bought once; a second purchase may be due."""
    NEEDS_ATTENTION = "needs_attention"
    """Bought a few times, and becomes silent."""
    AT_RISK = "at_risk"
    """Bought often, and has been silent for a long time."""
    ALMOST_LOST = "almost_lost"
    """Bought once or twice, and has been silent for a long time."""
    PREVIOUSLY_LOYAL = "previously_loyal"
    """Bought often, very long ago."""
    DORMANT = "dormant"
    """Bought once or twice, very long ago."""
    PROSPECT = "prospect"
    """Has not bought."""


@rule
def recency_score(f: Facts, policy: Policy) -> int:
    """Return the recency score, from 0 to 5.

    5 if the last purchase is within the shortest of `recency_limits`, 1 if it is beyond the longest, 0 without a
    purchase.
    """
    if not has_bought(f, policy):
        return 0
    return sum((f.since_last_purchase <= limit for limit in policy.recency_limits), start=1)


@rule
def frequency_score(f: Facts, policy: Policy) -> int:
    """Return the frequency score.

    1, plus 1 for each of `frequency_limits` that the number of occasions reaches; 0 without a purchase.
    """
    if not has_bought(f, policy):
        return 0
    return sum((f.occasion_count >= limit for limit in policy.frequency_limits), start=1)


@rule
def monetary_score(f: Facts, policy: Policy) -> int:
    """Return the monetary score.

    1, plus 1 for each of `monetary_limits` that the net spending reaches; 0 without a purchase or without limits.
    """
    if not has_bought(f, policy) or not policy.monetary_limits:
        return 0
    return sum((f.net_spent >= limit for limit in policy.monetary_limits), start=1)


@rule
def rfm(f: Facts, policy: Policy) -> int:
    """Return the three scores as the digits of one number.

    543 means very recent (5), often (4), a medium amount (3).
    """
    return 100 * recency_score(f, policy) + 10 * frequency_score(f, policy) + monetary_score(f, policy)


@rule
def is_big_spender(f: Facts, policy: Policy) -> bool:
    """Return whether net spending reaches the highest of `monetary_limits`.

    True for everyone if the policy has no monetary limits.
    """
    return not policy.monetary_limits or f.net_spent >= policy.monetary_limits[-1]


@rule
def segment(f: Facts, policy: Policy) -> Segment:
    """Return the customer segment, by recency band and number of occasions."""
    _, lately, cooling, cold = policy.recency_limits
    if not has_bought(f, policy):
        return Segment.PROSPECT
    if f.since_last_purchase <= lately:
        return _buying(f, policy)
    often = f.occasion_count >= policy.frequency_limits[1]
    if f.since_last_purchase <= cooling:
        return Segment.LOYAL if f.occasion_count >= policy.frequency_limits[2] else Segment.NEEDS_ATTENTION
    if f.since_last_purchase <= cold:
        return Segment.AT_RISK if often else Segment.ALMOST_LOST
    return Segment.PREVIOUSLY_LOYAL if often else Segment.DORMANT


def _buying(f: Facts, policy: Policy) -> Segment:
    """Return the segment of a person with a recent purchase."""
    twice, some, often, _ = policy.frequency_limits
    if f.occasion_count >= often and is_big_spender(f, policy):
        return Segment.CHAMPION
    if f.occasion_count >= some:
        return Segment.LOYAL
    if f.occasion_count >= twice:
        return Segment.ACTIVE
    return Segment.NEW if f.since_last_purchase <= policy.recency_limits[0] else Segment.PROMISING
