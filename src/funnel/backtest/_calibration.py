"""Calibration: probabilities from points, fitted on the shop's own past.

Invariants: more points never give a smaller probability (isotonic). One person and a table get the same probability.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import exp, log
from operator import index
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, cast, get_args

import attrs

from funnel._arguments import brief, check_choice, count_of, each, is_one_of, kind_of, suggest
from funnel._dataframes.frame_types import FrameT
from funnel._format import TextRepr
from funnel._results import Charted
from funnel.backtest._result import Backtest
from funnel.errors import ArgumentError
from funnel.metrics._display import percent

if TYPE_CHECKING:
    import narwhals as nw

Method = Literal["isotonic", "logistic"]
"""How the curve is fitted to the shares."""

_METHODS: tuple[str, ...] = get_args(Method)

ENOUGH = 100
"""Minimum number of buyers, and of other people: ten of each for ten levels. Our choice."""

PROBABILITY = "probability"
"""Name of the column that `Calibration.over` adds."""

_SMALL = 1e-12


@attrs.frozen
class CalibrationLevel:
    """One level of a calibration: the probability from these points on.

    Attributes:
        points: Lowest points of the level. The lowest level also applies below them.
        probability: Share of people with these points who bought.
        people: Number of people with these points.
        bought: Number of these people who bought.
    """

    points: int
    probability: float
    people: int
    bought: int


@attrs.frozen
class Calibration(Charted, TextRepr):
    """Result of `calibrate`: converts points into probabilities.

    The object is plain data: `to_dict` and `from_dict` store and load it.

    Attributes:
        method: "isotonic": steps that never fall; "logistic": a smooth curve.
        levels: Steps of an isotonic calibration, lowest first. Empty for a logistic calibration, or with too little
            data.
        slope: Increase of the log odds per point (logistic); otherwise None.
        intercept: Log odds at zero points (logistic); otherwise None.
        people: Number of observations in the fit; a person counts once per day.
        bought: Number of observations with a purchase.
        buyers: Number of distinct buyers, as far as known.
        min_people: Minimum number of buyers, and of other people, for a reported probability.

    Example:
        >>> fitted = calibrate([10, 20, 20, 30, 30], [False, False, True, True, True], min_people=1)
        >>> fitted.of(20), fitted.of(99), Calibration.from_dict(fitted.to_dict()) == fitted
        (0.5, 1.0, True)
    """

    method: Method
    levels: tuple[CalibrationLevel, ...]
    slope: float | None
    intercept: float | None
    people: int
    bought: int
    buyers: int
    min_people: int

    _CHART = "checks.calibration"

    @property
    def is_reportable(self) -> bool:
        """Whether there are enough buyers and other people to report a probability."""
        return min(self.buyers, self.people - self.bought) >= self.min_people

    @property
    def base_rate(self) -> float | None:
        """Return the share of all people who bought; None without people."""
        return self.bought / self.people if self.people else None

    def of(self, points: Any) -> float | None:
        """Return the probability for one person; None without data or points.

        Too little data means fewer than `min_people` buyers, or other people.

        Args:
            points: The answer of the rule: a whole number, or None.

        Raises:
            ArgumentError: `points` is not a whole number.
        """
        if not isinstance(points, int | None):
            raise ArgumentError(
                f"points must be a whole number or None (got {kind_of(points)}); pass the answer of the calibrated rule"
            )
        if points is None or not self.is_reportable:
            return None
        if self.slope is not None and self.intercept is not None:
            return _chance(self.intercept + self.slope * points)
        return next(
            (level.probability for level in reversed(self.levels) if level.points <= points), self.levels[0].probability
        )

    def over(self, frame: FrameT, points: str) -> FrameT:
        """Return a dataframe of any engine with one more column, `probability`.

        Args:
            frame: A dataframe with the answers of the rule, such as the result of `rule.over`.
            points: Name of the column with the answers.

        Returns:
            The same dataframe type. The probability is null with too little data or without an answer.

        Raises:
            ArgumentError: The column does not exist, or does not contain whole numbers.
        """
        import narwhals as nw

        from funnel._dataframes.adapter import ROW, from_native
        from funnel._dataframes.output import with_added

        entered = from_native(frame)
        schema = entered.frame.collect_schema()
        if not is_one_of(points, schema):
            columns = [name for name in schema if name != ROW]
            msg = f"points must be a column of the dataframe (got {brief(points)}); {suggest(points, columns)}"
            raise ArgumentError(msg)
        if not isinstance(schema[points], nw.dtypes.IntegerType | nw.Boolean):
            msg = f"column {points} must hold the rule's answers as integers (got {schema[points]}); cast it"
            raise ArgumentError(msg)
        probability = self._column(nw.col(points).cast(nw.Int64()))
        extended = entered.frame.with_columns(probability.alias(PROBABILITY))
        result = extended.drop(ROW) if ROW in schema else extended
        return with_added(frame, result, entered.frame_kind, [PROBABILITY])

    def _column(self, points: nw.Expr) -> nw.Expr:
        import narwhals as nw

        if not self.is_reportable:
            return nw.lit(None, nw.Float64())
        if self.slope is not None and self.intercept is not None:
            return 1 / (1 + ((points * self.slope + self.intercept) * -1).exp())
        probability = nw.lit(self.levels[-1].probability, nw.Float64())
        for lower, level in reversed(list(pairwise(self.levels))):
            probability = (
                nw.when(points < level.points).then(nw.lit(lower.probability, nw.Float64())).otherwise(probability)
            )
        return nw.when(~points.is_null()).then(probability)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Calibration:
        """Return the calibration that `to_dict` wrote.

        Args:
            values: The plain data.

        Raises:
            ArgumentError: The data do not come from `to_dict`.
        """
        try:
            fields: dict[str, Any] = {
                **values,
                "levels": tuple(CalibrationLevel(**level) for level in values["levels"]),
            }
            return cls(**fields)
        except (TypeError, LookupError):
            msg = "values must be a result of Calibration.to_dict() (a field is missing or unknown)"
        raise ArgumentError(msg)

    def __str__(self) -> str:
        """Return the size of the fit and the range of the probabilities as text."""
        counts = f"{self.bought:,} of {self.people:,} bought"
        if not self.is_reportable:
            few = f"{self.buyers:,} buyers, {self.people - self.bought:,} others; at least {self.min_people:,} each"
            return f"not enough ({few})"
        if not self.levels:
            return f"logistic, {self.slope:+.4f} a point ({counts})"
        low, high = self.levels[0], self.levels[-1]
        ends = f"{percent(low.probability)} below, {percent(high.probability)} from {high.points} points on"
        return f"isotonic, {len(self.levels)} levels, {ends} ({counts})"


def calibrate(
    scores: Backtest | Sequence[int],
    labels: Sequence[bool] | None = None,
    *,
    method: Method = "isotonic",
    min_people: int = ENOUGH,
) -> Calibration:
    """Fit probabilities to points from the shop's own past.

    Fit on a backtest of earlier days, and pass the result to a backtest of later days. A probability that is tested on
    the days of its fit always looks right. With too little data, the calibration reports that and gives no probability.

    Args:
        scores: A backtest of a rule that answers with whole numbers; or the points of many people.
        labels: Whether each person bought; required with points.
        method: "isotonic": the best-fitting steps that never fall; "logistic": a smooth curve with two parameters.
        min_people: Minimum number of buyers, and of other people, for a reported probability.

    Raises:
        ArgumentError: The two differ in length, or the method is unknown.
        ArgumentError: The answers are not whole numbers, or there are too many different answers.

    Source: isotonic: R. E. Barlow and others, Statistical Inference under Order Restrictions (1972), chapter 1.
    Logistic: J. C. Platt, "Probabilistic outputs for support vector machines", Advances in Large Margin Classifiers
    (1999), 61-74. Platt's targets keep the curve finite if points separate buyers from other people perfectly.

    Example:
        >>> print(calibrate([10, 20, 20, 30], [False, True, False, True]))
        not enough (2 buyers, 2 others; at least 100 each)
    """
    check_choice(method, _METHODS, "method")
    minimum = count_of(min_people, "min_people", minimum=1)
    counts = list(_of_backtest(scores)) if isinstance(scores, Backtest) else _of_points(scores, labels)
    buyers = scores.rule.lift.bought if isinstance(scores, Backtest) else sum(level.bought for level in counts)
    return calibrated(counts, method, buyers, minimum)


def calibrated(counts: Sequence[CalibrationLevel], method: Method, buyers: int, min_people: int) -> Calibration:
    """Fit probabilities to the people and buyers of each number of points."""
    people, bought = (sum(level.people for level in counts), sum(level.bought for level in counts))
    fitted = Calibration(method, (), None, None, people, bought, buyers, min_people)
    if not fitted.is_reportable:
        return fitted
    if method == "isotonic":
        return attrs.evolve(fitted, levels=tuple(_steps(counts)))
    intercept, slope = _curve(counts)
    return attrs.evolve(fitted, intercept=intercept, slope=slope)


def _of_backtest(backtest: Backtest) -> Iterator[CalibrationLevel]:
    if not backtest.answers and backtest.rule.people:
        raise ArgumentError(f"{backtest.rule.name} returned too many distinct answers; round them, for example to tens")
    for share in backtest.answers:
        if share.answer is None:
            continue
        if not isinstance(share.answer, int):
            kind = type(share.answer).__name__
            msg = f"calibration requires a rule that returns whole numbers (got {kind} from {backtest.rule.name})"
            raise ArgumentError(msg)
        yield CalibrationLevel(int(share.answer), share.bought / share.people, share.people, share.bought)


def _whole_of(score: object) -> int:
    try:
        return index(cast("SupportsIndex", score))  # also whole numbers of NumPy
    except TypeError:
        msg = f"a score must be a whole number (got {brief(score)})"
    raise ArgumentError(msg)


def _truth_of(label: object) -> bool:
    is_truth = type(label).__name__ in ("bool", "bool_")  # also booleans of NumPy
    if is_truth or (isinstance(label, int) and label in (0, 1)):
        return bool(label)
    raise ArgumentError(f"a label must be True or False (got {brief(label)})")


def _of_points(scores: Sequence[int], labels: Sequence[bool] | None) -> list[CalibrationLevel]:
    points = [_whole_of(score) for score in each(scores, "scores", "a Backtest, or a list of points")]
    truths = [] if labels is None else [_truth_of(label) for label in each(labels, "labels", "a list of truths")]
    if len(truths) != len(points):
        label_count = "none" if labels is None else f"{len(truths):,}"
        msg = f"labels must hold one truth for each score (got {label_count} labels for {len(points):,} scores)"
        raise ArgumentError(msg)
    people = Counter(points)
    bought = Counter(point for point, label in zip(points, truths, strict=True) if label)
    return [
        CalibrationLevel(point, bought[point] / count, count, bought[point]) for point, count in sorted(people.items())
    ]


def _steps(counts: Iterable[CalibrationLevel]) -> list[CalibrationLevel]:
    """Return the best-fitting steps that never fall, by merging falling neighbours."""
    steps: list[CalibrationLevel] = []
    for level in counts:
        step = level
        while steps and steps[-1].bought * step.people >= step.bought * steps[-1].people:
            below = steps.pop()
            people, bought = below.people + step.people, below.bought + step.bought
            step = CalibrationLevel(below.points, bought / people, people, bought)
        steps.append(step)
    return steps


def _chance(odds: float) -> float:
    """Return the probability of these log odds."""
    return 1 / (1 + exp(-odds)) if odds > 0 else exp(odds) / (1 + exp(odds))


# ---- the smooth curve ----------------------------------------------------------------------------------------------


def _curve(counts: Sequence[CalibrationLevel]) -> tuple[float, float]:
    """Return the best intercept and slope, by Newton's method with step halving."""
    bought = sum(level.bought for level in counts)
    missed = sum(level.people for level in counts) - bought
    high, low = (bought + 1) / (bought + 2), 1 / (missed + 2)
    rows = [(level.points, level.people, level.bought * high + (level.people - level.bought) * low) for level in counts]
    middle = sum(points * people for points, people, _ in rows) / (bought + missed)
    at = log(bought + 1) - log(missed + 1), 0.0
    while True:
        step, loss = _newton(rows, middle, at), _loss(rows, middle, at)
        while (there := (at[0] + step[0], at[1] + step[1])) != at and _loss(rows, middle, there) >= loss:
            step = step[0] / 2, step[1] / 2
        if there == at:
            return at[0] - at[1] * middle, at[1]
        at = there


