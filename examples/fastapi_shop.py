"""A shop's back end with FastAPI and SQLAlchemy: the webhook of its orders, and the stage of a person.

    python -m examples.fastapi_shop
    uvicorn examples.fastapi_shop:app --workers 4

The first command creates the tables, once, before any worker starts: two workers that create them at the same time
collide. A real shop creates them by its migrations instead.

The web shop calls `POST /webhooks/orders` for every change of an order, sometimes twice and sometimes out of order. The
store keeps each order once: a newer message amends the order, an older message changes nothing. If two calls conflict,
the second gets a 503, and the web shop sends it again. `GET /people/{id}` returns a person's stage, the reasons and the
next action.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Depends, FastAPI, Request, Response
from pydantic import AwareDatetime, BaseModel
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from funnel import AsyncSqlAlchemyStore, Facts, Money, Policy, Purchase, Refund, next_action, stage
from funnel.errors import LockedError, StaleError
from funnel.messages import explain
from funnel.store import store_tables

POLICY = Policy()
RANK = {"placed": 0, "paid": 1, "shipped": 2, "delivered": 3, "cancelled": 4}
"""The status of an order only moves forward: a message with an earlier status is late."""


class Event(BaseModel):
    """A message of the web shop about an order."""

    order_id: str
    total: str
    currency: str

    @property
    def amount(self) -> Money:
        """The amount of the message."""
        return Money(self.total, self.currency)


class OrderEvent(Event):
    """A change of an order."""

    customer_id: str
    placed_at: AwareDatetime
    status: Literal["placed", "paid", "shipped", "delivered", "cancelled"]
    changed_at: AwareDatetime

    def as_record(self) -> Purchase:
        """Return the message as a record."""
        return Purchase(
            id=self.order_id,
            person_id=self.customer_id,
            purchased_at=self.placed_at,
            amount=self.amount,
            status=self.status,
            cancelled_at=self.changed_at if self.status == "cancelled" else None,
        )


class RefundEvent(Event):
    """A refund of an order."""

    refund_id: str
    refunded_at: AwareDatetime

    def as_record(self) -> Refund:
        """Return the message as a record."""
        return Refund(id=self.refund_id, purchase_id=self.order_id, refunded_at=self.refunded_at, amount=self.amount)


def now() -> datetime:
    """Return the current time; no other function of this back end reads a clock."""
    return datetime.now(UTC)


def database() -> AsyncEngine:
    """Return the shop's own engine."""
    return create_async_engine(os.environ.get("SHOP_DATABASE", "sqlite+aiosqlite:///shop.db"))


async def create_tables() -> None:
    """Create the store's tables."""
    engine = database()
    async with engine.begin() as connection:
        await connection.run_sync(store_tables().create_all)
    await engine.dispose()


@asynccontextmanager
async def open_store(app: FastAPI) -> AsyncGenerator[None]:
    """Open the store while a worker of the back end runs."""
    engine = database()
    app.state.store = AsyncSqlAlchemyStore(engine, policy=POLICY)
    yield
    await engine.dispose()


def store_of(request: Request) -> AsyncSqlAlchemyStore:
    """Return the store of the application."""
    store: AsyncSqlAlchemyStore = request.app.state.store
    return store


app = FastAPI(lifespan=open_store)
Store = Annotated[AsyncSqlAlchemyStore, Depends(store_of)]
Now = Annotated[datetime, Depends(now)]


@app.exception_handler(StaleError)
@app.exception_handler(LockedError)
async def retry_later(_request: Request, _error: Exception) -> Response:
    """Ask for the same message again: another call has changed the same person."""
    return Response(status_code=503, headers={"Retry-After": "1"})


@app.post("/webhooks/orders")
async def receive_order(event: OrderEvent, store: Store, at: Now) -> dict[str, int]:
    """Store a change of an order. The version is read first, so a later write by another call raises an error."""
    order = event.as_record()
    record = await store.stage_record(order.person_id)
    expected = {order.person_id: 0 if record is None else record.version}
    history = await store.history(order.person_id)
    stored = next((one for one in history.purchases if one.key == order.key), None)
    if stored is not None and RANK[stored.status] >= RANK[order.status]:
        return {"added": 0}
    return {"added": (await store.amend(order, recorded_at=at, expected=expected)).added}


@app.post("/webhooks/refunds")
async def receive_refund(event: RefundEvent, store: Store, at: Now) -> dict[str, int]:
    """Store a refund, which may arrive before its order."""
    return {"added": (await store.append(event.as_record(), recorded_at=at)).added}


@app.get("/people/{person_id}")
async def show_person(person_id: str, store: Store, at: Now) -> dict[str, object]:
    """Return a person's stage, the reasons and the next action."""
    facts = Facts.of(await store.history(person_id), as_of=at)
    return {
        "stage": stage.of(facts, POLICY),
        "reasons": [str(reason) for reason in stage.why(facts, POLICY).reasons],
        "next_action": next_action.of(facts, POLICY),
        "explanation": explain(next_action, facts, POLICY),
        "changes_at": next_action.next_change.of(facts, POLICY),
    }


@app.get("/today")
async def refresh_due(store: Store, at: Now) -> list[str]:
    """Evaluate the people whose stage may have changed by time alone, and return their ids."""
    return [one.person_id for one in await store.refresh(*await store.due(before=at), as_of=at)]


if __name__ == "__main__":
    asyncio.run(create_tables())
