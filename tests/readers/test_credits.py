from __future__ import annotations

import random
import tempfile
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.readers._shop_data import ShopData
from tests.readers.shop import WHOLE, account, count_of, lines, mapping, read

HEAD = "No,Buyer,When,Item,Pieces,Price\n"
START = datetime(2026, 3, 1, tzinfo=UTC)


def refunds(orders: ShopData) -> list[tuple[Any, ...]]:
    """List the refunds without what all of them share."""
    return orders.refunds.select("id", "purchase_id", "amount").rows()


def test_a_credit_goes_to_the_latest_purchase_with_pieces_left(tmp_path: Path) -> None:
    """Pieces that the newest purchase cannot hold go to the one before it."""
    text = HEAD + (
        "1,ani,2026-03-01,tea,5,1\n2,ani,2026-03-02,tea,2,1\n3,ani,2026-03-09,tea,9,1\n"
        "C1,ani,2026-03-03,tea,-1,1\nC2,ani,2026-03-04,tea,-3,1\n"
    )
    orders = read(tmp_path, text, lines())

    assert refunds(orders) == [("C1/1", "2", 100), ("C2/1", "1", 200), ("C2/2", "2", 100)]
    assert orders.refunds["reason"].unique().to_list() == ["credit note"]
    assert account(orders)["credit notes"] == ("read", 2, ())


@pytest.mark.parametrize(
    "line",
    [
        "1,budi,2026-03-01,tea,1,1",
        "1,ani,2026-03-01,pot,1,1",
        "1,ani,2026-03-01,tea,1,1.01",
        "1,ani,2026-03-03,tea,1,1",
    ],
)
def test_a_credit_of_another_thing_finds_no_purchase(tmp_path: Path, line: str) -> None:
    """Another person, another sku, another price, a later day: the credit is counted, not invented."""
    orders = read(tmp_path, f"{HEAD}{line}\nC1,ani,2026-03-02,tea,-1,1\n", lines())

    assert refunds(orders) == []
    assert account(orders)["credit without its purchase"] == ("noted", 1, (2,))


def test_a_credit_of_the_same_instant_finds_its_purchase(tmp_path: Path) -> None:
    """A purchase comes before a credit of the same instant."""
    orders = read(tmp_path, f"{HEAD}C1,ani,2026-03-01,tea,-1,1\n1,ani,2026-03-01,tea,1,1\n", lines())

    assert refunds(orders) == [("C1/1", "1", 100)]


def test_a_credit_of_too_many_pieces_is_noted(tmp_path: Path) -> None:
    """No more comes back than was bought."""
    orders = read(tmp_path, f"{HEAD}1,ani,2026-03-01,tea,2,1\nC1,ani,2026-03-02,tea,-3,1\n", lines())

    assert refunds(orders) == [("C1/1", "1", 200)]
    assert account(orders)["credit of more than was bought, the rest without its purchase"][1:] == (1, (2,))


def test_a_cancelled_purchase_takes_no_credit(tmp_path: Path) -> None:
    """An order that was never paid is not paid back."""
    text = f"{HEAD}X1,ani,2026-03-01,tea,2,1\nC1,ani,2026-03-02,tea,-2,1\n"

    assert refunds(read(tmp_path, text, lines(cancelled_prefix="X"))) == []


def test_a_credit_of_nothing_is_no_refund(tmp_path: Path) -> None:
    """A gift that comes back pays nothing back."""
    orders = read(tmp_path, f"{HEAD}1,ani,2026-03-01,gift,2,0\nC1,ani,2026-03-02,gift,-2,0\n", lines())

    assert refunds(orders) == []
    assert "credit without its purchase" not in account(orders)


def test_rounded_refunds_never_exceed_the_purchase(tmp_path: Path) -> None:
    """Three pieces at a third of a penny more come back one by one, and together cost what they cost."""
    credits_ = "".join(f"C{day},ani,2026-03-0{day},pin,-1,0.335\n" for day in (2, 3, 4))
    orders = read(tmp_path, f"{HEAD}1,ani,2026-03-01,pin,3,0.335\n{credits_}", lines())

    assert orders.purchases["amount"].to_list() == [100]
    assert [amount for _, _, amount in refunds(orders)] == [34, 33, 33]


def test_pieces_below_zero_may_be_credits_where_that_is_declared(tmp_path: Path) -> None:
    """They may stand in the very order that they credit."""
    text = f"{HEAD}1,ani,2026-03-01,tea,3,1\n1,ani,2026-03-02,tea,-1,1\n2,ani,2026-03-03,tea,-1,1\n"
    orders = read(tmp_path, text, lines(credit_prefix="", credit_negative=True))

    assert refunds(orders) == [("1/1", "1", 100), ("2/1", "1", 100)]
    assert orders.purchases.select("id", "amount").rows() == [("1", 300)]


