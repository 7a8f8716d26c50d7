"""Failures of a SQLite file and its machine: nothing is lost, partial or duplicated."""

from __future__ import annotations

import os
import random
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import settings

from funnel.errors import (
    ArgumentError,
    ConflictError,
    InstantError,
    LockedError,
    RecordError,
    StorageFullError,
    StoreError,
)
from funnel.history import History
from funnel.interactions import Declined, Delivery, Meeting, ReadySignal
from funnel.money import Money
from funnel.policy import Policy
from funnel.records import Contact, Customer
from funnel.stages import stage
from funnel.store import _schema, _sqlite_store
from funnel.store._sqlite_store import SqliteStore
from tests.store.conformance import (
    DAY,
    NOON,
    all_kinds,
    make_answer,
    make_lead,
    make_purchase,
    make_question,
    make_refund,
    make_visit,
)
from tests.store.deliverer import finished, killed, started, visits

FULL = settings.default.max_examples >= 500
KILLS = 200 if FULL else 1
LIVES = 20
"""How often the store in one file is killed; after that there is a new one, so that it does not grow without end."""
CANARY = "canary-in-a-coal-mine"
SOON = timedelta(milliseconds=30)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the path of a store that does not exist yet."""
    return tmp_path / "shop.db"


def raw(file: Path) -> sqlite3.Connection:
    """Open the file without the library."""
    return sqlite3.connect(file, isolation_level=None)


def is_sound(store: SqliteStore, numbers: set[str]) -> bool:
    """Return whether a store has these visits of one person, each once, and is consistent."""
    history, stage_record = store.history("p1"), store.stage_record("p1")
    (checked,) = store._connection.execute("PRAGMA integrity_check").fetchone()
    versions = [one for (one,) in store._connection.execute("SELECT version FROM records ORDER BY version")]
    assert checked == "ok"
    assert versions == list(range(1, len(numbers) + 1))
    assert {one.id for one in history.interactions} == numbers
    assert stage_record.version == len(numbers)
    assert stage_record.stage == stage.of(history, Policy(), as_of=NOON + timedelta(days=99))
    return True


# ---- many at once --------------------------------------------------------------------------------------------------


def test_eight_threads_add_the_same_records(file: Path) -> None:
    """Every record is stored once, and versions have no gap."""
    records = visits(0, 30)
    with SqliteStore(file, flush="normal") as one, SqliteStore(file, flush="normal") as other:

        def deliver(number: int) -> int:
            store, mixed = (one, other)[number % 2], random.Random(number).sample(records, len(records))
            return sum(store.append(record, recorded_at=NOON).added for record in mixed)

        with ThreadPoolExecutor(8) as pool:
            added = list(pool.map(deliver, range(8)))

        assert sum(added) == 30
        assert is_sound(one, {record.id for record in records})
        assert one.history("p1") == other.history("p1") == History.of("p1", records)


@pytest.mark.no_cover
def test_processes_add_the_same_records(file: Path) -> None:
    """Each process opens its own store; every record is stored once."""
    heard = finished([started(file, seed, 0, 30, 1) for seed in range(1, 5 if FULL else 3)])

    assert {len(one) for one in heard} == {30}
    with SqliteStore(file) as store:
        assert is_sound(store, set(map(str, range(30))))


@pytest.mark.no_cover
def test_a_killed_process_loses_no_acknowledged_record(tmp_path: Path) -> None:
    """All acknowledged records are stored, each once; of a call, all records or none."""
    chance = random.Random(7)
    batch, count = 3, 0
    for round_number in range(KILLS):
        count = 0 if round_number % LIVES == 0 else count
        file = tmp_path / f"{round_number // LIVES}.db"
        heard = killed(started(file, 0, count, 3_000, batch), chance)
        with SqliteStore(file) as store:
            before = {one.id for one in store.history("p1").interactions}
            assert heard <= before
            assert len(before) % batch == 0
            assert is_sound(store, set(map(str, range(len(before)))))
        count = len(before)


def test_a_store_opened_before_a_fork_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new process gets an error, and the file stays sound."""
    with SqliteStore(file) as store:
        monkeypatch.setattr(os, "getpid", lambda: -1)
        with pytest.raises(StoreError, match="opened in another process"):
            store.history("p1")
        monkeypatch.undo()


