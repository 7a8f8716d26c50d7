"""SqlAlchemyStore: the conformance suite on SQLite and on real servers."""

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
from funnel.store._alchemy.transactions import RetryTransactionError, connection_errors, convert_errors, retry_conflicts
from funnel.store._protocol import Store
from funnel.store._rows import row_of
from funnel.store._server import AsyncSqlAlchemyStore, SqlAlchemyStore, store_at, store_tables
from funnel.store._tables import DuplicateKeyError, Person, Tables
from tests.frames import read
from tests.readers.test_webhook_apply import LAST, NEWS, PEOPLE
from tests.readers.test_webhook_apply import delivered as deliver
from tests.store.conformance import (
    DAY,
    NOON,
    Conformance,
    Laws,
    all_kinds,
    are_in_tables,
    make_lead,
    make_purchase,
    make_question,
    make_refund,
    make_visit,
)
from tests.store.deliverer import finished, killed, started, visits
from tests.store.servers import Server, emptied, mariadb, postgresql
from tests.strategies import CANARY

FULL = settings.default.max_examples >= 500
QUICK = "fsync=off", "synchronous_commit=off", "full_page_writes=off"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    """Yield a private PostgreSQL server."""
    with postgresql(*QUICK) as server:
        yield server


@pytest.fixture(scope="module")
def maria() -> Iterator[Server]:
    """Yield a private MariaDB server."""
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
    """SQLite through SQLAlchemy; only in make test-full, because SqliteStore runs the same suite."""

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
    """MariaDB, a real server; the whole suite only in make test-full, because it takes long."""

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
    """Yield an engine on PostgreSQL with empty tables."""
    engine = sa.create_engine(postgres.url, pool_size=8)
    emptied(engine)
    yield engine
    engine.dispose()


def delivered(engine: sa.Engine, count: int) -> None:
    """Let eight threads on two stores add the same visits in different orders, and check the result."""
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
    """Return whether a store has the first visits of one person, each once, and is consistent."""
    with engine.connect() as connection:
        stored = store_tables().tables["funnel_records"]
        versions = list(connection.execute(sa.select(stored.c.version).order_by(stored.c.version)).scalars())
    history, stage_record = store.history("p1"), store.stage_record("p1")
    assert versions == list(range(1, count + 1))
    assert history == History.of("p1", visits(0, count))
    assert stage_record.version == count
    assert stage_record.stage == stage.of(history, Policy(), as_of=NOON)
    return True


@pytest.mark.no_cover
def test_eight_threads_add_the_same_records(engine: sa.Engine) -> None:
    """Every record is stored once, and versions have no gap."""
    delivered(engine, 20 if FULL else 6)


@pytest.mark.no_cover
def test_eight_threads_add_the_same_records_to_mariadb(maria: Server) -> None:
    """Every record is stored once, and versions have no gap."""
    engine = sa.create_engine(maria.url, pool_size=8)
    emptied(engine)
    delivered(engine, 20 if FULL else 6)
    engine.dispose()


@pytest.mark.no_cover
def test_processes_add_the_same_records(engine: sa.Engine) -> None:
    """Each process opens its own store; every record is stored once."""
    count, seeds = (30, range(1, 5)) if FULL else (6, range(1, 3))
    address = engine.url.render_as_string(hide_password=False)
    heard = finished([started(address, seed, 0, count, 1) for seed in seeds])

    assert {len(one) for one in heard} == {count}
    assert is_sound(engine, SqlAlchemyStore(engine), count)


@pytest.mark.no_cover
def test_a_killed_client_loses_no_acknowledged_record(engine: sa.Engine) -> None:
    """The server stores all records of a call or none, and the next client continues."""
    chance, count, batch = random.Random(7), 0, 3
    address, store = engine.url.render_as_string(hide_password=False), SqlAlchemyStore(engine)
    for _ in range(20 if FULL else 1):
        heard = killed(started(address, 0, count, 3_000, batch), chance)
        with engine.connect() as connection:  # what the client was at is undone once the server finds it gone
            connection.exec_driver_sql("LOCK TABLE funnel_people IN ACCESS EXCLUSIVE MODE")
        stored = {one.id for one in store.history("p1").interactions}
        assert heard <= stored
        assert len(stored) % batch == 0
        assert is_sound(engine, store, len(stored))
        count = len(stored)


def test_mariadb_compares_text_exactly(maria: Server) -> None:
    """Names that MariaDB's default collations treat as equal are different people."""
    engine = sa.create_engine(maria.url)
    emptied(engine)
    with SqlAlchemyStore(engine) as store:
        names = ("ani", "Ani", "anI", "áni", "👩🏽", "👩🏾")
        store.append(*(make_question(f"{name}1", name, text=name) for name in names), recorded_at=NOON)
        results = {name: [one.model_dump()["text"] for one in store.history(name).interactions] for name in names}
        assert are_in_tables(store, *names)
    engine.dispose()

    assert results == {name: [name] for name in names}


