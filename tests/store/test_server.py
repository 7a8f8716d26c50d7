"""The store by SQLAlchemy: the suite that every store passes, on SQLite and on real servers."""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import os
import random
import subprocess
import sys
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from threading import Barrier
from traceback import format_exception
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import settings
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from funnel.errors import (
    ArgumentError,
    ConflictError,
    LockedError,
    MissingExtraError,
    RecordError,
    StorageFullError,
    StoreError,
)
from funnel.history import History
from funnel.interactions import Complaint
from funnel.money import Money
from funnel.policy import Policy
from funnel.records import Contact, Customer, Record
from funnel.stages import stage
from funnel.store import _server as server_store
from funnel.store._alchemy import tables as alchemy
from funnel.store._alchemy.database import Database
from funnel.store._alchemy.schema import VERSION
from funnel.store._alchemy.tables import AlchemyTables
from funnel.store._alchemy.transactions import RetryTransactionError, reached, repeated, told
from funnel.store._protocol import Store
from funnel.store._rows import row_of
from funnel.store._server import AsyncSqlAlchemyStore, SqlAlchemyStore, store_at, store_tables
from funnel.store._tables import DuplicateKeyError, Person, Tables
from tests.frames import read
from tests.store.conformance import (
    DAY,
    NOON,
    Conformance,
    Laws,
    are_in_tables,
    asked,
    back,
    bought,
    came,
    everything,
    visit,
)
from tests.store.deliverer import finished, killed, started, visits
from tests.store.servers import Server, emptied, mariadb, postgresql
from tests.strategies import CANARY

FULL = settings.default.max_examples >= 500
QUICK = "fsync=off", "synchronous_commit=off", "full_page_writes=off"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    """Give a PostgreSQL server of this run's own."""
    with postgresql(*QUICK) as server:
        yield server


@pytest.fixture(scope="module")
def maria() -> Iterator[Server]:
    """Give a MariaDB server of this run's own."""
    with mariadb() as server:
        yield server


class OnAnEngine(Conformance):
    """A store over an engine; its tables are empty for every test."""

    engine: sa.Engine

    @contextmanager
    def opened(self, **options: Any) -> Generator[Store, None, None]:
        """Empty the tables, and open a store."""
        emptied(self.engine)
        with SqlAlchemyStore(self.engine, **options) as store:
            yield store

    def opened_again(self, store: Any, **options: Any) -> SqlAlchemyStore:  # noqa: ARG002 - it is on the same engine
        """Open a second store on the same tables."""
        return SqlAlchemyStore(self.engine, **options)


class TestOnSqlite(OnAnEngine):
    """SQLite, through SQLAlchemy; with make test-full alone, for SQLite has the suite without it."""

    __test__ = FULL

    @pytest.fixture(autouse=True)
    def _engine(self, tmp_path: Path) -> Iterator[None]:
        self.engine = sa.create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
        yield
        self.engine.dispose()


