"""Postponement rules: "not yet", due, postponed again, ready.

A postponement lasts until its day. A later ready signal or purchase ends it early.

Source: "When will they buy?": people buy when they are able, not when the shop is ready to sell.
"""

from __future__ import annotations

from datetime import timedelta

from funnel._expr.combinators import all_of
from funnel.facts import Facts
from funnel.policy import Policy
from funnel.rules._rule import rule

_NOW = timedelta(0)


@rule
def postponement_is_active(f: Facts, policy: Policy) -> bool:  # noqa: ARG001 (every rule takes both)
    """Return whether a postponement is active.

    The person has not sent a ready signal or bought since the postponement.
    """
    postponed = f.since_last_postponement
    return all_of(postponed < f.since_last_ready_signal, postponed < f.since_last_purchase)


@rule
def is_postponed(f: Facts, policy: Policy) -> bool:
    """Return whether the person waits for a future day.

    Until that day the shop keeps in touch and does not press.
    """
    return all_of(postponement_is_active(f, policy), f.until_ready > _NOW)


@rule
def has_come_due(f: Facts, policy: Policy) -> bool:
    """Return whether the postponement has ended and the shop should ask.

    The person has not sent a ready signal or bought since.
    """
    return all_of(postponement_is_active(f, policy), f.until_ready <= _NOW)


@rule
def slips(f: Facts, policy: Policy) -> int:  # noqa: ARG001 (every rule takes both)
    """Return the number of postponements after the first."""
    return max(f.postponement_count - 1, 0)


@rule
def has_slipped(f: Facts, policy: Policy) -> bool:
    """Return whether the active postponement is not the first."""
    return all_of(postponement_is_active(f, policy), f.postponement_count > 1)


@rule
def has_signalled_ready(f: Facts, policy: Policy) -> bool:
    """Return whether a recent ready signal still applies.

    No purchase, postponement, decline or opt-out has followed.
    """
    signalled = f.since_last_ready_signal
    later = (f.since_last_purchase, f.since_last_postponement, f.since_last_decline, f.since_last_opt_out)
    return all_of(signalled < policy.phase_lasts, *(signalled < since for since in later))
