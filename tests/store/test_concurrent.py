"""Many who write at the same time on a server: what a store promises holds, whoever meets whom.

Each test names one promise that the locks keep; the last one lets everything meet everything.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import settings

from funnel.errors import ArgumentError, RecordError, StaleError
from funnel.interactions import Answer
from funnel.money import Money
from funnel.policy import Policy
from funnel.records import Contact, Customer, Record
from funnel.stages import stage
from funnel.store._alchemy.people import SLOTS
from funnel.store._server import SqlAlchemyStore, store_tables
from tests.store.conformance import (
    NOON,
    are_in_tables,
    make_answer,
    make_lead,
    make_purchase,
    make_question,
    make_refund,
    make_visit,
)
from tests.store.deliverer import started
from tests.store.servers import emptied, mariadb, postgresql

FULL = settings.default.max_examples >= 500
THREADS = 8
ROUNDS = 20 if FULL else 1
QUICK = "fsync=off", "synchronous_commit=off", "full_page_writes=off"

pytestmark = pytest.mark.no_cover


@pytest.fixture(scope="module", params=["postgresql", *(["mariadb"] if FULL else [])])
def server(request: pytest.FixtureRequest) -> Iterator[sa.Engine]:
    """Yield an engine on a private server."""
    with postgresql(*QUICK) if request.param == "postgresql" else mariadb() as server:
        engine = sa.create_engine(server.url, pool_size=THREADS)
        yield engine
        engine.dispose()


@pytest.fixture
def engine(server: sa.Engine) -> sa.Engine:
    """Return the engine with new and empty tables."""
    emptied(server)
    return server


Call = Callable[[SqlAlchemyStore], Any]


def together(engine: sa.Engine, *calls: Call) -> list[Any]:
    """Run calls at the same time, each in its own thread with its own store; return results or errors."""
    ready = Barrier(len(calls))

    def make(call: Call) -> Any:
        with SqlAlchemyStore(engine) as store:
            store.stage_record("nobody")
            ready.wait()
            try:
                return call(store)
            except (RecordError, StaleError) as error:
                return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(make, calls))


def put(*records: Record, **more: Any) -> Call:
    """Return a call that appends records."""
    return lambda store: store.append(*records, recorded_at=NOON, **more)


def errors_of(results: list[Any]) -> list[str]:
    """Return the names of the errors among results."""
    return [type(one).__name__ for one in results if isinstance(one, Exception)]


def rows_of(engine: sa.Engine, name: str) -> list[dict[str, Any]]:
    """Read the rows of a table."""
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(store_tables().tables[f"funnel_{name}"].select())]


def assert_whole(engine: sa.Engine) -> None:
    """Check every invariant of a store's tables from their rows, without the store's own statements."""
    records, people = rows_of(engine, "records"), {row["person_id"]: row for row in rows_of(engine, "people")}
    group_ids = {name: row["group_id"] for name, row in people.items()}
    by_key = {(row["log"], row["source"], row["source_id"]): row for row in records}

    assert len(by_key) == len(records)
    assert all(group_ids[group_id] == group_id for group_id in group_ids.values())
    assert all(row["person_id"] in group_ids and row["referred_by"] in {None, *group_ids} for row in records)
    assert all(row["version"] > 0 for row in people.values())
    assert len({(row["person_id"], row["version"]) for row in records}) == len(records)
    assert all(row["version"] <= people[group_ids[row["person_id"]]]["version"] for row in records)
    assert len({row["currency"] for row in records} - {None}) <= 1
    refunded: dict[str, int] = {}
    for row in records:
        target = by_key.get(("purchases", row["source"], row["regarding"]))
        if row["kind"] == "refund":
            assert row["person_id"] == (target["person_id"] if target else "")
            refunded[row["regarding"]] = refunded.get(row["regarding"], 0) + row["amount"]
    for row in records:
        if row["kind"] == "purchase":
            assert refunded.get(row["source_id"], 0) <= row["amount"]
    assert {row["currency"] for row in rows_of(engine, "locks")} <= {None, "USD", "IDR"}
    with SqlAlchemyStore(engine) as store:
        groups = sorted({group_id for group_id in group_ids.values() if group_id})
        for name in groups:
            stage_record = store.stage_record(name)
            assert stage_record is not None
            if stage_record.evaluated_at is not None:
                assert stage_record.stage == stage.of(store.history(name), Policy(), as_of=stage_record.evaluated_at)
        assert are_in_tables(store, *groups)


def test_writers_of_different_people_never_conflict(engine: sa.Engine) -> None:
    """Eight threads add new people with consecutive ids: no transaction is repeated once the slots exist."""
    put(make_purchase())(SqlAlchemyStore(engine))
    with engine.connect() as connection:
        is_postgres = connection.dialect.name == "postgresql"
    before = rolled_back(engine) if is_postgres else 0
    calls = [
        put(
            make_lead(f"p{number:03}"),
            make_purchase(f"{number:03}", f"p{number:03}"),
            make_visit(f"v{number:03}", f"p{number:03}"),
        )
        for number in range(2, 2 + THREADS)
    ]
    for _ in range(ROUNDS):
        assert errors_of(together(engine, *calls)) == []

    assert len(rows_of(engine, "records")) == 1 + 3 * THREADS
    if is_postgres:
        assert rolled_back(engine) - before <= (ROUNDS - 1) * 2 * THREADS  # what comes again is looked for anew
    assert_whole(engine)


def rolled_back(engine: sa.Engine) -> int:
    """Read how many transactions PostgreSQL has rolled back."""
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")  # or this transaction would be rolled back itself
        connection.exec_driver_sql("SELECT pg_stat_force_next_flush()")
        query = "SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()"
        return int(connection.exec_driver_sql(query).scalar() or 0)


def test_eight_writers_of_one_new_person(engine: sa.Engine) -> None:
    """Each record is stored once, and versions have no gap."""
    for round_number in range(ROUNDS):
        person = f"p{round_number}"
        results = together(
            engine, *(put(make_visit(f"{round_number}-{number // 2}", person)) for number in range(THREADS))
        )
        assert errors_of(results) == []
        assert sum(one.added for one in results) == THREADS // 2
        versions = sorted(row["version"] for row in rows_of(engine, "records") if row["person_id"] == person)
        assert versions == list(range(1, THREADS // 2 + 1))
    assert_whole(engine)


def test_concurrent_records_find_their_targets(engine: sa.Engine) -> None:
    """Refunds and answers added at the same time as their targets are in the history."""
    for round_number in range(ROUNDS):
        person, number = f"p{round_number}", str(round_number)
        results = together(
            engine,
            put(make_purchase(number, person)),
            put(make_refund(f"a{number}", number, 400)),
            put(make_refund(f"b{number}", number, 500)),
            put(make_question(f"q{number}", person)),
            put(make_answer(f"a{number}", person, f"q{number}")),
        )
        assert errors_of(results) == []
        history = SqlAlchemyStore(engine).history(person)
        assert (len(history.refunds), len(history.interactions)) == (2, 2)
    assert SqlAlchemyStore(engine).unresolved() == []
    assert_whole(engine)


def test_concurrent_refunds_do_not_exceed_the_purchase(engine: sa.Engine) -> None:
    """With eight refunds of 200 at once, four fit into 900."""
    for round_number in range(ROUNDS):
        put(make_purchase(str(round_number)))(SqlAlchemyStore(engine))
        results = together(
            engine, *(put(make_refund(f"{round_number}-{one}", str(round_number), 200)) for one in range(THREADS))
        )
        assert errors_of(results) == ["RecordError"] * 4
    assert_whole(engine)


def test_a_key_belongs_to_one_person(engine: sa.Engine) -> None:
    """Eight people with the same order number at once: one succeeds, the others get an error."""
    for round_number in range(ROUNDS):
        results = together(engine, *(put(make_purchase(str(round_number), f"p{one}")) for one in range(THREADS)))
        assert errors_of(results) == ["ConflictError"] * (THREADS - 1)
    assert_whole(engine)


def test_concurrent_first_amounts_set_one_currency(engine: sa.Engine) -> None:
    """The first amounts come in two currencies at once: one is set, the other is refused."""
    for _ in range(ROUNDS):
        emptied(engine)
        orders = [
            make_purchase(str(one), f"p{one}", amount=Money(9, "USD" if one % 2 else "IDR")) for one in range(THREADS)
        ]
        results = together(engine, *map(put, orders))
        assert errors_of(results) == ["RecordError"] * (THREADS // 2)
        assert len({row["currency"] for row in rows_of(engine, "locks")}) == 1
        assert len(rows_of(engine, "locks")) == SLOTS
    assert_whole(engine)


def test_concurrent_expectations_conflict(engine: sa.Engine) -> None:
    """Two writers each expect that the other's person is unknown: only one succeeds."""
    for round_number in range(ROUNDS):
        one, other = f"a{round_number}", f"b{round_number}"
        results = together(
            engine,
            put(make_visit(one, one), expected={other: 0}),
            put(make_visit(other, other), expected={one: 0}),
        )
        assert errors_of(results) == ["StaleError"]
    assert_whole(engine)


