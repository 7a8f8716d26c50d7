"""Files with many rows are read in parts: the answers are those of the whole, and no file is left behind."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import narwhals as nw
import polars as pl
import pytest

from funnel import Exclusion, conversion, retention
from funnel._dataframes import by_part
from funnel.errors import EngineError, LogsError
from funnel.metrics import Counting, Matching, PurchaseSummary, durations
from tests import kernels

START = datetime(2026, 1, 1, tzinfo=UTC)
AS_OF = START + timedelta(days=60)
IN_JAKARTA: Any = {"tz": "Asia/Jakarta", "as_of": AS_OF}
Question = Callable[[Any], Any]


def table(times: str, **columns: Any) -> pl.DataFrame:
    """Return random rows of a few people; one person has most of them, and ids are texts."""
    chance = Random(5)
    people = [chance.choice([*"ab", *"c" * 5]) for _ in range(100)]
    instants = [START + timedelta(hours=chance.randrange(1400)) for _ in people]
    own = {name: [chance.choice(values) for _ in people] for name, values in columns.items()}
    types = {times: pl.Datetime("us", "UTC")}
    return pl.DataFrame({"person_id": people, **own, times: instants}, schema_overrides=types)


EVENTS = table("occurred_at", kind=["view", "cart", "call", "purchase"], channel=["shop", "chat", None])
ORDERS = table("purchased_at", amount=[5, 7, 9])


def funnel(*steps: str, **options: Any) -> Question:
    """Return a question for a funnel, by default of three steps, with the median times between them."""

    def compute(events: Any) -> Any:
        kinds = steps or ("view", "cart", "purchase")
        result = conversion(events, kinds, within=timedelta(days=20), as_of=AS_OF, **options)
        return result, result.times()

    return compute


def cohorts(**options: Any) -> Question:
    """Return a question for cohorts by week, with the people of some cells."""

    def compute(orders: Any) -> Any:
        result = retention(orders, "week", week_start="monday", **IN_JAKARTA, **options)
        cells = [result.people_of(result.cohorts[0].start, periods) for periods in range(2)]
        return result, [rows(people) for people in cells]

    return compute


def rows(frame: Any) -> Any:
    """Return the rows of a frame in order of the person; a sum of floats depends on the order of its parts."""
    ordered = frame.lazy().collect().sort("person_id")
    return ordered.with_columns(pl.selectors.float().round(9)).rows()


QUESTIONS: dict[str, tuple[pl.DataFrame, Question]] = {
    "conversion": (EVENTS, funnel(by="channel", matching=Matching(attempts="each", order="any"))),
    "conversion, deepest": (EVENTS, funnel(matching=Matching(attempts="any", exclude=Exclusion("call")))),
    "conversion, of nothing": (EVENTS, funnel("lead", "delivery")),
    "conversion, with many steps": (EVENTS, funnel(*["view", "cart"] * 5)),
    "conversion, strict": (EVENTS, funnel(matching=Matching(order="strict", hold_constant="channel"))),
    "retention": (ORDERS, cohorts()),
    "retention, without amounts": (ORDERS.drop("amount"), cohorts(counting=Counting(measure="streak"))),
    "retention, by the engine": (ORDERS, cohorts(counting=Counting(first="recurring", refund_basis="refund"))),
    "retention in windows": (ORDERS, cohorts(window=timedelta(days=7), brackets=(0, 1, 3))),
    "purchase summary": (ORDERS, lambda orders: rows(PurchaseSummary.over(orders, **IN_JAKARTA, log_gaps=True))),
    "durations": (EVENTS, lambda events: rows(durations(events, "view", "purchase", as_of=AS_OF, keep=["channel"]))),
    "durations between two": (EVENTS, lambda events: rows(durations(events, "cart", "cart", as_of=AS_OF))),
    "durations to the next": (
        EVENTS,
        lambda events: rows(durations(events, "call", "cart", as_of=AS_OF, earlier="ignored")),
    ),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder of temporary files, while a part has 25 rows."""
    monkeypatch.setattr(by_part, "MOST_ROWS", 25)
    monkeypatch.setattr(logging.getLogger("funnel"), "disabled", False)  # tools of other tests disable loggers
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def scanned(frame: pl.DataFrame, folder: Path) -> pl.LazyFrame:
    """Return the rows as a Parquet file that is not read yet."""
    frame.write_parquet(folder.parent / "rows.parquet")
    return pl.scan_parquet(folder.parent / "rows.parquet")


