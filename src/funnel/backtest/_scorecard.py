"""Scorecards: fitted points as a rule with a policy, and how they did on later days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from math import log
from typing import Any

import attrs
import numpy as np

from funnel._arguments import instance
from funnel._format import Table, Tabular
from funnel._results import Rows
from funnel._time import MICROSECOND
from funnel.backtest._calibration import Calibration
from funnel.backtest._dates import BacktestDates
from funnel.backtest._figures import Floats, quotient, spread
from funnel.backtest._points import ScorecardPolicy, points_rule
from funnel.backtest._result import AnswerShare, Backtest, Figure
from funnel.errors import ArgumentError
from funnel.facts import Facts
from funnel.facts._base import BaseFacts
from funnel.logs import Logs
from funnel.metrics._display import days, percent
from funnel.rules._rule import Rule

# ---- drift of a scorecard: expected and actual purchases of later days, by band of points ----------------------------


@attrs.frozen
class ScoreBand:
    """People with similar points: expected and actual buyers.

    Attributes:
        at_least: Lowest points of the band.
        at_most: Highest points of the band.
        people: Number of observations; a person counts once per day.
        expected: Expected share of buyers.
        bought: Number of observations with a purchase.
        observed: Share of buyers, with its interval.
    """

    at_least: int
    at_most: int
    people: int
    expected: float
    bought: int
    observed: Figure


@attrs.frozen
class ScorecardDrift(Rows, Tabular):
    """Result of `Scorecard.drift`: whether fitted points are still right.

    Attributes:
        first: First later day.
        last: Last later day.
        people: Number of observations; a person counts once per day.
        expected: Expected number of observations with a purchase.
        bought: Number of observations with a purchase.
        shift: Points by which the scorecard is too high: with so many points less, the expected number is the actual
            number. Negative: too low. None with too few buyers.
        ci_lower: Lower end of the bootstrap interval of the shift.
        ci_upper: Upper end of the interval.
        bands: Up to ten bands of similar size, lowest points first.
        auc: How often a buyer has more points than another person of the same day, with its interval.
    """

    first: datetime | None
    last: datetime | None
    people: int
    expected: float
    bought: int
    shift: float | None
    ci_lower: float | None
    ci_upper: float | None
    bands: tuple[ScoreBand, ...]
    auc: Figure

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one dictionary per band."""
        return [
            {
                **{name: value for name, value in attrs.asdict(one, recurse=False).items() if name != "observed"},
                "observed": one.observed.value,
                "ci_lower": one.observed.ci_lower,
                "ci_upper": one.observed.ci_upper,
            }
            for one in self.bands
        ]

    def _title(self) -> str:
        if self.shift is None or self.first is None or self.last is None:
            return f"not enough: {self.bought:,} of {self.people:,} bought"
        sign, side = (1, "high") if self.shift >= 0 else (-1, "low")
        interval = ""
        if self.ci_lower is not None and self.ci_upper is not None:
            low, high = sorted((sign * self.ci_lower, sign * self.ci_upper))
            interval = f" ({low:z.1f} to {high:z.1f})"
        shares = f"expected {percent(self.expected / self.people)}, observed {percent(self.bought / self.people)}"
        period = f"{self.first:%Y-%m-%d} to {self.last:%Y-%m-%d}"
        return f"{period}: {sign * self.shift:.1f} points too {side}{interval}; {shares} of {self.people:,}"

    def _tables(self) -> Iterator[Table]:
        rows = (
            (f"{one.at_least} to {one.at_most}", f"{one.people:,}", percent(one.expected), str(one.observed))
            for one in self.bands
        )
        yield self._title(), ("points", "people", "expected", "observed"), rows


def check_later(dates: BacktestDates, last: datetime, horizon: timedelta) -> None:
    """Check that days are after those of the fit, with the same horizon.

    Raises:
        ArgumentError: They are not.
    """
    instance(dates, BacktestDates, "dates", "a BacktestDates")
    if dates.horizon != horizon:
        raise ArgumentError(
            f"dates must have the horizon of the fit, {days(horizon)} (got {days(dates.horizon)}); "
            "fit points for the other one"
        )
    if dates.first < last + horizon:
        raise ArgumentError(
            f"dates must begin when the last horizon of the fit is over, {last + horizon:%Y-%m-%d} "
            f"(got {dates.first:%Y-%m-%d}); on the days of the fit, points always look right"
        )


