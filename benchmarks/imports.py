"""The time of `import funnel` against the libraries that it depends on: pydantic, attrs and dateutil.

Each runs in a fresh Python and is measured inside it by process time, without the start of Python.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator

from benchmarks._measure import Line, Size, span

OURS = {
    "import funnel": "import funnel",
    "from funnel import Facts, stage, History, Policy": "from funnel import Facts, stage, History, Policy",
}
PEERS = {
    "import pydantic, attrs, dateutil": "import pydantic, attrs, dateutil",
    "the names used from them": (
        "import attrs; from pydantic import BaseModel, Field; from dateutil import relativedelta, rrule"
    ),
}
DATAFRAMES = ("narwhals", "polars", "pandas", "pyarrow", "duckdb", "ibis", "pyspark", "numpy", "sqlalchemy")
_SCRIPT = """
import json, sys, time
start = time.process_time()
{line}
took = time.process_time() - start
print(json.dumps([took, [name for name in {names!r} if name in sys.modules]]))
"""


def import_time(line: str) -> tuple[float, list[str]]:
    """Return the seconds of an import in a fresh Python, and the dataframe libraries that it loaded."""
    code = _SCRIPT.format(line=line, names=DATAFRAMES)
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - our own Python
    took, loaded = json.loads(process.stdout)
    return took, loaded


def run(size: Size) -> Iterator[Line]:
    """Measure."""
    repeats = {"tiny": 1, "usual": 15, "full": 41}[size]
    lines = {**OURS, **PEERS}
    first = {name: import_time(line) for name, line in lines.items()}
    seconds = {name: [took] for name, (took, _) in first.items()}
    for _ in range(repeats - 1):
        for name, line in lines.items():
            seconds[name].append(import_time(line)[0])
    took = {name: statistics.median(times) for name, times in seconds.items()}
    for ours in OURS:
        for peer in PEERS:
            yield Line(
                ours, span(took[ours]), f"{span(took[peer])} {peer}", f"{took[ours] / took[peer]:.2f} x", "<= 1.3 x"
            )
        yield Line(f"dataframe libraries loaded by {ours}", ", ".join(first[ours][1]) or "none", "", "", "none")
