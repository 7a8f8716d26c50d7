"""SqliteStore: the conformance suite, in a file and in memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pydantic import BaseModel

from funnel.errors import LogsError, MissingExtraError
from funnel.policy import Policy
from funnel.records import Customer
from funnel.rules._next_action import next_action
from funnel.stages import stage
from funnel.store import _evaluator, _frames, _sqlite
from funnel.store._evaluator import Evaluator
from funnel.store._protocol import Store
from funnel.store._rows import Row
from funnel.store._sqlite_store import SqliteStore
from tests.store.conformance import (
    DAY,
    FULL,
    NOON,
    Conformance,
    Laws,
    all_kinds,
    are_in_tables,
    make_lead,
    make_purchase,
    make_visit,
)


class InMemory:
    """A store in memory."""

    @contextmanager
    def opened(self, **options: Any) -> Generator[Store, None, None]:
        """Open a new store in memory."""
        with SqliteStore(**options) as store:
            yield store

    @contextmanager
    def opened_again(self, store: SqliteStore, **options: Any) -> Generator[Store, None, None]:
        """Open a second store on the same data."""
        with SqliteStore(**options) as other:
            store._connection.backup(other._connection)
            yield other
            other._connection.backup(store._connection)


@pytest.mark.no_cover
class TestLawsInMemory(InMemory, Laws):
    """The invariants, on the fastest store."""


class TestInMemory(InMemory, Conformance):
    """A store in memory; only in make test-full, because a store in a file runs the same suite."""

    __test__ = FULL


class TestInAFile(Conformance):
    """A store in a file."""

    @contextmanager
    def opened(self, **options: Any) -> Generator[Store, None, None]:
        """Open a new store in a file."""
        options = {"flush": "normal", **options}
        with tempfile.TemporaryDirectory() as folder, SqliteStore(Path(folder) / "shop.db", **options) as store:
            yield store

    def opened_again(self, store: SqliteStore, **options: Any) -> SqliteStore:
        """Open a second store on the same data."""
        ((_, _, path),) = store._connection.execute("PRAGMA database_list").fetchall()
        return SqliteStore(path, **options)


def plan(store: SqliteStore, statement: str, count: int) -> str:
    """Return SQLite's query plan of a statement."""
    rows = store._connection.execute(f"EXPLAIN QUERY PLAN {statement}", ["x"] * count).fetchall()
    return "\n".join(row[-1] for row in rows)


def steps_of(store: SqliteStore, work: Callable[[], object]) -> int:
    """Count SQLite's steps for a call, in hundreds, which is independent of the clock."""
    steps = [0]

    def one_more() -> int:
        steps[0] += 1
        return 0

    store._connection.set_progress_handler(one_more, 100)
    work()
    store._connection.set_progress_handler(None, 0)
    return steps[0]


SHAPES: Mapping[str, Callable[[int], list[int]]] = {
    "forward": lambda count: list(range(1, count + 1)),
    "star": lambda count: [count] * count,
    "random": lambda count: [Random(7 + number).randrange(number + 1, count + 1) for number in range(count)],
}