_Rows = Sequence[tuple[int, int, float]]
"""Points, number of people, and number of buyers shrunk a little towards the middle."""


def _loss(rows: _Rows, middle: float, at: tuple[float, float]) -> float:
    odds = ((at[0] + at[1] * (points - middle), people, successes) for points, people, successes in rows)
    return sum(people * _softplus(one) - successes * one for one, people, successes in odds)


def _softplus(odds: float) -> float:
    """Return log(1 + e^odds) without overflow."""
    return max(odds, 0.0) + log(1 + exp(-abs(odds)))


def _newton(rows: _Rows, middle: float, at: tuple[float, float]) -> tuple[float, float]:
    """Return the Newton step to the minimum of the local quadratic of the loss."""
    up = across = flat = steep = both = 0.0
    for points, people, successes in rows:
        far = points - middle
        chance = _chance(at[0] + at[1] * far)
        weight = people * chance * (1 - chance)
        missing = successes - people * chance
        up, across = up + missing, across + missing * far
        flat, steep, both = flat + weight, steep + weight * far * far, both + weight * far
    determinant = flat * steep - both * both
    if determinant <= _SMALL * flat * steep or not steep:
        return up / flat, 0.0
    return (steep * up - both * across) / determinant, (flat * across - both * up) / determinant
