"""Errors of models, fits at an edge, and models as text."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import attrs
import polars as pl
import pytest

from funnel.errors import ArgumentError, MissingExtraError
from funnel.forecast import BuyingModel, CustomerValue, SpendingModel, buying_model, check_model, spending_model
from funnel.metrics import PurchaseSummary

BG_NBD = {"name": "bg_nbd", "parameters": {"r": 0.243, "alpha": 30.9, "a": 0.793, "b": 2.426}}
ONCE, TWICE = PurchaseSummary(0, 0, 40, 0), PurchaseSummary(1, 20, 40, 900)
AS_OF = datetime(2026, 3, 10, tzinfo=UTC)


def table(**columns: list[Any]) -> pl.DataFrame:
    """Return summaries of four kinds of buyers, sixty of each."""
    rows: dict[str, list[Any]] = {
        "repeat_count": [0, 1, 2, 5] * 60,
        "first_to_last_days": [0, 20, 90, 170] * 60,
        "tenure_days": [180, 190, 120, 200] * 60,
        "repeat_amount": [0, 900, 2_500, 4_000] * 60,
    }
    return pl.DataFrame(rows | columns)


def bought(*people: str) -> pl.DataFrame:
    """Return purchases, one a day from the first of March."""
    days = [datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=day) for day in range(len(people))]
    return pl.DataFrame({"person_id": people, "purchased_at": days})


@pytest.mark.parametrize(
    ("summaries", "error"),
    [
        ([TWICE, {"repeat_count": 1}], "must hold PurchaseSummary only .got dict."),
        (table().drop("tenure_days"), "lack tenure_days; make them with PurchaseSummary.over"),
        (table(repeat_count=[0.0, 1.5, 2.0, 5.0] * 60), "column repeat_count .* must hold whole numbers"),
        (table(repeat_count=[0, None, 2, 5] * 60), "column repeat_count .* must hold whole numbers"),
        (table(tenure_days=[0, 10, 120, 200] * 60), "60 of 240 summaries are impossible"),
        (table(first_to_last_days=[3, 20, 90, 170] * 60), "60 of 240 summaries are impossible"),
        (table().head(40), "not enough: 30 of 40 buyers returned, and a model needs 100"),
    ],
)
def test_summaries_that_cannot_be_are_refused(summaries: Any, error: str) -> None:
    """The error counts the rows and names the remedy."""
    with pytest.raises(ArgumentError, match=error):
        buying_model(summaries)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"model": "pareto"}, "the model must be"),
        ({"model": "nbd", "k": 2}, "k belongs to the model 'mbg_cnbd'"),
        ({"model": "mbg_cnbd", "k": 7}, "k must be a whole number from 1 to 6"),
        ({"penalty": -1}, "penalty must be a number of zero or more"),
        ({"penalty": True}, "penalty must be a number of zero or more"),
        ({"confidence_level": 1.5}, "confidence_level"),
    ],
)
def test_arguments_that_are_not_allowed_are_refused(options: dict[str, Any], error: str) -> None:
    """Each error names the argument."""
    with pytest.raises(ArgumentError, match=error):
        buying_model(table(), **options)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ({"name": "bg"}, "the model must be"),
        ({"name": "nbd"}, "nbd needs the parameters r, alpha"),
        ({"name": "nbd", "parameters": {"r": 1.0}}, "nbd needs the parameters r, alpha"),
        ({"name": "nbd", "parameters": {"r": 1.0, "alpha": 0}}, "parameter alpha must be a number above zero"),
        ({"name": "nbd", "parameters": {"r": "1", "alpha": 2}}, "parameter r must be a number above zero"),
    ],
)
def test_a_model_from_wrong_data_is_refused(data: dict[str, Any], error: str) -> None:
    """The parameters are those of the model, and above zero."""
    with pytest.raises(ArgumentError, match=error):
        BuyingModel.from_dict(data)


def test_a_forecast_reads_as_a_sentence() -> None:
    """With the interval where there is one."""
    model = buying_model(table(), "nbd")
    assert str(model.of(TWICE, within="30 days")) == "of 100 buyers like this one, 32 buy within 30 d (31 to 34)"
    paper = BuyingModel.from_dict(BG_NBD).of(TWICE, within="30 days")
    assert str(paper) == "of 100 buyers like this one, 24 buy within 30 d"


def test_a_forecast_needs_a_summary_and_a_span() -> None:
    """None, for people who never bought, is refused with the reason."""
    model: Any = BuyingModel.from_dict(BG_NBD)
    with pytest.raises(ArgumentError, match="None for people who never bought"):
        model.of(None, within="30 days")
    with pytest.raises(ArgumentError, match="within must be a timedelta"):
        model.of(TWICE, within=30)
    with pytest.raises(ArgumentError, match="impossible"):
        model.of(PurchaseSummary(3, 2, 9, 0), within="30 days")
    with pytest.raises(ArgumentError, match="a list has no columns"):
        model.over([TWICE], within="30 days")


def test_a_next_purchase_reads_as_a_sentence() -> None:
    """A buyer who more likely never returns has no likely time, in a table null."""
    model = BuyingModel.from_dict(BG_NBD)
    away = PurchaseSummary(3, 20, 400, 0)
    assert (
        str(model.next_purchase(TWICE))
        == "of 100 buyers like this one, 33 never return; half have returned within 143 d 3 h"
    )
    assert str(model.next_purchase(away)) == "of 100 buyers like this one, 99 never return; fewer than half return"
    returning = model.next_purchase(away, buyers="returning")
    assert str(returning).startswith(
        "of 100 buyers like this one, 99 never return; half of those who return do so within"
    )
    with pytest.raises(ArgumentError, match="buyers must be 'all' or 'returning'"):
        model.next_purchase(away, buyers=cast("Any", "some"))
    one = model.next_purchase(away)
    assert (one.earliest, one.likely, one.never.ci_lower, one.never.ci_upper) == (None, None, None, None)
    silent = table(first_to_last_days=[0, 20, 90, 20] * 60, tenure_days=[180, 190, 120, 400] * 60)
    row = model.next_purchases(silent).row(3, named=True)
    assert (row["earliest"], row["never_lower"]) == (None, None)


def test_a_model_from_a_paper_has_no_intervals() -> None:
    """Without a covariance the ends of the intervals are None, in a table null; the counts have theirs."""
    model = BuyingModel.from_dict(BG_NBD)
    forecast = model.of(TWICE, within="30 days")
    assert (forecast.buys_within.ci_lower, forecast.expected.ci_upper) == (None, None)
    assert forecast.count_upper > 0
    row = model.over(table(), within="30 days").row(1, named=True)
    assert (row["chance_lower"], row["expected_upper"]) == (None, None)
    assert str(model).startswith("bg_nbd of 0 buyers: r 0.243")


def test_criteria_count_the_parameters() -> None:
    """AIC and BIC of a model with two parameters."""
    model = buying_model(table(), "nbd")
    assert model.log_likelihood is not None
    assert model.aic == pytest.approx(4 - 2 * model.log_likelihood)
    assert model.bic == pytest.approx(2 * 5.480639 - 2 * model.log_likelihood)
    paper = BuyingModel.from_dict(BG_NBD)
    assert (paper.aic, paper.bic) == (None, None)


def test_a_fit_at_an_edge_says_so() -> None:
    """Buyers who are all alike have no spread of rates, and buyers who never leave are those of the NBD."""
    alike = table(repeat_count=[9] * 240, first_to_last_days=[170] * 240, tenure_days=[180] * 240)
    model = buying_model(alike, "mbg_nbd")
    assert model.at_edge is not None
    assert model.covariance is None
    assert model.of(TWICE, within="30 days").buys_within.ci_lower is None
    stays = buying_model(alike, "nbd")
    assert stays.at_edge is not None
    assert "at the edge" in str(stays)


def test_a_fit_on_a_flat_likelihood_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fit that stops inside its bounds without a maximum: the model and its text say so."""
    from funnel.forecast import _buying

    def stopped(*args: Any) -> Any:
        return attrs.evolve(fit_with(*args), is_converged=False)

    fit_with = _buying.fit_with
    monkeypatch.setattr(_buying, "fit_with", stopped)
    model = buying_model(table(), "nbd")
    assert (model.is_converged, "the likelihood is flat" in str(model)) == (False, True)


