"""Whole points of levels, by a logistic regression, and the people at each level."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from math import log
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from funnel.backtest._calibration import CalibrationLevel
from funnel.backtest._feature_table import BOUGHT
from funnel.backtest._figures import Flags, Floats, Indices, Whole, counts_by_score, tiers
from funnel.backtest._points import ScorecardPolicy
from funnel.backtest._scorecard import ScoreLevel
from funnel.errors import ArgumentError
from funnel.facts._base import BaseFacts
from funnel.facts._declare import SLOPES
from funnel.metrics._purchases import PERSON

if TYPE_CHECKING:
    import narwhals as nw


# ---- limits of facts: round numbers near the quantiles of their values -----------------------------------------------


LONGEST = 10_000
"""Days. A span longer than 27 years is unknown: nothing of the kind happened."""

_UNITS = (1.0, 24.0, 1440.0)
"""Days, hours and minutes, in a day."""
_EXACT = 100


@attrs.frozen(eq=False)
class FactLevels:
    """The levels of one fact.

    Attributes:
        name: Name of the fact.
        limits: Limits, each stricter than the limit before; spans in days.
        is_span: Whether a span: it meets a limit that it does not exceed.
        met: For each row, the number of limits that it meets.
    """

    name: str
    limits: tuple[float, ...]
    is_span: bool
    met: Indices

    @classmethod
    def of(cls, name: str, values: Floats, bought: Flags, *, is_span: bool, most: int) -> FactLevels:
        """Choose the limits of a fact: round numbers near the quantiles of buyers and of the other people."""
        chosen = _quantiles(values, bought, is_span=is_span, most=most)
        limits = {_round(one, is_span=is_span) for one in chosen} | _edge(values, chosen, is_span=is_span)
        met, separating, before = np.zeros(len(values), np.intp), list[float](), len(values)
        for limit in sorted(limits, reverse=is_span):
            rows = _meets(values, limit, is_span=is_span)
            # A limit that separates nobody from the limit before it has no weight of its own.
            if 0 < (count := int(rows.sum())) < before:
                met, before = met + rows, count
                separating.append(limit)
        return cls(name, tuple(separating), is_span, met)

    @property
    def typed_limits(self) -> tuple[int | timedelta, ...]:
        """The limits as a policy has them."""
        return tuple(timedelta(minutes=round(1440 * one)) if self.is_span else round(one) for one in self.limits)


def _meets(values: Floats, limit: float, *, is_span: bool) -> Flags:
    return values <= limit if is_span else values >= limit


def _quantiles(values: Floats, bought: Flags, *, is_span: bool, most: int) -> list[float]:
    """Return values that split the people, buyers and the other people weighted alike."""
    # The lowest number cannot be a limit: everybody reaches it.
    is_usable = np.isfinite(values) & (is_span | (values > values.min()))
    usable, buyers = values[is_usable], bought[is_usable]
    if not len(usable):
        return []
    share = np.where(buyers, 1 / max(1, buyers.sum()), 1 / max(1, (~buyers).sum()))
    order = np.argsort(usable, kind="stable")
    weights = share[order].cumsum()
    shares = weights[-1] * np.arange(1, most + 1) / (most + 1)
    chosen: Floats = usable[order][np.searchsorted(weights, shares)]
    return [float(one) for one in chosen]


def _edge(values: Floats, chosen: list[float], *, is_span: bool) -> set[float]:
    """Return the limit that separates people for whom a span is unknown; none if another limit does it."""
    if not is_span:
        return set()
    finite = values[np.isfinite(values)]
    has_later = len(finite) > 0 and bool((finite > max(chosen)).any())
    after = {float(LONGEST)} if np.isposinf(values).any() and has_later else set[float]()
    return after | ({-float(LONGEST)} if np.isneginf(values).any() else set())


def _round(value: float, *, is_span: bool) -> float:
    """Return a round number: two digits, of days, hours or minutes for a span."""
    if not is_span and abs(value) < _EXACT:
        return value
    unit = next((one for one in _UNITS if abs(value) * one >= 1), _UNITS[-1]) if is_span else 1.0
    digits = float(f"{value * unit:.2g}")
    return max(round(1440 * digits / unit), 1) / 1440 if is_span else digits


# ---- the weights -----------------------------------------------------------------------------------------------------


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
