"""Files of orders in several currencies, read with the shop's exchange rates."""

from __future__ import annotations

import json
from datetime import date
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel import Money
from funnel.errors import ArgumentError, LogsError
from funnel.rates import Rates
from funnel.readers import amazon, paypal, segment, shopify, tiktok
from funnel.readers._read_orders import read_orders
from tests.readers.exports import SAMPLES, same
from tests.readers.shop import LINES, WHOLE, account, mapping

if TYPE_CHECKING:
    from pathlib import Path

    from funnel.readers._shop_data import ShopData

RATES = Rates(
    "IDR",
    {(code, date(2026, 3, day)): rate for day, (code, rate) in product((1, 2, 8), (("USD", 15_000), ("JPY", 100)))},
    tz="Asia/Jakarta",
)
SHOPIFY = (
    "Name",
    "Email",
    "Financial Status",
    "Currency",
    "Total",
    "Refunded Amount",
    "Created at",
    "Lineitem quantity",
    "Lineitem name",
    "Lineitem price",
)
AT = "2026-03-01 12:00:00 +0000"
ROWS = [
    ("#1", "ani@example.com", "paid", "usd", "12.50", "2.50", AT, "1", "Cup", "10.00"),
    ("#1", "ani@example.com", None, None, None, None, AT, "1", "Tea", "2.50"),
    ("#2", "budi@example.com", "paid", "JPY", "500", None, AT, "2", "Cup", "250"),
    ("#3", "ani@example.com", "paid", None, "1000.00", None, AT, "1", "Cup", "1000.00"),
    ("#4", "citra@example.com", "paid", "citra", "7", None, AT, "1", "Cup", "7"),
    ("#5", None, "paid", "EUR", "7", None, AT, "1", "Cup", "7"),
]


def frame(rows: list[Any], columns: tuple[str, ...] = SHOPIFY) -> pl.DataFrame:
    """Return the rows of an export as a dataframe of texts."""
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def csv_of(path: Path, rows: list[Any], columns: tuple[str, ...] = SHOPIFY, separator: str = ",") -> Path:
    """Write the rows of an export."""
    frame(rows, columns).write_csv(path, separator=separator)
    return path


def amounts(data: ShopData) -> dict[str, tuple[int, str]]:
    """Return the amount and the currency of each purchase."""
    return {number: (amount, code) for number, amount, code in data.purchases["id", "amount", "currency"].rows()}


def spent(data: ShopData, person_id: str) -> int:
    """Return what a person spent and did not get back, in minor units of the reporting currency."""
    history = data.logs().history(person_id)
    return sum(order.amount.minor for order in history.purchases) - sum(back.amount.minor for back in history.refunds)


@cache
def of_export() -> ShopData:
    """Read the rows of the export as one dataframe."""
    return shopify.orders(frame(ROWS), rates=RATES)


@cache
def of_mapping() -> ShopData:
    """Read the mapped rows as one dataframe."""
    cells = [[cell or None for cell in row.split(",")] for row in MAPPED]
    return read_orders(frame(cells, tuple(HEAD.split(","))), mapping(COLUMNS), rates=RATES)


def assert_adds_up(data: ShopData, rows: int) -> None:
    """Each row is kept, merged or refused."""
    kept_rows = {entry.reason: entry.count for entry in data.account if entry.what == "read"}["rows kept"]
    assert kept_rows + sum(entry.count for entry in data.account if entry.what in ("merged", "refused")) == rows


def test_an_export_in_several_currencies_is_read_with_rates() -> None:
    """Each amount has the minor units of its own currency; an order without a currency is in that of the rates."""
    data = of_export()

    assert amounts(data) == {"#1": (1000, "USD"), "#2": (500, "JPY"), "#3": (100_000, "IDR")}
    assert data.order_lines["purchase_id", "amount", "currency"].rows() == [
        ("#1", 1000, "USD"),
        ("#1", 250, "USD"),
        ("#2", 500, "JPY"),
        ("#3", 100_000, "IDR"),
    ]
    assert account(data)["order in a currency that is not in ISO 4217"] == ("refused", 1, (5,))
    assert_adds_up(data, len(ROWS))
    logs = data.logs()
    assert (data.currency, logs.currency) == ("IDR", "IDR")
    (first, second) = logs.history("ani@example.com").purchases
    assert (first.amount, second.amount) == (Money(150_000, "IDR"), Money(1000, "IDR"))
    assert dict(first.columns) == {"original_currency": "USD", "original_amount": 1000}
    assert spent(data, "budi@example.com") == 50_000_00