def test_amounts_below_zero_may_be_credits_of_the_same_amount(tmp_path: Path) -> None:
    """Without pieces, the amount itself must be the same; minus nothing is not a credit."""
    text = (
        "No,Buyer,When,Total\n1,ani,2026-03-01,50\n2,ani,2026-03-02,70\n3,ani,2026-03-03,-50\n"
        "4,ani,2026-03-04,-20\n5,ani,2026-03-05,-0\n"
    )
    orders = read(tmp_path, text, mapping(credit_negative=True))
    refused = read(tmp_path, text, mapping())

    assert refunds(orders) == [("3/1", "1", 5000)]
    assert account(orders)["credit without its purchase"] == ("noted", 1, (4,))
    assert orders.purchases["id"].to_list() == ["1", "2", "5"]
    assert account(refused)["amount below zero outside a credit note"] == ("refused", 2, (3, 4))


def test_a_credit_under_the_number_of_a_purchase_is_of_that_purchase(tmp_path: Path) -> None:
    """It names what it pays back: a part, the rest, and no more than is left; a credit of before has no purchase."""
    text = (
        "No,Buyer,When,Total\n"
        "1,ani,2026-03-01,50\n1,ani,2026-03-09,-20\n2,ani,2026-03-02,50\n2,ani,2026-03-03,-60\n"
        "2,ani,2026-03-03,-1\n3,ani,2026-03-02,20\n3,ani,2026-03-01,-20\n"
    )
    orders = read(tmp_path, text, mapping(credit_negative=True))

    assert refunds(orders) == [("2/1", "2", 5000), ("1/1", "1", 2000)]
    assert account(orders)["credit without its purchase"][1:] == (1, (7,))
    assert account(orders)["credit of more than was bought, the rest without its purchase"][1:] == (1, (4,))


def test_a_credit_under_the_number_of_a_purchase_takes_its_own_pieces_first(tmp_path: Path) -> None:
    """Pieces of another order at the same price are not touched, and another price is taken off the order's amount."""
    text = HEAD + (
        "1,ani,2026-03-01,tea,2,10\n2,ani,2026-03-02,tea,2,10\n1,ani,2026-03-03,tea,-1,10\n"
        "1,ani,2026-03-03,tea,-1,4\n3,ani,2026-03-04,tea,-3,10\n"
    )
    orders = read(tmp_path, text, lines(credit_prefix="", credit_negative=True))

    assert refunds(orders) == [("1/1", "1", 1400), ("3/1", "1", 600), ("3/2", "2", 2000)]


def test_an_apostrophe_before_a_sign_is_no_part_of_an_amount(tmp_path: Path) -> None:
    """Shops write '-70 so that no spreadsheet takes it for a formula."""
    text = "No,Buyer,When,Total\n1,ani,2026-03-01,70\nR1,ani,2026-03-02,'-70\n"

    assert refunds(read(tmp_path, text, mapping(credit_prefix="R"))) == [("R1/1", "1", 7000)]


def test_a_credit_note_may_be_written_without_its_minus(tmp_path: Path) -> None:
    """Its number says what it is; a note of both signs is refused, for it cannot be known what it pays back."""
    text = (
        "No,Buyer,When,Total\n1,ani,2026-03-01,50\nN2,ani,2026-03-03,50\nN3,ani,2026-03-04,50\nN3,ani,2026-03-04,-5\n"
    )
    orders = read(tmp_path, text, mapping(WHOLE, credit_prefix="N"))

    assert refunds(orders) == [("N2/1", "1", 5000)]
    assert account(orders)["credit note with rows of both signs"] == ("refused", 2, (3, 4))


# ---- laws: against the slowest and plainest way of doing the same ----

Row = tuple[str, str, int, str, int, str]
rows = st.lists(
    st.tuples(
        st.sampled_from(["1", "2", "3", "4", "5", "6", "C1", "C2", "C3", "C4", ""]),
        st.sampled_from(["ani", "ani", "ani", "budi", ""]),
        st.integers(0, 6),
        st.sampled_from(["tea", "tea", "pot", "POST"]),
        st.sampled_from([1, 2, 3, -1, -2, -4, 0]),
        st.sampled_from(["1.50", "1.50", "0.335", "0", "-1"]),
    ),
    max_size=25,
)


def csv_text(given_rows: list[Row]) -> str:
    """Write rows as a file."""
    body = (
        f"{number},{person},{(START + timedelta(minutes=minute)).isoformat()[:16]},{sku},{pieces},{price}\n"
        for number, person, minute, sku, pieces, price in given_rows
    )
    return HEAD + "".join(body)


def read_rows(given_rows: list[Row]) -> ShopData:
    """Read rows as a file of the shop."""
    with tempfile.TemporaryDirectory() as folder:
        return read(Path(folder), csv_text(given_rows), lines(charges=("POST",)))