@pytest.mark.parametrize("how", ["append", "amend"])
@pytest.mark.parametrize("other", [make_visit("1"), make_visit("2")], ids=["the same", "another"])
def test_the_second_writer_of_a_person_is_repeated(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch, how: str, other: Record
) -> None:
    """Records of both writers are stored, each once."""
    store, second = SqlAlchemyStore(engine), SqlAlchemyStore(engine)
    real, pauses = AlchemyTables.insert, iter([None])

    def meddled(*values: Any, **options: Any) -> None:
        if next(pauses, True) is None:
            second.append(other, recorded_at=NOON)
        real(*values, **options)

    monkeypatch.setattr(AlchemyTables, "insert", meddled)
    receipt = getattr(store, how)(make_visit("1"), recorded_at=NOON)

    assert receipt.added == (other != make_visit("1"))
    assert store.history("p1") == History.of("p1", list({other: None, make_visit("1"): None}))
    assert store.stage_record("p1").version == len(store.history("p1").records)


@pytest.mark.parametrize("is_refund_first", [False, True])
def test_a_concurrent_refund_finds_its_purchase(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch, *, is_refund_first: bool
) -> None:
    """The second of a purchase and its refund waits for the first, and both are in the history."""
    store, second = SqlAlchemyStore(engine), SqlAlchemyStore(engine)
    real, pauses = AlchemyTables.insert, iter([None])
    later: list[Future[Any]] = []
    records: list[Record] = [make_purchase(), make_refund("r")]
    first, other = reversed(records) if is_refund_first else records

    def meddled(*values: Any, **options: Any) -> None:
        if next(pauses, True) is None:
            later.append(pool.submit(second.append, other, recorded_at=NOON))
            assert wait(later, timeout=0.3).not_done
        real(*values, **options)

    with ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(AlchemyTables, "insert", meddled)
        store.append(first, recorded_at=NOON)

    assert later[0].result().added == 1
    assert store.unresolved() == []
    assert store.history("p1") == History.of("p1", [make_purchase(), make_refund("r")])
    assert store.stage_record("p1").stage == stage.of(store.history("p1"), Policy(), as_of=NOON)


@pytest.mark.parametrize("kind", ["plain", "engine"])
def test_two_opposite_merges_make_no_circle(request: pytest.FixtureRequest, kind: str) -> None:
    """One succeeds, the other gets an error."""
    engine = request.getfixturevalue(kind)
    SqlAlchemyStore(engine).append(make_purchase(), make_purchase("2", "p2"), recorded_at=NOON)
    together = Barrier(2)

    def merge(alias: str, into: str) -> str:
        store = SqlAlchemyStore(engine)
        together.wait()
        try:
            return store.merge(alias, into=into, merged_at=NOON).person_id
        except RecordError as error:
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(merge, ("p1", "p2"), ("p2", "p1")))
    (done,) = {"p1", "p2"} & set(results)

    assert any("make a circle" in one for one in results)
    assert SqlAlchemyStore(engine).history("p1").person_id == SqlAlchemyStore(engine).history("p2").person_id == done
    assert len(SqlAlchemyStore(engine).history("p1").purchases) == 2


def test_a_duplicate_row_causes_a_retry(plain: sa.Engine) -> None:
    """First the record is looked up; then the work is repeated; then the tables are damaged."""
    database = Database.of(plain, None, "funnel_")
    row = row_of(make_visit("1"))

    def row_counts(tables: Tables) -> None:
        tables.insert([row], 0)

    def looked_for(tables: Tables) -> None:
        attempts.append(len(tables.rows_with([row.key])))
        tables.insert([row], 0)

    attempts: list[int] = []
    database.write(row_counts)
    with pytest.raises(DuplicateKeyError):
        database.write(row_counts)
    with pytest.raises(StoreError, match="a query did not return"):
        database.write(looked_for)
    database.write(lambda tables: tables.save([Person("p1", "p1", version=1)]))
    with pytest.raises(StoreError, match="a query did not return"):
        database.write(lambda tables: tables.save([Person("p1", "p1", version=1)]))

    assert attempts == [1, 1]