def test_the_caller_says_which_currency_an_order_without_one_has() -> None:
    """A file that never says its currency is converted too."""
    data = shopify.orders(frame(ROWS), rates=RATES, currency="USD")
    assert amounts(data)["#3"] == (100_000, "USD")
    sample = SAMPLES["tiktok.orders.csv"]
    in_file, in_dollars = (
        tiktok.orders(sample.path, zone="Asia/Jakarta", currency="USD", **more) for more in ({}, {"rates": RATES})
    )
    assert same(in_file, in_dollars)
    assert (in_file.currency, in_dollars.currency) == ("USD", "IDR")


def test_a_day_without_a_rate_is_an_error_of_the_logs() -> None:
    """A rate is never guessed; the tables still have the amounts of the file."""
    euros = [tuple("EUR" if cell == "usd" else cell for cell in row) for row in ROWS]
    for data in (shopify.orders(frame(euros), rates=RATES), read_orders(frame(euros), rates=RATES)):
        assert amounts(data)["#1"] == (1000, "EUR")
        with pytest.raises(LogsError, match=r"purchases\.currency: .* no rate of EUR on 2026-03-01; add the rates"):
            data.logs()


def test_without_rates_several_currencies_are_refused() -> None:
    """The error names both ways out."""
    with pytest.raises(ArgumentError, match=r"2 currencies .*; pass currency to read .*, or pass rates to convert"):
        shopify.orders(frame(ROWS[:5]))


def test_files_without_orders_have_the_currency_of_the_rates() -> None:
    """A month without orders has no amounts, and its logs have the reporting currency all the same."""
    data = shopify.orders(frame([]), rates=RATES)
    assert (data.currency, data.logs().currency) == ("IDR", "IDR")


