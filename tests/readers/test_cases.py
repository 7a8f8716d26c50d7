"""Small files after public bug reports of other tools: each case is an input, and what is right."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from funnel.errors import FieldsError, LogsError, MoneyError, RecordError
from funnel.money import Money
from funnel.readers._read_orders import Columns, OrderMapping, read_orders
from tests.readers.shop import account, count_of

if TYPE_CHECKING:
    from pathlib import Path

    from funnel.readers._shop_data import ShopData

PLAIN = {"id": "id", "person_id": "who", "purchased_at": "at", "amount": "amount"}
BACK = {**PLAIN, "refunded_amount": "back", "refunded_at": "on"}
HEAD = "id,who,at,amount\n"


def mapped(columns: dict[str, str] | None = None, **changes: Any) -> OrderMapping:
    """Make a mapping in dollars by the clock of Greenwich."""
    return OrderMapping(columns=Columns(**(columns or PLAIN)), **{"currency": "USD", "zone": "UTC", **changes})


def read(folder: Path, text: str | bytes, how: OrderMapping | None = None, name: str = "orders.csv") -> ShopData:
    """Write a file, read it with a mapping, and check that the account adds up."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    data = read_orders(path, how or mapped())
    rows = account(data)["rows in the file"][1]
    assert account(data)["rows kept"][1] + count_of(data, "merged") + count_of(data, "refused") == rows
    return data


def bought(data: ShopData) -> list[tuple[Any, ...]]:
    """Return id, person, amount and status of each purchase."""
    return data.purchases.select("id", "person_id", "amount", "status").rows()


@pytest.mark.parametrize(
    ("text", "currency", "style"), [("1e3", "USD", "plain"), ("1.5e3", "USD", "us"), ("1.23E+07", "IDR", "id")]
)
def test_an_amount_with_a_power_of_ten_is_refused(tmp_path: Path, text: str, currency: str, style: Any) -> None:
    """A spreadsheet leaves 1.23E+07 of 12.345.678; the styles of people read what money reads, and no more."""
    how = mapped(currency=currency, amount_style=style)
    data = read(tmp_path, f'{HEAD}1,ani,2024-01-01,"{text}"\n', how)

    assert bought(data) == []
    with pytest.raises(MoneyError):
        Money.parse(text, currency, style=style)


def test_utf_16_and_old_line_ends_are_read(tmp_path: Path) -> None:
    """A spreadsheet's Unicode text has its mark; lines of an old Macintosh end with a carriage return."""
    text = f"{HEAD}1,a,2024-01-01,10\n"
    for raw in (text.encode("utf-16"), text.replace("\n", "\r").encode()):
        assert bought(read(tmp_path, raw)) == [("1", "a", 1000, "paid")]


def test_a_first_line_with_the_delimiter_is_not_the_heading(tmp_path: Path) -> None:
    """The line sep=; is a hint for spreadsheets; if it contradicts the mapping, the error names the key to set."""
    text = "sep=;\n" + f"{HEAD}1,a,2024-01-01,10\n".replace(",", ";")
    assert bought(read(tmp_path, text, mapped(delimiter=";"))) == [("1", "a", 1000, "paid")]
    with pytest.raises(RecordError, match="set the mapping's to it"):
        read(tmp_path, text)


def test_the_head_of_a_report_is_named(tmp_path: Path) -> None:
    """Lines above the heading are never guessed away; the error says what to set."""
    text = f"Orders of my shop\n\n{HEAD}1,a,2024-01-01,10\n"
    with pytest.raises(LogsError, match="line 3 has them: set the mapping's skip_lines to 2"):
        read(tmp_path, text)
    assert bought(read(tmp_path, text, mapped(skip_lines=2))) == [("1", "a", 1000, "paid")]


@pytest.mark.parametrize(
    "fields", [{"quantity": "Lineitem quantity", "unit_price": "Lineitem price"}, {"amount": "Total"}]
)
def test_fields_of_the_order_may_stand_on_its_first_line_only(tmp_path: Path, fields: dict[str, str]) -> None:
    """By the lines or by the total, the order has 45.00, and no row is refused."""
    text = (
        "Name,Email,Financial Status,Created at,Total,Lineitem quantity,Lineitem price\n"
        "#1001,ani@x.test,paid,2024-01-05 10:00:00 +0700,45.00,1,25.00\n"
        "#1001,ani@x.test,,2024-01-05 10:00:00 +0700,,2,10.00\n"
    )
    columns = {"id": "Name", "person_id": "Email", "purchased_at": "Created at", "status": "Financial Status", **fields}
    data = read(tmp_path, text, mapped(columns, zone="in the text", statuses={"paid": "paid"}))

    assert bought(data) == [("#1001", "ani@x.test", 4500, "paid")]
    assert count_of(data, "refused") == 0