@pytest.mark.parametrize("kind", ["postgres", "maria"])
def test_autocommit_engines_are_atomic_too(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A call that fails in the middle leaves nothing, also in autocommit mode."""
    engine = sa.create_engine(request.getfixturevalue(kind).url, isolation_level="AUTOCOMMIT")
    emptied(engine)

    def failing(_tables: AlchemyTables, _people: Any) -> None:
        raise ZeroDivisionError

    with SqlAlchemyStore(engine) as store:
        store.append(make_visit("1"), recorded_at=NOON)
        with monkeypatch.context() as patch:
            patch.setattr(AlchemyTables, "save", failing)
            with pytest.raises(ZeroDivisionError):
                store.append(make_visit("2"), make_purchase(), recorded_at=NOON)
        assert store.history("p1").records == (make_visit("1"),)
        assert store.append(make_visit("2"), make_purchase(), recorded_at=NOON).added == 2
    engine.dispose()


@pytest.mark.parametrize("kind", ["postgres", "maria"])
def test_the_isolation_level_of_the_shop_stays(request: pytest.FixtureRequest, kind: str) -> None:
    """The store sets the level of its own transactions only."""
    engine = sa.create_engine(
        request.getfixturevalue(kind).url, isolation_level="SERIALIZABLE", pool_size=1, max_overflow=0
    )
    emptied(engine)
    store = SqlAlchemyStore(engine)
    for use in (lambda: store.append(make_purchase(), recorded_at=NOON), lambda: store.history("p1")):
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
def test_a_store_on_a_server_opened_before_a_fork_is_refused(tmp_path: Path) -> None:
    """The new process has the same connections, so it gets an error; the old process continues."""
    script, address = tmp_path / "forked.py", f"sqlite:///{tmp_path / 'shop.db'}"
    script.write_text(_FORKED)
    engine = sa.create_engine(address)
    emptied(engine)
    SqlAlchemyStore(engine).append(make_visit("1"), recorded_at=NOON)
    engine.dispose()
    done = subprocess.run(
        [sys.executable, str(script), address], check=False, capture_output=True, text=True, timeout=120
    )

    error = "the store was opened in another process; open it again in this one, with a new engine\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, error, "")


def test_every_call_in_another_process_is_refused(plain: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading, writing and erasing are refused, also by the async store; closing is allowed."""
    store, twin = SqlAlchemyStore(plain), AsyncSqlAlchemyStore(create_async_engine("sqlite+aiosqlite://"))
    calls = (
        lambda: store.history("p1"),
        lambda: store.append(make_visit("1"), recorded_at=NOON),
        lambda: store.erase("p1"),
        lambda: asyncio.run(twin.history("p1")),
    )
    monkeypatch.setattr(os, "getpid", lambda: -1)
    for call in calls:
        with pytest.raises(StoreError, match="opened in another process"):
            call()
    store.close()


def test_a_store_gives_up_after_many_conflicts() -> None:
    """After a hundred conflicts the call raises an error."""
    pauses = iter(range(1_000))

    def work(_whole: bool) -> None:  # noqa: FBT001 - whether all keys are to be locked
        next(pauses)
        raise RetryTransactionError

    with pytest.raises(LockedError, match="other transactions interfered 100 times"):
        retry_conflicts(work)
    assert next(pauses) == 100


# ---- a server that goes away ---------------------------------------------------------------------------------------


@pytest.mark.services
def test_a_server_restart_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server restarts during a call: the call fails and may be repeated.

    Acknowledged records are stored, each once, and nothing of the failed call.
    """
    real, pauses = AlchemyTables.save, iter([None, True])
    with postgresql() as server:
        engine = sa.create_engine(server.url, pool_pre_ping=True)
        emptied(engine)
        store = SqlAlchemyStore(engine)
        store.append(make_visit("1"), recorded_at=NOON)

        def restarted(tables: AlchemyTables, people: Any) -> None:
            if next(pauses, True) is None:
                server.stop()
                server.start()
            real(tables, people)

        monkeypatch.setattr(AlchemyTables, "save", restarted)
        with pytest.raises(StoreError, match=r"the connection to the database postgresql:///.* was lost"):
            store.append(make_purchase(), recorded_at=NOON)
        assert store.history("p1").records == (make_visit("1"),)
        assert store.append(make_visit("1"), make_purchase(), recorded_at=NOON).stage_records[0].stage == "customer"
        assert store.stage_record("p1").version == 2

        server.stop()
        with pytest.raises(StoreError, match=r"the database postgresql:///tmp/.* cannot be reached: OperationalError"):
            store.history("p1")
        server.start()
        assert len(store.history("p1").records) == 2
        engine.dispose()


# ---- privacy -------------------------------------------------------------------------------------------------------


def everything_in(engine: sa.Engine) -> str:
    """Return every value of every table as text."""
    with engine.connect() as connection:
        tables = store_tables().tables.values()
        return "\n".join(str(row) for table in tables for row in connection.execute(table.select()))


@pytest.mark.parametrize("kind", ["plain", "engine"])
def test_erase_leaves_nothing_to_read(request: pytest.FixtureRequest, kind: str) -> None:
    """No table returns erased data; facts and other people's text stay."""
    engine = request.getfixturevalue(kind)
    with SqlAlchemyStore(engine) as store:
        contact = Contact(phone=CANARY, email=CANARY)
        store.append(
            make_lead(contact=contact),
            make_question(text=CANARY),
            make_question("2", "p2", text="kept"),
            recorded_at=NOON,
        )
        store.put_customer(Customer(person_id="p1", name=CANARY), recorded_at=NOON)
        assert everything_in(engine).count(CANARY) == 4
        assert store.erase("p1") == 3

        assert CANARY not in everything_in(engine)
        assert store.history("p2").interactions[0].model_dump()["text"] == "kept"
        assert len(store.history("p1").records) == 2


@pytest.mark.parametrize("kind", ["plain", "engine"])
def test_an_erased_id_is_in_no_table(request: pytest.FixtureRequest, kind: str) -> None:
    """Records, referrals, merges, the customer book and the people have the new id."""
    engine = request.getfixturevalue(kind)
    with SqlAlchemyStore(engine) as store:
        friend, own = make_lead("p2", referred_by=CANARY), make_lead(CANARY, referred_by="p4")
        store.append(make_purchase("1", CANARY), own, make_lead("p3"), make_lead("p3", NOON + DAY), recorded_at=NOON)
        store.append(friend, make_visit("4", "p4"), recorded_at=NOON)
        store.put_customer(Customer(person_id="p3", name="Sari", since=NOON), recorded_at=NOON)
        store.merge("p3", into=CANARY, merged_at=NOON)
        before = store.history("p3")
        assert store.erase("p3", new_id="guest-1") == 1

        assert CANARY not in everything_in(engine)
        after = store.history("guest-1")
        assert [one.happened_at for one in after.records] == [one.happened_at for one in before.records]
        assert after.customer == Customer(person_id="guest-1", name="", since=NOON)
        assert store.history("p2").leads[0].referred_by == "guest-1"
        store.amend(make_purchase("1", CANARY, status="delivered"), recorded_at=NOON)
        assert CANARY not in everything_in(engine)
        assert store.erase(CANARY, new_id="guest-1") == 0


def test_erase_through_sqlalchemy_leaves_no_trace_in_the_file(tmp_path: Path) -> None:
    """SQLite overwrites deleted rows, and the write-ahead log is emptied."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    emptied(engine)
    with SqlAlchemyStore(engine) as store:
        store.append(make_question(text=CANARY * 9_999), recorded_at=NOON)
        assert any(CANARY.encode() in one.read_bytes() for one in tmp_path.iterdir())
        store.erase("p1")
        assert not any(CANARY.encode() in one.read_bytes() for one in tmp_path.iterdir())
    engine.dispose()


def test_erase_through_sqlalchemy_beside_a_reader_raises(tmp_path: Path) -> None:
    """The write-ahead log keeps the phone number while a reader needs it: an error says so."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'shop.db'}", connect_args={"timeout": 0.1})
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    emptied(engine)
    with SqlAlchemyStore(engine) as store:
        store.append(make_lead(contact=Contact(phone=CANARY)), recorded_at=NOON)
        with engine.connect() as reader:
            reader.exec_driver_sql("BEGIN")
            reader.exec_driver_sql("SELECT count(*) FROM funnel_personal_data").scalar()
            with pytest.raises(LockedError, match="call erase again when that connection is done"):
                store.erase("p1")
        assert store.history("p1").leads[0].contact is None
        assert store.erase("p1") == 0
        assert not any(CANARY.encode() in one.read_bytes() for one in tmp_path.iterdir())
    engine.dispose()


