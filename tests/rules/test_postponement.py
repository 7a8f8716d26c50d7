"""Not yet: a postponement stands until its day, a "ready" or a purchase."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from funnel.policy import Policy
from funnel.rules._postponement import (
    has_come_due,
    has_signalled_ready,
    has_slipped,
    is_postponed,
    postponement_is_active,
    slips,
)
from tests.shop import DAY, TICK, person

POLICY = Policy()
POSTPONED: dict[str, Any] = {"postponement_count": 1, "since_last_postponement": 5 * DAY, "until_ready": DAY}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, False),
        (POSTPONED, True),
        ({**POSTPONED, "since_last_ready_signal": 5 * DAY + TICK}, True),
        ({**POSTPONED, "since_last_ready_signal": 5 * DAY}, False),
        ({**POSTPONED, "since_last_purchase": 5 * DAY + TICK}, True),
        ({**POSTPONED, "since_last_purchase": 5 * DAY}, False),
    ],
)
def test_ready_or_bought_undoes_a_postponement(facts: dict[str, Any], expected: bool) -> None:  # noqa: FBT001 - a case
    """An earlier record changes nothing; a record at its instant or later ends it."""
    assert postponement_is_active(person(**facts), POLICY) is expected
    assert is_postponed(person(**facts), POLICY) is expected


@pytest.mark.parametrize(("until", "waiting"), [(DAY, True), (TICK, True), (timedelta(0), False), (-TICK, False)])
def test_the_day_they_named_comes_at_its_instant(until: timedelta, waiting: bool) -> None:  # noqa: FBT001 - a case
    """Until then they wait, from then on it is time to ask."""
    facts = person(**{**POSTPONED, "until_ready": until})

    assert is_postponed(facts, POLICY) is waiting
    assert has_come_due(facts, POLICY) is not waiting


def test_what_is_over_neither_waits_nor_comes_due() -> None:
    """A ready signal ends the postponement."""
    facts = person(**{**POSTPONED, "since_last_ready_signal": DAY, "until_ready": -DAY})

    assert is_postponed(facts, POLICY) is False
    assert has_come_due(facts, POLICY) is False


@pytest.mark.parametrize(("count", "expected"), [(0, 0), (1, 0), (2, 1), (5, 4)])
def test_slips_are_counted_after_the_first(count: int, expected: int) -> None:
    """The first "not yet" is none; each further one is."""
    assert slips(person(postponement_count=count), POLICY) == expected


@pytest.mark.parametrize(("count", "expected"), [(1, False), (2, True), (3, True)])
def test_a_day_that_was_put_off_before_has_slipped(count: int, expected: bool) -> None:  # noqa: FBT001 - a case
    """Once said is not put off; and what no longer stands has not slipped."""
    facts = {**POSTPONED, "postponement_count": count}

    assert has_slipped(person(**facts), POLICY) is expected
    assert has_slipped(person(**facts, since_last_ready_signal=DAY), POLICY) is False


@pytest.mark.parametrize(
    "later", ["since_last_purchase", "since_last_postponement", "since_last_decline", "since_last_opt_out"]
)
def test_what_follows_a_ready_undoes_it(later: str) -> None:
    """An earlier record changes nothing; a record at its instant or later ends the readiness."""
    assert has_signalled_ready(person(since_last_ready_signal=5 * DAY), POLICY) is True
    assert has_signalled_ready(person(since_last_ready_signal=5 * DAY, **{later: 5 * DAY + TICK}), POLICY) is True
    assert has_signalled_ready(person(since_last_ready_signal=5 * DAY, **{later: 5 * DAY}), POLICY) is False


def test_a_ready_is_heard_for_as_long_as_a_step_lasts() -> None:
    """Until just before `phase_lasts`; then it says no more."""
    assert has_signalled_ready(person(since_last_ready_signal=POLICY.phase_lasts - TICK), POLICY) is True
    assert has_signalled_ready(person(since_last_ready_signal=POLICY.phase_lasts), POLICY) is False