def test_a_cancellation_time_cancels_a_paid_order(tmp_path: Path) -> None:
    """The two columns contradict each other: the time wins, and the account notes it; no status is needed for it."""
    text = (
        "id,who,at,amount,state,Cancelled at\n"
        "1,ani,2024-01-05 10:00,10,paid,2024-01-06 10:00\n2,ani,2024-01-07 10:00,5,paid,\n"
    )
    columns = {**PLAIN, "cancelled_at": "Cancelled at"}
    states = {"statuses": {"paid": "paid", "voided": "cancelled"}}
    right = [("1", "ani", 1000, "cancelled"), ("2", "ani", 500, "paid")]
    data = read(tmp_path, text, mapped({**columns, "status": "state"}, **states))

    assert bought(data) == right
    assert account(data)["cancelled by its time, though its status says that it is paid"] == ("noted", 1, (1,))
    assert bought(read(tmp_path, text, mapped(columns))) == right


def test_rows_of_another_currency_are_refused(tmp_path: Path) -> None:
    """A column of currencies is used, also if the mapping does not name it."""
    text = "id,who,at,amount,cur\n1,ani,2024-01-05,10.00,USD\n2,budi,2024-01-06,150000.00,IDR\n"
    for how in (mapped(), mapped({**PLAIN, "currency": "cur"})):
        data = read(tmp_path, text, how)

        assert bought(data) == [("1", "ani", 1000, "paid")]
        assert account(data)["another currency than the mapping's"] == ("refused", 1, (2,))


@pytest.mark.parametrize(
    ("zone", "month", "days", "skipped"),
    [
        ("Africa/Cairo", "2024-04", (25, 26, 27), datetime(2024, 4, 25, 22, tzinfo=UTC)),
        ("America/Santiago", "2024-09", (7, 8, 9), datetime(2024, 9, 8, 4, tzinfo=UTC)),
    ],
)
def test_a_day_without_its_midnight_has_its_orders(
    tmp_path: Path, zone: str, month: str, days: tuple[int, ...], skipped: datetime
) -> None:
    """A day whose midnight the clock skipped begins at its first instant, one o'clock."""
    text = HEAD + "".join(f"{day},p,{month}-{day:02},10\n" for day in days)
    data = read(tmp_path, text, mapped(zone=zone))

    assert data.purchases["id"].to_list() == [str(day) for day in days]
    assert data.purchases["purchased_at"][1] == skipped


def test_a_skipped_midnight_is_read_in_every_form(tmp_path: Path) -> None:
    """A strptime format and a column of dates in Parquet give the day as well."""
    how = mapped(zone="Africa/Cairo", time_format="%d/%m/%Y")
    assert read(tmp_path, f"{HEAD}1,a,26/04/2024,10\n", how).purchases.height == 1
    path = tmp_path / "orders.parquet"
    pl.DataFrame({"id": ["1"], "who": ["a"], "at": [date(2024, 4, 26)], "amount": [1000]}).write_parquet(path)
    assert read_orders(path, mapped(zone="Africa/Cairo", amount_style="minor")).purchases.height == 1


@pytest.mark.parametrize("head", ["", "id,who,mail,phone,when,amount\n"])
@pytest.mark.parametrize("end", ["\n", "\r"])
def test_a_wrong_heading_shows_no_row(tmp_path: Path, head: str, end: str) -> None:
    """The names of the columns of a file without a heading are a customer's row; the error has none of it."""
    row = "A-1,sari dewi,sari@x.test,+62 812 0000 0000,2024-01-05,50.00\n"
    with pytest.raises(LogsError) as caught:
        read(tmp_path, (head + row).replace("\n", end))

    assert not any(cell in str(caught.value) for cell in ("sari", "@", "812", "A-1", "50.00"))
    assert head or "the heading seems to be missing" in str(caught.value)


@pytest.mark.parametrize(
    "rows",
    [
        "2.88E+18,ani,2024-01-01,10\n2.88E+18,ani,2024-02-01,20\n2.88E+18,ani,2024-03-01,30\n",
        "1,6.28E+12,2024-01-01,10\n2,6.28E+12,2024-02-01,20\n",
    ],
)
def test_mangled_ids_are_refused(tmp_path: Path, rows: str) -> None:
    """Three orders are not one order, and two strangers are not one repeat customer."""
    data = read(tmp_path, HEAD + rows)

    assert bought(data) == []
    assert count_of(data, "refused") == rows.count("\n")


def test_ids_that_do_not_fit_a_float_are_refused(tmp_path: Path) -> None:
    """Two order numbers above 2**53 are one float, and nobody can tell them apart."""
    path = tmp_path / "orders.parquet"
    numbers = [576460752303423488.0, 576460752303423489.0]
    days = [date(2024, 1, 1), date(2024, 2, 1)]
    pl.DataFrame({"id": numbers, "who": ["a", "a"], "at": days, "amount": [1.5, 2.5]}).write_parquet(path)
    data = read_orders(path, mapped(amount_style="number"))

    assert bought(data) == []
    assert count_of(data, "refused") == 2


def test_a_number_used_twice_is_noted(tmp_path: Path) -> None:
    """Rows of one number 14 months apart may be two orders; the reader keeps them and says so."""
    data = read(tmp_path, f"{HEAD}#1001,ani,2023-01-05,50.00\n#1001,ani,2024-03-06,20.00\n")

    assert account(data)["order with rows more than a day apart; two orders may share this number"][1] == 2


