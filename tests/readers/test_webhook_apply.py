"""Webhooks in a store: late, repeated and in any order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import create_async_engine

from funnel import AsyncSqlAlchemyStore, Contact, Customer, SqlAlchemyStore, SqliteStore, Store
from funnel.errors import ArgumentError, RecordError, StoreError
from funnel.readers import webhooks
from funnel.readers._export_columns import with_person
from funnel.readers._webhook_apply import StoreStates
from funnel.readers.webhooks import BuyerKey, MemoryStates, NewestStates, Webhook
from funnel.store import AppendResult, store_tables
from funnel.store._base import TableStore
from tests.readers.hooks import (
    NOON,
    charge,
    customer_of,
    read,
    read_event,
    refund,
    shopify_customer,
    shopify_order,
    shopify_refund,
    stripe_customer,
    woo,
    woo_customer,
    woo_order,
)

STATES = [
    shopify_order(),
    shopify_order(financial_status="paid", updated_at="2026-03-01T09:00:00+07:00", total_price="30.00"),
    shopify_order(financial_status="paid", updated_at="2026-03-01T10:00:00Z", customer={"id": 78}),
    shopify_order(
        financial_status="partially_refunded",
        updated_at="2026-03-02T09:00:00Z",
        total_price="20.00",
        customer={"id": 78},
        refunds=[shopify_refund()],
    ),
]
NEWS = [*map(read, STATES), webhooks.shopify("refunds/create", json.dumps(shopify_refund()))]


def delivered(news: Sequence[Webhook], store: Store, states: NewestStates | None = None) -> None:
    """Apply webhooks one after the other."""
    for one in news:
        webhooks.apply(one, store, states, recorded_at=NOON)


def is_newest(store: Store) -> bool:
    """Return whether the store has the newest state of the order and its refund, under the right person."""
    newest, history = NEWS[3], store.history("78")
    return (history.purchases, history.refunds, store.history("77").purchases) == (
        (newest.purchase,),
        newest.refunds,
        (),
    )


@settings(max_examples=25)
@given(st.lists(st.sampled_from(NEWS), max_size=6), st.permutations(NEWS))
def test_every_interleaving_ends_with_the_newest_state(some: list[Webhook], all_once: list[Webhook]) -> None:
    """Late and repeated deliveries, in any order: the order is that of the newest state, under its person."""
    with SqliteStore() as store:
        delivered([*some, *all_once, *some], store, MemoryStates())
        assert is_newest(store)


def sqlite_file(path: Path) -> Store:
    """Open a store in a file."""
    return SqliteStore(path, flush="normal")


def sqlalchemy_file(path: Path) -> Store:
    """Open a store in a file through SQLAlchemy."""
    engine = sa.create_engine(f"sqlite:///{path}", poolclass=sa.NullPool)
    store_tables().create_all(engine)
    return SqlAlchemyStore(engine)


def test_the_result_has_the_stages_of_the_people() -> None:
    """A delivery that writes an order and a customer returns one stage record, with the stage before the delivery."""
    first, again = (guest_order(date_modified_gmt=f"2026-03-0{day}T00:00:00", total="9000") for day in (2, 3))
    with SqliteStore() as store:
        result = webhooks.apply(first, store, recorded_at=NOON)
        assert (result.added, result.skipped) == (2, 0)
        assert [(one.previous_stage, one.stage) for one in result.stage_records] == [(None, "customer")]
        assert result.stage_records[0].version == store.stage_record(GUEST).version  # type: ignore[union-attr]
        assert webhooks.apply(again, store, recorded_at=NOON) == AppendResult(0, 1)
        cancelled = guest_order(date_modified_gmt="2026-03-04T00:00:00", total="9000", status="cancelled")
        result = webhooks.apply(cancelled, store, recorded_at=datetime(2026, 3, 5, tzinfo=UTC))
        assert [(one.previous_stage, one.stage) for one in result.stage_records] == [("customer", "prospect")]


STORES = pytest.mark.parametrize("opened", [sqlite_file, sqlalchemy_file])


@STORES
def test_a_register_in_a_table_outlives_a_restart(tmp_path: Path, opened: Callable[[Path], Store]) -> None:
    """Every delivery comes to a process of its own; the newest state comes first and stays."""
    for index in (3, 4, 2, 0, 1, 3, 0):
        with opened(tmp_path / "shop.db") as store:
            delivered([NEWS[index]], store)
            assert is_newest(store) or index == 4


@STORES
@settings(max_examples=10)
@given(steps=st.lists(st.tuples(st.sampled_from("ab"), st.text("0123é", max_size=3)), max_size=8))
def test_a_register_keeps_the_greatest_text(
    tmp_path_factory: pytest.TempPathFactory, opened: Callable[[Path], Store], steps: list[tuple[str, str]]
) -> None:
    """The register in a store answers as the register in memory."""
    memory = MemoryStates()
    with opened(tmp_path_factory.mktemp("register") / "shop.db") as store:
        assert isinstance(store, TableStore)
        assert [StoreStates(store).keep(*step) for step in steps] == [memory.keep(*step) for step in steps]


GUEST = "b@example.org"


def guest_order(**changes: Any) -> Webhook:
    """Read an order of a guest, whose person id is the address."""
    return woo(woo_order(customer_id=0, billing={"email": GUEST, "first_name": "Budi"}, **changes), contacts=True)


@STORES
def test_a_guest_can_be_erased(tmp_path: Path, opened: Callable[[Path], Store]) -> None:
    """The address is in no table, and repeated, older and newer deliveries of the order do not bring it back."""
    states = [guest_order(date_modified_gmt=f"2026-03-0{day}T00:00:00", total=f"{day}000") for day in (2, 3, 4)]
    other = woo(woo_order(id=5, customer_id=GUEST.upper()))
    with opened(tmp_path / "shop.db") as store:
        delivered([states[1], other], store)
        with pytest.raises(RecordError):
            delivered([guest_order(id=6, currency="EUR")], store)
        assert store.erase(GUEST, new_id="guest-1") == 1
        assert store.history("guest-1").purchases[0].amount == states[1].purchase.amount  # type: ignore[union-attr]
        assert not [one for one in tmp_path.iterdir() if b'"b@example.org"' in one.read_bytes()]
        delivered([states[1], states[0]], store)
        assert store.history("guest-1").purchases[0].amount == states[1].purchase.amount  # type: ignore[union-attr]
        delivered([states[2], states[0]], store)

        history = store.history("guest-1")
        assert history.purchases[0].amount == states[2].purchase.amount  # type: ignore[union-attr]
        assert history.customer == Customer(person_id="guest-1", name="")
        assert store.stage_record(GUEST) is None
    assert not [
        one for one in tmp_path.iterdir() if GUEST.encode() in one.read_bytes().replace(GUEST.upper().encode(), b"")
    ]


def test_a_guest_has_the_same_hash_in_a_webhook_and_in_an_export() -> None:
    """With a secret no id is personal data, and erasing the hash needs no other id."""
    key = BuyerKey(secret=b"shop")
    webhook = woo(woo_order(customer_id=0, billing={"email": GUEST}), contacts=True, secret=b"shop")
    rows = pl.DataFrame({"customer_id": [None], "username": [None], "email": [GUEST], "phone": [None]})
    rows = with_person(rows.cast(pl.String), None, b"shop")
    with SqliteStore() as store:
        delivered([webhook], store)
        person = key.of("", GUEST, "")
        assert (person, person) == (rows["person_id"][0], store.history(person).purchases[0].person_id)
        assert store.erase(person) == 1


def test_an_async_store_has_its_register_beside_it(tmp_path: Path) -> None:
    """The same end, awaited; the calls may overlap."""

    async def received() -> list[AppendResult]:
        engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'shop.db'}")
        async with engine.begin() as connection:
            await connection.run_sync(store_tables().create_all)
        store = AsyncSqlAlchemyStore(engine)
        calls = [webhooks.apply_async(one, store, recorded_at=NOON) for one in (NEWS[3], NEWS[0], NEWS[2], NEWS[3])]
        added = await asyncio.gather(*calls)
        added.append(await webhooks.apply_async(NEWS[0], store, recorded_at=NOON))
        await engine.dispose()
        return added

    results = asyncio.run(received())
    assert (results[-1].added, results[-1].skipped) == (0, 1)
    # "77" had the order in the older news, which count only if their call is first.
    assert {"78"} <= {one.person_id for result in results for one in result.stage_records} <= {"77", "78"}
    with SqlAlchemyStore(sa.create_engine(f"sqlite:///{tmp_path / 'shop.db'}")) as store:
        assert is_newest(store)


def test_a_store_without_the_table_of_the_register_says_so(tmp_path: Path) -> None:
    """The webhook may be sent again after the migration, so it is a store error."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    tables = store_tables()
    tables.create_all(engine, [table for name, table in tables.tables.items() if name != "funnel_webhook_states"])
    with SqlAlchemyStore(engine) as store, pytest.raises(StoreError, match="by your migrations"):
        delivered([NEWS[0]], store)


