"""Two real shops, asked here and in SQL of another engine: the same numbers, and those that were published."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl
import pytest

from funnel.logs import Logs
from funnel.metrics._affinity.affinity import affinity
from funnel.metrics._rate import Rate
from funnel.metrics._repeat.by_origin import repeat_by
from funnel.metrics._repeat.rates import repeat_rates
from funnel.metrics._repeat.rhythm import purchase_rhythm
from funnel.metrics._repeat.steps import purchase_steps
from funnel.metrics._rfm import rfm_quantiles, segments
from funnel.policy import Policy
from funnel.rules._rfm import Segment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Query = Callable[[str], list[tuple[Any, ...]]]

pytestmark = [pytest.mark.no_cover, pytest.mark.more]

AS_OF = datetime(1998, 7, 1, tzinfo=UTC)
SPAN = timedelta(days=90)
VIEW = """
create view bought as select customer_id::varchar as person_id, date::timestamptz as t, sum(cds)::bigint as amount
    from discs group by 1, 2;
create view steps as select *, row_number() over (partition by person_id order by t) as nth,
    lead(t) over (partition by person_id order by t) - t as gap from bought;
create view people as select person_id, min(t) as first, max(t) as last, count(*) as times,
    sum(amount)::bigint as net_spent
    from bought group by 1;
"""
NOW = "timestamptz '1998-07-01 00:00:00+00'"


@pytest.fixture(scope="module")
def query(shared_data: Path) -> Query:
    """Ask DuckDB about the customers of CDNOW, who bought discs; all discs of a day are one purchase."""
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    connection.read_parquet(str(shared_data / "cdnow_full.parquet")).create_view("discs")
    connection.execute(VIEW)
    return lambda question: connection.execute(question).fetchall()


@pytest.fixture(scope="module")
def cdnow(shared_data: Path) -> Logs:
    """Read them as logs; what a purchase comes to is the number of discs."""
    discs = pl.read_parquet(shared_data / "cdnow_full.parquet")
    days = discs.group_by("customer_id", "date").agg(pl.col("cds").sum().cast(pl.Int64).alias("amount"))
    times = pl.col("date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    bought = days.select("amount", person_id=pl.col("customer_id").cast(pl.String), purchased_at=times)
    return Logs(purchases=bought.with_row_index("id"))


def test_the_repeat_rates_of_cdnow(cdnow: Logs, query: Query) -> None:
    """11,516 of 23,570 people bought on two days or more, as published; the other two rates are those of SQL."""
    result = repeat_rates(cdnow, SPAN, as_of=AS_OF)
    (within,) = query("select count(*) filter (gap <= interval 90 day), count(*) from steps where nth = 1")
    lately = f"last >= {NOW} - interval 90 day"
    (back,) = query(f"select count(*) filter (times > 1), count(*) from people where {lately}")  # noqa: S608

    assert result.ever == Rate(11_516, 23_570)
    assert result.within.rate == Rate(*within)
    assert result.within.pending == 0
    assert result.returning == Rate(*back)


def test_the_steps_of_cdnow(cdnow: Logs, query: Query) -> None:
    """Every step, from the first purchase to the last that anybody made, is that of SQL."""
    result = purchase_steps(cdnow, SPAN, as_of=AS_OF)
    rows = query(
        f"select nth, count(*), count(*) filter (old and gap <= interval 90 day), count(*) filter (old) "  # noqa: S608
        f"from (select *, t <= {NOW} - interval 90 day as old from steps) group by nth order by nth"
    )

    assert [(one.nth, one.people, one.repeat.rate.successes, one.repeat.rate.trials) for one in result] == rows
    assert sum(one.wait.converted for one in result) == query("select count(gap) from steps")[0][0]


def test_the_rhythm_of_cdnow(cdnow: Logs, query: Query) -> None:
    """The quarter marks are SQL's discrete quantiles, and k is the formula's."""
    result = purchase_rhythm(cdnow, as_of=AS_OF)
    assert result.quarters is not None
    (quartiles,) = query(
        "select quantile_disc(gap, 0.25), quantile_disc(gap, 0.5), quantile_disc(gap, 0.75) from steps"
    )
    ((v,),) = query(
        "select var_samp(epoch(a) / epoch(a + b)) from (select max(gap) filter (nth = 1) as a,"
        " max(gap) filter (nth = 2) as b from steps group by person_id) where b is not null"
    )

    assert result.quarters == quartiles
    assert result.regularity == pytest.approx((1 - 4 * v) / (8 * v), rel=1e-3)


def test_the_ranks_and_segments_of_cdnow(cdnow: Logs, query: Query) -> None:
    """Each person's ranks are SQL's, and as many are at risk, dormant and champions as SQL finds."""
    ranks = rfm_quantiles(cdnow, as_of=AS_OF).sort("person_id")
    columns = ", ".join(
        f"1 + 5 * (rank() over (order by {column}) - 1) // count(*) over ()"
        for column in ("last", "times", "net_spent")
    )
    silent = f"{NOW} - last"
    counts = {
        Segment.AT_RISK: f"{silent} > interval 120 day and {silent} <= interval 240 day and times >= 3",
        Segment.DORMANT: f"{silent} > interval 240 day and times < 3",
        Segment.CHAMPION: f"{silent} <= interval 60 day and times >= 5",
    }
    result = {one.segment: one.people.successes for one in segments(cdnow, Policy(), as_of=AS_OF)}

    rows = query(f"select person_id, {columns} from people order by person_id")  # noqa: S608 (our own words)
    assert ranks.select("person_id", "recency_rank", "frequency_rank", "monetary_rank").rows() == rows
    assert {one: result[one] for one in counts} == {
        one: query(f"select count(*) from people where {where}")[0][0]  # noqa: S608 (our own words)
        for one, where in counts.items()
    }


SOLD = """
create view sold as select InvoiceNo as id, CustomerID::varchar as person_id, StockCode as sku,
    timezone('UTC', InvoiceDate) as t from lines where CustomerID is not null and Quantity > 0 and UnitPrice > 0
    and StockCode in (select StockCode from lines group by 1 order by count(*) desc, 1 limit 80)
