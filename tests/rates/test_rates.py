"""Rates: exact conversion of one person's records, and of tables on every engine."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel import Contact, Facts, History, Money, OrderLine, Purchase, Refund, SqliteStore
from funnel.errors import ArgumentError, FileError, LogsError, MoneyError
from funnel.facts import count, total
from funnel.facts._base import BaseFacts
from funnel.interactions import Checkout, Quote, Visit
from funnel.rates import Rates
from funnel.rates._factors import SCALE
from funnel.rates._rates import scaled
from tests.engines import ENGINES, FULL, OF_POLARS
from tests.frames import answered
from tests.shop import fewer

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
RATES = Rates(
    "USD",
    {
        ("EUR", date(2026, 3, 1)): "1.085",
        ("EUR", date(2026, 3, 2)): Decimal("1.0915"),
        ("JPY", date(2026, 3, 1)): "0.006512345678",
        ("KWD", date(2026, 3, 1)): 3,
    },
    tz="UTC",
)


def order(number: str, amount: Money, at: datetime = NOON, **more: Any) -> Purchase:
    """A purchase of one person."""
    return Purchase.model_validate({"id": number, "person_id": "p1", "purchased_at": at, "amount": amount, **more})


def refund(number: str, of: str, amount: Money, at: datetime) -> Refund:
    """A refund to one person."""
    return Refund(id=number, purchase_id=of, refunded_at=at, amount=amount)


def test_an_amount_is_converted_at_the_rate_of_its_day() -> None:
    """The day in the shop's zone decides; the decimals of both currencies are kept apart."""
    assert RATES.convert(Money("10", "EUR"), at=NOON) == Money("10.85", "USD")
    assert RATES.convert(Money("10", "EUR"), at=NOON + DAY) == Money("10.92", "USD")  # 10.915, half to even
    assert RATES.convert(Money(1_000, "JPY"), at=NOON) == Money("6.51", "USD")
    assert RATES.convert(Money("1.005", "KWD"), at=NOON) == Money("3.02", "USD")  # 3.015, half to even
    assert RATES.convert(Money("7", "USD"), at=NOON + 900 * DAY) == Money("7", "USD")
    jakarta = Rates("USD", {("EUR", date(2026, 3, 2)): 2}, tz="Asia/Jakarta")
    assert jakarta.convert(Money(1, "EUR"), at=datetime(2026, 3, 1, 17, tzinfo=UTC)) == Money(2, "USD")


@given(st.integers(-(10**14), 10**14), st.integers(1, 10**24))
def test_rounding_is_half_to_even(minor: int, factor: int) -> None:
    """A converted amount is the exact product, rounded as Python rounds fractions."""
    assert scaled(minor, factor) == round(Fraction(minor * factor, 10**SCALE))


def test_a_missing_rate_names_the_currency_and_the_day() -> None:
    """A rate is never guessed from another day."""
    with pytest.raises(MoneyError, match="no rate of EUR on 2026-03-03"):
        RATES.convert(Money(1, "EUR"), at=NOON + 2 * DAY)
    with pytest.raises(MoneyError, match="no rate of GBP on 2026-03-01"):
        RATES.of([order("1", Money(1, "GBP"))])


def test_a_record_keeps_its_amount_before() -> None:
    """Every amount of a record is converted, and `original` has the amount before."""
    line = OrderLine(
        sku="mug",
        quantity=10,
        unit_price=Money("0.02", "EUR"),
        discount=Money("0.20", "EUR"),
        unit_cost=Money("0.01", "EUR"),
    )
    plain = OrderLine(sku="cup", unit_price=Money("10", "EUR"), unit_cost=Money(4, "EUR"))
    more = {"lines": (line, plain), "prepaid": Money(2, "EUR"), "fees": Money(1, "EUR")}
    bought, offer, looked = (
        order("1", Money("10", "EUR"), **more),
        Quote(id="q", person_id="p1", occurred_at=NOON, amount=Money("10", "EUR")),
        Visit(id="v", person_id="p1", occurred_at=NOON),
    )
    unpriced = Checkout(id="c", person_id="p1", occurred_at=NOON)
    paid, quoted, *same = RATES.of([bought, offer, looked, unpriced, bought])
    assert isinstance(paid, Purchase)
    assert isinstance(quoted, Quote)
    assert (paid.amount, paid.original) == (Money("10.85", "USD"), Money("10", "EUR"))
    assert (paid.prepaid, paid.fees, paid.cost) == (Money("2.17", "USD"), Money("1.08", "USD"), Money("4.45", "USD"))
    assert [one.total for one in paid.lines] == [Money("0.00", "USD"), Money("10.85", "USD")]
    assert (quoted.amount, quoted.original) == (Money("10.85", "USD"), Money("10", "EUR"))
    assert same == [looked, unpriced]
    assert History.of("p1", RATES.of([bought, offer])).currency == "USD"


