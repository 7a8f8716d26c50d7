"""Millions of events to a funnel of four steps within seven days, against the fastest peers.

Each variant runs in its own process with two threads; all must give the same answer. Peers read from their own memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks._child_run import Measured, child
from benchmarks._measure import Line, Size, span
from benchmarks._synthetic_events import events

SIZES: Mapping[Size, tuple[int, ...]] = {"tiny": (2_000,), "usual": (1_000_000,), "full": (10_000_000,)}
LARGEST = 50_000_000
AIMS = {"integer ids": "<= 0.35 x", "text ids": "<= 0.5 x", "from Parquet": "<= 0.4 x"}
"""The time that we aim at, against the fastest peer."""
PEERS = {"Polars by hand": "polars", "DuckDB": "duckdb", "ClickHouse": "chdb"}
PEOPLE = {"person_id": "integer ids", "name": "text ids"}


def peers() -> tuple[list[str], list[str]]:
    """Return the installed peers, and the missing peers."""
    installed = [name for name, module in PEERS.items() if find_spec(module)]
    return installed, [name for name in PEERS if name not in installed]


def compared(variants: Sequence[str], file: Path, person: str, repeats: int) -> dict[str, Measured]:
    """Measure each variant; all must have one answer."""
    measured = {variant: child("_conversion", variant, file, person, repeats) for variant in variants}
    answers = {variant: one["answer"] for variant, one in measured.items()}
    assert len({tuple(answer) for answer in answers.values()}) == 1, answers
    return measured


def run(size: Size) -> Iterator[Line]:
    """Measure."""
    installed, missing = peers()
    for name in missing:
        yield Line(f"{name} is not installed", "", "", "")
    for number in SIZES[size]:
        yield from _of_size(number, installed, 1 if size == "tiny" else 5)
    if size == "full":
        yield from _largest([name for name in installed if name == "ClickHouse"])


def _of_size(number: int, installed: Sequence[str], repeats: int) -> Iterator[Line]:
    millions = f"{number / 1e6:g} M events"
    with TemporaryDirectory() as folder:
        file = Path(folder) / "events.parquet"
        events(number).write_parquet(file)
        for person, kind in PEOPLE.items():
            took = compared(["ours", "ours, pandas", *installed], file, person, repeats)
            yield from _against(millions, kind, "ours", installed, took)
            polars, pandas = took["ours"]["seconds"], took["ours, pandas"]["seconds"]
            ratio = f"{pandas / polars:.2f} x the time"
            yield Line(f"{millions}, {kind}: pandas", span(pandas), f"{span(polars)} Polars", ratio, "<= 1.5 x")
        files = [f"{name}, from Parquet" for name in installed]
        took = compared(["ours, from Parquet", *files], file, "person_id", repeats)
        yield from _against(millions, "from Parquet", "ours, from Parquet", files, took)


def _against(
    events_text: str, kind: str, variant: str, others: Sequence[str], took: Mapping[str, Measured]
) -> Iterator[Line]:
    name = f"{events_text}, {kind}"
    seconds = took[variant]["seconds"]
    best = min(others, key=lambda peer: took[peer]["seconds"])
    for peer in others:
        target = AIMS[kind] if peer == best else ""
        ratio = f"{seconds / took[peer]['seconds']:.2f} x the time"
        yield Line(name, span(seconds), f"{span(took[peer]['seconds'])} {peer.partition(',')[0]}", ratio, target)


def _largest(others: Sequence[str]) -> Iterator[Line]:
    millions = f"{LARGEST / 1e6:g} M events"
    with TemporaryDirectory() as folder:
        file = Path(folder) / "events.parquet"
        events(LARGEST).write_parquet(file)
        took = compared(["ours", *others], file, "person_id", 1)
    if others:
        yield from _against(millions, "integer ids", "ours", others, took)
    yield Line(f"{millions}: peak memory with the events", f"{took['ours']['peak']:,.0f} MiB", "", "", "< 8192 MiB")
