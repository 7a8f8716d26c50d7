"""Order files as shops write them: each option of the mapping that a real file needs."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from funnel.errors import ArgumentError, LogsError
from funnel.readers._read_orders import read_orders
from tests.readers.shop import LINES, WHOLE, account, count_of, lines, mapping, read

if TYPE_CHECKING:
    from pathlib import Path

    from funnel.readers._shop_data import ShopData

HEAD = "No,Buyer,When,Total\n"
LINE_HEAD = "No,Buyer,When,Item,Pieces,Price\n"
STATES = {"columns": {**WHOLE, "status": "State"}, "statuses": {"ok": "paid", "void": "cancelled"}}


def amounts(orders: ShopData) -> dict[str, int]:
    """Give the amount of each order."""
    return dict(orders.purchases.select("id", "amount").rows())


def add_up(orders: ShopData) -> bool:
    """Say whether the rows read are the rows kept, merged and refused."""
    entries = account(orders)
    rows_kept = entries["rows kept"][1]
    return entries["rows in the file"][1] == rows_kept + count_of(orders, "merged") + count_of(orders, "refused")


# ---- times -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "cell", "moment"),
    [
        ("epoch", "1772330400", datetime(2026, 3, 1, 2, tzinfo=UTC)),
        ("epoch", "1772330400.25", datetime(2026, 3, 1, 2, 0, 0, 250_000, tzinfo=UTC)),
        ("epoch", "-86400", datetime(1969, 12, 31, tzinfo=UTC)),
        ("epoch_ms", "1772330400250", datetime(2026, 3, 1, 2, 0, 0, 250_000, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("zone", ["Asia/Jakarta", "in the text"])
def test_seconds_since_1970_are_instants_in_any_zone(
    tmp_path: Path, form: str, cell: str, moment: datetime, zone: str
) -> None:
    """A count of seconds or milliseconds is an instant by itself; the zone cuts the days only."""
    orders = read(tmp_path, f"{HEAD}1,ani,{cell},5\n", mapping(time_format=form, zone=zone))

    assert orders.purchases["purchased_at"].to_list() == [moment]


@pytest.mark.parametrize("cell", ["1772330400250", "01/03/2026", "1.7e9", "99999999999999"])
def test_other_numbers_are_no_seconds(tmp_path: Path, cell: str) -> None:
    """Milliseconds in a column of seconds would be a year far ahead, and are refused."""
    orders = read(tmp_path, f"{HEAD}1,ani,{cell},5\n", mapping(time_format="epoch"))

    assert account(orders)["time not in the declared format"] == ("refused", 1, (1,))


def test_columns_of_numbers_hold_seconds_and_columns_of_times_hold_times(tmp_path: Path) -> None:
    """In a typed table, a column of numbers is a count of seconds; a column of times needs no format."""
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    table = pl.DataFrame({"No": ["1"], "Buyer": ["ani"], "Total": [5]})
    for when in (1772323200, 1772323200.0, datetime(2026, 3, 1), date(2026, 3, 1)):  # noqa: DTZ001 (a clock time)
        orders = read_orders(table.with_columns(When=pl.lit(when)), mapping(time_format="epoch", zone="UTC"))

        assert orders.purchases["purchased_at"].to_list() == [moment]
    with pytest.raises(LogsError, match="give text, dates or times"):
        read_orders(table.with_columns(When=1.5), mapping())


# ---- amounts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("style", "cell", "minor"),
    [
        ("ch", "1'234'567.50", 123456750),
        ("ch", "1\u2019234.50", 123450),
        ("ch", "1234.5", 123450),
        ("in", "1,23,45,678.90", 1234567890),
        ("in", "1,234", 123400),
        ("fr", "1 234,56", 123456),
        ("fr", "1\u00a0234\u202f567,5", 123456750),
        ("fr", "1234,56 €", 123456),
        ("us", "$1,234.50", 123450),
        ("us", "EUR 1,234.50", 123450),
        ("id", "1.234,50\u00a0€", 123450),
        ("plain", "€ 12.5", 1250),
    ],
)
def test_amounts_are_read_as_their_country_writes_them(tmp_path: Path, style: str, cell: str, minor: int) -> None:
    """Each style has its grouping and its decimal mark; the marks of the mapping stand before or after."""
    orders = read(
        tmp_path,
        f'{HEAD}1,ani,2026-03-01,"{cell}"\n',
        mapping(currency="EUR", amount_style=style, amount_marks=("$", "€")),
    )

    assert amounts(orders) == {"1": minor}


@pytest.mark.parametrize(
    ("style", "cell"),
    [
        ("ch", "12'34.50"),
        ("ch", "1,234.50"),
        ("in", "123,456.00"),
        ("in", "1,23,45"),
        ("fr", "1 23,50"),
        ("fr", "1.234,50"),
        ("us", "₹5"),
    ],
)
def test_other_groupings_are_refused(tmp_path: Path, style: str, cell: str) -> None:
    """A group of another length, or the mark of another style, is not read as something near it."""
    orders = read(
        tmp_path, f'{HEAD}1,ani,2026-03-01,"{cell}"\n', mapping(currency="EUR", amount_style=style, amount_marks=("€",))
    )

    assert account(orders)["amount not written in the declared style"] == ("refused", 1, (1,))


@pytest.mark.parametrize(
    ("negatives", "cell", "amount"),
    [
        ("leading", "-5", 400),
        ("leading", "5-", 900),
        ("leading", "(5)", 900),
        ("trailing", "5-", 400),
        ("trailing", "5 -", 400),
        ("trailing", "€5-", 400),
        ("trailing", "5 €-", 400),
        ("trailing", "-5-", 900),
        ("trailing", "5", 1400),
        ("parentheses", "(5)", 400),
        ("parentheses", "(€5)", 400),
        ("parentheses", "€(5)", 400),
        ("parentheses", "(-5)", 900),
        ("parentheses", "5", 1400),
    ],
)
def test_negatives_are_read_as_the_mapping_says(tmp_path: Path, negatives: str, cell: str, amount: int) -> None:
    """A minus behind the amount and parentheses mean below zero only if the mapping says so."""
    text = f"{HEAD}1,ani,2026-03-01,9\n1,ani,2026-03-01,{cell}\n"
    orders = read(tmp_path, text, mapping(negatives=negatives, discounts=True, amount_marks=("€",)))

    assert amounts(orders)["1"] == amount
    assert add_up(orders)


# ---- quantities, discounts, cancelled rows ---------------------------------------------------------------------------


def test_fractional_quantities_are_exact(tmp_path: Path) -> None:
    """A quarter of a kilogram at 9.99 is 2.4975, rounded once for the row; the line keeps its quantity."""
    text = f"{LINE_HEAD}1,ani,2026-03-01,rice,0.25,9.99\n1,ani,2026-03-01,tea,2,1.50\n"
    orders = read(tmp_path, text, lines(fractional=True))

    assert amounts(orders) == {"1": 250 + 300}
    assert orders.order_lines.select("sku", "quantity", "amount").rows() == [
        ("rice", Decimal("0.25"), 250),
        ("tea", Decimal(2), 300),
    ]


@pytest.mark.parametrize(
    ("quantity", "price", "why"),
    [
        ("0.1234", "1", "quantity not a number with at most 3 decimals up to 1000000"),
        ("1000001", "1", "quantity not a number with at most 3 decimals up to 1000000"),
        ("0,5", "1", "quantity not a number with at most 3 decimals up to 1000000"),
        ("0.0", "1", "quantity of zero"),
        ("1", "0.000000001", "price with too many decimals for a fractional quantity"),
    ],
)
def test_what_a_fractional_quantity_cannot_hold_is_refused(tmp_path: Path, quantity: str, price: str, why: str) -> None:
    """More decimals, more pieces, or another decimal mark than the amounts have are refused."""
    orders = read(tmp_path, f'{LINE_HEAD}1,ani,2026-03-01,rice,"{quantity}",{price}\n', lines(fractional=True))

    assert account(orders)[why] == ("refused", 1, (1,))


def test_a_fractional_return_is_matched_with_its_purchase(tmp_path: Path) -> None:
    """Half a kilogram of three quarters comes back at its price."""
    text = f"{LINE_HEAD}1,ani,2026-03-01,rice,0.75,8.00\nC2,ani,2026-03-02,rice,-0.5,8.00\n"
    orders = read(tmp_path, text, lines(fractional=True))

    assert orders.refunds.select("purchase_id", "amount").rows() == [("1", 400)]


def test_discount_rows_reduce_their_order(tmp_path: Path) -> None:
    """A row below zero by its price or by its quantity is a discount, noted, and no line of a product."""
    text = (
        f"{LINE_HEAD}1,ani,2026-03-01,rice,2,10\n1,ani,2026-03-01,promo,1,-3\n1,ani,2026-03-01,promo,-1,2\n"
        "2,ani,2026-03-01,rice,1,10\n2,ani,2026-03-01,promo,-1,-2\n3,ani,2026-03-01,promo,1,-2\n"
    )
    orders = read(tmp_path, text, lines(discounts=True, credit_prefix=""))
    entries = account(orders)

    assert amounts(orders) == {"1": 1500, "2": 1000}
    assert orders.order_lines.select("purchase_id", "sku").rows() == [("1", "rice"), ("2", "rice")]
    assert entries["discount, which reduces the amount of its order"] == ("noted", 2, (2, 3))
    assert entries["price and quantity below zero"] == ("refused", 1, (5,))
    assert entries["order whose discounts exceed its amount"] == ("refused", 1, (6,))
    assert add_up(orders)


def test_a_credit_never_takes_back_a_discount(tmp_path: Path) -> None:
    """Returned pieces are those of products; together they never exceed what was paid after the discount."""
    text = (
        f"{LINE_HEAD}1,ani,2026-03-01,rice,2,10\n1,ani,2026-03-01,rice,1,-10\n"
        "C2,ani,2026-03-02,rice,-2,10\nC3,ani,2026-03-03,rice,-1,10\n"
    )
    orders = read(tmp_path, text, lines(discounts=True))

    assert orders.refunds["amount"].sum() == amounts(orders)["1"] == 1000
    assert account(orders)["credit without its purchase"] == ("noted", 1, (4,))


def test_a_cancelled_row_of_an_order_is_refused_or_dropped(tmp_path: Path) -> None:
    """By default an order with rows of both kinds is refused; with "drop" the other rows are the order."""
    text = (
        "No,Buyer,When,Total,State,Back,Back on\n1,ani,2026-03-01,5,ok,,\n1,ani,2026-03-01,7,void,7,2026-03-02\n"
        "2,ani,2026-03-01,9,void,,\n"
    )
    columns = {**STATES["columns"], "refunded_amount": "Back", "refunded_at": "Back on"}
    refused = read(tmp_path, text, mapping(columns, statuses=STATES["statuses"]))
    dropped = read(tmp_path, text, mapping(columns, statuses=STATES["statuses"], cancelled_rows="drop"))

    assert account(refused)["order with rows of different statuses"] == ("refused", 2, (1, 2))
    assert dropped.purchases.select("id", "amount", "status").sort("id").rows() == [
        ("1", 500, "paid"),
        ("2", 900, "cancelled"),
    ]
    assert dropped.refunds.is_empty()
    assert account(dropped)["cancelled row of an order, dropped"] == ("noted", 1, (2,))
    assert add_up(refused)
    assert add_up(dropped)


def test_a_dropped_row_does_not_make_an_order_of_charges(tmp_path: Path) -> None:
    """If only the postage of an order is left, it is an order of charges alone."""
    text = "No,Buyer,When,Item,Total,State\n1,ani,2026-03-01,tea,5,void\n1,ani,2026-03-01,POST,7,ok\n"
    columns = {**STATES["columns"], "sku": "Item"}
    orders = read(
        tmp_path, text, mapping(columns, statuses=STATES["statuses"], cancelled_rows="drop", charges=("POST",))
    )

    assert account(orders)["order of charges alone"] == ("refused", 2, (1, 2))


# ---- people ----------------------------------------------------------------------------------------------------------


def test_masked_buyers_are_nobody(tmp_path: Path) -> None:
    """Two strangers whose masked names are equal are counted as unknown, never as one person."""
    text = f"{HEAD}1,a***n,2026-03-01,5\n2,a***n,2026-03-02,5\n3,ani,2026-03-02,5\n4,GUEST 7,2026-03-02,5\n"
    patterns = (r".*[*]{3}.*", r"guest \d+")
    some = read(tmp_path, text, mapping(nobody_patterns=patterns))
    folded = read(tmp_path, text, mapping(nobody_patterns=patterns, fold_case=True))

    assert account(some)["no customer"] == ("refused", 2, (1, 2))
    assert account(folded)["no customer"] == ("refused", 3, (1, 2, 4))


def test_addresses_in_capitals_are_the_same_person_if_the_mapping_says_so(tmp_path: Path) -> None:
    """An e-mail address in capitals is the same address; other ids may differ in case alone."""
    text = f"{HEAD}1,Ani@X.test,2026-03-01,5\n2,ani@x.TEST,2026-03-02,5\n3,NOBODY,2026-03-02,5\n"

    assert read(tmp_path, text, mapping()).purchases["person_id"].n_unique() == 3
    folded = read(tmp_path, text, mapping(fold_case=True, nobody=("Nobody",)))
    assert folded.purchases["person_id"].to_list() == ["ani@x.test"] * 2


# ---- lines below, frames, order lines --------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["Total,,,12\n\n", "printed by me\nTotal,,,12", 'a,b,c,d,e,f\n"x""\n'])
def test_lines_below_the_last_row_are_left_out(tmp_path: Path, end: str) -> None:
    """Lines of totals are not rows, whatever is in them; the account counts them."""
    orders = read(tmp_path, f"{HEAD}1,ani,2026-03-01,5\n2,ani,2026-03-01,7\n{end}", mapping(skip_end=2))

    assert amounts(orders) == {"1": 500, "2": 700}
    assert account(orders)["rows in the file"] == ("read", 2, ())
    assert account(orders)["line below the last row, left out"] == ("noted", 2, ())


def test_more_lines_below_than_the_file_has_leave_no_heading(tmp_path: Path) -> None:
    """A file of fewer lines has no heading left, which is an error, not an empty shop."""
    with pytest.raises(LogsError, match="the first row does not have the mapping's columns"):
        read(tmp_path, f"{HEAD}1,ani,2026-03-01,5\n", mapping(skip_end=9))


@pytest.mark.parametrize("native", [pl.DataFrame.lazy, pl.DataFrame.to_pandas, pl.DataFrame.to_arrow])
def test_a_dataframe_is_read_as_its_file(tmp_path: Path, native: Any) -> None:
    """A table of any engine gives the purchases and the account of the same table as a Parquet file."""
    table = pl.DataFrame(
        {"No": ["1", "2", "2"], "Buyer": ["ani", "budi", "budi"], "When": ["2026-03-01"] * 3, "Total": [1.5, 2.5, 2.5]}
    )
    table.write_parquet(tmp_path / "orders.parquet")
    how = mapping(amount_style="number")
    one, other = read_orders(native(table), how), read_orders(tmp_path / "orders.parquet", how)

    assert one.purchases.equals(other.purchases)
    assert one.account == other.account
    assert account(one)["exact copy of an earlier row"] == ("merged", 1, (3,))


def test_a_dataframe_is_checked_as_a_file_is() -> None:
    """A missing column is an error that names the dataframe; other things are errors too."""
    with pytest.raises(LogsError, match=r"the dataframe: column 'Total' \(amount\) is missing"):
        read_orders(pl.DataFrame({"No": ["1"], "Buyer": ["a"], "When": ["2026-03-01"]}), mapping())
    with pytest.raises(ArgumentError, match="give a file, a list of files, or a dataframe"):
        read_orders(7, mapping())


def test_order_lines_are_those_of_products(tmp_path: Path) -> None:
    """Each row of a product is a line with its amount; charges and credits are none, whole orders have none."""
    text = (
        f"{LINE_HEAD}1,ani,2026-03-01,rice,2,10\n1,ani,2026-03-01,POST,1,3\n1,ani,2026-03-01,,1,4\n"
        "C2,ani,2026-03-02,rice,-1,10\n"
    )
    orders = read(tmp_path, text, lines(charges=("POST",)))

    assert orders.order_lines.rows() == [
        ("1", "shop", "", "", Decimal(1), 400, "GBP"),
        ("1", "shop", "rice", "", Decimal(2), 2000, "GBP"),
    ]
    assert read(tmp_path, f"{HEAD}1,ani,2026-03-01,5\n", mapping()).order_lines.is_empty()


def test_the_amount_of_an_order_is_not_that_of_its_lines(tmp_path: Path) -> None:
    """If each row repeats the amount of the order, the lines have no amount; without quantities they have none."""
    text = "No,Buyer,When,Item,Total\n1,ani,2026-03-01,rice,12\n1,ani,2026-03-01,tea,12\n"
    orders = read(tmp_path, text, mapping({**WHOLE, "sku": "Item"}, amount_of="order"))

    assert orders.order_lines.select("sku", "quantity", "amount").rows() == [("rice", None, None), ("tea", None, None)]
    assert LINES["sku"] == "Item"
