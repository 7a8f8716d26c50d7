"""How recently, how often, how much: three scores of a buyer, and the segment they make.

The limits are the shop's own and stand in the policy, so a person's score depends on that person alone: it can be asked
of one person, and nobody's score changes because others bought. Scores that rank buyers among each other are another
thing, and a table's (`funnel.rfm_quantiles`).

Source: "Seven things to know of your customer" (how often, when last, how much); recency, frequency and monetary value
as direct marketing has used them: J. R. Bult and T. Wansbeek, "Optimal selection for direct mail", Marketing Science 14
(1995), 378-394. The limits and the segments are our choice; the segments' names are those that shop software uses.
"""

from __future__ import annotations

from enum import StrEnum

from funnel._rule import rule
from funnel.facts import Facts
from funnel.policy import Policy
from funnel.rules.activity import has_bought


class Segment(StrEnum):
    """What kind of buyer a person is, by how recently and how often they bought.

    Example:
        >>> Segment("at_risk") is Segment.AT_RISK
        True
    """

    CHAMPION = "champion"
    """Bought lately, very often, and much."""
    LOYAL = "loyal"
    """Bought often, and not long ago."""
    ACTIVE = "active"
    """Bought lately, for the second time."""
    NEW = "new"
    """Bought for the first time, just now."""
    PROMISING = "promising"
    """Bought once, and it may be time for the second time."""
    NEEDS_ATTENTION = "needs_attention"
    """Bought a few times, and is growing silent."""
    AT_RISK = "at_risk"
    """Bought often, and has been silent for long."""
    ALMOST_LOST = "almost_lost"
    """Bought once or twice, and has been silent for long."""
    PREVIOUSLY_LOYAL = "previously_loyal"
    """Bought often, very long ago."""
    DORMANT = "dormant"
    """Bought once or twice, very long ago."""
    PROSPECT = "prospect"
    """Has not bought."""


@rule
def recency_score(f: Facts, policy: Policy) -> int:
    """5 for a last purchase within the shortest of `recency_limits`, 1 beyond the longest, 0 for who has not bought."""
    if not has_bought(f, policy):
        return 0
    return sum((f.since_last_purchase <= limit for limit in policy.recency_limits), start=1)


@rule
def frequency_score(f: Facts, policy: Policy) -> int:
    """1 for who has bought, and 1 more for each of `frequency_limits` that their purchases reach; 0 for who has not."""
    if not has_bought(f, policy):
        return 0
    return sum((f.purchase_count >= limit for limit in policy.frequency_limits), start=1)


@rule
def monetary_score(f: Facts, policy: Policy) -> int:
    """1 for who has bought, and 1 more for each of `monetary_limits` that they spent; 0 where the shop has set none."""
    if not has_bought(f, policy) or not policy.monetary_limits:
        return 0
    return sum((f.spent >= limit for limit in policy.monetary_limits), start=1)


@rule
def rfm(f: Facts, policy: Policy) -> int:
    """The three scores as the digits of one number: 543 is just now (5), often (4), a middling sum (3)."""
    return 100 * recency_score(f, policy) + 10 * frequency_score(f, policy) + monetary_score(f, policy)


@rule
def is_big_spender(f: Facts, policy: Policy) -> bool:
    """They have spent the highest of `monetary_limits`; where the shop has set none, nobody is kept out."""
    return not policy.monetary_limits or f.spent >= policy.monetary_limits[-1]


@rule
def segment(f: Facts, policy: Policy) -> Segment:
    """What kind of buyer they are: the first band of silence that they are in, and how often they have bought."""
    _, lately, cooling, cold = policy.recency_limits
    if not has_bought(f, policy):
        return Segment.PROSPECT
    if f.since_last_purchase <= lately:
        return _buying(f, policy)
    often = f.purchase_count >= policy.frequency_limits[1]
    if f.since_last_purchase <= cooling:
        return Segment.LOYAL if f.purchase_count >= policy.frequency_limits[2] else Segment.NEEDS_ATTENTION
    if f.since_last_purchase <= cold:
        return Segment.AT_RISK if often else Segment.ALMOST_LOST
    return Segment.PREVIOUSLY_LOYAL if often else Segment.DORMANT


def _buying(f: Facts, policy: Policy) -> Segment:
    """What kind of buyer somebody is who bought lately."""
    twice, some, often, _ = policy.frequency_limits
    if f.purchase_count >= often and is_big_spender(f, policy):
        return Segment.CHAMPION
    if f.purchase_count >= some:
        return Segment.LOYAL
    if f.purchase_count >= twice:
        return Segment.ACTIVE
    return Segment.NEW if f.since_last_purchase <= policy.recency_limits[0] else Segment.PROMISING
