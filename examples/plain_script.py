"""A plain script: it stores a shop's orders from a CSV file in a SQLite file, and prints the people to contact today.

    python examples/plain_script.py orders.csv shop.db 2026-03-01

You may run it every day on the same growing file: an order that the store already has stays as it is.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from funnel import Money, Policy, Purchase, SqliteStore, worklist

SHOP = ZoneInfo("Asia/Jakarta")
POLICY = Policy()


def orders(file: Path) -> Iterator[Purchase]:
    """Read orders: columns order, buyer, when (by the shop's clock) and total, in whole rupiah."""
    with file.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            yield Purchase(
                id=row["order"],
                person_id=row["buyer"],
                purchased_at=datetime.fromisoformat(row["when"]).replace(tzinfo=SHOP),
                amount=Money(row["total"], "IDR"),
            )


def main(file: Path, database: Path, day: str) -> None:
    """Store the orders, and print changed stages and the worklist of the day with reasons, most urgent first."""
    as_of = datetime.fromisoformat(day).replace(hour=18, tzinfo=SHOP).astimezone(UTC)
    with SqliteStore(database, policy=POLICY) as store:
        result = store.append(*orders(file), recorded_at=as_of)
        print(f"{result.added} new orders, {result.skipped} skipped")
        for record in store.refresh(*store.due(before=as_of), as_of=as_of):
            print(f"{record.person_id} is now {record.stage}, was {record.previous_stage}")
        buyers = sorted({order.person_id for order in orders(file)})
        print(worklist(map(store.history, buyers), POLICY, as_of=as_of, tz=SHOP).reasons())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
