"""Files with more rows than should be in memory at once: read several times, each time the rows of some of the people.

A part has all rows of its people, so the answers of the parts are those of the whole.
"""

from __future__ import annotations

import importlib
from typing import Any

import narwhals as nw

from funnel._dataframes.adapter import Frame
from funnel._dataframes.compute import to_rows

MOST_ROWS = 2**25
"""The number of rows of a part, more or less; events of a funnel take some 50 bytes each."""


def part_count(frame: Frame) -> int:
    """Return the number of parts of a lazy Polars frame to read: 1 if the rows are in memory, or are few."""
    if "SCAN" not in nw.to_native(frame).explain(optimized=False):
        return 1
    ((rows,),) = to_rows(frame.select(rows=nw.len()), "rows")
    return max(-(-int(rows) // MOST_ROWS), 1)


def part_of(frame: Frame, person: str, number: int, count: int) -> Frame:
    """Return the rows of the people of one part, from 0; whole people, by a hash."""
    polars: Any = importlib.import_module("polars")
    native: Any = nw.to_native(frame)
    part: Frame = nw.from_native(native.filter(polars.col(person).hash() % count == number))
    return part
