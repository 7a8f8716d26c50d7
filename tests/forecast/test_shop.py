"""The forecast of a shop: its numbers, its intervals, its season, and what it refuses."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from funnel import Logs
from funnel.errors import ArgumentError
from funnel.forecast import ShopForecast, shop_forecast

START = datetime(2024, 1, 1, tzinfo=UTC)
OPTIONS: dict[str, Any] = {"tz": "UTC", "weeks": 2, "past": 4, "model": "nbd", "min_repeat_buyers": 20}


@cache
def shop(days: int = 200, season: float = 0.0) -> pl.DataFrame:
    """Return purchases of a made-up shop: 2 new buyers a day, who return every 50 days; more of both in a season."""
    random = np.random.default_rng(11)
    rows = list[tuple[str, datetime, int]]()
    for day in range(days):
        usual = 1 + season * ((day % 364) < 28)
        for number in range(random.poisson(2 * usual)):
            moment = float(day)
            while moment < days:
                rows.append((f"{day}-{number}", START + timedelta(days=int(moment), hours=9), 1_000))
                moment += random.exponential(50 / (1 + season * ((moment % 364) < 28)))
    return pl.DataFrame(rows, schema=["person_id", "purchased_at", "amount"], orient="row")


def after(days: int) -> datetime:
    """Return an instant some days after the start."""
    return START + timedelta(days=days)


@cache
def forecast() -> ShopForecast:
    """Return the forecast of a steady shop."""
    return shop_forecast(shop(), as_of=after(172), **OPTIONS)


def test_a_steady_shop_continues() -> None:
    """Purchases, new buyers and revenue of the next weeks are inside their intervals, and weeks add up to the total."""
    result, table = forecast(), shop()
    real = table.filter(pl.col("purchased_at").is_between(after(172), after(186), closed="left"))
    bought = real.select("person_id", pl.col("purchased_at").dt.date()).unique().height
    total = result.total
    assert (total.first_day, total.last_day) == (date(2024, 6, 21), date(2024, 7, 4))
    assert total.purchases.lower <= bought <= total.purchases.upper
    assert total.new_buyers.lower <= 28 <= total.new_buyers.upper
    assert total.revenue is not None
    assert total.revenue.lower <= real["amount"].sum() <= total.revenue.upper
    assert sum(week.purchases.value for week in result.weeks) == pytest.approx(total.purchases.value)
    assert [week.first_day.day for week in result.weeks] == [21, 28]
    assert result.has_season is None


def test_past_forecasts_have_the_actual_numbers() -> None:
    """Each past forecast starts a span after the one before, and its actual numbers are those of the purchases."""
    past = forecast().past
    assert [one.first_day for one in past] == [date(2024, 4, 26) + timedelta(days=14 * step) for step in range(4)]
    real = shop().filter(pl.col("purchased_at").dt.date().is_between(date(2024, 6, 7), date(2024, 6, 20)))
    firsts = shop().group_by("person_id").agg(pl.col("purchased_at").min().dt.date())["purchased_at"]
    assert past[-1].actual_purchases == real.select("person_id", pl.col("purchased_at").dt.date()).unique().height
    assert past[-1].actual_new_buyers == firsts.is_between(date(2024, 6, 7), date(2024, 6, 20)).sum()
    assert past[-1].actual_revenue == 1_000 * real.height


def test_later_purchases_change_nothing() -> None:
    """The forecast of a day does not depend on purchases of that day or later."""
    before = shop().filter(pl.col("purchased_at") < after(172))
    assert shop_forecast(before.reverse(), as_of=after(172) + timedelta(hours=20), **OPTIONS) == forecast()


@pytest.mark.parametrize("kind", ["pandas", "duckdb"])
def test_every_engine_gives_the_same(kind: str) -> None:
    """The numbers do not depend on the engine of the table."""
    import duckdb

    table: Any = shop().to_pandas() if kind == "pandas" else duckdb.connect().from_arrow(shop())
    result = shop_forecast(table, as_of=after(172), **OPTIONS)
    assert result.total.purchases.value == pytest.approx(forecast().total.purchases.value, rel=1e-9)
    assert result.past[0].actual_purchases == forecast().past[0].actual_purchases


def test_a_season_is_used_if_two_years_show_it() -> None:
    """The same weeks of the year before are used if past forecasts were better with them, and not otherwise."""
    busy, steady = (shop_forecast(shop(750, rise), as_of=after(742), **OPTIONS) for rise in (3.0, 0.0))
    assert (busy.has_season, steady.has_season) == (True, False)
    assert busy.total.purchases.value > 1.5 * busy.past[0].expected_purchases
    assert "with a season" in str(busy)
    assert "no season seen" in str(steady)


def test_a_young_shop_has_no_forecast() -> None:
    """Too few repeat buyers today, or on too many of the past days, are errors that say so."""
    many: dict[str, Any] = OPTIONS | {"min_repeat_buyers": 150}
    with pytest.raises(ArgumentError, match="not enough: 3 of 4 past forecasts have 150 repeat buyers, and 4 are"):
        shop_forecast(shop(), as_of=after(172), **many)
    with pytest.raises(ArgumentError, match=r"not enough: .* buyers returned"):
        shop_forecast(shop(), as_of=after(5), **OPTIONS)


def test_without_amounts_there_is_no_revenue() -> None:
    """A table of people and instants gives purchases and new buyers."""
    result = shop_forecast(shop().drop("amount"), as_of=after(172), **OPTIONS)
    assert result.total.revenue is None
    assert "revenue" not in str(result.total)
    assert result.total.purchases == forecast().total.purchases


def test_a_forecast_of_a_shop_reads_as_a_sentence() -> None:
    """It has the totals, the past and the season."""
    assert str(forecast()).startswith("2024-06-21 to 2024-07-04: ")
    assert str(forecast()).endswith(" of 4 past forecasts held; a season needs two years of data")


def test_a_forecast_until_a_day_has_a_shorter_last_week() -> None:
    """The next 17 days are two weeks and three days. 14 days are the same as two weeks."""
    options = {name: value for name, value in OPTIONS.items() if name != "weeks"}
    month = shop_forecast(shop(), as_of=after(172), until=date(2024, 7, 7), **options)
    ends = [(week.first_day.day, week.last_day.day) for week in month.weeks]

    assert ends == [(21, 27), (28, 4), (5, 7)]
    assert sum(week.purchases.value for week in month.weeks) == pytest.approx(month.total.purchases.value)
    assert month.weeks[2].new_buyers.value == pytest.approx(month.weeks[0].new_buyers.value * 3 / 7)
    assert [one.first_day for one in month.past] == [date(2024, 4, 14) + timedelta(days=17 * at) for at in range(4)]
    assert shop_forecast(shop(), as_of=after(172), until=date(2024, 7, 4), **options) == forecast()
    for until in (date(2024, 6, 20), date(2024, 12, 20)):
        with pytest.raises(
            ArgumentError, match=r"until must be from 2024-06-21, the day of as_of, to 2024-12-19 \(got"
        ):
            shop_forecast(shop(), as_of=after(172), until=until, **options)
    with pytest.raises(ArgumentError, match="weeks and until exclude each other"):
        shop_forecast(shop(), as_of=after(172), until=date(2024, 7, 7), **OPTIONS)


def test_a_forecast_has_money_in_its_currency() -> None:
    """The revenue is in whole minor units, and the text of the total has it with the currency of the logs."""
    rows = shop().with_row_index("id")
    total = shop_forecast(Logs(purchases=rows, currency="GBP"), as_of=after(172), **OPTIONS).total
    numbers = r"\d+ \(\d+ to \d+\)"
    pounds = r"GBP [\d,]+\.\d\d"

    assert isinstance(total.revenue.value, int)
    assert (total.currency, forecast().total.currency) == ("GBP", None)
    days = "2024-06-21 to 2024-07-04"
    revenue = rf"{pounds} \({pounds} to {pounds}\) of revenue"
    assert re.fullmatch(rf"{days}: {numbers} purchases, {numbers} new buyers, {revenue}", str(total))


@pytest.mark.no_cover
def test_the_spring_of_cdnow_came_as_forecast(shared_data: Path) -> None:
    """The forecast of four weeks of a real shop, two years after it started to sell: the interval has the actual."""
    rows = pl.read_parquet(shared_data / "cdnow_sample.parquet")
    day = pl.col("date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    cents = (pl.col("dollars") * 100).round().cast(pl.Int64)
    table = rows.select(person_id=pl.col("customer_id").cast(pl.String), purchased_at=day, amount=cents)
    as_of = datetime(1998, 5, 1, tzinfo=UTC)
    result = shop_forecast(table, tz="UTC", as_of=as_of, past=6)
    moment = pl.col("purchased_at")
    real = table.filter((moment >= as_of) & (moment < as_of + timedelta(days=28)) & (pl.col("amount") > 0))
    bought = real.select("person_id", "purchased_at").unique().height
    assert result.total.purchases.lower < bought < result.total.purchases.upper
    assert result.past_inside >= 5