def test_a_store_locked_at_a_fork_is_refused_at_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that held the lock does not exist in the new process, so no call waits for it."""
    calls: list[Callable[[SqliteStore], object]] = [
        lambda store: store.history("p1"),
        lambda store: store.append(make_visit("1"), recorded_at=NOON),
        lambda store: store.erase("p1"),
    ]
    with SqliteStore(file) as store, ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(os, "getpid", lambda: -1)
        with store._lock:
            for call in calls:
                with pytest.raises(StoreError, match="opened in another process"):
                    pool.submit(call, store).result(timeout=30)
            pool.submit(store.close).result(timeout=30)
        monkeypatch.undo()

        assert store.append(make_visit("1"), recorded_at=NOON).added == 1


def fill(store: SqliteStore) -> None:
    """Add questions, two at a time, until the disk is full."""
    for number in range(1_000):
        store.append(make_question(f"{number}a", text="x" * 200), make_question(f"{number}b"), recorded_at=NOON)


# ---- no room, no turn ----------------------------------------------------------------------------------------------


def test_a_full_disk_loses_nothing(file: Path) -> None:
    """A write without room is refused as a whole; with room again it succeeds, and the stage is correct."""
    with SqliteStore(file) as store:
        store.append(make_purchase(), recorded_at=NOON)
        (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
        store._connection.execute(f"PRAGMA max_page_count = {pages + 3}")
        with pytest.raises(StorageFullError, match="the disk is full; nothing was written"):
            fill(store)
        fitting = len(store.history("p1").interactions) // 2
        assert len(store.history("p1").interactions) == 2 * fitting

        store._connection.execute("PRAGMA max_page_count = 1000000")
        second = make_purchase("2", purchased_at=NOON + DAY)
        last = store.append(second, recorded_at=NOON + DAY).stage_records[0]
        assert (last.stage, last.version) == ("repeat_customer", 2 * fitting + 2)
        assert isinstance(StorageFullError("full"), OSError)


def test_a_locked_store_raises_after_its_timeout(file: Path) -> None:
    """While another connection writes, reads succeed and writes wait."""
    with SqliteStore(file, timeout=SOON) as store:
        store.append(make_visit("1"), recorded_at=NOON)
        other = raw(file)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LockedError, match="longer than the timeout"):
            store.append(make_visit("2"), recorded_at=NOON)
        with SqliteStore(file, timeout=SOON) as second:
            assert len(second.history("p1").records) == len(store.history("p1").records) == 1
            with pytest.raises(TimeoutError):
                second.append(make_visit("2"), recorded_at=NOON)
        other.execute("ROLLBACK")
        other.close()

        assert store.append(make_visit("2"), recorded_at=NOON).stage_records[0].version == 2


@pytest.mark.parametrize("fails", ["insert", "save", "COMMIT"])
def test_a_failed_append_changes_nothing(file: Path, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    """Whichever statement fails, the store is unchanged, and the same call succeeds afterwards."""
    with SqliteStore(file) as store:
        store.append(make_visit("1"), recorded_at=NOON)
        before = store.stage_record("p1"), store.history("p1")
        with monkeypatch.context() as broken:
            if fails == "COMMIT":
                broken.setattr(store, "_connection", Failing(store._connection))
            else:
                broken.setattr(_sqlite_store.SqliteTables, fails, _raise)
            with pytest.raises((StoreError, KeyboardInterrupt)):
                store.append(make_purchase(), recorded_at=NOON)
        assert (store.stage_record("p1"), store.history("p1")) == before

        assert store.append(make_purchase(), recorded_at=NOON).stage_records[0].stage == "customer"


def _raise(*_: object, **_options: object) -> None:
    raise KeyboardInterrupt


class Failing:
    """A connection that cannot commit."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Wrap a connection."""
        self._real = connection

    def __getattr__(self, name: str) -> Any:
        """Delegate to the connection."""
        return getattr(self._real, name)

    def execute(self, statement: str, *value: Any) -> sqlite3.Cursor:
        """Delegate everything but a commit."""
        if statement == "COMMIT":
            raise sqlite3.OperationalError("disk I/O error")
        return self._real.execute(statement, *value)


# ---- files that are not a store ------------------------------------------------------------------------------------


