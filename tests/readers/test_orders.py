from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from funnel._fields import NOT_MANGLED
from funnel.errors import ArgumentError, FileError, LogsError, MissingExtraError, RecordError
from funnel.readers._parquet import CountedRows
from funnel.readers._read_orders import Entry, OrderMapping, read_orders
from tests.readers.shop import LINES, WHOLE, account, count_of, lines, mapping, read

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "No,Buyer,When,Item,Pieces,Price\n"
TOTALS = "No,Buyer,When,Total\n"


def amounts_of(frame: pl.DataFrame) -> dict[str, int]:
    """Look the amounts up by id."""
    return dict(frame.select("id", "amount").iter_rows())


def test_lines_of_one_order_are_added_up(tmp_path: Path) -> None:
    """An order is dated by its earliest line, whatever the order of the lines."""
    text = HEAD + "1,ani,2026-03-01 09:05,tea,2,1.25\n1,ani,2026-03-01 09:04,pot,1,10\n2,budi,2026-02-01,tea,1,1.25\n"
    orders = read(tmp_path, text, lines())

    assert orders.purchases.rows(named=True) == [
        {
            "id": number,
            "source": "shop",
            "person_id": person,
            "purchased_at": datetime(2026, month, 1, hour, minute, tzinfo=UTC),
            "amount": amount,
            "currency": "GBP",
            "status": "paid",
            "cancelled_at": None,
            "promotion": "",
        }
        for number, person, month, hour, minute, amount in [("2", "budi", 2, 0, 0, 125), ("1", "ani", 3, 9, 4, 1250)]
    ]
    assert orders.refunds.height == 0
    assert orders.currency == "GBP"


def test_the_two_tables_have_the_same_columns_whatever_the_file(tmp_path: Path) -> None:
    """An empty file makes empty tables of the right types."""
    orders = read(tmp_path, TOTALS, mapping())
    instant = pl.Datetime("us", "UTC")

    assert dict(orders.purchases.schema) == {
        "id": pl.String,
        "source": pl.String,
        "person_id": pl.String,
        "purchased_at": instant,
        "amount": pl.Int64,
        "currency": pl.String,
        "status": pl.String,
        "cancelled_at": instant,
        "promotion": pl.String,
    }
    assert dict(orders.refunds.schema) == {
        "id": pl.String,
        "source": pl.String,
        "purchase_id": pl.String,
        "refunded_at": instant,
        "amount": pl.Int64,
        "currency": pl.String,
        "reason": pl.String,
    }
    assert orders.account == (
        Entry("read", "rows in the file", 0),
        Entry("read", "rows kept", 0),
        Entry("read", "purchases", 0),
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (",ani,2026-03-01,tea,1,1", "no order"),
        ("1,,2026-03-01,tea,1,1", "no customer"),
        ("1,ani,,tea,1,1", "no time"),
        ("1,ani,1/3/2026,tea,1,1", "time not in the declared format"),
        ("1,ani,2026-03-01,tea,,1", "no quantity"),
        ("1,ani,2026-03-01,tea,0,1", "quantity of zero"),
        ("1,ani,2026-03-01,tea,1.5,1", "quantity not a whole number up to 1000000000"),
        ("1,ani,2026-03-01,tea,-1,1", "quantity below zero outside a credit note"),
        ("1,ani,2026-03-01,tea,1,", "no price"),
        ("1,ani,2026-03-01,tea,1,free", "price not written in the declared style"),
        ("1,ani,2026-03-01,tea,1,-1", "price below zero"),
        ("1,ani,2026-03-01,tea,1,-0.000001", "price below zero"),
        ("1,ani,2026-03-01,tea,1,1e13", "price of more than 100000000000000 minor units"),
        ("1,ani,2026-03-01,tea,1000000000,1000000", "row of more than 100000000000000 minor units"),
        ("1,ani,2026-03-01,tea,1,1000000000000.01", "row of more than 100000000000000 minor units"),
        (f"{'9' * 189},ani,2026-03-01,tea,1,1", "order id of more than 188 characters, or with control characters"),
        ("1,None,2026-03-01,tea,1,1", f"customer id that {NOT_MANGLED}"),
        ("1001.0,ani,2026-03-01,tea,1,1", f"order id that {NOT_MANGLED}"),
        ("1,\u200b,2026-03-01,tea,1,1", "no customer"),
        (",,,,,", "no order"),
        ("", "no order"),
    ],
)
def test_a_row_is_refused_with_its_reason_and_number(tmp_path: Path, line: str, why: str) -> None:
    """The account names the row of the data, from 1, and the first reason that holds."""
    good = "7,budi,2026-03-01,tea,1,2.50\n"
    orders = read(tmp_path, HEAD + good + line + "\n" + good.replace("7", "8"), lines())

    assert account(orders)[why] == ("refused", 1, (2,))
    assert amounts_of(orders.purchases) == {"7": 250, "8": 250}


def test_ids_written_as_floats_are_read_and_noted(tmp_path: Path) -> None:
    """If every id of the column has ".0", a program wrote whole numbers as floats: 556.0 is 556."""
    text = HEAD + "1.0,556.0,2026-03-01,tea,1,1\n2.0,,2026-03-01,tea,1,1\n3.0,557.0,2026-03-01,tea,1,1\n"
    orders = read(tmp_path, text, lines())

    assert orders.purchases.select("id", "person_id").rows() == [("1", "556"), ("3", "557")]
    assert account(orders)["id written as a float, such as 1001.0, read as 1001"] == ("noted", 2, (1, 3))
    mixed = read(tmp_path, text.replace("557.0", "guest"), lines())
    assert account(mixed)[f"customer id that {NOT_MANGLED}"] == ("refused", 1, (1,))
    assert mixed.purchases["id"].to_list() == ["3"]


def test_the_largest_amount_is_still_an_amount(tmp_path: Path) -> None:
    """A limit is passed only beyond it, for a row and for an order."""
    text = (
        HEAD + "1,ani,2026-03-01,tea,1,1000000000000\n2,ani,2026-03-01,tea,1,999999999999\n2,ani,2026-03-01,pot,1,2\n"
    )
    orders = read(tmp_path, text, lines())

    assert amounts_of(orders.purchases) == {"1": 10**14}
    assert account(orders)["order of more than 100000000000000 minor units"] == ("refused", 2, (2, 3))


