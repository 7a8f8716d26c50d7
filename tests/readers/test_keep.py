"""Own columns of purchases from an export."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from funnel import Logs, read_orders, retention
from funnel.errors import ArgumentError, LogsError
from funnel.metrics import repeat_by
from funnel.rates import Rates
from funnel.readers import meta, shopify
from funnel.readers._mapping import Columns, OrderMapping
from tests.readers.exports import SAMPLES, Sample

NOW = datetime(2026, 9, 1, tzinfo=UTC)
ROWS = {
    "Name": ["#1", "#1", "#2", "#3", "#4"],
    "Email": ["ani@example.com", None, "ani@example.com", "budi@example.com", "cici@example.com"],
    "Financial Status": ["paid", None, "paid", "paid", "paid"],
    "Currency": "USD",
    "Total": ["25.00", None, "30.00", "9.00", "8.00"],
    "Created at": [f"2026-0{month}-01 09:00:00 +0700" for month in (3, 3, 4, 3, 3)],
    "Lineitem quantity": "1",
    "Lineitem name": ["Mug", "Pot", "Mug", "Tea", "Tea"],
    "Source": [None, "web", "pos", "pos", " "],
    "Payment Method": ["card", None, "cash", "cash", "card"],
    "Shipping Zip": "1",
}


def frame(**changes: Any) -> pl.DataFrame:
    """An orders export of Shopify with columns that the reader does not read."""
    return pl.DataFrame({**ROWS, **changes})


def test_an_own_column_has_the_first_cell_of_its_order() -> None:
    """The first row of the order that has one; a blank cell is none, and refused rows have no order."""
    data = read_orders(frame(), keep={"channel": "source", "paid_with": "Payment Method"})
    got = data.purchases.sort("id")["id", "channel", "paid_with"].rows()
    assert got == [("#1", "web", "card"), ("#2", "pos", "cash"), ("#3", "pos", "cash"), ("#4", None, "card")]
    assert read_orders(frame(), keep=None).purchases.equals(read_orders(frame()).purchases)


@pytest.mark.parametrize("engine", ["polars", "pandas"])
def test_metrics_group_by_an_own_column(engine: Any) -> None:
    """The repeat rate by channel, on the engine of the caller, with and without rates."""
    data: Any = read_orders(frame(), keep={"channel": "Source"})
    logs: Logs = data.logs(engine=engine)
    assert logs.own_columns == {"purchases": ("channel",)}
    groups = repeat_by(logs, "channel", timedelta(days=60), as_of=NOW, min_people=1)
    rates = {one.group: (one.repeat.rate.successes, one.repeat.rate.trials) for one in groups}
    assert rates == {"web": (1, 1), "pos": (0, 1), None: (0, 1)}
    assert set(retention(logs, tz="Asia/Jakarta", as_of=NOW, by="channel")) == {"web", "pos", None}
    day = {("USD", date(2026, month, 1)): 16_000 for month in (3, 4)}
    rates_of_day = Rates("IDR", day, tz="Asia/Jakarta")
    data = read_orders(frame(), keep={"channel": "Source"}, rates=rates_of_day)
    converted: Logs = data.logs(engine=engine)
    assert "channel" in converted.own_columns["purchases"]


def test_several_files_have_own_columns(tmp_path: Path) -> None:
    """Each file must have the column; an order of two files has the cell of the file that is used for it."""
    first, second = tmp_path / "march.csv", tmp_path / "april.csv"
    frame().head(2).write_csv(first)
    frame(**{"Financial Status": ["refunded", None, "paid", "paid", "paid"], "Source": "app"}).write_csv(second)
    for paths in ([first, second], [second, first]):
        got = shopify.orders(paths, keep={"channel": "Source"}).purchases
        assert got["channel"].to_list() == ["app"] * 4
    frame().drop("Source").write_csv(first)
    with pytest.raises(ArgumentError, match="the Shopify orders export has no column 'Source', which keep names"):
        shopify.orders([second, first], keep={"channel": "Source"})


ORDERS = [sample for sample in SAMPLES.values() if sample.name.split(".")[1] in ("orders", "payments", "transactions")]


@pytest.mark.parametrize("sample", ORDERS, ids=lambda sample: sample.file)
def test_every_export_of_orders_keeps_a_column(sample: Sample, tmp_path: Path) -> None:
    """A column that the reader does not know reaches the purchases, whatever the reader does with the rows."""
    heading, rows = sample.rows()
    path = tmp_path / f"file{sample.path.suffix}"
    cells = [[*heading, "Kanal"], *([*row, "toko"] for row in rows)]
    with path.open("w", encoding="utf-8", newline="") as file:
        if sample.quote:
            csv.writer(file, delimiter=sample.delimiter).writerows(cells)
        else:
            file.writelines(f"{sample.delimiter.join(row)}\n" for row in cells)
    purchases = sample.read(path, keep={"kanal": "Kanal"}).purchases
    assert purchases.drop("kanal").equals(sample.read(sample.path).purchases)
    assert purchases["kanal"].to_list() == ["toko"] * purchases.height


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        (["Sourc"], r"the Shopify orders export has no column 'Sourc', .*did you mean 'Source'\?"),
        (["Nothing"], "has no column 'Nothing', which keep names; pass a column of every file"),
        (["Source"], r"cannot be called 'Source': .* rename it: keep=\{'order_source': 'Source'\}"),
        (["Payment Method"], r"rename it to letters, digits and _: keep=\{'order_payment_method': 'Payment Method'\}"),
        ({"amount": "Total"}, r"amount is a column of purchases .*keep=\{'order_total': 'Total'\}"),
        ({"mail": "Email"}, r"keep names 'Email', which is personal data; .*contacts=True"),
        ({"mail": "e-mail"}, "which is personal data"),
        ({"plz": "Shipping Zip"}, "which is personal data"),
        ("Source", "keep must be a list of columns, such as"),
        ({"channel": 1}, "a column of keep must be a text"),
        ({1: "Source"}, "the name of an own column of purchases must be text"),
    ],
)
def test_wrong_columns_are_errors(keep: Any, message: str) -> None:
    """The error names the column and what to pass instead."""
    with pytest.raises(ArgumentError, match=message):
        read_orders(frame(), keep=keep)


def test_keep_is_for_exports_of_orders() -> None:
    """Leads and mappings have no own columns of purchases."""
    with pytest.raises(ArgumentError, match="keep is for exports of orders, and the Meta lead ads export is another"):
        meta.leads(SAMPLES["meta.leads.csv"].path, keep={"form": "form_name"})
    twice = frame().rename({"Shipping Zip": "source"})
    assert read_orders(twice, keep={"channel": "Source"}).purchases["channel"].to_list()[0] is not None
    with pytest.raises(LogsError, match="column 'SOURCE' stands twice"):
        read_orders(twice, keep={"channel": "SOURCE"})
    mapping = OrderMapping(
        columns=Columns(id="Name", person_id="Email", purchased_at="Created at", amount="Total"),
        currency="USD",
        zone="Asia/Jakarta",
    )
    with pytest.raises(ArgumentError, match=r"keep cannot be combined .* Logs\.from_orders"):
        read_orders(frame(), mapping, keep={"channel": "Source"})