def test_a_store_can_be_opened_again(file: Path) -> None:
    """The next process reads the stored records and adds more."""
    with SqliteStore(file) as store:
        store.append(*all_kinds(), recorded_at=NOON)
        before = store.history("p1"), store.stage_record("p1")
    with SqliteStore(str(file)) as store:
        assert (store.history("p1"), store.stage_record("p1")) == before
        last = make_purchase("9", purchased_at=NOON + 2 * DAY)
        assert store.append(last, recorded_at=NOON + 2 * DAY).stage_records[0].stage == "repeat_customer"


def test_another_file_is_refused_and_unchanged(file: Path, tmp_path: Path) -> None:
    """Text, another database and a folder are refused and not changed."""
    text = tmp_path / "orders.csv"
    text.write_text("order,total\n" * 100)
    other = raw(file)
    other.execute("CREATE TABLE orders (id)")
    other.close()
    before = text.read_bytes(), file.read_bytes()

    with pytest.raises(StoreError, match="is not a SQLite database"):
        SqliteStore(text)
    with pytest.raises(StoreError, match="database of another program"):
        SqliteStore(file)
    with pytest.raises(StoreError, match="SQLITE_CANTOPEN"):
        SqliteStore(tmp_path)
    assert (text.read_bytes(), file.read_bytes()) == before


def test_a_newer_store_is_refused(file: Path) -> None:
    """The message says what to do."""
    SqliteStore(file).close()
    other = raw(file)
    other.execute("PRAGMA user_version = 99")
    other.close()

    with pytest.raises(StoreError, match=r"version 99, this library needs version \d+; install a newer shopfunnel"):
        SqliteStore(file)


_SCRIPT = """
    CREATE TABLE people (person_id TEXT PRIMARY KEY, root TEXT NOT NULL, version INTEGER NOT NULL, stage TEXT,
        former TEXT, judged_at INTEGER, due_at INTEGER, judged_by INTEGER, canonical_id TEXT, name_count INTEGER,
        was_sent INTEGER) STRICT, WITHOUT ROWID;
    CREATE INDEX people_due ON people (judged_by, due_at, person_id, canonical_id) WHERE judged_by IS NOT NULL;
    CREATE INDEX people_root ON people (root) WHERE root <> person_id;
    CREATE TABLE records (seq INTEGER PRIMARY KEY, log TEXT NOT NULL, source TEXT NOT NULL, source_id TEXT NOT NULL,
        person_id TEXT NOT NULL, version INTEGER NOT NULL, recorded_at INTEGER NOT NULL, apart INTEGER NOT NULL,
        kind TEXT, happened_at INTEGER, campaign TEXT, referred_by TEXT, status TEXT, cancelled_at INTEGER,
        promotion TEXT, promised_at INTEGER, delivered_at INTEGER, lines TEXT, direction TEXT, channel TEXT,
        regarding TEXT, reason TEXT, until INTEGER, latest INTEGER, score INTEGER, sku TEXT, quantity INTEGER,
        amount INTEGER, currency TEXT, UNIQUE (source_id, source, log), UNIQUE (person_id, version)) STRICT;
    CREATE INDEX records_regarding ON records (regarding, source) WHERE regarding IS NOT NULL;
    CREATE INDEX records_referred_by ON records (referred_by) WHERE referred_by IS NOT NULL;
    CREATE TABLE apart (person_id TEXT NOT NULL, version INTEGER NOT NULL, told TEXT NOT NULL, PRIMARY KEY
        (person_id, version)) STRICT;
    CREATE TABLE customers (person_id TEXT PRIMARY KEY, since INTEGER) STRICT, WITHOUT ROWID;
    CREATE TABLE links (seq INTEGER PRIMARY KEY, alias TEXT NOT NULL, person_id TEXT NOT NULL, merged_at INTEGER NOT
        NULL, parted_at INTEGER) STRICT;
    CREATE UNIQUE INDEX links_alias ON links (alias) WHERE parted_at IS NULL;
    CREATE INDEX links_from ON links (alias);
    CREATE INDEX links_to ON links (person_id);
    CREATE TABLE store (currency TEXT NOT NULL) STRICT
"""
SCHEMA_OF_VERSION_3 = tuple(_SCRIPT.split(";"))
"""The tables and indexes of version 3."""

