"""The public calls around the library, with arguments that are allowed: the async store, the readers, the test kit."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import Any

import sqlalchemy
from hypothesis import Phase, find, settings
from sqlalchemy.ext.asyncio import create_async_engine

import funnel
from funnel import AsyncSqlAlchemyStore, Purchase, SqlAlchemyStore, SqliteStore, testing
from funnel.interactions import Visit
from funnel.rates import Rates
from funnel.readers import _read_orders, webhooks
from funnel.readers._read_orders import Columns, OrderMapping
from funnel.readers.webhooks import BuyerKey, MemoryStates
from tests.readers.hooks import charge, read, shopify_order, stripe_event, woo_order
from tests.specimens import NOW, POLICY, START, everyone

COLUMNS = Columns(id="Order", person_id="Buyer", purchased_at="Paid on", amount="Total")
MAPPING = OrderMapping(columns=COLUMNS, currency="IDR", zone="Asia/Jakarta", amount_style="id")
_BOUGHT = next(one for one in everyone()[0].records if isinstance(one, Purchase))
_FILES = count()

READERS: Mapping[str, dict[str, Any]] = {
    "readers.Columns": dict(COLUMNS),
    "readers.OrderMapping": dict(MAPPING),
    "readers.OrderMapping.format_of": {"column": "purchased_at"},
    "readers.OrderMapping.read": {"path": "orders.toml"},
    "readers.read_orders": {"source": "orders.csv", "mapping": MAPPING},
    "Rates.from_csv": {"path": "rates.csv", "currency": "IDR", "tz": "UTC"},
}
"""Calls that read files in the current folder; a progress function raises the caller's own errors."""

_PERSON: dict[str, Any] = {"person_id": "p1"}
_ARGUMENTS: dict[str, Any] = {**_PERSON, "id": "1", "currency": "USD", "pool": (START,)}
KIT: Mapping[str, dict[str, Any]] = {
    "testing.assert_same_everywhere": {
        "rule": funnel.is_lapsed,
        "policy": POLICY,
        "engines": ["polars"],
        "examples": 1,
    },
    "testing.boundaries": {"rule": funnel.is_lapsed, "policy": POLICY, "as_of": NOW},
    "testing.customers": _PERSON,
    "testing.facts": {"facts": funnel.Facts, "as_of": NOW},
    "testing.histories": {**_PERSON, "currency": "USD", "most": 3},
    "testing.interactions": {**_ARGUMENTS, "kind": "visit", "target": Visit(id="1", person_id="p1", occurred_at=START)},
    "testing.leads": {**_PERSON, "at": testing.instants()},
    "testing.lines": {"currency": "USD"},
    "testing.logs": {"count": 2, "engine": "polars"},
    "testing.moneys": {"currency": "USD", "minimum": 1, "most": 3},
    "testing.next_records": {"history": everyone()[0], "number": "new", "now": NOW},
    "testing.people": {"count": 2, "most": 3},
    "testing.policies": {"policy": funnel.Policy},
    "testing.purchases": _ARGUMENTS,
    "testing.record_lists": {**_PERSON, "currency": "USD", "most": 3},
    "testing.refunds": {"purchase": _BOUGHT, "id": "1", "remaining": 1, "pool": (START,)},
}
"""The test kit; of a strategy one example is drawn."""

_SIGNED: dict[str, Any] = {"body": b"{}", "signature": "", "secret": b"shh"}
_ORDER: dict[str, Any] = {"buyer": BuyerKey(), "contacts": True, "unpaid": "placed"}
_RECEIVED: dict[str, Any] = {"webhook": read(shopify_order(), contacts=True), "recorded_at": NOW}
WEBHOOKS: Mapping[str, dict[str, Any]] = {
    "webhooks.BuyerKey": {"keys": ("email",), "calling_code": "62", "secret": b"key"},
    "webhooks.apply": {**_RECEIVED, "store": SqliteStore(), "states": MemoryStates()},
    "webhooks.apply_async": {**_RECEIVED, "store": None},
    "webhooks.shopify": {"topic": "orders/paid", "body": json.dumps(shopify_order()), **_ORDER},
    "webhooks.stripe": {"body": stripe_event(charge()), **_ORDER},
    "webhooks.verify_shopify": _SIGNED,
    "webhooks.verify_stripe": {**_SIGNED, "as_of": NOW, "tolerance": timedelta(minutes=5)},
    "webhooks.verify_woocommerce": _SIGNED,
    "webhooks.woocommerce": {"topic": "order.updated", "body": json.dumps(woo_order()), **_ORDER},
}
"""Webhooks; `apply_async` without a store of its own gets a new one."""

