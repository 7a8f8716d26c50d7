"""What `import funnel` takes, against what it stands on: pydantic, attrs and dateutil.

Each in a fresh Python, measured inside it, so that starting Python counts for neither.
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
    "the names of them that are used": (
        "import attrs; from pydantic import BaseModel, Field; from dateutil import relativedelta, rrule"
    ),
}
DATAFRAMES = ("narwhals", "polars", "pandas", "pyarrow", "duckdb", "ibis", "pyspark", "numpy", "sqlalchemy")
_ASK = """
import json, sys, time
start = time.perf_counter()
{line}
took = time.perf_counter() - start
print(json.dumps([took, [name for name in {names!r} if name in sys.modules]]))
"""


def asked(line: str) -> tuple[float, list[str]]:
    """How many seconds a line took in a fresh Python, and which dataframe libraries it loaded."""
    code = _ASK.format(line=line, names=DATAFRAMES)
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - our own Python
    took, loaded = json.loads(said.stdout)
    return took, loaded


def run(size: Size) -> Iterator[Line]:
    """Measure."""
    repeats = {"tiny": 1, "usual": 15, "full": 41}[size]
    lines = {**OURS, **PEERS}
    said = {name: asked(line) for name, line in lines.items()}
    found = {name: [first] for name, (first, _) in said.items()}
    for _ in range(repeats - 1):
        for name, line in lines.items():
            found[name].append(asked(line)[0])
    took = {name: statistics.median(seconds) for name, seconds in found.items()}
    for ours in OURS:
        for peer in PEERS:
            yield Line(
                ours, span(took[ours]), f"{span(took[peer])} {peer}", f"{took[ours] / took[peer]:.2f} x", "<= 1.3 x"
            )
        yield Line(f"dataframe libraries loaded by {ours}", ", ".join(said[ours][1]) or "none", "", "", "none")
