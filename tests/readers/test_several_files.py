"""Files and sheets under one mapping: an order in two files is one order, and every row is accounted for."""

from __future__ import annotations

import datetime as dt
import json
from importlib import import_module
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.errors import LogsError, RecordError
from funnel.readers._read_orders import read_orders
from tests.readers.shop import WHOLE, account, count_of, lines, mapping

if TYPE_CHECKING:
    from pathlib import Path

    from funnel.readers._read_orders import OrderMapping
    from funnel.readers._shop_data import ShopData

HEAD = "No,Buyer,When,Total"
STATES = {"columns": {**WHOLE, "status": "State"}, "statuses": {"ok": "paid", "void": "cancelled"}}


def files(folder: Path, *texts: str) -> list[Path]:
    """Write one CSV file for each text."""
    paths = [folder / f"{number}.csv" for number, _ in enumerate(texts)]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, encoding="utf-8")
    return paths


def book(path: Path, **sheets: list[list[Any]]) -> Path:
    """Write a spreadsheet file; numbers and days stay numbers and days."""
    file: Any = import_module("xlsxwriter").Workbook(path, {"default_date_format": "dd/mm/yyyy"})
    for name, rows in sheets.items():
        tab = file.add_worksheet(name)
        for index, row in enumerate(rows):
            tab.write_row(index, 0, row)
    file.close()
    return path


def amounts(data: ShopData) -> dict[str, int]:
    """Return the amount of each purchase."""
    return dict(data.purchases.select("id", "amount").rows())


def assert_adds_up(data: ShopData, rows: int) -> None:
    """The rows read are an independent count, and each is kept, merged or refused."""
    first = data.account[0]
    assert (first.reason.startswith("rows in the file"), first.count) == (True, rows)
    assert account(data)["rows kept"][1] + count_of(data, "merged") + count_of(data, "refused") == rows


def test_an_order_in_two_files_is_one_order(tmp_path: Path) -> None:
    """Pages that overlap count once, also if columns stand in another order or a tracking number was added."""
    paths = files(
        tmp_path,
        f"{HEAD}\n1,ani,2026-03-01,5\n2,budi,2026-03-02,7\n",
        "Track,Buyer,No,When,Total\nX1,budi,2,2026-03-02,7.00\nX2,citra,3,2026-03-03,9\n",
    )
    data = read_orders(paths, mapping())

    assert amounts(data) == {"1": 500, "2": 700, "3": 900}
    assert account(data)["rows in the files"] == ("read", 4, ())
    assert account(data)["row of an order that another file has too"] == ("merged", 1, (3,))
    assert_adds_up(data, 4)


def test_the_furthest_state_of_a_row_is_kept(tmp_path: Path) -> None:
    """An order that was paid in the older file and cancelled in the newer one is cancelled, in either order."""
    paid, void = (f"{HEAD},State\n1,ani,2026-03-01,5,{state}\n" for state in ("ok", "void"))
    for texts in ((paid, void), (void, paid)):
        data = read_orders(files(tmp_path, *texts), mapping(**STATES))

        assert data.purchases.select("id", "amount", "status").rows() == [("1", 500, "cancelled")]
        assert_adds_up(data, 2)


def test_the_larger_refund_of_a_row_is_kept(tmp_path: Path) -> None:
    """A refund that only the newer file has is kept once."""
    columns = {**WHOLE, "refunded_amount": "Back", "refunded_at": "Back on"}
    texts = [f"{HEAD},Back,Back on\n1,ani,2026-03-01,5,{back}\n" for back in (",", "2,2026-03-04", "2,2026-03-04")]
    data = read_orders(files(tmp_path, *texts), mapping(columns))

    assert data.refunds["amount"].to_list() == [200]
    assert_adds_up(data, 3)


def test_an_order_whose_rows_differ_between_files_is_refused(tmp_path: Path) -> None:
    """Nothing says whether 5 became 6, or both are lines of the order: all its rows are refused and counted."""
    paths = files(tmp_path, f"{HEAD}\n1,ani,2026-03-01,5\n2,ani,2026-03-01,5\n", f"{HEAD}\n1,ani,2026-03-01,6\n")
    data = read_orders(paths, mapping())

    assert amounts(data) == {"2": 500}
    assert account(data)["order whose rows differ between the files"] == ("refused", 2, (1, 3))
    assert_adds_up(data, 3)


