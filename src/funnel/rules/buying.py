"""Where they are in buying: need, information, evaluation, decision, after-sale.

Source: "The buying process". What somebody did says where they are for as long as the shop's `step_lasts`.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from funnel._lift.together import all_of, any_of
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


def speaks(f: Facts, policy: Policy, since: timedelta) -> bool:
    """Whether what they did so long ago still says where they are: it was lately, and after their last purchase.

    Args:
        f: What is known of them.
        policy: The shop's numbers.
        since: How long ago they did it.
    """
    return all_of(since < policy.step_lasts, since < f.since_last_purchase)


@rule
def in_after_sale(f: Facts, policy: Policy) -> bool:
    """They have bought or received goods lately; `buying_step` asks first whether they are after another purchase."""
    bought = f.since_last_purchase <= policy.after_sale_for
    came = f.since_last_delivery <= policy.after_sale_for
    return all_of(f.purchase_count > 0, any_of(bought, came, f.open_promise_count > 0))


@rule
def is_deciding(f: Facts, policy: Policy) -> bool:
    """They went to pay, or said that they are ready, lately and after their last purchase."""
    return any_of(speaks(f, policy, f.since_last_checkout), speaks(f, policy, f.since_said_ready))


@rule
def is_weighing(f: Facts, policy: Policy) -> bool:
    """They filled a basket, or were told a price, lately and after their last purchase."""
    return any_of(speaks(f, policy, f.since_last_cart), speaks(f, policy, f.since_last_quote))


@rule
def is_asking(f: Facts, policy: Policy) -> bool:
    """They asked something lately and after their last purchase."""
    return speaks(f, policy, f.since_last_question)


@rule
def buying_step(f: Facts, policy: Policy) -> Step:
    """The furthest step that what they did lately, after their last purchase, speaks for."""
    if is_deciding(f, policy):
        return Step.DECISION
    if is_weighing(f, policy):
        return Step.EVALUATION
    if is_asking(f, policy):
        return Step.INFORMATION
    if in_after_sale(f, policy):
        return Step.AFTER_SALE
    came = any_of(speaks(f, policy, f.since_last_visit), speaks(f, policy, f.since_arrival))
    return Step.NEED if came else Step.NONE