WOO_NEWS = [
    woo(woo_order(date_modified_gmt=f"2026-03-0{day}T00:00:00", refunds=[{"id": 1, "total": "-5"}]))
    for day in (2, 3, 4)
]


@settings(max_examples=20)
@given(st.permutations(WOO_NEWS))
def test_a_refund_without_a_time_has_that_of_the_first_report(news: list[Webhook]) -> None:
    """Whatever arrives first, the earliest report of a refund dates it."""
    with SqliteStore() as store:
        delivered(news, store, MemoryStates())
        assert store.history("budi@example.com").refunds[0].refunded_at == datetime(2026, 3, 2, tzinfo=UTC)


def test_a_newer_state_that_arrives_during_a_write_is_written_last() -> None:
    """Another worker may write between the register and the store: the newest state still wins."""

    class Busy(SqliteStore):
        """A store in which another worker writes the newest state first."""

        calls = 0

        def amend(self, *records: Any, **options: Any) -> Any:
            """Write the newest state before the first write."""
            self.calls += 1
            if self.calls == 1:
                webhooks.apply(NEWS[3], self, states, recorded_at=NOON)
            return super().amend(*records, **options)

    states = MemoryStates()
    with Busy() as store:
        webhooks.apply(NEWS[0], store, states, recorded_at=NOON)
        assert store.history("78").purchases == (NEWS[3].purchase,)