def test_exact_copies_are_merged_and_other_rows_are_not(tmp_path: Path) -> None:
    """A row delivered twice is one row; a column that is not read still tells two rows apart."""
    head = "No,Buyer,When,Total,Note\n"
    row, other = "1,ani,2026-03-01,100,a\n", "1,ani,2026-03-01,100,b\n"
    orders = read(tmp_path, head + row + other + row + row, mapping())

    assert account(orders)["exact copy of an earlier row"] == ("merged", 2, (3, 4))
    assert amounts_of(orders.purchases) == {"1": 200_00}


def test_a_copy_of_a_refused_row_is_refused_and_noted(tmp_path: Path) -> None:
    """Each row is counted once, so that the account adds up."""
    text = TOTALS + "1,,2026-03-01,100\n" * 3
    orders = read(tmp_path, text, mapping())

    assert account(orders)["no customer"] == ("refused", 3, (1, 2, 3))
    assert account(orders)["copy of a refused row, refused with it"] == ("noted", 2, (2, 3))
    assert count_of(orders, "merged") == 0


def test_rows_of_different_customers_under_one_number_are_all_refused(tmp_path: Path) -> None:
    """Nobody is given what somebody else bought."""
    text = HEAD + "1,ani,2026-03-01,tea,1,1\n2,ani,2026-03-01,tea,1,1\n1,budi,2026-03-01,tea,1,1\n"
    orders = read(tmp_path, text, lines())

    assert account(orders)["order with rows of different customers"] == ("refused", 2, (1, 3))
    assert amounts_of(orders.purchases) == {"2": 100}


def test_an_order_without_one_of_its_rows_is_noted(tmp_path: Path) -> None:
    """The account notes that an amount may be too small."""
    text = HEAD + "1,ani,2026-03-01,tea,1,1\n1,ani,2026-03-01,pot,1,ten\n2,ani,2026-03-01,pot,1,ten\n"
    orders = read(tmp_path, text, lines())

    assert account(orders)["refused row of an order that is kept without it"] == ("noted", 1, (2,))
    assert amounts_of(orders.purchases) == {"1": 100}


def test_charges_are_paid_but_are_no_purchase_alone(tmp_path: Path) -> None:
    """Postage belongs to what was paid; an invoice of postage alone is refused."""
    text = HEAD + "1,ani,2026-03-01,tea,1,1\n1,ani,2026-03-01,POST,1,5\n2,ani,2026-03-01,POST,1,5\n"
    orders = read(tmp_path, text, lines(charges=("POST",)))

    assert amounts_of(orders.purchases) == {"1": 600}
    assert account(orders)["order of charges alone"] == ("refused", 1, (3,))
    assert account(orders)["charge, not a product: part of what was paid"] == ("noted", 1, (2,))


def test_prices_of_zero_and_prices_too_fine_are_kept_and_noted(tmp_path: Path) -> None:
    """A gift is an order of nothing to pay; a row is rounded half to even, once."""
    text = HEAD + "1,ani,2026-03-01,gift,1,0\n2,ani,2026-03-01,pin,5,0.001\n3,ani,2026-03-01,pin,15,0.001\n"
    orders = read(tmp_path, text, lines())

    assert amounts_of(orders.purchases) == {"1": 0, "2": 0, "3": 2}
    assert account(orders)["amount rounded to whole minor units, half to even"] == ("noted", 2, (2, 3))
    assert account(orders)["row with nothing to pay"] == ("noted", 2, (1, 2))


def test_an_hour_that_came_twice_is_noted(tmp_path: Path) -> None:
    """The first of the two is taken, and the account says so."""
    orders = read(tmp_path, TOTALS + "1,ani,2011-10-30 01:30,5\n", mapping(zone="Europe/London"))

    assert orders.purchases["purchased_at"].to_list() == [datetime(2011, 10, 30, 0, 30, tzinfo=UTC)]
    assert account(orders)["time that the zone's clock showed twice, taken as the first"] == ("noted", 1, (1,))


# ---- cancelled orders ----


def test_a_cancelled_order_is_told_by_its_number(tmp_path: Path) -> None:
    """A cancelled order stays an order, with its state."""
    orders = read(tmp_path, TOTALS + "X1,ani,2026-03-01,5\n2,ani,2026-03-01,5\n", mapping(cancelled_prefix="X"))

    assert dict(orders.purchases.select("id", "status").iter_rows()) == {"X1": "cancelled", "2": "paid"}
    assert account(orders)["of them cancelled"] == ("read", 1, ())


STATES = "No,Buyer,When,Total,State,Gone\n"
STATE = WHOLE | {"status": "State", "cancelled_at": "Gone"}
EARLY = "refund or cancellation earlier on the day of the purchase, taken at the time of the purchase"
BEFORE = "refund before the day of the purchase, left out"
MEANING = {"done": "paid", "gone": "cancelled"}


def test_a_cancelled_order_is_told_by_its_status(tmp_path: Path) -> None:
    """The shop's own words are declared; an unknown one is refused, never guessed."""
    text = STATES + (
        "1,ani,2026-03-01 08:00,5,done,\n"
        "2,ani,2026-03-01 08:00,5, gone ,2026-03-02 07:00\n"
        "3,ani,2026-03-01 08:00,5,gone,\n"
        "4,ani,2026-03-01 08:00,5,later,\n"
        "5,ani,2026-03-01 08:00,5,,\n"
        "6,ani,2026-03-01 08:00,5,gone,2026-02-28 07:00\n"
        "7,ani,2026-03-01 08:00,5,gone,soon\n"
        "8,ani,2026-03-01 08:00,5,done,soon\n"
    )
    orders = read(tmp_path, text, mapping(STATE, statuses=MEANING))

    assert orders.purchases.select("id", "status", "cancelled_at").rows() == [
        ("1", "paid", None),
        ("2", "cancelled", datetime(2026, 3, 2, tzinfo=UTC)),
        ("3", "cancelled", None),
    ]
    assert {why: entry for why, entry in account(orders).items() if entry[0] == "refused"} == {
        "status that the mapping does not name": ("refused", 1, (4,)),
        "no status": ("refused", 1, (5,)),
        "cancelled before it was bought": ("refused", 1, (6,)),
        "time of cancelling not in the declared format": ("refused", 2, (7, 8)),
    }