BACK_TO_VERSION_3 = (
    "DROP TABLE webhook_states",
    *(
        f"ALTER TABLE records DROP COLUMN {name}"
        for name in ("paid_at", "prepaid", "fees", "cost", "original", "own_columns")
    ),
    *(f"DROP INDEX {name}" for name in ("people_group", "merges_alias", "merges_from", "merges_to")),
    "ALTER TABLE people RENAME COLUMN previous_stage TO former",
    "ALTER TABLE people RENAME COLUMN evaluated_at TO judged_at",
    "ALTER TABLE people RENAME COLUMN rule_fingerprint TO judged_by",
    "ALTER TABLE people RENAME COLUMN group_id TO root",
    "ALTER TABLE people RENAME COLUMN was_referred TO was_sent",
    "ALTER TABLE records RENAME COLUMN personal_data_state TO apart",
    "ALTER TABLE personal_data RENAME COLUMN payload TO told",
    "ALTER TABLE personal_data RENAME TO apart",
    "ALTER TABLE merges RENAME COLUMN unmerged_at TO parted_at",
    "ALTER TABLE merges RENAME TO links",
    *(statement for statement in SCHEMA_OF_VERSION_3 if "links_" in statement or "people_root" in statement),
    *(
        f"UPDATE records SET kind = '{old}' WHERE kind = '{new}'"  # noqa: S608 - our own names
        for old, new in _schema.KINDS_OF_VERSION_3.items()
    ),
    "PRAGMA user_version = 3",
)
"""Statements that turn a new file into a file of version 3."""

BACK_TO_VERSION_2 = (
    *BACK_TO_VERSION_3,
    "DROP INDEX people_due",
    *(f"ALTER TABLE people DROP COLUMN {name}" for name in ("canonical_id", "name_count", "was_sent")),
    "CREATE INDEX people_due ON people (judged_by, due_at) WHERE judged_by IS NOT NULL",
    "PRAGMA user_version = 2",
)
"""Statements that turn a new file into a file of version 2, if the current name of every person holds the person."""


def schema_of(file: Path) -> set[str]:
    """Return the statements of all tables and indexes of a file, without blanks and quotes."""
    connection = raw(file)
    rows = connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    connection.close()
    return {re.sub(r'[\s"]', "", sql) for (sql,) in rows}


def test_a_file_of_version_3_becomes_exactly_a_new_file(file: Path, tmp_path: Path) -> None:
    """The upgraded file has the tables and indexes of a new file, and none of version 3."""
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    connection = raw(file)
    for statement in (
        *SCHEMA_OF_VERSION_3,
        f"PRAGMA application_id = {_schema.APPLICATION_ID}",
        "PRAGMA user_version = 3",
    ):
        connection.execute(statement)
    connection.close()
    with SqliteStore(old) as store:
        for statement in BACK_TO_VERSION_3:
            store._connection.execute(statement)
    assert schema_of(old) == schema_of(file) == {re.sub(r"\s", "", sql) for sql in SCHEMA_OF_VERSION_3}

    for path in (file, old, new):
        SqliteStore(path).close()

    assert schema_of(file) == schema_of(old) == schema_of(new)
    assert not any(word in sql for sql in schema_of(new) for word in ("root", "apart", "links", "told", "judged"))


def test_the_upgrade_from_version_3_renames_kinds(file: Path) -> None:
    """Interactions get their current kinds; a delivery is still unresolved until its purchase is added."""
    fields = {"person_id": "p1", "occurred_at": NOON}
    records = [
        Meeting(id="m", **fields),
        Declined(id="n", reason="price", **fields),
        ReadySignal(id="r", **fields),
        Delivery(id="d", purchase_id="later", **fields),
    ]
    with SqliteStore(file) as store:
        store.append(make_purchase(), *records, recorded_at=NOON)
        before = store.history("p1"), store.stage_record("p1"), store.unresolved()
        for statement in BACK_TO_VERSION_3:
            store._connection.execute(statement)
        kinds = store._connection.execute("SELECT kind FROM records WHERE kind IN ('met', 'said_no', 'delivered')")
        assert len(kinds.fetchall()) == 3

    with SqliteStore(file) as store:
        assert (store.history("p1"), store.stage_record("p1"), store.unresolved()) == before
        assert len(before[2]) == 1


