"""What may go wrong with a SQLite file and the machine it lies on: nothing is lost, torn or there twice."""

from __future__ import annotations

import os
import random
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
from tests.store.conformance import NOON, answered, asked, back, bought, came, everything, visit
from tests.store.deliverer import finished, killed, started, visits

FULL = settings.default.max_examples >= 500
KILLS = 200 if FULL else 1
LIVES = 20
"""How often the store in one file is killed; after that there is a new one, so that it does not grow for ever."""
CANARY = "canary-in-a-coal-mine"
SOON = timedelta(milliseconds=30)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give the path of a store that is not made yet."""
    return tmp_path / "shop.db"


def raw(file: Path) -> sqlite3.Connection:
    """Open the file without the library."""
    return sqlite3.connect(file, isolation_level=None)


def is_sound(store: SqliteStore, numbers: set[str]) -> bool:
    """Whether a store holds these visits of one person, each once, all of them in one sound whole."""
    history, standing = store.history("p1"), store.stage_record("p1")
    (checked,) = store._connection.execute("PRAGMA integrity_check").fetchone()
    versions = [one for (one,) in store._connection.execute("SELECT version FROM records ORDER BY version")]
    assert checked == "ok"
    assert versions == list(range(1, len(numbers) + 1))
    assert {one.id for one in history.interactions} == numbers
    assert standing.version == len(numbers)
    assert standing.stage == stage.of(history, Policy(), as_of=NOON + timedelta(days=99))
    return True


# ---- many at once --------------------------------------------------------------------------------------------------


def test_eight_threads_deliver_the_same_in_different_orders(file: Path) -> None:
    """Two stores on one file, four threads each: every record is there once, and versions have no gap."""
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
def test_processes_deliver_the_same_in_different_orders(file: Path) -> None:
    """Each of four processes (two, unless all is tested) opens the store for itself; every record is there once."""
    heard = finished([started(file, seed, 0, 30, 1) for seed in range(1, 5 if FULL else 3)])

    assert {len(one) for one in heard} == {30}
    with SqliteStore(file) as store:
        assert is_sound(store, set(map(str, range(30))))


@pytest.mark.no_cover
def test_a_process_that_is_killed_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    """Killed at any moment: all that was acknowledged is there, of a call all records or none, and nothing twice."""
    chance = random.Random(7)
    batch, count = 3, 0
    for turn in range(KILLS):
        count = 0 if turn % LIVES == 0 else count
        file = tmp_path / f"{turn // LIVES}.db"
        heard = killed(started(file, 0, count, 3_000, batch), chance)
        with SqliteStore(file) as store:
            kept = {one.id for one in store.history("p1").interactions}
            assert heard <= kept
            assert len(kept) % batch == 0
            assert is_sound(store, set(map(str, range(len(kept)))))
        count = len(kept)


def test_a_store_is_not_used_in_two_processes(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was opened before a fork says so after it, instead of spoiling the file."""
    with SqliteStore(file) as store:
        monkeypatch.setattr(os, "getpid", lambda: -1)
        with pytest.raises(StoreError, match="opened in another process"):
            store.history("p1")
        monkeypatch.undo()


