"""Points fitted on a shop's own past: early days for the fit, later days for the figures.

Invariant: a record that happens or is recorded on a later day does not change the points.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from funnel._arguments import count_of, each, instance, parse_as_of, subclass
from funnel._dataframes.adapter import from_native, installed
from funnel._dataframes.compute import collected
from funnel._people import logs_of
from funnel._time import instant
from funnel.backtest._backtest import backtest
from funnel.backtest._calibration import ENOUGH, calibrated
from funnel.backtest._dates import BacktestDates, ReplayDates
from funnel.backtest._feature_table import feature_table
from funnel.backtest._points import points_rule
from funnel.backtest._scorecard import Scorecard
from funnel.errors import ArgumentError, FactsError, MissingExtraError
from funnel.facts import Facts
from funnel.facts._base import BaseFacts
from funnel.logs import Logs

MOST_FACTS = 12
MOST_LIMITS = 20


def fit_points(  # noqa: PLR0913 (keywords; docs/decisions/few-arguments.md)
    logs: Logs[Any],
    dates: BacktestDates,
    names: Sequence[str],
    *,
    as_of: datetime,
    facts: type[BaseFacts] = Facts,
    check_from: datetime | None = None,
    limits: int = 10,
    min_people: int = ENOUGH,
) -> Scorecard:
    """Fit whole points to facts on a shop's own past, and check them on later days.

    Each fact gets limits: round numbers near the quantiles of its values, with buyers and the other people weighted
    alike. A logistic regression with a normal prior of variance 1 gives each limit its weight. Ten points double the
    odds of a purchase; fewer points do, if the points would differ by more than 200. A limit without points is left
    out. The days of the check take no part in the fit: outcomes that were not known on the first of them are left out.

    Args:
        logs: All records. Logs of a database or cluster are loaded into local memory.
        dates: The days, and the time after each day in which a purchase counts.
        names: Names of one to 12 facts: numbers, flags and spans, such as "since_last_purchase". Few are readable.
        as_of: The end of the data. Days whose horizon is not over by then are left out.
        facts: The class that declares the facts.
        check_from: First day of the check. None: the last third of the days.
        limits: Maximum number of limits of a fact, from 1 to 20. Fewer, if there would be fewer than 10 distinct buyers
            for each limit.
        min_people: Minimum number of distinct buyers, and of distinct other people, on the days of the fit. At least 10
            distinct buyers are needed for each fact.

    Raises:
        InstantError: `as_of` or `check_from` is naive.
        FactsError: A fact is unknown, or is an instant or a text.
        ArgumentError: Too little is known, too many facts are named, or no day is left for the fit or for the check.
        MissingExtraError: NumPy is not installed (the extra `numpy`).

    Source: integer scorecards with points that double the odds: N. Siddiqi, "Credit Risk Scorecards" (2006). Ten buyers
    for each limit: P. Peduzzi and others, "A simulation study of the number of events per variable in logistic
    regression analysis", Journal of Clinical Epidemiology 49 (1996), 1373-1379. The limits and the prior are our
    default.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime, timedelta
        >>> from funnel import Logs
        >>> start, day = datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=1)
        >>> rows = [(f"p{who}", start + (who + 9 * turn) * day) for who in range(200) for turn in range(who % 8)]
        >>> people, times = zip(*rows)
        >>> bought = {"id": range(len(rows)), "person_id": people, "purchased_at": times, "amount": 900}
        >>> card = fit_points(
        ...     Logs(purchases=pl.DataFrame(bought)),
        ...     BacktestDates(start + 30 * day, every=14 * day, horizon=14 * day),
        ...     ["since_last_purchase"],
        ...     as_of=start + 260 * day,
        ...     limits=2,
        ... )
        >>> [(level.condition, level.points) for level in card.levels]
        [('since_last_purchase: no limit', 0), ('since_last_purchase <= 29 d', 57), ('since_last_purchase <= 5 d', 28)]
    """
    if not installed("numpy"):
        raise MissingExtraError("points need NumPy, which is not installed; run: pip install 'shopfunnel[numpy]'")
    from funnel.backtest._weights import fitted

    instance(dates, BacktestDates, "dates", "a BacktestDates")
    subclass(facts, BaseFacts, "facts", "Facts or a class that extends it")
    most = count_of(limits, "limits", minimum=1, most=MOST_LIMITS)
    minimum = count_of(min_people, "min_people", minimum=1)
    read = _names(names, facts)
    days = _split(ReplayDates.of(dates, as_of), check_from)
    table = feature_table(logs_of(logs), dates, read, as_of=instant(days.check), facts=facts)
    result = fitted(collected(from_native(table).frame), read, facts, most, minimum)
    rule = points_rule(facts)
    calibration = calibrated(result.counts, "logistic", result.buyers, minimum)
    later = BacktestDates(instant(days.check).astimezone(dates.first.tzinfo), every=dates.every, horizon=dates.horizon)
    return Scorecard(
        facts=facts,
        policy=result.policy,
        levels=result.levels,
        calibration=calibration,
        points_to_double=result.points_to_double,
        first=instant(days.first),
        last=instant(days.last),
        horizon=dates.horizon,
        check=backtest(rule, logs, result.policy, later, as_of=as_of, calibration=calibration),
    )


def _names(names: Sequence[str], facts: type[BaseFacts]) -> list[str]:
    read = list(dict.fromkeys(str(name) for name in each(names, "names", "a list of names of facts")))
    if not 1 <= len(read) <= MOST_FACTS:
        raise ArgumentError(f"names must have 1 to {MOST_FACTS} facts (got {len(read)}); name those that matter most")
    declared = facts._fact_plan.declared
    for name in read:
        if name in declared and declared[name].show == "text":
            raise FactsError(f"the fact {name} is a text and earns no points; declare a count or a flag of it")
    return read


class _Days(NamedTuple):
    """First and last day of the fit, and the first day of the check, in microseconds."""

    first: int
    last: int
    check: int


def _split(days: ReplayDates, check_from: datetime | None) -> _Days:
    """Divide the days: a day of the fit has its outcome before the first day of the check."""
    start = days.closed[-(-2 * len(days.closed) // 3) :] if check_from is None else _from(days, check_from)
    early = [day for day in days.closed if start and day + days.horizon <= start[0]]
    if not early:
        msg = f"no days are left for a fit and a later check (got {len(days.closed)} days whose horizon is over)"
        raise ArgumentError(f"{msg}; pass an earlier first, a later as_of, a shorter every or another check_from")
    return _Days(early[0], early[-1], start[0])


def _from(days: ReplayDates, check_from: datetime) -> tuple[int, ...]:
    first = parse_as_of(check_from, "check_from")
    return tuple(day for day in days.closed if day >= first)
