"""Backtests of the library's rules on three real shops, as quoted in the docs: `python -m benchmarks.real_shops`.

Weights are fitted on a shop's earlier days only, and every figure is of the later days.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np

from benchmarks._real import DATA, DAY, SHOPS, Days
from funnel import Facts, Logs, Policy, Rule, is_lapsed, rfm, rule
from funnel.backtest import (
    AnswerScale,
    Backtest,
    BacktestDates,
    BacktestQuestions,
    backtest,
    backtest_table,
    calibrate,
    fit_points,
)
from funnel.backtest._figures import counts_by_score, ranked
from funnel.facts import count
from funnel.facts._base import BaseFacts
from funnel.forecast import buying_model
from funnel.metrics import PurchaseSummary
from funnel.rules import (
    Segment,
    frequency_score,
    is_overdue,
    readiness_points,
    readiness_rank,
    recency_score,
    segment,
)

SEGMENTS = [Segment.PROSPECT, Segment.DORMANT, Segment.PREVIOUSLY_LOYAL, Segment.ALMOST_LOST, Segment.AT_RISK]
SEGMENTS += [Segment.NEEDS_ATTENTION, Segment.PROMISING, Segment.NEW, Segment.ACTIVE, Segment.LOYAL, Segment.CHAMPION]
"""The segments from the least likely to buy to the likeliest."""


@rule
def fitted_points(f: Facts, policy: Policy) -> int:
    """Ten points for each frequency limit, five for each recency limit: ten points double the odds."""
    return 10 * frequency_score(f, policy) + 5 * recency_score(f, policy)


RULES: Mapping[Rule[Any, Any, Any], Mapping[str, Any]] = {
    readiness_rank: {},
    readiness_points: {},
    fitted_points: {},
    rfm: {},
    segment: {"answers": AnswerScale(order=SEGMENTS)},
    is_lapsed: {"answers": AnswerScale(order=(True, False))},
    is_overdue: {},
}
"""The rules that are tested, each with the order of its answers where it has one."""


HORIZONS = (30, 90)
"""Horizons, in days, of the comparison with a fitted model."""


def backtested(one: Rule[Any, Any, Any], logs: Logs, days: Days, policy: Policy | None = None, **more: Any) -> Backtest:
    """Run one backtest."""
    dates = BacktestDates(days.first, every=days.every, horizon=days.horizon)
    return backtest(one, logs, policy or Policy(), dates, as_of=days.as_of, **more)


def rows(data: Path = DATA, one_in: int = 1) -> Iterator[str]:
    """Yield the figures of all shops, a table row each: lift, AUC, and the AUC above the baseline "own rhythm"."""
    for name, shop in SHOPS.items():
        logs = shop.read(data, one_in)
        results = [backtested(one, logs, shop.later, **more) for one, more in RULES.items()]
        for ranking in results[0].baselines:
            yield f"| {name} | {ranking.name} | {ranking.lift} | {ranking.auc} | |"
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


def calibration_error(results: Backtest) -> float:
    """Return the mean difference of predicted and observed shares, weighted by people."""
    total = sum(one.people for one in results.reliability)
    return sum(abs(one.predicted * one.people - one.bought) for one in results.reliability) / total


def model_figures(logs: Logs, days: Days, model: Literal["bg_nbd", "mbg_nbd"]) -> tuple[float, float]:
    """Return lift and AUC of the chances of a model that is fitted anew on each day, as a backtest computes them."""
    sums, expected = np.zeros(4), 0.0
    day = days.first
    while day + days.horizon <= days.as_of:
        summaries = PurchaseSummary.over(logs, tz="UTC", as_of=day)
        chances = buying_model(summaries, model).over(summaries, within=days.horizon)
        counts = [Bought.over(logs, as_of=at).lazy().collect() for at in (day, day + days.horizon)]
        after = counts[1].select("person_id", after="purchase_count")
        rows = chances.join(counts[0], on="person_id").join(after, on="person_id")
        bought = (rows["after"] > rows["purchase_count"]).to_numpy()
        distinct, indexes = np.unique(rows["chance"].to_numpy(), return_inverse=True)
        ranking = ranked(*counts_by_score(indexes, bought, len(distinct)))
        sums += ranking
        expected += ranking[0] * bought.mean()
        day += days.every
    return sums[1] / expected, sums[2] / sums[3]


class Bought(BaseFacts):
    """The only fact that the outcome needs."""

    purchase_count: int = count("purchases")


def beside_models(data: Path = DATA, one_in: int = 1, horizons: Sequence[int] = HORIZONS) -> Iterator[str]:
    """Yield readiness, own rhythm and BG/NBD side by side on the later days, and the error of calibrated points."""
    for name in ("CDNOW", "Online Retail"):
        logs = SHOPS[name].read(data, one_in)
        for horizon in horizons:
            earlier, later = (
                attrs.evolve(one, horizon=horizon * DAY) for one in (SHOPS[name].earlier, SHOPS[name].later)
            )
            ranks = backtested(readiness_rank, logs, later)
            rhythm = ranks.baselines[-1]
            model_lift, model_auc = model_figures(logs, later, "bg_nbd")
            fitted = calibrate(backtested(readiness_points, logs, earlier))
            error = calibration_error(backtested(readiness_points, logs, later, calibration=fitted))
            rank = ranks.rule
            yield f"| {name}, {horizon} d | `readiness_rank` | {rank.lift} | {rank.auc} | {100 * error:.1f} % |"
            yield f"| {name}, {horizon} d | own rhythm | {rhythm.lift} | {rhythm.auc} | |"
            yield f"| {name}, {horizon} d | BG/NBD | {model_lift:.3f} | {model_auc:.3f} | |"


SCORED = ("occasion_count", "since_last_purchase", "purchase_interval", "net_spent", "since_first_purchase")
"""The facts that earn points; a scorecard reads the first three of them, or all."""


def scorecards(data: Path = DATA, one_in: int = 1, min_people: int = 100) -> Iterator[str]:
    """Yield the figures of points that are fitted on the earlier days, on the later days."""
    for name in ("CDNOW", "Online Retail"):
        logs, earlier, later = SHOPS[name].read(data, one_in), SHOPS[name].earlier, SHOPS[name].later
        dates = [BacktestDates(one.first, every=one.every, horizon=one.horizon) for one in (earlier, later)]
        for names, limits in ((SCORED[:3], 5), (SCORED[:3], 10), (SCORED, 10)):
            options: dict[str, Any] = {"as_of": later.as_of, "check_from": later.first, "min_people": min_people}
            card = fit_points(logs, dates[0], names, limits=limits, **options)
            check, less = card.check.rule, card.check.minus("own rhythm")["auc"]
            drift = card.drift(logs, dates[1], as_of=later.as_of, min_people=1)
            yield (
                f"| {name} | {len(names)} facts, {limits} limits | {check.lift} | {check.auc} | {less} "
                f"| {100 * drift.expected / drift.people:.1f} % | {100 * drift.bought / drift.people:.1f} % "
                f"| {drift.shift:+.1f} ({drift.ci_lower:+.1f} to {drift.ci_upper:+.1f}) |"
            )


def one_table(data: Path = DATA, one_in: int = 1) -> Iterator[str]:
    """Yield rules, windows, a model and a worklist of 50 people on the later days, in one table for each shop."""
    for name in ("CDNOW", "Online Retail"):
        logs, earlier, later = SHOPS[name].read(data, one_in), SHOPS[name].earlier, SHOPS[name].later
        dates, early = (BacktestDates(one.first, every=one.every, horizon=one.horizon) for one in (later, earlier))
        questions = BacktestQuestions(calibrate_on=early, fit=buying_model, limit=50)
        for row in backtest_table(logs, Policy(), dates, questions, as_of=later.as_of, tz="UTC"):
            yield f"| {name} | {row.question} | {row.subject} | {row.name} | {row.figure} |"


def main() -> None:
    """Print the figures that the docs quote."""
    for line in (*rows(), *beside_models(), *scorecards(), *probabilities(), *one_table()):
        print(line, flush=True)


if __name__ == "__main__":
    main()