@pytest.mark.parametrize(
    ("shape", "own"), [("forward", False), ("forward", True), ("star", False), ("star", True), ("random", True)]
)
@pytest.mark.parametrize("is_backward", [False, True], ids=["from the first", "from the last"])
def test_merges_change_few_rows(shape: str, monkeypatch: pytest.MonkeyPatch, *, own: bool, is_backward: bool) -> None:
    """Twice as many merges change about twice as many rows and take twice as many SQLite steps, in any order."""
    read = list[int]()
    rows_of_people = _sqlite.SqliteTables.of_people

    def count_rows(self: _sqlite.SqliteTables, names: Sequence[str]) -> Sequence[Row]:
        read.append(len(names))
        return rows_of_people(self, names)

    monkeypatch.setattr(_sqlite.SqliteTables, "of_people", count_rows)

    def merged(count: int) -> tuple[int, int, int]:
        pairs = list(enumerate(SHAPES[shape](count)))
        with SqliteStore() as store:
            store.append(
                *[make_purchase(f"{one}", f"p{one}") for one in (range(count + 1) if own else (0, count))],
                recorded_at=NOON,
            )
            before = store._connection.total_changes
            read.clear()

            def work() -> None:
                for alias, into in pairs[::-1] if is_backward else pairs:
                    store.merge(f"p{alias}", into=f"p{into}", merged_at=NOON)

            steps = steps_of(store, work)
            assert len(store.aliases("p0")) == count
            return store._connection.total_changes - before, steps, sum(read)

    few, many = merged(64), merged(256)
    assert all(most <= 4 * min_people * (8 / 6) + 64 for min_people, most in zip(few, many, strict=True))


def test_a_person_may_have_very_many_names() -> None:
    """More names than one statement binds are read, exported, erased and unmerged."""
    with SqliteStore() as store:
        store.append(make_purchase(), make_visit("1", "n3"), recorded_at=NOON)
        for number in range(_sqlite.MAX_BOUND + 5):
            store.merge(f"n{number}", into="p1", merged_at=NOON)
        store.put_customer(Customer(person_id="n7", name="Sari"), recorded_at=NOON)

        assert len(store.aliases("n2")) == _sqlite.MAX_BOUND + 5
        assert [record.key[1] for record in store.history("n1").records] == ["1", "1"]
        assert "Sari" in store.export("p1")
        assert store.erase("n2") == 1
        assert "Sari" not in store.export("p1")
        assert store.unmerge("n3", unmerged_at=NOON)[0].stage == "prospect"


def test_unmerge_of_a_name_without_records_is_cheap() -> None:
    """The other names are not read."""

    def unmerge_steps(count: int) -> int:
        with SqliteStore() as store:
            store.append(make_purchase(), recorded_at=NOON)
            for number in range(count):
                store.merge(f"n{number}", into="p1", merged_at=NOON)

            def work() -> None:
                for number in range(count):
                    store.unmerge(f"n{number}", unmerged_at=NOON)

            return steps_of(store, work)

    few, many = unmerge_steps(64), unmerge_steps(256)
    assert many < 5 * few


def test_logs_of_merged_people_are_cheap() -> None:
    """Four times as many people, merged in pairs or into one, take about four times as many steps."""

    def create(count: int, width: int) -> int:
        with SqliteStore() as store:
            store.load([make_lead(f"p{number}") for number in range(count)], recorded_at=NOON)
            for number in range(count):
                if number % width:
                    store.merge(f"p{number}", into=f"p{number - number % width}", merged_at=NOON)
            return steps_of(store, store.logs)

    for width in (2, 1_000):
        few, many = create(64, width), create(256, width)
        assert many < 5 * few


def test_due_is_one_indexed_query() -> None:
    """Only the people who are due are read, in order."""
    with SqliteStore() as store:
        make_question: list[str] = []
        store._connection.set_trace_callback(make_question.append)
        store.due(before=NOON)
        store._connection.set_trace_callback(None)
        plans = [plan(store, one, 0) for one in make_question if one.startswith("SELECT")]

        ranges = "rule_fingerprint<?", "rule_fingerprint>?", "rule_fingerprint=? AND due_at<?"
        assert plans == [f"SEARCH people USING COVERING INDEX people_due ({one})" for one in ranges]


