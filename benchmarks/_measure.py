"""How everything here is measured: ours and the peer in turns, in the same run, the median of each."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Literal

import attrs

Size = Literal["tiny", "usual", "full"]


@attrs.frozen
class Line:
    """One question with its answer: what was measured, ours beside the peer, and what we aim at."""

    what: str
    ours: str
    peer: str
    ratio: str
    target: str = ""

    def __str__(self) -> str:
        """Show it as one row."""
        return f"{self.what:<58} {self.ours:>16} {self.peer:>34} {self.ratio:>16} {self.target:>10}".rstrip()


def in_turns(ways: Mapping[str, Callable[[], object]], *, repeats: int, calls: int = 1) -> dict[str, float]:
    """The median seconds of one call of each way; all take their turn before any has the next."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()
    for _ in range(repeats):
        for name, way in ways.items():
            taken[name].append(_seconds(way, calls))
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def _seconds(way: Callable[[], object], calls: int) -> float:
    gc.collect()
    gc.disable()
    try:
        start = perf_counter()
        for _ in range(calls):
            way()
        return (perf_counter() - start) / calls
    finally:
        gc.enable()


def span(seconds: float) -> str:
    """A time in the unit that fits it."""
    for unit, factor in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def rate(number: int, seconds: float) -> str:
    """So many a second."""
    return f"{number / seconds:,.0f}/s"
