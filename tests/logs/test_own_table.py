"""The real tables of the page about a shop's own table are read by its code, in at most five lines each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from funnel import Logs

PAGE = Path(__file__).parents[2] / "docs" / "own-table.md"
BLOCKS = re.findall(r"```py\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
RESULTS = {
    "cdnow_full": ({"purchases": 69_659}, (), ()),
    "online_retail": (
        {"purchases": 18_532},
        (
            "5,225 rows equal to an earlier row in every column, read once",
            "391,217 rows are lines of 17,139 orders; their amounts were added",
        ),
        (4, 135_080, 118, 2_007, 6_865),
    ),
    "olist_leads": ({"leads": 8_000, "interactions": 842}, (), ()),
}


@pytest.mark.no_cover
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: re.search(r"(\w+)\.parquet", block)[1])
def test_a_real_table_is_read(block: str, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row is an order, a line of an order, a copy or an issue."""
    monkeypatch.chdir(shared_data)
    names: dict[str, Any] = {"pl": pl, "Logs": Logs}
    exec(block, names)  # noqa: S102 - our own page
    logs = names["logs"]
    rows, notes, counts = RESULTS[re.search(r"(\w+)\.parquet", block)[1]]

    assert {log: frame.collect().shape[0] for log, frame in logs._logs.items()} == rows
    assert (logs.notes, tuple(issue.count for issue in logs.issues)) == (notes, counts)
    assert all(len(issue.rows) == issue.count for issue in logs.issues)


def test_real_tables_take_at_most_five_lines() -> None:
    """The page shows three of them."""
    assert len(BLOCKS) == len(RESULTS) == 3
    assert all(len(block.strip().splitlines()) <= 5 for block in BLOCKS)