def test_a_file_that_has_all_rows_of_an_order_completes_it(tmp_path: Path) -> None:
    """A page that was cut inside an order loses no line of it; two equal lines of one order stay two."""
    head = "No,Buyer,When,Item,Pieces,Price,Line\n"
    one, two, three = (f"1,ani,2026-03-01,{item},1,4,{number}\n" for number, item in enumerate(("a", "a", "b")))
    data = read_orders(files(tmp_path, head + one, head + one + two + three), lines())

    assert amounts(data) == {"1": 1200}
    assert data.order_lines["sku"].to_list() == ["a", "a", "b"]
    assert_adds_up(data, 4)


def test_credits_of_one_order_may_stand_in_two_files(tmp_path: Path) -> None:
    """The credits under the number of an order are paid back once each; the copy of one is merged."""
    texts = [
        f"{HEAD}\n{rows}"
        for rows in ("1,a,2026-03-01,9\n1,a,2026-03-02,-2\n", "1,a,2026-03-02,-2\n1,a,2026-03-03,-3\n")
    ]
    data = read_orders(files(tmp_path, *texts), mapping(credit_negative=True))

    assert data.refunds["amount"].sum() == 500
    assert_adds_up(data, 4)


def test_blanks_are_never_filled_from_another_file(tmp_path: Path) -> None:
    """A blank order number is that of the row above in its own file, not that of the last row of the file before."""
    texts = (f"{HEAD}\n1,ani,2026-03-01,5\n", f"{HEAD}\n,,,7\n2,budi,2026-03-02,8\n")
    data = read_orders(files(tmp_path, *texts), mapping(fill_down=True))

    assert amounts(data) == {"1": 500, "2": 800}
    assert account(data)["no order"] == ("refused", 1, (2,))


def test_each_file_has_its_own_column_of_currencies(tmp_path: Path) -> None:
    """A column of currencies that the mapping does not name is used and noted for each file."""
    texts = (f"{HEAD},Cur\n1,ani,2026-03-01,5,IDR\n2,ani,2026-03-01,5,USD\n", f"{HEAD}\n3,ani,2026-03-01,5\n")
    data = read_orders(files(tmp_path, *texts), mapping())

    assert amounts(data) == {"1": 500, "3": 500}
    note = "currency taken from the column 'Cur', which the mapping does not name"
    assert account(data)[note] == ("noted", 2, ())


ROWS = [
    f"{number},{person},2026-03-0{day},{total}"
    for number, person, day, total in (
        ("1", "ani", 1, 5),
        ("1", "ani", 1, 7),
        ("2", "budi", 2, 9),
        ("3", "ani", 3, 4),
        ("4", "", 3, 4),
        ("5", "citra", 4, "x"),
    )
]


