"""Covariates that are known at the first purchase: effects, their tests, and forecasts of buyers with each level."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta
from functools import cache
from math import log, prod
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from funnel.errors import ArgumentError
from funnel.forecast import (
    BuyingModel,
    CustomerValue,
    ForecastColumns,
    SpendingModel,
    _buying,
    buying_model,
    check_model,
)
from funnel.forecast._beta_dropout import BetaDropout, Stable
from funnel.forecast._buyers import Buyers, grouped
from funnel.forecast._family import Family, second_derivatives
from funnel.forecast._fit import _Loss
from funnel.forecast._levels import Levels
from funnel.forecast._pareto import Pareto
from funnel.forecast._with_covariates import WithCovariates
from funnel.metrics import PurchaseSummary

LEVELS = (Levels("source", ("shop", "ads", "fair"), (5, 3, 2)), Levels("promoted", (False, True), (7, 3)))
CELLS = [(source, promoted) for source in LEVELS[0].levels for promoted in LEVELS[1].levels]
BASES = [
    BetaDropout("mbg_nbd", leaves_at_first=True),
    Stable(),
    pytest.param(BetaDropout("mbg_cnbd", leaves_at_first=True, k=2), marks=pytest.mark.more),
    pytest.param(BetaDropout("bg_nbd", leaves_at_first=False), marks=pytest.mark.more),
    pytest.param(Pareto(), marks=pytest.mark.more),
]
each_base = pytest.mark.parametrize("base", BASES, ids=lambda base: base.name)
TRUE = {"r": 1.0, "alpha": 40.0, "a": 0.9, "b": 2.0, "s": 0.6, "beta": 80.0}
ADS = {"alpha": 0.6, "a": 1.8, "b": 1.2, "beta": 0.5}
"""The factors of buyers who come by ads."""
NEW_BUYER = PurchaseSummary(0, 0, 40, 0)


@st.composite
def buyers(draw: st.DrawFn) -> Buyers:
    """Draw some buyers of some cells."""
    rows = list[tuple[int, int, int, int]]()
    for _ in range(draw(st.integers(1, 5))):
        last = draw(st.integers(0, 700))
        count = draw(st.integers(1, last)) if last else 0
        rows.append((count, last, last + draw(st.integers(0, 400)), draw(st.integers(0, len(CELLS) - 1))))
    count, recency, age, cell = np.array(rows, dtype=np.int64).T
    return grouped(count, recency, age).divided(cell).buyers


numbers = st.lists(st.floats(-1, 1), min_size=13, max_size=13)


@each_base
@given(some=buyers(), logs=numbers)
def test_derivatives_are_those_of_the_likelihood(base: Family, some: Buyers, logs: list[float]) -> None:
    """Small steps of each parameter and factor change the likelihood as the gradient says, and the gradient as well."""
    family = WithCovariates.of(base, LEVELS)
    start = np.array(logs[: len(family.parameters)])
    loss = _Loss(family, some, np.zeros(len(start)), 0.3)
    step = 1e-5 * np.eye(len(start))
    numeric = [(loss(start + one)[0] - loss(start - one)[0]) / 2e-5 for one in step]
    assert loss(start)[1] == pytest.approx(numeric, rel=1e-4, abs=1e-4)
    assert loss.second(start) == pytest.approx(second_derivatives(loss, start), rel=1e-4, abs=1e-4)


@each_base
@given(some=buyers(), logs=numbers)
def test_a_buyer_has_the_parameters_of_their_cell(base: Family, some: Buyers, logs: list[float]) -> None:
    """The likelihood is that of a plain model whose parameters are times the factors, less the average effect."""
    family = WithCovariates.of(base, LEVELS)
    values = {name: np.exp(number) for name, number in zip(family.parameters, logs, strict=False)}
    likelihood, gradient = family.rows(values, some)
    total, slope = family.total(values, some)
    assert (total, slope) == (pytest.approx(some.people @ likelihood), pytest.approx(gradient @ some.people))
    assert some.cells is not None
    for row, cell in enumerate(some.cells.each(some.cells.values).astype(int)):
        own = {name: values[name] for name in base.parameters}
        for name in base.varying:
            for one, value in zip(LEVELS, CELLS[cell], strict=True):
                shares = dict(zip(one.levels, np.array(one.people) / sum(one.people), strict=True))
                own[name] *= prod(
                    values[f"{name} of {one.name!r} {level!r}"] ** ((level == value) - shares[level])
                    for level in one.levels[1:]
                )
        alone = some.take(np.array([row]))
        assert likelihood[row] == pytest.approx(base.rows(own, alone)[0][0], rel=1e-9)
        assert family.alive(values, some)[row] == pytest.approx(base.alive(own, alone)[0], rel=1e-9)


@cache
def simulated(name: str, people: int = 2_000, seed: int = 7, *, effect: bool = True) -> pl.DataFrame:
    """Return summaries of made-up buyers: a third come by ads, and all behave as a model says."""
    chance = np.random.default_rng(seed)
    ads = chance.random(people) < 1 / 3
    own = {key: value * np.where(ads & effect, ADS.get(key, 1.0), 1.0) for key, value in TRUE.items()}
    age, rate = chance.integers(200, 400, people), chance.gamma(own["r"], 1 / own["alpha"])
    never = name in ("nbd", "pareto_nbd")
    leaves = np.zeros(people) if never else chance.beta(own["a"], own["b"])
    ends = chance.exponential(1 / chance.gamma(own["s"], 1 / own["beta"])) if name == "pareto_nbd" else age
    count, last, time = np.zeros(people, np.int64), np.zeros(people), np.zeros(people)
    there = np.flatnonzero(chance.random(people) >= leaves) if name.startswith("mbg") else np.arange(people)
    while len(there):
        time[there] += chance.gamma(2 if name == "mbg_cnbd" else 1, 1, len(there)) / rate[there]
        there = there[time[there] <= np.minimum(age, ends)[there]]
        count[there] += 1
        last[there] = time[there]
        there = there[chance.random(len(there)) >= leaves[there]]
    recency = np.ceil(last).astype(np.int64)
    columns = {"repeat_count": np.minimum(count, recency), "first_to_last_days": recency, "tenure_days": age}
    source, promoted = np.where(ads, "ads", "shop"), chance.random(people) < 0.4
    return pl.DataFrame(columns | {"repeat_amount": 900 * columns["repeat_count"]}).with_columns(
        source=pl.Series(source), promoted=pl.Series(promoted)
    )


@cache
def fitted(name: Any = "mbg_nbd") -> BuyingModel:
    """Return the model of made-up buyers, with one covariate that has an effect and one that has none."""
    return buying_model(simulated(name), name, covariates=["source", "promoted"])


@pytest.mark.parametrize(
    "name",
    ["mbg_nbd", "bg_nbd", "nbd", *(pytest.param(slow, marks=pytest.mark.more) for slow in ("mbg_cnbd", "pareto_nbd"))],
)
def test_simulated_buyers_give_their_factors_back(name: Any) -> None:
    """Each factor is within three standard errors of the true one, and the test sees the covariate."""
    table = simulated(name, 1_000 if name == "mbg_cnbd" else 2_000)
    model = buying_model(table, name, k=2 if name == "mbg_cnbd" else 1, covariates=["source"])
    plain = buying_model(table, name, k=2 if name == "mbg_cnbd" else 1)
    (source,) = model.covariates
    assert (source.levels, model.is_converged) == (("shop", "ads"), True)
    assert sum(source.people) == model.people
    for effect in source.effects:
        lower, upper = effect.factor.ci_lower, effect.factor.ci_upper
        assert lower is not None
        assert upper is not None
        error = log(upper / lower) / (2 * stats.norm.ppf(0.975))
        assert abs(log(effect.factor.value / ADS[effect.parameter])) < 3 * error, effect
    assert source.p_value is not None
    assert source.p_value < 0.001
    assert source.chi_square == pytest.approx(2 * (model.log_likelihood - plain.log_likelihood), abs=1e-3)  # type: ignore[operator]
    assert model.aic == pytest.approx(plain.aic - source.chi_square + 2 * source.degrees)  # type: ignore[operator]


def test_a_covariate_without_an_effect_stays() -> None:
    """Its intervals contain 1, its test has a large p value, and the model keeps it."""
    source, promoted = fitted().covariates
    assert promoted.p_value is not None
    assert promoted.p_value > 0.01
    assert source.p_value is not None
    assert source.p_value < 0.001
    rows = promoted.to_dicts()
    assert [(row["level"], row["parameter"]) for row in rows] == [(True, "alpha"), (True, "a"), (True, "b")]
    assert all(row["factor_lower"] < 1 < row["factor_upper"] for row in rows)
    assert str(promoted).startswith("promoted: False (")
    assert str(source).endswith("degrees 3, p below 0.001")
    assert "; covariates source, promoted; log likelihood" in str(fitted())


@pytest.mark.more
@pytest.mark.parametrize("name", ["nbd", "mbg_nbd"])
def test_p_values_of_a_covariate_without_an_effect_are_uniform(name: Any) -> None:
    """Over 100 shops the p values are spread evenly from 0 to 1, and 95 % of the intervals contain 1."""
    shops = [simulated(name, 1_000, seed, effect=False) for seed in range(100)]
    results = [buying_model(shop, name, covariates=["promoted"]).covariates[0] for shop in shops]
    assert stats.kstest([one.p_value for one in results], "uniform").pvalue > 0.01
    rows = [row for one in results for row in one.to_dicts()]
    inside = sum(row["factor_lower"] < 1 < row["factor_upper"] for row in rows)
    assert stats.binomtest(inside, len(rows), 0.95).pvalue > 0.001


def test_the_likelihood_is_between_one_model_and_a_model_for_each_level() -> None:
    """Effects explain more than one model of all buyers, and less than separate models, which differ in r too."""
    table = simulated("mbg_nbd")
    model = buying_model(table, covariates=["source"])
    by_level = [buying_model(part) for part in table.partition_by("source")]
    likelihoods = [
        buying_model(table).log_likelihood,
        model.log_likelihood,
        sum(one.log_likelihood for one in by_level),
    ]  # type: ignore[misc]
    assert likelihoods == sorted(likelihoods)  # type: ignore[type-var]


def test_the_order_of_rows_and_the_names_of_levels_change_nothing() -> None:
    """Shuffled rows give the same digits. Other names and another order of covariates give the same forecasts."""
    table, model = simulated("mbg_nbd"), fitted()
    shuffled = table.sample(fraction=1, shuffle=True, seed=3)
    assert buying_model(shuffled, covariates=["source", "promoted"]) == model
    renamed = table.with_columns(
        pl.col("source").replace({"ads": "B", "shop": "C"}).cast(pl.Categorical),
        promoted=pl.col("promoted").replace_strict({False: "z", True: "y"}),
    )
    other = buying_model(renamed, covariates=["promoted", "source"])
    names = ["alive", "chance", "chance_lower", "chance_upper", "expected_upper", "count_upper"]
    expected, result = (
        one.over(rows.head(200), within="60 days").select(names) for one, rows in ((model, table), (other, renamed))
    )
    assert result.to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-6)


def test_one_buyer_has_the_forecast_of_their_row_and_of_the_cell() -> None:
    """`of` and `over` agree; so does a plain model with the parameters of the cell and their covariance."""
    model = buying_model(simulated("mbg_nbd"), covariates=["source"])
    value = CustomerValue(model, SpendingModel.from_parameters(p=6.25, q=3.74, v=1544))
    table = simulated("mbg_nbd").unique(["source", "repeat_count"], maintain_order=True).head(6)
    rows = zip(
        model.over(table, within="60 days").to_dicts(),
        model.next_purchases(table).to_dicts(),
        value.over(table, within="60 days").to_dicts(),
        strict=True,
    )
    for row, later, money in rows:
        counts = (row["repeat_count"], row["first_to_last_days"], row["tenure_days"])
        summary, own = PurchaseSummary(*counts, row["repeat_amount"]), {"source": row["source"]}
        forecast, following = (
            model.of(summary, within="60 days", covariates=own),
            model.next_purchase(summary, covariates=own),
        )
        chance, expected = forecast.buys_within, forecast.expected
        names = ["alive", "chance", "chance_lower", "chance_upper", "expected", "expected_lower", "expected_upper"]
        cells = [row[name] for name in names]
        values = (forecast.alive, chance.value, chance.ci_lower, chance.ci_upper)
        assert [*values, expected.value, expected.ci_lower, expected.ci_upper] == pytest.approx(cells, rel=1e-12)
        assert (forecast.count_lower, forecast.count_upper) == (row["count_lower"], row["count_upper"])
        assert following.never.value == pytest.approx(later["never"], rel=1e-12)
        assert following.likely == later["likely"]
        assert value.of(summary, within="60 days", covariates=own) == money["value"]

        plain = plain_model(model, row["source"])
        alone = plain.of(summary, within="60 days")
        ends = (alone.buys_within.ci_lower, alone.expected.ci_upper)
        assert (alone.buys_within.value, *ends) == pytest.approx(
            (chance.value, chance.ci_lower, expected.ci_upper), rel=1e-6
        )


def plain_model(model: BuyingModel, source: str) -> BuyingModel:
    """Return a model without covariates that has the parameters of one source."""
    (one,) = model.covariates
    distance = (source == one.levels[1]) - one.people[1] / sum(one.people)
    values = {parameter.name: parameter.value for parameter in model.parameters}
    design = np.eye(len(values))
    for effect in one.effects:
        design = np.column_stack([design, distance * (np.array(list(values)) == effect.parameter)])
        values[effect.parameter] *= effect.factor.value**distance
    covariance = (design @ np.array(model.covariance) @ design.T).tolist()
    return BuyingModel.from_dict({"name": model.name, "parameters": values, "covariance": covariance})


def test_a_model_with_covariates_survives_json_and_pickle() -> None:
    """`from_dict` reads what `to_dict` wrote."""
    for name in ("mbg_nbd", "nbd"):
        model = fitted(name)
        assert BuyingModel.from_dict(json.loads(json.dumps(model.to_dict()))) == model
        assert pickle.loads(pickle.dumps(model)) == model  # noqa: S301 (our own bytes)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"levels": ["shop"]}, "covariate 'source' needs two levels or more"),
        ({"levels": ["shop", "shop"]}, "needs two levels or more"),
        ({"levels": ["shop", 3]}, "as texts or booleans"),
        ({"levels": "ab"}, "needs two levels or more"),
        ({"people": None}, "people of each level"),
        ({"people": [5, 0]}, "people of covariate source must be a whole number"),
        ({"factors": [1.0]}, "factors of alpha"),
        ({"factors": {"alpha": [1.0, 2.0]}}, "one for every level but the first"),
        ({"factors": {"alpha": [-1.0]}}, "a factor of covariate source must be a number above zero"),
        ({"factors": {"a": [1.0]}}, "factors of alpha"),
        ({"name": 3}, "covariate 3 needs"),
    ],
)
def test_covariates_from_wrong_data_are_refused(changes: dict[str, Any], error: str) -> None:
    """The levels, the people and the factors fit each other and the model."""
    source = {"name": "source", "levels": ["shop", "ads"], "people": [5, 4], "factors": {"alpha": [1.3]}}
    data = {"name": "nbd", "parameters": {"r": 0.4, "alpha": 80.0}}
    paper = BuyingModel.from_dict({**data, "covariates": [source]})
    assert str(paper.covariates[0]) == "source: shop (5), ads (4); no test"
    forecast = paper.of(NEW_BUYER, within="30 days", covariates={"source": "ads"})
    assert (
        forecast.buys_within.value
        < paper.of(NEW_BUYER, within="30 days", covariates={"source": "shop"}).buys_within.value
    )
    with pytest.raises(ArgumentError, match=error):
        BuyingModel.from_dict({**data, "covariates": [source | changes]})
    for wrong in ("source", [3]):
        with pytest.raises(ArgumentError, match="such as to_dict returns"):
            BuyingModel.from_dict({**data, "covariates": wrong})


MANY = pl.DataFrame({"number": range(2_000)}).select(
    *(pl.col("number").floordiv(17**power).mod(17).cast(pl.String).alias(f"many_{power}") for power in range(2)),
    one=pl.lit("shop"),
    rare=pl.when(pl.col("number") < 20).then(pl.lit("fair")).otherwise(pl.lit("shop")),
    part=pl.when(pl.col("number") > 20).then(pl.lit("shop")),
)


@pytest.mark.parametrize(
    ("covariates", "error"),
    [
        ("source", "covariates must be a list of names of columns, such as .'source'. .got str."),
        (["sauce"], "lack the covariate 'sauce'; add it as a column"),
        ([3], "lack the covariate 3"),
        (["source", "source"], "covariates has a name twice .got 'source', 'source'."),
        (
            ["tenure_days"],
            "tenure_days must hold texts or booleans in every row .got Int64, 0 missing.; divide numbers",
        ),
        (["part"], "part must hold texts or booleans in every row .got String, 21 missing.; .* such as 'unknown'"),
        (["one"], "covariate one has one level, which has no effect; leave it out"),
        (["rare"], "1 of 2 levels of covariate rare have fewer than 30 repeat buyers; put rare"),
        (["source", "promoted", "both"], "covariate both follows from source, promoted: .*; leave one out"),
        (["many_0", "many_1"], "have 289 combinations of levels, and at most 256 are allowed"),
    ],
)
def test_covariates_that_cannot_be_used_are_refused(covariates: Any, error: str) -> None:
    """Each error names the column and the remedy."""
    table = pl.concat([simulated("mbg_nbd"), MANY], how="horizontal")
    table = table.with_columns(both=pl.when(pl.col("source") == "ads").then(pl.lit("x")).otherwise(pl.lit("y")))
    with pytest.raises(ArgumentError, match=error):
        buying_model(table, covariates=covariates)


def test_forecasts_need_the_covariates_of_the_model() -> None:
    """A missing, an additional and an unknown level, in a table and for one buyer; other functions refuse the model."""
    model, plain, table = (
        fitted(),
        BuyingModel.from_dict({"name": "nbd", "parameters": {"r": 1, "alpha": 9}}),
        simulated("mbg_nbd"),
    )
    for wrong, error in (
        (table.drop("source"), "lack the covariate 'source'"),
        (
            table.with_columns(source=pl.lit("tv")),
            "2,000 rows have a level of covariate source .* it has 'shop' or 'ads'; use",
        ),
        (table.with_columns(source=None), "source must hold texts or booleans in every row"),
    ):
        with pytest.raises(ArgumentError, match=error):
            model.over(wrong, within="30 days")
    for own, error in (
        (None, "covariates must be a mapping such as {'source': 'shop', 'promoted': False}"),
        ({"source": "ads"}, "with each covariate .got 'source'."),
        ({"source": "ads", "promoted": "no"}, "covariate promoted must be False or True .got 'no'."),
    ):
        with pytest.raises(ArgumentError, match=error):
            model.of(NEW_BUYER, within="30 days", covariates=own)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"covariates must be None: the model has none \(got 'source'"):
        plain.of(NEW_BUYER, within="30 days", covariates={"source": "ads"})
    with pytest.raises(ArgumentError, match="a list of summaries has no covariates"):
        buying_model([NEW_BUYER, PurchaseSummary(1, 3, 40, 0)] * 200, covariates=["source"])
    with pytest.raises(ArgumentError, match="ForecastColumns does not read covariates"):
        ForecastColumns(model, within="30 days", tz="UTC")


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "kind",
    ["pandas category", "duckdb", *(pytest.param(kind, marks=pytest.mark.more) for kind in ("polars lazy", "pyarrow"))],
)
def test_every_kind_of_table_gives_the_same(kind: str) -> None:
    """Texts, categories and booleans of every engine are the same levels."""
    import duckdb

    local = simulated("mbg_nbd", 500)
    frames: dict[str, Any] = {
        "polars lazy": local.lazy(),
        "pandas category": local.to_pandas().astype({"source": "category", "promoted": "boolean"}),
        "pyarrow": local.to_arrow(),
        "duckdb": duckdb.connect().from_arrow(local),
    }
    model = buying_model(local, "nbd", covariates=["source", "promoted"])
    assert buying_model(frames[kind], "nbd", covariates=["source", "promoted"]) == model
    answers: Any = model.over(frames[kind], within="30 days")
    plain = answers.collect() if kind == "polars lazy" else pl.DataFrame(answers)
    assert plain["chance"].to_list() == model.over(local, within="30 days")["chance"].to_list()


def test_a_level_whose_buyers_never_leave_is_at_the_edge() -> None:
    """The sentence names the parameter, the covariate and the level, and intervals and tests are missing."""
    stays, leaves = simulated("nbd", 600), simulated("bg_nbd", 900)
    both = pl.concat([stays.with_columns(kind=pl.lit("club")), leaves.with_columns(kind=pl.lit("guest"))])
    model = buying_model(both, "bg_nbd", covariates=["kind"])
    assert model.at_edge is not None
    assert "parameter a of 'kind' 'club' is at the edge" in model.at_edge
    (kind,) = model.covariates
    assert (kind.p_value, kind.effects[0].factor.ci_lower) == (None, None)


def test_buyers_who_never_leave_give_the_nbd_with_covariates() -> None:
    """The model is the NBD, and the covariates keep their effects on the rate of purchases."""
    model = buying_model(simulated("nbd"), "bg_nbd", covariates=["source"])
    assert (model.name, model.at_edge) == ("nbd", "bg_nbd became nbd: nobody leaves")
    stable = buying_model(simulated("nbd"), "nbd", covariates=["source"])
    assert model.covariates == stable.covariates


def test_a_penalty_moves_factors_towards_one() -> None:
    """A prior is a choice, and the likelihood-ratio test does not hold with it."""
    table = simulated("nbd", 400)
    (strong,) = buying_model(table, "nbd", covariates=["source"], penalty=500.0).covariates
    (none,) = buying_model(table, "nbd", covariates=["source"]).covariates
    assert strong.p_value is None
    assert none.effects[0].factor.value < strong.effects[0].factor.value < 1


@pytest.mark.more
def test_k_is_chosen_with_covariates(monkeypatch: pytest.MonkeyPatch) -> None:
    """The likelihood of the model with covariates chooses k, with the gaps of all buyers."""
    monkeypatch.setattr(_buying, "MOST_EVENTS", 2)
    gaps = simulated("mbg_cnbd", 400).with_columns(log_gap_sum=pl.col("repeat_count") * 2.0)
    model = buying_model(gaps, "mbg_cnbd", k="likelihood", covariates=["source"])
    other: Any = buying_model(gaps, "mbg_cnbd", k=3 - model.k, covariates=["source"])
    assert model.log_likelihood > other.log_likelihood


AS_OF = datetime(2026, 9, 1, tzinfo=UTC)


@pytest.mark.more
def test_covariates_of_a_real_shop(shared_data: Path) -> None:
    """Online Retail: the country has no effect, a large first order has one, the ranking is as good without both."""
    lines = pl.read_parquet(shared_data / "online_retail.parquet").filter(
        pl.col("CustomerID").is_not_null(), pl.col("Quantity") > 0, pl.col("UnitPrice") > 0
    )
    purchases = (
        lines.group_by("InvoiceNo")
        .agg(
            pl.col("CustomerID").first().cast(pl.String).alias("person_id"),
            pl.col("InvoiceDate").min().dt.replace_time_zone("UTC").alias("purchased_at"),
            (pl.col("Quantity") * pl.col("UnitPrice")).sum().alias("paid"),
            pl.col("Country").first(),
        )
        .sort("purchased_at", "InvoiceNo")
    )
    people = purchases.group_by("person_id").agg(
        (pl.col("Country").first() == "United Kingdom").alias("is_british"),
        (pl.col("paid").first() > 500).alias("is_large"),
    )
    orders, past = purchases.select("person_id", "purchased_at"), datetime(2011, 9, 10, tzinfo=UTC)
    table = PurchaseSummary.over(orders, tz="UTC", as_of=past).join(people, on="person_id")
    model, plain = buying_model(table, covariates=["is_british", "is_large"]), buying_model(table)
    assert (model.name, plain.name) == ("nbd", "nbd")
    british, large = model.covariates
    assert (british.p_value, large.p_value) == (pytest.approx(0.552, abs=1e-3), pytest.approx(0, abs=1e-9))
    (factor,) = (1 / row["factor"] for row in large.to_dicts())
    assert factor == pytest.approx(1.57, abs=0.01)
    horizon: Any = {"tz": "UTC", "as_of": past, "until": datetime(2011, 12, 10, tzinfo=UTC)}
    check = check_model(model, orders, **horizon, covariates=people)
    assert check.auc == pytest.approx(0.7335, abs=1e-4)
    assert check_model(plain, orders, **horizon).auc == pytest.approx(0.7331, abs=1e-4)


def test_a_check_counts_people_by_their_covariates() -> None:
    """Every week expects what the plain models of both levels expect of their own buyers."""
    model = buying_model(simulated("mbg_nbd"), covariates=["source"])
    days = {f"p{number}": [3 + number, 90 + 7 * number, 200] for number in range(12)}
    moments = [(person, AS_OF - timedelta(days=day)) for person, ages in days.items() for day in ages]
    purchases = pl.DataFrame(moments, schema=["person_id", "purchased_at"], orient="row")
    people = pl.DataFrame({"person_id": list(days), "source": ["ads", "shop", "shop"] * 4})
    horizon: Any = {"tz": "UTC", "as_of": AS_OF - timedelta(days=60), "until": AS_OF}
    check = check_model(model, purchases, **horizon, covariates=people)
    parts = [
        check_model(plain_model(model, name), purchases.join(some, on="person_id"), **horizon)
        for (name,), some in people.group_by("source")
    ]
    weeks = [sum(week.expected for week in several) for several in zip(*(part.weeks for part in parts), strict=True)]
    assert [week.expected for week in check.weeks] == pytest.approx(weeks)
    assert check.expected_purchases == pytest.approx(sum(part.expected_purchases for part in parts))
    assert check.actual_purchases == sum(part.actual_purchases for part in parts)
    for table, error in (
        (None, "one row for each person and the columns person_id, source, since the model has covariates"),
        (people.drop("source"), "it lacks source"),
        (pl.concat([people, people.head(2)]), "2 rows repeat a person"),
        (people.head(3), "source must hold texts or booleans in every row .got String, 9 missing."),
    ):
        with pytest.raises(ArgumentError, match=error):
            check_model(model, purchases, **horizon, covariates=table)
    with pytest.raises(ArgumentError, match=r"covariates must be None: the model has none \(got DataFrame"):
        check_model(plain_model(model, "ads"), purchases, **horizon, covariates=people)
