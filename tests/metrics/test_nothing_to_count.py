"""Every metric of logs with nothing to count: pandas has NaN there for the smallest of no numbers, and no null."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import polars as pl
import pytest

from funnel.backtest import BacktestDates, backtest, compare_rules
from funnel.logs import Logs
from funnel.machines import SHOP_MACHINE
from funnel.metrics import (
    PurchaseSummary,
    affinity,
    churn_reasons,
    conversion,
    durations,
    growth,
    lifecycle,
    margin_by,
    next_offers,
    people_by,
    promotion_retention,
    purchase_rhythm,
    purchase_steps,
    referral_rate,
    repeat_by,
    repeat_rates,
    retention,
    returning_rate,
    rfm_quantiles,
    segments,
    stage_flow,
    survival,
)
from funnel.policy import Policy
from funnel.rules import is_lapsed
from funnel.stages import stage
from funnel.worklists import worklist
from tests.engines import on
from tests.frames import SCHEMAS, read

DAY = datetime(2026, 1, 7, tzinfo=UTC)
AS_OF = datetime(2026, 4, 1, tzinfo=UTC)
WITHIN = timedelta(days=30)
PERIODS: Mapping[str, Any] = {"tz": "UTC", "as_of": AS_OF}
GROWTH: Mapping[str, Any] = {**PERIODS, "within": WITHIN, "margin": 0.4}
STEPS: Mapping[str, Any] = {"steps": ["lead", "purchase"], "within": WITHIN, "as_of": AS_OF}
POLICY = Policy()
DATES = BacktestDates(datetime(2026, 2, 1, tzinfo=UTC), every=WITHIN, horizon=WITHIN)


def _survival(logs: Logs, by: str | None = None) -> Any:
    return survival(durations(logs, "leads", "purchases", as_of=AS_OF, keep=["source"]), by=by, as_of=AS_OF)


METRICS: Mapping[str, Callable[[Logs, Any], Any]] = {
    "affinity": lambda logs, lines: affinity(logs, lines, WITHIN, as_of=AS_OF),
    "backtest": lambda logs, _: backtest(is_lapsed, logs, POLICY, dates=DATES, as_of=AS_OF),
    "churn_reasons": lambda logs, _: churn_reasons(logs, POLICY, as_of=AS_OF),
    "compare_rules": lambda logs, _: compare_rules(stage, stage, logs, POLICY, as_of=AS_OF),
    "conversion": lambda logs, _: conversion(logs, **STEPS),
    "conversion by source": lambda logs, _: conversion(logs, **STEPS, by="source"),
    "growth": lambda logs, _: growth(logs, **GROWTH),
    "growth by source": lambda logs, _: growth(logs, **GROWTH, by="source"),
    "lifecycle": lambda logs, _: lifecycle(logs, **PERIODS),
    "lifecycle by source": lambda logs, _: lifecycle(logs, **PERIODS, by="source"),
    "machine": lambda logs, _: len(read(SHOP_MACHINE.over(logs, POLICY, as_of=AS_OF))),
    "margin_by source": lambda logs, _: margin_by(logs, "source", as_of=AS_OF),
    "margin_by product": lambda logs, lines: margin_by(logs, "product", as_of=AS_OF, lines=lines),
    "next_offers": lambda logs, lines: read(next_offers(logs, lines, WITHIN, as_of=AS_OF)),
    "people_by": lambda logs, _: people_by(stage, logs, POLICY, as_of=AS_OF),
    "promotion_retention": lambda logs, _: promotion_retention(logs, WITHIN, as_of=AS_OF),
    "purchase_rhythm": lambda logs, _: purchase_rhythm(logs, as_of=AS_OF),
    "purchase_steps": lambda logs, _: purchase_steps(logs, WITHIN, as_of=AS_OF),
    "PurchaseSummary": lambda logs, _: read(PurchaseSummary.over(logs, **PERIODS)),
    "referral_rate": lambda logs, _: referral_rate(logs, as_of=AS_OF),
    "repeat_by source": lambda logs, _: repeat_by(logs, "source", WITHIN, as_of=AS_OF),
    "repeat_by product": lambda logs, lines: repeat_by(logs, "product", WITHIN, as_of=AS_OF, lines=lines),
    "repeat_rates": lambda logs, _: repeat_rates(logs, WITHIN, as_of=AS_OF),
    "retention": lambda logs, _: retention(logs, **PERIODS),
    "retention by source": lambda logs, _: retention(logs, **PERIODS, by="source"),
    "returning_rate": lambda logs, _: returning_rate(logs, WITHIN, as_of=AS_OF),
    "rfm_quantiles": lambda logs, _: len(read(rfm_quantiles(logs, as_of=AS_OF))),
    "segments": lambda logs, _: segments(logs, POLICY, as_of=AS_OF),
    "segments by source": lambda logs, _: segments(logs, POLICY, as_of=AS_OF, by="source"),
    "stage_flow": lambda logs, _: stage_flow(logs, POLICY, **PERIODS, period="month"),
    "survival": lambda logs, _: _survival(logs),
    "survival by source": lambda logs, _: _survival(logs, "source"),
    "worklist": lambda logs, _: read(worklist(logs, POLICY, **PERIODS)),
}


def _shop(statuses: Sequence[str]) -> dict[str, pl.DataFrame]:
    """One lead, purchase and order line for each status, each of a person and a source of its own."""
    number = len(statuses)
    ids, each = [str(index) for index in range(number)], {"amount": [5] * number, "cost": [2] * number}
    rows: Mapping[str, dict[str, Any]] = {
        "leads": {"person_id": ids, "arrived_at": [DAY] * number, "source": ids},
        "purchases": {"id": ids, "person_id": ids, "purchased_at": [DAY] * number, "status": statuses, **each},
    }
    tables = {log: pl.DataFrame(one, {name: SCHEMAS[log][name] for name in one}) for log, one in rows.items()}
    line = {"purchase_id": pl.String, "sku": pl.String, "amount": pl.Int64, "cost": pl.Int64}
    return {**tables, "lines": pl.DataFrame({"purchase_id": ids, "sku": ["mug"] * number, **each}, line)}


SMALLEST = ("PurchaseSummary", "affinity", "lifecycle", "retention by source", "rfm_quantiles")
"""Metrics that read the smallest number of a column, or count rows by group; `make test-more` runs all of them."""


def _results(engine: str, statuses: Sequence[str], names: Collection[str]) -> dict[str, Any]:
    frames = on(engine, _shop(statuses))
    lines = frames.pop("lines")
    logs = Logs(**frames)
    return {name: METRICS[name](logs, lines) for name in names}


@pytest.mark.filterwarnings("error:Found complex group-by:UserWarning")
@pytest.mark.parametrize("names", [SMALLEST, pytest.param(METRICS, marks=pytest.mark.more)], ids=["some", "all"])
@pytest.mark.parametrize("statuses", [[], ["cancelled"], ["cancelled", "paid"]], ids=["empty", "none", "one group"])
def test_pandas_without_pyarrow_counts_nothing_as_polars_does(
    statuses: Sequence[str], names: Collection[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pandas reads the tables itself then, with texts of Python, where no purchase is valid, or none of a group."""
    same = _results("polars", statuses, names)
    monkeypatch.setattr("funnel._dataframes.adapter.installed", lambda module: module == "pandas")
    with pd.option_context("mode.string_storage", "python"):
        actual = _results("pandas", statuses, names)

    assert {name: actual[name] for name in same if actual[name] != same[name]} == {}