def test_no_error_shows_free_text(plain: sa.Engine) -> None:
    """No message and no cause contains free text."""
    with plain.begin() as connection:
        connection.exec_driver_sql("DROP TABLE funnel_personal_data")
    with SqlAlchemyStore(plain) as store, pytest.raises(StoreError, match="by your migrations") as caught:
        store.append(make_question(text=CANARY), recorded_at=NOON)

    assert CANARY not in repr(caught.value)
    assert caught.value.__cause__ is None


# ---- what a database may say ---------------------------------------------------------------------------------------


def test_the_cost_of_merges_is_proportional(tmp_path: Path) -> None:
    """Four times as many merges write about four times as many rows, in as many statements."""

    def merged(count: int) -> tuple[int, int]:
        engine = sa.create_engine(f"sqlite:///{tmp_path / f'{count}.db'}")
        store_tables().create_all(engine)
        row_counts: list[int] = []
        with SqlAlchemyStore(engine) as store:
            store.append(make_purchase("1", "n0"), make_purchase("2", f"n{count}"), recorded_at=NOON)
            sa.event.listen(engine, "after_cursor_execute", lambda _, cursor, *__: row_counts.append(cursor.rowcount))
            for number in range(count):
                store.merge(f"n{number}", into=f"n{number + 1}", merged_at=NOON)
            assert len(store.history("n0").purchases) == 2
        engine.dispose()
        return len(row_counts), sum(max(count, 0) for count in row_counts)

    few, many = merged(16), merged(64)
    assert all(most < 5 * min_people for min_people, most in zip(few, many, strict=True))


