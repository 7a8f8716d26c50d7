"""Millions of events to a funnel of four steps within seven days, against the fastest that others have.

Each way is a process of its own, with two threads; all must give the same answer. Peers read from their own memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks._child_run import Measured, child
from benchmarks._made_up_events import events
from benchmarks._measure import Line, Size, span

SIZES: Mapping[Size, tuple[int, ...]] = {"tiny": (2_000,), "usual": (1_000_000,), "full": (10_000_000,)}
LARGEST = 50_000_000
PEERS = {"Polars by hand": "polars", "DuckDB": "duckdb", "ClickHouse": "chdb"}
PEOPLE = {"person_id": "whole numbers", "name": "texts"}


def peers() -> tuple[list[str], list[str]]:
    """The peers that are installed, and those that are not."""
    there = [name for name, module in PEERS.items() if find_spec(module)]
    return there, [name for name in PEERS if name not in there]


def compared(ways: Sequence[str], file: Path, person: str, repeats: int) -> dict[str, Measured]:
    """Each way measured, and all of one answer."""
    found = {way: child("_conversion", way, file, person, repeats) for way in ways}
    answers = {way: one["answer"] for way, one in found.items()}
    assert len({tuple(answer) for answer in answers.values()}) == 1, answers
    return found


def run(size: Size) -> Iterator[Line]:
    """Measure."""
    there, missing = peers()
    for name in missing:
        yield Line(f"{name} is not installed, and is left out", "", "", "")
    for number in SIZES[size]:
        yield from _of_size(number, there, 1 if size == "tiny" else 5)
    if size == "full":
        yield from _largest()


def _of_size(number: int, there: Sequence[str], repeats: int) -> Iterator[Line]:
    millions = f"{number / 1e6:g} M events"
    with TemporaryDirectory() as kept:
        file = Path(kept) / "events.parquet"
        events(number).write_parquet(file)
        for person, what in PEOPLE.items():
            took = compared(["ours", "ours, pandas", *there], file, person, repeats)
            yield from _against(f"{millions}, people are {what}", "ours", there, took)
            polars, pandas = took["ours"]["seconds"], took["ours, pandas"]["seconds"]
            ratio = f"{pandas / polars:.2f} x the time"
            yield Line(
                f"{millions}, people are {what}: pandas", span(pandas), f"{span(polars)} Polars", ratio, "<= 1.5 x"
            )
        files = [f"{name}, from Parquet" for name in there]
        took = compared(["ours, from Parquet", *files], file, "person_id", repeats)
        yield from _against(f"{millions}, from Parquet", "ours, from Parquet", files, took)


def _against(what: str, mine: str, others: Sequence[str], took: Mapping[str, Measured]) -> Iterator[Line]:
    seconds = took[mine]["seconds"]
    best = min(others, key=lambda name: took[name]["seconds"])
    for name in others:
        target = "<= 0.4 x" if name == best else ""
        ratio = f"{seconds / took[name]['seconds']:.2f} x the time"
        yield Line(what, span(seconds), f"{span(took[name]['seconds'])} {name.partition(',')[0]}", ratio, target)


def _largest() -> Iterator[Line]:
    with TemporaryDirectory() as kept:
        file = Path(kept) / "events.parquet"
        events(LARGEST).write_parquet(file)
        took = child("_conversion", "ours", file, "person_id", 1)
    what = f"{LARGEST / 1e6:g} M events: time, and peak memory with the events"
    yield Line(what, span(took["seconds"]), f"{took['peak']:,.0f} MiB", "", "< 8192 MiB")