def test_a_word_may_mean_every_status_of_a_purchase(tmp_path: Path) -> None:
    """A mapping has the words of `Logs.from_orders`: an unpaid order is kept, and is not a purchase yet."""
    meaning = {"open": "unpaid", "cod": "placed", "done": "paid", "sent": "shipped", "there": "delivered"}
    rows = "".join(f"{n},ani,2026-03-01,5,{word},\n" for n, word in enumerate(meaning))
    orders = read(tmp_path, f"{STATES}{rows}", mapping(STATE, statuses=meaning))

    assert orders.purchases["status"].to_list() == list(meaning.values())
    assert account(orders)["of them not paid yet"] == ("read", 2, ())
    assert len(orders.logs().history("ani").purchases) == 5
    two = f"{STATES}1,ani,2026-03-01,5,open,\n1,ani,2026-03-01,6,done,\n"
    refused = read(tmp_path, two, mapping(STATE, statuses=meaning))
    assert account(refused)["order with rows of different statuses"] == ("refused", 2, (1, 2))


def test_a_time_of_cancelling_cancels_whatever_the_status_says(tmp_path: Path) -> None:
    """Some shops leave a cancelled order "paid" and write only when it was cancelled; the contradiction is noted."""
    text = STATES + "1,ani,2026-03-01 08:00,5,done,2026-03-02 07:00\n2,ani,2026-03-01 08:00,5,done,\n"
    orders = read(tmp_path, text, mapping(STATE, statuses=MEANING))

    assert orders.purchases["status"].to_list() == ["cancelled", "paid"]
    assert account(orders)["cancelled by its time, though its status says that it is paid"] == ("noted", 1, (1,))


def test_a_time_of_cancelling_cancels_without_a_known_status(tmp_path: Path) -> None:
    """An empty or unknown status is refused only if no time says that the order is cancelled."""
    text = STATES + (
        "1,ani,2026-03-01 08:00,5,,2026-03-02 07:00\n2,ani,2026-03-01 08:00,5,later,2026-03-02 07:00\n"
        "3,ani,2026-03-01 08:00,5,later,\n4,ani,2026-03-01 08:00,5,,2026-02-02\n"
    )
    orders = read(tmp_path, text, mapping(STATE, statuses=MEANING))

    assert orders.purchases.select("id", "status").rows() == [("1", "cancelled"), ("2", "cancelled")]
    assert account(orders)["status that the mapping does not name"] == ("refused", 1, (3,))
    assert account(orders)["cancelled before it was bought"] == ("refused", 1, (4,))
    assert count_of(orders, "noted") == 0


def test_a_cancellation_earlier_on_the_day_of_the_purchase_is_noted(tmp_path: Path) -> None:
    """Many shops write midnight for the clock of a cancellation; the order is cancelled at its purchase."""
    text = STATES + "1,ani,2026-03-01 08:00,5,gone,2026-03-01 00:00\n2,ani,2026-03-01 08:00,5,gone,2026-03-01\n"
    orders = read(tmp_path, text, mapping(STATE, statuses=MEANING))

    assert orders.purchases["cancelled_at"].to_list() == [datetime(2026, 3, 1, 1, tzinfo=UTC)] * 2
    assert account(orders)[EARLY] == ("noted", 1, (1,))


def test_a_time_of_cancelling_needs_no_status(tmp_path: Path) -> None:
    """A file may say that an order is cancelled by its time alone, and write a dash if it is not."""
    text = STATES + "1,ani,2026-03-01 08:00,5,,2026-03-02 07:00\n2,ani,2026-03-01 08:00,5,,-\n"
    orders = read(tmp_path, text, mapping(WHOLE | {"cancelled_at": "Gone"}, blanks=("-",)))

    assert orders.purchases.select("id", "status").rows() == [("1", "cancelled"), ("2", "paid")]
    assert [entry for entry in orders.account if entry.what == "noted"] == []


def test_a_day_of_cancelling_is_not_before_a_purchase_of_that_day(tmp_path: Path) -> None:
    """A day without a clock is not its first microsecond: an order may be cancelled on the day it was made."""
    text = STATES + "1,ani,2026-03-01 08:00,5,gone,2026-03-01\n2,ani,2026-03-02 08:00,5,gone,2026-03-01\n"
    orders = read(tmp_path, text, mapping(STATE, statuses=MEANING))

    assert orders.purchases.select("id", "cancelled_at").rows() == [("1", datetime(2026, 3, 1, 1, tzinfo=UTC))]
    assert account(orders)["cancelled before it was bought"] == ("refused", 1, (2,))


def test_rows_of_different_statuses_under_one_number_are_all_refused(tmp_path: Path) -> None:
    """Whether half an order was cancelled cannot be known from it."""
    text = STATES + "1,ani,2026-03-01,5,done,\n1,ani,2026-03-01,6,gone,\n"
    orders = read(tmp_path, text, mapping(STATE, statuses=MEANING))

    assert account(orders)["order with rows of different statuses"] == ("refused", 2, (1, 2))


# ---- refunds that the row itself tells ----

BACK = "No,Buyer,When,Total,Back,Back on\n"
REFUND = WHOLE | {"refunded_amount": "Back", "refunded_at": "Back on"}


def test_a_refund_may_stand_in_the_row(tmp_path: Path) -> None:
    """Each day's refund of an order is one refund; nothing written is nothing paid back."""
    text = BACK + (
        "1,ani,2026-03-01,5,2,2026-03-03\n1,ani,2026-03-01,6,6,2026-03-03\n1,ani,2026-03-01,7,1,2026-03-02\n"
        "2,ani,2026-03-01,5,,\n3,ani,2026-03-01,5,0,2026-03-02\n"
    )
    orders = read(tmp_path, text, mapping(REFUND, zone="UTC"))

    assert orders.refunds.rows() == [
        ("1/1", "shop", "1", datetime(2026, 3, 2, tzinfo=UTC), 100, "IDR", "refund"),
        ("1/2", "shop", "1", datetime(2026, 3, 3, tzinfo=UTC), 800, "IDR", "refund"),
    ]
    assert orders.purchases.height == 3


@pytest.mark.parametrize(
    ("back", "day", "why"),
    [
        ("1", "", "refund without its time"),
        ("1", "soon", "time of refund not in the declared format"),
        ("some", "", "refund not written in the declared style"),
    ],
)
def test_a_refund_that_cannot_be_is_refused(tmp_path: Path, back: str, day: str, why: str) -> None:
    """A row that contradicts itself is refused whole."""
    orders = read(tmp_path, f"{BACK}1,ani,2026-03-01,5,{back},{day}\n", mapping(REFUND))

    assert account(orders)[why] == ("refused", 1, (1,))
    assert orders.purchases.height == 0