def test_what_may_succeed_later_is_a_store_error() -> None:
    """A refund above the known amount waits for a newer state; an order in another currency never fits."""
    states = MemoryStates()
    with SqliteStore() as store:
        webhooks.apply(NEWS[0], store, states, recorded_at=NOON)
        large = webhooks.shopify("refunds/create", json.dumps(shopify_refund("28.00")))
        with pytest.raises(StoreError, match="does not fit"):
            webhooks.apply(large, store, states, recorded_at=NOON)
        webhooks.apply(NEWS[1], store, states, recorded_at=NOON)
        assert webhooks.apply(large, store, states, recorded_at=NOON).added == 1
        with pytest.raises(RecordError):
            webhooks.apply(read(shopify_order(id=2, currency="EUR")), store, states, recorded_at=NOON)


# ---- the same on each platform ------------------------------------------------------------------------------------

DAY = 86_400
FIRST = 1_772_330_400
OTHERS: dict[str, list[Webhook]] = {
    "woocommerce": [
        woo(woo_order(customer_id=5, status="pending"), contacts=True),
        woo(woo_order(customer_id=5, date_modified_gmt="2026-03-02T00:00:00"), contacts=True),
        woo(
            woo_order(customer_id=5, date_modified_gmt="2026-03-03T00:00:00", refunds=[{"id": 9, "total": "-500"}]),
            contacts=True,
        ),
        woo(
            woo_order(
                customer_id=5,
                status="cancelled",
                line_items=[],
                date_modified_gmt="2026-03-04T00:00:00",
                refunds=[{"id": 9, "total": "-500"}],
            ),
            contacts=True,
        ),
        woo(
            woo_customer(date_modified_gmt="2026-03-05T00:00:00", last_name="Putra"), "customer.updated", contacts=True
        ),
    ],
    "stripe": [
        read_event(charge(), contacts=True),
        read_event(charge(amount_captured=2000), created=FIRST + DAY, contacts=True),
        read_event(refund()),
        read_event(refund(), created=FIRST + 2 * DAY),
        read_event(stripe_customer(), "customer.created", created=FIRST + 1, contacts=True),
        read_event(stripe_customer(phone="+62812"), "customer.updated", created=FIRST + DAY, contacts=True),
        read_event(stripe_customer(phone="+628120001"), "customer.updated", created=FIRST + 3 * DAY, contacts=True),
    ],
}


@pytest.mark.parametrize("platform", OTHERS)
@given(st.data())
def test_every_interleaving_of_a_platform_ends_as_the_order_of_events(platform: str, data: st.DataObject) -> None:
    """Late and repeated orders, refunds, cancellations and customers end as if each had come once, in order."""
    news = OTHERS[platform]
    mixed = [
        *data.draw(st.lists(st.sampled_from(news), max_size=4)),
        *data.draw(st.permutations(news)),
        *data.draw(st.lists(st.sampled_from(news), max_size=4)),
    ]
    assert end_of(platform, mixed) == end_in_order(platform)


