"""Next action for a person, and contact limits.

An action that the shop owes comes first, then an action that may help.

Source: "When will they buy?" (keep in touch until the day, be ready when they say yes) and "Confidence in an online
shop" (answer first). The order of the checks is our default.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from funnel._expr.combinators import all_of, any_of
from funnel.facts import Facts
from funnel.policy import Policy
from funnel.rules._activity import has_bought, is_lapsed, is_nearly_due, is_overdue, lacks_rhythm
from funnel.rules._buying import is_recent
from funnel.rules._postponement import has_come_due, has_signalled_ready, is_postponed
from funnel.rules._rule import rule
from funnel.rules._trust import delivery_is_late, has_open_complaint, needs_meeting, waits


class NextAction(StrEnum):
    """Next action of the shop for a person, most urgent first.

    Example:
        >>> NextAction("answer") is NextAction.ANSWER
        True
    """

    REPAIR = "repair"
    """Resolve a complaint."""
    ANSWER = "answer"
    """Answer a question."""
    TELL_OF_DELAY = "tell_of_delay"
    """Report that the goods are late, and when the goods arrive."""
    MEET = "meet"
    """Meet in person, because the amount is large."""
    CLOSE_SALE = "close_sale"
    """Help the person to pay after a ready signal or a checkout."""
    ASK_AS_PROMISED = "ask_as_promised"
    """Ask as agreed, because the postponement has ended."""
    ASK_FEEDBACK = "ask_feedback"
    """Ask for feedback on the delivery."""
    FOLLOW_UP = "follow_up"
    """Follow up on a question, a cart or a quote."""
    REMIND = "remind"
    """Remind a customer whose next purchase is overdue."""
    WIN_BACK = "win_back"
    """Write to a lapsed customer."""
    THANK = "thank"
    """Thank the person for the purchase."""
    OFFER_NEXT = "offer_next"
    """Offer a customer the next product."""
    WAIT = "wait"
    """Wait until the postponement ends, or until the shop may write again."""
    LEAVE_ALONE = "leave_alone"
    """Do not contact the person, as requested."""
    NOTHING = "nothing"
    """Do nothing."""


IDLE = (NextAction.WAIT, NextAction.LEAVE_ALONE, NextAction.NOTHING)
"""Answers that need no action now."""


@rule
def has_declined(f: Facts, policy: Policy) -> bool:  # noqa: ARG001 (every rule takes both)
    """Return whether the last response is a "no".

    The person has sent nothing and bought nothing since.
    """
    refused = f.since_last_decline
    return all_of(refused < f.since_last_purchase, refused <= f.since_last_inbound)


@rule
def has_reached_contact_limit(f: Facts, policy: Policy) -> bool:
    """Return whether the shop must not write again for now.

    The last follow-up is too recent, too many follow-ups are unanswered, or `contact_window` has too many follow-ups.
    """
    sent = (f.since_last_follow_up, f.since_second_last_follow_up, f.since_third_last_follow_up)
    return any_of(
        f.since_last_follow_up <= policy.follow_up_after,
        f.unanswered_follow_up_count >= policy.max_follow_ups,
        sent[policy.max_contacts - 1] <= policy.contact_window,
    )


@rule
def can_contact(f: Facts, policy: Policy) -> bool:
    """Return whether the shop may write on its own initiative.

    The person has not opted out or declined, and the contact limit is not reached.
    """
    return not any_of(f.has_opted_out, has_declined(f, policy), has_reached_contact_limit(f, policy))


@rule
def has_replied(f: Facts, policy: Policy) -> bool:
    """Return whether the person recently answered the last follow-up.

    The next action then depends on the answer.
    """
    return all_of(f.since_last_inbound < f.since_last_follow_up, f.since_last_inbound <= policy.quiet_after)


Due = tuple[NextAction, timedelta | None]
"""An action, and how long it has been due; None if the action is idle."""


@rule
def next_action(f: Facts, policy: Policy) -> NextAction:
    """Return the next action for the person.

    Owed actions come before offers. An offer never comes before its day.
    """
    return _first(f, policy)[0]


@rule
def since_due(f: Facts, policy: Policy) -> timedelta | None:
    """Return how long the next action has been due; None if it is idle.

    An answer is due from the oldest open question, or from the newest question if the oldest question no longer waits.
    Questions between the oldest and the newest are not considered.
    """
    return _first(f, policy)[1]


def _first(f: Facts, policy: Policy) -> Due:
    """Return an owed action; else an idle action; else a helpful action."""
    if has_open_complaint(f, policy):
        return NextAction.REPAIR, f.oldest_open_complaint
    for question in (f.oldest_open_question, f.newest_open_question):
        if waits(f, policy, question):
            return NextAction.ANSWER, question
    if delivery_is_late(f, policy):
        return NextAction.TELL_OF_DELAY, f.since_promise_was_due - policy.delivery_grace
    if has_signalled_ready(f, policy):
        return (NextAction.MEET if needs_meeting(f, policy) else NextAction.CLOSE_SALE), f.since_last_ready_signal
    if any_of(f.has_opted_out, has_declined(f, policy)):
        return NextAction.LEAVE_ALONE, None
    if any_of(is_postponed(f, policy), has_reached_contact_limit(f, policy)):
        return NextAction.WAIT, None
    return _near_to_buying(f, policy)


def _near_to_buying(f: Facts, policy: Policy) -> Due:
    """Return the action for a person who may buy soon or has just bought."""
    if all_of(needs_meeting(f, policy), is_recent(f, policy, f.since_last_quote)):
        return NextAction.MEET, f.since_last_quote
    if is_recent(f, policy, f.since_last_checkout):
        return NextAction.CLOSE_SALE, f.since_last_checkout
    if has_come_due(f, policy):
        return NextAction.ASK_AS_PROMISED, -f.until_ready
    received, wrote = f.since_last_delivery, f.since_last_follow_up
    if all_of(received <= policy.thank_within, received < f.since_last_feedback, received < wrote):
        return NextAction.ASK_FEEDBACK, received
    for sign in (f.since_last_cart, f.since_last_quote, f.since_last_question):
        if all_of(is_recent(f, policy, sign), any_of(sign < wrote, f.since_last_inbound >= wrote)):
            return NextAction.FOLLOW_UP, sign
    bought = f.since_last_purchase
    if all_of(bought <= policy.thank_within, bought < wrote, bought < received):
        return NextAction.THANK, bought
    return (NextAction.NOTHING, None) if has_replied(f, policy) else _after_a_silence(f, policy)


def _after_a_silence(f: Facts, policy: Policy) -> Due:
    """Return the action that may bring back a silent customer."""
    silent = f.since_last_purchase
    if is_lapsed(f, policy):
        return NextAction.WIN_BACK, silent - policy.lapse_after
    if is_overdue(f, policy):
        return NextAction.REMIND, silent - policy.overdue_percent * f.purchase_interval // 100
    rested = f.since_last_follow_up > policy.after_sale_for
    if all_of(is_nearly_due(f, policy), rested):
        return NextAction.OFFER_NEXT, silent - policy.nearly_due_percent * f.purchase_interval // 100
    if all_of(has_bought(f, policy), lacks_rhythm(f, policy), silent > policy.after_sale_for, rested):
        return NextAction.OFFER_NEXT, silent - policy.after_sale_for
    return NextAction.NOTHING, None


@rule
def is_due_for_follow_up(f: Facts, policy: Policy) -> bool:
    """Return whether the shop has something to do for the person now."""
    return next_action(f, policy) not in IDLE


@rule
def value_at_stake(f: Facts, policy: Policy) -> int | None:
    """Return the value at stake, in minor units.

    The value is the amount of a recent quote, or else the average purchase. It is None if neither amount is known: an
    unknown amount is not 0.
    """
    if is_recent(f, policy, f.since_last_quote):
        return f.last_quote_amount
    return f.average_purchase if has_bought(f, policy) else None
