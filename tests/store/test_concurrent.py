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

from funnel.errors import RecordError, StaleError
from funnel.interactions import Answer
from funnel.money import Money
from funnel.policy import Policy
from funnel.records import Contact, Customer, Record
from funnel.stages import stage
from funnel.store._alchemy.people import SLOTS
from funnel.store._server import SqlAlchemyStore, store_tables
from tests.store.conformance import NOON, answered, are_in_tables, asked, back, bought, came, visit
from tests.store.deliverer import started
from tests.store.servers import emptied, mariadb, postgresql

FULL = settings.default.max_examples >= 500
THREADS = 8
ROUNDS = 20 if FULL else 1
QUICK = "fsync=off", "synchronous_commit=off", "full_page_writes=off"

pytestmark = pytest.mark.no_cover


@pytest.fixture(scope="module", params=["postgresql", *(["mariadb"] if FULL else [])])
def server(request: pytest.FixtureRequest) -> Iterator[sa.Engine]:
    """Give an engine on a server of this run's own."""
    with postgresql(*QUICK) if request.param == "postgresql" else mariadb() as server:
        engine = sa.create_engine(server.url, pool_size=THREADS)
        yield engine
        engine.dispose()


@pytest.fixture
def engine(server: sa.Engine) -> sa.Engine:
    """Give the engine with new and empty tables."""
    emptied(server)
    return server


Call = Callable[[SqlAlchemyStore], Any]


def together(engine: sa.Engine, *calls: Call) -> list[Any]:
    """Make calls at the same time, each from a thread and a store of its own; give what they returned or refused."""
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
    """Make a call that appends."""
    return lambda store: store.append(*records, recorded_at=NOON, **more)


def errors_of(told: list[Any]) -> list[str]:
    """Name the errors among what calls returned."""
    return [type(one).__name__ for one in told if isinstance(one, Exception)]


def rows_of(engine: sa.Engine, name: str) -> list[dict[str, Any]]:
    """Read the rows of a table."""
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(store_tables().tables[f"funnel_{name}"].select())]


def assert_whole(engine: sa.Engine) -> None:
    """Check everything that a store promises of its tables, from their rows and not by its own statements."""
    records, people = rows_of(engine, "records"), {row["person_id"]: row for row in rows_of(engine, "people")}
    roots = {name: row["root"] for name, row in people.items()}
    by_key = {(row["log"], row["source"], row["source_id"]): row for row in records}

    assert len(by_key) == len(records)
    assert all(roots[root] == root for root in roots.values())
    assert all(row["person_id"] in roots and row["referred_by"] in {None, *roots} for row in records)
    assert all(row["version"] > 0 for row in people.values())
    assert len({(row["person_id"], row["version"]) for row in records}) == len(records)
    assert all(row["version"] <= people[roots[row["person_id"]]]["version"] for row in records)
    assert len({row["currency"] for row in records} - {None}) <= 1
    given: dict[str, int] = {}
    for row in records:
        target = by_key.get(("purchases", row["source"], row["regarding"]))
        if row["kind"] == "refund":
            assert row["person_id"] == (target["person_id"] if target else "")
            given[row["regarding"]] = given.get(row["regarding"], 0) + row["amount"]
    for row in records:
        if row["kind"] == "purchase":
            assert given.get(row["source_id"], 0) <= row["amount"]
    assert {row["currency"] for row in rows_of(engine, "locks")} <= {None, "USD", "IDR"}
    with SqlAlchemyStore(engine) as store:
        known = sorted({root for root in roots.values() if root})
        for name in known:
            standing = store.stage_record(name)
            assert standing is not None
            if standing.evaluated_at is not None:
                assert standing.stage == stage.of(store.history(name), Policy(), as_of=standing.evaluated_at)
        assert are_in_tables(store, *known)