def test_the_upgrade_from_version_2_keeps_people(file: Path, tmp_path: Path) -> None:
    """People, names and stages stay; merges work in both directions, referrers are evaluated, merges can be undone."""
    names = [f"p{number}" for number in range(5)]
    purchases = [make_purchase(name, name, purchased_at=NOON - (4 - day) * DAY) for day, name in enumerate(names)]
    with SqliteStore(file) as store:
        store.append(*purchases, make_lead("p3", referred_by="p9"), recorded_at=NOON)
        store.append(make_lead("p4", referred_by="p9"), recorded_at=NOON)
        for alias in ("p1", "p2"):
            store.merge(alias, into="p0", merged_at=NOON)
        before = [(store.history(name), store.stage_record(name), store.aliases(name)) for name in names]
        assert store._connection.execute("SELECT count(*) FROM people WHERE canonical_id NOT NULL").fetchone() == (0,)
        for statement in BACK_TO_VERSION_2:
            store._connection.execute(statement)

    with SqliteStore(file) as store, SqliteStore(tmp_path / "new.db") as new:
        assert [(store.history(name), store.stage_record(name), store.aliases(name)) for name in names] == before
        for pragma in ("table_info(people)", "index_list(people)", "index_info(people_due)"):
            older, newer = (one._connection.execute(f"PRAGMA {pragma}").fetchall() for one in (store, new))
            assert {row[1:] for row in older} == {row[1:] for row in newer}
        assert store.merge("p0", into="p3", merged_at=NOON).stage == "repeat_customer"
        pragma = "SELECT canonical_id, name_count, was_referred FROM people WHERE person_id = 'p0'"
        assert store._connection.execute(pragma).fetchone() == ("p3", 4, 1)
        store.merge("p4", into="p3", merged_at=NOON)
        assert len(store.history("p9").referrals) == 1
        assert store.history("p9").referrals[0].person_id == "p3"
        assert len(store.history("p4").purchases) == 5
        for alias in ("p4", "p0", "p1", "p2"):
            store.unmerge(alias, unmerged_at=NOON)
        assert [store.history(name).purchases for name in names] == [(purchase,) for purchase in purchases]
        assert len(store.history("p9").referrals) == 2


def test_the_upgrade_from_version_1_sets_the_currency(file: Path) -> None:
    """The store gets the currency of its amounts, instead of one for each person."""
    with SqliteStore(file) as store:
        store.append(make_purchase(), recorded_at=NOON)
        for statement in BACK_TO_VERSION_2:
            store._connection.execute(statement)
        store._connection.execute("ALTER TABLE people ADD COLUMN currency TEXT")
        store._connection.execute("DROP TABLE store")
        store._connection.execute("PRAGMA user_version = 1")
    with SqliteStore(file) as store:
        with pytest.raises(RecordError, match="amounts in IDR and USD"):
            store.append(make_purchase("2", "p2", amount=Money(9, "IDR")), recorded_at=NOON)
        assert store.append(make_purchase("2", "p2"), recorded_at=NOON).added == 1


