"""Kaplan-Meier curves of a million people with exact times, and the log-rank test of groups, against lifelines.

The library starts from a table with instants and validates it; lifelines gets prepared arrays of durations and truths.
If lifelines is not installed (beside pandas 3 with `--no-deps`), only the library is measured.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from typing import Any

import numpy as np
import polars as pl

from benchmarks._measure import Line, Size, alternate, span
from funnel.metrics._survival.survival import survival

AS_OF = datetime(2026, 12, 1, tzinfo=UTC)
SIZES: Mapping[Size, tuple[int, int]] = {"tiny": (2_000, 1), "usual": (1_000_000, 5), "full": (1_000_000, 11)}
PEER = find_spec("lifelines") is not None
DAY = 86_400_000_000


def people(number: int, seed: int = 5) -> pl.DataFrame:
    """People who arrived over 180 days and buy after 60 on average; one of two sources is a little faster."""
    chance = np.random.default_rng(seed)
    arrived = np.int64(AS_OF.timestamp() * 1e6) - chance.integers(0, 180 * DAY, number)
    source = chance.integers(0, 2, number)
    bought = arrived + (chance.exponential(60 * DAY, number) * (1 + source / 10)).astype("int64")
    is_converted = bought <= np.int64(AS_OF.timestamp() * 1e6)
    table = pl.DataFrame({"started_at": arrived, "ended_at": bought, "source": source, "is_converted": is_converted})
    ended_at = pl.when("is_converted").then("ended_at").cast(pl.Datetime("us", "UTC"))
    return table.select(pl.col("started_at").cast(pl.Datetime("us", "UTC")), ended_at.alias("ended_at"), "source")


def watched(table: pl.DataFrame) -> tuple[Any, Any]:
    """Return the observed time of each person and whether the person bought, as lifelines needs it."""
    end = pl.col("ended_at").fill_null(AS_OF)
    durations = table.select((end - pl.col("started_at")).dt.total_microseconds())["ended_at"].to_numpy()
    return durations, table["ended_at"].is_not_null().to_numpy()


def kaplan_meier(durations: Any, converted: Any) -> Any:
    """Return the peer's curve."""
    fitter: Any = importlib.import_module("lifelines").KaplanMeierFitter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fitter.fit(durations, converted)


def logrank_test(durations: Any, converted: Any, source: Any) -> Any:
    """Return the peer's test of groups."""
    statistics: Any = importlib.import_module("lifelines.statistics")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return statistics.multivariate_logrank_test(durations, source, converted)


def run(size: Size) -> Iterator[Line]:
    """Measure."""
    number, repeats = SIZES[size]
    table = people(number)
    durations, converted = watched(table)
    source = table["source"].to_numpy()
    curve = {
        "ours": lambda: survival(table, as_of=AS_OF).at(timedelta(days=30)),
        "peer": lambda: kaplan_meier(durations, converted),
    }
    groups = {
        "ours": lambda: survival(table, by="source", as_of=AS_OF).logrank_test,
        "peer": lambda: logrank_test(durations, converted, source),
    }
    result = survival(table, as_of=AS_OF)
    people_ = f"{number / 1e6:g} M people"
    yield _against(f"{people_}: curve from a table", curve, repeats, "<= 0.12 x")
    yield _against(f"{people_}: two groups and the log-rank test", groups, max(repeats // 3, 1), "")
    took = alternate({"median": lambda: result.median, "flat": result.plateau}, repeats=max(repeats // 3, 1))
    yield Line("median of that curve, with interval", span(took["median"]), "", "")
    yield Line("plateau of that curve", span(took["flat"]), "", "")


def _against(name: str, variants: Mapping[str, Callable[[], object]], repeats: int, target: str) -> Line:
    took = alternate(variants if PEER else {"ours": variants["ours"]}, repeats=repeats)
    if not PEER:
        return Line(name, span(took["ours"]), "lifelines is not installed", "", target)
    ratio = f"{took['ours'] / took['peer']:.3f} x the time"
    return Line(name, span(took["ours"]), f"{span(took['peer'])} lifelines", ratio, target)
