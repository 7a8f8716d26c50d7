"""The orders export of Lazada: one row for each piece, each with its own status; days with names of months."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from funnel.readers import ShopData, lazada
from tests.readers.exports import SAMPLES
from tests.readers.results import account, bought, frame, lines

if TYPE_CHECKING:
    from pathlib import Path

FILE = "lazada.orders.csv"
LEFT_OUT = "line that was cancelled or returned, left out of its order"


def pieces(*rows: dict[str, str], **options: Any) -> ShopData:
    """Read pieces that differ from the first of the sample."""
    values: dict[str, Any] = {"zone": "Asia/Jakarta", "currency": "IDR", **options}
    return lazada.orders(frame(FILE, *rows), **values)


def test_orders() -> None:
    """An order is the sum of its pieces that were kept; equal pieces are several."""
    data = SAMPLES[FILE].read(SAMPLES[FILE].path)
    assert bought(data) == [
        ("800000000000001", "sari@example.com", 275_000_00, "paid"),
        ("800000000000002", "+6281200000002", 75_000_00, "cancelled"),
        ("800000000000003", "+6281200000002", 75_000_00, "paid"),
        ("800000000000004", "+6281200000002", 125_000_00, "cancelled"),
    ]
    assert lines(data) == [
        ("800000000000001", "CT-1", 1, 75_000_00),
        ("800000000000001", "CT-1", 1, 75_000_00),
        ("800000000000001", "GB-1", 1, 125_000_00),
        ("800000000000002", "CT-1", 1, 75_000_00),
        ("800000000000003", "CT-1", 1, 75_000_00),
        ("800000000000004", "GB-1", 1, 125_000_00),
    ]
    assert data.purchases["purchased_at"][0] == datetime(2026, 3, 1, 2, 15, tzinfo=UTC)
    assert account(data, "refused") == {"no known buyer": (1, (9,)), "order that is not paid yet": (1, (8,))}
    assert account(data, "noted") == {LEFT_OUT: (1, (6,))}


def test_dong_are_written_with_decimals() -> None:
    """125000.00 is 125,000 dong, although the dong has no decimals."""
    assert bought(pieces({}, currency="VND"))[0][2] == 125_000


def test_a_returned_order_is_a_refund_without_its_day() -> None:
    """An order whose pieces were all returned or cancelled is cancelled, and noted as a refund without its day."""
    data = pieces({"status": "returned"}, {"status": "canceled", "orderItemId": "700000000000099"})
    assert bought(data)[0][3] == "cancelled"
    assert account(data, "noted") == {
        "refund of the whole order without its day, taken as a cancellation": (2, (1, 2)),
    }


def test_the_caller_decides_what_a_status_of_a_piece_means() -> None:
    """A status that the caller names counts for the piece, before orders are summed."""
    rows = {"status": "returned"}, {"orderItemId": "700000000000099"}
    assert bought(pieces(*rows))[0][2:] == (125_000_00, "paid")
    assert bought(pieces(*rows, statuses={"returned": "paid"}))[0][2:] == (250_000_00, "paid")


def test_a_piece_of_two_files_is_one_piece(tmp_path: Path) -> None:
    """A piece that was returned after the first export is left out, though its price changed."""
    sample = SAMPLES[FILE]
    heading, rows = sample.rows()
    change = {"status": "returned", "paidPrice": "0.00"}
    later = [change.get(name, cell) for name, cell in zip(heading, rows[0], strict=True)]
    files = [sample.write(tmp_path / "1.csv", rows[:2]), sample.write(tmp_path / "2.csv", [later, rows[1]])]
    data = sample.read(files)
    assert bought(data) == [("800000000000001", "sari@example.com", 75_000_00, "paid")]
    assert len(lines(data)) == 1
