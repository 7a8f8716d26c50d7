"""Drift of a scorecard: expected and actual purchases of later days, by band of points."""

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
from funnel.backtest._calibration import Calibration
from funnel.backtest._dates import BacktestDates
from funnel.backtest._figures import Floats, quotient, spread
from funnel.backtest._result import AnswerShare, Backtest, Figure
from funnel.errors import ArgumentError
from funnel.metrics._display import days, percent


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
