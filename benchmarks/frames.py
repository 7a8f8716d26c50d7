"""Millions of events to facts, stage and next change as columns, against the same written by hand in Polars.

Each measurement is a process of its own, ours and the peer in turns. "Without validation" leaves out the reading and
validation of the rows, which the hand-written version does not do at all.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks._measure import Line, Size, rate, span
from benchmarks._synthetic_shop import shop

ROOT = Path(__file__).resolve().parents[1]
SIZES: Mapping[Size, tuple[int, ...]] = {
    "tiny": (2_000,),
    "usual": (1_000_000,),
    "full": (1_000_000, 3_000_000, 10_000_000),
}
PAIRS = (
    ("ours", "hand", "facts, stage, next change"),
    ("ours, lazy", "hand", "facts, stage, next change, lazy frames"),
    ("ours, stage", "hand, stage", "stage and next change only"),
)
Measured = Mapping[str, float]


def child(variant: str, folder: Path) -> Measured:
    """Run one measurement in its own process."""
    command = [sys.executable, "-m", "benchmarks._child", variant, str(folder)]
    process = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)  # noqa: S603 - our own Python
    if process.returncode:
        msg = f"{variant} failed: {process.stderr[-2000:]}"
        raise RuntimeError(msg)
    return json.loads(process.stdout)


def medians(variants: Sequence[str], folder: Path, repeats: int) -> dict[str, Measured]:
    """Return the median of every figure of alternating variants."""
    measured: dict[str, list[Measured]] = {variant: [] for variant in variants}
    for _ in range(repeats):
        for variant in variants:
            measured[variant].append(child(variant, folder))
    return {
        variant: {key: statistics.median(one[key] for one in all_) for key in all_[0]}
        for variant, all_ in measured.items()
    }


def run(size: Size) -> Iterator[Line]:
    """Measure."""
    rates = []
    variants = ["ours", "hand", "ours, lazy", "ours, pandas", "ours, stage", "hand, stage"]
    for events in SIZES[size]:
        with TemporaryDirectory() as folder_name:
            folder = Path(folder_name)
            for log, frame in shop(events).items():
                frame.write_parquet(folder / f"{log}.parquet")
            took = medians(variants, folder, 1 if size == "tiny" or events > 5_000_000 else 3)
        rates.append(events / took["ours"]["whole"])
        yield from _lines(took, events)
    if len(rates) > 1:
        yield Line(
            "events per second, largest against smallest size",
            f"{rates[-1]:,.0f}/s",
            f"{rates[0]:,.0f}/s",
            f"{rates[-1] / rates[0]:.2f} x",
            "0.7 - 1.3 x",
        )


def _lines(took: Mapping[str, Measured], events: int) -> Iterator[Line]:
    millions = f"{events / 1e6:g} M events"
    for mine, peer, name in PAIRS:
        hand = took[peer]["whole"]
        yield _against(f"{millions}: {name}", took[mine]["whole"], hand, "by hand", "")
        yield _against(f"{millions}: {name}, without validation", took[mine]["inside"], hand, "by hand", "<= 2 x")
    whole = took["ours"]["whole"]
    yield _against(f"{millions}: from pandas", took["ours, pandas"]["whole"], whole, "from Polars", "<= 1.5 x")
    yield Line(f"{millions}: events per second, with validation", rate(events, whole), "", "")
    yield Line(
        f"{millions}: peak memory",
        f"{took['ours']['peak']:,.0f} MiB",
        f"{took['hand']['peak']:,.0f} MiB by hand",
        f"{took['ours']['peak'] / took['hand']['peak']:.2f} x",
        "< 6144 MiB",
    )


def _against(name: str, mine: float, peer: float, peer_name: str, target: str) -> Line:
    return Line(name, span(mine), f"{span(peer)} {peer_name}", f"{mine / peer:.2f} x the time", target)
