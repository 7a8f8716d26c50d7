"""Facts at past instants as a table for machine learning: nothing of the future, and what `Facts.over` says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings

from funnel.backtest import BacktestDates, feature_table
from funnel.errors import ArgumentError, FactsError, MissingExtraError
from funnel.facts import Facts, count
from funnel.history import History
from funnel.logs import Logs
from tests.engines import DEFAULT_MIN_PEOPLE
from tests.metrics.people import crowds, logs_of
from tests.strategies import START

DAY = timedelta(days=1)
END = START + 400 * DAY
DATES = BacktestDates(START + 20 * DAY, every=30 * DAY, horizon=30 * DAY)
NAMES = ("purchase_count", "net_spent", "since_last_purchase", "purchase_interval", "has_opted_out", "lead_source")
FEWER = settings(max_examples=max((settings.default or settings()).max_examples // 6, DEFAULT_MIN_PEOPLE))


def table_of(logs: Logs[Any], names: Sequence[str] = NAMES, **more: Any) -> pl.DataFrame:
    """The table of a shop, in memory."""
    options: dict[str, Any] = {"as_of": END, **more}
    table: pl.DataFrame = feature_table(logs, DATES, names, **options).lazy().collect()
    return table


@given(crowds())
@FEWER
def test_the_future_is_not_in_the_features(crowd: tuple[History, ...]) -> None:
    """The features of an instant are those of the logs as known then; only the outcome is of later."""
    logs = logs_of(crowd)
    table = table_of(logs)
    for day in table["as_of"].unique().sort()[::6].to_list():
        facts = Facts.over(logs.as_known(day), as_of=day).lazy().collect().sort("person_id")
        features = table.filter(pl.col("as_of") == day)

        assert features["person_id"].to_list() == facts["person_id"].to_list()
        for name in ("purchase_count", "net_spent", "has_opted_out"):
            assert features[name].to_list() == facts[name].to_list(), name
        assert features["lead_source"].to_list() == facts["lead_source"].fill_null("").to_list()
        for name in ("since_last_purchase", "purchase_interval"):
            micros = facts[name].dt.total_microseconds().to_list()  # Polars multiplies by the inverse of a constant
            days = [float("nan") if one is None else one / 86_400_000_000 for one in micros]
            np.testing.assert_array_equal(features[name].to_numpy(), days, err_msg=name)


def shop() -> Logs[pl.DataFrame]:
    """People who come every `1 + person % 9` fortnights, and people who came once."""
    rows = [
        (f"p{person:03}", START + 14 * DAY * step * (1 + person % 9))
        for person in range(120)
        for step in range(1 if person % 4 == 0 else 26 // (1 + person % 9))
    ]
    people, times = zip(*rows, strict=True)
    return Logs(
        purchases=pl.DataFrame({"id": range(len(rows)), "person_id": people, "purchased_at": times, "amount": 900})
    )


def test_a_pipeline_of_scikit_learn_learns_from_it() -> None:
    """Fitted on the earlier instants, a pipeline ranks the people of the later ones."""
    from sklearn.impute import SimpleImputer  # type: ignore[import-untyped]
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
    from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]
    from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped]

    table = table_of(shop(), ("purchase_count", "since_last_purchase", "purchase_interval"))
    middle = table["as_of"].unique().sort()[5]
    early, late = (table.filter(part) for part in (pl.col("as_of") < middle, pl.col("as_of") >= middle))
    features = [name for name in table.columns if name not in ("person_id", "as_of", "bought")]
    model: Any = make_pipeline(
        SimpleImputer(strategy="constant", fill_value=999), StandardScaler(), LogisticRegression()
    )
    model.fit(early.select(features).to_numpy(), early["bought"].to_numpy())
    chances: Any = model.predict_proba(late.select(features).to_numpy())[:, 1]

    bought = late["bought"].to_numpy()

    assert chances[bought].mean() > chances[~bought].mean() + 0.1


def test_the_table_is_of_the_kind_of_the_logs() -> None:
    """Lazy logs give a lazy table; facts of a shop are read like the built-in ones."""

    class Own(Facts):
        big_count: int = count("purchases", where=lambda purchase: purchase.amount > 500)

    logs = Logs(purchases=pl.LazyFrame({"id": [1], "person_id": ["sari"], "purchased_at": [START], "amount": [900]}))
    table = feature_table(logs, DATES, ["big_count"], as_of=END, facts=Own)

    assert isinstance(table, pl.LazyFrame)
    assert set(table.collect()["big_count"]) == {1}


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["purchase_counts"], "unknown; .*purchase_count"),
        (["last_purchase_at"], "cannot be a feature: .*since_last_purchase"),
        (["bought"], "has the name of another column"),
    ],
)
def test_a_name_that_is_no_feature_is_refused(names: list[str], words: str) -> None:
    """Unknown facts, instants, and the names of the other columns."""

    class Own(Facts):
        bought: int = count("purchases")

    with pytest.raises(FactsError, match=words):
        table_of(shop(), names, facts=Own)


def test_a_class_without_facts_is_refused() -> None:
    """The class must declare facts."""
    wrong: Any = History
    with pytest.raises(ArgumentError, match="facts must be Facts or a class that extends it"):
        table_of(shop(), facts=wrong)


@pytest.mark.parametrize(
    ("as_of", "words"),
    [(START + 30 * DAY, "no instant has both"), (START, "the first day must be at or before as_of")],
)
def test_a_table_without_instants_is_refused(as_of: datetime, words: str) -> None:
    """A horizon that is not over has no outcome, and days after `as_of` are none."""
    with pytest.raises(ArgumentError, match=words):
        table_of(shop(), as_of=as_of)


def test_without_numpy_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table is computed with NumPy."""
    monkeypatch.setattr("funnel.backtest._feature_table.installed", lambda _: False)

    with pytest.raises(MissingExtraError, match=r"shopfunnel\[numpy\]"):
        table_of(shop())
