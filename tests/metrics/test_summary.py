"""Every buyer in four numbers: against a count day by day, on every engine, and one person as all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from math import log
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings

from funnel.errors import ArgumentError
from funnel.history import History
from funnel.logs import Logs
from funnel.metrics._purchase_summary import PurchaseSummary
from funnel.money import Money
from funnel.records import Purchase, Refund
from tests.engines import ENGINES, HERE, examples
from tests.frames import read
from tests.kernels import without_numpy
from tests.metrics.bought import PEOPLE, Shop, shops
from tests.metrics.buyers import buyers, counted_purchases, moments
from tests.metrics.people import FEW
from tests.strategies import instants

if TYPE_CHECKING:
    from pathlib import Path

ZONE = "America/New_York"
NAMES = ("repeat_count", "first_to_last_days", "tenure_days", "repeat_amount")
Model = Mapping[str, tuple[int, ...]]


def rows_of(frame: Any) -> Model:
    """Return the summary of each person."""
    return {str(row["person_id"]): tuple(row[name] for name in NAMES) for row in read(frame)}


def by_hand(paid: list[tuple[datetime, int]], as_of: datetime) -> tuple[int, ...]:
    """Compute the summary of one person's purchases with a calendar."""
    dated = [(moment.astimezone(ZoneInfo(ZONE)).date(), amount) for moment, amount in paid]
    days = sorted({day for day, _ in dated})
    late = [amount for day, amount in dated if day != days[0]]
    today = as_of.astimezone(ZoneInfo(ZONE)).date()
    return len(days) - 1, (days[-1] - days[0]).days, (today - days[0]).days, sum(late)


def right(shop: Shop, as_of: datetime) -> Model:
    """Return the expected summary of each buyer."""
    days = {
        name: [(one.at, one.left(as_of)) for one in shop.orders if one.person == name and one.left(as_of)]
        for name in PEOPLE
    }
    return {name: by_hand(paid, as_of) for name, paid in days.items() if paid}


@pytest.mark.parametrize("engine", HERE)
def test_every_engine_counts_as_a_person_would(engine: str) -> None:
    """Days, spans and what was paid equal a count by hand, with refunds and cancellations."""

    @settings(max_examples=examples(engine, 9 if engine == "polars" else 2))
    @given(shops(), instants())
    def law(shop: Shop, as_of: datetime) -> None:
        result = PurchaseSummary.over(Logs(**ENGINES[engine](shop.tables())), tz=ZONE, as_of=as_of)

        assert rows_of(result) == right(shop, as_of)

    law()


@FEW
@given(shops(), instants())
def test_by_expressions_it_is_the_same(shop: Shop, as_of: datetime) -> None:
    """Without numpy Polars' own expressions give the same rows."""
    with pytest.MonkeyPatch.context() as patch:
        without_numpy(patch)
        result = PurchaseSummary.over(Logs(**shop.tables()), tz=ZONE, as_of=as_of)

    assert rows_of(result) == right(shop, as_of)


@FEW
@given(buyers(), moments)
def test_one_person_is_told_as_all_are(people: list[History], as_of: datetime) -> None:
    """A person's own summary has the numbers of a count by hand; who has bought nothing has none."""
    for person in people:
        back = {one.key: 0 for one in person.purchases}
        for one in person.refunds:
            back[one.source, one.purchase_id] += one.amount.minor if one.refunded_at <= as_of else 0
        paid = [(one.purchased_at, one.amount.minor - back[one.key]) for one in counted_purchases(person, as_of)]
        result = PurchaseSummary.of(person, tz=ZONE, as_of=as_of)

        assert result == (PurchaseSummary(*by_hand(paid, as_of)) if paid else None)


def test_one_person_by_hand() -> None:
    """Two purchases of one day are one; what was given back, and what is yet to come, counts for nothing."""
    day = datetime(2026, 3, 1, 15, tzinfo=UTC)
    bought = [
        Purchase(id=str(number), person_id="a", purchased_at=day + timedelta(days=after), amount=Money(amount, "USD"))
        for number, (after, amount) in enumerate([(0, 5), (0, 6), (7, 8), (9, 4), (40, 3)])
    ]
    back = Refund(id="r", purchase_id="3", refunded_at=day + timedelta(days=10), amount=Money(4, "USD"))
    history = History.of("a", [*bought, back])

    result = PurchaseSummary.of(history, tz="UTC", as_of=day + timedelta(days=20))
    assert result == PurchaseSummary(1, 7, 20, 800)
    assert PurchaseSummary.of(history, tz="UTC", as_of=day - timedelta(days=1)) is None


