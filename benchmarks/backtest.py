"""A backtest on 26 days against 26 backtests of one day, of the same people, rule and horizon.

The rule is the library's own readiness, with intervals. The peer tests each day separately.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from time import process_time
from typing import Any

from benchmarks import _synthetic_shop
from benchmarks._measure import Line, Size, alternate, span
from funnel import Logs, Policy
from funnel.backtest import Backtest, BacktestDates, backtest
from funnel.rules import readiness_points

SIZES: Mapping[Size, tuple[int, int]] = {"tiny": (2_000, 1), "usual": (1_000_000, 3), "full": (10_000_000, 3)}
DAYS = 26
WEEK = timedelta(days=7)
FIRST = _synthetic_shop.AS_OF - (DAYS + 5) * WEEK


def tested(logs: Logs, first: int, days: int) -> Backtest:
    """Return a backtest of this many days, from one of them on."""
    begin = FIRST + first * WEEK
    end = begin + (days - 1) * WEEK + timedelta(days=30)
    dates = BacktestDates(begin, every=WEEK, horizon=timedelta(days=30))
    return backtest(readiness_points, logs, Policy(), dates, as_of=end)


def run(size: Size) -> Iterator[Line]:
    """Measure both, by wall time and by CPU time."""
    events, repeats = SIZES[size]
    frames = _synthetic_shop.shop(events)
    logs = Logs(**frames)
    variants: dict[str, Any] = {
        "ours": lambda: _with_days(logs, DAYS),
        "one": lambda: tested(logs, DAYS // 2, 1),
    }
    took = alternate(variants, repeats=repeats)
    used = {name: _processor(variant) for name, variant in variants.items()}
    for unit, times in (("wall time", took), ("CPU time", used)):
        yield Line(
            f"backtest on {DAYS} days, {events:,} events, {unit}",
            span(times["ours"]),
            f"{DAYS} x {span(times['one'])}, one day each",
            f"{DAYS * times['one'] / times['ours']:.1f} x less",
            ">= 2 x",
        )


def _with_days(logs: Logs, days: int) -> Backtest:
    result = tested(logs, 0, days)
    assert len(result.by_date) == days
    return result


def _processor(variant: Any) -> float:
    start = process_time()
    variant()
    return process_time() - start