def test_different_people_never_meet(engine: sa.Engine) -> None:
    """New people with ids in a row, eight at a time: no transaction is made again once the slots are there."""
    put(bought())(SqlAlchemyStore(engine))
    with engine.connect() as connection:
        is_postgres = connection.dialect.name == "postgresql"
    before = rolled_back(engine) if is_postgres else 0
    calls = [
        put(came(f"p{number:03}"), bought(f"{number:03}", f"p{number:03}"), visit(f"v{number:03}", f"p{number:03}"))
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
        asked = "SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()"
        return int(connection.exec_driver_sql(asked).scalar() or 0)


def test_a_new_person_is_one_person(engine: sa.Engine) -> None:
    """Eight records of somebody who is new come at once, and again: each is there once, versions have no gap."""
    for turn in range(ROUNDS):
        person = f"p{turn}"
        told = together(engine, *(put(visit(f"{turn}-{number // 2}", person)) for number in range(THREADS)))
        assert errors_of(told) == []
        assert sum(one.added for one in told) == THREADS // 2
        versions = sorted(row["version"] for row in rows_of(engine, "records") if row["person_id"] == person)
        assert versions == list(range(1, THREADS // 2 + 1))
    assert_whole(engine)


def test_a_record_and_what_it_refers_to_find_each_other(engine: sa.Engine) -> None:
    """Refunds and answers that come at the same time as their purchase and question are in the history."""
    for turn in range(ROUNDS):
        person, number = f"p{turn}", str(turn)
        told = together(
            engine,
            put(bought(number, person)),
            put(back(f"a{number}", number, 400)),
            put(back(f"b{number}", number, 500)),
            put(asked(f"q{number}", person)),
            put(answered(f"a{number}", person, f"q{number}")),
        )
        assert errors_of(told) == []
        history = SqlAlchemyStore(engine).history(person)
        assert (len(history.refunds), len(history.interactions)) == (2, 2)
    assert SqlAlchemyStore(engine).unresolved() == []
    assert_whole(engine)


def test_refunds_that_meet_are_not_above_their_purchase(engine: sa.Engine) -> None:
    """Of eight refunds of two hundred at once, four fit into nine hundred."""
    for turn in range(ROUNDS):
        put(bought(str(turn)))(SqlAlchemyStore(engine))
        told = together(engine, *(put(back(f"{turn}-{one}", str(turn), 200)) for one in range(THREADS)))
        assert errors_of(told) == ["RecordError"] * 4
    assert_whole(engine)


def test_a_key_is_of_one_person(engine: sa.Engine) -> None:
    """The same order number of eight people at once: one of them has it, the others are told."""
    for turn in range(ROUNDS):
        told = together(engine, *(put(bought(str(turn), f"p{one}")) for one in range(THREADS)))
        assert errors_of(told) == ["ConflictError"] * (THREADS - 1)
    assert_whole(engine)


def test_a_new_store_has_one_currency(engine: sa.Engine) -> None:
    """The first money comes in two currencies at once: one of them is the store's, the other is refused."""
    for _ in range(ROUNDS):
        emptied(engine)
        orders = [bought(str(one), f"p{one}", amount=Money(9, "USD" if one % 2 else "IDR")) for one in range(THREADS)]
        told = together(engine, *map(put, orders))
        assert errors_of(told) == ["RecordError"] * (THREADS // 2)
        assert len({row["currency"] for row in rows_of(engine, "locks")}) == 1
        assert len(rows_of(engine, "locks")) == SLOTS
    assert_whole(engine)


def test_whoever_expects_what_another_writes_is_told(engine: sa.Engine) -> None:
    """Each writes of one person and expects that nothing is known of the other: only one of them may be right."""
    for turn in range(ROUNDS):
        one, other = f"a{turn}", f"b{turn}"
        told = together(
            engine,
            put(visit(one, one), expected={other: 0}),
            put(visit(other, other), expected={one: 0}),
        )
        assert errors_of(told) == ["StaleError"]
    assert_whole(engine)


def test_of_eight_who_read_the_same_one_writes(engine: sa.Engine) -> None:
    """All give back one version: one of them writes, and seven are told to read again."""
    for turn in range(ROUNDS):
        calls = (put(visit(f"{turn}-{one}"), expected={"p1": turn}) for one in range(THREADS))
        assert errors_of(together(engine, *calls)) == ["StaleError"] * (THREADS - 1)
    assert_whole(engine)


def test_a_merge_meets_records_of_both_names(engine: sa.Engine) -> None:
    """Records of the alias, of the person and of who sent them come while they are merged, and while they part."""
    for turn in range(ROUNDS):
        alias, into, sender = f"a{turn}", f"b{turn}", f"0{turn}"
        put(came(alias, referred_by=sender), came(into, referred_by=sender))(SqlAlchemyStore(engine))
        for changed in (
            lambda store, alias=alias, into=into: store.merge(alias, into=into, merged_at=NOON),
            lambda store, alias=alias: store.unmerge(alias, unmerged_at=NOON),
        ):
            told = together(
                engine,
                changed,
                put(visit(f"{turn}{changed.__code__.co_argcount}1", alias)),
                put(asked(f"{turn}{changed.__code__.co_argcount}2", into)),
                put(came(f"c{turn}{changed.__code__.co_argcount}", referred_by=sender)),
                put(came(sender, referred_by=into, at=NOON + timedelta(changed.__code__.co_argcount))),
            )
            assert errors_of(told) == []
            assert_whole(engine)


def test_merges_into_names_that_are_new_make_no_circle(engine: sa.Engine) -> None:
    """Three merges that would close a ring over a name that nobody knows: at least one is refused, all stay sound."""
    for turn in range(ROUNDS):
        a, b, new = f"a{turn}", f"b{turn}", f"n{turn}"
        put(visit(a, a), visit(b, b))(SqlAlchemyStore(engine))
        ring = ((a, new), (new, b), (b, a))
        told = together(
            engine,
            *(lambda store, one=one, to=to: store.merge(one, into=to, merged_at=NOON) for one, to in ring),
        )
        assert len(errors_of(told)) >= 1
        assert_whole(engine)


def test_an_order_that_moves_takes_its_refunds_along(engine: sa.Engine) -> None:
    """An order is amended to another person while refunds of it come, and a refund is amended to another order."""
    for turn in range(ROUNDS):
        first, second = f"{turn}a", f"{turn}b"
        put(bought(first), bought(second, "p2"), back(f"{turn}r", first, 1))(SqlAlchemyStore(engine))
        told = together(
            engine,
            lambda store, first=first: store.amend(bought(first, "p3"), recorded_at=NOON),
            lambda store, turn=turn, second=second: store.amend(back(f"{turn}r", second, 1), recorded_at=NOON),
            put(back(f"{turn}s", first, 2)),
            put(back(f"{turn}t", second, 3)),
        )
        assert errors_of(told) == []
        assert_whole(engine)


def test_a_person_is_entered_and_erased_at_once(engine: sa.Engine) -> None:
    """Two entries of somebody new, words of theirs and an erasure meet: what is erased stays erased."""
    for turn in range(ROUNDS):
        name = f"p{turn}"
        told = together(
            engine,
            *(lambda store, name=name: store.put_customer(Customer(person_id=name, name="Sari"), recorded_at=NOON),)
            * 2,
            put(asked(f"{turn}", name, words="soon?"), came(name, contact=Contact(phone="1"))),
            lambda store, name=name: store.erase(name),
        )
        assert set(errors_of(told)) <= {"ConflictError"}
        SqlAlchemyStore(engine).erase(name)
        assert all(not row["told"] for row in rows_of(engine, "apart") if row["person_id"] == name)
    assert_whole(engine)


def test_everybody_is_judged_while_records_come(engine: sa.Engine) -> None:
    """`refresh_all`, `refresh` and a load meet appends: nobody waits for ever, everybody stands where they should."""
    names = [f"p{number:02}" for number in range(30 if FULL else 9)]
    put(*(visit(name, name) for name in names))(SqlAlchemyStore(engine))
    for turn in range(ROUNDS):
        told = together(
            engine,
            lambda store: store.refresh_all(as_of=NOON),
            lambda store: store.refresh(*reversed(names), as_of=NOON),
            lambda store, turn=turn: store.load((bought(f"l{turn}{n}", n) for n in reversed(names)), recorded_at=NOON),
            *(put(*(bought(f"{turn}{part}{n}", n) for n in names[part::4])) for part in range(4)),
        )
        assert errors_of(told) == []
        SqlAlchemyStore(engine).refresh_all(as_of=NOON)
        assert_whole(engine)


@pytest.mark.no_cover
def test_clients_that_are_killed_leave_no_lock(engine: sa.Engine) -> None:
    """Processes are killed while they write of one person; the next writer goes on, and the tables are whole."""
    for turn in range(ROUNDS if FULL else 1):
        address = engine.url.render_as_string(hide_password=False)
        clients = [started(address, 0, 1_000 * client + 10_000 * turn, 500, 2) for client in range(2)]
        for client in clients:
            with client:
                assert client.stdout is not None
                client.stdout.readline()
                client.kill()
        assert put(bought(f"after-{turn}"))(SqlAlchemyStore(engine)).added == 1
        assert_whole(engine)


def one_of_everything(chance: random.Random) -> Call:
    """Draw one call about a few people, orders and questions, so that calls meet."""
    person, other = chance.sample(["p1", "p2", "p3", "p4"], 2)
    order, number, minor = str(chance.randrange(3)), str(chance.randrange(6)), chance.randrange(1, 600)
    records: list[Record] = [
        visit(f"v{number}", person),
        bought(order, person),
        back(f"r{number}", order, minor),
        asked(f"q{order}", person, words="when?"),
        Answer(id=f"a{number}", person_id=person, question_id=f"q{order}", occurred_at=NOON),
        came(person, referred_by=other, source=number),
    ]
    some = chance.sample(records, chance.randrange(1, 4))
    how = chance.choice(["append"] * 6 + ["amend"] * 4 + ["load", "merge", "part", "part", "enter", "erase", "judge"])
    return {
        "append": lambda store: store.append(*some, recorded_at=NOON),
        "amend": lambda store: store.amend(*some, recorded_at=NOON),
        "load": lambda store: store.load(some, recorded_at=NOON),
        "merge": lambda store: store.merge(person, into=other, merged_at=NOON),
        "part": lambda store: store.unmerge(person, unmerged_at=NOON),
        "enter": lambda store: store.put_customer(Customer(person_id=person, name="Sari"), recorded_at=NOON),
        "erase": lambda store: store.erase(person),
        "judge": lambda store: store.refresh(person, other, as_of=NOON),
    }[how]


@pytest.mark.no_cover
@pytest.mark.parametrize("seed", range(30 if FULL else 1))
def test_everything_meets_everything(engine: sa.Engine, seed: int) -> None:
    """Threads make random calls about the same few people; whatever was refused, the tables are whole."""
    together(engine, *(lambda store, one=one: lived(store, random.Random(seed * THREADS + one)) for one in range(6)))

    assert_whole(engine)


def lived(store: SqlAlchemyStore, chance: random.Random) -> None:
    """Make some random calls, refused or not."""
    for _ in range(40 if FULL else 12):
        try:
            one_of_everything(chance)(store)
        except (RecordError, StaleError):
            continue