def end_of(platform: str, news: Sequence[Webhook]) -> object:
    """Return the history of the only person after deliveries, and the records that wait for another record."""
    with SqliteStore() as store:
        delivered(news, store, MemoryStates())
        return store.history("5" if platform == "woocommerce" else "cus_1"), store.unresolved()


@cache
def end_in_order(platform: str) -> object:
    """Return the end if each webhook is delivered once, in order."""
    return end_of(platform, OTHERS[platform])


# ---- customers -----------------------------------------------------------------------------------------------------

ADDRESS = {"name": "Sari Dewi", "phone": "+62 812-000-4444", "address1": "Jl. Baru 9"}
PEOPLE = [
    read(shopify_order(id=6001), contacts=True),
    read(shopify_order(id=6001, updated_at="2026-03-09T09:00:00Z"), contacts=True),
    read(shopify_customer(default_address={}), "customers/create", contacts=True),
    read(shopify_customer(last_name="Lestari"), "customers/update", contacts=True),
    read(
        shopify_order(id=6002, created_at="2026-03-05T09:00:00Z", billing_address=ADDRESS, shipping_address=ADDRESS),
        contacts=True,
    ),
    read(
        shopify_customer(updated_at="2026-03-07T09:00:00Z", phone="+62 812-000-5555"), "customers/update", contacts=True
    ),
]
"""Five instants of one person: an order of 1 March that changes on 9 March, a customer, and an order of 5 March."""

LAST = Customer(
    person_id="77",
    name="Sari Dewi",
    address="Jl. Mawar 7, Solo",
    contact=Contact(email="sari@example.com", phone="+628120005555"),
    since="2026-02-01T09:00:00Z",
)


@settings(max_examples=25)
@given(st.lists(st.sampled_from(PEOPLE), max_size=4), st.permutations(PEOPLE))
def test_every_interleaving_ends_with_the_newest_contact_details(some: list[Webhook], all_once: list[Webhook]) -> None:
    """Each detail is that of the newest webhook that has it; an order is as old as its purchase."""
    with SqliteStore() as store:
        delivered([*some, *all_once, *some], store, MemoryStates())
        assert store.history("77").customer == LAST
        assert len(store.history("77").purchases) == 2


def test_two_details_of_one_instant_end_alike() -> None:
    """Which of them is kept does not depend on the order of the deliveries."""
    news = [read(shopify_customer(first_name=name), "customers/update", contacts=True) for name in ("Sari", "Dian")]
    ends = set[str]()
    for order in (news, news[::-1]):
        with SqliteStore() as store:
            delivered([*order, order[0]], store, MemoryStates())
            ends.add(customer_of(Webhook(customer=store.history("77").customer)).name)
    assert len(ends) == 1


def test_a_detail_that_a_webhook_does_not_have_stays() -> None:
    """Details that the shop wrote itself stay too, under all names of the person."""
    with SqliteStore() as store:
        mine = Customer(person_id="sari", name="Sari", nickname="Ri", contact=Contact(handle="@sari", phone="1"))
        store.put_customer(mine, recorded_at=NOON)
        store.put_customer(Customer(person_id="77", name="?"), recorded_at=NOON)
        store.merge("77", into="sari", merged_at=NOON)
        states = MemoryStates()
        update = read(shopify_customer(default_address={}), "customers/update", contacts=True)
        assert webhooks.apply(update, store, states, recorded_at=NOON).added == 1
        assert webhooks.apply(update, store, states, recorded_at=NOON).added == 0
        customer = store.history("77").customer
        assert customer is not None
        assert (customer.name, customer.nickname, customer.contact) == (
            "Sari Dewi",
            "Ri",
            Contact(email="sari@example.com", handle="@sari", phone="1"),
        )


def test_an_erased_person_stays_erased() -> None:
    """A webhook that arrives after the erasure restores nothing, and raises nothing."""
    with SqliteStore() as store:
        states = MemoryStates()
        delivered(PEOPLE[:1], store, states)
        store.erase("77")
        assert webhooks.apply(PEOPLE[-1], store, states, recorded_at=NOON).added == 0
        customer = store.history("77").customer
        assert customer is not None
        assert customer.name == ""


