"""The rows of results: in order if frames are eager, and the rows of the input if columns are added to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pandas as pd
import polars as pl
import pytest

from funnel import Facts, Logs, Policy, conversion, is_lapsed, retention, stage, transitions
from funnel.backtest import BacktestDates, Calibration, RuleBook, compare_rules, feature_table, stage_difference
from funnel.forecast import BuyingModel, CustomerValue, ForecastColumns
from funnel.metrics import PurchaseSummary, durations, next_offers, rfm_quantiles
from funnel.stages import Stage
from tests.engines import ENGINES
from tests.frames import in_order
from tests.specimens import specimens

DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + 200 * DAY
PERSON = "person_id"
POLICY = Policy()
WHEN: Mapping[str, Any] = {"as_of": NOW}
MODEL, VALUE = specimens()[BuyingModel][0], specimens()[CustomerValue][0]
CALIBRATION = specimens()[Calibration][0]


def tables() -> dict[str, pl.DataFrame]:
    """Leads, two purchases of everyone and their lines, in no order of people."""
    people = [f"{'pqr'[number % 3]}{number}" for number in range(90)]
    days = [number % 7 for number in range(90)]
    bought = pl.DataFrame({PERSON: people * 2, "purchased_at": [START + (9 + day) * DAY for day in days + [9] * 90]})
    bought = bought.with_columns(id=pl.int_range(1, 181), amount=pl.lit(900))
    skus = ["pot"] * 45 + ["mug"] * 45 + ["cup"] * 20 + ["jar"] * 70
    return {
        "leads": pl.DataFrame({PERSON: people, "arrived_at": [START + day * DAY for day in days]}),
        "purchases": bought.sample(fraction=1, shuffle=True, seed=1),
        "lines": pl.DataFrame({"purchase_id": range(1, 181), "sku": skus}),
    }


Shop = tuple[Logs[Any], Mapping[str, Any]]
RESULTS: Mapping[str, tuple[Callable[[Shop], Any], tuple[str, ...]]] = {
    "facts": (lambda shop: Facts.over(shop[0], **WHEN), (PERSON,)),
    "running facts": (lambda shop: Facts.running(shop[0], **WHEN), (PERSON, "known_at")),
    "rule": (lambda shop: is_lapsed.over(shop[0], POLICY, **WHEN), (PERSON,)),
    "next change": (lambda shop: is_lapsed.next_change.over(shop[0], POLICY, **WHEN), (PERSON,)),
    "stage": (lambda shop: stage.over(shop[0], POLICY, **WHEN), (PERSON,)),
    "transitions": (lambda shop: transitions.over(shop[0], POLICY, **WHEN), (PERSON, "transitioned_at")),
    "summary": (lambda shop: PurchaseSummary.over(shop[0], tz="UTC", **WHEN), (PERSON,)),
    "summary of a table": (lambda shop: PurchaseSummary.over(shop[1]["purchases"], tz="UTC", **WHEN), (PERSON,)),
    "durations": (lambda shop: durations(shop[0], "leads", "purchases", **WHEN), (PERSON,)),
    "ranks": (lambda shop: rfm_quantiles(shop[0], **WHEN), (PERSON,)),
    "offers": (lambda shop: next_offers(shop[0], shop[1]["lines"], 9 * DAY, min_people=1, **WHEN), (PERSON, "rank")),
    "people of a step": (
        lambda shop: conversion(shop[0], ["lead", "purchase"], within=20 * DAY, **WHEN).people("purchase"),
        (PERSON,),
    ),
    "people of a cohort": (lambda shop: retention(shop[0], tz="UTC", **WHEN).people_of(START.date(), 0), (PERSON,)),
    "people of a change": (
        lambda shop: compare_rules(
            stage, stage, shop[0], POLICY, new_policy=POLICY.model_copy(update={"lapse_after": 999 * DAY}), **WHEN
        ).people(Stage.LAPSED, Stage.REPEAT_CUSTOMER),
        (PERSON,),
    ),
    "people who differ": (
        lambda shop: (
            stage_difference(
                shop[0],
                RuleBook(POLICY),
                RuleBook(POLICY.model_copy(update={"lapse_after": 999 * DAY})),
                "month",
                tz="UTC",
                **WHEN,
            ).people
        ),
        (PERSON,),
    ),
    "feature table": (
        lambda shop: feature_table(
            shop[0], BacktestDates(START + 30 * DAY, every=30 * DAY, horizon=9 * DAY), ["purchase_count"], **WHEN
        ),
        ("as_of", PERSON),
    ),
    "forecast columns": (
        lambda shop: ForecastColumns(MODEL, within=30 * DAY, tz="UTC").over(shop[0], **WHEN),
        (PERSON,),
    ),
}
"""Results with rows of people, and the columns that order them."""


@pytest.mark.parametrize("engine", ["polars", "pandas", "pyarrow"])
@pytest.mark.parametrize("name", RESULTS)
def test_rows_of_eager_frames_are_in_order_of_people(name: str, engine: str) -> None:
    """One person after another, and then by time: columns of two results of the same people fit by position."""
    frames = ENGINES[engine](tables())
    compute, order = RESULTS[name]
    rows = in_order(compute((Logs(leads=frames["leads"], purchases=frames["purchases"]), frames)))
    keys = [tuple(row[column] for column in order) for row in rows]

    assert len(keys) > 20
    assert keys == sorted(keys)


def test_pandas_alone_has_the_same_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Polars, rows are sorted by pandas, and the index is that of a new frame."""
    monkeypatch.setattr("funnel._dataframes.adapter.installed", lambda module: module == "pandas")
    facts = Facts.over(Logs(purchases=tables()["purchases"].to_pandas()), as_of=NOW)

    assert facts[PERSON].is_monotonic_increasing
    assert list(facts.index) == list(range(90))


