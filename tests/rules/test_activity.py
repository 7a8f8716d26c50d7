"""Bought, engaged, quiet, lapsed, overdue, won back: each limit from both sides."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from funnel.history import History
from funnel.money import Money
from funnel.policy import Policy
from funnel.records import Purchase
from funnel.rules._activity import (
    has_bought,
    has_bought_again,
    has_engaged,
    has_rhythm,
    is_lapsed,
    is_likely_lost,
    is_nearly_due,
    is_overdue,
    is_quiet,
    is_won_back,
    lacks_rhythm,
)
from tests.shop import DAY, NOW, TICK, person

POLICY = Policy(lapse_after=60 * DAY, quiet_after=10 * DAY, overdue_percent=150, rhythm_purchases=3)
REGULAR: dict[str, Any] = {"purchase_count": 3, "purchase_interval": 10 * DAY}


@pytest.mark.parametrize(("count", "once", "repeated"), [(0, False, False), (1, True, False), (2, True, True)])
def test_one_purchase_is_bought_and_two_are_again(count: int, once: bool, repeated: bool) -> None:  # noqa: FBT001 - a case
    """Konsumen is who bought once, pelanggan who came back."""
    assert has_bought(person(purchase_count=count), POLICY) is once
    assert has_bought_again(person(purchase_count=count), POLICY) is repeated


@pytest.mark.parametrize(
    ("facts", "expected"),
    [({}, False), ({"lead_count": 3}, False), ({"inbound_count": 1}, True), ({"order_count": 1}, True)],
)
def test_who_has_done_something_has_engaged(facts: dict[str, Any], expected: bool) -> None:  # noqa: FBT001 - a case
    """To arrive is not to engage; a word, a visit or an order is."""
    assert has_engaged(person(**facts), POLICY) is expected


@pytest.mark.parametrize("arrival", ["since_last_inbound", "since_last_purchase", "since_arrival"])
def test_who_came_lately_is_not_quiet(arrival: str) -> None:
    """A word, a purchase or an arrival breaks the silence, for exactly `quiet_after`."""
    assert is_quiet(person(**{arrival: 10 * DAY}), POLICY) is False
    assert is_quiet(person(**{arrival: 10 * DAY + TICK}), POLICY) is True


def test_of_whom_nothing_is_known_is_quiet() -> None:
    """The person was never in touch."""
    assert is_quiet(person(), POLICY) is True


@pytest.mark.parametrize(
    ("count", "silent", "expected"),
    [(1, 60 * DAY, False), (1, 60 * DAY + TICK, True), (5, 60 * DAY + TICK, True), (0, None, False)],
)
def test_a_buyer_silent_beyond_the_limit_has_lapsed(count: int, silent: timedelta | None, expected: bool) -> None:  # noqa: FBT001 - a case
    """Silent for exactly the limit is not lapsed yet, and only a buyer can lapse."""
    silence = {} if silent is None else {"since_last_purchase": silent}
    assert is_lapsed(person(purchase_count=count, **silence), POLICY) is expected


@pytest.mark.parametrize(
    ("count", "interval", "expected"),
    [(2, 10 * DAY, False), (3, 10 * DAY, True), (3, DAY, True), (3, DAY - TICK, False), (9, timedelta(0), False)],
)
def test_a_rhythm_takes_purchases_on_several_days(count: int, interval: timedelta, expected: bool) -> None:  # noqa: FBT001 - a case
    """Too few purchases say nothing of a person's interval, and neither do purchases of one sitting."""
    facts = person(purchase_count=count, purchase_interval=interval)

    assert has_rhythm(facts, POLICY) is expected
    assert lacks_rhythm(facts, POLICY) is not expected


def test_how_long_a_sitting_is_can_be_set() -> None:
    """A shop that sells meals may call an interval of hours a rhythm."""
    meals = Policy(rhythm_interval=timedelta(hours=3))
    facts = person(purchase_count=3, purchase_interval=timedelta(hours=4), since_last_purchase=DAY)

    assert (is_overdue(facts, meals), is_overdue(facts, POLICY)) == (True, False)


@pytest.mark.parametrize("one_rule", [is_nearly_due, is_overdue, is_likely_lost])
def test_three_orders_of_one_evening_are_never_missed(one_rule: Any) -> None:
    """Three orders within two minutes give no rhythm: the person is never overdue."""
    bought = [
        Purchase(id=str(minute), person_id="sari", purchased_at=NOW + timedelta(minutes=minute), amount=Money(9, "IDR"))
        for minute in range(3)
    ]
    history = History.of("sari", bought)

    assert not any(one_rule.of(history, Policy(), as_of=NOW + days * DAY) for days in (1, 2, 30, 200))
    assert one_rule.next_change.of(history, Policy(), as_of=NOW + DAY) is None


@pytest.mark.parametrize(
    ("facts", "silent", "expected"),
    [
        (REGULAR, 15 * DAY, False),
        (REGULAR, 15 * DAY + TICK, True),
        ({**REGULAR, "purchase_count": 2}, 15 * DAY + TICK, False),
        ({**REGULAR, "purchase_interval": DAY}, 1.5 * DAY + TICK, True),
        ({**REGULAR, "purchase_interval": DAY - TICK}, 90 * DAY, False),
        ({**REGULAR, "purchase_interval": timedelta(0)}, TICK, False),
        ({"purchase_count": 3}, 90 * DAY, False),
    ],
)
def test_overdue_is_by_their_own_rhythm(facts: dict[str, Any], silent: timedelta, expected: bool) -> None:  # noqa: FBT001 - a case
    """Half as long again as their own average interval, to the microsecond."""
    assert is_overdue(person(**facts, since_last_purchase=silent), POLICY) is expected


@pytest.mark.parametrize(
    ("gap", "silent", "expected"),
    [
        (60 * DAY, DAY, False),
        (60 * DAY + TICK, DAY, True),
        (60 * DAY + TICK, 60 * DAY, True),
        (60 * DAY + TICK, 60 * DAY + TICK, False),
    ],
)
def test_won_back_is_a_purchase_after_a_lapse(gap: timedelta, silent: timedelta, expected: bool) -> None:  # noqa: FBT001 - a case
    """Their last purchase ended a silence beyond the limit, and they are not silent again."""
    facts = person(purchase_count=2, gap_before_last_purchase=gap, since_last_purchase=silent)

    assert is_won_back(facts, POLICY) is expected