def test_a_penalty_moves_the_fit_away_from_the_edge() -> None:
    """A prior on the logarithms of the parameters is a choice, and it changes the parameters."""
    assert buying_model(table(), "nbd", penalty=5.0).parameters != buying_model(table(), "nbd").parameters


def test_regular_buyers_wait_less_at_random() -> None:
    """With k of 3 the next purchase of a regular buyer is less spread."""
    regular = table(repeat_count=[5, 6, 8, 9] * 60, first_to_last_days=[150, 160, 110, 190] * 60)
    model = buying_model(regular, "mbg_cnbd", k=3)
    plain = buying_model(regular, "mbg_nbd")
    summary = PurchaseSummary(6, 180, 182, 0)
    spread, wide = (one.of(summary, within="90 days") for one in (model, plain))
    assert spread.latest - spread.earliest < wide.latest - wide.earliest
    assert model.k == 3
    assert BuyingModel.from_dict(model.to_dict()) == model


def test_the_likelihood_chooses_k() -> None:
    """Gaps of equal length have a large k, gaps of exponential length have 1; summaries without gaps are an error."""
    age, count = 200, 8
    regular = table(repeat_count=[count] * 240, first_to_last_days=[160 + row % 40 for row in range(240)])
    regular = regular.with_columns(tenure_days=pl.lit(age), repeat_amount=pl.lit(0))
    evenly = regular.with_columns(log_gap_sum=count * (pl.col("first_to_last_days") / count).log())
    uneven = evenly.with_columns(pl.col("log_gap_sum") - 0.6 * count)
    assert buying_model(evenly, "mbg_cnbd", k="likelihood").k == 6
    model = buying_model(uneven, "mbg_cnbd", k="likelihood")
    assert model.k == 1
    people = [PurchaseSummary(*row) for row in uneven.rows()]
    assert buying_model(people, "mbg_cnbd", k="likelihood") == model
    for summaries, name in ((regular, "mbg_cnbd"), (evenly, "mbg_nbd")):
        with pytest.raises(ArgumentError, match="needs the model 'mbg_cnbd' and summaries with log_gap_sum"):
            buying_model(summaries, name, k="likelihood")  # type: ignore[arg-type]


