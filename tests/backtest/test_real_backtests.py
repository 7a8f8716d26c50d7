"""Backtests of three real shops: no figure of theirs but what holds of any, and what plain loops say of some people."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

from benchmarks import real_shops
from benchmarks._real import SHOPS
from funnel.backtest import AnswerScale
from funnel.backtest._backtest import backtest
from funnel.backtest._calibration import calibrate
from funnel.backtest._dates import BacktestDates, ReplayDates
from funnel.policy import Policy
from funnel.rules._activity import is_lapsed
from tests.backtest.model import Row, pairs_in_order, top_tenth

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.no_cover, pytest.mark.more]

FULL = os.environ.get("FUNNEL_PROFILE") == "full"
ONE_IN = {"CDNOW": 50, "Online Retail": 20, "Taobao": 3}
"""The step between the people to look at; 1 in `make test-full`."""

FEW = 200
"""Some people of CDNOW are replayed in plain loops."""


@pytest.mark.parametrize("shop", SHOPS)
def test_points_of_the_earlier_days_tell_buyers_of_the_later_ones(shared_data: Path, shop: str) -> None:
    """Whoever has more points is likelier to buy; a calibration of earlier days is never far from the later share."""
    days, logs = SHOPS[shop], SHOPS[shop].read(shared_data, 1 if FULL else ONE_IN[shop])
    early = real_shops.backtested(real_shops.fitted_points, logs, days.earlier)
    fitted = calibrate(early, min_people=20)
    result = real_shops.backtested(real_shops.fitted_points, logs, days.later, calibration=fitted)

    assert result.rule.auc.value is not None
    assert result.rule.auc.value > 0.55
    assert result.rule.brier is not None
    assert result.rule.brier.value is not None
    assert result.rule.brier.value < 0.3
    assert early.by_date[-1].date < result.by_date[0].date  # type: ignore[operator]
    assert sum(one.people for one in result.answers) == result.rule.people == sum(one.people for one in result.by_date)


def test_a_backtest_of_some_of_cdnow_is_what_plain_loops_say(shared_data: Path) -> None:
    """For a hundred people, every day, every purchase and every pair, one by one."""
    days = SHOPS["CDNOW"].later
    logs = SHOPS["CDNOW"].read(shared_data, FEW)
    discs = pl.read_parquet(shared_data / "cdnow_full.parquet").filter(pl.col("customer_id") % FEW == 0)
    money = discs.group_by("customer_id", "date").agg(pl.col("dollars").sum()).filter(pl.col("dollars") > 0)
    bought: dict[int, list[int]] = {person: [] for person in discs["customer_id"].unique().to_list()}
    for person, day, _ in money.iter_rows():
        bought[person].append(pl.Series([day]).cast(pl.Datetime("us")).cast(pl.Int64).item())
    dates = BacktestDates(days.first, every=days.every, horizon=days.horizon)  # type: ignore[arg-type]
    result = backtest(
        is_lapsed,
        logs,
        Policy(),
        dates,
        as_of=days.as_of,
        answers=AnswerScale(order=(True, False)),
        min_people=1,
    )
    limit, horizon = (span // timedelta(microseconds=1) for span in (Policy().lapse_after, days.horizon))
    sums = [0.0] * 4
    for day in ReplayDates.of(dates, days.as_of).closed:
        rows: list[Row] = []
        for moments in bought.values():
            before = [moment for moment in moments if moment <= day]
            lapsed = bool(before) and day - max(before) > limit
            rows.append((int(not lapsed), any(0 < moment - day <= horizon for moment in moments)))
        for index, part in enumerate((*top_tenth(rows), *pairs_in_order(rows))):
            sums[index] += float(part)
    base = result.rule.bought / result.rule.people

    assert result.rule.lift.value == pytest.approx(sums[1] / sums[0] / base)
    assert result.rule.auc.value == pytest.approx(sums[2] / sums[3])


@pytest.mark.skipif(not FULL, reason="the figures of the docs are of everyone: make test-full")
def test_the_docs_quote_what_is_found(shared_data: Path, root: Path) -> None:
    """Every row of the table in the docs is what the backtests give."""
    page = (root / "docs" / "backtest.md").read_text(encoding="utf-8")

    assert [row for row in real_shops.rows(shared_data) if row not in page] == []


def test_the_script_of_the_docs_runs(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a few people of one shop: a row a ranking, and how true probabilities came."""
    monkeypatch.setattr(real_shops, "SHOPS", {"Taobao": SHOPS["Taobao"]})
    rows = [*real_shops.rows(shared_data, 40), *real_shops.probabilities(shared_data, 40)]

    assert [row.split(" | ")[1] for row in rows[:4]] == [
        "do nothing",
        "most recent first",
        "own rhythm",
        "`readiness_rank`",
    ]
    assert sum(row.startswith("| Taobao") for row in rows) == 3 + len(real_shops.RULES) + 1