def test_a_refund_may_be_written_with_a_minus(tmp_path: Path) -> None:
    """Most shops write what was paid back below zero; it is the same refund."""
    orders = read(tmp_path, f"{BACK}1,ani,2026-03-01,5,-2,2026-03-02\n", mapping(REFUND))

    assert amounts_of(orders.refunds) == {"1/1": 200}


def test_the_refund_of_an_order_may_stand_on_one_of_its_rows(tmp_path: Path) -> None:
    """The amount of the whole order matters, not the amount of its row."""
    text = f"{BACK}1,ani,2026-03-01,50,70,2026-03-08\n1,ani,2026-03-01,20,,\n"
    orders = read(tmp_path, text, mapping(REFUND))

    assert (amounts_of(orders.purchases), amounts_of(orders.refunds)) == ({"1": 7000}, {"1/1": 7000})
    assert [entry for entry in orders.account if entry.what in ("noted", "refused")] == []


def test_no_more_is_paid_back_than_was_paid(tmp_path: Path) -> None:
    """A refund with shipping is the refund of everything; later refunds of the same order pay what is left, at most."""
    text = (
        f"{BACK}1,ani,2026-03-01,50,55,2026-03-08\n2,ani,2026-03-01,30,20,2026-03-08\n"
        "2,ani,2026-03-01,10,25,2026-03-09\n2,ani,2026-03-01,0,5,2026-03-10\n"
    )
    orders = read(tmp_path, text, mapping(REFUND))

    assert amounts_of(orders.purchases) == {"1": 5000, "2": 4000}
    assert amounts_of(orders.refunds) == {"1/1": 5000, "2/1": 2000, "2/2": 2000}
    assert account(orders)["refund of more than was bought, taken as all of it"] == ("noted", 4, (1, 2, 3, 4))


def test_a_day_of_refund_is_not_before_a_purchase_of_that_day(tmp_path: Path) -> None:
    """On that day a refund counts from the purchase. An earlier clock, such as midnight, is noted."""
    text = (
        f"{BACK}1,ani,2026-03-01 14:00,5,2,2026-03-01\n2,ani,2026-03-01 03:00,5,2,2026-03-01\n"
        "3,ani,2026-03-01 14:00,5,2,2026-03-01 13:59\n4,ani,2026-03-01 14:00,5,2,2026-03-01 00:00:00\n"
        "5,ani,2026-03-01 14:00,5,0,2026-03-01 00:00:00\n6,ani,2026-03-01 14:00,5,2,2026-03-01 15:00\n"
    )
    orders = read(tmp_path, text, mapping(REFUND))

    assert orders.refunds.select("purchase_id", "refunded_at").rows() == [
        ("2", datetime(2026, 2, 28, 20, tzinfo=UTC)),
        *((number, datetime(2026, 3, 1, 7, tzinfo=UTC)) for number in "134"),
        ("6", datetime(2026, 3, 1, 8, tzinfo=UTC)),
    ]
    assert orders.purchases.height == 6
    assert account(orders)[EARLY] == ("noted", 2, (3, 4))


@pytest.mark.parametrize(
    ("zone", "bought", "back"),
    [
        ("Asia/Jakarta", "2026-03-01 00:30", "2026-02-28 23:59"),
        ("in the text", "2026-03-01 14:00+07:00", "2026-03-01 13:59+07:00"),
    ],
)
def test_a_refund_before_the_day_of_the_purchase_is_left_out(tmp_path: Path, zone: str, bought: str, back: str) -> None:
    """The purchase is kept, and the refund is noted. Times with their own offsets have no common day."""
    text = f"{BACK}1,ani,{bought},5,2,{back}\n2,ani,{bought},5,0,{back}\n3,ani,{bought},5,2,{bought}\n"
    orders = read(tmp_path, text, mapping(REFUND, zone=zone))

    assert amounts_of(orders.purchases) == {"1": 500, "2": 500, "3": 500}
    assert amounts_of(orders.refunds) == {"3/1": 200}
    assert account(orders)[BEFORE] == ("noted", 1, (1,))
    assert count_of(orders, "refused") == 0


def test_a_refund_may_have_a_format_of_its_own(tmp_path: Path) -> None:
    """Two columns of one file are often written in two ways."""
    how = mapping(REFUND, time_format="%d/%m/%Y %H:%M", time_formats={"refunded_at": "%d/%m/%Y"})
    orders = read(tmp_path, f"{BACK}1,ani,05/01/2026 14:00,50,20,06/01/2026\n", how)

    assert orders.refunds["refunded_at"].to_list() == [datetime(2026, 1, 5, 17, tzinfo=UTC)]


UNDATED = WHOLE | {"refunded_amount": "Back"}


def test_a_refund_without_its_day_reduces_the_amount_where_that_is_declared(tmp_path: Path) -> None:
    """The order is kept at what it came to in the end, never below nothing; a refund with its day stays a refund."""
    text = f"{BACK}1,ani,2026-03-01,50,20,\n2,ani,2026-03-01,5,7,\n3,ani,2026-03-01,5,2,2026-03-02\n"
    orders = read(tmp_path, text, mapping(REFUND, undated_refunds="reduce"))
    without = read(tmp_path, text, mapping(UNDATED, undated_refunds="reduce"))

    assert amounts_of(orders.purchases) == {"1": 3000, "2": 0, "3": 500}
    assert amounts_of(orders.refunds) == {"3/1": 200}
    assert account(orders)["refund without its day, taken off the amount"] == ("noted", 2, (1, 2))
    assert account(orders)["refund of more than was bought, taken as all of it"] == ("noted", 1, (2,))
    assert amounts_of(without.purchases) == {"1": 3000, "2": 0, "3": 300}


def test_a_refund_without_its_day_may_be_of_the_day_of_the_file(tmp_path: Path) -> None:
    """It is dated at the end of the last day of which the file is complete; before its purchase it cannot be."""
    text = f"{BACK}1,ani,2026-03-01,50,20,\n2,ani,2026-03-09,5,2,\n3,ani,2026-03-01,5,2,soon\n"
    orders = read(tmp_path, text, mapping(REFUND, undated_refunds="as_of", as_of=date(2026, 3, 8)))

    assert orders.refunds.select("purchase_id", "refunded_at").rows() == [
        ("1", datetime(2026, 3, 8, 16, 59, 59, 999_999, tzinfo=UTC))
    ]
    assert account(orders)[BEFORE] == ("noted", 1, (2,))
    assert account(orders)["time of refund not in the declared format"] == ("refused", 1, (3,))