def test_a_store_of_another_process_is_refused_at_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that held the store at the moment of a fork is not in the new process: nothing waits for it there."""
    calls: list[Callable[[SqliteStore], object]] = [
        lambda store: store.history("p1"),
        lambda store: store.append(visit("1"), recorded_at=NOON),
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

        assert store.append(visit("1"), recorded_at=NOON).added == 1


def fill(store: SqliteStore) -> None:
    """Ask two questions at a time until there is no room."""
    for number in range(1_000):
        store.append(asked(f"{number}a", words="x" * 200), asked(f"{number}b"), recorded_at=NOON)


# ---- no room, no turn ----------------------------------------------------------------------------------------------


def test_a_full_disk_loses_nothing(file: Path) -> None:
    """What does not fit is refused whole and told; with room again it is written, and the stage is right."""
    with SqliteStore(file) as store:
        store.append(bought(), recorded_at=NOON)
        (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
        store._connection.execute(f"PRAGMA max_page_count = {pages + 3}")
        with pytest.raises(StorageFullError, match="no room left to write; nothing was written"):
            fill(store)
        fitting = len(store.history("p1").interactions) // 2
        assert len(store.history("p1").interactions) == 2 * fitting

        store._connection.execute("PRAGMA max_page_count = 1000000")
        last = store.append(bought("2"), recorded_at=NOON).standings[0]
        assert (last.stage, last.version) == ("repeat_customer", 2 * fitting + 2)
        assert isinstance(StorageFullError("full"), OSError)


def test_a_locked_store_says_so_after_its_timeout(file: Path) -> None:
    """While another connection writes, nobody else does; reading goes on; when it is done, so does writing."""
    with SqliteStore(file, timeout=SOON) as store:
        store.append(visit("1"), recorded_at=NOON)
        other = raw(file)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LockedError, match="longer than the timeout"):
            store.append(visit("2"), recorded_at=NOON)
        with SqliteStore(file, timeout=SOON) as second:
            assert len(second.history("p1").records) == len(store.history("p1").records) == 1
            with pytest.raises(TimeoutError):
                second.append(visit("2"), recorded_at=NOON)
        other.execute("ROLLBACK")
        other.close()

        assert store.append(visit("2"), recorded_at=NOON).standings[0].version == 2


@pytest.mark.parametrize("fails", ["insert", "save", "COMMIT"])
def test_what_breaks_off_anywhere_was_never_there(file: Path, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    """Whichever step of an append fails, the store is as it was, and the same call succeeds afterwards."""
    with SqliteStore(file) as store:
        store.append(visit("1"), recorded_at=NOON)
        before = store.stage_record("p1"), store.history("p1")
        with monkeypatch.context() as broken:
            if fails == "COMMIT":
                broken.setattr(store, "_connection", Failing(store._connection))
            else:
                broken.setattr(_sqlite_store.SqliteTables, fails, _raise)
            with pytest.raises((StoreError, KeyboardInterrupt)):
                store.append(bought(), recorded_at=NOON)
        assert (store.stage_record("p1"), store.history("p1")) == before

        assert store.append(bought(), recorded_at=NOON).standings[0].stage == "customer"


def _raise(*_: object) -> None:
    raise KeyboardInterrupt


class Failing:
    """A connection that cannot commit."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Stand before a connection."""
        self._real = connection

    def __getattr__(self, name: str) -> Any:
        """Do as the connection does."""
        return getattr(self._real, name)

    def execute(self, statement: str, *given: Any) -> sqlite3.Cursor:
        """Do all but commit."""
        if statement == "COMMIT":
            raise sqlite3.OperationalError("disk I/O error")
        return self._real.execute(statement, *given)


# ---- files that are no store ---------------------------------------------------------------------------------------


def test_a_store_is_opened_again(file: Path) -> None:
    """What one process kept the next one reads, and goes on from."""
    with SqliteStore(file) as store:
        store.append(*everything(), recorded_at=NOON)
        kept = store.history("p1"), store.stage_record("p1")
    with SqliteStore(str(file)) as store:
        assert (store.history("p1"), store.stage_record("p1")) == kept
        assert store.append(bought("9"), recorded_at=NOON).standings[0].stage == "repeat_customer"


def test_a_file_of_something_else_is_left_alone(file: Path, tmp_path: Path) -> None:
    """Text, another database and a folder are refused, and not changed."""
    text = tmp_path / "orders.csv"
    text.write_text("order,total\n" * 100)
    other = raw(file)
    other.execute("CREATE TABLE orders (id)")
    other.close()
    before = text.read_bytes(), file.read_bytes()

    with pytest.raises(StoreError, match="is not a SQLite database"):
        SqliteStore(text)
    with pytest.raises(StoreError, match="database of something else"):
        SqliteStore(file)
    with pytest.raises(StoreError, match="SQLITE_CANTOPEN"):
        SqliteStore(tmp_path)
    assert (text.read_bytes(), file.read_bytes()) == before


def test_a_newer_store_is_refused(file: Path) -> None:
    """A file that a newer library has made is not read wrongly; the message says what to do."""
    SqliteStore(file).close()
    other = raw(file)
    other.execute("PRAGMA user_version = 99")
    other.close()

    with pytest.raises(StoreError, match=r"version 99, this library knows \d+; install a newer shopfunnel"):
        SqliteStore(file)