def test_refunds_undo_their_purchase() -> None:
    """Refunds take the rate of the purchase's day, and three thirds are the whole."""
    bought = order("1", Money("10", "EUR"))
    back = [refund(f"r{day}", "1", Money(value, "EUR"), NOON + day * DAY) for day, value in ((3, "3.34"), (1, "3.33"))]
    rest = refund("r9", "1", Money("3.33", "EUR"), NOON + 9 * DAY)
    records = RATES.of([rest, *back, bought])
    facts = Facts.of(History.of("p1", records), as_of=NOON + 8 * DAY)
    assert (facts.net_spent, facts.refunded, facts.purchase_count) == (361, 724, 1)
    facts = Facts.of(History.of("p1", records), as_of=NOON + 9 * DAY)
    assert (facts.net_spent, facts.refunded, facts.purchase_count) == (0, 1085, 0)


def test_a_refund_of_nothing_is_left_out() -> None:
    """A refund that rounds to nothing in the reporting currency is left out."""
    rupiah = Rates("USD", {("IDR", date(2026, 3, 1)): "0.00006"}, tz="UTC")
    bought = order("1", Money(1_000_000, "IDR"))
    (converted,) = rupiah.of([bought, refund("r", "1", Money(1, "IDR"), NOON)])
    assert isinstance(converted, Purchase)
    own = order("2", Money(5, "USD"))
    assert rupiah.of([own, refund("r", "2", Money(1, "USD"), NOON)])[1].key == ("shop", "r")


def test_records_that_cannot_be_converted() -> None:
    """The error says what to give instead."""
    bought = order("1", Money("10", "EUR"))
    with pytest.raises(ArgumentError, match="the purchase of refund 'r' is missing"):
        RATES.of([refund("r", "1", Money(1, "EUR"), NOON)])
    with pytest.raises(MoneyError, match="a refund in USD is of a purchase in EUR"):
        RATES.of([bought, refund("r", "1", Money(1, "USD"), NOON)])
    with pytest.raises(ArgumentError, match="must be a lead, purchase"):
        RATES.of([Contact()])  # type: ignore[list-item]


def test_a_store_has_one_reporting_currency() -> None:
    """Converted records keep their amounts before in a store; a later refund is converted with its purchase."""
    first, last = order("1", Money("10", "EUR")), order("2", Money("4", "USD"))
    back = [refund(f"r{day}", "1", Money(5, "EUR"), NOON + day * DAY) for day in (1, 2)]
    with SqliteStore() as store:
        store.append(*RATES.of([first, last]), recorded_at=NOON)
        for one in back:
            store.append(*RATES.of([*store.history("p1").records, one]), recorded_at=NOON + 2 * DAY)
        history = store.history("p1")
        assert history.purchases[0].original == Money(10, "EUR")
        assert history == History.of("p1", RATES.of([first, last, *back]))
        assert RATES.of(history.records) == history.records
        facts = MoneyFacts.over(store.logs(), as_of=NOON + 2 * DAY)
        assert facts.select("purchase_count", "net_spent", "refunded").row(0) == (1, 400, 1085)


@pytest.mark.parametrize("rate", [0, -1, "x", "1e3", Decimal("NaN"), 10**9, "0.0000000000001", 1.5, True])
def test_a_rate_is_exact_and_in_range(rate: Any) -> None:
    """Floats, NaN, nothing and too many decimals are refused."""
    with pytest.raises(MoneyError, match="a rate must be"):
        Rates("USD", {("EUR", date(2026, 3, 1)): rate}, tz="UTC")


@pytest.mark.parametrize("table", [[], {"EUR": 1}, {("EUR", NOON): 1}, {("USD", date(2026, 3, 1)): 1}])
def test_a_table_of_rates_has_currencies_and_days(table: Any) -> None:
    """A key is a currency and a day, and the reporting currency has no rate."""
    with pytest.raises(ArgumentError):
        Rates("USD", table, tz="UTC")


