"""A model of a million buyers: fit, forecast of every buyer with intervals, and value, against lifetimes.

The library starts from a table of summaries and validates it; lifetimes gets NumPy columns, and has no intervals. If
lifetimes is not installed, only the library is measured.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
import polars as pl

from benchmarks._measure import Line, Size, alternate, span
from funnel.forecast import CustomerValue, SpendingModel, buying_model

SIZES: Mapping[Size, tuple[int, int]] = {"tiny": (2_000, 1), "usual": (1_000_000, 3), "full": (1_000_000, 9)}
PEER = find_spec("lifetimes") is not None
HORIZON = 30


def buyers(number: int, seed: int = 1) -> pl.DataFrame:
    """Return summaries of made-up buyers who behave as MBG/NBD says, over one to 24 months."""
    chance = np.random.default_rng(seed)
    age, rate = chance.integers(30, 730, number), chance.gamma(0.6, 1 / 45, number)
    leaves = chance.beta(0.9, 2.0, number)
    count, last, time = np.zeros(number, np.int64), np.zeros(number), np.zeros(number)
    active = np.flatnonzero(chance.random(number) >= leaves)
    while len(active):
        time[active] += chance.exponential(1, len(active)) / rate[active]
        active = active[time[active] <= age[active]]
        count[active] += 1
        last[active] = time[active]
        active = active[chance.random(len(active)) >= leaves[active]]
    recency = np.ceil(last).astype(np.int64)
    columns = {"repeat_count": np.minimum(count, recency), "first_to_last_days": recency, "tenure_days": age}
    return pl.DataFrame(columns | {"repeat_amount": 900 * columns["repeat_count"]})


def run(size: Size) -> Iterator[Line]:
    """Measure."""
    number, repeats = SIZES[size]
    table = buyers(number)
    model = buying_model(table)
    value = CustomerValue(model, SpendingModel.from_parameters(p=6, q=4, v=1_500))
    with_source = table.with_columns(source=pl.Series(np.random.default_rng(3).choice(["shop", "ads", "fair"], number)))
    ours: dict[str, Callable[[], object]] = {
        "fit": lambda: buying_model(table),
        "fit with three sources": lambda: buying_model(with_source, covariates=["source"]),
        "forecast with intervals": lambda: model.over(table, within=f"{HORIZON} days"),
        "value": lambda: value.over(table, within=f"{HORIZON} days"),
    }
    peers = _peers(table) if PEER else {}
    for name, call in ours.items():
        took = alternate({"ours": call} | ({"peer": peers[name]} if name in peers else {}), repeats=repeats)
        peer = took.get("peer")
        yield Line(
            f"{number / 1e6:g} M buyers: {name}",
            span(took["ours"]),
            "" if peer is None else f"lifetimes {span(peer)}",
            "" if peer is None else f"{took['ours'] / peer:.2f} x",
            "<= 0.05 x" if name == "fit" else "",
        )


def _peers(table: pl.DataFrame) -> dict[str, Callable[[], object]]:
    lifetimes: Any = importlib.import_module("lifetimes")
    columns = [table[name].to_numpy() for name in ("repeat_count", "first_to_last_days", "tenure_days")]
    fitted: Any = lifetimes.ModifiedBetaGeoFitter().fit(*columns)
    return {
        "fit": lambda: lifetimes.ModifiedBetaGeoFitter().fit(*columns),
        "forecast with intervals": lambda: fitted.conditional_expected_number_of_purchases_up_to_time(
            HORIZON, *columns
        ),
    }