@pytest.mark.parametrize("engine", HERE)
def test_gaps_between_purchase_days(engine: str) -> None:
    """The sum of the logarithms of the gaps is the same for one person and for a table, and absent by default."""
    day = datetime(2026, 3, 1, 15, tzinfo=UTC)
    bought = [
        Purchase(id=f"{name}{after}", person_id=name, purchased_at=day + timedelta(days=after), amount=Money(5, "USD"))
        for name, days in {"a": (0, 0.1, 7, 10), "b": (3,)}.items()
        for after in days
    ]
    table = pl.DataFrame(
        [{"id": one.id, "person_id": one.person_id, "purchased_at": one.purchased_at} for one in bought]
    )
    logs = Logs(**ENGINES[engine]({"purchases": table.with_columns(amount=500)}))
    as_of = day + timedelta(days=20)
    rows = read(PurchaseSummary.over(logs, tz="UTC", as_of=as_of, log_gaps=True))
    people = {name: History.of(name, [one for one in bought if one.person_id == name]) for name in "ab"}
    alone = {name: PurchaseSummary.of(person, tz="UTC", as_of=as_of, log_gaps=True) for name, person in people.items()}
    assert {str(row["person_id"]): row["log_gap_sum"] for row in rows} == pytest.approx({"a": log(21), "b": 0})
    assert [one.log_gap_sum for one in alone.values() if one is not None] == pytest.approx([log(21), 0])
    assert PurchaseSummary.of(people["a"], tz="UTC", as_of=as_of) == PurchaseSummary(2, 10, 20, 1_000)


def test_a_plain_table_need_not_know_what_was_paid() -> None:
    """Without amounts there is no sum; texts and numbers name people, and what is yet to come is not counted."""
    day = datetime(2026, 3, 1, 12, tzinfo=UTC)
    when = [day, day + timedelta(days=2), day + timedelta(days=900)]
    for names in (["a", "a", "b"], [1, 1, 2]):
        table = pl.DataFrame({"person_id": names, "purchased_at": when})
        (row,) = PurchaseSummary.over(table, tz=ZONE, as_of=day + timedelta(days=9)).rows(named=True)
        assert row == {"person_id": names[0], "repeat_count": 1, "first_to_last_days": 2, "tenure_days": 9}


def test_without_purchases_there_is_nothing_to_tell() -> None:
    """A missing log of purchases is an error that states it; one without rows has no buyer."""
    day = datetime(2026, 3, 1, tzinfo=UTC)
    leads = Logs(leads=pl.DataFrame({"person_id": ["a"], "arrived_at": [day]}))
    with pytest.raises(ArgumentError, match="the logs have no purchases"):
        PurchaseSummary.over(leads, tz=ZONE, as_of=day)
    table = pl.DataFrame({"person_id": ["a"], "purchased_at": [day], "amount": [1]}).clear()

    assert PurchaseSummary.over(table, tz=ZONE, as_of=day).columns == ["person_id", *NAMES]


def as_lifetimes_has_it(orders: pl.DataFrame, until: date) -> pl.DataFrame:
    """The four numbers by the documented definition of lifetimes: days of transactions, whatever was paid on them."""
    daily = orders.group_by("person_id", day=pl.col("purchased_at").dt.date()).agg(pl.col("amount").sum())
    day, first = pl.col("day"), pl.col("amount").sort_by("day").first()
    return daily.group_by("person_id").agg(
        repeat_count=pl.len().cast(pl.Int64) - 1,
        first_to_last_days=(day.max() - day.min()).dt.total_days(),
        tenure_days=(pl.lit(until) - day.min()).dt.total_days(),
        repeat_amount=pl.col("amount").sum() - first,
    )


def test_lifetimes_counts_orders_of_nothing(shared_data: Path) -> None:
    """All people of CDNOW have the numbers of lifetimes but those with orders of nothing, as the docs say."""
    discs = pl.read_parquet(shared_data / "cdnow_full.parquet")
    noon = pl.col("date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC") + pl.duration(hours=12)
    orders = discs.select(
        person_id=pl.col("customer_id").cast(pl.Int64),
        purchased_at=noon,
        amount=(pl.col("dollars") * 100).round().cast(pl.Int64),
    )
    as_of = datetime(1998, 6, 30, 23, tzinfo=UTC)
    ours = PurchaseSummary.over(orders, tz="UTC", as_of=as_of).select("person_id", *NAMES)
    theirs = as_lifetimes_has_it(orders, as_of.date()).select("person_id", *NAMES)

    unlike = theirs.join(ours, on=["person_id", *NAMES], how="anti")
    nothing = orders.filter(pl.col("amount") == 0)["person_id"].unique()
    assert set(unlike["person_id"]) <= set(nothing)
    assert (theirs.height, theirs.height - ours.height, unlike.height) == (23_570, 68, 80)


def test_integer_ids_with_gaps_between_them_are_buyers() -> None:
    """A number between two ids is nobody."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    moments = [at, at, at + timedelta(days=3), at]
    orders = pl.DataFrame({"person_id": [9, 1, 9, 4], "purchased_at": moments, "amount": [1, 2, 3, 4]})

    summaries = rows_of(PurchaseSummary.over(orders, tz="UTC", as_of=at + timedelta(days=9)))
    assert summaries == {"1": (0, 0, 9, 0), "4": (0, 0, 9, 0), "9": (1, 3, 9, 3)}
