"""Measurement of a variant in its own process: its time, its CPU time, its answer and its memory."""

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
Variant = Callable[[Path, str], Callable[[], Answer]]
Measured = Mapping[str, Any]
THREADS = 2
ROOT = Path(__file__).resolve().parents[1]


def child(module: str, variant: str, file: Path, person: str, repeats: int) -> Measured:
    """Run one measurement in its own process."""
    command = [sys.executable, "-m", f"benchmarks.{module}", variant, str(file), person, str(repeats)]
    threads = {"POLARS_MAX_THREADS": str(THREADS)}
    process = subprocess.run(  # noqa: S603 - our own Python
        command, capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, **threads}
    )
    if process.returncode:
        msg = f"{variant} failed: {process.stderr[-2000:]}"
        raise RuntimeError(msg)
    return json.loads(process.stdout)


def measured(run: Callable[[], Answer], repeats: int) -> dict[str, Any]:
    """Return the median seconds and CPU seconds after a warm-up, the answer, and the peak memory in MiB."""
    answer = run()
    runs = [_timed(run) for _ in range(repeats)]
    return {
        "seconds": statistics.median(seconds for seconds, _ in runs),
        "cpu": statistics.median(busy for _, busy in runs),
        "answer": answer,
        "peak": _peak(),
    }


def _peak() -> float:
    """Return the peak memory of this process in MiB; on Linux, `ru_maxrss` includes the parent process."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    (line,) = (line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def _timed(run: Callable[[], Answer]) -> tuple[float, float]:
    start, busy = perf_counter(), process_time()
    run()
    return perf_counter() - start, process_time() - busy
