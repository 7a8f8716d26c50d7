"""Millions of orders to the monthly triangle of cohorts, and to a summary of every buyer, against peers.

Each variant runs in its own process with two threads; all must give the same answer. Peers read from their own memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks._child_run import Measured, child
from benchmarks._measure import Line, Size, span
from benchmarks._synthetic_orders import orders

SIZES: Mapping[Size, tuple[int, ...]] = {"tiny": (2_000,), "usual": (1_000_000,), "full": (10_000_000,)}
PEOPLE = {"person_id": "integer ids", "name": "text ids"}
TRIANGLE = {"Polars by hand": "polars", "DuckDB": "duckdb", "ClickHouse": "chdb"}
SUMMARY = {"lifetimes": "lifetimes", "ClickHouse": "chdb"}


def run(size: Size) -> Iterator[Line]:
    """Measure."""
    for name, module in {**TRIANGLE, **SUMMARY}.items():
        if not find_spec(module):
            yield Line(f"{name} is not installed", "", "", "")
    for number in SIZES[size]:
        yield from _of_size(number, 1 if size == "tiny" else 5)


def _of_size(number: int, repeats: int) -> Iterator[Line]:
    millions = f"{number / 1e6:g} M orders"
    with TemporaryDirectory() as folder:
        file = Path(folder) / "orders.parquet"
        orders(number).write_parquet(file)
        for person, kind in PEOPLE.items():
            for report, peers in (("triangle", TRIANGLE), ("summary", SUMMARY)):
                installed = [name for name, module in peers.items() if find_spec(module)]
                took = compared(report, installed, file, person, repeats)
                yield from _against(f"{millions}: {report}, {kind}", report, installed, took)


def compared(report: str, installed: Sequence[str], file: Path, person: str, repeats: int) -> dict[str, Measured]:
    """Measure each variant; all must have one answer. `lifetimes` takes minutes and runs once."""
    variants = {name: f"{report}, {name}" for name in installed} | {"ours": report}
    measured = {
        name: child("_retention", variant, file, person, 1 if name == "lifetimes" else repeats)
        for name, variant in variants.items()
    }
    assert len({tuple(one["answer"]) for one in measured.values()}) == 1, {
        name: one["answer"] for name, one in measured.items()
    }
    return measured


def _against(name: str, report: str, installed: Sequence[str], took: Mapping[str, Measured]) -> Iterator[Line]:
    seconds = took["ours"]["seconds"]
    best = min(installed, key=lambda name: took[name]["seconds"], default="")
    aim = {best: "<= 0.4 x" if report == "triangle" else "<= 0.5 x", "lifetimes": "<= 0.1 x"}
    for peer in installed:
        took_peer = took[peer]["seconds"]
        ratio = f"{seconds / took_peer:.2f} x the time"
        yield Line(name, span(seconds), f"{span(took_peer)} {peer}", ratio, aim.get(peer, ""))
    yield Line(f"{name}: peak memory", f"{took['ours']['peak']:,.0f} MiB", "", "", "< 4096 MiB")
