"""Millions of events to facts, stage and next change as columns, against the same written by hand in Polars.

Each measurement is a process of its own, ours and the peer in turns. "inside" is without the door: without reading and
checking the rows, which the hand-written version does not do at all.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks._made_up import shop
from benchmarks._measure import Line, Size, rate, span

ROOT = Path(__file__).resolve().parents[1]
SIZES: Mapping[Size, tuple[int, ...]] = {
    "tiny": (2_000,),
    "usual": (1_000_000,),
    "full": (1_000_000, 3_000_000, 10_000_000),
}
PAIRS = (
    ("ours", "hand", "facts, stage, next change"),
    ("ours, lazy", "hand", "the same, from lazy frames"),
    ("ours, stage", "hand, stage", "stage and next change alone"),
)
Measured = Mapping[str, float]


def child(way: str, folder: Path) -> Measured:
    """One measurement in a process of its own."""
    command = [sys.executable, "-m", "benchmarks._child", way, str(folder)]
    said = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)  # noqa: S603 - our own Python
    if said.returncode:
        msg = f"{way} failed: {said.stderr[-2000:]}"
        raise RuntimeError(msg)
    return json.loads(said.stdout)


def medians(ways: Sequence[str], folder: Path, repeats: int) -> dict[str, Measured]:
    """Each way measured in turns, the median of every figure."""
    found: dict[str, list[Measured]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way in ways:
            found[way].append(child(way, folder))
    return {way: {key: statistics.median(one[key] for one in all_) for key in all_[0]} for way, all_ in found.items()}


def run(size: Size) -> Iterator[Line]:
    """Measure."""
    rates = []
    ways = ["ours", "hand", "ours, lazy", "ours, pandas", "ours, stage", "hand, stage"]
    for events in SIZES[size]:
        with TemporaryDirectory() as kept:
            folder = Path(kept)
            for log, frame in shop(events).items():
                frame.write_parquet(folder / f"{log}.parquet")
            took = medians(ways, folder, 1 if size == "tiny" or events > 5_000_000 else 3)
        rates.append(events / took["ours"]["whole"])
        yield from _lines(took, events)
    if len(rates) > 1:
        yield Line(
            "events a second, fewest beside most events",
            f"{rates[-1]:,.0f}/s",
            f"{rates[0]:,.0f}/s",
            f"{rates[-1] / rates[0]:.2f} x",
            "0.7 - 1.3 x",
        )


def _lines(took: Mapping[str, Measured], events: int) -> Iterator[Line]:
    millions = f"{events / 1e6:g} M events"
    for mine, peer, what in PAIRS:
        hand = took[peer]["whole"]
        yield _against(f"{millions}: {what}", took[mine]["whole"], hand, "by hand", "")
        yield _against(f"{millions}: {what}, inside", took[mine]["inside"], hand, "by hand", "<= 2 x")
    whole = took["ours"]["whole"]
    yield _against(f"{millions}: from pandas", took["ours, pandas"]["whole"], whole, "from Polars", "<= 1.5 x")
    yield Line(f"{millions}: events a second, door and all", rate(events, whole), "", "")
    yield Line(
        f"{millions}: peak memory",
        f"{took['ours']['peak']:,.0f} MiB",
        f"{took['hand']['peak']:,.0f} MiB by hand",
        f"{took['ours']['peak'] / took['hand']['peak']:.2f} x",
        "< 6144 MiB",
    )


def _against(what: str, mine: float, peer: float, name: str, target: str) -> Line:
    return Line(what, span(mine), f"{span(peer)} {name}", f"{mine / peer:.2f} x the time", target)