@pytest.mark.parametrize(
    ("text", "columns", "changes", "amount", "refunds"),
    [
        (
            f"{HEAD}100,ani,2024-01-05,50.00\n100,ani,2024-01-09,-20.00\n",
            PLAIN,
            {"credit_negative": True},
            5000,
            [2000],
        ),
        ("id,who,at,amount,back,on\n1,ani,2024-01-05,50.00,-20.00,2024-01-08\n", BACK, {}, 5000, [2000]),
        (
            "id,who,at,amount,back,on\n1,ani,2024-01-05,50.00,70.00,2024-01-08\n1,ani,2024-01-05,20.00,,\n",
            BACK,
            {},
            7000,
            [7000],
        ),
        ("id,who,at,amount,back,on\n1,ani,2024-01-05,50.00,55.00,2024-01-08\n", BACK, {}, 5000, [5000]),
        (
            "id,who,at,amount,back\n1,ani,2024-01-05,50.00,20.00\n",
            {**PLAIN, "refunded_amount": "back"},
            {"undated_refunds": "reduce"},
            3000,
            [],
        ),
        (f"{HEAD}1,ani,2024-01-05,70\nR1,ani,2024-01-06,'-70\n", PLAIN, {"credit_prefix": "R"}, 7000, [7000]),
    ],
    ids=["own number", "below zero", "on the first line", "with shipping", "without a day", "apostrophe"],
)
def test_refunds_are_read_as_shops_write_them(  # noqa: PLR0913, PLR0917 (a case has five parts)
    tmp_path: Path,
    text: str,
    columns: dict[str, str],
    changes: dict[str, Any],
    amount: int,
    refunds: list[int],
) -> None:
    """The purchase stays, and what was paid back is a refund of it, or is taken off."""
    data = read(tmp_path, text, mapped(columns, **changes))

    assert data.purchases["amount"].to_list() == [amount]
    assert data.refunds["amount"].to_list() == refunds
    assert count_of(data, "refused") == 0


def test_an_undated_refund_must_be_declared() -> None:
    """The error names the two ways to say when the money went back."""
    with pytest.raises(FieldsError, match=r"undated_refunds = 'reduce' or 'as_of'"):
        mapped({**PLAIN, "refunded_amount": "back"})


def test_a_refund_or_cancellation_on_the_day_of_the_order_is_not_before_it(tmp_path: Path) -> None:
    """A bare day is not its first midnight; a format for each column reads days beside times."""
    back = "id,who,at,amount,back,on\n1,ani,2024-01-05 14:00,50.00,20.00,2024-01-05\n"
    off = "id,who,at,amount,state,off\n1,ani,2024-01-05 14:00,50.00,c,2024-01-05\n"
    mixed = "id,who,at,amount,back,on\n1,ani,05/01/2024 14:00,50.00,20.00,06/01/2024\n"
    returned = read(tmp_path, back, mapped(BACK))
    cancelled = read(
        tmp_path, off, mapped({**PLAIN, "status": "state", "cancelled_at": "off"}, statuses={"c": "cancelled"})
    )
    later = read(tmp_path, mixed, mapped(BACK, time_format="%d/%m/%Y %H:%M", time_formats={"refunded_at": "%d/%m/%Y"}))

    assert bought(returned) == bought(later) == [("1", "ani", 5000, "paid")]
    assert returned.refunds["refunded_at"][0].date() == date(2024, 1, 5)
    assert later.refunds["refunded_at"][0].date() == date(2024, 1, 6)
    assert bought(cancelled) == [("1", "ani", 5000, "cancelled")]


TITLES = ["cup", '15" pan', "lid", "jar", "pot", '10" lid', "cup", "jar", "lid"]


@pytest.mark.parametrize("first", [True, False])
def test_a_stray_quote_swallows_no_row(tmp_path: Path, first: bool) -> None:  # noqa: FBT001 (a parameter)
    """Nine rows by Python's csv are nine purchases, wherever the inch mark stands; or the file is refused."""
    rows = [["title", "id", "who", "at", "amount"]]
    rows += [[title, str(n), f"p{n}", f"2024-01-0{n}", str(n)] for n, title in enumerate(TITLES, start=1)]
    text = "".join("\t".join(row if first else [*row[1:], row[0]]) + "\n" for row in rows)
    for quote in ("", None):
        data = read(tmp_path, text, mapped(delimiter="\t", quote=quote), name="orders.txt")
        assert data.purchases.height == len(list(csv.reader(io.StringIO(text), delimiter="\t"))) - 1
        assert data.purchases["amount"].sum() == 4500
    opened = text.replace('15" pan', '"15 pan')
    with pytest.raises(RecordError, match="set the mapping's quote to ''"):
        read(tmp_path, opened, mapped(delimiter="\t"), name="orders.txt")
    data = read(tmp_path, opened, mapped(delimiter="\t", quote=""), name="orders.txt")
    assert data.purchases["amount"].sum() == 4500