def test_refunds_beyond_any_amount_are_refused(tmp_path: Path) -> None:
    """The refunds of one order together are bounded as its amount is."""
    row = "1,ani,2026-03-01,5,1000000000000,2026-03-0"
    orders = read(tmp_path, f"{BACK}{row}2\n{row}3\n", mapping(REFUND))

    assert account(orders)["refunds of more than 100000000000000 minor units"] == ("refused", 2, (1, 2))


# ---- fields of the order on one of its rows ----

DOWN = "No,Buyer,When,Total,State,Pieces,Price,Product\n"
OF_ORDER = WHOLE | {"status": "State"}


def test_the_fields_of_an_order_may_stand_on_its_first_row_alone(tmp_path: Path) -> None:
    """Person, time, status and amount are those of the order; its further rows are neither refused nor noted."""
    text = DOWN + "1,ani,2026-03-01,45,done,1,25,cup\n1,,,,,2,10,lid\n2,budi,2026-03-02,5,done,1,5,cup\n"
    orders = read(tmp_path, text, mapping(OF_ORDER, statuses=MEANING, fill_down=True))

    assert amounts_of(orders.purchases) == {"1": 4500, "2": 500}
    assert [entry for entry in orders.account if entry.what in ("noted", "refused")] == []
    result = read(tmp_path, text, mapping(OF_ORDER, statuses=MEANING))
    assert result.purchases.equals(orders.purchases)
    assert account(result)[FILLED] == ("noted", 1, (2,))


FILLED = "blank field that stands on another row of the order, taken from there"


def test_a_blank_is_taken_from_an_order_whose_rows_agree(tmp_path: Path) -> None:
    """Rows that contradict each other may be of two orders; a time of cancelling is not filled, nor a blank number."""
    text = (
        "No,Buyer,When,Total,State,Gone\n"
        "1,ani,2026-03-01,5,done,\n1,,2026-03-01,2,done,\n"
        "2,ani,2025-03-01,5,done,\n2,,2026-03-01,2,done,\n"
        "3,,,,done,\n3,ani,2026-03-01,5,,2026-03-02\n"
        ",ani,2026-03-01,5,done,\n"
    )
    orders = read(tmp_path, text, mapping(OF_ORDER | {"cancelled_at": "Gone"}, statuses=MEANING))

    assert amounts_of(orders.purchases) == {"1": 700, "2": 500}
    assert account(orders)["no customer"] == ("refused", 1, (4,))
    assert account(orders)["no order"] == ("refused", 1, (7,))
    assert account(orders)["order with rows of different statuses"] == ("refused", 2, (5, 6))
    assert account(orders)[FILLED] == ("noted", 1, (2,))


def test_a_credit_takes_no_time_from_its_purchase(tmp_path: Path) -> None:
    """A row below zero without its day is refused; the day of the purchase would be a guess."""
    text = f"{TOTALS}1,ani,2026-03-01,50\n1,ani,,-20\n"
    orders = read(tmp_path, text, mapping(credit_negative=True))

    assert (amounts_of(orders.purchases), orders.refunds.height) == ({"1": 5000}, 0)
    assert account(orders)["no time"] == ("refused", 1, (2,))


def test_a_day_without_the_clock_of_the_format_is_read_as_a_day(tmp_path: Path) -> None:
    """A refund dated by its day beside purchases with a clock is kept and noted; another writing stays refused."""
    rows = "1,ani,05/01/2024 14:00,50,20,06/01/2024\n2,ani,05/01/2024 14:00,50,20,2024-01-06\n"
    orders = read(tmp_path, f"{BACK}{rows}", mapping(REFUND, time_format="%d/%m/%Y %H:%M"))

    assert orders.refunds["refunded_at"].to_list() == [datetime(2024, 1, 5, 17, tzinfo=UTC)]
    assert account(orders)["day without the clock of the time format, read as a day"] == ("noted", 1, (1,))
    assert account(orders)["time of refund not in the declared format"] == ("refused", 1, (2,))


@pytest.mark.parametrize(
    ("form", "day"),
    [
        ("%I:%M %p, %d/%m/%y", "05/01/24"),
        ("%Y-%m-%dT%H:%M:%S.%f", "2024-01-05"),
        ("%d.%m.%Y (%H:%M)", "05.01.2024"),
        ("%b %d %Y %H:%M:%S", "Jan 05 2024"),
        ("%d %H:%M %m %Y", None),
    ],
)
def test_the_day_of_a_format_is_the_format_without_its_clock(tmp_path: Path, form: str, day: str | None) -> None:
    """The clock may stand before or behind the day; between its parts it is not taken out."""
    day_text = day or "05 01 2024"
    orders = read(
        tmp_path, f"{TOTALS}1,ani,{day_text},5\n".replace(", ", " "), mapping(time_format=form.replace(", ", " "))
    )

    assert orders.purchases["purchased_at"].to_list() == [datetime(2024, 1, 4, 17, tzinfo=UTC)] * (day is not None)


def test_lines_with_prices_may_be_filled_too(tmp_path: Path) -> None:
    """With a price on every line the lines are added up, whichever of them names the person."""
    columns = {**LINES, "quantity": "Pieces", "unit_price": "Price", "sku": None, "status": "State"}
    text = DOWN + "1,,,,,2,10,lid\n1,ani,2026-03-01,45,done,1,25,cup\n"
    orders = read(tmp_path, text, mapping(columns, statuses=MEANING, fill_down=True))

    assert orders.purchases.select("person_id", "amount").rows() == [("ani", 4500)]


def test_a_blank_number_is_that_of_the_row_above(tmp_path: Path) -> None:
    """Two such rows that look alike are of two orders, and no copies; a row of nothing belongs to no order."""
    text = DOWN + "1,ani,2026-03-01,5,,,,cup\n,,,2,,,,lid\n2,budi,2026-03-01,7,,,,cup\n,,,2,,,,lid\n,,,,,,,\n"
    orders = read(tmp_path, text, mapping(fill_down=True))

    assert amounts_of(orders.purchases) == {"1": 700, "2": 900}
    assert account(orders)["no order"] == ("refused", 1, (5,))


