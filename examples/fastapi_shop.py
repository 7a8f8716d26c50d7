"""A shop's back end with FastAPI and SQLAlchemy: the webhooks of Shopify, and the stage of a person.

    python -m examples.fastapi_shop
    SHOPIFY_SECRET=... uvicorn examples.fastapi_shop:app --workers 4

The first command creates the tables, once, before any worker starts: two workers that create them at the same time
collide. A real shop creates them by its migrations instead.

Shopify calls `POST /webhooks/shopify` for every change of an order, a refund or a customer, sometimes twice and
sometimes out of order. The library keeps the newest state of each. `GET /people/{id}` returns a person's stage, the
reasons and the next action.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response
from fastapi.responses import PlainTextResponse
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from funnel import AsyncSqlAlchemyStore, Facts, Policy, next_action, stage
from funnel.errors import RecordError, StoreError
from funnel.messages import explain
from funnel.readers import webhooks
from funnel.store import store_tables

POLICY = Policy()


def now() -> datetime:
    """Return the current time; no other function of this back end reads a clock."""
    return datetime.now(UTC)


def database() -> AsyncEngine:
    """Return the shop's own engine."""
    return create_async_engine(os.environ.get("SHOP_DATABASE", "sqlite+aiosqlite:///shop.db"))


async def create_tables() -> None:
    """Create the tables of the store and of the register of webhooks."""
    engine = database()
    async with engine.begin() as connection:
        await connection.run_sync(store_tables().create_all)
    await engine.dispose()


@asynccontextmanager
async def open_store(app: FastAPI) -> AsyncGenerator[None]:
    """Open the store while a worker of the back end runs."""
    engine = database()
    app.state.store = AsyncSqlAlchemyStore(engine, policy=POLICY)
    app.state.secret = os.environ["SHOPIFY_SECRET"].encode()
    yield
    await engine.dispose()


def store_of(request: Request) -> AsyncSqlAlchemyStore:
    """Return the store of the application."""
    store: AsyncSqlAlchemyStore = request.app.state.store
    return store


async def signed_body(request: Request, x_shopify_hmac_sha256: Annotated[str, Header()] = "") -> bytes:
    """Return the body of a webhook that Shopify signed."""
    body = await request.body()
    if not webhooks.verify_shopify(body, x_shopify_hmac_sha256, secret=request.app.state.secret):
        raise HTTPException(401)
    return body


app = FastAPI(lifespan=open_store)
Store = Annotated[AsyncSqlAlchemyStore, Depends(store_of)]
Body = Annotated[bytes, Depends(signed_body)]
Now = Annotated[datetime, Depends(now)]


@app.exception_handler(RecordError)
async def refuse(_request: Request, error: Exception) -> Response:
    """Refuse a webhook that can never be stored. The message has no value of the body."""
    return PlainTextResponse(str(error), status_code=422)


@app.exception_handler(StoreError)
async def retry_later(_request: Request, _error: Exception) -> Response:
    """Ask for the same webhook again: the store is busy, or a refund does not fit its order yet."""
    return Response(status_code=503, headers={"Retry-After": "1"})


@app.post("/webhooks/shopify")
async def receive(
    body: Body, store: Store, at: Now, x_shopify_topic: Annotated[str, Header()] = ""
) -> dict[str, int | str]:
    """Store an order, a refund or a customer."""
    webhook = webhooks.shopify(x_shopify_topic, body, contacts=True)
    result = await webhooks.apply_async(webhook, store, recorded_at=at)
    return {"added": result.added, "ignored": webhook.ignored}


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