def test_one_of_eight_writers_with_the_same_version_succeeds(engine: sa.Engine) -> None:
    """The other seven get a `StaleError`."""
    for round_number in range(ROUNDS):
        calls = (put(make_visit(f"{round_number}-{one}"), expected={"p1": round_number}) for one in range(THREADS))
        assert errors_of(together(engine, *calls)) == ["StaleError"] * (THREADS - 1)
    assert_whole(engine)


def test_a_merge_during_appends_of_both_names(engine: sa.Engine) -> None:
    """Records of the alias, the person and the referrer are added during a merge and its undoing."""
    for round_number in range(ROUNDS):
        alias, into, referrer = f"a{round_number}", f"b{round_number}", f"0{round_number}"
        put(make_lead(alias, referred_by=referrer), make_lead(into, referred_by=referrer))(SqlAlchemyStore(engine))
        for changed in (
            lambda store, alias=alias, into=into: store.merge(alias, into=into, merged_at=NOON),
            lambda store, alias=alias: store.unmerge(alias, unmerged_at=NOON),
        ):
            results = together(
                engine,
                changed,
                put(make_visit(f"{round_number}{changed.__code__.co_argcount}1", alias)),
                put(make_question(f"{round_number}{changed.__code__.co_argcount}2", into)),
                put(make_lead(f"c{round_number}{changed.__code__.co_argcount}", referred_by=referrer)),
                put(make_lead(referrer, referred_by=into, at=NOON + timedelta(changed.__code__.co_argcount))),
            )
            assert errors_of(results) == []
            assert_whole(engine)