def test_an_upgrade_is_atomic(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All steps succeed in one transaction, or none; records stay."""
    with SqliteStore(file) as store:
        store.append(make_purchase(), recorded_at=NOON)
    steps: Mapping[int, list[str]] = {
        _schema.VERSION: ["ALTER TABLE people ADD COLUMN note TEXT"],
        _schema.VERSION + 1: ["CREATE INDEX people_note ON people (note)"],
    }
    broken = {**steps, _schema.VERSION + 1: ["CREATE INDEX nowhere ON nothing (note)"]}
    version = _schema.VERSION
    monkeypatch.setattr(_schema, "VERSION", version + 2)
    monkeypatch.setattr(_schema, "UPGRADES", broken)
    with pytest.raises(StoreError, match="SQLITE_ERROR"):
        SqliteStore(file)
    other = raw(file)
    assert other.execute("PRAGMA user_version").fetchone() == (version,)
    other.close()

    monkeypatch.setattr(_schema, "UPGRADES", steps)
    with SqliteStore(file) as store:
        assert store._connection.execute("PRAGMA user_version").fetchone() == (version + 2,)
        assert store._connection.execute("SELECT note FROM people").fetchall() == [(None,)]
        assert store.history("p1").purchases == (make_purchase(),)


def test_a_store_works_without_write_ahead_logging(file: Path) -> None:
    """If the file cannot be switched to write-ahead logging now, the next open switches it."""
    SqliteStore(file).close()
    other = raw(file)
    other.execute("PRAGMA journal_mode = DELETE")
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM people").fetchone()
    with SqliteStore(file, timeout=SOON) as store:
        assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        other.close()
        store.append(make_visit("1"), recorded_at=NOON)
    with SqliteStore(file) as store:
        assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert len(store.history("p1").records) == 1


def test_an_old_sqlite_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the required version."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 9))

    with pytest.raises(StoreError, match=r"needs 3\.37 or newer"):
        SqliteStore()


def test_invalid_utf8_is_damage() -> None:
    """Python's own error contains the bytes, so it is not the cause."""
    with (
        pytest.raises(StoreError, match="the store is damaged: a text is not UTF-8") as caught,
        _sqlite_store._convert_errors("shop.db"),
    ):
        CANARY.encode("utf-16").decode()
    assert caught.value.__cause__ is None


def test_a_missing_table_is_reported_without_data(file: Path) -> None:
    """The error is the library's own, without a statement and without a value."""
    with SqliteStore(file) as store:
        store.append(make_question(text=CANARY), recorded_at=NOON)
        store._connection.execute("DROP TABLE personal_data")
        with pytest.raises(StoreError) as caught:
            store.history("p1")

    assert "SQLITE_ERROR: no such table: personal_data" in str(caught.value)
    assert CANARY not in f"{caught.value} {caught.value.__cause__!r}"


def test_the_tables_are_strict(file: Path) -> None:
    """Text cannot be written into an amount."""
    with SqliteStore(file) as store:
        store.append(make_purchase(), recorded_at=NOON)
        with pytest.raises(sqlite3.IntegrityError):
            store._connection.execute("UPDATE records SET amount = 'much'")


@pytest.mark.parametrize("path", ["", "  ", "a\0b", "\ud800", 7, b"shop.db"], ids=range(6))
def test_an_empty_path_is_refused(path: Any) -> None:
    """An empty path does not mean a store in memory; the message says how to get one."""
    with pytest.raises(
        ArgumentError, match=r"path must be the path of a file .* leave it out to keep everything in mem"
    ):
        SqliteStore(path)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"timeout": 5}, r"timeout must be a timedelta, or text with .* \(got int, which has no unit\)"),
        ({"timeout": timedelta(-1)}, "timeout must be zero or more"),
        ({"timeout": "5"}, r"timeout must be a timedelta, or text with a unit"),
        ({"flush": "often"}, "flush must be 'full' or 'normal'"),
        ({"stage": len}, "stage must be a rule"),
        ({"policy": 7}, "policy must be a Policy"),
    ],
    ids=range(6),
)
def test_invalid_arguments_of_a_store_are_refused(file: Path, value: Any, message: str) -> None:
    """The file is not created."""
    with pytest.raises(ArgumentError, match=message):
        SqliteStore(file, **value)
    assert not file.exists()


@pytest.mark.parametrize("uri", ["file:shop.db", "FILE:shop.db?mode=x", "file::memory:?cache=shared"])
def test_a_uri_is_refused(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some machines would read its options, and others would make them part of the name."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArgumentError, match=r"path must be the path of a file \(got a URI\); pass the path without"):
        SqliteStore(uri)
    assert not list(tmp_path.iterdir())


def test_a_long_path_is_shortened_in_messages(tmp_path: Path) -> None:
    """A message fits on a screen."""
    with pytest.raises(StoreError, match="cannot be used") as caught:
        SqliteStore(tmp_path / ("x" * 100_000))
    assert len(str(caught.value)) < 400


def test_a_timeout_may_be_text(file: Path) -> None:
    """Text with a unit is accepted."""
    with SqliteStore(file, timeout="50 ms") as store:
        assert store.append(make_visit("1"), recorded_at=NOON).added == 1


@pytest.mark.parametrize("value", [7, "text", {}, pl.LazyFrame({"a": [1]})], ids=["number", "text", "dict", "frame"])
def test_load_needs_an_iterable(file: Path, value: Any) -> None:
    """A single object is refused."""
    with SqliteStore(file) as store, pytest.raises(ArgumentError, match=r"records must be iterable \(got"):
        store.load(value, recorded_at=NOON)


def test_an_instant_outside_the_supported_years_is_refused(file: Path) -> None:
    """Nothing is stored, and nobody is evaluated."""
    with SqliteStore(file) as store, pytest.raises(InstantError, match="recorded_at is outside the supported years"):
        store.append(make_visit("1"), recorded_at=NOON.replace(year=2300))


def test_a_file_error_names_the_file(tmp_path: Path) -> None:
    """SQLite's error is the cause."""
    with pytest.raises(StoreError, match=f"'{tmp_path}' cannot be used: SQLITE_CANTOPEN") as caught:
        SqliteStore(tmp_path)
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)


