"""Whole points of levels, by a logistic regression, and the people at each level."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from funnel.backtest._calibration import CalibrationLevel
from funnel.backtest._feature_table import BOUGHT
from funnel.backtest._figures import Flags, Floats, Whole, counts_by_score, tiers
from funnel.backtest._limits import FactLevels
from funnel.backtest._points import ScorecardPolicy
from funnel.backtest._scorecard import ScoreLevel
from funnel.errors import ArgumentError
from funnel.facts._base import BaseFacts
from funnel.facts._declare import SLOPES
from funnel.metrics._purchases import PERSON

if TYPE_CHECKING:
    import narwhals as nw

BUYERS_PER_LIMIT = 10
"""Minimum number of distinct buyers for each fitted limit."""
POINTS_TO_DOUBLE = 10
"""Points that double the odds of a purchase."""
WIDEST = 200
"""Maximum difference of the highest and the lowest points: a backtest counts at most 256 answers one by one."""

_CLOSE = 1e-6
"""A change of log odds that no whole number of points shows."""


@attrs.frozen(eq=False)
class Fitted:
    """Fitted points.

    Attributes:
        policy: The facts, the limits and their points.
        levels: The levels of each fact, with their people and buyers.
        points_to_double: Points that double the odds, before rounding.
        counts: People and buyers of each number of points.
        buyers: Number of distinct buyers.
    """

    policy: ScorecardPolicy
    levels: tuple[ScoreLevel, ...]
    points_to_double: int
    counts: tuple[CalibrationLevel, ...]
    buyers: int


def fitted(table: nw.DataFrame[Any], names: Sequence[str], facts: type[BaseFacts], most: int, minimum: int) -> Fitted:
    """Fit points to a feature table.

    Raises:
        ArgumentError: Too little is known, or nothing separates buyers from other people.
    """
    bought: Flags = table[BOUGHT].to_numpy().astype(np.bool_)
    buyers, others = (table.filter(flags.tolist())[PERSON].n_unique() for flags in (bought, ~bought))
    _check(buyers, others, minimum, len(names))
    most = min(most, buyers // (BUYERS_PER_LIMIT * len(names)))
    columns = [_levels(table, name, facts, bought, most) for name in names]
    weights = weights_of(columns, bought)
    width = sum(float(np.ptp(np.cumsum([0.0, *one]))) for one in weights) / log(2)
    scale = max(1, min(POINTS_TO_DOUBLE, int(WIDEST / max(width, 1))))
    scored = [_Scored.of(one, weight * scale / log(2)) for one, weight in zip(columns, weights, strict=True)]
    scored = [one for one in scored if one.points]
    if not scored:
        raise ArgumentError(
            "the facts do not separate buyers from other people: no limit earns points; name other facts"
        )
    total = np.sum([one.totals[one.met] for one in scored], axis=0)
    distinct, indexes = tiers(total)
    people, successes = counts_by_score(indexes, bought, len(distinct))
    rows = zip(distinct.tolist(), people.tolist(), successes.tolist(), strict=True)
    return Fitted(
        ScorecardPolicy(
            scored_facts=tuple(one.name for one in scored),
            limits=tuple(one.limits for one in scored),
            points=tuple(one.points for one in scored),
        ),
        tuple(level for one in scored for level in one.levels(bought)),
        scale,
        tuple(CalibrationLevel(points, yes / count, int(count), int(yes)) for points, count, yes in rows),
        buyers,
    )


def _check(buyers: int, others: int, minimum: int, fact_count: int) -> None:
    needed = max(minimum, BUYERS_PER_LIMIT * fact_count)
    if buyers < needed or others < minimum:
        raise ArgumentError(
            f"too little is known to fit points (got {buyers:,} buyers and {others:,} other people on the days of the "
            f"fit, for {fact_count} facts); needed are {needed:,} buyers, with {BUYERS_PER_LIMIT} for each fact, and "
            f"{minimum:,} other people; pass more days, more logs or fewer names"
        )


def _levels(table: nw.DataFrame[Any], name: str, facts: type[BaseFacts], bought: Flags, most: int) -> FactLevels:
    """Return the levels of a fact; a span that is unknown is infinite, with the sign that the rule reads."""
    plan = facts._fact_plan
    show, empty = plan.declared[name].show, plan.empties[plan.indices[name]]
    values = table[name].to_numpy().astype(np.float64)
    unknown = -np.inf if show == "until" and int(empty) < 0 else np.inf
    is_span = show in ("span", *SLOPES)
    return FactLevels.of(name, np.where(np.isnan(values), unknown, values), bought, is_span=is_span, most=most)


@attrs.frozen(eq=False)
class _Scored:
    """One fact with its whole points.

    Attributes:
        name: Name of the fact.
        limits: Limits that earn points, each stricter than the limit before.
        points: Points that each limit adds.
        totals: Points of each level, from no limit to all limits.
        met: For each row, the number of these limits that it meets.
    """

    name: str
    limits: tuple[Any, ...]
    points: tuple[int, ...]
    totals: Whole
    met: Whole

    @classmethod
    def of(cls, levels: FactLevels, weights: Floats) -> _Scored:
        """Round the sums of the weights, so that errors do not add up; drop limits without points."""
        totals = np.rint(np.cumsum([0.0, *weights])).astype(np.int64)
        added = np.diff(totals)
        index = np.cumsum([False, *(added != 0)])
        pairs = [(limit, int(one)) for limit, one in zip(levels.typed_limits, added, strict=True) if one]
        limits, points = tuple(limit for limit, _ in pairs), tuple(one for _, one in pairs)
        return cls(levels.name, limits, points, np.cumsum([0, *points]), index[levels.met])

    def levels(self, bought: Flags) -> Iterator[ScoreLevel]:
        """Yield the levels, first the people who meet no limit."""
        people, buyers = counts_by_score(self.met, bought, len(self.totals))
        rows = zip((None, *self.limits), (0, *self.points), self.totals, people, buyers, strict=True)
        for limit, points, total, count, successes in rows:
            yield ScoreLevel(self.name, limit, points, int(total), int(count), int(successes))


def weights_of(facts: Sequence[FactLevels], bought: Flags) -> list[Floats]:
    """Return the log odds that each limit adds, by a logistic regression with a normal prior of variance 1.

    Rows with the same levels are one row with counts.
    """
    code = np.zeros(len(bought), np.int64)
    for one in facts:
        code = code * (len(one.limits) + 1) + one.met
    _, firsts, group = np.unique(code, return_index=True, return_inverse=True)
    people = np.bincount(group).astype(np.float64)
    buyers = np.bincount(group, bought).astype(np.float64)
    columns = [one.met[firsts] > step for one in facts for step in range(len(one.limits))]
    weights = _maximum(np.column_stack([np.ones(len(firsts)), *columns]).astype(np.float64), people, buyers)[1:]
    ends = np.cumsum([len(one.limits) for one in facts])[:-1]
    return list(np.split(weights, ends))


def _maximum(columns: Floats, people: Floats, buyers: Floats) -> Floats:
    """Return the intercept and the weights, by Newton's method with step halving."""
    prior = np.ones(columns.shape[1])
    prior[0] = 0.0
    at = np.zeros(columns.shape[1])
    share = buyers.sum() / people.sum()
    at[0] = np.log(share / (1 - share))
    value = _loss(columns, people, buyers, prior, at)
    while True:
        chances = 1 / (1 + np.exp(-columns @ at))
        slope = columns.T @ (people * chances - buyers) + prior * at
        curve = (columns * (people * chances * (1 - chances))[:, None]).T @ columns + np.diag(prior)
        step = np.linalg.solve(curve, slope)
        while (lower := _loss(columns, people, buyers, prior, at - step)) > value and np.abs(step).max() > _CLOSE:
            step = step / 2
        at, value = at - step, lower
        if np.abs(step).max() <= _CLOSE:
            return at


def _loss(columns: Floats, people: Floats, buyers: Floats, prior: Floats, at: Floats) -> float:
    odds = columns @ at
    return float((people * np.logaddexp(0, odds) - buyers * odds).sum() + (prior * at * at).sum() / 2)