@pytest.mark.no_cover
class TestOnPostgres(OnAnEngine, *([Laws] if FULL else [])):
    """PostgreSQL, a real server."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _engine(cls, postgres: Server) -> Iterator[None]:
        cls.engine = sa.create_engine(postgres.url)
        yield
        cls.engine.dispose()


@pytest.mark.no_cover
class TestOnMariaDB(OnAnEngine, Laws):
    """MariaDB, a real server; the whole suite, and its laws, with make test-full alone, for they take long."""

    __test__ = FULL

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _engine(cls, maria: Server) -> Iterator[None]:
        cls.engine = sa.create_engine(maria.url)
        yield
        cls.engine.dispose()


# ---- many at once --------------------------------------------------------------------------------------------------


@pytest.fixture
def engine(postgres: Server) -> Iterator[sa.Engine]:
    """Give an engine on PostgreSQL, its tables empty."""
    engine = sa.create_engine(postgres.url, pool_size=8)
    emptied(engine)
    yield engine
    engine.dispose()


def delivered(engine: sa.Engine, count: int) -> None:
    """Let eight threads, on two stores, deliver the same visits in different orders, and look at what is there."""
    records, stores = visits(0, count), (SqlAlchemyStore(engine), SqlAlchemyStore(engine))

    def deliver(number: int) -> int:
        store, mixed = stores[number % 2], random.Random(number).sample(records, count)
        return sum(store.append(record, recorded_at=NOON).added for record in mixed)

    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(deliver, range(8)))

    assert sum(added) == count
    assert is_sound(engine, stores[0], count)
    assert stores[0].history("p1") == stores[1].history("p1")


def is_sound(engine: sa.Engine, store: SqlAlchemyStore, count: int) -> bool:
    """Whether a store holds the first visits of one person, each once, all of them in one sound whole."""
    with engine.connect() as connection:
        kept = store_tables().tables["funnel_records"]
        versions = list(connection.execute(sa.select(kept.c.version).order_by(kept.c.version)).scalars())
    history, standing = store.history("p1"), store.stage_record("p1")
    assert versions == list(range(1, count + 1))
    assert history == History.of("p1", visits(0, count))
    assert standing.version == count
    assert standing.stage == stage.of(history, Policy(), as_of=NOON)
    return True


@pytest.mark.no_cover
def test_eight_threads_deliver_the_same_in_different_orders(engine: sa.Engine) -> None:
    """Every record is there once, and versions have no gap."""
    delivered(engine, 20 if FULL else 6)


@pytest.mark.no_cover
def test_eight_threads_deliver_to_mariadb(maria: Server) -> None:
    """Every record is there once, and versions have no gap."""
    engine = sa.create_engine(maria.url, pool_size=8)
    emptied(engine)
    delivered(engine, 20 if FULL else 6)
    engine.dispose()


@pytest.mark.no_cover
def test_processes_deliver_the_same_in_different_orders(engine: sa.Engine) -> None:
    """Four processes, each with a store of its own (two, unless all is tested): every record is there once."""
    count, seeds = (30, range(1, 5)) if FULL else (6, range(1, 3))
    address = engine.url.render_as_string(hide_password=False)
    heard = finished([started(address, seed, 0, count, 1) for seed in seeds])

    assert {len(one) for one in heard} == {count}
    assert is_sound(engine, SqlAlchemyStore(engine), count)


@pytest.mark.no_cover
def test_a_client_that_is_killed_loses_nothing_that_it_acknowledged(engine: sa.Engine) -> None:
    """Killed at any moment: the server keeps of a call all records or none, and the next client goes on from there."""
    chance, count, batch = random.Random(7), 0, 3
    address, store = engine.url.render_as_string(hide_password=False), SqlAlchemyStore(engine)
    for _ in range(20 if FULL else 1):
        heard = killed(started(address, 0, count, 3_000, batch), chance)
        with engine.connect() as connection:  # what the client was at is undone once the server finds it gone
            connection.exec_driver_sql("LOCK TABLE funnel_people IN ACCESS EXCLUSIVE MODE")
        kept = {one.id for one in store.history("p1").interactions}
        assert heard <= kept
        assert len(kept) % batch == 0
        assert is_sound(engine, store, len(kept))
        count = len(kept)


def test_mariadb_compares_text_letter_by_letter(maria: Server) -> None:
    """Names that its usual collations hold to be one are as many people, and their records come back."""
    engine = sa.create_engine(maria.url)
    emptied(engine)
    with SqlAlchemyStore(engine) as store:
        names = ("ani", "Ani", "anI", "áni", "👩🏽", "👩🏾")
        store.append(*(asked(f"{name}1", name, words=name) for name in names), recorded_at=NOON)
        told = {name: [one.model_dump()["words"] for one in store.history(name).interactions] for name in names}
        assert are_in_tables(store, *names)
    engine.dispose()

    assert told == {name: [name] for name in names}


@pytest.mark.parametrize("how", ["append", "amend"])
@pytest.mark.parametrize("other", [visit("1"), visit("2")], ids=["the same", "another"])
def test_who_comes_second_begins_again(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch, how: str, other: Record
) -> None:
    """Somebody writes of the same person while a call is at work: both are kept, once each."""
    store, second = SqlAlchemyStore(engine), SqlAlchemyStore(engine)
    real, turns = AlchemyTables.insert, iter([None])

    def meddled(tables: AlchemyTables, rows: Any, recorded_at: int) -> None:
        if next(turns, True) is None:
            second.append(other, recorded_at=NOON)
        real(tables, rows, recorded_at)

    monkeypatch.setattr(AlchemyTables, "insert", meddled)
    receipt = getattr(store, how)(visit("1"), recorded_at=NOON)

    assert receipt.added == (other != visit("1"))
    assert store.history("p1") == History.of("p1", list({other: None, visit("1"): None}))
    assert store.stage_record("p1").version == len(store.history("p1").records)


def test_a_refund_and_its_purchase_that_meet_find_each_other(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refund that comes while its purchase is written waits for it, and is in the history."""
    store, second = SqlAlchemyStore(engine), SqlAlchemyStore(engine)
    real, turns = AlchemyTables.insert, iter([None])
    later: list[Future[Any]] = []

    def meddled(tables: AlchemyTables, rows: Any, recorded_at: int) -> None:
        if next(turns, True) is None:
            later.append(pool.submit(second.append, back("r"), recorded_at=NOON))
            assert wait(later, timeout=0.3).not_done
        real(tables, rows, recorded_at)

    with ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(AlchemyTables, "insert", meddled)
        store.append(bought(), recorded_at=NOON)

    assert later[0].result().added == 1
    assert store.unresolved() == []
    assert store.history("p1") == History.of("p1", [bought(), back("r")])
    assert store.stage_record("p1").stage == stage.of(store.history("p1"), Policy(), as_of=NOON)


