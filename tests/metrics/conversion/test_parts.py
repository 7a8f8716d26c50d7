"""Files with many rows are read in parts, and the answers are those of the whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest

from funnel import Exclusion, conversion
from funnel._dataframes import by_part
from funnel.metrics import Matching

START = datetime(2026, 1, 1, tzinfo=UTC)
AS_OF = START + timedelta(days=60)
QUESTIONS: tuple[Any, ...] = (
    {"by": "channel", "matching": Matching(attempts="each", order="any")},
    *(
        pytest.param({"matching": matching}, marks=pytest.mark.more)
        for matching in (
            Matching(attempts="any", exclude=Exclusion("call")),
            Matching(order="strict", hold_constant="channel"),
        )
    ),
)


@pytest.fixture(scope="module")
def events() -> pl.DataFrame:
    """Give events of some people; one person has many."""
    chance = Random(5)
    people = [chance.choice([*"ab", *"c" * 5]) for _ in range(100)]
    columns = {
        "person_id": people,
        "occurred_at": [START + timedelta(hours=chance.randrange(1400)) for _ in people],
        "kind": [chance.choice(["view", "cart", "call", "purchase"]) for _ in people],
        "channel": [chance.choice(["shop", "chat", None]) for _ in people],
    }
    return pl.DataFrame(columns, schema_overrides={"occurred_at": pl.Datetime("us", "UTC")})


def funnel_of(events: object, options: dict[str, Any]) -> Any:
    """Return a funnel of three steps with the median times between them."""
    funnel = conversion(events, ["view", "cart", "purchase"], within=timedelta(days=20), as_of=AS_OF, **options)
    return funnel, funnel.times()


@pytest.mark.parametrize("options", QUESTIONS)
def test_a_file_is_read_in_parts(
    options: dict[str, Any], events: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part has whole people, some parts have nobody, and the funnel is the same."""
    events.write_parquet(tmp_path / "events.parquet")
    monkeypatch.setattr(by_part, "MOST_ROWS", 25)

    assert funnel_of(pl.scan_parquet(tmp_path / "events.parquet"), options) == funnel_of(events, options)


def test_rows_in_memory_are_one_part(events: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file is one part too, also if it is empty."""
    import narwhals as nw

    events.clear().write_parquet(tmp_path / "empty.parquet")
    empty = nw.from_native(pl.scan_parquet(tmp_path / "empty.parquet"))
    monkeypatch.setattr(by_part, "MOST_ROWS", 20)

    assert by_part.part_count(nw.from_native(events.lazy())) == 1
    assert by_part.part_count(empty) == 1