def test_an_order_whose_rows_name_two_people_stays_refused(tmp_path: Path) -> None:
    """Nothing is filled over a contradiction; an order without any amount has none."""
    text = DOWN + "1,ani,2026-03-01,5,,,,cup\n1,budi,,2,,,,lid\n1,,,2,,,,pot\n2,ani,2026-03-01,,,,,cup\n"
    orders = read(tmp_path, text, mapping(fill_down=True))

    assert account(orders)["order with rows of different customers"] == ("refused", 3, (1, 2, 3))
    assert account(orders)["no amount"] == ("refused", 1, (4,))


def test_an_amount_may_be_that_of_the_order_on_every_row(tmp_path: Path) -> None:
    """A total that stands on each line of an order is counted once; two totals of one order are refused."""
    text = (
        "No,Buyer,When,Total,Back,Back on,Item\n"
        "1,ani,2026-03-01,45,9,2026-03-02,cup\n1,ani,2026-03-01,45,9,2026-03-02,lid\n"
        "2,ani,2026-03-01,5,,,cup\n2,ani,2026-03-01,6,,,lid\n"
        "3,ani,2026-03-01,5,1,2026-03-02,cup\n3,ani,2026-03-01,5,2,2026-03-02,lid\n"
        "4,ani,2026-03-01,5,,,cup\n4,ani,2026-03-01,,,,lid\n"
    )
    orders = read(tmp_path, text, mapping(REFUND, amount_of="order", fill_down=True))

    assert amounts_of(orders.purchases) == {"1": 4500, "4": 500}
    assert amounts_of(orders.refunds) == {"1/1": 900}
    assert account(orders)["order with rows of different amounts"] == ("refused", 4, (3, 4, 5, 6))


def test_a_credit_on_every_row_is_one_credit(tmp_path: Path) -> None:
    """A credit note whose amount stands on each of its lines pays it back once."""
    text = (
        "No,Buyer,When,Total,Item\n"
        "1,ani,2026-03-01,45,cup\n1,ani,2026-03-01,45,lid\nC1,ani,2026-03-02,45,cup\nC1,ani,2026-03-02,45,lid\n"
    )
    orders = read(tmp_path, text, mapping(amount_of="order", credit_prefix="C"))

    assert amounts_of(orders.refunds) == {"C1/1": 4500}
    assert [entry for entry in orders.account if entry.what == "noted"] == []


# ---- currencies ----

MONEY = "No,Buyer,When,Total,Code\n"


def test_rows_of_another_currency_are_refused(tmp_path: Path) -> None:
    """Nothing is converted, and nothing is taken for what it is not."""
    text = MONEY + "1,ani,2026-03-01,5,IDR\n2,ani,2026-03-01,5,usd\n3,ani,2026-03-01,5,\n4,ani,2026-03-01,5, idr\n"
    orders = read(tmp_path, text, mapping(WHOLE | {"currency": "Code"}))

    assert amounts_of(orders.purchases) == {"1": 500, "4": 500}
    assert account(orders)["another currency than the mapping's"] == ("refused", 1, (2,))
    assert account(orders)["no currency"] == ("refused", 1, (3,))


def two_currencies(path: Path, **more: list[str]) -> Path:
    """Write two orders with more columns, and some that name no currencies."""
    rows = {"No": ["1", "2"], "Buyer": ["ani"] * 2, "When": ["2026-03-01"] * 2, "Total": ["5", "6"]}
    frame = pl.DataFrame({**rows, **more, "Size": ["ALL", "ALL"], "Item": ["IDR", "mug"], "n": [1, 2]})
    (frame.write_csv if path.suffix == ".csv" else frame.write_parquet)(path)
    return path


@pytest.mark.parametrize("name", ["orders.csv", "orders.parquet"])
def test_a_column_of_currencies_that_is_not_named_is_found(tmp_path: Path, name: str) -> None:
    """The only column with codes of several currencies says that of the rows; what was found is noted."""
    path = two_currencies(tmp_path / name, Code=["IDR", "USD"], Once=["USD", "USD"])
    orders, with_column = read_orders(path, mapping()), read_orders(path, mapping(WHOLE | {"currency": "Code"}))

    assert amounts_of(orders.purchases) == {"1": 500}
    assert account(orders)["another currency than the mapping's"] == ("refused", 1, (2,))
    assert account(orders)["currency taken from the column 'Code', which the mapping does not name"][:2] == ("noted", 2)
    assert orders.account[:-1] == with_column.account


@pytest.mark.parametrize("name", ["orders.csv", "orders.parquet"])
@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"0812-000-111": ["IDR", "USD"]}, "column 5 has IDR and other currencies; name the currency .*, as currency$"),
        ({"A": ["IDR", "USD"], "B": ["USD", "IDR"]}, "column 'A' has IDR and other currencies"),
        ({"Sign": ["Rp", "$"]}, "column 'Sign' has IDR and other currencies; .* written as codes of ISO 4217"),
        ({"Name": ["Indonesian rupiah", "US dollars"]}, "column 'Name' has IDR .* written as codes"),
        ({"Mixed": ["Rp.", "EUR"]}, "column 'Mixed' has IDR .* written as codes"),
    ],
)
def test_currencies_that_are_not_sure_are_refused(
    tmp_path: Path, name: str, columns: dict[str, list[str]], message: str
) -> None:
    """Two such columns, signs, names, or a heading that may be a person's: the file is not read as if all were one."""
    with pytest.raises(LogsError, match=f"{name}: {message}"):
        read_orders(two_currencies(tmp_path / name, **columns), mapping())


@pytest.mark.parametrize(
    "cells",
    [["Rp", "IDR"], ["rupiah", "Indonesian rupiah"], ["$", "EUR"], ["Rp", "lost"], ["IDR", "lost money"], ["", ""]],
)
def test_one_currency_in_several_writings_is_one(tmp_path: Path, cells: list[str]) -> None:
    """Texts that may all mean one currency, that leave out the shop's, or that are not currencies, change nothing."""
    orders = read_orders(two_currencies(tmp_path / "orders.csv", Sign=cells), mapping())

    assert amounts_of(orders.purchases) == {"1": 500, "2": 600}


# ---- numbers that two things share ----


