"""What a way that is a process of its own tells: its time, its processor time, its answer and its memory."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

Answer = list[int]
Way = Callable[[Path, str], Callable[[], Answer]]
Measured = Mapping[str, Any]
THREADS = 2
ROOT = Path(__file__).resolve().parents[1]


def child(module: str, way: str, file: Path, person: str, repeats: int) -> Measured:
    """One measurement in a process of its own."""
    command = [sys.executable, "-m", f"benchmarks.{module}", way, str(file), person, str(repeats)]
    threads = {"POLARS_MAX_THREADS": str(THREADS)}
    said = subprocess.run(  # noqa: S603 - our own Python
        command, capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, **threads}
    )
    if said.returncode:
        msg = f"{way} failed: {said.stderr[-2000:]}"
        raise RuntimeError(msg)
    return json.loads(said.stdout)


def measured(run: Callable[[], Answer], repeats: int) -> dict[str, Any]:
    """The median seconds and processor seconds of so many runs after a first, the answer, and the peak in MiB."""
    answer = run()
    taken = [_timed(run) for _ in range(repeats)]
    return {
        "seconds": statistics.median(seconds for seconds, _ in taken),
        "cpu": statistics.median(busy for _, busy in taken),
        "answer": answer,
        "peak": _peak(),
    }


def _peak() -> float:
    """The most memory this process had, in MiB; Linux counts that of who started it into the other figure."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    (line,) = (line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def _timed(run: Callable[[], Answer]) -> tuple[float, float]:
    start, busy = perf_counter(), process_time()
    run()
    return perf_counter() - start, process_time() - busy
