"""Where they are in buying: need, information, evaluation, decision, after-sale.

Source: "The buying process". What somebody did says where they are for as long as the shop's `step_lasts`.
"""

from __future__ import annotations

from enum import StrEnum

from funnel._rule import rule
from funnel.facts import Facts
from funnel.policy import Policy


class Step(StrEnum):
    """A step of buying, in the order in which they are taken.

    Example:
        >>> [step.value for step in Step]
        ['none', 'need', 'information', 'evaluation', 'decision', 'after_sale']
    """

    NONE = "none"
    NEED = "need"
    INFORMATION = "information"
    EVALUATION = "evaluation"
    DECISION = "decision"
    AFTER_SALE = "after_sale"


@rule
def in_after_sale(f: Facts, policy: Policy) -> bool:
    """They have bought or received goods lately; `buying_step` asks first whether they are after another purchase."""
    recent = f.since_last_purchase <= policy.after_sale_for or f.since_last_delivery <= policy.after_sale_for
    return f.purchase_count > 0 and (recent or f.open_promise_count > 0)


@rule
def is_deciding(f: Facts, policy: Policy) -> bool:
    """They went to pay, or said that they are ready, lately and after their last purchase."""
    fresh = min(policy.step_lasts, f.since_last_purchase)
    return f.since_last_checkout < fresh or f.since_said_ready < fresh


@rule
def is_weighing(f: Facts, policy: Policy) -> bool:
    """They filled a basket, or were told a price, lately and after their last purchase."""
    fresh = min(policy.step_lasts, f.since_last_purchase)
    return f.since_last_cart < fresh or f.since_last_quote < fresh


@rule
def is_asking(f: Facts, policy: Policy) -> bool:
    """They asked something lately and after their last purchase."""
    return f.since_last_question < min(policy.step_lasts, f.since_last_purchase)


@rule
def buying_step(f: Facts, policy: Policy) -> Step:
    """The furthest step that what they did lately, after their last purchase, speaks for."""
    fresh = min(policy.step_lasts, f.since_last_purchase)
    if is_deciding(f, policy):
        return Step.DECISION
    if is_weighing(f, policy):
        return Step.EVALUATION
    if is_asking(f, policy):
        return Step.INFORMATION
    if in_after_sale(f, policy):
        return Step.AFTER_SALE
    return Step.NEED if f.since_last_visit < fresh or f.since_arrival < fresh else Step.NONE
