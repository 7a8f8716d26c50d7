"""A real shop's file, read, against the same counts asked of another engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import duckdb
import polars as pl
import pytest

from funnel.readers._read_orders import OrderMapping, read_orders
from funnel.readers._shop_data import ShopData
from tests.readers.shop import account, count_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Query = Callable[[str], list[tuple[Any, ...]]]

pytestmark = [pytest.mark.no_cover, pytest.mark.more]

LARGEST_EXAMPLE = 3_000_000
VIEWS = """
create view named as select distinct * from lines where CustomerID is not null;
create view sold as select *, StockCode in ('POST', 'DOT', 'C2', 'BANK CHARGES', 'CRUK', 'D') as is_charge
    from named where not starts_with(InvoiceNo, 'C');
create view credited as select * from named where starts_with(InvoiceNo, 'C');
"""
PURCHASES = """
select InvoiceNo, min(CustomerID), min(InvoiceDate),
    sum(round_even(cast(UnitPrice as decimal(18, 3)) * Quantity, 2) * 100)::bigint
from sold group by InvoiceNo having not bool_and(is_charge)
"""
CHARGES_ALONE = """
select count(*) from (from sold qualify bool_and(is_charge) over (partition by InvoiceNo))
"""
IMPOSSIBLE = """
select count(*) from credited c where not exists (
    from sold s where s.CustomerID = c.CustomerID and s.StockCode = c.StockCode and s.UnitPrice = c.UnitPrice
    and s.InvoiceDate <= c.InvoiceDate)
"""
NOTES = """
select count(distinct InvoiceNo), count(distinct InvoiceNo) filter (CustomerID is not null)
from lines where starts_with(InvoiceNo, 'C')
"""


@pytest.fixture(scope="module")
def example(root: Path) -> Path:
    """Give the example file."""
    return root / "examples" / "online_retail.parquet"


@pytest.fixture(scope="module")
def how(root: Path) -> OrderMapping:
    """Give the mapping beside it."""
    return OrderMapping.read(root / "examples" / "online_retail.toml")


@pytest.fixture(scope="module")
def orders(example: Path, how: OrderMapping) -> ShopData:
    """Read the example file once."""
    return read_orders(example, how)


@pytest.fixture(scope="module")
def query(example: Path) -> Query:
    """Ask DuckDB about the same file."""
    return connected(example)


def connected(path: Path) -> Query:
    """Let DuckDB answer questions about the lines of a file."""
    connection = duckdb.connect()
    connection.read_parquet(str(path)).create_view("lines")
    connection.execute(VIEWS)
    return lambda question: connection.execute(question).fetchall()


def number(query: Query, question: str) -> int:
    """Ask for one number."""
    [(value,)] = query(question)
    return int(value)


def test_the_example_is_small_and_whole(example: Path, query: Query) -> None:
    """The example has every row of the data set in less than 3 MB."""
    assert example.stat().st_size < LARGEST_EXAMPLE
    assert query("select count(*), count(distinct CustomerID) from lines") == [(541_909, 4372)]


def test_the_account_counts_what_another_engine_counts(orders: ShopData, query: Query) -> None:
    """Rows without a customer, copies, credit notes and refused rows are exact."""
    entries = {why: entry[1] for why, entry in account(orders).items()}
    nobody = number(query, "select count(*) from lines where CustomerID is null")
    rows = number(query, "select count(*) from lines")

    assert entries["rows in the file"] == rows
    assert entries["no customer"] == nobody == 135_080
    assert entries["exact copy of an earlier row"] == rows - nobody - number(query, "select count(*) from named")
    assert entries["credit notes"] == number(query, "select count(distinct InvoiceNo) from credited")
    assert entries["order of charges alone"] == number(query, CHARGES_ALONE)
    assert rows == entries["rows kept"] + count_of(orders, "merged") + count_of(orders, "refused")


def test_each_row_number_is_that_of_a_row_concerned(orders: ShopData, query: Query) -> None:
    """The first five rows without a customer are just those."""
    first = query(
        "select n from (select row_number() over () n, CustomerID c from lines) where c is null order by n limit 5"
    )

    assert account(orders)["no customer"][2] == tuple(number for (number,) in first)


def test_each_purchase_is_what_another_engine_finds(orders: ShopData, query: Query) -> None:
    """Every invoice has its person, its London time and its amount, to the penny."""
    london = ZoneInfo("Europe/London")
    purchase_rows = orders.purchases.select("id", "person_id", "purchased_at", "amount").iter_rows()
    read = sorted(
        (number, int(person_id), at.astimezone(london).replace(tzinfo=None), sum_)
        for number, person_id, at, sum_ in purchase_rows
    )

    assert read == sorted(query(PURCHASES))


def test_refunds_are_of_the_same_person_and_never_above_their_purchase(orders: ShopData, query: Query) -> None:
    """A credit note pays back what its own customer had bought before, and no more."""
    both = orders.refunds.join(orders.purchases, left_on="purchase_id", right_on="id", suffix="_bought")
    person = {
        invoice: str(person_id) for invoice, person_id in query("select distinct InvoiceNo, CustomerID from credited")
    }
    credit = [refund.rpartition("/")[0] for refund in both["id"]]
    back = both.group_by("purchase_id", "amount_bought").agg(pl.col("amount").sum())

    assert both.height == orders.refunds.height
    assert [person[invoice] for invoice in credit] == both["person_id"].to_list()
    assert (both["refunded_at"] >= both["purchased_at"]).all()
    assert (back["amount"] <= back["amount_bought"]).all()


def test_credits_without_a_purchase_include_all_that_can_have_none(orders: ShopData, query: Query) -> None:
    """A credit of something that its customer never bought before at that price finds nothing."""
    unmatched = account(orders)["credit without its purchase"][1]

    assert number(query, IMPOSSIBLE) <= unmatched < number(query, "select count(*) from credited") // 2


def test_the_full_file_has_its_known_counts(shared_data: Path, how: OrderMapping) -> None:
    """The file with its descriptions: 5,268 copies, 135,080 rows of nobody, 3,836 credit notes."""
    path = shared_data / "online_retail.parquet"
    entries, query = account(read_orders(path, how)), connected(path)
    copies = entries["exact copy of an earlier row"][1] + entries["copy of a refused row, refused with it"][1]
    once = number(query, "select count(*) from (select distinct * from lines)")

    assert copies == entries["rows in the file"][1] - once == 5268
    assert entries["no customer"][1] == 135_080
    assert query(NOTES) == [(3836, entries["credit notes"][1])]
