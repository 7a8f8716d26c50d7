"""A shop's back end with FastAPI and SQLAlchemy: the webhook of its orders, and where a person stands.

    uvicorn examples.fastapi_shop:app

The web shop calls `POST /webhooks/orders` for everything that becomes of an order, sometimes twice and sometimes out of
order. What it sends is kept once: an id that is known already is amended if what it says is newer, and left alone if
it is older. `GET /people/{id}` says where a person stands, why, and what to do next.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Depends, FastAPI, Request
from pydantic import AwareDatetime, BaseModel
from sqlalchemy.ext.asyncio import create_async_engine

from funnel import (
    AsyncSqlAlchemyStore,
    Facts,
    Money,
    Policy,
    Purchase,
    Refund,
    next_step,
    stage,
    store_tables,
)

POLICY = Policy()
RANK = {"placed": 0, "paid": 1, "shipped": 2, "delivered": 3, "cancelled": 4}
"""An order only ever moves on: what is said of an earlier status came late."""


class OrderEvent(BaseModel):
    """What the web shop sends of an order."""

    order_id: str
    customer_id: str
    placed_at: AwareDatetime
    total: str
    currency: str
    status: Literal["placed", "paid", "shipped", "delivered", "cancelled"]
    changed_at: AwareDatetime


class RefundEvent(BaseModel):
    """What the web shop sends of money given back."""

    refund_id: str
    order_id: str
    refunded_at: AwareDatetime
    total: str
    currency: str


def now() -> datetime:
    """Tell the time: the one place of this back end where a clock is read."""
    return datetime.now(UTC)


@asynccontextmanager
async def opened(app: FastAPI) -> AsyncGenerator[None]:
    """Open the store while the back end runs; a real shop makes the tables by its migrations instead."""
    engine = create_async_engine(os.environ.get("SHOP_DATABASE", "sqlite+aiosqlite:///shop.db"))
    async with engine.begin() as connection:
        await connection.run_sync(store_tables().create_all)
    app.state.store = AsyncSqlAlchemyStore(engine, policy=POLICY)
    yield
    await engine.dispose()


def the_store(request: Request) -> AsyncSqlAlchemyStore:
    """Give the store to who asks."""
    store: AsyncSqlAlchemyStore = request.app.state.store
    return store


app = FastAPI(lifespan=opened)
Store = Annotated[AsyncSqlAlchemyStore, Depends(the_store)]
Now = Annotated[datetime, Depends(now)]


@app.post("/webhooks/orders")
async def order_changed(event: OrderEvent, store: Store, at: Now) -> dict[str, int]:
    """Take what became of an order."""
    order = Purchase(
        id=event.order_id,
        person_id=event.customer_id,
        purchased_at=event.placed_at,
        amount=Money(event.total, event.currency),
        status=event.status,
        cancelled_at=event.changed_at if event.status == "cancelled" else None,
    )
    history = await store.history(event.customer_id)
    known = next((one for one in history.purchases if one.key == order.key), None)
    if known is not None and RANK[known.status] >= RANK[order.status]:
        return {"added": 0}
    standing = await store.standing(event.customer_id)
    seen = {event.customer_id: 0 if standing is None else standing.version}
    return {"added": (await store.amend(order, recorded_at=at, expected=seen)).added}


@app.post("/webhooks/refunds")
async def refunded(event: RefundEvent, store: Store, at: Now) -> dict[str, int]:
    """Take money given back; it may come before its order does."""
    refund = Refund(
        id=event.refund_id,
        purchase_id=event.order_id,
        refunded_at=event.refunded_at,
        amount=Money(event.total, event.currency),
    )
    return {"added": (await store.append(refund, recorded_at=at)).added}


@app.get("/people/{person_id}")
async def person(person_id: str, store: Store, at: Now) -> dict[str, object]:
    """Say where a person stands, why, and what to do next."""
    facts = Facts.of(await store.history(person_id), as_of=at)
    return {
        "stage": stage.of(facts, POLICY),
        "reasons": [str(reason) for reason in stage.why(facts, POLICY).reasons],
        "next_step": next_step.of(facts, POLICY),
        "changes_at": next_step.next_change.of(facts, POLICY),
    }


@app.get("/today")
async def today(store: Store, at: Now) -> list[str]:
    """Name whose stage has changed by itself, and judge them again."""
    return [one.person_id for one in await store.judge(*await store.due(before=at), as_of=at)]
