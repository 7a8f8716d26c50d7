"""A funnel of Parquet files with more events than should be in memory: time and peak memory.

`python -m benchmarks.parquet 1000000000` writes a billion events of a million people, some 11 GB, and measures them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks._child_run import child
from benchmarks._measure import Line, Size, span
from benchmarks._synthetic_events import events

SIZES: Mapping[Size, int] = {"tiny": 2_000, "usual": 10_000_000, "full": 100_000_000}
IN_A_FILE = 10_000_000
"""The number of events of a file, a tenth as many people; every file has the same people."""


def run(size: Size) -> Iterator[Line]:
    """Measure."""
    yield _of(SIZES[size])


def _of(number: int) -> Line:
    with TemporaryDirectory() as folder:
        count = 0
        while count < number:
            rows = min(IN_A_FILE, number - count)
            file = Path(folder) / f"events-{count}.parquet"
            events(rows, seed=count).drop("name").write_parquet(file, row_group_size=1_000_000)
            count += rows
        took = child("_conversion", "ours, from Parquet", Path(folder) / "*.parquet", "person_id", 1)
    name = f"{number / 1e6:g} M events in files: time, and peak memory"
    return Line(name, span(took["seconds"]), f"{took['peak']:,.0f} MiB", "", "< 8192 MiB")


if __name__ == "__main__":
    print(_of(int(sys.argv[1])))
