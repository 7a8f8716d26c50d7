"""Funnels of real people against numbers that SQL finds another way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import duckdb
import polars as pl
import pytest

from funnel import conversion
from funnel.metrics import Matching

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.no_cover, pytest.mark.more]

DAY = timedelta(days=1)
BOTH_WAYS: tuple[Literal["ranked", "later"], ...] = ("ranked", "later")


def sql(query: str, **tables: pl.DataFrame) -> list[tuple[Any, ...]]:
    """Return the answer of DuckDB."""
    connection = duckdb.connect()
    for name, table in tables.items():
        connection.register(name, table.to_arrow())
    return connection.execute(query).fetchall()


# ---- leads that signed ---------------------------------------------------------------------------------------------

OVER = datetime(2018, 11, 15, tzinfo=UTC)


@pytest.fixture(scope="module")
def olist(shared_data: Path) -> pl.DataFrame:
    """Give the leads of Olist and those who signed, as events."""
    leads = pl.read_parquet(shared_data / "olist_leads.parquet").select(
        person_id="mql_id", occurred_at=_utc("first_contact_date"), kind=pl.lit("lead"), origin="origin"
    )
    won = pl.read_parquet(shared_data / "olist_closed_deals.parquet").select(
        person_id="mql_id", occurred_at=_utc("won_date"), kind=pl.lit("won"), origin=pl.lit(None, pl.String)
    )
    return pl.concat([leads, won])


def _utc(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


BY_ORIGIN = """
select lead.origin, count(*),
    count(*) filter (won.occurred_at - lead.occurred_at between interval 0 day and interval 90 day)
from events as lead left join (from events where kind = 'won') as won using (person_id)
where lead.kind = 'lead' group by lead.origin
"""


def test_leads_that_signed_by_where_they_came_from(olist: pl.DataFrame) -> None:
    """Among 8,000 leads as many signed within 90 days, from each origin, as a join finds; unknown is a group, too."""
    funnel = conversion(olist, ["lead", "won"], within=90 * DAY, as_of=OVER, by="origin")
    expected = {origin: counts for origin, *counts in sql(BY_ORIGIN, events=olist)}

    assert {group.value: [step.reached for step in group.steps] for group in funnel.groups} == expected
    assert funnel.entered == 8_000
    assert funnel.pending == 0


def test_a_lead_that_was_won_before_its_first_contact(olist: pl.DataFrame) -> None:
    """It did not convert, for it was won before it entered; in any order it did."""
    within = 400 * DAY
    ordered = conversion(olist, ["lead", "won"], within=within, as_of=OVER)
    anyhow = conversion(olist, ["lead", "won"], within=within, as_of=OVER, matching=Matching(order="any"))
    missed = set(anyhow.people("won")["person_id"]) - set(ordered.people("won")["person_id"])

    assert (ordered.converted, anyhow.converted) == (841 - _late(olist), 842 - _late(olist))
    assert len(missed) == 1
    assert missed <= set(ordered.people("lead", "pending")["person_id"]) | set(
        ordered.people("lead", "dropped")["person_id"]
    )


def _late(olist: pl.DataFrame) -> int:
    query = """
    select count(*) from (from events where kind = 'lead') as lead join (from events where kind = 'won') as won
    using (person_id) where won.occurred_at - lead.occurred_at > interval 400 day
    """
    ((count,),) = sql(query, events=olist)
    return int(count)


# ---- views, carts and purchases ------------------------------------------------------------------------------------

NIGHT = datetime(2017, 12, 4, tzinfo=UTC)

STEPS = ["pv", "cart", "buy"]


@pytest.fixture(scope="module")
def taobao(shared_data: Path) -> pl.DataFrame:
    """Give what 983 people did on Taobao, to the second."""
    rows = pl.read_parquet(shared_data / "taobao_behaviour.parquet")
    when = pl.from_epoch("unix_time").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return rows.select(person_id="user_id", occurred_at=when, kind="behaviour", item_id="item_id", s="unix_time")


CHAIN = """
with a as (from rows where kind = 'pv'), b as (from rows where kind = 'cart'), c as (from rows where kind = 'buy'),
first_step as (select person_id, {held} s as t1 from a),
second as (select *, (select min(b.s) from b where b.person_id = f.person_id {same_b} and b.s {after} f.t1) as t2
           from first_step as f),
third as (select *, (select min(c.s) from c where c.person_id = f.person_id {same_c} and c.s {after} f.t2) as t3
          from second as f),
tried as (select person_id, t1, case when t2 - t1 > 86400 or t2 is null then 1 when t3 - t1 > 86400 or t3 is null then 2
                 else 3 end as depth from third)
"""
FIRST = "select depth, count(*) from (select person_id, arg_min(depth, t1) as depth from tried group by 1) group by 1"
ANY = "select depth, count(*) from (select person_id, max(depth) as depth from tried group by 1) group by 1"


@pytest.mark.parametrize("ties", ["ranked", "later"])
@pytest.mark.parametrize(("entry", "hold"), [("first", ()), ("any", ()), ("any", ("item_id",))])
def test_people_who_viewed_filled_a_cart_and_bought(taobao: pl.DataFrame, ties: Any, entry: Any, hold: Any) -> None:
    """Within a day, from the first or the best view, with one item or any: as SQL finds by looking up each next row.

    Several events in one second are in the order of their steps, or no event is after another.
    """
    same = {f"same_{one}": f"and {one}.item_id = f.item_id" if hold else "" for one in "bc"}
    query = CHAIN.format(held="item_id," if hold else "", after=">=" if ties == "ranked" else ">", **same)
    expected = dict(sql(query + (FIRST if entry == "first" else ANY), rows=taobao))
    matching = Matching(tie_break=ties, attempts=entry, hold_constant=hold)
    funnel = conversion(taobao, STEPS, within=DAY, as_of=NIGHT + DAY, matching=matching)

    reached = [sum(expected.get(depth, 0) for depth in range(step, 4)) for step in (1, 2, 3)]
    assert [step.reached for step in funnel] == reached
    assert reached[2] > 0


def test_ties_in_one_second_matter(taobao: pl.DataFrame) -> None:
    """People of the sample did two of the steps in one second, so the two ways of ties give different numbers."""
    ranked, later = (
        conversion(
            taobao,
            STEPS,
            within=timedelta(seconds=1),
            as_of=NIGHT,
            matching=Matching(attempts="any", tie_break=ties),
        )
        for ties in BOTH_WAYS
    )

    assert ranked.steps[1].reached > later.steps[1].reached
