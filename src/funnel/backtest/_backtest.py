"""Backtests of rules."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from funnel._arguments import count_of, instance
from funnel._dataframes.adapter import installed
from funnel._time import instant
from funnel.backtest._calibration import Calibration
from funnel.backtest._dates import BacktestDates, ReplayDates
from funnel.backtest._questions import DEFAULT_SCALE, AnswerScale
from funnel.backtest._result import AnswerShare, Backtest
from funnel.errors import MissingExtraError
from funnel.logs import Logs
from funnel.metrics._rate import DEFAULT_CONFIDENCE, DEFAULT_MIN_PEOPLE
from funnel.policy import Policy
from funnel.rules._rule import Rule


def backtest(  # noqa: PLR0913 (keywords; docs/decisions/few-arguments.md)
    rule: Rule[Any, Any, Any],
    logs: Logs,
    policy: Policy,
    dates: BacktestDates,
    *,
    as_of: datetime,
    eligible: Rule[Any, Any, Any] | None = None,
    answers: AnswerScale = DEFAULT_SCALE,
    calibration: Calibration | None = None,
    min_people: int = DEFAULT_MIN_PEOPLE,
    seed: int = 0,
) -> Backtest:
    """Measure how well a rule would have predicted purchases on past days.

    On each day the rule is evaluated for every person with a record by then, or for the people for whom the rule
    `eligible` is true. A person bought if they have a purchase after the day and within the horizon that is valid at
    `as_of`. Records that happened after a day, or were recorded after it (`recorded_at` of the logs), do not influence
    the answers of that day. Logs of a database or cluster are loaded into local memory.

    Args:
        rule: The rule. A higher answer must mean that a person is more likely to buy.
        logs: All records.
        policy: The shop's policy.
        dates: The days, and the time after each day in which a purchase counts.
        as_of: The end of the data. Days whose horizon is not over by then are excluded and counted.
        eligible: A rule that selects the people to evaluate, such as `has_bought`; None: all people.
        answers: The order of the answers, and the lowest answer that flags a person.
        calibration: Turns answers into probabilities; fitted on earlier days.
        min_people: Minimum number of people who bought for a reported figure.
        seed: Seed of the bootstrap draws for the intervals.

    Returns:
        Lift, AUC, precision and recall with intervals, over all days and for each day, beside three baselines: do
        nothing, most recent first and own rhythm.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: There are too many days, every day is after `as_of`, or `answers` or `eligible` does not match
            the rules.
        RuleError: A rule cannot be compiled for a table.
        MissingExtraError: NumPy is not installed (the extra `numpy`).

    Source: R. Kohavi and others call the method replay. Figures: T. Fawcett, "An introduction to ROC analysis", Pattern
    Recognition Letters 27 (2006), 861-874, and G. W. Brier, "Verification of forecasts expressed in terms of
    probability", Monthly Weather Review 78 (1950), 1-3.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime, timedelta
        >>> from funnel import Logs, Policy
        >>> from funnel.rules import has_bought_again
        >>> days = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3, 20)]
        >>> bought = {"id": [1, 2, 3, 4], "person_id": ["sari", "sari", "budi", "sari"], "purchased_at": days}
        >>> logs = Logs(purchases=pl.DataFrame({**bought, "amount": [900] * 4}))
        >>> found = backtest(
        ...     has_bought_again,
        ...     logs,
        ...     Policy(),
        ...     BacktestDates(datetime(2026, 1, 10, tzinfo=UTC), every=timedelta(days=7), horizon=timedelta(days=14)),
        ...     as_of=datetime(2026, 2, 1, tzinfo=UTC),
        ...     min_people=1,
        ... )
        >>> found.rule.auc.value, found.rule.flagged, found.rule.bought, found.excluded
        (1.0, 2, 2, 2)
    """
    if not installed("numpy"):
        raise MissingExtraError("a backtest needs NumPy, which is not installed; run: pip install 'shopfunnel[numpy]'")
    from funnel.backtest import _scores as sums
    from funnel.backtest._figures import Draws
    from funnel.backtest._questions import backtest_query
    from funnel.backtest._replay import replay

    minimum = count_of(min_people, "min_people", minimum=1)
    count_of(seed, "seed", minimum=0)  # NumPy ends the whole process on a list that contains itself
    if calibration is not None:
        instance(calibration, Calibration, "calibration", "a Calibration")
    instance(dates, BacktestDates, "dates", "a BacktestDates")
    instance(answers, AnswerScale, "answers", "an AnswerScale")
    days = ReplayDates.of(dates, as_of)
    query = backtest_query(rule, policy, answers, eligible)
    replayed = replay(query, logs, days)
    draws = Draws.of(replayed.people, seed)
    scores = sums.scored(replayed, query.rule_queries, draws, calibration)
    settings = sums.FigureSettings(DEFAULT_CONFIDENCE, minimum)
    is_chance = calibration is not None and calibration.is_reportable
    rankings = [
        settings.ranking(name, rule_query, scores.total[name], None, is_chance=is_chance)
        for name, rule_query in query.rule_queries.items()
    ]
    rule_query, zone = query.rule_queries[rule.name], dates.first.tzinfo
    return Backtest(
        rule=rankings[0],
        baselines=tuple(rankings[1:]),
        by_date=tuple(
            settings.ranking(rule.name, rule_query, total, instant(day).astimezone(zone), is_chance=is_chance)
            for day, total in scores.by_date
        ),
        answers=tuple(
            AnswerShare(rule_query.answer(score), round(float(people.sum())), round(float(buyers.sum())))
            for score, (people, buyers) in sorted((scores.answers or {}).items())
        ),
        reliability=tuple(sums.reliability(scores.answers or {}, rule_query, calibration, draws, settings))
        if calibration is not None and calibration.is_reportable
        else (),
        excluded=days.excluded,
        horizon=dates.horizon,
        as_of=instant(days.now),
        eligible="everyone" if eligible is None else eligible.name,
        people=scores.evaluated,
        seed=seed,
        confidence_level=DEFAULT_CONFIDENCE,
        min_people=minimum,
        draws=sums.BootstrapSums(scores.total, DEFAULT_CONFIDENCE),
    )
