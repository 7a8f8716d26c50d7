"""Millions of orders to the monthly triangle of cohorts, and to a summary of every buyer, against what others have.

Each way is a process of its own, with two threads; all must give the same answer. Peers read from their own memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks._child_run import Measured, child
from benchmarks._made_up_orders import orders
from benchmarks._measure import Line, Size, span

SIZES: Mapping[Size, tuple[int, ...]] = {"tiny": (2_000,), "usual": (1_000_000,), "full": (10_000_000,)}
PEOPLE = {"person_id": "whole numbers", "name": "texts"}
TRIANGLE = {"Polars by hand": "polars", "DuckDB": "duckdb", "ClickHouse": "chdb"}
SUMMARY = {"lifetimes": "lifetimes", "ClickHouse": "chdb"}


def run(size: Size) -> Iterator[Line]:
    """Measure."""
    for name, module in {**TRIANGLE, **SUMMARY}.items():
        if not find_spec(module):
            yield Line(f"{name} is not installed, and is left out", "", "", "")
    for number in SIZES[size]:
        yield from _of_size(number, 1 if size == "tiny" else 5)


def _of_size(number: int, repeats: int) -> Iterator[Line]:
    millions = f"{number / 1e6:g} M orders"
    with TemporaryDirectory() as kept:
        file = Path(kept) / "orders.parquet"
        orders(number).write_parquet(file)
        for person, what in PEOPLE.items():
            for asked, peers in (("triangle", TRIANGLE), ("summary", SUMMARY)):
                there = [name for name, module in peers.items() if find_spec(module)]
                took = compared(asked, there, file, person, repeats)
                yield from _against(f"{millions}: {asked}, people are {what}", asked, there, took)


def compared(asked: str, there: Sequence[str], file: Path, person: str, repeats: int) -> dict[str, Measured]:
    """Each way measured, and all of one answer; `lifetimes`, which takes minutes, once."""
    ways = {name: f"{asked}, {name}" for name in there} | {"ours": asked}
    found = {
        name: child("_retention", way, file, person, 1 if name == "lifetimes" else repeats)
        for name, way in ways.items()
    }
    assert len({tuple(one["answer"]) for one in found.values()}) == 1, {
        name: one["answer"] for name, one in found.items()
    }
    return found


def _against(what: str, asked: str, there: Sequence[str], took: Mapping[str, Measured]) -> Iterator[Line]:
    seconds = took["ours"]["seconds"]
    best = min(there, key=lambda name: took[name]["seconds"], default="")
    aim = {best: "<= 0.4 x" if asked == "triangle" else "<= 0.5 x", "lifetimes": "<= 0.1 x"}
    for name in there:
        peer = took[name]["seconds"]
        yield Line(what, span(seconds), f"{span(peer)} {name}", f"{seconds / peer:.2f} x the time", aim.get(name, ""))
    yield Line(f"{what}: peak memory", f"{took['ours']['peak']:,.0f} MiB", "", "", "< 4096 MiB")
