"""An orders export of Shopify to purchases, order lines and refunds, against `pl.read_csv` and a group-by by hand.

The hand-written version checks nothing, and adds the totals as floats. Processor seconds, each way in a process of its
own.
"""

from __future__ import annotations

import csv
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks._child_run import measured
from benchmarks._measure import Line, Size, rate, span

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "tests" / "readers" / "exports" / "shopify.orders.csv"
LINES: Mapping[Size, int] = {"tiny": 2_000, "usual": 100_000, "full": 1_000_000}
BEGIN = datetime(2023, 1, 1, tzinfo=UTC)


def write(file: Path, lines: int) -> None:
    """Write an export with two lines an order, every time its own; the products of every tenth order have commas."""
    with SAMPLE.open(encoding="utf-8", newline="") as sample:
        heading, first, second = list(csv.reader(sample))[:3]
    column = heading.index
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(heading)
        for order in range(lines // 2):
            for row in (first, second):
                own = list(row)
                own[column("Name")], own[column("Email")] = f"#{order}", f"p{order % (lines // 5)}@example.com"
                own[column("Created at")] = f"{BEGIN + timedelta(seconds=61 * order):%Y-%m-%d %H:%M:%S} +0700"
                own[column("Notes")] = ""
                if order % 10 == 0:
                    own[column("Lineitem name")] += ", blue"
                if row is first:
                    own[column("Id")] = str(9_000_000_000 + order)
                writer.writerow(own)


def ours(file: Path) -> Callable[[], list[int]]:
    """Return the reader by name."""
    from funnel.readers import shopify

    def run() -> list[int]:
        data = shopify.orders(file)
        return [data.purchases.height, int(data.purchases["amount"].sum()), data.purchases["person_id"].n_unique()]

    return run


def hand(file: Path) -> Callable[[], list[int]]:
    """Return the same totals by hand."""
    import polars as pl

    def run() -> list[int]:
        heads = pl.read_csv(file, infer_schema=False).filter(pl.col("Financial Status").is_not_null())
        heads = heads.with_columns(
            pl.col("Total").cast(pl.Float64), pl.col("Created at").str.to_datetime("%Y-%m-%d %H:%M:%S %z")
        )
        people = heads.group_by("Email").agg(pl.len(), pl.col("Total").sum(), pl.col("Created at").max().alias("last"))
        return [int(people["len"].sum()), round(people["Total"].sum() * 100), people.height]

    return run


READERS = {"ours": ours, "hand": hand}


def run(size: Size) -> Iterator[Line]:
    """Measure."""
    lines = LINES[size]
    repeats = 1 if size == "tiny" else 3
    with TemporaryDirectory() as folder:
        file = Path(folder) / "orders.csv"
        write(file, lines)
        figures = {reader: [_child(reader, file) for _ in range(repeats)] for reader in READERS}
    mine, peer = (statistics.median(one["cpu"] for one in figures[reader]) for reader in READERS)
    peak, by_hand = (statistics.median(one["peak"] for one in figures[reader]) for reader in READERS)
    title = f"Shopify orders, {lines:,} lines"
    yield Line(f"{title}: processor time", span(mine), f"{span(peer)} by hand", f"{mine / peer:.2f} x", "<= 2 x")
    yield Line(f"{title}: lines a second", rate(lines, mine), "", "")
    yield Line(f"{title}: peak memory", f"{peak:,.0f} MiB", f"{by_hand:,.0f} MiB by hand", "", "< 2048 MiB")


def _child(reader: str, file: Path) -> Mapping[str, float]:
    command = [sys.executable, "-m", "benchmarks.readers", reader, str(file)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)  # noqa: S603 - our own Python
    return json.loads(result.stdout)


if __name__ == "__main__":
    print(json.dumps(measured(READERS[sys.argv[1]](Path(sys.argv[2])), 3)))