def drift_of(later: Backtest, calibration: Calibration, points_to_double: int) -> ScorecardDrift:
    """Return the drift of a scorecard, from the backtest of its points on later days."""
    counts = np.array([(one.people, one.bought) for one in later.answers], np.float64).reshape(-1, 2)
    chances = np.array([calibration.of(one.answer) for one in later.answers], np.float64)
    dates = [one.date for one in later.by_date]
    is_enough = later.rule.auc.bought >= later.min_people
    shift = _shift(points_to_double, later, chances, counts[:, 0]) if is_enough else (None, None, None)
    return ScorecardDrift(
        first=dates[0] if dates else None,
        last=dates[-1] if dates else None,
        people=later.rule.people,
        expected=float(chances @ counts[:, 0]),
        bought=later.rule.bought,
        shift=shift[0],
        ci_lower=shift[1],
        ci_upper=shift[2],
        bands=tuple(_bands(later)),
        auc=later.rule.auc,
    )


def _shift(
    points_to_double: int, later: Backtest, chances: Floats, people: Floats
) -> tuple[float | None, float | None, float | None]:
    """Return the points to take off, so that as many purchases are expected as happened, with an interval."""
    total = later.draws.total[later.rule.name]
    (_, evaluated), (_, bought) = total.part("people"), total.part("bought")
    shares = quotient(bought, evaluated)
    odds, share = np.log(chances / (1 - chances)), people / people.sum()
    low, high = np.full(len(bought), -_MOST_ODDS), np.full(len(bought), _MOST_ODDS)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_below = (share / (1 + np.exp(-odds - middle[:, None]))).sum(1) < shares
        low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
    shifts = -low * points_to_double / log(2)
    ends = spread(shifts, float(shifts[0]), later.confidence_level)
    low_end, high_end = ends or (None, None)
    return float(shifts[0]), low_end, high_end


_MOST_ODDS, _HALVINGS = 30.0, 50
"""The largest change of log odds, and the number of times that its range is halved."""


def _bands(later: Backtest) -> Iterator[ScoreBand]:
    """Yield the reliability with the points of each band: its people are those of the next answers."""
    answers = iter(later.answers)
    for one in later.reliability:
        points: list[int] = []
        people = 0
        while people < one.people:
            answer: AnswerShare = next(answers)
            points.append(answer.answer)
            people += answer.people
        yield ScoreBand(points[0], points[-1], one.people, one.predicted, one.bought, one.observed)


# ---- A scorecard as Python code --------------------------------------------------------------------------------------


_UNITS = (("days", timedelta(days=1)), ("hours", timedelta(hours=1)), ("minutes", timedelta(minutes=1)))


def source_of(title: str, facts: type[BaseFacts], policy: ScorecardPolicy) -> str:
    """Return a module with the policy and the rule of a scorecard."""
    return "\n".join(_lines(title, facts, policy)) + "\n"


def _lines(title: str, facts: type[BaseFacts], policy: ScorecardPolicy) -> Iterator[str]:
    yield from (f'"""{title}."""', "")
    if any(isinstance(limit, timedelta) for limits in policy.limits for limit in limits):
        yield from ("from datetime import timedelta", "")
    is_own = facts is not Facts
    yield f"from funnel import {'' if is_own else 'Facts, '}Policy, rule"
    if is_own:
        yield f"from {facts.__module__} import {facts.__name__}"
    yield from ("", "", "class PointsPolicy(Policy):")
    yield from ('    """Limits of facts, each with the points that it adds."""', "")
    for name, limits, points in zip(policy.scored_facts, policy.limits, policy.points, strict=True):
        kind = "timedelta" if isinstance(limits[0], timedelta) else "int"
        yield f"    {name}_points: tuple[tuple[{kind}, int], ...] = ("
        yield from (f"        ({_code(limit)}, {number})," for limit, number in zip(limits, points, strict=True))
        yield "    )"
    yield from ("", "", "@rule", f"def fitted_points(f: {facts.__name__}, policy: PointsPolicy) -> int:")
    yield '    """Return the points of all limits that the facts meet."""'
    yield "    return sum("
    yield "        ("
    for name, limits in zip(policy.scored_facts, policy.limits, strict=True):
        sign = "<=" if isinstance(limits[0], timedelta) else ">="
        yield f"            *(points * (f.{name} {sign} limit) for limit, points in policy.{name}_points),"
    yield from ("        )", "    )")


