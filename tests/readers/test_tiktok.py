"""The orders export of TikTok Shop: its row of descriptions, tabs, two orders of day and month, states of lines."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from funnel._fields import NOT_MANGLED
from funnel.errors import ArgumentError
from funnel.readers import ShopData, tiktok
from tests.readers.exports import SAMPLES
from tests.readers.results import account, bought, frame, lines

FILE = "tiktok.orders.csv"
ORDER = {
    "Order ID": "583870900000000001\t",
    "Order Status": "Completed",
    "SKU ID": "1729000000000000001\t",
    "Seller SKU": "GB-1",
    "Product Name": "Batik dress",
    "Quantity": "1",
    "SKU Subtotal After Discount": "125000",
    "Order Amount": "125000",
    "Order Refund Amount": "",
    "Cancelation/Return Type": "",
    "Created Time": "10/03/2026 22:05:43\t",
    "Cancelled Time": "\t",
    "Buyer Username": "sari.dewi",
}
OTHER = {"SKU ID": "1729000000000000002\t", "Seller SKU": "CT-1", "Product Name": "Tea cup"}
LEFT_OUT = "line that was cancelled or returned, left out of its order"
REFUND_UNDATED = "return whose refund the export does not have; the order keeps its amount"


def read(*rows: dict[str, str], **options: Any) -> ShopData:
    """Read orders that differ from `ORDER`."""
    values: dict[str, Any] = {"zone": "Asia/Jakarta", "currency": "IDR", "time_format": "%d/%m/%Y %H:%M:%S", **options}
    return tiktok.orders(frame(FILE, *({**ORDER, **row} for row in rows)), **values)


def test_orders() -> None:
    """The descriptions are refused, ids lose their tab, totals count once, and each row is accounted for."""
    data = SAMPLES[FILE].read(SAMPLES[FILE].path)
    assert bought(data) == [
        ("583870900000000001", "sari.dewi", 275_000_00, "paid"),
        ("583870900000000002", "budi77", 75_000_00, "cancelled"),
        ("583870900000000003", "rina.w", 75_000_00, "paid"),
        ("583870900000000004", "rina.w", 75_000_00, "paid"),
        ("583870900000000006", "budi77", 125_000_00, "paid"),
    ]
    assert lines(data) == [
        ("583870900000000001", "CT-1", 2, 150_000_00),
        ("583870900000000001", "GB-1", 1, 125_000_00),
        ("583870900000000002", "CT-1", 1, 75_000_00),
        ("583870900000000003", "CT-1", 1, 75_000_00),
        ("583870900000000004", "CT-1", 2, 150_000_00),
        ("583870900000000006", "GB-1", 1, 125_000_00),
    ]
    assert data.purchases["purchased_at"][0] == datetime(2026, 3, 10, 15, 5, 43, tzinfo=UTC)
    assert data.purchases["cancelled_at"][1] == datetime(2026, 3, 12, 1, tzinfo=UTC)
    assert account(data, "refused") == {
        "no known buyer": (1, (10,)),
        "order that is not paid yet": (1, (8,)),
        "row that describes the columns": (1, (1,)),
    }
    assert account(data, "noted") == {
        LEFT_OUT: (1, (5,)),
        REFUND_UNDATED: (1, (9,)),
        "refund without its day, taken off the amount": (1, (7,)),
    }


def test_an_american_file_is_read_by_its_clock() -> None:
    """Times with AM and PM are read too; a day above 12 proves that the month is first."""
    proof = {"Order ID": "583870900000000002\t", "Created Time": "03/25/2026 09:00:00 AM"}
    rows = {"Created Time": "03/10/2026 10:05:43 PM"}, proof
    data = read(*rows, time_format=None, zone="America/New_York", currency="USD")
    assert data.purchases["purchased_at"][0] == datetime(2026, 3, 11, 2, 5, 43, tzinfo=UTC)


def test_a_day_above_twelve_proves_the_order_of_day_and_month() -> None:
    """One such row decides the file, also for a column whose own days prove nothing."""
    cancelled = {"Order Status": "Canceled", "Cancelled Time": "11/03/2026 08:00:00\t"}
    proof = {"Order ID": "583870900000000002\t", "Created Time": "25/03/2026 09:00:00"}
    data = read(cancelled, proof, time_format=None)
    assert data.purchases["cancelled_at"][0] == datetime(2026, 3, 11, 1, tzinfo=UTC)
    assert data.purchases["purchased_at"][0] == datetime(2026, 3, 10, 15, 5, 43, tzinfo=UTC)


def test_days_that_may_be_months_must_be_declared() -> None:
    """10/03 alone may be March or October: the error names both formats, and time_format decides."""
    with pytest.raises(ArgumentError, match="may be '%d/%m/%Y %H:%M:%S' or '%m/%d/%Y %H:%M:%S'; pass time_format"):
        read({}, time_format=None)
    data = read({}, time_format="%m/%d/%Y %H:%M:%S")
    assert data.purchases["purchased_at"][0] == datetime(2026, 10, 3, 15, 5, 43, tzinfo=UTC)


def test_a_row_without_an_order_id_is_refused() -> None:
    """A row without an id is not a description of the columns."""
    assert account(read({"Order ID": ""}, {}), "refused") == {"row without an order id": (1, (1,))}


def test_a_line_that_was_cancelled_alone_is_left_out() -> None:
    """The other line keeps the order paid; the amount is that of the order."""
    cancelled = {"Cancelation/Return Type": "Cancel", "Cancelled Time": "11/03/2026 08:00:00\t"}
    data = read({}, {**OTHER, **cancelled})
    assert bought(data) == [("583870900000000001", "sari.dewi", 125_000_00, "paid")]
    assert data.purchases["cancelled_at"][0] is None
    assert lines(data) == [("583870900000000001", "GB-1", 1, 125_000_00)]


def test_a_request_to_cancel_is_not_a_cancellation() -> None:
    """A line without the time of its cancellation was not cancelled."""
    data = read({"Cancelation/Return Type": "Cancel"})
    assert bought(data)[0][3] == "paid"


def test_an_order_whose_lines_were_all_cancelled_is_cancelled() -> None:
    """Lines that were cancelled one by one cancel the order."""
    cancelled = {"Cancelation/Return Type": "Cancel", "Cancelled Time": "11/03/2026 08:00:00\t"}
    data = read(cancelled, {**OTHER, **cancelled})
    assert bought(data)[0][3] == "cancelled"
    assert len(lines(data)) == 2
    assert account(data, "noted") == {}


def test_rows_of_different_refunds_are_refused() -> None:
    """The refund of an order repeats on its rows; two refunds contradict each other."""
    data = read({"Order Refund Amount": "100"}, {**OTHER, "Order Refund Amount": "200"})
    assert account(data, "refused") == {"order with rows of different refunds": (2, (1, 2))}


def test_a_grouped_amount_is_refused_until_its_style_is_named() -> None:
    """150.000 is not read as 150."""
    row = {"Order Amount": "150.000"}
    assert account(read(row), "refused") == {"amount not written in the declared style": (1, (1,))}
    assert bought(read(row, amount_style="id"))[0][2] == 150_000_00


def test_an_order_id_that_became_a_float_is_refused() -> None:
    """A float has 15 certain digits and an order id has 18, so two orders could become one."""
    table = frame(FILE, ORDER).with_columns(pl.lit(583870900000000001.0).alias("Order ID"))
    data = tiktok.orders(table, zone="Asia/Jakarta", currency="IDR", time_format="%d/%m/%Y %H:%M:%S")
    assert [(reason, count) for reason, (count, _) in account(data, "refused").items()] == [
        (f"order id that {NOT_MANGLED}", 1)
    ]