def _frames() -> Mapping[str, pd.DataFrame]:
    """The same facts and summaries in pandas, with an index as users have it."""
    orders = tables()["purchases"].to_pandas()
    facts = Facts.over(Logs(purchases=orders), as_of=NOW)
    both = facts.merge(PurchaseSummary.over(orders, tz="UTC", as_of=NOW), on=PERSON).assign(
        tier=pd.Categorical(["gold", "base", "base"] * 30), points=range(90)
    )
    shuffled = Random(1).sample(range(90), 90)
    return {
        "plain": both,
        "named": both.set_index(PERSON),
        "filtered": both[both["points"] > 40],
        "sorted": both.iloc[shuffled],
        "several levels": both.set_index([PERSON, "tier"]),
        "repeated labels": both.set_axis([1] * 90),
        "answered before": both.assign(is_lapsed=False, value=0, alive=0.5, probability=0.5, never=0.5),
    }


ADDED: Mapping[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "rule": lambda frame: is_lapsed.over(frame, POLICY),
    "forecast": lambda frame: MODEL.over(frame, within=30 * DAY),
    "next purchases": MODEL.next_purchases,
    "value": lambda frame: VALUE.over(frame, within=30 * DAY),
    "calibration": lambda frame: CALIBRATION.over(frame, "points"),
}


COMPUTED = {"is_lapsed", "value", "alive", "probability", "never"}


@pytest.mark.parametrize("index", _frames())
@pytest.mark.parametrize("name", ADDED)
def test_a_column_is_added_to_the_same_pandas_frame(name: str, index: str) -> None:
    """The index, the order of the rows and the other columns are those of the input, which does not change."""
    frame = _frames()[index]
    before, result = frame.copy(), ADDED[name](frame)
    same = [column for column in before.columns if column not in COMPUTED]
    computed = [column for column in result.columns if column not in before.columns or column in COMPUTED]
    by_polars = ADDED[name](pl.from_pandas(before.reset_index(drop=True))).to_pandas()

    pd.testing.assert_frame_equal(frame, before)
    pd.testing.assert_frame_equal(result[same], before[same])
    assert list(result.columns) == list(by_polars.columns)
    pd.testing.assert_frame_equal(result[computed].reset_index(drop=True), by_polars[computed], check_dtype=False)
    assert computed