BACK_TO_VERSION_3 = (
    "ALTER TABLE people RENAME COLUMN previous_stage TO former",
    "ALTER TABLE people RENAME COLUMN evaluated_at TO judged_at",
    "ALTER TABLE people RENAME COLUMN rule_fingerprint TO judged_by",
    "ALTER TABLE links RENAME COLUMN unmerged_at TO parted_at",
    *(
        f"UPDATE records SET kind = '{old}' WHERE kind = '{new}'"  # noqa: S608 - our own names
        for old, new in _schema.KINDS_OF_VERSION_3.items()
    ),
    "PRAGMA user_version = 3",
)
"""Statements that turn a new file into one of version 3."""

BACK_TO_VERSION_2 = (
    *BACK_TO_VERSION_3,
    "DROP INDEX people_due",
    *(f"ALTER TABLE people DROP COLUMN {name}" for name in ("canonical_id", "name_count", "was_sent")),
    "CREATE INDEX people_due ON people (judged_by, due_at) WHERE judged_by IS NOT NULL",
    "PRAGMA user_version = 2",
)
"""What makes a file of version 2 of one in which every person is known by the name of the root."""


def test_a_store_of_the_third_version_has_the_new_kinds(file: Path) -> None:
    """Columns get their present names, and so do the kinds of interactions; a delivery still waits for its purchase."""
    said = {"person_id": "p1", "occurred_at": NOON}
    records = [
        Meeting(id="m", **said),
        Declined(id="n", reason="price", **said),
        ReadySignal(id="r", **said),
        Delivery(id="d", purchase_id="later", **said),
    ]
    with SqliteStore(file) as store:
        store.append(bought(), *records, recorded_at=NOON)
        kept = store.history("p1"), store.stage_record("p1"), store.unresolved()
        for statement in BACK_TO_VERSION_3:
            store._connection.execute(statement)
        found = store._connection.execute("SELECT kind FROM records WHERE kind IN ('met', 'said_no', 'delivered')")
        assert len(found.fetchall()) == 3

    with SqliteStore(file) as store:
        assert (store.history("p1"), store.stage_record("p1"), store.unresolved()) == kept
        assert len(kept[2]) == 1


def test_a_store_of_the_second_version_is_brought_up_to_date(file: Path, tmp_path: Path) -> None:
    """Its people, names and stages stay; merges go on in either direction, senders are judged, merges are undone."""
    names = [f"p{number}" for number in range(5)]
    with SqliteStore(file) as store:
        store.append(*[bought(name, name) for name in names], came("p3", referred_by="p9"), recorded_at=NOON)
        store.append(came("p4", referred_by="p9"), recorded_at=NOON)
        for alias in ("p1", "p2"):
            store.merge(alias, into="p0", merged_at=NOON)
        kept = [(store.history(name), store.stage_record(name), store.aliases(name)) for name in names]
        assert store._connection.execute("SELECT count(*) FROM people WHERE canonical_id NOT NULL").fetchone() == (0,)
        for statement in BACK_TO_VERSION_2:
            store._connection.execute(statement)

    with SqliteStore(file) as store, SqliteStore(tmp_path / "new.db") as new:
        assert [(store.history(name), store.stage_record(name), store.aliases(name)) for name in names] == kept
        for asked in ("table_info(people)", "index_list(people)", "index_info(people_due)"):
            older, newer = (one._connection.execute(f"PRAGMA {asked}").fetchall() for one in (store, new))
            assert {row[1:] for row in older} == {row[1:] for row in newer}
        assert store.merge("p0", into="p3", merged_at=NOON).stage == "repeat_customer"
        asked = "SELECT canonical_id, name_count, was_sent FROM people WHERE person_id = 'p0'"
        assert store._connection.execute(asked).fetchone() == ("p3", 4, 1)
        store.merge("p4", into="p3", merged_at=NOON)
        assert len(store.history("p9").referrals) == 1
        assert store.history("p9").referrals[0].person_id == "p3"
        assert len(store.history("p4").purchases) == 5
        for alias in ("p4", "p0", "p1", "p2"):
            store.unmerge(alias, unmerged_at=NOON)
        assert [store.history(name).purchases for name in names] == [(bought(name, name),) for name in names]
        assert len(store.history("p9").referrals) == 2