def test_rows_of_one_number_far_apart_are_noted(tmp_path: Path) -> None:
    """The reader cannot know whether the number began again; the shopkeeper can."""
    text = TOTALS + "1,ani,2025-01-05,50\n1,ani,2026-03-06,20\n2,ani,2026-03-06,20\n2,ani,2026-03-07,20\n"
    orders = read(tmp_path, text, mapping())
    noted = account(orders)["order with rows more than a day apart; two orders may share this number"]

    assert noted == ("noted", 2, (1, 2))


def test_a_refund_finer_than_the_currency_is_rounded_and_noted(tmp_path: Path) -> None:
    """A refund is rounded as a price is."""
    text = BACK + "1,ani,2026-03-01,5,0.126,2026-03-02\n2,ani,2026-03-01,5,0.004,2026-03-02\n"
    orders = read(tmp_path, text, mapping(REFUND, amount_style="number"))

    assert amounts_of(orders.refunds) == {"1/1": 13}
    assert account(orders)["amount rounded to whole minor units, half to even"] == ("noted", 2, (1, 2))


# ---- files ----


def test_every_missing_column_is_named_at_once(tmp_path: Path) -> None:
    """The message says what is there, and what may have been meant."""
    with pytest.raises(LogsError) as caught:
        read(tmp_path, "No,Byer,When,When\n", mapping())

    there = "there are 'No', 'Byer', 'When'"

    assert str(caught.value).splitlines() == [
        f"orders.csv: column 'Buyer' (person_id) is missing; did you mean 'Byer'?; {there}",
        "orders.csv: column 'When' (purchased_at) stands twice in the heading; give the two different names",
        f"orders.csv: column 'Total' (amount) is missing; {there}",
    ]


def test_a_file_of_many_columns_is_not_listed_whole(tmp_path: Path) -> None:
    """A message stays short however wide the file is."""
    with pytest.raises(LogsError, match="'c29' and 10 more") as caught:
        read(tmp_path, "No,Total," + ",".join(f"c{n}" for n in range(2, 40)) + "\n", mapping())

    assert "c30" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "dtype", "changes", "message"),
    [
        ("No", pl.List(pl.Int64), {}, r"column 'No' \(id\) is of type List.*; give text or numbers"),
        ("No", pl.Boolean, {}, "is of type Boolean; give text or numbers"),
        ("Buyer", pl.Date, {}, "is of type Date; give text or numbers"),
        ("When", pl.Int64, {}, "is of type Int64; give text, dates or times"),
        ("When", pl.Datetime("us", "UTC"), {}, "set the mapping's zone to 'in the text'"),
        ("When", pl.Datetime("us"), {"zone": "in the text"}, "has times without a zone; set the mapping's zone"),
        ("When", pl.Date, {"zone": "in the text"}, "has times without a zone; set the mapping's zone"),
        ("Total", pl.Float64, {}, "is of type Float64; set the mapping's amount_style to 'number'"),
        ("Total", pl.Decimal(9, 2), {"amount_style": "id"}, "set the mapping's amount_style to 'number'"),
    ],
)
def test_a_column_of_a_wrong_type_is_refused_with_its_remedy(
    tmp_path: Path,
    name: str,
    dtype: Any,
    changes: dict[str, Any],
    message: str,
) -> None:
    """A float is money only where the mapping says that it is."""
    schema = dict.fromkeys(WHOLE.values(), pl.String) | {name: dtype}
    path = tmp_path / "orders.parquet"
    pl.DataFrame(schema=schema).write_parquet(path)

    with pytest.raises(LogsError, match=message):
        read_orders(path, mapping(**changes))


def test_a_parquet_file_of_a_spreadsheet_is_read(tmp_path: Path) -> None:
    """Ids that became floats, times with a zone and amounts in cents are what they say."""
    path = tmp_path / "orders.PARQUET"
    moment = datetime(2026, 3, 1, 9, tzinfo=UTC)
    rows = {"No": [1, 2, 3], "Buyer": [17850.0, None, float("nan")], "When": [moment] * 3, "Total": [1250.0, 1.0, 1.0]}
    pl.DataFrame(rows).write_parquet(path)
    orders = read_orders(path, mapping(zone="in the text", amount_style="minor", currency="USD"))

    assert orders.purchases.select("id", "person_id", "purchased_at", "amount").rows() == [("1", "17850", moment, 1250)]
    assert account(orders)["no customer"] == ("refused", 2, (2, 3))


def test_a_column_of_nothing_is_read_as_nothing(tmp_path: Path) -> None:
    """A column that holds no value at all has no type, and the file is read."""
    path = tmp_path / "orders.pq"
    pl.DataFrame({"No": ["1"], "Buyer": [None], "When": [None], "Total": [None]}).write_parquet(path)

    assert account(read_orders(path, mapping()))["no customer"] == ("refused", 1, (1,))


def test_csv_files_of_other_habits_are_read(tmp_path: Path) -> None:
    """A mark at the beginning, semicolons, quotes, spreadsheets' apostrophes and line ends make no difference."""
    text = '\ufeff"No";Buyer;When;Total\r\n\'1;"ani";"01/03/2026 09.00";"Rp1.250.000,50"\r\n'
    how = mapping(delimiter=";", strip="'", time_format="%d/%m/%Y %H.%M", amount_style="id")
    orders = read(tmp_path, text, how)

    assert orders.purchases.select("id", "person_id", "purchased_at", "amount").rows() == [
        ("1", "ani", datetime(2026, 3, 1, 2, tzinfo=UTC), 125000050)
    ]


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        ("orders.csv", b"", "orders.csv is empty; its first row must name the columns"),
        ("orders.csv", TOTALS.encode() + b"1,a,2026-03-01,5,SECRET\n", "more columns than its heading"),
        ("orders.csv", TOTALS.encode() + b"1,SECRET\xff,2026-03-01,5\n", "is not text in UTF-8"),
        (
            "orders.csv",
            TOTALS.encode() + b'1,"SECRET,2026-03-01,5\n1,2,3,4\n',
            "orders.csv, line 2: a quote that is opened here is not closed",
        ),
        ("orders.parquet", b"SECRET", "orders.parquet cannot be read as what its name says it is"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_without_showing_what_is_in_it(
    tmp_path: Path, name: str, raw: bytes, message: str
) -> None:
    """The message says what to do, and holds nothing of the file."""
    path = tmp_path / name
    path.write_bytes(raw)

    with pytest.raises(RecordError) as caught:
        read_orders(path, mapping())

    assert message in str(caught.value)
    assert "SECRET" not in str(caught.value)
    assert caught.value.__suppress_context__ is True or caught.value.__context__ is None


def test_a_file_that_is_not_there_is_told_as_such(tmp_path: Path) -> None:
    """A missing file, a folder and a path that is too long are errors of this library, and of the system too."""
    for path, cause in (
        (tmp_path / "none.csv", "none.csv cannot be opened: No such file or directory"),
        (tmp_path, "cannot be opened: Is a directory"),
        (tmp_path / ("x" * 5_000), "^x{100} cannot be opened: File name too long"),
    ):
        with pytest.raises(FileError, match=cause) as caught:
            read_orders(path, mapping())
        assert isinstance(caught.value, OSError)
        assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("orders.doc", "orders.doc ends in .doc; give a file that ends in .csv, .tsv, .txt, .xlsx"),
        ("orders", "orders ends in nothing; give a file"),
    ],
)
def test_a_file_of_another_kind_is_a_wrong_argument(tmp_path: Path, name: str, message: str) -> None:
    """The end of its name says how a file is read."""
    (tmp_path / name).write_bytes(b"PK")

    with pytest.raises(ArgumentError, match=message):
        read_orders(tmp_path / name, mapping())


