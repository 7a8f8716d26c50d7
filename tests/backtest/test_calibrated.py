"""Probabilities from points: exact steps, a curve that is always finite, the same for one person and for a table."""

from __future__ import annotations

import json
from datetime import timedelta
from fractions import Fraction
from math import exp, log
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.backtest import AnswerScale, BacktestDates
from funnel.backtest._backtest import backtest
from funnel.backtest._calibration import Calibration, calibrate
from funnel.errors import ArgumentError
from funnel.logs import Logs
from funnel.policy import Policy
from funnel.rules._buying import BuyingPhase, buying_phase
from tests.backtest.model import never_falling
from tests.engines import ENGINES, HERE
from tests.frames import read
from tests.strategies import START

COUNTS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)).filter(any), min_size=1, max_size=8)


def rows_of(counts: list[tuple[int, int]]) -> tuple[list[int], list[bool]]:
    """Points and labels: 10 times the place as points, of so many buyers and so many others."""
    scores = [10 * index for index, (buyers, others) in enumerate(counts) for _ in range(buyers + others)]
    return scores, [label for buyers, others in counts for label in [True] * buyers + [False] * others]


@given(COUNTS)
def test_steps_are_the_best_that_never_fall(counts: list[tuple[int, int]]) -> None:
    """Neighbours put together one by one give, exactly, the minima of the maxima of means."""
    fitted = calibrate(*rows_of([*counts, (1, 1)]), min_people=1)
    best = never_falling([(buyers + others, buyers) for buyers, others in [*counts, (1, 1)]])
    levels = [confidence_level for confidence_level in fitted.levels for _ in range(len(counts) + 1)]

    assert [fitted.of(10 * index) for index in range(len(best))] == [float(one) for one in best]
    assert all(Fraction(confidence_level.bought, confidence_level.people) in best for confidence_level in levels)


def test_steps_by_hand() -> None:
    """The rates 1 in 2, 0 in 1 and 2 in 2: the first two fall, and are pooled."""
    fitted = calibrate([1, 1, 2, 3, 3], [True, False, False, True, True], min_people=1)

    assert [
        (confidence_level.points, confidence_level.people, confidence_level.bought)
        for confidence_level in fitted.levels
    ] == [(1, 3, 1), (3, 2, 2)]
    assert [fitted.of(points) for points in (-5, 1, 2, 3, 99)] == [1 / 3, 1 / 3, 1 / 3, 1, 1]
    assert str(fitted) == "isotonic, 2 levels, 33.3 % below, 100.0 % from 3 points on (3 of 5 bought)"


@pytest.mark.parametrize(
    ("scores", "labels"),
    [
        ([0, 1, 2, 3], [False, True, False, True]),
        ([0, 1, 2, 3], [False, False, True, True]),
        ([7, 7, 7], [True, False, False]),
        ([-1000, 1000, 1000], [True, False, True]),
        ([0, 0, 1, 900], [True, False, False, True]),
    ],
)
def test_the_curve_has_the_least_loss(scores: list[int], labels: list[bool]) -> None:
    """Whichever way slope or middle are moved, it fits worse; points that part buyers without a fault do no harm."""
    fitted = calibrate(scores, labels, method="logistic", min_people=1)
    assert fitted.slope is not None
    assert fitted.intercept is not None
    here = loss(scores, labels, fitted.slope, fitted.intercept)
    wide = max(1, *map(abs, scores))

    for slope, intercept in ((1e-3 / wide, 0), (-1e-3 / wide, 0), (0, 1e-3), (0, -1e-3)):
        assert loss(scores, labels, fitted.slope + slope, fitted.intercept + intercept) >= here - 1e-12


def loss(scores: list[int], labels: list[bool], slope: float, intercept: float) -> float:
    """Compute the loss of a curve, in nats, against labels moved a little to the middle."""
    high, low = (sum(labels) + 1) / (sum(labels) + 2), 1 / (len(labels) - sum(labels) + 2)
    probability = (
        (high if label else low, 1 / (1 + exp(-intercept - slope * points)))
        for points, label in zip(scores, labels, strict=True)
    )
    return -sum(label * log(chance) + (1 - label) * log(1 - chance) for label, chance in probability)


