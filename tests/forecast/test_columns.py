"""Forecasts as columns of people: one person and everyone have the same facts and answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel import Customer, Facts, History, Logs, Policy, rule
from funnel.errors import ArgumentError, FactsError
from funnel.facts import column
from funnel.forecast import BuyingModel, ForecastColumns
from funnel.metrics import PurchaseSummary
from tests.engines import on

AS_OF = datetime(2026, 9, 1, tzinfo=UTC)
DAY = timedelta(days=1)
POLICY = Policy()
BG_NBD = {"name": "bg_nbd", "parameters": {"r": 0.243, "alpha": 30.9, "a": 0.793, "b": 2.426}}
COLUMNS = ForecastColumns(BuyingModel.from_dict(BG_NBD), within="30 days", tz="Asia/Jakarta")


class ForecastFacts(Facts):
    """A forecast beside the built-in facts."""

    chance_permille: int = column("chance_permille", int)
    expected_thousandths: int = column("expected_thousandths", int)


@rule
def is_likely_buyer(f: ForecastFacts, policy: Policy) -> bool:
    """The chance of a purchase within 30 days is a tenth or more, or 50 purchases of a thousand are expected."""
    return f.purchase_count > 0 and (f.chance_permille >= 100 or f.expected_thousandths >= 50)


def purchases(days: dict[str, list[int]]) -> pl.DataFrame:
    """One purchase on each day before the forecast."""
    rows = [(person, AS_OF - day * DAY, 900) for person, ages in days.items() for day in ages]
    schema = {"person_id": pl.String, "purchased_at": pl.Datetime("us", "UTC"), "amount": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row").with_row_index("id")


def with_forecast(history: History) -> History:
    """The history with the forecast of the person in the columns."""
    customer = Customer(person_id=history.person_id, name="", columns=COLUMNS.of(history, as_of=AS_OF))
    return History.of(history.person_id, history.records, customer=customer)


days_of_people = st.dictionaries(
    st.sampled_from("abc"), st.lists(st.integers(0, 400), min_size=1, max_size=4), min_size=1
)


@given(days=days_of_people)
def test_a_rule_on_a_forecast_answers_alike_for_one_and_for_everyone(days: dict[str, list[int]]) -> None:
    """Columns, facts, answers and reasons of a person are those of the person's row."""
    plain = Logs(purchases=purchases(days), currency="USD")
    logs = plain.with_people(COLUMNS.over(plain, as_of=AS_OF), COLUMNS.names)
    answers = dict(is_likely_buyer.over(logs, POLICY, as_of=AS_OF).rows())
    chances = dict(ForecastFacts.over(logs, as_of=AS_OF).select("person_id", "chance_permille").rows())

    for history in plain.histories():
        alone, joined = with_forecast(history), logs.history(history.person_id)
        assert alone.customer == joined.customer
        assert is_likely_buyer.of(alone, POLICY, as_of=AS_OF) == answers[history.person_id]
        assert ForecastFacts.of(alone, as_of=AS_OF) == ForecastFacts.of(joined, as_of=AS_OF)
        assert ForecastFacts.of(alone, as_of=AS_OF).chance_permille == chances[history.person_id]
        assert is_likely_buyer.why(alone, POLICY, as_of=AS_OF) == is_likely_buyer.why(joined, POLICY, as_of=AS_OF)


def test_a_reason_shows_the_chance_and_its_unit() -> None:
    """The rule gives the chance in permille as its reason; the next day it has no answer."""
    plain = Logs(purchases=purchases({"sari": [40, 30, 20, 10]}), currency="USD")
    sari = with_forecast(plain.history("sari"))
    summary = PurchaseSummary.of(sari, tz="Asia/Jakarta", as_of=AS_OF)
    assert summary is not None
    chance = COLUMNS.model.of(summary, within="30 days")

    facts = ForecastFacts.of(sari, as_of=AS_OF)
    assert facts.chance_permille == int(1000 * chance.buys_within.value) > 400
    assert facts.expected_thousandths == int(1000 * chance.expected.value)
    why = is_likely_buyer.why(sari, POLICY, as_of=AS_OF)
    assert f"because chance_permille >= 100 (chance_permille is {facts.chance_permille})" in str(why)
    with pytest.raises(FactsError, match="as of 2026-09-01T00:00:00"):
        is_likely_buyer.of(sari, POLICY, as_of=AS_OF + DAY)


def test_a_person_who_never_bought_has_the_instant_alone() -> None:
    """The chance counts as 0, and only at the instant of the forecast."""
    lead = with_forecast(History.of("sari", []))

    assert dict(lead.customer.columns) == {"as_of": AS_OF}  # type: ignore[union-attr]
    assert ForecastFacts.of(lead, as_of=AS_OF).chance_permille == 0
    with pytest.raises(FactsError, match="2026-09-01"):
        ForecastFacts.of(lead, as_of=AS_OF - DAY)


def test_a_forecast_that_lacks_a_buyer_is_refused() -> None:
    """A table from other records than the logs is not joined."""
    few, many = (Logs(purchases=purchases({name: [3] for name in names}), currency="USD") for names in ("a", "abc"))
    with pytest.raises(ArgumentError, match="lacks 2 people who bought by then"):
        many.with_people(COLUMNS.over(few, as_of=AS_OF), COLUMNS.names)


@pytest.mark.no_cover
@pytest.mark.parametrize("kind", ["polars", "polars lazy", "pandas", "pyarrow"])
def test_the_table_has_the_type_of_the_logs(kind: str) -> None:
    """The logs take the table as it is."""
    logs: Logs[Any] = Logs(**on(kind, {"purchases": purchases({"a": [3], "b": [9, 4]})}), currency="USD")
    joined = logs.with_people(COLUMNS.over(logs, as_of=AS_OF), COLUMNS.names)

    assert [
        ForecastFacts.of(one, as_of=AS_OF) == ForecastFacts.of(with_forecast(one), as_of=AS_OF)
        for one in joined.histories()
    ] == [True, True]


def test_wrong_arguments_are_errors() -> None:
    """No model, no horizon, no zone."""
    with pytest.raises(ArgumentError, match="model must be a BuyingModel"):
        ForecastColumns("mbg_nbd", within="30 days", tz="UTC")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="within"):
        ForecastColumns(COLUMNS.model, within="soon", tz="UTC")
    with pytest.raises(ArgumentError, match="time zone 'Mars' is unknown"):
        ForecastColumns(COLUMNS.model, within="30 days", tz="Mars")
