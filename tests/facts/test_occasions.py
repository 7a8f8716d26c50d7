"""Occasions: purchases less than a day apart are one, however the facts are computed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from funnel import Facts, History, LiveFacts, Logs, Money, Purchase, Refund
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