FEW = (
    "conversion",
    "conversion, deepest",
    "conversion, of nothing",
    "conversion, with many steps",
    "retention",
    "purchase summary",
    "durations",
)


@pytest.mark.parametrize("name", [pytest.param(one, marks=[] if one in FEW else pytest.mark.more) for one in QUESTIONS])
def test_a_file_is_read_in_parts(name: str, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Each part has whole people, some parts have nobody, the answer is the same, and no file is left behind."""
    frame, question = QUESTIONS[name]
    with caplog.at_level(logging.INFO, logger="funnel"):
        assert question(scanned(frame, folder)) == question(frame)

    assert caplog.messages[:2] == ["dividing the rows into 4 parts by person", "part 1 of 4 is done"]
    assert list(folder.iterdir()) == []


def test_without_numba_a_file_is_read_in_parts_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Expressions answer for each part."""
    kernels.without_numpy(monkeypatch)
    assert funnel()(scanned(EVENTS, folder)) == funnel()(EVENTS)


def test_rows_in_memory_are_one_part(folder: Path) -> None:
    """A small file and an empty table are one part too. The frame is passed on as it is."""
    few = nw.from_native(scanned(EVENTS.head(25), folder))
    in_memory = nw.from_native(EVENTS.lazy())
    empty = nw.from_native(EVENTS.clear().lazy())

    for frame in (few, in_memory, empty, None):
        assert by_part.by_part(frame, "person_id", lambda part: part) == [frame]


def test_a_failure_leaves_no_file_behind(folder: Path) -> None:
    """The error of a part is the error of the call."""

    def fail(_: Any) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        by_part.by_part(nw.from_native(scanned(EVENTS, folder)), "person_id", fail)

    assert list(folder.iterdir()) == []


def test_an_invalid_row_of_a_file_has_the_number_of_the_whole(folder: Path) -> None:
    """Rows are checked before they are divided."""
    wrong = ORDERS.with_columns(amount=pl.when(pl.int_range(pl.len()) == 90).then(-1).otherwise("amount"))

    with pytest.raises(LogsError, match="91"):
        retention(scanned(wrong, folder), **IN_JAKARTA)


def test_a_missing_temporary_folder_is_an_error_with_a_remedy(folder: Path) -> None:
    """The message names the variable that sets the folder."""
    folder.rmdir()

    with pytest.raises(EngineError, match="set TMPDIR to a folder with room"):
        funnel()(scanned(EVENTS, folder))


# ---- DuckDB --------------------------------------------------------------------------------------------------------

SHOP = """
create table events as select n % 50_000 as person_id, to_timestamp(1767225600 + n * 7 % 5_000_000) as occurred_at,
    ['view', 'cart', 'purchase'][1 + n % 3] as kind from range(300_000) t(n);
create table orders as select person_id, occurred_at as purchased_at, 5 as amount from events where kind = 'purchase';
"""
IN_DUCKDB: dict[str, Question] = {
    "events": funnel(),
    "orders": lambda orders: retention(orders, "week", week_start="monday", **IN_JAKARTA),
}


@pytest.mark.more
@pytest.mark.parametrize("name", IN_DUCKDB)
def test_relations_of_duckdb_stay_there(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With less memory than the rows take, the answer is the same, and only counts leave the database."""
    import duckdb

    options = {"memory_limit": "40MB", "threads": "1", "temp_directory": str(tmp_path)}
    with duckdb.connect(str(tmp_path / "shop.db"), config=options) as connection:
        connection.execute(f"set timezone = 'UTC'; {SHOP}")
        expected = IN_DUCKDB[name](connection.table(name).pl())
        collect, heights = nw.LazyFrame[Any].collect, list[int]()

        def recorded(frame: Any, *backend: Any, **options: Any) -> Any:
            heights.append(len(result := collect(frame, *backend, **options)))
            return result

        monkeypatch.setattr(nw.LazyFrame, "collect", recorded)
        assert IN_DUCKDB[name](connection.table(name)) == expected

    assert 0 < max(heights) < 1000