"""


def test_what_goes_together_in_a_gift_shop(shared_data: Path) -> None:
    """The pairs among the best sellers of Online Retail are SQL's, and so is what follows the best seller."""
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    connection.read_parquet(str(shared_data / "online_retail.parquet")).create_view("lines")
    connection.execute(SOLD)
    orders = connection.sql("select id, min(person_id) as person_id, min(t) as purchased_at from sold group by id").pl()
    lines = connection.sql("select distinct id as purchase_id, sku from sold").pl()
    logs = Logs(purchases=orders.with_columns(amount=pl.lit(1)))
    as_of = datetime(2011, 12, 10, tzinfo=UTC)
    result = affinity(logs, lines, SPAN, as_of=as_of, min_people=200)
    pairs = connection.execute(
        "with held as (select distinct id, sku from sold) select a.sku, b.sku, count(*) from held a join held b "
        "on a.id = b.id and a.sku <> b.sku group by all having count(*) >= 200"
    ).fetchall()
    ((successes, trials),) = connection.execute(
        "with o as (select id, min(person_id) as person_id, min(t) as t from sold group by id), "
        "firsts as (select person_id, min(o.t) as first from o semi join (from sold where sku = '85123A') s using (id) "
        "group by 1) select count(*) filter (exists (from o where id in (select id from sold where sku = '22423') "
        "and o.person_id = firsts.person_id and o.t > first and o.t <= first + interval 90 day)), count(*) "
        "from firsts where first <= timestamptz '2011-12-10 00:00:00+00' - interval 90 day"
    ).fetchall()
    few = affinity(logs, lines.filter(pl.col("sku").is_in(["85123A", "22423"])), SPAN, as_of=as_of)
    groups = repeat_by(logs, "product", SPAN, as_of=as_of, lines=lines)

    assert sorted((one.sku, one.other, one.support.successes) for one in result.together) == sorted(pairs)
    assert [one.confidence for one in few.in_order if one.other == "22423"] == [Rate(successes, trials)]
    assert sum(one.repeat.rate.trials + one.repeat.pending for one in groups) > orders["person_id"].n_unique()
