"""Backtests of the library's rules on three real shops, as quoted in the docs: `python -m benchmarks.real_shops`.

Weights are fitted on a shop's earlier days only, and every figure is of the later days.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks._real import DATA, SHOPS, Days
from funnel import Facts, Logs, Policy, Rule, is_lapsed, rfm, rule
from funnel.backtest import AnswerScale, Backtest, BacktestDates, backtest, calibrate
from funnel.rules import Segment, frequency_score, is_overdue, readiness_points, recency_score, segment

SEGMENTS = [Segment.PROSPECT, Segment.DORMANT, Segment.PREVIOUSLY_LOYAL, Segment.ALMOST_LOST, Segment.AT_RISK]
SEGMENTS += [Segment.NEEDS_ATTENTION, Segment.PROMISING, Segment.NEW, Segment.ACTIVE, Segment.LOYAL, Segment.CHAMPION]
"""The segments from the least likely to buy to the likeliest."""


@rule
def fitted_points(f: Facts, policy: Policy) -> int:
    """Ten points for each frequency limit, five for each recency limit: ten points double the odds."""
    return 10 * frequency_score(f, policy) + 5 * recency_score(f, policy)


RULES: Mapping[Rule[Any, Any, Any], Mapping[str, Any]] = {
    readiness_points: {},
    fitted_points: {},
    rfm: {},
    segment: {"answers": AnswerScale(order=SEGMENTS)},
    is_lapsed: {"answers": AnswerScale(order=(True, False))},
    is_overdue: {},
}
"""The rules that are tested, each with the order of its answers where it has one."""


def backtested(one: Rule[Any, Any, Any], logs: Logs, days: Days, policy: Policy | None = None, **more: Any) -> Backtest:
    """Run one backtest."""
    dates = BacktestDates(days.first, every=days.every, horizon=days.horizon)
    return backtest(one, logs, policy or Policy(), dates, as_of=days.as_of, **more)


def rows(data: Path = DATA, one_in: int = 1) -> Iterator[str]:
    """Yield the figures of all shops, a table row each: lift, AUC, and the AUC above the baseline "own rhythm"."""
    for name, shop in SHOPS.items():
        logs = shop.read(data, one_in)
        results = [backtested(one, logs, shop.later, **more) for one, more in RULES.items()]
        for one in results[0].baselines:
            yield f"| {name} | {one.name} | {one.lift} | {one.auc} | |"
        for one in results:
            less = one.minus("own rhythm")
            yield f"| {name} | `{one.rule.name}` | {one.rule.lift} | {one.rule.auc} | {less['auc']} |"


def probabilities(data: Path = DATA, one_in: int = 1) -> Iterator[str]:
    """Yield how accurate probabilities from the earlier days are on the later days."""
    for name, shop in SHOPS.items():
        logs = shop.read(data, one_in)
        fitted = calibrate(backtested(fitted_points, logs, shop.earlier))
        results = backtested(fitted_points, logs, shop.later, calibration=fitted)
        less = results.minus("do nothing").get("brier", "none")
        yield f"| {name} | {results.rule.brier} | {results.baselines[0].brier} | {less} |"
        for one in results.reliability:
            yield f"    {one}, observed {one.observed}"


def main() -> None:
    """Print the figures that the docs quote."""
    for line in (*rows(), *probabilities()):
        print(line, flush=True)


if __name__ == "__main__":
    main()
