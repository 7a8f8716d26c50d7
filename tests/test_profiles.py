"""The seven things to know of a customer: equal to the facts, and silent of who they are unless asked."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given

from funnel.errors import InstantError
from funnel.facts import Facts
from funnel.history import History
from funnel.interactions import Complaint, Feedback, Visit
from funnel.money import Money
from funnel.profiles import ProfileItem, customer_profile
from funnel.records import Customer, OrderLine, Purchase
from tests.metrics.buyers import buyers, counted_purchases, moments
from tests.shop import DAY, NOW, TICK, bought, did, refunded, usd
from tests.strategies import CANARY, histories, instants

SARI = Customer(person_id="p1", name="Sari Dewi", nickname="Sari", address="Jl. Melati 5")
MUGS = OrderLine(sku="mug", quantity=2, unit_price=usd(450))
CUP = OrderLine(sku="cup", unit_price=usd(100))
HISTORY = History.of(
    "p1",
    [
        bought("1", NOW - 30 * DAY, 900, lines=(MUGS,)),
        bought("2", NOW - 10 * DAY, 1100, lines=(MUGS, CUP, CUP)),
        bought("3", NOW - 5 * DAY, 100, lines=(CUP,)),
        refunded("r1", "3", NOW - 4 * DAY, 100),
        did(Feedback, "f1", NOW - 9 * DAY, score=4, text="lovely"),
        did(Complaint, "c1", NOW - 2 * DAY, channel="whatsapp", text="chipped"),
    ],
    customer=SARI,
)


@given(histories(), instants())
def test_the_profile_says_what_the_facts_say(history: History, as_of: datetime) -> None:
    """How often, when last, how much, the last interaction and the feedback are the facts'; nothing tells who it is."""
    profile, facts = customer_profile(history, as_of=as_of), Facts.of(history, as_of=as_of)
    actual = facts.to_dict()
    last, feedback = profile.last_interaction, profile.last_feedback

    assert (profile.purchase_count, profile.last_purchase_at) == (facts.purchase_count, facts.last_purchase_at)
    assert profile.purchase_interval == actual["purchase_interval"]
    assert (profile.net_spent.minor if profile.net_spent else 0) == facts.net_spent
    assert (profile.average_purchase.minor if profile.average_purchase else 0) == facts.average_purchase
    assert (last.at if last else None) == facts.last_interaction_at
    assert (last.kind if last else "") == facts.last_interaction_kind
    assert (profile.feedback_count, feedback.score if feedback else 0) == (
        facts.feedback_count,
        facts.last_feedback_score,
    )
    for text in (profile, profile.to_dict(), profile._repr_html_()):
        assert CANARY not in f"{text!r} {text}"
    assert CANARY not in repr(customer_profile(history, as_of=as_of, personal=True))


@given(buyers(1), moments)
def test_what_they_bought_is_what_their_orders_hold(people: list[History], as_of: datetime) -> None:
    """The profile has the items of all valid purchases with their pieces, and nothing else."""
    orders = counted_purchases(people[0], as_of)
    things = {line.sku for one in orders for line in one.lines}
    profile = customer_profile(people[0], as_of=as_of)

    assert {one.sku for one in profile.items} == things
    for one in profile.items:
        stored = [order for order in orders if one.sku in {line.sku for line in order.lines}]
        pieces = sum(line.sku == one.sku for order in stored for line in order.lines)
        assert (one.pieces, one.times, one.last_at) == (pieces, len(stored), stored[-1].purchased_at)
    assert [one.last_at for one in profile.items] == sorted((one.last_at for one in profile.items), reverse=True)


