"""A backtest on 26 days against 26 backtests of one day, of the same people, rule and horizon.

The rule is the library's own readiness; intervals are part of it. The peer asks each day by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from time import process_time
from typing import Any

from benchmarks import _made_up
from benchmarks._measure import Line, Size, in_turns, span
from funnel import Logs, Policy
from funnel.backtest import Backtest, backtest
from funnel.rules import readiness_points

SIZES: Mapping[Size, tuple[int, int]] = {"tiny": (2_000, 1), "usual": (1_000_000, 3), "full": (10_000_000, 3)}
DAYS = 26
WEEK = timedelta(days=7)
FIRST = _made_up.AS_OF - (DAYS + 5) * WEEK


def tested(logs: Logs, first: int, days: int) -> Backtest:
    """So many days, from one of them on."""
    begin = FIRST + first * WEEK
    end = begin + (days - 1) * WEEK + timedelta(days=30)
    return backtest(readiness_points, logs, Policy(), first=begin, every=WEEK, horizon=timedelta(days=30), as_of=end)


def run(size: Size) -> Iterator[Line]:
    """Tell both, by the clock and by the processor."""
    events, repeats = SIZES[size]
    frames = _made_up.shop(events)
    logs = Logs(**frames)
    ways: dict[str, Any] = {
        "ours": lambda: _with_days(logs, DAYS),
        "one": lambda: tested(logs, DAYS // 2, 1),
    }
    took = in_turns(ways, repeats=repeats)
    used = {name: _processor(way) for name, way in ways.items()}
    for what, told in (("seconds", took), ("processor time", used)):
        yield Line(
            f"a backtest on {DAYS} days, {events:,} events, {what}",
            span(told["ours"]),
            f"{DAYS} x {span(told['one'])}, a day each",
            f"{DAYS * told['one'] / told['ours']:.1f} x less",
            ">= 2 x",
        )


def _with_days(logs: Logs, days: int) -> Backtest:
    found = tested(logs, 0, days)
    assert len(found.by_date) == days
    return found


def _processor(way: Any) -> float:
    start = process_time()
    way()
    return process_time() - start