def test_a_store_of_the_first_version_is_brought_up_to_date(file: Path) -> None:
    """It knew a currency for each person; now the store has the one that its money is of."""
    with SqliteStore(file) as store:
        store.append(bought(), recorded_at=NOON)
        for statement in BACK_TO_VERSION_2:
            store._connection.execute(statement)
        store._connection.execute("ALTER TABLE people ADD COLUMN currency TEXT")
        store._connection.execute("DROP TABLE store")
        store._connection.execute("PRAGMA user_version = 1")
    with SqliteStore(file) as store:
        with pytest.raises(RecordError, match="IDR and USD meet in the store"):
            store.append(bought("2", "p2", amount=Money(9, "IDR")), recorded_at=NOON)
        assert store.append(bought("2", "p2"), recorded_at=NOON).added == 1


def test_an_older_store_is_brought_up_to_date(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step from its version on is made at once, or none; records stay."""
    with SqliteStore(file) as store:
        store.append(bought(), recorded_at=NOON)
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
        assert store.history("p1").purchases == (bought(),)


def test_a_store_that_cannot_write_ahead_yet_is_one_all_the_same(file: Path) -> None:
    """Where the file cannot be turned to writing ahead just now, the next to open it does that."""
    SqliteStore(file).close()
    other = raw(file)
    other.execute("PRAGMA journal_mode = DELETE")
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM people").fetchone()
    with SqliteStore(file, timeout=SOON) as store:
        assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        other.close()
        store.append(visit("1"), recorded_at=NOON)
    with SqliteStore(file) as store:
        assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert len(store.history("p1").records) == 1


def test_an_old_sqlite_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says which one is needed."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 9))

    with pytest.raises(StoreError, match=r"needs 3\.37 or newer"):
        SqliteStore()


def test_a_text_that_cannot_be_decoded_is_damage() -> None:
    """Newer versions of Python raise their own error for it; it holds the bytes, and is not shown."""
    with (
        pytest.raises(StoreError, match="the store is damaged: a text is not UTF-8") as told,
        _sqlite_store._told("shop.db"),
    ):
        CANARY.encode("utf-16").decode()
    assert told.value.__cause__ is None


def test_a_spoilt_file_is_told_of_without_its_text(file: Path) -> None:
    """Somebody took a table away: the error is the library's own, and shows no statement and no value."""
    with SqliteStore(file) as store:
        store.append(asked(words=CANARY), recorded_at=NOON)
        store._connection.execute("DROP TABLE apart")
        with pytest.raises(StoreError) as told:
            store.history("p1")

    assert "SQLITE_ERROR: no such table: apart" in str(told.value)
    assert CANARY not in f"{told.value} {told.value.__cause__!r}"


def test_the_tables_hold_only_what_they_are_declared_to(file: Path) -> None:
    """Whoever writes into the file by hand cannot put text into an amount."""
    with SqliteStore(file) as store:
        store.append(bought(), recorded_at=NOON)
        with pytest.raises(sqlite3.IntegrityError):
            store._connection.execute("UPDATE records SET amount = 'much'")


@pytest.mark.parametrize("path", ["", "  ", "a\0b", "\ud800", 7, b"shop.db"], ids=range(6))
def test_a_path_that_is_none_is_refused(path: Any) -> None:
    """An empty path is not a store in memory by chance; the message says how to get one."""
    with pytest.raises(
        ArgumentError, match=r"path must be the path of a file .* leave it out to keep everything in mem"
    ):
        SqliteStore(path)


@pytest.mark.parametrize(
    ("given", "message"),
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
def test_an_argument_of_a_store_is_what_it_must_be(file: Path, given: Any, message: str) -> None:
    """What is not allowed is refused before a file is made."""
    with pytest.raises(ArgumentError, match=message):
        SqliteStore(file, **given)
    assert not file.exists()


@pytest.mark.parametrize("uri", ["file:shop.db", "FILE:shop.db?mode=x", "file::memory:?cache=shared"])
def test_a_uri_is_no_path(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its options would change what is kept on some machines, and be a part of the name on others."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArgumentError, match=r"path must be the path of a file \(got a URI\); give the path alone"):
        SqliteStore(uri)
    assert not list(tmp_path.iterdir())


def test_a_path_that_is_too_long_is_shown_in_part(tmp_path: Path) -> None:
    """A message fits on a screen."""
    with pytest.raises(StoreError, match="cannot be used") as caught:
        SqliteStore(tmp_path / ("x" * 100_000))
    assert len(str(caught.value)) < 400


def test_a_timeout_is_a_span_like_any_other(file: Path) -> None:
    """Text with a unit is one too."""
    with SqliteStore(file, timeout="50 ms") as store:
        assert store.append(visit("1"), recorded_at=NOON).added == 1


@pytest.mark.parametrize("given", [7, "text", {}, pl.LazyFrame({"a": [1]})], ids=["number", "text", "dict", "frame"])
def test_what_is_loaded_is_iterable(file: Path, given: Any) -> None:
    """One thing is not many records."""
    with SqliteStore(file) as store, pytest.raises(ArgumentError, match=r"records must be iterable \(got"):
        store.load(given, recorded_at=NOON)


def test_an_instant_of_no_year_is_refused(file: Path) -> None:
    """Nothing is recorded, and nobody judged, outside the years that records are kept of."""
    with SqliteStore(file) as store, pytest.raises(InstantError, match="recorded_at lies outside the years"):
        store.append(visit("1"), recorded_at=NOON.replace(year=2300))


def test_the_error_of_a_file_names_it(tmp_path: Path) -> None:
    """What SQLite said is the cause."""
    with pytest.raises(StoreError, match=f"'{tmp_path}' cannot be used: SQLITE_CANTOPEN") as told:
        SqliteStore(tmp_path)
    assert isinstance(told.value.__cause__, sqlite3.OperationalError)


# ---- privacy -------------------------------------------------------------------------------------------------------


def traces(file: Path) -> list[str]:
    """The files of a store that hold the canary anywhere."""
    return sorted(one.name for one in file.parent.glob(f"{file.name}*") if CANARY.encode() in one.read_bytes())


def private_records() -> Iterator[Any]:
    """Records with a canary wherever one may be kept."""
    yield came(contact=Contact(phone=CANARY, email=CANARY, handle=CANARY))
    yield asked(words=f"{CANARY} " * 9)
    yield asked("long", words=CANARY * 40_000)


def test_erasing_leaves_no_trace_in_the_file(file: Path) -> None:
    """Scanned byte by byte, neither the file nor the log that is written ahead holds what was erased."""
    with SqliteStore(file) as store:
        store.append(*private_records(), asked("other", "p2", words="kept"), recorded_at=NOON)
        store.put_customer(Customer(person_id="p1", name=CANARY, address=CANARY), recorded_at=NOON)
        assert traces(file) == ["shop.db-wal"]
        store._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        assert "shop.db" in traces(file)
        store.put_customer(Customer(person_id="p1", name=CANARY[::-1]), recorded_at=NOON)
        store.amend(asked("long", words="short"), recorded_at=NOON)
        store.erase("p1")

        assert traces(file) == []
        assert store.history("p2").interactions[0].model_dump()["words"] == "kept"
        assert len(store.history("p1").records) == 3
    assert traces(file) == []


def test_erasing_beside_a_reader_is_told(file: Path) -> None:
    """While somebody still reads what was there before, a trace stays: an error says so, and doing it again helps."""
    with SqliteStore(file, timeout=SOON) as store:
        store.append(*private_records(), recorded_at=NOON)
        reader = raw(file)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM records").fetchone()
        with pytest.raises(LockedError, match="erase again when it is done"):
            store.erase("p1")
        assert store.history("p1").leads[0].contact is None
        reader.close()

        assert store.erase("p1") == 0
        assert traces(file) == []


def test_no_error_shows_what_was_said(file: Path) -> None:
    """Whatever is refused, no message and no cause of it holds the words."""
    secret = asked(words=CANARY)
    with SqliteStore(file) as store:
        store.append(secret, recorded_at=NOON)
        for wrong in (asked(words=f"{CANARY}!"), answered(at=NOON - SOON), bought(minor=1)):
            with pytest.raises(RecordError) as told:
                store.append(wrong, back("r", minor=2), recorded_at=NOON)
            assert CANARY not in repr(told.value)
            assert told.value.__cause__ is None or CANARY not in repr(told.value.__cause__)
        assert isinstance(told.value, RecordError)
        assert not isinstance(told.value, ConflictError)