# ---- privacy -------------------------------------------------------------------------------------------------------


def traces(file: Path) -> list[str]:
    """Return the files of a store that contain the canary."""
    return sorted(one.name for one in file.parent.glob(f"{file.name}*") if CANARY.encode() in one.read_bytes())


def private_records() -> Iterator[Any]:
    """Records with a canary in every personal field."""
    yield make_lead(contact=Contact(phone=CANARY, email=CANARY, handle=CANARY))
    yield make_question(text=f"{CANARY} " * 9)
    yield make_question("long", text=CANARY * 40_000)


def test_erase_leaves_no_trace_in_the_file(file: Path) -> None:
    """Neither the file nor the write-ahead log contains the erased bytes."""
    with SqliteStore(file) as store:
        store.append(*private_records(), make_question("other", "p2", text="kept"), recorded_at=NOON)
        store.put_customer(Customer(person_id="p1", name=CANARY, address=CANARY), recorded_at=NOON)
        assert traces(file) == ["shop.db-wal"]
        store._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        assert "shop.db" in traces(file)
        store.put_customer(Customer(person_id="p1", name=CANARY[::-1]), recorded_at=NOON)
        store.amend(make_question("long", text="short"), recorded_at=NOON)
        store.erase("p1")

        assert traces(file) == []
        assert store.history("p2").interactions[0].model_dump()["text"] == "kept"
        assert len(store.history("p1").records) == 3
    assert traces(file) == []


def test_an_erased_id_leaves_no_trace_in_the_file(file: Path) -> None:
    """No table, index or write-ahead log contains the former id, also after an order that came again."""
    with SqliteStore(file) as store:
        friend = make_lead("p2", referred_by=CANARY)
        store.append(make_purchase("1", CANARY), make_lead(CANARY), make_lead("p3"), friend, recorded_at=NOON)
        store.put_customer(Customer(person_id=CANARY, name="Sari"), recorded_at=NOON)
        store.merge("p3", into=CANARY, merged_at=NOON)
        assert traces(file)
        store.erase("p3", new_id="guest-1")
        assert traces(file) == []
        store.amend(make_purchase("1", CANARY, status="delivered"), recorded_at=NOON)

        assert store.history("guest-1").purchases[0].status == "delivered"
    assert traces(file) == []


def test_erase_beside_a_reader_raises(file: Path) -> None:
    """While a reader sees the former state, a trace stays: an error says so, and erasing again removes it."""
    with SqliteStore(file, timeout=SOON) as store:
        store.append(*private_records(), recorded_at=NOON)
        reader = raw(file)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM records").fetchone()
        with pytest.raises(LockedError, match="call erase again when that connection is done"):
            store.erase("p1")
        assert store.history("p1").leads[0].contact is None
        reader.close()

        assert store.erase("p1") == 0
        assert traces(file) == []


def test_no_error_shows_free_text(file: Path) -> None:
    """No message and no cause contains free text."""
    secret = make_question(text=CANARY)
    with SqliteStore(file) as store:
        store.append(secret, recorded_at=NOON)
        for wrong in (make_question(text=f"{CANARY}!"), make_answer(at=NOON - SOON), make_purchase(minor=1)):
            with pytest.raises(RecordError) as caught:
                store.append(wrong, make_refund("r", minor=2), recorded_at=NOON)
            assert CANARY not in repr(caught.value)
            assert caught.value.__cause__ is None or CANARY not in repr(caught.value.__cause__)
        assert isinstance(caught.value, RecordError)
        assert not isinstance(caught.value, ConflictError)