_SERVERS = {"asyncpg": "postgres", "psycopg": "postgres", "pymysql": "maria"}


@pytest.mark.parametrize(
    ("driver", "most"),
    [
        ("pysqlite", 4),
        ("aiosqlite", 4),
        ("asyncpg", 3),
        ("psycopg", 3),
        pytest.param("pymysql", 4, marks=pytest.mark.services),
    ],
)
def test_an_order_takes_few_statements(
    plain: sa.Engine, request: pytest.FixtureRequest, driver: str, most: int
) -> None:
    """The insert of an order also checks that no record refers to it; on PostgreSQL it writes the person too."""
    url = sa.make_url(request.getfixturevalue(_SERVERS[driver]).url) if driver in _SERVERS else plain.url
    engine = (create_async_engine if driver.startswith("a") else sa.create_engine)(
        url.set(drivername=f"{url.get_backend_name()}+{driver}"), poolclass=sa.NullPool
    )
    emptied(sa.create_engine(url, poolclass=sa.NullPool))
    statements: list[str] = []
    counts: list[int] = []

    async def append_all(store: AsyncSqlAlchemyStore | SqlAlchemyStore) -> None:
        for record in (make_purchase(), make_purchase("2", "p2"), make_purchase("3", "p2")):
            statements.clear()
            result = store.append(record, recorded_at=NOON)
            if inspect.isawaitable(result):
                await result
            counts.append(len(statements))

    is_async = isinstance(engine, AsyncEngine)
    sa.event.listen(
        engine.sync_engine if is_async else engine, "before_execute", lambda *values: statements.append(str(values[1]))
    )
    asyncio.run(append_all(AsyncSqlAlchemyStore(engine) if is_async else SqlAlchemyStore(engine)))

    assert counts[1:] == [most, most]


class DriverError(Exception):
    """An error of a driver."""

    def __init__(self, *values: Any, **names: str) -> None:
        """Set the code as a driver does."""
        super().__init__(*values)
        vars(self).update(names)


@pytest.mark.parametrize(
    ("driver_error", "error", "message"),
    [
        (DriverError(sqlstate="40001"), RetryTransactionError, "another transaction interfered"),
        (DriverError(pgcode="40P01"), RetryTransactionError, "another transaction interfered"),
        (DriverError(1213, "Deadlock found"), RetryTransactionError, "another transaction interfered"),
        (DriverError(1205, CANARY), LockedError, "locked the store for too long"),
        (DriverError(sqlite_errorname="SQLITE_BUSY_SNAPSHOT"), LockedError, "locked the store"),
        (DriverError(sqlstate="53100"), StorageFullError, "the disk is full"),
        (DriverError(sqlstate="42P01"), StoreError, r"tables are missing .*store_tables\(\)\.create_all\(engine\)"),
        (DriverError(CANARY), StoreError, "cannot be used: the database raised DriverError$"),
        (DriverError(1064, CANARY), StoreError, "cannot be used: the database raised DriverError 1064$"),
    ],
    ids=range(9),
)
def test_database_errors_are_converted(driver_error: DriverError, error: type, message: str) -> None:
    """The code decides for every driver; the driver's text is never shown."""
    with pytest.raises(error, match=message) as raised, convert_errors():
        raise sa.exc.DBAPIError("SELECT", {"words": CANARY}, driver_error)
    assert type(raised.value) is error
    assert CANARY not in str(raised.value)


def test_a_lost_connection_is_reported() -> None:
    """The message says that the call may be repeated."""
    with pytest.raises(StoreError, match="the connection to there was lost; repeat the call"), convert_errors("there"):
        raise sa.exc.DBAPIError("SELECT", {}, DriverError(CANARY), connection_invalidated=True)


def test_sqlalchemy_errors_are_converted(plain: sa.Engine) -> None:
    """A pool without a free connection is named, and nothing else."""
    with pytest.raises(StoreError, match="cannot be used: the database raised TimeoutError"), convert_errors():
        raise sa.exc.TimeoutError(CANARY)