@pytest.mark.parametrize("kind", ["plain", "engine"])
def test_two_merges_that_cross_at_the_same_time_make_no_circle(request: pytest.FixtureRequest, kind: str) -> None:
    """Each into the other, by two who know nothing of each other: one is done, the other is told."""
    engine = request.getfixturevalue(kind)
    SqlAlchemyStore(engine).append(bought(), bought("2", "p2"), recorded_at=NOON)
    together = Barrier(2)

    def merge(alias: str, into: str) -> str:
        store = SqlAlchemyStore(engine)
        together.wait()
        try:
            return store.merge(alias, into=into, merged_at=NOON).person_id
        except RecordError as error:
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(merge, ("p1", "p2"), ("p2", "p1")))
    (done,) = {"p1", "p2"} & set(told)

    assert any("in a circle" in one for one in told)
    assert SqlAlchemyStore(engine).history("p1").person_id == SqlAlchemyStore(engine).history("p2").person_id == done
    assert len(SqlAlchemyStore(engine).history("p1").purchases) == 2


def test_a_row_that_exists_already_is_looked_for_or_the_work_begins_again(plain: sa.Engine) -> None:
    """A record that was not looked for is looked for; after that the work begins again, and the tables are damaged."""
    database = Database.of(plain, None, "funnel_")
    row = row_of(visit("1"))

    def written(tables: Tables) -> None:
        tables.insert([row], 0)

    def looked_for(tables: Tables) -> None:
        tries.append(len(tables.found([row.key])))
        tables.insert([row], 0)

    tries: list[int] = []
    database.write(written)
    with pytest.raises(DuplicateKeyError):
        database.write(written)
    with pytest.raises(StoreError, match="looked for in vain"):
        database.write(looked_for)
    database.write(lambda tables: tables.save([Person("p1", "p1", version=1)]))
    with pytest.raises(StoreError, match="looked for in vain"):
        database.write(lambda tables: tables.save([Person("p1", "p1", version=1)]))

    assert tries == [1, 1]