def local_of(frames: dict[str, Any], kind: str) -> Any:
    """Return a table of the kind of the result."""
    return frames["polars" if kind == "duckdb" else kind]


@pytest.mark.parametrize("kind", ["polars", "polars lazy", "pandas", "pyarrow", "duckdb"])
def test_every_kind_of_table_gives_the_same(kind: str) -> None:
    """The result has the kind of the input; a remote table gives a local one."""
    import duckdb

    local = table()
    frames: dict[str, Any] = {
        "polars": local,
        "polars lazy": local.lazy(),
        "pandas": local.to_pandas(),
        "pyarrow": local.to_arrow(),
        "duckdb": duckdb.connect().from_arrow(local),
    }
    model = buying_model(frames[kind], "nbd")
    assert model == buying_model(local, "nbd")
    answers: Any = model.over(frames[kind], within="30 days")
    assert type(answers) is type(local_of(frames, kind))
    plain = answers.collect() if kind == "polars lazy" else pl.DataFrame(answers)
    assert plain["chance"].to_list() == pytest.approx(model.over(local, within="30 days")["chance"].to_list())
    value: Any = CustomerValue(model, spending_model(frames[kind])).over(frames[kind], within="1 week")
    assert type(value) is type(local_of(frames, kind))


def test_a_list_of_summaries_is_read() -> None:
    """Summaries of single people fit the model of the same table."""
    local = table()
    people = [PurchaseSummary(*row) for row in local.rows()]
    assert buying_model(people, "nbd") == buying_model(local, "nbd")
    assert spending_model(people) == spending_model(local)


def test_amounts_have_their_own_errors() -> None:
    """Too few buyers with an amount, no column of amounts, and parameters that are not numbers."""
    with pytest.raises(ArgumentError, match="not enough: 3 buyers have a repeat amount"):
        spending_model(table().head(4))
    with pytest.raises(ArgumentError, match="lack repeat_amount"):
        spending_model(table().drop("repeat_amount"))
    with pytest.raises(ArgumentError, match="q must be a number above zero"):
        SpendingModel.from_parameters(p=1, q=0, v=3)


