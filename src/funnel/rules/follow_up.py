"""What to do next for one person, and when to stop: the first thing that is owed, then the first that may help.

Source: "When will they buy?" (keep in touch until the day, be ready when they say yes) and "Confidence in an online
shop" (answer first). The order of the questions is ours.
"""

from __future__ import annotations

from enum import StrEnum

from funnel._rule import rule
from funnel.facts import Facts
from funnel.policy import Policy
from funnel.rules.activity import is_lapsed, is_overdue
from funnel.rules.buying import is_asking, is_deciding, is_weighing
from funnel.rules.postponement import has_come_due, is_postponed
from funnel.rules.trust import delivery_is_late, has_open_complaint, has_open_question


class NextStep(StrEnum):
    """What the shop does next for a person, most pressing first.

    Example:
        >>> NextStep("answer") is NextStep.ANSWER
        True
    """

    REPAIR = "repair"
    ANSWER = "answer"
    TELL_OF_DELAY = "tell_of_delay"
    LEAVE_ALONE = "leave_alone"
    CLOSE_SALE = "close_sale"
    ASK_AS_PROMISED = "ask_as_promised"
    WAIT = "wait"
    ASK_FEEDBACK = "ask_feedback"
    FOLLOW_UP = "follow_up"
    REMIND = "remind"
    WIN_BACK = "win_back"
    NOTHING = "nothing"


@rule
def has_refused(f: Facts, policy: Policy) -> bool:  # noqa: ARG001 (every rule takes both)
    """Their last word is "no": nothing has come from them since, and no purchase."""
    refused = f.since_last_refusal
    return refused < f.since_last_purchase and refused <= f.since_last_inbound


@rule
def may_write(f: Facts, policy: Policy) -> bool:
    """The shop may write of its own accord: nobody asked it to stop, it has not just written, nor too often in vain."""
    if f.has_opted_out or has_refused(f, policy):
        return False
    return f.since_last_follow_up > policy.follow_up_after and f.unanswered_follow_up_count < policy.most_follow_ups


@rule
def next_step(f: Facts, policy: Policy) -> NextStep:
    """The next step: what is owed comes before what is offered, and no offer before its day."""
    if has_open_complaint(f, policy):
        return NextStep.REPAIR
    if has_open_question(f, policy):
        return NextStep.ANSWER
    if delivery_is_late(f, policy):
        return NextStep.TELL_OF_DELAY
    if f.has_opted_out or has_refused(f, policy):
        return NextStep.LEAVE_ALONE
    if is_postponed(f, policy):
        return NextStep.WAIT
    return _offer(f, policy) if may_write(f, policy) else NextStep.WAIT


def _offer(f: Facts, policy: Policy) -> NextStep:
    """What may help somebody the shop may write to."""
    if is_deciding(f, policy):
        return NextStep.CLOSE_SALE
    if has_come_due(f, policy):
        return NextStep.ASK_AS_PROMISED
    came = f.since_last_delivery
    if came <= policy.thank_within and came < f.since_last_feedback:
        return NextStep.ASK_FEEDBACK
    if is_weighing(f, policy) or is_asking(f, policy):
        return NextStep.FOLLOW_UP
    if is_lapsed(f, policy):
        return NextStep.WIN_BACK
    return NextStep.REMIND if is_overdue(f, policy) else NextStep.NOTHING


@rule
def is_due_for_follow_up(f: Facts, policy: Policy) -> bool:
    """There is something to do for them today."""
    return next_step(f, policy) not in (NextStep.NOTHING, NextStep.WAIT, NextStep.LEAVE_ALONE)
