"""Every way in which a mapping may say that a file is written, together: the laws hold for all of them."""

from __future__ import annotations

import random
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from funnel import Logs
from funnel.readers._read_orders import OrderMapping
from funnel.readers._shop_data import ShopData
from tests.readers.shop import LINES, WHOLE, account, count_of, mapping, read

HEAD = "No,Buyer,When,Total,Item,Pieces,Price,State,Gone,Back,Back on,Code\n"
ROW = st.tuples(
    st.sampled_from(["1", "1", "2", "3", "C1", "X1", ""]),
    st.sampled_from(["ani", "ani", "budi", ""]),
    st.sampled_from(["2026-03-01", "2026-03-01 14:00", "2026-03-02 09:00", "2026-04-25", ""]),
    st.sampled_from(["5", "5", "20", "-5", "'-2", "0", ""]),
    st.sampled_from(["cup", "cup", "POST", ""]),
    st.sampled_from(["1", "2", "-1", ""]),
    st.sampled_from(["5", "0.335", "-1", ""]),
    st.sampled_from(["done", "done", "gone", "", "later"]),
    st.sampled_from(["", "", "-", "2026-03-01", "2026-03-03 10:00", "soon"]),
    st.sampled_from(["", "", "2", "-3", "60", "0"]),
    st.sampled_from(["", "2026-03-01", "2026-03-03 10:00", "2026-02-01"]),
    st.sampled_from(["GBP", "GBP", "USD", ""]),
)
CANCELLED = {"status": "State", "cancelled_at": "Gone"}
REFUNDED = {"refunded_amount": "Back", "refunded_at": "Back on"}


@st.composite
def mappings(draw: st.DrawFn) -> OrderMapping:
    """Declare a file in any way that fits together."""
    shape = draw(st.sampled_from([WHOLE, LINES]))
    columns: dict[str, str] = dict(shape) | draw(st.sampled_from([{}, {"currency": "Code"}, {"sku": "Item"}]))
    columns |= draw(st.sampled_from([{}, {"status": "State"}, {"cancelled_at": "Gone"}, CANCELLED]))
    columns |= draw(st.sampled_from([{}, {"refunded_amount": "Back"}, REFUNDED]))
    refunds = ["reduce", "as_of", *["refuse"] * ("refunded_at" in columns)]
    refunded = "refunded_amount" in columns
    return mapping(
        columns,
        currency="GBP",
        zone=draw(st.sampled_from(["UTC", "Asia/Jakarta", "Africa/Cairo"])),
        amount_style=draw(st.sampled_from(["plain", "number"])),
        statuses={"done": "paid", "gone": "cancelled"} if "status" in columns else {},
        cancelled_prefix=draw(st.sampled_from(["", "X"])),
        credit_prefix="" if refunded else draw(st.sampled_from(["", "C"])),
        credit_negative=not refunded and draw(st.booleans()),
        undated_refunds=draw(st.sampled_from(refunds)) if refunded else "refuse",
        amount_of=draw(st.sampled_from(["row", "order"])) if shape is WHOLE else "row",
        fill_down=draw(st.booleans()),
        blanks=draw(st.sampled_from([(), ("-",)])),
        as_of=date(2026, 4, 30),
    )


def read_rows(rows: list[tuple[str, ...]], how: OrderMapping) -> ShopData:
    """Write rows to a file and read it."""
    with tempfile.TemporaryDirectory() as folder:
        return read(Path(folder), HEAD + "".join(",".join(row) + "\n" for row in rows), how)


def tables(orders: ShopData) -> tuple[Any, ...]:
    """Give everything but the account."""
    return orders.purchases.rows(), orders.refunds.rows()


@given(rows=st.lists(ROW, max_size=10), how=mappings(), seed=st.integers(0, 1000))
def test_the_laws_hold_however_a_file_is_written(rows: list[tuple[str, ...]], how: OrderMapping, seed: int) -> None:
    """Rows add up, refunds are never above nor before their purchase, and what was read fits into tables of records.

    The order of the rows and copies of them change nothing, unless a blank number is that of the row above.
    """
    if any(row[-1] == "USD" for row in rows) and how.columns.currency is None:
        rows = [(*row[:-1], "GBP") for row in rows]
    orders = read_rows(rows, how)
    rows_kept, bought = account(orders)["rows kept"][1], {row["id"]: row for row in orders.purchases.to_dicts()}
    left = {number: row["amount"] for number, row in bought.items()}
    for refund in orders.refunds.to_dicts():
        left[refund["purchase_id"]] -= refund["amount"]

        assert refund["amount"] > 0
        assert refund["refunded_at"] >= bought[refund["purchase_id"]]["purchased_at"]
    assert min(left.values(), default=0) >= 0
    assert orders.refunds["id"].is_unique().all()
    assert all(row["cancelled_at"] is None or row["cancelled_at"] >= row["purchased_at"] for row in bought.values())
    assert (
        rows_kept + count_of(orders, "merged") + count_of(orders, "refused") == account(orders)["rows in the file"][1]
    )
    assert account(orders)["rows in the file"][1] == len(rows)
    Logs(purchases=orders.purchases, refunds=orders.refunds, currency=orders.currency)
    if how.fill_down and any(row[0] == "" for row in rows):
        return
    shuffled = rows + rows[:2]
    random.Random(seed).shuffle(shuffled)

    assert tables(read_rows(shuffled, how)) == tables(orders)


def test_a_file_may_be_written_in_all_of_these_ways(tmp_path: Path) -> None:
    """One file with everything in it, counted by hand."""
    text = HEAD + (
        "1,ani,2026-03-01 14:00,20,cup,1,5,done,-,,,GBP\n"
        "1,,,,lid,1,5,,-,'-4,2026-03-01,\n"
        "2,budi,2026-03-02 09:00,7,cup,1,5,done,2026-03-02,,,GBP\n"
        "3,budi,2026-03-02 09:00,7,cup,1,5,done,-,,,USD\n"
    )
    how = mapping(
        WHOLE | CANCELLED | REFUNDED | {"currency": "Code"},
        currency="GBP",
        zone="UTC",
        statuses={"done": "paid"},
        blanks=("-",),
        fill_down=True,
    )
    orders = read(tmp_path, text, how)

    assert orders.purchases.select("id", "person_id", "amount", "status").rows() == [
        ("1", "ani", 2000, "paid"),
        ("2", "budi", 700, "cancelled"),
    ]
    assert orders.refunds.select("purchase_id", "amount", "refunded_at").rows() == [
        ("1", 400, datetime(2026, 3, 1, 14, tzinfo=UTC))
    ]
