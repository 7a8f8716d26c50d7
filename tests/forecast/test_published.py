"""The figures that papers and established packages publish for the same data and parameters."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import polars as pl
import pytest

from funnel.forecast import BuyingModel, SpendingModel, buying_model, check_model, spending_model
from funnel.forecast._beta_dropout import BetaDropout
from funnel.forecast._buyers import one as buyer
from funnel.forecast._families import family_of
from funnel.forecast._fit import fit
from funnel.forecast._pareto import Pareto
from funnel.forecast._summaries import Summaries
from funnel.metrics import PurchaseSummary

CALIBRATION_END = date(1997, 9, 30)
"""The end of the calibration period in the papers about this data."""
DAYS = 7
"""The papers measure in weeks."""


@pytest.fixture(scope="module")
def cdnow(shared_data: Path) -> pl.DataFrame:
    """Purchase days of one in ten of the customers of CDNOW, as tables of purchases."""
    rows = pl.read_parquet(shared_data / "cdnow_sample.parquet")
    day = pl.col("date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    cents = (pl.col("dollars") * 100).round().cast(pl.Int64)
    return rows.select(person_id=pl.col("customer_id").cast(pl.String), purchased_at=day, amount=cents, date="date")


@pytest.fixture(scope="module")
def summaries(cdnow: pl.DataFrame) -> pl.DataFrame:
    """Summaries as in the papers: purchases of nothing count, which `PurchaseSummary` leaves out."""
    daily = cdnow.filter(pl.col("date") <= CALIBRATION_END).group_by("person_id", "date").agg(pl.col("amount").sum())
    return (
        daily.sort("date")
        .group_by("person_id", maintain_order=True)
        .agg(
            repeat_count=pl.len().cast(pl.Int64) - 1,
            first_to_last_days=(pl.col("date").last() - pl.col("date").first()).dt.total_days(),
            tenure_days=(CALIBRATION_END - pl.col("date").first()).dt.total_days(),
            repeat_amount=pl.col("amount").slice(1).sum(),
        )
    )


def weeks(model: BuyingModel) -> dict[str, float]:
    """Return the parameters with times in weeks."""
    return {one.name: one.value / (DAYS if one.name in {"alpha", "beta"} else 1) for one in model.parameters}


PUBLISHED: dict[str, tuple[dict[str, float], float]] = {
    "bg_nbd": ({"r": 0.2426, "alpha": 4.4136, "a": 0.7929, "b": 2.4259}, -9582.429),
    "mbg_nbd": ({"r": 0.5248, "alpha": 6.1831, "a": 0.8914, "b": 1.6140}, -9582.1357),
    "pareto_nbd": ({"r": 0.5533, "alpha": 10.576, "s": 0.606, "beta": 11.67}, -9594.976),
    "nbd": ({"r": 0.38476, "alpha": 12.0722}, -9763.658),
}


@pytest.mark.parametrize("name", list(PUBLISHED))
def test_the_fit_to_cdnow_is_the_published_one(name: Any, summaries: pl.DataFrame) -> None:
    """Parameters to the digits that are published, and the log likelihood in weeks to its last published digit."""
    values, likelihood = PUBLISHED[name]
    model = buying_model(summaries, name)
    assert weeks(model) == pytest.approx(values, rel=5e-4)
    purchases = summaries["repeat_count"].sum()
    assert model.log_likelihood is not None
    assert model.log_likelihood + purchases * np.log(DAYS) == pytest.approx(likelihood, abs=6e-4)
    assert model.is_converged
    assert model.at_edge is None
    assert model.people == 2357


def test_standard_errors_of_pareto_nbd_are_the_published_ones(summaries: pl.DataFrame) -> None:
    """The inverse of the second derivatives gives the standard errors of Fader and Hardie."""
    errors = [one.model_standard_error for one in buying_model(summaries, "pareto_nbd").parameters]
    assert errors == pytest.approx([0.0476, 0.843 * DAYS, 0.187, 6.21 * DAYS], rel=5e-3)


def test_standard_errors_are_those_of_resampled_people(summaries: pl.DataFrame) -> None:
    """The parameters of resampled shops spread as the standard errors say; those of the model are too small."""
    model, random = buying_model(summaries), np.random.default_rng(1)
    buyers, family = Summaries.read(summaries).groups.buyers, family_of("mbg_nbd")
    start = np.log([one.value for one in model.parameters])
    shares = buyers.people / buyers.total
    fits = list[Any]()
    for _ in range(200 if os.environ.get("FUNNEL_PROFILE") == "full" else 60):
        people = random.multinomial(model.people, shares).astype(float)
        some = attrs.evolve(buyers.take(np.flatnonzero(people)), people=people[people > 0])
        fits.append(fit(family, some, start=start).logs)
    spread = np.std(fits, axis=0, ddof=1) * np.exp(start)
    assert [one.standard_error for one in model.parameters] == pytest.approx(spread, rel=0.15)
    ratios = [one.standard_error / one.model_standard_error for one in model.parameters]  # type: ignore[operator]
    assert ratios == pytest.approx([1.16, 1.40, 0.98, 0.99], abs=0.01)


def test_amounts_of_cdnow_give_the_published_gamma_gamma(summaries: pl.DataFrame) -> None:
    """Parameters, log likelihood in dollars, and the mean of three buyers."""
    model = spending_model(summaries)
    assert [one.value for one in model.parameters] == pytest.approx([6.25, 3.74, 1544], rel=2e-3)
    assert model.log_likelihood is not None
    assert model.log_likelihood + model.people * np.log(100) == pytest.approx(-4055.919, abs=2e-3)
    means = [model.of(PurchaseSummary(x, x, 273, amount)) for x, amount in ((0, 0), (2, 4470), (1, 1177))]
    assert means == pytest.approx([3517, 2466, 1891], abs=1)


def test_expected_purchases_of_bg_nbd_in_39_weeks_are_the_published_ones() -> None:
    """1.226 for two repeat purchases, the last in week 30.43 of 38.86."""
    values = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
    model = BetaDropout("bg_nbd", leaves_at_first=False)
    assert model.expected(values, buyer(2, 30.43, 38.86), 39.0)[0] == pytest.approx(1.226, abs=5e-4)


@pytest.mark.parametrize(
    ("weeks_ahead", "mean"),
    [(0.1429, 0.0078), (1, 0.0532), (3, 0.1506), (31.8571, 1.0405), (32, 1.0437), (78, 1.8576)],
)
def test_mean_purchases_of_a_new_buyer_under_bg_nbd(weeks_ahead: float, mean: float) -> None:
    """The mean of a buyer of whom nothing is known but the first purchase, at the fitted parameters."""
    values = {"r": 0.2426, "alpha": 4.4136, "a": 0.7929, "b": 2.4259}
    model = BetaDropout("bg_nbd", leaves_at_first=False)
    assert model.expected(values, buyer(0, 0, 0), weeks_ahead)[0] == pytest.approx(mean, rel=3e-4, abs=6e-5)


def test_counts_of_a_new_buyer_under_bg_nbd() -> None:
    """The chances of exactly 0 purchases in 39 weeks and of exactly 11 in 30."""
    values = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
    model, new = BetaDropout("bg_nbd", leaves_at_first=False), buyer(0, 0, 0)
    assert 1 - model.at_least(values, new, 39.0, 1)[0] == pytest.approx(0.5737864, abs=5e-7)
    eleven = model.at_least(values, new, 30.0, 11) - model.at_least(values, new, 30.0, 12)
    assert eleven[0] == pytest.approx(0.0019995, abs=5e-7)


def test_pareto_nbd_of_a_frequent_buyer() -> None:
    """P(alive) and expected purchases in 52 weeks after 26 purchases in 31."""
    values = {"r": 0.5533, "alpha": 10.576, "s": 0.606, "beta": 11.67}
    assert Pareto().alive(values, buyer(26, 30.86, 31))[0] == pytest.approx(0.9979, abs=5e-5)
    assert Pareto().expected(values, buyer(26, 30.86, 31), 52.0)[0] == pytest.approx(25.46, abs=5e-3)


@pytest.mark.parametrize("count", [161, 254, 5000])
def test_hundreds_of_purchases_give_numbers(count: int) -> None:
    """Powers of that size overflow a float; logarithms do not."""
    values = {"r": 0.5143, "alpha": 2.8845, "s": 0.2856, "beta": 14.1087}
    many = buyer(count, 30, 31)
    likelihood, gradient = Pareto().rows(values, many)
    assert np.isfinite(likelihood).all()
    assert np.isfinite(gradient).all()
    assert 0 < Pareto().alive(values, many)[0] < 1


def test_gamma_gamma_of_the_paper() -> None:
    """The means of three buyers at the published parameters, in cents."""
    model = SpendingModel.from_parameters(p=6.25, q=3.74, v=1544)
    means = [model.of(PurchaseSummary(x, x, 273, amount)) for x, amount in ((0, 0), (2, 4470), (1, 1177))]
    assert means == pytest.approx([3522, 2466, 1892], abs=2)


def test_the_second_nine_months_of_cdnow_came_as_forecast(cdnow: pl.DataFrame) -> None:
    """A model of the first 39 weeks forecasts the next 39: somewhat fewer than came, and mostly the right people."""
    purchases = cdnow.drop("date")
    as_of, until = datetime(1997, 10, 1, tzinfo=UTC), datetime(1998, 7, 1, tzinfo=UTC)
    model_summaries = PurchaseSummary.over(purchases, tz="UTC", as_of=as_of)
    model = buying_model(model_summaries)
    check = check_model(model, purchases, tz="UTC", as_of=as_of, until=until)
    assert check.actual_purchases == 1877
    assert check.expected_purchases == pytest.approx(1568, abs=1)
    assert (round(check.expected_buyers), check.actual_buyers) == (563, 682)
    assert check.auc is not None
    assert check.auc > 0.75
    assert check.counts_inside > 0.9
    later = [week for week in check.weeks if week.is_later]
    assert (len(check.weeks), len(later), later[0].first_day) == (78, 39, date(1997, 10, 1))
    assert sum(week.expected for week in later) == pytest.approx(check.expected_purchases)
    assert sum(week.actual for week in later) == check.actual_purchases
    repeats = model_summaries["repeat_count"].sum()
    assert check.weeks[38].actual_total == repeats
    assert check.weeks[38].expected_total == pytest.approx(repeats, rel=0.03)
    assert check.weeks[-1].expected_total == pytest.approx(check.weeks[38].expected_total + check.expected_purchases)
    assert [group.repeat_count for group in check.counts] == list(range(8))
    assert sum(group.actual for group in check.counts) == check.actual_purchases
    assert sum(group.expected for group in check.counts) == pytest.approx(check.expected_purchases)