def test_amounts_without_a_mean_give_none() -> None:
    """With q of at most 1 the mean does not exist."""
    model = SpendingModel.from_parameters(p=6, q=0.9, v=1544)
    assert model.of(TWICE) is None
    value = CustomerValue(BuyingModel.from_dict(BG_NBD), model)
    assert value.of(TWICE, within="30 days") is None
    with pytest.raises(ArgumentError, match="q of at most 1"):
        value.over(table(), within="30 days")


def test_amounts_that_depend_on_the_count_are_named() -> None:
    """Frequent buyers who spend more break what the model takes for true."""
    model = spending_model(table(repeat_amount=[0, 900, 2_500, 40_000] * 60))
    assert not model.is_independent
    assert "amounts depend on the count (correlation +" in str(model)
    assert spending_model(table(repeat_amount=[0, 900, 1_800, 4_500] * 60)).correlation == 0
    assert "amounts depend" not in str(SpendingModel.from_parameters(p=1, q=2, v=3))


def test_a_value_is_discounted_by_the_week() -> None:
    """A year of spending at 10 % is worth some 5 % less; each buyer and their row agree, in any order of rows."""
    model, spending = BuyingModel.from_dict(BG_NBD), SpendingModel.from_parameters(p=6.25, q=3.74, v=1544)
    plain, discounted = (CustomerValue(model, spending, yearly_discount=rate) for rate in (0, 0.1))
    full, less = (one.of(TWICE, within="365 days") for one in (plain, discounted))
    assert full is not None
    assert less is not None
    assert 0.94 * full < less < 0.97 * full
    rows = table().sample(fraction=1, shuffle=True, seed=3).head(9)
    people = [PurchaseSummary(*row) for row in rows.rows()]
    values = [discounted.of(one, within="365 days") for one in people]
    assert discounted.over(rows, within="365 days")["value"].to_list() == values


def test_a_value_needs_two_models() -> None:
    """Each argument is named."""
    model: Any = BuyingModel.from_dict(BG_NBD)
    spending: Any = SpendingModel.from_parameters(p=6.25, q=3.74, v=1544)
    with pytest.raises(ArgumentError, match="the model spending must be a SpendingModel"):
        CustomerValue(model, model)
    with pytest.raises(ArgumentError, match="yearly_discount must be a number of zero or more"):
        CustomerValue(model, spending, yearly_discount=-0.1)


def test_a_check_names_what_is_wrong() -> None:
    """Nobody has purchased, the horizon is empty, or the model has another type."""
    model: Any = BuyingModel.from_dict(BG_NBD)
    past = datetime(2026, 2, 1, tzinfo=UTC)
    with pytest.raises(ArgumentError, match="nobody has a purchase by as_of"):
        check_model(model, bought("a"), tz="UTC", as_of=past, until=AS_OF)
    with pytest.raises(ArgumentError, match="until must be after as_of"):
        check_model(model, bought("a"), tz="UTC", as_of=AS_OF, until=AS_OF)
    with pytest.raises(ArgumentError, match="the model must be a BuyingModel"):
        check_model("bg_nbd", bought("a"), tz="UTC", as_of=past, until=AS_OF)  # type: ignore[arg-type]


def test_a_check_without_buyers_has_no_ranking() -> None:
    """If nobody bought within the horizon, the ranking is None."""
    model = BuyingModel.from_dict(BG_NBD)
    check = check_model(model, bought("a", "b"), tz="UTC", as_of=AS_OF, until=AS_OF + timedelta(days=30))
    assert (check.auc, check.top_lift, check.actual_buyers) == (None, None, 0)
    assert "no ranking" in str(check)


def test_without_scipy_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The forecasts need an extra, and say so when a name of them is used."""
    for module in [name for name in sys.modules if name.startswith("funnel.forecast.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "scipy", None)
    import funnel.forecast

    monkeypatch.delitem(funnel.forecast.__dict__, "buying_model", raising=False)
    with pytest.raises(MissingExtraError, match=r"needs scipy.*pip install 'shopfunnel\[forecast\]'"):
        _ = funnel.forecast.buying_model
