"""Probabilities from points: what share of those with so many points bought, in the shop's own past; by `calibrate`.

Law: more points never give a smaller probability (isotonic); who applies it to one person and to a table gets the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import exp, log
from operator import index
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, cast, get_args

import attrs

from funnel._given import brief, count_of, each, is_one_of, kind_of, nearest, one_of
from funnel.errors import ArgumentError
from funnel.metrics.backtest.result import Backtest
from funnel.metrics.survival.estimates import Shown, percent

if TYPE_CHECKING:
    import narwhals as nw

Method = Literal["isotonic", "logistic"]
"""How a curve is laid through the shares."""

_METHODS: tuple[str, ...] = get_args(Method)

ENOUGH = 100
"""Fewer buyers, or fewer others, make no curve of several levels: ten of each for ten levels; our choice."""

PROBABILITY = "probability"
"""The column that `Calibration.over` adds."""

_SMALL = 1e-12


@attrs.frozen
class CalibrationLevel:
    """From so many points on, up to the next level: this probability.

    Attributes:
        points: The fewest points of the level; the lowest level holds below them too.
        probability: The share who bought of those with so many.
        people: How many had so many.
        bought: How many of them bought.
    """

    points: int
    probability: float
    people: int
    bought: int


@attrs.frozen
class Calibration(Shown):
    """What makes probabilities of points, fitted by `calibrate`; plain data that can be kept and read again.

    Attributes:
        method: "isotonic": steps that never fall; "logistic": a smooth curve.
        levels: The steps of an isotonic calibration, from the lowest; empty for a logistic one, and where there is not
            enough.
        slope: How fast the log of the odds grows with a point (logistic); None else.
        intercept: The log of the odds at no points (logistic); None else.
        people: Of how many it was fitted, a person once a day.
        bought: How many of them bought.
        buyers: How many different people those are, as far as it was known.
        least: The fewest buyers, and others, of whom a probability is told.

    Example:
        >>> fitted = calibrate([10, 20, 20, 30, 30], [False, False, True, True, True], least=1)
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
    least: int

    @property
    def enough(self) -> bool:
        """Whether there were enough buyers and enough others; where not, there is no probability."""
        return min(self.buyers, self.people - self.bought) >= self.least

    @property
    def base_rate(self) -> float | None:
        """The share who bought of all; None of nobody."""
        return self.bought / self.people if self.people else None

    def of(self, points: Any) -> float | None:
        """The probability for one person; None where there is not enough, or they have no points.

        Args:
            points: The answer of the rule: a whole number, or None.

        Raises:
            ArgumentError: It is no whole number.
        """
        if not isinstance(points, int | None):
            msg = f"the answer is a {kind_of(points)}; a calibration is of rules that answer with whole numbers"
            raise ArgumentError(msg)
        if points is None or not self.enough:
            return None
        if self.slope is not None and self.intercept is not None:
            return _chance(self.intercept + self.slope * points)
        return next(
            (level.probability for level in reversed(self.levels) if level.points <= points),
            self.levels[0].probability,
        )

    def over(self, frame: Any, points: str) -> Any:
        """The probability for every row of a frame of any engine, in one more column, `probability`.

        Args:
            frame: A frame with the answers of the rule, such as `rule.over` gives.
            points: The column of the answers.

        Returns:
            The same kind of frame; the probability is null where there is not enough, or no answer.

        Raises:
            ArgumentError: There is no such column, or it does not hold whole numbers.
        """
        import narwhals as nw

        from funnel._frames import ROW, enter, leave

        entered = enter(frame)
        schema = entered.frame.collect_schema()
        if not is_one_of(points, schema):
            columns = [name for name in schema if name != ROW]
            msg = f"the frame has no column {brief(points)}; {nearest(points, columns)}"
            raise ArgumentError(msg)
        if not isinstance(schema[points], nw.dtypes.IntegerType | nw.Boolean):
            msg = f"the column {points} is {schema[points]}; give the whole numbers that the rule answered with"
            raise ArgumentError(msg)
        told = self._column(nw.col(points).cast(nw.Int64()))
        left = entered.frame.with_columns(told.alias(PROBABILITY))
        return leave(left.drop(ROW) if ROW in schema else left, entered.home)

    def _column(self, points: nw.Expr) -> nw.Expr:
        import narwhals as nw

        if not self.enough:
            return nw.lit(None, nw.Float64())
        if self.slope is not None and self.intercept is not None:
            return 1 / (1 + ((points * self.slope + self.intercept) * -1).exp())
        told = nw.lit(self.levels[-1].probability, nw.Float64())
        for lower, level in reversed(list(pairwise(self.levels))):
            told = nw.when(points < level.points).then(nw.lit(lower.probability, nw.Float64())).otherwise(told)
        return nw.when(~points.is_null()).then(told)

    def to_dict(self) -> dict[str, Any]:
        """Everything of it as plain data, as JSON can hold it."""
        return attrs.asdict(self)

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Calibration:
        """Read what `to_dict` gave.

        Args:
            told: The plain data.

        Raises:
            ArgumentError: It is not what `to_dict` gave.
        """
        try:
            fields: dict[str, Any] = {**told, "levels": tuple(CalibrationLevel(**level) for level in told["levels"])}
            return cls(**fields)
        except (TypeError, LookupError):
            msg = "told must be what to_dict() of a Calibration returned: a field is missing or unknown"
        raise ArgumentError(msg)

    def __str__(self) -> str:
        """Write of how many it is, and how far the probabilities reach."""
        counts = f"{self.bought:,} of {self.people:,} bought"
        if not self.enough:
            few = f"{self.buyers:,} buyers, {self.people - self.bought:,} others; at least {self.least:,} each"
            return f"not enough ({few})"
        if not self.levels:
            return f"logistic, {self.slope:+.4f} a point ({counts})"
        low, high = self.levels[0], self.levels[-1]
        ends = f"{percent(low.probability)} % below, {percent(high.probability)} % from {high.points} points on"
        return f"isotonic, {len(self.levels)} levels, {ends} ({counts})"