def test_a_curve_rises_with_points_and_tells_itself() -> None:
    """Any points give a probability between 0 and 1, however far out they are."""
    fitted = calibrate(*rows_of([(1, 9), (3, 7), (6, 4)]), method="logistic", min_people=5)
    chances = [fitted.of(points) for points in (-(10**6), 0, 10, 20, 10**6)]

    assert chances == sorted(chances)
    assert chances[0] == 0
    assert chances[-1] == 1
    assert str(fitted).startswith("logistic, +0.1")


def test_too_little_gives_no_probability() -> None:
    """Four people are too few to calibrate; the error gives the minimum."""
    for method in ("isotonic", "logistic"):
        few = calibrate([1, 2, 3, 4], [False, True, False, True], method=method)  # type: ignore[arg-type]
        assert few.of(3) is None
        assert str(few) == "not enough (2 buyers, 2 others; at least 100 each)"
    assert calibrate([], []).base_rate is None


@pytest.mark.parametrize("engine", HERE)
@pytest.mark.parametrize("method", ["isotonic", "logistic"])
def test_one_person_and_a_table_get_the_same(engine: str, method: Any) -> None:
    """On every engine, and nobody without points gets a probability."""
    fitted = calibrate(*rows_of([(1, 9), (3, 7), (2, 8), (6, 4)]), method=method, min_people=5)
    points = [-5, 0, 9, 10, 25, 30, 99]
    table = pl.DataFrame({"person_id": [f"p{index}" for index in points], "points": points})
    probabilities = fitted.over(ENGINES[engine]({"scores": table})["scores"], "points")
    rows = {row["points"]: row["probability"] for row in read(probabilities)}

    assert rows == {one: pytest.approx(fitted.of(one)) for one in points}


def test_a_table_of_some_without_points() -> None:
    """An unknown answer stays empty, and all answers are empty if there was too little data."""
    table = pl.DataFrame({"points": [None, 3]}, schema={"points": pl.Int64})
    fitted = calibrate([1, 3], [False, True], min_people=1)

    assert fitted.over(table, "points")["probability"].to_list() == [None, 1]
    assert calibrate([1, 3], [False, True]).over(table, "points")["probability"].to_list() == [None, None]
    assert fitted.of(None) is None


def test_it_can_be_kept_as_plain_data() -> None:
    """Through JSON and back it is the same."""
    for method in ("isotonic", "logistic"):
        fitted = calibrate([1, 2, 2, 3], [False, True, False, True], method=method, min_people=1)  # type: ignore[arg-type]
        assert Calibration.from_dict(json.loads(json.dumps(fitted.to_dict()))) == fitted
        assert fitted._repr_html_().startswith("<span>")


def test_what_is_no_whole_number_is_refused() -> None:
    """With the remedy."""
    fitted = calibrate([1, 3], [False, True], min_people=1)

    with pytest.raises(ArgumentError, match=r"points must be a whole number or None \(got str\)"):
        fitted.of("ready")
    with pytest.raises(
        ArgumentError, match=r"points must be a column of the dataframe \(got 'point'\); did you mean points\?"
    ):
        fitted.over(pl.DataFrame({"points": [1]}), "point")
    with pytest.raises(ArgumentError, match=r"column points must hold the rule's answers as integers \(got String\)"):
        fitted.over(pl.DataFrame({"points": ["1"]}), "points")
    with pytest.raises(ArgumentError, match=r"got none labels for 2 scores"):
        calibrate([1, 2])
    with pytest.raises(ArgumentError, match=r"got 1 labels for 2 scores"):
        calibrate([1, 2], [True])
    with pytest.raises(ArgumentError, match=r"min_people must be a whole number from 1 up"):
        calibrate([], [], min_people=0)
    with pytest.raises(ArgumentError, match=r"did you mean 'isotonic'\?"):
        calibrate([1], [True], method="isotone")  # type: ignore[arg-type]


def test_words_are_not_calibrated() -> None:
    """A backtest of bands has no points."""
    day = timedelta(days=1)
    logs = Logs(leads=pl.DataFrame({"person_id": ["p"], "arrived_at": [START]}))
    dates = BacktestDates(START + day, every=day, horizon=day)
    scale = AnswerScale(order=list(BuyingPhase))
    result = backtest(buying_phase, logs, Policy(), dates, as_of=START + 2 * day, answers=scale)

    with pytest.raises(ArgumentError, match=r"returns whole numbers \(got BuyingPhase from buying_phase\)"):
        calibrate(result)