def test_concurrent_merges_of_new_names_make_no_circle(engine: sa.Engine) -> None:
    """At least one of three merges that would close a circle is refused, and the tables stay sound."""
    for round_number in range(ROUNDS):
        a, b, new = f"a{round_number}", f"b{round_number}", f"n{round_number}"
        put(make_visit(a, a), make_visit(b, b))(SqlAlchemyStore(engine))
        ring = ((a, new), (new, b), (b, a))
        results = together(
            engine,
            *(lambda store, one=one, to=to: store.merge(one, into=to, merged_at=NOON) for one, to in ring),
        )
        assert len(errors_of(results)) >= 1
        assert_whole(engine)


def test_refunds_follow_an_order_that_is_amended_meanwhile(engine: sa.Engine) -> None:
    """An order moves to another person while refunds of it arrive, and a refund moves to another order."""
    for round_number in range(ROUNDS):
        first, second = f"{round_number}a", f"{round_number}b"
        put(make_purchase(first), make_purchase(second, "p2"), make_refund(f"{round_number}r", first, 1))(
            SqlAlchemyStore(engine)
        )
        results = together(
            engine,
            lambda store, first=first: store.amend(make_purchase(first, "p3"), recorded_at=NOON),
            lambda store, round_number=round_number, second=second: store.amend(
                make_refund(f"{round_number}r", second, 1), recorded_at=NOON
            ),
            put(make_refund(f"{round_number}s", first, 2)),
            put(make_refund(f"{round_number}t", second, 3)),
        )
        assert errors_of(results) == []
        assert_whole(engine)


def test_erasure_during_entries(engine: sa.Engine) -> None:
    """Two entries, free text and an erasure of one new person at once: erased data stays erased."""
    for round_number in range(ROUNDS):
        name = f"p{round_number}"
        results = together(
            engine,
            *(lambda store, name=name: store.put_customer(Customer(person_id=name, name="Sari"), recorded_at=NOON),)
            * 2,
            put(make_question(f"{round_number}", name, text="soon?"), make_lead(name, contact=Contact(phone="1"))),
            lambda store, name=name: store.erase(name),
        )
        assert set(errors_of(results)) <= {"ConflictError", "RecordError"}  # an erasure before everything else
        SqlAlchemyStore(engine).erase(name)
        assert all(not row["payload"] for row in rows_of(engine, "personal_data") if row["person_id"] == name)
    assert_whole(engine)


