"""Every call that needs `Logs` says so in one sentence, whatever else it is given."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

import funnel
from funnel import Facts, History, Money, Policy, Purchase, stage
from funnel.backtest import BacktestDates, RuleBook
from funnel.errors import ArgumentError, FactsError
from funnel.metrics._by_group import people_by
from tests.public import public

DAY = datetime(2026, 3, 1, tzinfo=UTC)
MONTH = timedelta(days=30)
TABLE = pl.DataFrame({"id": ["1"], "person_id": ["sari"], "purchased_at": [DAY], "amount": [5]})
LINES = pl.DataFrame({"purchase_id": ["1"], "sku": ["pot"]})
POLICY = Policy()
BOOK = RuleBook(POLICY)
RULE = funnel.is_lapsed

OF_LOGS: dict[str, Callable[[Any], Any]] = {
    "Facts.over": lambda source: Facts.over(source, as_of=DAY),
    "Facts.running": lambda source: Facts.running(source, as_of=DAY),
    "next_change.over": lambda source: RULE.next_change.over(source, POLICY, as_of=DAY),
    "transitions.over": lambda source: funnel.transitions.over(source, POLICY, as_of=DAY),
    "SHOP_MACHINE.over": lambda source: funnel.machines.SHOP_MACHINE.over(source, POLICY, as_of=DAY),
    "backtest": lambda source: funnel.backtest.backtest(
        RULE,
        source,
        POLICY,
        BacktestDates(DAY, every=MONTH, horizon=MONTH),
        as_of=DAY + 5 * MONTH,
    ),
    "fit_points": lambda source: funnel.backtest.fit_points(
        source, BacktestDates(DAY, every=MONTH, horizon=MONTH), ["purchase_count"], as_of=DAY + 5 * MONTH
    ),
    "feature_table": lambda source: funnel.backtest.feature_table(
        source, BacktestDates(DAY, every=MONTH, horizon=MONTH), ["purchase_count"], as_of=DAY + 5 * MONTH
    ),
    "backtest_table": lambda source: funnel.backtest.backtest_table(
        source,
        POLICY,
        BacktestDates(DAY, every=MONTH, horizon=MONTH),
        funnel.backtest.BacktestQuestions(rules=[funnel.rules.readiness_points]),
        as_of=DAY + 5 * MONTH,
        tz="UTC",
    ),
    "compare_rules": lambda source: funnel.backtest.compare_rules(RULE, RULE, source, POLICY, as_of=DAY),
    "repeat_rates": lambda source: funnel.repeat_rates(source, MONTH, as_of=DAY),
    "repeat_rate": lambda source: funnel.metrics.repeat_rate(source, as_of=DAY),
    "repeat_rate_within": lambda source: funnel.metrics.repeat_rate_within(source, MONTH, as_of=DAY),
    "returning_rate": lambda source: funnel.metrics.returning_rate(source, MONTH, as_of=DAY),
    "margin_by": lambda source: funnel.metrics.margin_by(source, "source", as_of=DAY),
    "repeat_by": lambda source: funnel.metrics.repeat_by(source, "source", MONTH, as_of=DAY),
    "purchase_steps": lambda source: funnel.metrics.purchase_steps(source, MONTH, as_of=DAY),
    "purchase_rhythm": lambda source: funnel.metrics.purchase_rhythm(source, as_of=DAY),
    "promotion_retention": lambda source: funnel.metrics.promotion_retention(source, MONTH, as_of=DAY),
    "growth": lambda source: funnel.metrics.growth(source, within=MONTH, margin=0.5, tz="UTC", as_of=DAY),
    "referral_rate": lambda source: funnel.metrics.referral_rate(source, as_of=DAY),
    "churn_reasons": lambda source: funnel.metrics.churn_reasons(source, POLICY, as_of=DAY),
    "rfm_quantiles": lambda source: funnel.metrics.rfm_quantiles(source, as_of=DAY),
    "segments": lambda source: funnel.metrics.segments(source, POLICY, as_of=DAY),
    "affinity": lambda source: funnel.metrics.affinity(source, LINES, MONTH, as_of=DAY),
    "next_offers": lambda source: funnel.metrics.next_offers(source, LINES, MONTH, as_of=DAY),
    "people_by": lambda source: people_by(stage, source, POLICY, as_of=DAY),
}

OF_PEOPLE: dict[str, Callable[[Any], Any]] = {
    "worklist": lambda source: funnel.worklist(source, POLICY, as_of=DAY, tz="UTC"),
    "next_review_at": lambda source: funnel.worklists.next_review_at(source, POLICY, as_of=DAY),
    "stage_flow": lambda source: funnel.metrics.stage_flow(source, POLICY, tz="UTC", as_of=DAY),
    "stage_difference": lambda source: funnel.backtest.stage_difference(source, BOOK, BOOK, tz="UTC", as_of=DAY),
}

REFUSED: dict[str, tuple[Any, str]] = {
    "a frame of Polars": (TABLE, r"a DataFrame of polars\)"),
    "a lazy frame": (TABLE.lazy(), r"a LazyFrame of polars\)"),
    "a frame of pandas": (TABLE.to_pandas(), r"a DataFrame of pandas\)"),
    "a dictionary": ({"purchases": TABLE}, r"a dict\)"),
    "text": ("orders.csv", r"a str\)"),
    "nothing": (None, r"a NoneType\)"),
}


@pytest.mark.parametrize("source", REFUSED)
@pytest.mark.parametrize("call", OF_LOGS)
def test_what_is_not_logs_is_refused_with_the_remedy(call: str, source: str) -> None:
    """One sentence says what was given and how a table of records becomes Logs; no person is named."""
    value, kind = REFUSED[source]

    with pytest.raises(
        ArgumentError, match=rf"^logs must be Logs \(got {kind}; make Logs of .*Logs\(purchases=table\)$"
    ) as raised:
        OF_LOGS[call](value)
    assert "sari" not in str(raised.value)


@pytest.mark.parametrize("call", OF_LOGS)
def test_a_store_or_a_history_is_refused_with_the_remedy(call: str) -> None:
    """A store and the result of a reader have logs; one history has `of`."""
    with pytest.raises(ArgumentError, match=r"^logs must be Logs \(got a SqliteStore\); pass its logs\(\)$"):
        OF_LOGS[call](funnel.SqliteStore())
    with pytest.raises(
        ArgumentError, match=r"^logs must be Logs \(got a History\); for one History, facts and rules have of"
    ):
        OF_LOGS[call](funnel.History.of("sari", []))


@pytest.mark.parametrize("source", REFUSED)
@pytest.mark.parametrize("call", OF_PEOPLE)
def test_what_is_neither_logs_nor_histories_is_refused_with_the_remedy(call: str, source: str) -> None:
    """Calls that take histories too say that as well."""
    value, kind = REFUSED[source]

    with pytest.raises(ArgumentError, match=rf"^people must be Logs, a History or several of them \(got {kind}; make"):
        OF_PEOPLE[call](value)


@pytest.mark.parametrize("call", OF_PEOPLE)
def test_a_list_of_something_else_is_refused(call: str) -> None:
    """Rows of a table, or purchases, are not histories; an empty list is nobody."""
    purchase = Purchase(id="1", person_id="sari", purchased_at=DAY, amount=Money(5, "IDR"))

    for wrong, kind in ((TABLE.to_dicts(), "a dict"), ([History.of("sari", [purchase]), purchase], "a Purchase")):
        with pytest.raises(ArgumentError, match=rf"\(got {kind}\)") as raised:
            OF_PEOPLE[call](wrong)
        assert "sari" not in str(raised.value)
    OF_PEOPLE[call]([])
    OF_PEOPLE[call](iter([History.of("sari", [purchase])]))


@pytest.mark.parametrize("call", OF_PEOPLE)
def test_a_person_who_is_given_twice_is_refused(call: str) -> None:
    """A task, a stage or a basket would be counted twice; the same history again is refused as another one is."""
    sari, budi = (History.of(name, []) for name in ("sari", "budi"))
    more = History.of("sari", [Purchase(id="1", person_id="sari", purchased_at=DAY, amount=Money(5, "IDR"))])

    for other in (sari, more):
        with pytest.raises(
            ArgumentError, match="people has 3 histories of 2 persons; give one history for each person"
        ):
            OF_PEOPLE[call]([sari, budi, other])


@pytest.mark.parametrize(
    ("columns", "remedy"),
    [
        ({"person_id": ["sari"], "arrived_at": [DAY]}, r"Logs\(leads=table\)$"),
        ({"id": ["1"], "person_id": ["sari"], "occurred_at": [DAY], "kind": ["view"]}, r"Logs\(interactions=table\)$"),
        ({"Buyer": ["sari"], "Paid": [5.0]}, r"Logs.from_orders\(table, columns=\{'person_id': \.\.\., .*tz=\.\.\.\)"),
    ],
)
def test_the_remedy_is_what_to_write_for_the_columns(columns: dict[str, Any], remedy: str) -> None:
    """A table of a log's columns needs one word; a shop's own table needs the names of its columns."""
    with pytest.raises(ArgumentError, match=rf"make Logs of the table first: {remedy}"):
        Facts.over(pl.DataFrame(columns), as_of=DAY)  # type: ignore[arg-type]


def test_a_rule_over_a_table_of_records_names_logs() -> None:
    """A rule takes frames of facts too, so its errors name both."""
    with pytest.raises(ArgumentError, match=r"as_of needs Logs .*make Logs of the table first.*, or leave as_of out"):
        RULE.over(TABLE, POLICY, as_of=DAY)
    with pytest.raises(FactsError, match=r"does not have the columns .*; pass a dataframe from Facts.over, or Logs$"):
        RULE.over(TABLE, POLICY)


def test_every_public_call_with_logs_is_among_these() -> None:
    """No function of the library whose first argument is `logs` is left out here."""
    takes = {name for name, one in public().items() if callable(one) and "logs" in getattr(one, "__annotations__", {})}
    assert takes <= set(OF_LOGS)