def test_calls_about_one_person_use_indexes() -> None:
    """Every statement of an append, a history and a merge finds its rows by an index."""
    with SqliteStore() as store:
        make_question: list[str] = []
        store._connection.set_trace_callback(make_question.append)
        store.append(*all_kinds(), recorded_at=NOON)
        store.amend(*all_kinds(), recorded_at=NOON)
        store.history("p1")
        store.merge("p2", into="p1", merged_at=NOON)
        store.erase("p1")
        store._connection.set_trace_callback(None)
        plans = {
            one: plan(store, one, 0) for one in make_question if one.startswith(("SELECT", "WITH", "UPDATE", "DELETE"))
        }

        assert len(plans) >= 10
        scans = (
            "SCAN r",
            "SCAN p",
            "SCAN a",
            "SCAN c",
            "SCAN merges",
            "SCAN records",
            "SCAN personal_data",
            "SCAN people",
        )
        assert [
            one for one, plan in plans.items() for line in plan.splitlines() if line.strip().startswith(scans)
        ] == []


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    """An equal rule and policy have the same fingerprint; another value that the rule reads changes it."""
    make_question = "from funnel import Policy, next_action; from funnel.store._evaluator import Evaluator"
    process = subprocess.run(
        [sys.executable, "-c", f"{make_question}; print(Evaluator(next_action, Policy()).fingerprint)"],
        env={"PYTHONHASHSEED": "1", "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert int(process) == Evaluator(next_action, Policy()).fingerprint
    assert Evaluator(stage, Policy(lapse_after=DAY)).fingerprint != Evaluator(stage, Policy()).fingerprint
    assert Evaluator(stage, Policy(answer_within=DAY)).fingerprint == Evaluator(stage, Policy()).fingerprint


def test_logs_of_two_currencies_are_refused() -> None:
    """Only an edited file can have them."""
    with SqliteStore() as store:
        store.append(make_purchase(), make_purchase("2"), recorded_at=NOON)
        store._connection.execute("UPDATE records SET currency = 'IDR' WHERE source_id = '2'")

        with pytest.raises(LogsError, match="amounts in IDR and USD"):
            store.logs()


def test_logs_need_polars(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the extra that installs Polars or the engine."""
    for missing, engine in (("polars", "polars"), ("duckdb", "duckdb"), ("pyarrow", "pandas")):
        monkeypatch.setattr(_frames, "find_spec", lambda name, missing=missing: None if name == missing else name)
        with SqliteStore() as store, pytest.raises(MissingExtraError, match=rf"shopfunnel\[{missing}\]"):
            store.logs(engine=engine)


def test_many_batches_are_one_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that is read in many batches, some of them empty, has every row once."""
    monkeypatch.setattr(_sqlite, "BATCH_ROWS", 2)
    with SqliteStore() as store:
        store.append(*all_kinds(), recorded_at=NOON)

        assert are_in_tables(store, "p1")


def same(one: Any, other: Any) -> bool:
    """Return whether two values are equal and of the same classes at every level."""
    if isinstance(one, tuple):
        return all(same(*pair) for pair in zip(one, other, strict=True))
    fields = vars(one) if isinstance(one, BaseModel) else {}
    return type(one) is type(other) and all(same(value, vars(other)[name]) for name, value in fields.items())


def test_fields_that_are_read_have_their_classes() -> None:
    """Records that are read are not validated again, but every field has its class and default."""
    with SqliteStore() as store:
        store.append(*all_kinds(), recorded_at=NOON)
        stored = {(type(one), one.key): one for one in store.history("p1").records}

    for record in all_kinds():
        result = stored[type(record), record.key]
        assert same(record, result)
        assert vars(record).keys() == vars(result).keys()
        assert record.model_dump_json() == result.model_dump_json()


def test_the_cache_of_live_people_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest person is evicted, and read again for the next record."""
    monkeypatch.setattr(_evaluator, "MOST_LIVE", 2)
    with SqliteStore() as store:
        for number in range(2):
            day = NOON + number * DAY
            for name in ("p1", "p2", "p3"):
                records = make_visit(f"{number}{name}", name), make_purchase(f"{number}{name}", name, purchased_at=day)
                store.append(*records, recorded_at=day)

        assert len(store._evaluator._live) == 2
        assert {store.stage_record(name).stage for name in ("p1", "p2", "p3")} == {"repeat_customer"}