@given(data=st.data())
def test_the_result_does_not_depend_on_how_files_divide_the_orders(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whole orders may stand in any file, in any order, and several times."""
    folder = tmp_path_factory.mktemp("files")
    orders = [[row for row in ROWS if row[0] == number] for number in "12345"]
    parts: list[list[str]] = [[], [], []]
    for order in data.draw(st.permutations(orders)):
        for part in data.draw(st.sets(st.integers(0, 2), min_size=1)):
            parts[part] += order
    paths = files(folder, *("\n".join([HEAD, *part, ""]) for part in parts))
    read = read_orders(data.draw(st.permutations(paths)), mapping())

    assert amounts(read) == {"1": 1200, "2": 900, "3": 400}
    assert_adds_up(read, sum(map(len, parts)))


# ---- spreadsheets, JSON --------------------------------------------------------------------------------------------


def test_every_sheet_with_the_columns_is_read(tmp_path: Path) -> None:
    """Numbers and days of cells are taken as they are; titles, blank rows, foot lines and other sheets are counted."""
    path = book(
        tmp_path / "orders.xlsx",
        Jan=[
            [],
            ["My shop"],
            ["Printed", dt.date(2026, 2, 1)],
            [],
            ["No", "Buyer", "When", "Total", "Total", ""],
            [1, "ani", dt.date(2026, 1, 5), 1.234, "x", "y"],
            [],
            [2, "budi", dt.datetime(2026, 1, 6, 9), 150000, "x", "y"],  # noqa: DTZ001 (a clock time)
            ["Sum", "", "", 3],
        ],
        Feb=[["When", "No", "Buyer", "Total"], [dt.date(2026, 2, 5), 3, "ani", 7]],
        Stock=[["No", "Left"], [1, 5]],
        Empty=[],
    )
    columns = {**WHOLE, "amount": "Sum"}
    with pytest.raises(LogsError, match=r"column 'Sum' \(amount\) is missing"):
        read_orders(path, mapping(columns))
    with pytest.raises(LogsError, match=r"'Total' \(amount\) stands twice"):
        read_orders(path, mapping(amount_style="number", skip_end=1))
    path = book(
        path,
        Jan=[
            [],
            ["My shop"],
            ["Printed", dt.date(2026, 2, 1)],
            [],
            ["No", "Buyer", "When", "Total", "Note", "Note", ""],
            [1, "ani", dt.date(2026, 1, 5), 1.25, "x", "y", "z"],
            [],
            [2, "budi", dt.datetime(2026, 1, 6, 9), 150000],  # noqa: DTZ001 (a clock time)
            ["Sum", "", "", 3],
        ],
        Feb=[["When", "No", "Buyer", "Total"], [dt.date(2026, 2, 5), 3, "ani", 7], []],
        Stock=[["No", "Left"], [1, 5]],
        Empty=[],
        OnlyHeading=[["No", "Buyer", "When", "Total"]],
    )
    data = read_orders(path, mapping(amount_style="number", skip_end=1))

    assert amounts(data) == {"1": 125, "2": 15000000}
    assert account(data)["line above the heading, left out"] == ("noted", 2, ())
    assert account(data)["line below the last row, left out"] == ("noted", 2, ())
    assert account(data)["blank row of a sheet, left out"] == ("noted", 1, ())
    assert account(data)["sheet without the heading, left out"] == ("noted", 2, ())
    assert_adds_up(data, 2)
    with pytest.raises(LogsError, match="Float64; set the mapping's amount_style to 'number'"):
        read_orders(path, mapping(amount_style="id", skip_end=1))


def test_a_spreadsheet_without_the_columns_is_refused(tmp_path: Path) -> None:
    """The message names the columns of the mapping, and no cell."""
    path = book(tmp_path / "orders.xlsx", One=[["KANARI", "x"], ["y", "z"]])
    with pytest.raises(LogsError, match=r"does not have the mapping's columns \('No'.*look at .* the sheets") as caught:
        read_orders(path, mapping())
    assert "KANARI" not in str(caught.value)


def test_lines_to_skip_are_skipped_in_every_sheet(tmp_path: Path) -> None:
    """A table above the heading is left out if the mapping says so, and is refused otherwise."""
    rows = [["a", "b", "c"], ["No", "Buyer", "When", "Total"], ["1", "ani", "2026-03-01", "5"]]
    path = book(tmp_path / "orders.xlsx", One=rows)
    with pytest.raises(RecordError, match="the heading is in row 2, below rows that may be data"):
        read_orders(path, mapping())
    data = read_orders(path, mapping(skip_lines=1))

    assert amounts(data) == {"1": 500}
    assert account(data)["line above the heading, left out"] == ("noted", 1, ())


@pytest.mark.parametrize("name", ["orders.json", "orders.jsonl"])
def test_json_is_read_by_its_paths(tmp_path: Path, name: str) -> None:
    """Nested values have dotted names in a list of orders; a line of JSON lines is one row."""
    nested = name.endswith(".json")
    buyer = {"buyer": {"name": "ani"}} if nested else {"buyer.name": "ani"}
    rows = [{"no": number, **buyer, "when": "2026-03-01", "total": 5.25} for number in (1, 2)]
    path = tmp_path / name
    path.write_text(json.dumps(rows) if nested else "\n".join(map(json.dumps, rows)))
    columns = {"id": "no", "person_id": "buyer.name", "purchased_at": "when", "amount": "total"}
    data = read_orders([path], mapping(columns))

    assert amounts(data) == {"1": 525, "2": 525}
    assert_adds_up(data, 2)


def test_files_of_two_kinds_are_one_shop(tmp_path: Path) -> None:
    """A Parquet file of numbers and a CSV file of texts are compared by their values."""
    frame = pl.DataFrame(
        {"No": [1, 2], "Buyer": ["ani", "budi"], "When": [dt.date(2026, 3, 1)] * 2, "Total": [5.0, 7.0]}
    )
    frame.write_parquet(tmp_path / "orders.parquet")
    how: OrderMapping = mapping(amount_style="number")
    data = read_orders([*files(tmp_path, f"{HEAD}\n1,ani,2026-03-01,5.00\n"), tmp_path / "orders.parquet"], how)

    assert amounts(data) == {"1": 500, "2": 700}
    assert_adds_up(data, 3)


def test_lines_above_a_heading_are_counted(tmp_path: Path) -> None:
    """The lines that the mapping skips are in the account, the blank ones not."""
    path = files(tmp_path, f"Orders of my shop\n\n{HEAD}\n1,ani,2026-03-01,5\n")
    data = read_orders(path, mapping(skip_lines=2))

    assert account(data)["line above the heading, left out"] == ("noted", 1, ())
    assert_adds_up(data, 1)
