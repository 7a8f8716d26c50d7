"""Stores of several currencies: stored as they came in, read in the reporting currency."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel import History, Money, OrderLine, SqliteStore
from funnel.errors import ArgumentError, LogsError, MoneyError, RecordError
from funnel.facts import count, total
from funnel.facts._base import BaseFacts
from funnel.interactions import Complaint, Delivery, Quote
from funnel.policy import Policy
from funnel.rates import Rates
from funnel.records import Purchase, Record, Refund
from funnel.rules._rule import rule
from tests.frames import answered
from tests.rates.test_rates import DAY, NOON, RATES, order, refund, shops
from tests.shop import fewer

EURO = order("1", Money("19.90", "EUR"), fees=Money("0.10", "EUR"), cost=Money(4, "EUR"))
DOLLAR = order("2", Money(5, "USD"), NOON + DAY)
BACK = refund("r", "1", Money("9.95", "EUR"), NOON + DAY)
QUOTE = Quote(id="q", person_id="p1", occurred_at=NOON, amount=Money(1_000, "JPY"))
LATER = NOON + 3 * DAY


class SpentFacts(BaseFacts):
    """Facts of amounts."""

    net_spent: int = total("purchases", "net_amount")
    purchase_count: int = count("purchases")


@rule
def spent(f: SpentFacts, _policy: Policy) -> int:
    """The amount that a person has spent: a stage that is a number."""
    return f.net_spent


def spent_in(store: SqliteStore, **options: Any) -> dict[str, Any]:
    """The amount that each person has spent, from the tables of a store."""
    return {
        name: row["net_spent"] for name, row in answered(SpentFacts.over(store.logs(**options), as_of=LATER)).items()
    }


@fewer
@given(shops(), st.data())
def test_the_order_of_records_never_matters(records: list[Purchase | Refund], data: st.DataObject) -> None:
    """Histories, tables and stages are those of the records converted together, however the records come in."""
    history = History.of("p1", RATES.of(records))
    with SqliteStore(stage=spent, rates=RATES) as store:
        for record in data.draw(st.permutations(records)):
            store.append(record, recorded_at=LATER)
        facts = SpentFacts.of(history, as_of=LATER)
        assert store.history("p1") == history
        assert answered(SpentFacts.over(store.logs(), as_of=LATER))["p1"] == facts.to_dict()
        stored = store.stage_record("p1")
        assert stored is not None
        assert stored.stage == str(facts.net_spent)
        store.refresh_all(as_of=LATER)
        assert store.stage_record("p1") == attrs.evolve(stored, previous_stage=stored.stage)
        assert store.append(*store.history("p1").records, recorded_at=LATER).added == 0
        code = records[0].amount.currency
        of_code = History.of("p1", [one for one in records if one.amount.currency == code])
        assert spent_in(store, currency=code).get("p1", 0) == SpentFacts.of(of_code, as_of=LATER).net_spent


def test_amounts_before_are_kept() -> None:
    """A history has them in `original`, tables in own columns, and an export as they came in."""
    with SqliteStore(rates=RATES) as store:
        store.append(BACK, EURO, DOLLAR, QUOTE, recorded_at=LATER)
        assert [one.original for one in store.history("p1").purchases] == [EURO.amount, None]
        logs = store.logs()
        assert logs.currency == "USD"
        assert logs.own_columns["purchases"] == ("original_currency", "original_amount")
        rows = logs.history("p1").purchases
        assert [one.columns["original_currency"] for one in rows] == ["EUR", "USD"]
        exported = store.export("p1")
        assert '"19.90"' in exported
        assert '"JPY"' in exported


def test_tables_of_one_currency_have_its_amounts_alone() -> None:
    """Without conversion, and with nothing that refers to a purchase in another currency."""
    delivery = Delivery(id="d", person_id="p1", occurred_at=LATER, purchase_id="1")
    other = Delivery(id="e", person_id="p1", occurred_at=LATER, purchase_id="2")
    complaint = Complaint(id="c", person_id="p1", occurred_at=LATER, purchase_id="1")
    with SqliteStore(rates=RATES) as store:
        store.append(BACK, EURO, DOLLAR, QUOTE, delivery, other, complaint, recorded_at=LATER)
        dollars, euros, nothing = (store.logs(currency=code) for code in ("USD", "EUR", "GBP"))
        assert (dollars.currency, euros.currency, nothing.currency) == ("USD", "EUR", None)
        unsettled = complaint.model_copy(update={"purchase_id": None})
        assert dollars.history("p1") == History.of("p1", [DOLLAR, other, unsettled])
        assert euros.history("p1").purchases == (EURO,)
        with pytest.raises(MoneyError, match="a currency must be a code of ISO 4217"):
            store.logs(currency="ABC")


def test_a_store_without_rates_refuses_several_currencies(tmp_path: Path) -> None:
    """It neither adds up two currencies nor takes more amounts; one currency can still be read."""
    path = tmp_path / "shop.db"
    with SqliteStore(path, rates=RATES) as store:
        store.append(EURO, recorded_at=LATER)
        store.append(DOLLAR, recorded_at=LATER)
    with SqliteStore(path) as store:
        with pytest.raises(RecordError, match="amounts in several currencies; open the store with the shop's rates"):
            store.append(order("3", Money(1, "USD")), recorded_at=LATER)
        with pytest.raises(MoneyError, match="the person has amounts in EUR and USD; open the store with"):
            store.history("p1")
        for call in (store.logs, lambda: store.refresh_all(as_of=LATER)):
            with pytest.raises(LogsError, match="the store has amounts in EUR and USD; open the store with"):
                call()
        assert spent_in(store, currency="EUR") == {"p1": 1990}


def test_a_store_with_one_currency_needs_no_rates_later(tmp_path: Path) -> None:
    """Rates alone do not make several currencies."""
    path = tmp_path / "shop.db"
    with SqliteStore(path, rates=RATES) as store:
        store.append(DOLLAR, recorded_at=LATER)
        store.append(order("3", Money(1, "USD")), recorded_at=LATER)
    with SqliteStore(path) as store:
        assert store.append(order("4", Money(1, "USD")), recorded_at=LATER).added == 1
        assert store.logs().currency == "USD"


def test_wrong_rates_and_amounts_are_refused() -> None:
    """Nothing is stored that cannot be read in the reporting currency."""
    wrong: Any = {"USD": 1}
    with pytest.raises(ArgumentError, match="rates must be Rates of the shop or None"):
        SqliteStore(rates=wrong)
    with SqliteStore(rates=RATES) as store:
        with pytest.raises(MoneyError, match="no rate of EUR on 2026-03-09"):
            store.append(order("1", Money(1, "EUR"), NOON + 8 * DAY), recorded_at=LATER)
        with pytest.raises(RecordError, match="is in USD and its purchase is in EUR; a refund has the currency of its"):
            store.append(EURO, refund("r", "1", Money(1, "USD"), LATER), recorded_at=LATER)
        assert store.stage_record("p1") is None


def test_converted_records_are_amended_as_they_came_in() -> None:
    """A record of a history can be changed and given back; its amounts cannot be changed after the conversion."""
    line = OrderLine(sku="mug", unit_price=Money("19.90", "EUR"))
    first = EURO.model_copy(update={"lines": (line,)})
    with SqliteStore(rates=RATES) as store:
        store.append(first, BACK, QUOTE, recorded_at=LATER)
        history = store.history("p1")
        sent = history.purchases[0].model_copy(update={"status": "shipped"})
        why = history.refunds[0].model_copy(update={"reason": "broken"})
        quoted = history.interactions[0].model_copy(update={"channel": "phone"})
        assert store.amend(sent, why, quoted, recorded_at=LATER).added == 3
        expected: Iterable[Record] = (
            first.model_copy(update={"status": "shipped"}),
            BACK.model_copy(update={"reason": "broken"}),
            QUOTE.model_copy(update={"channel": "phone"}),
        )
        assert set(store.history("p1").records) == set(RATES.of(expected))

        cheaper = sent.model_copy(update={"amount": Money(1, "USD")})
        with pytest.raises(ArgumentError, match="amount of purchase '1' of 'shop' changed after the conversion to USD"):
            store.amend(cheaper, recorded_at=LATER)
        converted = RATES.of([order("9", Money(2, "EUR"))])
        store.append(*converted, recorded_at=LATER)
        assert store.append(*converted, recorded_at=LATER).skipped == 1


def test_other_rates_make_everyone_due(tmp_path: Path) -> None:
    """A stage that was computed with former rates is computed again."""
    path, dearer = tmp_path / "shop.db", Rates("USD", {("EUR", date(2026, 3, 1)): 2}, tz="UTC")
    with SqliteStore(path, stage=spent, rates=RATES) as store:
        store.append(EURO, recorded_at=NOON)
        assert store.due(before=NOON) == []
    with SqliteStore(path, stage=spent, rates=dearer) as store:
        assert store.due(before=NOON) == ["p1"]
        assert [one.stage for one in store.refresh("p1", as_of=NOON)] == ["3980"]


def test_merged_people_have_one_currency() -> None:
    """The records that a merge moves are converted, too."""
    other = EURO.model_copy(update={"id": "9", "person_id": "p2"})
    with SqliteStore(stage=spent, rates=RATES) as store:
        store.append(DOLLAR, other, recorded_at=LATER)
        assert store.merge("p2", into="p1", merged_at=LATER).stage == "2659"