@pytest.mark.parametrize("path", [7, None, b"orders.csv", "", "  ", "orders\0.csv", "\ud800.csv"], ids=range(7))
def test_what_is_no_path_is_refused(path: Any) -> None:
    """No file has such a name."""
    for read_it in (OrderMapping.read, lambda path: read_orders(path, mapping())):
        with pytest.raises(ArgumentError, match=r"path must be the path of a file|give a file, a list of files"):
            read_it(path)


def test_what_is_no_mapping_and_no_progress_is_refused(tmp_path: Path) -> None:
    """Both are looked at before the file is."""
    wrong: Any = {"currency": "IDR"}
    with pytest.raises(
        ArgumentError, match=r"mapping must be an OrderMapping, such as OrderMapping.read\(path\) \(got dict\)"
    ):
        read_orders(tmp_path / "none.csv", wrong)
    with pytest.raises(ArgumentError, match=r"progress must be a function or None \(got dict\)"):
        read_orders(tmp_path / "none.csv", mapping(), progress=wrong)


def test_without_polars_the_remedy_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing extra answers with the line that installs it."""
    monkeypatch.setitem(sys.modules, "polars", None)

    with pytest.raises(MissingExtraError, match=r'pip install "shopfunnel\[polars\]"'):
        read_orders(tmp_path / "orders.csv", mapping())


def test_progress_is_told_by_stages(tmp_path: Path) -> None:
    """A bar can be drawn: each stage begins, and rows done never exceed the rows there are."""
    path = tmp_path / "orders.csv"
    path.write_text(HEAD + "1,ani,2026-03-01,tea,1,1\nC1,ani,2026-03-02,tea,-1,1\n")
    reports: list[tuple[str, int, int]] = []
    read_orders(path, lines(), progress=lambda *stage: reports.append(stage))

    assert list(dict.fromkeys(stage for stage, _, _ in reports)) == ["reading", "checking", "matching credits"]
    assert all(0 <= done <= total == 2 for _, done, total in reports)


def test_the_rows_of_each_part_are_counted() -> None:
    """The bar moves with every part of a file, and the parts are let through as they are."""
    reports: list[tuple[str, int, int]] = []
    count, part = CountedRows(lambda *stage: reports.append(stage), 5), pl.DataFrame({"a": [1, 2]})

    assert count(part) is count(part) is part
    assert reports == [("reading", 2, 5), ("reading", 4, 5)]


def test_an_error_of_the_bar_is_not_taken_for_one_of_the_file(tmp_path: Path) -> None:
    """Whoever stops the reading gets their own error back."""

    def stop(_stage: str, _done: int, _total: int) -> None:
        raise TimeoutError

    path = tmp_path / "orders.csv"
    path.write_text(TOTALS + "1,ani,2026-03-01,5\n")
    pl.read_csv(path, infer_schema=False).write_parquet(tmp_path / "orders.parquet")

    for name in ("orders.csv", "orders.parquet"):
        with pytest.raises(TimeoutError):
            read_orders(tmp_path / name, mapping(), progress=stop)


def test_neither_the_account_nor_the_orders_show_who_bought(tmp_path: Path) -> None:
    """The printed account holds counts and reasons, nothing from the file."""
    text = TOTALS + "N-CANARY,CANARY,2026-03-01,5\n,CANARY,CANARY,CANARY\nN-CANARY,CANARY,CANARY,5\n"
    orders = read(tmp_path, text, mapping())

    assert "CANARY" not in f"{orders}{orders!r}{orders.account!r}"
    assert repr(orders) == "ShopData(export='mapping', currency='IDR')"


@pytest.mark.no_cover
def test_many_bad_rows_make_a_short_exact_account(tmp_path: Path) -> None:
    """However much is wrong, the account stays short and its counts exact."""
    path = tmp_path / "orders.parquet"
    many = 10**5
    number = pl.int_range(many).cast(pl.String)
    pl.select(
        number.alias("No"),
        pl.when(pl.int_range(many) % 2 == 0).then(pl.lit("p") + number).alias("Buyer"),
        pl.lit("2026-03-01").alias("When"),
        (number.str.tail(3) + ".x").alias("Total"),
    ).write_parquet(path)
    orders = read_orders(path, mapping())

    assert orders.account == (
        Entry("read", "rows in the file", many),
        Entry("read", "rows kept", 0),
        Entry("read", "purchases", 0),
        Entry("refused", "amount not written in the declared style", many // 2, (1, 3, 5, 7, 9)),
        Entry("refused", "no customer", many // 2, (2, 4, 6, 8, 10)),
    )


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (Entry("read", "rows in the file", 541_909), "read 541,909: rows in the file"),
        (Entry("merged", "copy", 1, (7,)), "merged 1: copy (row 7)"),
        (Entry("refused", "no time", 2, (7, 9)), "refused 2: no time (rows 7, 9)"),
        (Entry("noted", "odd", 9, (1, 2, 3, 4, 5)), "noted 9: odd (rows 1, 2, 3, 4, 5, ...)"),
    ],
)
def test_an_entry_is_one_line(entry: Entry, text: str) -> None:
    """The account can be printed as it is."""
    assert str(entry) == text


def test_the_columns_of_lines_are_all_used() -> None:
    """The made-up shop's mapping names every column of its file."""
    assert HEAD.strip().split(",") == list(LINES.values())