def test_a_file_of_rates_is_a_table_of_rates(tmp_path: Path) -> None:
    """One row for each currency and day, in any order of columns; every refusal says what to write."""
    file = tmp_path / "rates.csv"
    file.write_text("Day,Note,Rate,Currency\n2026-03-01,bank,1.085,EUR\n\n2026-03-02,,2,EUR\n", encoding="utf-8-sig")
    expected = {("EUR", date(2026, 3, 1)): "1.085", ("EUR", date(2026, 3, 2)): "2"}
    assert Rates.from_csv(file, "USD", tz="UTC") == Rates("USD", expected, tz="UTC")
    for text, message in (
        ("", "is not a table of rates; write the columns currency, day and rate"),
        ("currency,day\n", "is not a table of rates"),
        ("currency,day,rate\nEUR,1.3.2026,2\n", "has no day in line 2; write it like 2026-03-01"),
        ("currency,day,rate\nEUR\n", "has no day in line 2"),
        (f"currency,day,rate\n{'x' * 200_000},2026-03-01,2\n", "has a cell that is too long; write the columns"),
        ("currency,day,rate\n" + 2 * "Sari,2026-03-01,2\n", "^a currency must be a code of ISO 4217: three capital"),
        ("currency,day,rate\nEUR,2026-03-01,2\nEUR,2026-03-01,3\n", "has two rates of EUR on 2026-03-01 .line 3"),
        ("currency,day,rate\nEUR,2026-03-01,1,5\nEUR,2026-03-02,\n", "a rate must be written like"),
    ):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(MoneyError, match=message):
            Rates.from_csv(file, "USD", tz="UTC")
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(MoneyError, match="is not text in UTF-8"):
        Rates.from_csv(file, "USD", tz="UTC")
    with pytest.raises(FileError, match=r"nowhere\.csv cannot be read"):
        Rates.from_csv(tmp_path / "nowhere.csv", "USD", tz="UTC")


# ---- tables --------------------------------------------------------------------------------------------------------

_CODES = ("EUR", "JPY", "KWD", "USD")