def calibrate(
    scores: Backtest | Sequence[int],
    labels: Sequence[bool] | None = None,
    *,
    method: Method = "isotonic",
    least: int = ENOUGH,
) -> Calibration:
    """Make probabilities of points, from the shop's own past: of those with so many points, how many bought?

    Fit it on a backtest of earlier days, and give it to a backtest of later ones: a probability that is judged by the
    days it was fitted on always looks right. An answer is refused where there is too little: the calibration then says
    so, and gives no probability.

    Args:
        scores: A backtest of a rule that answers with whole numbers; or the points of many people.
        labels: With points, who of them bought.
        method: "isotonic": the steps that never fall and fit best; "logistic": a smooth curve of two numbers.
        least: The fewest buyers, and as many others, of whom a probability is told.

    Raises:
        ArgumentError: The two are not of one length, or the method is unknown.
        ArgumentError: The answers are no whole numbers, or too many different ones to be counted.

    Source: of isotonic, R. E. Barlow and others, Statistical Inference under Order Restrictions (1972), chapter 1; of
    logistic, J. C. Platt, "Probabilistic outputs for support vector machines", Advances in Large Margin Classifiers
    (1999), 61-74, whose targets keep it finite where points part buyers from others without a fault.

    Example:
        >>> print(calibrate([10, 20, 20, 30], [False, True, False, True]))
        not enough (2 buyers, 2 others; at least 100 each)
    """
    one_of(method, _METHODS, "method")
    enough = count_of(least, "least", least=1)
    counts = list(_of_backtest(scores)) if isinstance(scores, Backtest) else _of_points(scores, labels)
    people, bought = sum(level.people for level in counts), sum(level.bought for level in counts)
    buyers = scores.rule.lift.bought if isinstance(scores, Backtest) else bought
    fitted = Calibration(method, (), None, None, people, bought, buyers, enough)
    if not fitted.enough:
        return fitted
    if method == "isotonic":
        return attrs.evolve(fitted, levels=tuple(_steps(counts)))
    intercept, slope = _curve(counts)
    return attrs.evolve(fitted, intercept=intercept, slope=slope)


