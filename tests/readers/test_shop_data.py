"""The logs of a shop's files: every record, on every engine, and no silent loss."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

from funnel import Facts, Logs, read_orders
from funnel.errors import ArgumentError, LogsError, MissingExtraError
from funnel.readers import paypal, segment
from funnel.readers._account import EXPECTED

LATER = datetime(2027, 1, 1, tzinfo=UTC)
EXPORTS = Path(__file__).parent / "exports"
ENGINES = ("polars", "pandas", "pyarrow", "duckdb")


@pytest.mark.parametrize("engine", ENGINES)
def test_the_logs_have_every_record_on_every_engine(engine: Any) -> None:
    """Refunds, leads and interactions are not lost on the way to another engine."""
    data: Any = paypal.payments(EXPORTS / "paypal.payments.csv")
    logs: Logs = data.logs(engine=engine)
    assert (repr(logs), logs.currency) == (f"Logs(purchases, refunds, on {engine})", data.currency)
    people = ("ana@example.com", "bo@example.com")
    assert [logs.history(one) for one in people] == [data.logs().history(one) for one in people]
    assert sum(Facts.of(logs.history(one), as_of=LATER).net_spent for one in people) == 120_000
    events: Any = segment.events(EXPORTS / "segment.events.jsonl")
    other: Logs = events.logs(engine=engine)
    assert repr(other) == f"Logs(purchases, refunds, interactions, on {engine})"


def test_an_engine_that_is_unknown_or_not_installed_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the engines, or the command that installs the package."""
    data: Any = read_orders(EXPORTS / "paypal.payments.csv")
    with pytest.raises(ArgumentError, match="engine must be 'polars' or 'pandas' or 'pyarrow' or 'duckdb'"):
        data.logs(engine="spark")

    def without_pandas(name: str) -> object:
        return None if name == "pandas" else find_spec(name)

    monkeypatch.setattr("funnel.store._frames.find_spec", without_pandas)
    with pytest.raises(MissingExtraError, match=r'pip install "shopfunnel\[pandas\]"'):
        data.logs(engine="pandas")


# ---- files all of whose rows were refused ----------------------------------------------------------------------------

SHOPEE = EXPORTS / "shopee.orders.id-new.csv"
PRICES = ("Harga Setelah Diskon", "Total Harga Produk")


def test_amounts_that_a_program_cut_to_floats_are_refused() -> None:
    """180.000 is 180 thousand in the file and 180.0 in pandas: a silent loss of three digits, or of every order."""
    with pytest.raises(
        ArgumentError, match=r"the column 'Total Pembayaran' has floats.*pd\.read_csv\(path, dtype=str\)"
    ):
        read_orders(pd.read_csv(SHOPEE), zone="Asia/Jakarta")
    texts = pd.read_csv(SHOPEE, dtype=str)
    assert read_orders(texts, zone="Asia/Jakarta").purchases.equals(read_orders(SHOPEE, zone="Asia/Jakarta").purchases)
    amounts: dict[str, Any] = {"Total Pembayaran": [275_000.0, 275_000.0, 90_000.0, 1.5]}
    numbers = texts.assign(**amounts, **dict.fromkeys(PRICES, "1"))
    data = read_orders(numbers, zone="Asia/Jakarta", amount_style="number")
    assert sorted(data.purchases["amount"]) == [150, 27_500_000]
    with pytest.raises(ArgumentError, match="the column 'Total Pembayaran' has floats"):
        read_orders(numbers, zone="Asia/Jakarta")
    no_prices = read_orders(texts.assign(**dict.fromkeys(PRICES, float("nan"))), zone="Asia/Jakarta")
    assert (
        no_prices.purchases["amount"].to_list() == read_orders(texts, zone="Asia/Jakarta").purchases["amount"].to_list()
    )
    tiktok = pd.read_csv(EXPORTS / "tiktok.orders.csv").assign(**{"Order Amount": 150.0})
    with pytest.raises(ArgumentError, match="the column 'Order Amount' has floats"):
        read_orders(tiktok, zone="Asia/Jakarta", currency="IDR", amount_style="id")


def shopify_rows(**changes: str) -> pl.DataFrame:
    """One order of Shopify."""
    row = {
        "Name": "#1",
        "Email": "ani@example.com",
        "Financial Status": "paid",
        "Currency": "USD",
        "Total": "12.50",
        "Created at": "2026-03-01 09:00:00 +0700",
        "Lineitem quantity": "1",
        "Lineitem name": "Cup",
        **changes,
    }
    return pl.DataFrame(row)


def test_logs_without_any_record_say_why() -> None:
    """Metrics of no record are silently empty, so the logs name the reasons."""
    data = read_orders(shopify_rows(Total="12,50"))
    with pytest.raises(
        LogsError, match=r"every row .* refused.*\n  refused 1: amount not written in the declared style"
    ):
        data.logs()
    waits = shopify_rows(Name="#2", **{"Financial Status": "pending"})
    mixed = read_orders(pl.concat([shopify_rows(Total="12,50"), waits]))
    with pytest.raises(LogsError, match="refused 1: order that is not paid yet"):
        mixed.logs()


def test_a_file_that_has_no_order_on_purpose_is_no_fault() -> None:
    """Orders that wait, a month without orders, and customers without leads: empty logs."""
    empty = [
        read_orders(shopify_rows(**{"Financial Status": "pending"})),
        read_orders(shopify_rows().clear()),
        read_orders(EXPORTS / "shopify.customers.csv"),
    ]
    assert [repr(data.logs()) for data in empty] == ["Logs(purchases, on polars)"] * 3


def test_each_reason_that_is_no_fault_is_that_of_a_reader() -> None:
    """The list has no reason that a reader has reworded."""
    folder = Path(str(files("funnel.readers")))
    source = "".join(path.read_text("utf-8") for path in folder.glob("_*.py") if path.name != "_account.py")
    assert [reason for reason in sorted(EXPECTED) if f'"{reason}"' not in source] == []