@st.composite
def shops(draw: st.DrawFn) -> list[Purchase | Refund]:
    """Draw purchases of a person in four currencies on the first day, and their refunds."""
    records: list[Purchase | Refund] = []
    for number in range(draw(st.integers(1, 4))):
        code = draw(st.sampled_from(_CODES))
        minor = draw(st.sampled_from([0, 1, 50, 333, 10**9 + 7]))
        more = {name: Money.of_minor(draw(st.integers(0, minor)), code) for name in ("prepaid", "cost", "fees")}
        records.append(order(str(number), Money.of_minor(minor, code), NOON, **more))
        for part in range(draw(st.integers(0, 3)) if minor else 0):
            value = Money.of_minor(max(minor // 3, 1), code) if minor >= 3 or not part else None
            if value is not None:
                records.append(refund(f"{number}-{part}", str(number), value, NOON + draw(st.integers(0, 2)) * DAY))
    return records


def of(code: str) -> dict[str, Money]:
    """The optional amounts of a purchase: one unit each."""
    return {name: Money(1, code) for name in ("prepaid", "cost", "fees")}


def frames(records: list[Purchase | Refund]) -> dict[str, pl.DataFrame]:
    """The records as tables with a column of currencies."""
    bought = [one for one in records if isinstance(one, Purchase)]
    back = [one for one in records if isinstance(one, Refund)]
    purchases = [
        {
            **{name: getattr(one, name) for name in ("id", "person_id", "purchased_at")},
            **{name: getattr(one, name).minor for name in ("amount", "prepaid", "cost", "fees")},
            "currency": one.amount.currency if one.amount.currency != "USD" else None,
        }
        for one in bought
    ]
    refunds = [
        {
            **{name: getattr(one, name) for name in ("id", "purchase_id", "refunded_at")},
            "amount": one.amount.minor,
            "currency": one.amount.currency,
        }
        for one in back
    ]
    tables = {"purchases": pl.DataFrame(purchases, schema_overrides={"currency": pl.String})}
    return {**tables, "refunds": pl.DataFrame(refunds)} if refunds else tables


class MoneyFacts(BaseFacts):
    """The facts that amounts decide."""

    purchase_count: int = count("purchases")
    net_spent: int = total("purchases", "net_amount")
    refunded: int = total("refunds", "amount")
    cost: int = total("purchases", "cost")
    fees: int = total("purchases", "fees")


@fewer
@given(shops())
def test_tables_are_converted_like_records(records: list[Purchase | Refund]) -> None:
    """The facts of converted tables are those of the converted records."""
    logs = RATES.over(**frames(records))
    assert logs.currency == "USD"
    history = History.of("p1", RATES.of(records))
    for as_of in (NOON, NOON + 2 * DAY):
        assert answered(MoneyFacts.over(logs, as_of=as_of))["p1"] == MoneyFacts.of(history, as_of=as_of).to_dict()


def test_a_database_converts() -> None:
    """A database computes the same integers, refunds too."""
    records = [order("1", Money("3.33", "EUR"), **of("EUR")), refund("r", "1", Money("1.11", "EUR"), NOON)]
    logs = RATES.over(**ENGINES["duckdb"](frames(records)))
    expected = MoneyFacts.of(History.of("p1", RATES.of(records)), as_of=NOON)
    assert answered(MoneyFacts.over(logs, as_of=NOON))["p1"] == expected.to_dict()


@pytest.mark.parametrize("engine", [*OF_POLARS, *(["ibis"] if FULL else [])])
@pytest.mark.no_cover
def test_every_engine_converts(engine: str) -> None:
    """The same integers on the other engines, with the amounts before as own columns."""
    amounts = enumerate([(7, "EUR"), (900, "JPY")])
    bought = [order(str(number), Money(value, code), **of(code)) for number, (value, code) in amounts]
    logs = RATES.over(**ENGINES[engine](frames([*bought])), keep={})
    assert logs.own_columns == {"purchases": ("original_currency", "original_amount")}
    expected = MoneyFacts.of(History.of("p1", RATES.of(bought)), as_of=NOON)
    assert answered(MoneyFacts.over(logs, as_of=NOON))["p1"] == expected.to_dict()


def test_tables_without_currencies_and_own_columns() -> None:
    """A table without the column is in the reporting currency; own columns stay."""
    row = {"id": ["1"], "person_id": ["p1"], "purchased_at": [NOON], "amount": [900], "country": ["ID"]}
    logs = RATES.over(purchases=pl.DataFrame(row), keep={"purchases": ["country"]})
    assert (logs.currency, logs.own_columns) == ("USD", {"purchases": ("country",)})
    back = pl.DataFrame({"id": ["r"], "purchase_id": ["1"], "refunded_at": [NOON], "amount": [90], "currency": ["USD"]})
    facts = MoneyFacts.over(RATES.over(purchases=pl.DataFrame(row), refunds=back), as_of=NOON)
    assert facts["net_spent"].to_list() == [810]


def test_tables_that_cannot_be_converted() -> None:
    """The issue names the column, and the first days without a rate."""
    row: dict[str, Any] = {
        "id": ["1"],
        "person_id": ["p1"],
        "purchased_at": [NOON],
        "amount": [900],
        "currency": ["EUR"],
    }
    with pytest.raises(LogsError, match=r"purchases.currency: 1 row: has no rate of EUR on 2026-03-04; add"):
        RATES.over(purchases=pl.DataFrame({**row, "purchased_at": [NOON + 3 * DAY]}))
    days = [NOON + number * DAY for number in range(10, 17)]
    many = {"id": list("abcdefg"), "person_id": ["p1"] * 7, "purchased_at": days, "amount": [1] * 7}
    with pytest.raises(LogsError, match=r"EUR on 2026-03-15 and 2 more; add the rates"):
        RATES.over(purchases=pl.DataFrame({**many, "currency": ["EUR"] * 7}))
    with pytest.raises(LogsError, match="in the reporting currency; check the rates"):
        RATES.over(purchases=pl.DataFrame({**row, "amount": [10**14]}))
    back = pl.DataFrame({"id": ["r"], "purchase_id": ["1"], "refunded_at": [NOON], "amount": [90], "currency": ["USD"]})
    with pytest.raises(LogsError, match="is not that of the purchase"):
        RATES.over(purchases=pl.DataFrame(row), refunds=back)