@pytest.mark.parametrize("kind", ["postgres", "maria"])
def test_an_engine_that_commits_by_itself_keeps_all_of_a_call_or_nothing(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The engine of the shop is in autocommit mode: a call that fails in the middle leaves nothing."""
    engine = sa.create_engine(request.getfixturevalue(kind).url, isolation_level="AUTOCOMMIT")
    emptied(engine)

    def failing(_tables: AlchemyTables, _people: Any) -> None:
        raise ZeroDivisionError

    with SqlAlchemyStore(engine) as store:
        store.append(visit("1"), recorded_at=NOON)
        with monkeypatch.context() as patch:
            patch.setattr(AlchemyTables, "save", failing)
            with pytest.raises(ZeroDivisionError):
                store.append(visit("2"), bought(), recorded_at=NOON)
        assert store.history("p1").records == (visit("1"),)
        assert store.append(visit("2"), bought(), recorded_at=NOON).added == 2
    engine.dispose()


@pytest.mark.parametrize("kind", ["postgres", "maria"])
def test_the_isolation_of_the_shops_own_transactions_stays(request: pytest.FixtureRequest, kind: str) -> None:
    """A store sets the isolation of its own transactions; the next user of the connection has the engine's."""
    engine = sa.create_engine(
        request.getfixturevalue(kind).url, isolation_level="SERIALIZABLE", pool_size=1, max_overflow=0
    )
    emptied(engine)
    store = SqlAlchemyStore(engine)
    for use in (lambda: store.append(bought(), recorded_at=NOON), lambda: store.history("p1")):
        use()
        with engine.connect() as connection:
            assert connection.get_isolation_level() == "SERIALIZABLE"
    engine.dispose()


_FORKED = """
import os, sys
from datetime import UTC, datetime

from sqlalchemy import create_engine

from funnel import SqlAlchemyStore
from funnel.errors import StoreError

engine = create_engine(sys.argv[1])
store = SqlAlchemyStore(engine)
assert store.history("p1").records != ()
if os.fork() == 0:
    try:
        store.history("p1")
    except StoreError as error:
        print(error, flush=True)
    store.close()
    os._exit(0)
os.wait()
assert store.history("p1").records != ()
engine.dispose()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only where processes fork")
def test_a_store_that_was_opened_before_a_fork_is_refused_after_it(tmp_path: Path) -> None:
    """The new process gets an error, because it has the same connections; the store works on in the old process."""
    script, address = tmp_path / "forked.py", f"sqlite:///{tmp_path / 'shop.db'}"
    script.write_text(_FORKED)
    engine = sa.create_engine(address)
    emptied(engine)
    SqlAlchemyStore(engine).append(visit("1"), recorded_at=NOON)
    engine.dispose()
    done = subprocess.run(
        [sys.executable, str(script), address], check=False, capture_output=True, text=True, timeout=120
    )

    error = "the store was opened in another process; open it again in this one, with a new engine\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, error, "")


def test_every_call_in_another_process_is_refused(plain: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading, writing and erasing are refused in another process, by the async twin too; closing is not."""
    store, twin = SqlAlchemyStore(plain), AsyncSqlAlchemyStore(create_async_engine("sqlite+aiosqlite://"))
    calls = (
        lambda: store.history("p1"),
        lambda: store.append(visit("1"), recorded_at=NOON),
        lambda: store.erase("p1"),
        lambda: asyncio.run(twin.history("p1")),
    )
    monkeypatch.setattr(os, "getpid", lambda: -1)
    for call in calls:
        with pytest.raises(StoreError, match="opened in another process"):
            call()
    store.close()


def test_a_store_that_is_never_left_alone_says_so() -> None:
    """Somebody else was faster a hundred times: the call gives up and says so."""
    turns = iter(range(1_000))

    def work(_whole: bool) -> None:  # noqa: FBT001 - whether all keys are to be locked
        next(turns)
        raise RetryTransactionError

    with pytest.raises(LockedError, match="again and again"):
        repeated(work)
    assert next(turns) == 100


# ---- a server that goes away ---------------------------------------------------------------------------------------


@pytest.mark.services
def test_a_restart_in_the_middle_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is stopped at once and started again while a call is at work: that call fails, and may be made again.

    What was acknowledged before is there, of the broken call nothing, and nothing twice.
    """
    real, turns = AlchemyTables.save, iter([None, True])
    with postgresql() as server:
        engine = sa.create_engine(server.url, pool_pre_ping=True)
        emptied(engine)
        store = SqlAlchemyStore(engine)
        store.append(visit("1"), recorded_at=NOON)

        def restarted(tables: AlchemyTables, people: Any) -> None:
            if next(turns, True) is None:
                server.stop()
                server.start()
            real(tables, people)

        monkeypatch.setattr(AlchemyTables, "save", restarted)
        with pytest.raises(StoreError, match=r"the connection to the database postgresql:///.* broke"):
            store.append(bought(), recorded_at=NOON)
        assert store.history("p1").records == (visit("1"),)
        assert store.append(visit("1"), bought(), recorded_at=NOON).standings[0].stage == "customer"
        assert store.stage_record("p1").version == 2

        server.stop()
        with pytest.raises(StoreError, match=r"the database postgresql:///tmp/.* cannot be reached: OperationalError"):
            store.history("p1")
        server.start()
        assert len(store.history("p1").records) == 2
        engine.dispose()


# ---- privacy -------------------------------------------------------------------------------------------------------


def everything_in(engine: sa.Engine) -> str:
    """Every value of every table, as text."""
    with engine.connect() as connection:
        tables = store_tables().tables.values()
        return "\n".join(str(row) for table in tables for row in connection.execute(table.select()))


@pytest.mark.parametrize("kind", ["plain", "engine"])
def test_erasing_leaves_nothing_to_be_read(request: pytest.FixtureRequest, kind: str) -> None:
    """No table gives anything of what was erased; facts and the words of others stay."""
    engine = request.getfixturevalue(kind)
    with SqlAlchemyStore(engine) as store:
        contact = Contact(phone=CANARY, email=CANARY)
        store.append(came(contact=contact), asked(words=CANARY), asked("2", "p2", words="kept"), recorded_at=NOON)
        store.put_customer(Customer(person_id="p1", name=CANARY), recorded_at=NOON)
        assert everything_in(engine).count(CANARY) == 4
        assert store.erase("p1") == 3

        assert CANARY not in everything_in(engine)
        assert store.history("p2").interactions[0].model_dump()["words"] == "kept"
        assert len(store.history("p1").records) == 2


def test_no_trace_is_left_in_a_file(tmp_path: Path) -> None:
    """SQLite through SQLAlchemy overwrites what is deleted, and empties what it has written ahead."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    emptied(engine)
    with SqlAlchemyStore(engine) as store:
        store.append(asked(words=CANARY * 9_999), recorded_at=NOON)
        assert any(CANARY.encode() in one.read_bytes() for one in tmp_path.iterdir())
        store.erase("p1")
        assert not any(CANARY.encode() in one.read_bytes() for one in tmp_path.iterdir())
    engine.dispose()


def test_erasing_beside_a_reader_of_the_file_is_told(tmp_path: Path) -> None:
    """While somebody still reads what was there before, the phone stays in what is written ahead: an error says so."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'shop.db'}", connect_args={"timeout": 0.1})
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    emptied(engine)
    with SqlAlchemyStore(engine) as store:
        store.append(came(contact=Contact(phone=CANARY)), recorded_at=NOON)
        with engine.connect() as reader:
            reader.exec_driver_sql("BEGIN")
            reader.exec_driver_sql("SELECT count(*) FROM funnel_apart").scalar()
            with pytest.raises(LockedError, match="erase again when it is done"):
                store.erase("p1")
        assert store.history("p1").leads[0].contact is None
        assert store.erase("p1") == 0
        assert not any(CANARY.encode() in one.read_bytes() for one in tmp_path.iterdir())
    engine.dispose()


def test_no_error_shows_what_was_said(plain: sa.Engine) -> None:
    """The error of a broken database holds no statement and no value, and neither does what it came from."""
    with plain.begin() as connection:
        connection.exec_driver_sql("DROP TABLE funnel_apart")
    with SqlAlchemyStore(plain) as store, pytest.raises(StoreError, match="make them by your migrations") as told:
        store.append(asked(words=CANARY), recorded_at=NOON)

    assert CANARY not in repr(told.value)
    assert told.value.__cause__ is None


# ---- what a database may say ---------------------------------------------------------------------------------------


def test_merges_write_few_rows(tmp_path: Path) -> None:
    """Four times as many merges, each into a new name, write some four times as many rows in as many statements."""

    def merged(count: int) -> tuple[int, int]:
        engine = sa.create_engine(f"sqlite:///{tmp_path / f'{count}.db'}")
        store_tables().create_all(engine)
        written: list[int] = []
        with SqlAlchemyStore(engine) as store:
            store.append(bought("1", "n0"), bought("2", f"n{count}"), recorded_at=NOON)
            sa.event.listen(engine, "after_cursor_execute", lambda _, cursor, *__: written.append(cursor.rowcount))
            for number in range(count):
                store.merge(f"n{number}", into=f"n{number + 1}", merged_at=NOON)
            assert len(store.history("n0").purchases) == 2
        engine.dispose()
        return len(written), sum(max(count, 0) for count in written)

    few, many = merged(16), merged(64)
    assert all(most < 5 * min_people for min_people, most in zip(few, many, strict=True))


class SaidError(Exception):
    """An error of a driver."""

    def __init__(self, *given: Any, **names: str) -> None:
        """Carry a code the way that a driver does."""
        super().__init__(*given)
        vars(self).update(names)


@pytest.mark.parametrize(
    ("said", "error", "message"),
    [
        (SaidError(sqlstate="40001"), RetryTransactionError, "came between"),
        (SaidError(pgcode="40P01"), RetryTransactionError, "came between"),
        (SaidError(1213, "Deadlock found"), RetryTransactionError, "came between"),
        (SaidError(1205, CANARY), LockedError, "held the store for too long"),
        (SaidError(sqlite_errorname="SQLITE_BUSY_SNAPSHOT"), LockedError, "held the store"),
        (SaidError(sqlstate="53100"), StorageFullError, "no room left"),
        (SaidError(sqlstate="42P01"), StoreError, "tables are not there"),
        (SaidError(CANARY), StoreError, "cannot be used: SaidError of the database$"),
        (SaidError(1064, CANARY), StoreError, "cannot be used: SaidError 1064 of the database$"),
    ],
    ids=range(9),
)
def test_what_a_database_says_becomes_an_error_of_the_library(said: SaidError, error: type, message: str) -> None:
    """By its code, whatever driver says it; never with its words."""
    with pytest.raises(error, match=message) as raised, told():
        raise sa.exc.DBAPIError("SELECT", {"words": CANARY}, said)
    assert type(raised.value) is error
    assert CANARY not in str(raised.value)


def test_a_connection_that_broke_is_told_of() -> None:
    """The call may be made again: the message says so."""
    with pytest.raises(StoreError, match="the connection to there broke; hand the records in again"), told("there"):
        raise sa.exc.DBAPIError("SELECT", {}, SaidError(CANARY), connection_invalidated=True)


def test_what_sqlalchemy_says_becomes_an_error_of_the_library(plain: sa.Engine) -> None:
    """No connection was free in time: the message names that, and nothing else."""
    with pytest.raises(StoreError, match="cannot be used: TimeoutError"), told():
        raise sa.exc.TimeoutError(CANARY)


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("postgresql+psycopg://shop:secret@127.0.0.1:1/crm", "postgresql://127.0.0.1:1/crm"),
        ("postgresql+psycopg://shop:secret@127.0.0.1:99999/crm", "postgresql://127.0.0.1:99999/crm"),
        ("postgresql+psycopg:///crm?host=/nowhere&user=shop&password=secret", "postgresql:///nowhere/crm"),
        ("mysql+pymysql://shop:secret@127.0.0.1:1/crm", "mysql://127.0.0.1:1/crm"),
        ("mysql+pymysql://shop:secret@127.0.0.1:99999/crm", "mysql://127.0.0.1:99999/crm"),
        ("mariadb+pymysql://shop:secret@/crm?unix_socket=/nowhere", "mariadb:///nowhere/crm"),
        ("sqlite:////nowhere/shop.db", "sqlite:////nowhere/shop.db"),
    ],
)
@pytest.mark.filterwarnings(r"ignore:Exception ignored in. <socket\.socket:pytest.PytestUnraisableExceptionWarning")
def test_a_database_that_cannot_be_reached_is_named(address: str, place: str) -> None:
    """With its host or path, port and name, and what the driver said; never with the password.

    PyMySQL leaves its socket to the garbage collector if there is no such path: that warning alone is ignored.
    """
    with store_at(address) as store:
        for call in (lambda: store.history("p1"), lambda: store.append(visit("1"), recorded_at=NOON)):
            with pytest.raises(StoreError, match=f"the database {place} cannot be reached: ") as told:
                call()
            assert "secret" not in "".join(format_exception(told.value))
            assert told.value.__cause__ is not None
    del told
    gc.collect()  # what the driver left is collected here, and not in another test


@pytest.mark.parametrize("port", [1, 99_999])
@pytest.mark.filterwarnings(r"ignore:Exception ignored in. <socket\.socket:pytest.PytestUnraisableExceptionWarning")
def test_the_async_twin_names_the_database_too(port: int) -> None:
    """What its drivers let through is an error of the library as well. asyncpg leaves its socket too."""
    engine = create_async_engine(f"postgresql+asyncpg://shop:secret@127.0.0.1:{port}/crm")

    async def asked_for() -> None:
        try:
            await AsyncSqlAlchemyStore(engine).history("p1")
        finally:
            await engine.dispose()

    with pytest.raises(StoreError, match=f"postgresql://127.0.0.1:{port}/crm cannot be reached") as told:
        asyncio.run(asked_for())
    assert "secret" not in "".join(format_exception(told.value))
    del told
    gc.collect()  # what the driver left is collected here, and not in another test


@pytest.mark.parametrize("address", ["shop.db", "postgresql+psycopg://h:abc/x", "gopher://h/x", "", 7, None], ids=repr)
def test_what_is_no_address_is_refused(address: Any) -> None:
    """A bad port, an unknown kind of database, no text: one error, that shows none of it."""
    with pytest.raises(StoreError, match="the address is not that of a database"):
        store_at(address)


def test_a_driver_that_is_not_installed_is_named() -> None:
    """When the engine is made, and when it is only looked for as it connects."""
    with pytest.raises(MissingExtraError, match="the driver of the address is not installed: pip install cx_Oracle"):
        store_at("oracle+cx_oracle://h/x")
    with pytest.raises(MissingExtraError, match="the driver of there needs odd"), reached("there", None):
        raise ImportError(name="odd")


@pytest.mark.parametrize(
    ("said", "error", "message"),
    [
        (OSError(CANARY), StoreError, "there cannot be reached: OSError$"),
        (OSError("no such host"), StoreError, "there cannot be reached: OSError: no such host$"),
        (SaidError(1205), LockedError, "held the store"),
    ],
    ids=range(3),
)
def test_what_a_driver_says_as_it_connects(said: Exception, error: type, message: str) -> None:
    """Its text is shown, unless the password is in it."""
    given = said if isinstance(said, OSError) else sa.exc.DBAPIError(None, None, said)
    with pytest.raises(error, match=message) as raised, reached("there", CANARY):
        raise given
    assert CANARY not in "".join(format_exception(raised.value))


# ---- how it is opened ----------------------------------------------------------------------------------------------


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[sa.Engine]:
    """Give an engine on a SQLite file, its tables empty."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    emptied(engine)
    yield engine
    engine.dispose()


def test_what_cannot_be_foreseen_is_locked_the_second_time(plain: sa.Engine) -> None:
    """The first money of a store, a refund that moves to another order, and the only money in another currency."""
    with SqlAlchemyStore(plain) as store:
        store.append(Complaint(id="c", person_id="p1", occurred_at=NOON, purchase_id="1"), recorded_at=NOON)
        store.append(bought(), bought("2"), recorded_at=NOON)
        store.append(back("r", "1"), recorded_at=NOON)
        assert store.amend(back("r", "2"), recorded_at=NOON).added == 1
        assert store.history("p1").refunds == (back("r", "2"),)
        with pytest.raises(RecordError, match="IDR and USD meet in the store"):
            store.amend(bought(amount=Money(9, "IDR")), recorded_at=NOON)
        assert are_in_tables(store, "p1")


def test_names_are_followed_and_marks_are_removed(plain: sa.Engine) -> None:
    """Friends who came under two names count once; who was erased is entered again only if that is asked for."""
    with SqlAlchemyStore(plain) as store:
        store.append(came("p1", referred_by="p9"), came("p2", referred_by="p9"), recorded_at=NOON)
        assert len(store.history("p9").referrals) == 2
        store.merge("p2", into="p1", merged_at=NOON)
        assert len(store.history("p9").referrals) == 1

        sari = Customer(person_id="p1", name="Sari")
        store.put_customer(sari, recorded_at=NOON)
        assert store.erase("p1") == 1
        with pytest.raises(ConflictError, match="was erased"):
            store.put_customer(sari, recorded_at=NOON)
        store.put_customer(sari, recorded_at=NOON, after_erasure=True)
        assert store.history("p1").customer == sari
        assert store.append(visit("1"), recorded_at=NOON, expected={"p8": 0}).added == 1
        assert store.stage_record("p8") is None


def test_tables_that_were_changed_by_hand_are_damaged(plain: sa.Engine) -> None:
    """A person whose name leads nowhere cannot be written, and a column that is not a number cannot be read."""
    with SqlAlchemyStore(plain) as store:
        store.append(visit("1"), recorded_at=NOON)
        with plain.begin() as connection:
            connection.exec_driver_sql("UPDATE funnel_people SET root = 'nowhere'")
        with pytest.raises(StoreError, match="the store is damaged: a row that was looked for in vain is there"):
            store.append(visit("2"), recorded_at=NOON)
        with plain.begin() as connection:
            connection.exec_driver_sql("UPDATE funnel_people SET root = person_id")
            connection.exec_driver_sql("UPDATE funnel_records SET happened_at = 'soon'")
        with pytest.raises(StoreError, match="the store is damaged: a table of records cannot be read"):
            store.logs()


def test_tables_lie_where_the_shop_wants_them(engine: sa.Engine) -> None:
    """In a schema, under a prefix, beside the shop's own, and two stores of one database know nothing of each other."""
    shop = sa.MetaData()
    sa.Table("orders", shop, sa.Column("id", sa.Integer, primary_key=True))
    tables = store_tables(shop, schema="crm", prefix="f_")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS crm")
        tables.create_all(connection)
    kept = SqlAlchemyStore(engine, schema="crm", prefix="f_")
    kept.append(*everything(), recorded_at=NOON)

    assert tables is shop
    assert sorted(sa.inspect(engine).get_table_names("crm")) == [
        "f_apart",
        "f_customers",
        "f_links",
        "f_locks",
        "f_people",
        "f_records",
    ]
    assert set(kept.history("p1").records) == set(everything())
    assert SqlAlchemyStore(engine).stage_record("p1") is None


def test_rows_make_the_same_tables_as_arrays(plain: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a database writes no arrays, rows are read; both in batches, some of them empty."""
    monkeypatch.setattr(alchemy, "STEP", 2)
    with SqlAlchemyStore(plain) as store:
        store.append(*everything(), recorded_at=NOON)
        assert are_in_tables(store, "p1")
        monkeypatch.setattr(alchemy, "_ARRAYS", {})
        assert are_in_tables(store, "p1")


def test_a_store_needs_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address is no engine, and a plain one is not async; without SQLAlchemy the error says what installs it."""
    address: Any = "postgresql:///shop"
    plain: Any = sa.create_engine("sqlite://")
    with pytest.raises(ArgumentError, match=r"engine must be what sqlalchemy.create_engine.* \(got str\)"):
        SqlAlchemyStore(address)
    for engine in (address, plain):
        with pytest.raises(ArgumentError, match=r"engine must be what sqlalchemy.ext.asyncio.create_async_engine"):
            AsyncSqlAlchemyStore(engine)
    monkeypatch.setattr(server_store, "find_spec", lambda _: None)
    for call in (store_tables, lambda: SqlAlchemyStore(address), lambda: AsyncSqlAlchemyStore(address)):
        with pytest.raises(MissingExtraError, match=r"shopfunnel\[sqlalchemy\]"):
            call()


def test_a_closed_store_answers_nothing(plain: sa.Engine) -> None:
    """It says so; the engine is the shop's own, and stays."""
    with SqlAlchemyStore(plain) as store:
        assert repr(store) == "SqlAlchemyStore(open)"
    assert repr(store) == "SqlAlchemyStore(closed)"
    for call in (lambda: store.history("p1"), lambda: store.append(visit("1"), recorded_at=NOON)):
        with pytest.raises(StoreError, match="the store is closed"):
            call()
    assert SqlAlchemyStore(plain).stage_record("p1") is None


@pytest.fixture(params=["postgres", "maria"])
def served(request: pytest.FixtureRequest) -> Iterator[sa.Engine]:
    """Give an engine on each server, its tables empty and of this version again afterwards."""
    engine = sa.create_engine(request.getfixturevalue(request.param).url)
    emptied(engine)
    yield engine
    with engine.begin() as connection:
        store_tables().drop_all(connection)
    engine.dispose()


def test_everyone_has_moved_from_where_they_stood(served: sa.Engine) -> None:
    """A database that sets one column after another keeps the former stage all the same."""
    with SqlAlchemyStore(served) as store:
        store.append(bought(), recorded_at=NOON)
        store.refresh_all(as_of=NOON + 400 * DAY)

        assert (store.stage_record("p1").previous_stage, store.stage_record("p1").stage) == ("customer", "lapsed")


def commented(engine: sa.Engine, comment: str | None) -> None:
    """Write another comment on the table of records, as a migration of another version does."""
    records = store_tables().tables["funnel_records"]
    records.comment = comment
    with engine.begin() as connection:
        connection.execute(sa.schema.SetTableComment(records) if comment else sa.schema.DropTableComment(records))


@pytest.mark.parametrize(
    ("version", "remedy"), [(99, "install a newer shopfunnel"), (0, "bring them up to date by your migrations")]
)
def test_tables_of_another_version_are_refused(served: sa.Engine, version: int, remedy: str) -> None:
    """Neither read nor written, by any store, however often it is tried; the message says what to do."""
    store = SqlAlchemyStore(served)
    commented(served, f"shopfunnel, version {version}")
    for call in (lambda: store.history("p1"), lambda: store.append(visit("1"), recorded_at=NOON)) * 2:
        with pytest.raises(StoreError, match=rf"tables are of version {version}, this library knows \d+; {remedy}"):
            call()
    commented(served, f"shopfunnel, version {VERSION}")

    assert store.append(visit("1"), recorded_at=NOON).added == 1


@pytest.mark.parametrize("comment", [None, "ours", "shopfunnel, version of Sari"], ids=["none", "other", "words"])
def test_a_shops_own_comment_is_no_version(engine: sa.Engine, comment: str | None) -> None:
    """Where the shop has written another comment, or took it away, the tables are taken as they are."""
    commented(engine, comment)

    assert SqlAlchemyStore(engine).append(visit("1"), recorded_at=NOON).added == 1
    commented(engine, f"shopfunnel, version {VERSION}")


def test_tables_that_are_not_there_are_told_of(engine: sa.Engine) -> None:
    """The message says what makes them."""
    with pytest.raises(StoreError, match="make them by your migrations"):
        SqlAlchemyStore(engine, prefix="nowhere_").history("p1")


# ---- the async twin ------------------------------------------------------------------------------------------------


def test_the_async_twin_has_every_call() -> None:
    """Each public call of the protocol is there under the same name, with the same arguments."""
    for name, call in inspect.getmembers(Store, inspect.isfunction):
        if not name.startswith("_"):
            twin = getattr(AsyncSqlAlchemyStore, name)
            assert inspect.iscoroutinefunction(twin)
            assert inspect.signature(twin) == inspect.signature(call)


async def a_life(engine: AsyncEngine) -> list[Any]:
    """Make every call of the async twin once."""
    async with engine.begin() as connection:
        await connection.run_sync(store_tables().drop_all)
        await connection.run_sync(store_tables().create_all)
    later = NOON + 400 * DAY
    async with AsyncSqlAlchemyStore(engine) as store:
        assert repr(store) == "AsyncSqlAlchemyStore(open)"
        with pytest.raises(StoreError, match="by its own call, AsyncSqlAlchemyStore"):
            copy(store)
        told: list[Any] = [
            await store.append(visit("1"), back("r", "9"), recorded_at=NOON),
            await store.amend(bought(), recorded_at=NOON),
            await store.load([visit("2", "p2")], recorded_at=NOON),
            await store.put_customer(Customer(person_id="p1", name="Sari"), recorded_at=NOON),
            await store.merge("p2", into="p1", merged_at=NOON),
            await store.history("p2"),
            await store.aliases("p1"),
            await store.unmerge("p2", unmerged_at=NOON),
            await store.due(before=later),
            await store.refresh("p1", as_of=later),
            await store.refresh_all(as_of=later),
            await store.stage_record("p1"),
            await store.unresolved(),
            json.loads(await store.export("p1")),
            await store.erase("p1"),
            read(stage.over(await store.logs(), Policy(), as_of=later)),
            await asyncio.gather(*(store.append(visit(str(n)), recorded_at=later) for n in range(3, 7))),
        ]
    with pytest.raises(StoreError, match="closed"):
        await store.history("p1")
    await engine.dispose()
    return told


def a_plain_life(engine: sa.Engine) -> list[Any]:
    """Make every call of the plain store once."""
    emptied(engine)
    later = NOON + 400 * DAY
    with SqlAlchemyStore(engine) as store:
        return [
            store.append(visit("1"), back("r", "9"), recorded_at=NOON),
            store.amend(bought(), recorded_at=NOON),
            store.load([visit("2", "p2")], recorded_at=NOON),
            store.put_customer(Customer(person_id="p1", name="Sari"), recorded_at=NOON),
            store.merge("p2", into="p1", merged_at=NOON),
            store.history("p2"),
            store.aliases("p1"),
            store.unmerge("p2", unmerged_at=NOON),
            store.due(before=later),
            store.refresh("p1", as_of=later),
            store.refresh_all(as_of=later),
            store.stage_record("p1"),
            store.unresolved(),
            json.loads(store.export("p1")),
            store.erase("p1"),
            read(stage.over(store.logs(), Policy(), as_of=later)),
        ]


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("asyncpg", marks=pytest.mark.services)])
def test_the_async_twin_gives_the_same_answers(plain: sa.Engine, request: pytest.FixtureRequest, kind: str) -> None:
    """On SQLite and on PostgreSQL: one call after another, and then four at the same time."""
    if kind == "sqlite":
        engine = create_async_engine(plain.url.set(drivername="sqlite+aiosqlite"))
    else:
        address = sa.make_url(request.getfixturevalue("postgres").url).set(drivername="postgresql+asyncpg")
        engine = create_async_engine(address)
    *told, together = asyncio.run(a_life(engine))

    assert told == a_plain_life(plain)
    assert sum(receipt.added for receipt in together) == 4