@pytest.mark.parametrize(
    ("address", "label"),
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
def test_an_unreachable_database_is_named(address: str, label: str) -> None:
    """With host or path, port, name and the driver's error; never with the password.

    PyMySQL leaves its socket to the garbage collector if there is no such path: only that warning is ignored.
    """
    with store_at(address) as store:
        for call in (lambda: store.history("p1"), lambda: store.append(make_visit("1"), recorded_at=NOON)):
            with pytest.raises(StoreError, match=f"the database {label} cannot be reached: ") as caught:
                call()
            assert "secret" not in "".join(format_exception(caught.value))
            assert caught.value.__cause__ is not None
    del caught
    gc.collect()  # what the driver left is collected here, and not in another test


@pytest.mark.parametrize("port", [1, 99_999])
@pytest.mark.filterwarnings(r"ignore:Exception ignored in. <socket\.socket:pytest.PytestUnraisableExceptionWarning")
def test_the_async_store_names_an_unreachable_database(port: int) -> None:
    """Errors that its drivers do not wrap are converted too. asyncpg leaves its socket too."""
    engine = create_async_engine(f"postgresql+asyncpg://shop:secret@127.0.0.1:{port}/crm")

    async def call_async() -> None:
        try:
            await AsyncSqlAlchemyStore(engine).history("p1")
        finally:
            await engine.dispose()

    with pytest.raises(StoreError, match=f"postgresql://127.0.0.1:{port}/crm cannot be reached") as caught:
        asyncio.run(call_async())
    assert "secret" not in "".join(format_exception(caught.value))
    del caught
    gc.collect()  # what the driver left is collected here, and not in another test


@pytest.mark.parametrize("address", ["shop.db", "postgresql+psycopg://h:abc/x", "gopher://h/x", "", 7, None], ids=repr)
def test_an_invalid_address_is_refused(address: Any) -> None:
    """A bad port, an unknown database kind, or no text: one error, which shows none of it."""
    with pytest.raises(StoreError, match="the address is not a database address"):
        store_at(address)


def test_a_missing_driver_is_named() -> None:
    """Both when the engine is created and when it connects."""
    with pytest.raises(MissingExtraError, match="the driver of the address is not installed: pip install cx_Oracle"):
        store_at("oracle+cx_oracle://h/x")
    with pytest.raises(MissingExtraError, match="the driver of there needs odd"), connection_errors("there", None):
        raise ImportError(name="odd")


@pytest.mark.parametrize(
    ("driver_error", "error", "message"),
    [
        (OSError(CANARY), StoreError, "there cannot be reached: OSError$"),
        (OSError("no such host"), StoreError, "there cannot be reached: OSError: no such host$"),
        (DriverError(1205), LockedError, "locked the store"),
    ],
    ids=range(3),
)
def test_the_text_of_a_connection_error_is_shown(driver_error: Exception, error: type, message: str) -> None:
    """Unless it contains the password."""
    raised_error = driver_error if isinstance(driver_error, OSError) else sa.exc.DBAPIError(None, None, driver_error)
    with pytest.raises(error, match=message) as raised, connection_errors("there", CANARY):
        raise raised_error
    assert CANARY not in "".join(format_exception(raised.value))


# ---- how it is opened ----------------------------------------------------------------------------------------------


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[sa.Engine]:
    """Yield an engine on a SQLite file with empty tables."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    emptied(engine)
    yield engine
    engine.dispose()


def test_unforeseen_keys_are_locked_on_retry(plain: sa.Engine) -> None:
    """The first amount of a store, a refund that moves to another order, and the only amount in another currency."""
    with SqlAlchemyStore(plain) as store:
        store.append(Complaint(id="c", person_id="p1", occurred_at=NOON, purchase_id="1"), recorded_at=NOON)
        store.append(make_purchase(), make_purchase("2"), recorded_at=NOON)
        store.append(make_refund("r", "1"), recorded_at=NOON)
        assert store.amend(make_refund("r", "2"), recorded_at=NOON).added == 1
        assert store.history("p1").refunds == (make_refund("r", "2"),)
        with pytest.raises(RecordError, match="amounts in IDR and USD"):
            store.amend(make_purchase(amount=Money(9, "IDR")), recorded_at=NOON)
        assert are_in_tables(store, "p1")


def test_aliases_and_erasure_marks_on_a_server(plain: sa.Engine) -> None:
    """Friends with two names count once; an erased person is entered again only on request."""
    with SqlAlchemyStore(plain) as store:
        store.append(make_lead("p1", referred_by="p9"), make_lead("p2", referred_by="p9"), recorded_at=NOON)
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
        assert store.append(make_visit("1"), recorded_at=NOON, expected={"p8": 0}).added == 1
        assert store.stage_record("p8") is None


def test_edited_tables_are_damaged(plain: sa.Engine) -> None:
    """A person whose name leads nowhere cannot be written, and a column that is not a number cannot be read."""
    with SqlAlchemyStore(plain) as store:
        store.append(make_visit("1"), recorded_at=NOON)
        with plain.begin() as connection:
            connection.exec_driver_sql("UPDATE funnel_people SET group_id = 'nowhere'")
        with pytest.raises(StoreError, match="the store is damaged: a row exists that a query did not return"):
            store.append(make_visit("2"), recorded_at=NOON)
        with plain.begin() as connection:
            connection.exec_driver_sql("UPDATE funnel_people SET group_id = person_id")
            connection.exec_driver_sql("UPDATE funnel_records SET happened_at = 'soon'")
        with pytest.raises(StoreError, match="the store is damaged: a table of records cannot be read"):
            store.logs()


def test_tables_have_the_shops_schema_and_prefix(engine: sa.Engine) -> None:
    """They are beside the shop's own tables, and two stores in one database are independent."""
    shop = sa.MetaData()
    sa.Table("orders", shop, sa.Column("id", sa.Integer, primary_key=True))
    tables = store_tables(shop, schema="crm", prefix="f_")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS crm")
        tables.create_all(connection)
    stored = SqlAlchemyStore(engine, schema="crm", prefix="f_")
    stored.append(*all_kinds(), recorded_at=NOON)

    assert tables is shop
    assert sorted(sa.inspect(engine).get_table_names("crm")) == [
        "f_customers",
        "f_locks",
        "f_merges",
        "f_people",
        "f_personal_data",
        "f_records",
        "f_webhook_states",
    ]
    assert set(stored.history("p1").records) == set(all_kinds())
    assert SqlAlchemyStore(engine).stage_record("p1") is None


def test_rows_and_arrays_give_the_same_tables(plain: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Databases without arrays return rows, in batches, some of them empty."""
    monkeypatch.setattr(alchemy, "BATCH_ROWS", 2)
    with SqlAlchemyStore(plain) as store:
        store.append(*all_kinds(), recorded_at=NOON)
        assert are_in_tables(store, "p1")
        monkeypatch.setattr(alchemy, "_ARRAYS", {})
        assert are_in_tables(store, "p1")


def test_a_store_needs_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address is not an engine, and a synchronous engine is not async; a missing SQLAlchemy is named."""
    address: Any = "postgresql:///shop"
    plain: Any = sa.create_engine("sqlite://")
    with pytest.raises(ArgumentError, match=r"engine must be an engine of sqlalchemy.create_engine.* \(got str\)"):
        SqlAlchemyStore(address)
    for engine in (address, plain):
        with pytest.raises(
            ArgumentError, match=r"engine must be an engine of sqlalchemy.ext.asyncio.create_async_engine"
        ):
            AsyncSqlAlchemyStore(engine)
    monkeypatch.setattr(server_store, "find_spec", lambda _: None)
    for call in (store_tables, lambda: SqlAlchemyStore(address), lambda: AsyncSqlAlchemyStore(address)):
        with pytest.raises(MissingExtraError, match=r"shopfunnel\[sqlalchemy\]"):
            call()


def test_a_closed_store_refuses_every_call(plain: sa.Engine) -> None:
    """Closing twice is allowed; every other call raises."""
    with SqlAlchemyStore(plain) as store:
        assert repr(store) == "SqlAlchemyStore(open)"
    assert repr(store) == "SqlAlchemyStore(closed)"
    for call in (lambda: store.history("p1"), lambda: store.append(make_visit("1"), recorded_at=NOON)):
        with pytest.raises(StoreError, match="the store is closed"):
            call()
    assert SqlAlchemyStore(plain).stage_record("p1") is None


@pytest.fixture(params=["postgres", "maria"])
def served(request: pytest.FixtureRequest) -> Iterator[sa.Engine]:
    """Yield an engine on each server; its tables are empty and have this version again afterwards."""
    engine = sa.create_engine(request.getfixturevalue(request.param).url)
    emptied(engine)
    yield engine
    with engine.begin() as connection:
        store_tables().drop_all(connection)
    engine.dispose()


def test_refresh_all_keeps_the_previous_stage(served: sa.Engine) -> None:
    """This also holds for databases that assign columns in order."""
    with SqlAlchemyStore(served) as store:
        store.append(make_purchase(), recorded_at=NOON)
        store.refresh_all(as_of=NOON + 400 * DAY)

        assert (store.stage_record("p1").previous_stage, store.stage_record("p1").stage) == ("customer", "lapsed")


@pytest.mark.no_cover
def test_threads_apply_webhooks_in_any_order(served: sa.Engine) -> None:
    """Four threads on two stores: the newest state of the order and the newest contact details are stored."""
    news, stores = [*NEWS, *PEOPLE], (SqlAlchemyStore(served), SqlAlchemyStore(served))

    def receive(number: int) -> None:
        store = stores[number % 2]
        deliver(random.Random(number).sample(news, len(news)), store)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(receive, range(16 if FULL else 4)))
    assert stores[0].history("77").customer == LAST
    history = stores[1].history("78")
    assert (history.purchases, history.refunds) == ((NEWS[3].purchase,), NEWS[3].refunds)


def commented(engine: sa.Engine, comment: str | None) -> None:
    """Write another comment on the table of records, as a migration of another version does."""
    records = store_tables().tables["funnel_records"]
    records.comment = comment
    with engine.begin() as connection:
        connection.execute(sa.schema.SetTableComment(records) if comment else sa.schema.DropTableComment(records))


@pytest.mark.parametrize(
    ("version", "remedy"), [(99, "install a newer shopfunnel"), (0, "upgrade the tables by your migrations")]
)
def test_tables_of_another_version_are_refused(served: sa.Engine, version: int, remedy: str) -> None:
    """No store reads or writes them, on every try; the message says what to do."""
    store = SqlAlchemyStore(served)
    commented(served, f"shopfunnel, version {version}")
    for call in (lambda: store.history("p1"), lambda: store.append(make_visit("1"), recorded_at=NOON)) * 2:
        with pytest.raises(StoreError, match=rf"tables have version {version}, but this library needs \d+; {remedy}"):
            call()
    commented(served, f"shopfunnel, version {VERSION}")

    assert store.append(make_visit("1"), recorded_at=NOON).added == 1


@pytest.mark.parametrize("comment", [None, "ours", "shopfunnel, version of Sari"], ids=["none", "other", "words"])
def test_a_comment_of_the_shop_is_not_a_version(engine: sa.Engine, comment: str | None) -> None:
    """The tables are accepted if the shop changed or removed the comment."""
    commented(engine, comment)

    assert SqlAlchemyStore(engine).append(make_visit("1"), recorded_at=NOON).added == 1
    commented(engine, f"shopfunnel, version {VERSION}")


def test_missing_tables_are_reported(engine: sa.Engine) -> None:
    """The message says how to create them."""
    with pytest.raises(StoreError, match="by your migrations"):
        SqlAlchemyStore(engine, prefix="nowhere_").history("p1")


# ---- the async twin ------------------------------------------------------------------------------------------------


def test_the_async_store_has_every_call() -> None:
    """Each call of the protocol has the same name and arguments."""
    for name, call in inspect.getmembers(Store, inspect.isfunction):
        if not name.startswith("_"):
            twin = getattr(AsyncSqlAlchemyStore, name)
            assert inspect.iscoroutinefunction(twin)
            assert inspect.signature(twin) == inspect.signature(call)


async def a_life(engine: AsyncEngine) -> list[Any]:
    """Make every call of the async store once."""
    async with engine.begin() as connection:
        await connection.run_sync(store_tables().drop_all)
        await connection.run_sync(store_tables().create_all)
    later = NOON + 400 * DAY
    async with AsyncSqlAlchemyStore(engine) as store:
        assert repr(store) == "AsyncSqlAlchemyStore(open)"
        assert store.policy == Policy()
        with pytest.raises(StoreError, match="open one in each process: AsyncSqlAlchemyStore"):
            copy(store)
        results: list[Any] = [
            await store.append(make_visit("1"), make_refund("r", "9"), recorded_at=NOON),
            await store.amend(make_purchase(), recorded_at=NOON),
            await store.load([make_visit("2", "p2")], recorded_at=NOON),
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
            await asyncio.gather(*(store.append(make_visit(str(n)), recorded_at=later) for n in range(3, 7))),
        ]
    with pytest.raises(StoreError, match="closed"):
        await store.history("p1")
    await engine.dispose()
    return results


def a_plain_life(engine: sa.Engine) -> list[Any]:
    """Make every call of the synchronous store once."""
    emptied(engine)
    later = NOON + 400 * DAY
    with SqlAlchemyStore(engine) as store:
        return [
            store.append(make_visit("1"), make_refund("r", "9"), recorded_at=NOON),
            store.amend(make_purchase(), recorded_at=NOON),
            store.load([make_visit("2", "p2")], recorded_at=NOON),
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
def test_the_async_store_gives_the_same_answers(plain: sa.Engine, request: pytest.FixtureRequest, kind: str) -> None:
    """On SQLite and PostgreSQL: one call after another, then four at once."""
    if kind == "sqlite":
        engine = create_async_engine(plain.url.set(drivername="sqlite+aiosqlite"))
    else:
        address = sa.make_url(request.getfixturevalue("postgres").url).set(drivername="postgresql+asyncpg")
        engine = create_async_engine(address)
    *results, together = asyncio.run(a_life(engine))

    assert results == a_plain_life(plain)
    assert sum(receipt.added for receipt in together) == 4
