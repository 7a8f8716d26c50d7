"""The transactions export of Square."""

from __future__ import annotations

from funnel.readers import square
from tests.readers.exports import SAMPLES

SAMPLE = SAMPLES["square.transactions.csv"]


def test_payments_and_refunds() -> None:
    """A refund belongs to the payment of its transaction; amounts may have a sign of a currency."""
    data = square.transactions(SAMPLE.path, zone="America/Los_Angeles", currency="USD")
    assert data.purchases.select("id", "person_id", "amount").rows() == [
        ("T1", "C1", 101_250),
        ("T2", "C2", 2_000),
        ("T4", "C1", 900),
    ]
    assert [str(time) for time in data.purchases["purchased_at"]] == [
        "2026-03-02 17:30:00+00:00",
        "2026-03-03 18:00:00+00:00",
        "2026-03-08 18:00:00+00:00",
    ]
    assert data.refunds.select("id", "amount").rows() == [("T2/1", 500)]
    assert str(data).splitlines() == [
        "read 6: rows in the file",
        "read 4: rows kept",
        "read 3: purchases",
        "read 1: refunds",
        "refused 1: no known buyer (row 5)",
        "refused 1: refund whose order is not in the files (row 4)",
    ]


def test_a_sign_that_only_one_currency_has_says_the_currency() -> None:
    """Amounts in pounds need no currency; if one is named that is not theirs, they are refused."""
    heading, rows = SAMPLE.rows()
    import polars as pl

    frame = pl.DataFrame([[cell.replace("$", "£") for cell in row] for row in rows], schema=heading, orient="row")
    assert square.transactions(frame, zone="Europe/London").currency == "GBP"
    data = square.transactions(frame, zone="Europe/London", currency="USD")
    assert data.purchases.height == 0
    assert "refused 3: order in another currency than the one read" in str(data)