def test_an_id_is_erased_during_writes(engine: sa.Engine) -> None:
    """Orders, refunds, referrals and answers of a person come while the id is replaced; the tables are sound."""
    for round_number in range(ROUNDS):
        name, order = f"p{round_number}", str(round_number)
        put(make_purchase(order, name), make_lead(f"friend{order}", referred_by=name))(SqlAlchemyStore(engine))
        results = together(
            engine,
            lambda store, name=name: store.erase(name, new_id=f"new-{name}"),
            put(make_refund(order, order, 1), make_visit(order, name)),
            put(make_lead(f"other{order}", referred_by=name)),
            lambda store, name=name, order=order: store.amend(
                make_purchase(order, name, status="delivered"), make_lead(f"friend{order}"), recorded_at=NOON
            ),
        )
        assert errors_of(results) == []
        with SqlAlchemyStore(engine) as store:
            assert [one.status for one in store.history(f"new-{name}").purchases] == ["delivered"]
            assert store.history(name).purchases == ()
    assert_whole(engine)


def test_refresh_all_during_appends(engine: sa.Engine) -> None:
    """`refresh_all`, `refresh`, `load` and `append` run at once: all of them end, and every stage is correct."""
    names = [f"p{number:02}" for number in range(30 if FULL else 9)]
    put(*(make_visit(name, name) for name in names))(SqlAlchemyStore(engine))
    for round_number in range(ROUNDS):
        results = together(
            engine,
            lambda store: store.refresh_all(as_of=NOON),
            lambda store: store.refresh(*reversed(names), as_of=NOON),
            lambda store, round_number=round_number: store.load(
                (make_purchase(f"l{round_number}{n}", n) for n in reversed(names)), recorded_at=NOON
            ),
            *(put(*(make_purchase(f"{round_number}{part}{n}", n) for n in names[part::4])) for part in range(4)),
        )
        assert errors_of(results) == []
        SqlAlchemyStore(engine).refresh_all(as_of=NOON)
        assert_whole(engine)


@pytest.mark.no_cover
def test_killed_clients_leave_no_lock(engine: sa.Engine) -> None:
    """The next writer continues, and the tables are sound."""
    for round_number in range(ROUNDS if FULL else 1):
        address = engine.url.render_as_string(hide_password=False)
        clients = [started(address, 0, 1_000 * client + 10_000 * round_number, 500, 2) for client in range(2)]
        for client in clients:
            with client:
                assert client.stdout is not None
                client.stdout.readline()
                client.kill()
        assert put(make_purchase(f"after-{round_number}"))(SqlAlchemyStore(engine)).added == 1
        assert_whole(engine)


def one_of_everything(chance: random.Random) -> Call:
    """Draw one random call about a few people, orders and questions."""
    person, other = chance.sample(["p1", "p2", "p3", "p4"], 2)
    order, number, minor = str(chance.randrange(3)), str(chance.randrange(6)), chance.randrange(1, 600)
    records: list[Record] = [
        make_visit(f"v{number}", person),
        make_purchase(order, person),
        make_refund(f"r{number}", order, minor),
        make_question(f"q{order}", person, text="when?"),
        Answer(id=f"a{number}", person_id=person, question_id=f"q{order}", occurred_at=NOON),
        make_lead(person, referred_by=other, source=number),
    ]
    some = chance.sample(records, chance.randrange(1, 4))
    how = chance.choice(
        ["append"] * 6 + ["amend"] * 4 + ["load", "merge", "unmerge", "unmerge", "put_customer", "erase", "refresh"]
    )
    return {
        "append": lambda store: store.append(*some, recorded_at=NOON),
        "amend": lambda store: store.amend(*some, recorded_at=NOON),
        "load": lambda store: store.load(some, recorded_at=NOON),
        "merge": lambda store: store.merge(person, into=other, merged_at=NOON),
        "unmerge": lambda store: store.unmerge(person, unmerged_at=NOON),
        "put_customer": lambda store: store.put_customer(Customer(person_id=person, name="Sari"), recorded_at=NOON),
        "erase": lambda store: store.erase(person, new_id=chance.choice([None, other, f"new-{number}"])),
        "refresh": lambda store: store.refresh(person, other, as_of=NOON),
    }[how]


@pytest.mark.no_cover
@pytest.mark.parametrize("seed", range(30 if FULL else 1))
def test_random_concurrent_calls_leave_sound_tables(engine: sa.Engine, seed: int) -> None:
    """Threads make random calls about the same few people; the tables are sound whatever was refused."""
    together(engine, *(lambda store, one=one: lived(store, random.Random(seed * THREADS + one)) for one in range(6)))

    assert_whole(engine)


def lived(store: SqlAlchemyStore, chance: random.Random) -> None:
    """Make some random calls, refused or not."""
    for _ in range(40 if FULL else 12):
        try:
            one_of_everything(chance)(store)
        except (ArgumentError, RecordError, StaleError):
            continue