def test_the_screen_reads_well() -> None:
    """Seven lines, in the order of the article; what was given back in whole was not bought."""
    assert str(customer_profile(HISTORY, as_of=NOW, personal=True)).splitlines() == [
        "identity: Sari Dewi (Sari), Jl. Melati 5",
        "items: 2 cup, 4 mug (2 times)",
        "purchases: 2 times, every 20 d on average",
        "last purchase: 2026-08-22 00:00 UTC, 10 d ago",
        "amount: USD 20.00 in all, USD 10.00 on average",
        'last interaction: complaint (from the person by whatsapp), 2026-08-30 00:00 UTC: "chipped"',
        'feedback: 4 of 5, 2026-08-23 00:00 UTC: "lovely" (1 in all)',
    ]


def test_who_they_are_is_shown_only_where_asked() -> None:
    """Without asking, neither the name nor the words are there at all, not even to look up."""
    profile = customer_profile(HISTORY, as_of=NOW)

    assert profile.identity is None
    assert str(profile).startswith("identity: not known\n")
    assert [one.text for one in (profile.last_interaction, profile.last_feedback) if one] == ["", ""]
    assert not any(word in str(profile.to_dict()) for word in ("Sari", "Melati", "chipped", "lovely"))


def test_rows_and_a_notebook_say_the_same() -> None:
    """A screen may take the parts by name, or the table."""
    profile = customer_profile(HISTORY, as_of=NOW, personal=True)

    assert profile.to_dict()["identity"] == {"name": "Sari Dewi", "nickname": "Sari", "address": "Jl. Melati 5"}
    assert profile.to_dict()["items"][0] == {"sku": "cup", "pieces": 2, "times": 1, "last_at": NOW - 10 * DAY}
    assert profile.to_dict()["net_spent"] == Money("20.00", "USD")
    assert "<td>Sari Dewi (Sari), Jl. Melati 5</td>" in profile._repr_html_()


@pytest.mark.parametrize(
    ("history", "texts"),
    [
        (History(person_id="p1"), ["not known", "not known", "0 times", "never", "nothing", "none", "none"]),
        (
            History.of("p1", [did(Visit, "v1", NOW, direction="out")], customer=Customer(person_id="p1", name="Budi")),
            [
                "Budi, address not known",
                "not known",
                "0 times",
                "never",
                "nothing",
                "visit (from the shop), 2026-09-01 00:00 UTC",
                "none",
            ],
        ),
        (
            History.of("p1", [bought("1", NOW)]),
            [
                "not known",
                "not known",
                "1 time",
                "2026-09-01 00:00 UTC, 0 d ago",
                "USD 0.09 in all, USD 0.09 on average",
            ],
        ),
    ],
    ids=["nobody", "a visitor", "no lines"],
)
def test_what_is_not_known_is_said(history: History, texts: list[str]) -> None:
    """Nothing is made up: never, nothing, none and not known are answers."""
    lines = str(customer_profile(history, as_of=NOW, personal=True)).splitlines()

    assert [line.split(": ", 1)[1] for line in lines][: len(texts)] == texts


def test_later_records_are_not_looked_at() -> None:
    """Records after the instant do not count, and a naive instant is refused."""
    early = customer_profile(HISTORY, as_of=NOW - 10 * DAY - TICK)

    assert early.items == (ProfileItem("mug", 2, 1, NOW - 30 * DAY),)
    assert (early.last_interaction, early.purchase_interval) == (None, None)
    with pytest.raises(InstantError, match="naive"):
        customer_profile(HISTORY, as_of=datetime(2026, 1, 1))  # noqa: DTZ001 (on purpose)
    assert timedelta(days=20) == customer_profile(HISTORY, as_of=NOW).purchase_interval


def test_orders_of_one_sitting_show_no_interval() -> None:
    """Two orders of one evening are one occasion, so there is no interval."""
    bought = [
        Purchase(id=str(minute), person_id="sari", purchased_at=NOW - timedelta(minutes=minute), amount=Money(9, "IDR"))
        for minute in range(2)
    ]
    profile = customer_profile(History.of("sari", bought), as_of=NOW)

    assert profile.purchase_interval is None
    assert "purchases: 2 times" in [line.strip() for line in str(profile).splitlines()]