def _code(limit: int | timedelta) -> str:
    """Return a limit as code, a span in its largest whole unit."""
    if not isinstance(limit, timedelta):
        return str(limit)
    name, unit = next((name, unit) for name, unit in _UNITS if not limit % unit // MICROSECOND)
    return f"timedelta({name}={limit // unit})"


# ---- the scorecard ---------------------------------------------------------------------------------------------------


@attrs.frozen
class ScoreLevel:
    """One level of one fact of a scorecard, on the days of the fit.

    Attributes:
        fact: Name of the fact.
        limit: The limit that a person of this level meets. None: the person meets no limit.
        points: Points that the limit adds.
        total: Points of the fact at this level: of this limit and of all limits before it.
        people: Number of observations at this level; a person counts once per day.
        bought: Number of these observations with a purchase.
    """

    fact: str
    limit: int | timedelta | None
    points: int
    total: int
    people: int
    bought: int

    @property
    def condition(self) -> str:
        """The condition as text."""
        if self.limit is None:
            return f"{self.fact}: no limit"
        if isinstance(self.limit, timedelta):
            return f"{self.fact} <= {days(self.limit)}"
        return f"{self.fact} >= {self.limit:,}"


@attrs.frozen
class Scorecard(Rows, Tabular):
    """Result of `fit_points`: whole points for limits of facts, as a rule with a policy.

    Attributes:
        facts: The class that declares the facts.
        policy: The policy with the facts, the limits and the points.
        levels: Each level of each fact, with its people and buyers on the days of the fit.
        calibration: Turns points into probabilities of a purchase within the horizon; fitted on the same days.
        points_to_double: Number of points that double the odds of a purchase, before rounding.
        first: First day of the fit.
        last: Last day of the fit.
        horizon: Time after each day in which a purchase counts, inclusive.
        check: Backtest of the points on the later days, which took no part in the fit.
    """

    facts: type[BaseFacts]
    policy: ScorecardPolicy = attrs.field(repr=False)
    levels: tuple[ScoreLevel, ...] = attrs.field(repr=False)
    calibration: Calibration
    points_to_double: int
    first: datetime
    last: datetime
    horizon: timedelta
    check: Backtest = attrs.field(repr=False)

    @property
    def rule(self) -> Rule[Any, ScorecardPolicy, int]:
        """The rule that returns a person's points. Use it with the policy of the scorecard."""
        return points_rule(self.facts)

    def drift(
        self, logs: Logs[Any], dates: BacktestDates, *, as_of: datetime, min_people: int = 30, seed: int = 0
    ) -> ScorecardDrift:
        """Compare the purchases that the points expect with the purchases of later days.

        Args:
            logs: All records.
            dates: Later days. The horizon must be that of the fit.
            as_of: The end of the data. Days whose horizon is not over by then are excluded.
            min_people: Minimum number of people who bought for a reported shift.
            seed: Seed of the bootstrap draws for the intervals.

        Raises:
            InstantError: `as_of` is naive.
            ArgumentError: The horizon is another one, or a day is not after the days of the fit.
        """
        from funnel.backtest._backtest import backtest
        from funnel.backtest._scorecard import check_later, drift_of

        check_later(dates, self.last, self.horizon)
        later = backtest(
            self.rule,
            logs,
            self.policy,
            dates,
            as_of=as_of,
            calibration=self.calibration,
            min_people=min_people,
            seed=seed,
        )
        return drift_of(later, self.calibration, self.points_to_double)

    def source(self) -> str:
        """Return the rule and its policy as Python code, to paste into a module of the shop."""
        from funnel.backtest._scorecard import source_of

        title = (
            f"Points fitted on {self.first:%Y-%m-%d} to {self.last:%Y-%m-%d}: "
            f"{self.points_to_double} points double the odds to buy within {days(self.horizon)}"
        )
        return source_of(title, self.facts, self.policy)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one dictionary per level. A limit is the text of its condition."""
        rows = (
            {**attrs.asdict(one), "condition": one.condition, "share": one.bought / one.people if one.people else None}
            for one in self.levels
        )
        return [{name: value for name, value in row.items() if name != "limit"} for row in rows]

    def _tables(self) -> Iterator[Table]:
        fit = self.calibration
        auc = self.check.rule.auc
        title = (
            f"points fitted on {self.first:%Y-%m-%d} to {self.last:%Y-%m-%d}: {fit.bought:,} of {fit.people:,} bought "
            f"within {days(self.horizon)}; {self.points_to_double} points double the odds; AUC of later days {auc}"
        )
        rows = (
            (one.condition, f"{one.points:+}", one.total, f"{one.people:,}", f"{one.bought:,}", _share(one))
            for one in self.levels
        )
        yield title, ("condition", "points", "total", "people", "bought", "share"), rows


def _share(one: ScoreLevel) -> str:
    return percent(one.bought / one.people) if one.people else ""
