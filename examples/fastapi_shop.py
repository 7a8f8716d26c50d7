"""A shop's back end with FastAPI and SQLAlchemy: the webhook of its orders, and where a person stands.

    python -m examples.fastapi_shop
    uvicorn examples.fastapi_shop:app --workers 4

The first line makes the tables, once, before any worker starts: two workers that make them at the same time collide. A
real shop makes them by its migrations instead.

The web shop calls `POST /webhooks/orders` for everything that becomes of an order, sometimes twice and sometimes out of
order. What it sends is kept once: an id that is known already is amended if what it says is newer, and left alone if
it is older. Where two calls meet, the second is answered with 503, and the web shop sends it again.
`GET /people/{id}` says where a person stands, why, and what to do next.
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
"""An order only ever moves on: what is said of an earlier status came late."""


class Event(BaseModel):
    """What the web shop sends of an order, whatever it is."""

    order_id: str
    total: str
    currency: str

    @property
    def amount(self) -> Money:
        """The money that it is about."""
        return Money(self.total, self.currency)


class OrderEvent(Event):
    """What has become of an order."""

    customer_id: str
    placed_at: AwareDatetime
    status: Literal["placed", "paid", "shipped", "delivered", "cancelled"]
    changed_at: AwareDatetime

    def as_record(self) -> Purchase:
        """Say it in the words of the funnel."""
        return Purchase(
            id=self.order_id,
            person_id=self.customer_id,
            purchased_at=self.placed_at,
            amount=self.amount,
            status=self.status,
            cancelled_at=self.changed_at if self.status == "cancelled" else None,
        )


class RefundEvent(Event):
    """Money that was given back."""

    refund_id: str
    refunded_at: AwareDatetime

    def as_record(self) -> Refund:
        """Say it in the words of the funnel."""
        return Refund(id=self.refund_id, purchase_id=self.order_id, refunded_at=self.refunded_at, amount=self.amount)


def now() -> datetime:
    """Tell the time: the one place of this back end where a clock is read."""
    return datetime.now(UTC)


def database() -> AsyncEngine:
    """Give the shop's own engine."""
    return create_async_engine(os.environ.get("SHOP_DATABASE", "sqlite+aiosqlite:///shop.db"))


async def make_tables() -> None:
    """Make the store's tables."""
    engine = database()
    async with engine.begin() as connection:
        await connection.run_sync(store_tables().create_all)
    await engine.dispose()


@asynccontextmanager
async def opened(app: FastAPI) -> AsyncGenerator[None]:
    """Open the store while a worker of the back end runs."""
    engine = database()
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


@app.exception_handler(StaleError)
@app.exception_handler(LockedError)
async def came_second(_request: Request, _error: Exception) -> Response:
    """Ask for the same once more: somebody else was writing of the same person."""
    return Response(status_code=503, headers={"Retry-After": "1"})


@app.post("/webhooks/orders")
async def order_changed(event: OrderEvent, store: Store, at: Now) -> dict[str, int]:
    """Take what became of an order; the version is read first, so whatever is written after that is noticed."""
    order = event.as_record()
    standing = await store.stage_record(order.person_id)
    seen = {order.person_id: 0 if standing is None else standing.version}
    history = await store.history(order.person_id)
    known = next((one for one in history.purchases if one.key == order.key), None)
    if known is not None and RANK[known.status] >= RANK[order.status]:
        return {"added": 0}
    return {"added": (await store.amend(order, recorded_at=at, expected=seen)).added}


@app.post("/webhooks/refunds")
async def refunded(event: RefundEvent, store: Store, at: Now) -> dict[str, int]:
    """Take money given back; it may come before its order does."""
    return {"added": (await store.append(event.as_record(), recorded_at=at)).added}


@app.get("/people/{person_id}")
async def person(person_id: str, store: Store, at: Now) -> dict[str, object]:
    """Say where a person stands, why, and what to do next."""
    facts = Facts.of(await store.history(person_id), as_of=at)
    return {
        "stage": stage.of(facts, POLICY),
        "reasons": [str(reason) for reason in stage.why(facts, POLICY).reasons],
        "next_action": next_action.of(facts, POLICY),
        "in_words": explain(next_action, facts, POLICY),
        "changes_at": next_action.next_change.of(facts, POLICY),
    }


@app.get("/today")
async def today(store: Store, at: Now) -> list[str]:
    """Name whose stage has changed by itself, and judge them again."""
    return [one.person_id for one in await store.refresh(*await store.due(before=at), as_of=at)]


if __name__ == "__main__":
    asyncio.run(make_tables())
