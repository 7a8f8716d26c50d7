"""Occasions: purchases less than a day apart are one, however the facts are computed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from funnel import Facts, History, LiveFacts, Logs, Money, Policy, Purchase, Refund, rule
from funnel.errors import ArgumentError
from funnel.facts import count
from funnel.metrics import repeat_rate
from tests.shop import DAY, TICK

NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LATER = NOON + 100 * DAY


def bought(*after: timedelta) -> list[Purchase]:
    """Purchases of one person, so long after a noon."""
    return [
        Purchase(id=f"{number}", person_id="p1", purchased_at=NOON + one, amount=Money.of_minor(9, "USD"))
        for number, one in enumerate(after)
    ]


def facts(records: Sequence[Purchase | Refund], as_of: datetime = LATER) -> Facts:
    """The facts of all records at once, which are those of one record after another."""
    live = LiveFacts(History(person_id="p1"), Facts)
    for one in records:
        live.add(one)
    whole = Facts.of(History.of("p1", records), as_of=as_of)
    assert live.facts(as_of=as_of) == whole
    return whole


@pytest.mark.parametrize(
    ("after", "occasions", "interval", "spread", "last"),
    [
        ([], 0, None, None, timedelta(0)),
        ([0 * DAY], 1, None, None, timedelta(0)),
        ([0 * DAY, 0 * DAY], 1, None, None, timedelta(0)),
        ([0 * DAY, DAY - TICK], 1, None, None, timedelta(0)),
        ([0 * DAY, DAY], 2, DAY, None, DAY),
        ([0 * DAY, 20 * HOUR, 40 * HOUR, 60 * HOUR], 1, None, None, timedelta(0)),
        ([0 * DAY, 2 * DAY, 2 * DAY + HOUR, 6 * DAY + HOUR], 3, 3 * DAY, DAY, 4 * DAY),
        ([0 * DAY, 2 * DAY, 6 * DAY, 6 * DAY + HOUR], 3, 3 * DAY, DAY, 4 * DAY),
    ],
)
def test_purchases_less_than_a_day_apart_are_one_occasion(
    after: list[timedelta], occasions: int, interval: timedelta | None, spread: timedelta | None, last: timedelta
) -> None:
    """A chain is one occasion, exactly a day apart are two; the rhythm is that of the occasions."""
    values = facts(bought(*after)).to_dict()

    assert (values["purchase_count"], values["occasion_count"]) == (len(after), occasions)
    assert (values["purchase_interval"], values["interval_spread"]) == (interval, spread)
    assert values["gap_before_last_purchase"] == last


def test_a_refund_in_the_middle_of_a_chain_divides_it() -> None:
    """The refunded purchase is not there: its neighbours are more than a day apart from then on, not before."""
    records = bought(0 * DAY, 20 * HOUR, 40 * HOUR)
    refund = Refund(id="r", purchase_id="1", refunded_at=NOON + 9 * DAY, amount=records[1].amount)
    history = History.of("p1", [*records, refund])

    assert facts([*records, refund]).occasion_count == 2
    assert Facts.of(history, as_of=NOON + 9 * DAY - TICK).occasion_count == 1


def test_an_occasion_is_when_purchases_begin_to_count() -> None:
    """Two orders of different days that are paid on one evening are one occasion."""
    first, second = bought(0 * DAY, 3 * DAY)
    paid = [first.model_copy(update={"paid_at": NOON + 3 * DAY + HOUR}), second]

    assert Facts.of(History.of("p1", [first, second]), as_of=LATER).occasion_count == 2
    assert Facts.of(History.of("p1", paid), as_of=LATER).occasion_count == 1


def test_by_hand_each_purchase_is_an_occasion_unless_the_number_is_given() -> None:
    """Facts by hand, and one more purchase, have as many occasions as purchases; no more than purchases."""
    hand = Facts(as_of=NOON, purchase_count=3)

    assert hand.occasion_count == 3
    assert hand.evolve(purchase_count=4).occasion_count == 4
    assert hand.evolve(purchase_count=0).occasion_count == 0
    assert hand.evolve(occasion_count=1).evolve(purchase_count=2).occasion_count == 1
    assert Facts(as_of=NOON, purchase_count=3, occasion_count=2).occasion_count == 2


def test_cdnow_has_fewer_who_came_again_than_rows_say(shared_data: Path) -> None:
    """11,516 of 23,570 people bought on two or more days; 11,662 have two or more rows."""
    rows = pl.read_parquet(shared_data / "cdnow_full.parquet").with_row_index("id")
    times = pl.col("date").cast(pl.Datetime("us", "UTC"))
    names = {"person_id": pl.col("customer_id").cast(pl.String), "amount": pl.lit(1, pl.Int64)}
    logs = Logs(purchases=rows.select("id", purchased_at=times, **names))
    again = repeat_rate(logs, as_of=datetime(1998, 7, 1, tzinfo=UTC))

    assert (again.successes, again.trials) == (11_516, 23_570)
    assert (rows["customer_id"].value_counts()["count"] > 1).sum() == 11_662


class Sittings(Facts, occasion="3 hours"):
    """Facts of a shop whose occasions are three hours apart."""

    day_count: int = count("purchases", where=lambda purchase: purchase.gap >= timedelta(days=1))


class Evenings(Sittings):
    """The same shop, with one more fact."""

    big_count: int = count("purchases", where=lambda purchase: purchase.amount > 10)


@rule
def pauses(f: Evenings, policy: Policy) -> bool:
    """Return whether the person is late by the own rhythm."""
    return f.occasion_count > policy.rhythm_purchases and f.since_last_purchase > f.purchase_interval


def test_a_class_states_the_shortest_time_between_its_occasions() -> None:
    """A class and its subclasses count by their own constant in every form; conditions of the shop stay as written."""
    records = bought(0 * HOUR, 3 * HOUR, 6 * HOUR - TICK, 10 * HOUR, 40 * HOUR)
    history = History.of("p1", records)
    live = LiveFacts(history, Evenings)
    rows = [{"id": one.id, "person_id": "p1", "purchased_at": one.purchased_at, "amount": 9} for one in records]
    logs = Logs(purchases=pl.DataFrame(rows))

    whole = Evenings.of(history, as_of=LATER)

    assert (whole.occasion_count, whole.day_count) == (4, 1)
    assert whole.gap_before_last_purchase == 30 * HOUR
    assert whole.purchase_interval == (37 * HOUR + TICK) // 3
    assert live.facts(as_of=LATER) == whole
    columns = ["occasion_count", "day_count", "purchase_interval", "interval_spread", "gap_before_last_purchase"]
    row = tuple(whole.to_dict()[name] for name in columns)
    assert Evenings.over(logs, as_of=LATER).select(columns).row(0) == row
    assert Evenings.running(logs, as_of=LATER).sort("known_at").select(columns).row(-1) == row
    soon = NOON + 41 * HOUR
    change = pauses.next_change.of(history, Policy(), as_of=soon)
    assert change == pauses.next_change.over(logs, Policy(), as_of=soon)["next_change"].item()
    assert change is not None
    assert Facts.of(history, as_of=LATER).occasion_count == 2


@pytest.mark.parametrize("occasion", [timedelta(0), "soon", 3])
def test_the_time_between_occasions_is_a_span_above_zero(occasion: object) -> None:
    """Anything else is refused with the name of the argument."""
    with pytest.raises(ArgumentError, match="occasion"):
        type("Other", (Facts,), {}, occasion=occasion)
