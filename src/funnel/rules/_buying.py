"""Buying phases: need, information, evaluation, decision, after-sale.

An action indicates a buying phase for the time `phase_lasts` of the policy.

Source: "The buying process".
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from funnel._expr.combinators import all_of, any_of
from funnel.facts import Facts
from funnel.policy import Policy
from funnel.rules._rule import rule


class BuyingPhase(StrEnum):
    """Phase of the buying process, in chronological order.

    Example:
        >>> [step.value for step in BuyingPhase]
        ['none', 'need', 'information', 'evaluation', 'decision', 'after_sale']
    """

    NONE = "none"
    NEED = "need"
    INFORMATION = "information"
    EVALUATION = "evaluation"
    DECISION = "decision"
    AFTER_SALE = "after_sale"


def is_recent(f: Facts, policy: Policy, since: timedelta) -> bool:
    """Return whether an action still indicates the buying phase.

    The action must be more recent than `phase_lasts` and later than the last purchase.

    Args:
        f: Facts of the person.
        policy: The shop's policy.
        since: Time since the action.
    """
    return all_of(since < policy.phase_lasts, since < f.since_last_purchase)


@rule
def in_after_sale(f: Facts, policy: Policy) -> bool:
    """Return whether the person recently bought or received goods.

    `buying_phase` checks for a new purchase in progress first.
    """
    bought = f.since_last_purchase <= policy.after_sale_for
    received = f.since_last_delivery <= policy.after_sale_for
    return all_of(f.purchase_count > 0, any_of(bought, received, f.open_promise_count > 0))


@rule
def is_deciding(f: Facts, policy: Policy) -> bool:
    """Return whether a checkout or ready signal is recent.

    It must be later than the last purchase.
    """
    return any_of(is_recent(f, policy, f.since_last_checkout), is_recent(f, policy, f.since_last_ready_signal))


@rule
def is_weighing(f: Facts, policy: Policy) -> bool:
    """Return whether a cart or quote is recent.

    It must be later than the last purchase.
    """
    return any_of(is_recent(f, policy, f.since_last_cart), is_recent(f, policy, f.since_last_quote))


@rule
def is_asking(f: Facts, policy: Policy) -> bool:
    """Return whether a question is recent and later than the last purchase."""
    return is_recent(f, policy, f.since_last_question)


@rule
def buying_phase(f: Facts, policy: Policy) -> BuyingPhase:
    """Return the most advanced phase that recent actions indicate.

    Only actions after the last purchase count.
    """
    if is_deciding(f, policy):
        return BuyingPhase.DECISION
    if is_weighing(f, policy):
        return BuyingPhase.EVALUATION
    if is_asking(f, policy):
        return BuyingPhase.INFORMATION
    if in_after_sale(f, policy):
        return BuyingPhase.AFTER_SALE
    arrived = any_of(is_recent(f, policy, f.since_last_visit), is_recent(f, policy, f.since_arrival))
    return BuyingPhase.NEED if arrived else BuyingPhase.NONE
