"""Invariants of every model and every buyer."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

from funnel.forecast import BuyingModel, _buyers, _family, _fit, buying_model
from funnel.forecast._beta_dropout import BetaDropout, Stable, _sum_of_chances
from funnel.forecast._buyers import Buyers, Floats, grouped, one
from funnel.forecast._family import Family, near_minimum, second_derivatives
from funnel.forecast._fit import _Loss
from funnel.forecast._pareto import Pareto
from funnel.forecast._predict import Predictor
from funnel.metrics import PurchaseSummary

FAMILIES: list[Family] = [
    BetaDropout("bg_nbd", leaves_at_first=False),
    BetaDropout("mbg_nbd", leaves_at_first=True),
    BetaDropout("mbg_cnbd", leaves_at_first=True, k=3),
    Pareto(),
    Stable(),
]
VALUES = {"r": 0.5, "alpha": 40.0, "a": 0.9, "b": 1.6, "s": 0.6, "beta": 80.0}
each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


@st.composite
def buyers(draw: st.DrawFn) -> Buyers:
    """Draw some buyers: whole days, as in summaries."""
    count, recency, age = list[int](), list[int](), list[int]()
    for _ in range(draw(st.integers(1, 5))):
        last = draw(st.integers(0, 700))
        count.append(draw(st.integers(1, last)) if last else 0)
        recency.append(last)
        age.append(last + draw(st.integers(0, 400)))
    x, recent, old = (np.array(one, dtype=np.float64) for one in (count, recency, age))
    return Buyers.of(x, recent, old, np.ones(len(age)))


@each_family
@given(some=buyers(), logs=st.lists(st.floats(-2, 2), min_size=4, max_size=4))
def test_the_gradient_is_that_of_the_likelihood(family: Family, some: Buyers, logs: list[float]) -> None:
    """Small steps of each parameter change the likelihood as the gradient says."""
    loss = _Loss(family, some, np.zeros(len(family.parameters)), 0.3)
    start = np.array(logs[: len(family.parameters)])
    step = 1e-5 * np.eye(len(start))
    numeric = [(loss(start + one)[0] - loss(start - one)[0]) / 2e-5 for one in step]
    assert loss(start)[1] == pytest.approx(numeric, rel=1e-4, abs=1e-4)


@each_family
@given(some=buyers(), logs=st.lists(st.floats(-2, 2), min_size=4, max_size=4))
def test_the_formula_of_second_derivatives_is_that_of_the_gradient(
    family: Family, some: Buyers, logs: list[float]
) -> None:
    """Small steps of each parameter change the gradient as the formula says."""
    loss = _Loss(family, some, np.zeros(len(family.parameters)), 0.3)
    start = np.array(logs[: len(family.parameters)])
    assert loss.second(start) == pytest.approx(second_derivatives(loss, start), rel=1e-4, abs=1e-4)


@each_family
@given(some=buyers(), horizon=st.integers(1, 400))
def test_chances_and_means_agree(family: Family, some: Buyers, horizon: int) -> None:
    """Chances rise with the horizon up to the chance to be there; the mean adds up those of each purchase."""
    alive = family.alive(VALUES, some)
    chance = family.at_least(VALUES, some, float(horizon), 1)
    later = family.at_least(VALUES, some, 2.0 * horizon, 1)
    rounding = 1 + 1e-12
    assert np.all((chance > 0) | (alive < np.finfo(float).tiny / np.finfo(float).eps))
    assert np.all((chance <= later * rounding) & (later <= alive * rounding) & (alive <= 1))
    if family.name != "pareto_nbd":  # whose buyers may leave before the next purchase
        assert family.at_least(VALUES, some, 1e12, 1) == pytest.approx(alive, rel=1e-3)
    mean = family.expected(VALUES, some, float(horizon))
    assert np.all(mean >= chance * (1 - 1e-6))
    assert mean == pytest.approx(_sum_of_chances(family.at_least, VALUES, some, float(horizon)), rel=1e-3, abs=1e-6)


@each_family
@given(some=buyers(), share=st.floats(0.01, 0.95), horizon=st.integers(1, 700))
def test_until_is_the_inverse_of_the_chance(family: Family, some: Buyers, share: float, horizon: int) -> None:
    """The time by which a buyer who has not left returns with a chance has that chance."""
    chance = share * family.at_least_if_alive(VALUES, some, float(horizon), 1)
    until = family.until_if_alive(VALUES, some, chance)
    assert family.at_least_if_alive(VALUES, some, until, 1) == pytest.approx(chance, rel=1e-7)
    assert np.all(until <= horizon)


@each_family
@given(some=buyers())
def test_the_next_purchase_comes_with_the_chance_of_its_time(family: Family, some: Buyers) -> None:
    """By each time its share of buyers has returned; without a time, fewer return, and some never do."""
    predictor = Predictor(family, VALUES, None, 0.95)
    never, times = predictor.never(some), predictor.until(some, returning=False)
    in_a_lifetime = family.at_least(VALUES, some, 36_525.0, 1)
    assert np.all((never.value >= -1e-12) & (never.value <= 1 - in_a_lifetime + 1e-12))
    for share, time in zip((0.1, 0.5, 0.9), times, strict=True):
        there = ~np.isnan(time)
        assert np.array_equal(there, in_a_lifetime > share)
        rows = np.flatnonzero(there)
        assert family.at_least(VALUES, some.take(rows), time[rows], 1) == pytest.approx(share, rel=1e-7)
    for share, time in zip((0.1, 0.5, 0.9), predictor.until(some, returning=True), strict=True):
        assert family.at_least(VALUES, some, time, 1) == pytest.approx(share * in_a_lifetime, rel=1e-7)


@each_family
def test_a_chance_too_small_for_a_float_is_zero(family: Family) -> None:
    """Purchases of every day for years, then a silence of years: forecasts are numbers."""
    silent = Buyers.of(np.array([413.0, 700.0]), np.array([413.0, 700.0]), np.array([775.0, 36_000.0]), np.ones(2))
    for covariance in (None, 0.01 * np.eye(len(family.parameters))):
        predictor = Predictor(family, VALUES, covariance, 0.95)
        forecasts, never = predictor.forecasts(silent, 30.0), predictor.never(silent)
        for interval in (forecasts.chance, forecasts.expected, never):
            ends = [end for end in (interval.ci_lower, interval.ci_upper) if end is not None]
            assert all(np.isfinite(one).all() for one in (interval.value, *ends))
        assert np.all(np.diff(predictor.until(silent, returning=True), axis=0) > 0)
        if family.name != "nbd":
            assert np.all(forecasts.alive < 1e-100)
            assert np.all(never.value == 1)
            assert np.isnan(predictor.until(silent, returning=False)).all()


@each_family
def test_nothing_known_adds_nothing(family: Family) -> None:
    """A buyer of this very day has a likelihood of 1."""
    new = Buyers.of(np.zeros(1), np.zeros(1), np.zeros(1), np.ones(1))
    assert family.rows(VALUES, new)[0] == pytest.approx(0, abs=1e-12)


def test_a_buyer_who_never_returned_may_have_left() -> None:
    """The chance to be there falls with the silence under MBG/NBD; under BG/NBD it stays 1."""
    ages = np.array([0.0, 30.0, 300.0])
    once = Buyers.of(np.zeros(3), np.zeros(3), ages, np.ones(3))
    modified = FAMILIES[1].alive(VALUES, once)
    assert list(np.diff(modified) < 0) == [True, True]
    assert FAMILIES[0].alive(VALUES, once) == pytest.approx(1)


@pytest.mark.parametrize("count", [0, 1, 7, 60])
def test_the_weight_of_having_left_is_the_integral(count: int) -> None:
    """Pareto/NBD: the sum over nodes equals adaptive integration."""
    recency, age = (0.0, 200.0) if count == 0 else (150.0, 200.0)
    buyer = one(count, recency, age)
    r, alpha, s, beta = (VALUES[name] for name in ("r", "alpha", "s", "beta"))
    power = r + count

    def density(moment: float) -> float:
        return float(s * ((alpha + recency) / (alpha + moment)) ** power * (beta + moment) ** -(s + 1))

    left = integrate.quad(density, recency, age, epsabs=0, epsrel=1e-12)[0]
    stayed = ((alpha + recency) / (alpha + age)) ** power * (beta + age) ** -s
    assert Pareto().alive(VALUES, buyer)[0] == pytest.approx(stayed / (stayed + left), rel=1e-9)


SIMULATED = 1_500


@cache
def fitted(name: Any) -> BuyingModel:
    """Return the model of its own made-up buyers."""
    return buying_model(simulated(name), name)


@cache
def simulated(name: str, seed: int = 7) -> pl.DataFrame:
    """Return summaries of made-up buyers who behave as a model says."""
    random = np.random.default_rng(seed)
    rows = list[tuple[int, int, int]]()
    for _ in range(SIMULATED):
        age = int(random.integers(200, 400))
        rate = random.gamma(VALUES["r"] * 2, 1 / VALUES["alpha"])
        leaves = random.beta(VALUES["a"], VALUES["b"]) if name != "nbd" else 0.0
        ends = random.exponential(1 / random.gamma(VALUES["s"], 1 / VALUES["beta"])) if name == "pareto_nbd" else age
        leaves = 0.0 if name == "pareto_nbd" else leaves
        count, last, time = 0, 0.0, 0.0
        there = name != "mbg_nbd" or random.random() >= leaves
        while there:
            time += random.exponential(1 / rate)
            if time > min(age, ends):
                break
            count, last = count + 1, time
            there = random.random() >= leaves
        rows.append((count, int(np.ceil(last)), age))
    return pl.DataFrame(
        [(min(count, last), last, age) for count, last, age in rows],
        schema=["repeat_count", "first_to_last_days", "tenure_days"],
        orient="row",
    )


@pytest.mark.parametrize("name", ["bg_nbd", "mbg_nbd", "pareto_nbd", "nbd"])
def test_simulated_buyers_give_their_parameters_back(name: Any) -> None:
    """Each parameter is within three standard errors of the true one, and a half for whole days."""
    model = fitted(name)
    true = VALUES | {"r": 2 * VALUES["r"]}
    assert model.is_converged
    for parameter in model.parameters:
        assert parameter.standard_error is not None
        assert abs(parameter.value - true[parameter.name]) < 3.5 * parameter.standard_error, parameter


def test_buyers_who_never_leave_give_the_nbd() -> None:
    """A model that may let buyers leave says that nobody does, and is the NBD."""
    table = simulated("nbd")
    model, stable = buying_model(table, "bg_nbd"), fitted("nbd")
    assert model.log_likelihood == pytest.approx(stable.log_likelihood, abs=2)
    if model.at_edge:
        assert model.name == "nbd"


def test_the_order_of_the_rows_and_their_number_change_nothing() -> None:
    """Shuffled rows give the same digits; each row twice gives the same parameters."""
    table = simulated("mbg_nbd")
    model = fitted("mbg_nbd")
    assert buying_model(table.sample(fraction=1, shuffle=True, seed=3)) == model
    twice = buying_model(pl.concat([table, table]))
    assert [one.value for one in twice.parameters] == pytest.approx([one.value for one in model.parameters], rel=1e-6)
    assert model.log_likelihood is not None
    assert twice.log_likelihood == pytest.approx(2 * model.log_likelihood)


def test_one_buyer_has_the_forecast_of_their_row() -> None:
    """`of` and `over` agree to twelve digits; bounds, which differences by steps of 1e-4 make, to ten.

    Processors and versions of NumPy round functions of one number and of many differently in the last digit.
    """
    table = simulated("mbg_nbd").unique(maintain_order=True).head(8)
    for name in ("mbg_nbd", "pareto_nbd"):
        model = fitted(name)
        rows = model.over(table, within="60 days").to_dicts()
        following = iter(model.next_purchases(table).to_dicts())
        returning = iter(model.next_purchases(table, buyers="returning").to_dicts())
        for row in rows:
            forecast = model.of(
                PurchaseSummary(row["repeat_count"], row["first_to_last_days"], row["tenure_days"], 0), within="60 days"
            )
            assert (forecast.count_lower, forecast.count_upper) == (row["count_lower"], row["count_upper"])
            numbers = {
                "alive": forecast.alive,
                "chance": forecast.buys_within.value,
                "chance_lower": forecast.buys_within.ci_lower,
                "chance_upper": forecast.buys_within.ci_upper,
                "expected": forecast.expected.value,
                "expected_lower": forecast.expected.ci_lower,
                "expected_upper": forecast.expected.ci_upper,
            }
            for column, number in numbers.items():
                assert number == pytest.approx(row[column], rel=1e-10 if column.endswith("er") else 1e-12)
            later = next(following)
            one = model.next_purchase(
                PurchaseSummary(row["repeat_count"], row["first_to_last_days"], row["tenure_days"], 0)
            )
            assert one.never.value == pytest.approx(later["never"], rel=1e-12)
            bounds = [later["never_lower"], later["never_upper"]]
            assert [one.never.ci_lower, one.never.ci_upper] == pytest.approx(bounds, rel=1e-10)
            assert [one.earliest, one.likely, one.latest] == [later[name] for name in ("earliest", "likely", "latest")]
            summary = PurchaseSummary(row["repeat_count"], row["first_to_last_days"], row["tenure_days"], 0)
            back, cells = model.next_purchase(summary, buyers="returning"), next(returning)
            assert [back.earliest, back.likely, back.latest] == [
                cells[name] for name in ("earliest", "likely", "latest")
            ]
            spans = [forecast.earliest, forecast.likely, forecast.latest]
            for span, cell in zip(spans, (row["earliest"], row["likely"], row["latest"]), strict=True):
                assert abs(span - cell).total_seconds() < 1e-3


def test_a_model_survives_json() -> None:
    """`from_dict` reads what `to_dict` wrote."""
    import json

    model = fitted("mbg_nbd")
    assert BuyingModel.from_dict(json.loads(json.dumps(model.to_dict()))) == model


def test_numbers_that_fit_no_key_are_grouped_too() -> None:
    """Equal rows are one group, in sorted order, however large the numbers."""
    count = np.array([3_000_000, 5, 3_000_000])
    recency, age = count + 1, count + 2
    large, small = grouped(count, recency, age), grouped(count % 1000, recency % 1000, age % 1000)
    assert large.buyers.count.tolist() == [5, 3_000_000]
    assert large.buyers.people.tolist() == [1, 2]
    assert large.index.tolist() == [1, 0, 1]
    assert small.buyers.people.tolist() == [2, 1]


@pytest.mark.parametrize(("steps", "k"), [(12, 1), (0, 1), (12, 2)], ids=["formula", "no steps", "no formula"])
def test_many_buyers_are_fitted_in_parts(monkeypatch: pytest.MonkeyPatch, steps: int, k: int) -> None:
    """Starts on a sample and sums over blocks give the fit of all buyers at once, also if Newton steps do not help."""
    table, name = simulated("mbg_nbd"), "mbg_nbd" if k == 1 else "mbg_cnbd"
    expected = {one.name: one.value for one in buying_model(table, name, k=k).parameters}  # type: ignore[arg-type]
    monkeypatch.setattr(_buyers, "_BLOCK", 500)
    monkeypatch.setattr(_fit, "_ENOUGH", 200)
    monkeypatch.setattr(_family, "_NEWTON_STEPS", steps)
    result = {one.name: one.value for one in buying_model(table, name, k=k).parameters}  # type: ignore[arg-type]
    assert result == pytest.approx(expected, rel=1e-3)


def test_a_minimum_far_from_the_start_is_reached() -> None:
    """If the second derivatives of the similar function are wrong, the minimum is reached nevertheless."""

    def loss(at: Floats) -> tuple[float, Floats]:
        return float(((at - 1) ** 2).sum()), 2 * (at - 1)

    assert near_minimum(loss, np.zeros(2), 0.5 * np.eye(2)) == pytest.approx([1, 1], abs=1e-4)
