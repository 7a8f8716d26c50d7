"""The activity download of PayPal: exact payments, refunds and account."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from funnel.errors import ArgumentError
from funnel.readers import paypal
from tests.readers.exports import SAMPLES, same

if TYPE_CHECKING:
    from pathlib import Path

SAMPLE = SAMPLES["paypal.payments.csv"]


def changed(folder: Path, *changes: tuple[str, str]) -> Path:
    """Write the sample with some texts replaced."""
    text = SAMPLE.path.read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "Download.CSV"
    path.write_text(text, encoding="utf-8")
    return path


def test_payments_are_dated_by_the_letters_of_their_zone() -> None:
    """PST is eight hours behind UTC and PDT seven, in the same file."""
    data = paypal.payments(SAMPLE.path)
    assert data.purchases.select("id", "person_id", "amount", "status").rows() == [
        ("TX001", "ana@example.com", 120_000, "paid"),
        ("TX002", "bo@example.com", 5_000, "paid"),
    ]
    assert [str(time) for time in data.purchases["purchased_at"]] == [
        "2026-03-08 07:30:00+00:00",
        "2026-03-09 16:00:00+00:00",
    ]


def test_each_refund_is_dated_and_together_they_are_at_most_the_payment() -> None:
    """Two refunds of one payment keep their own times; the second is cut to what is left of the payment."""
    refunds = paypal.payments(SAMPLE.path).refunds
    assert refunds.select("id", "purchase_id", "amount").rows() == [
        ("TX002/1", "TX002", 2_000),
        ("TX002/2", "TX002", 3_000),
    ]
    assert [str(time.date()) for time in refunds["refunded_at"]] == ["2026-03-10", "2026-03-12"]


def test_the_account_names_every_other_kind_of_row() -> None:
    """Transfers, conversions, own payments and waiting payments are refused under their own reasons."""
    assert str(paypal.payments(SAMPLE.path)).splitlines() == [
        "read 9: rows in the file",
        "read 4: rows kept",
        "read 2: purchases",
        "read 2: refunds",
        "refused 1: currency conversion, not a payment (row 6)",
        "refused 1: order that is not paid yet (row 8)",
        "refused 1: payment that the shop sent (row 7)",
        "refused 1: refund whose order is not in the files (row 9)",
        "refused 1: row that is not a payment, such as a transfer, a hold or a fee (row 5)",
    ]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("03/10/2026,09:00:00,PDT", "03/10/2026,09:00:00,XYZ", "time zone that the reader does not know"),
        ("03/10/2026,09:00:00,PDT", "32/10/2026,09:00:00,PDT", "time refunded not in the declared format"),
        ("03/10/2026,09:00:00,PDT", ",09:00:00,PDT", "refund without its time"),
        ("Completed,USD,-20.00", "Completed,EUR,-20.00", "refund in another currency than the one read"),
        ("Completed,USD,-20.00", "Completed,USD,-20.00.0", "refunded amount not written in the declared style"),
        ("Completed,USD,-20.00", "Pending,USD,-20.00", "refund that was not completed"),
        (',TX002,INV2,,,,"1,193.85"', ',,INV2,,,,"1,193.85"', "refund that names no payment"),
    ],
)
def test_a_refund_that_cannot_be_read_is_refused_alone(tmp_path: Path, old: str, new: str, reason: str) -> None:
    """A faulty refund is refused and counted; its payment and the other refund of it are kept."""
    data = paypal.payments(changed(tmp_path, (old, new)), currency="USD")
    assert f"refused 1: {reason} (row 3)" in str(data).splitlines()
    assert data.refunds["amount"].to_list() == [4_000]


def test_a_payment_that_is_marked_as_refunded_is_refunded_by_its_rows(tmp_path: Path) -> None:
    """The word Refunded on a payment is not a second refund if the refunds are rows."""
    path = changed(tmp_path, ("Website Payment,Completed", "Website Payment,Refunded"))
    assert same(paypal.payments(path), paypal.payments(SAMPLE.path))


def test_a_file_whose_days_may_be_months_needs_its_format(tmp_path: Path) -> None:
    """If no day is above 12, the caller says whether the month or the day stands first."""
    lines = SAMPLE.path.read_text("utf-8").splitlines()
    path = tmp_path / "short.csv"
    path.write_text("\n".join(lines[:3]), encoding="utf-8")
    with pytest.raises(ArgumentError, match=re.escape("pass time_format to say which")):
        paypal.payments(path)
    data = paypal.payments(path, time_format="%d/%m/%Y %H:%M:%S %z")
    assert str(data.purchases["purchased_at"][0]) == "2026-07-04 07:30:00+00:00"
