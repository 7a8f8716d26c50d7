"""Backtests of rules: made by `backtest`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from funnel._frames import installed
from funnel._given import SpanLike, count_of, instance
from funnel._instants import MICROSECOND, instant
from funnel._lift.tree import Answer
from funnel._rule import Rule
from funnel.errors import MissingExtraError
from funnel.metrics.backtest.calibrated import Calibration
from funnel.metrics.backtest.dates import Dates, Every
from funnel.metrics.backtest.result import AnswerShare, Backtest
from funnel.metrics.rate import LEAST, LEVEL
from funnel.policy import Policy

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
    among: Rule[Any, Any, Any] | None = None,
    order: Sequence[Answer] | None = None,
    at_least: Answer = None,
    calibration: Calibration | None = None,
    least: int = LEAST,
    seed: int = 0,
) -> Backtest:
    """How good a rule would have been: ask it on past days, from what was known then, and look who bought.

    On each day everyone is asked of whom anything was known by then, or those of them of whom `among` is true. A
    person bought if a purchase of theirs that counts at `as_of` lies after the day, within the horizon. What happened
    after a day, or was recorded after it (`recorded_at` of the logs), has no part in its answers. Logs of a database or
    cluster are brought into local memory.

    Args:
        rule: The rule; the likelier somebody is to buy, the higher its answer.
        logs: Everyone's records.
        policy: The shop's numbers.
        first: The first day, an aware datetime; the others are counted from it by the clock of its zone.
        every: The time from one day to the next: a timedelta, or a relativedelta of months.
        horizon: The time after each day in which a purchase counts; its end is part of it.
        as_of: The end of the data; days whose horizon is not over by then are left out, and counted.
        among: A rule that says who is looked at, such as `has_bought`; None: everyone.
        order: For a rule that answers in words, all its answers from the least likely to buy to the likeliest; for one
            that answers yes or no, `(True, False)` turns it round.
        at_least: The answer from which on a person is flagged; None: the last of the order, and for numbers no limit.
        calibration: What makes probabilities of the answers, fitted on earlier days.
        least: The fewest people who bought of whom a figure is told.
        seed: What people are drawn with, for the intervals.

    Returns:
        Lift, AUC, precision and recall with intervals, over all days and on each, beside those of doing nothing, of
        most recent first and of own rhythm.

    Raises:
        InstantError: `first` or `as_of` is naive.
        ArgumentError: `every` or `horizon` does not lead ahead, there are too many days, or `order`, `at_least` or
            `among` does not go with the rules.
        LiftError: A rule does what cannot be run for a table.
        MissingExtraError: NumPy is not installed (the extra `numpy`).

    Source: R. Kohavi and others call it replay; figures as in T. Fawcett, "An introduction to ROC analysis", Pattern
    Recognition Letters 27 (2006), 861-874, and G. W. Brier, "Verification of forecasts expressed in terms of
    probability", Monthly Weather Review 78 (1950), 1-3.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime, timedelta
        >>> from funnel import Logs, Policy, has_bought_again
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
        ...     least=1,
        ... )
        >>> found.rule.auc.value, found.rule.flagged, found.rule.bought, found.left_out
        (1.0, 2, 2, 2)
    """
    if not installed("numpy"):
        raise MissingExtraError("a backtest needs NumPy, which is not installed; run: pip install 'shopfunnel[numpy]'")
    from funnel.metrics.backtest import scored as sums
    from funnel.metrics.backtest.asked import questions
    from funnel.metrics.backtest.replay import replay
    from funnel.metrics.backtest.resampled import Draws

    enough = count_of(least, "least", least=1)
    count_of(seed, "seed", least=0)  # NumPy ends the whole process at a list that holds itself
    if calibration is not None:
        instance(calibration, Calibration, "calibration", "a Calibration")
    dates = Dates.of(first, every, horizon, as_of)
    asks = questions(rule, policy, order, at_least, among)
    done = replay(asks, logs, dates)
    draws = Draws.of(done.people, seed)
    found = sums.scored(done, asks.asked, draws, calibration)
    telling = sums.Telling(LEVEL, enough)
    is_chance = calibration is not None and calibration.enough
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
        if calibration is not None and calibration.enough
        else (),
        left_out=dates.left_out,
        horizon=dates.horizon * MICROSECOND,
        as_of=instant(dates.now),
        among="everyone" if among is None else among.name,
        people=found.seen,
        seed=seed,
        level=LEVEL,
        least=enough,
        draws=sums.Drawn(found.total, LEVEL),
    )
