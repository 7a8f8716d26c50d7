"""The store in a SQLite file: the suite that every store passes."""

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
from funnel.store import _frames, _judge, _sqlite
from funnel.store._judge import Judge
from funnel.store._protocol import Store
from funnel.store._rows import Row
from funnel.store._sqlite_store import SqliteStore
from tests.store.conformance import DAY, FULL, NOON, Conformance, Laws, are_in_tables, bought, came, everything, visit


class InMemory:
    """A store that is gone when it is closed."""

    @contextmanager
    def opened(self, **options: Any) -> Generator[Store, None, None]:
        """Open a new store in memory."""
        with SqliteStore(**options) as store:
            yield store

    @contextmanager
    def opened_again(self, store: SqliteStore, **options: Any) -> Generator[Store, None, None]:
        """Open a store that has the same memory."""
        with SqliteStore(**options) as other:
            store._connection.backup(other._connection)
            yield other
            other._connection.backup(store._connection)


@pytest.mark.no_cover
class TestLawsInMemory(InMemory, Laws):
    """The laws, where a new store costs least."""


class TestInMemory(InMemory, Conformance):
    """A store in memory; with make test-full alone, for the one in a file has the same suite."""

    __test__ = FULL


class TestInAFile(Conformance):
    """A store in a file of its own."""

    @contextmanager
    def opened(self, **options: Any) -> Generator[Store, None, None]:
        """Open a new store in a file."""
        options = {"flush": "normal", **options}
        with tempfile.TemporaryDirectory() as folder, SqliteStore(Path(folder) / "shop.db", **options) as store:
            yield store

    def opened_again(self, store: SqliteStore, **options: Any) -> SqliteStore:
        """Open the file a second time."""
        ((_, _, path),) = store._connection.execute("PRAGMA database_list").fetchall()
        return SqliteStore(path, **options)


def plan(store: SqliteStore, statement: str, count: int) -> str:
    """How SQLite goes about a question."""
    rows = store._connection.execute(f"EXPLAIN QUERY PLAN {statement}", ["x"] * count).fetchall()
    return "\n".join(row[-1] for row in rows)


def steps_of(store: SqliteStore, work: Callable[[], object]) -> int:
    """Count the steps of SQLite's machine that something takes, in hundreds; there is no clock in it."""
    taken = [0]

    def one_more() -> int:
        taken[0] += 1
        return 0

    store._connection.set_progress_handler(one_more, 100)
    work()
    store._connection.set_progress_handler(None, 0)
    return taken[0]


SHAPES: Mapping[str, Callable[[int], list[int]]] = {
    "forward": lambda count: list(range(1, count + 1)),
    "star": lambda count: [count] * count,
    "random": lambda count: [Random(7 + number).randrange(number + 1, count + 1) for number in range(count)],
}