def test_the_register_has_no_contact_details(tmp_path: Path) -> None:
    """Erasing a person leaves no personal data in the register."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    store_tables().create_all(engine)
    with SqlAlchemyStore(engine) as store:
        delivered(PEOPLE, store)
        store.erase("77")
    engine.dispose()
    content = (tmp_path / "shop.db").read_bytes()
    assert b"customer:77:phone" in content
    assert not [word for word in (b"Sari", b"Dewi", b"Lestari", b"example.com", b"5555", b"Jl.") if word in content]


class Overtaken(SqliteStore):
    """A store in which another worker applies webhooks before a call."""

    def __init__(self, news: Sequence[Webhook], call: str) -> None:
        """Apply the webhooks before the first call of this name."""
        super().__init__()
        self.states = MemoryStates()
        self._news, self._call = list(news), call

    def put_customer(self, *items: Any, **options: Any) -> Any:
        """Write a customer."""
        self._meanwhile("put_customer")
        return super().put_customer(*items, **options)

    def history(self, person_id: str) -> Any:
        """Return a history."""
        self._meanwhile("history")
        return super().history(person_id)

    def _meanwhile(self, call: str) -> None:
        news, self._news = (self._news, []) if call == self._call else ([], self._news)
        delivered(news, self, self.states)


@pytest.mark.parametrize("call", ["put_customer", "history"])
def test_a_newer_detail_that_arrives_during_a_write_stays(call: str) -> None:
    """Another worker may write a newer detail between the reading and the writing of an older one."""
    with Overtaken([PEOPLE[5]], call) as store:
        delivered(PEOPLE[:5], store, store.states)
        assert store.history("77").customer == LAST


def test_a_newer_detail_that_the_store_had_already_comes_back() -> None:
    """A newer webhook finds its value in the store and changes nothing; an older write then replaces that value."""
    old, middle, new = (
        read(
            shopify_customer(first_name=name, updated_at=f"2026-03-0{day}T09:00:00Z"), "customers/update", contacts=True
        )
        for day, name in ((2, "Sari"), (3, "Dian"), (4, "Sari"))
    )
    with Overtaken([], "put_customer") as store:
        delivered([old], store, store.states)
        store._news = [new]
        delivered([middle], store, store.states)
        assert customer_of(Webhook(customer=store.history("77").customer)).name == "Sari Dewi"


def test_customers_without_records_have_no_stage_of_a_buyer() -> None:
    """A customer alone is not a buyer."""
    with SqliteStore() as store:
        delivered([woo(woo_customer(), "customer.created", contacts=True)], store, MemoryStates())
        record = store.stage_record("5")
        assert record is not None
        assert record.stage == "lead"


class Delegating:
    """A store of the shop's own that uses another."""

    def __init__(self, store: Store) -> None:
        """Use a store."""
        self._store = store

    def __getattr__(self, name: str) -> Any:
        """Return a call of the other store."""
        return getattr(self._store, name)


def test_a_store_of_the_shops_own_takes_a_register() -> None:
    """Whatever the store, its register decides which state is the newest."""
    with SqliteStore() as store:
        own: Any = Delegating(store)
        delivered(NEWS[::-1], own, MemoryStates())
        assert is_newest(store)


class Amending:
    """A store of the shop's own."""

    def amend(self) -> None:
        """Write nothing."""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"webhook": {"id": 1}}, "webhook must be a result of a reader of webhooks"),
        ({"store": AsyncSqlAlchemyStore(create_async_engine("sqlite+aiosqlite://"))}, "apply_async"),
        ({"store": None}, "store must be a store"),
        ({"states": {}}, r"states must be a register with a method keep \(got dict\)"),
        ({"store": Amending(), "states": None}, "only a store of this library has a register of its own"),
    ],
)
def test_wrong_arguments_of_apply(changes: dict[str, Any], message: str) -> None:
    """The error names the argument."""
    arguments: dict[str, Any] = {"webhook": NEWS[0], "store": SqliteStore(), "states": MemoryStates(), **changes}
    with pytest.raises(ArgumentError, match=message):
        webhooks.apply(**arguments, recorded_at=NOON)
    with pytest.raises(ArgumentError, match="an AsyncSqlAlchemyStore"):
        asyncio.run(webhooks.apply_async(NEWS[0], SqliteStore(), recorded_at=NOON))  # type: ignore[arg-type]
