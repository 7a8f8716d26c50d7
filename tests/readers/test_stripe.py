"""The payments export of Stripe: exact payments, refunds and account."""

from __future__ import annotations

import re

import pytest

from funnel.errors import ArgumentError
from funnel.readers import stripe
from tests.readers.exports import SAMPLES

NEW, OLD = SAMPLES["stripe.payments.csv"].path, SAMPLES["stripe.payments.old.csv"].path


def test_payments_and_their_dated_refunds() -> None:
    """A refund is dated by its own column; a full refund leaves the payment paid, a partial one too."""
    data = stripe.payments(NEW, currency="USD")
    assert data.purchases.select("id", "person_id", "amount", "status").rows() == [
        ("ch_001", "cus_A1", 125_000, "paid"),
        ("ch_002", "bo@example.com", 8_000, "paid"),
        ("ch_003", "cus_A1", 4_000, "paid"),
    ]
    assert data.refunds.select("id", "amount").rows() == [("ch_003/1", 1_500), ("ch_002/1", 8_000)]
    assert str(data.purchases["purchased_at"][0]) == "2026-03-01 02:00:10+00:00"
    assert str(data).splitlines() == [
        "read 5: rows in the file",
        "read 3: rows kept",
        "read 3: purchases",
        "read 2: refunds",
        "refused 1: no known buyer (row 5)",
        "refused 1: order whose payment failed (row 4)",
    ]


def test_a_file_of_two_currencies_needs_one_of_them() -> None:
    """The amount is in the currency of the buyer; the reader lists the currencies and asks for one."""
    with pytest.raises(ArgumentError, match=re.escape("2 currencies (USD in 4 rows, EUR in 1 rows); pass currency")):
        stripe.payments(NEW)
    assert stripe.payments(NEW, currency="EUR").purchases.height == 0


def test_the_older_heading_has_refunds_without_a_day() -> None:
    """Without a day, a full refund cancels its payment; a payment that was not captured waits."""
    data = stripe.payments(OLD)
    assert data.currency == "GBP"
    assert data.purchases.select("id", "person_id", "amount", "status").rows() == [
        ("ch_101", "cus_1", 1_250, "paid"),
        ("ch_102", "bo@example.com", 2_000, "cancelled"),
    ]
    assert "refused 1: order that is not paid yet (row 3)" in str(data).splitlines()


def test_a_report_without_the_column_captured_is_read() -> None:
    """The caller chooses the columns of the export; `Captured` may be missing."""
    heading, rows = SAMPLES["stripe.payments.csv"].rows()
    index = heading.index("Captured")
    import polars as pl

    frame = pl.DataFrame(rows, schema=heading, orient="row").drop(heading[index])
    assert stripe.payments(frame, currency="USD").purchases.height == 3