def plainly(given_rows: list[Row]) -> tuple[dict[str, tuple[Any, ...]], dict[tuple[str, str], int]]:
    """Do it all by hand, one row and one piece at a time."""
    orders: dict[str, list[Row]] = defaultdict(list)
    for row in dict.fromkeys(given_rows):
        number, person, _, _, pieces, price = row
        if number and person and pieces and not price.startswith("-") and (pieces > 0 or number.startswith("C")):
            orders[number].append(row)
    one = {n: o for n, o in orders.items() if len({row[1] for row in o}) == 1}
    notes = {n: o for n, o in one.items() if n.startswith("C") and len({row[4] > 0 for row in o}) == 1}
    bought = {n: o for n, o in one.items() if not n.startswith("C") and any(row[3] != "POST" for row in o)}
    purchases = {
        n: (o[0][1], min(row[2] for row in o), sum(price_of(row[4], row[5]) for row in o)) for n, o in bought.items()
    }
    return purchases, paid_back(bought, notes, purchases)


def price_of(pieces: int, price: str) -> int:
    """Say what pieces cost, in pence."""
    return int((abs(pieces) * Decimal(price) * 100).quantize(Decimal(1), ROUND_HALF_EVEN))


def paid_back(
    bought: dict[str, list[Row]], notes: dict[str, list[Row]], purchases: dict[str, tuple[Any, ...]]
) -> dict[tuple[str, str], int]:
    """Give each piece back to the latest purchase that still holds one."""
    paid: dict[tuple[str, str], int] = defaultdict(int)
    back: dict[tuple[str, Row], int] = defaultdict(int)
    stock = sorted(((purchases[n][1], n, row[4], row[3], Decimal(row[5]), row) for n, o in bought.items() for row in o))
    noted = sorted(
        ((min(r[2] for r in o), n, abs(row[4]), row) for n, o in notes.items() for row in o), key=lambda x: x[:3]
    )
    for minute, number, pieces, row in noted:
        for _ in range(pieces):
            fitting = [
                (n, line)
                for at, n, _, _, _, line in stock
                if at <= minute and (line[1], line[3], line[5]) == (row[1], row[3], row[5]) and back[n, line] < line[4]
            ]
            if fitting:
                last = fitting[-1]
                before = price_of(back[last], row[5])
                back[last] += 1
                paid[number, last[0]] += price_of(back[last], row[5]) - before
    return {pair: amount for pair, amount in paid.items() if amount}


@given(given_rows=rows)
def test_a_file_is_read_as_one_would_by_hand(given_rows: list[Row]) -> None:
    """Every purchase and every refund is what the plainest program finds, one piece at a time."""
    orders = read_rows(given_rows)
    purchases, paid = plainly(given_rows)
    purchase_rows = orders.purchases.select("id", "person_id", "purchased_at", "amount").iter_rows()
    refund_rows = orders.refunds.select("id", "purchase_id", "amount").iter_rows()

    assert {
        n: (person, (at - START) // timedelta(minutes=1), sum_) for n, person, at, sum_ in purchase_rows
    } == purchases
    assert {(number.rpartition("/")[0], of): amount for number, of, amount in refund_rows} == paid


@given(given_rows=rows)
def test_every_row_is_accounted_for_once(given_rows: list[Row]) -> None:
    """Rows in the file are the rows kept, merged and refused, together."""
    orders = read_rows(given_rows)
    rows_kept = account(orders)["rows kept"][1]

    assert len(given_rows) == rows_kept + count_of(orders, "merged") + count_of(orders, "refused")


@given(given_rows=rows, seed=st.integers(0, 1000))
def test_the_order_and_the_repetition_of_rows_never_matter(given_rows: list[Row], seed: int) -> None:
    """A file shuffled, and with rows delivered twice, holds the same purchases and the same refunds."""
    shuffled = given_rows + given_rows[:3]
    random.Random(seed).shuffle(shuffled)
    once, twice = read_rows(given_rows), read_rows(shuffled)

    assert twice.purchases.equals(once.purchases)
    assert twice.refunds.equals(once.refunds)


@given(given_rows=rows)
def test_refunds_are_never_above_nor_before_their_purchase(given_rows: list[Row]) -> None:
    """An amount that is paid back was paid, and earlier."""
    orders = read_rows(given_rows)
    bought = {row["id"]: row for row in orders.purchases.iter_rows(named=True)}
    left = {number: row["amount"] for number, row in bought.items()}
    for refund in orders.refunds.iter_rows(named=True):
        left[refund["purchase_id"]] -= refund["amount"]

        assert refund["amount"] > 0
        assert refund["refunded_at"] >= bought[refund["purchase_id"]]["purchased_at"]
    assert min(left.values(), default=0) >= 0
    assert orders.refunds["id"].is_unique().all()
