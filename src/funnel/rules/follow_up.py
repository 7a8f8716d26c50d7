"""What to do next for one person, and when to stop: the first thing that is owed, then the first that may help.

Source: "When will they buy?" (keep in touch until the day, be ready when they say yes) and "Confidence in an online
shop" (answer first). The order of the questions is ours.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from funnel._lift.together import all_of, any_of
from funnel._rule import rule
from funnel.facts import Facts
from funnel.policy import Policy
from funnel.rules.activity import has_bought, is_lapsed, is_near, is_overdue, lacks_rhythm
from funnel.rules.buying import speaks
from funnel.rules.postponement import has_come_due, is_postponed, says_ready
from funnel.rules.trust import delivery_is_late, has_open_complaint, meeting_is_owed, waits


class NextStep(StrEnum):
    """What the shop does next for a person, most pressing first.

    Example:
        >>> NextStep("answer") is NextStep.ANSWER
        True
    """

    REPAIR = "repair"
    """Put a complaint right."""
    ANSWER = "answer"
    """Answer a question."""
    TELL_OF_DELAY = "tell_of_delay"
    """Say that the goods are late, and when they come."""
    MEET = "meet"
    """Meet in person, for the sum is large."""
    CLOSE_SALE = "close_sale"
    """Help them to pay: they are ready, or went to pay."""
    ASK_AS_PROMISED = "ask_as_promised"
    """Ask, as was agreed: the day they named has come."""
    ASK_FEEDBACK = "ask_feedback"
    """Ask how it was."""
    FOLLOW_UP = "follow_up"
    """Follow up what they asked, put into the basket or were told a price of."""
    REMIND = "remind"
    """Remind a buyer who is overdue by their own rhythm."""
    WIN_BACK = "win_back"
    """Write to a buyer who has lapsed."""
    THANK = "thank"
    """Thank them for having bought."""
    OFFER_NEXT = "offer_next"
    """Offer a buyer the next thing."""
    WAIT = "wait"
    """Wait: for the day they named, or until the shop may write again."""
    LEAVE_ALONE = "leave_alone"
    """Leave them alone, as they asked."""
    NOTHING = "nothing"
    """Nothing is to be done."""


IDLE = (NextStep.WAIT, NextStep.LEAVE_ALONE, NextStep.NOTHING)
"""The answers by which nothing is to be done now."""


@rule
def has_refused(f: Facts, policy: Policy) -> bool:  # noqa: ARG001 (every rule takes both)
    """Their last word is "no": nothing has come from them since, and no purchase."""
    refused = f.since_last_refusal
    return all_of(refused < f.since_last_purchase, refused <= f.since_last_inbound)


@rule
def is_contacted_enough(f: Facts, policy: Policy) -> bool:
    """The shop has written as often as it may for now: too lately, too often in vain, or too often within a span."""
    sent = (f.since_last_follow_up, f.since_second_last_follow_up, f.since_third_last_follow_up)
    return any_of(
        f.since_last_follow_up <= policy.follow_up_after,
        f.unanswered_follow_up_count >= policy.most_follow_ups,
        sent[policy.most_contacts - 1] <= policy.contact_span,
    )


@rule
def may_write(f: Facts, policy: Policy) -> bool:
    """The shop may write of its own accord: nobody asked it to stop, and it has not written as often as it may."""
    return not any_of(f.has_opted_out, has_refused(f, policy), is_contacted_enough(f, policy))


@rule
def has_replied(f: Facts, policy: Policy) -> bool:
    """They answered the last follow-up, lately: what comes next follows from what they said."""
    return all_of(f.since_last_inbound < f.since_last_follow_up, f.since_last_inbound <= policy.quiet_after)


Due = tuple[NextStep, timedelta | None]
"""A step, and how long there has been reason for it; None for what is no step."""


@rule
def next_step(f: Facts, policy: Policy) -> NextStep:
    """The next step: what is owed comes before what is offered, and no offer before its day."""
    return _first(f, policy)[0]


@rule
def since_due(f: Facts, policy: Policy) -> timedelta | None:
    """How long the next step has been due: since when there has been reason for it; None where there is no step.

    An answer is due from the oldest open question; from the newest one if the oldest no longer waits. Questions between
    these two are not looked at.
    """
    return _first(f, policy)[1]


def _first(f: Facts, policy: Policy) -> Due:
    """What is owed; then who is not to be written to; then what may help."""
    if has_open_complaint(f, policy):
        return NextStep.REPAIR, f.oldest_open_complaint
    for asked in (f.oldest_open_question, f.newest_open_question):
        if waits(f, policy, asked):
            return NextStep.ANSWER, asked
    if delivery_is_late(f, policy):
        return NextStep.TELL_OF_DELAY, f.since_promise_was_due - policy.delivery_grace
    if says_ready(f, policy):
        return (NextStep.MEET if meeting_is_owed(f, policy) else NextStep.CLOSE_SALE), f.since_said_ready
    if any_of(f.has_opted_out, has_refused(f, policy)):
        return NextStep.LEAVE_ALONE, None
    if any_of(is_postponed(f, policy), is_contacted_enough(f, policy)):
        return NextStep.WAIT, None
    return _near_to_buying(f, policy)


def _near_to_buying(f: Facts, policy: Policy) -> Due:
    """What may help somebody who is about to buy, or has just bought."""
    if all_of(meeting_is_owed(f, policy), speaks(f, policy, f.since_last_quote)):
        return NextStep.MEET, f.since_last_quote
    if speaks(f, policy, f.since_last_checkout):
        return NextStep.CLOSE_SALE, f.since_last_checkout
    if has_come_due(f, policy):
        return NextStep.ASK_AS_PROMISED, -f.until_ready
    came, wrote = f.since_last_delivery, f.since_last_follow_up
    if all_of(came <= policy.thank_within, came < f.since_last_feedback, came < wrote):
        return NextStep.ASK_FEEDBACK, came
    for sign in (f.since_last_cart, f.since_last_quote, f.since_last_question):
        if all_of(speaks(f, policy, sign), any_of(sign < wrote, f.since_last_inbound >= wrote)):
            return NextStep.FOLLOW_UP, sign
    bought = f.since_last_purchase
    if all_of(bought <= policy.thank_within, bought < wrote, bought < came):
        return NextStep.THANK, bought
    return (NextStep.NOTHING, None) if has_replied(f, policy) else _after_a_silence(f, policy)


def _after_a_silence(f: Facts, policy: Policy) -> Due:
    """What may bring back a buyer of whom nothing was heard."""
    silent = f.since_last_purchase
    if is_lapsed(f, policy):
        return NextStep.WIN_BACK, silent - policy.lapse_after
    if is_overdue(f, policy):
        return NextStep.REMIND, silent - policy.overdue_percent * f.purchase_interval // 100
    rested = f.since_last_follow_up > policy.after_sale_for
    if all_of(is_near(f, policy), rested):
        return NextStep.OFFER_NEXT, silent - policy.near_percent * f.purchase_interval // 100
    if all_of(has_bought(f, policy), lacks_rhythm(f, policy), silent > policy.after_sale_for, rested):
        return NextStep.OFFER_NEXT, silent - policy.after_sale_for
    return NextStep.NOTHING, None


@rule
def is_due_for_follow_up(f: Facts, policy: Policy) -> bool:
    """There is something to do for them today."""
    return next_step(f, policy) not in IDLE


@rule
def value_at_stake(f: Facts, policy: Policy) -> int | None:
    """What is at stake, in minor units: the price they were told lately, or else what they pay on average.

    None where neither is known: a person of whom no sum is known is not worth 0.
    """
    if speaks(f, policy, f.since_last_quote):
        return f.last_quote_amount
    return f.average_purchase if has_bought(f, policy) else None
