"""Exports as files to purchases and order lines, against Polars and fastexcel.

An orders export of Shopify is read against a computation by hand: `pl.read_csv`, the same times, the same whole
amounts, and a group-by of the lines to orders. It checks nothing and has no account. A variant of it reads only the 13
columns that it needs; the library reads 23. A spreadsheet of Shopee is read against fastexcel alone, which gives the
cells as text. Processor seconds, each variant in a process of its own.
"""

from __future__ import annotations

import csv
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import xlsxwriter

from benchmarks._child_run import measured
from benchmarks._measure import Line, Size, rate, span

ROOT = Path(__file__).resolve().parents[1]
EXPORTS = ROOT / "tests" / "readers" / "exports"
LINES: Mapping[Size, int] = {"tiny": 2_000, "usual": 100_000, "full": 1_000_000}
BEGIN = datetime(2023, 1, 1, tzinfo=UTC)


def write(file: Path, lines: int) -> None:
    """Write an export with two lines an order, every time its own; the products of every tenth order have commas."""
    with (EXPORTS / "shopify.orders.csv").open(encoding="utf-8", newline="") as sample:
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


def write_sheet(file: Path, rows: int) -> None:
    """Write a spreadsheet with two rows an order."""
    with (EXPORTS / "shopee.orders.en.csv").open(encoding="utf-8", newline="") as sample:
        heading, first = list(csv.reader(sample))[:2]
    book = xlsxwriter.Workbook(file, {"constant_memory": True})
    sheet = book.add_worksheet("orders")
    sheet.write_row(0, 0, heading)
    for row in range(rows):
        sheet.write_row(row + 1, 0, [f"260301{row // 2:06}", *first[1:]])
    book.close()


def ours(file: Path) -> Callable[[], list[int]]:
    """Return the reader by name."""
    from funnel.readers import shopify

    def run() -> list[int]:
        data = shopify.orders(file)
        bought, lines = data.purchases, data.order_lines
        people = bought["person_id"].n_unique()
        return [bought.height, int(bought["amount"].sum()), people, lines.height, int(lines["amount"].sum())]

    return run


def hand(file: Path) -> Callable[[], list[int]]:
    """Return the same totals by hand."""
    return _by_hand(file, None)


def hand_few(file: Path) -> Callable[[], list[int]]:
    """Return the same totals by hand, from the needed columns only."""
    return _by_hand(file, [*_ORDER, *_LINE])


_ORDER = ["Id", "Email", "Financial Status", "Currency", "Total", "Created at", "Cancelled at", "Refunded Amount"]
_LINE = ["Name", "Lineitem quantity", "Lineitem name", "Lineitem price", "Lineitem sku"]


def _by_hand(file: Path, columns: list[str] | None) -> Callable[[], list[int]]:
    import polars as pl

    def minor(name: str) -> pl.Expr:
        return (pl.col(name).cast(pl.Decimal(18, 2)) * 100).cast(pl.Int64)

    def run() -> list[int]:
        rows = pl.read_csv(file, columns=columns, infer_schema=False).with_columns(pl.col("Id").forward_fill())
        heads = rows.filter(pl.col("Financial Status").is_not_null())
        orders = heads.group_by("Id").agg(pl.col(_ORDER[1:]).first())
        orders = orders.with_columns(
            pl.col("Email").str.to_lowercase(),
            pl.col("Created at", "Cancelled at").str.to_datetime("%Y-%m-%d %H:%M:%S %z"),
            minor("Total"),
            minor("Refunded Amount"),
        ).sort("Created at", "Id")
        pieces = pl.col("Lineitem quantity").cast(pl.Int64)
        lines = rows.select(
            "Id", "Lineitem sku", "Lineitem name", pieces, (pieces * minor("Lineitem price")).alias("amount")
        ).sort("Id", "Lineitem sku", "Lineitem name")
        people = orders["Email"].n_unique()
        return [orders.height, int(orders["Total"].sum()), people, lines.height, int(lines["amount"].sum())]

    return run


def sheet(file: Path) -> Callable[[], list[int]]:
    """Return the reader of a spreadsheet."""
    from funnel.readers import shopee

    def run() -> list[int]:
        return [shopee.orders(file, zone="Asia/Manila", currency="PHP").order_lines.height]

    return run


def engine(file: Path) -> Callable[[], list[int]]:
    """Return the cells of a spreadsheet as text, by fastexcel."""
    import fastexcel

    def run() -> list[int]:
        cells = fastexcel.read_excel(file).load_sheet(0, header_row=None, dtypes="string").to_polars()
        return [cells.height - 1]

    return run


READERS = {"ours": ours, "hand": hand, "hand_few": hand_few, "sheet": sheet, "engine": engine}


def run(size: Size) -> Iterator[Line]:
    """Measure."""
    sizes = [LINES["usual"], LINES["full"]] if size == "full" else [LINES[size]]
    with TemporaryDirectory() as folder:
        for lines in sizes:
            file = Path(folder) / f"{lines}.csv"
            write(file, lines)
            yield from _csv(file, lines, size)
        file = Path(folder) / "orders.xlsx"
        rows = min(LINES[size], LINES["usual"])
        write_sheet(file, rows)
        yield from _xlsx(file, rows, size)


def _csv(file: Path, lines: int, size: Size) -> Iterator[Line]:
    cpu, peak = _figures(("ours", "hand", "hand_few"), file, size)
    title, mine, by_hand, few = f"Shopify orders, {lines:,} lines", cpu["ours"], cpu["hand"], cpu["hand_few"]
    yield Line(f"{title}: processor time", span(mine), f"{span(by_hand)} by hand", f"{mine / by_hand:.2f} x", "<= 2 x")
    peer = f"{span(few)} by hand, needed columns"
    yield Line(f"{title}: processor time", span(mine), peer, f"{mine / few:.2f} x", "")
    yield Line(f"{title}: lines a second", rate(lines, mine), "", "")
    memory = f"{peak['hand']:,.0f} MiB by hand"
    yield Line(f"{title}: peak memory", f"{peak['ours']:,.0f} MiB", memory, "", "< 2048 MiB")


def _xlsx(file: Path, rows: int, size: Size) -> Iterator[Line]:
    cpu, _ = _figures(("sheet", "engine"), file, size)
    mine, peer = cpu["sheet"], cpu["engine"]
    title = f"Shopee orders, xlsx of {rows:,} rows: processor time"
    yield Line(title, span(mine), f"{span(peer)} fastexcel alone", f"{mine / peer:.2f} x", "<= 1.3 x")


def _figures(readers: Sequence[str], file: Path, size: Size) -> tuple[dict[str, float], dict[str, float]]:
    """Return the processor seconds and the peak memory of each reader; the readers alternate."""
    runs = [{reader: _child(reader, file) for reader in readers} for _ in range(1 if size == "tiny" else 3)]
    answers = {tuple(one["answer"]) for figures in runs for one in figures.values()}
    if len(answers) > 1:
        msg = f"the readers disagree: {sorted(answers)}"
        raise RuntimeError(msg)
    cpu, peak = (
        {reader: statistics.median(figures[reader][name] for figures in runs) for reader in readers}
        for name in ("cpu", "peak")
    )
    return cpu, peak


def _child(reader: str, file: Path) -> Mapping[str, Any]:
    command = [sys.executable, "-m", "benchmarks.readers", reader, str(file)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)  # noqa: S603 - our own Python
    return json.loads(result.stdout)


if __name__ == "__main__":
    print(json.dumps(measured(READERS[sys.argv[1]](Path(sys.argv[2])), 3)))
