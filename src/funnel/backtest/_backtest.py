"""Backtests of rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from funnel._arguments import SpanLike, count_of, instance
from funnel._dataframes.adapter import installed
from funnel._expr.tree import Answer
from funnel._time import MICROSECOND, instant
from funnel.backtest._calibration import Calibration
from funnel.backtest._dates import Dates, Every
from funnel.backtest._result import AnswerShare, Backtest
from funnel.errors import MissingExtraError
from funnel.metrics._rate import LEAST, LEVEL
from funnel.policy import Policy
from funnel.rules._rule import Rule

if TYPE_CHECKING:
    from funnel.logs import Logs


def backtest(  # noqa: PLR0913 (each names one choice that is otherwise hidden)
    rule: Rule[Any, Any, Any],
    logs: Logs,
    policy: Policy,
    *,
    first: datetime,
    every: Every,
    horizon: SpanLike,
    as_of: datetime,
    trials: Rule[Any, Any, Any] | None = None,
    order: Sequence[Answer] | None = None,
    at_least: Answer = None,
    calibration: Calibration | None = None,
    min_people: int = LEAST,
    seed: int = 0,
) -> Backtest:
    """Measure how well a rule would have predicted purchases on past days.

    On each day the rule is evaluated for every person with a record by then, or for the people for whom the rule
    `trials` is true. A person bought if they have a purchase after the day and within the horizon that is valid at
    `as_of`. Records that happened after a day, or were recorded after it (`recorded_at` of the logs), do not influence
    the answers of that day. Logs of a database or cluster are loaded into local memory.

    Args:
        rule: The rule. A higher answer must mean that a person is more likely to buy.
        logs: All records.
        policy: The shop's policy.
        first: The first day, an aware datetime. The other days follow in its time zone.
        every: Time between days: a timedelta, or a relativedelta of months.
        horizon: Time after each day in which a purchase counts, inclusive.
        as_of: The end of the data. Days whose horizon is not over by then are excluded and counted.
        trials: A rule that selects the people to evaluate, such as `has_bought`; None: all people.
        order: For a rule that answers with words, all its answers from least to most likely to buy. For a rule that
            answers yes or no, `(True, False)` reverses the order.
        at_least: The lowest answer that flags a person. None: the last answer of the order; numbers have no limit then.
        calibration: Turns answers into probabilities; fitted on earlier days.
        min_people: Minimum number of people who bought for a reported figure.
        seed: Seed of the bootstrap draws for the intervals.

    Returns:
        Lift, AUC, precision and recall with intervals, over all days and for each day, beside three baselines: do
        nothing, most recent first and own rhythm.

    Raises:
        InstantError: `first` or `as_of` is naive.
        ArgumentError: `every` or `horizon` is not positive, there are too many days, or `order`, `at_least` or `trials`
            does not match the rules.
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
        ...     first=datetime(2026, 1, 10, tzinfo=UTC),
        ...     every=timedelta(days=7),
        ...     horizon=timedelta(days=14),
        ...     as_of=datetime(2026, 2, 1, tzinfo=UTC),
        ...     min_people=1,
        ... )
        >>> found.rule.auc.value, found.rule.flagged, found.rule.bought, found.excluded
        (1.0, 2, 2, 2)
    """
    if not installed("numpy"):
        raise MissingExtraError("a backtest needs NumPy, which is not installed; run: pip install 'shopfunnel[numpy]'")
    from funnel.backtest import _scores as sums
    from funnel.backtest._bootstrap import Draws
    from funnel.backtest._questions import questions
    from funnel.backtest._replay import replay

    enough = count_of(min_people, "min_people", minimum=1)
    count_of(seed, "seed", minimum=0)  # NumPy ends the whole process on a list that contains itself
    if calibration is not None:
        instance(calibration, Calibration, "calibration", "a Calibration")
    dates = Dates.of(first, every, horizon, as_of)
    asks = questions(rule, policy, order, at_least, trials)
    done = replay(asks, logs, dates)
    draws = Draws.of(done.people, seed)
    found = sums.scored(done, asks.asked, draws, calibration)
    telling = sums.Telling(LEVEL, enough)
    is_chance = calibration is not None and calibration.is_reportable
    rankings = [
        telling.ranking(name, one, found.total[name], None, is_chance=is_chance) for name, one in asks.asked.items()
    ]
    one = asks.asked[rule.name]
    return Backtest(
        rule=rankings[0],
        baselines=tuple(rankings[1:]),
        by_date=tuple(telling.ranking(rule.name, one, total, day, is_chance=is_chance) for day, total in found.by_date),
        answers=tuple(
            AnswerShare(one.answer(score), round(float(people.sum())), round(float(buyers.sum())))
            for score, (people, buyers) in sorted((found.answers or {}).items())
        ),
        reliability=tuple(sums.reliability(found.answers or {}, one, calibration, draws, telling))
        if calibration is not None and calibration.is_reportable
        else (),
        excluded=dates.excluded,
        horizon=dates.horizon * MICROSECOND,
        as_of=instant(dates.now),
        trials="everyone" if trials is None else trials.name,
        people=found.seen,
        seed=seed,
        confidence_level=LEVEL,
        min_people=enough,
        draws=sums.Drawn(found.total, LEVEL),
    )