@pytest.mark.parametrize(
    ("shape", "own"), [("forward", False), ("forward", True), ("star", False), ("star", True), ("random", True)]
)
@pytest.mark.parametrize("is_backward", [False, True], ids=["from the first", "from the last"])
def test_merges_touch_few_rows(shape: str, monkeypatch: pytest.MonkeyPatch, *, own: bool, is_backward: bool) -> None:
    """Twice as many merges change some twice as many rows, and take twice as much of SQLite, in whatever order."""
    read = list[int]()
    rows_of_people = _sqlite.SqliteTables.of_people

    def counted(self: _sqlite.SqliteTables, names: Sequence[str]) -> Sequence[Row]:
        read.append(len(names))
        return rows_of_people(self, names)

    monkeypatch.setattr(_sqlite.SqliteTables, "of_people", counted)

    def merged(count: int) -> tuple[int, int, int]:
        pairs = list(enumerate(SHAPES[shape](count)))
        with SqliteStore() as store:
            store.append(
                *[bought(f"{one}", f"p{one}") for one in (range(count + 1) if own else (0, count))], recorded_at=NOON
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
    """More than one statement binds: they are read, exported, erased and parted like few."""
    with SqliteStore() as store:
        store.append(bought(), visit("1", "n3"), recorded_at=NOON)
        for number in range(_sqlite.MOST_BOUND + 5):
            store.merge(f"n{number}", into="p1", merged_at=NOON)
        store.put_customer(Customer(person_id="n7", name="Sari"), recorded_at=NOON)

        assert len(store.aliases("n2")) == _sqlite.MOST_BOUND + 5
        assert [record.key[1] for record in store.history("n1").records] == ["1", "1"]
        assert "Sari" in store.export("p1")
        assert store.erase("n2") == 1
        assert "Sari" not in store.export("p1")
        assert store.unmerge("n3", unmerged_at=NOON)[0].stage == "prospect"


def test_a_star_is_parted_in_few_steps() -> None:
    """To part a name of which no record is does not read the others."""

    def parted(count: int) -> int:
        with SqliteStore() as store:
            store.append(bought(), recorded_at=NOON)
            for number in range(count):
                store.merge(f"n{number}", into="p1", merged_at=NOON)

            def work() -> None:
                for number in range(count):
                    store.unmerge(f"n{number}", unmerged_at=NOON)

            return steps_of(store, work)

    few, many = parted(64), parted(256)
    assert many < 5 * few


def test_tables_of_merged_people_take_few_steps() -> None:
    """Four times as many people, all merged in pairs or into one, take some four times as much to become tables."""

    def made(count: int, width: int) -> int:
        with SqliteStore() as store:
            store.load([came(f"p{number}") for number in range(count)], recorded_at=NOON)
            for number in range(count):
                if number % width:
                    store.merge(f"p{number}", into=f"p{number - number % width}", merged_at=NOON)
            return steps_of(store, store.logs)

    for width in (2, 1_000):
        few, many = made(64, width), made(256, width)
        assert many < 5 * few


def test_whom_to_look_at_is_one_indexed_query() -> None:
    """However many people there are, only those who are due are read, in order."""
    with SqliteStore() as store:
        asked: list[str] = []
        store._connection.set_trace_callback(asked.append)
        store.due(before=NOON)
        store._connection.set_trace_callback(None)
        plans = [plan(store, one, 0) for one in asked if one.startswith("SELECT")]

        ranges = "rule_fingerprint<?", "rule_fingerprint>?", "rule_fingerprint=? AND due_at<?"
        assert plans == [f"SEARCH people USING COVERING INDEX people_due ({one})" for one in ranges]


def test_no_question_of_one_person_reads_everybodys_records() -> None:
    """Every statement of an append, of a history and of a merge finds its rows by an index."""
    with SqliteStore() as store:
        asked: list[str] = []
        store._connection.set_trace_callback(asked.append)
        store.append(*everything(), recorded_at=NOON)
        store.amend(*everything(), recorded_at=NOON)
        store.history("p1")
        store.merge("p2", into="p1", merged_at=NOON)
        store.erase("p1")
        store._connection.set_trace_callback(None)
        plans = {one: plan(store, one, 0) for one in asked if one.startswith(("SELECT", "WITH", "UPDATE", "DELETE"))}

        assert len(plans) >= 10
        scans = "SCAN r", "SCAN p", "SCAN a", "SCAN c", "SCAN links", "SCAN records", "SCAN apart", "SCAN people"
        assert [
            one for one, told in plans.items() for line in told.splitlines() if line.strip().startswith(scans)
        ] == []


def test_a_rule_and_a_policy_have_one_number_in_every_process() -> None:
    """Whoever opens the store with an equal rule and policy judges as the others do; another number makes another."""
    asked = "from funnel import Policy, next_action; from funnel.store._judge import Judge"
    said = subprocess.run(
        [sys.executable, "-c", f"{asked}; print(Judge(next_action, Policy()).fingerprint)"],
        env={"PYTHONHASHSEED": "1", "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert int(said) == Judge(next_action, Policy()).fingerprint
    assert Judge(stage, Policy(lapse_after=DAY)).fingerprint != Judge(stage, Policy()).fingerprint
    assert Judge(stage, Policy(answer_within=DAY)).fingerprint == Judge(stage, Policy()).fingerprint


def test_logs_of_two_currencies_are_refused() -> None:
    """Amounts of two currencies, which only another hand can have written, are never added up."""
    with SqliteStore() as store:
        store.append(bought(), bought("2"), recorded_at=NOON)
        store._connection.execute("UPDATE records SET currency = 'IDR' WHERE source_id = '2'")

        with pytest.raises(LogsError, match="IDR and USD meet in the store"):
            store.logs()


def test_tables_need_polars(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Polars, or the engine that was asked for, is not installed, the error holds the line that installs it."""
    for missing, engine in (("polars", "polars"), ("duckdb", "duckdb"), ("pyarrow", "pandas")):
        monkeypatch.setattr(_frames, "find_spec", lambda name, missing=missing: None if name == missing else name)
        with SqliteStore() as store, pytest.raises(MissingExtraError, match=rf"shopfunnel\[{missing}\]"):
            store.logs(engine=engine)


def test_many_batches_are_one_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that is read in many batches, some of them empty, holds every row once."""
    monkeypatch.setattr(_sqlite, "STEP", 2)
    with SqliteStore() as store:
        store.append(*everything(), recorded_at=NOON)

        assert are_in_tables(store, "p1")


def same(one: Any, other: Any) -> bool:
    """Whether two values are of one class, all the way down; a word of a list is not the text of it."""
    if isinstance(one, tuple):
        return all(same(*pair) for pair in zip(one, other, strict=True))
    fields = vars(one) if isinstance(one, BaseModel) else {}
    return type(one) is type(other) and all(same(value, vars(other)[name]) for name, value in fields.items())


def test_what_comes_out_is_of_the_classes_that_went_in() -> None:
    """What is read is not checked again: every field has its class and its default all the same."""
    with SqliteStore() as store:
        store.append(*everything(), recorded_at=NOON)
        kept = {(type(one), one.key): one for one in store.history("p1").records}

    for record in everything():
        found = kept[type(record), record.key]
        assert same(record, found)
        assert vars(record).keys() == vars(found).keys()
        assert record.model_dump_json() == found.model_dump_json()


def test_only_so_many_people_are_kept_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever came longest ago makes room, and is read anew when they come again."""
    monkeypatch.setattr(_judge, "MOST_LIVE", 2)
    with SqliteStore() as store:
        for turn in range(2):
            for name in ("p1", "p2", "p3"):
                number = f"{turn}{name}"
                store.append(visit(number, name), bought(number, name), recorded_at=NOON)

        assert len(store._judge._live) == 2
        assert {store.stage_record(name).stage for name in ("p1", "p2", "p3")} == {"repeat_customer"}
