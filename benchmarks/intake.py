"""A shop's own table of a million orders to logs, against the same conversions written by hand in Polars.

The table has whole numbers as ids, floats as amounts, naive local times, the shop's words for statuses, and five
columns of its own. The hand-written version converts the same columns and validates nothing. "With validation" passes
its result to `Logs(...)`, which validates the rows as `Logs.from_orders` does.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import polars as pl

from benchmarks._measure import Line, Size, alternate, span
from funnel import Logs

ORDERS: Mapping[Size, int] = {"tiny": 2_000, "usual": 1_000_000, "full": 1_000_000}
ZONE = "Europe/Amsterdam"
COLUMNS = {
    "id": "OrderNo",
    "person_id": "CustomerID",
    "purchased_at": "Date",
    "amount": "Total",
    "status": "State",
    "country": "Country",
    "margin": "Margin",
    "pieces": "Pieces",
    "is_gift": "Gift",
    "shipped_on": "Shipped",
}
STATUSES = {"Completed": "paid", "Sent": "shipped", "Refused": "cancelled"}


def table(orders: int) -> pl.DataFrame:
    """Return a shop's own table."""
    draw = random.Random(7)
    start = datetime(2024, 1, 1)  # noqa: DTZ001 - what the shop's clock shows
    days = [draw.randrange(700) for _ in range(orders)]
    return pl.DataFrame(
        {
            "OrderNo": range(1, orders + 1),
            "CustomerID": [draw.randrange(orders // 4) for _ in range(orders)],
            "Date": [
                start + timedelta(days=day, hours=8 + draw.randrange(12), seconds=draw.randrange(3600)) for day in days
            ],
            "Total": [draw.randrange(100, 30_000) / 100 for _ in range(orders)],
            "State": draw.choices(list(STATUSES), weights=(90, 8, 2), k=orders),
            "Country": draw.choices(["NL", "BE", "DE", "FR"], k=orders),
            "Margin": [draw.random() for _ in range(orders)],
            "Pieces": draw.choices(range(1, 9), k=orders),
            "Gift": draw.choices([True, False], k=orders),
            "Shipped": [start.date() + timedelta(days=day + 2) for day in days],
        }
    )


def ours(frame: pl.DataFrame) -> Logs:
    """Read the table with the library."""
    return Logs.from_orders(frame, COLUMNS, tz=ZONE, currency="EUR", amount="major", statuses=STATUSES)


def by_hand(frame: pl.DataFrame) -> pl.DataFrame:
    """Convert the columns with expressions of Polars."""
    return (
        frame.lazy()
        .select(
            pl.col("OrderNo").cast(pl.String).alias("id"),
            pl.col("CustomerID").cast(pl.String).alias("person_id"),
            pl.col("Date")
            .dt.replace_time_zone(ZONE, ambiguous="earliest", non_existent="null")
            .dt.convert_time_zone("UTC")
            .alias("purchased_at"),
            (pl.col("Total") * 100).round().cast(pl.Int64).alias("amount"),
            pl.col("State").replace_strict(STATUSES).alias("status"),
            *(pl.col(theirs).alias(name) for name, theirs in COLUMNS.items() if theirs not in _CONVERTED),
        )
        .collect()
    )


_CONVERTED = ("OrderNo", "CustomerID", "Date", "Total", "State")
OWN = [name for name, theirs in COLUMNS.items() if theirs not in _CONVERTED]


def validated(frame: pl.DataFrame) -> Logs:
    """Convert the columns by hand, and validate the rows."""
    return Logs(purchases=by_hand(frame), keep={"purchases": OWN})


def run(size: Size) -> Iterator[Line]:
    """Measure."""
    frame = table(ORDERS[size])
    variants = {
        "ours": lambda: ours(frame),
        "hand": lambda: by_hand(frame),
        "validated": lambda: validated(frame),
    }
    took = alternate(variants, repeats=1 if size == "tiny" else 3)
    name = f"{ORDERS[size]:,} orders with five own columns to logs"
    for peer, about, target in (
        ("validated", "by hand, with validation", "<= 1.5 x"),
        ("hand", "by hand, conversions only", ""),
    ):
        ratio = f"{took['ours'] / took[peer]:.2f} x the time"
        yield Line(name, span(took["ours"]), f"{span(took[peer])} {about}", ratio, target)