@given(data=st.data())
def test_order_and_division_of_the_rows_of_an_export_do_not_matter(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whole orders may stand in any file, in any order, and several times."""
    folder = tmp_path_factory.mktemp("files")
    parts: list[list[Any]] = [[], []]
    for order in data.draw(st.permutations([ROWS[:2], *([row] for row in ROWS[2:])])):
        for part in data.draw(st.sets(st.integers(0, 1), min_size=1)):
            parts[part] += order
    paths = [csv_of(folder / f"{number}.csv", rows) for number, rows in enumerate(parts)]
    read = shopify.orders(data.draw(st.permutations(paths)), rates=RATES)

    assert same(read, of_export())
    assert_adds_up(read, sum(map(len, parts)))


AMAZON = (
    *("order-id", "order-item-id", "purchase-date", "buyer-email", "currency", "sku", "product-name"),
    *("quantity-purchased", "item-price"),
)


def test_an_order_with_two_currencies_is_refused_in_every_file(tmp_path: Path) -> None:
    """Nothing says which currency is right, in one file or in several."""
    rows = [
        ("1", item, "2026-03-01T05:00:00+00:00", "ani@example.com", code, item, "Cup", "1", price)
        for item, code, price in (("a", "USD", "12.50"), ("b", "JPY", "500"))
    ]
    for data in (
        amazon.orders(frame(rows, AMAZON), rates=RATES),
        amazon.orders([csv_of(tmp_path / f"{row[1]}.txt", [row], AMAZON, "\t") for row in rows], rates=RATES),
    ):
        assert amounts(data) == {}
        assert account(data)["order with rows of different currencies"][:2] == ("refused", 2)


def test_lines_are_added_in_the_currency_of_their_order() -> None:
    """The lines of an order are one amount, also if only one of them has the currency."""
    rows = [
        ("1", item, "2026-03-01T05:00:00+00:00", "ani@example.com", code, item, "Cup", "1", price)
        for item, code, price in (("a", "JPY", "1250"), ("b", None, "500"))
    ]
    assert amounts(amazon.orders(frame(rows, AMAZON), rates=RATES)) == {"1": (1750, "JPY")}


def test_a_refund_that_is_a_row_has_the_currency_of_its_payment(tmp_path: Path) -> None:
    """A refund is converted by the day of its purchase, so that a full refund leaves nothing."""
    text = SAMPLES["paypal.payments.csv"].path.read_text("utf-8")
    rates = Rates("IDR", {("USD", date(2026, 3, day)): 15_000 + day for day in range(1, 32)}, tz="America/Los_Angeles")
    path = tmp_path / "Download.CSV"
    path.write_text(text, encoding="utf-8")
    data = paypal.payments(path, rates=rates)
    assert same(data, paypal.payments(path))
    missing = "refund whose order is not in the files"
    assert account(data)[missing] == account(paypal.payments(path))[missing]
    assert spent(data, "bo@example.com") == 0
    rows = text.split("03/10/2026,09:00:00,PDT,Bo Example,Payment Refund,Completed,USD,")
    path.write_text("03/10/2026,09:00:00,PDT,Bo Example,Payment Refund,Completed,EUR,".join(rows), encoding="utf-8")
    less = paypal.payments(path, rates=rates)
    assert account(less)["refund in another currency than the one read"] == ("refused", 1, (3,))
    assert less.refunds.height == data.refunds.height - 1


def test_events_in_several_currencies_are_read_with_rates(tmp_path: Path) -> None:
    """An event of an order has the currency of the purchase, or is refused."""
    path = tmp_path / "events.jsonl"
    rows = [
        ("1", "Order Completed", {"order_id": "1", "total": 12.5, "currency": "USD", "products": [PRODUCT]}),
        ("2", "Order Refunded", {"order_id": "1", "total": 2.5}),
        ("3", "Order Refunded", {"order_id": "1", "total": 5, "currency": "JPY"}),
        ("4", "Order Completed", {"order_id": "2", "total": 500, "currency": "JPY"}),
        ("5", "Order Completed", {"order_id": "3", "total": 1000}),
        ("6", "Order Completed", {"order_id": "4", "total": 7, "currency": "ani"}),
        ("7", "Product Viewed", {"sku": "A", "currency": "EUR"}),
    ]
    event = {"timestamp": "2026-03-01T02:00:00Z", "userId": "ani"}
    texts = [json.dumps({**event, "messageId": number, "event": name, "properties": of}) for number, name, of in rows]
    path.write_text("\n".join(texts))
    data = segment.events(path, rates=RATES)

    assert amounts(data) == {"1": (1250, "USD"), "2": (500, "JPY"), "3": (100_000, "IDR")}
    assert data.refunds["amount", "currency"].rows() == [(250, "USD")]
    assert data.order_lines["amount", "currency"].rows() == [(1250, "USD")]
    assert account(data)["order in another currency than the one read"] == ("refused", 1, (3,))
    assert account(data)["order in a currency that is not in ISO 4217"] == ("refused", 1, (6,))
    assert data.interactions.height == 1
    assert_adds_up(data, len(rows))
    assert spent(data, "ani") == 201_000_00


PRODUCT = {"sku": "cup", "quantity": 1, "price": 12.5}


# ---- mapping -------------------------------------------------------------------------------------------------------

HEAD = "No,Buyer,When,Total,Code,Back,Back on"
MAPPED = [
    "1,ani,2026-03-01,12.50,USD,2.50,2026-03-02",
    "2,budi,2026-03-01,500,jpy,,",
    "3,ani,2026-03-01,1000,IDR,,",
    "4,citra,2026-03-01,7,citra,,",
    "5,citra,2026-03-01,7,,,",
    "6,citra,2026-03-01,7,USD,,",
    "6,citra,2026-03-01,7,JPY,,",
]
COLUMNS = {**WHOLE, "currency": "Code", "refunded_amount": "Back", "refunded_at": "Back on"}


def mapped_file(path: Path, rows: list[str], head: str = HEAD) -> Path:
    """Write a CSV file."""
    path.write_text("\n".join([head, *rows, ""]), encoding="utf-8")
    return path


def test_a_mapped_file_in_several_currencies_is_read_with_rates(tmp_path: Path) -> None:
    """Each row has its own currency; an order with two currencies and a row without one are refused."""
    data = read_orders(mapped_file(tmp_path / "orders.csv", MAPPED), mapping(COLUMNS), rates=RATES)

    assert amounts(data) == {"1": (1250, "USD"), "2": (500, "JPY"), "3": (100_000, "IDR")}
    assert data.refunds["amount", "currency"].rows() == [(250, "USD")]
    assert {reason: rows for reason, (outcome, _, rows) in account(data).items() if outcome == "refused"} == {
        "order with rows of different currencies": (6, 7),
        "currency that is not in ISO 4217": (4,),
        "no currency": (5,),
    }
    assert_adds_up(data, len(MAPPED))
    logs = data.logs()
    assert (data.currency, logs.currency) == ("IDR", "IDR")
    assert spent(data, "ani") == 151_000_00
    assert logs.history("ani").refunds[0].columns["original_amount"] == 250


def test_a_mapped_file_in_one_other_currency_is_converted(tmp_path: Path) -> None:
    """The mapping has the currency of a file that does not say it; a column that it does not name is found."""
    path = mapped_file(tmp_path / "orders.csv", MAPPED[:3])
    assert amounts(read_orders(path, mapping(COLUMNS | {"currency": "Code"}), rates=RATES)).keys() == {"1", "2", "3"}
    by_column = read_orders(path, mapping({**COLUMNS, "currency": None}, currency="USD"), rates=RATES)
    assert amounts(by_column) == {"1": (1250, "USD"), "2": (500, "JPY"), "3": (100_000, "IDR")}
    whole = mapped_file(tmp_path / "whole.csv", ["1,ani,2026-03-01,12.50"], "No,Buyer,When,Total")
    data = read_orders(whole, mapping(currency="USD"), rates=RATES)
    assert spent(data, "ani") == 187_500_00


@given(data=st.data())
def test_order_and_division_of_the_rows_of_a_mapped_file_do_not_matter(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whole orders may stand in any file, in any order, and several times."""
    folder = tmp_path_factory.mktemp("files")
    parts: list[list[str]] = [[], []]
    for order in data.draw(st.permutations([*([row] for row in MAPPED[:5]), MAPPED[5:]])):
        for part in data.draw(st.sets(st.integers(0, 1), min_size=1)):
            parts[part] += order
    paths = [mapped_file(folder / f"{number}.csv", rows) for number, rows in enumerate(parts)]
    read = read_orders(data.draw(st.permutations(paths)), mapping(COLUMNS), rates=RATES)

    assert same(read, of_mapping())
    assert_adds_up(read, sum(map(len, parts)))


def test_a_credit_has_the_currency_of_its_purchase(tmp_path: Path) -> None:
    """Pieces at the same number of minor units in another currency are other pieces."""
    head = "No,Buyer,When,Item,Pieces,Price,Code"
    rows = [
        "1,ani,2026-03-01,tea,1,5.00,USD",
        "2,ani,2026-03-02,tea,1,500,JPY",
        "C1,ani,2026-03-08,tea,-1,5.00,USD",
        "C2,ani,2026-03-08,tea,-1,5.00,IDR",
    ]
    how = mapping({**LINES, "currency": "Code"}, credit_prefix="C")
    data = read_orders(mapped_file(tmp_path / "orders.csv", rows, head), how, rates=RATES)

    assert data.refunds["purchase_id", "amount", "currency"].rows() == [("1", 500, "USD")]
    assert account(data)["credit without its purchase"] == ("noted", 1, (4,))
    assert data.order_lines["amount", "currency"].rows() == [(500, "USD"), (500, "JPY")]


def test_rates_must_be_rates(tmp_path: Path) -> None:
    """The argument is checked before a file is opened, with and without a mapping."""
    wrong: Any = {"USD": 15_000}
    for arguments in ((), (mapping(),)):
        with pytest.raises(ArgumentError, match=r"rates must be Rates or None \(got dict\)"):
            read_orders(tmp_path / "none.csv", *arguments, rates=wrong)