def _of_backtest(done: Backtest) -> Iterator[CalibrationLevel]:
    if not done.answers and done.rule.people:
        msg = f"{done.rule.name} gave too many different answers; round them, for example to whole tens"
        raise ArgumentError(msg)
    for share in done.answers:
        if share.answer is None:
            continue
        if not isinstance(share.answer, int):
            kind = type(share.answer).__name__
            msg = f"{done.rule.name} answers with a {kind}; calibrate a rule that answers with whole numbers"
            raise ArgumentError(msg)
        yield CalibrationLevel(int(share.answer), share.bought / share.people, share.people, share.bought)


def _whole_of(score: object) -> int:
    try:
        return index(cast("SupportsIndex", score))  # whole numbers of numpy too
    except TypeError:
        msg = f"a score must be a whole number (got {brief(score)})"
    raise ArgumentError(msg)


def _truth_of(label: object) -> bool:
    is_truth = type(label).__name__ in ("bool", "bool_")  # those of numpy too
    if is_truth or (isinstance(label, int) and label in (0, 1)):
        return bool(label)
    raise ArgumentError(f"a label must be True or False (got {brief(label)})")


def _of_points(scores: Sequence[int], labels: Sequence[bool] | None) -> list[CalibrationLevel]:
    points = [_whole_of(score) for score in each(scores, "scores", "a Backtest, or a list of points")]
    known = [] if labels is None else [_truth_of(label) for label in each(labels, "labels", "a list of truths")]
    if len(known) != len(points):
        given = "none" if labels is None else f"{len(known):,}"
        msg = f"there are {len(points):,} scores and {given} labels; give one label, bought or not, for each score"
        raise ArgumentError(msg)
    people = Counter(points)
    bought = Counter(point for point, label in zip(points, known, strict=True) if label)
    return [
        CalibrationLevel(point, bought[point] / count, count, bought[point]) for point, count in sorted(people.items())
    ]


def _steps(counts: Iterable[CalibrationLevel]) -> list[CalibrationLevel]:
    """The steps that never fall and fit best: neighbours that fall are put together until none do."""
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
    """The probability of which this is the log of the odds."""
    return 1 / (1 + exp(-odds)) if odds > 0 else exp(odds) / (1 + exp(odds))


# ---- the smooth curve ----------------------------------------------------------------------------------------------


def _curve(counts: Sequence[CalibrationLevel]) -> tuple[float, float]:
    """The intercept and slope that fit best, by Newton's steps, each halved until it helps."""
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
"""The points, how many had them, and how many bought, drawn a little towards the middle."""


def _loss(rows: _Rows, middle: float, at: tuple[float, float]) -> float:
    odds = ((at[0] + at[1] * (points - middle), people, hits) for points, people, hits in rows)
    return sum(people * _softplus(one) - hits * one for one, people, hits in odds)


def _softplus(odds: float) -> float:
    """The log of 1 + e to this, for whatever size."""
    return max(odds, 0.0) + log(1 + exp(-abs(odds)))


def _newton(rows: _Rows, middle: float, at: tuple[float, float]) -> tuple[float, float]:
    """The step to where the curve that touches the loss here has its lowest point."""
    up = across = flat = steep = both = 0.0
    for points, people, hits in rows:
        far = points - middle
        chance = _chance(at[0] + at[1] * far)
        weight = people * chance * (1 - chance)
        missing = hits - people * chance
        up, across = up + missing, across + missing * far
        flat, steep, both = flat + weight, steep + weight * far * far, both + weight * far
    turn = flat * steep - both * both
    if turn <= _SMALL * flat * steep or not steep:
        return up / flat, 0.0
    return (steep * up - both * across) / turn, (flat * across - both * up) / turn