ENGINE: dict[str, Any] = {"engine": create_async_engine("sqlite+aiosqlite://")}
"""The shop's own engine of an async store."""


def reading(name: str) -> Callable[..., Any]:
    """Something of the readers, with the files that it reads."""
    Path("orders.csv").write_text("Order,Buyer,Paid on,Total\nA-1,ani,2026-03-01 09:00,Rp150.000\n", encoding="utf-8")
    columns = "\n".join(f'{name} = "{column}"' for name, column in COLUMNS.given().items())
    text = f'currency = "IDR"\nzone = "UTC"\namount_style = "id"\n[columns]\n{columns}\n'
    Path("orders.toml").write_text(text, encoding="utf-8")
    Path("rates.csv").write_text("currency,day,rate\nUSD,2026-03-01,15800.5\n", encoding="utf-8")
    called: Any = {"Rates.from_csv": Rates, "readers.OrderMapping.format_of": MAPPING}.get(name, _read_orders)
    for part in name.split(".")[-1:] if called is not _read_orders else name.split(".")[1:]:
        called = getattr(called, part)
    return called  # type: ignore[no-any-return]


def drawing(name: str) -> Callable[..., Any]:
    """Something of the test kit; an example is drawn of what it gives, if that is a strategy."""
    once = settings(max_examples=1, database=None, phases=[Phase.generate])

    def evaluate(**arguments: Any) -> Any:
        create = getattr(testing, name.removeprefix("testing."))(**arguments)
        return find(create, lambda _: True, settings=once) if hasattr(create, "example") else create

    return evaluate


def receiving(name: str) -> Callable[..., Any]:
    """Something of the webhooks; a coroutine is awaited."""
    called: Any = getattr(webhooks, name.removeprefix("webhooks."))
    return awaited if name.endswith("_async") else called  # type: ignore[no-any-return]


def awaited(*, store: Any = None, **arguments: Any) -> Any:
    """Apply a webhook to an async store, which is new unless one is passed."""

    async def applied() -> Any:
        engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
        try:
            return await webhooks.apply_async(
                store=AsyncSqlAlchemyStore(engine) if store is None else store, **arguments
            )
        finally:
            await engine.dispose()

    path = Path(f"shop-{next(_FILES)}.db")
    path.write_bytes(_database())
    try:
        return asyncio.run(applied())
    finally:
        path.unlink()


def filled(store: Any) -> Any:
    """A store with two people, one of whom has two names."""
    store.append(Visit(id="1", person_id="p0", occurred_at=START), recorded_at=START)
    store.append(Visit(id="2", person_id="z", occurred_at=START), recorded_at=START)
    store.merge("z", into="p1", merged_at=START)
    return store


@cache
def _database() -> bytes:
    """The tables of a store on a server, with the same people."""
    with sqlite3.connect(":memory:") as connection:
        engine = sqlalchemy.create_engine("sqlite://", creator=lambda: connection, poolclass=sqlalchemy.StaticPool)
        funnel.store.store_tables().create_all(engine)
        filled(SqlAlchemyStore(engine))
        return connection.serialize()


def server() -> SqlAlchemyStore:
    """A store on a server with these people, in memory."""

    def copied() -> sqlite3.Connection:
        connection = sqlite3.connect(":memory:", check_same_thread=False)
        connection.deserialize(_database())
        return connection

    return SqlAlchemyStore(sqlalchemy.create_engine("sqlite://", creator=copied, poolclass=sqlalchemy.StaticPool))


def awaiting(name: str) -> Callable[..., Any]:
    """A method of an async store with these people."""

    async def create(address: str, items: Sequence[Any], arguments: Mapping[str, Any]) -> Any:
        engine = create_async_engine(address)
        try:
            return await getattr(AsyncSqlAlchemyStore(engine), name)(*items, **arguments)
        finally:
            await engine.dispose()

    def evaluate(items: Any = (), **arguments: Any) -> Any:
        path = Path(f"shop-{next(_FILES)}.db")
        path.write_bytes(_database())
        several = items if isinstance(items, list | tuple) else [items]
        try:
            return asyncio.run(create(f"sqlite+aiosqlite:///{path}", several, arguments))
        finally:
            path.unlink()

    return evaluate


def outer() -> Iterator[tuple[str, Callable[[], Callable[..., Any]], dict[str, Any]]]:
    """Every call of the readers, the webhooks and the test kit: its name, what makes it, and its arguments."""
    yield from ((name, partial(reading, name), arguments) for name, arguments in READERS.items())
    yield from ((name, partial(receiving, name), arguments) for name, arguments in WEBHOOKS.items())
    yield from ((name, partial(drawing, name), arguments) for name, arguments in KIT.items())
