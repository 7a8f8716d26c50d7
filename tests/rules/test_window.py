"""When they may buy: what they said before what they did, and "not known" where nothing says it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from funnel.policy import Policy
from funnel.rules._window import WindowBasis, until_earliest, until_latest, until_likely, window_basis
from tests.shop import DAY, TICK, person

POLICY = Policy()
WAITS: dict[str, Any] = {
    "postponement_count": 1,
    "since_last_postponement": 9 * DAY,
    "until_ready": 4 * DAY,
    "until_ready_at_latest": 6 * DAY,
}
RHYTHM: dict[str, Any] = {"purchase_count": 3, "purchase_interval": 10 * DAY, "since_last_purchase": 4 * DAY}
REGULAR: dict[str, Any] = {**RHYTHM, "purchase_count": 5, "interval_spread": 3 * DAY}
READY: dict[str, Any] = {"since_last_ready_signal": 3 * DAY}


@pytest.mark.parametrize(
    ("facts", "basis", "window"),
    [
        ({}, WindowBasis.UNKNOWN, (None, None, None)),
        (READY, WindowBasis.SAID_READY, (timedelta(0), timedelta(0), 11 * DAY)),
        ({"since_last_ready_signal": 14 * DAY}, WindowBasis.UNKNOWN, (None, None, None)),
        ({"since_last_ready_signal": 14 * DAY - TICK}, WindowBasis.SAID_READY, (timedelta(0), timedelta(0), TICK)),
        (WAITS, WindowBasis.POSTPONEMENT, (4 * DAY, 5 * DAY, 6 * DAY)),
        ({**WAITS, **RHYTHM, "since_last_purchase": 20 * DAY}, WindowBasis.POSTPONEMENT, (4 * DAY, 5 * DAY, 6 * DAY)),
        ({**WAITS, **READY}, WindowBasis.SAID_READY, (timedelta(0), timedelta(0), 11 * DAY)),
        (RHYTHM, WindowBasis.RHYTHM, (0.64 * DAY, 4 * DAY, 16 * DAY)),
        ({**RHYTHM, "since_last_purchase": 19 * DAY}, WindowBasis.RHYTHM, (1.04 * DAY, 6.5 * DAY, 26 * DAY)),
        ({**RHYTHM, "purchase_count": 2}, WindowBasis.RHYTHM, (0.56 * DAY, 3.5 * DAY, 14 * DAY)),
        ({**RHYTHM, "purchase_count": 1}, WindowBasis.UNKNOWN, (None, None, None)),
        ({**RHYTHM, "occasion_count": 1}, WindowBasis.UNKNOWN, (None, None, None)),
        ({**RHYTHM, "purchase_count": 30}, WindowBasis.RHYTHM, tuple(n * (84 * DAY // 9) // 100 for n in (8, 50, 200))),
        ({**RHYTHM, **WAITS}, WindowBasis.RHYTHM, (0.64 * DAY, 4 * DAY, 16 * DAY)),
        (REGULAR, WindowBasis.RHYTHM, (DAY, 5.5 * DAY, 11 * DAY)),
        ({**REGULAR, "since_last_purchase": 20 * DAY}, WindowBasis.RHYTHM, (0.48 * DAY, 3 * DAY, 12 * DAY)),
        ({**REGULAR, "interval_spread": 3 * DAY + TICK}, WindowBasis.RHYTHM, (0.704 * DAY, 4.4 * DAY, 17.6 * DAY)),
        ({**REGULAR, "purchase_count": 4}, WindowBasis.RHYTHM, (0.64 * DAY, 4 * DAY, 16 * DAY)),
    ],
)
def test_a_window_rests_on_what_they_said_or_did(
    facts: dict[str, Any], basis: WindowBasis, window: tuple[timedelta | None, ...]
) -> None:
    """From when, around when, until when; a purchase after a "not yet" ends it."""
    rules = (until_earliest, until_likely, until_latest)

    assert window_basis(person(**facts), POLICY) is basis
    assert tuple(one(person(**facts), POLICY) for one in rules) == window


def test_the_shares_of_the_interval_are_the_shops() -> None:
    """Another policy, another window."""
    early = Policy(window_percents=(25, 75, 100))

    assert [one(person(**RHYTHM), early) for one in (until_earliest, until_likely, until_latest)] == [
        2 * DAY,
        6 * DAY,
        8 * DAY,
    ]
