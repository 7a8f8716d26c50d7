"""Measurement: the library and the peer alternate in the same run, and the median of each counts."""

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
    """One measurement: its name, the library beside the peer, and the aim."""

    name: str
    ours: str
    peer: str
    ratio: str
    target: str = ""

    def __str__(self) -> str:
        """Return the measurement as one row."""
        return f"{self.name:<58} {self.ours:>16} {self.peer:>34} {self.ratio:>16} {self.target:>10}".rstrip()


def alternate(variants: Mapping[str, Callable[[], object]], *, repeats: int, calls: int = 1) -> dict[str, float]:
    """Return the median seconds of one call of each variant; the variants alternate."""
    times: dict[str, list[float]] = {name: [] for name in variants}
    for variant in variants.values():
        variant()
    for _ in range(repeats):
        for name, variant in variants.items():
            times[name].append(_seconds(variant, calls))
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def _seconds(variant: Callable[[], object], calls: int) -> float:
    gc.collect()
    gc.disable()
    try:
        start = perf_counter()
        for _ in range(calls):
            variant()
        return (perf_counter() - start) / calls
    finally:
        gc.enable()


def span(seconds: float) -> str:
    """Return a time in a suitable unit."""
    for unit, factor in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def rate(number: int, seconds: float) -> str:
    """Return a rate per second."""
    return f"{number / seconds:,.0f}/s"
