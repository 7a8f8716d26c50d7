from __future__ import annotations

import os
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import assume, given

from funnel.metrics._survival.durations import durations
from funnel.metrics._survival.logrank import logrank_test
from funnel.metrics._survival.survival import survival
from tests.metrics.waiting import NOON, TICK, Pair, pairs, step_by_hand

FULL = pytest.mark.skipif(os.environ.get("FUNNEL_PROFILE") != "full", reason="the peer is asked in the full run")


# ---- lifelines -----------------------------------------------------------------------------------------------------


def fitted(durations: list[Pair]) -> Any:
    """The curve of lifelines, its times in microseconds."""
    lifelines = pytest.importorskip("lifelines", reason="lifelines is not installed", exc_type=ImportError)
    people = step_by_hand(durations, NOON)
    assume(people)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return lifelines.KaplanMeierFitter().fit(
            [one.watched // TICK for one in people], [one.converted for one in people]
        )


@FULL
@given(pairs())
def test_the_curve_is_that_of_lifelines(durations: list[Pair]) -> None:
    """Share and interval at every step, and the median, are those of the package that data scientists use."""
    peer, result = fitted(durations), survival(durations, as_of=NOON)
    band = peer.confidence_interval_

    for step in result.steps[1:]:
        time = step.wait // TICK
        assert peer.survival_function_.loc[time].item() == pytest.approx(step.survival, abs=1e-9)
        if step.ci_lower is not None:
            assert band.loc[time].tolist() == pytest.approx([step.ci_lower, step.ci_upper], abs=1e-6)
    median = result.median.value
    if all(abs(step.survival - 0.5) > 1e-6 for step in result.steps):
        assert peer.median_survival_time_ == (float("inf") if median is None else median // TICK)


@FULL
@given(pairs(), pairs(), pairs())
def test_the_test_is_that_of_lifelines(one: list[Pair], other: list[Pair], third: list[Pair]) -> None:
    """Chi square and p of three groups are those of the package that data scientists use."""
    statistics = pytest.importorskip("lifelines.statistics", reason="lifelines is not installed", exc_type=ImportError)
    crowds = one, other, third
    groups = [step_by_hand(durations, NOON) for durations in crowds]
    result = logrank_test({name: survival(durations, as_of=NOON) for name, durations in enumerate(crowds)})
    assume(result.degrees == 2)
    rows = [(name, person) for name, people in enumerate(groups) for person in people]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = statistics.multivariate_logrank_test(
            [person.watched // TICK for _, person in rows],
            [name for name, _ in rows],
            [person.converted for _, person in rows],
        )

    assert peer.test_statistic == pytest.approx(result.chi_square, rel=1e-6, abs=1e-9)
    assert peer.p_value == pytest.approx(result.p_value, rel=1e-6, abs=1e-9)


# ---- real leads ----------------------------------------------------------------------------------------------------

LAST_DAY = datetime(2018, 11, 15, tzinfo=UTC)
"""The end of the day of the last deal that the data set knows of."""


@pytest.fixture(scope="module")
def leads(shared_data: Path) -> pl.DataFrame:
    """Give eight thousand leads of a marketplace, and the deals that were closed with some of them, as events."""
    kinds = {"lead": ("olist_leads", "first_contact_date"), "deal": ("olist_closed_deals", "won_date")}
    if not all((shared_data / f"{file}.parquet").is_file() for file, _ in kinds.values()):
        pytest.skip("the leads are not among the real data sets")
    read = {kind: pl.read_parquet(shared_data / f"{file}.parquet") for kind, (file, _) in kinds.items()}
    return pl.concat(
        read[kind].select(
            person_id="mql_id",
            occurred_at=pl.col(day).cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
            kind=pl.lit(kind),
            origin="origin" if kind == "lead" else pl.lit(None, pl.String),
        )
        for kind, (_, day) in kinds.items()
    )


def by_sql(leads: pl.DataFrame, condition: str = "true") -> list[tuple[int, int, int, float]]:
    """The curve in SQL: microseconds, at risk, converted, and the share by the sum of logarithms."""
    import duckdb

    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    connection.register("leads", leads.to_arrow())
    return connection.execute(f"""
        with waits as (
            select date_diff('microsecond', a.occurred_at,
                   coalesce(b.occurred_at, '2018-11-15 00:00:00+00'::timestamptz)) wait,
                   b.occurred_at is not null won
            from leads a left join leads b on a.person_id = b.person_id and b.kind = 'deal'
            where a.kind = 'lead' and coalesce(b.occurred_at >= a.occurred_at, true) and {condition}),
        days as (select wait, sum(won::int)::bigint won, count(*) gone from waits group by wait),
        risk as (select *, sum(gone) over (order by wait desc)::bigint at_risk from days)
        select wait, at_risk, won, exp(sum(ln(1 - won / at_risk)) over (order by wait)) from risk where won > 0
        order by wait""").fetchall()  # noqa: S608 - our own text


def test_real_leads_are_those_counted_in_sql(leads: pl.DataFrame) -> None:
    """Every step of 8,000 real leads is that of SQL; the one that was won before its first contact is left out."""
    result = survival(durations(leads, "lead", "deal", as_of=LAST_DAY), as_of=LAST_DAY)
    steps = [(step.wait // TICK, step.at_risk, step.converted) for step in result.steps[1:]]
    sql = by_sql(leads)

    assert (result.people, result.converted, result.excluded) == (7_999, 841, 1)
    assert steps == [row[:3] for row in sql]
    assert [step.survival for step in result.steps[1:]] == pytest.approx([row[3] for row in sql], abs=1e-9)


def test_real_leads_by_origin_are_those_counted_in_sql(leads: pl.DataFrame) -> None:
    """The same of each origin; sixty leads without one are a group of their own."""
    table = durations(leads, "lead", "deal", as_of=LAST_DAY, keep=["origin"])
    result = survival(table, by="origin", as_of=LAST_DAY)

    assert (list(result)[-1], result[None].people) == (None, 60)
    assert sum(one.people for one in result.values()) == 7_999
    for origin in ("paid_search", "organic_search", "social"):
        sql = by_sql(leads, f"a.origin = '{origin}'")
        assert [step.survival for step in result[origin].steps[1:]] == pytest.approx([row[3] for row in sql], abs=1e-9)
    assert result.logrank_test.degrees == len(result) - 1
    assert (result.logrank_test.p_value or 0) < 1e-6


def test_half_a_year_earlier_less_was_known(leads: pl.DataFrame) -> None:
    """As of an earlier day the answer is that of a data set which ends on that day."""
    day = datetime(2018, 5, 15, tzinfo=UTC)
    cut = leads.filter(pl.col("occurred_at") <= day)

    assert survival(durations(leads, "lead", "deal", as_of=LAST_DAY), as_of=day) == survival(
        durations(cut, "lead", "deal", as_of=day), as_of=day
    )
