"""Made-up buyers who buy often, at once and in promotions, and which of their purchases count, in plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import polars as pl
from hypothesis import strategies as st

from funnel.history import History
from funnel.money import Money
from funnel.records import Lead, OrderLine, Purchase, Record, Refund
from tests.metrics.people import bought_by
from tests.strategies import START

DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
THINGS = ("mug", "plate", "bowl")

_moments = st.tuples(st.integers(0, 12), st.sampled_from([0, 0, 0, 1, -1])).map(
    lambda random_buyers: START + random_buyers[0] * 5 * DAY + random_buyers[1] * TICK
)


@st.composite
def _purchase(draw: st.DrawFn, person: str, number: int) -> Purchase:
    things = draw(st.lists(st.sampled_from(THINGS), max_size=3))
    nothing = Money.of_minor(0, "USD")
    return Purchase(
        id=f"{person}-{number}",
        source=draw(st.sampled_from(["shop", "shop", "web"])),
        person_id=person,
        purchased_at=draw(_moments),
        lines=tuple(OrderLine(sku=thing, unit_price=nothing) for thing in things),
        amount=Money.of_minor(draw(st.sampled_from([0, 5, 9, 9])), "USD"),
        promotion=draw(st.sampled_from(["", "", "launch", "fair"])),
    )


@st.composite
def _buyer(draw: st.DrawFn, person: str) -> History:
    bought = [draw(_purchase(person, number)) for number in range(draw(st.integers(0, 6)))]
    records: list[Record] = list(bought)
    for one in bought:
        if one.amount.minor and draw(st.integers(0, 4)) == 0:
            back, later = Money.of_minor(draw(st.sampled_from([5, 5, 9])), "USD"), draw(st.integers(0, 20))
            if back <= one.amount:
                source = {"id": f"r-{one.id}", "source": one.source, "purchase_id": one.id, "amount": back}
                records.append(Refund.model_validate({**source, "refunded_at": one.purchased_at + later * DAY}))
    for number in range(draw(st.integers(0, 2))):
        sender = draw(st.sampled_from([None, None, "friend"]))
        channel, campaign = draw(st.sampled_from(["", "fair", "web"])), f"{number}"
        records.append(
            Lead(person_id=person, arrived_at=draw(_moments), source=channel, campaign=campaign, referred_by=sender)
        )
    return History.of(person, records)


def buyers(most: int = 4) -> st.SearchStrategy[list[History]]:
    """A few people, most of whom bought several times."""
    return st.tuples(*(_buyer(f"p{number}") for number in range(most))).map(list)


moments = _moments
"""When a made-up shop is looked at."""

spans = st.integers(1, 8).map(lambda count: count * 5 * DAY)
"""Whole spans that the made-up purchases lie apart."""


def counted_purchases(person: History, as_of: datetime) -> list[Purchase]:
    """The purchases that count at an instant, in their order."""
    valid = [one for one in person.purchases if _counts(person, one, as_of)]
    return sorted(valid, key=lambda one: (one.purchased_at, one.source, one.id))


def counted_occasions(person: History, as_of: datetime) -> list[Purchase]:
    """The purchases that begin an occasion: a day or more after the purchase before."""
    bought = counted_purchases(person, as_of)
    return bought[:1] + [later for one, later in pairwise(bought) if later.purchased_at - one.purchased_at >= DAY]


def _counts(person: History, purchase: Purchase, as_of: datetime) -> bool:
    refunds = [one for one in person.refunds if (one.source, one.purchase_id) == purchase.key]
    return bool(bought_by(History.of(person.person_id, [purchase, *refunds]), as_of))


def lines_of(people: Sequence[History]) -> pl.LazyFrame:
    """Every line of every order as a table."""
    rows = [
        {"purchase_id": one.id, "source": one.source, "sku": line.sku, "quantity": line.quantity}
        for person in people
        for one in person.purchases
        for line in one.lines
    ]
    schema = {"purchase_id": pl.String, "source": pl.String, "sku": pl.String, "quantity": pl.Int64}
    return pl.DataFrame(rows, schema=schema).lazy()
