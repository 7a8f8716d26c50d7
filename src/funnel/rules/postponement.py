"""Not yet: people buy when they are able, not when the shop is ready to sell.

Source: "When will they buy?". A postponement holds until its day, unless they said "ready" or bought after it.
"""

from __future__ import annotations

from datetime import timedelta

from funnel._lift.together import all_of
from funnel._rule import rule
from funnel.facts import Facts
from funnel.policy import Policy

_NOW = timedelta(0)


@rule
def stands(f: Facts, policy: Policy) -> bool:  # noqa: ARG001 (every rule takes both)
    """They have said "not yet", and have neither said "ready" nor bought since."""
    said = f.since_last_postponement
    return all_of(said < f.since_said_ready, said < f.since_last_purchase)


@rule
def is_postponed(f: Facts, policy: Policy) -> bool:
    """They are waiting for a day that has not come; until then the shop keeps in touch and does not press."""
    return all_of(stands(f, policy), f.until_ready > _NOW)


@rule
def has_come_due(f: Facts, policy: Policy) -> bool:
    """The day they named has come, and nothing has followed: now is the time to ask."""
    return all_of(stands(f, policy), f.until_ready <= _NOW)


@rule
def slips(f: Facts, policy: Policy) -> int:  # noqa: ARG001 (every rule takes both)
    """How many times the day was put off after the first time."""
    return max(f.postponement_count - 1, 0)


@rule
def has_slipped(f: Facts, policy: Policy) -> bool:
    """The day they wait for, or that has come, was put off before."""
    return all_of(stands(f, policy), f.postponement_count > 1)


@rule
def says_ready(f: Facts, policy: Policy) -> bool:
    """They have said that they are ready, lately, and nothing has followed: no purchase, no "not yet", no "no"."""
    said = f.since_said_ready
    later = (f.since_last_purchase, f.since_last_postponement, f.since_last_refusal, f.since_last_opt_out)
    return all_of(said < policy.step_lasts, *(said < since for since in later))
